//! What a forged query may bring about, as far as one query shows it.
//!
//! A query over UDP may carry somebody else's address. Three things follow:
//!
//! - **Proof.** A cookie of this server that comes back proves the address ([`crate::dns::cookie`]). It is
//!   judged on every transport, and a client that sends a cookie gets one.
//! - **Bound.** Without proof a UDP reply has at most so many times the octets of its query
//!   (`server.amplification`); what does not fit is truncated, and who is there comes back over TCP. The
//!   bound holds for everything: the room for records is cut before the first is written.
//! - **Withheld answers.** Who limits rates (`io`) may ask for a reply without data instead of an answer:
//!   BADCOOKIE to a client that knows of cookies (RFC 7873, section 5.2.3), else a truncated
//!   one. Nobody else gets BADCOOKIE.
//!
//! A query without a question asks for nothing but a cookie (RFC 7873, section 5.4).
use std::ops::Range;

use super::outcome::Outcome;
use super::{Asker, Transport};
use crate::base::Reason;
use crate::dns::cookie::Proof;
use crate::dns::edns::{COOKIE_BYTES, Edns};
use crate::dns::query::HEADER_BYTES;
use crate::dns::rr::rcode;
use crate::plan::{ResponseClass, Server};

/// What limits on rates go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The kind of the reply.
    pub class: ResponseClass,
    /// The octets of the query in which stands by what name it counts: that of the question, what
    /// a wildcard stands below, or the zone. Empty if all such replies count together.
    pub subject: (u16, u16),
    /// What is proved of the sender.
    pub proof: Proof,
}

impl Counted {
    /// What is counted of every stranger alike.
    pub const NOTHING: Self = Self {
        class: ResponseClass::Error,
        subject: (0, 0),
        proof: Proof::None,
    };

    /// [`Self::subject`] as a range.
    #[must_use]
    pub fn subject(&self) -> Range<usize> {
        usize::from(self.subject.0)..usize::from(self.subject.1)
    }

    pub(super) fn of(outcome: &Outcome, proof: Proof, name: &[u8]) -> Self {
        let class = class(outcome);
        let skipped = match class {
            ResponseClass::Answer => outcome.owner,
            ResponseClass::Denial | ResponseClass::Referral => outcome.apex,
            ResponseClass::Error | ResponseClass::Total => name.len(),
        };
        let at = |octet| u16::try_from(HEADER_BYTES + octet).unwrap_or(u16::MAX);
        let subject = match skipped < name.len() {
            true => (at(skipped), at(name.len())),
            false => (0, 0),
        };
        Self {
            class,
            subject,
            proof,
        }
    }
}

fn class(outcome: &Outcome) -> ResponseClass {
    if outcome.rcode == rcode::SERVFAIL {
        return ResponseClass::Error;
    }
    match outcome.reason {
        Reason::Preferred
        | Reason::Backup
        | Reason::Failover
        | Reason::Overflow
        | Reason::Full
        | Reason::Overloaded
        | Reason::FailOpen
        | Reason::Static
        | Reason::Chaos
        | Reason::Cookie => ResponseClass::Answer,
        Reason::Nodata | Reason::Nxdomain | Reason::AllDown => ResponseClass::Denial,
        Reason::Referral => ResponseClass::Referral,
        Reason::Refused
        | Reason::Formerr
        | Reason::Notimp
        | Reason::Badvers
        | Reason::Yxdomain
        | Reason::Expired
        | Reason::NotLoaded
        | Reason::Withheld
        | Reason::Limited => ResponseClass::Error,
    }
}

/// Judges what the query proves; the cookie of its reply, if it has one, is put into its place.
#[inline]
pub(super) fn judge(
    asker: &Asker,
    edns: Option<&Edns>,
    made: &mut Option<[u8; COOKIE_BYTES]>,
) -> Proof {
    match (&asker.cookies, edns.and_then(|edns| edns.cookie.as_ref())) {
        (Some(jar), Some(cookie)) => {
            let (proof, own) = jar.judge(cookie, asker.source);
            *made = own;
            proof
        }
        (None, _) | (_, None) => Proof::None,
    }
}

/// Octets that the reply to a query of `asked` octets may have at most, whatever else bounds it.
pub(super) fn bound(server: &Server, asker: &Asker, proof: Proof, asked: usize) -> usize {
    match (asker.transport, proof) {
        (Transport::Udp, Proof::None | Proof::Client) => {
            asked.saturating_mul(usize::from(server.defence.amplification))
        }
        (Transport::Udp, Proof::Server)
        | (Transport::Tcp | Transport::Tls | Transport::Https | Transport::Quic, _) => usize::MAX,
    }
}

/// A query without a question: its cookie is all that it wants.
pub(super) fn cookie_only(asker: &Asker) -> Outcome {
    match asker.cookies {
        Some(_) => Outcome::bare(rcode::NOERROR, Reason::Cookie),
        None => Outcome::reject(rcode::FORMERR),
    }
}

/// No answer, but a way to one.
pub(super) fn withhold(proof: Proof) -> Outcome {
    match proof {
        Proof::Client => Outcome::bare(rcode::BADCOOKIE, Reason::Limited),
        Proof::None | Proof::Server => Outcome {
            truncated: true,
            ..Outcome::bare(rcode::NOERROR, Reason::Limited)
        },
    }
}

#[cfg(test)]
mod tests;
