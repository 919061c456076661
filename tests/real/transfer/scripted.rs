//! A primary of `evil.test` that answers IXFR and AXFR as a test says, and counts what it is asked.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};

use super::hostile::{ZONE_NAME, record};
use super::peers::WAYPOST;

/// How it replies to one kind of request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// With this response code and nothing else.
    Code(u8),
    /// With these records in one message.
    Records(Vec<Vec<u8>>),
    /// With the first half of the message, then it ends the connection.
    Torn(Vec<Vec<u8>>),
    /// It ends the connection without a word.
    Gone,
    /// It keeps the connection and says nothing.
    Silence,
}

/// What it replies to each kind of request, and which it was asked.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) changes: Reply,
    pub(crate) whole: Reply,
    pub(crate) asked: Vec<&'static str>,
}

/// A primary that goes by a script that the test may change.
#[derive(Clone)]
pub(crate) struct Primary {
    address: String,
    script: Arc<Mutex<Script>>,
}

/// The SOA; it is looked at every two seconds, and after a failure not for an hour.
pub(crate) fn soa(serial: u32) -> Vec<u8> {
    let numbers = [serial, 1, 3600, 600_000, 5].map(u32::to_be_bytes).concat();
    record(ZONE_NAME, 6, &[ZONE_NAME, ZONE_NAME, &numbers].concat())
}

/// A TXT record of a name below the apex.
pub(crate) fn text(label: &str, text: &str) -> Vec<u8> {
    record(&below(label), 16, &string(text))
}

/// The name server of the apex.
pub(crate) fn ns() -> Vec<u8> {
    record(ZONE_NAME, 2, b"\x02ns\x05other\x00")
}

/// The zone of a version: `v TXT` is its serial.
pub(crate) fn zone(serial: u32) -> Vec<Vec<u8>> {
    let rest = ["a", "b", "c"].map(|label| text(label, "stays"));
    let mut all = vec![soa(serial), ns(), text("v", &serial.to_string())];
    all.extend(rest);
    all.push(soa(serial));
    all
}

fn below(label: &str) -> Vec<u8> {
    [&string(label), ZONE_NAME].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

impl Primary {
    /// Listens on port 53 of an address; the zone has version `serial`, and no changes are given.
    pub(crate) fn start(address: &str, serial: u32) -> Self {
        let script = Script {
            changes: Reply::Code(4),
            whole: Reply::Records(zone(serial)),
            asked: Vec::new(),
        };
        let primary = Self {
            address: address.to_owned(),
            script: Arc::new(Mutex::new(script)),
        };
        let listener = TcpListener::bind((address, 53)).unwrap();
        let own = primary.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (own, stream) = (own.clone(), stream.unwrap());
                // Whoever asks may go at any time.
                std::thread::spawn(move || own.answer(stream));
            }
        });
        primary
    }

    /// Goes on by another script, and notifies; what it is asked is counted anew.
    pub(crate) fn says(&self, changes: Reply, whole: Reply) {
        let asked = Vec::new();
        *self.script.lock().unwrap() = Script {
            changes,
            whole,
            asked,
        };
        let head = [0, 7, 0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let notify = [&head[..], ZONE_NAME, &[0, 6, 0, 1]].concat();
        let socket = UdpSocket::bind((self.address.as_str(), 0)).unwrap();
        socket.send_to(&notify, (WAYPOST, 53)).unwrap();
    }

    /// What it was asked since the script was changed.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        self.script.lock().unwrap().asked.clone()
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut request)?;
        let question = &request[12..12 + ZONE_NAME.len() + 4];
        let reply = {
            let mut script = self.script.lock().unwrap();
            let is_changes = question[ZONE_NAME.len() + 1] == 251;
            script.asked.push(if is_changes { "IXFR" } else { "AXFR" });
            if is_changes {
                script.changes.clone()
            } else {
                script.whole.clone()
            }
        };
        let message = |code: u8, records: &[Vec<u8>]| {
            let count = u16::try_from(records.len()).unwrap().to_be_bytes();
            let head = [request[0], request[1], 0x84, code, 0, 1];
            let message = [&head[..], &count, &[0; 4], question, &records.concat()].concat();
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            [&length[..], &message].concat()
        };
        match reply {
            Reply::Code(code) => stream.write_all(&message(code, &[])),
            Reply::Records(records) => stream.write_all(&message(0, &records)),
            Reply::Torn(records) => {
                let whole = message(0, &records);
                stream.write_all(&whole[..whole.len() / 2])
            }
            Reply::Gone => Ok(()),
            Reply::Silence => {
                std::thread::sleep(std::time::Duration::from_secs(60));
                Ok(())
            }
        }
    }
}
