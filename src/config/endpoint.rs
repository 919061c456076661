//! Endpoints of regions and of services, as they are written.
use std::net::IpAddr;

use super::naming::HostnameSpec;
use super::reader::At;
use super::watch::{FollowSpec, WatchSpec};
use crate::plan::{AddressesDown, ProbedBy};

/// An endpoint of a region, or of a service. There are many of them, and few with all of this: that is boxed.
#[derive(Debug)]
pub(crate) struct EndpointSpec {
    pub(crate) name: At<String>,
    /// The region of a service's own; those of regions say nothing of it.
    pub(crate) region: Option<At<String>>,
    pub(crate) provider: String,
    pub(crate) tier: u16,
    /// 0: the last of its tier.
    pub(crate) weight: u16,
    pub(crate) weight_from: Option<Box<At<FollowSpec>>>,
    pub(crate) capacity: Option<At<u32>>,
    pub(crate) capacity_from: Option<Box<At<FollowSpec>>>,
    pub(crate) addresses: Vec<At<IpAddr>>,
    /// The name that its addresses are found by.
    pub(crate) hostname: Option<Box<HostnameSpec>>,
    /// Of this endpoint, whatever its services say.
    pub(crate) addresses_down: Option<At<AddressesDown>>,
    /// `enabled = false`: it serves nobody and is not probed.
    pub(crate) is_disabled: bool,
    /// In place of its services' monitors.
    pub(crate) monitors: Option<Box<WatchSpec>>,
    pub(crate) probe: Option<Box<ProbeSpec>>,
    /// The place of the discovery that it came by.
    pub(crate) discovery: Option<u16>,
}

impl EndpointSpec {
    /// The place of its probes, if elsewhere.
    pub(crate) fn probe(&self) -> &ProbeSpec {
        static AS_IT_IS: ProbeSpec = ProbeSpec {
            address: None,
            by: None,
            port: None,
            host: None,
        };
        self.probe.as_deref().unwrap_or(&AS_IT_IS)
    }
}

/// `probe` of an endpoint: where it is probed, if elsewhere.
#[derive(Debug)]
pub(crate) struct ProbeSpec {
    pub(crate) address: Option<At<IpAddr>>,
    /// For a machine known by name.
    pub(crate) by: Option<At<ProbedBy>>,
    /// In place of the port of each monitor.
    pub(crate) port: Option<u16>,
    /// In place of the host of each monitor that has one.
    pub(crate) host: Option<At<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_ten_thousand_endpoints_takes_little_room() {
        let bytes = size_of::<EndpointSpec>();
        assert!(bytes <= 256, "{bytes}");
    }
}
