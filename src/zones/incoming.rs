//! Zones that come from primaries: asked for, taken, expired and copied, one after the other.
//!
//! When that is due is decided by [`Secondary`], whether what comes is taken by [`super::content`].
use std::sync::Arc;

use super::content::{Refusal, Taken};
use super::notice::Notice;
use super::secondary::{Copied, On, Secondary, Want, soa};
use super::{Memory, Output, Request, ZoneEngine};
use crate::base::Span;
use crate::dns::Name;
use crate::dns::transfer::Received;
use crate::dns::zone::Presence;
use crate::plan::Incoming;

impl ZoneEngine {
    /// Looks soon at the primaries of a zone.
    pub(super) fn notified(&mut self, apex: &Name) {
        let Some(&place) = self.places.get(apex) else {
            return;
        };
        if let Some(secondary) = &mut self.zones[place].secondary {
            secondary.notified(self.now);
            self.touched.insert(place);
        }
    }

    pub(super) fn ask_primaries(&mut self, place: usize) {
        let number = self.number + 1;
        let Some(secondary) = &mut self.zones[place].secondary else {
            return;
        };
        if secondary.begin(self.now, number) {
            self.number = number;
            self.request(place, number, Want::News);
        }
    }

    fn request(&mut self, place: usize, number: u64, want: Want) {
        let zone = &self.zones[place];
        let Some((incoming, secondary)) = zone.plan.incoming.as_ref().zip(zone.secondary.as_ref())
        else {
            return;
        };
        let Some(primary) = secondary.primary(incoming) else {
            return;
        };
        let key = incoming.key.and_then(|key| self.zoning.tsig.get(key));
        let request = Request {
            apex: zone.plan.apex.clone(),
            primary,
            want,
            soa: soa(&zone.base),
            incoming: Incoming::clone(incoming),
            key: key.cloned(),
        };
        let id = zone.plan.id.clone();
        self.owners.insert(number, id);
        self.outputs
            .push_back(Output::Fetch(number, Box::new(request)));
    }

    /// Takes in what a primary gave.
    pub(super) fn fetched(&mut self, number: u64, outcome: Result<Received, String>) {
        let Some(apex) = self.owners.remove(&number) else {
            return;
        };
        let Some(&place) = self.places.get(&apex) else {
            return;
        };
        let zone = &mut self.zones[place];
        let Some((incoming, secondary)) = zone.plan.incoming.as_ref().zip(zone.secondary.as_mut())
        else {
            return;
        };
        if !secondary.answered(number) {
            return;
        }
        self.touched.insert(place);
        let primary = secondary.primary(incoming);
        match (outcome, primary) {
            (Ok(Received::Nothing(serial)), _) => {
                self.compare(place, serial);
                self.be_fresh(place);
            }
            (Ok(received), Some(primary)) => secondary.arrived = Some((received, primary)),
            (Err(why), Some(primary)) => {
                self.tell(
                    Notice::warn("transfer_failed", why)
                        .of(&apex)
                        .primary(primary),
                );
                self.ask_next(place);
            }
            (_, None) => self.be_stale(place),
        }
    }

    /// A primary whose serial is behind ours has been set back: nothing newer can come from it.
    fn compare(&mut self, place: usize, serial: u32) {
        let zone = &self.zones[place];
        let own = soa(&zone.base).map(|soa| soa.serial());
        if let Some(own) = own.filter(|own| *own != serial) {
            let apex = zone.plan.id.clone();
            let text = format!("the primary's serial is behind ours, {own}; raise it there");
            self.tell(
                Notice::warn("primary_behind", text)
                    .of(&apex)
                    .serial(serial),
            );
        }
    }

    fn ask_next(&mut self, place: usize) {
        self.ask_on(place, On::Next, Want::News);
    }

    fn ask_on(&mut self, place: usize, on: On, want: Want) {
        let number = self.next_number();
        let zone = &mut self.zones[place];
        let Some((incoming, secondary)) = zone.plan.incoming.as_ref().zip(zone.secondary.as_mut())
        else {
            return;
        };
        match secondary.ask_on(on, incoming, number) {
            Some(_) => self.request(place, number, want),
            None => self.be_stale(place),
        }
    }

    /// Takes over a zone that came from a primary, or asks for it otherwise.
    pub(super) fn taken(&mut self, place: usize, taken: Result<Taken, Refusal>) {
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        let Some(primary) = zone.secondary.as_mut().and_then(|own| own.taking.take()) else {
            return;
        };
        match taken {
            Ok(taken) => {
                let serial = soa(&taken.zone).map_or(0, |soa| soa.serial());
                zone.base = taken.zone;
                zone.wish();
                self.cover_more(place, taken.longest_ttl);
                let zone = &mut self.zones[place];
                let now = self.now;
                if let Some(secondary) = &mut zone.secondary {
                    secondary.copy_soon(now);
                }
                let notice = Notice::info("transferred", "the zone has come from a primary");
                self.tell(notice.of(&apex).serial(serial).form(taken.form));
                self.be_fresh(place);
            }
            Err(Refusal::Unfit(why)) => {
                let text = format!("asking for the whole zone: {why}");
                let notice = Notice::info("transfer_changes_unfit", text);
                self.tell(notice.of(&apex).primary(primary));
                self.ask_on(place, On::Same, Want::Whole);
            }
            Err(Refusal::Refused(why)) => {
                let text = format!("the zone stays as it was: {why}");
                self.tell(
                    Notice::error("transfer_refused", text)
                        .of(&apex)
                        .primary(primary),
                );
                self.ask_next(place);
            }
        }
    }

    fn be_fresh(&mut self, place: usize) {
        let (now, wall) = (self.now, self.wall_ms / 1000);
        let zone = &mut self.zones[place];
        let apex = zone.plan.id.clone();
        let base = Arc::clone(&zone.base);
        let Some(secondary) = &mut zone.secondary else {
            return;
        };
        secondary.be_fresh(now, wall, &base);
        if std::mem::take(&mut secondary.is_expired) {
            zone.wish();
            self.tell(Notice::info("zone_returned", "the zone is fresh again").of(&apex));
        }
        self.known.entry(apex.clone()).or_default().refreshed = Some(wall);
        let ticket = self.ticket();
        let memory = Memory::Refreshed(apex, wall);
        self.outputs.push_back(Output::Remember(ticket, memory));
    }

    fn be_stale(&mut self, place: usize) {
        let now = self.now;
        let zone = &mut self.zones[place];
        let base = Arc::clone(&zone.base);
        if let Some(secondary) = &mut zone.secondary {
            secondary.be_stale(now, &base);
        }
    }

    /// Gives a zone up that no primary has been heard of for too long.
    pub(super) fn look_for_expiry(&mut self, place: usize) {
        let seconds = self.wall_ms / 1000;
        let zone = &mut self.zones[place];
        let base = Arc::clone(&zone.base);
        let is_over = |own: &&mut Secondary| {
            !own.is_expired && own.expires(&base).is_some_and(|at| at <= seconds)
        };
        let Some(secondary) = zone.secondary.as_deref_mut().filter(is_over) else {
            return;
        };
        secondary.is_expired = true;
        zone.wish();
        let apex = zone.plan.id.clone();
        let text =
            "no primary has been heard for as long as the SOA allows: SERVFAIL for the whole zone";
        self.tell(Notice::error("zone_expired", text).of(&apex));
    }

    pub(super) fn copy(&mut self, place: usize) {
        let now = self.now;
        let zone = &mut self.zones[place];
        let base = Arc::clone(&zone.base);
        let is_due =
            |own: &&mut Secondary| !own.is_copying && own.copy_at.is_some_and(|at| at <= now);
        let Some(secondary) = zone.secondary.as_deref_mut().filter(is_due) else {
            return;
        };
        secondary.copy_at = None;
        if base.presence() != Presence::Loaded {
            return;
        }
        let Some(file) = zone.plan.file.clone() else {
            return;
        };
        secondary.is_copying = true;
        self.outputs.push_back(Output::Copy {
            id: zone.plan.id.clone(),
            file,
            zone: base,
        });
    }

    /// Notes what became of the copy of a zone.
    pub(super) fn copied(&mut self, apex: &Name, took: Span, outcome: Result<(), String>) {
        let Some(&place) = self.places.get(apex) else {
            return;
        };
        let copied = match &outcome {
            Ok(()) => Copied::Well,
            Err(_) => Copied::Failed,
        };
        if let Some(secondary) = &mut self.zones[place].secondary {
            secondary.copied(self.now, took, copied);
        }
        self.touched.insert(place);
        if let Err(why) = outcome {
            let text =
                format!("the zone is served, and its copy would be missed after a restart: {why}");
            self.tell(Notice::error("copy_unwritten", text).of(apex));
        }
    }
}
