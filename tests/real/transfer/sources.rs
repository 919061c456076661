//! Requests and notifications leave from the address that listens, or from `source`, in both
//! families: BIND and Knot take them from nowhere else.
use std::process::Command;

use super::peers::{serial, wait_for_answer};
use crate::world::{CONFIG, Process, World, ZONE, run, wait_for};

/// Where Waypost listens.
const OWN: [&str; 2] = ["127.0.0.20", "fd00::20"];
/// Where BIND is.
const BIND: [&str; 2] = ["127.0.0.32", "fd00::32"];
/// Where Knot is.
const KNOT: [&str; 2] = ["127.0.0.30", "fd00::30"];

fn config(source: &str, notifying: &str) -> String {
    let zone = |name: &str, primary: &str| {
        format!(
            "[[zones]]\nname = \"{name}\"\nfile = \"taken/{name}.zone\"\nprimaries = [\"{primary}\"]\n{source}\n"
        )
    };
    let zones = [
        zone("b4.test", "127.0.0.32:53"),
        zone("b6.test", "[fd00::32]:53"),
        zone("k4.test", "127.0.0.30:53"),
        zone("k6.test", "[fd00::30]:53"),
    ];
    let listen = "listen = [\"127.0.0.20:53\", \"[::1]:53\"]";
    let file = "file = \"zones/example.org.zone\"";
    let notify = [KNOT, BIND]
        .map(|[v4, v6]| format!("\"{v4}:53\", \"[{v6}]:53\""))
        .join(", ");
    let transfer = format!(
        "{file}\ntransfer = {{ to = [\"127.0.0.0/8\", \"fd00::/16\"], notify = [{notify}], min_interval = \"1s\", render_strict = \"EEA\"{notifying} }}"
    );
    assert!(CONFIG.contains(listen) && CONFIG.contains(file));
    CONFIG
        .replace(listen, "listen = [\"127.0.0.20:53\", \"[fd00::20]:53\"]")
        .replace(file, &transfer)
        + &zones.concat()
}

fn primary_zone(serial: u32) -> String {
    format!(
        "$TTL 60\n@ SOA ns1 hostmaster {serial} 3600 3600 60000 60\n@ NS ns1\nns1 A 192.0.2.1\n"
    )
}

/// BIND, which gives zones to `asking` and takes notifications from `notifying` alone.
fn bind(world: &World, asking: [&str; 2], notifying: [&str; 2]) -> Process {
    let folder = world.path("bind");
    std::fs::create_dir_all(&folder).unwrap();
    let [v4, v6] = BIND;
    let both = |addresses: [&str; 2]| addresses.map(|one| format!("{one};")).join(" ");
    let primary = |zone: &str| {
        world.write(&format!("bind/{zone}.zone"), &primary_zone(7));
        format!("zone \"{zone}\" {{ type primary; file \"{zone}.zone\"; }};\n")
    };
    let text = format!(
        "options {{
    directory \"{}\";
    listen-on {{ {v4}; }};
    listen-on-v6 {{ {v6}; }};
    recursion no;
    pid-file none;
    session-keyfile none;
    notify no;
    dnssec-validation no;
    allow-transfer {{ {} }};
    transfer-source {v4};
    transfer-source-v6 {v6};
}};
controls {{ }};
{}{}
zone \"example.org\" {{
    type secondary; file \"example.org.zone\"; masterfile-format text;
    primaries {{ 127.0.0.99; }};
    allow-notify {{ {} }};
}};
",
        folder.display(),
        both(asking),
        primary("b4.test"),
        primary("b6.test"),
        both(notifying),
    );
    let config = world.write("named.conf", &text);
    let mut command = Command::new("/usr/sbin/named");
    world.start("bind", command.arg("-g").arg("-c").arg(config))
}

/// Knot, which gives zones to `asking` and takes notifications from `notifying` alone.
fn knot(world: &World, asking: [&str; 2], notifying: [&str; 2]) -> Process {
    let folder = world.path("knot");
    std::fs::create_dir_all(&folder).unwrap();
    let [v4, v6] = KNOT;
    let primary = |zone: &str| {
        world.write(&format!("knot/{zone}.zone"), &primary_zone(7));
        format!("  - domain: {zone}\n    file: {zone}.zone\n    acl: asking\n")
    };
    let folder = folder.display();
    let text = format!(
        "server:
    listen: [ {v4}@53, {v6}@53 ]
    rundir: {folder}
database:
    storage: {folder}
log:
  - target: stdout
    any: debug
remote:
  - id: waypost
    address: [ {}@53, {}@53 ]
    via: [ {v4}, {v6} ]
acl:
  - id: asking
    address: [ {} ]
    action: transfer
  - id: notifying
    address: [ {} ]
    action: notify
template:
  - id: default
    storage: {folder}
zone:
{}{}  - domain: example.org
    file: example.org.zone
    master: waypost
    acl: notifying
    zonefile-load: none
",
        OWN[0],
        OWN[1],
        asking.join(", "),
        notifying.join(", "),
        primary("k4.test"),
        primary("k6.test"),
    );
    let config = world.write("knot.conf", &text);
    let mut command = Command::new("/usr/sbin/knotd");
    world.start("knot", command.arg("-c").arg(config))
}

/// Zones are taken and notifications heard, both ways, by peers that know us by these addresses.
fn go(config: &str, asking: [&str; 2], notifying: [&str; 2]) {
    let world = World::new();
    for address in [
        "fd00::20",
        "fd00::30",
        "fd00::32",
        "fd00::77",
        "fd00::78",
        "127.0.0.32",
    ] {
        // BIND listens on nothing but addresses that an interface has.
        let (said, well) = run("ip", &["address", "add", address, "dev", "lo", "nodad"]);
        assert!(well, "{said}");
    }
    let peers = [
        bind(&world, asking, notifying),
        knot(&world, asking, notifying),
    ];
    for (server, zone) in [
        (BIND[0], "b4.test"),
        (BIND[1], "b6.test"),
        (KNOT[0], "k4.test"),
        (KNOT[1], "k6.test"),
    ] {
        wait_for(zone, || serial(server, zone) == Some(7));
    }
    world.write("config.toml", config);
    world.write("zones/example.org.zone", ZONE);
    let waypost = world.waypost();
    // They were taken before anything was answered.
    for zone in ["b4.test", "b6.test", "k4.test", "k6.test"] {
        assert_eq!(serial(OWN[0], zone), Some(7), "{zone}: {}", waypost.log());
    }
    wait_for("all four to be told", || {
        waypost.log().matches("\"event\":\"notified\"").count() >= 4
    });
    let log = waypost.log();
    assert!(!log.contains("notify_refused"), "{log}");
    wait_for_answer(KNOT[0], ("mixed.example.org", "TXT"), "\"Case Kept\"");
    drop(peers);
}

#[test]
fn what_is_sent_leaves_from_where_we_listen() {
    go(&config("", ""), OWN, OWN);
}

#[test]
fn what_is_sent_leaves_from_the_source_that_is_written() {
    let asking = ["127.0.0.77", "fd00::77"];
    let notifying = ["127.0.0.78", "fd00::78"];
    let config = config(
        "source = [\"127.0.0.77\", \"fd00::77\"]",
        ", source = [\"127.0.0.78\", \"fd00::78\"]",
    );
    go(&config, asking, notifying);
}

#[test]
fn an_address_that_is_not_ours_is_told() {
    let world = World::new();
    let config = config("source = \"192.0.2.77\"", ", source = \"192.0.2.78\"");
    world.write("config.toml", &config.replace("[fd00::20]", "[::1]"));
    world.write("zones/example.org.zone", ZONE);
    let waypost = world.waypost();
    wait_for("a word of the primaries", || {
        waypost.log().contains("cannot leave from 192.0.2.77")
    });
    wait_for("a word of the secondaries", || {
        waypost.log().contains("cannot leave from 192.0.2.78")
    });
}
