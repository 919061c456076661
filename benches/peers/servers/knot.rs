//! Knot DNS: mod-geoip by the database's country code, one entry of two addresses per country;
//! without the module where nothing is steered. In a signed zone the module signs its entries
//! when it is loaded, before the server makes the zone's keys, so they are made beforehand.
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Chain, Content, Setup, run_to_end};
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
    if setup.content.chain().is_some() {
        make_key(&path)?;
    }
    let mut command = Command::new("/usr/sbin/knotd");
    command.arg("-c").arg(path);
    Ok(command)
}

/// Signs the zone as the server would; the path of the signed one.
pub(super) fn sign(setup: &Setup<'_>) -> std::io::Result<PathBuf> {
    let path = setup.write("knot.conf", &config(setup))?;
    make_key(&path)?;
    let signed = setup.folder.join("signed");
    std::fs::create_dir(&signed)?;
    let mut sign = Command::new("/usr/bin/kzonesign");
    run_to_end(sign.arg("-c").arg(path).arg("-o").arg(&signed).arg(ZONE))?;
    Ok(signed.join(setup.zone.file_name().expect("a zone file has a name")))
}

fn make_key(config: &Path) -> std::io::Result<()> {
    let mut generate = Command::new("/usr/sbin/keymgr");
    generate.arg("-c").arg(config).args([ZONE, "generate"]);
    run_to_end(generate.args(["algorithm=ECDSAP256SHA256", "ksk=yes", "zsk=yes"]))
}

/// No journal: the zone file is all there is, which is also the fastest to load. Many zones are
/// loaded by as many threads as it thinks best.
fn config(setup: &Setup<'_>) -> String {
    let (folder, port) = (setup.folder.display(), setup.port);
    let database = setup.world.database();
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
        Content::Few | Content::Many | Content::Denying(_) | Content::Zones => (String::new(), ""),
    };
    let denial = match setup.content.chain() {
        Some(Chain::Nsec3) => "    nsec3: on\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n",
        Some(Chain::Nsec) | None => "",
    };
    let (policy, signing) = match setup.content.chain() {
        Some(_) => (POLICY, "    dnssec-signing: on\n    dnssec-policy: one\n"),
        None => ("", ""),
    };
    let loaders = if setup.content == Content::Zones {
        ""
    } else {
        "    background-workers: 1\n"
    };
    let mut text = format!(
        "server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
    edns-client-subnet: on
    udp-workers: 1
    tcp-workers: 1
{loaders}log:
  - target: stderr
    any: error
database:
    storage: {folder}
{policy}{denial}{module}zone:
"
    );
    for (name, file) in setup.zones() {
        let file = file.display();
        write!(
            text,
            "  - domain: {name}
    file: {file}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
{signing}{used}"
        )
        .expect("a string takes all");
    }
    text
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
