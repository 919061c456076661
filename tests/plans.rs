//! Plans of good configs: who is served where, in which order, inside which fence, and what is
//! shared. With the real geo database and zone reader.
#![expect(clippy::unwrap_used, reason = "tests")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use waypost::base::{Family, JurisdictionSet, Permille, ServiceId, Span};
use waypost::config::{self, Diagnostics, Files};
use waypost::plan::Plan;

const ZONE: &str =
    "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n";

/// Regions on four continents; clients by override, so that no database decides.
const BASE: &str = r#"
[server]
listen = ["127.0.0.1:0", "[::1]:0"]

[geo]
default = ["toronto"]
[geo.overrides]
"198.51.100.0/27" = "DE"
"198.51.100.32/27" = "CA"
"198.51.100.64/27" = "SG"
"198.51.100.96/27" = "BR"
"198.51.100.128/27" = "IS"
"198.51.100.160/27" = "JP"
"198.51.100.192/27" = "NA"

[[zones]]
name = "example.org"
file = "example.org.zone"

[jurisdictions]
EEA = { countries = ["@EEA"] }
CA = { countries = ["CA"] }
SG = { countries = ["SG"] }

[regions.frankfurt]
location = [50.11, 8.68]
jurisdiction = "EEA"
serves = ["EU", "203.0.113.0/25"]
fallback = ["singapore"]
[[regions.frankfurt.endpoints]]
name = "fra-a"
provider = "a"
addresses = ["192.0.2.10", "2001:db8::10"]
[[regions.frankfurt.endpoints]]
name = "fra-b"
provider = "b"
tier = 2
addresses = ["192.0.2.11", "192.0.2.12", "2001:db8::11"]
[[regions.frankfurt.endpoints]]
name = "fra-c"
provider = "c"
weight = 300
addresses = ["192.0.2.13", "2001:db8::13"]

[regions.toronto]
location = [43.65, -79.38]
jurisdiction = "CA"
serves = ["NA"]
[[regions.toronto.endpoints]]
name = "tor-a"
provider = "a"
addresses = ["192.0.2.20", "2001:db8::20"]

[regions.singapore]
location = [1.35, 103.82]
jurisdiction = "SG"
serves = ["country:NA"]
[[regions.singapore.endpoints]]
name = "sin-a"
provider = "a"
addresses = ["192.0.2.30", "2001:db8::30"]

[regions.iceland]
location = [64.15, -21.94]
jurisdiction = "EEA"
serves = ["IS"]
[[regions.iceland.endpoints]]
name = "kef-a"
provider = "a"
addresses = ["192.0.2.40", "2001:db8::40"]

[monitors.web]
type = "http"
[monitors.port]
type = "tcp"
port = 5432

[services.api]
hostnames = ["api.example.org", "example.org"]
monitors = ["web", "port"]
[services.home]
hostnames = ["home.example.org"]
monitors = ["port"]
residency = "prefer"
[services.data]
hostnames = ["data.example.org"]
monitors = ["port"]
residency = "strict"
outside = ["EEA"]
[services.few]
hostnames = ["few.example.org"]
monitors = ["port"]
regions = ["singapore", "iceland"]
"#;

fn compile(text: &str) -> (Plan, Diagnostics) {
    let (spec, found) = config::read(Path::new("/etc/config.toml"), text);
    let zone: Arc<[u8]> = ZONE.as_bytes().into();
    let files = Files::from([(PathBuf::from("/etc/example.org.zone"), Ok(zone))]);
    assert_eq!(
        spec.files(&Files::new()),
        [PathBuf::from("/etc/example.org.zone")]
    );
    assert!(spec.files(&files).is_empty());
    config::compile(&spec, found, &files).unwrap_or_else(|found| panic!("{}", found.render(false)))
}

fn plan() -> Plan {
    let (plan, found) = compile(BASE);
    assert!(found.list().is_empty(), "{}", found.render(false));
    plan
}

fn service(plan: &Plan, name: &str) -> ServiceId {
    let mut services = plan.services.iter();
    ServiceId::from_index(services.position(|one| one.name == name).unwrap())
}

/// The regions of a client of a service, by the first letter of each.
fn preference(plan: &Plan, name: &str, client: &str) -> String {
    let service = service(plan, name);
    let hit = plan.classify(service, client.parse().unwrap());
    let class = plan.class(service, hit.class);
    let regions = class.preference.iter();
    regions
        .map(|region| plan.regions[region.index()].name.chars().next().unwrap())
        .collect()
}

#[test]
fn clients_prefer_regions_by_claim_fallback_and_distance() {
    let plan = plan();
    let cases = [
        // Germany: Europe is Frankfurt's, which falls back to Singapore; the rest by distance.
        ("198.51.100.1", "fsit"),
        // Canada: North America is Toronto's, which names no fallback.
        ("198.51.100.33", "tifs"),
        // Singapore is claimed by none: the nearest.
        ("198.51.100.65", "sfit"),
        // Brazil likewise.
        ("198.51.100.97", "tfis"),
        // Iceland: a country beats a continent.
        ("198.51.100.129", "ifts"),
        // Namibia: `NA` is the continent, `country:NA` the country.
        ("198.51.100.193", "sfit"),
        // A claimed network, wherever it is.
        ("203.0.113.1", "fsit"),
        // Nobody knows: the default, then the order of the config.
        ("203.0.113.200", "tfsi"),
        ("2001:db8:ffff::1", "tfsi"),
    ];
    for (client, regions) in cases {
        assert_eq!(preference(&plan, "api", client), regions, "{client}");
    }
}

#[test]
fn residency_moves_regions_forward_or_takes_them_out() {
    let plan = plan();
    let cases = [
        ("198.51.100.1", "fist", "fi"),
        ("198.51.100.33", "tifs", "t"),
        ("198.51.100.65", "sfit", "s"),
        // Brazil and Japan are outside every jurisdiction; their fence is the EEA. Iceland is
        // nearer to Japan than Frankfurt is.
        ("198.51.100.97", "tfis", "fi"),
        ("198.51.100.161", "sift", "if"),
        // Of unknown place: anywhere.
        ("203.0.113.200", "tfsi", "tfsi"),
    ];
    for (client, prefer, strict) in cases {
        assert_eq!(preference(&plan, "home", client), prefer, "prefer {client}");
        assert_eq!(preference(&plan, "data", client), strict, "strict {client}");
    }
}

#[test]
fn fences_hold_in_every_class() {
    let plan = plan();
    let map = &plan.maps[plan.services[service(&plan, "data").index()].map.index()];
    for class in &map.classes {
        assert!(!class.preference.is_empty(), "{class:?}");
        for region in &class.preference {
            let law = plan.regions[region.index()].jurisdiction;
            assert!(class.fence.contains(law), "{class:?}");
        }
    }
    let open = &plan.maps[plan.services[service(&plan, "home").index()].map.index()];
    let everywhere = |class: &waypost::plan::Class| class.fence == JurisdictionSet::EVERYWHERE;
    assert!(open.classes.iter().all(everywhere));
}

#[test]
fn regions_without_endpoints_of_the_service_are_skipped() {
    let plan = plan();
    assert_eq!(preference(&plan, "few", "198.51.100.1"), "si");
    assert_eq!(preference(&plan, "few", "198.51.100.33"), "is");
}

#[test]
fn pools_hold_tiers_best_first() {
    let plan = plan();
    let api = &plan.services[service(&plan, "api").index()];
    for family in Family::ALL {
        let pools = &api.pools[family.index()];
        let tiers: Vec<(u16, Vec<&str>)> = pools[0]
            .tiers
            .iter()
            .map(|tier| {
                let names = tier.members.iter();
                let names = names.map(|one| &*plan.endpoints[one.endpoint.index()].name);
                (tier.number, names.collect())
            })
            .collect();
        assert_eq!(tiers, [(1, vec!["fra-a", "fra-c"]), (2, vec!["fra-b"])]);
        assert_eq!(pools[0].tiers[0].members[1].weight, 300);
    }
    let few = &plan.services[service(&plan, "few").index()];
    assert!(few.pools[0][0].tiers.is_empty());
    let ring = |service: &str| {
        let id = self::service(&plan, service);
        plan.services[id.index()].pools[0][0].tiers[0].ring.clone()
    };
    assert!(Arc::ptr_eq(&ring("api"), &ring("data")));
}

#[test]
fn what_is_watched_alike_is_shared() {
    let plan = plan();
    let keys: Vec<&str> = plan.targets.iter().map(|one| &*one.key).collect();
    assert!(
        keys.contains(&"fra-b/v4/port+web@api.example.org/default"),
        "{keys:?}"
    );
    assert!(keys.contains(&"fra-b/v6/port/default"));
    // Six endpoints of two families, watched in two ways.
    assert_eq!(keys.len(), 24);
    let target = |key: &str| plan.targets.iter().find(|one| one.key == key).unwrap();
    let slots: Vec<&str> = target("fra-b/v4/port+web@api.example.org/default")
        .slots
        .iter()
        .map(|slot| &*plan.slots[slot.index()].key)
        .collect();
    assert_eq!(
        slots,
        [
            "fra-b/web/192.0.2.11:80/api.example.org",
            "fra-b/port/192.0.2.11:5432/",
            "fra-b/web/192.0.2.12:80/api.example.org",
            "fra-b/port/192.0.2.12:5432/",
        ]
    );
    // One slot for each address and monitor, however many services watch it.
    assert_eq!(plan.slots.len(), 13 * 2);
    let [home, data] = ["home", "data"].map(|name| {
        let service = &plan.services[service(&plan, name).index()];
        service.pools[0][1].tiers[0].members[0].target
    });
    assert_eq!(home, data);
}

#[test]
fn defaults_are_filled_in() {
    let plan = plan();
    let web = &plan.monitors[0];
    let pace = (web.interval, web.near_interval, web.timeout);
    assert_eq!(pace, (Span(5000), Span(2500), Span(2000)));
    assert_eq!((web.port, web.fall, web.rise), (80, 3, 3));
    let recovery = &plan.recoveries[plan.services[0].recovery.index()];
    assert_eq!(recovery.name, "default");
    assert_eq!(recovery.steps.last(), Some(&Permille::FULL));
    let ttl = plan.services[0].ttl;
    assert_eq!((ttl.min, ttl.max), (Span(10_000), Span(60_000)));
    assert_eq!(plan.guard.doubt, Permille(800));
    assert_eq!(plan.server.udp_reply_bytes, 1232);
    assert_eq!(plan.geo.source, "embedded");
    assert_eq!(plan.zone_list.len(), 1);
}

#[test]
fn the_same_texts_give_the_same_plan() {
    let [one, other] = [plan(), plan()];
    assert_eq!(one.digest, other.digest);
    assert_eq!(
        format!("{:?}", one.services),
        format!("{:?}", other.services)
    );
    let (changed, _) = compile(&BASE.replace("weight = 300", "weight = 200"));
    assert_ne!(one.digest, changed.digest);
    assert_eq!(one.key, changed.key);
    let keyed = BASE.replace("[server]", "[server]\ncohort_key = \"secret\"");
    assert_ne!(one.key, compile(&keyed).0.key);
}

#[test]
fn gates_and_hosts_are_part_of_a_target() {
    let text = BASE.replace(
        "[services.home]",
        "[recoveries.slow]\ngate = \"web\"\nsteps = [\"0.5%\", 100]\n[services.home]\nrecovery = \"slow\"",
    );
    let (plan, _) = compile(&text);
    let key = "kef-a/v4/port/slow+web@home.example.org";
    let target = plan.targets.iter().find(|one| one.key == key).unwrap();
    let gate = &plan.slots[target.gate[0].index()];
    assert_eq!(gate.key, "kef-a/web/192.0.2.40:80/home.example.org");
    assert_eq!(plan.recoveries[0].steps, [Permille(5), Permille(1000)]);
}

#[test]
fn the_shipped_config_is_well() {
    let path = Path::new("config.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let (spec, found) = config::read(path, &text);
    let mut files = Files::new();
    for wanted in spec.files(&Files::new()) {
        let bytes = std::fs::read(&wanted).map_err(|error| error.to_string());
        files.insert(wanted, bytes.map(Into::into));
    }
    let (plan, found) = config::compile(&spec, found, &files)
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    assert!(found.list().is_empty(), "{}", found.render(false));
    assert_eq!((plan.regions.len(), plan.endpoints.len()), (4, 8));
    let loopback = |one: &waypost::plan::Slot| one.address.ip().is_loopback();
    assert!(plan.slots.iter().all(loopback));
    assert!(plan.server.listen.iter().all(|one| one.ip().is_loopback()));
    assert_eq!(preference(&plan, "node", "192.0.2.1"), "e");
}

#[test]
fn colours_are_for_terminals_only() {
    let (_, found) = config::read(Path::new("config.toml"), "[sever]\n");
    assert!(found.render(true).contains('\u{1b}'));
    assert!(!found.render(false).contains('\u{1b}'));
    assert!(found.render(false).contains("config.toml:1:2"));
}

/// The services of a plan are not in its zones' files, so nothing else counts them.
#[test]
fn lost_services_and_hostnames_are_named() {
    let old = plan();
    let (kept, _) = BASE.split_once("[services.home]").unwrap();
    let swapped = format!(
        "{}[services.new]\nhostnames = [\"new.example.org\"]\nmonitors = [\"web\", \"port\"]\n",
        BASE.split_once("[services.api]").unwrap().0
    );
    let lines = |text: &str| -> Vec<String> {
        let (next, _) = compile(text);
        old.shrinks_to(&next)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(lines(BASE), [""; 0]);
    assert_eq!(
        lines(kept),
        [
            "the new config drops 3 of 4 services (data, few, home); guard.max_shrink allows 50%",
            "the new config drops 3 of 5 hostnames (data.example.org, few.example.org, home.example.org); guard.max_shrink allows 50%",
        ]
    );
    assert_eq!(
        lines(&swapped)[0],
        "the new config drops 4 of 4 services (api, data, few, home); guard.max_shrink allows 50%"
    );
}

#[test]
fn a_message_names_a_few_of_many_lost_things() {
    let shrink = waypost::plan::Shrink {
        what: "endpoints",
        before: 9,
        gone: 8,
        lost: ["a", "b"].map(str::to_owned).to_vec(),
        allowed: Permille(500),
    };
    assert_eq!(
        shrink.to_string(),
        "the new config drops 8 of 9 endpoints (a, b and 6 more); guard.max_shrink allows 50%"
    );
}
