//! Waypost as the primary of stock secondaries.
use std::os::unix::fs::PermissionsExt;

use super::peers::{
    BIND, KEY, KNOT, NSD, SECRET, Side, WAYPOST, bind, knot, nsd, serial, short, wait_for_answer,
};
use crate::world::{CONFIG, Process, World, ZONE, dig, run, state_of, wait_for};

const SECONDARIES: [&str; 3] = [KNOT, NSD, BIND];

fn config(transfer: &str) -> String {
    let zone = "file = \"zones/example.org.zone\"";
    let config = CONFIG.replace(zone, &format!("{zone}\ntransfer = {transfer}"));
    let keys = ["xfr", "other"].map(|name| format!("[tsig.{name}]\nsecret = \"{SECRET}\"\n"));
    config + &keys.concat()
}

/// A Waypost whose zone goes to three secondaries.
fn served(world: &World, transfer: &str) -> Process {
    world.write("config.toml", &config(transfer));
    world.write("zones/example.org.zone", ZONE);
    world.waypost()
}

fn notified() -> String {
    let notify = SECONDARIES.map(|address| format!("\"{address}:53\""));
    format!(
        "{{ to = [\"key:xfr\"], key = \"xfr\", notify = [{}], render_for = \"DE\", render_strict = \"EEA\", min_interval = \"1s\" }}",
        notify.join(", ")
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn stock_secondaries_stand_in_and_follow() {
    let world = World::new();
    let first = world.backend("127.1.0.1");
    let _others = ["127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
    let waypost = served(&world, &notified());
    wait_for("the first machine to be well", || {
        state_of("fra-one") == "healthy"
    });
    let peers = [
        knot(&world, "example.org", Side::Secondary),
        nsd(&world, "example.org", Side::Secondary),
        bind(&world, "example.org", Side::Secondary),
    ];
    for secondary in SECONDARIES {
        for name in ["api.example.org", "example.org", "data.example.org"] {
            wait_for_answer(secondary, (name, "A"), "127.1.0.1");
        }
        for (name, rtype) in [
            ("example.org", "MX"),
            ("example.org", "NS"),
            ("mixed.example.org", "TXT"),
            ("x.wild.example.org", "TXT"),
            ("old.example.org", "DNAME"),
            ("ns.sub.example.org", "NS"),
        ] {
            let own = short(WAYPOST, name, rtype);
            assert_eq!(short(secondary, name, rtype), own, "{secondary} {name}");
        }
        wait_for("the same serial", || {
            serial(secondary, "example.org") == serial(WAYPOST, "example.org")
        });
    }

    // A failover is a new version, and reaches them by notification.
    let before = serial(WAYPOST, "example.org").unwrap();
    first.kill();
    for secondary in SECONDARIES {
        wait_for_answer(secondary, ("api.example.org", "A"), "127.1.0.2");
        let after = serial(secondary, "example.org").unwrap();
        assert!(after > before, "{secondary} {after} {before}");
    }
    let log = peers[0].log();
    let changes = |line: &str| line.contains("IXFR, incoming") && line.contains("finished");
    assert!(log.lines().any(changes), "knot gets changes: {log}");
    let log = waypost.log();
    assert_eq!(
        log.matches("\"event\":\"notify_refused\"").count(),
        0,
        "{log}"
    );

    // A kill at any moment does not set a serial back, and versions go on from there.
    let before = serial(WAYPOST, "example.org").unwrap();
    waypost.kill();
    let _waypost = world.waypost();
    let _first = world.backend("127.1.0.1");
    wait_for("the serial to come back", || {
        let serial = serial(WAYPOST, "example.org");
        assert!(
            serial.is_none_or(|serial| serial >= before),
            "{serial:?} < {before}"
        );
        serial.is_some()
    });
    for secondary in SECONDARIES {
        wait_for_answer(secondary, ("api.example.org", "A"), "127.1.0.1");
        assert!(serial(secondary, "example.org").unwrap() > before);
    }

    // A zone file with a serial behind the last one changes the content, and the serial goes up.
    let before = serial(WAYPOST, "example.org").unwrap();
    let text = ZONE
        .replace("2026010101", "7")
        .replace("Case Kept", "changed");
    world.write("zones/example.org.zone", &text);
    for secondary in SECONDARIES {
        wait_for_answer(secondary, ("mixed.example.org", "TXT"), "\"changed\"");
        assert!(serial(secondary, "example.org").unwrap() > before);
    }
    // And one ahead is taken as it is.
    let text = ZONE.replace("2026010101", "2030010101");
    world.write("zones/example.org.zone", &text);
    for server in SECONDARIES.iter().chain(&[WAYPOST]) {
        wait_for("the serial of the file", || {
            serial(server, "example.org") == Some(2_030_010_101)
        });
    }
}

/// How many records `dig` got by a transfer; 0 if it was refused.
fn axfr(arguments: &[&str]) -> usize {
    let text = dig(&[&[&*format!("@{WAYPOST}"), "example.org"], arguments].concat());
    let records = text
        .lines()
        .filter(|line| !line.starts_with(';') && line.contains("\tIN\t"));
    records.count()
}

#[test]
fn zones_are_for_those_who_may_have_them() {
    let world = World::new();
    let tls = "listen = [\"127.0.0.20:853\"]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    let pair = rcgen::generate_simple_self_signed(["ns1.example.org".to_owned()]).unwrap();
    world.write("cert.pem", &pair.cert.pem());
    let key = world.write("key.pem", &pair.signing_key.serialize_pem());
    std::fs::set_permissions(key, PermissionsExt::from_mode(0o600)).unwrap();
    let transfer = "{ to = [\"127.0.0.2/32\", \"key:xfr\", \"127.0.0.3/32 key:other\"], render_strict = \"EEA\" }";
    world.write("config.toml", &(config(transfer) + "[server.tls]\n" + tls));
    world.write("zones/example.org.zone", ZONE);
    let waypost = world.waypost();
    wait_for("a version", || waypost.log().contains("zone_version"));
    let other = KEY.replace("xfr", "other");
    let unknown = KEY.replace("xfr", "unknown");
    let wrong = KEY.replace("MTIz", "AAAA");
    let all = axfr(&["AXFR", "-b", "127.0.0.2"]);
    assert!(all > 15, "{all}");
    for (arguments, expected) in [
        (&["AXFR"][..], 0),
        (&["AXFR", "-b", "127.0.0.3"], 0),
        (&["AXFR", "-b", "127.0.0.3", "-y", &other], all),
        (&["AXFR", "-b", "127.0.0.4", "-y", &other], 0),
        (&["AXFR", "-y", KEY], all),
        (&["AXFR", "-y", &unknown], 0),
        (&["AXFR", "-y", &wrong], 0),
        (&["IXFR=1", "-y", KEY], all),
        (&["IXFR=2026010101", "-y", KEY], 1),
        (&["IXFR=1", "-y", KEY, "+notcp"], 1),
    ] {
        assert_eq!(axfr(arguments), expected, "{arguments:?}");
    }
    // Whatever is signed is answered signed, and what is signed wrongly is told so.
    let server = format!("@{WAYPOST}");
    for (key, expected) in [(KEY, "NOERROR"), (&*wrong, "BADSIG"), (&*unknown, "BADKEY")] {
        for way in ["+notcp", "+tcp"] {
            let text = dig(&[&server, "mail.example.org", "A", "-y", key, way]);
            assert!(text.contains(expected), "{text}");
            let is_well = text.contains("192.0.2.25") && !text.contains("Couldn't verify");
            assert_eq!(is_well, expected == "NOERROR", "{text}");
        }
    }
    // Another program reads it as well.
    let kdig = [
        "+nocrypto",
        "example.org",
        "AXFR",
        "-b",
        "127.0.0.2",
        &server,
    ];
    let (text, well) = run("kdig", &kdig);
    assert!(well && text.contains("mail.example.org."), "{text}");
    // Over TLS it is the same (RFC 9103), for those who may have it.
    let (text, well) = run("kdig", &[&kdig[..], &["+tls"]].concat());
    assert!(well && text.contains("mail.example.org."), "{text}");
    let (text, _) = run("kdig", &["+tls", "example.org", "AXFR", &server]);
    assert!(text.contains("REFUSED"), "{text}");
    // The zone as it is given is what any checker calls a zone.
    let given = dig(&[
        &server,
        "example.org",
        "AXFR",
        "-b",
        "127.0.0.2",
        "+noall",
        "+answer",
    ]);
    let mut lines: Vec<&str> = given.lines().collect();
    assert_eq!(lines.pop(), lines.first().copied(), "it ends with its SOA");
    let file = world.write("given.zone", &(lines.join("\n") + "\n"));
    let (text, well) = run("named-checkzone", &["example.org", file.to_str().unwrap()]);
    assert!(well, "{text}");
}
