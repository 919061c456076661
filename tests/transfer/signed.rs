//! A signed zone goes to stock secondaries as a whole that validates, version by version.
use std::path::Path;

use crate::peers::{BIND, KEY, KNOT, Side, WAYPOST, bind, knot, serial, wait_for_answer};
use crate::world::{CONFIG, World, ZONE, dig, run, state_of, wait_for};

const SECRET: &str = crate::peers::SECRET;

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
         notify = [{}], render_for = \"DE\", min_interval = \"1s\" }}",
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
