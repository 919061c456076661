//! The server's own words in class CH: which version it is, and which of several it is.
//!
//! `version.bind` and `version.server` give the version, `hostname.bind` and `id.server`
//! (RFC 4892) the identity, as TXT with TTL 0. What the operator has not set, and everything
//! else in this class, is REFUSED: there is no zone to deny it from.
use super::Request;
use super::outcome::Outcome;
use crate::base::Reason;
use crate::dns::reply::Reply;
use crate::dns::rr::{rcode, rtype};
use crate::plan::Server;

/// Answers a question of class CH.
pub(super) fn speak(request: Request<'_>, reply: &mut Reply<'_, '_>) -> Outcome {
    let question = request.question;
    let asked = matches!(question.qtype, rtype::TXT | rtype::ANY);
    let words = words(&request.table.plan.server, question.name);
    let Some(words) = words.filter(|_| asked) else {
        return Outcome::reject(rcode::REFUSED);
    };
    Outcome {
        truncated: reply.chaos_text(words.as_bytes()).is_err(),
        ..Outcome::authoritative(Reason::Chaos)
    }
}

fn words<'s>(server: &'s Server, name: &[u8]) -> Option<&'s str> {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    if is(b"\x07version\x04bind\x00") || is(b"\x07version\x06server\x00") {
        server.version.as_deref()
    } else if is(b"\x08hostname\x04bind\x00") || is(b"\x02id\x06server\x00") {
        server.identity.as_deref()
    } else {
        None
    }
}
