//! Checks that no browser was led here by somebody else's page.
//!
//! A browser on the operator's machine reaches loopback too, and sends whatever page is open in it may ask for. Three
//! things give such a page away, and any of them is enough to refuse:
//!
//! - **Host**: a site may point its own name at this server (DNS rebinding); then its page is of one origin with the API,
//!   and would read it. So the server is asked by address, by `localhost`, or by a name in `[control] hosts`: no site has
//!   one of those. Exactly one Host is needed (RFC 9112, section 3.2): with two, whoever stands in front may have looked
//!   at the other.
//! - **Sec-Fetch-Site**: `cross-site` and `same-site` are the browser's own word that another site asks, whatever the method.
//! - **Origin**: another one than this server's may not ask for a change; `null` is another one.
//!
//! Programs send neither of the last two. What only tells how the process is (metrics, health) is served by any name, but not
//! to a page of another site. Who asks, and what that one may, is not known here.
use std::net::IpAddr;

use axum::http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};

use super::replies::Refusal;

/// Paths that are served whatever name the server is asked by.
pub(super) const OPEN: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// The header by which a browser says whose page asks (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a page of another site asks for; `hosts` are names by which this server is asked besides.
pub(super) fn check(request: &Parts, hosts: &[String]) -> Result<(), Refusal> {
    let host = one_host(request)?;
    if !OPEN.contains(&request.uri.path()) && !is_own(host.host(), hosts) {
        let message = "ask by address, by localhost or by a name in `[control] hosts`";
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, message));
    }
    let foreign = [b"cross-site".as_slice(), b"same-site"];
    let sites = request.headers.get_all(SEC_FETCH_SITE).iter();
    let is_foreign = sites
        .map(HeaderValue::as_bytes)
        .any(|site| foreign.contains(&site));
    if is_foreign {
        let message = "a page of another site may not ask for this";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    let reads = [Method::GET, Method::HEAD].contains(&request.method);
    match reads || is_own_origin(&request.headers, &host) {
        true => Ok(()),
        false => {
            let message = "a page of another origin may not ask for this";
            Err(Refusal::new(StatusCode::FORBIDDEN, message))
        }
    }
}

/// The one name that the server is asked by (RFC 9110, section 7.2).
fn one_host(request: &Parts) -> Result<Authority, Refusal> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal::bad("a request has exactly one Host header"));
    };
    let named = request
        .uri
        .authority()
        .cloned()
        .map_or_else(|| Authority::try_from(host.as_bytes()), Ok);
    named.map_err(|_| {
        let message = "the Host header is no name and no address";
        Refusal::new(StatusCode::MISDIRECTED_REQUEST, message)
    })
}

fn is_own(host: &str, hosts: &[String]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let bare = host.strip_prefix('[').and_then(|own| own.strip_suffix(']'));
    bare.unwrap_or(host).parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
}

fn is_own_origin(headers: &HeaderMap, host: &Authority) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter().map(HeaderValue::as_bytes);
    let own = [format!("http://{host}"), format!("https://{host}")];
    origins.all(|origin| own.iter().any(|own| own.as_bytes() == origin))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn checked(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, &["waypost-one".to_owned()]).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn a_name_that_a_site_may_have_opens_neither_api_nor_page() {
        for host in [
            "127.0.0.1:8053",
            "192.0.2.1",
            "[::1]:8053",
            "localhost",
            "LocalHost:8053",
            "waypost-one:8053",
        ] {
            let found = checked("GET", "/api/v1/status", &[("host", host)]);
            assert_eq!(found, Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8053",
            "evil.",
            "intranet",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "[evil]",
            "",
            "a b",
        ] {
            for path in ["/", "/page.js", "/api/v1/status", "/api/v1/orders"] {
                let found = checked("GET", path, &[("host", host)]);
                assert_eq!(found, Err(421), "{host} {path}");
            }
        }
        for path in OPEN {
            assert_eq!(checked("GET", path, &[("host", "evil.example")]), Ok(()));
        }
        let absolute = checked("GET", "http://evil.example/", &[("host", "localhost")]);
        assert_eq!(absolute, Err(421));
    }

    #[test]
    fn there_is_one_host() {
        let own = ("host", "localhost");
        assert_eq!(checked("GET", "/metrics", &[]), Err(400));
        assert_eq!(checked("GET", "/metrics", &[own, own]), Err(400));
        assert_eq!(checked("GET", "/metrics", &[own]), Ok(()));
    }

    #[test]
    fn a_page_of_another_origin_may_not_change_anything() {
        let host = ("host", "127.0.0.1:8053");
        for method in ["POST", "DELETE"] {
            for (origin, expected) in [
                ("http://127.0.0.1:8053", Ok(())),
                ("http://127.0.0.1:8054", Err(403)),
                ("http://evil.example", Err(403)),
                ("null", Err(403)),
            ] {
                let found = checked(method, "/api/v1/acme", &[host, ("origin", origin)]);
                assert_eq!(found, expected, "{method} {origin}");
            }
        }
    }

    #[test]
    fn a_browser_that_says_another_site_asks_is_believed() {
        let host = ("host", "localhost");
        for (site, expected) in [
            ("cross-site", Err(403)),
            ("same-site", Err(403)),
            ("same-origin", Ok(())),
            ("none", Ok(())),
        ] {
            for path in ["/api/v1/status", "/metrics"] {
                let found = checked("GET", path, &[host, ("sec-fetch-site", site)]);
                assert_eq!(found, expected, "{site} {path}");
            }
        }
    }
}
