//! One database laid over another: AS numbers, which come in files of their own, over places.
//!
//! Decides that the second file says whose a network is and nothing else: its countries, if it has any, are those where
//! networks are registered. Where it has no number the first one's stays.
//!
//! What comes of it is a database like any other, so whoever sorts or finds clients never knows that there were two.
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::database::{Database, GeoContent, Places};
use super::packed::PackedSteps;
use super::place::Place;
use super::steps::{Key, Steps};

impl Database {
    /// This database with the AS numbers of another.
    #[must_use]
    pub fn with_systems(&self, systems: &Self) -> Self {
        let mut numbering = Numbering {
            places: Places::from_list(self.places().to_vec()),
            systems: systems.places(),
            known: FxHashMap::default(),
        };
        let v4 = lay(&self.0.v4, &systems.0.v4, &mut numbering);
        let v6 = lay(&self.0.v6, &systems.0.v6, &mut numbering);
        let places = numbering.places.list;
        Self(Arc::new(GeoContent {
            v4: PackedSteps::of(&v4, places.len()),
            v6: PackedSteps::of(&v6, places.len()),
            places,
            cities: self.0.cities.clone(),
            built_at: self.built_at(),
            networks: self.networks(),
        }))
    }
}

/// Numbers of places that a place and a record of the other file come to.
struct Numbering<'s> {
    places: Places,
    systems: &'s [Place],
    known: FxHashMap<(u32, u32), u32>,
}

impl Numbering<'_> {
    fn number(&mut self, place: u32, system: u32) -> u32 {
        let Self {
            places,
            systems,
            known,
        } = self;
        *known.entry((place, system)).or_insert_with(|| {
            let own = places.list[place as usize];
            let asn = systems[system as usize].asn.or(own.asn);
            places.number(Place { asn, ..own })
        })
    }
}

/// Both step functions, side by side.
fn lay<K: Key>(
    below: &PackedSteps<K>,
    above: &PackedSteps<K>,
    numbering: &mut Numbering<'_>,
) -> Steps<K, u32> {
    let (mut places, mut systems) = (below.pairs().peekable(), above.pairs().peekable());
    let (mut place, mut system) = (0, 0);
    let mut steps = Steps::with_room(below.len() + above.len());
    loop {
        let next = [places.peek(), systems.peek()].map(|pair| pair.map(|(start, _)| *start));
        let Some(start) = next.into_iter().flatten().min() else {
            steps.shrink();
            return steps;
        };
        if let Some((_, own)) = places.next_if(|(own, _)| *own == start) {
            place = own;
        }
        if let Some((_, own)) = systems.next_if(|(own, _)| *own == start) {
            system = own;
        }
        steps.set_from(start, numbering.number(place, system));
    }
}
