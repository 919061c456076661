//! BIND, Knot, NSD and Waypost, started on the same zone files.
//!
//! None of them looks at what the zones say more than it has to: the zones hold much that a
//! checker would rather not see.
use std::process::Command;

use crate::world::{Process, World, dig, run, wait_for};

pub(crate) const WAYPOST: &str = "127.0.0.20";
pub(crate) const KNOT: &str = "127.0.0.21";
pub(crate) const NSD: &str = "127.0.0.22";
pub(crate) const BIND: &str = "127.0.0.23";
/// Ours, then the peers in the order in which all of them are named.
pub(crate) const SERVERS: [(&str, &str); 4] = [
    ("waypost", WAYPOST),
    ("bind", BIND),
    ("knot", KNOT),
    ("nsd", NSD),
];

/// A zone: its name, and its file in the folder of the world.
pub(crate) type Zone = (&'static str, &'static str);

/// Starts all four and waits until each of them answers for each zone.
pub(crate) fn start(world: &World, zones: &[Zone]) -> [Process; 4] {
    let processes = [
        bind(world, zones),
        knot(world, zones),
        nsd(world, zones),
        waypost(world, zones),
    ];
    for (_, address) in SERVERS {
        for (zone, _) in zones {
            wait_for(address, || {
                dig(&[&format!("@{address}"), zone, "SOA"]).contains("flags: qr aa")
            });
        }
    }
    processes
}

/// The text of a config in which something stands for each zone.
fn config(head: &str, zones: &[Zone], each: fn(&Zone) -> String) -> String {
    head.to_owned() + &zones.iter().map(each).collect::<String>()
}

fn waypost(world: &World, zones: &[Zone]) -> Process {
    let head = "[server]\nlisten = [\"127.0.0.20:53\"]\nidentity = \"peer\"\namplification = 1000\n\
                [control]\nlisten = \"127.0.0.1:8053\"\n";
    let text = config(head, zones, |(zone, file)| {
        format!("[[zones]]\nname = \"{zone}\"\nfile = \"{file}\"\n")
    });
    world.write("config.toml", &text);
    world.waypost()
}

fn bind(world: &World, zones: &[Zone]) -> Process {
    // It listens on nothing but addresses that an interface has.
    run(
        "ip",
        &["address", "add", &format!("{BIND}/32"), "dev", "lo"],
    );
    let head = "options {
    directory \".\";
    listen-on { 127.0.0.23; };
    listen-on-v6 { none; };
    recursion no;
    pid-file none;
    session-keyfile none;
    notify no;
    check-names primary ignore;
    check-integrity no;
    dnssec-validation no;
    allow-transfer { none; };
    server-id \"peer\";
};
controls { };
";
    let text = config(head, zones, |(zone, file)| {
        format!("zone \"{zone}\" {{ type primary; file \"{file}\"; masterfile-format text; }};\n")
    });
    let config = world.write("named.conf", &text);
    let mut named = Command::new("/usr/sbin/named");
    world.start("bind", named.arg("-g").arg("-c").arg(config))
}

fn knot(world: &World, zones: &[Zone]) -> Process {
    world.write("knot/empty", "");
    let folder = world.path("").display().to_string();
    let head = "server:
  listen: 127.0.0.21@53
  rundir: FOLDER/knot
database:
  storage: FOLDER/knot
template:
  - id: default
    storage: FOLDER
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
"
    .replace("FOLDER", folder.trim_end_matches('/'));
    let text = config(&head, zones, |(zone, file)| {
        format!("  - domain: {zone}\n    file: {file}\n")
    });
    let config = world.write("knot.conf", &text);
    let mut knotd = Command::new("/usr/sbin/knotd");
    world.start("knot", knotd.arg("-c").arg(config))
}

fn nsd(world: &World, zones: &[Zone]) -> Process {
    let head = "server:
  ip-address: 127.0.0.22
  port: 53
  username: root
  zonesdir: \".\"
  database: \"\"
  pidfile: \"nsd.pid\"
  xfrdfile: \"xfrd.state\"
  zonelistfile: \"zone.list\"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
";
    let text = config(head, zones, |(zone, file)| {
        format!("zone:\n  name: {zone}\n  zonefile: {file}\n")
    });
    let config = world.write("nsd.conf", &text);
    let mut nsd = Command::new("/usr/sbin/nsd");
    world.start("nsd", nsd.arg("-d").arg("-c").arg(config))
}
