//! Machines that are known by name, as a plan has them: whatever addresses they have, it is the same machine.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use waypost::config::{self, Files};
use waypost::dns::Name;
use waypost::names::KnownNames;
use waypost::plan::{AddressesDown, Plan};
use waypost::table;

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
[[zones]]
name = "example.org"
file = "example.org.zone"
[jurisdictions]
EEA = { countries = ["@EEA"] }
CA = { countries = ["CA"] }
[regions.frankfurt]
location = [50.11, 8.68]
jurisdiction = "EEA"
[[regions.frankfurt.endpoints]]
name = "cdn"
provider = "cdn-a"
hostname = "edge.cdn.test"
jurisdiction = "EEA"
[[regions.frankfurt.endpoints]]
name = "own"
provider = "us"
tier = 2
addresses = ["192.0.2.10"]
[regions.toronto]
location = [43.65, -79.38]
jurisdiction = "CA"
[[regions.toronto.endpoints]]
name = "tor"
provider = "us"
addresses = ["192.0.2.20"]
[monitors.web]
type = "http"
path = "/"
[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
residency = "strict"
unknown = "any"
"#;

const ZONE: &[u8] = b"$TTL 60\n@ SOA ns m 1 2 3 4 5\n@ NS ns.example.net.\n";

/// A config with what it is compiled from.
struct Compiled {
    spec: config::Spec,
    files: Files,
    plan: Plan,
}

fn compiled(text: &str, addresses: &[&str]) -> Compiled {
    let (spec, found) = config::read(Path::new("config.toml"), text);
    let mut files = Files::from([("example.org.zone".into(), Ok(ZONE.into()))]);
    files.names = known(addresses);
    let compiled = config::compile(&spec, found, &files);
    let (compiled, _) = compiled.unwrap_or_else(|found| panic!("{}", found.render(false)));
    Compiled {
        plan: compiled.plan,
        spec,
        files,
    }
}

fn known(addresses: &[&str]) -> Arc<KnownNames> {
    let name = Name::parse("edge.cdn.test").unwrap();
    let addresses: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
    let all = if addresses.is_empty() {
        BTreeMap::new()
    } else {
        BTreeMap::from([(name, addresses)])
    };
    Arc::new(KnownNames::of(all))
}

fn keys(plan: &Plan) -> Vec<&str> {
    let targets = plan.targets.iter();
    let own = targets.filter(|own| plan.endpoints[own.endpoint.index()].named.is_some());
    own.map(|own| own.key.as_str()).collect()
}

#[test]
fn a_plan_with_other_addresses_is_the_one_that_is_compiled_with_them() {
    let lists: [&[&str]; 4] = [
        &[],
        &["192.0.2.1"],
        &["192.0.2.1", "192.0.2.2", "2001:db8::1"],
        &["2001:db8::1"],
    ];
    for before in lists {
        let Compiled {
            spec,
            mut files,
            plan,
        } = compiled(CONFIG, before);
        for after in lists {
            files.names = known(after);
            let next = config::readdress(&spec, &files, &plan).unwrap();
            let expected = compiled(CONFIG, after).plan;
            assert_eq!(
                format!("{next:?}"),
                format!("{expected:?}"),
                "{before:?} {after:?}"
            );
            assert_eq!((next.digest, next.policy), (plan.digest, plan.policy));
        }
    }
}

#[test]
fn health_is_that_of_the_machine_whatever_addresses_it_has() {
    let one = compiled(CONFIG, &["192.0.2.1"]).plan;
    let two = compiled(CONFIG, &["192.0.2.2", "192.0.2.3"]).plan;
    assert_eq!(keys(&one), keys(&two));
    for said in [
        "addresses_down = \"address\"",
        "addresses_down = \"endpoint\"",
        "serve = \"all\"",
    ] {
        let text = CONFIG.replace("hostname = ", &format!("{said}\nhostname = "));
        let one = compiled(&text, &["192.0.2.1"]).plan;
        let two = compiled(&text, &["192.0.2.2", "192.0.2.3"]).plan;
        assert_eq!(keys(&one), keys(&two), "{said}");
    }
}

#[test]
fn each_address_is_probed_or_one_for_all_of_them() {
    let many = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    let slots = |plan: &Plan| {
        let own = plan.targets.iter().find(|own| own.key.starts_with("cdn/"));
        let own = own.unwrap();
        (own.slots.len(), own.addresses_down)
    };
    assert_eq!(
        slots(&compiled(CONFIG, &many).plan),
        (3, AddressesDown::Stay)
    );
    let by_name = CONFIG.replace("hostname = ", "probe = { by = \"name\" }\nhostname = ");
    assert_eq!(
        slots(&compiled(&by_name, &many).plan),
        (1, AddressesDown::Endpoint)
    );
}

#[test]
fn the_fence_is_proved_for_addresses_that_nobody_knows_and_rests_on_what_is_stated() {
    let Compiled { plan, .. } = {
        let (spec, found) = config::read(Path::new("config.toml"), CONFIG);
        let files = Files::from([("example.org.zone".into(), Ok(ZONE.into()))]);
        let (compiled, _) = config::compile(&spec, found, &files).unwrap();
        Compiled {
            plan: compiled.plan,
            spec,
            files,
        }
    };
    assert!(plan.endpoints[0].named.as_ref().unwrap().assumed);
    let proof = waypost::audit::verify::verify(&Arc::new(plan));
    let text = proof.to_string();
    assert!(text.starts_with("proved"), "{text}");
    let line = "api: all that `edge.cdn.test` (cdn) can lead to is in EEA";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_name_that_has_no_address_is_in_no_pool_and_nothing_is_denied_for_it() {
    let without = compiled(CONFIG, &[]).plan;
    assert!(without.services[0].is_unresolved);
    assert!(keys(&without).is_empty());
    let with = compiled(CONFIG, &["192.0.2.1"]).plan;
    assert!(!with.services[0].is_unresolved);
    assert_eq!(keys(&with).len(), 1, "of the family that it has");
}

#[test]
fn other_addresses_are_other_answers_to_sign_and_those_that_stay_are_the_same() {
    let text = CONFIG.replace(
        "\"example.org.zone\"\n",
        "\"example.org.zone\"\ndnssec = { keys = \"keys\" }\n",
    );
    let text = text.replace(
        "hostname = \"edge.cdn.test\"\n",
        "hostname = \"edge.cdn.test\"\nflatten = true\n",
    );
    let one = table::variants(&compiled(&text, &["192.0.2.1"]).plan).unwrap();
    let two = table::variants(&compiled(&text, &["192.0.2.2"]).plan).unwrap();
    let [before, after] = [&one[0].answers[0], &two[0].answers[0]];
    assert_eq!((before.len(), after.len()), (3, 3));
    let same = before.iter().filter(|own| after.contains(own)).count();
    assert_eq!(same, 2, "only the answer of the name is another");
}
