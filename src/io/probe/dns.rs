//! Probes of type `dns`: a question over UDP, TCP or TLS, and the judgement of its reply.
//!
//! Over UDP a datagram that is not the reply (another id, another question, noise) is passed over, for anyone can send one; what
//! is asked comes from a port of its own and with an id that nobody can guess. A reply that was cut short is asked for again
//! over TCP, within the same probe. Over a stream the first message must be the reply.
use tokio::net::UdpSocket;

use super::attempt::{Attempt, Destination, Left, Probe, Resources};
use super::bounded::BoundedStream;
use super::cause;
use super::encrypted::{self, Dialling};
use super::stream::ProbeStream;
use crate::base::Cause;
use crate::dns::ask::{self, Question, Reply};
use crate::dns::text::type_name;
use crate::monitor::dns::{DnsCheck, DnsTransport, Recursion, normal};

/// The most that a datagram holds: more than was asked for, in case a server does not care.
const DATAGRAM_BYTES: usize = 4096;
/// The name of DNS in a TLS handshake (RFC 7858, by IANA's registry).
const NAME: &[u8] = b"dot";
/// The bit that asks for recursion, in the third octet of a header (RFC 1035, section 4.1.1).
const RECURSION_DESIRED: u8 = 1;

/// A monitor of type `dns`, ready to look.
#[derive(Debug)]
pub(super) struct DnsProbe {
    check: DnsCheck,
    question: Question,
    dialling: Dialling,
}

impl Probe for DnsProbe {
    type Check = DnsCheck;

    fn prepare(check: &DnsCheck, resources: &mut Resources) -> Result<Self, String> {
        Ok(Self {
            check: check.clone(),
            question: Question {
                name: check.name.clone(),
                rtype: check.rtype,
                wants: Vec::new(),
            },
            dialling: Dialling::prepare(&check.encryption, resources, &[NAME])?,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let (id, query) = self.query()?;
        if self.check.transport == DnsTransport::Udp {
            let socket = attempt.datagrams(to.address)?;
            let reply = self.ask_by_datagram(&socket, id, &query);
            let reply = attempt.exchange(reply).await?;
            if !reply.is_truncated() {
                return self.judge(&reply);
            }
        }
        let mut stream = self.dialling.dial(to, attempt, encrypted::never).await?;
        let reply = self.ask_by_stream(&mut stream, id, &query);
        let reply = attempt.exchange(reply).await?;
        attempt.leave(Left::Connection(stream));
        self.judge(&reply)
    }
}

impl DnsProbe {
    /// The question, and its id, which nobody can guess.
    fn query(&self) -> Result<(u16, Vec<u8>), Cause> {
        let mut drawn = [0; size_of::<u16>()];
        aws_lc_rs::rand::fill(&mut drawn).map_err(|_| Cause::Local)?;
        let id = u16::from_be_bytes(drawn);
        let mut query = ask::encode(id, &self.question);
        if self.check.recursion == Recursion::Desired {
            query[2] |= RECURSION_DESIRED;
        }
        Ok((id, query))
    }

    async fn ask_by_datagram(
        &self,
        socket: &UdpSocket,
        id: u16,
        query: &[u8],
    ) -> Result<Reply, Cause> {
        let sent = socket.send(query).await;
        sent.map_err(|error| cause::of_connect(&error))?;
        let mut datagram = [0; DATAGRAM_BYTES];
        loop {
            let length = socket.recv(&mut datagram).await;
            let length = length.map_err(|error| cause::of_connect(&error))?;
            if let Some(reply) = self.read(id, &datagram[..length]) {
                return Ok(reply);
            }
        }
    }

    /// A message over a stream goes behind its length (RFC 1035, section 4.2.2).
    async fn ask_by_stream(
        &self,
        stream: &mut ProbeStream,
        id: u16,
        query: &[u8],
    ) -> Result<Reply, Cause> {
        let length = u16::try_from(query.len()).expect("a question is short");
        let mut stream = BoundedStream::new(stream);
        stream
            .send(&[&length.to_be_bytes(), query].concat())
            .await?;
        let length = stream.exactly(size_of::<u16>()).await?;
        let length = u16::from_be_bytes([length[0], length[1]]);
        let message = stream.exactly(length.into()).await?;
        self.read(id, &message).ok_or(Cause::Protocol)
    }

    /// The reply to the question, if a message is that.
    fn read(&self, id: u16, message: &[u8]) -> Option<Reply> {
        ask::decode(message).filter(|reply| reply.answers(id, &self.question))
    }

    fn judge(&self, reply: &Reply) -> Result<(), Cause> {
        let came = reply.answer.iter();
        let came = came.filter(|record| record.rtype == type_name(self.check.rtype));
        let came: Vec<_> = came
            .map(|one| normal(self.check.rtype, &one.data))
            .collect();
        let has_come = |expected: &String| came.iter().flatten().any(|one| one == expected);
        let is_expected = self.check.expect_rcode.contains(&reply.rcode)
            && self.check.expect_answers.iter().all(has_come);
        match is_expected {
            true => Ok(()),
            false => Err(Cause::Answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::probe::trust::Trust;
    use crate::monitor::Check;
    use crate::monitor::tests::given;
    use tokio::sync::mpsc::unbounded_channel;

    fn probe(keys: &str) -> DnsProbe {
        let keys = format!("type = \"dns\"\nname = \"www.example.org\"\n{keys}");
        let (written, found) = given(&keys);
        assert!(found.is_empty(), "{found:?}");
        let Check::Dns(check) = written.check else {
            panic!("{keys}");
        };
        let mut resources = Resources {
            trust: Trust::new().unwrap(),
            reports: unbounded_channel().0,
            programs: None,
        };
        DnsProbe::prepare(&check, &mut resources).unwrap()
    }

    /// A reply to a question with one A record.
    fn reply(query: &[u8], flags: [u8; 2], address: [u8; 4]) -> Vec<u8> {
        let question = &query[12..query.len() - 11];
        let record = [&[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..], &address].concat();
        let head = [
            query[0], query[1], flags[0], flags[1], 0, 1, 0, 1, 0, 0, 0, 0,
        ];
        [&head[..], question, &record].concat()
    }

    #[test]
    fn replies_are_judged_by_code_and_answers() {
        for (keys, code, judged) in [
            ("", 0, Ok(())),
            ("", 2, Err(Cause::Answer)),
            ("expect_rcode = [\"NXDOMAIN\", \"SERVFAIL\"]", 2, Ok(())),
            ("expect_rcode = [\"NXDOMAIN\"]", 0, Err(Cause::Answer)),
            ("expect_answers = [\"192.0.2.7\"]", 0, Ok(())),
            ("expect_answers = [\"192.0.2.8\"]", 0, Err(Cause::Answer)),
            (
                "expect_answers = [\"192.0.2.7\", \"192.0.2.8\"]",
                0,
                Err(Cause::Answer),
            ),
        ] {
            let probe = probe(keys);
            let (id, query) = probe.query().unwrap();
            let message = reply(&query, [0x80, code], [192, 0, 2, 7]);
            let reply = probe.read(id, &message).expect("it is the reply");
            assert_eq!(probe.judge(&reply), judged, "{keys} {code}");
        }
    }

    #[test]
    fn what_is_not_the_reply_is_passed_over() {
        let probe = probe("recursion = true");
        let (id, query) = probe.query().unwrap();
        assert_eq!(query[2], 1, "recursion is asked for");
        let sound = reply(&query, [0x80, 0], [192, 0, 2, 7]);
        assert!(probe.read(id.wrapping_add(1), &sound).is_none());
        assert!(probe.read(id, &query).is_none());
        for end in 0..sound.len() {
            assert!(probe.read(id, &sound[..end]).is_none(), "{end}");
        }
        for place in 0..sound.len() {
            for bit in 0..8 {
                let mut bent = sound.clone();
                bent[place] ^= 1 << bit;
                if let Some(reply) = probe.read(id, &bent) {
                    assert_eq!(reply.id, id);
                    let _ = probe.judge(&reply);
                }
            }
        }
    }
}
