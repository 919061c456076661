//! Many questions at once to one server, over UDP and TCP.
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use super::questions::Asked;
use super::servers::WAYPOST;
use super::wire::{self, Reply};

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to a server.
pub(crate) struct Line {
    address: &'static str,
    socket: UdpSocket,
    stream: TcpStream,
}

impl Line {
    pub(crate) fn open(address: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect((address, 53)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            address,
            socket,
            stream: connect(address),
        }
    }

    /// Sends questions whose ids are their places.
    pub(crate) fn send(&mut self, questions: &[Asked]) {
        let mut streamed = Vec::new();
        for (id, asked) in (0..).zip(questions) {
            let packet = asked.packet(id);
            match asked.way.stream {
                true => {
                    streamed.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
                    streamed.extend(packet);
                }
                false => assert_eq!(self.socket.send(&packet).unwrap(), packet.len()),
            }
        }
        self.stream.write_all(&streamed).unwrap();
    }

    /// Receives the replies, each in the place of its question. Waypost is to say no record twice.
    pub(crate) fn receive(&mut self, questions: &[Asked]) -> Vec<Reply> {
        let mut replies = BTreeMap::new();
        for asked in questions {
            let packet = match asked.way.stream {
                true => self.next_of_stream(),
                false => self.next_datagram(),
            };
            let Some(reply) = wire::read(&packet) else {
                panic!("{} answers with {packet:02x?}", self.address);
            };
            let ours = self.address == WAYPOST;
            assert!(!ours || !reply.repeated, "a record twice: {packet:02x?}");
            replies.insert(reply.id, reply);
        }
        assert_eq!(replies.len(), questions.len(), "{}", self.address);
        replies.into_values().collect()
    }

    fn next_datagram(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_535];
        let length = self.socket.recv(&mut buffer);
        let length = length.unwrap_or_else(|error| panic!("{}: {error}", self.address));
        buffer.truncate(length);
        buffer
    }

    fn next_of_stream(&mut self) -> Vec<u8> {
        let mut length = [0; 2];
        let read = self.stream.read_exact(&mut length);
        read.unwrap_or_else(|error| panic!("{}, TCP: {error}", self.address));
        let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut reply).unwrap();
        reply
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect((address, 53)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
