//! Knowledge of a geo database, and what a newer one has lost of it.
//!
//! An updater that writes another edition over the file in use (AS numbers where countries were) makes every client one
//! of unknown place: all of them are still answered, and in the wrong region. So a reload is refused
//! whose database no longer knows a kind of thing that the one in force knows and that clients are told apart by.
use serde::Serialize;

use super::Plan;

/// The kinds of things that a geo database knows of networks, or that regions claim by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GeoKnowledge {
    /// Countries, continents or locations.
    pub places: bool,
    /// Numbers of autonomous systems.
    pub autonomous_systems: bool,
}

impl Plan {
    /// The refusal of a geo database that cannot tell any more what the one in force can; `None` if nothing is lost. Places count
    /// always, for clients whom no region claims go to the nearest one.
    #[must_use]
    pub fn geo_loss_to(&self, next: &Self) -> Option<String> {
        let (before, after) = (self.geo.knows, next.geo.knows);
        let lost = if before.places && !after.places {
            "countries"
        } else if before.autonomous_systems
            && !after.autonomous_systems
            && next.geo.claimed.autonomous_systems
        {
            "AS numbers, which regions claim by"
        } else {
            return None;
        };
        Some(format!(
            "the geo database `{}` has no {lost} any more, and the one in force has: is it another edition? Clients would be sent elsewhere",
            next.geo.source
        ))
    }
}
