//! One TCP connection, from its first query to its end.
//!
//! ```text
//!          .------- whole reply written <-------.
//!          v                                    |
//! idle --first octet--> reading --whole query--> writing
//!   |                      |                        |
//!   '-- TCP_IDLE,          '-- TCP_TRANSFER         '-- TCP_TRANSFER
//!       or the server stops
//! ```
//!
//! Queries that are pipelined are answered in order, one at a time: the next is not looked at
//! before the reply is with the kernel, so a peer that does not read holds back only itself, and
//! a connection never holds more than one query and one reply. A reply is written from a buffer
//! that all connections of a thread share; only what the kernel does not take at once is copied.
use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::frames::{Frames, PREFIX};
use super::gate::Activity;
use super::{Limits, Streams};
use crate::base::limits::MESSAGE_BYTES;
use crate::io::metrics::Dropped;

/// How long a connection that has nothing to say is waited for once the server stops.
const FAREWELL: Duration = Duration::from_millis(50);

thread_local! {
    /// Two octets of length and the longest message.
    static REPLY: RefCell<Box<[u8]>> = RefCell::new(vec![0; PREFIX + MESSAGE_BYTES].into());
}

/// One connection.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) source: IpAddr,
    pub(super) activity: Activity,
    pub(super) limits: Limits,
    pub(super) stopping: watch::Receiver<()>,
}

impl Connection {
    /// Answers until the peer, the limits or the server end it.
    pub(super) async fn run(mut self, streams: &Streams) {
        // A stream that fails ends the connection, and that is all there is to do about it.
        let _ = self.converse(streams).await;
    }

    async fn converse(&mut self, streams: &Streams) -> io::Result<()> {
        let mut frames = Frames::new();
        for _ in 0..self.limits.queries {
            self.await_query(streams, &mut frames).await?;
            let Some(query) = frames.take() else { break };
            if self.hand_on(streams, query).await? {
                continue;
            }
            let unwritten = self.answer(streams, query)?;
            if !unwritten.is_empty() {
                let writing = self.stream.write_all(&unwritten);
                in_time(streams, self.limits.transfer, writing).await?;
            }
            self.activity.mark(streams.service.clock.now());
        }
        Ok(())
    }

    /// Waits until a query is whole, or there will be none.
    async fn await_query(&mut self, streams: &Streams, frames: &mut Frames) -> io::Result<()> {
        if !frames.is_within_a_message() && !self.await_octets(frames).await? {
            return Ok(());
        }
        let filling = fill_message(&mut self.stream, frames);
        in_time(streams, self.limits.transfer, filling).await
    }

    /// Waits while nothing has come; gives whether something did.
    async fn await_octets(&mut self, frames: &mut Frames) -> io::Result<bool> {
        let filling = frames.fill(&mut self.stream);
        tokio::pin!(filling);
        tokio::select! {
            biased;
            filled = &mut filling => return Ok(filled? > 0),
            _ = self.stopping.changed() => {}
            () = sleep(self.limits.idle) => return Ok(false),
        }
        let filled = timeout(FAREWELL, filling).await;
        filled.map_or(Ok(false), |filled| Ok(filled? > 0))
    }

    /// Hands a message on, if it is one of those, and writes what comes back; whether nothing is left
    /// to do for it.
    async fn hand_on(&mut self, streams: &Streams, query: &[u8]) -> io::Result<bool> {
        let Some(mut replies) = streams.hand_on(self.source, query) else {
            return Ok(false);
        };
        while let Some(reply) = replies.recv().await {
            let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
            let frame = [&length.to_be_bytes()[..], &reply].concat();
            in_time(streams, self.limits.transfer, self.stream.write_all(&frame)).await?;
            self.activity.mark(streams.service.clock.now());
        }
        Ok(true)
    }

    /// Answers a query and gives the kernel what it takes at once; what it does not is returned.
    /// A message that deserves no reply ends the connection.
    fn answer(&self, streams: &Streams, query: &[u8]) -> io::Result<Vec<u8>> {
        REPLY.with_borrow_mut(|room| {
            let length = streams.respond(self.source, query, &mut room[PREFIX..]);
            let length = length.ok_or(io::ErrorKind::InvalidData)?;
            room[..PREFIX].copy_from_slice(&length.to_be_bytes());
            let reply = &room[..PREFIX + usize::from(length)];
            match self.stream.try_write(reply) {
                Ok(written) => Ok(reply[written..].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(reply.to_vec()),
                Err(error) => Err(error),
            }
        })
    }
}

/// Reads until a message is whole or the stream ends.
async fn fill_message(stream: &mut TcpStream, frames: &mut Frames) -> io::Result<()> {
    while !frames.has_message() && frames.fill(stream).await? > 0 {}
    Ok(())
}

/// Does something, unless it takes too long; counts that.
async fn in_time<T>(
    streams: &Streams,
    limit: Duration,
    doing: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(limit, doing).await.unwrap_or_else(|_| {
        streams.service.metrics.dropped(Dropped::Slow);
        Err(io::ErrorKind::TimedOut.into())
    })
}
