//! Geo databases that are kept compiled: what is taken up says what the file says, or is not taken up.
use std::net::IpAddr;

use bytes::Bytes;
use serde_json::{Value, json};
use waypost::base::{ClassId, Draws};
use waypost::geo::{Atlas, Database, Network, Place, Territory};

use crate::mmdb::{self, Options};

/// A file of random networks of both families and all lengths, that nest and meet.
fn any_file(draws: &mut Draws) -> Vec<u8> {
    let codes = ["DE", "SG", "CA", "US", "IS", "ZZ"];
    let entries: Vec<(String, Value)> = (0..draws.below(60) + 2)
        .map(|number| {
            let code = codes[usize::try_from(draws.below(6)).unwrap()];
            let place = f64::from(u32::try_from(draws.below(80)).unwrap());
            let record = match draws.below(4) {
                0 => json!({"country_code": code, "asn": draws.below(3)}),
                1 => json!({"location": {"latitude": place, "longitude": -place}}),
                _ => json!({"country": {"iso_code": code}, "location": {"latitude": place, "longitude": place}}),
            };
            let network = any_network(draws);
            (network.to_string(), if number == 0 { json!({"country": "DE"}) } else { record })
        })
        .collect();
    let entries: Vec<(&str, Value)> = entries
        .iter()
        .map(|(network, record)| (network.as_str(), record.clone()))
        .collect();
    let options = Options {
        record_size: [24, 28, 32][usize::try_from(draws.below(3)).unwrap()],
        ..Options::default()
    };
    mmdb::write(&entries, &options)
}

fn any_network(draws: &mut Draws) -> Network {
    let prefix = u8::try_from(draws.below(32) + 1).unwrap();
    match draws.below(2) {
        0 => Network::around(any_v4(draws), prefix),
        _ => Network::around(any_v6(draws), 3 + 2 * prefix),
    }
}

fn any_v4(draws: &mut Draws) -> IpAddr {
    let bits = draws.next_u64() >> 32 & draws.next_u64() >> 32;
    IpAddr::V4(u32::try_from(bits).unwrap().into())
}

fn any_v6(draws: &mut Draws) -> IpAddr {
    let bits = u128::from(draws.next_u64() & draws.next_u64()) << 61;
    IpAddr::V6((0x2000 << 112 | bits).into())
}

fn kept(database: &Database) -> Bytes {
    database.compiled().unwrap().into()
}

#[test]
fn what_is_kept_says_what_the_file_says() {
    let mut draws = Draws::from_seed(91);
    for _ in 0..300 {
        let read = Database::read(&any_file(&mut draws)).unwrap();
        let taken = Database::take_up(kept(&read)).unwrap();
        assert_eq!(taken, read);
        let countries: Vec<(Network, Territory)> = (0..draws.below(4))
            .map(|_| (any_network(&mut draws), Territory::parse("FR").unwrap()))
            .collect();
        let marks: Vec<(Network, u16)> = (0..draws.below(4))
            .map(|number| (any_network(&mut draws), u16::try_from(number).unwrap()))
            .collect();
        let atlases = [&read, &taken].map(|own| Atlas::new(own, &countries, &marks));
        let [before, after] = &atlases;
        assert!(before.stretches().eq(after.stretches()));
        let mut class_of = |place: &Place, mark: Option<u16>| {
            ClassId(mark.unwrap_or(place.country.map_or(100, |code| 200 + u16::from(code.0[0]))))
        };
        let classes = after.classify(&mut class_of);
        for _ in 0..60 {
            let address = [any_v4, any_v6][usize::try_from(draws.below(2)).unwrap()](&mut draws);
            let (place, mark) = before.find(address);
            assert_eq!(after.find(address), (place, mark));
            assert_eq!(classes.find(address).class, class_of(&place, mark));
        }
    }
}

/// Each stretch is as long as it can be, and all of them are everything once.
#[test]
fn stretches_cover_all_addresses_once() {
    let mut draws = Draws::from_seed(92);
    for _ in 0..100 {
        let database = Database::read(&any_file(&mut draws)).unwrap();
        let countries = [(any_network(&mut draws), Territory::parse("DE").unwrap())];
        let marks = [(any_network(&mut draws), 3)];
        let atlas = Atlas::new(&database, &countries, &marks);
        let stretches: Vec<_> = atlas.stretches().collect();
        for two in stretches.windows(2) {
            if two[0].first.is_ipv4() == two[1].first.is_ipv4() {
                let differ = (two[0].place, two[0].mark) != (two[1].place, two[1].mark);
                assert!(differ, "{two:?}");
                assert_eq!(number(two[1].first), number(two[0].last) + 1);
            }
        }
        for stretch in &stretches {
            for address in [stretch.first, stretch.last] {
                // The block of mapped addresses counts as IPv4.
                if address.to_canonical() == address {
                    assert_eq!(atlas.find(address), (*stretch.place, stretch.mark));
                }
            }
        }
        assert_eq!(number(stretches[0].first), 0);
        assert_eq!(number(stretches.last().unwrap().last), u128::MAX);
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[test]
fn what_is_damaged_is_never_taken_up() {
    let mut draws = Draws::from_seed(93);
    let whole = kept(&Database::read(&any_file(&mut draws)).unwrap());
    for place in 0..whole.len() {
        let mut octets = whole.to_vec();
        octets[place] ^= 1 << draws.below(8);
        assert_eq!(Database::take_up(octets.into()), None, "{place}");
        assert_eq!(Database::take_up(whole.slice(..place)), None, "{place}");
    }
    let other = kept(&Database::read(&any_file(&mut draws)).unwrap());
    let mixed = [&whole[..whole.len() / 2], &other[other.len() / 2..]].concat();
    assert_eq!(Database::take_up(mixed.into()), None);
    // Another version, sound in itself.
    let mut foreign = whole.to_vec();
    foreign[15] += 1;
    assert_eq!(Database::take_up(foreign.into()), None);
}
