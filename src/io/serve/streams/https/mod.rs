//! DNS over HTTPS (RFC 8484), by HTTP/2, or by HTTP/1.1 for a client that speaks nothing else.
//!
//! A request with a query in it ([`request`]) is answered with the octets that every other transport
//! gives, and with how long an HTTP cache may keep them: the smallest TTL of the answer. A steered
//! answer is for this client, so only the client's own cache may keep it (`private`). HEAD gets the
//! head of what GET would get, and no content (RFC 9110, section 9.3.2): `hyper` sees to that over HTTP/1.1, and
//! over HTTP/2 a response with content would be an error of the stream.
//!
//! hickory-net has a client for HTTP/2 and helpers that decode messages, but no server (0.26.3,
//! `h2.rs`). `hyper` bounds what has to be bounded: streams, heads, buffers. Time is bounded here: a
//! connection on which nothing was answered for too long is closed gracefully, and then cut off, so
//! that neither pings nor requests that never end keep it. A peer that does not read its responses
//! runs out of streams, is not answered any more, and goes the same way.
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;

use self::request::{MEDIA_TYPE, Refusal};
use super::table::Activity;
use super::{ConnectionContext, Streams, duration, with_reply_buffer};
use crate::answer::{Answered, Transport};
use crate::base::limits;
use crate::dns::freshness::freshness;

mod request;

/// Octets that HTTP/2 holds of one response that its peer does not take.
const SEND_BYTES: usize = 64 * 1024;

type HttpResponse = Response<Full<Bytes>>;

/// The state that the requests of one connection share, and how each is answered.
struct DohHandler {
    streams: Arc<Streams>,
    source: IpAddr,
    activity: Activity,
    asked: AtomicUsize,
    /// Told when no more is to be asked.
    enough: Notify,
}

/// Answers on one connection until the peer, the limits or the server end it.
pub(super) async fn serve(
    stream: TlsStream<TcpStream>,
    context: ConnectionContext,
    streams: Arc<Streams>,
) {
    let has_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let handler = Arc::new(DohHandler {
        streams,
        source: context.source,
        activity: context.activity.clone(),
        asked: AtomicUsize::new(0),
        enough: Notify::new(),
    });
    let own = Arc::clone(&handler);
    let service = service_fn(move |request| respond(Arc::clone(&own), request));
    let stream = TokioIo::new(stream);
    if has_two {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits::STREAM_REQUESTS)
            .max_header_list_size(limits::HTTPS_HEAD_BYTES)
            .max_send_buf_size(SEND_BYTES)
            .serve_connection(stream, service);
        attend(
            connection,
            http2::Connection::graceful_shutdown,
            &handler,
            context,
        )
        .await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(duration(limits::STREAM_TRANSFER))
            .max_header_size(limits::HTTPS_HEAD_BYTES as usize)
            .max_buf_size(limits::HTTPS_HEAD_BYTES as usize)
            .serve_connection(stream, service);
        attend(
            connection,
            http1::Connection::graceful_shutdown,
            &handler,
            context,
        )
        .await;
    }
}

/// Carries a connection on, and sees that it ends.
async fn attend<C>(
    connection: C,
    close: fn(Pin<&mut C>),
    handler: &DohHandler,
    mut context: ConnectionContext,
) where
    C: Future<Output = hyper::Result<()>>,
{
    tokio::pin!(connection);
    // A connection that fails ends, and that is all there is to do about it.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = handler.streams.silence(&context.activity) => {}
        () = handler.enough.notified() => {}
        _ = context.stopping.changed() => {}
    }
    close(connection.as_mut());
    let _ = handler.streams.in_time(connection).await;
}

async fn respond(
    handler: Arc<DohHandler>,
    request: Request<Incoming>,
) -> Result<HttpResponse, Infallible> {
    if handler.asked.fetch_add(1, Ordering::Relaxed) + 1 >= limits::STREAM_QUERIES {
        handler.enough.notify_one();
    }
    let is_head = request.method() == Method::HEAD;
    let query = request::query(request, &handler.streams).await;
    let reply = query.and_then(|query| handler.answer(&query).ok_or(Refusal::Query));
    let reply = reply.unwrap_or_else(refuse);
    Ok(if is_head { head_of(reply) } else { reply })
}

/// A response without its content, whose length it still says.
fn head_of(reply: HttpResponse) -> HttpResponse {
    let (mut head, content) = reply.into_parts();
    if let Some(octets) = content.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, octets.into());
    }
    Response::from_parts(head, Full::default())
}

impl DohHandler {
    fn answer(&self, query: &[u8]) -> Option<HttpResponse> {
        let reply = with_reply_buffer(|buffer| {
            let (source, transport) = (self.source, Transport::Https);
            let answered = self.streams.respond(source, transport, query, buffer)?;
            let octets = buffer.get(..answered.length)?;
            let mut reply = Response::new(Full::new(Bytes::copy_from_slice(octets)));
            let headers = reply.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            headers.insert(CACHE_CONTROL, cache_control(&answered, octets));
            Some(reply)
        });
        let now = self.streams.service.clock.now();
        reply.inspect(|_| self.activity.mark(now))
    }
}

/// The value of Cache-Control: the time that an HTTP cache may keep a reply, and whose cache.
fn cache_control(answered: &Answered, reply: &[u8]) -> HeaderValue {
    let Some(seconds) = freshness(reply) else {
        return HeaderValue::from_static("no-store");
    };
    let whose = match answered.service {
        Some(_) => "private, ",
        None => "",
    };
    let text = format!("{whose}max-age={seconds}");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"))
}

fn refuse(refusal: Refusal) -> HttpResponse {
    let mut reply = Response::new(Full::new(Bytes::from_static(refusal.text().as_bytes())));
    *reply.status_mut() = refusal.status();
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.extend(refusal.allows());
    reply
}
