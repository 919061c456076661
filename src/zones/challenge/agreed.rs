//! Challenges that other nodes of a cluster were given: what has come and gone since this was told last.
//!
//! They were weighed where they were given. Here they stand beside what this node was given, by the same bounds, and are shown where the
//! zones of this node's config have a place for them; a node whose config has no `[acme]` shows none.
use super::Then;
use super::change::ChallengeChange;
use crate::zones::ZoneEngine;
use crate::zones::notice::Notice;

impl ZoneEngine {
    /// Begins to carry out what all nodes have agreed on.
    pub(super) fn agree(&mut self, changes: Vec<ChallengeChange>) {
        if !self.zoning.acme.configured {
            return;
        }
        let before = self.challenges.kept.clone();
        for change in changes {
            match change {
                ChallengeChange::Remove(name, rdata) => {
                    self.challenges.kept.remove(&name, Some(&rdata));
                }
                ChallengeChange::Put(name, challenge) => {
                    let author = challenge.author.clone();
                    let text = match self.challenges.kept.add(&name, challenge) {
                        Ok(()) => Notice::info("challenge", "agreed"),
                        Err(full) => Notice::warn("challenge", format!("not taken: {full}")),
                    };
                    self.tell(text.name(&name).by(&author).form("agreed"));
                }
            }
        }
        if self.challenges.kept != before {
            self.begin_change(before, Then::Nobody);
        }
    }
}
