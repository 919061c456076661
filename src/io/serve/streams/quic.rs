//! DNS over QUIC (RFC 9250): one query and its reply on each stream.
//!
//! ```text
//! incoming --address proved if places are wanted--> handshake --> streams
//!                                                       '-- STREAM_TRANSFER
//! stream: query and FIN --> answer --> reply and FIN --> acknowledged
//!           '-- STREAM_TRANSFER               '-- STREAM_TRANSFER
//! ```
//!
//! Streams do not wait for each other. What breaks the protocol (a message id, a keepalive option,
//! a second query on a stream: section 4.3.3) ends the connection. When the server stops, or leaves its place to another process, a connection
//! ends once its queries are answered; one that has asked nothing yet is given a moment to. What an observer sees of packets
//! is their number: each is padded to the size of the path (section 5.4).
//!
//! The client's address is the one that its connection has now, for it may move (RFC 9000, section 9).
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream, TokioRuntime,
    TransportConfig, VarInt,
};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;

use super::listen::{AcceptorChannels, Arrival};
use super::table::Activity;
use super::{ConnectionContext, PREFIX, Streams, duration, with_reply_buffer};
use crate::answer::Transport;
use crate::base::limits;
use crate::dns::query;
use crate::io::metrics::Dropped;
use crate::io::serve::canonical;

/// The codes of RFC 9250, section 8.4 that are used here.
const NO_ERROR: VarInt = VarInt::from_u32(0);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);

/// The state that the streams of one connection share, and how each is answered.
#[derive(Clone)]
struct DoqHandler {
    connection: Connection,
    streams: Arc<Streams>,
    activity: Activity,
}

/// Makes an endpoint of a socket that is not read yet; inside a runtime.
pub(super) fn open(socket: UdpSocket, settings: Arc<ServerConfig>) -> io::Result<Endpoint> {
    let crypto = QuicServerConfig::try_from(settings).map_err(io::Error::other)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(Arc::new(transport()?))
        .max_incoming(limits::QUIC_INCOMING)
        .incoming_buffer_size(limits::QUIC_INCOMING_BYTES)
        .incoming_buffer_size_total(limits::QUIC_INCOMING_BYTES * 16);
    let runtime = Arc::new(TokioRuntime);
    Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime)
}

fn transport() -> io::Result<TransportConfig> {
    let window = VarInt::from_u32(limits::QUIC_WINDOW_BYTES);
    let idle = duration(limits::STREAM_IDLE).try_into();
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(limits::STREAM_REQUESTS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_idle_timeout(Some(idle.map_err(io::Error::other)?))
        .receive_window(window)
        .send_window(u64::from(limits::QUIC_WINDOW_BYTES))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .pad_to_mtu(true);
    Ok(transport)
}

/// Hands connections to the manager until the server stops.
pub(super) async fn accept(endpoint: Endpoint, mut channels: AcceptorChannels) {
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            _ = channels.stopping.changed() => break,
        };
        let Some(incoming) = incoming else { break };
        if channels
            .arrivals
            .send(Arrival::Quic(Box::new(incoming)))
            .await
            .is_err()
        {
            break;
        }
    }
    endpoint.set_server_config(None);
    // The connection manager waits for this before it lets connections end; the endpoint outlives them.
    drop(channels);
    endpoint.wait_idle().await;
}

/// Answers on one connection until the peer, the limits or the server end it.
pub(super) async fn serve(
    incoming: Incoming,
    mut context: ConnectionContext,
    streams: Arc<Streams>,
) {
    let Ok(connecting) = incoming.accept() else {
        return streams.service.metrics.dropped(Dropped::Handshake);
    };
    let Some(connected) = streams.in_time(connecting).await else {
        return;
    };
    let Ok(connection) = connected else {
        return streams.service.metrics.dropped(Dropped::Handshake);
    };
    let handler = DoqHandler {
        connection,
        streams,
        activity: context.activity.clone(),
    };
    let mut tasks = JoinSet::new();
    let mut left = limits::STREAM_QUERIES;
    while left > 0 {
        tokio::select! {
            accepted = handler.connection.accept_bi() => match accepted {
                Ok(stream) => {
                    tasks.spawn(handler.clone().answer(stream));
                    left -= 1;
                }
                Err(_) => return,
            },
            Some(_) = tasks.join_next() => {}
            () = handler.streams.silence(&context.activity) => break,
            _ = context.stopping.changed() => {
                if left == limits::STREAM_QUERIES {
                    handler.await_first(&mut tasks).await;
                }
                break;
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    handler.connection.close(NO_ERROR, b"");
}

impl DoqHandler {
    /// Waits a moment for the query of a connection that has asked nothing yet: whoever has just connected when the server stops
    /// is about to ask.
    async fn await_first(&self, tasks: &mut JoinSet<()>) {
        let first = timeout(
            duration(limits::STREAM_IDLE_LEAST),
            self.connection.accept_bi(),
        );
        if let Ok(Ok(stream)) = first.await {
            tasks.spawn(self.clone().answer(stream));
        }
    }

    /// Answers the query of one stream; the stream, or the connection, ends with it.
    async fn answer(self, (mut send, mut receive): (SendStream, RecvStream)) {
        let Some(frame) = self.read(&mut receive).await else {
            // It fails only when the stream is gone, which is as well.
            let _ = send.reset(EXCESSIVE_LOAD);
            return;
        };
        let Some(reply) = query_of(&frame).and_then(|query| self.reply(query)) else {
            return self.connection.close(PROTOCOL_ERROR, b"");
        };
        let sending = async {
            send.write_all(&reply).await.ok()?;
            send.finish().ok()?;
            send.stopped().await.ok()
        };
        if self.streams.in_time(sending).await.flatten().is_some() {
            self.activity.mark(self.streams.service.clock.now());
        }
    }

    /// All that comes on a stream; `None` if that is too much, takes too long, or is taken back.
    async fn read(&self, receive: &mut RecvStream) -> Option<Vec<u8>> {
        let most = PREFIX + limits::STREAM_REQUEST_BYTES;
        let read = self.streams.in_time(receive.read_to_end(most)).await;
        read?.ok()
    }

    /// The reply with its length in front; `None` for what deserves none.
    fn reply(&self, query: &[u8]) -> Option<Vec<u8>> {
        let source = self.connection.remote_address();
        if !self.streams.service.admits(source) {
            return None;
        }
        with_reply_buffer(|buffer| {
            let (source, transport) = (canonical(source), Transport::Quic);
            let streams = &self.streams;
            let answered = streams.respond(source, transport, query, &mut buffer[PREFIX..])?;
            let length = u16::try_from(answered.length).ok()?;
            buffer[..PREFIX].copy_from_slice(&length.to_be_bytes());
            buffer.get(..PREFIX + answered.length).map(<[u8]>::to_vec)
        })
    }
}

/// The one message of a stream, if it is one that may come by QUIC: its id is 0 (section 4.2.1), and
/// it does not ask for what QUIC itself says (section 5.5.2).
fn query_of(frame: &[u8]) -> Option<&[u8]> {
    let (prefix, message) = frame.split_first_chunk::<PREFIX>()?;
    let is_whole = usize::from(u16::from_be_bytes(*prefix)) == message.len();
    let asks_to_stay = query::read(message)
        .and_then(|query| query.edns)
        .is_some_and(|edns| edns.keepalive);
    let is_fit = is_whole && message.starts_with(&[0, 0]) && !asks_to_stay;
    is_fit.then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: u8, options: &[u8]) -> Vec<u8> {
        let mut message = vec![0, id, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        message.extend(b"\x01x\x00\x00\x01\x00\x01");
        message.extend(b"\x00\x00\x29\x04\xD0\x00\x00\x00\x00\x00");
        message.push(u8::try_from(options.len()).unwrap());
        message.extend(options);
        let length = u16::try_from(message.len()).unwrap();
        [&length.to_be_bytes(), &message[..]].concat()
    }

    #[test]
    fn only_what_quic_allows_is_a_query() {
        let good = frame(0, &[0, 12, 0, 0]);
        assert_eq!(query_of(&good), Some(&good[2..]));
        assert_eq!(query_of(&frame(7, &[])), None, "an id");
        assert_eq!(query_of(&frame(0, &[0, 11, 0, 0])), None, "a keepalive");
        assert_eq!(
            query_of(&[good.clone(), good.clone()].concat()),
            None,
            "two"
        );
        assert_eq!(query_of(&good[..good.len() - 1]), None, "half of one");
        assert_eq!(query_of(&[0]), None);
    }
}
