//! One connection over TCP or TLS, from its first query to its end.
//!
//! ```text
//!          .------- replies written <-----------.
//!          v                                    |
//! idle --first octet--> reading --whole query--> writing
//!   |                      |                        |
//!   '-- silent too long,   '-- STREAM_TRANSFER      '-- STREAM_TRANSFER
//!       or the server stops
//! ```
//!
//! An answer is there at once, so none ever waits for another: replies go out in the order of the
//! queries, which is one of the orders that RFC 7766, section 7 allows. Queries that have come
//! together are answered together, with one write for all of their replies, each with its length
//! in front (section 8). The next ones are not looked at before these are with the kernel, so a
//! peer that does not read holds back only itself, and costs one batch. Replies are written from a
//! buffer that all connections of a thread share; only what the kernel does not take at once is copied.
//!
//! A peer that has closed its side still gets all replies. When this side ends first, it closes its
//! half, and reads on for a moment: a socket that is closed with octets unread is reset, and the
//! reset may overtake the last reply.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::frames::Frames;
use super::{ConnectionContext, PREFIX, Streams, duration, with_reply_buffer};
use crate::answer::Transport;
use crate::base::limits::{STREAM_BATCH_BYTES, STREAM_LINGER_BYTES, STREAM_QUERIES};

/// The span that a connection that has nothing to say is waited for once the server stops.
const FAREWELL: Duration = Duration::from_millis(50);
/// The same for one that has said nothing yet: its first query is under way, or else it would not have been opened.
const FIRST_QUERY: Duration = Duration::from_secs(1);
/// The span that a peer may take to close its side after this side has.
const LINGER: Duration = Duration::from_secs(1);

/// One connection.
pub(super) struct Connection<S> {
    stream: S,
    context: ConnectionContext,
    transport: Transport,
    /// Queries that may still be asked.
    left: usize,
    /// The replies that come for a message that was deferred.
    awaited: Option<mpsc::Receiver<Vec<u8>>>,
}

/// The end of a conversation that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer has closed its side.
    Theirs,
    /// It has been silent too long, has said enough, or the server stops.
    Ours,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: S, context: ConnectionContext, transport: Transport) -> Self {
        Self {
            stream,
            context,
            transport,
            left: STREAM_QUERIES,
            awaited: None,
        }
    }

    /// Answers until the peer, the limits or the server end it.
    pub(super) async fn run(mut self, streams: &Streams) {
        // A stream that fails ends the connection, and that is all there is to do about it.
        if let Ok(end) = self.converse(streams).await {
            let _ = timeout(LINGER, self.close(end)).await;
        }
    }

    async fn converse(&mut self, streams: &Streams) -> io::Result<End> {
        let mut frames = Frames::new();
        while self.left > 0 {
            if let Some(end) = self.await_query(streams, &mut frames).await? {
                return Ok(end);
            }
            let written = self.answer(streams, &mut frames)?;
            if let Some(unwritten) = written {
                let writing = self.write(&unwritten);
                in_time(streams, writing).await?;
            }
            self.pass_on(streams).await?;
            self.context.activity.mark(streams.service.clock.now());
        }
        Ok(End::Ours)
    }

    /// Waits until a query is whole; gives how it ended if there will be none.
    async fn await_query(
        &mut self,
        streams: &Streams,
        frames: &mut Frames,
    ) -> io::Result<Option<End>> {
        if !frames.is_within_a_message() {
            let end = self.await_octets(streams, frames).await?;
            if end.is_some() {
                return Ok(end);
            }
        }
        in_time(streams, fill_message(&mut self.stream, frames)).await?;
        Ok((!frames.has_message()).then_some(End::Theirs))
    }

    /// Waits while nothing has come; gives how it ended if nothing will.
    async fn await_octets(
        &mut self,
        streams: &Streams,
        frames: &mut Frames,
    ) -> io::Result<Option<End>> {
        let came = |read: usize| (read == 0).then_some(End::Theirs);
        let filling = frames.fill(&mut self.stream);
        tokio::pin!(filling);
        tokio::select! {
            biased;
            filled = &mut filling => return Ok(came(filled?)),
            _ = self.context.stopping.changed() => {}
            () = sleep(duration(streams.idle())) => return Ok(Some(End::Ours)),
        }
        let patience = match self.left {
            STREAM_QUERIES => FIRST_QUERY,
            _ => FAREWELL,
        };
        match timeout(patience, filling).await {
            Ok(filled) => Ok(came(filled?)),
            Err(_) => Ok(Some(End::Ours)),
        }
    }

    /// Answers the queries that are there, as many as make a batch, and gives the kernel what it
    /// takes at once; what it does not is returned. A message that is deferred ends a batch, and
    /// one that deserves no reply is the last one.
    fn answer(&mut self, streams: &Streams, frames: &mut Frames) -> io::Result<Option<Vec<u8>>> {
        with_reply_buffer(|buffer| {
            let mut end = 0;
            while end < STREAM_BATCH_BYTES && self.left > 0 {
                let Some(query) = frames.take() else { break };
                self.left -= 1;
                self.awaited = streams.deferred_replies(self.context.source, self.transport, query);
                if self.awaited.is_some() {
                    break;
                }
                let (source, start) = (self.context.source, end + PREFIX);
                let answered = streams.respond(source, self.transport, query, &mut buffer[start..]);
                let length = answered.and_then(|one| u16::try_from(one.length).ok());
                let Some(length) = length else {
                    self.left = 0;
                    break;
                };
                buffer[end..start].copy_from_slice(&length.to_be_bytes());
                end = start + usize::from(length);
            }
            self.write_at_once(&buffer[..end])
        })
    }

    /// Writes what comes back for a message that was deferred.
    async fn pass_on(&mut self, streams: &Streams) -> io::Result<()> {
        let Some(mut replies) = self.awaited.take() else {
            return Ok(());
        };
        while let Some(reply) = replies.recv().await {
            let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
            let frame = [&length.to_be_bytes()[..], &reply].concat();
            in_time(streams, self.write(&frame)).await?;
            self.context.activity.mark(streams.service.clock.now());
        }
        Ok(())
    }

    /// Writes without waiting; gives what is left to be written or flushed, if anything is.
    fn write_at_once(&mut self, octets: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let mut context = Context::from_waker(Waker::noop());
        let mut stream = Pin::new(&mut self.stream);
        let written = match stream.as_mut().poll_write(&mut context, octets) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        let rest = &octets[written..];
        if rest.is_empty() && stream.poll_flush(&mut context)?.is_ready() {
            return Ok(None);
        }
        Ok(Some(rest.to_vec()))
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets).await?;
        self.stream.flush().await
    }

    /// Closes this side, and waits for the other if that may still be talking.
    async fn close(&mut self, end: End) -> io::Result<()> {
        self.stream.shutdown().await?;
        if end == End::Ours {
            let mut rest = [0; 1024];
            let mut read = 0;
            while read < STREAM_LINGER_BYTES {
                match self.stream.read(&mut rest).await? {
                    0 => break,
                    more => read += more,
                }
            }
        }
        Ok(())
    }
}

/// Reads until a message is whole or the stream ends.
async fn fill_message<S: AsyncRead + Unpin>(stream: &mut S, frames: &mut Frames) -> io::Result<()> {
    while !frames.has_message() && frames.fill(stream).await? > 0 {}
    Ok(())
}

/// Does something, unless it takes too long.
async fn in_time<T>(
    streams: &Streams,
    doing: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let done = streams.in_time(doing).await;
    done.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}
