//! Keys and defaults of `docs/src/reference/config.md`, compared with the program.
//!
//! A default that is written as one span of code is put into a sample as it stands: that may change nothing of what is
//! decided. Another value must change something, or be refused: otherwise the key would be read by nobody here. Keys are compared
//! with those that the reader of a table asks for, which is what it says of a key that nobody knows.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use waypost::config::{self, Files, Included, Surroundings};

use super::{cells, code, page, prose};
use crate::mmdb::{self, Options};

/// A config with every table of the reference; keys of a table may be put where its heading stands.
const SAMPLE: &str = r#"
#@ the config
[server]
listen = ["127.0.0.1:0"]
state = "absent"
#@ [server]
[server.tls]
listen = ["127.0.0.1:0"]
certificate = "tls/chain.pem"
key = "tls/key.pem"
#@ [server.tls]
[server.cookies]
#@ [server.cookies]
[server.rate_limit]
responses_per_second = 100
#@ [server.rate_limit]
[control]
listen = "127.0.0.1:0"
#@ [control]
[control.tls]
certificate = "tls/chain.pem"
key = "tls/key.pem"
client_roots = "tls/chain.pem"
#@ [control.tls]
[tokens.alice]
certificate = "alice.example"
role = "operator"
#@ [tokens.NAME]
[notify.one]
url = "https://hooks.example.org/waypost"
#@ [notify.NAME]
[metrics]
#@ [metrics]
[log]
#@ [log]
[dnstap]
file = "answers.fstrm"
#@ [dnstap]
[cluster]
name = "prod"
node = "fra1"
key = "cluster/fra1.key"
certificate = "cluster/fra1.pem"
private_key = "cluster/fra1-tls.key"
roots = "tls/chain.pem"
#@ [cluster]
[cluster.distribute]
file = "shared.toml"
keys = ["ed25519:c8363596e45ef4268b3b5ed7af3034b8c18ec56e5768fe3e7f0e63565e275e03"]
#@ [cluster.distribute]
[cluster.nats]
servers = ["nats://127.0.0.1:4222"]
#@ [cluster.nats]
[[cluster.nodes]]
name = "fra1"
key = "ed25519:c8363596e45ef4268b3b5ed7af3034b8c18ec56e5768fe3e7f0e63565e275e03"
region = "fra"
provider = "a"
#@ [[cluster.nodes]]
[geo]
database = "tiny.mmdb"
#@ [geo]
[guard]
#@ [guard]
[[views]]
name = "office"
clients = ["10.0.0.0/8"]
#@ [[views]]
[[zones]]
name = "example.net"
file = "zones/absent.zone"
primaries = ["192.0.2.1:53"]
#@ [[zones]]
[[zones]]
name = "catalog.test"
file = "zones/absent.catalog"
primaries = ["192.0.2.1:53"]
[zones.catalog]
folder = "members"
#@ [zones.catalog]
[[zones]]
name = "example.org"
file = "zones/plain.zone"
[[zones.aliases]]
name = "cdn.example.org"
target = "edge.cdn.test"
#@ [[zones.aliases]]
[zones.dnssec]
#@ [zones.dnssec]
[zones.transfer]
to = ["192.0.2.0/24"]
render_strict = "EEA"
#@ [zones.transfer]
[discovery.one]
file = "nodes.json"
region = "fra"
provider = "acme"
#@ [discovery.NAME]
[discovery.two]
region = "fra"
provider = "acme"
[discovery.two.consul]
service = "web"
#@ [discovery.NAME.consul]
[resolvers]
#@ [resolvers]
[resolvers.ttl]
#@ [resolvers.ttl]
[[maintenance]]
name = "patches"
scope = "tor-1"
start = 2027-03-07T02:00:00
duration = "2h"
#@ [[maintenance]]
[tsig.one]
secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"
#@ [tsig.NAME]
[acme]
#@ [acme]
[acme.keys.one]
#@ [acme.keys.NAME]
[dynamic]
#@ [dynamic]
[dynamic.ttl]
#@ [dynamic.ttl]
[[dynamic.records]]
zone = "example.org"
#@ [[dynamic.records]]
[[dynamic.objects]]
#@ [[dynamic.objects]]
[jurisdictions.EEA]
countries = ["@EEA"]
#@ [jurisdictions.NAME]
[regions.fra]
location = [50.11, 8.68]
jurisdiction = "EEA"
serves = ["EU"]
#@ [regions.NAME]
[[regions.fra.endpoints]]
name = "fra-1"
provider = "a"
addresses = ["192.0.2.10", "192.0.2.13"]
#@ [[regions.NAME.endpoints]]
[regions.fra.endpoints.probe]
#@ [regions.NAME.endpoints.probe]
[[regions.fra.endpoints]]
name = "fra-2"
provider = "b"
addresses = ["192.0.2.11", "192.0.2.12"]
[[regions.fra.endpoints]]
name = "fra-3"
provider = "c"
addresses = ["192.0.2.14", "192.0.2.15"]
[regions.fra.endpoints.weight_from]
monitor = "load"
#@ [regions.NAME.endpoints.weight_from]
[[regions.fra.endpoints]]
name = "fra-cdn"
provider = "d"
jurisdiction = "EEA"
hostname = "edge.cdn.test"
addresses_down = "endpoint"
[regions.tor]
location = [43.65, -79.38]
[[regions.tor.endpoints]]
name = "tor-1"
provider = "a"
addresses = ["192.0.2.20", "192.0.2.21"]
[monitors.port]
type = "tcp"
port = 25
#@ [monitors.NAME]
#@ [monitors.NAME] of types tcp and tls
[monitors.load]
type = "push"
ttl = "30s"
[monitors.web]
type = "https"
#@ [monitors.NAME] of types http and https
#@ [monitors.NAME] of types https and tls
[monitors.lag]
type = "postgres"
user = "waypost"
max_lag = "10s"
#@ [monitors.NAME] of type postgres
[recoveries.slow]
#@ [recoveries.NAME]
[recoveries.slow.damping]
#@ [recoveries.NAME.damping]
[services.www]
hostnames = ["www.example.org"]
monitors = ["port", "web", "lag", "load"]
recovery = "slow"
#@ [services.NAME]
[[services.www.records]]
type = "HTTPS"
values = ["1 . alpn=h2"]
#@ [[services.NAME.records]]
[services.www.ttl]
#@ [services.NAME.ttl]
[services.www.steering]
#@ [services.NAME.steering]
[services.own]
hostnames = ["own.example.org"]
monitors = ["port"]
residency = "strict"
unknown = "any"
[[services.own.endpoints]]
region = "fra"
name = "own-1"
provider = "a"
addresses = ["192.0.2.30"]
#@ [[services.NAME.endpoints]]
[services.own.steering]
"#;

/// The line of the sample that saves the time to read the embedded database each time.
const TINY: &str = "database = \"tiny.mmdb\"\n";

/// Keys whose default is decided past the plan, with the file that says so.
const ELSEWHERE: [(&str, &str, &str); 4] = [
    ("[server]", "watch", "`watch_off` of src/config/spec.rs"),
    ("[control]", "socket", "`SOCKET` of src/config/spec.rs"),
    (
        "[cluster]",
        "withdraw_hold",
        "compared where there is `withdraw`",
    ),
    (
        "[cluster]",
        "stale_after",
        "compared where there is `withdraw`",
    ),
];

/// Keys that say something only where another key stands beside them, or whose default another one takes over.
const BESIDE: [(&str, &str, &str); 2] = [
    (
        "[services.NAME]",
        "outside",
        "[services.own]\nhostnames = [\"own.example.org\"]\nmonitors = [\"port\"]\nresidency = \"strict\"\nunknown = \"any\"\n",
    ),
    (
        "[[regions.NAME.endpoints]]",
        "flatten",
        "hostname = \"edge.cdn.test\"\n",
    ),
];

/// A documented key.
#[derive(Debug)]
struct Key {
    section: String,
    key: String,
    default: String,
}

/// The keys of the page, table by table.
fn documented() -> Vec<Key> {
    let text = page("reference/config.md");
    let (mut keys, mut section) = (Vec::new(), String::new());
    for (_, line) in prose(&text) {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.replace('`', "");
        }
        let Some(cells) = cells(line).filter(|_| section.starts_with('[')) else {
            continue;
        };
        let [key, default, _] = &cells[..] else {
            panic!("{section}: a row of {} cells: {line}", cells.len());
        };
        if let Some(key) = code(key) {
            keys.push(Key {
                section: section.clone(),
                key: key.to_owned(),
                default: (*default).to_owned(),
            });
        }
    }
    assert!(keys.len() > 100, "{} keys", keys.len());
    keys
}

/// The sample with lines where a table takes them.
fn sample(section: &str, lines: &str) -> String {
    let marker = format!("#@ {section}\n");
    assert!(
        SAMPLE.contains(&marker),
        "{section} of reference/config.md is not in the sample of this test: add a table and `{marker}`"
    );
    SAMPLE.replace(&marker, &format!("{lines}\n"))
}

/// All that is decided of a text, but for the numbers that tell texts apart; or what is wrong with it.
fn decided(text: &str) -> Result<String, String> {
    let included = [Included {
        pattern: "shared.toml".to_owned(),
        path: "tests/config/shared.toml".into(),
        content: Ok(Vec::new()),
    }];
    let around = Surroundings {
        included: &included,
        ..Surroundings::default()
    };
    let path = Path::new("tests/config/config.toml");
    let (spec, found) = config::read_within(path, text, &around);
    let mut files = Files::new();
    loop {
        let wanted = spec.files(&files);
        if wanted.is_empty() {
            break;
        }
        for path in wanted {
            let bytes = match path.ends_with("tiny.mmdb") {
                true => Ok(tiny_database()),
                false => fs::read(&path).map_err(|_| "no such file".to_owned()),
            };
            files.insert(path, bytes.map(Into::into));
        }
    }
    let (compiled, _) =
        config::compile(&spec, found, &files).map_err(|found| found.render(false))?;
    let plan = compiled.plan;
    Ok(format!(
        "{:#?}",
        (
            (plan.policy, plan.server, plan.control, plan.guard),
            (plan.regions, plan.endpoints, plan.monitors, plan.recoveries),
            (plan.slots, plan.targets, plan.services, plan.geo),
            (plan.resolving, plan.discoveries),
            (plan.maintenance, plan.cluster),
            compiled.zoning,
        )
    ))
}

/// A geo database that knows one network.
fn tiny_database() -> Vec<u8> {
    let record = serde_json::json!({ "country_code": "DE" });
    mmdb::write(&[("192.0.2.0/24", record)], &Options::default())
}

/// The first lines in which two decisions differ.
fn difference(before: &str, after: &str) -> String {
    let both = before.lines().zip(after.lines());
    let differ = both.filter(|(before, after)| before != after).take(3);
    let lines: Vec<String> = differ
        .map(|(before, after)| format!("  without it:{before}\n  with it:   {after}"))
        .collect();
    lines.join("\n")
}

/// Another value of the same kind.
fn other(value: &str) -> String {
    let inner = value.trim_matches('"');
    match value {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        _ if inner.ends_with('%') => "\"63%\"".to_owned(),
        _ if value.starts_with('[') => "[100]".to_owned(),
        _ if inner.starts_with(|first: char| first.is_ascii_digit()) => {
            let unit = inner.trim_start_matches(|c: char| c.is_ascii_digit());
            let number: u64 = inner[..inner.len() - unit.len()].parse().unwrap();
            match value.starts_with('"') {
                true => format!("\"{}{unit}\"", number + 1),
                false => format!("{}", number + 1),
            }
        }
        _ => "\"/another\"".to_owned(),
    }
}

#[test]
fn times_of_withdrawal_are_documented_where_there_is_one() {
    let mark = "#@ [cluster]\n";
    let with = |more: &str| {
        let text = SAMPLE.replace(mark, &format!("withdraw = \"stale\"\n{more}{mark}"));
        let text = text.replace(
            "\n[guard]\n",
            "\n[guard]\ncanaries = [\"203.0.113.1:53\"]\n",
        );
        decided(&text).unwrap_or_else(|found| panic!("{found}"))
    };
    let plain = with("");
    let mut compared = 0;
    for own in documented() {
        if own.section == "[cluster]" && ["withdraw_hold", "stale_after"].contains(&&*own.key) {
            let value = code(&own.default).unwrap();
            assert_eq!(with(&format!("{} = {value}\n", own.key)), plain, "{own:?}");
            assert_ne!(
                with(&format!("{} = {}\n", own.key, other(value))),
                plain,
                "{own:?}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 2);
}

#[test]
fn documented_defaults_are_those_of_the_code() {
    let decide = |text: &str, is_database: bool| match is_database {
        true => decided(&text.replace(TINY, "")),
        false => decided(text),
    };
    let plain = |is_database| decide(SAMPLE, is_database).unwrap_or_else(|found| panic!("{found}"));
    let usual = plain(false);
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for Key {
        section,
        key,
        default,
    } in documented()
    {
        let Some(value) = code(&default) else {
            continue;
        };
        if ELSEWHERE
            .iter()
            .any(|one| (one.0, one.1) == (&section, &key))
        {
            continue;
        }
        let beside = BESIDE.iter().find(|one| (one.0, one.1) == (&section, &key));
        let with = |value: &str| match beside {
            Some((.., table)) => SAMPLE.replace(table, &format!("{table}{key} = {value}\n")),
            None => sample(&section, &format!("{key} = {value}")),
        };
        compared += 1;
        let is_database = key == "database" && section == "[geo]";
        let own = is_database.then(|| plain(true));
        let plain = own.as_ref().unwrap_or(&usual);
        match decide(&with(value), is_database) {
            Ok(with) if with == *plain => {}
            Ok(with) => wrong.push(format!(
                "{section} {key} = {value} is not what it is without the key:\n{}",
                difference(plain, &with)
            )),
            Err(found) => wrong.push(format!("{section} {key} = {value} is refused:\n{found}")),
        }
        let changed = other(value);
        if decide(&with(&changed), is_database).is_ok_and(|with| with == *plain) {
            wrong.push(format!(
                "{section} {key} = {changed} changes nothing: is the key read at all?"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(compared >= 50, "only {compared} defaults were compared");
}

/// Every span of code in a text.
fn spans(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The keys that the reader of a table knows, as it says itself of one that it does not.
fn known(section: &str) -> BTreeSet<String> {
    let text = sample(section, "qqqqqqqq = 1");
    let (_, found) = config::read(Path::new("config.toml"), &text);
    let helps = found.list().into_iter().filter_map(|finding| finding.help);
    let mut lists = helps.filter_map(|help| Some(help.strip_prefix("known keys: ")?.to_owned()));
    let list = lists
        .next()
        .unwrap_or_else(|| panic!("{section}: {}", found.render(false)));
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_read() {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Key { section, key, .. } in documented() {
        // What is said of one type of monitor is known to the reader of all.
        let table = section.split(" of type").next().unwrap().to_owned();
        tables.entry(table).or_default().insert(key);
    }
    // Endpoints of services have the keys of the regions' and one more.
    let mut own = tables["[[regions.NAME.endpoints]]"].clone();
    own.insert("region".to_owned());
    tables.insert("[[services.NAME.endpoints]]".to_owned(), own);
    let roots = tables.keys().map(|table| {
        let name = table.trim_matches(['[', ']']);
        name.split('.').next().unwrap().to_owned()
    });
    let roots = roots.chain(["include".to_owned()]);
    tables.insert("the config".to_owned(), roots.collect());
    // A page of their own may tell the keys of monitors.
    let monitors = fs::read_to_string("docs/monitors.md").unwrap_or_default();
    let words = prose(&monitors).flat_map(|(_, line)| spans(line));
    let known_monitors = known("[monitors.NAME]");
    let told: Vec<String> = words.filter(|word| known_monitors.contains(word)).collect();
    tables.get_mut("[monitors.NAME]").unwrap().extend(told);
    let mut wrong = Vec::new();
    for (table, documented) in tables {
        let known = known(&table);
        for key in known.difference(&documented) {
            wrong.push(format!(
                "{table} {key} is not in docs/src/reference/config.md"
            ));
        }
        for key in documented.difference(&known) {
            wrong.push(format!(
                "{table} {key} is in docs/src/reference/config.md and nobody reads it"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
