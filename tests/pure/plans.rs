//! Plans of good configs: who is served where, in which order, inside which fence, and what is
//! shared. With the real geo database and zone reader.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use waypost::base::{Family, JurisdictionSet, Permille, RegionId, ServiceId, Span};
use waypost::config::{self, Diagnostics, Files};
use waypost::monitor::postgres::PostgresCheck;
use waypost::plan::{
    AddressesDown, Approval, Check, DampingPolicy, Demand, Losses, Overload, Plan, Secret,
};

pub(crate) const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/// Regions on four continents; clients by override, so that no database decides.
pub(crate) const BASE: &str = r#"
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
unknown = "any"
[services.few]
hostnames = ["few.example.org"]
monitors = ["port"]
regions = ["singapore", "iceland"]
"#;

pub(crate) fn compile(text: &str) -> (Plan, Diagnostics) {
    compile_with(text, &[])
}

/// Compiles with files beside the zone.
pub(crate) fn compile_with(text: &str, more: &[(&str, &[u8])]) -> (Plan, Diagnostics) {
    let (spec, found) = config::read(Path::new("/etc/config.toml"), text);
    let zone = [("/etc/example.org.zone", ZONE.as_bytes())];
    let all = zone.iter().chain(more);
    let files: Files = all
        .map(|(path, bytes)| (PathBuf::from(path), Ok(Arc::from(*bytes))))
        .collect();
    let wanted = spec.files(&Files::new());
    assert!(files.keys().eq(&wanted), "{wanted:?}");
    assert!(spec.files(&files).is_empty());
    let (compiled, found) = config::compile(&spec, found, &files)
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    assert_eq!(compiled.zones.len(), compiled.zoning.zones.len());
    (compiled.plan, found)
}

fn plan() -> Plan {
    let (plan, found) = compile(BASE);
    assert!(found.list().is_empty(), "{}", found.render(false));
    plan
}

pub(crate) fn service(plan: &Plan, name: &str) -> ServiceId {
    let mut services = plan.services.iter();
    ServiceId::from_index(services.position(|one| one.name == name).unwrap())
}

/// The regions of a client of a service, by the first letter of each.
pub(crate) fn preference(plan: &Plan, name: &str, client: &str) -> String {
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
        // A network of clients who have no law in common is given nothing.
        let is_nobodys = class.fence == JurisdictionSet::EMPTY;
        assert_eq!(class.preference.is_empty(), is_nobodys, "{class:?}");
        for region in &class.preference {
            let law = plan.regions[region.index()].jurisdiction;
            assert!(class.fence.contains(law), "{class:?}");
        }
    }
    let open = &plan.maps[plan.services[service(&plan, "home").index()].map.index()];
    let everywhere = |class: &waypost::plan::Class| class.fence == JurisdictionSet::EVERYWHERE;
    assert!(open.classes.iter().all(everywhere));
}

/// Singapore may use Canada, and Canada the EEA: that is no agreement of Singapore with the EEA.
#[test]
fn agreements_widen_the_fence_and_are_not_passed_on() {
    let text = BASE
        .replace("[\"CA\"] }", "[\"CA\"], may_use = [\"EEA\"] }")
        .replace("[\"SG\"] }", "[\"SG\"], may_use = [\"CA\"] }");
    let (plan, found) = compile(&text);
    assert!(found.list().is_empty(), "{}", found.render(false));
    let cases = [
        ("198.51.100.1", "fist", "fi"),
        // From Toronto Iceland is nearer than Frankfurt; Singapore comes last by any measure.
        ("198.51.100.33", "tifs", "tif"),
        // Without the agreement Singapore's list is `sfit`.
        ("198.51.100.65", "stfi", "st"),
    ];
    for (client, prefer, strict) in cases {
        assert_eq!(preference(&plan, "home", client), prefer, "prefer {client}");
        assert_eq!(preference(&plan, "data", client), strict, "strict {client}");
    }
}

/// A jurisdiction without an endpoint of its own can be served by agreement alone.
#[test]
fn a_jurisdiction_may_live_on_its_agreements() {
    let law = "BR = { countries = [\"BR\"], may_use = [\"CA\"] }\n[regions.frankfurt]";
    let (plan, found) = compile(&BASE.replace("[regions.frankfurt]", law));
    assert!(found.list().is_empty(), "{}", found.render(false));
    assert_eq!(preference(&plan, "data", "198.51.100.97"), "t");
}

#[test]
fn built_in_lists_are_countries_of_a_jurisdiction() {
    let cases = [
        ("@EEA", "NO", "CH", 30),
        ("@EU", "DE", "NO", 27),
        ("@EU-CONTINENT", "CH", "US", 40),
        ("@AF", "NA", "DE", 40),
        ("@AN", "AQ", "AR", 3),
        ("@AS", "SG", "AU", 40),
        ("@NA", "US", "BR", 30),
        ("@OC", "AU", "SG", 20),
        ("@SA", "BR", "US", 10),
    ];
    for (list, member, stranger, least) in cases {
        let countries = countries_of(list);
        assert!(countries.contains(&member.to_owned()), "{list}");
        assert!(!countries.contains(&stranger.to_owned()), "{list}");
        assert!(countries.len() >= least, "{list}: {}", countries.len());
    }
}

/// The countries of a jurisdiction that is one built-in list, in a config with nothing else of law.
fn countries_of(list: &str) -> Vec<String> {
    let (before, rest) = BASE.split_once("[jurisdictions]").unwrap();
    let (_, after) = rest.split_once("[regions.frankfurt]").unwrap();
    let law = format!("[jurisdictions]\nonly = {{ countries = [\"{list}\"] }}\n");
    let text = format!("{before}{law}[regions.frankfurt]{after}");
    let text = text.replace("\"EEA\"", "\"only\"");
    let text = text.replace("jurisdiction = \"CA\"\n", "");
    let (plan, _) = compile(&text.replace("jurisdiction = \"SG\"\n", ""));
    let countries = plan.jurisdictions[0].countries.iter();
    countries.map(ToString::to_string).collect()
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
        plan.services[id.index()].pools[0][0].tiers[0]
            .cohort_order
            .clone()
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
            "web/192.0.2.11:80/api.example.org",
            "port/192.0.2.11:5432/",
            "web/192.0.2.12:80/api.example.org",
            "port/192.0.2.12:5432/",
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
fn the_policy_is_what_clients_are_told_and_nothing_else() {
    let of = |text: &str| compile(text).0.policy;
    let policy = of(BASE);
    let server = "[server]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]";
    for (from, to) in [
        (
            server,
            "[server]\nlisten = [\"127.0.0.2:0\"]\nidentity = \"two\"\nthreads = 3",
        ),
        ("[geo]", "[control]\nlisten = \"127.0.0.1:0\"\n\n[geo]"),
        ("[regions.toronto]", "# a comment\n\n[regions.toronto]"),
        ("weight = 300", "weight = 0x12C"),
        ("weight = 300", "weight = 300\ntier = 1"),
    ] {
        assert!(BASE.contains(from), "{from}");
        assert_eq!(of(&BASE.replace(from, to)), policy, "{from} -> {to}");
    }
    for (from, to) in [
        ("[server]", "[server]\ncohort_key = \"secret\""),
        ("weight = 300", "weight = 301"),
        ("fallback = [\"singapore\"]", "fallback = [\"toronto\"]"),
        ("serves = [\"EU\", ", "serves = [\"EU\", \"country:CL\", "),
        ("\"192.0.2.10\"", "\"192.0.2.110\""),
        (
            "\"198.51.100.0/27\" = \"DE\"",
            "\"198.51.100.0/27\" = \"AT\"",
        ),
        ("default = [\"toronto\"]", "default = [\"frankfurt\"]"),
        (
            "EEA = { countries = [\"@EEA\"] }",
            "EEA = { countries = [\"@EEA\", \"CH\"] }",
        ),
        ("[monitors.web]", "[monitors.web]\nfall_consecutive = true"),
        ("[monitors.web]", "[monitors.web]\nfall = 7"),
        ("[geo]", "[guard]\ndoubt = \"81%\"\n[geo]"),
        ("[services.home]", "[services.home]\nanswers = 2"),
        (
            "[services.home]",
            "[services.home]\naddresses_down = \"endpoint\"",
        ),
    ] {
        assert!(BASE.contains(from), "{from}");
        assert_ne!(of(&BASE.replace(from, to)), policy, "{from} -> {to}");
    }
}

#[test]
fn several_addresses_leave_alone_unless_something_is_said_or_guarded() {
    let modes = |text: &str| {
        let plan = compile(text).0;
        let own = plan
            .targets
            .iter()
            .filter(|one| one.key.starts_with("fra-b/v4/"));
        let modes: Vec<AddressesDown> = own.map(|one| one.addresses_down).collect();
        assert!(!modes.is_empty());
        modes
    };
    let all = |text: &str, mode| assert!(modes(text).iter().all(|one| *one == mode), "{text}");
    all(BASE, AddressesDown::Address);
    let endpoint = "name = \"fra-b\"\naddresses_down = \"endpoint\"";
    all(
        &BASE.replace("name = \"fra-b\"", endpoint),
        AddressesDown::Endpoint,
    );
    let service = "[services.api]\naddresses_down = \"endpoint\"";
    let of_service = modes(&BASE.replace("[services.api]", service));
    assert!(of_service.contains(&AddressesDown::Endpoint));
    assert!(of_service.contains(&AddressesDown::Address));
    for guard in [
        "gate = \"web\"",
        "gate = \"approve\"",
        "failback = \"manual\"",
    ] {
        let text = format!("[recoveries.default]\n{guard}\n[services.home]");
        all(
            &BASE.replace("[services.home]", &text),
            AddressesDown::Endpoint,
        );
    }
    let single = compile(BASE).0;
    let single = single
        .targets
        .iter()
        .filter(|one| one.key.starts_with("fra-a/"));
    assert!(
        single
            .into_iter()
            .all(|one| one.addresses_down == AddressesDown::Endpoint)
    );
}

#[test]
fn one_address_of_two_endpoints_is_one_slot() {
    let plan = compile(&BASE.replace("\"192.0.2.13\"", "\"192.0.2.10\"")).0;
    let mut watched: Vec<(std::net::SocketAddr, usize, &str)> = plan
        .slots
        .iter()
        .map(|slot| (slot.address, slot.monitor.index(), &*slot.host))
        .collect();
    watched.sort();
    let count = watched.len();
    watched.dedup();
    assert_eq!(watched.len(), count, "nothing is asked twice");
    let slots = |name: &str| {
        let target = plan.targets.iter().find(|one| one.key.starts_with(name));
        target.unwrap().slots.clone()
    };
    assert_eq!(slots("fra-a/v4/"), slots("fra-c/v4/"));
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
    assert_eq!(gate.key, "web/192.0.2.40:80/home.example.org");
    assert_eq!(plan.recoveries[0].steps, [Permille(5), Permille(1000)]);
}

#[test]
fn capacities_and_demands_are_planned_with() {
    let text = BASE
        .replace("serves = [\"EU\"", "capacity = 5000\nserves = [\"EU\"")
        .replace("name = \"tor-a\"", "name = \"tor-a\"\ncapacity = 3000")
        .replace(
            "[services.home]",
            "demand = { toronto = 300, frankfurt = 800 }\noverload = \"shed-last\"\n[services.home]\ndemand = 1200",
        )
        .replace("[services.few]", "demand = \"observed\"\noverload = \"stay\"\n[services.few]");
    let (plan, found) = compile(&text);
    let messages: Vec<String> = found.list().into_iter().map(|one| one.message).collect();
    assert_eq!(messages.len(), 1, "{}", found.render(false));
    assert!(messages[0].starts_with("capacity is planned without what "));
    let regions: Vec<_> = plan.regions.iter().map(|one| one.capacity).collect();
    assert_eq!(regions, [Some(5000), None, None, None]);
    let endpoints: Vec<_> = plan.endpoints.iter().map(|one| one.capacity).collect();
    assert_eq!(endpoints, [None, None, None, Some(3000), None, None]);
    let of = |name: &str| {
        let service = &plan.services[service(&plan, name).index()];
        (service.demand.clone(), service.overload)
    };
    let by_region = vec![(RegionId(0), 800), (RegionId(1), 300)];
    assert_eq!(of("api"), (Demand::ByRegion(by_region), Overload::ShedLast));
    assert_eq!(of("home"), (Demand::Whole(1200), Overload::Spread));
    assert_eq!(of("data"), (Demand::Observed, Overload::Stay));
    assert_eq!(of("few"), (Demand::Unstated, Overload::Spread));
}

#[test]
fn recoveries_say_who_and_what_a_return_waits_for() {
    let text = BASE.replace(
        "[services.home]",
        "[recoveries.one]\ngate = [\"web\", \"approve\", \"port\"]\nfailback_delay = \"10m\"\n\
         damping = { half_life = \"20m\", most = 4 }\n\
         [recoveries.two]\nfailback = \"manual\"\ndamping = { most = 1 }\n\
         [recoveries.three]\ngate = \"approve\"\nfailback = \"manual\"\n\
         [recoveries.four]\nfailback = \"automatic\"\n[services.home]",
    );
    let (plan, _) = compile(&text);
    let names = |index: usize| -> Vec<&str> {
        let gates = plan.recoveries[index].gates.iter();
        gates.map(|one| &*plan.monitors[one.index()].name).collect()
    };
    assert_eq!(names(0), ["web", "port"]);
    assert_eq!((names(1), names(2)), (vec![], vec![]));
    let approval: Vec<Approval> = plan.recoveries.iter().map(|one| one.approval).collect();
    let (needed, none) = (Approval::Needed, Approval::Automatic);
    assert_eq!(approval, [needed, needed, needed, none, none]);
    let delays: Vec<Span> = plan.recoveries.iter().map(|one| one.delay).collect();
    let mut expected = [Span::ZERO; 5];
    expected[0] = Span::from_secs(600);
    assert_eq!(delays, expected);
    let damping = |half_life, most| DampingPolicy {
        half_life: Span::from_secs(half_life),
        most,
    };
    let found: Vec<_> = plan.recoveries.iter().map(|one| one.damping).collect();
    let usual = damping(600, 8);
    assert_eq!(
        found,
        [damping(1200, 4), damping(600, 1), usual, usual, usual]
    );
}

#[test]
fn canaries_have_slots_and_a_monitor_of_their_own() {
    let text = BASE.replace(
        "[[zones]]",
        "[guard]\ncanaries = [\"203.0.113.9:443\", \"[2001:db8:9::1]:53\"]\n\
         max_ejected_at_once = \"30%\"\nejection_interval = \"5m\"\n\
         max_moved = \"10%\"\nlosses = \"report\"\n[[zones]]",
    );
    let (plan, found) = compile(&text);
    assert!(found.list().is_empty(), "{}", found.render(false));
    let slots = plan.canaries.iter().map(|id| &plan.slots[id.index()]);
    let slots: Vec<_> = slots.map(|one| (&*one.key, one.endpoint)).collect();
    assert_eq!(
        slots,
        [
            ("canary/203.0.113.9:443", None),
            ("canary/[2001:db8:9::1]:53", None)
        ]
    );
    let slot = &plan.slots[plan.canaries[1].index()];
    assert_eq!(slot.address, "[2001:db8:9::1]:53".parse().unwrap());
    let monitor = &plan.monitors[slot.monitor.index()];
    assert_eq!(monitor.name, "canary");
    assert!(matches!(monitor.check, Check::Tcp(_)));
    let pace = (monitor.interval, monitor.near_interval, monitor.timeout);
    assert_eq!(pace, (Span(5000), Span(1000), Span(2000)));
    assert_eq!((monitor.fall, monitor.rise), (2, 5));
    assert!(plan.targets.iter().all(|one| {
        let slots = one.slots.iter().chain(&one.gate);
        slots.clone().all(|slot| !plan.canaries.contains(slot))
    }));
    let guard = &plan.guard;
    assert_eq!(guard.max_ejected_at_once, Permille(300));
    assert_eq!(guard.ejection_interval, Span::from_secs(300));
    assert_eq!(
        (guard.max_moved, guard.losses),
        (Permille(100), Losses::Report)
    );
    let without = self::plan();
    assert_eq!((without.monitors.len(), without.canaries.len()), (2, 0));
}

#[test]
fn postgres_monitors_read_their_password_and_bounds() {
    let monitor = |keys: &str, password: &[u8]| -> Result<(u16, PostgresCheck), String> {
        let text = format!("[monitors.port]\ntype = \"postgres\"\nuser = \"probe\"\n{keys}\n");
        let text = BASE.replace("[monitors.port]\ntype = \"tcp\"\nport = 5432\n", &text);
        let (spec, found) = config::read(Path::new("/etc/config.toml"), &text);
        let files: Files = [
            ("/etc/example.org.zone", ZONE.as_bytes()),
            ("/etc/pg.password", password),
        ]
        .map(|(path, bytes)| (PathBuf::from(path), Ok(Arc::from(bytes))))
        .into();
        let (compiled, _) = config::compile(&spec, found, &files).map_err(|found| {
            let list = found.list();
            list.into_iter().map(|one| one.message).collect::<String>()
        })?;
        let plan = compiled.plan;
        let Check::Postgres(check) = &plan.monitors[1].check else {
            panic!("{:?}", plan.monitors[1].check);
        };
        Ok((plan.monitors[1].port, check.clone()))
    };
    let (port, least) = monitor("max_lag = \"10s\"", b"").unwrap();
    assert_eq!((port, &*least.database), (5432, "probe"));
    assert_eq!((least.password, least.primary), (None, None));
    assert_eq!(least.max_lag, Some(Span(10_000)));
    assert_eq!(least.max_lag_bytes, None);
    let keys = "port = 5433\npassword_file = \"pg.password\"\ndatabase = \"app\"\n\
                primary = \"[2001:db8::1]:5434\"\nmax_lag = { bytes = \"16MB\" }";
    let (port, most) = monitor(keys, b"se cret\r\n").unwrap();
    assert_eq!((port, &*most.user, &*most.database), (5433, "probe", "app"));
    assert_eq!(most.password, Some(Secret("se cret".to_owned())));
    assert!(!format!("{most:?}").contains("cret\""), "{most:?}");
    assert_eq!(most.primary, Some(("2001:db8::1".to_owned(), 5434)));
    assert_eq!(most.max_lag, None);
    assert_eq!(most.max_lag_bytes, Some(16_000_000));
    for (password, message) in [
        (&b"\n"[..], "`pg.password` holds no password"),
        (b"\xff", "`pg.password` is not UTF-8 text"),
    ] {
        assert_eq!(monitor(keys, password).unwrap_err(), message);
    }
}

/// A restart must not fail for a decision that nobody took so far.
#[test]
fn an_unsettled_fence_gives_the_plan_that_it_gave_before() {
    let (settled, _) = compile(BASE);
    let (plan, found) = compile(&BASE.replace("unknown = \"any\"\n", ""));
    assert!(found.has_unsettled() && !found.has_errors());
    assert_eq!(preference(&plan, "data", "203.0.113.200"), "tfsi");
    let unknown = |plan: &Plan| plan.services[service(plan, "data").index()].unknown;
    assert_eq!(unknown(&plan), unknown(&settled));
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
    let (compiled, found) = config::compile(&spec, found, &files)
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    assert!(found.list().is_empty(), "{}", found.render(false));
    let plan = compiled.plan;
    assert_eq!((plan.regions.len(), plan.endpoints.len()), (4, 8));
    let loopback = |one: &waypost::plan::Slot| one.address.ip().is_loopback();
    assert!(plan.slots.iter().all(loopback));
    assert!(plan.server.listen.iter().all(|one| one.ip().is_loopback()));
    assert_eq!(preference(&plan, "billing", "192.0.2.1"), "e");
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
        old.shrinks_to(&next, [&[], &[]])
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
