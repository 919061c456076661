//! Clients who stay (`sticky`): another config moves no more of them than it must, and other health only those whose own
//! endpoint it is about.
//!
//! What is counted are client networks of 20,000 addresses, each in a /24 of its own.
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use waypost::base::{Draws, Family, Moment, Permille, Standing};
use waypost::plan::{MeasuredInForce, Plan};
use waypost::table::Table;

use crate::latency::compile_tiny;
use crate::plans::{BASE, service};

const CLIENTS: u32 = 20_000;

/// An endpoint: its name, tier and weight.
type Machine = (&'static str, u16, u16);

const MACHINES: [Machine; 5] = [
    ("one", 1, 100),
    ("two", 1, 300),
    ("three", 1, 50),
    ("four", 1, 100),
    ("backup", 2, 100),
];

/// A service of these machines in one region.
fn plan(machines: &[Machine], steering: &str, more: &str) -> Arc<Plan> {
    let server = "[server]\ncohort_key = \"a key of sixteen octets and more\"";
    let base = BASE.replacen("[server]", server, 1);
    let mut text = format!(
        "{base}{more}[services.own]\nhostnames = [\"own.example.org\"]\nmonitors = [\"port\"]\n\
         [services.own.steering]\n{steering}\n"
    );
    for (number, (name, tier, weight)) in machines.iter().enumerate() {
        text += &format!(
            "[[services.own.endpoints]]\nname = \"{name}\"\nregion = \"frankfurt\"\nprovider = \"p\"\n\
             tier = {tier}\nweight = {weight}\naddresses = [\"192.0.2.{}\"]\n",
            100 + number
        );
    }
    let text = text.replacen("[geo]", "[geo]\ndatabase = \"tiny.mmdb\"", 1);
    let (compiled, found) = compile_tiny(&text, None, &MeasuredInForce::new()).unwrap();
    assert!(found.list().is_empty(), "{}", found.render(false));
    Arc::new(compiled.plan)
}

/// The endpoint of each client, some of them at other shares.
fn told(plan: &Arc<Plan>, shares: &[(&str, u16)]) -> Vec<String> {
    let standings = plan.targets.iter().map(|target| {
        let name = &plan.endpoints[target.endpoint.index()].name;
        let share = shares.iter().find(|(own, _)| own == name);
        Standing {
            share: share.map_or(Permille::FULL, |(_, share)| Permille(*share)),
            ..Standing::UNPROVEN
        }
    });
    let standings = standings.collect();
    let table = Table::build(1, Arc::clone(plan), standings, Moment(0), None);
    waypost::table::check(&table).unwrap();
    let own = service(plan, "own");
    let clients = (0..CLIENTS).map(|number| Ipv4Addr::from(0x0b00_0000 + (number << 8)).into());
    let endpoints = clients.map(|client| {
        let class = plan.class_of(own, client);
        let found = table.select(own, Family::V4, class, plan.client_hash(client));
        let endpoint = found.unwrap().endpoints[0];
        plan.endpoints[endpoint.index()].name.clone()
    });
    endpoints.collect()
}

/// How many clients go from where to where.
fn moves(before: &[String], after: &[String]) -> BTreeMap<(String, String), u32> {
    let mut moves = BTreeMap::new();
    for (had, gets) in before.iter().zip(after).filter(|(had, gets)| had != gets) {
        *moves.entry((had.clone(), gets.clone())).or_insert(0) += 1;
    }
    moves
}

/// Whether so many of all clients are this part of them, but for what happens once in some ten thousand draws.
fn is_part(count: u32, part: f64) -> bool {
    let (all, count) = (f64::from(CLIENTS), f64::from(count));
    (count - all * part).abs() <= 4.0 * (all * part * (1.0 - part)).sqrt()
}

fn sticky(machines: &[Machine]) -> Vec<String> {
    told(&plan(machines, "sticky = true", ""), &[])
}

#[test]
fn weights_are_what_clients_see() {
    let all = sticky(&MACHINES);
    for (name, _, weight) in &MACHINES[..4] {
        let count = all.iter().filter(|own| own == name).count();
        let part = f64::from(*weight) / 550.0;
        assert!(is_part(count.try_into().unwrap(), part), "{name} {count}");
    }
}

#[test]
fn an_endpoint_that_comes_or_goes_moves_its_own_clients_alone() {
    let before = sticky(&MACHINES);
    let more = [&[("new", 1, 450)][..], &MACHINES].concat();
    let after = sticky(&more);
    let came = moves(&before, &after);
    assert!(came.keys().all(|(_, to)| to == "new"), "{came:?}");
    assert!(is_part(came.values().sum(), 0.45), "{came:?}");
    // The same the other way round: whoever had it goes, back to where it was.
    let gone = moves(&after, &before);
    assert!(gone.keys().all(|(from, _)| from == "new"), "{gone:?}");
}

#[test]
fn another_weight_moves_what_it_gains_or_loses() {
    let before = sticky(&MACHINES);
    let mut changed = MACHINES;
    changed[1].2 = 100;
    let moved = moves(&before, &sticky(&changed));
    assert!(moved.keys().all(|(from, _)| from == "two"), "{moved:?}");
    assert!(is_part(moved.values().sum(), 300.0 / 550.0 - 100.0 / 350.0));
    // Weights that all grow alike are the same weights.
    let doubled = MACHINES.map(|(name, tier, weight)| (name, tier, weight * 2));
    assert_eq!(sticky(&doubled), before);
}

#[test]
fn what_is_not_about_endpoints_moves_nobody() {
    let before = sticky(&MACHINES);
    let mut turned = MACHINES;
    turned.reverse();
    assert_eq!(sticky(&turned), before, "the order of the config");
    let no_backup = &MACHINES[..4];
    assert_eq!(sticky(no_backup), before, "a tier behind");
    let other =
        "[services.another]\nhostnames = [\"another.example.org\"]\nmonitors = [\"port\"]\n";
    let with_other = plan(&MACHINES, "sticky = true", other);
    assert_eq!(told(&with_other, &[]), before, "another service");
}

#[test]
fn health_moves_whose_own_endpoint_it_is() {
    let plan = plan(&MACHINES, "sticky = true", "");
    let before = told(&plan, &[]);
    let down = told(&plan, &[("two", 0)]);
    let moved = moves(&before, &down);
    assert!(moved.keys().all(|(from, _)| from == "two"));
    assert!(is_part(moved.values().sum(), 300.0 / 550.0));
    // They go to the others by weight, and nobody to the backup.
    let to_three = moved[&("two".to_owned(), "three".to_owned())];
    assert!(is_part(to_three, 300.0 / 550.0 * 50.0 / 250.0), "{moved:?}");
    // On its way back each of them moves once, and nobody else.
    let mut last = down;
    for share in [10, 50, 300, 1000] {
        let now = told(&plan, &[("two", share)]);
        let moved = moves(&last, &now);
        assert!(moved.keys().all(|(_, to)| to == "two"), "{share} {moved:?}");
        last = now;
    }
    assert_eq!(last, before);
    // Once more with another down: whoever has neither stays.
    let both = moves(&before, &told(&plan, &[("two", 0), ("four", 0)]));
    assert!(both.keys().all(|(from, _)| from == "two" || from == "four"));
}

/// Endpoints come and go, one at a time and whole or in part: whoever moves had the one that changes, or has it now; and a client
/// whose endpoint never changes stays through all of it. However the tier is dealt out.
#[test]
fn a_client_moves_at_most_once_for_each_change_of_its_own_endpoint() {
    for steering in ["sticky = true", "sticky = false"] {
        let plan = plan(&MACHINES, steering, "");
        let mut draws = Draws::from_seed(4096);
        let mut shares = MACHINES.map(|(name, ..)| (name, 1000));
        let mut last = told(&plan, &shares);
        for step in 0..60 {
            let place = usize::try_from(draws.below(MACHINES.len() as u64)).unwrap();
            let share = [0, 0, 50, 300, 1000, 1000][usize::try_from(draws.below(6)).unwrap()];
            let changed = shares[place].0;
            shares[place].1 = share;
            if shares.iter().all(|(_, share)| *share < 1000) {
                // Whom nobody's share holds is served by the largest share there is, which any change may make another.
                shares[place].1 = 1000;
            }
            let now = told(&plan, &shares);
            for ((from, to), count) in moves(&last, &now) {
                let is_own = from == changed || to == changed;
                assert!(
                    is_own,
                    "{steering}, step {step}: {count} went from {from} to {to} as {changed} changed: {shares:?}"
                );
            }
            last = now;
        }
    }
}

#[test]
fn without_it_another_config_deals_anew() {
    let dealt = |machines: &[Machine]| told(&plan(machines, "sticky = false", ""), &[]);
    let moved = moves(&dealt(&MACHINES), &dealt(&MACHINES[..3]));
    assert!(moved.keys().any(|(from, _)| from != "four"), "{moved:?}");
}
