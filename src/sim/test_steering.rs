//! How the clients of a test plan's services prefer regions, in short.
//!
//! Without a word, each region has clients that prefer it, and the others follow in the order of the regions. Beside that there
//! is what a service can say of its own: weights by which all clients draw.
use crate::base::{ClassId, Draws, JurisdictionId, JurisdictionSet, RegionId};
use crate::plan::{Class, Lot, Lots, Map, Residency, SteeringFacts, SteeringPolicy};

use super::test_zone;

/// What a service says of its steering.
#[derive(Clone, Debug, Default)]
pub struct TestSteering {
    /// Weights of regions, by their numbers, 0 for those beyond the list; nothing: the place of clients decides.
    pub weights: Vec<u16>,
}

impl TestSteering {
    /// Draws one; of half of the services nothing is said.
    pub(super) fn draw(regions: u16, draws: &mut Draws) -> Self {
        let weight = |draws: &mut Draws| u16::try_from(draws.below(5)).unwrap_or(0);
        let drawn = (0..regions).map(|_| weight(draws)).collect();
        Self {
            weights: match draws.below(3) {
                0 => drawn,
                _ => Vec::new(),
            },
        }
    }

    /// The facts of it.
    pub(super) fn facts(&self) -> SteeringFacts {
        let policy = match self.weights.is_empty() {
            true => SteeringPolicy::Place,
            false => SteeringPolicy::Weight,
        };
        SteeringFacts {
            policy,
            ..SteeringFacts::default()
        }
    }

    /// The map of a service: class `r` is that of the clients of region `r`. Two neighbours share a jurisdiction.
    pub(super) fn map(
        &self,
        (regions, residency): (u16, Residency),
        law_of: impl Fn(u16) -> JurisdictionId,
    ) -> Map {
        let weight_of = |region: u16| self.weights.get(usize::from(region)).copied();
        let weight_of = |region: u16| weight_of(region).unwrap_or(0);
        let classes = (0..regions).map(|home| {
            let law = law_of(home);
            let order = (home..regions).chain(0..home);
            let inside = |region: &u16| residency != Residency::Strict || law_of(*region) == law;
            let mut preference: Vec<u16> = order.filter(inside).collect();
            preference.sort_by_key(|region| weight_of(*region) == 0);
            Class {
                preference: preference.into_iter().map(RegionId).collect(),
                fence: match residency {
                    Residency::Strict => JurisdictionSet::EMPTY.with(Some(law)),
                    Residency::Any | Residency::Prefer => JurisdictionSet::EVERYWHERE,
                },
            }
        });
        let mut classes: Vec<Class> = classes.collect();
        let mut sizes = vec![256; classes.len()];
        let mut lots = Vec::new();
        for of in (0..classes.len()).map(ClassId::from_index) {
            let known = classes[of.index()].clone();
            let (drawn, rest): (Vec<RegionId>, Vec<RegionId>) = known
                .preference
                .iter()
                .partition(|one| weight_of(one.0) > 0);
            if drawn.len() < 2 {
                continue;
            }
            let lot =
                |one: RegionId| Lot::new(one, &test_zone::region_name(one.0), weight_of(one.0));
            let own = Lots::new(
                of,
                ClassId::from_index(classes.len()),
                drawn.into_iter().map(lot).collect(),
            );
            let orders = own.orders().into_iter();
            classes.extend(orders.map(|order| Class {
                preference: [order, rest.clone()].concat(),
                fence: known.fence,
            }));
            sizes.extend(own.parts(sizes[of.index()]));
            sizes[of.index()] = 0;
            classes[of.index()].preference.clear();
            lots.push(own);
        }
        Map {
            classes,
            networks: test_zone::networks(),
            sizes,
            lots,
            shared: None,
        }
    }
}
