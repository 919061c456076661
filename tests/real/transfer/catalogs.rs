//! Catalog zones (RFC 9432): of Waypost, followed by Knot and BIND; of Knot, followed by Waypost.
use std::fs;
use std::process::Command;

use super::peers::{BIND, KNOT, SECRET, WAYPOST, short, wait_for_answer};
use crate::world::{Process, World, dig, run, wait_for};

const ZONE: &str = "@ 60 IN SOA ns hostmaster 1 60 60 86400 60\n@ 60 IN NS ns\nns 60 IN A 192.0.2.1\nwww 60 IN A 192.0.2.7\n";

/// A config that gives a catalog of these zones to Knot and BIND.
fn producer(zones: &[&str]) -> String {
    let transfer = format!(
        "transfer = {{ to = [\"127.0.0.0/8 key:xfr\"], notify = [\"{KNOT}:53\", \"{BIND}:53\"], key = \"xfr\", min_interval = \"1s\" }}\n"
    );
    let mut text = format!(
        "[server]\nlisten = [\"{WAYPOST}:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n[guard]\nmax_shrink = \"100%\"\n\
         [tsig.xfr]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n\
         [[zones]]\nname = \"catalog.test\"\ncatalog = {{}}\n{transfer}"
    );
    for zone in zones {
        text += &format!("[[zones]]\nname = \"{zone}\"\nfile = \"own.zone\"\n{transfer}")
            .replace("own.zone", &format!("{zone}.zone"));
    }
    // It has no secondaries, so it is none of the catalog's.
    text + "[[zones]]\nname = \"private.test\"\nfile = \"private.test.zone\"\n"
}

fn follow_by_knot(world: &World) -> Process {
    let folder = world.path("knot");
    fs::create_dir_all(&folder).unwrap();
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
template:
  - id: member
    storage: {folder}
    master: waypost
    acl: notify
    zonefile-load: none
zone:
  - domain: catalog.test
    storage: {folder}
    master: waypost
    acl: notify
    zonefile-load: none
    catalog-role: interpret
    catalog-template: member
"
    );
    let config = world.write("knot.conf", &text);
    let mut knotd = Command::new("/usr/sbin/knotd");
    world.start("knot", knotd.arg("-c").arg(config))
}

fn follow_by_bind(world: &World) -> Process {
    run(
        "ip",
        &["address", "add", &format!("{BIND}/32"), "dev", "lo"],
    );
    let folder = world.path("bind");
    fs::create_dir_all(&folder).unwrap();
    let folder = folder.display();
    let text = format!(
        "options {{
    directory \"{folder}\";
    listen-on {{ {BIND}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    pid-file none;
    session-keyfile none;
    notify no;
    transfer-source {BIND};
    dnssec-validation no;
    catalog-zones {{ zone \"catalog.test\" default-primaries {{ {WAYPOST} key xfr; }} in-memory yes min-update-interval 1; }};
}};
controls {{ }};
key xfr {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};
zone \"catalog.test\" {{ type secondary; file \"catalog.zone\"; primaries {{ {WAYPOST} key xfr; }}; allow-notify {{ any; }}; }};
"
    );
    let config = world.write("named.conf", &text);
    let mut named = Command::new("/usr/sbin/named");
    world.start("bind", named.arg("-g").arg("-c").arg(config))
}

/// Tells that a server answers for a zone.
fn serves(server: &str, zone: &str) -> bool {
    short(server, &format!("www.{zone}"), "A") == "192.0.2.7"
}

fn refuses(server: &str, zone: &str) -> bool {
    dig(&[&format!("@{server}"), zone, "SOA"]).contains("status: REFUSED")
}

#[test]
fn knot_and_bind_follow_a_catalog_of_ours() {
    let world = World::new();
    for zone in ["one.test", "two.test", "three.test", "private.test"] {
        world.write(&format!("{zone}.zone"), ZONE);
    }
    world.write("config.toml", &producer(&["one.test", "two.test"]));
    let _waypost = world.waypost();
    let _knot = follow_by_knot(&world);
    let _bind = follow_by_bind(&world);
    for server in [KNOT, BIND] {
        for zone in ["one.test", "two.test"] {
            wait_for(&format!("{zone} at {server}"), || serves(server, zone));
        }
        assert!(refuses(server, "private.test"), "{server}");
    }

    // One goes, another comes: both learn it from the catalog's next version.
    let config = world.write("config.toml", &producer(&["two.test", "three.test"]));
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["reload", "--force", "--config", config.to_str().unwrap()],
    );
    assert!(well, "{text}");
    for server in [KNOT, BIND] {
        wait_for(&format!("three.test at {server}"), || {
            serves(server, "three.test")
        });
        wait_for(&format!("one.test is gone at {server}"), || {
            refuses(server, "one.test")
        });
        assert!(serves(server, "two.test"), "{server}");
    }
}

/// A primary with a catalog of these zones, by a file: so that it can be broken.
fn primary(world: &World, zones: &[&str]) -> Process {
    let folder = world.path("knot");
    let folder = folder.display();
    let mut text = format!(
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
  - id: transfer
    key: xfr
    action: transfer
template:
  - id: default
    storage: {folder}
    notify: waypost
    acl: transfer
    semantic-checks: off
zone:
  - domain: catalog.test
    file: catalog.zone
"
    );
    for zone in zones {
        text += &format!("  - domain: {zone}\n    file: member.zone\n");
    }
    let config = world.write("knot.conf", &text);
    let mut knotd = Command::new("/usr/sbin/knotd");
    world.start("knot", knotd.arg("-c").arg(config))
}

fn catalog(serial: u32, members: &[&str], version: &str) -> String {
    let mut text = format!(
        "@ 0 IN SOA invalid. invalid. {serial} 1 1 86400 0\n@ 0 IN NS invalid.\nversion 0 IN TXT \"{version}\"\n"
    );
    for (number, member) in members.iter().enumerate() {
        text += &format!(
            "m{number}.zones 0 IN PTR {member}.\ngroup.m{number}.zones 0 IN TXT \"any\"\n"
        );
    }
    text
}

#[test]
fn waypost_follows_a_catalog_of_knot() {
    let world = World::new();
    world.write("knot/member.zone", ZONE);
    let zones = ["one.test", "two.test", "three.test"];
    // `own.test` is a zone of ours already.
    let first = ["one.test", "own.test", "two.test"];
    world.write("knot/catalog.zone", &catalog(1, &first, "2"));
    world.write("own.test.zone", &ZONE.replace("192.0.2.7", "192.0.2.8"));
    let config = format!(
        "[server]\nlisten = [\"{WAYPOST}:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n[guard]\nmax_shrink = \"50%\"\n\
         [tsig.xfr]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n\
         [[zones]]\nname = \"catalog.test\"\nfile = \"state/catalog.zone\"\nprimaries = [\"{KNOT}:53\"]\nkey = \"xfr\"\ncatalog = {{ folder = \"state/members\" }}\n\
         [[zones]]\nname = \"own.test\"\nfile = \"own.test.zone\"\n"
    );
    world.write("config.toml", &config);
    let knot = primary(&world, &zones);
    let waypost = world.waypost();
    for zone in ["one.test", "two.test"] {
        wait_for(zone, || serves(WAYPOST, zone));
    }
    wait_for_answer(WAYPOST, ("www.own.test", "A"), "192.0.2.8");
    assert!(refuses(WAYPOST, "three.test"));

    // Another comes, one goes.
    drop(knot);
    let next = ["own.test", "two.test", "three.test"];
    world.write("knot/catalog.zone", &catalog(2, &next, "2"));
    let knot = primary(&world, &zones);
    wait_for("three.test", || serves(WAYPOST, "three.test"));
    wait_for("one.test is gone", || refuses(WAYPOST, "one.test"));

    // One that is broken changes nothing, and neither does the death of its primary, over a restart.
    drop(knot);
    world.write("knot/catalog.zone", &catalog(3, &["one.test"], "1"));
    let knot = primary(&world, &zones);
    wait_for("the refusal", || waypost.log().contains("transfer_refused"));
    assert!(
        waypost.log().contains("no catalog of version 2"),
        "{}",
        waypost.log()
    );
    drop(knot);
    waypost.kill();
    let waypost = world.waypost();
    for zone in ["two.test", "three.test"] {
        wait_for(zone, || serves(WAYPOST, zone));
    }
    assert!(refuses(WAYPOST, "one.test"));
    let (status, _) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &[
            "status",
            "--json",
            "--config",
            world.path("config.toml").to_str().unwrap(),
        ],
    );
    assert!(
        status.contains("\"listed_by\": \"catalog.test\"")
            || status.contains("\"listed_by\":\"catalog.test\""),
        "{status}"
    );
    drop(waypost);
}
