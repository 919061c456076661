//! Services with endpoints of their own: what they are answered with, and how that is watched.
use std::sync::Arc;

use waypost::base::{Family, Moment, Permille, Standing};
use waypost::plan::{AddressesDown, Plan, Pool, Slot};
use waypost::steer::{self, Rule, Spread};
use waypost::table::Table;

use crate::plans::{BASE, compile, service};

/// A service with three endpoints of its own in Frankfurt, one of them in no use, and one in Toronto.
const OWN: &str = r#"
[services.www]
hostnames = ["www.example.org"]
monitors = ["web", "port"]
min_up = "60%"
[[services.www.endpoints]]
name = "www-fra"
region = "frankfurt"
provider = "a"
addresses = ["192.0.2.50", "192.0.2.51", "2001:db8::50"]
serve = "all"
[[services.www.endpoints]]
name = "www-fra-cold"
region = "frankfurt"
provider = "b"
weight = 0
addresses = ["192.0.2.52"]
monitors = ["port"]
probe = { address = "192.0.2.152", port = 8443 }
[[services.www.endpoints]]
name = "www-fra-off"
region = "frankfurt"
provider = "b"
enabled = false
addresses = ["192.0.2.53"]
[[services.www.endpoints]]
name = "www-tor"
region = "toronto"
provider = "a"
addresses = ["192.0.2.54"]
monitors = ["web"]
probe = { host = "www-tor.example.net" }
"#;

fn plan() -> Plan {
    let (plan, found) = compile(&format!("{BASE}{OWN}"));
    assert!(!found.has_errors(), "{}", found.render(false));
    plan
}

/// The names of a service's endpoints by tier, and the number of each tier.
fn tiers(plan: &Plan, name: &str, family: Family, region: usize) -> Vec<(u16, Vec<String>)> {
    let pools = &plan.services[service(plan, name).index()].pools;
    let tiers = pools[family.index()][region].tiers.iter();
    let tiers = tiers.map(|tier| {
        let names = tier.members.iter();
        let names = names.map(|one| plan.endpoints[one.endpoint.index()].name.clone());
        (tier.number, names.collect())
    });
    tiers.collect()
}

/// The slots of an endpoint's IPv4 target, as `address/monitor/host`.
fn watched(plan: &Plan, name: &str) -> (AddressesDown, Vec<String>) {
    let mut targets = plan.targets.iter();
    let target = targets
        .find(|one| plan.endpoints[one.endpoint.index()].name == name && one.family == Family::V4)
        .unwrap();
    let shown = |slot: &Slot| {
        let monitor = &plan.monitors[slot.monitor.index()].name;
        format!("{}/{monitor}/{}", slot.address, slot.host)
    };
    let slots = target.slots.iter().map(|id| shown(&plan.slots[id.index()]));
    (target.addresses_down, slots.collect())
}

#[test]
fn a_service_is_answered_with_its_own_endpoints_alone() {
    let plan = plan();
    let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        (1, named(&["www-fra"])),
        // Of weight 0: after the others of its tier.
        (1, named(&["www-fra-cold"])),
    ];
    assert_eq!(tiers(&plan, "www", Family::V4, 0), expected);
    assert_eq!(tiers(&plan, "www", Family::V6, 0), expected[..1]);
    assert_eq!(
        tiers(&plan, "www", Family::V4, 1),
        [(1, named(&["www-tor"]))]
    );
    assert_eq!(tiers(&plan, "www", Family::V4, 2), []);
    // Nobody else is answered with them.
    let api = tiers(&plan, "api", Family::V4, 0);
    assert_eq!(
        api,
        [(1, named(&["fra-a", "fra-c"])), (2, named(&["fra-b"]))]
    );
    let off = plan
        .endpoints
        .iter()
        .position(|one| one.name == "www-fra-off");
    assert!(!plan.endpoints[off.unwrap()].enabled);
    let watches_it = |id: usize| plan.targets.iter().any(|one| one.endpoint.index() == id);
    assert!(!watches_it(off.unwrap()), "nor probed");
}

#[test]
fn an_endpoint_is_watched_as_it_says_itself() {
    let plan = plan();
    let own = watched(&plan, "www-fra");
    let expected = [
        "192.0.2.50:80/web/www.example.org",
        "192.0.2.50:5432/port/",
        "192.0.2.51:80/web/www.example.org",
        "192.0.2.51:5432/port/",
    ];
    assert_eq!(own.1, expected);
    assert_eq!(own.0, AddressesDown::Stay);
    let elsewhere = watched(&plan, "www-fra-cold");
    assert_eq!(elsewhere.1, ["192.0.2.152:8443/port/"]);
    let named = watched(&plan, "www-tor");
    assert_eq!(named.1, ["192.0.2.54:80/web/www-tor.example.net"]);
}

/// A pool of two of which 60 % must be up needs both.
#[test]
fn a_pool_with_too_few_up_serves_by_what_it_has_only_where_nothing_else_does() {
    let plan = plan();
    let pool: &Pool = &plan.services[service(&plan, "www").index()].pools[0][0];
    assert_eq!(pool.min_up, 2);
    let mut standings = vec![Standing::UNPROVEN; plan.targets.len()];
    let mut members = pool.tiers.iter().flat_map(|tier| &tier.members);
    let first = members.next().unwrap().target.index();
    let second = members.next().unwrap().target.index();
    let give = |rule, standings: &[Standing]| steer::decide(pool, rule, 1, standings).spread;
    standings[first].share = Permille::FULL;
    standings[second].share = Permille::FULL;
    assert!(!pool.is_short(&standings));
    assert_eq!(give(Rule::ByShare, &standings), Spread::Everyone);
    // On its way back it does not count yet.
    standings[second].share = Permille(999);
    assert!(pool.is_short(&standings));
    assert_eq!(give(Rule::ByShare, &standings), Spread::Nobody);
    assert_eq!(give(Rule::Largest, &standings), Spread::Everyone);
}

#[test]
fn two_configs_that_differ_in_a_pool_differ_in_policy() {
    let text = format!("{BASE}{OWN}");
    let own = compile(&text).0.policy;
    for (before, after) in [
        ("min_up = \"60%\"", "min_up = \"40%\""),
        ("enabled = false", "enabled = true"),
        ("weight = 0", "weight = 1"),
    ] {
        let other = compile(&text.replace(before, after)).0.policy;
        assert_ne!(own, other, "{before}");
    }
}

#[test]
fn services_that_share_endpoints_have_each_its_own_least_number() {
    let text = format!(
        "{BASE}[services.wide]\nhostnames = [\"wide.example.org\"]\nmonitors = [\"port\"]\n\
         [services.thin]\nhostnames = [\"thin.example.org\"]\nmonitors = [\"port\"]\nmin_up = \"100%\"\n"
    );
    let (plan, found) = compile(&text);
    assert!(!found.has_errors(), "{}", found.render(false));
    let plan = Arc::new(plan);
    let down = |target: &waypost::plan::Target| {
        plan.endpoints[target.endpoint.index()].name == "fra-b" && target.family == Family::V4
    };
    let standings = plan.targets.iter().map(|target| Standing {
        share: if down(target) {
            Permille::NONE
        } else {
            Permille::FULL
        },
        ..Standing::UNPROVEN
    });
    let standings: Vec<Standing> = standings.collect();
    let table = Table::build(1, plan.clone(), standings.into(), Moment::default(), None);
    let region = |name: &str| {
        let (service, client) = (service(&plan, name), "198.51.100.1".parse().unwrap());
        let hit = plan.classify(service, client);
        let own = plan.client_hash(client);
        let found = table.select(service, Family::V4, hit.class, own).unwrap();
        plan.regions[found.region.unwrap().index()].name.clone()
    };
    assert_eq!(region("wide"), "frankfurt");
    assert_eq!(
        region("thin"),
        "singapore",
        "one of three is down, and all were wanted"
    );
}
