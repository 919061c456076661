//! (table, client, query) -> reply bytes + outcome. Never waits, never fails, never allocates.
//!
//! | module | what it decides |
//! |---|---|
//! | this | which queries are answered at all, how long a reply may be, what OPT says |
//! | [`lookup`] | data of zones: answers, aliases, referrals, denials |
//! | [`chain`] | aliases: the names an answer passes through |
//! | [`steered`] | steered names: whose network counts, which addresses, which ECS scope |
//! | [`chaos`] | the server's own words in class CH |
//! | [`spelling`] | names on the wire: the one being looked up, and how aliases change it |
//!
//! Before any name is looked up: AXFR and IXFR are REFUSED over every transport (there is no
//! transfer to offer). Type 0 and meta-types (128 to 254, OPT) cannot be data and are FORMERR,
//! as RFC 9824, section 3.5, wants for NXNAME (tests/real/peers.rs says what others do). Any class but IN and CH is REFUSED.
//!
//! What is not known here: health, weights, the clock (an argument) and what carries the bytes.
//! Whatever needs none of the query's case and id could be encoded beforehand; that is why
//! everything here works on octets and offsets into the question.
use std::net::IpAddr;

use crate::base::limits::{MESSAGE_BYTES, UDP_REPLY_BYTES_PLAIN};
use crate::base::{ClassId, Family, Moment, Reason, RegionId, ServiceId};
use crate::dns::edns::{Edns, Opt};
use crate::dns::query::{self, Question};
use crate::dns::reply::Reply;
use crate::dns::rr::{class, rcode, rtype};
use crate::plan::Server;
use crate::table::Table;

mod chain;
mod chaos;
mod lookup;
mod outcome;
mod spelling;
mod steered;

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
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over UDP: the reply is bounded, and may be truncated.
    Udp,
    /// Over a stream: up to 65,535 octets.
    Stream,
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
}

/// All that one reply is made from.
#[derive(Clone, Copy)]
struct Request<'r> {
    table: &'r Table,
    asker: &'r Asker,
    question: &'r Question<'r>,
    edns: Option<&'r Edns>,
}

/// Answers one query into `reply` (at least 65,535 octets for streams, 1232 for UDP; nothing is
/// answered into less than 512); `None` if it deserves no reply: too short for a header, or
/// itself a reply.
#[must_use]
pub fn answer(table: &Table, asker: &Asker, query: &[u8], reply: &mut [u8]) -> Option<Answered> {
    let query = query::read(query)?;
    let (question, edns) = (query.question.as_ref(), query.edns.as_ref());
    let server = &table.plan.server;
    let limit = reply_limit(server, asker.transport, edns).min(reply.len());
    let mut writer = Reply::begin(&mut reply[..limit], query.header, question)?;
    let mut opt = edns.map(|edns| reserve_opt(server, edns, &mut writer));
    let outcome = match (query.fault, question) {
        (None, Some(question)) => {
            let request = Request {
                table,
                asker,
                question,
                edns,
            };
            respond(request, &mut writer)
        }
        (fault, _) => Outcome::reject(fault.unwrap_or(rcode::FORMERR)),
    };
    if let Some(opt) = &mut opt {
        opt.scope = outcome.scope;
    }
    let length = writer.finish(outcome.flags(), outcome.rcode, opt.as_ref());
    Some(outcome.answered(length))
}

/// Octets that the reply may have at most.
fn reply_limit(server: &Server, transport: Transport, edns: Option<&Edns>) -> usize {
    match (transport, edns) {
        (Transport::Stream, _) => MESSAGE_BYTES,
        (Transport::Udp, None) => UDP_REPLY_BYTES_PLAIN,
        (Transport::Udp, Some(edns)) => {
            usize::from(edns.payload.min(server.udp_reply_bytes)).max(UDP_REPLY_BYTES_PLAIN)
        }
    }
}

/// The reply's OPT, its room kept back; an identity that does not fit is left out.
fn reserve_opt<'s>(server: &'s Server, edns: &'s Edns, reply: &mut Reply<'_, '_>) -> Opt<'s> {
    let identity = match edns.nsid {
        true => server.identity.as_deref().map(str::as_bytes),
        false => None,
    };
    let mut opt = Opt {
        payload: server.udp_reply_bytes,
        dnssec_ok: edns.dnssec_ok,
        nsid: identity,
        subnet: edns.subnet.as_ref(),
        scope: 0,
    };
    if opt.bytes() > reply.room() {
        opt.nsid = None;
    }
    reply.reserve(opt.bytes());
    opt
}

fn respond(request: Request<'_>, reply: &mut Reply<'_, '_>) -> Outcome {
    let question = request.question;
    match (question.qtype, question.qclass) {
        (rtype::AXFR | rtype::IXFR, _) => Outcome::reject(rcode::REFUSED),
        (0 | rtype::OPT | 128..=254, _) => Outcome::reject(rcode::FORMERR),
        (_, class::IN) => lookup::look_up(request, reply),
        (_, class::CH) => chaos::speak(request, reply),
        _ => Outcome::reject(rcode::REFUSED),
    }
}

#[cfg(test)]
mod tests;
