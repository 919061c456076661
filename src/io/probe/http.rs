//! One request over a connection that stands, and the judgement of its response (RFC 9110, RFC
//! 9112).
//!
//! A status that is not expected fails at once; one that is passes at once, unless a text is wanted: then the body
//! is looked through as it comes ([`Body`]), to its end or to [`limits::PROBE_BODY_BYTES`], whichever comes first. A body without a
//! length ends with its connection (RFC 9112, section 6.3), and also where that is closed without TLS's farewell: what is
//! there is looked through, as browsers show it. Redirects are not followed; a monitor that expects one
//! lists its status. It knows no time: whoever awaits it sets the deadline.
use std::future::pending;
use std::net::Ipv6Addr;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::attempt::{Attempt, Destination, Probe, Resources};
use super::body::Body;
use super::cause;
use crate::base::{Cause, limits};
use crate::monitor::host::has_port;
use crate::monitor::http::HttpCheck;

const OWN_NAME: &str = concat!("waypost/", env!("CARGO_PKG_VERSION"), " (health monitor)");

/// The port of `http` (RFC 9110, section 4.2.1).
const PORT: u16 = 80;

/// A monitor of type `http`, ready to look.
#[derive(Debug)]
pub(super) struct HttpProbe {
    request: Request,
    expect_status: Vec<(u16, u16)>,
    expect_body: Option<String>,
}

/// A request without its Host header.
#[derive(Debug)]
struct Request {
    method: Method,
    path: Uri,
    headers: HeaderMap,
}

impl Probe for HttpProbe {
    type Check = HttpCheck;

    fn prepare(check: &HttpCheck, _: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            request: Request::prepare(check)?,
            expect_status: check.expect_status.clone(),
            expect_body: check.expect_body.clone(),
        })
    }

    async fn look(&self, to: &Destination, attempt: &mut Attempt) -> Result<(), Cause> {
        let stream = attempt.connect(to.address).await?;
        attempt
            .exchange(self.ask(stream, &authority(to, PORT)))
            .await
    }
}

/// The host of a request, with the port that is probed where it is not the scheme's (RFC 9110, section 7.2). One that
/// says its port itself is as it is.
pub(super) fn authority(to: &Destination, scheme: u16) -> String {
    let host = in_brackets(&to.host);
    match to.address.port() {
        port if port != scheme && !has_port(&host) => format!("{host}:{port}"),
        _ => host,
    }
}

impl HttpProbe {
    /// Sends the request over a connection that stands, and judges the response.
    ///
    /// # Errors
    /// What is wrong with the response, or why none came.
    pub(super) async fn ask<S>(&self, stream: S, host: &str) -> Result<(), Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let request = self.request.address_to(host)?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(limits::PROBE_HEAD_BYTES)
            .max_headers(limits::PROBE_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| cause::of_exchange(&error))?;
        let judged = async {
            let response = sender.send_request(request).await;
            self.judge(response.map_err(|error| cause::of_exchange(&error))?)
                .await
        };
        // The connection moves the bytes and hands its errors to the request; it never wins.
        let carry = async {
            let _ = connection.await;
            pending().await
        };
        tokio::select! {
            result = judged => result,
            never = carry => never,
        }
    }

    async fn judge(&self, response: hyper::Response<Incoming>) -> Result<(), Cause> {
        let status = response.status().as_u16();
        let expected = |&(first, last): &(u16, u16)| (first..=last).contains(&status);
        if !self.expect_status.iter().any(expected) {
            return Err(Cause::Status(status));
        }
        match &self.expect_body {
            Some(text) => look_for(text, response).await,
            None => Ok(()),
        }
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
        let path = check.path.parse();
        Ok(Self {
            method: method.map_err(|_| format!("`{}` is no HTTP method", check.method))?,
            path: path.map_err(|error| format!("path `{}`: {error}", check.path))?,
            headers: headers(&check.headers)?,
        })
    }

    /// The whole request, for one host.
    fn address_to(&self, host: &str) -> Result<hyper::Request<Empty<Bytes>>, Cause> {
        let mut request = hyper::Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        if !self.headers.contains_key(HOST) {
            let host = HeaderValue::from_str(host).map_err(|_| Cause::Local)?;
            request.headers_mut().insert(HOST, host);
        }
        Ok(request)
    }
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let refuse = |_| format!("`{name}: {value}` is no HTTP header");
        let key = HeaderName::try_from(name).map_err(|_| refuse(()))?;
        let value = HeaderValue::try_from(value).map_err(|_| refuse(()))?;
        headers.append(key, value);
    }
    let own = [
        (USER_AGENT, OWN_NAME),
        (CONNECTION, "close"),
        (ACCEPT_ENCODING, "identity"),
    ];
    for (key, value) in own {
        headers
            .entry(key)
            .or_insert(HeaderValue::from_static(value));
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

/// Reads a body until a text has come.
async fn look_for(text: &str, response: hyper::Response<Incoming>) -> Result<(), Cause> {
    let headers = response.headers();
    let is_framed = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    let mut found = Body::of(headers)?;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if !is_framed && cause::is_end_without_farewell(&error) => break,
            Err(error) => return Err(cause::of_exchange(&error)),
        };
        let has_room = found.take(&frame.into_data().unwrap_or_default())?;
        if found.holds(text) {
            return Ok(());
        }
        if !has_room {
            break;
        }
    }
    found.end();
    match found.holds(text) {
        true => Ok(()),
        false => Err(Cause::Body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::http::path_trouble;

    fn check(headers: &[(&str, &str)]) -> HttpCheck {
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        HttpCheck {
            host: None,
            method: "GET".to_owned(),
            path: "/healthz?deep=1".to_owned(),
            headers: headers.iter().map(own).collect(),
            expect_status: vec![(200, 200)],
            expect_body: None,
        }
    }

    #[test]
    fn headers_of_the_monitor_replace_the_default_ones() {
        let given = check(&[("user-agent", "mine"), ("X-Two", "1"), ("x-two", "2")]);
        let request = Request::prepare(&given).unwrap();
        let request = request.address_to("api.example.org").unwrap();
        assert_eq!(request.headers()["host"], "api.example.org");
        assert_eq!(request.headers()["user-agent"], "mine");
        assert_eq!(request.headers()["connection"], "close");
        assert_eq!(request.headers().get_all("x-two").iter().count(), 2);
        assert_eq!(request.uri(), "/healthz?deep=1");
        let request = Request::prepare(&check(&[("Host", "other")])).unwrap();
        let request = request.address_to("api.example.org").unwrap();
        assert_eq!(request.headers().get_all("host").iter().count(), 1);
        assert_eq!(request.headers()["host"], "other");
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
                let request = Request::prepare(&given).unwrap();
                assert_eq!(request.path.path_and_query().unwrap().as_str(), path);
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
            let request = Request::prepare(&given).unwrap();
            assert_eq!(request.path.path_and_query().unwrap().as_str(), path);
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
                host: host.to_owned(),
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
