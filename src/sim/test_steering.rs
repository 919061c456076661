//! The way in which the clients of a test plan's services prefer regions, in short.
//!
//! Without a word, each region has clients that prefer it, and the others follow in the order of the regions. Beside that there
//! is what a service can say of its own: weights by which all clients draw.
use crate::base::{ClassId, Draws, JurisdictionId, JurisdictionSet, Permille, RegionId};
use crate::plan::{Class, FamilyPairing, Lot, Lots, Map, Residency, SteeringFacts, SteeringPolicy};

use super::test_zone;

/// The steering of a service.
#[derive(Clone, Debug, Default)]
pub struct TestSteering {
    /// Weights of regions, by their numbers, 0 for those beyond the list; nothing: the place of clients decides.
    pub weights: Vec<u16>,
    /// Tells whether one region serves both families.
    pub families: FamilyPairing,
    /// The part of a tier's clients that go to the next one.
    pub trickle: Permille,
    /// The part of a region's clients that go to the next one, where no weights say more.
    pub region_trickle: Permille,
}

impl TestSteering {
    /// Draws one; of most services nothing is said.
    pub(super) fn draw(regions: u16, draws: &mut Draws) -> Self {
        let weight = |draws: &mut Draws| u16::try_from(draws.below(5)).unwrap_or(0);
        let drawn = (0..regions).map(|_| weight(draws)).collect();
        Self {
            weights: match draws.below(3) {
                0 => drawn,
                _ => Vec::new(),
            },
            families: match draws.below(3) {
                0 => FamilyPairing::Together,
                _ => FamilyPairing::Apart,
            },
            trickle: match draws.below(4) {
                0 => Permille([1, 10, 100, 300][usize::try_from(draws.below(4)).unwrap_or(0)]),
                _ => Permille::NONE,
            },
            region_trickle: match draws.below(6) {
                0 => Permille([1, 100, 300][usize::try_from(draws.below(3)).unwrap_or(0)]),
                _ => Permille::NONE,
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
            families: self.families,
            ..SteeringFacts::default()
        }
    }

    /// The regions of a preference that clients draw, with their weights.
    fn drawn(&self, preference: &[RegionId]) -> Vec<(RegionId, u16)> {
        if let ([first, second, ..], true, trickle @ 1..) =
            (preference, self.weights.is_empty(), self.region_trickle.0)
        {
            return vec![(*first, 1000 - trickle), (*second, trickle)];
        }
        let weight_of = |one: &RegionId| self.weights.get(usize::from(one.0)).copied();
        let all = preference
            .iter()
            .map(|one| (*one, weight_of(one).unwrap_or(0)));
        all.filter(|(_, weight)| *weight > 0).collect()
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
            let drawn = self.drawn(&known.preference);
            let rest = known.preference.iter().copied();
            let rest: Vec<RegionId> = rest
                .filter(|one| drawn.iter().all(|(own, _)| own != one))
                .collect();
            if drawn.len() < 2 {
                continue;
            }
            let lot = |(one, weight): (RegionId, u16)| {
                Lot::new(one, &test_zone::region_name(one.0), weight)
            };
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
