//! Views: secondaries in two networks get the version that each of them sees, signed and by changes; and versions come from primaries of
//! their own.
use std::path::Path;
use std::process::Command;

use super::peers::{
    BIND, KEY, KNOT, SECRET, Side, WAYPOST, bind, knot, serial, short, wait_for_answer,
};
use crate::world::{Process, World, dig, run, wait_for};

/// Another client of each network.
const OFFICE: &str = "127.0.0.41";
const ELSEWHERE: &str = "127.0.0.51";
/// Files of zones, and the view that each is for.
const ZONES: [(&str, &str); 4] = [
    ("default", "default"),
    ("office", "office"),
    ("plain", "default"),
    ("inner", "office"),
];
/// A key that stands for the office.
const INNER: &str = "hmac-sha256:inner:aW5uZXJpbm5lcmlubmVyaW5uZXJpbm5lcmlubmVyMTI=";

fn zone(view: &str, serial: u32) -> String {
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 1 600 60\n@ NS ns\nns A {WAYPOST}\nwww TXT \"{view} {serial}\"\nonly-{view} A 192.0.2.1\n"
    )
}

/// A server whose office is Knot's network, and whose zone is given to Knot and to BIND.
fn config() -> String {
    let transfer = |secondary: &str| {
        format!(
            "dnssec = {{ keys = \"keys\" }}\ntransfer = {{ to = [\"key:xfr\"], key = \"xfr\", notify = [\"{secondary}:53\"], min_interval = \"1s\" }}\n"
        )
    };
    format!(
        "[server]\nlisten = [\"{WAYPOST}:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n\
         [tsig.xfr]\nsecret = \"{SECRET}\"\n[tsig.inner]\nsecret = \"aW5uZXJpbm5lcmlubmVyaW5uZXJpbm5lcmlubmVyMTI=\"\n\
         [[views]]\nname = \"office\"\nclients = [\"{KNOT}/32\", \"{OFFICE}/32\"]\nkeys = [\"inner\"]\n\
         [[zones]]\nname = \"example.org\"\nfile = \"default.zone\"\n{}\
         [[zones]]\nname = \"example.org\"\nview = \"office\"\nfile = \"office.zone\"\n{}\
         [[zones]]\nname = \"plain.test\"\nfile = \"plain.zone\"\ntransfer = {{ to = [\"{ELSEWHERE}/32\", \"key:inner\"] }}\n\
         [[zones]]\nname = \"plain.test\"\nview = \"office\"\nfile = \"inner.zone\"\ntransfer = {{ to = [\"{OFFICE}/32\", \"key:inner\"] }}\n",
        transfer(BIND),
        transfer(KNOT),
    )
}

/// What a name holds for a client at an address.
fn seen(from: &str, name: &str) -> String {
    let at = format!("@{WAYPOST}");
    let text = dig(&[&at, "-b", from, name, "TXT", "+short"]);
    text.trim().trim_matches('"').to_owned()
}

/// The text of a zone as a client at an address is given it.
fn given(from: &str, zone: &str, more: &[&str]) -> String {
    let at = format!("@{WAYPOST}");
    dig(&[&[&at, "-b", from, zone, "AXFR"], more].concat())
}

fn own_address(address: &str) {
    run(
        "ip",
        &["address", "add", &format!("{address}/32"), "dev", "lo"],
    );
}

/// Asks as delv from an address, knowing the DS of the zone's key.
fn validates(world: &World, from: &str, question: [&str; 2]) -> String {
    let anchor = world.path("anchor.bind");
    let output = Command::new("delv")
        .args([
            &format!("@{WAYPOST}"),
            "-b",
            from,
            "+root=example.org",
            "-a",
        ])
        .arg(anchor)
        .args(question)
        .output()
        .expect("tests/run installs delv");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Tag, algorithm, digest type and digest of the DS of the zone's key.
fn ds(config: &Path) -> String {
    let config = config.to_str().unwrap();
    let waypost = env!("CARGO_BIN_EXE_waypost");
    let (said, well) = run(
        waypost,
        &["keys", "generate", "example.org", "--config", config],
    );
    assert!(well, "{said}");
    let (ds, well) = run(waypost, &["keys", "ds", "example.org", "--config", config]);
    assert!(well, "{ds}");
    let ds = ds.lines().find(|line| !line.starts_with(';')).unwrap();
    ds.split_once(" DS ").unwrap().1.to_owned()
}

fn write_anchor(world: &World, ds: &str) {
    let (numbers, digest) = ds.rsplit_once(' ').unwrap();
    let anchor =
        format!("trust-anchors {{ \"example.org\" static-ds {numbers} \"{digest}\"; }};\n");
    world.write("anchor.bind", &anchor);
}

/// A resolver that validates, and asks from an address of one network.
fn resolver(world: &World, (interface, from): (&str, &str), ds: &str) -> Process {
    let folder = world.path("");
    let text = format!(
        "server:\n  interface: {interface}\n  outgoing-interface: {from}\n  port: 53\n  username: \"\"\n  chroot: \"\"\n  \
         directory: \"{}\"\n  pidfile: \"\"\n  use-syslog: no\n  do-not-query-localhost: no\n  do-ip6: no\n  \
         trust-anchor: \"example.org. IN DS {ds}\"\n  access-control: 127.0.0.0/8 allow\n\
         remote-control:\n  control-enable: no\nstub-zone:\n  name: \"example.org\"\n  stub-addr: {WAYPOST}\n",
        folder.display()
    );
    let config = world.write(&format!("unbound-{interface}.conf"), &text);
    let mut unbound = Command::new("/usr/sbin/unbound");
    world.start(
        &format!("unbound-{interface}"),
        unbound.arg("-d").arg("-c").arg(config),
    )
}

#[test]
fn resolvers_of_two_networks_validate_what_each_of_them_sees() {
    let world = World::new();
    [OFFICE, ELSEWHERE].iter().for_each(|own| own_address(own));
    for (file, view) in ZONES {
        world.write(&format!("{file}.zone"), &zone(view, 1));
    }
    let ds = ds(&world.write("config.toml", &config()));
    let _server = world.waypost();
    let all = [
        ("127.0.0.61", OFFICE, "office"),
        ("127.0.0.62", ELSEWHERE, "default"),
    ];
    let _resolvers = all.map(|(at, from, _)| resolver(&world, (at, from), &ds));
    for (at, _, view) in all {
        let at = format!("@{at}");
        let asked = |name: &str, kind: &str| {
            let name = format!("{name}.example.org");
            run("dig", &[&at, "+dnssec", "+tries=1", "+time=5", &name, kind]).0
        };
        wait_for("the resolver", || {
            asked("www", "TXT").contains("status: NOERROR")
        });
        let text = asked("www", "TXT");
        assert!(text.contains(&format!("\"{view} 1\"")), "{text}");
        for (name, kind) in [
            ("www", "TXT"),
            ("only-office", "A"),
            ("only-default", "A"),
            ("nowhere", "A"),
        ] {
            let text = asked(name, kind);
            let flags = text
                .lines()
                .find(|line| line.contains("flags:"))
                .unwrap_or_default();
            assert!(flags.contains(" ad"), "{name} at {at}: {text}");
            let own = format!("only-{view}");
            let is_there = text.contains("status: NOERROR");
            assert_eq!(is_there, name == "www" || name == own, "{text}");
        }
    }
}

/// Waits until a version is everywhere where it should be, and looks that the other one is not.
fn follow(texts: [&str; 2]) {
    let secondaries = [(BIND, "default"), (KNOT, "office")];
    for ((server, view), text) in secondaries.into_iter().zip(texts) {
        wait_for_answer(server, ("www.example.org", "TXT"), &format!("\"{text}\""));
        wait_for("one serial", || {
            let from = if server == BIND { ELSEWHERE } else { OFFICE };
            let at = format!("@{WAYPOST}");
            let own = dig(&[&at, "-b", from, "example.org", "SOA", "+short"]);
            let own = own.split(' ').nth(2).and_then(|serial| serial.parse().ok());
            own.is_some() && serial(server, "example.org") == own
        });
        for other in ["default", "office"] {
            let found = short(server, &format!("only-{other}.example.org"), "A");
            assert_eq!(found.is_empty(), other != view, "{server}: {found}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn secondaries_of_two_networks_get_the_versions_that_they_see() {
    let world = World::new();
    [OFFICE, ELSEWHERE, KNOT, BIND]
        .iter()
        .for_each(|own| own_address(own));
    for (file, view) in ZONES {
        world.write(&format!("{file}.zone"), &zone(view, 1));
    }
    write_anchor(&world, &ds(&world.write("config.toml", &config())));
    let server = world.waypost();
    let peers = [
        knot(&world, "example.org", Side::Secondary),
        bind(&world, "example.org", Side::Secondary),
    ];
    follow(["default 1", "office 1"]);
    assert_eq!(seen(OFFICE, "www.example.org"), "office 1");
    assert_eq!(seen(ELSEWHERE, "www.example.org"), "default 1");

    // Both versions are signed, whatever is asked of them, and what one has the other denies.
    let all = [
        (OFFICE, "office", "default"),
        (ELSEWHERE, "default", "office"),
    ];
    let validated = || {
        for (from, own, other) in all {
            for (name, says) in [
                ("www", "; fully validated"),
                (&*format!("only-{own}"), "; fully validated"),
                (
                    &*format!("only-{other}"),
                    "; negative response, fully validated",
                ),
                ("nowhere", "; negative response, fully validated"),
            ] {
                let rtype = if name == "www" { "TXT" } else { "A" };
                let name = format!("{name}.example.org");
                let found = validates(&world, from, [&name, rtype]);
                assert!(found.contains(says), "{name} from {from}: {found}");
            }
        }
    };
    validated();

    // A change of one version is news for its secondary alone, and comes by changes.
    let default = serial(BIND, "example.org");
    world.write("office.zone", &zone("office", 2));
    follow(["default 1", "office 2"]);
    assert_eq!(serial(BIND, "example.org"), default);
    world.write("default.zone", &zone("default", 3));
    follow(["default 3", "office 2"]);
    let log = peers[0].log();
    let changes = |line: &str| line.contains("IXFR, incoming") && line.contains("finished");
    assert!(log.lines().any(changes), "{log}");

    // A key that a view names is of that view wherever it is used; an address is of its own.
    let inner = ["-y", INNER];
    for (from, more, view) in [
        (OFFICE, &[][..], Some("office")),
        (ELSEWHERE, &[][..], Some("default")),
        (ELSEWHERE, &inner[..], Some("office")),
        (WAYPOST, &inner[..], Some("office")),
        (WAYPOST, &[][..], None),
    ] {
        let text = given(from, "plain.test", more);
        for own in ["default", "office"] {
            let has = text.contains(&format!("only-{own}"));
            assert_eq!(has, view == Some(own), "{from} {more:?}: {text}");
        }
    }
    let signed = given(ELSEWHERE, "example.org", &["-y", KEY]);
    assert!(
        signed.contains("only-default") && !signed.contains("only-office"),
        "{signed}"
    );

    // Serials, keys and signatures of versions are kept apart over a kill.
    let before = [KNOT, BIND].map(|server| serial(server, "example.org"));
    server.kill();
    let server = world.waypost();
    follow(["default 3", "office 2"]);
    validated();
    world.write("office.zone", &zone("office", 4));
    follow(["default 3", "office 4"]);
    let after = [KNOT, BIND].map(|server| serial(server, "example.org"));
    assert!(
        after[0] > before[0] && after[1] >= before[1],
        "{before:?} {after:?}"
    );
    let log = server.log();
    let made = log
        .lines()
        .filter(|line| line.contains("\"event\":\"signatures_damaged\""));
    assert_eq!(made.count(), 0, "{log}");
}

/// A server whose versions come from primaries: the office's from Knot, the default's from BIND.
fn taking() -> String {
    let from = |primary: &str, file: &str| {
        format!("file = \"taken/{file}.zone\"\nprimaries = [\"{primary}:53\"]\nkey = \"xfr\"\n")
    };
    format!(
        "[server]\nlisten = [\"{WAYPOST}:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n[tsig.xfr]\nsecret = \"{SECRET}\"\n\
         [[views]]\nname = \"office\"\nclients = [\"{OFFICE}/32\"]\n\
         [[zones]]\nname = \"example.org\"\n{}[[zones]]\nname = \"example.org\"\nview = \"office\"\n{}",
        from(BIND, "default"),
        from(KNOT, "office"),
    )
}

fn start_primaries(world: &World) -> [Process; 2] {
    [
        knot(world, "example.org", Side::Primary),
        bind(world, "example.org", Side::Primary),
    ]
}

#[test]
fn versions_come_from_primaries_of_their_own() {
    let world = World::new();
    [OFFICE, ELSEWHERE, KNOT, BIND]
        .iter()
        .for_each(|own| own_address(own));
    world.write("knot/example.org.zone", &zone("office", 1));
    world.write("bind/example.org.zone", &zone("default", 5));
    world.write("config.toml", &taking());
    let primaries = start_primaries(&world);
    let server = world.waypost();
    let is = |from: &str, text: &str| {
        wait_for(&format!("{text} from {from}"), || {
            seen(from, "www.example.org") == text
        });
    };
    is(OFFICE, "office 1");
    is(ELSEWHERE, "default 5");

    // The primary of one version tells, and the other one is left as it is.
    world.write("knot/example.org.zone", &zone("office", 2));
    nix::sys::signal::kill(primaries[0].id(), nix::sys::signal::Signal::SIGHUP).unwrap();
    is(OFFICE, "office 2");
    assert_eq!(seen(ELSEWHERE, "www.example.org"), "default 5");

    // Copies are there without any primary, each of its own version.
    wait_for("the copies", || {
        ["default 5", "office 2"]
            .iter()
            .zip(["default", "office"])
            .all(|(text, file)| {
                let copy = std::fs::read_to_string(world.path(&format!("taken/{file}.zone")));
                copy.is_ok_and(|copy| copy.contains(text))
            })
    });
    drop(primaries);
    server.kill();
    let _server = world.waypost();
    is(OFFICE, "office 2");
    is(ELSEWHERE, "default 5");
}
