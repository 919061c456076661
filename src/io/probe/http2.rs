//! One request over HTTP/2 (RFC 9113), and the frames of the connection that it needs.
//!
//! The frames are the `h2` crate's to read, which `hyper` has them read by as well. What a peer may send is bounded: a head
//! of [`limits::PROBE_HEAD_BYTES`], and [`limits::PROBE_BODY_BYTES`] of a body before the window is opened further, which it is
//! not. Nothing is pushed. The connection is driven by whoever awaits the exchange, so that no task is left behind, and
//! takes its leave (GOAWAY) after the report. It notes how long the
//! head of a response took; whoever awaits it sets the deadline.
use std::fmt;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Builder, SendRequest};
use hyper::header::CONTENT_ENCODING;
use hyper::{Request, Response};
use tokio::time::Instant;

use super::body::{Body, Coding};
use super::cause;
use super::expectation::{Expectation, JudgedResponse};
use super::stream::ProbeStream;
use crate::base::{Cause, limits};

/// The protocol's name in a TLS handshake (RFC 9113, section 3.1).
pub(super) const NAME: &[u8] = b"h2";

/// The end of a connection that has served its purpose.
pub(super) struct Http2Farewell(Pin<Box<dyn Future<Output = ()> + Send>>);

impl fmt::Debug for Http2Farewell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Http2Farewell")
    }
}

impl Http2Farewell {
    /// Waits until the connection has ended.
    pub(super) async fn say(self) {
        self.0.await;
    }
}

/// Holds a talk over a connection that stands; with its result comes the connection's end.
///
/// # Errors
/// That of the talk, or why there was none.
pub(super) async fn hold<T>(
    stream: ProbeStream,
    talk: impl AsyncFnOnce(SendRequest<Bytes>) -> Result<T, Cause>,
) -> Result<(T, Http2Farewell), Cause> {
    let window = u32::try_from(limits::PROBE_BODY_BYTES).unwrap_or(u32::MAX);
    let head = u32::try_from(limits::PROBE_HEAD_BYTES).unwrap_or(u32::MAX);
    let mut settings = Builder::new();
    settings
        .enable_push(false)
        .max_header_list_size(head)
        .initial_window_size(window)
        .initial_connection_window_size(window);
    let shaken = settings.handshake(stream).await;
    let (sender, connection) = shaken.map_err(|error| of_http2(&error))?;
    let mut connection = Box::pin(connection);
    let mut talk = pin!(talk(sender));
    let mut has_ended = false;
    let result = loop {
        tokio::select! {
            biased;
            result = &mut talk => break result,
            // What it has brought before its end is still to be read.
            _ = &mut connection, if !has_ended => has_ended = true,
        }
    };
    let farewell = async move {
        if !has_ended {
            // How the peer takes its leave changes nothing.
            let _ = connection.await;
        }
    };
    Ok((result?, Http2Farewell(Box::pin(farewell))))
}

/// Sends a request and waits for the head of its response; notes how long that took.
///
/// # Errors
/// Why it could not be sent, or no head came.
pub(super) async fn send(
    sender: SendRequest<Bytes>,
    (request, content): (Request<()>, Option<Bytes>),
    first_octet: &mut Option<Duration>,
) -> Result<Response<RecvStream>, Cause> {
    let began = Instant::now();
    let mut sender = sender.ready().await.map_err(|error| of_http2(&error))?;
    let sent = sender.send_request(request, content.is_none());
    let (response, mut stream) = sent.map_err(|error| of_http2(&error))?;
    if let Some(content) = content {
        let sent = stream.send_data(content, true);
        sent.map_err(|error| of_http2(&error))?;
    }
    let response = response.await.map_err(|error| of_http2(&error))?;
    *first_octet = Some(began.elapsed());
    Ok(response)
}

/// Sends a request, and judges its response.
///
/// # Errors
/// What is wrong with the response, or why none came.
pub(super) async fn ask(
    sender: SendRequest<Bytes>,
    request: (Request<()>, Option<Bytes>),
    expected: &Expectation,
    first_octet: &mut Option<Duration>,
) -> JudgedResponse {
    let response = send(sender, request, first_octet).await?;
    expected.judge_status(response.status().as_u16())?;
    if !expected.wants_body() {
        return Ok(None);
    }
    let codings = response.headers().get_all(CONTENT_ENCODING).iter();
    let mut body = Body::of(Coding::of(codings.map(|value| value.as_bytes())))?;
    let mut stream = response.into_body();
    while let Some(part) = stream.data().await {
        let part = part.map_err(|error| of_http2(&error))?;
        let has_room = body.take(&part)?;
        if expected.is_met(&mut body) {
            return Ok(None);
        }
        if !has_room {
            break;
        }
        // A body that needs more than the window is longer than what is read.
        let _ = stream.flow_control().release_capacity(part.len());
    }
    expected.judge_body(&mut body)
}

/// The cause that an error of the connection stands for.
pub(super) fn of_http2(error: &h2::Error) -> Cause {
    match error.get_io() {
        Some(error) => cause::of_answer(error),
        None if error.is_remote() => Cause::Reset,
        None => Cause::Protocol,
    }
}
