//! What a finished plan says: the claims that get something else than without it, in lots.
use super::cohorts::Cohorts;
use super::{By, Fate, Lie, Lot, Placement, Placing, Planner, Seat, Seated, together};

impl Planner<'_> {
    pub(super) fn placement(&self) -> Placement {
        let mut loads = self.rooms.loads.clone();
        let mut placings = Vec::new();
        for claim in 0..self.claims.len() {
            if let Lie::Nowhere | Lie::Whole(_) = self.lies[claim] {
                continue;
            }
            let lots = self.lots(claim);
            let mut overloaded = 0;
            if let Lie::Parted(parted) = &self.lies[claim] {
                for own in &parted.standing {
                    let stock = self.stock(claim, own.pool);
                    let (demand, count) = (self.claims[claim].demand, own.cohorts.len().into());
                    loads.put(stock.region, together(stock, own.seat), demand, count);
                    overloaded += demand * count;
                }
            }
            if lots.iter().any(|lot| lot.fate != Fate::Natural) {
                placings.push(Placing {
                    claim,
                    lots,
                    overloaded,
                });
            }
        }
        Placement { placings, loads }
    }

    /// Where the cohorts of a claim go, those of one place and fate together.
    fn lots(&self, claim: usize) -> Vec<Lot> {
        let (seats, standing) = match &self.lies[claim] {
            Lie::Nowhere => return Vec::new(),
            Lie::Whole(_) => (self.seats_of_whole(claim), &[][..]),
            Lie::Parted(parted) => (parted.seats.clone(), &parted.standing[..]),
        };
        let mut lots = Vec::new();
        for own in &seats {
            let natural = self.natural(claim, own);
            let moved = own.cohorts.without(&natural);
            self.add_lots(claim, (own, natural, Fate::Natural), &mut lots);
            self.add_lots(claim, (own, moved, Fate::Moved), &mut lots);
        }
        for own in standing {
            self.add_lots(claim, (own, own.cohorts, Fate::Overloaded), &mut lots);
        }
        lots.sort_by_key(|lot| (lot.pool, lot.fate, lot.by));
        lots
    }

    fn add_lots(
        &self,
        claim: usize,
        (own, cohorts, fate): (&Seated, Cohorts, Fate),
        lots: &mut Vec<Lot>,
    ) {
        let stock = self.stock(claim, own.pool);
        let hands = stock.hands.iter();
        let same = hands.filter(|hand| hand.endpoints == together(stock, own.seat));
        let by_share = same.fold(Cohorts::NONE, |all, hand| all.or(&hand.cohorts));
        let mut add = |by, cohorts: Cohorts| {
            let (pool, key) = (own.pool, (own.pool, fate, by));
            let known = lots.iter_mut();
            let mut known = known.filter(|lot| (lot.pool, lot.fate, lot.by) == key);
            match known.next() {
                _ if cohorts.is_empty() => {}
                Some(lot) => lot.cohorts = lot.cohorts.or(&cohorts),
                None => lots.push(Lot {
                    pool,
                    by,
                    fate,
                    cohorts,
                }),
            }
        };
        add(By::Share, cohorts.and(&by_share));
        if let Seat::Single(single) = own.seat {
            let single = &stock.singles[usize::from(single)];
            let (tier, member) = (single.tier, single.member);
            add(By::Member { tier, member }, cohorts.without(&by_share));
        }
    }
}
