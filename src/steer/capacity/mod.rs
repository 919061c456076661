//! Capacity: who serves whom when what steering would choose does not fit.
//!
//! | part | what it decides |
//! |---|---|
//! | [`cohorts`] | sets of cohorts |
//! | [`pool_offer`] | what one pool offers |
//! | [`rooms`] | how much endpoints and regions can carry, and do |
//! | `augmenting_path` | whom to move so that someone else finds room |
//! | `settle` | who may go back once others have been moved |
//! | `shed` | who serves what fits nowhere |
//! | `outcome` | what the finished plan says |
//! | here | the order in which room is given |
//!
//! A *claim* is a class of clients and what a cohort of it asks for. Room is given
//!
//! 1. to **first choices before spill-over**: first every claim takes what fits of its first region, then
//!    what is left takes its second region, and so on. A failover fills what first choices leave, and
//!    never pushes them out;
//! 2. among claims of one depth to those with the **fewest regions first** (strict before open),
//!    one after the other, so that few classes are split and most answers stay alike for a class;
//! 3. where a claim finds none although room exists elsewhere, by **moving others** along a
//!    chain, never out of their own preference (an augmenting path of a maximum flow);
//! 4. back to those who were moved, as far as it has become free;
//! 5. what fits nowhere follows the service's [`Overload`].
//!
//! All is counted by cohorts, whole, from a cohort on that differs from claim to claim. Nothing is
//! put above a capacity before step 5. With demands that are small beside the capacities, step 3
//! finds room whenever there is some; since a cohort is not divided, each endpoint may keep room
//! that is too small for one. [`crate::base::limits::CAPACITY_STEPS`] bounds its work.
//!
//! It knows no time, no DNS and no table: the same inputs give the same plan.
use crate::base::limits::{CAPACITY_STEPS, COHORTS};
use crate::base::{EndpointId, HashKey};
use crate::plan::{Demands, Overload, Plan};

mod augmenting_path;
pub mod cohorts;
mod outcome;
pub mod pool_offer;
pub mod rooms;
mod settle;
mod shed;

use cohorts::Cohorts;
use pool_offer::{PoolOffer, Turn};
use rooms::{Loads, Rooms};

/// A class of clients that asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its pools in the order of its preference, as indexes into the offers. Pools that take
    /// nobody stand among them: they are what makes a claim spill over.
    pub pools: Vec<u32>,
    /// What one cohort asks for, in millionths of the unit; not 0.
    pub demand: u64,
    /// Who serves what fits nowhere.
    pub overload: Overload,
    /// The cohort that gets room first.
    pub start: u16,
}

impl Claim {
    /// The cohort of the claim of a number that gets room first: another one for every claim, lest
    /// it be always the same clients who move.
    #[must_use]
    pub fn start_of(number: u64) -> u16 {
        let hash = HashKey(u64::from(COHORTS)).hash_u64(number);
        u16::try_from(hash % u64::from(COHORTS)).unwrap_or(0)
    }
}

/// Inputs of the planning.
#[derive(Debug)]
pub struct Inputs<'p> {
    /// Where capacities are stated.
    pub plan: &'p Plan,
    /// Capacities that are others for a while.
    pub demands: &'p Demands,
    /// Pools.
    pub offers: &'p [&'p PoolOffer],
    /// Claims.
    pub claims: &'p [Claim],
    /// What endpoints and regions carry whatever is planned: clients whom no share takes.
    pub fixed: Loads,
}

/// The plan: who serves whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityPlan {
    /// The claims that get something else than without a plan, in order.
    pub claim_plans: Vec<ClaimPlan>,
    /// What endpoints and regions carry then, what fits nowhere included.
    pub loads: Loads,
}

/// The plan of one claim: where its cohorts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPlan {
    /// Index of the claim.
    pub claim: usize,
    /// Its cohorts that some pool takes, each in one allocation.
    pub allocations: Vec<Allocation>,
    /// What of its demand fits nowhere, in millionths of the unit.
    pub overloaded: u64,
}

/// Cohorts of a claim that go to the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The one of the claim's pools.
    pub pool: usize,
    /// Who of the pool.
    pub by: Selector,
    /// How it came to that.
    pub placement: Placement,
    /// Who goes there.
    pub cohorts: Cohorts,
}

/// The members of a pool that serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selector {
    /// Whom the shares say.
    Share,
    /// One member alone.
    Member {
        /// Index of its tier within the pool.
        tier: u8,
        /// Its index within the tier.
        member: u8,
    },
}

/// The reason why cohorts go where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placement {
    /// As without a plan.
    Natural,
    /// What they prefer is full.
    Moved,
    /// They fit nowhere.
    Overloaded,
}

/// Plans who serves whom.
#[must_use]
pub fn place(inputs: Inputs<'_>) -> CapacityPlan {
    let mut planner = Planner::new(inputs);
    planner.fill();
    planner.relieve();
    planner.settle();
    planner.shed();
    planner.capacity_plan()
}

/// A plan while it is made.
struct Planner<'p> {
    offers: &'p [&'p PoolOffer],
    claims: &'p [Claim],
    rooms: Rooms,
    /// The state of each claim.
    states: Vec<ClaimState>,
    /// The claims in the order in which they are given room.
    order: Vec<usize>,
    /// Steps that are left for moving others.
    steps: u64,
}

/// Where the cohorts of a claim are.
#[derive(Clone)]
enum ClaimState {
    /// Nowhere yet.
    Unassigned,
    /// All of it by share in this pool.
    Whole(usize),
    /// In several places.
    Split(Split),
}

/// A claim in several places.
#[derive(Clone, Default)]
struct Split {
    /// Cohorts that are unassigned yet.
    left: Option<Cohorts>,
    assignments: Vec<Assignment>,
    /// Assignments of those that fit nowhere.
    over_capacity: Vec<Assignment>,
}

/// Cohorts of a claim that are assigned to the same members.
#[derive(Clone, Copy)]
struct Assignment {
    /// The one of the claim's pools.
    pool: usize,
    assignee: Assignee,
    cohorts: Cohorts,
}

/// The members of a pool that answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Assignee {
    /// Index of a set of the offer.
    Set(u16),
    /// Index of a lone member of the offer.
    Lone(u16),
}

impl Split {
    fn left(&self) -> Cohorts {
        self.left.unwrap_or(Cohorts::NONE)
    }

    fn assign(&mut self, assigned: Assignment) {
        let left = self.left().without(&assigned.cohorts);
        self.left = Some(left).filter(|left| !left.is_empty());
        let same =
            |own: &&mut Assignment| (own.pool, own.assignee) == (assigned.pool, assigned.assignee);
        match self.assignments.iter_mut().find(same) {
            Some(own) => own.cohorts = own.cohorts.or(&assigned.cohorts),
            None => self.assignments.push(assigned),
        }
    }
}

impl<'p> Planner<'p> {
    fn new(inputs: Inputs<'p>) -> Self {
        let Inputs {
            plan,
            demands,
            offers,
            claims,
            fixed,
        } = inputs;
        let regions = |claim: &Claim| {
            let pools = claim.pools.iter();
            let open = pools.filter(|pool| !offers[**pool as usize].takes.is_empty());
            open.count()
        };
        let mut order: Vec<usize> = (0..claims.len()).collect();
        order.sort_by_cached_key(|&claim| regions(&claims[claim]));
        Self {
            offers,
            claims,
            rooms: Rooms::new(plan, demands, fixed),
            states: vec![ClaimState::Unassigned; claims.len()],
            order,
            steps: CAPACITY_STEPS,
        }
    }

    fn pool_offer(&self, claim: usize, pool: usize) -> &'p PoolOffer {
        self.offers[self.claims[claim].pools[pool] as usize]
    }

    /// Gives room to everyone, first choices before second ones.
    fn fill(&mut self) {
        let mut waiting = self.order.clone();
        let mut pool = 0;
        while !waiting.is_empty() {
            waiting.retain(|&claim| {
                self.offer(claim, pool);
                pool + 1 < self.claims[claim].pools.len() && !self.is_assigned(claim)
            });
            pool += 1;
        }
    }

    /// Tells whether none of a claim is nowhere.
    fn is_assigned(&self, claim: usize) -> bool {
        match &self.states[claim] {
            ClaimState::Unassigned => false,
            ClaimState::Whole(_) => true,
            ClaimState::Split(split) => split.left.is_none(),
        }
    }

    /// Lets a claim take of one of its pools what fits.
    fn offer(&mut self, claim: usize, pool: usize) {
        let offer = self.pool_offer(claim, pool);
        let demand = self.claims[claim].demand;
        match &self.states[claim] {
            ClaimState::Unassigned if offer.takes.is_empty() => return,
            ClaimState::Unassigned => {
                if offer.takes == Cohorts::ALL && self.rooms.put_whole(offer, demand) {
                    self.states[claim] = ClaimState::Whole(pool);
                    return;
                }
                let left = Some(self.takers(claim));
                self.states[claim] = ClaimState::Split(Split {
                    left,
                    ..Split::default()
                });
            }
            ClaimState::Whole(_) => return,
            ClaimState::Split(_) => {}
        }
        self.offer_sets(claim, pool);
        if self.left(claim).meet(&offer.takes) {
            self.offer_lone_members(claim, pool);
        }
    }

    fn offer_sets(&mut self, claim: usize, pool: usize) {
        for (number, set) in (0..).zip(&self.pool_offer(claim, pool).sets) {
            let wanted = self.left(claim).and(&set.cohorts);
            self.assign_first(claim, pool, (Assignee::Set(number), wanted));
        }
    }

    fn offer_lone_members(&mut self, claim: usize, pool: usize) {
        let offer = self.pool_offer(claim, pool);
        if self.rooms.region_room(offer.region) < self.claims[claim].demand {
            return;
        }
        for turn in self.turns(claim, pool) {
            let wanted = self.left(claim).and(&turn.cohorts);
            self.assign_first(claim, pool, (Assignee::Lone(turn.lone), wanted));
        }
    }

    /// Seats as many as fit.
    fn assign_first(&mut self, claim: usize, pool: usize, (assignee, wanted): (Assignee, Cohorts)) {
        if wanted.is_empty() {
            return;
        }
        let Claim { demand, start, .. } = self.claims[claim];
        let offer = self.pool_offer(claim, pool);
        let together = together(offer, assignee);
        let fits = self.rooms.fits(offer.region, together, demand);
        if fits == 0 {
            return;
        }
        let cohorts = wanted.first(start, fits);
        let count = u64::from(cohorts.len());
        let loads = &mut self.rooms.loads;
        loads.put(offer.region, together, demand, count);
        self.split(claim).assign(Assignment {
            pool,
            assignee,
            cohorts,
        });
    }

    /// Takes cohorts off their endpoints for good.
    fn release(&mut self, claim: usize, assigned: Assignment) {
        self.unload(claim, assigned);
        let assignments = &mut self.split(claim).assignments;
        let place = (assigned.pool, assigned.assignee);
        for own in assignments
            .iter_mut()
            .filter(|own| (own.pool, own.assignee) == place)
        {
            own.cohorts = own.cohorts.without(&assigned.cohorts);
        }
        assignments.retain(|own| !own.cohorts.is_empty());
    }

    /// Takes cohorts off their endpoints.
    fn unload(&mut self, claim: usize, assigned: Assignment) {
        let offer = self.pool_offer(claim, assigned.pool);
        let (demand, count) = (self.claims[claim].demand, u64::from(assigned.cohorts.len()));
        let together = together(offer, assigned.assignee);
        self.rooms.take(offer.region, together, demand, count);
    }

    /// Puts cohorts on their endpoints.
    fn load(&mut self, claim: usize, assigned: Assignment) {
        let offer = self.pool_offer(claim, assigned.pool);
        let (demand, count) = (self.claims[claim].demand, u64::from(assigned.cohorts.len()));
        let together = together(offer, assigned.assignee);
        let loads = &mut self.rooms.loads;
        loads.put(offer.region, together, demand, count);
    }

    /// Those who would sit where they sit without a plan, too.
    fn natural(&self, claim: usize, assigned: &Assignment) -> Cohorts {
        let offer = self.pool_offer(claim, assigned.pool);
        let together = together(offer, assigned.assignee);
        let sets = offer.sets.iter();
        let same = sets.filter(|set| set.endpoints == together);
        let by_share = same.fold(Cohorts::NONE, |all, set| all.or(&set.cohorts));
        let before = (0..assigned.pool).fold(Cohorts::NONE, |all, pool| {
            all.or(&self.pool_offer(claim, pool).takes)
        });
        assigned.cohorts.and(&by_share).without(&before)
    }

    /// The cohorts that some pool of a claim takes.
    fn takers(&self, claim: usize) -> Cohorts {
        let mut all = Cohorts::NONE;
        for pool in 0..self.claims[claim].pools.len() {
            all = all.or(&self.pool_offer(claim, pool).takes);
            if all == Cohorts::ALL {
                break;
            }
        }
        all
    }

    fn left(&self, claim: usize) -> Cohorts {
        match &self.states[claim] {
            ClaimState::Unassigned | ClaimState::Whole(_) => Cohorts::NONE,
            ClaimState::Split(split) => split.left(),
        }
    }

    /// The assignments of a claim; one that is in one pool as a whole is split.
    fn split(&mut self, claim: usize) -> &mut Split {
        if let ClaimState::Unassigned | ClaimState::Whole(_) = self.states[claim] {
            let assignments = self.assignments_of_whole(claim);
            self.states[claim] = ClaimState::Split(Split {
                assignments,
                ..Split::default()
            });
        }
        match &mut self.states[claim] {
            ClaimState::Split(split) => split,
            ClaimState::Unassigned | ClaimState::Whole(_) => {
                unreachable!("it was just taken apart")
            }
        }
    }

    /// The assignments of a claim that is in one pool as a whole.
    fn assignments_of_whole(&self, claim: usize) -> Vec<Assignment> {
        let ClaimState::Whole(pool) = self.states[claim] else {
            return Vec::new();
        };
        let sets = (0..).zip(&self.pool_offer(claim, pool).sets);
        let assignments = sets.map(|(number, set)| Assignment {
            pool,
            assignee: Assignee::Set(number),
            cohorts: set.cohorts,
        });
        assignments.filter(|own| !own.cohorts.is_empty()).collect()
    }

    fn turns(&self, claim: usize, pool: usize) -> &'p [Turn] {
        self.pool_offer(claim, pool).turns()
    }
}

/// The endpoints of an assignee.
fn together(offer: &PoolOffer, assignee: Assignee) -> &[EndpointId] {
    match assignee {
        Assignee::Set(number) => &offer.sets[usize::from(number)].endpoints,
        Assignee::Lone(number) => &offer.lone_members[usize::from(number)].endpoint,
    }
}
