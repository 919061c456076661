//! The times by which a client's regions were sorted, where the policy is that (`latency`), and what they came to.
//!
//! Regions that are equal by them are of one band. Only those that the client may be sent to are compared, and where clients are kept
//! at home as long as that serves (residency `prefer`), those that are as far from it.
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::{JurisdictionId, RegionId, Utc, shown};
use crate::geo::{Network, Place};
use crate::plan::{Jurisdiction, Plan, Residency, Service};

/// The measured times of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeasuredFacts {
    /// The clients that they were measured of: a network, or a place.
    pub clients: String,
    /// The file of the table, as the config names it.
    pub file: String,
    /// The time of its writing, in seconds since 1970; absent where nobody knows.
    #[serde(with = "shown::utc_or_null")]
    #[schema(value_type = Option<Utc>)]
    pub written_at: Option<u64>,
    /// The regions: those that the client prefers, in that order, then the others of the table.
    pub regions: Vec<RegionTime>,
}

/// The time between a client and a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegionTime {
    /// Its name.
    pub region: String,
    /// Microseconds; absent = not measured.
    pub measured_us: Option<u32>,
    /// The number of its band, the best 0; absent where nothing was measured, or the client is not sent there.
    pub band: Option<u16>,
}

/// Finds what was measured of a client for a service that prefers these regions for it.
pub(super) fn of(
    plan: &Plan,
    service: &Service,
    client: IpAddr,
    preference: &[RegionId],
) -> Option<MeasuredFacts> {
    let table = service.measured.as_ref()?;
    let (place, _) = plan.atlas.find(client);
    let network = Network::around(client.to_canonical(), u8::MAX);
    let clients = table.client(Some(network), &place)?;
    let row = table.rows().get(&clients)?;
    let home = home(plan, &place).filter(|_| service.residency == Residency::Prefer);
    let distance = |region: &RegionId| home.map_or(0, |home| distance(plan, home, *region));
    let column = |region: &RegionId| {
        let name = &plan.regions[region.index()].name;
        let place = table.regions.iter().position(|own| own == name)?;
        u16::try_from(place).ok()
    };
    let mut regions = Vec::new();
    let mut first = 0;
    for group in preference.chunk_by(|one, other| distance(one) == distance(other)) {
        let choice = table.choice(clients, group.iter().filter_map(column));
        let bands = table.bands(clients, &choice);
        let band_of = |column: u16| bands[usize::from(column)];
        for region in group {
            let column = column(region);
            regions.push(RegionTime {
                region: plan.regions[region.index()].name.clone(),
                measured_us: column.and_then(|own| row[usize::from(own)]),
                band: column.and_then(band_of).map(|band| first + band),
            });
        }
        first += bands.iter().flatten().max().map_or(0, |most| most + 1);
    }
    let others = table.regions.iter().zip(row);
    for (region, time) in others {
        if !regions.iter().any(|own| own.region == *region) {
            regions.push(RegionTime {
                region: region.clone(),
                measured_us: *time,
                band: None,
            });
        }
    }
    Some(MeasuredFacts {
        clients: clients.to_string(),
        file: table.source.file.clone(),
        written_at: table.source.written_at,
        regions,
    })
}

/// The jurisdiction that holds at a place.
fn home(plan: &Plan, place: &Place) -> Option<JurisdictionId> {
    let position =
        |holds: &dyn Fn(&Jurisdiction) -> bool| plan.jurisdictions.iter().position(holds);
    let part = place.subdivision;
    let by_part = part.and_then(|own| position(&|one| one.subdivisions.contains(&own)));
    let country = || {
        place
            .country
            .and_then(|own| position(&|one| one.countries.contains(&own)))
    };
    by_part.or_else(country).map(JurisdictionId::from_index)
}

/// The distance of a region from home: there, where its data may lie as well, or elsewhere.
fn distance(plan: &Plan, home: JurisdictionId, region: RegionId) -> u8 {
    let may_use = &plan.jurisdictions[home.index()].may_use;
    match plan.regions[region.index()].jurisdiction {
        Some(own) if own == home => 0,
        Some(own) if may_use.contains(&own) => 1,
        Some(_) | None => 2,
    }
}
