//! Zones that are given to secondaries: rendered, kept, given, told of.
//!
//! What is a new version, with which serial, is decided by [`super::version`].
use std::sync::Arc;

use super::notice::Notice;
use super::version::{Drawn, New};
use super::{Memory, Output, Ticket, ZoneEngine};
use crate::base::{Moment, Span};
use crate::dns::transfer::Entry;
use crate::table::Table;

/// How long after a failure it is tried again.
const AGAIN_AFTER: Span = Span::from_secs(5);

impl ZoneEngine {
    /// Looks at what a new table means for those who are given zones.
    pub(super) fn look_at(&mut self, table: Arc<Table>) {
        self.table = Some(table);
        if self.pending.is_some() {
            return;
        }
        let given = self.zones.iter().enumerate();
        let given = given.filter(|(_, zone)| zone.versions.is_some());
        self.touched.extend(given.map(|(place, _)| place));
    }

    pub(super) fn drawn(&mut self, place: usize, drawn: Drawn) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        let Some(versions) = &mut zone.versions else {
            return;
        };
        match drawn {
            Drawn::Same => {}
            Drawn::Nothing => {
                if versions.journal.take().is_some() {
                    self.outputs.push_back(Output::Offer(apex, None));
                }
            }
            Drawn::New(new) => {
                if new.is_behind {
                    let text = "the zone was signed elsewhere and has changed without a newer serial: secondaries will not take it before that is raised";
                    let serial = new.last.serial;
                    self.outputs.push_back(Output::Notice(
                        Notice::warn("serial_not_raised", text)
                            .of(&apex)
                            .serial(serial),
                    ));
                }
                let last = new.last;
                versions.keeping = Some(new);
                let ticket = self.ticket();
                self.keeping.insert(ticket, apex.clone());
                let memory = Memory::Version(apex, last);
                self.outputs.push_back(Output::Remember(ticket, memory));
            }
        }
    }

    /// Goes on once something is on the disk, or cannot be.
    pub(super) fn remembered(&mut self, ticket: Ticket, outcome: Result<(), String>) {
        if self.challenge_kept(ticket, &outcome)
            || self.declared_kept(ticket, &outcome)
            || self.signedness_kept(ticket, &outcome)
        {
            return;
        }
        let Some(apex) = self.keeping.remove(&ticket) else {
            if let Err(why) = outcome {
                let text = format!("what a restart should know cannot be kept: {why}");
                self.tell(Notice::warn("state_unkept", text));
            }
            return;
        };
        let Some(&place) = self.places.get(&apex) else {
            return;
        };
        self.touched.insert(place);
        let versions = self.zones[place].versions.as_mut();
        let Some(new) = versions.and_then(|versions| versions.keeping.take()) else {
            return;
        };
        match outcome {
            Ok(()) => self.give(place, new),
            Err(why) => {
                let text =
                    format!("secondaries get no new version: the serial cannot be kept: {why}");
                self.tell(Notice::error("version_failed", text).of(&apex));
                self.again(place, self.now.after(AGAIN_AFTER));
            }
        }
    }

    fn again(&mut self, place: usize, at: Moment) {
        if let Some(versions) = &mut self.zones[place].versions {
            versions.again(at);
        }
    }

    /// Gives a version out from now on.
    fn give(&mut self, place: usize, new: New) {
        let now = self.now;
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        self.known.entry(apex.clone()).or_default().last = Some(new.last);
        // Whatever comes next, queries see no serial that is behind this one.
        zone.serial = Some(new.last.serial);
        if new.raise.is_some() {
            zone.wish();
        }
        if new.is_signed_first {
            // Its SOA is signed with the serial first; the table that comes then is the version.
            return;
        }
        let Some((outgoing, versions)) = zone.plan.outgoing.clone().zip(zone.versions.as_mut())
        else {
            return;
        };
        versions.not_before = now.after(outgoing.min_interval);
        versions.journal = Some(new.journal.clone());
        versions.telling = Some(new.journal.present().soa.clone());
        let text = "the zone has a new version for secondaries";
        let notice = Notice::info("zone_version", text);
        self.tell(notice.of(&apex).serial(new.last.serial));
        self.outputs
            .push_back(Output::Offer(apex, Some(new.journal)));
        self.tell_secondaries(place);
    }

    /// Tells secondaries of a version once queries see its serial: they ask for that first.
    pub(super) fn tell_secondaries(&mut self, place: usize) {
        let zone = &mut self.zones[place];
        let seen = self.table.as_ref();
        let seen = seen.and_then(|table| table.zones.serial_in(&zone.plan.apex, zone.plan.view));
        let Some(versions) = &mut zone.versions else {
            return;
        };
        let is_seen = |soa: &mut Entry| seen == Some(soa.serial());
        let Some(soa) = versions.telling.take_if(is_seen) else {
            return;
        };
        if let Some(outgoing) = zone.plan.outgoing.clone() {
            let key = outgoing.key.and_then(|key| self.zoning.tsig.get(key));
            self.outputs.push_back(Output::Tell {
                soa,
                key: key.cloned(),
                outgoing,
            });
        }
    }
}
