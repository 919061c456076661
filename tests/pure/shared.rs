//! Networks of clients under several laws: whatever a resolver sends of a client's address, the answer of a strict
//! service is lawful for everybody in it, and there is one wherever something is.
//!
//! Networks are put into countries at random; the law is written down a second time here, in words, and every network
//! is judged by each of its addresses.
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use waypost::answer::Transport;
use waypost::audit::verify::{Kind, Verdict, verify};
use waypost::base::{Draws, JurisdictionSet, Moment, Permille, Standing};
use waypost::config::{self, Compiled, Files};
use waypost::geo::{Country, Network};
use waypost::plan::Plan;
use waypost::table::Table;

use crate::policy;
use crate::sample::{Ask, reply_to};

const ROUNDS: usize = 25;
const QUERIES: usize = 400;
const COUNTRIES: [&str; 6] = ["DE", "IS", "CA", "SG", "US", "NZ"];

/// A way in which laws and services are written, and where its clients' answers may lie by that.
struct Words {
    changes: &'static [(&'static str, &'static str)],
    ca: &'static [&'static str],
    outside: &'static [&'static str],
    unknown: &'static [&'static str],
}

const ANYWHERE: &[&str] = &["EEA", "CA", "SG"];

const WORDS: [Words; 3] = [
    Words {
        changes: &[("unknown = [\"SG\"]", "unknown = \"any\"")],
        ca: &["CA"],
        outside: &["EEA", "CA"],
        unknown: ANYWHERE,
    },
    Words {
        changes: &[
            ("outside = [\"EEA\", \"CA\"]", "outside = \"any\""),
            (
                "CA = { countries = [\"CA\"] }",
                "CA = { countries = [\"CA\"], may_use = [\"EEA\"] }",
            ),
            ("unknown = [\"SG\"]", "unknown = [\"EEA\"]"),
        ],
        ca: &["CA", "EEA"],
        outside: ANYWHERE,
        unknown: &["EEA"],
    },
    Words {
        changes: &[],
        ca: &["CA"],
        outside: &["EEA", "CA"],
        unknown: &["SG"],
    },
];

impl Words {
    fn allowed(&self, country: Option<Country>) -> BTreeSet<&'static str> {
        let country = country.map(|country| country.to_string());
        let laws = match country.as_deref() {
            None => self.unknown,
            Some("DE" | "IS") => &["EEA"],
            Some("CA") => self.ca,
            Some("SG") => &["SG"],
            Some(_) => self.outside,
        };
        laws.iter().copied().collect()
    }
}

fn small(draws: &mut Draws, bound: u64) -> u8 {
    u8::try_from(draws.below(bound)).unwrap()
}

/// A network below 10.0.0.0/8, or below 2001:db8::/32.
fn network(draws: &mut Draws, longest: u64) -> Network {
    let octets = [small(draws, 8), small(draws, 4)].map(|octet| octet << 5);
    let longer = 1 + small(draws, longest);
    match draws.chance(500) {
        true => Network::around(IpAddr::from([10, octets[0], octets[1], 0]), 8 + longer),
        false => {
            let [high, low] = octets.map(u16::from);
            let address = [0x2001, 0xDB8, high << 8, low << 8, 0, 0, 0, 0];
            Network::around(IpAddr::from(address), 32 + longer)
        }
    }
}

fn compile(words: &Words, overrides: &[(Network, &str)]) -> Compiled {
    let written: Vec<String> = overrides
        .iter()
        .map(|(network, country)| format!("\"{network}\" = \"{country}\""))
        .collect();
    let text = policy::with(words.changes).replace(
        "database = \"test.mmdb\"",
        &format!(
            "database = \"test.mmdb\"\noverrides = {{ {} }}",
            written.join(", ")
        ),
    );
    let (spec, found) = config::read(Path::new("/etc/config.toml"), &text);
    let files = Files::from([
        (
            PathBuf::from("/etc/example.org.zone"),
            Ok(policy::zone().into()),
        ),
        (
            PathBuf::from("/etc/test.mmdb"),
            Ok(Arc::from(policy::database())),
        ),
    ]);
    let compiled = config::compile(&spec, found, &files);
    compiled
        .unwrap_or_else(|found| panic!("{}", found.render(false)))
        .0
}

/// Where the answers to all clients of a network may lie, by a look at every place in it.
fn lawful(words: &Words, plan: &Plan, network: Network) -> BTreeSet<&'static str> {
    let inside = |address: IpAddr| network.contains(address);
    let starts = plan.atlas.stretches().map(|stretch| stretch.first);
    let addresses = starts
        .filter(|address| inside(*address))
        .chain([network.address]);
    let all: BTreeSet<&str> = ANYWHERE.iter().copied().collect();
    addresses.fold(all, |common, address| {
        let own = words.allowed(plan.atlas.find(address).0.country);
        common.intersection(&own).copied().collect()
    })
}

fn table(compiled: Compiled, draws: &mut Draws) -> Table {
    let zones = compiled.unsigned();
    let plan = Arc::new(compiled.plan);
    let standings = plan.targets.iter().map(|_| Standing {
        share: Permille(if draws.chance(250) { 0 } else { 1000 }),
        ..Standing::UNPROVEN
    });
    let standings = standings.collect();
    Table::build(1, plan, standings, Moment(0), None).with_zones(zones)
}

#[test]
fn an_answer_is_lawful_for_everybody_in_the_prefix_that_was_sent() {
    let mut draws = Draws::from_seed(71);
    let (mut given, mut denied, mut coarse) = (0, 0, 0);
    for round in 0..ROUNDS {
        let words = &WORDS[round % WORDS.len()];
        let mut overrides: Vec<(Network, &str)> = Vec::new();
        for _ in 0..12 {
            let own = network(&mut draws, 9);
            if overrides.iter().all(|(other, _)| *other != own) {
                let country = COUNTRIES[usize::from(small(&mut draws, 6))];
                overrides.push((own, country));
            }
        }
        let table = table(compile(words, &overrides), &mut draws);
        let plan = Arc::clone(&table.plan);
        for _ in 0..QUERIES {
            let own = network(&mut draws, 14);
            let prefix = match draws.chance(200) {
                true => 1 + small(&mut draws, 12),
                false => own.prefix,
            };
            let own = Network::around(own.address, prefix);
            let ask = Ask::new("data.example.org A").subnet(&own.address.to_string(), prefix);
            let source = "198.51.100.1";
            let (answered, _) = reply_to(&table, &ask.packet(), source, Transport::Udp).unwrap();
            let lawful = lawful(words, &plan, own);
            let law_of = |region: usize| {
                let law = plan.regions[region].jurisdiction.unwrap();
                plan.jurisdictions[law.index()].name.clone()
            };
            match answered.region {
                Some(region) => {
                    let law = law_of(region.index());
                    assert!(lawful.contains(&*law), "{own}: {law}, lawful is {lawful:?}");
                    given += 1;
                }
                None => {
                    assert!(lawful.is_empty(), "{own}: nothing, lawful is {lawful:?}");
                    denied += 1;
                }
            }
            coarse += usize::from(
                lawful.len() < words.allowed(plan.atlas.find(own.address).0.country).len(),
            );
        }
    }
    let all = (given, denied, coarse);
    assert!(given > 3000 && denied > 100 && coarse > 500, "{all:?}");
}

/// What the proof says of the same plans, and that it sees a class that is too wide.
#[test]
fn the_proof_asks_for_whole_networks() {
    let mut draws = Draws::from_seed(72);
    for words in &WORDS {
        let overrides: Vec<_> = [
            "10.0.0.0/10",
            "10.64.0.0/11",
            "10.96.1.0/24",
            "2001:db8:8::/45",
        ]
        .iter()
        .map(|text| Network::parse(text).unwrap())
        .map(|network| (network, COUNTRIES[usize::from(small(&mut draws, 6))]))
        .collect();
        let mut plan = compile(words, &overrides).plan;
        let proof = verify(&Arc::new(compile(words, &overrides).plan));
        assert_eq!(proof.counterexamples, []);
        assert!(proof.cases.shared > 50, "{:?}", proof.cases);
        let data = plan.services.iter().find(|own| own.name == "data").unwrap();
        let map = &mut Arc::get_mut(&mut plan.maps).unwrap()[data.map.index()];
        let shared = map.shared.as_mut().unwrap();
        let german = JurisdictionSet::EMPTY.with(plan.regions[0].jurisdiction);
        let german = map.classes.iter().position(|class| class.fence == german);
        let german = waypost::base::ClassId::from_index(german.unwrap());
        shared.nobody = german;
        shared
            .classes
            .iter_mut()
            .for_each(|(_, class)| *class = german);
        let proof = verify(&Arc::new(plan));
        assert_eq!(proof.result, Verdict::Broken);
        let breach = proof
            .counterexamples
            .iter()
            .find(|breach| breach.kind == Kind::Outside);
        let text = breach.unwrap().to_string();
        assert!(text.contains("under several laws at once"), "{text}");
    }
}

/// A prefix of no length says that nothing of the client counts: the sender's own address does, as without one.
#[test]
fn a_prefix_of_no_length_counts_as_none() {
    let compiled = compile(&WORDS[0], &[]);
    let table = table(compiled, &mut Draws::from_seed(2));
    let region = |ask: Ask| {
        let (answered, _) = reply_to(&table, &ask.packet(), "5.0.0.1", Transport::Udp).unwrap();
        answered.region
    };
    let ask = || Ask::new("data.example.org A");
    assert!(region(ask()).is_some());
    assert_eq!(region(ask().subnet("0.0.0.0", 0)), region(ask()));
}
