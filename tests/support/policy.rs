//! Configs with laws, compiled over a geo database of a handful of networks.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use waypost::config::{self, Files};
use waypost::plan::Plan;

use crate::mmdb;

/// Each country's networks: `DE` and `IS` are in the EEA, `US` is outside every jurisdiction.
pub(crate) const PLACES: &[(&str, &str)] = &[
    ("5.0.0.0/16", "DE"),
    ("5.1.0.0/16", "IS"),
    ("23.0.0.0/15", "CA"),
    ("66.0.0.0/16", "US"),
    ("103.0.0.0/16", "SG"),
    ("2001:db8:1::/48", "DE"),
    ("2001:db8:2::/48", "CA"),
];

const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/// Four regions under three laws, and a service of each residency.
pub(crate) const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
cohort_key = "one"

[geo]
database = "test.mmdb"

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
serves = ["EU"]
[[regions.frankfurt.endpoints]]
name = "fra-a"
provider = "acme"
addresses = ["192.0.2.10", "2001:db8:ffff::10"]
[[regions.frankfurt.endpoints]]
name = "fra-b"
provider = "bolt"
tier = 2
addresses = ["192.0.2.11"]

[regions.iceland]
location = [64.15, -21.94]
jurisdiction = "EEA"
serves = ["IS"]
[[regions.iceland.endpoints]]
name = "kef-a"
provider = "acme"
addresses = ["192.0.2.20"]

[regions.toronto]
location = [43.65, -79.38]
jurisdiction = "CA"
serves = ["NA"]
[[regions.toronto.endpoints]]
name = "tor-a"
provider = "acme"
weight = 300
addresses = ["192.0.2.30"]
[[regions.toronto.endpoints]]
name = "tor-b"
provider = "bolt"
weight = 100
addresses = ["192.0.2.31"]

[regions.singapore]
location = [1.35, 103.82]
jurisdiction = "SG"
[[regions.singapore.endpoints]]
name = "sin-a"
provider = "bolt"
addresses = ["192.0.2.40"]

[monitors.web]
type = "tcp"
port = 80

[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
residency = "prefer"

[services.data]
hostnames = ["data.example.org"]
monitors = ["web"]
residency = "strict"
outside = ["EEA", "CA"]
unknown = ["SG"]

[services.node]
hostnames = ["node.example.org"]
monitors = ["web"]
regions = ["frankfurt", "singapore"]
all_down = "servfail"
"#;

/// The plan of a config beside `example.org.zone` and `test.mmdb`.
pub(crate) fn compile(text: &str) -> Plan {
    let (spec, found) = config::read(Path::new("/etc/config.toml"), text);
    let files = Files::from([
        (PathBuf::from("/etc/example.org.zone"), Ok(zone().into())),
        (PathBuf::from("/etc/test.mmdb"), Ok(Arc::from(database()))),
    ]);
    let (compiled, _) = config::compile(&spec, found, &files)
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    compiled.plan
}

/// The zone file.
pub(crate) fn zone() -> Vec<u8> {
    ZONE.as_bytes().to_vec()
}

/// The geo database.
pub(crate) fn database() -> Vec<u8> {
    let entries = PLACES
        .iter()
        .map(|(network, country)| (*network, json!({ "country": { "iso_code": country } })));
    let entries: Vec<_> = entries.collect();
    mmdb::write(&entries, &mmdb::Options::default())
}

/// A config that differs in some places.
pub(crate) fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in the config");
        text.replace(from, to)
    })
}
