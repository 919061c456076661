//! `waypost query` against Waypost itself, and against Knot and NSD for what Waypost does not say.
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::world::{CONFIG, Process, World, ZONE, dig, wait_for};

const KNOT: &str = "127.0.0.21";
const NSD: &str = "127.0.0.22";

/// What it prints, both ways, and its exit code.
fn query(world: &World, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .arg("query")
        .args(arguments)
        .current_dir(world.path(""))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

/// What is said under a head, all lines of it.
fn said<'t>(text: &'t str, head: &str) -> Vec<&'t str> {
    let mut own = false;
    let mut found = Vec::new();
    for line in text.lines().filter(|line| line.len() > 12) {
        let (column, words) = line.split_at(12);
        own = column.trim() == head || own && column.trim().is_empty();
        if own {
            found.push(words);
        }
    }
    found
}

fn all_in(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn an_answer_is_shown_with_its_reason() {
    let world = World::new();
    let long: String = (0..8)
        .map(|n| format!("long TXT \"{n}{}\"\n", "x".repeat(200)))
        .collect();
    world.write("config.toml", CONFIG);
    world.write("zones/example.org.zone", &format!("{ZONE}{long}"));
    let backends = ["127.1.0.1", "127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
    let _waypost = world.waypost();
    wait_for("fra-one to be healthy", || {
        crate::world::state_of("fra-one") == "healthy"
    });
    let (text, code) = query(
        &world,
        &["api.example.org", "--subnet", "198.51.100.77/24", "--nsid"],
    );
    assert_eq!(code, Some(0), "{text}");
    all_in(
        &text,
        &["status      NOERROR; flags qr aa; id ", " over UDP; "],
    );
    let answer = said(&text, "answer");
    assert!(
        answer[0].starts_with("api.example.org. ") && answer[0].ends_with(" IN A 127.1.0.1"),
        "{text}"
    );
    assert_eq!(said(&text, "nsid"), ["test-node"]);
    assert_eq!(
        said(&text, "subnet"),
        ["198.51.100.0/24; the answer holds for 198.51.100.0/23"]
    );
    let reason = said(&text, "reason");
    assert_eq!(reason[0], "preferred: fra-one in eu-frankfurt, tier 1");
    assert_eq!(reason[2], "client in 198.51.100.0/23 (DE)");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");

    let all = [
        "api.example.org",
        "--subnet",
        "198.51.100.77/24",
        "--nsid",
        "--cookie",
        "--json",
    ];
    let found: serde_json::Value = serde_json::from_str(&query(&world, &all).0).unwrap();
    let counts = [
        "id",
        "prefix",
        "scope",
        "code",
        "version",
        "generation",
        "class",
        "cohort",
        "tier",
        "asn",
        "networks",
        "weight",
        "step",
        "of",
        "failures",
        "successes",
        "number",
        "qtype",
    ];
    assert!(crate::style::check(&found, &counts) > 40);
    let lost = ["api.example.org", "@127.0.0.20:54", "--json"];
    let (text, code) = query(&world, &lost);
    let mut problem = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let problem = problem.next().unwrap().unwrap();
    assert!(code == Some(1) && problem["detail"].is_string(), "{text}");

    let [fra_one, fra_two, _toronto] = backends;
    fra_one.kill();
    fra_two.kill();
    wait_for("the other region", || {
        let asked = ["www.example.org", "--subnet", "198.51.100.0/24", "--json"];
        let found: serde_json::Value = serde_json::from_str(&query(&world, &asked).0).unwrap();
        found["reasons"][1]["chain"]["reason"] == "failover"
            && found["answer"][1]["data"] == "127.2.0.1"
    });
    let (text, _) = query(&world, &["api.example.org", "--subnet", "198.51.100.0/24"]);
    all_in(
        &text,
        &[
            "passed over eu-frankfurt: takes nobody",
            "failover: tor-one in na-toronto",
        ],
    );

    let (text, code) = query(&world, &["long.example.org", "txt"]);
    assert_eq!((code, said(&text, "answer").len()), (Some(0), 8), "{text}");
    all_in(
        &text,
        &[
            "note        truncated over UDP at ",
            "asked again over TCP",
            " over TCP; ",
        ],
    );
    let (text, code) = query(&world, &["long.example.org", "TXT", "--tcp"]);
    assert!(code == Some(0) && said(&text, "note").is_empty(), "{text}");
}

#[test]
fn the_exit_code_says_whether_there_was_an_answer() {
    let world = World::new();
    world.write_config();
    let _waypost = world.waypost();
    let control = ["--control", "http://127.0.0.1:8053"];
    for (arguments, expected, words) in [
        (&["nope.example.org"][..], 0, "NXDOMAIN"),
        (
            &["sub.example.org", "@127.0.0.20"],
            0,
            "sub.example.org. 300 IN NS ns.sub.example.org.",
        ),
        (&["ns1.example.org", "@[::1]:53"], 0, "127.0.0.20"),
        (&["example.net"], 1, "REFUSED"),
        (
            &["example.org", "@127.0.0.20:54"],
            1,
            "nothing listens there",
        ),
        (
            &["example.org", "@127.0.0.20:54", "--tcp"],
            1,
            "nothing listens there",
        ),
        (
            &["example.org", "--config", "absent.toml"],
            1,
            "name the server as @SERVER",
        ),
        (
            &["example.org", "NONSENSE"],
            2,
            "NONSENSE is no record type",
        ),
        (&["@127.0.0.20"], 2, "which name"),
        (
            &["example.org", "--subnet", "198.51.100.0/33"],
            2,
            "198.51.100.0/24",
        ),
        (&["example.org", "--timeout", "2"], 2, "500ms"),
        (&["example.org", "--insecure"], 2, "--tls"),
    ] {
        let (text, code) = query(&world, arguments);
        assert!(
            code == Some(expected) && text.contains(words),
            "{arguments:?}: {code:?}\n{text}"
        );
    }
    let named = ["data.example.org", "@127.0.0.20"];
    let (text, code) = query(&world, &named);
    assert!(
        code == Some(0) && said(&text, "reason").is_empty(),
        "{text}"
    );
    let (text, _) = query(&world, &[&named[..], &control].concat());
    all_in(&text, &["service userdata, generation "]);
    let nobody = ["--control", "http://127.0.0.1:1"];
    let (text, code) = query(&world, &[&named[..], &nobody].concat());
    assert!(
        code == Some(1) && text.contains("reason      not known: "),
        "{text}"
    );
    assert_eq!(said(&text, "answer").len(), 1, "{text}");
}

fn knot(world: &World) -> Process {
    let folder = world.path("");
    let conf = "server:
  listen: 127.0.0.21@53
  rundir: FOLDER/knot
  nsid: knot-one
  edns-client-subnet: on
database:
  storage: FOLDER/knot
mod-cookies:
  - id: default
    badcookie-slip: 1
template:
  - id: default
    storage: FOLDER/zones
    global-module: mod-cookies/default
zone:
  - domain: example.org
    file: example.org.zone
";
    std::fs::create_dir_all(world.path("knot")).unwrap();
    let conf = world.write(
        "knot.conf",
        &conf.replace("FOLDER", folder.to_str().unwrap()),
    );
    let process = world.start("knot", Command::new("knotd").arg("-c").arg(conf));
    wait_for("knot", || {
        dig(&["@127.0.0.21", "+tcp", "example.org", "SOA"]).contains("status: NOERROR")
    });
    process
}

#[test]
fn a_foreign_server_that_wants_its_cookie_gets_it() {
    let world = World::new();
    world.write_config();
    let _knot = knot(&world);
    let server = format!("@{KNOT}");
    let wants = [
        "--cookie",
        "--nsid",
        "--subnet",
        "198.51.100.0/24",
        "--dnssec",
    ];
    let asked = [&["Mixed.example.org", "TXT", &server], &wants[..]].concat();
    let (text, code) = query(&world, &asked);
    assert_eq!(code, Some(0), "{text}");
    all_in(
        &text,
        &[
            "the server wanted its cookie first",
            "IN TXT \"Case Kept\"",
            ", DO",
        ],
    );
    assert_eq!(said(&text, "nsid"), ["knot-one"], "{text}");
    assert!(
        said(&text, "subnet")[0].contains("everybody (scope /0)"),
        "{text}"
    );
    let cookie = said(&text, "cookie")[0];
    let (client, server_cookie) = cookie.split_once(", server's ").unwrap();
    assert_eq!((client.len(), server_cookie.len()), (16, 32), "{text}");
    let (text, _) = query(&world, &["example.org", "SOA", &server, "--tcp", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["answer"][0]["type"], "SOA", "{text}");
    assert_eq!(
        (&found["transport"], &found["flags"][1]),
        (&"tcp".into(), &"aa".into()),
        "{text}"
    );
}

/// NSD with a certificate for `ns.example` and its address.
fn nsd(world: &World) -> Process {
    let authority = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&authority).unwrap();
    let issuer = Issuer::new(params, authority);
    let own = KeyPair::generate().unwrap();
    let names = ["ns.example".to_owned(), NSD.to_owned()];
    let leaf = CertificateParams::new(names)
        .unwrap()
        .signed_by(&own, &issuer)
        .unwrap();
    world.write("ca.pem", &root.pem());
    world.write("leaf.pem", &leaf.pem());
    world.write("leaf.key", &own.serialize_pem());
    let conf = "server:
  ip-address: 127.0.0.22@853
  ip-address: 127.0.0.22@53
  tls-port: 853
  tls-service-key: FOLDER/leaf.key
  tls-service-pem: FOLDER/leaf.pem
  username: root
  zonesdir: FOLDER/zones
  database: \"\"
  pidfile: FOLDER/nsd.pid
  xfrdfile: FOLDER/xfrd.state
  zonelistfile: FOLDER/zone.list
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: example.org.zone
";
    let folder = world.path("");
    let conf = world.write(
        "nsd.conf",
        &conf.replace("FOLDER", folder.to_str().unwrap()),
    );
    let process = world.start("nsd", Command::new("nsd").arg("-d").arg("-c").arg(conf));
    wait_for("nsd", || {
        dig(&["@127.0.0.22", "example.org", "SOA"]).contains("status: NOERROR")
    });
    process
}

#[test]
fn tls_is_spoken_with_whom_it_should_be() {
    let world = World::new();
    world.write_config();
    let _nsd = nsd(&world);
    let server = format!("@{NSD}");
    let asked = |more: &[&str]| {
        let fixed = ["www.example.org", "CNAME", &server, "--tls"];
        query(&world, &[&fixed, more].concat())
    };
    for well in [
        &["--ca", "ca.pem"][..],
        &["--ca", "ca.pem", "--tls-name", "ns.example"],
        &["--insecure"],
    ] {
        let (text, code) = asked(well);
        assert_eq!(code, Some(0), "{text}");
        all_in(
            &text,
            &["IN CNAME api.example.org.", " over TLS (TLSv1_3, TLS13_"],
        );
    }
    for (bad, words) in [
        (
            &["--ca", "ca.pem", "--tls-name", "other.example"][..],
            "certificate is not for this host",
        ),
        (&["--ca", "leaf.key"], "holds no certificate"),
        (&["--ca", "absent.pem"], "absent.pem"),
    ] {
        let (text, code) = asked(bad);
        assert!(code == Some(1) && text.contains(words), "{bad:?}\n{text}");
        assert!(!text.contains("IN CNAME"), "{text}");
    }
}
