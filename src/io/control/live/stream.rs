//! Server-sent events: the live state on its way to one reader (HTML, section 9.2).
//!
//! A reader's task hands messages to its connection through a short queue, and ends when the reader is gone, takes nothing for a
//! while, or has read long enough: it comes back with the number of the last message (`Last-Event-ID`) and goes on there. So no
//! connection is held longer than any other request ([`crate::base::limits::CONTROL_WHOLE_REQUEST`]).
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Given;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::hub::LiveReader;
use super::ring::LiveMessage;
use super::watch;
use crate::base::limits::LIVE_CONNECTION;
use crate::io::control::commands::State;
use crate::io::control::replies::{ApiProblem, Refusal, Reply, respond};

/// The media type.
const EVENTS: &str = "text/event-stream";
/// Time after which a reader comes back.
const RETRY: &str = "retry: 1000\n\n";
/// A line that says nothing, and that the connection is there.
const BEAT: &str = ":\n\n";
/// Time between two of them.
const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Longest time that a reader may take nothing.
const PATIENCE: Duration = Duration::from_secs(15);
/// Messages on their way.
const ON_THE_WAY: usize = 4;

/// Tells the live state: whole, then what changes
///
/// Messages are `whole` (all pieces of the state by key), `patch` (pieces that are `set` or `gone`) and `told` (events of the
/// timeline). After a minute the connection ends; whoever comes back with `Last-Event-ID` is told what followed, or the whole.
#[utoipa::path(get, path = "/api/v1/events", tag = "api",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last message that was read")),
    responses((status = 200, description = "Messages, as long as the connection lasts", body = String, content_type = "text/event-stream"), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(crate) async fn events(
    Given(state): Given<State>,
    headers: HeaderMap,
) -> Result<Reply, Refusal> {
    let reader = state.live.enter().ok_or_else(|| {
        let message = "too many pages are open; close one, or look again later";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })?;
    let known = watch::status(&state).await;
    known.ok_or_else(|| {
        let message = "the engine does not answer; DNS goes on from the last table";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })?;
    watch::begin(&state);
    let last = headers
        .get("last-event-id")
        .and_then(|own| own.to_str().ok());
    let (way, queue) = mpsc::channel(ON_THE_WAY);
    tokio::spawn(tell(reader, last.unwrap_or_default().to_owned(), way));
    Ok(respond(StatusCode::OK, EVENTS, Body::new(EventBody(queue))))
}

/// Tells one reader all there is, until it is gone.
async fn tell(reader: LiveReader, last: String, way: mpsc::Sender<Bytes>) {
    let end = Instant::now() + Duration::from_millis(LIVE_CONNECTION.0);
    let (missed, mut news) = reader.0.resume(&last);
    let first = std::iter::once(Bytes::from_static(RETRY.as_bytes()));
    for text in first.chain(missed.iter().map(|own| own.text.clone())) {
        if hand_over(&way, text).await.is_err() {
            return;
        }
    }
    drop(missed);
    while Instant::now() < end {
        let Some(text) = next(&reader, &mut news).await else {
            return;
        };
        for text in text {
            if hand_over(&way, text).await.is_err() {
                return;
            }
        }
    }
}

/// Gives what is to be told next; nothing at the end of all.
async fn next(
    reader: &LiveReader,
    news: &mut broadcast::Receiver<Arc<LiveMessage>>,
) -> Option<Vec<Bytes>> {
    match timeout_at(Instant::now() + BEAT_EVERY, news.recv()).await {
        Err(_) => Some(vec![Bytes::from_static(BEAT.as_bytes())]),
        Ok(Ok(message)) => Some(vec![message.text.clone()]),
        Ok(Err(RecvError::Lagged(_))) => {
            let (missed, anew) = reader.0.resume("");
            *news = anew;
            Some(missed.iter().map(|own| own.text.clone()).collect())
        }
        Ok(Err(RecvError::Closed)) => None,
    }
}

/// The reader is gone, or takes nothing.
struct Gone;

async fn hand_over(way: &mpsc::Sender<Bytes>, text: Bytes) -> Result<(), Gone> {
    match timeout(PATIENCE, way.send(text)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

/// The body of the reply: whatever the reader's task hands over.
struct EventBody(mpsc::Receiver<Bytes>);

impl hyper::body::Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}
