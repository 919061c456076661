//! Who serves whom when what steering would choose does not fit.
//!
//! | part | what it decides |
//! |---|---|
//! | [`cohorts`] | sets of cohorts |
//! | [`stock`] | what one pool offers |
//! | [`rooms`] | how much endpoints and regions can carry, and do |
//! | `chain` | whom to move so that someone else finds room |
//! | `settle` | who may go back once others have been moved |
//! | `shed` | who serves what fits nowhere |
//! | `outcome` | what the finished plan says |
//! | here | the order in which room is given |
//!
//! A *claim* is a class of clients and what a cohort of it asks for. Room is given
//!
//! 1. to **residents before refugees**: first every claim takes what fits of its first region, then
//!    what is left takes its second region, and so on. A failover fills what residents leave, and
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
use crate::plan::{Overload, Plan};

mod chain;
pub mod cohorts;
mod outcome;
pub mod rooms;
mod settle;
mod shed;
pub mod stock;

use cohorts::Cohorts;
use rooms::{Loads, Rooms};
use stock::{Stock, Turn};

/// A class of clients that asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its pools in the order of its preference, as indexes into the stocks. Pools that take
    /// nobody stand among them: they are what makes a refugee.
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

/// What is planned with.
#[derive(Debug)]
pub struct Ground<'p> {
    /// Where capacities are stated.
    pub plan: &'p Plan,
    /// Pools.
    pub stocks: &'p [&'p Stock],
    /// Claims.
    pub claims: &'p [Claim],
    /// What endpoints and regions carry whatever is planned: clients whom no share takes.
    pub fixed: Loads,
}

/// Who serves whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The claims that get something else than without a plan, in order.
    pub placings: Vec<Placing>,
    /// What endpoints and regions carry then, what fits nowhere included.
    pub loads: Loads,
}

/// Where the cohorts of one claim go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placing {
    /// Index of the claim.
    pub claim: usize,
    /// Its cohorts that some pool takes, each in one lot.
    pub lots: Vec<Lot>,
    /// What of its demand fits nowhere, in millionths of the unit.
    pub overloaded: u64,
}

/// Cohorts of a claim that go to the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Which of the claim's pools.
    pub pool: usize,
    /// Who of the pool.
    pub by: By,
    /// How it came to that.
    pub fate: Fate,
    /// Who goes there.
    pub cohorts: Cohorts,
}

/// Who of a pool serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
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

/// How cohorts came to where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// As without a plan.
    Natural,
    /// What they prefer is full.
    Moved,
    /// They fit nowhere.
    Overloaded,
}

/// Plans who serves whom.
#[must_use]
pub fn place(ground: Ground<'_>) -> Placement {
    let mut planner = Planner::new(ground);
    planner.fill();
    planner.relieve();
    planner.settle();
    planner.shed();
    planner.placement()
}

/// A plan while it is made.
struct Planner<'p> {
    stocks: &'p [&'p Stock],
    claims: &'p [Claim],
    rooms: Rooms,
    /// Where each claim lies.
    lies: Vec<Lie>,
    /// The claims in the order in which they are given room.
    order: Vec<usize>,
    /// Steps that are left for moving others.
    steps: u64,
}

/// Where a claim lies.
#[derive(Clone)]
enum Lie {
    /// Nowhere yet.
    Nowhere,
    /// All of it by share in this pool.
    Whole(usize),
    /// In several places.
    Parted(Parted),
}

/// A claim in several places.
#[derive(Clone, Default)]
struct Parted {
    /// Cohorts that are nowhere yet.
    left: Option<Cohorts>,
    seats: Vec<Seated>,
    /// Where those sit that fit nowhere.
    standing: Vec<Seated>,
}

/// Cohorts in one seat.
#[derive(Clone, Copy)]
struct Seated {
    /// Which of the claim's pools.
    pool: usize,
    seat: Seat,
    cohorts: Cohorts,
}

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seat {
    /// Index of a hand of the stock.
    Hand(u16),
    /// Index of a single of the stock.
    Single(u16),
}

impl Parted {
    fn left(&self) -> Cohorts {
        self.left.unwrap_or(Cohorts::NONE)
    }

    fn seat(&mut self, seated: Seated) {
        let left = self.left().without(&seated.cohorts);
        self.left = Some(left).filter(|left| !left.is_empty());
        let same = |own: &&mut Seated| (own.pool, own.seat) == (seated.pool, seated.seat);
        match self.seats.iter_mut().find(same) {
            Some(own) => own.cohorts = own.cohorts.or(&seated.cohorts),
            None => self.seats.push(seated),
        }
    }
}

impl<'p> Planner<'p> {
    fn new(ground: Ground<'p>) -> Self {
        let Ground {
            plan,
            stocks,
            claims,
            fixed,
        } = ground;
        let regions = |claim: &Claim| {
            let pools = claim.pools.iter();
            let open = pools.filter(|pool| !stocks[**pool as usize].takes.is_empty());
            open.count()
        };
        let mut order: Vec<usize> = (0..claims.len()).collect();
        order.sort_by_cached_key(|&claim| regions(&claims[claim]));
        Self {
            stocks,
            claims,
            rooms: Rooms::new(plan, fixed),
            lies: vec![Lie::Nowhere; claims.len()],
            order,
            steps: CAPACITY_STEPS,
        }
    }

    fn stock(&self, claim: usize, pool: usize) -> &'p Stock {
        self.stocks[self.claims[claim].pools[pool] as usize]
    }

    /// Gives room to everyone, first choices before second ones.
    fn fill(&mut self) {
        let mut waiting = self.order.clone();
        let mut pool = 0;
        while !waiting.is_empty() {
            waiting.retain(|&claim| {
                self.offer(claim, pool);
                pool + 1 < self.claims[claim].pools.len() && !self.is_seated(claim)
            });
            pool += 1;
        }
    }

    /// Whether none of a claim is nowhere.
    fn is_seated(&self, claim: usize) -> bool {
        match &self.lies[claim] {
            Lie::Nowhere => false,
            Lie::Whole(_) => true,
            Lie::Parted(parted) => parted.left.is_none(),
        }
    }

    /// Lets a claim take of one of its pools what fits.
    fn offer(&mut self, claim: usize, pool: usize) {
        let stock = self.stock(claim, pool);
        let demand = self.claims[claim].demand;
        match &self.lies[claim] {
            Lie::Nowhere if stock.takes.is_empty() => return,
            Lie::Nowhere => {
                if stock.takes == Cohorts::ALL && self.rooms.put_whole(stock, demand) {
                    self.lies[claim] = Lie::Whole(pool);
                    return;
                }
                let left = Some(self.takers(claim));
                self.lies[claim] = Lie::Parted(Parted {
                    left,
                    ..Parted::default()
                });
            }
            Lie::Whole(_) => return,
            Lie::Parted(_) => {}
        }
        self.offer_hands(claim, pool);
        if self.left(claim).meet(&stock.takes) {
            self.offer_singles(claim, pool);
        }
    }

    fn offer_hands(&mut self, claim: usize, pool: usize) {
        for (number, hand) in (0..).zip(&self.stock(claim, pool).hands) {
            let wanted = self.left(claim).and(&hand.cohorts);
            self.seat_first(claim, pool, (Seat::Hand(number), wanted));
        }
    }

    fn offer_singles(&mut self, claim: usize, pool: usize) {
        let stock = self.stock(claim, pool);
        if self.rooms.region_room(stock.region) < self.claims[claim].demand {
            return;
        }
        for turn in self.turns(claim, pool) {
            let wanted = self.left(claim).and(&turn.cohorts);
            self.seat_first(claim, pool, (Seat::Single(turn.single), wanted));
        }
    }

    /// Seats as many as fit.
    fn seat_first(&mut self, claim: usize, pool: usize, (seat, wanted): (Seat, Cohorts)) {
        if wanted.is_empty() {
            return;
        }
        let Claim { demand, start, .. } = self.claims[claim];
        let stock = self.stock(claim, pool);
        let together = together(stock, seat);
        let fits = self.rooms.fits(stock.region, together, demand);
        if fits == 0 {
            return;
        }
        let cohorts = wanted.first(start, fits);
        let count = u64::from(cohorts.len());
        let loads = &mut self.rooms.loads;
        loads.put(stock.region, together, demand, count);
        self.parted(claim).seat(Seated {
            pool,
            seat,
            cohorts,
        });
    }

    /// Takes cohorts off a seat for good.
    fn leave_seat(&mut self, claim: usize, seated: Seated) {
        self.rise(claim, seated);
        let seats = &mut self.parted(claim).seats;
        let place = (seated.pool, seated.seat);
        for own in seats.iter_mut().filter(|own| (own.pool, own.seat) == place) {
            own.cohorts = own.cohorts.without(&seated.cohorts);
        }
        seats.retain(|own| !own.cohorts.is_empty());
    }

    /// Takes cohorts off their endpoints.
    fn rise(&mut self, claim: usize, seated: Seated) {
        let stock = self.stock(claim, seated.pool);
        let (demand, count) = (self.claims[claim].demand, u64::from(seated.cohorts.len()));
        let together = together(stock, seated.seat);
        self.rooms.take(stock.region, together, demand, count);
    }

    /// Puts cohorts on their endpoints.
    fn sit(&mut self, claim: usize, seated: Seated) {
        let stock = self.stock(claim, seated.pool);
        let (demand, count) = (self.claims[claim].demand, u64::from(seated.cohorts.len()));
        let together = together(stock, seated.seat);
        let loads = &mut self.rooms.loads;
        loads.put(stock.region, together, demand, count);
    }

    /// Those who would sit where they sit without a plan, too.
    fn natural(&self, claim: usize, seated: &Seated) -> Cohorts {
        let stock = self.stock(claim, seated.pool);
        let together = together(stock, seated.seat);
        let hands = stock.hands.iter();
        let same = hands.filter(|hand| hand.endpoints == together);
        let by_share = same.fold(Cohorts::NONE, |all, hand| all.or(&hand.cohorts));
        let before = (0..seated.pool).fold(Cohorts::NONE, |all, pool| {
            all.or(&self.stock(claim, pool).takes)
        });
        seated.cohorts.and(&by_share).without(&before)
    }

    /// The cohorts that some pool of a claim takes.
    fn takers(&self, claim: usize) -> Cohorts {
        let mut all = Cohorts::NONE;
        for pool in 0..self.claims[claim].pools.len() {
            all = all.or(&self.stock(claim, pool).takes);
            if all == Cohorts::ALL {
                break;
            }
        }
        all
    }

    fn left(&self, claim: usize) -> Cohorts {
        match &self.lies[claim] {
            Lie::Nowhere | Lie::Whole(_) => Cohorts::NONE,
            Lie::Parted(parted) => parted.left(),
        }
    }

    /// The parts of a claim; one that lies in one pool is taken apart.
    fn parted(&mut self, claim: usize) -> &mut Parted {
        if let Lie::Nowhere | Lie::Whole(_) = self.lies[claim] {
            let seats = self.seats_of_whole(claim);
            self.lies[claim] = Lie::Parted(Parted {
                seats,
                ..Parted::default()
            });
        }
        match &mut self.lies[claim] {
            Lie::Parted(parted) => parted,
            Lie::Nowhere | Lie::Whole(_) => unreachable!("it was just taken apart"),
        }
    }

    /// The seats of a claim that lies in one pool.
    fn seats_of_whole(&self, claim: usize) -> Vec<Seated> {
        let Lie::Whole(pool) = self.lies[claim] else {
            return Vec::new();
        };
        let hands = (0..).zip(&self.stock(claim, pool).hands);
        let seats = hands.map(|(number, hand)| Seated {
            pool,
            seat: Seat::Hand(number),
            cohorts: hand.cohorts,
        });
        seats.filter(|own| !own.cohorts.is_empty()).collect()
    }

    fn turns(&self, claim: usize, pool: usize) -> &'p [Turn] {
        self.stock(claim, pool).turns()
    }
}

/// The endpoints of a seat.
fn together(stock: &Stock, seat: Seat) -> &[EndpointId] {
    match seat {
        Seat::Hand(number) => &stock.hands[usize::from(number)].endpoints,
        Seat::Single(number) => &stock.singles[usize::from(number)].endpoint,
    }
}
