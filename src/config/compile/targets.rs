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
    AddressSet, EndpointId, Family, MonitorId, Permille, RecoveryId, RegionId, SlotId, TargetId,
};
use crate::config::reader::At;
use crate::monitor::kind::Host;
use crate::plan::fleet::Missing;
use crate::plan::{
    AddressesDown, Combination, Endpoint, Member, Pool, ProbedBy, Slot, Target, Tier,
};

/// What is probed and what is steered, as far as services were wired.
pub(super) struct Wiring<'p> {
    pub(super) places: &'p Places<'p>,
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
    /// Their combination, by their places; absent = all must hold.
    combination: Option<Combination<usize>>,
    /// Those that decide nothing.
    reported: Vec<(MonitorId, String)>,
    recovery: RecoveryId,
    gates: Vec<(MonitorId, String)>,
    /// The word of the service about addresses that are down.
    addresses_down: Option<AddressesDown>,
    /// The part of a target's key that names all of these.
    key: String,
}

impl<'p> Wiring<'p> {
    pub(super) fn new(places: &'p Places<'p>, checks: &'p Checks<'p>) -> Self {
        let names = places.endpoints.iter().enumerate();
        let ids = names.map(|(place, one)| (&*one.name, EndpointId::from_index(place)));
        Self {
            places,
            checks,
            slots: Vec::with_capacity(places.endpoints.len()),
            targets: Vec::with_capacity(places.endpoints.len()),
            endpoint_ids: ids.collect(),
            slot_ids: BTreeMap::new(),
            target_ids: BTreeMap::new(),
            deals: Deals::default(),
        }
    }

    /// The pools of a service, by family and region.
    pub(super) fn pools(&mut self, draft: &Draft<'_>) -> [Vec<Pool>; 2] {
        let watches: BTreeMap<EndpointId, Watch> = draft
            .endpoints
            .iter()
            .map(|id| (*id, self.watch(draft, *id)))
            .collect();
        Family::ALL.map(|family| {
            let regions = (0..self.places.regions.len()).map(RegionId::from_index);
            let pools = regions.map(|region| match draft.regions.contains(&region) {
                true => self.pool(draft, region, family, &watches),
                false => Pool::default(),
            });
            pools.collect()
        })
    }

    /// The watch of a service over one of its endpoints; what the endpoint says itself comes first.
    fn watch(&self, draft: &Draft<'_>, endpoint: EndpointId) -> Watch {
        let hostname = draft.spec.hostnames.first();
        let hostname = hostname.map_or_else(String::new, |name| name.value.to_string());
        let probe = self.places.written[endpoint.index()].probe();
        let instead = probe.host.as_ref().map(|host| &*host.value);
        let with_host = |id: MonitorId| (id, self.host(id, &hostname, instead));
        let own = self.checks.own[endpoint.index()].as_ref();
        let own = own.unwrap_or(&draft.watch);
        let mut monitors: Vec<_> = own.monitors.iter().copied().map(with_host).collect();
        monitors.sort();
        let place = |id: &MonitorId| monitors.iter().position(|(own, _)| own == id);
        let place = |id: &MonitorId| place(id).expect("a combination is of monitors that decide");
        let combination = own.combination.as_ref();
        let recovery = &self.checks.recoveries[draft.recovery.index()];
        let gates: Vec<_> = recovery.gates.iter().copied().map(with_host).collect();
        let mut names: Vec<String> = monitors.iter().map(|one| self.watched(one)).collect();
        names.sort();
        let name = |id: &MonitorId| self.watched(&with_host(*id));
        let names = match combination {
            None => names.join("+"),
            Some(own) => own.map(&mut |id| name(id)).to_string(),
        };
        let gate_names = gates.iter().map(|one| format!("+{}", self.watched(one)));
        let gate_names: String = gate_names.collect();
        Watch {
            combination: combination.map(|own| own.map(&mut |id| place(id))),
            reported: own.reported.iter().copied().map(with_host).collect(),
            monitors,
            recovery: draft.recovery,
            gates,
            addresses_down: draft.spec.addresses_down.as_ref().map(|one| one.value),
            key: format!("{names}/{}{gate_names}", recovery.name),
        }
    }

    /// The host that a monitor asks for, or another instead; empty where it asks for none.
    fn host(&self, monitor: MonitorId, hostname: &str, instead: Option<&str>) -> String {
        let host = match self.checks.monitors[monitor.index()].check.host() {
            Host::Nobody => "",
            Host::Named(name) => instead.unwrap_or(name),
            Host::OfService => instead.unwrap_or(hostname),
        };
        host.to_owned()
    }

    /// A monitor's name, with the host if the service brought it.
    fn watched(&self, (id, host): &(MonitorId, String)) -> String {
        let monitor = &self.checks.monitors[id.index()];
        match monitor.check.host() {
            Host::OfService => format!("{}@{host}", monitor.name),
            Host::Nobody | Host::Named(_) => monitor.name.clone(),
        }
    }

    fn pool(
        &mut self,
        draft: &Draft<'_>,
        region: RegionId,
        family: Family,
        watches: &BTreeMap<EndpointId, Watch>,
    ) -> Pool {
        let places = self.places;
        let tiers = tiers(draft, region, family, places).into_iter();
        let tiers = tiers.map(|endpoints| {
            let members = endpoints.iter();
            let members = members.map(|one| self.member(one, family, watches));
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
                answers: draft.spec.answers.value,
                missing: match draft.is_signed {
                    true => Missing::Divided,
                    false => Missing::Filled,
                },
                is_sticky: draft.steering.facts.is_sticky,
            });
            Tier {
                number: endpoints[0].tier,
                members,
                cohort_order,
                fleet,
            }
        });
        let tiers: Vec<Tier> = tiers.collect();
        let members: usize = tiers.iter().map(|tier| tier.members.len()).sum();
        let part = draft.spec.min_up.as_ref();
        let part = part.map_or(Permille::NONE, |part| part.value);
        Pool {
            tiers,
            min_up: (members * usize::from(part.0)).div_ceil(usize::from(Permille::FULL.0)),
            trickle: draft.trickle(),
        }
    }

    fn member(
        &mut self,
        endpoint: &Endpoint,
        family: Family,
        watches: &BTreeMap<EndpointId, Watch>,
    ) -> Member {
        let id = self.endpoint_ids[&*endpoint.name];
        Member {
            endpoint: id,
            target: self.target(id, family, &watches[&id]),
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
            AddressesDown::Stay => "/all",
        };
        let key = format!("{name}/{family_name}/{}{whole}", watch.key);
        if let Some(id) = self.target_ids.get(&key) {
            return *id;
        }
        let id = TargetId::from_index(self.targets.len());
        self.target_ids.insert(key.clone(), id);
        let slots = self.slots_of(endpoint, family, &watch.monitors);
        self.oppose(&slots, watch);
        let target = Target {
            endpoint,
            family,
            slots,
            combination: watch.combination.clone(),
            reported: self.slots_of(endpoint, family, &watch.reported),
            addresses_down,
            recovery: watch.recovery,
            gate: self.slots_of(endpoint, family, &watch.gates),
            key,
        };
        self.targets.push(target);
        id
    }

    /// Marks the slots that a combination wants not to hold.
    fn oppose(&mut self, slots: &[SlotId], watch: &Watch) {
        let Some(combination) = &watch.combination else {
            return;
        };
        let opposed = combination.opposed();
        for of_address in slots.chunks(watch.monitors.len()) {
            for slot in opposed.iter().filter_map(|place| of_address.get(**place)) {
                self.slots[slot.index()].opposed = true;
            }
        }
    }

    /// The word about an endpoint's addresses that are down: by itself, or by its service.
    fn said(&self, endpoint: EndpointId, watch: &Watch) -> Option<AddressesDown> {
        let own = self.places.written[endpoint.index()]
            .addresses_down
            .as_ref();
        own.map(|one| one.value).or(watch.addresses_down)
    }

    /// The one that leaves when one of several addresses is down: the address, unless something else is said. An address
    /// would come back round a gate or an approval, so with these it is the endpoint; and where another address is
    /// probed, that one speaks for all of them. Of a machine that is known by name all are answered, as by whoever answers
    /// for that name.
    fn addresses_down(&self, endpoint: EndpointId, family: Family, watch: &Watch) -> AddressesDown {
        let recovery = &self.checks.recoveries[watch.recovery.index()];
        let own = &self.places.endpoints[endpoint.index()];
        let count = own.addresses_of(family, AddressSet::EMPTY).count();
        let said = self.said(endpoint, watch);
        let one = self.is_probed_once(endpoint);
        match said {
            // How many addresses a name has changes, and what is known of it by its key does not.
            _ if one || count < 2 && own.named.is_none() => AddressesDown::Endpoint,
            None if own.named.is_some() => AddressesDown::Stay,
            Some(AddressesDown::Stay) => AddressesDown::Stay,
            _ if recovery.guards_data() => AddressesDown::Endpoint,
            _ => said.unwrap_or(AddressesDown::Address),
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
                opposed: false,
                key: format!("canary/{}", canary.value),
            });
        }
        ids
    }

    /// Tells that one address speaks for all: another one is probed, or one of those of a name.
    fn is_probed_once(&self, endpoint: EndpointId) -> bool {
        let probe = self.places.written[endpoint.index()].probe();
        let by_name = probe
            .by
            .as_ref()
            .is_some_and(|by| by.value == ProbedBy::Name);
        probe.address.is_some() || by_name
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
        let mut addresses: Vec<IpAddr> = addresses
            .filter(|address| Family::of(*address) == family)
            .collect();
        if let Some(elsewhere) = &places.written[endpoint.index()].probe().address {
            addresses = vec![elsewhere.value];
        }
        if self.is_probed_once(endpoint) {
            addresses.truncate(1);
        }
        let mut slots = Vec::new();
        for address in addresses {
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
        let port = self.places.written[endpoint.index()].probe().port;
        let address = SocketAddr::new(address, port.unwrap_or(watched.port));
        let key = format!("{}/{address}/{host}", watched.name);
        let next = SlotId::from_index(self.slots.len());
        let id = *self.slot_ids.entry(key.clone()).or_insert(next);
        if id == next {
            self.slots.push(Slot {
                endpoint: Some(endpoint),
                address,
                monitor,
                host: host.to_owned(),
                opposed: false,
                key,
            });
        }
        id
    }
}
