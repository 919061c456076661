//! The small world: a config, its clients and the law of each, written down by hand.
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use waypost::base::{Family, RegionId, ServiceId};
use waypost::config::{self, Files};
use waypost::plan::Plan;
use waypost::table::Table;

pub(super) const FRA_A: usize = 0;
pub(super) const FRA_B: usize = 1;
pub(super) const TORONTO: usize = 2;
pub(super) const SINGAPORE: usize = 3;
pub(super) const ENDPOINTS: usize = 4;

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
[geo.overrides]
"198.51.100.0/27" = "DE"
"198.51.100.32/27" = "CA"
"198.51.100.64/27" = "SG"
"198.51.100.96/27" = "BR"
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
provider = "a"
addresses = ["192.0.2.10"]
[[regions.frankfurt.endpoints]]
name = "fra-b"
provider = "b"
addresses = ["192.0.2.11"]
[regions.toronto]
location = [43.65, -79.38]
jurisdiction = "CA"
serves = ["NA"]
[[regions.toronto.endpoints]]
name = "tor-a"
provider = "a"
addresses = ["192.0.2.20"]
[regions.singapore]
location = [1.35, 103.82]
jurisdiction = "SG"
serves = ["AS"]
[[regions.singapore.endpoints]]
name = "sin-a"
provider = "b"
addresses = ["192.0.2.30"]
[monitors.port]
type = "tcp"
port = 443
fall = 1
rise = 1
[recoveries.at-once]
steps = [100]
[services.open]
hostnames = ["open.example.org"]
monitors = ["port"]
recovery = "at-once"
[services.data]
hostnames = ["data.example.org"]
monitors = ["port"]
recovery = "at-once"
residency = "strict"
outside = ["EEA"]
unknown = ["CA"]
"#;

const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/// Clients, and the one region inside the fence of each: of Germany, Canada, Singapore, Brazil
/// (outside every jurisdiction) and nowhere.
const CLIENTS: [([u8; 4], RegionId); 5] = [
    ([198, 51, 100, 1], RegionId(0)),
    ([198, 51, 100, 33], RegionId(1)),
    ([198, 51, 100, 65], RegionId(2)),
    ([198, 51, 100, 97], RegionId(0)),
    ([192, 0, 2, 200], RegionId(1)),
];

/// The service with a fence; the other is open.
const STRICT: ServiceId = ServiceId(1);

/// Cohorts that are asked for.
const COHORTS: [u16; 5] = [0, 250, 500, 750, 999];

pub(super) fn plan() -> Plan {
    let (spec, found) = config::read(Path::new("/etc/config.toml"), CONFIG);
    let zone = (
        PathBuf::from("/etc/example.org.zone"),
        Ok(ZONE.as_bytes().into()),
    );
    let files = Files::from([zone]);
    let compiled = config::compile(&spec, found, &files);
    let (compiled, _) = compiled.unwrap_or_else(|found| panic!("{}", found.render(false)));
    let plan = compiled.plan;
    assert_eq!((plan.endpoints.len(), plan.targets.len()), (4, 4));
    plan
}

/// What is wrong with what a table answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Wrong {
    /// Somebody gets no address.
    pub(super) empty: bool,
    /// Somebody gets an address outside of their fence.
    pub(super) outside: bool,
    /// Somebody who could be sent elsewhere is sent to Toronto.
    pub(super) toronto: bool,
}

impl Wrong {
    /// Asks a table for everyone.
    pub(super) fn in_answers(table: &Table) -> Self {
        let mut wrong = Self::default();
        for service in [ServiceId(0), STRICT] {
            for (client, inside) in CLIENTS {
                for cohort in COHORTS {
                    wrong.note(table, service, (client.into(), inside), cohort);
                }
            }
        }
        wrong
    }

    fn note(
        &mut self,
        table: &Table,
        service: ServiceId,
        (client, inside): (Ipv4Addr, RegionId),
        cohort: u16,
    ) {
        let plan: &Arc<Plan> = &table.plan;
        let class = plan.classify(service, IpAddr::V4(client)).class;
        let given = table.select(service, Family::V4, class, cohort);
        let endpoints = given.map_or(&[][..], |selection| selection.endpoints);
        self.empty |= endpoints.is_empty();
        for endpoint in endpoints {
            let region = plan.endpoints[endpoint.index()].region;
            self.outside |= service == STRICT && region != inside;
            self.toronto |= service != STRICT && endpoint.index() == TORONTO;
        }
    }
}
