//! Every client has its own answer, and each of them is validated: by client subnet, of one address
//! and of several, while an endpoint ramps and when all are down.
use std::collections::BTreeSet;

use waypost::base::Permille;

use super::validators::{RESOLVER, Resolver, Server, dig_for, is_validated, now, own_network};
use crate::sample;
use crate::signed::{Pair, Way, sign, table, ways};

const QUESTIONS: [&str; 4] = [
    "api.example.org A",
    "www.example.org AAAA",
    "data.example.org A",
    "example.org A",
];
/// Germans of several networks, so that a share of them moves; then one client of each other place.
const CLIENTS: [&str; 13] = [
    "84.128.1.0/24",
    "84.128.2.0/24",
    "84.128.3.0/24",
    "84.128.4.0/24",
    "84.128.5.0/24",
    "84.128.6.0/24",
    "84.128.7.0/24",
    "84.128.8.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "200.160.2.0/24",
    "2001:db8:1::/48",
    "2001:db8:2::/48",
];
/// The share of `eu-one`, and of all others.
const SHARES: [(u16, u16); 3] = [(1000, 1000), (400, 1000), (0, 0)];

/// The addresses of an answer, whatever their order.
fn addresses(answer: &str) -> BTreeSet<String> {
    let records = answer.lines().filter(|line| !line.starts_with(';'));
    records
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let is_address = matches!(fields.get(3), Some(&("A" | "AAAA")));
            is_address.then(|| fields[4].to_owned())
        })
        .collect()
}

/// Asks for every client, of a plan whose services answer so many addresses.
fn ask(way: Way, answers: u8) {
    let folder = own_network();
    let pair = Pair::new(way.algorithm);
    let mut compiled = sample::compile();
    for service in &mut compiled.plan.services {
        service.answers = answers;
    }
    let signed = sign(compiled, way, &pair, now());
    let server = Server::start(table(&signed, &[]));
    for (one, others) in SHARES {
        let table = sample::table_by(&signed.plan, |endpoint| match endpoint {
            "eu-one" => Permille(one),
            _ => Permille(others),
        });
        let table = table.with_zones(signed.zones.clone());
        server.publish(table);
        // A new one for each table: nothing is remembered from the one before.
        let _resolver = Resolver::start(folder.path(), &pair.anchor());
        let mut seen = BTreeSet::new();
        for question in QUESTIONS {
            for client in CLIENTS {
                let context =
                    format!("{question} of {client}, {way:?}, {answers} answers, share {one}");
                let direct = dig_for("127.0.0.20", question, client);
                let validated = dig_for(RESOLVER, question, client);
                assert!(is_validated(&validated), "{context}:\n{validated}");
                let found = addresses(&validated);
                assert_eq!(found, addresses(&direct), "{context}");
                assert!(found.len() <= usize::from(answers), "{context}: {found:?}");
                seen.insert((question, client.starts_with("84."), found));
            }
        }
        let of = |question: &str, german: bool| {
            let own = seen.iter();
            own.filter(|(asked, from, _)| *asked == question && *from == german)
                .count()
        };
        // Regions differ; and while one endpoint ramps, one part of its clients goes elsewhere.
        assert!(of("api.example.org A", false) >= 3, "{seen:?}");
        let moved = of("api.example.org A", true) > 1;
        assert_eq!(moved, one > 0 && one < 1000, "{seen:?}");
        if answers > 1 && one == 1000 {
            assert!(seen.iter().any(|(_, _, found)| found.len() > 1), "{seen:?}");
        }
    }
}

#[test]
fn each_clients_answer_is_validated() {
    let each = ways().into_iter().map(|way| {
        std::thread::spawn(move || {
            for answers in [1, 2] {
                ask(way, answers);
            }
        })
    });
    for asking in each.collect::<Vec<_>>() {
        asking.join().unwrap();
    }
}
