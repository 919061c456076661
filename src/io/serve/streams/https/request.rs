//! What of an HTTP request is a DNS query (RFC 8484, section 4.1), and what is said to one that is
//! none.
//!
//! The query is the body of a POST, or stands in the address of a GET (or HEAD) in base64url without padding.
//! Nothing is read that is longer than a query may be, and nothing for longer than a peer may take.
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};

use crate::base::limits::STREAM_REQUEST_BYTES;
use crate::io::serve::streams::Streams;

/// Where queries are taken.
const PATH: &str = "/dns-query";
/// What they are.
pub(super) const MEDIA_TYPE: &str = "application/dns-message";

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is nothing at its path.
    Path,
    /// Neither GET, HEAD nor POST.
    Method,
    /// The body is of another type.
    MediaType,
    /// The body is longer than a query may be.
    Body,
    /// The address is longer than a query may be.
    Address,
    /// The body does not come.
    DeferredQueue,
    /// No query, or none that deserves a reply.
    Query,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Address => StatusCode::URI_TOO_LONG,
            Self::DeferredQueue => StatusCode::REQUEST_TIMEOUT,
            Self::Query => StatusCode::BAD_REQUEST,
        }
    }

    /// For a person.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Path => "queries are taken at /dns-query\n",
            Self::Method => "queries come by GET or POST\n",
            Self::MediaType => "a body is of type application/dns-message\n",
            Self::Body => "the body is longer than a query may be\n",
            Self::Address => "the address is longer than a query may be\n",
            Self::DeferredQueue => "the body did not come\n",
            Self::Query => "there is no query: `dns` is base64url without padding\n",
        }
    }

    /// What else is said in the head of the response.
    pub(super) fn allows(self) -> Option<(hyper::header::HeaderName, HeaderValue)> {
        let is_method = self == Self::Method;
        is_method.then(|| (ALLOW, HeaderValue::from_static("GET, HEAD, POST")))
    }
}

/// The query that a request holds.
pub(super) async fn query(
    request: Request<Incoming>,
    streams: &Streams,
) -> Result<Vec<u8>, Refusal> {
    if request.uri().path() != PATH {
        return Err(Refusal::Path);
    }
    match *request.method() {
        Method::GET | Method::HEAD => in_address(request.uri().query().unwrap_or_default()),
        Method::POST if !has_media_type(&request) => Err(Refusal::MediaType),
        Method::POST => {
            let read = streams.in_time(in_body(request.into_body())).await;
            read.unwrap_or(Err(Refusal::DeferredQueue))
        }
        _ => Err(Refusal::Method),
    }
}

fn has_media_type<B>(request: &Request<B>) -> bool {
    let found = request.headers().get(CONTENT_TYPE);
    let text = found.and_then(|value| value.to_str().ok());
    text.is_some_and(|text| {
        let essence = text.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(MEDIA_TYPE)
    })
}

async fn in_body(body: Incoming) -> Result<Vec<u8>, Refusal> {
    if body.size_hint().lower() > STREAM_REQUEST_BYTES as u64 {
        return Err(Refusal::Body);
    }
    let limited = Limited::new(body, STREAM_REQUEST_BYTES);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::Body),
        Err(_) => Err(Refusal::Query),
    }
}

/// The query in the variable `dns`.
fn in_address(variables: &str) -> Result<Vec<u8>, Refusal> {
    let mut all = variables.split('&');
    let text = all.find_map(|variable| variable.strip_prefix("dns="));
    let text = text.ok_or(Refusal::Query)?;
    if text.len() > STREAM_REQUEST_BYTES.div_ceil(3) * 4 {
        return Err(Refusal::Address);
    }
    decode(text.as_bytes()).ok_or(Refusal::Query)
}

/// Base64 with the alphabet for addresses and without padding (RFC 4648, section 5). Bits that are
/// left over are zero, so that no two texts mean the same.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let bits = group
            .iter()
            .try_fold(0_u32, |bits, &letter| Some(bits << 6 | sextet(letter)?))?;
        let [_, high, middle, low] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        match (group.len(), middle, low) {
            (4, ..) => octets.extend([high, middle, low]),
            (3, _, 0) => octets.extend([high, middle]),
            (2, 0, 0) => octets.push(high),
            _ => return None,
        }
    }
    Some(octets)
}

fn sextet(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_read_strictly() {
        for (text, octets) in [
            ("", Some(&b""[..])),
            ("Zg", Some(b"f")),
            ("Zm8", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("Zm9vYmE", Some(b"fooba")),
            ("-_-_", Some(&[0xFB, 0xFF, 0xBF])),
            ("Zg==", None),
            ("Z", None),
            ("Zm9vY", None),
            ("+/+/", None),
            ("Zh", None),
            ("Zm9", None),
            ("Zm 9v", None),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), octets, "{text}");
        }
    }

    #[test]
    fn a_query_in_an_address_is_the_variable_dns() {
        assert_eq!(in_address("dns=Zm9v"), Ok(b"foo".to_vec()));
        assert_eq!(in_address("a=b&dns=Zm9v&dns=x"), Ok(b"foo".to_vec()));
        assert_eq!(in_address("adns=Zm9v"), Err(Refusal::Query));
        assert_eq!(in_address(""), Err(Refusal::Query));
        let long = format!("dns={}", "A".repeat(STREAM_REQUEST_BYTES * 4 / 3 + 8));
        assert_eq!(in_address(&long), Err(Refusal::Address));
    }
}
