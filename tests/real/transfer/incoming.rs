//! Waypost as the secondary of hidden primaries, steering mounted over what it takes.
use std::fmt::Write;

use super::peers::{
    BIND, KNOT, NSD, SECRET, Side, WAYPOST, bind, knot, nsd, serial, short, wait_for_answer,
};
use crate::world::{CONFIG, Process, World, dig, get, run, wait_for};

/// Zone, primary.
const ZONES: [(&str, &str); 3] = [("k.test", KNOT), ("n.test", NSD), ("b.test", BIND)];

/// A zone of many messages; `text` is what changes.
fn zone_text(serial: u32, text: &str) -> String {
    let mut zone = format!(
        "$TTL 300
@ SOA ns1 hostmaster {serial} 3600 1 20 60
@ NS ns1
ns1 A {WAYPOST}
www TXT \"{text}\"
*.wild CNAME api
"
    );
    for number in 0..3000 {
        let _ = writeln!(zone, "r{number} TXT \"{number:0>100}\"");
    }
    zone
}

fn config() -> String {
    let zones = ZONES.map(|(zone, primary)| {
        format!(
            "[[zones]]\nname = \"{zone}\"\nfile = \"taken/{zone}.zone\"\nprimaries = [\"{primary}:53\"]\nkey = \"xfr\"\n"
        )
    });
    let zone = "[[zones]]\nname = \"example.org\"\nfile = \"zones/example.org.zone\"\n";
    assert!(CONFIG.contains(zone));
    let hostnames = ZONES.map(|(zone, _)| format!("\"api.{zone}\""));
    CONFIG
        .replace(zone, &zones.concat())
        .replace(
            "hostnames = [\"api.example.org\", \"example.org\"]",
            &format!("hostnames = [{}]", hostnames.join(", ")),
        )
        .replace("data.example.org", "data.k.test")
        + &format!("[tsig.xfr]\nsecret = \"{SECRET}\"\n")
}

fn write_zones(world: &World, serial: u32, text: &str) {
    for (folder, (zone, _)) in ["knot", "nsd", "bind"].iter().zip(ZONES) {
        world.write(&format!("{folder}/{zone}.zone"), &zone_text(serial, text));
    }
}

fn start_peers(world: &World) -> [Process; 3] {
    // Its journal would not go with a file that was written while it was away.
    let _ = std::fs::remove_file(world.path("bind/b.test.zone.jnl"));
    [
        knot(world, "k.test", Side::Primary),
        nsd(world, "n.test", Side::Primary),
        bind(world, "b.test", Side::Primary),
    ]
}

fn hang_up(peers: &[Process]) {
    for peer in peers {
        nix::sys::signal::kill(peer.id(), nix::sys::signal::Signal::SIGHUP).unwrap();
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn zones_come_from_hidden_primaries() {
    let world = World::new();
    let _backend = world.backend("127.1.0.1");
    write_zones(&world, 100, "one");
    let peers = start_peers(&world);
    for (zone, primary) in ZONES {
        wait_for(primary, || serial(primary, zone) == Some(100));
    }
    world.write("config.toml", &config());
    let waypost = world.waypost();
    // They were fetched before anything was answered.
    for (zone, _) in ZONES {
        assert_eq!(serial(WAYPOST, zone), Some(100), "{}", waypost.log());
        assert_eq!(short(WAYPOST, &format!("www.{zone}"), "TXT"), "\"one\"");
        wait_for_answer(WAYPOST, (&format!("api.{zone}"), "A"), "127.1.0.1");
        let last = short(WAYPOST, &format!("r2999.{zone}"), "TXT");
        assert!(last.ends_with("2999\""), "{last}");
    }

    // A notification brings a new version; the timers would take an hour. What is told is a change
    // of a few records, and the others stay.
    write_zones(&world, 101, "two");
    hang_up(&peers);
    for (zone, _) in ZONES {
        wait_for_answer(WAYPOST, (&format!("www.{zone}"), "TXT"), "\"two\"");
        assert_eq!(serial(WAYPOST, zone), Some(101));
        let last = short(WAYPOST, &format!("r2999.{zone}"), "TXT");
        assert!(last.ends_with("2999\""), "{last}");
    }

    let changes = waypost.log().matches("\"form\":\"changes\"").count();
    assert!(
        changes >= 2,
        "knot and bind send changes: {}",
        waypost.log()
    );

    // A file whose zone can be nothing at all is refused, and what is there stays.
    drop(peers);
    write_zones(&world, 102, "three\"\napi CNAME www\nx TXT \"");
    let peers = start_peers(&world);
    for (zone, primary) in ZONES {
        wait_for(primary, || serial(primary, zone) == Some(102));
    }
    wait_for("the refusals", || {
        waypost.log().matches("transfer_refused").count() >= 3
    });
    for (zone, _) in ZONES {
        assert_eq!(serial(WAYPOST, zone), Some(101));
        assert_eq!(short(WAYPOST, &format!("www.{zone}"), "TXT"), "\"two\"");
    }

    // Without a primary for as long as the SOA says, a zone is not answered; a restart makes no
    // difference, and neither does it make one once a primary is back.
    drop(peers);
    let servfail = |zone: &str| {
        let text = dig(&[&format!("@{WAYPOST}"), &format!("www.{zone}"), "TXT"]);
        text.contains("status: SERVFAIL")
    };
    for (zone, _) in ZONES {
        wait_for("the zones to expire", || servfail(zone));
    }
    assert!(waypost.log().contains("zone_expired"));
    let (_, metrics) = get("/metrics").unwrap();
    assert!(
        metrics.contains("waypost_zone_answered{zone=\"k.test\"} 0"),
        "{metrics}"
    );
    let (status, _) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["status", "--control", "http://127.0.0.1:8053"],
    );
    assert!(status.contains("zone k.test is not answered"), "{status}");
    waypost.kill();
    let waypost = world.waypost();
    for (zone, _) in ZONES {
        assert!(servfail(zone), "{zone}: {}", waypost.log());
    }
    write_zones(&world, 103, "four");
    let _peers = start_peers(&world);
    for (zone, _) in ZONES {
        wait_for_answer(WAYPOST, (&format!("www.{zone}"), "TXT"), "\"four\"");
        wait_for_answer(WAYPOST, (&format!("api.{zone}"), "A"), "127.1.0.1");
    }
    let (_, metrics) = get("/metrics").unwrap();
    assert!(
        metrics.contains("waypost_zone_answered{zone=\"k.test\"} 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("waypost_zone_serial{zone=\"k.test\"} 103"),
        "{metrics}"
    );
}

#[test]
fn a_zone_that_never_came_is_no_answer_and_not_a_denial() {
    let world = World::new();
    let primary = "127.0.0.33";
    let zone =
        "[[zones]]\nname = \"late.test\"\nfile = \"late.zone\"\nprimaries = [\"127.0.0.33:53\"]\n";
    world.write("config.toml", &(CONFIG.to_owned() + zone));
    world.write("zones/example.org.zone", crate::world::ZONE);
    let waypost = world.waypost();
    for name in ["late.test", "www.late.test"] {
        let text = dig(&[&format!("@{WAYPOST}"), name, "A"]);
        assert!(text.contains("status: SERVFAIL"), "{text}");
    }
    let text = dig(&[&format!("@{WAYPOST}"), "mail.example.org", "A"]);
    assert!(text.contains("192.0.2.25"), "{text}");
    assert!(waypost.log().contains("transfer_failed"));
    assert_eq!(serial(primary, "late.test"), None);
}
