//! The times by which a client's regions were sorted, where the policy is that (`latency`).
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::geo::Network;
use crate::plan::{Plan, Service};

/// The measured times of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeasuredFacts {
    /// The clients that they were measured of: a network, or a place.
    pub clients: String,
    /// The regions, in the order of the table.
    pub regions: Vec<RegionTime>,
}

/// The time between a client and a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegionTime {
    /// Its name.
    pub region: String,
    /// Microseconds; absent = not measured.
    pub measured_us: Option<u32>,
}

/// Finds what was measured of a client for a service.
pub(super) fn of(plan: &Plan, service: &Service, client: IpAddr) -> Option<MeasuredFacts> {
    let table = service.measured.as_ref()?;
    let (place, _) = plan.atlas.find(client);
    let network = Network::around(client.to_canonical(), u8::MAX);
    let (clients, row) = table.row(Some(network), &place)?;
    let regions = table.regions.iter().zip(&row.times);
    let regions = regions.map(|(region, time)| RegionTime {
        region: region.clone(),
        measured_us: *time,
    });
    Some(MeasuredFacts {
        clients: clients.to_string(),
        regions: regions.collect(),
    })
}
