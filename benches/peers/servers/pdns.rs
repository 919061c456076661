//! PowerDNS: the geoip backend where names are steered, the bind backend elsewhere.
//!
//! One receiver thread, and one distributor, which then works inside the receiver; all its caches
//! are on, as long as they may be. It signs when it is asked, and keeps the signatures.
use std::fmt::Write;
use std::process::Command;

use super::{Content, Setup, run_to_end};
use crate::world::{REGIONS, STEERED, ZONE, addresses};

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    let backend = match setup.content {
        Content::Steered | Content::Signed => {
            let zones = setup.write("geo.yaml", &answers())?;
            let (database, zones) = (setup.world.database(), zones.display());
            let database = database.display();
            format!(
                "launch=geoip\ngeoip-database-files=mmdb:{database}\ngeoip-zones-file={zones}\n{}",
                signing(setup)?
            )
        }
        Content::Few | Content::Many | Content::Denying(_) | Content::Zones => {
            let zone = setup.zone.display();
            let named = format!("zone \"{ZONE}\" {{ type master; file \"{zone}\"; }};\n");
            let named = setup.write("named.conf", &named)?;
            format!("launch=bind\nbind-config={}\n", named.display())
        }
    };
    setup.write("pdns.conf", &(backend + &config(setup)))?;
    let folder = setup.folder.display();
    let config_dir = format!("--config-dir={folder}");
    if setup.content == Content::Signed {
        let mut add = Command::new("/usr/bin/pdnsutil");
        add.args([&config_dir, "add-zone-key", ZONE]);
        run_to_end(add.args(["ksk", "active", "ecdsa256"]))?;
    }
    let mut command = Command::new("/usr/sbin/pdns_server");
    command.args([
        config_dir,
        format!("--socket-dir={folder}"),
        "--daemon=no".to_owned(),
        "--guardian=no".to_owned(),
    ]);
    Ok(command)
}

/// Where the keys are; the backend makes no folder for them.
fn signing(setup: &Setup<'_>) -> std::io::Result<String> {
    if setup.content != Content::Signed {
        return Ok(String::new());
    }
    let keys = setup.folder.join("keys");
    std::fs::create_dir(&keys)?;
    Ok(format!("geoip-dnssec-keydir={}\n", keys.display()))
}

fn config(setup: &Setup<'_>) -> String {
    format!(
        "local-address=127.0.0.1
local-port={}
receiver-threads=1
distributor-threads=1
edns-subnet-processing=yes
cache-ttl=60
query-cache-ttl=60
negquery-cache-ttl=60
log-dns-queries=no
log-dns-details=no
query-logging=no
loglevel=3
disable-syslog=yes
security-poll-suffix=
api=no
webserver=no
",
        setup.port
    )
}

/// A record for each country; the steered name leads to that of the client's.
fn answers() -> String {
    let mut text = format!(
        "domains:
- domain: {ZONE}
  ttl: 300
  records:
    {ZONE}:
    - soa: ns1.{ZONE} hostmaster.{ZONE} 1 3600 900 604800 300
    - ns: ns1.{ZONE}
    ns1.{ZONE}:
    - a: 192.0.2.53
"
    );
    for (index, region) in REGIONS.iter().enumerate() {
        let [one, two] = addresses(index);
        for country in region.countries {
            let name = format!("{}.{STEERED}.{ZONE}", country.to_lowercase());
            write!(text, "    {name}:\n    - a: {one}\n    - a: {two}\n")
                .expect("a string takes all");
        }
    }
    text + &format!("  services:\n    {STEERED}.{ZONE}: '%cc.{STEERED}.{ZONE}'\n")
}
