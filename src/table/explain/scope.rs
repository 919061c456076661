//! The width in which an answer holds, as its ECS scope tells resolvers.
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

/// The width in which an answer holds.
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
