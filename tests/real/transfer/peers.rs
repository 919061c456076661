//! knot, nsd and bind as secondaries of Waypost, or as its primaries.
use std::process::Command;

use crate::world::{Process, World, dig, run, wait_for};

/// The key that all share, for config files and for `dig -y`.
pub(crate) const SECRET: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
pub(crate) const KEY: &str = "hmac-sha256:xfr:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";

pub(crate) const WAYPOST: &str = "127.0.0.20";
pub(crate) const KNOT: &str = "127.0.0.30";
pub(crate) const NSD: &str = "127.0.0.31";
pub(crate) const BIND: &str = "127.0.0.32";

/// Which side of a transfer a peer is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Primary,
    Secondary,
}

pub(crate) fn knot(world: &World, zone: &str, side: Side) -> Process {
    let own = match side {
        Side::Secondary => "master: waypost\n    acl: notify\n    zonefile-load: none",
        Side::Primary => {
            "notify: waypost\n    acl: transfer\n    zonefile-load: difference\n    zonefile-sync: -1"
        }
    };
    let folder = world.path("knot");
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.display();
    let text = format!(
        "server:
    listen: {KNOT}@53
    rundir: {folder}
database:
    storage: {folder}
log:
  - target: stdout
    any: debug
key:
  - id: xfr
    algorithm: hmac-sha256
    secret: {SECRET}
remote:
  - id: waypost
    address: {WAYPOST}@53
    via: {KNOT}
    key: xfr
acl:
  - id: notify
    key: xfr
    action: notify
  - id: transfer
    key: xfr
    action: transfer
zone:
  - domain: {zone}
    storage: {folder}
    file: {zone}.zone
    {own}
"
    );
    let config = world.write("knot.conf", &text);
    world.start(
        "knot",
        Command::new("/usr/sbin/knotd").arg("-c").arg(config),
    )
}

pub(crate) fn nsd(world: &World, zone: &str, side: Side) -> Process {
    let own = match side {
        Side::Secondary => {
            format!("request-xfr: {WAYPOST}@53 xfr\n    allow-notify: 127.0.0.0/8 xfr")
        }
        Side::Primary => {
            format!("provide-xfr: 127.0.0.0/8 xfr\n    notify: {WAYPOST}@53 xfr")
        }
    };
    let folder = world.path("nsd");
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.display();
    let text = format!(
        "server:
    ip-address: {NSD}
    username: \"\"
    zonesdir: \"{folder}\"
    database: \"\"
    pidfile: \"{folder}/pid\"
    xfrdfile: \"{folder}/xfrd\"
    xfrdir: \"{folder}\"
    zonelistfile: \"{folder}/zone.list\"
    xfrd-reload-timeout: 0
    verbosity: 2
remote-control:
    control-enable: no
key:
    name: xfr
    algorithm: hmac-sha256
    secret: \"{SECRET}\"
zone:
    name: {zone}
    zonefile: {zone}.zone
    outgoing-interface: {NSD}
    {own}
"
    );
    let config = world.write("nsd.conf", &text);
    world.start(
        "nsd",
        Command::new("/usr/sbin/nsd")
            .arg("-d")
            .arg("-c")
            .arg(config),
    )
}

pub(crate) fn bind(world: &World, zone: &str, side: Side) -> Process {
    // It listens on nothing but addresses that an interface has; one that is there already is well.
    run(
        "ip",
        &["address", "add", &format!("{BIND}/32"), "dev", "lo"],
    );
    let own = match side {
        Side::Secondary => {
            format!("type secondary; primaries {{ {WAYPOST} key xfr; }}; allow-notify {{ any; }};")
        }
        Side::Primary => format!(
            "type primary; notify explicit; also-notify {{ {WAYPOST} key xfr; }}; \
             allow-transfer {{ key xfr; }}; ixfr-from-differences yes;"
        ),
    };
    let folder = world.path("bind");
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.display();
    let text = format!(
        "options {{
    directory \"{folder}\";
    listen-on {{ {BIND}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    pid-file none;
    session-keyfile none;
    notify-source {BIND};
    transfer-source {BIND};
    notify-delay 0;
    dnssec-validation no;
}};
controls {{ }};
key xfr {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};
zone \"{zone}\" {{ file \"{zone}.zone\"; masterfile-format text; {own} }};
"
    );
    let config = world.write("named.conf", &text);
    world.start(
        "bind",
        Command::new("/usr/sbin/named")
            .arg("-g")
            .arg("-c")
            .arg(config),
    )
}

/// What `dig +short` prints.
pub(crate) fn short(server: &str, name: &str, rtype: &str) -> String {
    let text = dig(&[&format!("@{server}"), name, rtype, "+short"]);
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(';')).collect();
    lines.sort_unstable();
    lines.join(" ")
}

/// The serial that a server says; `None` if it says none.
pub(crate) fn serial(server: &str, zone: &str) -> Option<u32> {
    short(server, zone, "SOA").split(' ').nth(2)?.parse().ok()
}

/// Waits until a server says something.
pub(crate) fn wait_for_answer(server: &str, (name, rtype): (&str, &str), expected: &str) {
    let what = format!("{name} {rtype} at {server} to be {expected:?}");
    wait_for(&what, || short(server, name, rtype) == expected);
}
