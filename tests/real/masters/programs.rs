//! The checkers of BIND, Knot and NSD, and what a zone is by BIND's.
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use super::record::{Record, canonical};
use super::zones::Zone;
use crate::world::{Process, World};

/// What one program says of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) takes: bool,
    /// What it printed.
    pub(crate) said: String,
}

/// Writes a zone into a folder; what named-compilezone, kzonecheck and nsd-checkzone say of it.
pub(crate) fn judge(zone: &Zone, folder: &Path) -> [Verdict; 3] {
    zone.write(folder);
    let apex = zone.apex();
    [bind, knot, nsd].map(|checker| checker(&apex, folder))
}

/// Checks of names and of what lies in other zones are not asked for.
const LENIENT: [&str; 18] = [
    "-k", "ignore", "-i", "none", "-n", "ignore", "-m", "ignore", "-r", "ignore", "-M", "ignore",
    "-S", "ignore", "-T", "ignore", "-W", "ignore",
];

fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output();
    output.unwrap_or_else(|error| panic!("cannot start {program}: {error}; tests/run installs it"))
}

fn verdict(output: &Output) -> Verdict {
    Verdict {
        takes: output.status.success(),
        said: String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr),
    }
}

/// Leaves the zone beside its file, in BIND's raw format.
fn bind(apex: &str, folder: &Path) -> Verdict {
    let own = ["-F", "raw", "-o", "raw", apex, "own.zone"];
    verdict(&run(
        "named-compilezone",
        &[&LENIENT[..], &own].concat(),
        folder,
    ))
}

fn knot(apex: &str, folder: &Path) -> Verdict {
    verdict(&run(
        "kzonecheck",
        &["-d", "off", "-o", apex, "own.zone"],
        folder,
    ))
}

fn nsd(apex: &str, folder: &Path) -> Verdict {
    verdict(&run("/usr/sbin/nsd-checkzone", &[apex, "own.zone"], folder))
}

/// The records of the zone in a folder, if BIND took it.
pub(crate) fn records_by_bind(folder: &Path) -> BTreeSet<Record> {
    let raw = std::fs::read(folder.join("raw")).unwrap();
    read_raw(&raw)
}

/// An NSD that serves zones from the folder `zones`, and whoever asks may have them.
pub(crate) fn serve_by_nsd(world: &World, address: &str, zones: &[&Zone]) -> Process {
    let mut text = format!(
        "server:\n  ip-address: {address}\n  port: 53\n  username: root\n  zonesdir: \".\"\n  database: \"\"\n  \
         pidfile: \"nsd.pid\"\n  xfrdfile: \"xfrd.state\"\n  zonelistfile: \"zone.list\"\n  rrl-ratelimit: 0\n\
         remote-control:\n  control-enable: no\n"
    );
    for zone in zones {
        text += &format!(
            "zone:\n  name: {}\n  zonefile: zones/{}/own.zone\n  provide-xfr: 127.0.0.0/8 NOKEY\n",
            zone.apex(),
            zone.number
        );
    }
    let config = world.write("nsd.conf", &text);
    let mut command = Command::new("/usr/sbin/nsd");
    world.start("nsd", command.arg("-d").arg("-c").arg(config))
}

/// `dns_masterformat_raw`, version 1: a header of 24 octets, then RRsets, each behind its length.
fn read_raw(raw: &[u8]) -> BTreeSet<Record> {
    let mut records = BTreeSet::new();
    let mut rest = raw.get(24..).unwrap_or_default();
    while !rest.is_empty() {
        let length = usize::try_from(u32::from_be_bytes(*rest.first_chunk().unwrap())).unwrap();
        let (set, tail) = rest.split_at(length);
        rest = tail;
        let half = |at: usize| u16::from_be_bytes([set[at], set[at + 1]]);
        let whole = |at: usize| u32::from(half(at)) << 16 | u32::from(half(at + 2));
        let (rtype, ttl, count) = (half(6), whole(10), whole(14));
        let owner_end = 20 + usize::from(half(18));
        let (owner, mut at) = (&set[20..owner_end], owner_end);
        for _ in 0..count {
            let end = at + 2 + usize::from(half(at));
            records.insert(canonical(owner, rtype, ttl, &set[at + 2..end]));
            at = end;
        }
    }
    records
}
