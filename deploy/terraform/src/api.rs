//! The client of a server's control API.
//!
//! One connection for each request: there are few, and a token or a certificate that was renewed holds from the next one on. What was
//! not sent is tried again for a while, as a server may be starting anew; what may have been done is not, that is for whoever asked.
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, HeaderName};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// Time that a change or a proof may take; a little more than the server gives itself.
const TIMEOUT: Duration = Duration::from_secs(85);
/// Time in which a connection is made, or is not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are tried until a server is taken to be away, and the time between them.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);
/// The beginning of each token's secret.
const SECRET_PREFIX: &str = "wpt_";

/// A server's control API, and how one proves there who asks.
#[derive(Debug)]
pub(crate) struct Api {
    way: Way,
    token: Token,
    /// Set once it was tried in vain for long enough: whoever asks next does not wait as well.
    is_away: AtomicBool,
    /// Said with each change: who wants it, and why.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
}

/// All that the configuration says of a server.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// `https://NAME:PORT`, `http://127.0.0.1:8053` or `unix:PATH`.
    pub(crate) control: String,
    /// A token.
    pub(crate) token: Option<String>,
    /// The file of one.
    pub(crate) token_file: Option<String>,
    /// The file of the certificates that are trusted; the system's if absent.
    pub(crate) ca: Option<String>,
    /// Files of a certificate and its key.
    pub(crate) certificate: Option<(String, String)>,
    /// Who wants the changes.
    pub(crate) author: String,
    /// Why.
    pub(crate) reason: String,
}

#[derive(Debug)]
enum Way {
    Unix(PathBuf),
    Plain(String, u16),
    Tls(String, u16, Arc<ClientConfig>),
}

#[derive(Debug)]
enum Token {
    None,
    Text(String),
    File(String),
}

/// A request.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// Its method.
    pub(crate) method: Method,
    /// Names on the way below `/api/v1`, whatever is in them.
    pub(crate) path: &'a [&'a str],
    /// Parameters; those that are empty are not sent.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// A condition.
    pub(crate) condition: Option<(HeaderName, String)>,
    /// A body, and its media type.
    pub(crate) body: Option<(&'static str, String)>,
}

/// The answer to what was not refused.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body: JSON, or text.
    pub(crate) body: Json,
    /// Its entity tag.
    pub(crate) tag: Option<String>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// Nothing was sent: nobody listens there.
    Unreached(String),
    /// Nothing was sent, nor would it be later: something here is wrong.
    Unsent(String),
    /// It was sent, and nobody knows what became of it.
    Silent(String),
    /// It was refused: status, and why.
    Refused(u16, String),
}

impl<'a> Ask<'a> {
    /// To look at something.
    pub(crate) fn get(path: &'a [&'a str], query: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            method: Method::GET,
            path,
            query,
            condition: None,
            body: None,
        }
    }
}

impl Ask<'_> {
    fn changes_nothing(&self) -> bool {
        self.method == Method::GET || self.query.contains(&("dry_run", "true"))
    }
}

impl ApiError {
    /// Tells that what was asked for may have been done all the same, or will be.
    pub(crate) fn is_unclear(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Refused(503, _))
    }
}

impl Api {
    /// The server that a configuration names; nobody is asked yet.
    pub(crate) fn new(given: Credentials) -> Result<Self, String> {
        let token = match (given.token.clone(), given.token_file.clone()) {
            (Some(_), Some(_)) => return Err("`token` and `token_file`: leave one out".to_owned()),
            (Some(token), None) => Token::Text(secret_of(&token).unwrap_or_default().to_owned()),
            (None, Some(file)) => Token::File(file),
            (None, None) => Token::None,
        };
        let way = Way::read(&given, !matches!(token, Token::None))?;
        Ok(Self {
            way,
            token,
            is_away: AtomicBool::new(false),
            author: given.author,
            reason: given.reason,
        })
    }

    /// Asks; anything but a status of success is an error.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, ApiError> {
        let mut left = match self.is_away.load(Ordering::Relaxed) {
            true => 1,
            false => TRIES,
        };
        let started = Instant::now();
        loop {
            left -= 1;
            let tried = timeout(TIMEOUT, self.ask_once(ask)).await;
            let named = &self.way;
            let silent = || format!("{named} did not answer within {} s", TIMEOUT.as_secs());
            match tried.map_err(|_| ApiError::Silent(silent()))? {
                Err(ApiError::Unreached(_)) if left > 0 => sleep(PAUSE).await,
                // What is done one at a time, or late, is waited for; a change is judged by whoever asked for it.
                Err(ApiError::Refused(429 | 503, _))
                    if ask.changes_nothing() && started.elapsed() < TIMEOUT =>
                {
                    sleep(PAUSE).await;
                    left = left.max(1);
                }
                tried => {
                    let is_away = matches!(tried, Err(ApiError::Unreached(_)));
                    self.is_away.store(is_away, Ordering::Relaxed);
                    return tried;
                }
            }
        }
    }

    async fn ask_once(&self, ask: &Ask<'_>) -> Result<Answer, ApiError> {
        let request = self.request(ask).map_err(ApiError::Unsent)?;
        let response = match &self.way {
            Way::Unix(path) => {
                let stream = self.within(UnixStream::connect(path)).await?;
                self.send(stream, request).await?
            }
            Way::Plain(host, port) => {
                let stream = self
                    .within(TcpStream::connect((host.as_str(), *port)))
                    .await?;
                self.send(stream, request).await?
            }
            Way::Tls(host, port, config) => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|error| ApiError::Unsent(error.to_string()))?;
                let stream = self
                    .within(TcpStream::connect((host.as_str(), *port)))
                    .await?;
                let connector = TlsConnector::from(config.clone());
                let stream = self.within(connector.connect(name, stream)).await?;
                self.send(stream, request).await?
            }
        };
        self.answer(response).await
    }

    /// A connection that is made in time.
    async fn within<T>(
        &self,
        connection: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, ApiError> {
        let named = &self.way;
        let error = match timeout(CONNECT_TIMEOUT, connection).await {
            Ok(Ok(stream)) => return Ok(stream),
            // A certificate that is not trusted stays so.
            Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => {
                return Err(ApiError::Unsent(format!("{named}: {error}; see `ca`")));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it takes too long".to_owned(),
        };
        let message = format!("no answer from {named} ({error}); is `waypost run` up?");
        Err(ApiError::Unreached(message))
    }

    fn request(&self, ask: &Ask<'_>) -> Result<Request<Full<Bytes>>, String> {
        let names = ask.path.iter();
        let names = names.map(|name| utf8_percent_encode(name, NON_ALPHANUMERIC).to_string());
        let mut target = format!("/api/v1/{}", names.collect::<Vec<_>>().join("/"));
        let given = ask.query.iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(given).finish();
        if !query.is_empty() {
            target = format!("{target}?{query}");
        }
        let host = match &self.way {
            Way::Unix(_) => "localhost".to_owned(),
            Way::Plain(host, port) | Way::Tls(host, port, _) => match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            },
        };
        let mut request = Request::builder().method(ask.method.clone()).uri(target);
        request = request.header(HOST, host);
        if let Some(token) = self.token()? {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some((name, value)) = &ask.condition {
            request = request.header(name, value);
        }
        let mut body = String::new();
        if let Some((kind, text)) = &ask.body {
            request = request.header(CONTENT_TYPE, *kind);
            body.clone_from(text);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        request.map_err(|error| error.to_string())
    }

    /// The token as it is now: a file is read for each request.
    fn token(&self) -> Result<Option<String>, String> {
        let file = match &self.token {
            Token::None => return Ok(None),
            Token::Text(token) => return Ok(Some(token.clone())),
            Token::File(file) => file,
        };
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| format!("token_file {file}: {error}"))?;
        match secret_of(&text) {
            Some(secret) => Ok(Some(secret.to_owned())),
            None => Err(format!("token_file {file}: it is empty")),
        }
    }

    async fn send<S>(
        &self,
        stream: S,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ApiError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let named = &self.way;
        let silent = |error: hyper::Error| ApiError::Silent(format!("{named}: {error}"));
        let unreached = |error: hyper::Error| ApiError::Unreached(format!("{named}: {error}"));
        let connection = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connection.map_err(unreached)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(silent)
    }

    async fn answer(&self, response: Response<Incoming>) -> Result<Answer, ApiError> {
        let named = &self.way;
        let status = response.status();
        let tag = response.headers().get(ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| ApiError::Silent(format!("{named}: {error}")))?;
        let body = body.to_bytes();
        let text = || Json::String(String::from_utf8_lossy(&body).into_owned());
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
        if status.is_success() {
            return Ok(Answer { body, tag });
        }
        let detail = body["detail"].as_str().map(str::to_owned);
        let detail = detail.unwrap_or_else(|| format!("{named}: {status}"));
        Err(ApiError::Refused(status.as_u16(), detail))
    }
}

impl Way {
    fn read(given: &Credentials, has_token: bool) -> Result<Self, String> {
        let text = given.control.as_str();
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.trim_start_matches("//").into()));
        }
        let bad = || {
            format!(
                "control = \"{text}\": write it as https://ns1.example.org:8053, http://127.0.0.1:8053 or unix:/run/waypost/waypost.sock"
            )
        };
        let url: Uri = text.parse().map_err(|_| bad())?;
        let host = url.host().ok_or_else(bad)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(bad());
        }
        match url.scheme_str() {
            Some("https") => {
                let port = url.port_u16().unwrap_or(443);
                Ok(Self::Tls(host, port, Arc::new(tls(given)?)))
            }
            Some("http") => {
                let address: Option<IpAddr> = host.parse().ok();
                let is_here = host == "localhost" || address.is_some_and(|own| own.is_loopback());
                match has_token && !is_here {
                    true => Err(format!(
                        "{text} would show the token to the network: use https"
                    )),
                    false => Ok(Self::Plain(host, url.port_u16().unwrap_or(80))),
                }
            }
            Some(_) | None => Err(bad()),
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
            Self::Plain(host, port) => write!(out, "http://{host}:{port}"),
            Self::Tls(host, port, _) => write!(out, "https://{host}:{port}"),
        }
    }
}

/// TLS with the certificates that are trusted, and the own one if there is one.
fn tls(given: &Credentials) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match &given.ca {
        Some(file) => {
            for certificate in certificates("ca", file)? {
                let added = roots.add(certificate);
                added.map_err(|error| format!("ca {file}: {error}"))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &given.certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let own = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("key {key}: {error}"))?;
    let config = builder.with_client_auth_cert(certificates("certificate", certificate)?, own);
    config.map_err(|error| format!("certificate {certificate}: {error}"))
}

fn certificates(attribute: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{attribute} {file}: {error}");
    let all = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
    let all: Result<Vec<_>, _> = all.collect();
    let all = all.map_err(|error| failed(&error))?;
    match all.is_empty() {
        true => Err(failed(&"there is no certificate in it")),
        false => Ok(all),
    }
}

/// The secret in a text, which may be all that `waypost token new` printed.
fn secret_of(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    let secret = words.clone().find(|word| word.starts_with(SECRET_PREFIX));
    secret.or_else(|| words.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(control: &str, token: Option<&str>) -> Result<String, String> {
        let given = Credentials {
            control: control.to_owned(),
            token: token.map(str::to_owned),
            ..Credentials::default()
        };
        Api::new(given).map(|api| api.way.to_string())
    }

    #[test]
    fn a_server_is_named_by_url_or_socket() {
        for (text, expected) in [
            ("unix:/run/waypost.sock", "unix:/run/waypost.sock"),
            ("unix:///run/waypost.sock", "unix:/run/waypost.sock"),
            ("http://127.0.0.1:8053", "http://127.0.0.1:8053"),
            ("http://[::1]:8053/", "http://::1:8053"),
            ("https://ns1.example.org", "https://ns1.example.org:443"),
        ] {
            assert_eq!(api(text, Some("a")).as_deref(), Ok(expected));
        }
        for text in ["ns1", "ftp://ns1", "https://ns1/api", ""] {
            assert!(api(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear() {
        assert!(api("http://192.0.2.1:8053", Some("a")).is_err());
        assert!(api("http://192.0.2.1:8053", None).is_ok());
    }

    #[test]
    fn names_on_the_way_may_hold_anything() {
        let given = Credentials {
            control: "unix:x".to_owned(),
            ..Credentials::default()
        };
        let api = Api::new(given).unwrap();
        let query = [("reason", "a b&c"), ("author", "")];
        let ask = Ask::get(&["zones", "a/b?", "*.x"], &query);
        let request = api.request(&ask).unwrap();
        let target = request.uri().to_string();
        assert_eq!(target, "/api/v1/zones/a%2Fb%3F/%2A%2Ex?reason=a+b%26c");
    }

    #[test]
    fn a_token_may_stand_in_what_was_printed_with_it() {
        assert_eq!(secret_of("# secret: wpt_1\n[tokens.a]\n"), Some("wpt_1"));
        assert_eq!(secret_of(" a\n"), Some("a"));
        assert_eq!(secret_of(" \n"), None);
    }
}
