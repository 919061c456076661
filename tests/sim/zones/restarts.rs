//! Ends and starts of the process of a world: what was under way on the disk may be there or not.
use waypost::keys::Time;
use waypost::zones::{Memory, ZoneEngine, policy};

use super::data::longest;
use super::world::{Inside, Outside, World};

impl World {
    /// Ends the process at once; it comes back later.
    pub(super) fn crash(&mut self) {
        if !self.is_up {
            return;
        }
        let inside = std::mem::take(&mut self.inside);
        let mut is_written = true;
        for happening in inside.into_values() {
            match happening {
                Inside::Write(_, memory, offset) => {
                    is_written = is_written && self.draws.chance(500);
                    if is_written {
                        let is_challenges = matches!(memory, Memory::Challenges(_));
                        let kept = self.disk.keep(memory);
                        if is_challenges {
                            self.checks.challenges_written(&kept, offset);
                        }
                    }
                }
                Inside::Copied(zone) if self.draws.chance(500) => {
                    let _ = self.copy(&zone);
                }
                Inside::Advance(apex, policy, at) if self.draws.chance(500) => {
                    let folder = self.disk.folders.get_mut(&apex).unwrap();
                    let _ = folder.advance(&policy, at, &mut self.draws);
                }
                Inside::WriteSignatures(to_keep) => {
                    if self.disk.write().is_ok() {
                        self.disk.signatures.tear(&to_keep, &mut self.draws);
                    }
                }
                Inside::Copied(_)
                | Inside::Recall(..)
                | Inside::Advance(..)
                | Inside::Made(..)
                | Inside::Fetched(..)
                | Inside::LookAtKeys(_)
                | Inside::Published(_) => {}
            }
        }
        self.is_up = false;
        for asked in std::mem::take(&mut self.clients.waiting).into_values() {
            self.clients.lose(&asked);
        }
        self.filing.clear();
        self.configuring = None;
        self.table = None;
        self.secondary.server_ended();
        let wait = 10 + self.draws.below(5000);
        self.later(wait, Outside::Start);
    }

    pub(super) fn start(&mut self) {
        self.born = self.now;
        self.writer_free = self.now;
        self.is_up = true;
        self.engine = ZoneEngine::new(self.disk.memories.clone()).with_effort(self.effort);
        let at = Time(self.seconds());
        for zone in self.setup.clone().configured() {
            if let Some(how) = &zone.dnssec {
                let folder = self.disk.folders.get_mut(&zone.apex).unwrap();
                // What cannot be recorded is told, and does not keep the server from its start.
                let _ = folder.advance(&policy(how, longest()), at, &mut self.draws);
            }
        }
        super::checks::started(self);
        self.configure();
    }
}
