//! Discovered endpoints compiled with a config: where they stand, whose law holds, what two nodes compare, what is told of them.
use std::path::Path;
use std::sync::Arc;

use waypost::audit::verify::{Verdict, verify};
use waypost::config::{self, Files};
use waypost::discovery::{DiscoveredEndpoint, DiscoveredLists, json_list};
use waypost::plan::Plan;

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
[geo]
database = "embedded"
overrides = { "192.0.2.0/24" = "DE", "198.51.100.0/24" = "US", "203.0.113.0/24" = "JP" }
[[zones]]
name = "example.org"
file = "zones/good.zone"
[jurisdictions]
EEA = { countries = ["@EEA"] }
US = { countries = ["US"] }
[regions.eu]
location = [50.11, 8.68]
jurisdiction = "EEA"
[[regions.eu.endpoints]]
name = "stated"
provider = "acme"
addresses = ["192.0.2.1"]
[regions.us]
location = [40.71, -74.01]
jurisdiction = "US"
[[regions.us.endpoints]]
name = "stated-us"
provider = "acme"
addresses = ["198.51.100.1"]
[services.api]
hostnames = ["api.example.org"]
monitors = []
residency = "strict"
outside = "any"
unknown = "any"
[discovery.web]
file = "nodes.json"
region = "eu"
provider = "hetzner"
tier = 2
probe_port = true
"#;

fn compiled(text: &str, lists: &DiscoveredLists) -> Result<Arc<Plan>, String> {
    let path = Path::new("tests/config/config.toml");
    let (mut spec, found) = config::read(path, text);
    spec.add_discovered(lists);
    let mut files = Files::new();
    loop {
        let wanted = spec.files(&files);
        if wanted.is_empty() {
            break;
        }
        files.extend(wanted.into_iter().map(|path| {
            let octets = std::fs::read(&path).unwrap();
            (path, Ok(octets.into()))
        }));
    }
    files.discovered = Arc::new(lists.clone());
    let compiled = config::compile(&spec, found, &files);
    let compiled = compiled.map_err(|found| found.render(false))?;
    Ok(Arc::new(compiled.0.plan))
}

fn lists(text: &str) -> DiscoveredLists {
    DiscoveredLists([("web".to_owned(), json_list(text.as_bytes()).unwrap())].into())
}

fn obstacle(plan: &Arc<Plan>, address: &str) -> Option<String> {
    let rules = plan.discoveries[0].rules(plan);
    (rules.admission.0)(&DiscoveredEndpoint {
        addresses: vec![address.parse().unwrap()],
        ..DiscoveredEndpoint::default()
    })
}

#[test]
fn discovered_endpoints_stand_where_the_config_says_and_nowhere_else() {
    let bare = compiled(CONFIG, &DiscoveredLists::default()).unwrap();
    let text = r#"[{"address": "192.0.2.9", "port": 8443, "weight": 7, "region": "us", "provider": "x", "tier": 1, "jurisdiction": "US"},
        {"hostname": "edge.example.net"}]"#;
    let plan = compiled(
        &CONFIG.replace("tier = 2", "tier = 2\njurisdiction = \"EEA\""),
        &lists(text),
    )
    .unwrap();
    let own = |name: &str| {
        plan.endpoints
            .iter()
            .position(|own| own.name == name)
            .unwrap()
    };
    let first = &plan.endpoints[own("web-192.0.2.9-8443")];
    assert_eq!(
        (&*first.provider, first.tier, first.weight),
        ("hetzner", 2, 7)
    );
    assert_eq!(plan.regions[first.region.index()].name, "eu");
    let named = &plan.endpoints[own("web-edge.example.net")];
    assert_eq!(
        (named.tier, named.weight, named.named.is_some()),
        (2, 100, true)
    );
    let ids = plan.discoveries[0].endpoints.iter();
    let names: Vec<&str> = ids.map(|id| &*plan.endpoints[id.index()].name).collect();
    assert_eq!(names, ["web-192.0.2.9-8443", "web-edge.example.net"]);
    assert!(bare.discoveries[0].endpoints.is_empty());
    assert_eq!(verify(&plan).result, Verdict::Proved);
    // A name without a word of whose law holds behind it does not go into a strict fence, as in a file.
    let refused = compiled(CONFIG, &lists(text)).unwrap_err();
    assert!(refused.contains("[discovery.web]"), "{refused}");
    // Nodes discover at times of their own: lists make another plan, and not another policy.
    let other = compiled(CONFIG, &lists(r#"["192.0.2.8"]"#)).unwrap();
    assert_ne!(other.digest, bare.digest);
    assert_eq!(other.policy, bare.policy);
    let elsewhere = CONFIG.replace("region = \"eu\"", "region = \"us\"");
    assert_ne!(
        compiled(&elsewhere, &DiscoveredLists::default())
            .unwrap()
            .policy,
        bare.policy
    );
}

#[test]
fn an_address_under_another_law_is_not_admitted_unless_the_config_vouches_for_it() {
    let plan = compiled(CONFIG, &DiscoveredLists::default()).unwrap();
    // Japan has no jurisdiction here that the config would hold against it.
    for address in ["192.0.2.9", "203.0.113.9"] {
        assert_eq!(obstacle(&plan, address), None, "{address}");
    }
    for (address, reason) in [
        (
            "198.51.100.9",
            "is in US, of jurisdiction US; region eu is of EEA",
        ),
        (
            "::ffff:198.51.100.9",
            "is in US, of jurisdiction US; region eu is of EEA",
        ),
        ("10.1.2.3", "is a private address"),
        ("127.0.0.1", "is a private address"),
        ("224.0.0.1", "nobody can be sent to"),
        ("0.0.0.0", "nobody can be sent to"),
    ] {
        let found = obstacle(&plan, address).unwrap_or_default();
        assert!(found.contains(reason), "{address}: {found}");
    }
    let vouched = CONFIG.replace(
        "tier = 2",
        "tier = 2\nnetworks = [\"198.51.100.0/28\", \"10.0.0.0/8\"]",
    );
    let plan = compiled(&vouched, &DiscoveredLists::default()).unwrap();
    for (address, is_admitted) in [
        ("198.51.100.9", true),
        ("10.1.2.3", true),
        ("198.51.100.99", false),
        ("192.0.2.9", false),
    ] {
        assert_eq!(obstacle(&plan, address).is_none(), is_admitted, "{address}");
    }
}

#[test]
fn a_list_that_takes_a_name_of_the_config_is_refused() {
    let taken = CONFIG.replace("name = \"stated\"", "name = \"web-192.0.2.9\"");
    let refused = compiled(&taken, &lists(r#"["192.0.2.9"]"#)).unwrap_err();
    assert!(
        refused.contains("a second endpoint `web-192.0.2.9`"),
        "{refused}"
    );
}
