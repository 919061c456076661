//! Geo files of every kind, made for the test, through the public interface.
use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};
use waypost::base::{ClassId, Draws};
use waypost::geo::{
    Atlas, City, Continent, Country, Database, EMBEDDED, GeoError, Location, Network, Place,
    Territory,
};

use crate::mmdb::{self, Options};

fn read(entries: &[(&str, Value)]) -> Atlas {
    let file = mmdb::write(entries, &Options::default());
    Atlas::new(&Database::read(&file).unwrap(), &[], &[])
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(text: &str) -> Network {
    Network::parse(text).unwrap()
}

fn country(text: &str) -> Country {
    Country::parse(text).unwrap()
}

fn territory(text: &str) -> Territory {
    Territory::parse(text).unwrap()
}

/// The place that a record stands for.
fn place(record: Value) -> Place {
    // A neighbour keeps a file of an empty record from being refused.
    let entries = [
        ("192.0.2.0/24", record),
        ("198.51.100.0/24", json!({"country": "SG"})),
    ];
    read(&entries).find(address("192.0.2.1")).0
}

#[test]
fn nested_records_are_read() {
    let found = place(json!({
        "city": { "geoname_id": 2_925_533, "names": { "en": "Frankfurt am Main" } },
        "continent": { "code": "EU", "names": { "en": "Europe" } },
        "country": { "iso_code": "DE", "is_in_european_union": true },
        "registered_country": { "iso_code": "US" },
        "location": { "accuracy_radius": 20, "latitude": 50.1188, "longitude": 8.6843, "time_zone": "Europe/Berlin" },
        "subdivisions": [{ "iso_code": "HE" }],
        "traits": { "autonomous_system_number": 3320 },
    }));
    let expected = Place {
        country: Some(country("DE")),
        subdivision: Territory::parse("DE-HE"),
        city: Some(City::named("Frankfurt am Main")),
        continent: Some(Continent::Eu),
        location: Some(Location {
            latitude: 50_119,
            longitude: 8_684,
        }),
        asn: Some(3320),
    };
    assert_eq!(found, expected);
}

#[test]
fn flat_records_are_read_in_every_manner() {
    let expected = Place {
        country: Some(country("CA")),
        subdivision: None,
        city: None,
        continent: Some(Continent::Na),
        location: Some(Location {
            latitude: 43_650,
            longitude: -79_380,
        }),
        asn: Some(577),
    };
    for record in [
        json!({"country_code": "CA", "latitude": 43.65, "longitude": -79.38, "asn": 577}),
        json!({"country": "CA", "continent": "NA", "lat": "43.65", "lng": "-79.38", "asn": "AS577"}),
        json!({"country": "Canada", "country_code": "CA", "continent": "North America",
               "continent_code": "NA", "loc": "43.65,-79.38", "asn": "577"}),
        json!({"country_code": "ca", "lat": 43.65, "lon": -79.38, "autonomous_system_number": 577}),
    ] {
        assert_eq!(place(record.clone()), expected, "{record}");
    }
}

/// Records of MaxMind, DB-IP, IPinfo (Lite and Location) and GeoOpen.
#[test]
fn parts_of_countries_and_systems_are_read_in_every_manner() {
    let maxmind = json!({"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "CA"}, {"iso_code": "X"}]});
    let dbip =
        json!({"country": {"iso_code": "US"}, "subdivisions": [{"names": {"en": "California"}}]});
    let ipinfo = json!({"country": "US", "region": "California", "region_code": "CA", "lat": "37.8", "lng": "-122.4"});
    let lite = json!({"country": "United States", "country_code": "US", "continent_code": "NA", "asn": "AS64500"});
    let geo_open = json!({"country": {"iso_code": "US", "AutonomousSystemNumber": "64500", "AutonomousSystemOrganization": "x"}});
    for (record, subdivision, asn) in [
        (maxmind, Some("US-CA"), None),
        (dbip, None, None),
        (ipinfo, Some("US-CA"), None),
        (lite, None, Some(64_500)),
        (geo_open, None, Some(64_500)),
    ] {
        let found = place(record.clone());
        assert_eq!(found.country, Some(country("US")), "{record}");
        assert_eq!(found.subdivision, subdivision.map(territory), "{record}");
        assert_eq!(found.asn, asn, "{record}");
    }
}

#[test]
fn numbers_of_another_file_are_laid_over_places() {
    let file = |entries: &[(&str, Value)]| {
        Database::read(&mmdb::write(entries, &Options::default())).unwrap()
    };
    let places = file(&[
        ("192.0.2.0/24", json!({"country": "DE", "asn": 1})),
        ("2001:db8::/32", json!({"country": "IS"})),
    ]);
    let systems = file(&[
        (
            "192.0.2.128/25",
            json!({"autonomous_system_number": 64500, "country": "SG"}),
        ),
        (
            "198.51.100.0/24",
            json!({"autonomous_system_number": 64501}),
        ),
        (
            "2001:db8:1::/48",
            json!({"autonomous_system_number": 64502}),
        ),
    ]);
    let both = places.with_systems(&systems);
    let atlas = Atlas::new(&both, &[], &[]).read_from(places.clone());
    let found = |text| {
        let (place, _) = atlas.find(address(text));
        (place.country.map(|code| code.to_string()), place.asn)
    };
    let known = |code: &str| Some(code.to_owned());
    assert_eq!(found("192.0.2.1"), (known("DE"), Some(1)));
    assert_eq!(found("192.0.2.200"), (known("DE"), Some(64_500)));
    assert_eq!(found("198.51.100.1"), (None, Some(64_501)));
    assert_eq!(found("203.0.113.1"), (None, None));
    assert_eq!(found("2001:db8:1::1"), (known("IS"), Some(64_502)));
    assert_eq!(found("2001:db8:2::1"), (known("IS"), None));
    assert_eq!(
        *atlas.database(),
        places,
        "what is kept is what the file says"
    );
}

#[test]
fn what_is_missing_comes_from_the_country() {
    let found = place(json!({"country": {"iso_code": "IS"}}));
    let facts = waypost::geo::country::find(country("IS")).unwrap();
    assert_eq!(found.continent, Some(Continent::Eu));
    assert_eq!(found.location, Some(facts.location));
}

/// Where a network is registered is not where its users are: no law follows from it.
#[test]
fn a_registered_country_alone_leaves_the_country_unknown() {
    let facts = waypost::geo::country::find(country("IS")).unwrap();
    let near = Place {
        country: None,
        subdivision: None,
        city: None,
        continent: Some(Continent::Eu),
        location: Some(facts.location),
        asn: None,
    };
    let registered = json!({"iso_code": "IS"});
    let found = place(json!({"registered_country": registered}));
    assert_eq!(found, near);
    let found = place(json!({"registered_country": registered, "country": {"iso_code": "XX"}}));
    assert_eq!(found, near, "an unknown code is no country");
    let found = place(json!({"registered_country": registered, "continent": {"code": "NA"}}));
    assert_eq!(
        (found.continent, found.location),
        (Some(Continent::Na), None)
    );
    let found = place(json!({"registered_country": registered, "country": {"iso_code": "SG"}}));
    assert_eq!(found.country, Some(country("SG")));
    assert_eq!(found.continent, Some(Continent::As));
}

#[test]
fn habits_and_nonsense_of_databases() {
    let code = |record| place(record).country;
    assert_eq!(code(json!({"country_code": "UK"})), Some(country("GB")));
    assert_eq!(code(json!({"country_code": "EL"})), Some(country("GR")));
    let europe = place(json!({"country_code": "EU"}));
    assert_eq!(
        (europe.country, europe.continent),
        (None, Some(Continent::Eu))
    );
    for record in [
        json!({}),
        json!({"country_code": "ZZ", "asn": 0}),
        json!({"country": 5, "asn": -3, "latitude": true, "traits": [1, {"a": "b"}]}),
        json!({"latitude": 91.0, "longitude": 0.0}),
        json!({"lat": 50.0, "loc": "here", "asn": "AS", "continent": {"code": 1}}),
        json!({"asn": 18_000_000_000_000_000_000_u64, "is_anycast": true}),
    ] {
        assert_eq!(place(record.clone()), Place::default(), "{record}");
    }
}

#[test]
fn every_record_size_and_both_trees_say_the_same() {
    let v4 = [
        ("192.0.2.0/24", json!({"country": "DE"})),
        ("198.51.100.128/25", json!({"country": "SG"})),
        ("198.51.100.129/32", json!({"country": "CA"})),
    ];
    for record_size in [24, 28, 32] {
        for ip_version in [4, 6] {
            let options = Options {
                record_size,
                ip_version,
                ..Options::default()
            };
            let database = Database::read(&mmdb::write(&v4, &options)).unwrap();
            assert_eq!(database.built_at(), options.build_epoch);
            let atlas = Atlas::new(&database, &[], &[]);
            let code = |text| {
                atlas
                    .find(address(text))
                    .0
                    .country
                    .map(|code| code.to_string())
            };
            assert_eq!(code("192.0.2.255").as_deref(), Some("DE"));
            assert_eq!(code("198.51.100.128").as_deref(), Some("SG"));
            assert_eq!(code("198.51.100.129").as_deref(), Some("CA"));
            assert_eq!(code("198.51.100.130").as_deref(), Some("SG"));
            for unknown in ["192.0.3.0", "198.51.100.127", "198.51.101.0", "2001:db8::"] {
                assert_eq!(code(unknown), None, "{unknown}");
            }
        }
    }
}

#[test]
fn aliases_do_not_double_networks() {
    let entries = [
        ("192.0.2.0/24", json!({"country": "DE"})),
        ("2001:db8::/32", json!({"country": "SG"})),
    ];
    let aliases = ["::ffff:0:0/96", "2002::/16", "2001::/32"];
    let options = Options {
        aliases: &aliases,
        ..Options::default()
    };
    let database = Database::read(&mmdb::write(&entries, &options)).unwrap();
    assert_eq!(database.networks(), 2);
    let atlas = Atlas::new(&database, &[], &[]);
    assert_eq!(
        atlas.find(address("::ffff:192.0.2.1")).0.country,
        Some(country("DE"))
    );
    assert_eq!(atlas.find(address("2002:c000:201::1")).0, Place::default());
    assert_eq!(
        atlas.find(address("2001:db8::1")).0.country,
        Some(country("SG"))
    );
    // IPv4: unknown, DE, unknown. IPv6: unknown, SG, unknown.
    let mut class_of = |place: &Place, _| ClassId(u16::from(place.country.is_some()));
    assert_eq!(atlas.classify(&mut class_of).ranges(), 6);
}

/// IPv4 as a whole is one record here, and IPv6 has the same one.
#[test]
fn one_record_for_all_of_ipv4() {
    for wide in ["::/96", "::/8"] {
        let entries = [
            (wide, json!({"country": "DE"})),
            ("2a00::/12", json!({"country": "DE"})),
        ];
        let atlas = read(&entries);
        for known in ["192.0.2.1", "0.0.0.0", "255.255.255.255", "2a00::1"] {
            assert_eq!(
                atlas.find(address(known)).0.country,
                Some(country("DE")),
                "{known}"
            );
        }
        assert_eq!(atlas.find(address("2b00::1")).0, Place::default());
    }
}

#[test]
fn files_without_places() {
    let write = |record| {
        let options = Options {
            database_type: "Anonymous-IP",
            ..Options::default()
        };
        mmdb::write(&[("192.0.2.0/24", record)], &options)
    };
    let error = Database::read(&write(json!({"is_anonymous": true}))).unwrap_err();
    assert_eq!(error, GeoError::NoPlaces("Anonymous-IP".to_owned()));
    let numbers = Database::read(&write(json!({"autonomous_system_number": 13335}))).unwrap();
    let found = Atlas::new(&numbers, &[], &[]).find(address("192.0.2.1")).0;
    assert_eq!(
        found,
        Place {
            asn: Some(13335),
            ..Place::default()
        }
    );
}

#[test]
fn a_record_that_is_no_map_is_broken() {
    let file = mmdb::write(&[("192.0.2.0/24", json!("DE"))], &Options::default());
    assert!(matches!(Database::read(&file), Err(GeoError::Format(_))));
}

#[test]
fn the_operator_is_right() {
    let entries = [(
        "192.0.2.0/24",
        json!({
            "country": {"iso_code": "DE"},
            "location": {"latitude": 53.5, "longitude": 10.0},
            "autonomous_system_number": 64500,
        }),
    )];
    let database = Database::read(&mmdb::write(&entries, &Options::default())).unwrap();
    let countries = [
        (network("192.0.2.128/25"), territory("SG")),
        (network("192.0.0.0/16"), territory("CA")),
        (network("2001:db8::/32"), territory("IS")),
    ];
    let marks = [(network("192.0.2.0/26"), 7), (network("192.0.2.192/26"), 8)];
    let atlas = Atlas::new(&database, &countries, &marks);
    let found = |text| {
        let (place, mark) = atlas.find(address(text));
        (place.country.map(|code| code.to_string()), place.asn, mark)
    };
    let known = |code: &str| Some(code.to_owned());
    assert_eq!(found("192.0.2.1"), (known("CA"), Some(64500), Some(7)));
    assert_eq!(found("192.0.2.100"), (known("CA"), Some(64500), None));
    assert_eq!(found("192.0.2.129"), (known("SG"), Some(64500), None));
    assert_eq!(found("192.0.2.200"), (known("SG"), Some(64500), Some(8)));
    assert_eq!(found("192.0.3.1"), (known("CA"), None, None));
    assert_eq!(found("2001:db8::1"), (known("IS"), None, None));
    assert_eq!(found("192.1.0.0"), (None, None, None));
    let singapore = waypost::geo::country::find(country("SG")).unwrap();
    let place = atlas.find(address("192.0.2.200")).0;
    assert_eq!(place.location, Some(singapore.location));
    assert_eq!(place.continent, Some(singapore.continent));
}

#[test]
fn each_spot_is_asked_for_once_and_classes_agree_with_places() {
    let database = Database::read(EMBEDDED).unwrap();
    let marks = [(network("8.8.8.0/24"), 1), (network("2001:4860::/32"), 1)];
    let atlas = Atlas::new(
        &database,
        &[(network("9.9.9.0/24"), territory("CH"))],
        &marks,
    );
    let mut asked = BTreeSet::new();
    let class = |place: &Place, mark: Option<u16>| match (mark, place.continent) {
        (Some(_), _) => ClassId(9),
        (None, continent) => ClassId(continent.map_or(0, |continent| 1 + continent as u16)),
    };
    let networks = atlas.classify(&mut |place, mark| {
        assert!(asked.insert((*place, mark)), "{place:?} {mark:?} again");
        class(place, mark)
    });
    let mut draws = Draws::from_seed(3);
    for _ in 0..20_000 {
        let low = u32::try_from(draws.below(1 << 32)).unwrap();
        let high = (0x2000_u128 << 112) | (u128::from(draws.next_u64()) << 61);
        for address in [IpAddr::V4(low.into()), IpAddr::V6(high.into())] {
            let (place, mark) = atlas.find(address);
            let hit = networks.find(address);
            assert_eq!(hit.class, class(&place, mark), "{address}");
            let scope = Network::around(address, hit.prefix);
            assert_eq!(networks.find(scope.address), hit, "{address}");
        }
    }
    let hit = networks.find(address("8.8.8.8"));
    assert_eq!((hit.class, hit.prefix), (ClassId(9), 24));
}

/// Networks of every length, crowded around a few places so that they nest and meet, many of them
/// inside one /64: class and scope against a list, bit by bit from the widest prefix.
#[test]
fn scopes_of_long_networks_are_exact() {
    let database = Database::read(&mmdb::write(
        &[("192.0.2.0/24", json!({"country": "SG"}))],
        &Options::default(),
    ))
    .unwrap();
    let mut draws = Draws::from_seed(17);
    for round in 0..60_u32 {
        let center = [
            0x2001_0db8 << 96,
            0x2a00 << 112 | 0xFFFF << 64,
            1,
            u128::MAX,
        ];
        let center = center[round as usize % center.len()];
        let near = |draws: &mut Draws| {
            let differing = draws.next_u64() & draws.next_u64() & draws.next_u64();
            center ^ (u128::from(differing) << draws.below(50))
        };
        let marks: Vec<(Network, u16)> = (0..30)
            .map(|number| {
                let address = IpAddr::V6(near(&mut draws).into());
                let prefix = u8::try_from(1 + draws.below(128)).unwrap();
                (Network::around(address, prefix), number % 3)
            })
            .collect();
        let mut class_of = |_: &Place, mark: Option<u16>| ClassId(mark.unwrap_or(9));
        let networks = Atlas::new(&database, &[], &marks).classify(&mut class_of);
        for _ in 0..200 {
            let address = near(&mut draws);
            let address = IpAddr::V6(address.into());
            if address.to_canonical().is_ipv6() {
                let hit = networks.find(address);
                assert_eq!(
                    (hit.class.0, hit.prefix),
                    scope(&marks, address),
                    "{address}"
                );
            }
        }
    }
}

/// The class of an address, and the first prefix around it in which no other class occurs. A class
/// can begin only where a network begins or has ended.
fn scope(marks: &[(Network, u16)], address: IpAddr) -> (u16, u8) {
    let class = longest(marks, address);
    let borders: Vec<IpAddr> = marks
        .iter()
        .flat_map(|(network, _)| ends(*network))
        .collect();
    let alike = |prefix: &u8| {
        let block = Network::around(address, *prefix);
        let inside = borders.iter().filter(|border| block.contains(**border));
        inside
            .chain([&block.address])
            .all(|other| longest(marks, *other) == class)
    };
    (class, (0..=128).find(alike).unwrap())
}

/// The first address of a network, and the first one behind it if there is any.
fn ends(network: Network) -> impl Iterator<Item = IpAddr> {
    let IpAddr::V6(first) = network.address else {
        unreachable!("only IPv6 is laid")
    };
    let size = 1_u128.checked_shl(128 - u32::from(network.prefix));
    let behind = size.and_then(|size| first.to_bits().checked_add(size));
    [Some(first.to_bits()), behind]
        .into_iter()
        .flatten()
        .map(|bits| IpAddr::V6(bits.into()))
}

fn longest(marks: &[(Network, u16)], address: IpAddr) -> u16 {
    let around = marks
        .iter()
        .filter(|(network, _)| network.contains(address));
    around
        .max_by_key(|(network, _)| network.prefix)
        .map_or(9, |(_, class)| *class)
}

#[test]
fn broken_files_never_panic() {
    let entries = [
        (
            "192.0.2.0/24",
            json!({"country": {"iso_code": "DE"}, "location": {"latitude": 1.5, "longitude": 2.5}}),
        ),
        (
            "198.51.100.0/25",
            json!({"country_code": "SG", "asn": "AS1", "list": [1, true, -4]}),
        ),
        ("2001:db8::/32", json!({"country": "CA", "loc": "1.0,2.0"})),
    ];
    for record_size in [24, 28, 32] {
        let options = Options {
            record_size,
            aliases: &["::ffff:0:0/96"],
            ..Options::default()
        };
        let file = mmdb::write(&entries, &options);
        assert!(Database::read(&file).is_ok());
        for place in 0..file.len() {
            for flip in [0x01, 0x10, 0x80, 0xFF] {
                let mut broken = file.clone();
                broken[place] ^= flip;
                survive(&broken);
            }
            survive(&file[..place]);
        }
    }
}

/// What can be read can be used.
fn survive(bytes: &[u8]) {
    let Ok(database) = Database::read(bytes) else {
        return;
    };
    let atlas = Atlas::new(&database, &[], &[]);
    let networks = atlas.classify(&mut |place, _| ClassId(u16::from(place.country.is_some())));
    assert!(networks.ranges() >= 2);
}

#[test]
fn flipped_bytes_of_the_embedded_file_never_panic() {
    let mut draws = Draws::from_seed(11);
    let mut file = EMBEDDED.to_vec();
    let size = u64::try_from(file.len()).unwrap();
    for round in 0..24 {
        // The data and the metadata are at the end; the tree is all the rest.
        let reach = if round % 2 == 0 { size } else { 4096 };
        let place = file.len() - 1 - usize::try_from(draws.below(reach)).unwrap();
        let flip = u8::try_from(1 + draws.below(255)).unwrap();
        file[place] ^= flip;
        drop(Database::read(&file));
        file[place] ^= flip;
    }
    assert!(Database::read(&file).is_ok());
}
