//! Steering of a service's own: policies, claims, fallback, and regions that take no failover.
use std::collections::BTreeMap;
use std::sync::Arc;

use waypost::answer::Transport;
use waypost::audit::verify::{Verdict, verify};
use waypost::base::{ClientHash, Draws, Family, Moment, Permille, RegionId, Standing};
use waypost::dns::Name;
use waypost::plan::Plan;
use waypost::table::Table;
use waypost::table::explain::{Question, explain};

use crate::plans::{BASE, compile, preference, service};
use crate::sample::{Ask, reply_to};

/// Clients by country: Germany, Canada, Singapore, Brazil, Iceland, Japan; one that nobody knows.
const CLIENTS: [&str; 7] = [
    "198.51.100.1",
    "198.51.100.33",
    "198.51.100.65",
    "198.51.100.97",
    "198.51.100.129",
    "198.51.100.161",
    "203.0.113.200",
];

/// A service `own` that is steered so.
fn steered(steering: &str) -> Plan {
    let own = "[services.own]\nhostnames = [\"own.example.org\"]\nmonitors = [\"port\"]\n";
    let (plan, found) = compile(&format!("{BASE}{own}[services.own.steering]\n{steering}\n"));
    assert!(found.list().is_empty(), "{}", found.render(false));
    plan
}

fn all(plan: &Plan) -> Vec<String> {
    let clients = CLIENTS.iter();
    clients
        .map(|client| preference(plan, "own", client))
        .collect()
}

#[test]
fn by_place_is_what_there_is_without_a_word() {
    let plan = steered("policy = \"place\"");
    let service = |name: &str| {
        let all = CLIENTS.iter();
        all.map(|client| preference(&plan, name, client))
            .collect::<Vec<_>>()
    };
    assert_eq!(service("own"), service("api"));
    // And shares its map.
    let map = |name: &str| {
        let mut services = plan.services.iter();
        services.find(|one| one.name == name).unwrap().map
    };
    assert_eq!(map("own"), map("api"));
}

#[test]
fn nearest_looks_at_no_claim() {
    let plan = steered("policy = \"nearest\"");
    // Nobody falls back anywhere; nobody knows where the last one is.
    let expected = ["fits", "tifs", "sfit", "tfis", "ifts", "sift", "tfsi"];
    assert_eq!(all(&plan), expected);
    // A claimed network in no country is nobody's.
    assert_eq!(preference(&plan, "own", "203.0.113.1"), "tfsi");
}

#[test]
fn a_bias_makes_a_region_count_as_nearer() {
    // Toronto is 8,200 km from Brazil's middle, Frankfurt 9,300.
    let plan = steered("policy = \"nearest\"\nbias = { frankfurt = 30 }");
    assert_eq!(preference(&plan, "own", CLIENTS[3]), "ftis");
}

#[test]
fn an_order_is_everybodys() {
    let plan = steered("policy = \"order\"\norder = [\"singapore\", \"toronto\"]");
    for (client, regions) in CLIENTS.iter().zip(all(&plan)) {
        assert!(regions.starts_with("st"), "{client} {regions}");
        assert_eq!(regions.len(), 4, "everybody has somewhere to go: {client}");
    }
}

#[test]
fn claims_and_fallback_can_be_a_services_own() {
    let plan = steered(
        "serves = { toronto = [\"EU\"], singapore = [\"203.0.113.192/26\", \"SG\"] }\n\
         fallback = { toronto = [\"iceland\"] }",
    );
    // Europe is Toronto's here; Canada, which nobody claims, goes to the nearest.
    let expected = ["tifs", "tifs", "sfit", "tifs", "tifs", "sift", "sfit"];
    assert_eq!(all(&plan), expected);
    // A network that a region claims for others is nobody's here.
    assert_eq!(preference(&plan, "own", "203.0.113.1"), "tfsi");
    assert_eq!(preference(&plan, "api", "203.0.113.1"), "fsit");
}

#[test]
fn a_closed_list_has_nobody_behind_it() {
    let plan = steered("fallback = { frankfurt = [\"toronto\"], closed = true }");
    let expected = ["ft", "t", "s", "t", "if", "s"];
    assert_eq!(all(&plan)[..6], expected);
    assert_eq!(
        preference(&plan, "own", CLIENTS[6]),
        "tfsi",
        "nobody knows where"
    );
}

#[test]
fn clients_of_a_place_may_have_a_list_of_their_own() {
    let plan = steered(
        "places = { BR = [\"singapore\", \"iceland\"], \"203.0.113.0/24\" = [\"iceland\"] }",
    );
    assert_eq!(preference(&plan, "own", CLIENTS[3]), "sitf");
    assert_eq!(preference(&plan, "own", "203.0.113.1"), "ifts");
    // The rest as before.
    assert_eq!(preference(&plan, "own", CLIENTS[0]), "fsit");
}

#[test]
fn by_place_an_order_is_for_whom_nobody_claims() {
    let plan = steered(
        "order = [\"singapore\", \"iceland\"]\nserves = { toronto = [\"EU\"] }\nfallback = { closed = true }",
    );
    let expected = ["t", "si", "si", "si", "t", "si", "si"];
    assert_eq!(all(&plan), expected);
}

#[test]
fn the_longest_network_has_the_list() {
    for (first, second) in [("24", "26"), ("26", "24")] {
        let list = |prefix: &str| match prefix {
            "26" => "\"203.0.113.64/26\" = [\"toronto\"]",
            _ => "\"203.0.113.0/24\" = [\"iceland\"]",
        };
        let plan = steered(&format!("places = {{ {}, {} }}", list(first), list(second)));
        assert!(
            preference(&plan, "own", "203.0.113.65").starts_with('t'),
            "{first} {second}"
        );
        assert!(
            preference(&plan, "own", "203.0.113.1").starts_with('i'),
            "{first} {second}"
        );
    }
}

/// Whom such a region does not claim is never sent there, whatever fails.
#[test]
fn a_region_that_takes_no_failover_serves_only_whom_it_claims() {
    let text = BASE.replace(
        "[regions.iceland]",
        "[regions.iceland]\ntakes_failover = false",
    );
    let (plan, found) = compile(&text);
    assert!(found.list().is_empty(), "{}", found.render(false));
    for client in CLIENTS {
        let regions = preference(&plan, "api", client);
        assert_eq!(
            regions.contains('i'),
            client == CLIENTS[4],
            "{client} {regions}"
        );
    }
    assert_eq!(preference(&plan, "api", CLIENTS[4]), "ifts");
    // Nor by the fallback of another.
    let text = text.replace("fallback = [\"singapore\"]", "fallback = [\"iceland\"]");
    let (plan, _) = compile(&text);
    assert!(!preference(&plan, "api", CLIENTS[0]).contains('i'));
}

/// The inside of an office is not where the public goes when all else is down.
#[test]
fn a_region_of_internal_networks_takes_no_failover() {
    let office = "[regions.office]\nlocation = [50.11, 8.68]\nserves = [\"10.10.4.0/24\", \"fd00:4::/48\"]\n\
                  jurisdiction = \"EEA\"\n\
                  [[regions.office.endpoints]]\nname = \"office-1\"\nprovider = \"a\"\n\
                  addresses = [\"192.0.2.60\", \"2001:db8::60\"]\n";
    let (head, services) = BASE.split_once("[monitors.web]").unwrap();
    let only = "[services.inside]\nhostnames = [\"inside.example.org\"]\nmonitors = [\"port\"]\n\
                regions = [\"office\"]\n";
    let text = format!("{head}{office}[monitors.web]{services}{only}");
    let (plan, found) = compile(&text);
    assert!(found.list().is_empty(), "{}", found.render(false));
    for client in CLIENTS {
        assert!(!preference(&plan, "api", client).contains('o'), "{client}");
    }
    assert_eq!(preference(&plan, "api", "10.10.4.1"), "ofits");
    assert_eq!(preference(&plan, "api", "fd00:4::1"), "ofits");
    // A service that has no other region is answered with it.
    assert_eq!(preference(&plan, "inside", CLIENTS[0]), "o");
    // Behind the fence of a strict service there may be others, or none.
    assert!(!preference(&plan, "data", CLIENTS[0]).contains('o'));
    // Whoever means it says so.
    let open = text.replace(
        "[regions.office]",
        "[regions.office]\ntakes_failover = true",
    );
    let (plan, _) = compile(&open);
    assert!(preference(&plan, "api", CLIENTS[0]).contains('o'));
    // A claim of anything else makes it like any other.
    let mixed = text.replace("\"10.10.4.0/24\"", "\"10.10.4.0/24\", \"LI\"");
    let (plan, _) = compile(&mixed);
    assert!(preference(&plan, "api", CLIENTS[0]).contains('o'));
}

/// One office network, two services on different machines there.
#[test]
fn regions_of_different_services_may_claim_one_network() {
    let office = |name: &str, address: &str| {
        format!(
            "[regions.{name}]\nlocation = [50.11, 8.68]\nserves = [\"10.1.0.0/16\"]\n\
             [[regions.{name}.endpoints]]\nname = \"{name}-1\"\nprovider = \"a\"\n\
             addresses = [\"{address}\"]\n"
        )
    };
    let (head, services) = BASE.split_once("[monitors.web]").unwrap();
    let regions = office("web", "192.0.2.60") + &office("db", "192.0.2.61");
    let text = format!("{head}{regions}[monitors.web]{services}");
    let only = |regions: &str| format!("monitors = [\"port\"]\nregions = {regions}\n");
    let own = |name: &str, regions: &str| {
        let hostnames = format!("hostnames = [\"{name}.example.org\"]\n");
        format!("[services.{name}]\n{hostnames}{}", only(regions))
    };
    let open = "[\"frankfurt\", \"toronto\", \"singapore\", \"iceland\"]";
    let text = text.replace(
        "monitors = [\"web\", \"port\"]\n",
        &only(open).replace("\"port\"", "\"web\", \"port\""),
    );
    let text = text.replace(
        "[services.home]",
        &format!(
            "{}{}[services.home]",
            own("w", "[\"web\", \"frankfurt\"]"),
            own("x", "[\"db\", \"frankfurt\"]")
        ),
    );
    let text = text.replace(
        "residency = \"prefer\"\n",
        &format!("residency = \"prefer\"\nregions = {open}\n"),
    );
    let text = text.replace(
        "residency = \"strict\"\n",
        &format!("residency = \"strict\"\nregions = {open}\n"),
    );
    let (plan, found) = compile(&text);
    assert!(!found.has_errors(), "{}", found.render(false));
    assert_eq!(preference(&plan, "w", "10.1.2.3"), "wf");
    assert_eq!(preference(&plan, "x", "10.1.2.3"), "df");
}

/// A table in which some targets are down, by endpoint and family.
fn table(plan: &Arc<Plan>, down: &[(&str, Family)]) -> Table {
    let standings = plan.targets.iter().map(|target| {
        let name = plan.endpoints[target.endpoint.index()].name.as_str();
        let is_down = down.contains(&(name, target.family));
        Standing {
            share: if is_down {
                Permille::NONE
            } else {
                Permille::FULL
            },
            ..Standing::UNPROVEN
        }
    });
    let table = Table::build(1, Arc::clone(plan), standings.collect(), Moment(0), None);
    waypost::table::check(&table).unwrap();
    table
}

/// The regions that a client's two families come from, by their first letters.
fn pair(table: &Table, client: &str) -> String {
    let plan = &table.plan;
    let own = service(plan, "own");
    let client = client.parse().unwrap();
    let class = plan.classify(own, client).class;
    let regions = Family::ALL.map(|family| {
        let found = table.select(own, family, class, plan.client_hash(client));
        let region = found.and_then(|found| found.region).unwrap();
        plan.regions[region.index()].name.chars().next().unwrap()
    });
    regions.into_iter().collect()
}

#[test]
fn families_that_are_together_come_from_one_region() {
    let dead = [
        ("fra-a", Family::V6),
        ("fra-b", Family::V6),
        ("fra-c", Family::V6),
    ];
    let german = CLIENTS[0];
    let apart = Arc::new(steered("families = \"apart\""));
    assert_eq!(pair(&table(&apart, &[]), german), "ff");
    assert_eq!(pair(&table(&apart, &dead), german), "fs");
    let together = Arc::new(steered("families = \"together\""));
    assert_eq!(pair(&table(&together, &[]), german), "ff");
    assert_eq!(pair(&table(&together, &dead), german), "ss");
    // Part of a region is enough, where it has both.
    assert_eq!(pair(&table(&together, &dead[..2]), german), "ff");
    // Where no region has both, each comes from where it is best.
    let rest = [
        ("tor-a", Family::V4),
        ("sin-a", Family::V6),
        ("kef-a", Family::V4),
    ];
    let all = [&dead[..], &rest].concat();
    assert_eq!(pair(&table(&together, &all), german), "fi");
    // And explain says why the nearer one is passed over.
    let zones = waypost::sim::test_zone::zones(&together);
    let told = table(&together, &dead).with_zones(zones);
    let question = Question {
        name: Name::parse("own.example.org").unwrap(),
        qtype: 1,
        client: german.parse().unwrap(),
        now: Moment(0),
        suppose: Vec::new(),
        view: Default::default(),
    };
    let text = explain(&told, &question).unwrap().to_string();
    assert!(
        text.contains("frankfurt: would take this cohort; its other family would not"),
        "{text}"
    );
}

#[test]
fn a_service_may_pass_client_subnets_over() {
    let scope = |steering: &str| {
        let plan = Arc::new(steered(steering));
        let table = table(&plan, &[]).with_zones(waypost::sim::test_zone::zones(&plan));
        let ask = Ask::new("own.example.org A").subnet("198.51.100.32", 27);
        let (answered, reply) =
            reply_to(&table, &ask.packet(), CLIENTS[0], Transport::Udp).unwrap();
        let region = answered.region.unwrap();
        (
            plan.regions[region.index()].name.clone(),
            reply[reply.len() - 5],
        )
    };
    assert_eq!(scope("ecs = true"), ("toronto".to_owned(), 27));
    assert_eq!(scope("ecs = false"), ("frankfurt".to_owned(), 0));
}

/// How many cohorts of German clients each endpoint serves.
fn served(table: &Table) -> BTreeMap<String, u16> {
    let plan = &table.plan;
    let own = service(plan, "own");
    let class = plan.classify(own, CLIENTS[0].parse().unwrap()).class;
    let mut served = BTreeMap::new();
    for cohort in 0..1000_u16 {
        let found = table.select(own, Family::V4, class, cohort).unwrap();
        let name = plan.endpoints[found.endpoints[0].index()].name.clone();
        *served.entry(name).or_insert(0) += 1;
    }
    served
}

#[test]
fn a_trickle_goes_to_the_next_tier_all_the_time() {
    let plan = Arc::new(steered("trickle = \"1%\""));
    let all = served(&table(&plan, &[]));
    assert_eq!(all["fra-b"], 10, "{all:?}");
    assert_eq!(all.values().sum::<u16>(), 1000);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["fra-a", "fra-b", "fra-c"]);
    // Whoever goes past is served by the first tier where the next one cannot.
    let down = served(&table(&plan, &[("fra-b", Family::V4)]));
    assert_eq!(down.keys().collect::<Vec<_>>(), ["fra-a", "fra-c"]);
    // And the whole of it by the next one, where the first cannot.
    let first = served(&table(
        &plan,
        &[("fra-a", Family::V4), ("fra-c", Family::V4)],
    ));
    assert_eq!(first.keys().collect::<Vec<_>>(), ["fra-b"]);
    assert_eq!(verify(&plan).result, Verdict::Proved);
    let none = served(&table(&Arc::new(steered("trickle = \"0%\"")), &[]));
    assert!(!none.contains_key("fra-b"));
    // A region of one tier has nobody to try.
    let plan = steered("policy = \"place\"\ntrickle = \"50%\"");
    let pools = &plan.services[service(&plan, "own").index()].pools[0];
    assert!((0..1000).all(|cohort| !pools[1].passes(0, cohort)));
}

#[test]
fn a_trickle_of_a_region_goes_to_the_next_one() {
    let plan = steered("region_trickle = \"2%\"");
    let own = service(&plan, "own");
    let class = plan.classify(own, CLIENTS[0].parse().unwrap()).class;
    let map = &plan.maps[plan.services[own.index()].map.index()];
    let lots = map.lots_of(class).unwrap();
    // By whoever draws, exactly: capacity is planned by the same parts.
    assert_eq!(lots.parts(1000), [980, 20]);
    let orders: Vec<String> = lots
        .classes()
        .map(|class| {
            let regions = plan.class(own, class).preference.iter();
            let first = |region: &RegionId| plan.regions[region.index()].name[..1].to_owned();
            regions.map(first).collect()
        })
        .collect();
    assert_eq!(orders, ["fsit", "sfit"]);
    let mut draws = Draws::from_seed(5);
    let clients = (0..100_000).map(|_| lots.draw(ClientHash::any(&mut draws)));
    let passed = clients.filter(|own| *own != lots.first).count();
    assert!((1900..2100).contains(&passed), "{passed}");
    assert_eq!(verify(&Arc::new(plan)).result, Verdict::Proved);
    // Nobody is sent out of a fence, nor farther from home, to try what is there.
    for (residency, unknown) in [("strict", "unknown = \"any\"\n"), ("prefer", "")] {
        let text = format!(
            "{BASE}[services.own]\nhostnames = [\"own.example.org\"]\nmonitors = [\"port\"]\n\
             regions = [\"frankfurt\", \"toronto\", \"singapore\"]\nresidency = \"{residency}\"\n{unknown}\
             [services.own.steering]\nregion_trickle = \"10%\"\n"
        );
        let (plan, found) = compile(&text);
        assert!(!found.has_errors(), "{}", found.render(false));
        let own = service(&plan, "own");
        let class = plan.classify(own, CLIENTS[0].parse().unwrap()).class;
        let map = &plan.maps[plan.services[own.index()].map.index()];
        assert!(map.lots_of(class).is_none(), "{residency}");
        assert_eq!(verify(&Arc::new(plan)).result, Verdict::Proved);
    }
}
