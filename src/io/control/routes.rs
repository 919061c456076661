//! Which request means what.
//!
//! A change may be asked for only by `POST`, and not by a page of another origin: a browser on
//! the operator's machine reaches loopback too, and whatever site is open in it could ask for a
//! reload or drain a region. It says where a request comes from in `Origin`, and programs send none.
//!
//! Such a site may also point its own name at this server (DNS rebinding); then its page is of
//! one origin with the API, and would read it. So the API and the page are served by address or
//! by a name without a dot (`localhost`, `waypost-one`), which no site of the internet has. The
//! health of the process and the metrics, which others ask for by whatever name they know, are
//! served by any.
use std::net::IpAddr;

use hyper::header::{HOST, ORIGIN};
use hyper::http::HeaderValue;
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode};

use super::explain::Query;
use super::page::Asset;
use super::{Force, challenge, order};
use crate::base::Span;
use crate::base::limits::UPGRADE;
use crate::engine::order::Order;
use crate::zones::ChallengeOrder;

/// Paths that are served whatever name the server is asked by.
const OPEN_BY_ANY_NAME: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// The path of challenges, which are listed as well as changed.
const ACME: &str = "/api/v1/acme";

/// Paths that change something, and do nothing else.
const CHANGES: [&str; 3] = ["/api/v1/reload", "/api/v1/upgrade", "/api/v1/orders"];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A file of the page.
    Page(Asset),
    /// `/metrics`.
    Metrics,
    /// `/healthz`.
    Health,
    /// `/readyz`.
    Readiness,
    /// `/api/v1/status`.
    Status,
    /// `/api/v1/explain`.
    Explain(Query),
    /// `/api/v1/reload`.
    Reload(Force),
    /// `/api/v1/upgrade`; how long it may take.
    Upgrade(Span),
    /// `/api/v1/orders`.
    Order(Order),
    /// `/api/v1/acme`.
    Challenge(ChallengeOrder),
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Status of the response.
    pub(super) status: StatusCode,
    /// For a person.
    pub(super) message: String,
    /// What the path does allow, where the method is the trouble.
    pub(super) allow: Option<&'static str>,
}

/// The parameters of a request, decoded.
pub(super) type Parameters = Vec<(String, String)>;

impl Refusal {
    /// A refusal with this status.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            allow: None,
        }
    }
}

/// Reads a request.
pub(super) fn find<B>(request: &Request<B>) -> Result<Route, Refusal> {
    if !OPEN_BY_ANY_NAME.contains(&request.uri().path()) {
        own_name(request)?;
    }
    let parameters = parameters(request.uri().query().unwrap_or_default());
    let path = request.uri().path();
    if CHANGES.contains(&path) {
        allow(request, &[Method::POST], "POST")?;
        own_origin(request)?;
    }
    if path == ACME {
        return challenge(request, &parameters).map(Route::Challenge);
    }
    let route = match path {
        "/" => Route::Page(Asset::Page),
        "/page.css" => Route::Page(Asset::Style),
        "/page.js" => Route::Page(Asset::Script),
        "/metrics" => Route::Metrics,
        "/healthz" => Route::Health,
        "/readyz" => Route::Readiness,
        "/api/v1/status" => Route::Status,
        "/api/v1/explain" => Route::Explain(Query::read(&parameters)?),
        "/api/v1/reload" => return Ok(Route::Reload(force(&parameters)?)),
        "/api/v1/upgrade" => return Ok(Route::Upgrade(patience(&parameters)?)),
        "/api/v1/orders" => return order::read(&parameters).map(Route::Order),
        _ => {
            let message = format!("there is nothing at {path}");
            return Err(Refusal::new(StatusCode::NOT_FOUND, message));
        }
    };
    allow(request, &[Method::GET, Method::HEAD], "GET, HEAD")?;
    Ok(route)
}

fn challenge<B>(request: &Request<B>, parameters: &Parameters) -> Result<ChallengeOrder, Refusal> {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
    allow(request, &methods, "GET, HEAD, POST, DELETE")?;
    if [Method::POST, Method::DELETE].contains(request.method()) {
        own_origin(request)?;
    }
    challenge::read(request.method(), parameters)
}

fn allow<B>(request: &Request<B>, methods: &[Method], names: &'static str) -> Result<(), Refusal> {
    if methods.contains(request.method()) {
        return Ok(());
    }
    let message = format!("{} takes {names}", request.uri().path());
    Err(Refusal {
        allow: Some(names),
        ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
    })
}

/// Whether the server is asked by a name that only its own network has (RFC 9110, section 7.4).
fn own_name<B>(request: &Request<B>) -> Result<(), Refusal> {
    let own = match (request.uri().host(), request.headers().get(HOST)) {
        (Some(host), _) => is_own(host),
        (None, Some(host)) => {
            Authority::try_from(host.as_bytes()).is_ok_and(|found| is_own(found.host()))
        }
        // No browser leaves it out.
        (None, None) => true,
    };
    if own {
        return Ok(());
    }
    let message =
        "ask by address, by localhost or by a name without a dot; a proxy in front sets Host so";
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, message))
}

fn is_own(host: &str) -> bool {
    host.starts_with('[') || host.parse::<IpAddr>().is_ok() || !host.contains('.')
}

fn own_origin<B>(request: &Request<B>) -> Result<(), Refusal> {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let own = match (header(ORIGIN), header(HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.strip_prefix(b"http://") == Some(host),
        (Some(_), None) => false,
    };
    if own {
        return Ok(());
    }
    let message = "a page of another origin may not ask for this";
    Err(Refusal::new(StatusCode::FORBIDDEN, message))
}

fn force(parameters: &Parameters) -> Result<Force, Refusal> {
    let mut force = Force::No;
    for (name, value) in parameters {
        force = match (name.as_str(), value.as_str()) {
            ("force", "true") => Force::Yes,
            ("force", "false") => Force::No,
            _ => {
                let message = format!("{name}={value} is not known here; force=true is");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
            }
        };
    }
    Ok(force)
}

/// How long an upgrade may take, in milliseconds.
fn patience(parameters: &Parameters) -> Result<Span, Refusal> {
    let mut patience = UPGRADE;
    for (name, value) in parameters {
        patience = match (name.as_str(), value.parse()) {
            ("timeout_ms", Ok(milliseconds)) => Span(milliseconds).min(UPGRADE),
            _ => {
                let message = format!("{name}={value} is not known here; timeout_ms=30000 is");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
            }
        };
    }
    Ok(patience)
}

/// Decodes `a=1&b=x%20y`.
fn parameters(query: &str) -> Parameters {
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}"));
    url.map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn paths_and_methods_are_told_apart() {
        for (method, uri, expected) in [
            ("GET", "/", Ok(Route::Page(Asset::Page))),
            ("HEAD", "/metrics", Ok(Route::Metrics)),
            ("GET", "/api/v1/status?x=1", Ok(Route::Status)),
            ("POST", "/api/v1/reload", Ok(Route::Reload(Force::No))),
            (
                "POST",
                "/api/v1/reload?force=true",
                Ok(Route::Reload(Force::Yes)),
            ),
            ("POST", "/api/v1/reload?force=1", Err(400)),
            ("POST", "/api/v1/reload?farce=true", Err(400)),
            ("GET", "/api/v1/reload?force=true", Err(405)),
            ("GET", "/api/v1/orders?action=drain&scope=eu", Err(405)),
            ("POST", "/api/v1/orders?action=drain", Err(400)),
            (
                "GET",
                "/api/v1/acme",
                Ok(Route::Challenge(ChallengeOrder::List)),
            ),
            ("PUT", "/api/v1/acme", Err(405)),
            ("DELETE", "/api/v1/acme", Err(400)),
            ("POST", "/metrics", Err(405)),
            ("DELETE", "/", Err(405)),
            ("GET", "/metrics/", Err(404)),
            ("GET", "/api/v2/status", Err(404)),
        ] {
            let found = find(&request(method, uri, &[]));
            let found = found.map_err(|refusal| refusal.status.as_u16());
            assert_eq!(found, expected, "{method} {uri}");
        }
    }

    #[test]
    fn a_name_that_a_site_may_have_opens_neither_api_nor_page() {
        let well = |path: &str, host: &str| {
            let found = find(&request("GET", path, &[("host", host)]));
            found.map(drop).map_err(|refusal| refusal.status.as_u16())
        };
        for host in [
            "127.0.0.1:8053",
            "192.0.2.1",
            "[::1]:8053",
            "localhost",
            "localhost:8053",
            "waypost-one:8053",
        ] {
            assert_eq!(well("/api/v1/status", host), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8053",
            "evil.",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "",
            "a b",
        ] {
            for path in [
                "/",
                "/page.js",
                "/api/v1/status",
                "/api/v1/reload",
                "/api/v1/orders",
                "/api/v1/acme",
            ] {
                assert_eq!(well(path, host), Err(421), "{host} {path}");
            }
            for path in OPEN_BY_ANY_NAME {
                assert_eq!(well(path, host), Ok(()), "{host} {path}");
            }
        }
        let absolute = request("GET", "http://evil.example/", &[("host", "localhost")]);
        assert_eq!(find(&absolute).unwrap_err().status.as_u16(), 421);
        assert!(find(&request("GET", "/", &[])).is_ok());
    }

    #[test]
    fn a_page_of_another_origin_may_not_change_anything() {
        let host = ("host", "127.0.0.1:8053");
        for (origin, expected) in [
            ("http://127.0.0.1:8053", Ok(Route::Reload(Force::No))),
            ("http://evil.example", Err(403)),
            ("null", Err(403)),
        ] {
            let request = request("POST", "/api/v1/reload", &[host, ("origin", origin)]);
            let found = find(&request).map_err(|refusal| refusal.status.as_u16());
            assert_eq!(found, expected, "{origin}");
        }
        let drain = "/api/v1/orders?action=drain&scope=eu";
        let request = request("POST", drain, &[host, ("origin", "http://evil.example")]);
        assert_eq!(find(&request).unwrap_err().status.as_u16(), 403);
    }

    #[test]
    fn a_page_of_another_origin_may_not_set_challenges() {
        let headers = [("host", "localhost"), ("origin", "http://evil.example")];
        let path = "/api/v1/acme?name=_acme-challenge.a.example&value=x";
        for method in ["POST", "DELETE"] {
            let found = find(&request(method, path, &headers));
            assert_eq!(found.unwrap_err().status.as_u16(), 403, "{method}");
            assert!(find(&request(method, path, &headers[..1])).is_ok());
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let found = parameters("name=a.example&down=x%2Cy+z&empty=&&bare");
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
        let expected = [
            ("name", "a.example"),
            ("down", "x,y z"),
            ("empty", ""),
            ("bare", ""),
        ];
        assert_eq!(found, expected);
    }
}
