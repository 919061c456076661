//! Records declared by `nsupdate`, over the control API by `curl`, and by `waypost records`, seen by `dig`, `kdig` and `delv`.
use std::fs;
use std::process::{Command, Stdio};

use crate::first_config::validates;
use crate::world::{CONFIG, Process, World, ZONE, dig, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const SECRET: &str = "hmac-sha256:ci:q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU=";
const OTHER: &str = "hmac-sha256:other:b3RoZXIgc2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXQ=";

const DYNAMIC: &str = r#"
[tsig.ci]
secret = "q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU="
[tsig.other]
secret = "b3RoZXIgc2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXQ="
[acme]
keys = ["ci"]
[[dynamic.records]]
zone = "example.org"
names = ["*.apps.example.org", "example.org", "mail.example.org"]
types = ["A", "AAAA", "CNAME", "TXT", "SRV"]
keys = ["ci"]
[[dynamic.records]]
zone = "example.org"
"#;

/// A server of the usual zone, signed, and the DS of its key.
fn signed(world: &World) -> (Process, String) {
    let zone = "file = \"zones/example.org.zone\"\n";
    let config = CONFIG.replace(zone, &format!("{zone}dnssec = {{ keys = \"keys\" }}\n"));
    let config = world.write("config.toml", &format!("{config}{DYNAMIC}"));
    world.write("zones/example.org.zone", ZONE);
    let keys = |command: &str| {
        let arguments = ["keys", command, "example.org", "--config"];
        let (said, well) = run(
            WAYPOST,
            &[&arguments[..], &[config.to_str().unwrap()]].concat(),
        );
        assert!(well, "{said}");
        said
    };
    keys("generate");
    let server = world.waypost();
    (server, keys("ds"))
}

/// What `nsupdate` says to a script, and whether it went well.
fn nsupdate(key: &str, script: &str) -> (String, bool) {
    use std::io::Write;
    let mut child = Command::new("nsupdate")
        .args(["-t", "20", "-r", "0", "-y", key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start nsupdate: {error}; tests/run installs it"));
    let script = format!("server 127.0.0.20\nzone example.org\n{script}\nsend\n");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.success())
}

fn short(name: &str, kind: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", name, kind]);
    let mut found: Vec<String> = text.lines().map(str::to_owned).collect();
    found.sort();
    found
}

fn serial() -> u32 {
    let soa = dig(&["@127.0.0.20", "+short", "example.org", "SOA"]);
    soa.split(' ').nth(2).unwrap().parse().unwrap()
}

/// What curl gets over the socket: headers and body.
fn curl(world: &World, method: &str, path: &str, more: &[&str]) -> String {
    let socket = world.path("waypost.sock");
    let url = format!("http://localhost/api/v1/zones/example.org/records{path}");
    let arguments = [
        "-sS",
        "-i",
        "-X",
        method,
        "--unix-socket",
        socket.to_str().unwrap(),
    ];
    run("curl", &[&arguments[..], more, &[&url]].concat()).0
}

fn waypost(world: &World, arguments: &[&str]) -> (String, bool) {
    let config = world.path("config.toml");
    let config = ["--config", config.to_str().unwrap()];
    run(WAYPOST, &[&["records"], arguments, &config].concat())
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn what_nsupdate_declares_in_a_signed_zone_is_served_and_validates() {
    let world = World::new();
    let (server, said) = signed(&world);
    let before = serial();
    let well = |script: &str| {
        let (text, well) = nsupdate(SECRET, script);
        assert!(well, "{script}: {text}");
    };
    well(
        "update add a.apps.example.org 60 A 192.0.2.71\nupdate add a.apps.example.org 60 A 192.0.2.72",
    );
    // At once: whoever got NOERROR finds what it declared.
    assert_eq!(
        short("a.apps.example.org", "A"),
        ["192.0.2.71", "192.0.2.72"]
    );
    assert!(validates(&world, "127.0.0.20", &said, "a.apps.example.org"));
    assert_eq!(serial(), before + 1);
    let seen = run(
        "kdig",
        &["@127.0.0.20", "+short", "a.apps.example.org", "A"],
    )
    .0;
    assert!(seen.contains("192.0.2.71"), "{seen}");
    well(
        "prereq yxdomain a.apps.example.org\nprereq nxrrset a.apps.example.org TXT\n\
          update add a.apps.example.org 60 TXT \"one\" \"two\"\nupdate delete a.apps.example.org A 192.0.2.71",
    );
    assert_eq!(short("a.apps.example.org", "A"), ["192.0.2.72"]);
    assert_eq!(short("a.apps.example.org", "TXT"), ["\"one\" \"two\""]);
    for (script, rcode) in [
        (
            "prereq nxdomain a.apps.example.org\nupdate delete a.apps.example.org",
            "YXDOMAIN",
        ),
        (
            "prereq yxdomain b.apps.example.org\nupdate delete a.apps.example.org",
            "NXDOMAIN",
        ),
        (
            "prereq nxrrset a.apps.example.org A\nupdate delete a.apps.example.org",
            "YXRRSET",
        ),
        (
            "prereq yxrrset a.apps.example.org AAAA\nupdate delete a.apps.example.org",
            "NXRRSET",
        ),
        ("update add a.other.test 60 A 192.0.2.1", "NOTZONE"),
        // Another name, another type, and what the file owns: all or nothing.
        (
            "update delete a.apps.example.org A\nupdate add b.example.org 60 A 192.0.2.1",
            "REFUSED",
        ),
        (
            "update delete a.apps.example.org A\nupdate add b.apps.example.org 60 NS ns.other.test.",
            "REFUSED",
        ),
        (
            "update delete a.apps.example.org A\nupdate add mail.example.org 60 A 192.0.2.1",
            "REFUSED",
        ),
        ("update delete mail.example.org", "REFUSED"),
        ("update delete example.org TXT", "REFUSED"),
        // A steered name has its addresses from its service.
        ("update add example.org 60 A 192.0.2.1", "REFUSED"),
    ] {
        let (text, well) = nsupdate(SECRET, script);
        assert!(!well && text.contains(rcode), "{script}: {text}");
    }
    let (text, refused) = nsupdate(OTHER, "update add c.apps.example.org 60 A 192.0.2.1");
    assert!(!refused && text.contains("REFUSED"), "{text}");
    assert_eq!(short("a.apps.example.org", "A"), ["192.0.2.72"]);
    assert_eq!(short("mail.example.org", "A"), ["192.0.2.25"]);
    // Challenges go their own way, with the same key.
    well("update add _acme-challenge.www.example.org 60 TXT token");
    assert_eq!(
        short("_acme-challenge.www.example.org", "TXT"),
        ["\"token\""]
    );
    let state = || fs::read_to_string(world.path("state/declared.log")).unwrap_or_default();
    assert!(!state().contains("token"), "{}", state());
    // After kill -9 all of it is there, and a flipped bit costs nothing.
    server.kill();
    let path = world.path("state/declared.log");
    let mut log = fs::read(&path).unwrap();
    let middle = log.len() / 3;
    log[middle] ^= 4;
    fs::write(&path, log).unwrap();
    let server = world.waypost();
    assert_eq!(short("a.apps.example.org", "A"), ["192.0.2.72"]);
    assert!(validates(&world, "127.0.0.20", &said, "a.apps.example.org"));
    assert!(
        server.log().contains("state_unreadable"),
        "{}",
        server.log()
    );
    assert!(serial() > before + 1);
    well("update delete a.apps.example.org");
    assert_eq!(short("a.apps.example.org", "TXT"), Vec::<String>::new());
    let (audit, _) = run(
        WAYPOST,
        &[
            "audit",
            "verify",
            world.path("state/audit.jsonl").to_str().unwrap(),
        ],
    );
    assert!(audit.contains("well: "), "{audit}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn records_are_declared_over_the_api_and_by_the_command_line() {
    let world = World::new();
    world.write("config.toml", &format!("{CONFIG}{DYNAMIC}"));
    world.write("zones/example.org.zone", ZONE);
    let server = world.waypost();
    let json = ["-H", "content-type: application/json"];
    let put = |path: &str, body: &str, more: &[&str]| {
        curl(
            &world,
            "PUT",
            path,
            &[&json[..], &["-d", body], more].concat(),
        )
    };
    let set = r#"{"ttl_s":60,"values":["192.0.2.80"]}"#;
    let said = put(
        "/shop.example.org/A?reason=launch",
        set,
        &["-H", "If-None-Match: *"],
    );
    assert!(
        said.starts_with("HTTP/1.1 200") && said.contains("etag: \"1\""),
        "{said}"
    );
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.80"]);
    for (said, status, words) in [
        (
            put("/shop.example.org/A", set, &["-H", "If-None-Match: *"]),
            412,
            "its revision is 1",
        ),
        (
            put("/shop.example.org/A", set, &["-H", "If-Match: \"7\""]),
            412,
            "not as expected",
        ),
        (
            put("/shop.example.org/A", set, &[]),
            200,
            "nothing is to be changed",
        ),
        (
            put("/mail.example.org/A", set, &[]),
            409,
            "stands in the zone's file",
        ),
        (
            put(
                "/shop.example.org/CNAME",
                r#"{"ttl_s":60,"values":["a.test."]}"#,
                &[],
            ),
            422,
            "CNAME and other data",
        ),
        (
            put("/api.example.org/A", set, &[]),
            409,
            "by a service that has the name",
        ),
        (
            put(
                "/x.sub.example.org/TXT",
                r#"{"ttl_s":60,"values":["x"]}"#,
                &[],
            ),
            422,
            "nothing but glue",
        ),
        (put("/shop.other.test/A", set, &[]), 422, "does not lie in"),
        (
            put(
                "/shop.example.org/A",
                r#"{"ttl_s":60,"values":["1.2.3"]}"#,
                &[],
            ),
            422,
            "`1.2.3`",
        ),
        (
            put(
                "/shop.example.org/A",
                r#"{"ttl_s":9999999,"values":["192.0.2.1"]}"#,
                &[],
            ),
            422,
            "TTL",
        ),
        (
            put(
                "/shop.example.org/NS",
                r#"{"ttl_s":60,"values":["a."]}"#,
                &[],
            ),
            403,
            "no rule",
        ),
        (put("/shop.example.org/A", "{", &[]), 400, "the body"),
        (
            put("/new.example.org/A?dry_run=true", set, &[]),
            200,
            "\"dry_run\":true",
        ),
        (
            curl(&world, "GET", "/new.example.org/A", &[]),
            404,
            "is not declared",
        ),
        (
            curl(&world, "GET", "/shop.example.org/a", &[]),
            200,
            "\"reason\":\"launch\"",
        ),
        (curl(&world, "GET", "?limit=1", &[]), 200, "\"next\":null"),
    ] {
        let head = format!("HTTP/1.1 {status}");
        assert!(said.starts_with(&head) && said.contains(words), "{said}");
        let kind = if status < 400 {
            "application/json"
        } else {
            "application/problem+json"
        };
        assert!(said.contains(kind), "{said}");
    }
    // A whole batch, or nothing of it.
    let patch = |body: &str, more: &[&str]| {
        let kind = [
            "-H",
            "content-type: application/merge-patch+json",
            "-d",
            body,
        ];
        curl(&world, "PATCH", "", &[&kind[..], more].concat())
    };
    let said = patch(
        r#"{"records":{"shop.example.org":null,"mail.example.org":{"A":{"ttl_s":60,"values":["192.0.2.1"]}}}}"#,
        &[],
    );
    assert!(said.starts_with("HTTP/1.1 409"), "{said}");
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.80"]);
    let many: Vec<String> = (0..1000)
        .map(|number| format!("\"n{number}.many.example.org\":{{\"TXT\":{{\"ttl_s\":60,\"values\":[\"{number}\"]}}}}"))
        .collect();
    let body = world.write(
        "many.json",
        &format!("{{\"records\":{{{}}}}}", many.join(",")),
    );
    let said = patch(&format!("@{}", body.display()), &["-H", "If-Match: \"1\""]);
    assert!(
        said.starts_with("HTTP/1.1 200") && said.contains("1000 RRsets added"),
        "{said}"
    );
    assert_eq!(short("n999.many.example.org", "TXT"), ["\"999\""]);
    let said = patch("{\"records\":null}", &["-H", "If-Match: \"1\""]);
    assert!(said.starts_with("HTTP/1.1 412"), "{said}");

    // As files, and back.
    let folder = world.path("declared");
    let folder = folder.to_str().unwrap();
    let (said, well) = waypost(&world, &["export", folder]);
    assert!(well && said.contains("1001 names"), "{said}");
    let (said, well) = waypost(&world, &["apply", folder]);
    assert!(well && said.contains("as the files say"), "{said}");
    world.write(
        "declared/example.org.records",
        "$TTL 2m\nshop A 192.0.2.81\n*.apps CNAME shop\n",
    );
    let (said, well) = waypost(&world, &["apply", folder]);
    assert!(
        !well && said.contains("~ shop.example.org A 60 192.0.2.80 -> 120 192.0.2.81"),
        "{said}"
    );
    assert_eq!(
        short("shop.example.org", "A"),
        ["192.0.2.80"],
        "nothing was changed"
    );
    let (said, well) = waypost(
        &world,
        &["apply", folder, "--yes", "--reason", "as files say"],
    );
    assert!(
        well && said.contains("1 RRsets added, 1 changed, 1000 removed"),
        "{said}"
    );
    assert_eq!(
        short("x.apps.example.org", "A"),
        ["192.0.2.81", "shop.example.org."]
    );
    let (said, well) = waypost(&world, &["set", "example.org", "@", "TXT", "x"]);
    assert!(
        !well && said.contains("stands in the zone's file"),
        "{said}"
    );
    let (said, well) = waypost(
        &world,
        &[
            "set",
            "example.org",
            "cli.example.org",
            "TXT",
            "x",
            "--ttl",
            "1m",
        ],
    );
    assert!(
        well && said.contains("+ cli.example.org TXT 60 \"x\""),
        "{said}"
    );
    let (said, _) = waypost(&world, &["list", "example.org"]);
    assert!(
        said.contains("shop.example.org. 120 IN A 192.0.2.81 ; by "),
        "{said}"
    );
    let (said, well) = waypost(&world, &["delete", "example.org", "cli.example.org"]);
    assert!(well && said.contains("- cli.example.org TXT"), "{said}");

    // What is declared cannot come with the file, and nothing of such a file is taken.
    world.write(
        "zones/example.org.zone",
        &format!("{ZONE}shop A 192.0.2.99\nlate A 192.0.2.98\n"),
    );
    let config = world.path("config.toml");
    let (said, well) = run(WAYPOST, &["reload", "--config", config.to_str().unwrap()]);
    assert!(
        !well && said.contains("the file has shop.example.org A, which is declared"),
        "{said}"
    );
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.81"]);
    assert_eq!(short("late.example.org", "A"), Vec::<String>::new());
    world.write(
        "zones/example.org.zone",
        &format!("{ZONE}late A 192.0.2.98\n"),
    );
    wait_for("the other version of the file", || {
        run(WAYPOST, &["reload", "--config", config.to_str().unwrap()]);
        short("late.example.org", "A") == ["192.0.2.98"]
    });
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.81"]);
    let audit = fs::read_to_string(world.path("state/audit.jsonl")).unwrap();
    assert!(
        audit.contains("declare records") && audit.contains("as files say"),
        "{audit}"
    );
    drop(server);
}
