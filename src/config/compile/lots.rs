//! Classes of the orders that clients draw, where a service shares its clients out among regions by weight.
//!
//! Fences come first: whoever is behind one draws only among regions inside of it. A service that prefers home asks those at
//! home in the order in which they were drawn, then those abroad likewise.
use std::collections::BTreeMap;

use super::services::Draft;
use crate::base::limits::CLASSES;
use crate::base::{ClassId, RegionId};
use crate::config::diagnostic::Diagnostics;
use crate::plan::{Class, Lot, Lots, Region};

/// By class: how far from home its regions are, in the order of its preference.
pub(super) type Ranks = BTreeMap<ClassId, Vec<u8>>;

/// Classes that are still growing.
pub(super) struct Growing<'c> {
    /// Classes so far.
    pub(super) classes: &'c mut Vec<Class>,
    /// Their sizes.
    pub(super) sizes: &'c mut Vec<u64>,
}

/// Adds a class for each order that clients of one class may draw, and lets the class itself prefer nothing.
pub(super) fn deal(
    draft: &Draft<'_>,
    regions: &[Region],
    ranks: &Ranks,
    growing: &mut Growing<'_>,
    found: &mut Diagnostics,
) -> Vec<Lots> {
    let Some(weights) = draft.steering.weights() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for of in (0..growing.classes.len()).map(ClassId::from_index) {
        let known = &growing.classes[of.index()].preference;
        let drawn = known.iter().filter(|region| weights[region.index()] > 0);
        let lot = |region: &RegionId| {
            let name = &regions[region.index()].name;
            Lot::new(*region, name, weights[region.index()])
        };
        let drawn: Vec<Lot> = drawn.map(lot).collect();
        if drawn.len() < 2 {
            continue;
        }
        let lots = Lots::new(of, ClassId::from_index(growing.classes.len()), drawn);
        if growing.classes.len() + lots.count() > CLASSES {
            let name = &draft.spec.name;
            let message = format!("service `{}` tells too many clients apart", name.value);
            found.error(&name.at, message).help(format!(
                "{CLASSES} classes is the most: let fewer regions have a weight"
            ));
            return all;
        }
        growing.add(&lots, ranks.get(&of));
        all.push(lots);
    }
    all
}

impl Growing<'_> {
    fn add(&mut self, lots: &Lots, ranks: Option<&Vec<u8>>) {
        let of = lots.of.index();
        let known = std::mem::take(&mut self.classes[of].preference);
        let size = std::mem::take(&mut self.sizes[of]);
        let rank_of = |region: &RegionId| {
            let place = known.iter().position(|own| own == region);
            place.and_then(|place| ranks?.get(place))
        };
        for mut order in lots.orders() {
            let rest = known.iter().filter(|region| !order.contains(region));
            let rest: Vec<RegionId> = rest.copied().collect();
            order.extend(rest);
            order.sort_by_key(rank_of);
            self.classes.push(Class {
                preference: order,
                fence: self.classes[of].fence,
            });
        }
        // Whoever is there at all is a part, however small.
        let parts = lots.parts(size).into_iter();
        self.sizes.extend(parts.map(|part| part.max(size.min(1))));
    }
}
