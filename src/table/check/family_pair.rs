//! The check of services whose families come from one region: cohort by cohort, read literally.
//!
//! Whom pools take is read off what they give, which was checked. Cohorts that are treated alike by all pools are looked at
//! once.
use std::collections::BTreeMap;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, Family, RegionId};
use crate::plan::Class;

use super::{Breach, Check, Given, Largest, Subject};

impl Check<'_> {
    /// Checks where the cohorts of a class are led.
    #[inline(never)]
    pub(super) fn check_pair(
        &self,
        own: Subject<'_>,
        (id, class): (ClassId, &Class),
        largest: &Largest,
    ) -> Result<(), Breach> {
        let pools = |family: Family| {
            let regions = class.preference.iter();
            let numbers =
                regions.map(move |region| self.table.layout.pool_of(own.id, family, *region));
            numbers.collect::<Vec<Option<usize>>>()
        };
        let mine = pools(own.family);
        let theirs = pools(match own.family {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        });
        let takes = |pool: &Option<usize>, cohort| {
            pool.is_some_and(|pool| self.takes(pool).all.contains(cohort))
        };
        let mut alike: BTreeMap<Vec<[bool; 2]>, u16> = BTreeMap::new();
        for cohort in 0..COHORTS {
            let pairs = mine.iter().zip(&theirs);
            let kind = pairs.map(|(one, two)| [takes(one, cohort), takes(two, cohort)]);
            alike.entry(kind.collect()).or_insert(cohort);
        }
        for (kind, cohort) in alike {
            let both = kind.iter().position(|pair| *pair == [true, true]);
            let place = both.or_else(|| kind.iter().position(|[one, _]| *one));
            let right: Option<RegionId> = place.map(|place| class.preference[place]);
            let found = self.table.select(own.id, own.family, id, cohort);
            let found = found.ok_or(Breach::Empty)?;
            self.check_selection(own, found)?;
            match (right, found.region) {
                (Some(right), Some(region)) if right == region => {
                    self.check_fence(class, region)?
                }
                (Some(right), _) => return Err(Breach::Apart(self.region_name(right))),
                (None, region) => {
                    let reason = found.reason;
                    self.check_class(own, largest, class, Given { region, reason })?;
                }
            }
        }
        Ok(())
    }
}
