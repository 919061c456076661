//! The octoDNS provider of `deploy/octodns`, run by octoDNS itself against a real server, with `dig` as the judge.
use std::process::Command;

use serde_json::Value;

use crate::world::{CONFIG, World, ZONE, dig, repository, run, token};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

const DYNAMIC: &str = r#"
[[dynamic.records]]
zone = "example.org"
tokens = ["octodns"]
types = ["A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "OPENPGPKEY", "PTR", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "URI"]
"#;

const OCTODNS: &str = r#"
manager:
  max_workers: 1
providers:
  files:
    class: octodns.provider.yaml.YamlProvider
    directory: wanted
    default_ttl: 300
    enforce_order: false
  waypost:
    class: octodns_waypost.WaypostProvider
    url: http://127.0.0.1:8053
    token: env/WAYPOST_TOKEN
zones:
  example.org.:
    sources: [files]
    targets: [waypost]
"#;

/// One of each type.
const WANTED: &str = r#"
"":
  - type: CAA
    value: { flags: 0, tag: issue, value: ca.example.net }
shop:
  - type: A
    ttl: 60
    values: [192.0.2.80, 192.0.2.81]
  - type: AAAA
    value: "2001:db8::80"
  - type: MX
    values: [{ preference: 10, exchange: mail.example.org. }]
  - type: TXT
    values: ['v=DKIM1\; k=rsa\; p=LONG', 'with "quotes" and \ backslash']
  - type: SSHFP
    value: { algorithm: 4, fingerprint_type: 2, fingerprint: 123456789abcdef67890123456789abcdef67890123456789abcdef123456789 }
  - type: LOC
    value: { lat_degrees: 52, lat_minutes: 22, lat_seconds: 23, lat_direction: N, long_degrees: 4, long_minutes: 53, long_seconds: 32, long_direction: E, altitude: -2, size: 0, precision_horz: 10000, precision_vert: 10 }
  - type: NAPTR
    value: { order: 10, preference: 100, flags: U, service: SIP+D2U, regexp: "!^.*$!sip:info@example.org!", replacement: . }
  - type: HTTPS
    value: { svcpriority: 1, targetname: ., svcparams: { alpn: [h2, h3] } }
  - type: SVCB
    value: { svcpriority: 1, targetname: shop.example.org., svcparams: { port: 8443 } }
alias:
  type: CNAME
  value: shop.example.org.
"*.apps":
  type: A
  value: 192.0.2.82
_sip._tcp:
  type: SRV
  value: { priority: 1, weight: 2, port: 443, target: shop.example.org. }
_443._tcp.shop:
  type: TLSA
  value: { certificate_usage: 3, selector: 1, matching_type: 1, certificate_association_data: 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6 }
_http._tcp:
  type: URI
  value: { priority: 1, weight: 2, target: "https://shop.example.org/" }
delegated:
  - type: NS
    values: [ns1.example.net., ns2.example.net.]
  - type: DS
    value: { key_tag: 60485, algorithm: 13, digest_type: 2, digest: d4b7d520e7bb5f0f67674a0cceb1e3e0614b93c4f9e99b8383f6a1e4469da50a }
ptr:
  type: PTR
  values: [a.example.net., b.example.net.]
moved:
  type: DNAME
  value: example.net.
key:
  type: OPENPGPKEY
  value: mQINBFit
bücher:
  type: A
  value: 192.0.2.83
"#;

/// A program of octoDNS, in the world's folder.
fn octodns(world: &World, secret: &str, program: &str, arguments: &[&str]) -> (String, bool) {
    let program = repository("target/deploy-python/bin").join(program);
    let output = Command::new(&program)
        .args(["--config-file", "octodns.yaml"])
        .args(arguments)
        .current_dir(world.path("."))
        .env("PYTHONPATH", repository("deploy/octodns"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("WAYPOST_TOKEN", secret)
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "cannot start {}: {error}; tests/run installs it",
            program.display()
        )
    });
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.success())
}

fn short(name: &str, kind: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", name, kind]);
    let mut found: Vec<String> = text.lines().map(str::to_owned).collect();
    found.sort();
    found
}

/// The declared records.
fn declared(world: &World) -> Value {
    let config = world.path("config.toml");
    let arguments = [
        "records",
        "list",
        "example.org",
        "--json",
        "--config",
        config.to_str().unwrap(),
    ];
    let (text, well) = run(WAYPOST, &arguments);
    assert!(well, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn octodns_plans_applies_and_dumps_zones() {
    let world = World::new();
    let (secret, table) = token(&["octodns", "--role", "viewer"]);
    world.write("config.toml", &format!("{CONFIG}{table}\n{DYNAMIC}"));
    world.write("zones/example.org.zone", ZONE);
    world.write("octodns.yaml", OCTODNS);
    let wanted = WANTED.replace("LONG", &"x".repeat(300));
    world.write("wanted/example.org.yaml", &wanted);
    let server = world.waypost();
    let sync = |arguments: &[&str]| octodns(&world, &secret, "octodns-sync", arguments);
    // A plan changes nothing.
    let (said, well) = sync(&[]);
    assert!(
        well && said.contains("Create <ARecord A 60, shop.example.org."),
        "{said}"
    );
    assert_eq!(declared(&world)["revision"], 0);
    let (said, well) = sync(&["--doit"]);
    assert!(well, "{said}");
    assert_eq!(declared(&world)["revision"], 1, "all at once");
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.80", "192.0.2.81"]);
    let long = format!(
        "\"v=DKIM1; k=rsa; p={}\" \"{}\"",
        "x".repeat(237),
        "x".repeat(63)
    );
    assert_eq!(
        short("shop.example.org", "TXT"),
        [long.as_str(), r#""with \"quotes\" and \\ backslash""#]
    );
    assert_eq!(short("shop.example.org", "HTTPS"), ["1 . alpn=\"h2,h3\""]);
    assert_eq!(
        short("ptr.example.org", "PTR"),
        ["a.example.net.", "b.example.net."]
    );
    assert!(short("x.moved.example.org", "A").contains(&"x.example.net.".to_owned()));
    assert_eq!(short("xn--bcher-kva.example.org", "A"), ["192.0.2.83"]);
    let referral = dig(&[
        "@127.0.0.20",
        "+noall",
        "+authority",
        "x.delegated.example.org",
        "A",
    ]);
    assert!(referral.contains("ns2.example.net."), "{referral}");
    assert!(short("delegated.example.org", "DS")[0].starts_with("60485 13 2 D4B7"));
    // Each type comes back as what was wanted.
    let (said, well) = sync(&["--doit"]);
    assert!(well && said.contains("No changes were planned"), "{said}");
    assert_eq!(declared(&world)["revision"], 1);
    // What is dumped is what was wanted: planned from, it changes nothing either.
    let (said, well) = octodns(
        &world,
        &secret,
        "octodns-dump",
        &["--output-dir", "dumped", "example.org.", "waypost"],
    );
    assert!(well, "{said}");
    let dumped = std::fs::read_to_string(world.path("dumped/example.org.yaml")).unwrap();
    assert!(
        dumped.contains("v=DKIM1\\;") && dumped.contains("delegated:"),
        "{dumped}"
    );
    world.write(
        "octodns.yaml",
        &OCTODNS.replace("directory: wanted", "directory: dumped"),
    );
    let (said, well) = sync(&["--doit"]);
    assert!(well && said.contains("No changes were planned"), "{said}");
    world.write("octodns.yaml", OCTODNS);
    // A change, a new type in the place of another, and what is wanted no longer.
    let less = wanted
        .replace("ttl: 60", "ttl: 90")
        .replace(
            "type: CNAME\n  value: shop.example.org.",
            "type: A\n  value: 192.0.2.84",
        )
        .replace("moved:\n  type: DNAME\n  value: example.net.\n", "");
    assert_ne!(less, wanted);
    world.write("wanted/example.org.yaml", &less);
    let (said, well) = sync(&["--doit"]);
    assert!(well && said.contains("Delete <DnameRecord"), "{said}");
    assert_eq!(declared(&world)["revision"], 2);
    assert_eq!(short("alias.example.org", "A"), ["192.0.2.84"]);
    assert_eq!(short("x.moved.example.org", "A"), [""; 0]);
    assert!(dig(&["@127.0.0.20", "shop.example.org", "A"]).contains("\t90\t"));
    // What a file owns, what is dynamic, a zone that is not there, a token that is none: told, and nothing is changed.
    for (own, told) in [
        (
            "mail:\n  type: A\n  value: 192.0.2.1\n",
            "stands in the zone's file",
        ),
        (
            "geo:\n  type: A\n  value: 192.0.2.1\n  dynamic:\n    pools: {one: {values: [{value: 192.0.2.1}]}}\n    rules: [{pool: one}]\n",
            "is dynamic: who is answered what is decided by a service",
        ),
    ] {
        world.write("wanted/example.org.yaml", &format!("{less}{own}"));
        let (said, well) = sync(&["--doit"]);
        assert!(!well && said.contains(told), "{said}");
    }
    world.write(
        "wanted/example.org.yaml",
        &format!("{less}late:\n  type: A\n  value: 192.0.2.1\n"),
    );
    let (said, well) = octodns(&world, "wpt_none", "octodns-sync", &["--doit"]);
    assert!(!well && said.contains("none of the config's"), "{said}");
    let (said, well) = octodns(&world, "", "octodns-sync", &["--doit"]);
    assert!(
        !well && said.contains("403") | said.contains("role"),
        "{said}"
    );
    assert_eq!(declared(&world)["revision"], 2);
    let other = OCTODNS.replace("example.org.", "example.net.");
    world.write("octodns.yaml", &other);
    world.write(
        "wanted/example.net.yaml",
        "late:\n  type: A\n  value: 192.0.2.1\n",
    );
    let (said, well) = sync(&["--doit"]);
    assert!(!well && said.contains("is no zone of the server"), "{said}");
    world.write(
        "octodns.yaml",
        &OCTODNS.replace("http://127.0.0.1:8053", "http://192.0.2.1:8053"),
    );
    let (said, well) = sync(&[]);
    assert!(
        !well && said.contains("write it as https://HOST:PORT"),
        "{said}"
    );
    drop(server);
}

/// Somebody else changes the zone between plan and apply: what octoDNS has planned is not what would be, and is refused.
#[test]
fn what_somebody_else_has_changed_is_not_written_over() {
    const SCRIPT: &str = r#"
import sys
from octodns.provider.yaml import YamlProvider
from octodns.zone import Zone
from octodns_waypost import WaypostProvider
from octodns_waypost.client import WaypostClient, WaypostError
secret = sys.argv[1]
url = "http://127.0.0.1:8053"
provider = WaypostProvider("waypost", url, token=secret)
assert provider.list_zones() == ["example.org."]
zone = Zone("example.org.", [])
YamlProvider("files", "wanted", default_ttl=300, enforce_order=False).populate(zone)
plan = provider.plan(zone)
other = WaypostClient(url, secret, None, 10)
other.change("example.org", 0, {"other.example.org": {"A": {"ttl_s": 60, "values": ["192.0.2.1"]}}}, False)
try:
    provider.apply(plan)
except WaypostError as error:
    assert error.status == 412, error
    print("refused:", error)
plan = provider.plan(zone)
print(provider.apply(plan), "changes")
"#;
    let world = World::new();
    let (secret, table) = token(&["octodns", "--role", "viewer"]);
    world.write("config.toml", &format!("{CONFIG}{table}\n{DYNAMIC}"));
    world.write("zones/example.org.zone", ZONE);
    world.write(
        "wanted/example.org.yaml",
        "shop:\n  type: A\n  value: 192.0.2.80\n",
    );
    let script = world.write("script.py", SCRIPT);
    let _server = world.waypost();
    let output = Command::new(repository("target/deploy-python/bin/python3"))
        .arg(script)
        .arg(&secret)
        .current_dir(world.path("."))
        .env("PYTHONPATH", repository("deploy/octodns"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("cannot start octoDNS: {error}; tests/run installs it"));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        said.contains("refused:") && said.contains("2 changes"),
        "{said}"
    );
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.80"]);
    assert_eq!(short("other.example.org", "A"), [""; 0]);
}

#[test]
fn the_provider_is_typed() {
    let cache = World::new();
    let cache = cache.path("mypy");
    let package = repository("deploy/octodns/octodns_waypost");
    let (said, well) = run(
        repository("target/deploy-python/bin/mypy")
            .to_str()
            .unwrap(),
        &[
            "--strict",
            "--ignore-missing-imports",
            "--allow-subclassing-any",
            "--cache-dir",
            cache.to_str().unwrap(),
            package.to_str().unwrap(),
        ],
    );
    assert!(well, "{said}");
}
