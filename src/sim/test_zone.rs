//! What every test plan stands on: one zone with the steered names mounted, and a small geography in
//! which each region has a network of clients.
//!
//! The clients of region `r` are in `10.r.0.0/16`; the hostname of service `s` is
//! `s<s>.example.org`. The geo database is written here, byte by byte, because reading a real one
//! costs more than a whole world does.
use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use crate::base::{ClassId, JurisdictionId};
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::dns::zone::{Mount, Record, Zone, Zones};
use crate::geo::{Atlas, Database, Location, Network, Networks};
use crate::plan::{Plan, Region, Service, Whose};

/// Most regions that have clients.
pub const REGIONS_MOST: u16 = 8;

static ATLAS: LazyLock<Arc<Atlas>> = LazyLock::new(|| {
    let database = Database::read(&one_place()).expect("the file below is well formed");
    let marks = (0..REGIONS_MOST).map(|region| (network(region), region));
    let marks: Vec<(Network, u16)> = marks.collect();
    Arc::new(Atlas::new(&database, &[], &marks))
});

/// Where clients are.
#[must_use]
pub fn atlas() -> Arc<Atlas> {
    Arc::clone(&ATLAS)
}

/// Class `r` is that of the clients of region `r`; everyone else is in class 0.
#[must_use]
pub fn networks() -> Networks {
    ATLAS.classify(&mut |_, mark| ClassId(mark.unwrap_or(0)))
}

/// The name of a region.
pub(super) fn region_name(number: u16) -> String {
    format!("r{number}")
}

/// A region: as far from the next as any other.
pub(super) fn region(number: u16, jurisdiction: JurisdictionId) -> Region {
    Region {
        name: region_name(number),
        location: Location {
            latitude: 0,
            longitude: i32::from(number) * 10_000,
        },
        jurisdiction: Some(jurisdiction),
        capacity: None,
        takes_failover: true,
    }
}

/// A client of a region.
#[must_use]
pub fn client(region: u16, host: u16) -> Ipv4Addr {
    let [third, fourth] = host.to_be_bytes();
    Ipv4Addr::new(10, second_octet(region), third, fourth)
}

/// The hostname of a service.
///
/// # Panics
/// Never: the name is well formed.
#[must_use]
pub fn hostname(service: usize) -> Name {
    name(&format!("s{service}.example.org"))
}

/// A zone in which every hostname of a plan's services is mounted, whatever zones the plan has: the root.
///
/// # Panics
/// Never: hostnames belong to one service each, and there are no more services than numbers.
#[must_use]
pub fn zones(plan: &Plan) -> Arc<Zones> {
    let apex = Name::root();
    let services = plan.services.iter().enumerate();
    let mounts = services.flat_map(|(number, service)| {
        let number =
            Mount::try_from(number).expect("limits.rs bounds the services") | mark(service);
        service
            .hostnames
            .iter()
            .map(move |name| (name.clone(), number))
    });
    let mounts: Vec<_> = mounts.collect();
    let zone = Zone::build(&apex, records(&apex), &mounts).expect("hostnames are steered once");
    Arc::new(Zones::new(vec![Arc::new(zone)]))
}

/// The mark of what follows the choice beside addresses, where aliases lead to machines of the plan alone: what others come to is
/// not known here, so there the choice itself is answered.
fn mark(service: &Service) -> Mount {
    let aliases = service.records.of_type(rtype::CNAME);
    let mut sets = aliases.iter().flat_map(|own| &own.sets);
    if sets.all(|(whose, _)| matches!(whose, Whose::Endpoint(_))) {
        service.records.mark()
    } else {
        0
    }
}

fn records(apex: &Name) -> Vec<Record> {
    let server = name("ns.example.net");
    let mut soa = [server.as_wire(), server.as_wire()].concat();
    soa.extend([0; 20]);
    let record = |rtype, rdata| Record {
        owner: apex.clone(),
        rtype,
        ttl: 3600,
        rdata,
        line: 1,
    };
    vec![
        record(rtype::SOA, soa),
        record(rtype::NS, server.as_wire().to_vec()),
    ]
}

fn network(region: u16) -> Network {
    Network {
        address: client(region, 0).into(),
        prefix: 16,
    }
}

fn second_octet(region: u16) -> u8 {
    u8::try_from(region % REGIONS_MOST).unwrap_or(0)
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a short name of letters and digits")
}

/// A MaxMind-format file in which every IPv4 address is in Iceland (MaxMind DB format
/// specification, version 2.0).
fn one_place() -> Vec<u8> {
    let mut file = vec![0, 0, 17, 0, 0, 17];
    file.extend([0; 16]);
    file.push(MAP | 1);
    text(&mut file, "country_code");
    text(&mut file, "IS");
    file.extend(b"\xAB\xCD\xEFMaxMind.com");
    file.push(MAP | 9);
    for (key, value) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 4),
        ("record_size", 24),
    ] {
        text(&mut file, key);
        file.extend([UINT16 | 1, value]);
    }
    text(&mut file, "node_count");
    file.extend([UINT32 | 1, 1]);
    text(&mut file, "build_epoch");
    file.extend([EXTENDED | 1, UINT64, 1]);
    text(&mut file, "database_type");
    text(&mut file, "Simulation");
    text(&mut file, "languages");
    file.extend([EXTENDED, ARRAY]);
    text(&mut file, "description");
    file.push(MAP);
    file
}

const EXTENDED: u8 = 0;
const TEXT: u8 = 2 << 5;
const UINT16: u8 = 5 << 5;
const UINT32: u8 = 6 << 5;
const MAP: u8 = 7 << 5;
/// Extended types are written as their number less seven.
const UINT64: u8 = 9 - 7;
const ARRAY: u8 = 11 - 7;

fn text(file: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()).unwrap_or(u8::MAX) {
        length @ 0..29 => file.push(TEXT | length),
        length => file.extend([TEXT | 29, length - 29]),
    }
    file.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_in_the_class_of_their_region() {
        let networks = networks();
        for region in [0, 3, REGIONS_MOST - 1] {
            let hit = networks.find(client(region, 77).into());
            assert_eq!(hit.class, ClassId(region));
        }
        assert_eq!(
            networks.find(Ipv4Addr::new(192, 0, 2, 1).into()).class,
            ClassId(0)
        );
    }
}
