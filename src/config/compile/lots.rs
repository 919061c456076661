//! Classes of the orders that clients draw, where a service shares its clients out among regions by weight, or lets a trickle
//! of each region's clients go to the next one.
//!
//! Fences come first: whoever is behind one draws only among regions inside of it. A service that prefers home asks those at
//! home in the order in which they were drawn, then those abroad likewise. A trickle goes nowhere that is farther from home.
use std::collections::BTreeMap;

use crate::base::limits::CLASSES;
use crate::base::{ClassId, Permille, RegionId};
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::plan::{Class, Lot, Lots, Region};

/// Distances from home, by class, of its regions in the order of its preference.
pub(super) type Ranks = BTreeMap<ClassId, Vec<u8>>;

/// The regions that clients of a service draw, whatever their class.
#[derive(Clone, Copy)]
pub(super) enum RegionDrawing<'w> {
    /// None.
    Nothing,
    /// All that have a weight here, by region.
    Weighted(&'w [u16]),
    /// The first two of their class: this part draws the second.
    Trickle(Permille),
}

impl RegionDrawing<'_> {
    /// The regions of a preference that are drawn, with their weights; `ranks` are distances from home.
    fn of(self, preference: &[RegionId], ranks: Option<&Vec<u8>>) -> Vec<(RegionId, u16)> {
        match (self, preference) {
            (Self::Weighted(weights), _) => {
                let all = preference.iter().map(|one| (*one, weights[one.index()]));
                all.filter(|(_, weight)| *weight > 0).collect()
            }
            (Self::Trickle(part), [first, second, ..]) => {
                let ranks = ranks.and_then(|ranks| Some((ranks.first()?, ranks.get(1)?)));
                match ranks.is_none_or(|(first, second)| first == second) {
                    true => vec![(*first, Permille::FULL.0 - part.0), (*second, part.0)],
                    false => Vec::new(),
                }
            }
            (Self::Nothing | Self::Trickle(_), _) => Vec::new(),
        }
    }
}

/// Classes that are still growing.
pub(super) struct Growing<'c> {
    /// Classes so far.
    pub(super) classes: &'c mut Vec<Class>,
    /// Their sizes.
    pub(super) sizes: &'c mut Vec<u64>,
}

/// Adds a class for each order that clients of one class may draw, and lets the class itself prefer nothing.
pub(super) fn deal(
    (drawing, regions): (RegionDrawing<'_>, &[Region]),
    name: &At<String>,
    ranks: &Ranks,
    growing: &mut Growing<'_>,
    found: &mut Diagnostics,
) -> Vec<Lots> {
    let mut all = Vec::new();
    for of in (0..growing.classes.len()).map(ClassId::from_index) {
        let known = &growing.classes[of.index()].preference;
        let drawn = drawing.of(known, ranks.get(&of)).into_iter();
        let lot = |(region, weight): (RegionId, u16)| {
            Lot::new(region, &regions[region.index()].name, weight)
        };
        let drawn: Vec<Lot> = drawn.map(lot).collect();
        if drawn.len() < 2 {
            continue;
        }
        let lots = Lots::new(of, ClassId::from_index(growing.classes.len()), drawn);
        if growing.classes.len() + lots.count() > CLASSES {
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
