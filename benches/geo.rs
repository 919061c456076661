//! What geo costs: reading a file and compiling networks (once for each plan), and looking an
//! address up (once for each query).
//!
//! The bars: 500,000 prefixes compiled within 300 ms, a look-up within 40 ns.
use std::hint::black_box;
use std::net::IpAddr;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use waypost::base::{ClassId, Draws};
use waypost::geo::{Atlas, Database, EMBEDDED, Network, Networks, Place};

const PREFIXES: usize = 500_000;
const CLASSES: u64 = 64;

fn compile(criterion: &mut Criterion) {
    criterion.bench_function("read the embedded file", |bencher| {
        bencher.iter(|| Database::read(black_box(EMBEDDED)));
    });
    let database = database();
    let marks = marks();
    criterion.bench_function("compile 500,000 prefixes", |bencher| {
        bencher.iter(|| networks(&database, black_box(&marks)));
    });
}

fn find(criterion: &mut Criterion) {
    let networks = networks(&database(), &marks());
    for (name, addresses) in [("IPv4", ipv4()), ("IPv6", ipv6())] {
        criterion.bench_function(&format!("find one of 4,096 {name} addresses"), |bencher| {
            let mut next = addresses.iter().cycle();
            bencher.iter_batched(
                || *next.next().expect("a cycle has no end"),
                |address| networks.find(black_box(address)),
                BatchSize::SmallInput,
            );
        });
    }
}

fn database() -> Database {
    Database::read(EMBEDDED).expect("the embedded file is sound")
}

fn networks(database: &Database, marks: &[(Network, u16)]) -> Networks {
    let mut class_of = |place: &Place, mark: Option<u16>| {
        mark.map_or(
            ClassId(place.continent.map_or(0, |continent| continent as u16)),
            ClassId,
        )
    };
    Atlas::new(database, &[], marks).classify(&mut class_of)
}

/// Half of them IPv4, of /16 to /28, half IPv6, of /29 to /56 in the public space.
fn marks() -> Vec<(Network, u16)> {
    let mut draws = Draws::from_seed(1);
    (0..PREFIXES)
        .map(|number| {
            let (address, shortest, lengths) = match number % 2 {
                0 => (any_ipv4(&mut draws), 16, 13),
                _ => (any_ipv6(&mut draws), 29, 28),
            };
            let prefix = shortest + small(draws.below(lengths));
            (
                Network::around(address, prefix),
                u16::from(small(draws.below(CLASSES))),
            )
        })
        .collect()
}

fn ipv4() -> Vec<IpAddr> {
    let mut draws = Draws::from_seed(2);
    (0..4096).map(|_| any_ipv4(&mut draws)).collect()
}

fn ipv6() -> Vec<IpAddr> {
    let mut draws = Draws::from_seed(3);
    (0..4096).map(|_| any_ipv6(&mut draws)).collect()
}

fn any_ipv4(draws: &mut Draws) -> IpAddr {
    let low = u32::try_from(draws.below(1 << 32)).expect("below 2^32");
    IpAddr::V4(low.into())
}

/// Within 2a00::/12, where most of the European networks are.
fn any_ipv6(draws: &mut Draws) -> IpAddr {
    let below = u128::from(draws.next_u64() >> 12) << 64;
    IpAddr::V6(((0x2A00 << 112) | below).into())
}

fn small(number: u64) -> u8 {
    u8::try_from(number).expect("small numbers are drawn")
}

criterion_group!(benches, compile, find);
criterion_main!(benches);
