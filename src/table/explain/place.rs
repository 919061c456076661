//! The place of a client, for an explanation.
//!
//! It does not know what follows from it.
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::geo::{Continent, Country, Location, Territory};
use crate::plan::Plan;

/// The place of a client, as far as known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaceFacts {
    /// Country.
    #[schema(value_type = Option<String>)]
    pub country: Option<Country>,
    /// The largest part of the country that is known, by ISO 3166-2.
    #[schema(value_type = Option<String>)]
    pub subdivision: Option<Territory>,
    /// City, as the geo database writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Continent.
    pub continent: Option<Continent>,
    /// Location.
    pub location: Option<Location>,
    /// Number of the autonomous system.
    pub asn: Option<u32>,
    /// The region that claims the client's network by its own `serves`.
    pub claimed_by: Option<String>,
}

impl PlaceFacts {
    /// All that a plan knows of an address.
    pub(super) fn of(plan: &Plan, client: IpAddr) -> Self {
        let (place, mark) = plan.atlas.find(client);
        let claimed = mark.and_then(|mark| *plan.claimants.get(usize::from(mark))?);
        let claimed = claimed.map(|region| &plan.regions[region.index()]);
        Self {
            country: place.country,
            subdivision: place.subdivision,
            city: place
                .city
                .and_then(|city| plan.atlas.city_name(city))
                .map(str::to_owned),
            continent: place.continent,
            location: place.location,
            asn: place.asn,
            claimed_by: claimed.map(|region| region.name.clone()),
        }
    }
}
