//! Return of cohorts: who may go back once others have been moved.
//!
//! Making room moves whom a chain reaches first, and leaves room behind that someone would like better
//! than where he is. So those who were moved are asked again, in the order in which they were given
//! room: for a pool that they prefer, for a member that they would choose before, or to be seated
//! anew altogether. That is done a few times and not until nothing changes, for what one gives up
//! another may want; what is left over is room that a chain of several would have to pass on.
use super::cohorts::Cohorts;
use super::{Assignee, Assignment, Claim, ClaimState, Planner, Split, together};

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
                if !self.is_assigned(claim) {
                    self.offer(claim, pool);
                }
            }
        }
    }

    /// Lets a claim take of one of its pools what fits, from pools that it prefers less; says
    /// whether anyone came.
    fn promote(&mut self, claim: usize, pool: usize) -> bool {
        let offer = self.pool_offer(claim, pool);
        if self.rooms.region_room(offer.region) < self.claims[claim].demand {
            return false;
        }
        let later = self.split(claim).assignments.iter();
        let later = later.filter(|own| own.pool > pool && own.cohorts.meet(&offer.takes));
        let later: Vec<Assignment> = later.copied().collect();
        let before = self.left(claim);
        for own in &later {
            self.split(claim).left = Some(own.cohorts);
            self.offer_sets(claim, pool);
            if self.left(claim).meet(&offer.takes) {
                self.offer_lone_members(claim, pool);
            }
            let stayed = self.left(claim);
            let cohorts = own.cohorts.without(&stayed);
            self.release(claim, Assignment { cohorts, ..*own });
        }
        self.split(claim).left = Some(before).filter(|left| !left.is_empty());
        let now = self.split(claim).assignments.iter();
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
        let assignments = self.split(claim).assignments.iter();
        let alone =
            assignments.filter(|own| own.pool == pool && matches!(own.assignee, Assignee::Lone(_)));
        let mut open = alone.fold(Cohorts::NONE, |all, own| all.or(&own.cohorts));
        if open.is_empty() {
            return false;
        }
        let sets = (0..).zip(&self.pool_offer(claim, pool).sets);
        let sets = sets.map(|(number, set)| (Assignee::Set(number), set.cohorts));
        let turns = self.turns(claim, pool);
        let turns = turns
            .iter()
            .map(|turn| (Assignee::Lone(turn.lone), turn.cohorts));
        let mut turned = false;
        for (assignee, cohorts) in sets.chain(turns) {
            let there = self.assigned_to(claim, (pool, assignee)).and(&cohorts);
            let wanted = open.and(&cohorts).without(&there);
            let came = self.change_to(claim, (pool, assignee), wanted);
            turned |= !came.is_empty();
            // Whom they have now is the best they can have.
            open = open.without(&there).without(&came);
        }
        turned
    }

    /// The cohorts of a claim that are assigned so.
    fn assigned_to(&mut self, claim: usize, place: (usize, Assignee)) -> Cohorts {
        let assignments = self.split(claim).assignments.iter();
        let same = assignments.filter(|own| (own.pool, own.assignee) == place);
        same.fold(Cohorts::NONE, |all, own| all.or(&own.cohorts))
    }

    /// Moves cohorts of a claim from other members of a pool to an assignee, as many as fit; says
    /// which.
    fn change_to(
        &mut self,
        claim: usize,
        (pool, assignee): (usize, Assignee),
        wanted: Cohorts,
    ) -> Cohorts {
        let mut came = Cohorts::NONE;
        if wanted.is_empty() {
            return came;
        }
        let Claim { demand, start, .. } = self.claims[claim];
        let together = together(self.pool_offer(claim, pool), assignee);
        for own in self.split(claim).assignments.clone() {
            let alone = matches!(own.assignee, Assignee::Lone(_)) && own.assignee != assignee;
            if own.pool != pool || !alone {
                continue;
            }
            let fits = self.rooms.fit_on(together, demand);
            let cohorts = own.cohorts.and(&wanted).first(start, fits);
            if cohorts.is_empty() {
                continue;
            }
            self.release(claim, Assignment { cohorts, ..own });
            let assigned = Assignment {
                pool,
                assignee,
                cohorts,
            };
            self.load(claim, assigned);
            self.split(claim).assign(assigned);
            came = came.or(&cohorts);
        }
        came
    }

    /// Seats a claim anew; as it was, if less of it would be seated.
    fn resettle(&mut self, claim: usize) -> bool {
        let before = self.split(claim).clone();
        for assigned in &before.assignments {
            self.unload(claim, *assigned);
        }
        let all = before.assignments.iter();
        let all = all.fold(before.left(), |all, assigned| all.or(&assigned.cohorts));
        *self.split(claim) = Split {
            left: Some(all),
            ..Split::default()
        };
        for pool in 0..self.claims[claim].pools.len() {
            self.offer(claim, pool);
        }
        if self.left(claim).len() > before.left().len() {
            let assignments = std::mem::take(&mut self.split(claim).assignments);
            for assigned in assignments {
                self.unload(claim, assigned);
            }
            for assigned in &before.assignments {
                self.load(claim, *assigned);
            }
            *self.split(claim) = before;
            return false;
        }
        let now = self.split(claim).assignments.iter();
        !now.map(Assignment::place)
            .eq(before.assignments.iter().map(Assignment::place))
    }

    /// Tells whether some of a claim is not where it would be without a plan.
    fn has_moved(&self, claim: usize) -> bool {
        match &self.states[claim] {
            ClaimState::Unassigned | ClaimState::Whole(_) => false,
            ClaimState::Split(split) => {
                let moved =
                    |own: &Assignment| !own.cohorts.without(&self.natural(claim, own)).is_empty();
                split.left.is_some() || split.assignments.iter().any(moved)
            }
        }
    }
}

impl Assignment {
    fn place(&self) -> (usize, Assignee, u16) {
        (self.pool, self.assignee, self.cohorts.len())
    }
}
