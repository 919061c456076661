//! Probes of type `grpc`: one call of `grpc.health.v1.Health/Check` over HTTP/2.
//!
//! The two messages have one field each, so that they are written and read here by hand (the encoding of Protocol Buffers, "varint"
//! and "length-delimited"). A server that answers with a status of gRPC other than 0 fails by that status: 5 for a service that
//! it does not know, 12 where health cannot be asked for.
use bytes::Bytes;
use h2::RecvStream;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use hyper::{Method, Request, Uri};

use super::attempt::{Attempt, Destination, Left, Probe, Resources};
use super::encrypted::{self, Dialling};
use super::http::{OWN_NAME, authority};
use super::http2::{self, of_http2};
use crate::base::{Cause, limits};
use crate::monitor::grpc::GrpcCheck;

const PATH: &str = "/grpc.health.v1.Health/Check";
/// Octets before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// The status of a server that serves (`ServingStatus.SERVING`).
const SERVING: u64 = 1;

/// A monitor of type `grpc`, ready to look.
#[derive(Debug)]
pub(super) struct GrpcProbe {
    dialling: Dialling,
    message: Bytes,
}

impl Probe for GrpcProbe {
    type Check = GrpcCheck;

    fn prepare(check: &GrpcCheck, resources: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            dialling: Dialling::prepare(&check.encryption, resources, &[http2::NAME])?,
            message: Bytes::from(question(&check.service)),
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let request = self.request(to).map_err(|_| Cause::Local)?;
        let stream = self.dialling.dial(to, attempt, encrypted::never).await?;
        if self.dialling.is_encrypted() && !stream.has_agreed_on(http2::NAME) {
            return Err(Cause::Protocol);
        }
        let content = Some(self.message.clone());
        let mut first_octet = None;
        let exchange = http2::hold(stream, async |sender| {
            let response = http2::send(sender, (request, content), &mut first_octet).await?;
            let (head, body) = response.into_parts();
            match head.status.as_u16() {
                200 => judge(&head.headers, body).await,
                status => Err(Cause::Status(status)),
            }
        });
        let result = attempt.exchange(exchange).await;
        attempt.note_first_octet(first_octet);
        let ((), farewell) = result?;
        attempt.leave(Left::Http2(farewell));
        Ok(())
    }
}

impl GrpcProbe {
    fn request(&self, to: &Destination<'_>) -> Result<Request<()>, hyper::http::Error> {
        let (scheme, port) = match self.dialling.is_encrypted() {
            true => ("https", 443),
            false => ("http", 80),
        };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(authority(to, port))
            .path_and_query(PATH)
            .build()?;
        Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
            .header(TE, HeaderValue::from_static("trailers"))
            .header(USER_AGENT, HeaderValue::from_static(OWN_NAME))
            .body(())
    }
}

/// Judges a response whose status is 200: the status of gRPC may stand in the head, or behind the message.
async fn judge(head: &HeaderMap, mut body: RecvStream) -> Result<(), Cause> {
    judge_status(head, StatusOf::Head)?;
    let mut message = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.map_err(|error| of_http2(&error))?;
        message.extend_from_slice(&part);
        if message.len() >= limits::PROBE_BODY_BYTES {
            return Err(Cause::Protocol);
        }
    }
    let trailers = body.trailers().await.map_err(|error| of_http2(&error))?;
    judge_status(&trailers.unwrap_or_default(), StatusOf::Trailers)?;
    match serving(&message)? {
        SERVING => Ok(()),
        _ => Err(Cause::Answer),
    }
}

/// The part of a response that a status of gRPC is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StatusOf {
    /// It may be there.
    Head,
    /// It must be there.
    Trailers,
}

fn judge_status(headers: &HeaderMap, place: StatusOf) -> Result<(), Cause> {
    let Some(status) = headers.get("grpc-status") else {
        return match place {
            StatusOf::Head => Ok(()),
            StatusOf::Trailers => Err(Cause::Protocol),
        };
    };
    let status = status.to_str().ok().and_then(|text| text.parse().ok());
    match status.ok_or(Cause::Protocol)? {
        0 => Ok(()),
        // PERMISSION_DENIED and UNAUTHENTICATED.
        7 | 16 => Err(Cause::Login),
        status => Err(Cause::Status(status)),
    }
}

/// The question for a service, behind its prefix: field 1 of `HealthCheckRequest`, a text.
fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        put_varint(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).expect("a config bounds the name of a service");
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

fn put_varint(message: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7F).expect("it has seven bits");
        number >>= 7;
        if number == 0 {
            return message.push(low);
        }
        message.push(low | 0x80);
    }
}

/// The state in an answer behind its prefix: field 1 of `HealthCheckResponse`, a number; 0 where it is absent.
fn serving(octets: &[u8]) -> Result<u64, Cause> {
    let (prefix, message) = octets
        .split_first_chunk::<PREFIX>()
        .ok_or(Cause::Protocol)?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Cause::Compressed);
    }
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err(Cause::Protocol);
    }
    fields(message).ok_or(Cause::Protocol)
}

/// Goes through the fields of a message; the last of several counts. `None` if they are none.
fn fields(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        match (key >> 3, key & 7) {
            (0, _) => return None,
            (1, 0) => status = take_varint(&mut message)?,
            (_, 0) => drop(take_varint(&mut message)?),
            (_, 1) => message = message.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            (_, 5) => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (octet, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(octet & 0x7F) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_what_protoc_makes_of_them() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("ab"), [0, 0, 0, 0, 4, 0x0A, 2, b'a', b'b']);
        let long = question(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 0x2F, 0x0A, 0xAC, 0x02]);
    }

    #[test]
    fn answers_are_read_with_fields_that_nobody_knows() {
        for (message, found) in [
            (&[][..], Ok(0)),
            (&[0x08, 1], Ok(1)),
            (&[0x08, 1, 0x08, 2], Ok(2)),
            (&[0x12, 2, b'h', b'i', 0x08, 1], Ok(1)),
            (
                &[0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1D, 1, 2, 3, 4, 0x08, 3],
                Ok(3),
            ),
            (&[0x08], Err(Cause::Protocol)),
            (&[0x08, 0x80], Err(Cause::Protocol)),
            (&[0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], Err(Cause::Protocol)),
            (&[0x0B], Err(Cause::Protocol)),
            (&[0x00, 0], Err(Cause::Protocol)),
        ] {
            let length = u32::try_from(message.len()).unwrap();
            let whole = [&[0][..], &length.to_be_bytes(), message].concat();
            assert_eq!(serving(&whole), found, "{message:?}");
        }
        assert_eq!(serving(&[1, 0, 0, 0, 0]), Err(Cause::Compressed));
        assert_eq!(serving(&[0, 0, 0, 0, 1]), Err(Cause::Protocol));
        assert_eq!(serving(&[0, 0, 0]), Err(Cause::Protocol));
    }

    #[test]
    fn whatever_comes_is_read_or_refused() {
        let sound = [0, 0, 0, 0, 6, 0x12, 2, b'h', b'i', 0x08, 1];
        for place in 0..sound.len() {
            for octet in 0..=255 {
                let mut bent = sound;
                bent[place] = octet;
                let _ = serving(&bent);
            }
            assert!(serving(&sound[..place]).is_err());
        }
    }
}
