//! Who may go back once others have been moved.
//!
//! Making room moves whom a chain reaches first, and leaves room behind that someone would like better
//! than where he is. So those who were moved are asked again, in the order in which they were given
//! room: for a pool that they prefer, for a member that they would choose before, or to be seated
//! anew altogether. That is done a few times and not until nothing changes, for what one gives up
//! another may want; what is left over is room that a chain of several would have to pass on.
use super::cohorts::Cohorts;
use super::{Claim, Lie, Parted, Planner, Seat, Seated, together};

/// How often those who were moved are offered what has become free.
const SETTLINGS: usize = 3;

impl Planner<'_> {
    /// Offers those who were moved what has become free, and then those who are nowhere.
    pub(super) fn settle(&mut self) {
        let order = self.order.clone();
        let depths = self.claims.iter().map(|claim| claim.pools.len());
        let depth = depths.max().unwrap_or(0);
        for _ in 0..SETTLINGS {
            let moved = order.iter().filter(|claim| self.has_moved(**claim));
            let moved: Vec<usize> = moved.copied().collect();
            let mut settled = false;
            for pool in 0..depth {
                let asked = moved
                    .iter()
                    .filter(|claim| pool < self.claims[**claim].pools.len());
                for &claim in &asked.copied().collect::<Vec<_>>() {
                    settled |= self.promote(claim, pool);
                    settled |= self.turn_back(claim, pool);
                }
            }
            for &claim in &moved {
                settled |= self.resettle(claim);
            }
            if !settled {
                break;
            }
        }
        // Room only shrinks from here on, so that after this nobody finds any.
        for &claim in &order {
            for pool in 0..self.claims[claim].pools.len() {
                if !self.is_seated(claim) {
                    self.offer(claim, pool);
                }
            }
        }
    }

    /// Lets a claim take of one of its pools what fits, from pools that it prefers less; says
    /// whether anyone came.
    fn promote(&mut self, claim: usize, pool: usize) -> bool {
        let stock = self.stock(claim, pool);
        if self.rooms.region_room(stock.region) < self.claims[claim].demand {
            return false;
        }
        let later = self.parted(claim).seats.iter();
        let later = later.filter(|own| own.pool > pool && own.cohorts.meet(&stock.takes));
        let later: Vec<Seated> = later.copied().collect();
        let before = self.left(claim);
        for own in &later {
            self.parted(claim).left = Some(own.cohorts);
            self.offer_hands(claim, pool);
            if self.left(claim).meet(&stock.takes) {
                self.offer_singles(claim, pool);
            }
            let stayed = self.left(claim);
            let cohorts = own.cohorts.without(&stayed);
            self.leave_seat(claim, Seated { cohorts, ..*own });
        }
        self.parted(claim).left = Some(before).filter(|left| !left.is_empty());
        let now = self.parted(claim).seats.iter();
        let now: u32 = now
            .filter(|own| own.pool > pool)
            .map(|own| u32::from(own.cohorts.len()))
            .sum();
        let sat = later.iter().map(|own| u32::from(own.cohorts.len()));
        now < sat.sum()
    }

    /// Lets those who sit alone in a pool turn to members that they would choose before, as far as
    /// these have room; says whether anyone does.
    fn turn_back(&mut self, claim: usize, pool: usize) -> bool {
        let seats = self.parted(claim).seats.iter();
        let alone = seats.filter(|own| own.pool == pool && matches!(own.seat, Seat::Single(_)));
        let mut open = alone.fold(Cohorts::NONE, |all, own| all.or(&own.cohorts));
        if open.is_empty() {
            return false;
        }
        let hands = (0..).zip(&self.stock(claim, pool).hands);
        let hands = hands.map(|(number, hand)| (Seat::Hand(number), hand.cohorts));
        let turns = self.turns(claim, pool);
        let turns = turns
            .iter()
            .map(|turn| (Seat::Single(turn.single), turn.cohorts));
        let mut turned = false;
        for (seat, cohorts) in hands.chain(turns) {
            let there = self.sitting(claim, (pool, seat)).and(&cohorts);
            let wanted = open.and(&cohorts).without(&there);
            let came = self.change_to(claim, (pool, seat), wanted);
            turned |= !came.is_empty();
            // Whom they have now is the best they can have.
            open = open.without(&there).without(&came);
        }
        turned
    }

    /// The cohorts of a claim in a seat.
    fn sitting(&mut self, claim: usize, place: (usize, Seat)) -> Cohorts {
        let seats = self.parted(claim).seats.iter();
        let same = seats.filter(|own| (own.pool, own.seat) == place);
        same.fold(Cohorts::NONE, |all, own| all.or(&own.cohorts))
    }

    /// Moves cohorts of a claim from other members of a pool to a seat, as many as fit; says
    /// which.
    fn change_to(&mut self, claim: usize, (pool, seat): (usize, Seat), wanted: Cohorts) -> Cohorts {
        let mut came = Cohorts::NONE;
        if wanted.is_empty() {
            return came;
        }
        let Claim { demand, start, .. } = self.claims[claim];
        let together = together(self.stock(claim, pool), seat);
        for own in self.parted(claim).seats.clone() {
            let alone = matches!(own.seat, Seat::Single(_)) && own.seat != seat;
            if own.pool != pool || !alone {
                continue;
            }
            let fits = self.rooms.fit_on(together, demand);
            let cohorts = own.cohorts.and(&wanted).first(start, fits);
            if cohorts.is_empty() {
                continue;
            }
            self.leave_seat(claim, Seated { cohorts, ..own });
            let seated = Seated {
                pool,
                seat,
                cohorts,
            };
            self.sit(claim, seated);
            self.parted(claim).seat(seated);
            came = came.or(&cohorts);
        }
        came
    }

    /// Seats a claim anew; as it was, if less of it would be seated.
    fn resettle(&mut self, claim: usize) -> bool {
        let before = self.parted(claim).clone();
        for seated in &before.seats {
            self.rise(claim, *seated);
        }
        let all = before.seats.iter();
        let all = all.fold(before.left(), |all, seated| all.or(&seated.cohorts));
        *self.parted(claim) = Parted {
            left: Some(all),
            ..Parted::default()
        };
        for pool in 0..self.claims[claim].pools.len() {
            self.offer(claim, pool);
        }
        if self.left(claim).len() > before.left().len() {
            let seats = std::mem::take(&mut self.parted(claim).seats);
            for seated in seats {
                self.rise(claim, seated);
            }
            for seated in &before.seats {
                self.sit(claim, *seated);
            }
            *self.parted(claim) = before;
            return false;
        }
        let now = self.parted(claim).seats.iter();
        !now.map(Seated::place)
            .eq(before.seats.iter().map(Seated::place))
    }

    /// Whether some of a claim is not where it would be without a plan.
    fn has_moved(&self, claim: usize) -> bool {
        match &self.lies[claim] {
            Lie::Nowhere | Lie::Whole(_) => false,
            Lie::Parted(parted) => {
                let moved =
                    |own: &Seated| !own.cohorts.without(&self.natural(claim, own)).is_empty();
                parted.left.is_some() || parted.seats.iter().any(moved)
            }
        }
    }
}

impl Seated {
    fn place(&self) -> (usize, Seat, u16) {
        (self.pool, self.seat, self.cohorts.len())
    }
}
