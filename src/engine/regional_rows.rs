//! Rows of health by target and client region, as they are held; how they come about stands in [`super::regional`].
use std::collections::BTreeMap;

use crate::base::{RegionId, Standing, TargetId};
use crate::health::target::TargetHealth;
use crate::table::RegionRows;

/// Rows by target and region of the plan.
pub(super) type RowsBefore = BTreeMap<(TargetId, RegionId), TargetHealth>;

/// The health of targets for clients of single regions, where it is another one.
#[derive(Clone, Debug, Default)]
pub(super) struct RegionalHealth {
    /// Regions of the plan that may rule, each with its number in the roster.
    pub(super) voting: Vec<(RegionId, u16)>,
    pub(super) rows: BTreeMap<(TargetId, RegionId), RegionalRow>,
    pub(super) is_changed: bool,
}

/// The health of one target for the clients of one region.
#[derive(Clone, Debug)]
pub(super) struct RegionalRow {
    pub(super) health: TargetHealth,
    pub(super) standing: Standing,
    /// The region rules as the whole does.
    pub(super) agrees: bool,
}

impl RegionalHealth {
    pub(super) fn of(before: RowsBefore) -> Self {
        let rows = before.into_iter().map(|(key, health)| {
            let row = RegionalRow {
                health,
                standing: Standing::UNPROVEN,
                agrees: false,
            };
            (key, row)
        });
        Self {
            rows: rows.collect(),
            ..Self::default()
        }
    }

    /// Tells whether rows were changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// The rows of a target.
    pub(super) fn of_target(&self, id: TargetId) -> impl Iterator<Item = (RegionId, &RegionalRow)> {
        let all = (id, RegionId(0))..=(id, RegionId(u16::MAX));
        self.rows
            .range(all)
            .map(|((_, region), row)| (*region, row))
    }

    /// The regions that rule on a target, or have a row of it, each with its number if it may rule.
    pub(super) fn concerned(&self, id: TargetId) -> Vec<(RegionId, Option<u16>)> {
        let voting = self.voting.iter();
        let mut all: Vec<_> = voting.map(|(own, number)| (*own, Some(*number))).collect();
        let rows = self.of_target(id).map(|(region, _)| (region, None));
        all.extend(rows.filter(|(region, _)| self.voting.iter().all(|(own, _)| own != region)));
        all
    }
}

/// Rows by region, of those that differ from the whole.
pub(super) fn grouped(
    rows: impl Iterator<Item = ((TargetId, RegionId), Standing)>,
    whole: &[Standing],
) -> Vec<RegionRows> {
    let mut by_region: BTreeMap<RegionId, Vec<(TargetId, Standing)>> = BTreeMap::new();
    for ((id, region), standing) in rows {
        if standing != whole[id.index()] {
            by_region.entry(region).or_default().push((id, standing));
        }
    }
    let regions = by_region.into_iter();
    regions
        .map(|(region, rows)| RegionRows { region, rows })
        .collect()
}
