//! Files that are cut off: no beginning of a config, cut at any place, takes anything away unseen that protects.
//!
//! What protects is read here out of the TOML by itself, as a set of facts, and by asking the plan where clients are sent;
//! neither knows how plans are compared. Each table of a config stands last once, so that each is cut within.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use toml::Value;
use waypost::audit::weaken::{Decisions, weakened};
use waypost::base::{Permille, RegionId, ServiceId};
use waypost::config::{self, Compiled, Files};
use waypost::plan::ZoneSize;

use crate::mmdb;
use crate::policy::PLACES;

const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 7 3600 900 1209600 300\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/// Everything that protects, each with another value than its default.
const GUARDED: &str = r#"
[server]
listen = ["127.0.0.1:0"]
state = "kept"
cohort_key = "one"
amplification = 20
[server.cookies]
secrets = ["000102030405060708090a0b0c0d0e0f"]
[server.rate_limit]
responses_per_second = 20
errors_per_second = 5
ipv4_prefix = 20
window = "30s"

[geo]
database = "test.mmdb"
[geo.overrides]
"198.51.100.0/24" = "DE"

[guard]
doubt = "70%"
max_ejected = "50%"
max_ejected_at_once = "30%"
ejection_interval = "2m"
max_shrink = "20%"
max_shrink_watched = "5%"
max_moved = "40%"
canaries = ["192.0.2.201:443", "192.0.2.202:443"]

[[zones]]
name = "example.net"
file = "example.net.zone"
primaries = ["192.0.2.9:53"]
key = "xfr"
[[zones]]
name = "example.org"
file = "example.org.zone"
[zones.transfer]
to = ["192.0.2.0/24"]
key = "xfr"
[zones.dnssec]
keys = "keys"
denial = "nsec3"
split = true
zsk_lifetime = "30d"
ksk_lifetime = "365d"
propagation = "2h"
parent_ds_ttl = "2d"

[tsig.xfr]
secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I="
algorithm = "hmac-sha512"

[acme.keys.xfr]
names = ["_acme-challenge.www.example.org"]

[jurisdictions]
EEA = { countries = ["@EEA"] }
CA = { countries = ["CA"], may_use = ["EEA"] }
SG = { countries = ["SG"] }

[regions.frankfurt]
location = [50.11, 8.68]
serves = ["EU"]
jurisdiction = "EEA"
capacity = 5000
[[regions.frankfurt.endpoints]]
name = "fra-a"
provider = "acme"
addresses = ["192.0.2.10", "2001:db8:ffff::10"]
capacity = 3000
[[regions.frankfurt.endpoints]]
name = "fra-b"
provider = "bolt"
addresses = ["192.0.2.11"]
tier = 2
[regions.toronto]
location = [43.65, -79.38]
serves = ["NA"]
jurisdiction = "CA"
[[regions.toronto.endpoints]]
name = "tor-a"
provider = "acme"
addresses = ["192.0.2.20"]
[regions.singapore]
location = [1.35, 103.82]
serves = ["AS"]
jurisdiction = "SG"
[[regions.singapore.endpoints]]
name = "sin-a"
provider = "acme"
addresses = ["192.0.2.30"]

[monitors.web]
type = "tcp"
port = 443
[monitors.data]
type = "http"
port = 80
expect_body = "caught up"
path = "/replicated"

[recoveries.careful]
steps = [1, 2, 5, 100]
every = "1h"
failback_delay = "10m"
gate = ["data", "approve"]
[recoveries.gated]
steps = [50, 100]
gate = "data"

[services.api]
hostnames = ["api.example.org", "example.org"]
monitors = ["web"]
recovery = "careful"
residency = "prefer"
all_down = "servfail"
demand = 100
[services.userdata]
hostnames = ["data.example.org"]
recovery = "gated"
monitors = ["web", "data"]
residency = "strict"
outside = ["SG"]
unknown = ["EEA"]
[services.closed]
hostnames = ["closed.example.org"]
monitors = ["web"]
regions = ["frankfurt", "toronto", "singapore"]
residency = "strict"
unknown = ["CA"]
"#;

fn files(zone: &str) -> Files {
    let entries = PLACES.iter();
    let entries =
        entries.map(|(network, country)| (*network, json!({"country": {"iso_code": country}})));
    let entries: Vec<_> = entries.collect();
    let database = mmdb::write(&entries, &mmdb::Options::default());
    let file =
        |name: &str, bytes: Vec<u8>| (PathBuf::from("/etc").join(name), Ok(Arc::from(bytes)));
    Files::from([
        file("test.mmdb", database),
        file("example.org.zone", zone.into()),
    ])
}

/// What a text comes to, if anything.
fn compile(text: &str, files: &Files) -> Option<Compiled> {
    let (spec, found) = config::read(Path::new("/etc/config.toml"), text);
    let mut files = files.clone();
    for wanted in spec.files(&files) {
        files.insert(wanted, Err("no such file".to_owned()));
    }
    let compiled = config::compile(&spec, found, &files);
    compiled.ok().map(|(compiled, _)| compiled)
}

fn policy(compiled: &Compiled) -> Decisions<'_> {
    Decisions {
        plan: &compiled.plan,
        zoning: &compiled.zoning,
    }
}

/// The top-level tables of a config, each with all that belongs to it.
fn tables(text: &str) -> Vec<String> {
    let mut tables: Vec<(String, String)> = Vec::new();
    for line in text.trim_start().lines() {
        let header = line.strip_prefix('[');
        let name = header.map(|header| {
            let name = header.trim_start_matches('[');
            name.split(['.', ']']).next().unwrap().to_owned()
        });
        match (name, tables.last_mut()) {
            (Some(name), last) if last.as_ref().is_none_or(|(own, _)| *own != name) => {
                tables.push((name, format!("{line}\n")));
            }
            (_, Some((_, text))) => text.push_str(&format!("{line}\n")),
            (_, None) => panic!("text before the first table"),
        }
    }
    tables.into_iter().map(|(_, text)| text).collect()
}

/// Facts that protect, as the text says them.
fn facts(text: &str) -> BTreeSet<String> {
    let document: Value = toml::from_str::<toml::Table>(text)
        .map(Value::Table)
        .unwrap();
    let mut facts = BTreeSet::new();
    for key in [
        "state",
        "cohort_key",
        "amplification",
        "cookies",
        "rate_limit",
    ] {
        present(&document, &["server", key], &mut facts);
    }
    for key in ["errors_per_second", "ipv4_prefix", "window"] {
        present(&document, &["server", "rate_limit", key], &mut facts);
    }
    for (key, _) in under(&document, "guard") {
        present(&document, &["guard", &key], &mut facts);
    }
    present(&document, &["geo", "database"], &mut facts);
    zones(&document, &mut facts);
    present(&document, &["tsig", "xfr", "algorithm"], &mut facts);
    regions(&document, &mut facts);
    services(&document, &mut facts);
    facts
}

fn zones(document: &Value, facts: &mut BTreeSet<String>) {
    for zone in list(document.get("zones")) {
        let name = zone["name"].as_str().unwrap();
        facts.insert(format!("zone {name}"));
        for path in [
            &["dnssec"][..],
            &["dnssec", "denial"],
            &["dnssec", "split"],
            &["dnssec", "zsk_lifetime"],
            &["dnssec", "ksk_lifetime"],
            &["dnssec", "propagation"],
            &["dnssec", "parent_ds_ttl"],
            &["transfer"],
            &["transfer", "key"],
            &["primaries"],
            &["key"],
        ] {
            // A key of transfers protects those alone.
            if path != ["key"] || zone.get("primaries").is_some() {
                present_in(zone, name, path, facts);
            }
        }
    }
}

fn regions(document: &Value, facts: &mut BTreeSet<String>) {
    for (name, region) in under(document, "regions") {
        facts.insert(format!("region {name}"));
        present_in(region, &name, &["jurisdiction"], facts);
        present_in(region, &name, &["capacity"], facts);
        for endpoint in list(region.get("endpoints")) {
            let endpoint_name = endpoint["name"].as_str().unwrap();
            present_in(endpoint, endpoint_name, &["capacity"], facts);
        }
    }
}

fn services(document: &Value, facts: &mut BTreeSet<String>) {
    let laws: Vec<String> = under(document, "jurisdictions")
        .map(|(name, _)| name)
        .collect();
    let all: Vec<String> = under(document, "regions")
        .filter(|(_, region)| region.get("endpoints").is_some())
        .map(|(name, _)| name)
        .collect();
    for (name, service) in under(document, "services") {
        facts.insert(format!("service {name}"));
        let words = |key: &str| -> Vec<String> {
            let words = list(service.get(key));
            words
                .iter()
                .map(|one| one.as_str().unwrap().to_owned())
                .collect()
        };
        for hostname in words("hostnames") {
            let mut say = |fact: &str| {
                facts.insert(format!("{hostname}: {fact}"));
            };
            say("steered");
            let residency = service.get("residency").and_then(Value::as_str);
            if residency.is_some() {
                say("prefers its law");
            }
            if residency == Some("strict") {
                say("is strict");
                for key in ["outside", "unknown"]
                    .into_iter()
                    .filter(|key| service.get(key).is_some())
                {
                    let kept_out = laws.iter().filter(|law| !words(key).contains(law));
                    kept_out.for_each(|law| say(&format!("{key} keeps {law} out")));
                }
            }
            if service.get("all_down").is_some() {
                say("no fail-open");
            }
            if service.get("demand").is_some() {
                say("demand");
            }
            words("monitors")
                .iter()
                .for_each(|one| say(&format!("monitored by {one}")));
            let regions = match words("regions") {
                own if own.is_empty() => all.clone(),
                own => own.into_iter().filter(|one| all.contains(one)).collect(),
            };
            regions.iter().for_each(|one| say(&format!("in {one}")));
            let recovery = service
                .get("recovery")
                .and_then(Value::as_str)
                .unwrap_or("none");
            let Some(recovery) = document.get("recoveries").and_then(|all| all.get(recovery))
            else {
                continue;
            };
            for key in ["steps", "every", "failback_delay"]
                .into_iter()
                .filter(|key| recovery.get(key).is_some())
            {
                say(&format!("returns with its own {key}"));
            }
            for gate in list(recovery.get("gate")) {
                let gate = gate.as_str().unwrap();
                let check = document.get("monitors").and_then(|all| all.get(gate));
                say(&format!("waits for {gate}: {check:?}"));
            }
        }
    }
}

fn present(document: &Value, path: &[&str], facts: &mut BTreeSet<String>) {
    present_in(document, "config", path, facts);
}

fn present_in(value: &Value, of: &str, path: &[&str], facts: &mut BTreeSet<String>) {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    if found.is_some() {
        facts.insert(format!("{of}: {}", path.join(".")));
    }
}

fn under<'v>(document: &'v Value, key: &str) -> impl Iterator<Item = (String, &'v Value)> {
    let table = document.get(key).and_then(Value::as_table);
    let entries = table.into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), value))
}

/// The items of a list; a single value is a list of one.
fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    }
}

/// Where clients of a strict hostname may be sent that may not be sent there by the first plan.
fn escapes(before: &Compiled, after: &Compiled) -> Option<String> {
    let strict = |compiled: &Compiled, hostname: &str| {
        let mut services = compiled.plan.services.iter();
        let found =
            services.position(|one| one.hostnames.iter().any(|own| own.to_string() == hostname));
        found.map(ServiceId::from_index)
    };
    for hostname in ["data.example.org", "closed.example.org"] {
        let (Some(old), Some(new)) = (strict(before, hostname), strict(after, hostname)) else {
            continue;
        };
        let clients = PLACES
            .iter()
            .map(|(network, _)| network.split('/').next().unwrap());
        for client in clients.chain(["198.51.100.7", "9.9.9.9"]) {
            let address = client.parse().unwrap();
            let class = |compiled: &Compiled, service| {
                let hit = compiled.plan.classify(service, address);
                compiled.plan.class(service, hit.class).clone()
            };
            let fence = class(before, old).fence;
            let reached = class(after, new).preference;
            let name = |region: &RegionId| after.plan.regions[region.index()].name.clone();
            let laws: BTreeMap<&str, _> = before
                .plan
                .regions
                .iter()
                .map(|one| (&*one.name, one.jurisdiction))
                .collect();
            let out = reached
                .iter()
                .map(name)
                .find(|name| laws.get(&**name).is_none_or(|law| !fence.contains(*law)));
            if let Some(region) = out {
                return Some(format!("{client} of {hostname} to {region}"));
            }
        }
    }
    None
}

#[test]
fn a_config_that_is_cut_anywhere_never_weakens_unseen() {
    let files = files(ZONE);
    let whole = compile(GUARDED, &files).expect("the config is well");
    let before = facts(GUARDED);
    let parts = tables(GUARDED);
    let (mut taken, mut alone) = (0, BTreeSet::new());
    for last in 0..parts.len() {
        let others = parts.iter().enumerate().filter(|(index, _)| *index != last);
        let head: String = others.map(|(_, text)| &**text).collect();
        let tail = &parts[last];
        let text = format!("# edited\n{head}{tail}");
        let rotated = compile(&text, &files).expect("the order of tables says nothing");
        assert_eq!(
            weakened(policy(&whole), policy(&rotated)).to_string(),
            "",
            "{text}"
        );
        let begin = text.len() - tail.len();
        let is_looked_at = |at: &usize| text.as_bytes()[at - 1] == b'\n' || at.is_multiple_of(7);
        for at in (begin..text.len()).filter(is_looked_at) {
            let cut = &text[..at];
            let Some(compiled) = compile(cut, &files) else {
                continue;
            };
            let after = facts(cut);
            let lost: Vec<&String> = before.difference(&after).collect();
            let escapes = escapes(&whole, &compiled);
            let found = weakened(policy(&whole), policy(&compiled)).0;
            let Some(first) = found.first() else {
                let shown = &cut[begin..];
                let is_well = lost.is_empty() && escapes.is_none();
                assert!(is_well, "cut to\n{shown}\ntakes {lost:?} {escapes:?} away");
                taken += 1;
                continue;
            };
            if found.iter().all(|loss| loss.kind == first.kind) {
                alone.insert(first.kind.word());
            }
        }
    }
    assert!(taken > 5, "what takes nothing away is taken");
    // Each of these alone was all that spoke against some cut, so that none could be left out.
    let needed = ["access", "fence", "gate", "guard", "service", "signing"];
    assert_eq!(alone.into_iter().collect::<Vec<_>>(), needed);
}

/// What an operator does by hand all day is no weakening.
#[test]
fn what_only_moves_clients_or_makes_stricter_is_taken() {
    let files = files(ZONE);
    let whole = compile(GUARDED, &files).unwrap();
    for (from, to) in [
        ("tier = 2", "tier = 1"),
        ("serves = [\"EU\"]", "serves = [\"EU\", \"AF\"]"),
        (
            "addresses = [\"192.0.2.20\"]",
            "addresses = [\"192.0.2.21\"]",
        ),
        (
            "residency = \"prefer\"",
            "residency = \"strict\"\nunknown = \"any\"",
        ),
        ("doubt = \"70%\"", "doubt = \"60%\""),
        ("window = \"30s\"", "window = \"40s\""),
        ("to = [\"192.0.2.0/24\"]", "to = [\"192.0.2.7\"]"),
        ("zsk_lifetime = \"30d\"", "zsk_lifetime = \"20d\""),
        ("may_use = [\"EEA\"]", "may_use = []"),
        ("capacity = 3000", "capacity = 4000"),
        ("every = \"1h\"", "every = \"2h\""),
        ("[services.api]", "[services.renamed]"),
    ] {
        let text = GUARDED.replacen(from, to, 1);
        assert_ne!(text, GUARDED, "{from}");
        let Some(other) = compile(&text, &files) else {
            panic!("{to} is no config");
        };
        let found = weakened(policy(&whole), policy(&other));
        assert!(found.is_empty(), "{to}: {found}");
    }
}

/// What no cut does, but an edit may.
#[test]
fn what_gives_more_to_somebody_is_told() {
    let files = files(ZONE);
    let whole = compile(GUARDED, &files).unwrap();
    for (from, to, told) in [
        (
            "to = [\"192.0.2.0/24\"]",
            "to = [\"192.0.0.0/16\"]",
            "also 192.0.0.0/16 with key xfr",
        ),
        (
            "names = [\"_acme-challenge.www.example.org\"]",
            "names = [\"*.example.org\"]",
            "may set *.example.org",
        ),
        (
            "unknown = [\"EEA\"]",
            "unknown = [\"EEA\", \"SG\"]",
            "also SG",
        ),
        ("outside = [\"SG\"]", "outside = \"any\"", "also anywhere"),
        (
            "EEA = { countries = [\"@EEA\"] }",
            "EEA = { countries = [\"@EEA\"], may_use = [\"CA\"] }",
            "also CA",
        ),
        (
            "\"198.51.100.0/24\" = \"DE\"",
            "\"198.51.100.0/24\" = \"SG\"",
            "override 198.51.100.0/24",
        ),
        (
            "hostnames = [\"api.example.org\", \"example.org\"]",
            "hostnames = [\"api.example.org\"]",
            "not steered",
        ),
        (
            "gate = [\"data\", \"approve\"]",
            "gate = \"data\"",
            "returns by itself",
        ),
        ("path = \"/replicated\"", "path = \"/\"", "another check"),
        ("every = \"1h\"", "every = \"30m\"", "a faster ramp"),
        (
            "canaries = [\"192.0.2.201:443\", \"192.0.2.202:443\"]",
            "",
            "canaries",
        ),
        ("amplification = 20", "amplification = 30", "amplification"),
    ] {
        let text = GUARDED.replacen(from, to, 1);
        assert_ne!(text, GUARDED, "{from}");
        let other = compile(&text, &files).unwrap_or_else(|| panic!("{to} is no config"));
        let found = weakened(policy(&whole), policy(&other)).to_string();
        assert!(found.contains(told), "{to}: {found}");
    }
}

#[test]
fn a_zone_that_is_cut_anywhere_keeps_nearly_all_names_or_is_refused() {
    let records: String = (0..200)
        .map(|number| format!("host{number:03} A 192.0.2.{number}\n"))
        .collect();
    let text = format!("{ZONE}{records}");
    let config = "[server]\nlisten = [\"127.0.0.1:0\"]\n[geo]\ndatabase = \"test.mmdb\"\n[[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n";
    let size_of = |text: &str| {
        let compiled = compile(config, &files(text))?;
        let filed = &compiled.zones[0];
        Some(ZoneSize::of(&filed.zone, filed.digest))
    };
    let whole = size_of(&text).unwrap();
    let allowed = Permille(100);
    let (mut taken, mut refused) = (0, 0);
    for at in (ZONE.len()..text.len())
        .step_by(3)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
    {
        let Some(cut) = size_of(&text[..at]) else {
            continue;
        };
        let lost = text[at..].lines().count();
        match whole.loses_to(&cut, allowed) {
            None => {
                assert!(lost <= 21, "{lost} of 200 records are lost unseen");
                taken += 1;
            }
            Some(_) => refused += 1,
        }
    }
    assert!(
        taken > 10 && refused > 100,
        "{refused} refused, {taken} taken"
    );
    let newer = text.replace("hostmaster 7", "hostmaster 8");
    let cut = size_of(&newer[..newer.find("host100").unwrap()]).unwrap();
    assert_eq!(
        whole.loses_to(&cut, allowed),
        None,
        "the serial says that it is meant"
    );
}
