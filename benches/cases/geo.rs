//! What geo costs: reading a file and compiling networks (once for each plan), and looking an
//! address up (once for each query).
//!
//! 500,000 networks are laid over the embedded file: half of them IPv4, of /16 to /28, half IPv6,
//! of /29 to /56 in the public space, where a table of IPv6 is as crowded as it gets. Look-ups go
//! through 65,536 addresses in turn, which touch more memory than the first two levels of cache
//! hold, because clients come from everywhere.
//!
//! A city file has a thirtieth of the networks and places of those that are sold, so that a round stays short; what it costs grows with
//! both. It is compiled, taken up as it is kept, and sorted by the continents of its places.
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use waypost::base::{ClassId, Draws};
use waypost::geo::{Atlas, Database, EMBEDDED, Network, Networks, Place};

use crate::cases::Case;

#[path = "cities.rs"]
mod cities;

const PREFIXES: usize = 500_000;
const ADDRESSES: usize = 65_536;
const CLASSES: u64 = 64;

/// The cases of this subject.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name, prepare| Case { name, prepare };
    vec![
        case("geo/read the embedded file", read),
        case("geo/compile 500,000 prefixes", compile),
        case("geo/read a file of 100,000 networks", read_cities),
        case("geo/take up what is kept of it", take_up_cities),
        case("geo/sort its networks", sort_cities),
        case("geo/find IPv4", || find(crowded(), any_ipv4)),
        case("geo/find IPv6", || find(crowded(), any_ipv6)),
        case("geo/find IPv6, borders beyond /64", || {
            find(networks(&database(), &marks(any_long)), any_long_address)
        }),
    ]
}

fn read() -> Box<dyn FnMut()> {
    Box::new(|| drop(black_box(Database::read(black_box(EMBEDDED)))))
}

fn compile() -> Box<dyn FnMut()> {
    let (database, marks) = (database(), marks(any_short));
    Box::new(move || drop(black_box(networks(&database, black_box(&marks)))))
}

fn read_cities() -> Box<dyn FnMut()> {
    let file = cities::write(100_000, 4_000);
    Box::new(move || drop(black_box(Database::read(black_box(&file)))))
}

fn city_database() -> Database {
    let file = cities::write(100_000, 4_000);
    Database::read(&file).expect("the file that is drawn is sound")
}

fn take_up_cities() -> Box<dyn FnMut()> {
    let kept = city_database().compiled().expect("it is small enough");
    let kept = bytes::Bytes::from(kept);
    Box::new(move || drop(black_box(Database::take_up(black_box(kept.clone())))))
}

fn sort_cities() -> Box<dyn FnMut()> {
    let atlas = Atlas::new(&city_database(), &[], &[]);
    Box::new(move || {
        let mut kind_of =
            |place: &Place, _| place.continent.map_or(0, |continent| continent as u32);
        drop(black_box(atlas.sort(black_box(&mut kind_of))));
    })
}

/// Looks addresses up in turn. They are kept by family and become an [`IpAddr`] on the way, as
/// those of queries do: copying a list of the latter costs more than the look-up.
fn find<A: Into<IpAddr> + Copy + 'static>(
    networks: Networks,
    any: fn(&mut Draws) -> A,
) -> Box<dyn FnMut()> {
    let mut draws = Draws::from_seed(2);
    let addresses: Vec<A> = (0..ADDRESSES).map(|_| any(&mut draws)).collect();
    let mut next = 0;
    Box::new(move || {
        black_box(networks.find(black_box(addresses[next]).into()));
        next = (next + 1) % ADDRESSES;
    })
}

fn database() -> Database {
    Database::read(EMBEDDED).expect("the embedded file is sound")
}

fn crowded() -> Networks {
    networks(&database(), &marks(any_short))
}

fn networks(database: &Database, marks: &[(Network, u16)]) -> Networks {
    let mut class_of = |place: &Place, mark: Option<u16>| {
        let continent = place.continent.map_or(0, |continent| continent as u16);
        ClassId(mark.unwrap_or(continent))
    };
    Atlas::new(database, &[], marks).classify(&mut class_of)
}

fn marks(any: fn(&mut Draws, usize) -> Network) -> Vec<(Network, u16)> {
    let mut draws = Draws::from_seed(1);
    let mark = |number| {
        let network = any(&mut draws, number);
        (network, u16::from(small(draws.below(CLASSES))))
    };
    (0..PREFIXES).map(mark).collect()
}

/// IPv4 and IPv6 in turn, as long as they are met with in practice.
fn any_short(draws: &mut Draws, number: usize) -> Network {
    let (address, shortest, lengths) = match number % 2 {
        0 => (any_ipv4(draws).into(), 16, 13),
        _ => (any_ipv6(draws).into(), 29, 28),
    };
    Network::around(address, shortest + small(draws.below(lengths)))
}

/// IPv6 of /65 to /128, in few enough /64s that each is looked into.
fn any_long(draws: &mut Draws, _: usize) -> Network {
    Network::around(any_long_address(draws).into(), 65 + small(draws.below(64)))
}

fn any_ipv4(draws: &mut Draws) -> Ipv4Addr {
    let low = u32::try_from(draws.below(1 << 32)).expect("below 2^32");
    low.into()
}

/// Within 2a00::/12, where most of the European networks are.
fn any_ipv6(draws: &mut Draws) -> Ipv6Addr {
    let below = u128::from(draws.next_u64() >> 12) << 64;
    ((0x2A00 << 112) | below).into()
}

/// Within 65,536 /64s that lie apart.
fn any_long_address(draws: &mut Draws) -> Ipv6Addr {
    let block = u128::from(draws.below(1 << 16)) << 80;
    ((0x2A00 << 112) | block | u128::from(draws.next_u64())).into()
}

fn small(number: u64) -> u8 {
    u8::try_from(number).expect("small numbers are drawn")
}
