//! The additional section: addresses that save the client a question, or that it cannot do without.
//!
//! | beside | of | without room |
//! |---|---|---|
//! | a delegation | name servers inside the delegated zone (glue) | TC (RFC 9471) |
//! | a delegation | name servers elsewhere in our zone | left out |
//! | NS, MX, SRV, NAPTR, SVCB, HTTPS of an answer | what they point to, by [`Target`] | left out |
//! | addresses that are signed | RRSIG, for a client that set DO (RFC 4035, section 3.1.1) | left out |
//!
//! What is left out is never TC but in the first case. Everything is of the zone of the answer: nothing
//! is looked up in others, no alias is followed, and what lies at or below a zone cut is told of name
//! servers only. A target that a wildcard stands for has the wildcard's addresses.
//!
//! **Steered targets get none.** Their addresses depend on the client, so each would bring its own ECS
//! scope, TTL and health into a reply that has one scope and may be kept for all clients alike; the
//! client asks for them and gets an answer of its own. [`super::steered`] is not known here. Where the answer itself is one
//! client's, [`super::led`] adds them.
//!
//! The answer is complete before anything here begins: proofs are in the authority section, and at most
//! [`ADDITIONAL_TARGETS`] names are looked at for an answer.
use super::lookup::{Here, Walk};
use crate::base::limits::ADDITIONAL_TARGETS;
use crate::dns::reply::{Owner, Section};
use crate::dns::rr::{RrSet, Target};

/// Whether a reply may go without an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Without it the delegation leads nowhere.
    Required,
    /// It saves a question.
    Optional,
}

impl<'r> Walk<'r, '_, '_, '_> {
    /// Adds addresses of a delegation's name servers, whose records stand in the reply from `record` on.
    pub(super) fn add_glue(&mut self, (mut record, ns): (usize, RrSet<'r>), need: Need) {
        for server in self.reply.rotated(ns.count, ns.targets()) {
            let rdata = self.reply.rdata(record);
            record = rdata.end;
            let needed = match server.needed {
                true => Need::Required,
                false => Need::Optional,
            };
            if needed != need {
                continue;
            }
            let owner = Owner::at(rdata.start, server.name);
            for rrset in self.zone.glue(&server) {
                match need {
                    Need::Required => {
                        let added = self.reply.rrset(Section::Additional, owner, rrset);
                        self.outcome.truncated |= added.is_err();
                    }
                    Need::Optional => self.add(owner, &server, rrset),
                }
            }
        }
    }

    /// Adds what the records of an answer point to; they stand in the reply from `record` on.
    #[inline(never)]
    pub(super) fn add_beside(&mut self, here: Here<'_>, (mut record, set): (usize, RrSet<'r>)) {
        self.show_proofs(here);
        let mut left = ADDITIONAL_TARGETS;
        for target in self.reply.rotated(set.count, set.targets()) {
            let rdata = self.reply.rdata(record);
            record = rdata.end;
            if target.node.is_none() {
                continue;
            }
            let owner = match target.name {
                [0] => here.owner(),
                name => Owner::at(rdata.start + target.at, name),
            };
            for beside in self.zone.beside(set.rtype, &target) {
                self.add(owner, &target, beside);
            }
            left -= 1;
            if left == 0 {
                return;
            }
        }
    }

    /// Adds an RRset and its signatures, each where there is room.
    fn add(&mut self, owner: Owner<'_>, target: &Target<'_>, set: RrSet<'r>) {
        let set = set.for_at_most(self.longest);
        let added = self.reply.rrset(Section::Additional, owner, set);
        if let (Ok(_), Some(node)) = (added, target.node) {
            // Without them the addresses are as good as unsigned ones (RFC 4035, section 3.1.1).
            let _ = self.sign_set(Section::Additional, owner, (node, set));
        }
    }
}
