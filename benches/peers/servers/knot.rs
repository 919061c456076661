//! Knot DNS: mod-geoip by the database's country code, one entry of two addresses per country;
//! without the module where nothing is steered. In a signed zone the module signs its entries
//! when it is loaded, before the server makes the zone's keys, so they are made beforehand.
use std::fmt::Write;
use std::process::Command;

use super::{Content, Setup, make_keys};
use crate::world::{REGIONS, STEERED, ZONE, addresses};

/// One key for all of the zone.
const POLICY: &str = "policy:
  - id: one
    algorithm: ecdsap256sha256
    single-type-signing: on
";

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    setup.write("geo.conf", &answers())?;
    let path = setup.write("knot.conf", &config(setup))?;
    if setup.content == Content::Signed {
        let mut generate = Command::new("/usr/sbin/keymgr");
        generate.arg("-c").arg(&path).args([ZONE, "generate"]);
        make_keys(generate.args(["algorithm=ECDSAP256SHA256", "ksk=yes", "zsk=yes"]))?;
    }
    let mut command = Command::new("/usr/sbin/knotd");
    command.arg("-c").arg(path);
    Ok(command)
}

/// No journal: the zone file is all there is, which is also the fastest to load.
fn config(setup: &Setup<'_>) -> String {
    let (folder, port) = (setup.folder.display(), setup.port);
    let (zone, database) = (setup.zone.display(), setup.world.database());
    let database = database.display();
    let (module, used) = match setup.content {
        Content::Steered | Content::Signed => (
            format!(
                "mod-geoip:
  - id: geo
    config-file: {folder}/geo.conf
    ttl: 300
    mode: geodb
    geodb-file: {database}
    geodb-key: country/iso_code
"
            ),
            "    module: mod-geoip/geo\n",
        ),
        Content::Few | Content::Many => (String::new(), ""),
    };
    let (policy, signing) = match setup.content {
        Content::Signed => (POLICY, "    dnssec-signing: on\n    dnssec-policy: one\n"),
        Content::Steered | Content::Few | Content::Many => ("", ""),
    };
    format!(
        "server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
    edns-client-subnet: on
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: error
database:
    storage: {folder}
{policy}{module}zone:
  - domain: {ZONE}
    file: {zone}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
{signing}{used}"
    )
}

fn answers() -> String {
    let mut text = format!("{STEERED}.{ZONE}:\n");
    for (index, region) in REGIONS.iter().enumerate() {
        let [one, two] = addresses(index);
        for country in region.countries {
            let entry = format!("  - geo: \"{country}\"\n    A: [ {one}, {two} ]\n");
            write!(text, "{entry}").expect("a string takes all");
        }
    }
    text
}
