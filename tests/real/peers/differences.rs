//! The differences from all of BIND, Knot and NSD that are meant.
use super::meaning::Meaning;
use super::questions::Asked;
use super::wire::{ANY, CNAME, NAPTR, NSEC, RRSIG, Record};

const NOERROR: u16 = 0;
const FORMERR: u16 = 1;
/// Octets that others may spare with names that they write shorter.
const SPARED: usize = 64;

/// A difference that is meant.
pub(crate) struct Difference {
    /// What allows it.
    pub(crate) why: &'static str,
    /// Whether it explains a reply of ours that none of theirs is like.
    pub(crate) explains: fn(&Asked, ours: &Meaning, theirs: &[Meaning; 3]) -> bool,
}

pub(crate) const DIFFERENCES: [Difference; 7] = [
    Difference {
        why: "ANY for data gets HINFO, or one RRset that is signed (RFC 8482, section 4), and an alias is not followed",
        explains: |asked, ours, theirs| {
            let ours = &ours.content;
            let same = |their: &Meaning| {
                let data = their.content.truncated || !their.content.answer.is_empty();
                data && their.content.authoritative == ours.authoritative
            };
            let data = ours.truncated || !ours.answer.is_empty();
            asked.rtype == ANY && ours.rcode == NOERROR && data && theirs.iter().any(same)
        },
    },
    Difference {
        why: "types that no zone can hold are FORMERR (RFC 9824, section 3.5, has it for one)",
        explains: |asked, ours, _| asked.is_meta() && ours.content.rcode == FORMERR,
    },
    Difference {
        why: "the SRV records alone beside NAPTR (RFC 3403, section 4.1): BIND adds what these point to as well",
        explains: |asked, ours, [bind, ..]| {
            let same = ours.content == bind.content;
            asked.rtype == NAPTR && same && ours.extra.is_subset(&bind.extra)
        },
    },
    Difference {
        why: "an alias is followed 8 times at most; each server has its own bound (RFC 1034, section 3.6.2, \
              has none), and the client goes on by itself",
        explains: |_, ours, theirs| {
            let answer = &ours.content.answer;
            let goes_on = |their: &Meaning| {
                their.content.truncated || answer.is_subset(&their.content.answer)
            };
            let aliases = answer.iter().filter(|record| record.1 == CNAME);
            aliases.count() == 9 && theirs.iter().any(goes_on)
        },
    },
    Difference {
        why: "BIND and Knot take NSEC and RRSIG to be asked of the alias itself, NSD of its target, into its other \
              zones (RFC 4035, section 2.5, lets both stand); here of its target in this zone",
        explains: |asked, ours, [bind, knot, nsd]| {
            let [ours, bind, knot, nsd] = [ours, bind, knot, nsd].map(|reply| &reply.content);
            let follows = ours.answer.is_subset(&nsd.answer) || nsd.truncated;
            let stay =
                bind.answer.is_disjoint(&ours.answer) && knot.answer.is_disjoint(&ours.answer);
            [NSEC, RRSIG].contains(&asked.rtype) && !ours.answer.is_empty() && follows && stay
        },
    },
    Difference {
        why: "a ring of aliases ends where it closes; they go round until the reply is full, or fail",
        explains: |_, ours, theirs| {
            let answer = ours.content.answer.iter();
            let aliases: Vec<_> = answer.filter(|record| record.1 == CNAME).collect();
            let goes_on = |alias: &&Record| aliases.iter().any(|next| next.0 == alias.4);
            let is_ring = !aliases.is_empty() && aliases.iter().all(goes_on);
            is_ring && theirs.iter().any(|their| their.content.truncated)
        },
    },
    Difference {
        why: "names in RDATA are written short only by the name of the question, and in its case (RFC 1035, section \
              4.1.4, leaves it open), so that a reply that just fits may not fit here",
        explains: |asked, ours, theirs| {
            let just = |reply: &Meaning| reply.size + SPARED >= asked.room();
            let other_case = asked.name.iter().any(u8::is_ascii_uppercase);
            ours.content.truncated && (other_case || theirs.iter().any(just))
        },
    },
];
