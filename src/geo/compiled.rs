//! A database as it is kept: compiled, so that whoever takes it up need not read a MaxMind-format file.
//!
//! Walking the tree of such a file and decoding its records costs more than all the rest of a start. What comes of it is
//! a list of places and two packed step functions, and those are what stands here, as they lie in memory: taking them up is
//! looking at them once. The program carries its embedded database so (`iptoasn-country.steps`), and a server keeps that of
//! its operator.
//!
//! ```text
//! MAGIC | checksum of all that follows u64 | built_at u64 | networks u64
//! places u32 | IPv4 entries u32 | IPv6 entries u32 | octets of the IPv4 entries u32 | cities u32
//! places x 28 | cities: octets u8, name | IPv4 entries | IPv6 entries
//! place: country, 2 letters or zeros | continent u8, 0 for none | 1: it has a location, 2: it has an AS number
//!        | latitude i32 | longitude i32 | AS number u32 | code of the subdivision, 3 letters or zeros | 0
//!        | city: hash of its name u64, 0 for none
//! ```
//!
//! Numbers have their lowest octet first. What is damaged is never used: the checksum covers every octet, and what it
//! lets pass is still held to be places as they are written and entries that are in order ([`super::packed`]). [`MAGIC`]
//! names the form *and* what records are taken to mean: whoever changes `record` or the facts of `country` so that the same
//! file comes to other places changes it, and a test of the embedded database reminds them.
//!
//! It does not know which file it was compiled from, nor whether that has changed.
use std::num::NonZeroU64;
use std::sync::Arc;

use bytes::Bytes;

use super::database::{Database, GeoContent};
use super::packed::PackedSteps;
use super::place::{City, Continent, Country, Location, Place, Territory};
use crate::base::HashKey;

/// The compiled form of [`super::EMBEDDED`].
static COMPILED: &[u8] = include_bytes!("iptoasn-country.steps");

/// The first octets of the compiled form of this version.
const MAGIC: &[u8; 16] = b"waypost geo 0003";

/// Octets of a place.
const PLACE: usize = 28;

/// Set where a place has a location.
const LOCATED: u8 = 1;
/// Set where a place has the number of an autonomous system.
const NUMBERED: u8 = 2;

/// The continents by their number in the file, less one.
const CONTINENTS: [Continent; 7] = [
    Continent::Af,
    Continent::An,
    Continent::As,
    Continent::Eu,
    Continent::Na,
    Continent::Oc,
    Continent::Sa,
];

impl Database {
    /// The database that the program carries: what [`Database::read`] makes of [`super::EMBEDDED`], without its work.
    #[must_use]
    pub fn embedded() -> Self {
        let found = Self::take_up(Bytes::from_static(COMPILED));
        found.expect("the compiled file is whole: a test makes it again and compares")
    }

    /// Takes up what [`Database::compiled`] has written; None when it is of another version or damaged. The octets stay
    /// in use.
    #[must_use]
    pub fn take_up(octets: Bytes) -> Option<Self> {
        let mut rest = Octets(octets);
        if rest.array::<16>()? != *MAGIC || rest.number()? != checksum(&rest.0) {
            return None;
        }
        let (built_at, networks) = (rest.number()?, rest.number()?);
        let [places, v4, v6] = [rest.count()?, rest.count()?, rest.count()?];
        let [v4_octets, cities] = [rest.count()?, rest.count()?];
        let list = rest.take(places.checked_mul(PLACE)?)?;
        let list = list.as_chunks().0.iter().map(place);
        let list: Vec<Place> = list.collect::<Option<_>>()?;
        let cities = (0..cities).map(|_| rest.city());
        let cities: Vec<(City, Box<str>)> = cities.collect::<Option<_>>()?;
        if !cities.is_sorted_by(|one, other| one.0 < other.0) {
            return None;
        }
        let first = rest.take(v4_octets)?;
        if list.first() != Some(&Place::default()) {
            return None;
        }
        Some(Self(Arc::new(GeoContent {
            places: list,
            v4: PackedSteps::take_up(first, v4, places)?,
            v6: PackedSteps::take_up(rest.0, v6, places)?,
            cities,
            built_at,
            networks: usize::try_from(networks).ok()?,
        })))
    }

    /// The compiled form; None for a database too large for it, one of more than 4 GiB.
    #[must_use]
    pub fn compiled(&self) -> Option<Vec<u8>> {
        let GeoContent {
            places,
            v4,
            v6,
            cities,
            built_at,
            networks,
        } = &*self.0;
        let mut made = MAGIC.to_vec();
        made.extend([0; 8]);
        made.extend(built_at.to_le_bytes());
        made.extend((*networks as u64).to_le_bytes());
        let counts = [places.len(), v4.len(), v6.len(), v4.octets().len()];
        for count in counts.into_iter().chain([cities.len()]) {
            made.extend(u32::try_from(count).ok()?.to_le_bytes());
        }
        made.extend(places.iter().flat_map(octets));
        for (_, name) in cities {
            made.push(u8::try_from(name.len()).ok()?);
            made.extend(name.bytes());
        }
        made.extend(v4.octets());
        made.extend(v6.octets());
        let sum = checksum(&made[HEAD..]);
        made[MAGIC.len()..HEAD].copy_from_slice(&sum.to_le_bytes());
        Some(made)
    }
}

/// Octets in front of those that the checksum covers.
const HEAD: usize = MAGIC.len() + 8;

/// The hash of the program is fast and spreads every bit over all of 64: what falls over by itself is seen. It is no seal:
/// whoever may write in the folder of the state may as well write another database.
fn checksum(octets: &[u8]) -> u64 {
    HashKey::from_secret(MAGIC).hash(octets)
}

fn octets(place: &Place) -> [u8; PLACE] {
    let flags =
        u8::from(place.location.is_some()) * LOCATED + u8::from(place.asn.is_some()) * NUMBERED;
    let number = |own: Continent| CONTINENTS.iter().position(|one| *one == own);
    let continent = place
        .continent
        .and_then(number)
        .map_or(0, |index| index + 1);
    let continent = u8::try_from(continent).expect("there are seven continents");
    let Country([one, two]) = place.country.unwrap_or(Country([0, 0]));
    let location = place.location.map(|own| (own.latitude, own.longitude));
    let (latitude, longitude) = location.unwrap_or_default();
    let ([a, b, c, d], [e, f, g, h]) = (latitude.to_le_bytes(), longitude.to_le_bytes());
    let [i, j, k, l] = place.asn.unwrap_or(0).to_le_bytes();
    let [m, n, o] = place.subdivision.map_or([0; 3], Territory::octets);
    let city = place.city.map_or(0, |City(hash)| hash.get());
    let [p, q, r, s, t, u, v, w] = city.to_le_bytes();
    [
        one, two, continent, flags, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, 0, p, q, r, s, t,
        u, v, w,
    ]
}

/// The place of these octets; None for octets that no place has.
fn place(octets: &[u8; PLACE]) -> Option<Place> {
    let [
        one,
        two,
        continent,
        flags,
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        j,
        k,
        l,
        m,
        n,
        o,
        _,
        city @ ..,
    ] = *octets;
    let country = match [one, two] {
        [0, 0] => None,
        code => Some(Country::parse(std::str::from_utf8(&code).ok()?)?),
    };
    let continent = match continent.checked_sub(1) {
        None => None,
        Some(index) => Some(*CONTINENTS.get(usize::from(index))?),
    };
    let location = Location {
        latitude: i32::from_le_bytes([a, b, c, d]),
        longitude: i32::from_le_bytes([e, f, g, h]),
    };
    let part = [m, n, o].map(char::from).into_iter().collect::<String>();
    let part = part.trim_end_matches('\0');
    let subdivision = match (country, part) {
        (_, "") => None,
        (country, part) => Some(Territory::part_of(country?, part)?),
    };
    let place = Place {
        country,
        subdivision,
        city: NonZeroU64::new(u64::from_le_bytes(city)).map(City),
        continent,
        location: (flags & LOCATED != 0).then_some(location),
        asn: (flags & NUMBERED != 0).then_some(u32::from_le_bytes([i, j, k, l])),
    };
    // What is not written so, no place was.
    (self::octets(&place) == *octets).then_some(place)
}

/// Octets that are not read yet.
struct Octets(Bytes);

impl Octets {
    fn take(&mut self, count: usize) -> Option<Bytes> {
        (count <= self.0.len()).then(|| self.0.split_to(count))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn city(&mut self) -> Option<(City, Box<str>)> {
        let [length] = self.array()?;
        let name = self.take(length.into())?;
        let name = std::str::from_utf8(&name).ok()?;
        Some((City::named(name), name.into()))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Draws;
    use crate::geo::EMBEDDED;

    /// The environment variable that has the compiled file written anew.
    const UPDATE: &str = "UPDATE_GEO";

    #[test]
    fn the_compiled_file_is_what_the_database_compiles_to() {
        let read = Database::read(EMBEDDED).unwrap();
        let made = read.compiled().unwrap();
        if std::env::var_os(UPDATE).is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/geo/iptoasn-country.steps");
            std::fs::write(path, &made).unwrap();
        }
        assert!(
            made == COMPILED,
            "iptoasn-country.mmdb has changed, or what is made of it: change MAGIC, unless only the file has changed, and \
             say `{UPDATE}=1 cargo test --lib geo::compiled`"
        );
        assert_eq!(Database::embedded(), read);
    }

    #[test]
    fn a_file_that_ends_early_or_late_is_told_from_a_whole_one() {
        for length in (0..100).chain([1000, COMPILED.len() - 1]) {
            let octets = Bytes::from_static(&COMPILED[..length]);
            assert_eq!(Database::take_up(octets), None, "{length}");
        }
        let more = [COMPILED, &[0]].concat();
        assert_eq!(Database::take_up(more.into()), None);
    }

    #[test]
    fn no_flipped_bit_is_overlooked() {
        let mut draws = Draws::from_seed(7);
        let size = COMPILED.len() as u64;
        for place in (0..600).chain((0..200).map(|_| draws.below(size))) {
            let mut octets = COMPILED.to_vec();
            octets[usize::try_from(place).unwrap()] ^= 1 << (place % 8);
            assert_eq!(Database::take_up(octets.into()), None, "{place}");
        }
    }

    #[test]
    fn a_place_keeps_all_that_is_known_of_it() {
        let mut draws = Draws::from_seed(8);
        for _ in 0..2000 {
            let mut some = || draws.chance(500);
            let has = [some(), some(), some(), some()];
            let mut signed = |most: u64| {
                i32::try_from(draws.below(2 * most)).unwrap() - i32::try_from(most).unwrap()
            };
            let location = Location {
                latitude: signed(90_000),
                longitude: signed(180_000),
            };
            let known = Place {
                country: has[0].then_some(Country(*b"SG")),
                subdivision: Territory::parse("SG-01").filter(|_| has[0] && has[1]),
                city: (has[2] && has[3]).then(|| City::named("Singapore")),
                continent: has[1].then(|| CONTINENTS[usize::try_from(draws.below(7)).unwrap()]),
                location: has[2].then_some(location),
                asn: has[3].then(|| u32::try_from(draws.below(1 << 32)).unwrap()),
            };
            assert_eq!(place(&octets(&known)), Some(known));
        }
        let of = |head: &[u8; 20]| {
            let mut octets = [0; PLACE];
            octets[..20].copy_from_slice(head);
            octets
        };
        for octets in [
            of(b"d\x45\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            [8; PLACE],
            of(b"\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            of(b"SG\0\0\0\0\0\0\0\0\0\0\0\0\0\0a\0\0\0"),
            of(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\0\0"),
        ] {
            assert_eq!(place(&octets), None, "{octets:?}");
        }
    }
}
