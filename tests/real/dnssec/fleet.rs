//! A signed service of a thousand endpoints, sixteen in an answer: unbound and delv validate what clients get,
//! while all are up, while some of every set are down, while they ramp, and while all are down.
use std::collections::BTreeSet;
use std::sync::Arc;

use waypost::base::{Moment, Permille, Standing};
use waypost::dns::dnssec::Algorithm;
use waypost::dns::zone::signed::Denial;
use waypost::table::{Table, check};

use super::validators::{
    RESOLVER, Resolver, Server, delv, dig_for, is_validated, now, own_network, write_anchor,
};
use crate::fleets::FleetConfig;
use crate::signed::{Pair, Way, World, sign};

const FLEET: FleetConfig = FleetConfig {
    endpoints: 1000,
    answers: 16,
    dnssec: "dnssec = {}",
    keys: "",
};
const WAY: Way = Way {
    algorithm: Algorithm::EcdsaP256,
    denial: Denial::Nsec,
};
/// Clients of as many networks.
const CLIENTS: u32 = 40;

fn table(world: &World, share: impl Fn(usize) -> u16) -> Table {
    let targets = world.plan.targets.iter();
    let standings = targets.map(|target| Standing {
        share: Permille(share(target.endpoint.index())),
        ..Standing::UNPROVEN
    });
    let plan = Arc::clone(&world.plan);
    let table = Table::build(1, plan, standings.collect(), Moment(0), None);
    assert_eq!(check(&table), Ok(()));
    table.with_zones(Arc::clone(&world.zones))
}

fn addresses(answer: &str) -> BTreeSet<&str> {
    let records = answer.lines().filter(|line| !line.starts_with(';'));
    let fields = records.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = fields.filter(|fields| matches!(fields.get(3), Some(&("A" | "AAAA"))));
    own.map(|fields| fields[4]).collect()
}

#[test]
fn answers_of_a_thousand_endpoints_are_validated() {
    let folder = own_network();
    let pair = Pair::new(WAY.algorithm);
    write_anchor(folder.path(), &pair.anchor());
    let Ok((compiled, _)) = FLEET.compile() else {
        panic!("it is a good config");
    };
    let world = sign(compiled, WAY, &pair, now());
    let server = Server::start(table(&world, |_| 1000));
    let _resolver = Resolver::start(folder.path(), &pair.anchor());
    let states: [(&str, &dyn Fn(usize) -> u16); 4] = [
        ("all are up", &|_| 1000),
        ("one in five is down", &|own| {
            if own % 5 == 0 { 0 } else { 1000 }
        }),
        ("one in three ramps", &|own| {
            if own % 3 == 0 { 400 } else { 1000 }
        }),
        ("all are down", &|_| 0),
    ];
    for (state, share) in states {
        server.publish(table(&world, share));
        let mut seen = BTreeSet::new();
        for client in 0..CLIENTS {
            for rtype in ["A", "AAAA"] {
                let question = format!("www.example.org {rtype}");
                let subnet = format!("84.{}.{}.0/24", client % 7, client);
                let found = dig_for(RESOLVER, &question, &subnet);
                assert!(is_validated(&found), "{state}, {subnet}:\n{found}");
                let own = addresses(&found);
                let whole = state.starts_with("all");
                assert!(
                    own.len() == 16 || !whole && (1..=16).contains(&own.len()),
                    "{found}"
                );
                seen.insert(own.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
            }
        }
        assert!(seen.len() > 30, "{} answers while {state}", seen.len());
        let found = delv(folder.path(), "www.example.org A");
        assert!(found.contains("; fully validated"), "{state}:\n{found}");
    }
}
