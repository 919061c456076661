//! Parts of countries in claims, laws, overrides and explanations, and AS numbers out of a file of their own.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use waypost::audit::verify::verify;
use waypost::base::{JurisdictionId, JurisdictionSet};
use waypost::config::{self, Diagnostics, Files};
use waypost::plan::Plan;

use crate::mmdb;
use crate::plans::{preference, service};

const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/// Two regions of different law in one country, and one elsewhere.
const TEXT: &str = r#"
[server]
listen = ["127.0.0.1:0"]
[geo]
database = "places.mmdb"
asn_database = "systems.mmdb"
overrides = { "203.0.113.0/24" = "us-ca" }
[[zones]]
name = "example.org"
file = "example.org.zone"
[jurisdictions]
CCPA = { countries = ["US-CA"] }
US = { countries = ["US"] }
[regions.west]
location = [37.77, -122.42]
jurisdiction = "CCPA"
serves = ["US-CA", "US-OR"]
[[regions.west.endpoints]]
name = "w"
provider = "p"
addresses = ["192.0.2.10"]
[regions.east]
location = [38.9, -77.4]
jurisdiction = "US"
serves = ["US"]
[[regions.east.endpoints]]
name = "e"
provider = "p"
addresses = ["192.0.2.20"]
[regions.frankfurt]
location = [50.11, 8.68]
serves = ["AS64500"]
[[regions.frankfurt.endpoints]]
name = "f"
provider = "p"
addresses = ["192.0.2.30"]
[monitors.web]
type = "http"
[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
[services.data]
hostnames = ["data.example.org"]
monitors = ["web"]
residency = "strict"
unknown = "any"
"#;

fn part(code: &str) -> Value {
    json!({"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": code}]})
}

/// California, New York, Oregon, nobody knows where in the country, Ontario.
fn places() -> Vec<(&'static str, Value)> {
    vec![
        ("198.51.100.0/27", part("CA")),
        ("198.51.100.32/27", part("NY")),
        ("198.51.100.64/27", part("OR")),
        ("198.51.100.96/27", json!({"country": "US"})),
        (
            "198.51.100.128/27",
            json!({"country": {"iso_code": "CA"}, "subdivisions": [{"iso_code": "ON"}]}),
        ),
    ]
}

fn compile(
    text: &str,
    places: &[(&str, Value)],
    systems: &Value,
) -> Result<(Plan, Diagnostics), Diagnostics> {
    let (spec, found) = config::read(Path::new("/etc/config.toml"), text);
    let file =
        |entries: &[(&str, Value)]| Ok(Arc::from(mmdb::write(entries, &mmdb::Options::default())));
    let systems = [("198.51.100.0/30", systems.clone())];
    let files = Files::from([
        (
            PathBuf::from("/etc/example.org.zone"),
            Ok(ZONE.as_bytes().into()),
        ),
        (PathBuf::from("/etc/places.mmdb"), file(places)),
        (PathBuf::from("/etc/systems.mmdb"), file(&systems)),
    ]);
    let compiled = config::compile(&spec, found, &files);
    compiled.map(|(compiled, found)| (compiled.plan, found))
}

fn system() -> Value {
    json!({"autonomous_system_number": 64500})
}

fn plan() -> Plan {
    let (plan, found) = compile(TEXT, &places(), &system())
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    assert!(!found.has_unsettled(), "{}", found.render(false));
    plan
}

fn fence(plan: &Plan, client: &str) -> JurisdictionSet {
    let id = service(plan, "data");
    plan.class(id, plan.classify(id, client.parse().unwrap()).class)
        .fence
}

#[test]
fn a_part_of_a_country_goes_before_the_whole() {
    let plan = plan();
    for (client, regions) in [
        // By its AS number, which is in the other file.
        ("198.51.100.1", "fwe"),
        ("198.51.100.5", "wef"),
        ("198.51.100.33", "ewf"),
        ("198.51.100.65", "wef"),
        ("198.51.100.97", "ewf"),
        // By override.
        ("203.0.113.1", "wef"),
    ] {
        assert_eq!(preference(&plan, "api", client), regions, "{client}");
    }
}

#[test]
fn a_law_may_be_that_of_a_part() {
    let plan = plan();
    let only = |id| JurisdictionSet::EMPTY.with(Some(JurisdictionId(id)));
    for (client, fenced) in [
        ("198.51.100.5", only(0)),
        ("203.0.113.1", only(0)),
        ("198.51.100.33", only(1)),
        ("198.51.100.97", only(1)),
    ] {
        assert_eq!(fence(&plan, client), fenced, "{client}");
    }
    assert_eq!(fence(&plan, "198.51.100.129"), JurisdictionSet::EVERYWHERE);
}

#[test]
fn the_proof_finds_a_fence_that_forgets_a_part() {
    let holds = |plan: Plan| verify(&Arc::new(plan)).counterexamples.is_empty();
    assert!(holds(plan()));
    let mut plan = plan();
    plan.jurisdictions[0].subdivisions.clear();
    assert!(!holds(plan));
}

#[test]
fn a_part_is_in_one_jurisdiction() {
    let text = TEXT.replace("[\"US\"] }", "[\"US\", \"US-CA\"] }");
    let found = compile(&text, &places(), &system()).unwrap_err();
    let found = found.render(false);
    assert!(found.contains("US-CA is in two jurisdictions"), "{found}");
    let text = TEXT.replace("\"US-OR\"", "\"US-OREGON\"");
    let found = compile(&text, &places(), &system())
        .unwrap_err()
        .render(false);
    assert!(
        found.contains("`US-OREGON` is not a part of a country"),
        "{found}"
    );
}

#[test]
fn parts_that_the_database_does_not_know_are_told() {
    let coarse = [("198.51.100.0/24", json!({"country": "US"}))];
    let text = TEXT.replace("overrides = { \"203.0.113.0/24\" = \"us-ca\" }", "");
    let (_, found) = compile(&text, &coarse, &system()).unwrap();
    let found = found.render(false);
    for words in [
        "US-CA never matches: the geo database knows no parts of countries",
        "no client is ever found in US-CA",
    ] {
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn a_file_without_numbers_is_refused() {
    let found = compile(TEXT, &places(), &json!({"country": "US"})).unwrap_err();
    let found = found.render(false);
    assert!(
        found.contains("`systems.mmdb` knows no AS numbers"),
        "{found}"
    );
}

#[test]
fn an_explanation_names_the_part() {
    let plan = Arc::new(plan());
    let (place, _) = plan.atlas.find("198.51.100.33".parse().unwrap());
    assert_eq!(place.territory().unwrap().to_string(), "US-NY");
}
