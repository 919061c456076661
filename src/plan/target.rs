//! What is probed, and what is steered by it: slots, and the targets that hang on them.
//!
//! Slots and targets are recognised across plans by their keys, which are made of names. How a slot is probed is its
//! monitor's to say; what its results come to is `health`'s.
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::{Combination, Plan};
use crate::base::{EndpointId, Family, MonitorId, RecoveryId, SlotId};

/// One address watched in one way.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The endpoint whose address it is (the first of them, if several share it: an address is watched
    /// once in one way, whoever has it); none for a canary.
    pub endpoint: Option<EndpointId>,
    /// What is connected to.
    pub address: SocketAddr,
    /// How it is checked.
    pub monitor: MonitorId,
    /// Host header and SNI; empty where the monitor needs none.
    pub host: String,
    /// Tells whether some combination wants that it does not hold.
    pub opposed: bool,
    /// Name across reloads: `monitor/address/host`.
    pub key: String,
}

/// The addresses of one family of one endpoint under one set of monitors and one recovery.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its endpoint.
    pub endpoint: EndpointId,
    /// Its family.
    pub family: Family,
    /// The slots of each address, one address after the other; what they say together is `addresses_down`'s to tell.
    pub slots: Vec<SlotId>,
    /// The combination of the slots of one address, by their places among these; absent = all must be up.
    pub combination: Option<Combination<usize>>,
    /// Slots that are probed and shown, and decide nothing.
    pub reported: Vec<SlotId>,
    /// The one that leaves when one of several addresses is down.
    pub addresses_down: AddressesDown,
    /// How it comes back.
    pub recovery: RecoveryId,
    /// The gate's slots, if the recovery has a gate; all must pass.
    pub gate: Vec<SlotId>,
    /// Name across reloads: `endpoint/family/monitors/recovery`.
    pub key: String,
}

/// The one that leaves when one of an endpoint's addresses of a family is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressesDown {
    /// The address: the endpoint stays while one of them is up.
    Address,
    /// The endpoint, with all of them.
    Endpoint,
    /// None while another is up: all are answered.
    Stay,
}

impl AddressesDown {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] =
        &[("address", Self::Address), ("endpoint", Self::Endpoint)];
    /// The words of `serve`, which is the same by what goes on.
    pub(crate) const SERVE_WORDS: &'static [(&'static str, Self)] =
        &[("up", Self::Address), ("all", Self::Stay)];
}

impl Plan {
    /// The slots of an endpoint under a monitor that waits for reports, of all of its addresses or of one.
    #[must_use]
    pub fn told_slots(
        &self,
        monitor: &str,
        endpoint: EndpointId,
        address: Option<IpAddr>,
    ) -> Vec<SlotId> {
        let targets = self.targets.iter().filter(|one| one.endpoint == endpoint);
        let slots = targets.flat_map(|own| own.slots.iter().chain(&own.gate).chain(&own.reported));
        let is_meant = |id: &SlotId| {
            let slot = &self.slots[id.index()];
            let own = &self.monitors[slot.monitor.index()];
            let is_there = address.is_none_or(|address| slot.address.ip() == address);
            own.name == monitor && own.check.silence().is_some() && is_there
        };
        let mut slots: Vec<SlotId> = slots.copied().filter(is_meant).collect();
        slots.sort();
        slots.dedup();
        slots
    }
}
