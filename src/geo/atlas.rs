//! A database with the operator's own networks laid over it.
//!
//! Decides who is right: the operator is. A network with a country of its own takes that
//! country's continent and middle (that of its city, where one is stated that the file knows), whatever the file says of the location. The number of the
//! autonomous system stays, for the operator has said where a network is, not whose it is.
//! Marks are apart from places: they are what regions claim by network.
//!
//! The database stays as it is, packed, and may be shared by plans; what is laid over it is short, and both are walked over
//! side by side ([`super::laid`]). The atlas knows each distinct pair of place and mark as a *spot*; that makes sorting
//! millions of networks into classes a matter of asking once for each spot ([`Atlas::sort`]).
//!
//! It does not know what a class or a mark stands for.
use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::database::{Database, Places};
use super::laid::{Laid, Over, Spot, blocks};
use super::network::Network;
use super::networks::Networks;
use super::place::{City, Locality, NamedCity, Place, Territory};
use super::sorted::{Sorted, Sorting};
use super::steps::{Key, Steps};
use super::{country, packed::PackedSteps};
use crate::base::ClassId;

/// A database with the operator's own networks laid over it.
#[derive(Debug)]
pub struct Atlas {
    database: Database,
    /// The file that it was read from alone, where another is laid over that.
    base: Option<Database>,
    /// The operator's own networks.
    overrides: Vec<(Network, Locality)>,
    /// Names of cities that the operator has stated.
    cities: Vec<NamedCity>,
    /// Layers over networks, without repetition; the first is none.
    overs: Vec<Over>,
    /// Indexes of `overs`.
    v4: Steps<u32, u32>,
    /// Indexes of `overs`.
    v6: Steps<u128, u32>,
    /// Places that the operator's countries make and the database does not have; they follow its own.
    made: Vec<Place>,
    /// The number of the place that a country makes of one of the database's, by both.
    replaced: FxHashMap<(u32, Locality), u32>,
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

impl Atlas {
    /// Lays networks over a database: `countries` replace the place (but for the number of the
    /// autonomous system), `marks` are what regions claim by network (`serves`); the longest
    /// prefix wins in each, and of two equal networks the later.
    #[must_use]
    pub fn new(
        database: &Database,
        countries: &[(Network, Territory)],
        marks: &[(Network, u16)],
    ) -> Self {
        let countries = countries
            .iter()
            .map(|(network, own)| (*network, (*own).into()));
        let countries: Vec<(Network, Locality)> = countries.collect();
        Self::with_cities(database, (&countries, Vec::new()), marks)
    }

    /// The same with networks of cities as well, whose names come with them.
    #[must_use]
    pub fn with_cities(
        database: &Database,
        (countries, cities): (&[(Network, Locality)], Vec<NamedCity>),
        marks: &[(Network, u16)],
    ) -> Self {
        let mut overs = Overs::new();
        let (countries_v4, countries_v6) = by_family(countries);
        let (marks_v4, marks_v6) = by_family(marks);
        let v4 = overs.lay(countries_v4, marks_v4);
        let v6 = overs.lay(countries_v6, marks_v6);
        let mut atlas = Self {
            database: database.clone(),
            base: None,
            overrides: countries.to_vec(),
            cities,
            overs: overs.list,
            v4,
            v6,
            made: Vec::new(),
            replaced: FxHashMap::default(),
        };
        if !countries.is_empty() {
            atlas.replace();
        }
        atlas
    }

    /// Makes the places of the operator's countries.
    fn replace(&mut self) {
        let known = self.database.places().len();
        let mut places = Places::from_list(self.database.places().to_vec());
        let mut replaced = FxHashMap::default();
        let content = &self.database.0;
        let v4 = under(&content.v4, &self.v4, &self.overs);
        let v6 = under(&content.v6, &self.v6, &self.overs);
        for (place, own) in v4.into_iter().chain(v6) {
            replaced.entry((place, own)).or_insert_with(|| {
                let asn = places.list[place as usize].asn;
                let next = stated(own, &self.database);
                places.number(Place { asn, ..next })
            });
        }
        self.made = places.list.split_off(known);
        self.replaced = replaced;
    }

    /// The operator's own networks, and what each is said to be in.
    #[must_use]
    pub fn overrides(&self) -> &[(Network, Locality)] {
        &self.overrides
    }

    /// The name of a city, as the file or the operator writes it.
    #[must_use]
    pub fn city_name(&self, city: City) -> Option<&str> {
        let mut stated = self.cities.iter();
        let own = || stated.find(|one| one.city() == city).map(|one| &*one.name);
        self.database.city_name(city).or_else(own)
    }

    /// The same, whose database is one with another laid over it.
    #[must_use]
    pub fn read_from(mut self, base: Database) -> Self {
        self.base = Some(base);
        self
    }

    /// The database under them, as its file alone has it.
    #[must_use]
    pub fn database(&self) -> &Database {
        self.base.as_ref().unwrap_or(&self.database)
    }

    /// What is known of an address: its place and the mark over it. IPv4-mapped IPv6 addresses
    /// count as IPv4.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> (Place, Option<u16>) {
        let content = &self.database.0;
        let (place, over) = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                (content.v4.find(bits), self.v4.find(bits))
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                (content.v6.find(bits), self.v6.find(bits))
            }
        };
        let (place, mark) = self.spot(place, over);
        (*self.place(place), mark)
    }

    /// Everything from the first address to the last: IPv4, then IPv6.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        let stretch = |first, last, (place, mark): Spot| Stretch {
            first,
            last,
            place: self.place(place),
            mark,
        };
        let address_v4 = |bits: u32| IpAddr::V4(bits.into());
        let address_v6 = |bits: u128| IpAddr::V6(bits.into());
        let v4 = self.runs(&self.database.0.v4, &self.v4);
        let v4 =
            v4.map(move |(first, last, spot)| stretch(address_v4(first), address_v4(last), spot));
        let v6 = self.runs(&self.database.0.v6, &self.v6);
        v4.chain(
            v6.map(move |(first, last, spot)| stretch(address_v6(first), address_v6(last), spot)),
        )
    }

    /// The spots of a family with the first and the last address of each.
    fn runs<'a, K: Key>(
        &'a self,
        database: &'a PackedSteps<K>,
        over: &'a Steps<K, u32>,
    ) -> impl Iterator<Item = (K, K, Spot)> {
        let laid = Laid::new(database, over);
        let spots = laid.map(|(start, place, over)| (start, self.spot(place, over)));
        let mut spots = spots.peekable();
        std::iter::from_fn(move || {
            let (first, spot) = spots.next()?;
            while spots.next_if(|(_, next)| *next == spot).is_some() {}
            let last = spots.peek().map_or(K::ZERO, |(next, _)| *next).previous();
            Some((first, last, spot))
        })
    }

    /// Sorts all addresses by what `kind_of` makes of each distinct place and mark: it is asked once for each, in the order
    /// in which they come, and gives small numbers.
    pub fn sort(&self, kind_of: &mut dyn FnMut(&Place, Option<u16>) -> u32) -> Sorted {
        let places = self.database.places().len() + self.made.len();
        let mut sorting = Sorting::new(places, |(place, mark): Spot| {
            kind_of(self.place(place), mark)
        });
        let spot = |place, over| self.spot(place, over);
        let content = &self.database.0;
        let v4 = sorting.family(Laid::new(&content.v4, &self.v4), content.v4.len(), spot);
        let v6 = sorting.family(Laid::new(&content.v6, &self.v6), content.v6.len(), spot);
        sorting.finish(v4, v6)
    }

    /// Sorts all addresses into classes; `class_of` is asked once for each distinct
    /// (place, mark).
    pub fn classify(&self, class_of: &mut dyn FnMut(&Place, Option<u16>) -> ClassId) -> Networks {
        let sorted = self.sort(&mut |place, mark| class_of(place, mark).0.into());
        sorted.classify(|kind| ClassId::from_index(kind as usize))
    }

    #[inline]
    fn spot(&self, place: u32, over: u32) -> Spot {
        if over == 0 {
            return (place, None);
        }
        let (country, mark) = self.overs[over as usize];
        let replaced = country.and_then(|country| self.replaced.get(&(place, country)));
        (replaced.copied().unwrap_or(place), mark)
    }

    fn place(&self, number: u32) -> &Place {
        let (own, number) = (self.database.places(), number as usize);
        own.get(number)
            .unwrap_or_else(|| &self.made[number - own.len()])
    }
}

/// The place of a network that is stated: a city is where the file has it, all else is in the middle of its country.
fn stated(own: Locality, database: &Database) -> Place {
    let territory = own.territory;
    let facts = country::find(territory.country);
    let is_there = |place: &&Place| place.city == own.city && place.is_in(territory);
    let mut places = database.places().iter();
    let city = own.city.and_then(|_| places.find(is_there));
    Place {
        country: Some(territory.country),
        subdivision: Some(territory)
            .filter(|own| own.is_part())
            .or(city.and_then(|city| city.subdivision)),
        city: own.city,
        continent: facts.map(|facts| facts.continent),
        location: city
            .and_then(|city| city.location)
            .or(facts.map(|facts| facts.location)),
        asn: None,
    }
}

/// Each place of the database that a country is laid over, with it.
fn under<K: Key>(
    database: &PackedSteps<K>,
    over: &Steps<K, u32>,
    overs: &[Over],
) -> Vec<(u32, Locality)> {
    let mut found = Vec::new();
    let mut pairs = over.pairs().peekable();
    while let Some((start, over)) = pairs.next() {
        let Some(country) = overs[over as usize].0 else {
            continue;
        };
        let end = pairs.peek().map(|(end, _)| *end);
        let inside = database.pairs_from(start);
        let inside = inside.take_while(|(start, _)| end.is_none_or(|end| *start < end));
        found.extend(inside.map(|(_, place)| (place, country)));
    }
    found
}

/// Layers over networks, numbered as they come.
struct Overs {
    list: Vec<Over>,
    numbers: FxHashMap<Over, u32>,
}

impl Overs {
    fn new() -> Self {
        Self {
            list: vec![(None, None)],
            numbers: FxHashMap::from_iter([((None, None), 0)]),
        }
    }

    fn lay<K: Key>(
        &mut self,
        countries: Vec<(K, u8, Option<Locality>)>,
        marks: Vec<(K, u8, Option<u16>)>,
    ) -> Steps<K, u32> {
        let countries = Steps::from_prefixes(None, countries);
        let marks = Steps::from_prefixes(None, marks);
        countries.zip(&marks, |country, mark| {
            let next = u32::try_from(self.list.len()).expect("there are fewer countries and marks");
            let number = *self.numbers.entry((country, mark)).or_insert(next);
            if number == next {
                self.list.push((country, mark));
            }
            number
        })
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
