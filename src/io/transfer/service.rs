//! What is answered to requests for zones, to notifications, and to whatever is signed.
//!
//! A signature is checked first: with one that is wrong nothing else counts. Then a request for a
//! zone is granted by the plan's rules or REFUSED, and is for the version of it that its sender sees; a notification is taken from a primary of the
//! zone and from nobody else; any other query is answered as it would be without a signature, and
//! the reply is signed. A request that is granted over UDP gets the SOA alone, from which the
//! client learns whether to come back over TCP (RFC 1995, section 2).
use std::net::IpAddr;

use tokio::sync::OwnedSemaphorePermit;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::answer::{Asker, Transport, answer};
use crate::base::limits::{MESSAGE_BYTES, TRANSFERS_OUT, UDP_REPLY_BYTES_PLAIN};
use crate::dns::Name;
use crate::dns::message::{self, Header, Reader, opcode};
use crate::dns::query;
use crate::dns::rr::{class, rcode, rtype};
use crate::dns::transfer::{Entry, Journal, Messages, Sending, notify};
use crate::dns::tsig::{self, Checked, Signer};
use crate::io::clock::Clock;
use crate::plan::{Rule, TsigKey, Zoning};
use crate::table::Table;
use tokio::sync::{Semaphore, mpsc};

/// The messages of one transfer, made and signed as they are asked for.
#[derive(Debug)]
pub struct Stream {
    messages: Messages,
    signer: Option<Signer>,
    clock: Clock,
    /// Room for another transfer, once this one is over.
    _room: OwnedSemaphorePermit,
}

impl Iterator for Stream {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut message = self.messages.next()?;
        if let Some(signer) = &mut self.signer {
            signer.sign(&mut message, self.clock.wall_seconds());
        }
        Some(message)
    }
}

/// A request for a zone.
struct Asked {
    id: u16,
    zone: Name,
    qtype: u16,
    /// The version that the client has.
    known: Option<u32>,
}

/// What requests are answered from; shared by all that serve.
#[derive(Debug)]
pub struct Service {
    clock: Clock,
    zoning: RwLock<Arc<Zoning>>,
    journals: RwLock<BTreeMap<Name, Journal>>,
    room: Arc<Semaphore>,
    /// Where it goes that a primary says a zone may have changed.
    notified: mpsc::Sender<Name>,
}

impl Service {
    /// A service that gives nobody anything yet.
    #[must_use]
    pub fn new(clock: Clock, notified: mpsc::Sender<Name>) -> Self {
        Self {
            clock,
            zoning: RwLock::default(),
            journals: RwLock::default(),
            room: Arc::new(Semaphore::new(TRANSFERS_OUT)),
            notified,
        }
    }

    /// Goes by another config from now on.
    pub fn use_zoning(&self, zoning: Arc<Zoning>) {
        *self.zoning.write().unwrap_or_else(PoisonError::into_inner) = zoning;
    }

    /// Gives a zone, by its [`crate::plan::ZonePlan::id`], in these versions from now on; to nobody, if there are none.
    pub fn offer(&self, id: Name, journal: Option<Journal>) {
        let mut journals = self
            .journals
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match journal {
            Some(journal) => drop(journals.insert(id, journal)),
            None => drop(journals.remove(&id)),
        }
    }

    fn zoning(&self) -> Arc<Zoning> {
        Arc::clone(&self.zoning.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The messages of a transfer that is granted; [`Service::reply`] has a word for any other request.
    #[must_use]
    pub fn transfer(&self, source: IpAddr, request: &[u8]) -> Option<Stream> {
        let zoning = self.zoning();
        let signer = self.signer(&zoning, request).ok()?;
        let asked = asked(request)?;
        let sending = self.grant(&zoning, source, signer.as_ref(), &asked).ok()?;
        Some(Stream {
            messages: Messages::new(asked.id, &asked.zone, asked.qtype, sending),
            signer,
            clock: self.clock,
            _room: self.room.clone().try_acquire_owned().ok()?,
        })
    }

    /// The one reply to a request; `None` if it deserves none.
    #[must_use]
    pub fn reply(&self, table: &Table, asker: &Asker, request: &[u8]) -> Option<Vec<u8>> {
        let zoning = self.zoning();
        let mut signer = match self.signer(&zoning, request) {
            Ok(signer) => signer,
            Err(fault) => return self.refuse(fault, request),
        };
        let key = signer.as_ref().and_then(|signer| place(&zoning, signer));
        // The config may be newer than the table; by name they mean the same.
        let view = zoning.views.name(zoning.views.of_signed(asker.source, key));
        let table = table.seen(table.plan.views.named(view).flatten());
        let mut reply = match Header::read(request).ok()?.opcode() {
            opcode::NOTIFY => {
                let rcode = self.take_notice(&zoning, asker.source, key, request);
                let mut reply = message::reply(request, rcode).ok()?;
                message::set_authoritative(&mut reply);
                reply
            }
            _ => match asked(request) {
                Some(asked) => self.decline((table, asker), signer.as_ref(), &asked, request)?,
                None => ordinary(table, asker, signer.as_ref(), request)?,
            },
        };
        if let Some(signer) = &mut signer {
            signer.sign(&mut reply, self.clock.wall_seconds());
        }
        Some(reply)
    }

    /// Checks that a request is signed well with a key of ours.
    ///
    /// # Errors
    /// What is wrong, in the word of RFC 8945, and the reply that says so, if there is one.
    pub fn vet(&self, request: &[u8]) -> Result<(), (&'static str, Option<Vec<u8>>)> {
        match self.signer(&self.zoning(), request) {
            Ok(_) => Ok(()),
            Err(fault) => Err((fault.word(), self.refuse(fault, request))),
        }
    }

    fn refuse(&self, fault: tsig::Fault, request: &[u8]) -> Option<Vec<u8>> {
        let mut reply = message::reply(request, fault.rcode()).ok()?;
        fault.sign(&mut reply, self.clock.wall_seconds());
        Some(reply)
    }

    /// What signs the reply, if the request is signed.
    fn signer(&self, zoning: &Zoning, request: &[u8]) -> Result<Option<Signer>, tsig::Fault> {
        let named = |found: &tsig::ClaimedKey<'_>| {
            let mut keys = zoning.tsig.iter();
            let key = keys.find(|key| found.is(&key.name, key.algorithm));
            key.and_then(TsigKey::key)
        };
        let key = tsig::recognize(request, named)?;
        match tsig::check(key.as_ref(), request, self.clock.wall_seconds())? {
            Checked::Unsigned => Ok(None),
            Checked::Signed(signer) => Ok(Some(signer)),
        }
    }

    /// What to send, or with which code to decline.
    fn grant(
        &self,
        zoning: &Zoning,
        source: IpAddr,
        signer: Option<&Signer>,
        asked: &Asked,
    ) -> Result<Sending, u16> {
        let key = signer.and_then(|signer| place(zoning, signer));
        let view = zoning.views.of_signed(source, key);
        let version = zoning.seen(&asked.zone, view).ok_or(rcode::REFUSED)?;
        let outgoing = version.outgoing.as_ref().ok_or(rcode::REFUSED)?;
        if outgoing.rule(source, key) == Rule::Refused {
            return Err(rcode::REFUSED);
        }
        let journals = self.journals.read().unwrap_or_else(PoisonError::into_inner);
        let journal = journals.get(&version.id).ok_or(rcode::SERVFAIL)?;
        Ok(journal.send(asked.known))
    }

    /// The reply to a request for a zone that no stream of messages answers.
    fn decline(
        &self,
        (table, asker): (&Table, &Asker),
        signer: Option<&Signer>,
        asked: &Asked,
        request: &[u8],
    ) -> Option<Vec<u8>> {
        let rcode = match self.grant(&self.zoning(), asker.source, signer, asked) {
            Ok(sending) if asker.transport == Transport::Udp && asked.qtype == rtype::IXFR => {
                let sending = match sending {
                    Sending::Soa(content)
                    | Sending::Whole(content)
                    | Sending::Changes(content, _) => Sending::Soa(content),
                };
                return Messages::new(asked.id, &asked.zone, asked.qtype, sending).next();
            }
            // A whole zone is not for UDP (RFC 5936, section 4.2).
            Ok(_) if asker.transport == Transport::Udp => rcode::REFUSED,
            // There is no room for another one now.
            Ok(_) => rcode::SERVFAIL,
            Err(rcode) => rcode,
        };
        match rcode {
            rcode::REFUSED => ordinary(table, asker, signer, request),
            _ => message::reply(request, rcode).ok(),
        }
    }

    /// Takes notice that a zone may have changed, if a primary says so.
    fn take_notice(
        &self,
        zoning: &Zoning,
        source: IpAddr,
        key: Option<usize>,
        request: &[u8],
    ) -> u16 {
        let Ok(told) = notify::read(request) else {
            return rcode::FORMERR;
        };
        let mut rcode = rcode::NOTAUTH;
        // A primary of several versions does not say which of them it means.
        for version in zoning.versions(&told.zone) {
            match &version.incoming {
                None => {}
                Some(incoming) if incoming.may_tell(source, key) => {
                    rcode = rcode::NOERROR;
                    // Where the queue is full, the zone's own timer comes soon enough.
                    let _ = self.notified.try_send(version.id.clone());
                }
                Some(_) if rcode == rcode::NOTAUTH => rcode = rcode::REFUSED,
                Some(_) => {}
            }
        }
        rcode
    }
}

/// The place of a key in the config.
fn place(zoning: &Zoning, signer: &Signer) -> Option<usize> {
    let name = signer.key().name();
    zoning.tsig.iter().position(|key| key.name == *name)
}

/// Reads a request for a zone; `None` if it is none.
fn asked(request: &[u8]) -> Option<Asked> {
    let header = Header::read(request).ok()?;
    let mut reader = Reader::new(request).ok()?;
    let question = reader.question().ok()?;
    let is_transfer = matches!(question.qtype, rtype::AXFR | rtype::IXFR);
    if header.opcode() != opcode::QUERY || !is_transfer || question.qclass != class::IN {
        return None;
    }
    let mut known = None;
    if question.qtype == rtype::IXFR && header.counts[1] == 0 && header.counts[2] > 0 {
        let record = reader.record().ok()?;
        let soa = Entry {
            owner: record.owner,
            rtype: record.rtype,
            ttl: record.ttl,
            rdata: record.rdata.into(),
        };
        known = (soa.rtype == rtype::SOA).then(|| soa.serial());
    }
    Some(Asked {
        id: header.id,
        zone: question.name,
        qtype: question.qtype,
        known,
    })
}

/// The answer that an unsigned query would get, with room for a signature.
fn ordinary(
    table: &Table,
    asker: &Asker,
    signer: Option<&Signer>,
    request: &[u8],
) -> Option<Vec<u8>> {
    let most = match asker.transport == Transport::Udp {
        true => udp_most(table, request)?,
        false => MESSAGE_BYTES,
    };
    let signature = signer.map_or(0, |signer| signer.key().record_bytes());
    let room = most.saturating_sub(signature);
    let mut reply = vec![0; room.max(UDP_REPLY_BYTES_PLAIN)];
    let answered = answer(table, asker, request, &mut reply)?;
    reply.truncate(answered.length);
    if reply.len() <= room {
        return Some(reply);
    }
    let mut short = message::reply(request, answered.rcode).ok()?;
    message::set_truncated(&mut short);
    Some(short)
}

/// Octets that a client takes over UDP.
fn udp_most(table: &Table, request: &[u8]) -> Option<usize> {
    let edns = query::read(request)?.edns;
    let payload = edns.map(|edns| edns.payload.min(table.plan.server.udp_reply_bytes));
    Some(
        payload
            .map_or(UDP_REPLY_BYTES_PLAIN, usize::from)
            .max(UDP_REPLY_BYTES_PLAIN),
    )
}
