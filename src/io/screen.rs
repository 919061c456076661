//! The judgement of who is heard at all, of those who want a zone, change one, or say that one has changed.
//!
//! Such messages wait in queues for a worker, and strangers are not to stand in them: whatever can be seen without a
//! secret (where a message comes from, whether it is signed, and with whose key it says it is) is judged here, by the
//! thread that has read it, and what cannot be granted is refused at once.
//!
//! | message | is queued if | otherwise |
//! |---|---|---|
//! | update | it names a key of `[acme]` | REFUSED |
//! | notification | it comes from a primary of the zone, with its key if there is one | NOTAUTH, REFUSED |
//! | request for a zone | a rule of the version that its sender sees fits it | answered like any query: REFUSED |
//! | any other query | it names a key of `[tsig]` | (unsigned: needs no worker) |
//!
//! One that names another key of ours is queued as well, apart from these, because its refusal is to be signed; one
//! that names a key that is not ours is BADKEY (RFC 8945, section 5.2.1).
//!
//! A refusal is a line in the log, one a second for each kind. Whether a signature is right is not known here: that
//! costs a MAC, and is the worker's part.
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use tracing::warn;

use super::clock::Clock;
use super::log_rate::LogRate;
use crate::base::Moment;
use crate::dns::message::{self, Header, Reader, opcode};
use crate::dns::rr::{class, rcode, rtype};
use crate::dns::transfer::notify;
use crate::dns::tsig;
use crate::plan::{Declarer, Rule, Zoning};

/// The kinds of messages that need a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// An update (RFC 2136).
    Update,
    /// A notification (RFC 1996).
    Notify,
    /// A request for a zone (RFC 5936, RFC 1995).
    Transfer,
    /// Whatever else is signed.
    Signed,
}

/// The decision on a message.
#[derive(Debug, PartialEq, Eq)]
pub enum ScreenResult {
    /// It is answered like any query.
    Ordinary,
    /// It is queued for a worker.
    Queued(RequestKind),
    /// It is answered with this at once; with nothing, if it is none that could be replied to.
    Refused(Option<Vec<u8>>),
}

/// The judge of messages; shared by all threads.
#[derive(Debug)]
pub struct Screen {
    clock: Clock,
    zoning: RwLock<Arc<Zoning>>,
    /// By kind.
    told: [LogRate; RequestKind::ALL.len()],
}

/// Why a message is not queued: the response code, and the words for the log.
struct ScreenRefusal {
    rcode: u16,
    why: &'static str,
}

impl RequestKind {
    /// All of them, in index order.
    pub const ALL: [Self; 4] = [Self::Update, Self::Notify, Self::Transfer, Self::Signed];

    fn noun(self) -> &'static str {
        match self {
            Self::Update => "an update",
            Self::Notify => "a notification",
            Self::Transfer => "a request for a zone",
            Self::Signed => "a signed message",
        }
    }

    /// The event of a line about a refusal.
    fn event(self) -> &'static str {
        match self {
            Self::Update => "update_refused",
            Self::Notify => "notification_refused",
            Self::Transfer => "request_refused",
            Self::Signed => "signature_refused",
        }
    }
}

impl Screen {
    /// A judge who lets nobody in yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            zoning: RwLock::default(),
            told: Default::default(),
        }
    }

    /// Goes by another config from now on.
    pub fn use_zoning(&self, zoning: Arc<Zoning>) {
        *self.zoning.write().unwrap_or_else(PoisonError::into_inner) = zoning;
    }

    /// Judges a message.
    #[must_use]
    pub fn judge(&self, source: IpAddr, request: &[u8]) -> ScreenResult {
        let zoning = Arc::clone(&self.zoning.read().unwrap_or_else(PoisonError::into_inner));
        let known = |found: &tsig::ClaimedKey<'_>| {
            let mut keys = zoning.tsig.iter();
            // One whose secret has not come from other nodes is not ours yet.
            keys.position(|key| key.secret.is_some() && found.is(&key.name, key.algorithm))
        };
        let key = match tsig::recognize(request, known) {
            Ok(key) => key,
            Err(fault) => {
                self.tell(kind(request), fault.word());
                let reply = message::reply(request, fault.rcode()).ok();
                return ScreenResult::Refused(reply.map(|mut reply| {
                    fault.sign(&mut reply, self.clock.wall_seconds());
                    reply
                }));
            }
        };
        match kind(request) {
            RequestKind::Update => self.update(&zoning, key, request),
            RequestKind::Notify => self.notify(&zoning, (source, key), request),
            RequestKind::Transfer => self.transfer(&zoning, (source, key), request),
            RequestKind::Signed => match key {
                Some(_) => ScreenResult::Queued(RequestKind::Signed),
                None => ScreenResult::Ordinary,
            },
        }
    }

    fn update(&self, zoning: &Zoning, key: Option<usize>, request: &[u8]) -> ScreenResult {
        let may = |key: usize| {
            let mut grants = zoning.acme.grants.iter();
            grants.any(|grant| grant.key == key) || zoning.dynamic.knows(&[Declarer::Key(key)])
        };
        match key {
            Some(key) if may(key) => ScreenResult::Queued(RequestKind::Update),
            Some(_) => ScreenResult::Queued(RequestKind::Signed),
            None => {
                let why = "it bears no signature";
                let rcode = rcode::REFUSED;
                self.refuse(RequestKind::Update, request, &ScreenRefusal { rcode, why })
            }
        }
    }

    fn notify(
        &self,
        zoning: &Zoning,
        (source, key): (IpAddr, Option<usize>),
        request: &[u8],
    ) -> ScreenResult {
        let refused = |rcode, why| Some(ScreenRefusal { rcode, why });
        let refusal = match notify::read(request) {
            Err(_) => refused(rcode::FORMERR, "it is malformed"),
            Ok(told) => {
                let all = zoning.versions(&told.zone);
                let all: Vec<_> = all.filter_map(|zone| zone.incoming.as_ref()).collect();
                let mut own = all.iter().filter(|incoming| incoming.is_primary(source));
                if all.is_empty() {
                    refused(rcode::NOTAUTH, "the zone comes from no primary")
                } else if own.clone().next().is_none() {
                    let why = "it does not come from a primary of the zone";
                    refused(rcode::REFUSED, why)
                } else if !own.any(|incoming| incoming.may_tell(source, key)) {
                    refused(rcode::REFUSED, "it is not signed with the zone's key")
                } else {
                    None
                }
            }
        };
        match (refusal, key) {
            (None, _) => ScreenResult::Queued(RequestKind::Notify),
            (Some(_), Some(_)) => ScreenResult::Queued(RequestKind::Signed),
            (Some(refusal), None) => self.refuse(RequestKind::Notify, request, &refusal),
        }
    }

    fn transfer(
        &self,
        zoning: &Zoning,
        (source, key): (IpAddr, Option<usize>),
        request: &[u8],
    ) -> ScreenResult {
        let zone = Reader::new(request).and_then(|mut reader| reader.question());
        let outgoing = zone.ok().and_then(|asked| {
            let view = zoning.views.of_signed(source, key);
            zoning.seen(&asked.name, view)?.outgoing.as_ref()
        });
        let rule = outgoing.map_or(Rule::Refused, |outgoing| outgoing.rule(source, key));
        match (rule, key) {
            (Rule::Granted, _) => ScreenResult::Queued(RequestKind::Transfer),
            (Rule::Refused, Some(_)) => ScreenResult::Queued(RequestKind::Signed),
            (Rule::Refused, None) => {
                self.tell(RequestKind::Transfer, "no rule of `transfer` fits it");
                ScreenResult::Ordinary
            }
        }
    }

    fn refuse(&self, kind: RequestKind, request: &[u8], refusal: &ScreenRefusal) -> ScreenResult {
        self.tell(kind, refusal.why);
        let reply = message::reply(request, refusal.rcode).ok();
        ScreenResult::Refused(reply.map(|mut reply| {
            if kind == RequestKind::Notify {
                message::set_authoritative(&mut reply);
            }
            reply
        }))
    }

    /// Says that a message was refused, if the last such line is old enough.
    pub fn tell(&self, kind: RequestKind, why: &str) {
        let now = self.clock.now();
        if let Some(left_out) = self.told[kind as usize].admit(now) {
            let (event, noun) = (kind.event(), kind.noun());
            warn!(event, left_out, "{noun} was refused: {why}");
        }
    }

    /// Says how many lines were left out of a flood that is over.
    pub fn sweep(&self, now: Moment) {
        for kind in RequestKind::ALL {
            if let Some(left_out) = self.told[kind as usize].overdue(now) {
                let (event, noun) = (kind.event(), kind.noun());
                warn!(
                    event,
                    left_out, "{noun} was refused, {left_out} times since the last line"
                );
            }
        }
    }
}

/// The kind of a message that needs a worker, as its head has it.
fn kind(request: &[u8]) -> RequestKind {
    match Header::read(request).map(Header::opcode) {
        Ok(opcode::UPDATE) => RequestKind::Update,
        Ok(opcode::NOTIFY) => RequestKind::Notify,
        Ok(_) if is_transfer(request) => RequestKind::Transfer,
        Ok(_) | Err(_) => RequestKind::Signed,
    }
}

fn is_transfer(request: &[u8]) -> bool {
    let asked = Reader::new(request).and_then(|mut reader| reader.question());
    asked.is_ok_and(|asked| {
        matches!(asked.qtype, rtype::AXFR | rtype::IXFR) && asked.qclass == class::IN
    })
}
