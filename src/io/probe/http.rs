//! One request over a connection that stands, and the judgement of its response (RFC 9110, RFC
//! 9112).
//!
//! A status that is not expected fails at once. Otherwise the body is read, to its end or to
//! [`limits::PROBE_BODY_BYTES`], whichever comes first: an endless body costs no more than that,
//! and what stands past it is not searched. Redirects are not followed; a monitor that expects one
//! lists its status. It knows no time: whoever awaits it sets the deadline.
use std::future::pending;
use std::net::Ipv6Addr;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::attempt::{Attempt, Destination, Probe, Resources};
use super::cause;
use crate::base::{Cause, limits};
use crate::monitor::http::HttpCheck;

const OWN_NAME: &str = concat!("waypost/", env!("CARGO_PKG_VERSION"), " (health monitor)");

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
        attempt.exchange(self.ask(stream, &to.host)).await
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
        let body = read(response.into_body()).await?;
        match &self.expect_body {
            Some(text) if !String::from_utf8_lossy(&body).contains(text) => Err(Cause::Body),
            _ => Ok(()),
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
            let host = HeaderValue::from_str(&in_brackets(host)).map_err(|_| Cause::Local)?;
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
    for (key, value) in [(USER_AGENT, OWN_NAME), (CONNECTION, "close")] {
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

/// The body, or as much of it as a probe reads.
async fn read(mut body: Incoming) -> Result<Vec<u8>, Cause> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| cause::of_exchange(&error))?;
        let data = frame.into_data().unwrap_or_default();
        let room = limits::PROBE_BODY_BYTES - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() >= room {
            break;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

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
