//! A database with the operator's own networks laid over it.
//!
//! Decides who is right: the operator is. A network with a country of its own takes that
//! country's continent and middle, whatever the file says of the location. The number of the
//! autonomous system stays, for the operator has said where a network is, not whose it is.
//! Marks are apart from places: they are what regions claim by network.
//!
//! The atlas knows each distinct pair of place and mark as a *spot*; that makes sorting millions
//! of networks into classes a matter of asking once for each spot.
//!
//! It does not know what a class or a mark stands for.
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::common::Common;
use super::country;
use super::database::{Database, Places};
use super::network::Network;
use super::networks::Networks;
use super::place::{Country, Place};
use super::steps::{Key, Steps};
use crate::base::ClassId;

/// A database with the operator's own networks laid over it.
#[derive(Debug)]
pub struct Atlas {
    spots: Vec<Spot>,
    /// The operator's own networks.
    overrides: Vec<(Network, Country)>,
    /// Indexes of `spots`.
    v4: Steps<u32, u32>,
    /// Indexes of `spots`.
    v6: Steps<u128, u32>,
    /// The IPv4 addresses of each spot that has any.
    extents: Vec<SpotExtent>,
}

/// The IPv4 addresses that have one place and one mark, wherever they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotExtent {
    /// The place where they are.
    pub place: Place,
    /// One of them.
    pub example: Ipv4Addr,
    /// Number of them, as [`Stretch::size`] counts.
    pub size: u64,
}

/// Neighbouring addresses of one place and one mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The first of them.
    pub first: IpAddr,
    /// The last of them.
    pub last: IpAddr,
    /// Where they are.
    pub place: &'a Place,
    /// The mark over them.
    pub mark: Option<u16>,
}

impl Stretch<'_> {
    /// How many IPv4 addresses it has, in /24s rounded up; nothing for IPv6.
    #[must_use]
    pub fn size(&self) -> u64 {
        match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => blocks(first.to_bits(), last.to_bits()),
            _ => 0,
        }
    }
}

/// A place, and the mark over it.
type Spot = (Place, Option<u16>);

/// The number of /24s that the addresses from the first to the last lie in.
fn blocks(first: u32, last: u32) -> u64 {
    u64::from(last >> 8) - u64::from(first >> 8) + 1
}

/// The addresses of each spot, in the order in which spots begin.
fn extents(spots: &[Spot], v4: &Steps<u32, u32>) -> Vec<SpotExtent> {
    let mut sizes: Vec<Option<(u32, u64)>> = vec![None; spots.len()];
    for (first, last, spot) in v4.stretches() {
        sizes[spot as usize].get_or_insert((first, 0)).1 += blocks(first, last);
    }
    let sized = spots.iter().zip(sizes);
    let extent = |((place, _), size): (&Spot, Option<(u32, u64)>)| {
        size.map(|(example, size)| SpotExtent {
            place: *place,
            example: example.into(),
            size,
        })
    };
    sized.filter_map(extent).collect()
}

impl Atlas {
    /// Lays networks over a database: `countries` replace the place (but for the number of the
    /// autonomous system), `marks` are what regions claim by network (`serves`); the longest
    /// prefix wins in each, and of two equal networks the later.
    #[must_use]
    pub fn new(
        database: &Database,
        countries: &[(Network, Country)],
        marks: &[(Network, u16)],
    ) -> Self {
        let mut layers = Layers::new(&database.places);
        let (countries_v4, countries_v6) = by_family(countries);
        let (marks_v4, marks_v6) = by_family(marks);
        let v4 = layers.lay(&database.v4, countries_v4, marks_v4);
        let v6 = layers.lay(&database.v6, countries_v6, marks_v6);
        let places = layers.places.list;
        let spot = |(place, mark): (u32, _)| (places[place as usize], mark);
        let spots: Vec<Spot> = layers.spots.into_iter().map(spot).collect();
        Self {
            extents: extents(&spots, &v4),
            spots,
            overrides: countries.to_vec(),
            v4,
            v6,
        }
    }

    /// The IPv4 addresses of each place and mark that have any.
    #[must_use]
    pub fn extents(&self) -> &[SpotExtent] {
        &self.extents
    }

    /// The operator's own networks, and the country of each.
    #[must_use]
    pub fn overrides(&self) -> &[(Network, Country)] {
        &self.overrides
    }

    /// What is known of an address: its place and the mark over it. IPv4-mapped IPv6 addresses
    /// count as IPv4.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> (Place, Option<u16>) {
        let spot = match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        };
        self.spots[spot as usize]
    }

    /// Everything from the first address to the last: IPv4, then IPv6.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        let stretch = |first, last, spot: u32| {
            let (place, mark) = &self.spots[spot as usize];
            Stretch {
                first,
                last,
                place,
                mark: *mark,
            }
        };
        let address_v4 = |bits: u32| IpAddr::V4(bits.into());
        let address_v6 = |bits: u128| IpAddr::V6(bits.into());
        let v4 = self.v4.stretches();
        let v4 =
            v4.map(move |(first, last, spot)| stretch(address_v4(first), address_v4(last), spot));
        let v6 = self.v6.stretches();
        v4.chain(
            v6.map(move |(first, last, spot)| stretch(address_v6(first), address_v6(last), spot)),
        )
    }

    /// Sorts all addresses into classes; `class_of` is asked once for each distinct
    /// (place, mark).
    pub fn classify(&self, class_of: &mut dyn FnMut(&Place, Option<u16>) -> ClassId) -> Networks {
        let class_of_spot = |(place, mark): &Spot| class_of(place, *mark);
        let classes: Vec<_> = self.spots.iter().map(class_of_spot).collect();
        Networks::new(&self.v4, &self.v6, |spot| classes[spot as usize])
    }
}

impl Atlas {
    /// Finds what all addresses of a network have in common, of sets that `set_of` gives for each distinct place and mark.
    pub fn common(&self, set_of: &mut dyn FnMut(&Place, Option<u16>) -> u64) -> Common {
        let set_of_spot = |(place, mark): &Spot| set_of(place, *mark);
        let sets: Vec<_> = self.spots.iter().map(set_of_spot).collect();
        Common::new(
            self.v4.mapped(|spot| sets[spot as usize]),
            self.v6.mapped(|spot| sets[spot as usize]),
        )
    }
}

/// Spots, numbered as they come up while the layers are laid.
struct Layers {
    places: Places,
    spots: Vec<(u32, Option<u16>)>,
    /// Spots without a mark, by place: nearly all, so they are found without a hash.
    unmarked: Vec<Option<u32>>,
    marked: HashMap<(u32, u16), u32>,
}

impl Layers {
    fn new(places: &[Place]) -> Self {
        Self {
            places: Places::from_list(places.to_vec()),
            spots: Vec::new(),
            unmarked: Vec::new(),
            marked: HashMap::new(),
        }
    }

    fn lay<K: Key>(
        &mut self,
        places: &Steps<K, u32>,
        countries: Vec<(K, u8, Option<Country>)>,
        marks: Vec<(K, u8, Option<u16>)>,
    ) -> Steps<K, u32> {
        let countries = Steps::from_prefixes(None, countries);
        let marks = Steps::from_prefixes(None, marks);
        let over = countries.zip(&marks, |country, mark| (country, mark));
        places.zip(&over, |place, (country, mark)| {
            let place = self.replace(place, country);
            self.spot(place, mark)
        })
    }

    fn replace(&mut self, place: u32, country: Option<Country>) -> u32 {
        let Some(country) = country else {
            return place;
        };
        let facts = country::find(country);
        self.places.number(Place {
            country: Some(country),
            continent: facts.map(|facts| facts.continent),
            location: facts.map(|facts| facts.location),
            asn: self.places.list[place as usize].asn,
        })
    }

    fn spot(&mut self, place: u32, mark: Option<u16>) -> u32 {
        let next = u32::try_from(self.spots.len()).expect("spots are no more than networks");
        let index = place as usize;
        if self.unmarked.len() <= index {
            self.unmarked.resize(index + 1, None);
        }
        let number = match mark {
            None => *self.unmarked[index].get_or_insert(next),
            Some(mark) => *self.marked.entry((place, mark)).or_insert(next),
        };
        if number == next {
            self.spots.push((place, mark));
        }
        number
    }
}

type Prefixes<K, V> = Vec<(K, u8, Option<V>)>;

fn by_family<V: Copy>(networks: &[(Network, V)]) -> (Prefixes<u32, V>, Prefixes<u128, V>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for &(Network { address, prefix }, value) in networks {
        match address {
            IpAddr::V4(address) => v4.push((address.to_bits(), prefix, Some(value))),
            IpAddr::V6(address) => v6.push((address.to_bits(), prefix, Some(value))),
        }
    }
    (v4, v6)
}
