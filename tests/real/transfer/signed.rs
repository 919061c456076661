//! A signed zone goes to stock secondaries as a whole that validates, version by version.
use std::path::Path;

use super::peers::{BIND, KEY, KNOT, Side, WAYPOST, bind, knot, serial, wait_for_answer};
use crate::world::{CONFIG, World, ZONE, dig, run, state_of, wait_for};

const SECRET: &str = super::peers::SECRET;

/// The zone as a server gives it, through the checkers of NLnet Labs and ISC.
fn check(world: &World, server: &str) {
    let at = format!("@{server}");
    let mut arguments = vec![&*at, "example.org", "AXFR", "+onesoa", "+noall", "+answer"];
    if server == WAYPOST {
        arguments.extend(["-y", KEY]);
    }
    let text = dig(&arguments);
    assert!(text.contains("RRSIG"), "{server}: {text}");
    let file = world.write("given.zone", &text);
    let file = file.to_str().unwrap();
    for (program, arguments) in [
        ("ldns-verify-zone", &[file][..]),
        // One key signs everything: `-z` has it count for that.
        ("dnssec-verify", &["-z", "-o", "example.org", file]),
    ] {
        let (said, well) = run(program, arguments);
        assert!(well, "{program} of {server}: {said}\n{text}");
    }
}

fn go(dnssec: &str) {
    let world = World::new();
    let notify = [KNOT, BIND].map(|address| format!("\"{address}:53\""));
    let zone = "file = \"zones/example.org.zone\"";
    let with = format!(
        "{zone}\ndnssec = {dnssec}\ntransfer = {{ to = [\"key:xfr\", \"127.0.0.1/32\"], key = \"xfr\", \
         notify = [{}], render_for = \"DE\", render_strict = \"EEA\", min_interval = \"1s\" }}",
        notify.join(", ")
    );
    let config = CONFIG.replace(zone, &with) + &format!("[tsig.xfr]\nsecret = \"{SECRET}\"\n");
    let config = world.write("config.toml", &config);
    world.write("zones/example.org.zone", ZONE);
    let generate = [
        "keys",
        "generate",
        "example.org",
        "--config",
        config.to_str().unwrap(),
    ];
    let (said, well) = run(env!("CARGO_BIN_EXE_waypost"), &generate);
    assert!(well, "{said}");
    let first = world.backend("127.1.0.1");
    let _others = ["127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
    let _waypost = world.waypost();
    wait_for("the first machine to be well", || {
        state_of("fra-one") == "healthy"
    });
    let _peers = [
        knot(&world, "example.org", Side::Secondary),
        bind(&world, "example.org", Side::Secondary),
    ];
    let all = [WAYPOST, KNOT, BIND];
    for server in [KNOT, BIND] {
        wait_for_answer(server, ("api.example.org", "A"), "127.1.0.1");
    }
    check(&world, WAYPOST);

    let before = serial(WAYPOST, "example.org").unwrap();
    first.kill();
    for server in [KNOT, BIND] {
        wait_for_answer(server, ("api.example.org", "A"), "127.1.0.2");
    }
    wait_for("one serial everywhere", || {
        let serials = all.map(|server| serial(server, "example.org"));
        serials[0].is_some_and(|serial| serial > before)
            && serials.iter().all(|one| *one == serials[0])
    });
    check(&world, WAYPOST);
    // What a secondary answers is signed as well, the SOA with its new serial included.
    let soa = dig(&[&format!("@{KNOT}"), "+dnssec", "example.org", "SOA"]);
    assert!(soa.contains("RRSIG"), "{soa}");
    validate(&world, &config, all);
}

/// Asks each of the servers by delv, which knows the DS of the zone's key.
fn validate(world: &World, config: &Path, all: [&str; 3]) {
    let ds = [
        "keys",
        "ds",
        "example.org",
        "--config",
        config.to_str().unwrap(),
    ];
    let (ds, well) = run(env!("CARGO_BIN_EXE_waypost"), &ds);
    assert!(well, "{ds}");
    let ds = ds.lines().find(|line| !line.starts_with(';')).unwrap();
    let (_, numbers) = ds.split_once(" DS ").unwrap();
    let (numbers, digest) = numbers.rsplit_once(' ').unwrap();
    let anchor =
        format!("trust-anchors {{ \"example.org\" static-ds {numbers} \"{digest}\"; }};\n");
    let anchor = world.write("anchor", &anchor);
    for server in all {
        for (name, rtype) in [
            ("example.org", "SOA"),
            ("api.example.org", "A"),
            ("no.example.org", "A"),
        ] {
            let at = format!("@{server}");
            let arguments = [
                &*at,
                "+root=example.org",
                "-a",
                anchor.to_str().unwrap(),
                name,
                rtype,
            ];
            let (said, _) = run("delv", &arguments);
            assert!(
                said.contains("fully validated"),
                "{server} {name} {rtype}: {said}"
            );
        }
    }
}

#[test]
fn a_zone_signed_with_nsec_stays_whole() {
    go("{ keys = \"keys\" }");
}

#[test]
fn a_zone_signed_with_nsec3_stays_whole() {
    go("{ keys = \"keys\", denial = \"nsec3\", algorithm = \"ed25519\" }");
}

/// A zone as `dnssec-signzone` signs it, with a text that changes.
fn sign(world: &World, folder: &str, (serial, text): (u32, &str)) {
    let keys = world.path("signing-keys");
    let keys = keys.to_str().unwrap();
    if !world.path("signing-keys").exists() {
        std::fs::create_dir(keys).unwrap();
        let (said, well) = run(
            "dnssec-keygen",
            &[
                "-q",
                "-a",
                "ECDSAP256SHA256",
                "-f",
                "KSK",
                "-K",
                keys,
                "b.test",
            ],
        );
        assert!(well, "{said}");
    }
    let zone = format!(
        "$TTL 60\n@ SOA ns1 hostmaster {serial} 3600 3600 60000 60\n@ NS ns1\nns1 A 192.0.2.1\n\
         www TXT \"{text}\"\n*.wild A 192.0.2.2\n"
    );
    // What is not signed makes most of the zone: else a difference is larger than the whole.
    let cuts = (0..100).map(|cut| format!("d{cut} NS ns.d{cut}\nns.d{cut} A 192.0.2.3\n"));
    let zone = zone + &cuts.collect::<String>();
    let plain = world.write("plain.zone", &zone);
    let signed = world.write(&format!("{folder}/b.test.zone"), "");
    let (said, well) = run(
        "dnssec-signzone",
        &[
            "-q",
            "-S",
            "-z",
            "-A",
            "-3",
            "-",
            "-K",
            keys,
            "-d",
            keys,
            "-o",
            "b.test",
            "-f",
            signed.to_str().unwrap(),
            plain.to_str().unwrap(),
        ],
    );
    assert!(well, "{said}");
}

/// What is given of a zone that was signed elsewhere, through the checkers.
fn check_brought(world: &World) -> String {
    let at = format!("@{WAYPOST}");
    let text = dig(&[
        &at, "b.test", "AXFR", "+onesoa", "+noall", "+answer", "-y", KEY,
    ]);
    let file = world.write("given.zone", &text);
    let arguments = ["-z", "-o", "b.test", file.to_str().unwrap()];
    let (said, well) = run("dnssec-verify", &arguments);
    assert!(well, "{said}\n{text}");
    text
}

#[test]
fn a_zone_that_was_signed_elsewhere_goes_on_as_it_came() {
    let world = World::new();
    sign(&world, "bind", (7, "one"));
    let primary = bind(&world, "b.test", Side::Primary);
    wait_for("bind to serve", || serial(BIND, "b.test") == Some(7));
    let zone = format!(
        "[[zones]]\nname = \"b.test\"\nfile = \"taken.zone\"\nprimaries = [\"{BIND}:53\"]\nkey = \"xfr\"\n\
         transfer = {{ to = [\"key:xfr\"], key = \"xfr\", notify = [\"{KNOT}:53\"], min_interval = \"1s\" }}\n\
         [tsig.xfr]\nsecret = \"{SECRET}\"\n"
    );
    world.write("config.toml", &(CONFIG.to_owned() + &zone));
    world.write("zones/example.org.zone", ZONE);
    let waypost = world.waypost();
    let _knot = knot(&world, "b.test", Side::Secondary);
    wait_for_answer(KNOT, ("www.b.test", "TXT"), "\"one\"");
    check_brought(&world);

    // A difference with its signatures, from one end to the other.
    sign(&world, "bind", (8, "two"));
    nix::sys::signal::kill(primary.id(), nix::sys::signal::Signal::SIGHUP).unwrap();
    wait_for_answer(KNOT, ("www.b.test", "TXT"), "\"two\"");
    assert_eq!(
        [WAYPOST, KNOT].map(|server| serial(server, "b.test")),
        [Some(8); 2]
    );
    let log = waypost.log();
    assert!(log.contains("\"form\":\"changes\""), "{log}");
    check_brought(&world);
    let signed = dig(&[&format!("@{KNOT}"), "+dnssec", "www.b.test", "TXT"]);
    assert!(signed.contains("RRSIG"), "{signed}");
}

#[test]
fn a_zone_that_was_signed_again_with_its_serial_is_told_once() {
    let world = World::new();
    sign(&world, "zones", (7, "one"));
    let zone = format!(
        "[[zones]]\nname = \"b.test\"\nfile = \"zones/b.test.zone\"\n\
         transfer = {{ to = [\"key:xfr\"], key = \"xfr\", min_interval = \"1s\" }}\n\
         [tsig.xfr]\nsecret = \"{SECRET}\"\n"
    );
    world.write("config.toml", &(CONFIG.to_owned() + &zone));
    world.write("zones/example.org.zone", ZONE);
    let waypost = world.waypost();
    let versions = |waypost: &crate::world::Process| {
        let log = waypost.log();
        let lines = log.lines().filter(|line| line.contains("zone_version"));
        lines.filter(|line| line.contains("b.test")).count()
    };
    wait_for("a version", || versions(&waypost) == 1);
    check_brought(&world);
    sign(&world, "zones", (7, "two"));
    wait_for("a word of it", || {
        waypost.log().contains("serial_not_raised")
    });
    assert_eq!(serial(WAYPOST, "b.test"), Some(7));
    assert!(check_brought(&world).contains("\"two\""));
    sign(&world, "zones", (8, "three"));
    wait_for("a newer one", || versions(&waypost) == 3);
    assert!(check_brought(&world).contains("\"three\""));
    let log = waypost.log();
    assert_eq!(log.matches("serial_not_raised").count(), 1, "{log}");
}
