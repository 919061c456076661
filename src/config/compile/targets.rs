//! Wires services to what is probed: slots, targets, and pools of targets.
//!
//! Two services that watch the same endpoint in the same way share its slots; if they also
//! let it come back in the same way, they share the target. The Host header is part of "the
//! same way" only where the monitor takes it from the service. Endpoints with the same address share its
//! slots as well: it is asked once. Keys are made of names, never
//! of ids, so that health finds its own again after a reload.
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::checks::Checks;
use super::deals::{self, Deals, TierToDeal};
use super::places::Places;
use super::services::{Draft, tiers};
use crate::base::{
    AddressSet, EndpointId, Family, MonitorId, RecoveryId, RegionId, SlotId, TargetId,
};
use crate::config::reader::At;
use crate::monitor::kind::Host;
use crate::plan::fleet::Missing;
use crate::plan::{AddressesDown, Endpoint, Member, Pool, Slot, Target, Tier};

/// What is probed and what is steered, as far as services were wired.
pub(super) struct Wiring<'p> {
    places: &'p Places<'p>,
    checks: &'p Checks<'p>,
    pub(super) slots: Vec<Slot>,
    pub(super) targets: Vec<Target>,
    endpoint_ids: BTreeMap<&'p str, EndpointId>,
    slot_ids: BTreeMap<String, SlotId>,
    target_ids: BTreeMap<String, TargetId>,
    deals: Deals,
}

/// What one service asks of its endpoints.
struct Watch {
    /// Monitors, each with the host it asks for.
    monitors: Vec<(MonitorId, String)>,
    recovery: RecoveryId,
    gates: Vec<(MonitorId, String)>,
    /// The word of the service about addresses that are down.
    addresses_down: Option<AddressesDown>,
    /// The part of a target's key that names all of these.
    key: String,
    /// Endpoints in an answer.
    answers: u8,
    missing: Missing,
}

impl<'p> Wiring<'p> {
    pub(super) fn new(places: &'p Places<'p>, checks: &'p Checks<'p>) -> Self {
        let names = places.endpoints.iter().enumerate();
        let ids = names.map(|(place, one)| (&*one.name, EndpointId::from_index(place)));
        Self {
            places,
            checks,
            slots: Vec::new(),
            targets: Vec::new(),
            endpoint_ids: ids.collect(),
            slot_ids: BTreeMap::new(),
            target_ids: BTreeMap::new(),
            deals: Deals::default(),
        }
    }

    /// The pools of a service, by family and region.
    pub(super) fn pools(&mut self, draft: &Draft<'_>) -> [Vec<Pool>; 2] {
        let watch = self.watch(draft);
        Family::ALL.map(|family| {
            let regions = (0..self.places.regions.len()).map(RegionId::from_index);
            let pools = regions.map(|region| match draft.regions.contains(&region) {
                true => self.pool(region, family, &watch),
                false => Pool::default(),
            });
            pools.collect()
        })
    }

    fn watch(&self, draft: &Draft<'_>) -> Watch {
        let hostname = draft.spec.hostnames.first();
        let hostname = hostname.map_or_else(String::new, |name| name.value.to_string());
        let with_host = |id: MonitorId| (id, self.host(id, &hostname));
        let mut monitors: Vec<_> = draft.monitors.iter().copied().map(with_host).collect();
        monitors.sort();
        let recovery = &self.checks.recoveries[draft.recovery.index()];
        let gates: Vec<_> = recovery.gates.iter().copied().map(with_host).collect();
        let mut names: Vec<String> = monitors.iter().map(|one| self.watched(one)).collect();
        names.sort();
        let gate_names = gates.iter().map(|one| format!("+{}", self.watched(one)));
        let gate_names: String = gate_names.collect();
        Watch {
            monitors,
            recovery: draft.recovery,
            gates,
            addresses_down: draft.spec.addresses_down.as_ref().map(|one| one.value),
            key: format!("{}/{}{gate_names}", names.join("+"), recovery.name),
            answers: draft.spec.answers.value,
            missing: match draft.is_signed {
                true => Missing::Divided,
                false => Missing::Filled,
            },
        }
    }

    /// The host that a monitor asks for; empty where it asks for none.
    fn host(&self, monitor: MonitorId, hostname: &str) -> String {
        match self.checks.monitors[monitor.index()].check.host() {
            Host::Nobody => String::new(),
            Host::Named(name) => name.to_owned(),
            Host::OfService => hostname.to_owned(),
        }
    }

    /// A monitor's name, with the host if the service brought it.
    fn watched(&self, (id, host): &(MonitorId, String)) -> String {
        let monitor = &self.checks.monitors[id.index()];
        match monitor.check.host() {
            Host::OfService => format!("{}@{host}", monitor.name),
            Host::Nobody | Host::Named(_) => monitor.name.clone(),
        }
    }

    fn pool(&mut self, region: RegionId, family: Family, watch: &Watch) -> Pool {
        let places = self.places;
        let tiers = tiers(region, family, places).into_iter();
        let tiers = tiers.map(|endpoints| {
            let members = endpoints.iter().map(|one| self.member(one, family, watch));
            let members: Vec<Member> = members.collect();
            let ways = endpoints.iter().zip(&members).map(|(endpoint, member)| {
                let own = endpoint.addresses_of(family, AddressSet::EMPTY);
                deals::ways(&self.targets[member.target.index()], own.count())
            });
            let ways: Vec<u64> = ways.collect();
            let (cohort_order, fleet) = self.deals.deal(&TierToDeal {
                region: &places.regions[region.index()].name,
                endpoints: &endpoints,
                ways: &ways,
                answers: watch.answers,
                missing: watch.missing,
            });
            Tier {
                number: endpoints[0].tier,
                members,
                cohort_order,
                fleet,
            }
        });
        Pool {
            tiers: tiers.collect(),
        }
    }

    fn member(&mut self, endpoint: &Endpoint, family: Family, watch: &Watch) -> Member {
        let id = self.endpoint_ids[&*endpoint.name];
        Member {
            endpoint: id,
            target: self.target(id, family, watch),
            weight: endpoint.weight,
        }
    }

    fn target(&mut self, endpoint: EndpointId, family: Family, watch: &Watch) -> TargetId {
        let family_name = match family {
            Family::V4 => "v4",
            Family::V6 => "v6",
        };
        let name = &self.places.endpoints[endpoint.index()].name;
        let addresses_down = self.addresses_down(endpoint, family, watch);
        let whole = match addresses_down {
            AddressesDown::Endpoint if self.said(endpoint, watch).is_some() => "/whole",
            AddressesDown::Endpoint | AddressesDown::Address => "",
        };
        let key = format!("{name}/{family_name}/{}{whole}", watch.key);
        if let Some(id) = self.target_ids.get(&key) {
            return *id;
        }
        let id = TargetId::from_index(self.targets.len());
        self.target_ids.insert(key.clone(), id);
        let target = Target {
            endpoint,
            family,
            slots: self.slots_of(endpoint, family, &watch.monitors),
            addresses_down,
            recovery: watch.recovery,
            gate: self.slots_of(endpoint, family, &watch.gates),
            key,
        };
        self.targets.push(target);
        id
    }

    /// The word about an endpoint's addresses that are down: by itself, or by its service.
    fn said(&self, endpoint: EndpointId, watch: &Watch) -> Option<AddressesDown> {
        let own = self.places.addresses_down[endpoint.index()].as_ref();
        own.map(|one| one.value).or(watch.addresses_down)
    }

    /// The one that leaves when one of several addresses is down: the address, unless something else is said. An address
    /// would come back round a gate or an approval, so with these it is the endpoint.
    fn addresses_down(&self, endpoint: EndpointId, family: Family, watch: &Watch) -> AddressesDown {
        let recovery = &self.checks.recoveries[watch.recovery.index()];
        let count = self.places.endpoints[endpoint.index()]
            .addresses_of(family, AddressSet::EMPTY)
            .count();
        match self.said(endpoint, watch) {
            _ if count < 2 || recovery.guards_data() => AddressesDown::Endpoint,
            said => said.unwrap_or(AddressesDown::Address),
        }
    }

    /// A slot for each canary; none if nothing watches them.
    pub(super) fn canaries(&mut self, canaries: &[At<SocketAddr>]) -> Vec<SlotId> {
        let Some(monitor) = self.checks.canary else {
            return Vec::new();
        };
        let mut ids = Vec::new();
        for canary in canaries {
            ids.push(SlotId::from_index(self.slots.len()));
            self.slots.push(Slot {
                endpoint: None,
                address: canary.value,
                monitor,
                host: String::new(),
                key: format!("canary/{}", canary.value),
            });
        }
        ids
    }

    /// A slot for each address and monitor.
    fn slots_of(
        &mut self,
        endpoint: EndpointId,
        family: Family,
        monitors: &[(MonitorId, String)],
    ) -> Vec<SlotId> {
        let places = self.places;
        let addresses = places.endpoints[endpoint.index()].addresses.iter().copied();
        let mut slots = Vec::new();
        for address in addresses.filter(|address| Family::of(*address) == family) {
            for (monitor, host) in monitors {
                slots.push(self.slot(endpoint, address, *monitor, host));
            }
        }
        slots
    }

    fn slot(
        &mut self,
        endpoint: EndpointId,
        address: IpAddr,
        monitor: MonitorId,
        host: &str,
    ) -> SlotId {
        let watched = &self.checks.monitors[monitor.index()];
        let address = SocketAddr::new(address, watched.port);
        let key = format!("{}/{address}/{host}", watched.name);
        let next = SlotId::from_index(self.slots.len());
        let id = *self.slot_ids.entry(key.clone()).or_insert(next);
        if id == next {
            self.slots.push(Slot {
                endpoint: Some(endpoint),
                address,
                monitor,
                host: host.to_owned(),
                key,
            });
        }
        id
    }
}
