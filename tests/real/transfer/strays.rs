//! Records that lie outside a zone are left out of its transfer, and everything else is taken.
use std::fs;

use super::hostile::record;
use super::peers::{WAYPOST, serial, short, wait_for_answer};
use super::scripted::{Primary, Reply, soa, text, zone};
use crate::world::{CONFIG, World, ZONE, dig};

const PRIMARY: &str = "127.0.0.40";

/// A record of a name that is not in the zone.
fn stray(owner: &[u8]) -> Vec<u8> {
    record(owner, 16, b"\x05stray")
}

/// The lines of the log that say what was left out.
fn told(log: &str) -> Vec<&str> {
    let lines = log.lines();
    lines
        .filter(|line| line.contains("transfer_strays"))
        .collect()
}

#[test]
fn records_outside_the_zone_are_left_out() {
    let world = World::new();
    let primary = Primary::start(PRIMARY, 5);
    let config = "[[zones]]\nname = \"evil.test\"\nfile = \"evil.zone\"\n\
        primaries = [\"127.0.0.40:53\"]\ntransfer = { to = [\"127.0.0.0/8\"], min_interval = \"1s\" }\n";
    let config = CONFIG.replace("[[zones]]\nname", &format!("{config}\n[[zones]]\nname"));
    world.write("config.toml", &config);
    world.write("zones/example.org.zone", ZONE);
    let other = b"\x01a\x07example\x03org\x00";
    let near = b"\x01a\x05xevil\x04test\x00";
    let mut whole = zone(6);
    whole.insert(1, stray(other));
    whole.insert(4, stray(near));
    primary.says(Reply::Code(5), Reply::Records(whole));
    let waypost = world.waypost();
    assert_eq!(serial(WAYPOST, "evil.test"), Some(6));
    let log = waypost.log();
    assert_eq!(told(&log).len(), 1, "{log}");
    let line = told(&log)[0];
    assert!(
        line.contains("\"count\":2") && line.contains("a.example.org") && line.contains("WARN"),
        "{line}"
    );
    check(&world, "\"6\"");

    // In a difference, what goes and what comes.
    let changes = vec![
        soa(7),
        soa(6),
        stray(other),
        text("v", "6"),
        soa(7),
        stray(near),
        text("v", "7"),
        soa(7),
    ];
    primary.says(Reply::Records(changes), Reply::Code(5));
    wait_for_answer(WAYPOST, ("v.evil.test", "TXT"), "\"7\"");
    let log = waypost.log();
    assert!(log.contains("\"form\":\"changes\""), "{log}");
    assert_eq!(told(&log).len(), 2, "{log}");
    check(&world, "\"7\"");
}

/// The zone is served, kept and given without what does not belong into it.
fn check(world: &World, version: &str) {
    assert_eq!(short(WAYPOST, "v.evil.test", "TXT"), version);
    assert_eq!(short(WAYPOST, "a.evil.test", "TXT"), "\"stays\"");
    let at = format!("@{WAYPOST}");
    let foreign = dig(&[&at, "a.xevil.test", "TXT"]);
    assert!(foreign.contains("status: REFUSED"), "{foreign}");
    let own = dig(&[&at, "a.example.org", "TXT"]);
    assert!(own.contains("status: NXDOMAIN"), "{own}");
    let kept = fs::read_to_string(world.path("evil.zone")).unwrap();
    assert!(
        kept.contains("\"stays\"") && !kept.contains("stray"),
        "{kept}"
    );
    let serial = serial(WAYPOST, "evil.test").unwrap().to_string();
    crate::world::wait_for("the version to be given", || {
        let given = dig(&[&at, "evil.test", "AXFR"]);
        assert!(!given.contains("stray"), "{given}");
        given.contains(&format!(" {serial} ")) && given.contains("\"stays\"")
    });
}
