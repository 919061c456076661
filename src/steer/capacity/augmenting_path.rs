//! Augmenting paths: whom to move so that someone else finds room.
//!
//! ```text
//! newcomer --> full endpoint --its tenant--> full endpoint --its tenant--> endpoint with room
//! ```
//!
//! The search goes from endpoint to endpoint, breadth first: from one that is full to those its
//! tenants could use instead, each inside its own preference and shares; and where a region is full
//! though the endpoint is not, to all endpoints of the region. It is the search for an augmenting path
//! of a maximum flow, so what it cannot reach has no room for anyone who comes this way, and is not
//! searched again.
//!
//! Cohorts are of different demands. So a chain is followed back from its end: each link passes on at
//! most what the next one frees. If the newcomer gets nothing of that, what the end of the chain frees
//! is freed all the same, and the search begins anew with that much more room.
use std::collections::VecDeque;

use super::cohorts::Cohorts;
use super::rooms::part;
use super::{Assignee, Assignment, Claim, ClaimState, Planner, together};
use crate::base::EndpointId;

/// What is known while room is made.
struct Search {
    /// Claims that have, or had, someone on an endpoint; those who have spilled over to it first.
    tenants: Vec<Vec<usize>>,
    /// By endpoint: how the present search came there.
    visits: Vec<Option<Visit>>,
    /// The endpoints that the present search came to.
    seen: Vec<EndpointId>,
    /// Endpoints from which no room can be reached.
    dead: Vec<bool>,
    queue: VecDeque<EndpointId>,
}

/// How a search came to an endpoint.
#[derive(Clone, Copy)]
enum Visit {
    /// Someone might sit there.
    Arrival(Arrival),
    /// It is in the region of this endpoint, and the region is full.
    Neighbour(EndpointId),
}

/// Someone who might sit on an endpoint.
#[derive(Clone, Copy)]
struct Arrival {
    claim: usize,
    pool: usize,
    lone: u16,
    /// From where; absent for those who are nowhere yet.
    from: Option<(EndpointId, usize, Assignee)>,
}

/// One link of a chain.
struct Link {
    arrival: Arrival,
    to: EndpointId,
    /// The number of cohorts that may go, at the most.
    most: u64,
    /// What the endpoint that is left carries less for each.
    frees: u64,
    /// How much of what arrives may stay without anyone leaving.
    spare: u64,
}

impl Planner<'_> {
    /// Makes room for claims that have found none, as long as there are steps.
    pub(super) fn relieve(&mut self) {
        let order = self.order.clone();
        let mut waiting = order
            .into_iter()
            .filter(|&claim| match &self.states[claim] {
                ClaimState::Unassigned | ClaimState::Whole(_) => false,
                ClaimState::Split(split) => split.left.is_some(),
            });
        let waiting: Vec<usize> = waiting.by_ref().collect();
        if waiting.is_empty() {
            return;
        }
        let mut search = Search::new(self);
        for claim in waiting {
            while self.steps > 0 && !self.left(claim).is_empty() && search.run(self, claim) {}
        }
    }

    /// Where a claim sits on an endpoint.
    fn assignments_at(&self, claim: usize, endpoint: EndpointId) -> Vec<Assignment> {
        let at = |own: &Assignment| {
            let offer = self.pool_offer(claim, own.pool);
            together(offer, own.assignee).contains(&endpoint)
        };
        match &self.states[claim] {
            ClaimState::Unassigned => Vec::new(),
            ClaimState::Whole(_) => self
                .assignments_of_whole(claim)
                .into_iter()
                .filter(at)
                .collect(),
            ClaimState::Split(split) => split.assignments.iter().copied().filter(at).collect(),
        }
    }

    /// The cohorts that could arrive.
    fn movable(&self, arrival: &Arrival) -> Cohorts {
        let offer = self.pool_offer(arrival.claim, arrival.pool);
        let accepts = &offer.lone_members[usize::from(arrival.lone)].accepts;
        let Some((from, pool, assignee)) = arrival.from else {
            return self.left(arrival.claim).and(accepts);
        };
        let assignments = self.assignments_at(arrival.claim, from);
        let mut assignments = assignments
            .iter()
            .filter(|own| (own.pool, own.assignee) == (pool, assignee));
        assignments
            .next()
            .map_or(Cohorts::NONE, |own| own.cohorts.and(accepts))
    }

    /// Moves so many cohorts.
    fn carry_out(&mut self, arrival: &Arrival, count: u64) {
        let start = self.claims[arrival.claim].start;
        let cohorts = self.movable(arrival).first(start, count);
        if let Some((_, pool, assignee)) = arrival.from {
            self.release(
                arrival.claim,
                Assignment {
                    pool,
                    assignee,
                    cohorts,
                },
            );
        }
        let assigned = Assignment {
            pool: arrival.pool,
            assignee: Assignee::Lone(arrival.lone),
            cohorts,
        };
        self.load(arrival.claim, assigned);
        self.split(arrival.claim).assign(assigned);
    }
}

impl Search {
    fn new(planner: &Planner<'_>) -> Self {
        let endpoints = planner.rooms.loads.endpoints.len();
        let mut search = Self {
            tenants: vec![Vec::new(); endpoints],
            visits: vec![None; endpoints],
            seen: Vec::new(),
            dead: vec![false; endpoints],
            queue: VecDeque::new(),
        };
        let has_spilled = |own: &Assignment| own.pool > 0;
        for wanted in [true, false] {
            for claim in 0..planner.claims.len() {
                let assignments = match &planner.states[claim] {
                    ClaimState::Unassigned => continue,
                    ClaimState::Whole(pool) if (*pool > 0) != wanted => continue,
                    ClaimState::Whole(_) => planner.assignments_of_whole(claim),
                    ClaimState::Split(split) => split.assignments.clone(),
                };
                for own in assignments.iter().filter(|own| has_spilled(own) == wanted) {
                    let offer = planner.pool_offer(claim, own.pool);
                    for endpoint in together(offer, own.assignee) {
                        search.tenants[endpoint.index()].push(claim);
                    }
                }
            }
        }
        search
    }

    /// Makes room for a claim, or some of it; says whether there is any sense in going on.
    fn run(&mut self, planner: &mut Planner<'_>, newcomer: usize) -> bool {
        for endpoint in self.seen.drain(..) {
            self.visits[endpoint.index()] = None;
        }
        self.queue.clear();
        let left = planner.left(newcomer);
        if self.spread(planner, newcomer, (left, None)) {
            return true;
        }
        while let Some(endpoint) = self.queue.pop_front() {
            for place in 0..self.tenants[endpoint.index()].len() {
                let tenant = self.tenants[endpoint.index()][place];
                for own in planner.assignments_at(tenant, endpoint) {
                    let from = (endpoint, own.pool, own.assignee);
                    if self.spread(planner, tenant, (own.cohorts, Some(from))) {
                        return true;
                    }
                }
                if planner.steps == 0 {
                    return false;
                }
            }
        }
        for endpoint in &self.seen {
            self.dead[endpoint.index()] = true;
        }
        false
    }

    /// Goes to every endpoint that cohorts of a claim could use.
    fn spread(
        &mut self,
        planner: &mut Planner<'_>,
        claim: usize,
        (cohorts, from): (Cohorts, Option<(EndpointId, usize, Assignee)>),
    ) -> bool {
        for pool in 0..planner.claims[claim].pools.len() {
            let offer = planner.pool_offer(claim, pool);
            for (lone, own) in (0..).zip(&offer.lone_members) {
                let to = own.endpoint[0];
                planner.steps = planner.steps.saturating_sub(1);
                let known = self.dead[to.index()] || self.visits[to.index()].is_some();
                if known || !cohorts.meet(&own.accepts) {
                    continue;
                }
                let arrival = Arrival {
                    claim,
                    pool,
                    lone,
                    from,
                };
                if self.arrive(planner, to, arrival) {
                    return true;
                }
            }
        }
        false
    }

    fn see(&mut self, endpoint: EndpointId, visit: Visit) {
        self.visits[endpoint.index()] = Some(visit);
        self.seen.push(endpoint);
        self.queue.push_back(endpoint);
    }

    /// Comes to an endpoint; follows the chain if there is room.
    fn arrive(&mut self, planner: &mut Planner<'_>, to: EndpointId, arrival: Arrival) -> bool {
        self.see(to, Visit::Arrival(arrival));
        let Claim { demand, .. } = planner.claims[arrival.claim];
        let region = planner.pool_offer(arrival.claim, arrival.pool).region;
        if planner.rooms.room(to) < demand {
            return false;
        }
        if planner.rooms.region_room(region) >= demand {
            return self.follow(planner, to);
        }
        for &neighbour in planner.rooms.neighbours(region) {
            let known = self.dead[neighbour.index()] || self.visits[neighbour.index()].is_some();
            if !known && !self.tenants[neighbour.index()].is_empty() {
                self.see(neighbour, Visit::Neighbour(to));
            }
        }
        false
    }

    /// Carries a chain out, or as much of its end as can be; says whether anyone has moved.
    fn follow(&mut self, planner: &mut Planner<'_>, end: EndpointId) -> bool {
        let links = self.links(planner, end);
        let Some(first) = links.len().checked_sub(1) else {
            return false;
        };
        let wanted = planner.claims[links[first].arrival.claim].demand;
        let mut count = match links[first].arrival.from {
            None => links[first].most,
            // The newcomer gets nothing yet: no more is freed than one cohort of it may need.
            Some(_) => wanted_by_last(self, planner, &links[first]).clamp(1, links[first].most),
        };
        let mut counts = vec![count; links.len()];
        let mut brought = count * wanted;
        for place in (0..first).rev() {
            let (link, demand) = (
                &links[place],
                planner.claims[links[place].arrival.claim].demand,
            );
            let missing = brought.saturating_sub(links[place + 1].spare);
            count = missing.div_ceil(link.frees).min(link.most);
            counts[place] = count;
            brought = count * demand;
        }
        for (link, count) in links.iter().zip(counts).filter(|(_, count)| *count > 0) {
            planner.carry_out(&link.arrival, count);
            self.settle_in(link);
        }
        true
    }

    /// Makes those who came by a link tenants: before those who are at home if they have spilled over, as in [`Self::new`].
    fn settle_in(&mut self, link: &Link) {
        let tenants = &mut self.tenants[link.to.index()];
        let place = if link.arrival.pool > 0 {
            0
        } else {
            tenants.len()
        };
        tenants.insert(place, link.arrival.claim);
    }

    /// The links of a chain from its end on, up to the first through which nobody can go.
    fn links(&self, planner: &Planner<'_>, end: EndpointId) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        let (mut to, mut after) = (end, None);
        loop {
            let arrival = match self.visits[to.index()] {
                Some(Visit::Arrival(arrival)) => arrival,
                Some(Visit::Neighbour(of)) => {
                    to = of;
                    after = after.map(|_| Through::Region);
                    continue;
                }
                None => return links,
            };
            let demand = planner.claims[arrival.claim].demand;
            let (spare, limit) = self.limit(planner, (to, &arrival), links.last(), after);
            let most = u64::from(planner.movable(&arrival).len()).min(limit / demand);
            if most == 0 {
                return links;
            }
            let frees = arrival.from.map_or(demand, |(_, pool, assignee)| {
                let offer = planner.pool_offer(arrival.claim, pool);
                part(demand, together(offer, assignee).len())
            });
            links.push(Link {
                arrival,
                to,
                most,
                frees,
                spare,
            });
            let Some((from, ..)) = arrival.from else {
                return links;
            };
            (to, after) = (from, Some(Through::Endpoint));
        }
    }

    /// How much may arrive at an endpoint without anyone leaving, and in all.
    fn limit(
        &self,
        planner: &Planner<'_>,
        (to, arrival): (EndpointId, &Arrival),
        next: Option<&Link>,
        through: Option<Through>,
    ) -> (u64, u64) {
        let region = planner.pool_offer(arrival.claim, arrival.pool).region;
        let (room, region_room) = (planner.rooms.room(to), planner.rooms.region_room(region));
        let both = room.min(region_room);
        let Some((next, through)) = next.zip(through) else {
            return (both, both);
        };
        let freed = next.most * next.frees;
        let leaves = planner
            .pool_offer(next.arrival.claim, next.arrival.pool)
            .region
            != region;
        match (through, leaves) {
            (Through::Endpoint, true) => (both, both.saturating_add(freed)),
            (Through::Endpoint, false) => (0, freed),
            (Through::Region, true) => (region_room, room.min(region_room.saturating_add(freed))),
            (Through::Region, false) => (0, room.min(freed)),
        }
    }
}

/// What of an endpoint's room a link gives way in.
#[derive(Clone, Copy)]
enum Through {
    /// The endpoint is full.
    Endpoint,
    /// Its region is full.
    Region,
}

/// How many cohorts of the first link that moves would make room for one of those before it.
fn wanted_by_last(search: &Search, planner: &Planner<'_>, link: &Link) -> u64 {
    let Some((from, ..)) = link.arrival.from else {
        return 1;
    };
    let at = match search.visits[from.index()] {
        Some(Visit::Neighbour(of)) => of,
        Some(Visit::Arrival(_)) | None => from,
    };
    let Some(Visit::Arrival(before)) = search.visits[at.index()] else {
        return 1;
    };
    let region = planner.pool_offer(before.claim, before.pool).region;
    let room = planner
        .rooms
        .room(at)
        .min(planner.rooms.region_room(region));
    let demand = planner.claims[before.claim].demand;
    demand.saturating_sub(room).div_ceil(link.frees)
}
