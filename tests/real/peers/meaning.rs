//! What is compared of a reply: its content, its manner, and what it adds of its own accord.
//!
//! Sections are sets, names have no case. Left out are the NS of a zone itself beside an answer,
//! which BIND and NSD add and Knot does not (RFC 1034, section 4.3.2, has them nowhere), and the
//! sections of a reply that says TC, of which a client is to use none (RFC 2181, section 9).
use std::collections::BTreeSet;

use super::wire::{self, NS, RRSIG, Record, Reply};

/// Octets that a server may add at most; with less room, what it adds is a matter of luck.
const ROOM_FOR_EXTRA: usize = 400;

/// What is known of the zones.
pub(crate) struct Known {
    /// The NS of the zones themselves, and their signatures.
    pub(crate) servers: BTreeSet<Record>,
    /// All that one server says of their names, whatever it is asked.
    pub(crate) records: BTreeSet<Record>,
}

/// What a reply says; of the server that gives it, nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) rcode: u16,
    pub(crate) authoritative: bool,
    pub(crate) truncated: bool,
    pub(crate) answer: BTreeSet<Record>,
    pub(crate) authority: BTreeSet<Record>,
    /// Addresses without which a referral leads nowhere (RFC 9471, section 3.1).
    pub(crate) glue: BTreeSet<Record>,
}

/// A reply, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) content: Content,
    /// QR, opcode, RD, RA, Z, AD and CD; EDNS version and flags; the question as it is repeated.
    pub(crate) manner: (u16, Option<u32>, Vec<u8>),
    /// What saves a client a question (RFC 1034, section 4.3.2, step 6), but for addresses of the zone's
    /// own servers where those were added as well.
    pub(crate) extra: BTreeSet<Record>,
    /// Octets of the reply, for those who ask why it says TC; not compared.
    pub(crate) size: usize,
}

impl Meaning {
    pub(crate) fn of(mut reply: Reply, known: &Known) -> Self {
        let added: Vec<Record> = reply
            .authority
            .intersection(&known.servers)
            .cloned()
            .collect();
        reply.authority.retain(|record| !added.contains(record));
        if reply.truncated {
            reply.answer.clear();
            reply.authority.clear();
            reply.additional.clear();
        }
        let cuts: Vec<&[u8]> = reply.authority.iter().filter_map(cut).collect();
        let is_glue = |record: &Record| {
            let below = cuts.iter().any(|cut| record.0.ends_with(cut));
            below && record.1 != RRSIG
        };
        let (glue, mut extra): (BTreeSet<_>, BTreeSet<_>) =
            reply.additional.into_iter().partition(is_glue);
        extra.retain(|record| added.iter().all(|server| server.4 != record.0));
        Self {
            content: Content {
                rcode: reply.rcode,
                authoritative: reply.authoritative,
                truncated: reply.truncated,
                answer: reply.answer,
                authority: reply.authority,
                glue,
            },
            manner: (reply.flags, reply.opt, reply.question),
            extra,
            size: reply.size,
        }
    }

    /// Whether each part of it is like that part of one of the others. Where it has little room, what
    /// it adds is any of the records that there are.
    pub(crate) fn is_like_one_of(&self, others: &[Self], room: usize, known: &Known) -> bool {
        others.iter().any(|other| other.content == self.content)
            && others.iter().any(|other| other.manner == self.manner)
            && match self.size + ROOM_FOR_EXTRA < room {
                true => others.iter().any(|other| other.extra == self.extra),
                false => self.extra.is_subset(&known.records),
            }
    }
}

impl std::fmt::Display for Meaning {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Content { rcode, .. }, (flags, edns, _)) = (&self.content, &self.manner);
        let said = |is: bool, what: &'static str| if is { what } else { "" };
        let aa = said(self.content.authoritative, " aa");
        let tc = said(self.content.truncated, " tc");
        write!(to, "rcode {rcode}{aa}{tc} flags {flags:04x} edns {edns:x?}")?;
        let sections = [
            ("answer", &self.content.answer),
            ("authority", &self.content.authority),
            ("glue", &self.content.glue),
            ("extra", &self.extra),
        ];
        for (name, records) in sections {
            for record in records {
                write!(to, "\n    {name}: {}", told(record))?;
            }
        }
        Ok(())
    }
}

/// The name that a record delegates, as the end of the names below it.
fn cut(record: &Record) -> Option<&[u8]> {
    (record.1 == NS).then_some(&record.0[..])
}

fn told(record: &Record) -> String {
    let (owner, rtype, _, ttl, rdata) = record;
    let covers = match rdata[..] {
        [high, low, ..] if *rtype == RRSIG => format!(" of {}", u16::from_be_bytes([high, low])),
        _ => String::new(),
    };
    let start = rdata[..rdata.len().min(40)].escape_ascii();
    format!("{} {ttl} {rtype}{covers} {start}", wire::text(owner))
}
