//! How widely an answer holds, as its ECS scope tells resolvers.
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::limits::{COHORT_PREFIX_V4, COHORT_PREFIX_V6};
use crate::geo::ClassHit;
use crate::plan::{Service, Subnets};
use crate::table::Selection;

/// How widely the answer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Scope {
    /// Prefix length that the ECS option of an answer gets (RFC 7871, section 7.2.1).
    pub prefix: u8,
    /// Tells whether cohorts differ, so that it is no wider than a cohort's network.
    pub by_cohort: bool,
    /// Tells whether a client subnet counts at all; otherwise the reply's scope is 0, and resolvers are answered by their own
    /// address.
    pub counts: bool,
}

/// A network in CIDR notation, host bits cleared.
pub(super) fn network(client: IpAddr, prefix: u8) -> String {
    match client {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(prefix.min(32)))
                .unwrap_or(0);
            format!(
                "{}/{prefix}",
                std::net::Ipv4Addr::from(u32::from(address) & mask)
            )
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(prefix.min(128)))
                .unwrap_or(0);
            format!(
                "{}/{prefix}",
                std::net::Ipv6Addr::from(u128::from(address) & mask)
            )
        }
    }
}

/// How widely an answer holds.
pub(super) fn of(
    (client, hit): (IpAddr, ClassHit),
    selection: Option<Selection<'_>>,
    service: &Service,
) -> Scope {
    if service.steering.subnets == Subnets::PassedOver {
        return Scope {
            prefix: 0,
            by_cohort: false,
            counts: false,
        };
    }
    let by_cohort = selection.is_some_and(|selection| selection.by_cohort);
    let narrowest = match (by_cohort, client) {
        (false, _) => 0,
        (true, IpAddr::V4(_)) => COHORT_PREFIX_V4,
        (true, IpAddr::V6(_)) => COHORT_PREFIX_V6,
    };
    Scope {
        prefix: hit.prefix.max(narrowest),
        by_cohort,
        counts: true,
    }
}
