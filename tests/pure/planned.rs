//! `waypost plan`: what a change of the config moves and loses, and when it is refused.
//!
//! Sizes of the countries in the test's database, in /24s: DE 256, IS 256, CA 512, US 256, SG 256.
use std::sync::Arc;

use waypost::audit::compare::{
    Change, Comparison, Failing, FailingKind, Loss, LossKind, Part, Rule, Scale, Verdict, compare,
};
use waypost::base::Family;

use crate::policy::{CONFIG, compile, with};

/// All clients, in /24s.
const ALL: u64 = 1536;
const MILLION: u64 = 1_000_000;

fn compared(current: &str, new: &str) -> Comparison {
    compare(&Arc::new(compile(current)), &Arc::new(compile(new)))
}

/// What some changes of the config come to.
fn changed(changes: &[(&str, &str)]) -> Comparison {
    compared(CONFIG, &with(changes))
}

/// Every move as `service: from -> to, /24s, countries`.
fn moves(found: &Comparison) -> Vec<String> {
    let services = found.services.iter();
    let moves = services.flat_map(|service| {
        service.moves.iter().map(|one| {
            let countries: Vec<String> = one.countries.iter().map(ToString::to_string).collect();
            format!(
                "{}: {} -> {}, {}, {}",
                service.service,
                one.from.name,
                one.to.name,
                one.clients.size,
                countries.join(" ")
            )
        })
    });
    moves.collect()
}

/// Every loss of a kind as `of, who, under what: before -> after`.
fn losses(found: &Comparison, kind: LossKind) -> Vec<String> {
    let own = found.losses.iter().filter(|loss| loss.kind == kind);
    own.map(told).collect()
}

fn told(loss: &Loss) -> String {
    let family = match loss.family {
        None => "",
        Some(Family::V4) => " A",
        Some(Family::V6) => " AAAA",
    };
    let who = loss.clients.as_ref().map_or(String::new(), |clients| {
        let countries = clients.countries.iter().map(ToString::to_string);
        let unknown = (clients.unplaced > 0).then(|| "??".to_owned());
        let all: Vec<String> = countries.chain(unknown).collect();
        format!(", {}", all.join(" "))
    });
    let failing = loss.failing.as_ref().map_or(String::new(), |one| {
        format!(", {} {}", one.kind.word(), one.name)
    });
    format!(
        "{}{family}{who}{failing}: {} -> {}",
        loss.of, loss.before, loss.after
    )
}

fn rules(found: &Comparison) -> Vec<Rule> {
    found.broken.iter().map(|broken| broken.rule).collect()
}

fn under<'c>(
    found: &'c Comparison,
    kind: FailingKind,
    name: &str,
) -> &'c waypost::audit::compare::FailureChange {
    let name = name.to_owned();
    let failing = Failing { kind, name };
    let mut failures = found.failures.iter();
    failures.find(|one| one.failing == failing).unwrap()
}

/// The part of a service's clients that move while something is down.
fn moved_under(found: &Comparison, (kind, name): (FailingKind, &str), service: &str) -> u64 {
    let mut services = under(found, kind, name).services.iter();
    let own = services.find(|one| one.service == service).unwrap();
    own.moved_millionths.0
}

#[test]
fn the_same_config_moves_nobody() {
    // Told in other words: comments, order of services, a service and an endpoint renamed.
    let (head, services) = CONFIG.split_once("[services.api]").unwrap();
    let (api, rest) = services.split_once("[services.data]").unwrap();
    let other = format!("# Another text.\n{head}[services.data]{rest}\n[services.front]{api}");
    let found = compared(CONFIG, &other.replace("\"kef-a\"", "\"kef-one\""));
    assert_eq!(moves(&found), [""; 0]);
    assert_eq!(found.losses, []);
    assert_eq!(found.result, Verdict::Allowed);
    assert_eq!(found.clients.size, 3 * ALL);
    let renamed = &found.services[0];
    assert_eq!(
        (&*renamed.service, renamed.was.as_deref()),
        ("front", Some("api"))
    );
    // Each region, provider and endpoint, that with another name twice.
    assert_eq!(found.failures.len(), 4 + 2 + 6 + 1);
    let gone = under(&found, FailingKind::Endpoint, "kef-a");
    assert_eq!(gone.change, Change::Gone);
    let as_before = found
        .failures
        .iter()
        .filter(|one| one.change == Change::Kept);
    let mut services = as_before.flat_map(|one| &one.services);
    assert!(services.all(|one| one.moved_millionths == Part(0) && one.as_when_healthy));
}

#[test]
fn a_weight_moves_exactly_its_part() {
    let found = changed(&[("weight = 300", "weight = 100")]);
    // Of 512 + 256 /24s, from three quarters to a half.
    let expected = [
        "api: toronto: tor-a -> toronto: tor-b, 192, CA US",
        "data: toronto: tor-a -> toronto: tor-b, 192, CA US",
    ];
    assert_eq!(moves(&found), expected);
    let api = &found.services[0];
    assert_eq!(api.moved_millionths, Part(192 * MILLION / ALL));
    assert_eq!(api.weighed_by, Scale::Size);
    assert_eq!(found.moved_millionths, Part(2 * 192 * MILLION / (3 * ALL)));
    assert_eq!(found.result, Verdict::Allowed);
    // Under the loss of one of them there is nothing left to move.
    let endpoint = (FailingKind::Endpoint, "tor-b");
    assert_eq!(moved_under(&found, endpoint, "api"), 0);
    let elsewhere = (FailingKind::Region, "frankfurt");
    assert_eq!(moved_under(&found, elsewhere, "data"), 125_000);
}

#[test]
fn other_cohorts_move_who_lands_elsewhere() {
    let found = changed(&[("cohort_key = \"one\"", "cohort_key = \"two\"")]);
    // Of the 768 /24s at Toronto, 3/4 * 1/4 one way and as many the other.
    let expected = [
        "api: toronto: tor-a -> toronto: tor-b, 144, CA US",
        "api: toronto: tor-b -> toronto: tor-a, 144, CA US",
        "data: toronto: tor-a -> toronto: tor-b, 144, CA US",
        "data: toronto: tor-b -> toronto: tor-a, 144, CA US",
    ];
    let mut moved = moves(&found);
    moved.sort();
    assert_eq!(moved, expected);
}

#[test]
fn demand_weighs_where_it_is_stated() {
    let demand = "[services.api]\ndemand = { frankfurt = 900, toronto = 600 }";
    let current = with(&[("[services.api]", demand)]);
    let found = compared(&current, &current.replace("weight = 300", "weight = 100"));
    let api = &found.services[0];
    assert_eq!(api.weighed_by, Scale::Demand);
    assert_eq!(api.clients.demand, Some(1500));
    assert_eq!(api.moved.demand, Some(150));
    assert_eq!(api.moved_millionths, Part(100_000));
    // Not every service states one, so all together are weighed by size.
    assert_eq!(found.weighed_by, Scale::Size);
}

#[test]
fn a_region_that_is_gone_moves_its_clients_and_leaves_less() {
    let start = CONFIG.find("[regions.iceland]").unwrap();
    let end = CONFIG.find("[regions.toronto]").unwrap();
    let new = format!("{}{}", &CONFIG[..start], &CONFIG[end..]);
    let found = compared(CONFIG, &new);
    let expected = [
        "api: iceland: kef-a -> frankfurt: fra-a, 256, IS",
        "data: iceland: kef-a -> frankfurt: fra-a, 256, IS",
    ];
    assert_eq!(moves(&found)[..], expected);
    let lost = losses(&found, LossKind::Redundancy);
    let few = "data A, DE IS: 2 regions, 3 tiers, 3 endpoints -> 1 region, 2 tiers, 2 endpoints";
    assert!(lost.iter().any(|one| one == few), "{lost:#?}");
    // With Frankfurt down as well nobody is left for the EEA.
    let dead =
        "data A, region frankfurt: 0% without anything healthy -> 33.3% without anything healthy";
    assert!(lost.iter().any(|one| one == dead), "{lost:#?}");
    assert_eq!(rules(&found), [Rule::Losses]);
    // The other way round nothing is lost.
    let back = compared(&new, CONFIG);
    assert_eq!(back.losses, []);
    assert_eq!(back.result, Verdict::Allowed);
}

#[test]
fn a_backup_that_is_gone_is_a_loss_though_nobody_moves() {
    let backup = "[[regions.frankfurt.endpoints]]\nname = \"fra-b\"\nprovider = \"bolt\"\ntier = 2\naddresses = [\"192.0.2.11\"]\n";
    let found = changed(&[(backup, "")]);
    assert_eq!(moves(&found), [""; 0]);
    let lost = losses(&found, LossKind::Redundancy);
    let eea =
        "data A, DE IS: 3 tiers, 3 endpoints, 2 providers -> 2 tiers, 2 endpoints, 1 provider";
    assert!(lost.iter().any(|one| one == eea), "{lost:#?}");
    let dead =
        "data A, provider acme: 0% without anything healthy -> 33.3% without anything healthy";
    assert!(lost.iter().any(|one| one == dead), "{lost:#?}");
    // Under that failure those whom it kept move.
    let acme = (FailingKind::Provider, "acme");
    assert_eq!(moved_under(&found, acme, "data"), 512 * MILLION / ALL);
    assert_eq!(rules(&found), [Rule::Losses]);
    let reported = changed(&[
        (backup, ""),
        ("[geo]", "[guard]\nlosses = \"report\"\n[geo]"),
    ]);
    assert_eq!(rules(&reported), []);
    assert_eq!(reported.losses, found.losses);
}

#[test]
fn a_widened_fence_is_refused_whatever_the_rules_say() {
    let report = ("[geo]", "[guard]\nlosses = \"report\"\n[geo]");
    let fences = |changes: &[(&str, &str)]| {
        let mut changes = changes.to_vec();
        changes.push(report);
        let found = changed(&changes);
        let lost = losses(&found, LossKind::Fence);
        assert_eq!(rules(&found).contains(&Rule::Fence), !lost.is_empty());
        lost
    };
    let outside = "outside = [\"EEA\", \"CA\"]";
    assert_eq!(
        fences(&[(outside, "outside = [\"EEA\", \"CA\", \"SG\"]")]),
        ["data, US: EEA, CA -> also SG"]
    );
    assert_eq!(fences(&[(outside, "outside = [\"EEA\"]")]), [""; 0]);
    assert_eq!(
        fences(&[("unknown = [\"SG\"]", "unknown = \"any\"")]),
        ["data, ??: SG -> also anywhere"]
    );
    assert_eq!(
        fences(&[("[\"CA\"] }", "[\"CA\"], may_use = [\"EEA\"] }")]),
        ["data, CA: CA -> also EEA"]
    );
    let loose = fences(&[
        ("residency = \"strict\"", "residency = \"prefer\""),
        ("outside = [\"EEA\", \"CA\"]\n", ""),
        ("unknown = [\"SG\"]\n", ""),
    ]);
    let who = ["DE IS: EEA", "CA: CA", "SG ??: SG", "US: EEA, CA"];
    for who in who {
        let line = format!("data, {who} -> also anywhere");
        assert!(loose.contains(&line), "{line} is not in {loose:#?}");
    }
    assert_eq!(loose.len(), who.len());
}

#[test]
fn a_fence_widens_by_regions_and_countries_too() {
    // Singapore is put under the law of the EEA, which its own clients then lack.
    let relabelled = changed(&[
        (
            "103.82]\njurisdiction = \"SG\"",
            "103.82]\njurisdiction = \"EEA\"",
        ),
        ("unknown = [\"SG\"]", "unknown = [\"EEA\"]"),
        (
            "SG = { countries = [\"SG\"] }",
            "SG = { countries = [\"SG\"], may_use = [\"EEA\"] }",
        ),
    ]);
    let lost = losses(&relabelled, LossKind::Fence);
    assert!(
        lost.contains(&"data, DE IS: EEA -> also region singapore".to_owned()),
        "{lost:#?}"
    );
    // A country leaves its jurisdiction, and its clients are then outside.
    let left = changed(&[(
        "CA = { countries = [\"CA\"] }",
        "CA = { countries = [\"GL\"] }",
    )]);
    assert_eq!(losses(&left, LossKind::Fence), ["data, CA: CA -> also EEA"]);
    // Another name for the same countries is no loss.
    let renamed = with(&[("EEA = {", "UNION = {"), ("\"EEA\"", "\"UNION\"")]);
    assert_eq!(
        losses(&compared(CONFIG, &renamed), LossKind::Fence),
        [""; 0]
    );
}

/// The regions' endpoints do not make up for what a pool of a service's own loses: it has never used them.
#[test]
fn a_pool_of_a_services_own_that_gets_thinner_is_a_loss() {
    let own = |name: &str, tier: u16, address: &str| {
        format!(
            "[[services.node.endpoints]]\nname = \"{name}\"\nregion = \"frankfurt\"\nprovider = \"{name}\"\ntier = {tier}\naddresses = [\"{address}\"]\n"
        )
    };
    let (first, backup) = (
        own("node-a", 1, "198.51.100.1"),
        own("node-b", 2, "198.51.100.2"),
    );
    let new = format!("{CONFIG}{first}");
    let found = compared(&format!("{new}{backup}"), &new);
    assert_eq!(moves(&found), [""; 0]);
    let lost = losses(&found, LossKind::Redundancy);
    let few = "2 tiers, 2 endpoints, 2 providers -> 1 tier, 1 endpoint, 1 provider";
    assert!(
        lost.iter()
            .any(|one| one.starts_with("node A, ") && one.ends_with(few)),
        "{lost:#?}"
    );
    assert!(
        lost.iter().all(|one| one.starts_with("node A")),
        "{lost:#?}"
    );
    assert_eq!(rules(&found), [Rule::Losses]);
}

#[test]
fn a_network_that_is_put_elsewhere_moves_alone() {
    let found = changed(&[("[geo]", "[geo]\noverrides = { \"5.0.128.0/18\" = \"CA\" }")]);
    let expected = [
        "api: frankfurt: fra-a -> toronto: tor-a, 48, CA",
        "api: frankfurt: fra-a -> toronto: tor-b, 16, CA",
        "data: frankfurt: fra-a -> toronto: tor-a and nothing, 48, CA",
        "data: frankfurt: fra-a -> toronto: tor-b and nothing, 16, CA",
    ];
    assert_eq!(moves(&found)[..4], expected);
    // Toronto has no IPv6, which clients fenced in there then lack.
    assert!(
        losses(&found, LossKind::Redundancy)
            .iter()
            .any(|one| one.starts_with("data AAAA, CA: "))
    );
    // What was kept inside of the EEA can be sent to Canada.
    assert_eq!(
        losses(&found, LossKind::Fence),
        ["data, CA: EEA -> also CA"]
    );
    let fence = found
        .losses
        .iter()
        .find(|loss| loss.kind == LossKind::Fence);
    let clients = fence.unwrap().clients.as_ref().unwrap();
    assert_eq!((clients.size, &*clients.example), (64, "5.0.128.0/18"));
}

#[test]
fn less_capacity_is_a_loss_and_so_is_a_demand_that_fits_no_more() {
    let current = with(&[
        ("50.11, 8.68]", "50.11, 8.68]\ncapacity = 900"),
        ("64.15, -21.94]", "64.15, -21.94]\ncapacity = 500"),
        ("43.65, -79.38]", "43.65, -79.38]\ncapacity = 900"),
        ("1.35, 103.82]", "1.35, 103.82]\ncapacity = 300"),
        ("[services.api]", "[services.api]\ndemand = 1600"),
    ]);
    let found = compared(
        &current,
        &current.replace("capacity = 500", "capacity = 450"),
    );
    let expected = [
        "region iceland: 500 -> 450",
        "api: 2600 -> 2550",
        "data: 2600 -> 2550",
    ];
    assert_eq!(losses(&found, LossKind::Capacity)[..3], expected);
    assert_eq!(found.losses.len(), 3, "{:#?}", found.losses);
    assert_eq!(rules(&found), [Rule::Losses]);
    // 2600 - 900 is still enough, 2550 - 900 too; with 100 less it is not.
    let found = compared(
        &current,
        &current.replace("capacity = 500", "capacity = 350"),
    );
    let lost = losses(&found, LossKind::Capacity);
    for region in ["frankfurt", "toronto"] {
        let line =
            format!("api, region {region}: 1700 left, 1600 asked for -> 1550 left, 1600 asked for");
        assert!(lost.contains(&line), "{lost:#?}");
    }
    // More demand does the same without any capacity lost.
    let found = compared(&current, &current.replace("demand = 1600", "demand = 1750"));
    let lost = losses(&found, LossKind::Capacity);
    assert_eq!(lost.len(), 2, "{lost:#?}");
    assert!(
        lost.contains(
            &"api, region toronto: 1700 left, 1600 asked for -> 1700 left, 1750 asked for"
                .to_owned()
        ),
        "{lost:#?}"
    );
    // A limit where there was none.
    let found = changed(&[("64.15, -21.94]", "64.15, -21.94]\ncapacity = 500")]);
    assert_eq!(
        losses(&found, LossKind::Capacity),
        ["region iceland: unlimited -> 500"]
    );
}

#[test]
fn an_address_that_changes_moves_everyone_who_has_it() {
    let found = changed(&[("192.0.2.40", "192.0.2.41")]);
    let sizes = found
        .services
        .iter()
        .map(|one| (&*one.service, one.moved.size));
    assert_eq!(
        sizes.collect::<Vec<_>>(),
        [("api", 256), ("data", 256), ("node", 256)]
    );
    let text = found.to_string();
    assert!(
        text.contains("singapore: sin-a (192.0.2.40)  singapore: sin-a (192.0.2.41)"),
        "{text}"
    );
}

#[test]
fn a_hostname_that_is_gone_or_new_is_told() {
    let renamed = (
        "hostnames = [\"node.example.org\"]",
        "hostnames = [\"nodes.example.org\"]",
    );
    let found = changed(&[renamed]);
    let lost = losses(&found, LossKind::Name);
    assert_eq!(
        lost,
        ["node: 1536 /24s ask for node.example.org -> not steered"]
    );
    assert_eq!(rules(&found), [Rule::Losses]);
    let changes = found
        .services
        .iter()
        .map(|one| (&*one.hostnames[0], one.change, one.moved.size));
    let expected = [
        ("api.example.org", Change::Kept, 0),
        ("data.example.org", Change::Kept, 0),
        ("node.example.org", Change::Gone, ALL),
        ("nodes.example.org", Change::New, 0),
    ];
    assert_eq!(changes.collect::<Vec<_>>(), expected);
}

#[test]
fn no_more_may_move_than_the_rule_says() {
    let rule = |most: &str| {
        let rule = format!("[guard]\nmax_moved = \"{most}\"\n[geo]");
        rules(&changed(&[
            ("weight = 300", "weight = 100"),
            ("[geo]", &rule),
        ]))
    };
    // 12.5% of the clients of two services.
    assert_eq!(rule("12.5%"), []);
    assert_eq!(rule("12.4%"), [Rule::MaxMoved; 2]);
    // An IPv6 network weighs nothing, and still is somebody where nobody may move.
    let v6 = |most: &str| {
        let rule = format!(
            "[guard]\nmax_moved = \"{most}\"\n[geo]\noverrides = {{ \"2001:db8:9::/48\" = \"IS\" }}"
        );
        let found = changed(&[
            (
                "addresses = [\"192.0.2.20\"]",
                "addresses = [\"192.0.2.20\"]",
            ),
            ("[geo]", &rule),
        ]);
        rules(&found).contains(&Rule::MaxMoved)
    };
    assert!(v6("0%"));
    assert!(!v6("0.1%"));
}
