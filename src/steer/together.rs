//! Which region serves which cohorts, where both families of an answer come from one region.
//!
//! Families fail apart, so a region may be up for one of them and down for the other, and a client would be given IPv4
//! addresses here and IPv6 ones there. Where a service wants that not to be (`families = "together"`), the first region whose
//! pools of *both* families take a cohort has it. Cohorts that no region takes so are served family by
//! family, as if nothing were said: half an answer that is alive is better than a whole one that is dead.
//!
//! Both families come to the same by themselves: what is looked at is the same for both.
use super::capacity::cohorts::Cohorts;

/// The cohorts that one region's pools take by share.
#[derive(Clone, Copy, Debug)]
pub struct RegionTakes {
    /// Of the family at hand.
    pub own: Cohorts,
    /// Of the other one.
    pub other: Cohorts,
}

/// Finds whom each region serves of the family at hand, by their places in a preference; and how many of the regions that
/// depends on.
#[must_use]
pub fn together(regions: &[RegionTakes]) -> (Vec<Cohorts>, usize) {
    let mut serves = vec![Cohorts::NONE; regions.len()];
    let mut left = Cohorts::ALL;
    for (place, region) in regions.iter().enumerate() {
        serves[place] = left.and(&region.own).and(&region.other);
        left = left.without(&serves[place]);
        if left.is_empty() {
            return (serves, place + 1);
        }
    }
    for (place, region) in regions.iter().enumerate() {
        let apart = left.and(&region.own);
        serves[place] = serves[place].or(&apart);
        left = left.without(&apart);
    }
    (serves, regions.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cohorts(range: std::ops::Range<u16>) -> Cohorts {
        let mut found = Cohorts::NONE;
        range.for_each(|cohort| found.insert(cohort));
        found
    }

    fn region(own: std::ops::Range<u16>, other: std::ops::Range<u16>) -> RegionTakes {
        RegionTakes {
            own: cohorts(own),
            other: cohorts(other),
        }
    }

    #[test]
    fn a_region_that_has_lost_one_family_is_passed_over() {
        let regions = [region(0..1000, 0..0), region(0..1000, 0..1000)];
        let (serves, depth) = together(&regions);
        assert_eq!(serves, [Cohorts::NONE, Cohorts::ALL]);
        assert_eq!(depth, 2);
        // The other family is there anyway.
        let turned = regions.map(|one| RegionTakes {
            own: one.other,
            other: one.own,
        });
        assert_eq!(together(&turned).0, serves);
    }

    #[test]
    fn what_no_region_has_both_of_is_served_apart() {
        let (serves, _) = together(&[region(0..1000, 0..0), region(0..0, 0..1000)]);
        assert_eq!(serves, [Cohorts::ALL, Cohorts::NONE]);
    }

    #[test]
    fn a_share_splits_by_cohort() {
        let regions = [region(0..1000, 0..300), region(0..900, 0..1000)];
        let (serves, _) = together(&regions);
        let first = cohorts(0..300).or(&cohorts(900..1000));
        assert_eq!(serves, [first, cohorts(300..900)]);
    }
}
