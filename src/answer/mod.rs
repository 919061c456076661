//! (table, client, query) -> reply bytes + outcome. Never waits, never fails, never allocates.
//!
//! | module | what it decides |
//! |---|---|
//! | this | which queries are answered at all, how long a reply may be, what OPT says |
//! | [`lookup`] | data of zones: answers, aliases, referrals, denials |
//! | [`chain`] | aliases: the names an answer passes through |
//! | [`additional`] | the additional section: what saves the client a question |
//! | [`steered`] | steered names: whose network counts, which addresses, which ECS scope |
//! | [`chosen`] | steered names with more than addresses: CNAMEs, and other types by choice |
//! | [`led`] | addresses beside records by choice |
//! | [`proof`] | what DNSSEC adds: signatures, and proofs of what does not exist |
//! | [`defend`] | what a forged query may bring about: proof by cookie, bounds, withheld answers |
//! | [`chaos`] | the server's own words in class CH |
//! | [`spelling`] | names on the wire: the one being looked up, and how aliases change it |
//!
//! Before any name is looked up: AXFR and IXFR are REFUSED, or NOTAUTH where the name is the apex of no
//! zone; whoever may have a zone gets it elsewhere. Type 0 and meta-types (128 to 254, OPT) cannot be data and are FORMERR,
//! as RFC 9824, section 3.5, wants for NXNAME (tests/real/peers says what others do). Any class but IN and CH is REFUSED.
//!
//! What is not known here: health, weights, the clock (an argument) and what carries the bytes.
//! Whatever needs none of the query's case and id could be encoded beforehand; that is why
//! everything here works on octets and offsets into the question.
use std::net::IpAddr;

use crate::base::limits::{MESSAGE_BYTES, PADDING_BLOCK, UDP_REPLY_BYTES_PLAIN};
use crate::base::{ClassId, Family, Moment, Reason, RegionId, ServiceId, Span};
use crate::dns::cookie::{Jar, Proof};
use crate::dns::edns::{COOKIE_BYTES, Edns, ExtendedError, More, Opt};
use crate::dns::query::{Query, Question};
use crate::dns::reply::Reply;
use crate::dns::rr::{class, rcode, rtype};
use crate::plan::Server;
use crate::table::Table;

mod additional;
mod chain;
mod chaos;
mod chosen;
mod defend;
mod led;
mod lookup;
mod outcome;
mod proof;
mod spelling;
mod steered;

pub use defend::Counted;

use outcome::Outcome;

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Source address of the query.
    pub source: IpAddr,
    /// How the query came.
    pub transport: Transport,
    /// When.
    pub now: Moment,
    /// How long its connection may be silent; means nothing where there is none.
    pub idle: Span,
    /// What makes and checks cookies; absent = they are passed over.
    pub cookies: Option<Jar>,
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over UDP: the reply is bounded, and may be truncated.
    Udp,
    /// Over TCP (RFC 7766).
    Tcp,
    /// Over TLS (RFC 7858).
    Tls,
    /// Over HTTPS (RFC 8484).
    Https,
    /// Over QUIC (RFC 9250).
    Quic,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Https, Self::Quic];

    /// Whether a reply may have up to 65,535 octets and its client has proved its address.
    #[must_use]
    pub fn is_stream(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Https | Self::Quic => true,
        }
    }

    /// Whether nobody on the way can read what is sent, only how long it is.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::Udp | Self::Tcp => false,
            Self::Tls | Self::Https | Self::Quic => true,
        }
    }

    /// As metrics call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
            Self::Quic => "quic",
        }
    }
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Octets of the reply.
    pub length: usize,
    /// Response code, extended ones included.
    pub rcode: u16,
    /// The service, if the answer was steered.
    pub service: Option<ServiceId>,
    /// The region it went to.
    pub region: Option<RegionId>,
    /// The family and the class that it was steered for, if the service has an endpoint for
    /// them.
    pub asked: Option<(Family, ClassId)>,
    /// Why it is what it is.
    pub reason: Reason,
    /// Whether the reply was truncated.
    pub truncated: bool,
    /// What limits on rates go by.
    pub counted: Counted,
}

/// All that one reply is made from.
#[derive(Clone, Copy)]
struct Request<'r> {
    table: &'r Table,
    asker: &'r Asker,
    question: &'r Question<'r>,
    edns: Option<&'r Edns>,
    proof: Proof,
}

/// Answers one query into `reply` (at least 65,535 octets for streams, 1232 for UDP; nothing is
/// answered into less than 512); `None` if it deserves no reply: too short for a header, or
/// itself a reply.
#[must_use]
pub fn answer(table: &Table, asker: &Asker, query: &[u8], reply: &mut [u8]) -> Option<Answered> {
    answer_by(respond, table, (asker, query), reply)
}

/// Replies to a query whose sender has had enough answers: without data, but so that a sender who is no
/// forgery knows how to get one (by a cookie, or over TCP). Otherwise as [`answer`].
#[must_use]
pub fn withhold(table: &Table, asker: &Asker, query: &[u8], reply: &mut [u8]) -> Option<Answered> {
    let withhold = |request: Request<'_>, _: &mut Reply<'_, '_>, outcome: &mut Outcome| {
        *outcome = defend::withhold(request.proof);
    };
    answer_by(withhold, table, (asker, query), reply)
}

/// `respond` makes the outcome of a query without fault, in its place: it is large.
#[inline]
fn answer_by(
    respond: impl FnOnce(Request<'_>, &mut Reply<'_, '_>, &mut Outcome),
    table: &Table,
    (asker, packet): (&Asker, &[u8]),
    reply: &mut [u8],
) -> Option<Answered> {
    let mut query = Query::UNREAD;
    if !query.read(packet) {
        return None;
    }
    let (question, edns) = (query.question.as_ref(), query.edns.as_ref());
    let server = &table.plan.server;
    let mut cookie = None;
    let proof = defend::judge(asker, edns, &mut cookie);
    let room = reply.len();
    let limit = reply_limit(server, asker.transport, edns).min(room);
    let limit = limit.min(defend::bound(server, asker, proof, packet.len()));
    if room < UDP_REPLY_BYTES_PLAIN {
        return None;
    }
    let mut writer = Reply::begin(&mut reply[..limit], query.header, question)?;
    // It is large too, and stays where it is.
    let mut opt = Opt::bare(server.udp_reply_bytes);
    if let Some(edns) = edns {
        reserve_opt((server, asker), (edns, &cookie), (&mut opt, &mut writer));
    }
    let mut outcome = Outcome::bare(rcode::NOERROR, Reason::Static);
    match (query.fault, question) {
        (None, Some(question)) => {
            let request = Request {
                table,
                asker,
                question,
                edns,
                proof,
            };
            respond(request, &mut writer, &mut outcome);
        }
        (None, None) => outcome = defend::cookie_only(asker),
        (Some(fault), _) => outcome = Outcome::reject(fault),
    }
    if edns.is_some() {
        opt.scope = outcome.scope;
        if let Some(error) = outcome.extended_error() {
            opt.more.get_or_insert_default().extended_error = Some(*error);
        }
    }
    let length = writer.finish(outcome.flags(), outcome.rcode, edns.map(|_| &mut opt));
    let name = question.map_or(&[][..], |question| question.name);
    Some(outcome.answered(length, Counted::of(&outcome, proof, name)))
}

/// Octets that the reply may have at most.
fn reply_limit(server: &Server, transport: Transport, edns: Option<&Edns>) -> usize {
    if transport.is_stream() {
        return MESSAGE_BYTES;
    }
    let payload = edns.map_or(0, |edns| edns.payload.min(server.udp_reply_bytes));
    usize::from(payload).max(UDP_REPLY_BYTES_PLAIN)
}

/// Says what the reply's OPT holds, and keeps its room back; what does not fit is left out ([`Opt::fit`]). An
/// extended error has no room kept: it is not worth truncating an answer for. There are two callers, so it is not inlined by itself.
#[inline(always)]
fn reserve_opt<'s>(
    (server, asker): (&'s Server, &Asker),
    (edns, cookie): (&'s Edns, &Option<[u8; COOKIE_BYTES]>),
    (opt, reply): (&mut Opt<'s>, &mut Reply<'_, '_>),
) {
    opt.dnssec_ok = edns.dnssec_ok;
    opt.subnet = edns.subnet.as_ref();
    if edns.asks_for_more() {
        opt.more = Some(more((server, asker), (edns, *cookie)));
        opt.fit(reply.room());
    }
    reply.reserve(opt.bytes());
}

/// What the reply's OPT says beside the subnet.
#[inline(never)]
fn more<'s>(
    (server, asker): (&'s Server, &Asker),
    (edns, cookie): (&Edns, Option<[u8; COOKIE_BYTES]>),
) -> More<'s> {
    let identity = server.identity.as_deref().map(str::as_bytes);
    More {
        nsid: identity.filter(|_| edns.nsid),
        cookie,
        keepalive: keepalive(asker, edns),
        extended_error: None,
        padding: (edns.padding && asker.transport.is_encrypted()).then_some(PADDING_BLOCK),
    }
}

/// What is said of the connection to a client that asked: how long it may be silent, in units of
/// 100 ms (RFC 7828, section 3.1). HTTP and QUIC have words of their own for that (RFC 9250,
/// section 5.5.2).
fn keepalive(asker: &Asker, edns: &Edns) -> Option<u16> {
    let units = u16::try_from(asker.idle.0 / 100).unwrap_or(u16::MAX);
    match asker.transport {
        Transport::Tcp | Transport::Tls => edns.keepalive.then_some(units),
        Transport::Udp | Transport::Https | Transport::Quic => None,
    }
}

fn respond(request: Request<'_>, reply: &mut Reply<'_, '_>, outcome: &mut Outcome) {
    let question = request.question;
    *outcome = match (question.qtype, question.qclass) {
        (rtype::AXFR | rtype::IXFR, _) => refuse_transfer(request),
        (0 | rtype::OPT | 128..=254, _) => Outcome::reject(rcode::FORMERR),
        (_, class::IN) => return lookup::look_up(request, reply, outcome),
        (_, class::CH) => chaos::speak(request, reply),
        _ => Outcome::reject(rcode::REFUSED).because(&ExtendedError::NOT_SUPPORTED),
    };
}

/// Who asks for a zone and does not get it: because of who asks, or because there is no such zone
/// (RFC 5936, section 2.2.1).
fn refuse_transfer(request: Request<'_>) -> Outcome {
    let question = request.question;
    let found = request.table.zones.find(question.name, question.qtype);
    match found {
        Some((_, 0)) => Outcome::reject(rcode::REFUSED).because(&ExtendedError::PROHIBITED),
        Some(_) | None => {
            Outcome::reject(rcode::NOTAUTH).because(&ExtendedError::NOT_AUTHORITATIVE)
        }
    }
}

#[cfg(test)]
mod tests;
