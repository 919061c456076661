//! Other addresses of machines that are known by name.
//!
//! A steered name has other answers then, which are signed before they are given: of those that it had before each signature stays, so
//! what is signed is what is new. All that goes with the new plan of steering goes into force with it, as a config does.
//! An alias is an RRset that is laid over its zone, so that transfers and denials know it as any other.
use std::sync::Arc;

use super::config::are_alike;
use super::{Output, Ticket, ZoneEngine};
use crate::dns::Name;
use crate::dns::zone::signed::Steered;
use crate::names::KnownNames;

impl ZoneEngine {
    /// Takes over other addresses.
    pub(super) fn rename(
        &mut self,
        ticket: Ticket,
        steered: Arc<[Steered]>,
        known: Arc<KnownNames>,
    ) {
        let before = std::mem::replace(&mut self.names, known);
        let zones = self.zones.iter();
        let changed = zones.filter(|own| own.aliases(&before) != own.aliases(&self.names));
        let changed: Vec<Name> = changed.map(|own| own.plan.id.clone()).collect();
        for apex in &changed {
            self.wish(apex);
        }
        if are_alike(&self.steered, &steered) {
            self.steered = steered;
            let zones = Arc::clone(&self.served);
            self.outputs
                .push_back(Output::Configured(ticket, Ok(zones)));
        } else {
            self.steer(ticket, steered);
        }
    }
}
