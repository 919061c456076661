//! What the planning of capacity must achieve, found the slow way.
//!
//! It asks a table for every cohort, adds up what each endpoint and region carries, and says how much
//! could be carried at all: a maximum flow of blocks of cohorts that the same endpoints accept. It
//! knows neither hands nor chains.
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use waypost::base::limits::COHORTS;
use waypost::base::{ClassId, EndpointId, Family, Reason, RegionId, ServiceId};
use waypost::plan::Plan;
use waypost::table::Table;

/// Millionths of a unit.
pub(crate) const UNIT: u64 = 1_000_000;

/// One cohort of one class of one service, and what it got.
pub(crate) struct Seat {
    pub(crate) service: ServiceId,
    pub(crate) family: Family,
    pub(crate) class: ClassId,
    pub(crate) cohort: u16,
    /// What it asks for, in millionths.
    pub(crate) demand: u64,
    /// Who could serve it by share, in the order of its choice.
    pub(crate) choices: Vec<EndpointId>,
    /// Whom it would get if nothing had a capacity; empty if no share takes it.
    pub(crate) natural: Vec<EndpointId>,
    pub(crate) given: Vec<EndpointId>,
    pub(crate) reason: Reason,
}

/// What places carry, in millionths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loads {
    pub(crate) endpoints: Vec<u64>,
    pub(crate) regions: Vec<u64>,
}

impl Loads {
    fn none(plan: &Plan) -> Self {
        Self {
            endpoints: vec![0; plan.endpoints.len()],
            regions: vec![0; plan.regions.len()],
        }
    }

    fn put(&mut self, plan: &Plan, seat: &Seat) {
        let part = seat.demand.div_ceil(seat.given.len().max(1) as u64);
        for endpoint in &seat.given {
            self.endpoints[endpoint.index()] += part;
        }
        if let Some(first) = seat.given.first() {
            self.regions[plan.endpoints[first.index()].region.index()] += seat.demand;
        }
    }
}

/// A table seen by the oracle.
pub(crate) struct View<'t> {
    pub(crate) plan: &'t Plan,
    pub(crate) seats: Vec<Seat>,
    /// What clients put there whom no share takes.
    pub(crate) fixed: Loads,
    /// What is carried without those who fit nowhere.
    pub(crate) placed: Loads,
    /// What is carried in all.
    pub(crate) all: Loads,
    /// The largest demand of a cohort as it is planned: services that are steered alike together.
    pub(crate) largest: u64,
}

impl<'t> View<'t> {
    pub(crate) fn of(table: &'t Table) -> Self {
        let plan = &*table.plan;
        let mut view = Self {
            plan,
            seats: Vec::new(),
            fixed: Loads::none(plan),
            placed: Loads::none(plan),
            all: Loads::none(plan),
            largest: 0,
        };
        let mut together: BTreeMap<(u16, Family, ClassId), u64> = BTreeMap::new();
        for index in 0..plan.services.len() {
            let service = ServiceId::from_index(index);
            let map = plan.services[index].map;
            for family in Family::ALL {
                let map_of = &plan.maps[map.index()];
                let classes = (0..map_of.classes.len()).map(ClassId::from_index);
                // Nobody is in a class whose clients draw another one.
                for class in classes.filter(|class| map_of.lots_of(*class).is_none()) {
                    let demand = table.demands.of(service, family, class);
                    *together.entry((map.0, family, class)).or_default() += demand;
                    let cohorts = 0..COHORTS;
                    let seats = cohorts
                        .filter_map(|cohort| seat(table, (service, family, class, cohort), demand));
                    view.seats.extend(seats);
                }
            }
        }
        view.largest = together.values().copied().max().unwrap_or(0);
        view.add_up();
        view
    }

    fn add_up(&mut self) {
        for seat in &self.seats {
            self.all.put(self.plan, seat);
            if seat.reason != Reason::Overloaded {
                self.placed.put(self.plan, seat);
            }
            if seat.choices.is_empty() {
                self.fixed.put(self.plan, seat);
            }
        }
    }

    /// What is asked for by clients whom some share takes.
    pub(crate) fn asked(&self) -> u64 {
        let open = self.seats.iter().filter(|seat| !seat.choices.is_empty());
        open.map(|seat| seat.demand).sum()
    }

    /// What fits nowhere.
    pub(crate) fn overloaded(&self) -> u64 {
        let over = self.seats.iter();
        let over = over.filter(|seat| seat.reason == Reason::Overloaded);
        over.map(|seat| seat.demand).sum()
    }

    pub(crate) fn region(&self, endpoint: EndpointId) -> RegionId {
        self.plan.endpoints[endpoint.index()].region
    }

    /// What an endpoint and its region could still take; nothing if there is no bound.
    pub(crate) fn room(&self, endpoint: EndpointId) -> Option<u64> {
        let region = self.region(endpoint);
        let left = |capacity: Option<u32>, load: u64| {
            capacity.map(|units| (u64::from(units) * UNIT).saturating_sub(load))
        };
        let own = left(
            self.plan.endpoints[endpoint.index()].capacity,
            self.placed.endpoints[endpoint.index()],
        );
        let whole = left(
            self.plan.regions[region.index()].capacity,
            self.placed.regions[region.index()],
        );
        own.into_iter().chain(whole).min()
    }

    /// The most that could be carried if each place could carry so much less.
    pub(crate) fn most(&self, less: u64) -> u64 {
        let mut blocks: BTreeMap<BTreeSet<EndpointId>, u64> = BTreeMap::new();
        for seat in self.seats.iter().filter(|seat| !seat.choices.is_empty()) {
            let choices = seat.choices.iter().copied().collect();
            *blocks.entry(choices).or_default() += seat.demand;
        }
        let endpoints = self.plan.endpoints.len();
        let regions = self.plan.regions.len();
        let sink = blocks.len() + endpoints + regions + 1;
        let (endpoint, region) = (1 + blocks.len(), 1 + blocks.len() + endpoints);
        let mut net = Net::new(sink + 1);
        for (place, (choices, demand)) in blocks.iter().enumerate() {
            net.edge(0, 1 + place, *demand);
            for choice in choices {
                net.edge(1 + place, endpoint + choice.index(), u64::MAX / 4);
            }
        }
        let bound = |capacity: Option<u32>, fixed: u64| match capacity {
            None => u64::MAX / 4,
            Some(units) => (u64::from(units) * UNIT).saturating_sub(fixed + less),
        };
        for (index, own) in self.plan.endpoints.iter().enumerate() {
            let room = bound(own.capacity, self.fixed.endpoints[index]);
            net.edge(endpoint + index, region + own.region.index(), room);
        }
        for (index, own) in self.plan.regions.iter().enumerate() {
            net.edge(
                region + index,
                sink,
                bound(own.capacity, self.fixed.regions[index]),
            );
        }
        net.flow(0, sink)
    }
}

fn seat(
    table: &Table,
    (service, family, class, cohort): (ServiceId, Family, ClassId, u16),
    demand: u64,
) -> Option<Seat> {
    let found = table.select(service, family, class, cohort)?;
    let plan = &*table.plan;
    let own = &plan.services[service.index()];
    let (mut choices, mut natural) = (Vec::new(), Vec::new());
    for region in &plan.class(service, class).preference {
        let pool = &own.pools[family.index()][region.index()];
        let members = pool.tiers.iter().flat_map(|tier| &tier.members);
        let shares = members.map(|member| table.standings[member.target.index()].share.0);
        let up = shares.filter(|share| *share == 1000).count();
        if pool.min_up > 1 && up < pool.min_up {
            continue; // It counts as down.
        }
        // Who goes past a tier all the time is served by it if nobody else does.
        let (passing, staying): (Vec<_>, Vec<_>) =
            (0..pool.tiers.len()).partition(|depth| pool.passes(*depth, cohort));
        for depth in staying.into_iter().chain(passing) {
            let tier = &pool.tiers[depth];
            let ring = tier.cohort_order.choices(cohort).iter();
            let ring =
                ring.map(|choice| (&tier.members[usize::from(choice.member())], choice.rank()));
            let share = |target: waypost::base::TargetId| table.standings[target.index()].share.0;
            let takers = ring.filter(|(member, rank)| *rank < share(member.target));
            let takers: Vec<EndpointId> = takers.map(|(member, _)| member.endpoint).collect();
            if natural.is_empty() {
                natural.extend(takers.iter().take(usize::from(own.answers)));
            }
            choices.extend(takers);
        }
    }
    Some(Seat {
        service,
        family,
        class,
        cohort,
        demand,
        choices,
        natural,
        given: found.endpoints.to_vec(),
        reason: found.reason,
    })
}

/// A network for the method of Edmonds and Karp.
struct Net {
    edges: Vec<(usize, u64)>,
    of: Vec<Vec<usize>>,
}

impl Net {
    fn new(nodes: usize) -> Self {
        Self {
            edges: Vec::new(),
            of: vec![Vec::new(); nodes],
        }
    }

    fn edge(&mut self, from: usize, to: usize, room: u64) {
        self.of[from].push(self.edges.len());
        self.edges.push((to, room));
        self.of[to].push(self.edges.len());
        self.edges.push((from, 0));
    }

    fn flow(&mut self, source: usize, sink: usize) -> u64 {
        let mut total = 0;
        loop {
            let mut by = vec![usize::MAX; self.of.len()];
            let mut queue = VecDeque::from([source]);
            while let Some(node) = queue.pop_front() {
                for &edge in &self.of[node] {
                    let (to, room) = self.edges[edge];
                    if room > 0 && to != source && by[to] == usize::MAX {
                        by[to] = edge;
                        queue.push_back(to);
                    }
                }
            }
            if by[sink] == usize::MAX {
                return total;
            }
            let mut path = Vec::new();
            let mut node = sink;
            while node != source {
                path.push(by[node]);
                node = self.edges[by[node] ^ 1].0;
            }
            let least = path.iter().map(|&edge| self.edges[edge].1).min();
            let least = least.unwrap_or(0);
            for edge in path {
                self.edges[edge].1 -= least;
                self.edges[edge ^ 1].1 += least;
            }
            total += least;
        }
    }
}
