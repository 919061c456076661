//! `waypost verify`: against brute force on a small config, and with every kind of breach planted.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use waypost::audit::verify::{Counterexample, Kind, Proof, Verdict, verify};
use waypost::base::limits::COHORTS;
use waypost::base::{
    ClassId, EndpointId, Family, JurisdictionSet, Moment, Permille, RegionId, ServiceId, Standing,
};
use waypost::geo::{Country, Network, Networks};
use waypost::plan::{Class, Plan};
use waypost::table::Table;

use crate::policy::{self, CONFIG, compile};

/// What can be given, by service, family and class: regions and endpoints.
type Reached = BTreeMap<(String, Family, u16), (BTreeSet<String>, BTreeSet<String>)>;

/// Every combination of down, half a share and healthy over all targets, through whole tables.
fn brute_force(plan: &Arc<Plan>) -> Reached {
    const SHARES: [u16; 3] = [0, 500, 1000];
    let targets = u32::try_from(plan.targets.len()).unwrap();
    let mut reached = Reached::new();
    let mut previous: Option<Table> = None;
    for number in 0..3_usize.pow(targets) {
        let share = |target| SHARES[number / 3_usize.pow(target) % 3];
        let standings = (0..targets).map(|target| Standing {
            share: Permille(share(target)),
            ..Standing::UNPROVEN
        });
        let standings: Arc<[Standing]> = standings.collect();
        let now = Moment::default();
        let table = Table::build(1, Arc::clone(plan), standings, now, previous.as_ref());
        for (index, service) in plan.services.iter().enumerate() {
            // Those that no network by itself is in are gone through in `shared`.
            let sizes = plan.maps[service.map.index()].sizes.iter().enumerate();
            let own = sizes.filter(|(_, size)| **size > 0);
            for class in own.map(|(class, _)| ClassId::from_index(class)) {
                for family in Family::ALL {
                    note(
                        &table,
                        (ServiceId::from_index(index), family, class),
                        &mut reached,
                    );
                }
            }
        }
        previous = Some(table);
    }
    reached
}

fn note(
    table: &Table,
    (service, family, class): (ServiceId, Family, ClassId),
    reached: &mut Reached,
) {
    let plan = &table.plan;
    for cohort in (0..COHORTS).step_by(9) {
        let Some(found) = table.select(service, family, class, cohort) else {
            return;
        };
        let key = (plan.services[service.index()].name.clone(), family, class.0);
        let (regions, endpoints) = reached.entry(key).or_default();
        regions.extend(
            found
                .region
                .map(|one| plan.regions[one.index()].name.clone()),
        );
        let names = found.endpoints.iter();
        endpoints.extend(names.map(|one| plan.endpoints[one.index()].name.clone()));
        if !found.by_cohort {
            return;
        }
    }
}

fn proved(proof: &Proof) -> Reached {
    let mut reached = Reached::new();
    for service in &proof.services {
        for clients in &service.clients {
            for reach in &clients.reach {
                let key = (service.service.clone(), reach.family, clients.who.class);
                let (regions, endpoints) = reached.entry(key).or_default();
                regions.extend(reach.regions.iter().map(|one| one.region.clone()));
                endpoints.extend(reach.regions.iter().flat_map(|one| one.endpoints.clone()));
            }
        }
    }
    reached
}

#[test]
fn what_is_proved_to_be_reached_is_what_brute_force_reaches() {
    let plan = Arc::new(compile(CONFIG));
    assert_eq!(plan.targets.len(), 7);
    let proof = verify(&plan);
    assert_eq!(proof.counterexamples, []);
    assert_eq!(proof.result, Verdict::Proved);
    let (own, brute) = (proved(&proof), brute_force(&plan));
    assert!(own.len() >= 12, "{own:?}");
    assert_eq!(own, brute);
}

/// Capacity moves cohorts along the preference; it can lead nowhere else.
#[test]
fn where_places_are_full_brute_force_reaches_the_same() {
    let full = CONFIG
        .replace("serves = [\"NA\"]", "serves = [\"NA\"]\ncapacity = 300")
        .replace("serves = [\"EU\"]", "serves = [\"EU\"]\ncapacity = 200")
        .replace("[services.api]", "[services.api]\ndemand = 1000")
        .replace(
            "[services.data]",
            "[services.data]\ndemand = { toronto = 900 }\noverload = \"shed-last\"",
        );
    let plan = Arc::new(compile(&full));
    let proof = verify(&plan);
    assert_eq!(proof.counterexamples, []);
    assert_eq!(proved(&proof), brute_force(&plan));
}

#[test]
fn the_worst_case_of_each_class_is_told() {
    let proof = verify(&Arc::new(compile(CONFIG)));
    let data = &proof.services[1];
    let rows: Vec<_> = data
        .clients
        .iter()
        .map(|clients| {
            let reach = &clients.reach[0];
            let regions: Vec<&str> = reach.regions.iter().map(|one| &*one.region).collect();
            let countries: Vec<String> = clients
                .who
                .countries
                .iter()
                .map(ToString::to_string)
                .collect();
            format!(
                "{} [{}] {} /24s in {}: {}; last {}, {} to {}, 10^{}",
                clients.who.law,
                countries.join(" "),
                clients.size,
                clients.fence.join(" "),
                regions.join(" "),
                reach.last_resort.join(" "),
                reach.failures_until_all_down,
                reach.fail_open.as_deref().unwrap_or("nothing"),
                reach.combinations_power_of_ten,
            )
        })
        .collect();
    let mut rows = rows;
    rows.sort();
    assert_eq!(
        rows,
        [
            "CA [CA] 512 /24s in CA: toronto; last tor-a tor-b, 1 to toronto, 10^6",
            "EEA [DE] 256 /24s in EEA: frankfurt iceland; last kef-a, 2 to frankfurt, 10^9",
            "EEA [IS] 256 /24s in EEA: iceland frankfurt; last fra-b, 2 to iceland, 10^9",
            "SG [SG] 256 /24s in SG: singapore; last sin-a, 1 to singapore, 10^3",
            "outside [US] 256 /24s in EEA CA: toronto iceland frankfurt; last fra-b, 3 to toronto, 10^15",
            "unknown [] 0 /24s in SG: singapore; last sin-a, 1 to singapore, 10^3",
        ]
    );
    let text = proof.to_string();
    assert!(text.starts_with("proved: "), "{text}");
    assert!(text.contains("then SERVFAIL"), "{text}");
}

/// Verifies a plan in which something is broken; each kind of what is found, once.
fn broken(plant: impl FnOnce(&mut Plan)) -> Vec<Counterexample> {
    let mut plan = compile(CONFIG);
    plant(&mut plan);
    let proof = verify(&Arc::new(plan));
    assert_eq!(proof.result, Verdict::Broken);
    assert_eq!(proof.breaches, proof.counterexamples.len() as u64);
    assert!(proof.to_string().starts_with("not proved: "));
    proof.counterexamples
}

/// The first counterexample of a kind for clients of a country.
fn of_kind<'c>(
    found: &'c [Counterexample],
    kind: Kind,
    country: Option<&str>,
) -> &'c Counterexample {
    let is_own = |breach: &&Counterexample| {
        let clients = breach.client.iter().flat_map(|client| &client.countries);
        let named = |country| clients.clone().any(|own| own.to_string() == country);
        breach.kind == kind && country.is_none_or(named)
    };
    let mut own = found.iter().filter(is_own);
    own.next()
        .unwrap_or_else(|| panic!("no {kind:?} for {country:?} in {found:#?}"))
}

fn service(plan: &Plan, name: &str) -> usize {
    plan.services
        .iter()
        .position(|one| one.name == name)
        .unwrap()
}

fn region(plan: &Plan, name: &str) -> RegionId {
    RegionId::from_index(
        plan.regions
            .iter()
            .position(|one| one.name == name)
            .unwrap(),
    )
}

/// The class of an address for the strict service.
fn class_of<'p>(plan: &'p mut Plan, client: &str) -> &'p mut Class {
    let data = ServiceId::from_index(service(plan, "data"));
    let class = plan.classify(data, client.parse().unwrap()).class;
    let map = plan.services[data.index()].map;
    &mut Arc::get_mut(&mut plan.maps).unwrap()[map.index()].classes[class.index()]
}

#[test]
fn a_widened_fence_is_found() {
    let found = broken(|plan| class_of(plan, "5.0.0.1").fence = JurisdictionSet::EVERYWHERE);
    let breach = of_kind(&found, Kind::WideFence, Some("DE"));
    assert_eq!(
        (&*breach.service, breach.fence.join(" ")),
        ("data", "EEA".to_owned())
    );
    assert!(breach.finding.contains("anywhere"), "{breach}");
}

#[test]
fn a_foreign_region_in_a_preference_is_found() {
    let found = broken(|plan| {
        let toronto = region(plan, "toronto");
        class_of(plan, "5.0.0.1").preference.push(toronto);
    });
    let breach = of_kind(&found, Kind::Outside, Some("DE"));
    let client = breach.client.as_ref().unwrap();
    assert_eq!((&*client.law, &*client.network), ("EEA", "5.0.0.0/16"));
    assert_eq!(
        breach.health,
        "down: frankfurt, iceland, tor-b; all else up"
    );
    let given = breach.given.as_ref().unwrap();
    assert_eq!(
        (&*given.region, given.jurisdiction.as_deref()),
        ("toronto", Some("CA"))
    );
    assert_eq!(given.endpoint.as_deref(), Some("tor-a"));
    assert_eq!(given.address, Some("192.0.2.30".parse().unwrap()));
    assert_eq!(
        breach.to_string(),
        "data A: an answer from toronto lies outside of the clients' fence\n  \
         client  5.0.0.0/16 under EEA (DE)\n  \
         health  down: frankfurt, iceland, tor-b; all else up\n  \
         given   192.0.2.30 of tor-a in toronto (CA)\n  \
         fence   EEA\n"
    );
    // The table gives it as well, and says so by itself.
    of_kind(&found, Kind::Refused, None);
}

/// One more network than the law knows lies in the class of another country.
#[test]
fn a_network_in_the_wrong_class_is_found() {
    let found = broken(|plan| {
        let data = ServiceId::from_index(service(plan, "data"));
        let canadian = plan.classify(data, "23.0.0.1".parse().unwrap()).class;
        let stolen = Network::parse("5.0.128.0/20").unwrap();
        let map = plan.services[data.index()].map;
        let networks = stolen_by(plan, stolen, canadian, data);
        Arc::get_mut(&mut plan.maps).unwrap()[map.index()].networks = networks;
    });
    let breach = of_kind(&found, Kind::Outside, Some("DE"));
    let client = breach.client.as_ref().unwrap();
    assert_eq!((&*client.law, &*client.network), ("EEA", "5.0.128.0/20"));
    assert_eq!(breach.given.as_ref().unwrap().region, "toronto");
}

/// The networks of a service's map, but for one that is in a class of another's.
fn stolen_by(plan: &Plan, stolen: Network, class: ClassId, service: ServiceId) -> Networks {
    let text = CONFIG.replace(
        "database = \"test.mmdb\"",
        &format!("database = \"test.mmdb\"\noverrides = {{ \"{stolen}\" = \"NZ\" }}"),
    );
    let other = compile(&text);
    other.atlas.classify(&mut |place, _| {
        if place.country == Some(Country(*b"NZ")) {
            return class;
        }
        let own = policy::PLACES.iter().find(|(network, country)| {
            Some(*country) == place.country.map(|one| one.to_string()).as_deref()
                && network.contains('.')
        });
        let example = own.map_or("9.9.9.9", |(network, _)| network.split('/').next().unwrap());
        plan.classify(service, example.parse::<IpAddr>().unwrap())
            .class
    })
}

#[test]
fn an_endpoint_of_another_region_in_a_pool_is_found() {
    let found = broken(|plan| {
        let (data, frankfurt) = (service(plan, "data"), region(plan, "frankfurt"));
        let foreign = plan
            .endpoints
            .iter()
            .position(|one| one.name == "tor-a")
            .unwrap();
        let pool = &mut plan.services[data].pools[0][frankfurt.index()];
        pool.tiers[1].members[0].endpoint = EndpointId::from_index(foreign);
    });
    let breach = of_kind(&found, Kind::Misplaced, None);
    assert_eq!(
        breach.finding,
        "the pool in frankfurt holds an endpoint of toronto"
    );
    let breach = of_kind(&found, Kind::Outside, Some("IS"));
    let given = breach.given.as_ref().unwrap();
    assert_eq!(
        (&*given.region, given.endpoint.as_deref()),
        ("toronto", Some("tor-a"))
    );
}

/// By the config: two endpoints at one address, under two laws. It is only warned of.
#[test]
fn an_address_that_an_endpoint_abroad_has_too_is_found() {
    let plan = compile(&CONFIG.replace("192.0.2.40", "192.0.2.20"));
    let proof = verify(&Arc::new(plan));
    let breach = of_kind(&proof.counterexamples, Kind::SharedAddress, Some("DE"));
    assert_eq!(breach.service, "data");
    assert_eq!(breach.health, "down: frankfurt; all else up");
    assert_eq!(
        breach.finding,
        "192.0.2.20 is an address of sin-a in singapore as well, outside of the clients' fence"
    );
    // Who may be answered from both is not concerned, nor is a service without a fence.
    let named = |country| {
        let all = proof
            .counterexamples
            .iter()
            .filter_map(|one| one.client.as_ref());
        all.filter(|client| {
            client
                .countries
                .iter()
                .any(|own| own.to_string() == country)
        })
        .count()
    };
    assert_eq!((named("CA"), named("SG")), (0, 1));
    assert!(
        proof
            .counterexamples
            .iter()
            .all(|one| one.service == "data")
    );
}

#[test]
fn a_client_of_unknown_place_let_out_is_found() {
    let found = broken(|plan| {
        let data = service(plan, "data");
        // The config says otherwise than what was compiled.
        plan.services[data].unknown = plan.services[data].outside;
    });
    let breach = of_kind(&found, Kind::Outside, None);
    let client = breach.client.as_ref().unwrap();
    assert_eq!((&*client.law, client.countries.len()), ("unknown", 0));
    assert_eq!(breach.given.as_ref().unwrap().region, "singapore");
    assert_eq!(breach.fence, ["EEA", "CA"]);
}

#[test]
fn a_class_without_an_endpoint_is_found() {
    let found = broken(|plan| class_of(plan, "23.0.0.1").preference.clear());
    let breach = of_kind(&found, Kind::Empty, Some("CA"));
    assert_eq!(
        breach.finding,
        "no answer, though toronto is inside of the clients' fence"
    );
    let found = broken(|plan| {
        let (data, toronto) = (service(plan, "data"), region(plan, "toronto"));
        plan.services[data].pools[0][toronto.index()].tiers.clear();
    });
    let breach = of_kind(&found, Kind::Empty, Some("CA"));
    assert_eq!(
        breach.finding,
        "it has no endpoint inside of the clients' fence"
    );
}

#[test]
fn a_region_abroad_before_home_is_found() {
    let found = broken(|plan| {
        let api = ServiceId::from_index(service(plan, "api"));
        let class = plan.classify(api, "5.0.0.1".parse().unwrap()).class;
        let map = plan.services[api.index()].map;
        Arc::get_mut(&mut plan.maps).unwrap()[map.index()].classes[class.index()]
            .preference
            .swap(0, 2);
    });
    let breach = of_kind(&found, Kind::AbroadFirst, Some("DE"));
    assert_eq!(breach.service, "api");
}

#[test]
fn a_country_under_two_laws_is_found() {
    let found = broken(|plan| plan.jurisdictions[1].countries.push(Country(*b"DE")));
    assert!(
        of_kind(&found, Kind::Disputed, None)
            .finding
            .ends_with(": DE")
    );
}

/// What is agreed between jurisdictions is allowed, and no more than that.
#[test]
fn an_agreement_widens_the_law_for_its_own_clients_only() {
    let found = broken(|plan| {
        let (frankfurt, toronto) = (region(plan, "frankfurt"), region(plan, "toronto"));
        let canada = plan.regions[toronto.index()].jurisdiction.unwrap();
        plan.jurisdictions[0].may_use = vec![canada];
        for (client, foreign) in [("5.0.0.1", toronto), ("23.0.0.1", frankfurt)] {
            let law = plan.regions[foreign.index()].jurisdiction;
            let class = class_of(plan, client);
            class.preference.push(foreign);
            class.fence = class.fence.with(law);
        }
    });
    let breach = of_kind(&found, Kind::Outside, Some("CA"));
    assert_eq!(breach.given.as_ref().unwrap().region, "frankfurt");
    assert!(
        found
            .iter()
            .flat_map(|one| &one.client)
            .all(|client| client.law == "CA"),
        "{found:#?}"
    );
}
