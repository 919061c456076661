//! Knot DNS: mod-geoip by the database's country code, one entry of two addresses per country;
//! without the module where nothing is steered.
use std::fmt::Write;
use std::process::Command;

use super::{Content, Setup};
use crate::world::{REGIONS, STEERED, ZONE, addresses};

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    setup.write("geo.conf", &answers())?;
    let path = setup.write("knot.conf", &config(setup))?;
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
        Content::Steered => (
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
{module}zone:
  - domain: {ZONE}
    file: {zone}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
{used}"
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
