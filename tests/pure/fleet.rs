//! Fleets: tables with tiers of many endpoints against a slow oracle, and what clients see of them.
//!
//! Clients are networks drawn by a seed, so a run is always the same.
use std::collections::BTreeSet;
use std::sync::Arc;

use waypost::base::{
    ClassId, ClientHash, Draws, EndpointId, Family, HashKey, Moment, Reason, RegionId, Standing,
};
use waypost::dns::addresses;
use waypost::plan::fleet::Missing;
use waypost::plan::{Demand, Plan};
use waypost::table::{Selection, Table, check, check_changed, variants};

use crate::fixture::{Machine, SERVICE, World, standings};
use crate::fleet_oracle::{by_share, spare};

const NOW: Moment = Moment(1_000_000);

/// A region of so many endpoints of a tier.
fn fleet(weights: &[u16], answers: u8, missing: Missing) -> World {
    let machines: Vec<Machine> = weights.iter().map(|weight| (0, 1, *weight)).collect();
    World {
        answers,
        fleets: Some(missing),
        ..World::new(&machines, &[&[0]])
    }
}

fn build(plan: &Arc<Plan>, standings: &[Standing]) -> Table {
    let table = Table::build(1, Arc::clone(plan), standings.into(), NOW, None);
    assert_eq!(check(&table), Ok(()));
    table
}

/// Clients of many networks.
fn clients(seed: u64, count: usize) -> impl Iterator<Item = ClientHash> {
    let mut draws = Draws::from_seed(seed);
    let networks = std::iter::repeat_with(move || {
        let network = u32::try_from(draws.below(1 << 32)).unwrap();
        std::net::Ipv4Addr::from(network)
    });
    networks
        .map(|client| ClientHash::of(HashKey::from_secret(b"tests"), client.into()))
        .take(count)
}

fn select(table: &Table, client: ClientHash) -> Selection<'_> {
    let found = table.select(SERVICE, Family::V4, ClassId(0), client);
    found.expect("there is an endpoint inside the fence")
}

/// Weights of many kinds.
fn random_weights(count: usize, draws: &mut Draws) -> Vec<u16> {
    let bound = [1, 3, 200, 65_535][usize::try_from(draws.below(4)).unwrap()];
    let own = |_| u16::try_from(1 + draws.below(bound)).unwrap();
    (0..count).map(own).collect()
}

fn random_share(draws: &mut Draws, up: u64) -> u16 {
    match draws.below(1000) {
        own if own < up => 1000,
        own if own < up + 50 => u16::try_from(1 + draws.below(999)).unwrap(),
        _ => 0,
    }
}

/// How far counts are from weights.
fn chi_square(counts: &[u64], weights: &[u64]) -> f64 {
    let (all, sum): (u64, u64) = (counts.iter().sum(), weights.iter().sum());
    let parts = counts
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0);
    parts
        .map(|(count, weight)| {
            let ideal = all as f64 * *weight as f64 / sum as f64;
            (*count as f64 - ideal).powi(2) / ideal
        })
        .sum()
}

/// What chi-square passes once in a thousand, by Wilson and Hilferty.
fn once_in_a_thousand(freedom: f64) -> f64 {
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + 3.09 * part.sqrt()).powi(3)
}

fn counts(table: &Table, count: usize, clients: impl Iterator<Item = ClientHash>) -> Vec<u64> {
    let mut counts = vec![0; count];
    for client in clients {
        for endpoint in select(table, client).endpoints {
            counts[endpoint.index()] += 1;
        }
    }
    counts
}

#[test]
fn a_table_gives_what_the_draws_say() {
    let mut draws = Draws::from_seed(20);
    for seed in 0..60 {
        let count = [2, 5, 20, 90, 300][seed % 5];
        let answers = [1, 2, 3, 8, 16][seed / 5 % 5];
        let missing = [Missing::Divided, Missing::Filled][seed / 25 % 2];
        let weights = random_weights(count, &mut draws);
        let plan = fleet(&weights, answers, missing).plan();
        let up = [0, 30, 500, 950][usize::try_from(draws.below(4)).unwrap()];
        let shares: Vec<u16> = weights
            .iter()
            .map(|_| random_share(&mut draws, up))
            .collect();
        let table = build(&plan, &standings(&plan, &shares));
        let own = &plan.services[0].pools[0][0].tiers[0];
        let own = own.fleet.as_ref().unwrap();
        for client in clients(u64::try_from(seed).unwrap(), 300) {
            let found = select(&table, client);
            let members = |found: Selection<'_>| -> Vec<u16> {
                let members = found.endpoints.iter();
                members
                    .map(|own| u16::try_from(own.index()).unwrap())
                    .collect()
            };
            let place = format!("seed {seed}, {count} endpoints, {answers} answers, {missing:?}");
            let expected = match by_share(own, &shares, client) {
                nobody if nobody.is_empty() => {
                    assert_ne!(found.reason, Reason::Preferred, "{place}");
                    spare(own, &shares, client)
                }
                taken => {
                    assert_eq!(found.reason, Reason::Preferred, "{place}");
                    taken
                }
            };
            assert_eq!(members(found), expected, "{place}");
            let given: Vec<_> = addresses::read(Family::V4, found.records).collect();
            let own = found
                .endpoints
                .iter()
                .map(|own| plan.endpoints[own.index()].addresses[0]);
            assert_eq!(given, own.collect::<Vec<_>>(), "{place}");
        }
    }
}

#[test]
fn nothing_is_empty_nobody_is_twice_and_answers_are_as_large_as_they_can_be() {
    let mut draws = Draws::from_seed(21);
    for seed in 0..40 {
        let count = [3, 17, 70, 400][seed % 4];
        let answers = [2, 5, 16][seed % 3];
        for missing in [Missing::Filled, Missing::Divided] {
            let weights = random_weights(count, &mut draws);
            let plan = fleet(&weights, answers, missing).plan();
            let up = [0, 5, 300, 900][seed / 4 % 4];
            let full = |_| if draws.chance(up) { 1000 } else { 0 };
            let shares: Vec<u16> = weights.iter().map(full).collect();
            let table = build(&plan, &standings(&plan, &shares));
            let alive = shares.iter().filter(|share| **share > 0).count();
            for client in clients(7, 200) {
                let found = select(&table, client);
                let distinct: BTreeSet<&EndpointId> = found.endpoints.iter().collect();
                assert_eq!(distinct.len(), found.endpoints.len());
                assert!(!distinct.is_empty(), "promise 1");
                let dead = found.endpoints.iter().any(|own| shares[own.index()] == 0);
                assert_eq!(dead, alive == 0, "the dead answer when all are");
                if missing == Missing::Filled || alive == 0 || alive == count {
                    let most = match alive {
                        0 => count,
                        some => some,
                    };
                    assert_eq!(
                        distinct.len(),
                        usize::from(answers).min(most),
                        "seed {seed}"
                    );
                }
            }
        }
    }
}

#[test]
fn weights_of_a_thousand_endpoints_are_what_clients_see() {
    let mut draws = Draws::from_seed(22);
    for bound in [1, 100, 65_535] {
        let own = |_| u16::try_from(1 + draws.below(bound)).unwrap();
        let weights: Vec<u16> = (0..1000).map(own).collect();
        let plan = fleet(&weights, 1, Missing::Filled).plan();
        let ideal: Vec<u64> = weights.iter().copied().map(u64::from).collect();
        let table = build(&plan, &standings(&plan, &[]));
        let seen = counts(&table, 1000, clients(23, 300_000));
        let chi = chi_square(&seen, &ideal);
        assert!(
            chi < once_in_a_thousand(999.0),
            "chi-square {chi}, up to {bound}"
        );
        // A third are down: the others share by weight.
        let shares: Vec<u16> = (0..1000)
            .map(|own| if own % 3 == 0 { 0 } else { 1000 })
            .collect();
        let table = build(&plan, &standings(&plan, &shares));
        let seen = counts(&table, 1000, clients(24, 300_000));
        let left = ideal.iter().zip(&shares);
        let left: Vec<u64> = left
            .map(|(weight, share)| weight * u64::from(share / 1000))
            .collect();
        let chi = chi_square(&seen, &left);
        assert!(
            chi < once_in_a_thousand(665.0),
            "chi-square {chi} of those left"
        );
    }
}

#[test]
fn a_weight_of_one_in_ten_thousand_is_that() {
    let plan = fleet(&[1, 9_999], 1, Missing::Filled).plan();
    let table = build(&plan, &standings(&plan, &[]));
    let seen = counts(&table, 2, clients(25, 1_000_000));
    let chi = chi_square(&seen, &[1, 9_999]);
    assert!(chi < once_in_a_thousand(1.0), "chi-square {chi}: {seen:?}");
}

#[test]
fn sixteen_in_an_answer_are_each_there_by_weight() {
    let mut draws = Draws::from_seed(26);
    let weights: Vec<u16> = (0..1000)
        .map(|_| u16::try_from(1 + draws.below(50)).unwrap())
        .collect();
    let ideal: Vec<u64> = weights.iter().copied().map(u64::from).collect();
    for missing in [Missing::Filled, Missing::Divided] {
        let plan = fleet(&weights, 16, missing).plan();
        let table = build(&plan, &standings(&plan, &[]));
        let seen = counts(&table, 1000, clients(27, 100_000));
        assert_eq!(
            seen.iter().sum::<u64>(),
            1_600_000,
            "sixteen in each answer"
        );
        assert!(chi_square(&seen, &ideal) < once_in_a_thousand(999.0));
        // So it is with who comes first.
        let mut first = vec![0; 1000];
        for client in clients(28, 100_000) {
            first[select(&table, client).endpoints[0].index()] += 1;
        }
        assert!(chi_square(&first, &ideal) < once_in_a_thousand(999.0));
    }
}

#[test]
fn a_ramp_is_that_part_of_what_a_weight_is_worth() {
    let weights: Vec<u16> = (0..200).map(|own| 1 + own % 7).collect();
    let sum: f64 = weights.iter().copied().map(f64::from).sum();
    let plan = fleet(&weights, 1, Missing::Filled).plan();
    for share in [50, 200, 500] {
        let mut shares = vec![1000; 200];
        shares[3] = share;
        let table = build(&plan, &standings(&plan, &shares));
        let seen = counts(&table, 200, clients(29, 400_000))[3];
        let ideal = 400_000.0 * f64::from(weights[3]) / sum * f64::from(share) / 1000.0;
        let chi = (seen as f64 - ideal).powi(2) / ideal;
        assert!(
            chi < once_in_a_thousand(1.0),
            "{seen} of {ideal} at {share}"
        );
    }
}

#[test]
fn only_clients_of_the_dead_move() {
    let mut draws = Draws::from_seed(30);
    for seed in 0..24 {
        let count = [10, 80, 300][seed % 3];
        let answers = [1, 4, 16][seed / 3 % 3];
        let missing = [Missing::Filled, Missing::Divided][seed % 2];
        let plan = fleet(&random_weights(count, &mut draws), answers, missing).plan();
        let mut shares: Vec<u16> = (0..count).map(|_| random_share(&mut draws, 700)).collect();
        let before = build(&plan, &standings(&plan, &shares));
        let dead = usize::try_from(draws.below(count as u64)).unwrap();
        shares[dead] = 0;
        let after: Arc<[Standing]> = standings(&plan, &shares);
        let after = Table::build(2, Arc::clone(&plan), after, NOW, Some(&before));
        assert_eq!(check_changed(&after, &before), Ok(()), "seed {seed}");
        for client in clients(31, 2000) {
            let (one, two) = (select(&before, client), select(&after, client));
            let had = one.endpoints.iter().any(|own| own.index() == dead);
            let same = one.endpoints == two.endpoints;
            assert!(same || had, "seed {seed}: a client of others moved");
            if had && missing == Missing::Filled && one.reason == Reason::Preferred {
                let kept = one
                    .endpoints
                    .iter()
                    .filter(|own| two.endpoints.contains(own));
                let others = one.endpoints.len() - 1;
                assert!(
                    two.reason != one.reason || kept.count() == others,
                    "the others stay"
                );
            }
        }
    }
}

#[test]
fn a_client_moves_at_most_once_while_one_share_rises() {
    let mut draws = Draws::from_seed(32);
    for (seed, answers) in (0..8).zip([1, 1, 4, 16].into_iter().cycle()) {
        let missing = [Missing::Filled, Missing::Divided][usize::try_from(seed % 2).unwrap()];
        let plan = fleet(&random_weights(70, &mut draws), answers, missing).plan();
        let mut shares: Vec<u16> = (0..70).map(|_| random_share(&mut draws, 700)).collect();
        let all: Vec<ClientHash> = clients(33, 1000).collect();
        let (mut moves, mut given) = (vec![0; all.len()], Vec::new());
        for share in (0..=1000).step_by(20) {
            shares[11] = share;
            let table = build(&plan, &standings(&plan, &shares));
            let now = all
                .iter()
                .map(|client| select(&table, *client).endpoints.to_vec());
            let now: Vec<Vec<EndpointId>> = now.collect();
            if share > 0 {
                for (moves, (before, now)) in moves.iter_mut().zip(given.iter().zip(&now)) {
                    if before != now {
                        *moves += 1;
                        assert!(
                            now.contains(&EndpointId(11)),
                            "seed {seed}: to somebody else"
                        );
                    }
                }
            }
            given = now;
        }
        assert!(moves.iter().all(|own| *own <= 1), "seed {seed}");
    }
}

#[test]
fn every_answer_of_a_signed_fleet_is_known_beforehand() {
    let mut draws = Draws::from_seed(34);
    for seed in 0..16 {
        let count = [20, 100, 1000][seed % 3];
        let answers = [1, 5, 16][seed / 3 % 3];
        let plan = fleet(
            &random_weights(count, &mut draws),
            answers,
            Missing::Divided,
        )
        .plan();
        let known = variants(&plan).unwrap();
        let known = &known[0].answers[0];
        assert!(
            known.len() <= count * 6,
            "{} answers of {count}",
            known.len()
        );
        let sorted = |records: &[u8]| {
            let mut all: Vec<_> = addresses::read(Family::V4, records).collect();
            all.sort_unstable();
            all
        };
        let known: BTreeSet<Vec<_>> = known.iter().map(|own| sorted(own)).collect();
        for up in [0, 100, 600, 950, 1000] {
            let shares: Vec<u16> = (0..count).map(|_| random_share(&mut draws, up)).collect();
            let table = build(&plan, &standings(&plan, &shares));
            for client in clients(35, 500) {
                let found = sorted(select(&table, client).records);
                assert!(
                    known.contains(&found),
                    "seed {seed}: {found:?} has no signature"
                );
            }
        }
    }
}

/// A fleet stands behind a tier that is dealt out by cohort, and before another one, and in a region that is not the first.
#[test]
fn fleets_and_cohorts_stand_in_one_pool() {
    let mut draws = Draws::from_seed(36);
    for seed in 0..30 {
        let tier = |_| {
            (
                u16::try_from(draws.below(2)).unwrap(),
                u16::try_from(1 + draws.below(3)).unwrap(),
            )
        };
        let places: Vec<(u16, u16)> = (0..60).map(tier).collect();
        let machines: Vec<Machine> = places.iter().map(|place| (place.0, place.1, 5)).collect();
        let world = World {
            answers: 2,
            fleets: Some(Missing::Filled),
            ..World::new(&machines, &[&[0, 1], &[1, 0]])
        };
        let mixed = World {
            fleets: None,
            ..world.clone()
        };
        let fleets = world.plan();
        let mut plan = Arc::into_inner(mixed.plan()).unwrap();
        for (region, pool) in plan.services[0].pools[0].iter_mut().enumerate() {
            for (place, tier) in pool
                .tiers
                .iter_mut()
                .enumerate()
                .filter(|(place, _)| (place + seed) % 2 == 0)
            {
                *tier = fleets.services[0].pools[0][region].tiers[place].clone();
            }
        }
        let plan = Arc::new(plan);
        let shares: Vec<u16> = (0..60)
            .map(|_| random_share(&mut draws, [0, 20, 500][seed % 3]))
            .collect();
        let table = build(&plan, &standings(&plan, &shares));
        for client in clients(37, 200) {
            let found = select(&table, client);
            let endpoints = found.endpoints.iter().map(|own| own.index());
            let tiers: BTreeSet<_> = endpoints.clone().map(|own| places[own]).collect();
            assert_eq!(tiers.len(), 1, "one tier answers");
            assert_eq!(found.region, tiers.first().map(|place| RegionId(place.0)));
            let alive = shares.iter().any(|share| *share > 0);
            assert!(endpoints.clone().all(|own| shares[own] > 0 || !alive));
        }
    }
}

/// What endpoints of a fleet carry is their weights' matter; what the region carries is planned.
#[test]
fn a_region_of_a_fleet_carries_no_more_than_it_can() {
    let machines: Vec<Machine> = (0..200).map(|own| (own % 2, 1, 1 + own)).collect();
    let world = World {
        fleets: Some(Missing::Filled),
        ..World::new(&machines, &[&[0, 1]])
    };
    let mut plan = Arc::into_inner(world.plan()).unwrap();
    plan.services[0].demand = Demand::Whole(1000);
    plan.regions[0].capacity = Some(400);
    let plan = Arc::new(plan);
    for (share, part) in [(1000, 0.4), (300, 0.3)] {
        let shares: Vec<u16> = (0..200)
            .map(|own| if own % 2 == 0 { share } else { 1000 })
            .collect();
        let table = build(&plan, &standings(&plan, &shares));
        let load = table.region_load(RegionId(0)).unwrap();
        assert!(load <= 400_000_000, "{load} millionths");
        let all = clients(38, 20_000).map(|client| select(&table, client).region);
        let own = all.filter(|region| *region == Some(RegionId(0)));
        let seen = own.count() as f64 / 20_000.0;
        assert!((seen - part).abs() < 0.02, "{seen} at {share}");
    }
}
