//! Regions by weight: what clients see of the weights, who moves when a region is down, and what else knows of it.
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use waypost::audit::compare::compare_healthy;
use waypost::audit::verify::{Verdict, verify};
use waypost::base::{Draws, Family, Moment, Permille, RegionId, Standing};
use waypost::dns::Name;
use waypost::plan::{Lot, Lots, Plan};
use waypost::table::Table;
use waypost::table::explain::{Question, explain};

use crate::plans::{BASE, compile, preference, service};

/// Draws of clients, and the regions that they are sent to.
const CLIENTS: u32 = 60_000;

/// A service `own` with these weights; `more` stands before its steering.
fn weighted(weights: &str, more: &str) -> Arc<Plan> {
    let own = format!(
        "[services.own]\nhostnames = [\"own.example.org\"]\nmonitors = [\"port\"]\n{more}\n\
         [services.own.steering]\npolicy = \"weight\"\nweights = {{ {weights} }}\n"
    );
    let (plan, found) = compile(&format!("{BASE}{own}"));
    assert!(found.list().is_empty(), "{}", found.render(false));
    Arc::new(plan)
}

/// A table in which all targets are up but those of some regions.
fn table(plan: &Arc<Plan>, down: &[&str]) -> Table {
    let standings = plan.targets.iter().map(|target| {
        let region = plan.endpoints[target.endpoint.index()].region;
        let is_down = down.contains(&plan.regions[region.index()].name.as_str());
        let share = if is_down {
            Permille::NONE
        } else {
            Permille::FULL
        };
        Standing {
            share,
            ..Standing::UNPROVEN
        }
    });
    Table::build(1, Arc::clone(plan), standings.collect(), Moment(0), None)
}

/// Clients all over the address space.
fn clients() -> impl Iterator<Item = IpAddr> {
    let mut draws = Draws::from_seed(20);
    (0..CLIENTS).map(move |_| {
        let number = u32::try_from(draws.below(1 << 32)).unwrap();
        IpAddr::V4(Ipv4Addr::from_bits(number))
    })
}

/// Where a client is sent, as a query finds it.
fn sent(table: &Table, client: IpAddr) -> RegionId {
    let (plan, own) = (&table.plan, service(&table.plan, "own"));
    let class = plan.classify(own, client).class;
    let found = table.select(own, Family::V4, class, plan.client_hash(client));
    let found = found.unwrap();
    let map = &plan.maps[plan.services[own.index()].map.index()];
    let is_drawn = map.lots_of(class).is_some();
    assert!(
        found.by_cohort || !is_drawn,
        "a draw holds for a network alone"
    );
    found.region.unwrap()
}

fn counts(table: &Table, clients: impl Iterator<Item = IpAddr>) -> BTreeMap<RegionId, u64> {
    let mut counts = BTreeMap::new();
    for client in clients {
        *counts.entry(sent(table, client)).or_insert(0) += 1;
    }
    counts
}

/// Chi-square of counts against weights; so many degrees of freedom as there are weights but one.
fn chi_square(counts: &[u64], weights: &[u64]) -> f64 {
    let [sum, whole] = [counts, weights].map(|list| list.iter().sum::<u64>() as f64);
    let pairs = counts.iter().zip(weights);
    pairs
        .map(|(count, weight)| {
            let expected = sum * *weight as f64 / whole;
            (*count as f64 - expected).powi(2) / expected
        })
        .sum()
}

#[test]
fn weights_are_what_clients_see() {
    let plan = weighted("frankfurt = 80, toronto = 20", "");
    let found = counts(&table(&plan, &[]), clients());
    let found: Vec<u64> = found.into_values().collect();
    // One degree of freedom: 10.8 is passed once in a thousand.
    assert!(chi_square(&found, &[80, 20]) < 10.8, "{found:?}");
    // Whoever asks for IPv6 is sent to the same place.
    let (own, table) = (service(&plan, "own"), table(&plan, &[]));
    for client in clients().take(1000) {
        let class = plan.classify(own, client).class;
        let hash = plan.client_hash(client);
        let v6 = table.select(own, Family::V6, class, hash).unwrap();
        assert_eq!(v6.region, Some(sent(&table, client)));
    }
}

#[test]
fn one_in_ten_thousand_is_one_in_ten_thousand() {
    let (frankfurt, toronto) = (RegionId(0), RegionId(1));
    let lots = Lots::new(
        waypost::base::ClassId(0),
        waypost::base::ClassId(1),
        vec![
            Lot::new(frankfurt, "frankfurt", 1),
            Lot::new(toronto, "toronto", 9999),
        ],
    );
    let mut draws = Draws::from_seed(9999);
    let mut found = [0; 2];
    for _ in 0..400_000 {
        let client = waypost::base::ClientHash::any(&mut draws);
        found[lots.draw(client).index() - 1] += 1;
    }
    assert!(chi_square(&found, &[1, 9999]) < 10.8, "{found:?}");
    assert_eq!(lots.parts(1_000_000), [100, 999_900]);
}

#[test]
fn only_clients_of_a_region_that_is_down_move_and_by_weight() {
    let plan = weighted(
        "frankfurt = 50, toronto = 30, singapore = 15, iceland = 5",
        "",
    );
    let all = table(&plan, &[]);
    let down = table(&plan, &["frankfurt"]);
    let more = table(&plan, &["frankfurt", "toronto"]);
    let (mut moved, mut again) = ([0; 3], [0; 2]);
    for client in clients() {
        let [before, after, then] = [&all, &down, &more].map(|table| sent(table, client));
        match before {
            RegionId(0) => moved[after.index() - 1] += 1,
            _ => assert_eq!(before, after, "{client} has lost nothing"),
        }
        match after {
            RegionId(1) => again[then.index() - 2] += 1,
            _ => assert_eq!(after, then, "{client} has lost nothing"),
        }
    }
    assert!(chi_square(&moved, &[30, 15, 5]) < 13.8, "{moved:?}");
    assert!(chi_square(&again, &[15, 5]) < 10.8, "{again:?}");
}

#[test]
fn the_draw_is_no_cohort() {
    let plan = weighted("frankfurt = 50, toronto = 50", "");
    let table = table(&plan, &[]);
    // Were it the cohort's hash, all of some cohorts would be in one region.
    let first = clients().filter(|client| plan.cohort(*client) < 100);
    let found: Vec<u64> = counts(&table, first).into_values().collect();
    assert!(chi_square(&found, &[1, 1]) < 10.8, "{found:?}");
}

#[test]
fn fences_come_before_weights() {
    let strict = "residency = \"strict\"\noutside = \"any\"\nunknown = \"any\"";
    let plan = weighted("frankfurt = 1, iceland = 3, toronto = 96", strict);
    let table = table(&plan, &[]);
    let inside = |address: &str| {
        let client: IpAddr = address.parse().unwrap();
        sent(&table, client)
    };
    // Canada has one region, and Singapore none with a weight.
    assert_eq!(inside("198.51.100.33"), RegionId(1));
    assert_eq!(inside("198.51.100.65"), RegionId(2));
    // Germany's clients draw among two.
    assert!([RegionId(0), RegionId(3)].contains(&inside("198.51.100.1")));
    let german =
        (0..40_000_u32).map(|number| IpAddr::V4(Ipv4Addr::from_bits((53 << 24) + (number << 8))));
    let own = service(&plan, "own");
    let german = german.filter(|client| {
        plan.atlas
            .find(*client)
            .0
            .country
            .is_some_and(|one| one.0 == *b"DE")
    });
    let found = counts(&table, german.take(20_000));
    assert_eq!(found.len(), 2, "{found:?}");
    let found: Vec<u64> = found.into_values().collect();
    assert!(chi_square(&found, &[1, 3]) < 10.8, "{found:?}");
    assert_eq!(verify(&plan).result, Verdict::Proved);
    // And a service that prefers home asks those at home first.
    let plan = weighted(
        "frankfurt = 1, iceland = 3, toronto = 96",
        "residency = \"prefer\"",
    );
    for client in (0..200).map(|third| format!("53.0.{third}.1")) {
        let class = plan.class_of(own, client.parse().unwrap());
        let regions = &plan.class(own, class).preference;
        assert!(
            regions[..2].iter().all(|one| [0, 3].contains(&one.0)),
            "{regions:?}"
        );
        assert_eq!(regions[2..], [RegionId(1), RegionId(2)]);
    }
    assert_eq!(verify(&plan).result, Verdict::Proved);
}

#[test]
fn regions_without_a_weight_serve_when_all_others_are_down() {
    let plan = weighted("frankfurt = 80, toronto = 20, iceland = 0", "");
    let both = table(&plan, &["frankfurt", "toronto"]);
    // In the order for clients whose place is unknown.
    assert_eq!(sent(&both, "198.51.100.1".parse().unwrap()), RegionId(2));
    // One region with a weight draws nothing, and its answer holds for everybody.
    let plan = weighted("iceland = 7", "");
    assert_eq!(preference(&plan, "own", "198.51.100.1"), "itfs");
    let own = service(&plan, "own");
    assert_eq!(
        plan.classify(own, "198.51.100.1".parse().unwrap()).prefix,
        0
    );
}

#[test]
fn many_regions_are_drawn_by_their_first_places() {
    let lot = |number: u16| Lot::new(RegionId(number), &format!("r{number}"), 1 + number % 3);
    for count in [2_u16, 3, 6, 7, 32] {
        let lots = Lots::new(
            waypost::base::ClassId(0),
            waypost::base::ClassId(1),
            (0..count).map(lot).collect(),
        );
        let orders = lots.orders();
        assert_eq!(orders.len(), lots.count());
        assert!(orders.len() <= 1000, "{count}: {}", orders.len());
        assert_eq!(lots.parts(1_000_000).iter().sum::<u64>(), 1_000_000);
        let mut first = vec![0; usize::from(count)];
        let mut draws = Draws::from_seed(count.into());
        for _ in 0..6_000 {
            let client = waypost::base::ClientHash::any(&mut draws);
            let order = &orders[lots.draw(client).index() - 1];
            let mut all: Vec<u16> = order.iter().map(|region| region.0).collect();
            first[order[0].index()] += 1;
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count), "each once: {order:?}");
        }
        let weights: Vec<u64> = (0..count).map(|one| 1 + u64::from(one) % 3).collect();
        assert!(chi_square(&first, &weights) < 62.0, "{count}: {first:?}");
    }
}

#[test]
fn a_comparison_knows_who_draws_what() {
    let before = weighted("frankfurt = 80, toronto = 20", "");
    let same = compare_healthy(&before, &weighted("frankfurt = 80, toronto = 20", ""));
    assert_eq!(same.services.last().unwrap().moved_millionths.0, 0);
    // A tenth of the clients moves, and no more.
    let after = weighted("frankfurt = 70, toronto = 30", "");
    let moved = compare_healthy(&before, &after)
        .services
        .last()
        .unwrap()
        .moved_millionths
        .0;
    assert!((90_000..110_000).contains(&moved), "{moved}");
    // From place to weight, and back.
    let (plain, _) = compile(&format!(
        "{BASE}[services.own]\nhostnames = [\"own.example.org\"]\nmonitors = [\"port\"]\nregions = [\"toronto\"]\n"
    ));
    let plain = Arc::new(plain);
    let moved = compare_healthy(&plain, &before)
        .services
        .last()
        .unwrap()
        .moved_millionths
        .0;
    assert!((799_000..801_000).contains(&moved), "{moved}");
    let moved = compare_healthy(&before, &plain)
        .services
        .last()
        .unwrap()
        .moved_millionths
        .0;
    assert!((799_000..801_000).contains(&moved), "{moved}");
}

#[test]
fn explain_tells_the_weights() {
    let plan = weighted("frankfurt = 80, toronto = 20", "");
    let table = table(&plan, &[]);
    let zones = waypost::sim::test_zone::zones(&plan);
    let table = table.with_zones(zones);
    let question = Question {
        name: Name::parse("own.example.org").unwrap(),
        qtype: 1,
        client: "198.51.100.33".parse().unwrap(),
        now: Moment(0),
        suppose: Vec::new(),
        view: Default::default(),
    };
    let text = explain(&table, &question).unwrap().to_string();
    let weights = "(policy weight, drawn by frankfurt 80, toronto 20)";
    assert!(text.contains(weights), "{text}");
    let json = serde_json::to_value(explain(&table, &question).unwrap()).unwrap();
    assert!(json.to_string().contains(r#""weight":80"#), "{json}");
}
