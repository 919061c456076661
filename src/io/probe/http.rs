//! Probes of type `http`, and the part of them that `https` shares: the request, and the connection it is sent over.
//!
//! A connection that was kept is tried first. If it turns out that the server had closed it, which shows before an octet of a
//! response comes, the request is sent once more over a new one: no fault of the server's (RFC 9112, section 9.3.1), and the
//! requests of probes may be repeated. What a response means is [`super::exchange`]'s.
use std::net::Ipv6Addr;

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use hyper::{Method, Uri};

use super::attempt::{Attempt, Destination, FirstWord, Left, Probe, Resources};
use super::exchange::HttpExchange;
use super::expectation::{Expectation, JudgedResponse};
use super::http2;
use super::response::RequestMethod;
use super::stream::ProbeStream;
use super::trust::TlsSettings;
use crate::base::Cause;
use crate::monitor::host::has_port;
use crate::monitor::http::{HttpCheck, HttpVersion, ProbeConnection};

/// The name that probes give themselves.
pub(super) const OWN_NAME: &str =
    concat!("waypost/", env!("CARGO_PKG_VERSION"), " (health monitor)");
/// The status of a server that has waited too long for a request, and closes (RFC 9110, section 15.5.9).
const REQUEST_TIMEOUT: u16 = 408;

/// A monitor of type `http`, ready to look.
#[derive(Debug)]
pub(super) struct HttpProbe {
    request: Request,
    expected: Expectation,
    version: HttpVersion,
    connection: ProbeConnection,
}

/// The transport of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scheme<'t> {
    /// TCP.
    Http,
    /// TLS over TCP.
    Https(&'t TlsSettings),
}

/// A request but for its host, as it is sent.
#[derive(Debug)]
struct Request {
    method: RequestMethod,
    /// The request line.
    line: String,
    /// The header fields, without the empty line, and with a Host if the monitor has given one there.
    fields: Vec<u8>,
    has_host: bool,
    /// The content.
    content: Option<Bytes>,
    /// The same request in the words of HTTP/2.
    two: RequestOfTwo,
}

/// A request but for its host, as HTTP/2 has it.
#[derive(Debug)]
struct RequestOfTwo {
    method: Method,
    path: String,
    /// The header fields, without those of one connection (RFC 9113, section 8.2.2), and without a Host.
    headers: HeaderMap,
    /// The Host that the monitor has given among its headers.
    host: Option<String>,
}

impl Probe for HttpProbe {
    type Check = HttpCheck;

    fn prepare(check: &HttpCheck, _: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            request: Request::prepare(check)?,
            expected: Expectation::of(check),
            version: check.version,
            connection: check.connection,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        self.ask(to, attempt, Scheme::Http).await
    }
}

impl HttpProbe {
    /// Sends the request, over a connection that was kept or a new one, and judges the response.
    ///
    /// # Errors
    /// What is wrong with the response, or why none came.
    pub(super) async fn ask(
        &self,
        to: &Destination<'_>,
        attempt: &mut Attempt<'_>,
        scheme: Scheme<'_>,
    ) -> Result<(), Cause> {
        if self.version == HttpVersion::Two {
            return Box::pin(self.ask_by_two(to, attempt, scheme)).await;
        }
        let request = self.request.to_host(&authority(to, scheme.port()));
        if self.connection == ProbeConnection::Kept
            && let Some((stream, dialled)) = attempt.take_kept().await
        {
            let mut exchange = HttpExchange::new(stream, self.request.method);
            let result = attempt
                .exchange(exchange.run(&request, &self.expected))
                .await;
            attempt.note_first_octet(exchange.first_octet());
            if !was_closed(&exchange, result) {
                attempt.leave(Left::Exchange(Box::new(exchange), dialled));
                return note(result, attempt);
            }
        }
        let stream = scheme.dial(to, attempt).await?;
        let mut exchange = HttpExchange::new(stream, self.request.method);
        let result = attempt
            .exchange(exchange.run(&request, &self.expected))
            .await;
        attempt.note_first_octet(exchange.first_octet());
        if self.connection == ProbeConnection::Kept {
            let dialled = attempt.watch.began();
            attempt.leave(Left::Exchange(Box::new(exchange), dialled));
        }
        note(result, attempt)
    }

    /// The same over HTTP/2.
    async fn ask_by_two(
        &self,
        to: &Destination<'_>,
        attempt: &mut Attempt<'_>,
        scheme: Scheme<'_>,
    ) -> Result<(), Cause> {
        let authority = authority(to, scheme.port());
        let request = self.request.two.to_host(scheme.word(), &authority);
        let request = request.map_err(|_| Cause::Local)?;
        let stream = scheme.dial(to, attempt).await?;
        if matches!(scheme, Scheme::Https(_)) && !stream.has_agreed_on(http2::NAME) {
            return Err(Cause::Protocol);
        }
        let content = self.request.content.clone();
        let mut first_octet = None;
        let exchange = http2::hold(stream, async |sender| {
            let request = (request, content);
            http2::ask(sender, request, &self.expected, &mut first_octet).await
        });
        let result = attempt.exchange(exchange).await;
        attempt.note_first_octet(first_octet);
        let (value, farewell) = result?;
        attempt.leave(Left::Http2(farewell));
        note(Ok(value), attempt)
    }
}

/// Notes the value that a response brought.
fn note(judged: JudgedResponse, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
    if let Some(value) = judged? {
        attempt.note_value(value);
    }
    Ok(())
}

/// Tells that a connection that was kept had been closed before the request came, or was about to be.
fn was_closed(exchange: &HttpExchange, result: JudgedResponse) -> bool {
    match result {
        Ok(_) | Err(Cause::ResponseTimeout) => false,
        Err(Cause::Status(REQUEST_TIMEOUT)) => true,
        Err(_) => exchange.is_silent(),
    }
}

impl Scheme<'_> {
    /// Its port (RFC 9110, sections 4.2.1 and 4.2.2).
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https(_) => 443,
        }
    }

    /// Its name.
    fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https(_) => "https",
        }
    }

    async fn dial(
        self,
        to: &Destination<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Result<ProbeStream, Cause> {
        let stream = attempt.connect(to.address, FirstWord::Ours).await?;
        match self {
            Self::Http => Ok(ProbeStream::Plain(stream)),
            Self::Https(tls) => Box::pin(attempt.shake_hands(stream, tls, &to.host)).await,
        }
    }
}

/// The host of a request, with the port that is probed where it is not the scheme's (RFC 9110, section 7.2). One that
/// says its port itself is as it is.
pub(super) fn authority(to: &Destination<'_>, scheme: u16) -> String {
    let host = in_brackets(&to.host);
    match to.address.port() {
        port if port != scheme && !has_port(&host) => format!("{host}:{port}"),
        _ => host,
    }
}

impl Request {
    /// Reads method, path and headers of a monitor. A header of the monitor replaces the one that
    /// would be sent by default, Host included.
    ///
    /// # Errors
    /// What is wrong, for a person.
    fn prepare(check: &HttpCheck) -> Result<Self, String> {
        let method = check.method.parse();
        let method: Method = method.map_err(|_| format!("`{}` is no HTTP method", check.method))?;
        let path = check.path.parse();
        let path: Uri = path.map_err(|error| format!("path `{}`: {error}", check.path))?;
        let path = path.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = headers(check)?;
        let mut fields = Vec::new();
        for (name, value) in &headers {
            fields.extend_from_slice(name.as_str().as_bytes());
            fields.extend_from_slice(b": ");
            fields.extend_from_slice(value.as_bytes());
            fields.extend_from_slice(b"\r\n");
        }
        Ok(Self {
            method: match method {
                Method::HEAD => RequestMethod::Head,
                _ => RequestMethod::Get,
            },
            line: format!("{method} {path} HTTP/1.1\r\n"),
            fields,
            has_host: headers.contains_key(HOST),
            content: check.body.as_ref().map(|body| Bytes::from(body.clone())),
            two: RequestOfTwo {
                path: path.to_owned(),
                host: headers
                    .remove(HOST)
                    .and_then(|host| host.to_str().ok().map(str::to_owned)),
                headers: without_connection(headers),
                method,
            },
        })
    }

    /// The whole request, for one host, which comes first (RFC 9110, section 7.2).
    fn to_host(&self, host: &str) -> Vec<u8> {
        const ROOM: usize = "host: \r\n\r\n".len();
        let mut request =
            Vec::with_capacity(self.line.len() + host.len() + self.fields.len() + ROOM);
        request.extend_from_slice(self.line.as_bytes());
        if !self.has_host {
            request.extend_from_slice(b"host: ");
            request.extend_from_slice(host.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(&self.fields);
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(self.content.as_deref().unwrap_or_default());
        request
    }
}

impl RequestOfTwo {
    /// The whole request, for one host.
    fn to_host(&self, scheme: &str, host: &str) -> Result<hyper::Request<()>, hyper::http::Error> {
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(self.host.as_deref().unwrap_or(host))
            .path_and_query(self.path.as_str())
            .build()?;
        let mut request = hyper::Request::builder()
            .method(self.method.clone())
            .uri(uri)
            .body(())?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// The header fields without those that speak of one connection (RFC 9113, section 8.2.2).
fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in ["connection", "keep-alive", "proxy-connection", "upgrade"] {
        headers.remove(name);
    }
    headers
}

fn headers(check: &HttpCheck) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &check.headers {
        let refuse = |_| format!("`{name}: {value}` is no HTTP header");
        let key = HeaderName::try_from(name).map_err(|_| refuse(()))?;
        let value = HeaderValue::try_from(value).map_err(|_| refuse(()))?;
        headers.append(key, value);
    }
    let own = [(USER_AGENT, OWN_NAME), (ACCEPT_ENCODING, "identity")];
    let farewell = match check.connection {
        ProbeConnection::New => Some((CONNECTION, "close")),
        ProbeConnection::Kept => None,
    };
    for (key, value) in own.into_iter().chain(farewell) {
        headers
            .entry(key)
            .or_insert(HeaderValue::from_static(value));
    }
    if let Some(body) = &check.body {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    Ok(headers)
}

/// An IPv6 address stands in brackets in a Host header (RFC 3986, section 3.2.2).
fn in_brackets(host: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::http::path_trouble;

    fn check(headers: &[(&str, &str)]) -> HttpCheck {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        HttpCheck {
            version: HttpVersion::One,
            body: None,
            expect_json: Vec::new(),
            value: None,
            host: None,
            method: "GET".to_owned(),
            path: "/healthz?deep=1".to_owned(),
            headers: headers.iter().map(own).collect(),
            expect_status: vec![(200, 200)],
            expect_body: None,
            connection: ProbeConnection::New,
        }
    }

    /// The request to a host, as text.
    fn sent(check: &HttpCheck, host: &str) -> String {
        let request = Request::prepare(check).unwrap();
        String::from_utf8(request.to_host(host)).unwrap()
    }

    #[test]
    fn a_request_is_sent_as_the_monitor_says() {
        let rest = format!("user-agent: {OWN_NAME}\r\naccept-encoding: identity\r\n");
        let line = "GET /healthz?deep=1 HTTP/1.1\r\nhost: api.example.org\r\n";
        let own = check(&[("X-Two", "1"), ("x-two", "2")]);
        let own_fields = "x-two: 1\r\nx-two: 2\r\n";
        assert_eq!(
            sent(&own, "api.example.org"),
            format!("{line}{own_fields}{rest}connection: close\r\n\r\n")
        );
        let kept = HttpCheck {
            method: "HEAD".to_owned(),
            connection: ProbeConnection::Kept,
            ..check(&[])
        };
        let line = line.replace("GET", "HEAD");
        assert_eq!(sent(&kept, "api.example.org"), format!("{line}{rest}\r\n"));
    }

    #[test]
    fn a_body_is_sent_behind_its_length() {
        let posted = HttpCheck {
            method: "POST".to_owned(),
            body: Some("{\"deep\": true}".to_owned()),
            ..check(&[("Content-Type", "application/json")])
        };
        let sent = sent(&posted, "api.example.org");
        assert!(
            sent.starts_with("POST /healthz?deep=1 HTTP/1.1\r\n"),
            "{sent}"
        );
        assert!(sent.contains("\r\ncontent-length: 14\r\n"), "{sent}");
        assert!(sent.ends_with("\r\n\r\n{\"deep\": true}"), "{sent}");
    }

    #[test]
    fn a_request_of_version_two_has_no_fields_of_a_connection() {
        let own = check(&[("X-Two", "1"), ("Connection", "close"), ("Host", "other:1")]);
        let request = Request::prepare(&own).unwrap();
        let whole = request
            .two
            .to_host("https", "api.example.org:8443")
            .unwrap();
        assert_eq!(whole.uri(), "https://other:1/healthz?deep=1");
        let names: Vec<&str> = whole.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-two", "user-agent", "accept-encoding"]);
        let request = Request::prepare(&check(&[])).unwrap();
        let whole = request.two.to_host("http", "[2001:db8::1]:80").unwrap();
        assert_eq!(whole.uri(), "http://[2001:db8::1]:80/healthz?deep=1");
    }

    #[test]
    fn headers_of_the_monitor_replace_the_default_ones() {
        let own = sent(&check(&[("user-agent", "mine")]), "api.example.org");
        assert!(own.contains("\r\nuser-agent: mine\r\n"), "{own}");
        assert_eq!(own.matches("user-agent").count(), 1, "{own}");
        let own = sent(&check(&[("Host", "other")]), "api.example.org");
        assert!(own.contains("\r\nhost: other\r\n"), "{own}");
        assert!(!own.contains("api.example.org"), "{own}");
    }

    #[test]
    fn every_path_that_a_config_may_have_is_sent_as_it_is() {
        let mut refused = Vec::new();
        for byte in 0x21..0x7f_u8 {
            for path in [
                format!("/a{}b", char::from(byte)),
                format!("/a?q={}", char::from(byte)),
            ] {
                if path_trouble(&path).is_some() {
                    refused.push(byte);
                    continue;
                }
                let given = HttpCheck {
                    path: path.clone(),
                    ..check(&[])
                };
                assert!(sent(&given, "a").starts_with(&format!("GET {path} HTTP/1.1\r\n")));
            }
        }
        refused.dedup();
        assert_eq!(refused, b"\"#<>`");
        for path in ["/%zz", "//x", "/", "/a?b?c&d=//e", "/health?f={up}|x^"] {
            assert_eq!(path_trouble(path), None, "{path}");
            let given = HttpCheck {
                path: path.to_owned(),
                ..check(&[])
            };
            assert!(sent(&given, "a").starts_with(&format!("GET {path} HTTP/1.1\r\n")));
        }
    }

    #[test]
    fn a_host_carries_the_port_that_is_not_the_schemes_unless_it_says_its_own() {
        for (host, port, scheme, sent) in [
            ("api.example.org", 80, 80, "api.example.org"),
            ("api.example.org", 443, 443, "api.example.org"),
            ("api.example.org", 18080, 80, "api.example.org:18080"),
            ("api.example.org", 80, 443, "api.example.org:80"),
            ("api.example.org", 443, 80, "api.example.org:443"),
            ("api.example.org:80", 18080, 80, "api.example.org:80"),
            ("192.0.2.1", 8080, 80, "192.0.2.1:8080"),
            ("2001:db8::1", 80, 80, "[2001:db8::1]"),
            ("2001:db8::1", 8080, 80, "[2001:db8::1]:8080"),
            ("[2001:db8::1]", 8080, 80, "[2001:db8::1]:8080"),
            ("[2001:db8::1]:1", 8080, 80, "[2001:db8::1]:1"),
        ] {
            let to = Destination {
                address: (std::net::Ipv4Addr::LOCALHOST, port).into(),
                host: host.into(),
            };
            assert_eq!(authority(&to, scheme), sent, "{host} {port} {scheme}");
        }
    }

    #[test]
    fn an_address_of_version_6_stands_in_brackets() {
        assert_eq!(in_brackets("2001:db8::1"), "[2001:db8::1]");
        assert_eq!(in_brackets("192.0.2.1"), "192.0.2.1");
        assert_eq!(in_brackets("api.example.org"), "api.example.org");
    }

    #[test]
    fn what_is_no_request_is_told() {
        for (headers, text) in [
            (("bad name", "1"), "`bad name: 1` is no HTTP header"),
            (("x", "a\nb"), "`x: a\nb` is no HTTP header"),
        ] {
            assert_eq!(Request::prepare(&check(&[headers])).unwrap_err(), text);
        }
        let mut given = check(&[]);
        given.method = "GE T".to_owned();
        assert!(Request::prepare(&given).unwrap_err().contains("`GE T`"));
        given = check(&[]);
        given.path = "a b".to_owned();
        assert!(Request::prepare(&given).unwrap_err().contains("`a b`"));
    }
}
