//! Challenges set by `nsupdate`, by `waypost acme` and over the control API, and seen by `dig`.
use std::fs;
use std::process::{Command, Stdio};

use crate::world::{CONFIG, World, ZONE, dig, get, request, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const SECRET: &str = "q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU=";
const OTHER: &str = "b3RoZXIgc2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXQ=";

const ACME: &str = r#"
[tsig.certbot]
secret = "q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU="
[tsig.secondary]
secret = "b3RoZXIgc2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXQ="
[acme]
keys = ["certbot"]
expire = "1h"
"#;

fn write_config(world: &World, acme: &str, zone: &str) {
    world.write("config.toml", &format!("{CONFIG}{acme}"));
    world.write("zones/example.org.zone", &format!("{ZONE}{zone}"));
}

/// What `nsupdate` says to a script, signing with a key if there is one, and whether it went well.
fn nsupdate(arguments: &[&str], script: &str) -> (String, bool) {
    use std::io::Write;
    let mut child = Command::new("nsupdate")
        .args(["-t", "5", "-r", "0"])
        .args(arguments)
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

fn key(name: &str, secret: &str) -> String {
    format!("hmac-sha256:{name}:{secret}")
}

/// The TXT records of a name.
fn texts(name: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", name, "TXT"]);
    let mut found: Vec<String> = text.lines().map(str::to_owned).collect();
    found.sort();
    found
}

fn waypost(world: &World, arguments: &[&str]) -> (String, bool) {
    let config = world.path("config.toml");
    let config = ["--config", config.to_str().unwrap()];
    run(WAYPOST, &[&["acme"], arguments, &config].concat())
}

const NAME: &str = "_acme-challenge.api.example.org";

#[test]
fn what_nsupdate_sets_is_served_at_once() {
    let world = World::new();
    write_config(&world, ACME, "_acme-challenge.mail TXT \"fixed\"\n");
    let _waypost = world.waypost();
    let certbot = key("certbot", SECRET);
    let update = |script: &str| nsupdate(&["-y", &certbot], script);

    for (script, expected) in [
        (format!("update add {NAME} 60 TXT one"), &["\"one\""][..]),
        (
            format!("update add {NAME} 60 TXT \"two\" \"parts\""),
            &["\"one\"", "\"two\" \"parts\""],
        ),
        (
            format!("update delete {NAME} TXT one"),
            &["\"two\" \"parts\""],
        ),
        (
            format!(
                "prereq yxrrset {NAME} TXT\nupdate delete {NAME} TXT\nupdate add {NAME} 60 TXT three"
            ),
            &["\"three\""],
        ),
        (format!("update delete {NAME}"), &[]),
    ] {
        let (text, well) = update(&script);
        assert!(well, "{script}: {text}");
        // At once: whoever got NOERROR finds what it set.
        assert_eq!(texts(NAME), expected, "{script}");
    }
    // Over TCP as well.
    let script = format!("update add {NAME} 60 TXT stream");
    let (text, well) = nsupdate(&["-v", "-y", &certbot], &script);
    assert!(well && texts(NAME) == ["\"stream\""], "{text}");
    let (text, well) = update("update add _acme-challenge.mail.example.org 60 TXT added");
    assert!(well, "{text}");
    assert_eq!(
        texts("_acme-challenge.mail.example.org"),
        ["\"added\"", "\"fixed\""]
    );
}

#[test]
fn a_key_may_set_challenges_and_nothing_else() {
    let world = World::new();
    write_config(&world, ACME, "_acme-challenge.alias CNAME mail\n");
    let _waypost = world.waypost();
    let certbot = key("certbot", SECRET);
    let update = |script: &str| nsupdate(&["-y", &certbot], script);
    for (script, rcode) in [
        ("update add www.example.org 60 TXT x", "REFUSED"),
        (
            "update add _acme-challenge.www.example.org 60 CNAME mail.example.org.",
            "REFUSED",
        ),
        ("update delete mail.example.org", "REFUSED"),
        (
            "update delete _acme-challenge.www.example.org CNAME",
            "REFUSED",
        ),
        (
            "update add _acme-challenge.a.sub.example.org 60 TXT x",
            "REFUSED",
        ),
        (
            "update add _acme-challenge.alias.example.org 60 TXT x",
            "REFUSED",
        ),
        ("update add _acme-challenge.other.test 60 TXT x", "NOTZONE"),
        (
            "prereq yxrrset _acme-challenge.www.example.org TXT\nupdate add _acme-challenge.www.example.org 60 TXT x",
            "NXRRSET",
        ),
        (
            "prereq nxdomain mail.example.org\nupdate add _acme-challenge.www.example.org 60 TXT x",
            "YXDOMAIN",
        ),
        // All or nothing.
        (
            "update add _acme-challenge.www.example.org 60 TXT x\nupdate add www.example.org 60 TXT x",
            "REFUSED",
        ),
    ] {
        let (text, well) = update(script);
        assert!(!well && text.contains(rcode), "{script}: {text}");
    }
    assert_eq!(
        texts("_acme-challenge.www.example.org"),
        Vec::<String>::new()
    );
}

#[test]
fn only_keys_that_are_granted_may_set_challenges() {
    let world = World::new();
    write_config(&world, ACME, "");
    let _waypost = world.waypost();
    let script = format!("update add {NAME} 60 TXT stolen");
    for (arguments, words) in [
        (vec![], "REFUSED"),
        (vec!["-y".to_owned(), key("secondary", OTHER)], "REFUSED"),
        (vec!["-y".to_owned(), key("certbot", OTHER)], "BADSIG"),
        (vec!["-y".to_owned(), key("nobody", OTHER)], "BADKEY"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (text, well) = nsupdate(&arguments, &script);
        assert!(!well && text.contains(words), "{arguments:?}: {text}");
    }
    assert_eq!(texts(NAME), Vec::<String>::new());
}

#[test]
fn challenges_outlive_reloads_and_crashes_and_go_by_themselves() {
    let world = World::new();
    write_config(&world, ACME, "");
    let server = world.waypost();
    let (text, well) = waypost(&world, &["add", "api.example.org", "kept", "--ttl", "30s"]);
    assert!(
        well && text.contains("has the value for 1h, with TTL 30s"),
        "{text}"
    );
    let (text, well) = waypost(&world, &["add", NAME, "brief", "--for", "6s"]);
    assert!(well, "{text}");
    assert_eq!(texts(NAME), ["\"brief\"", "\"kept\""]);
    let (text, _) = waypost(&world, &["list"]);
    assert!(
        text.contains(&format!("{NAME}. 30 IN TXT \"kept\" ; goes in ")),
        "{text}"
    );

    write_config(&world, ACME, "new A 192.0.2.77\n");
    let config = world.path("config.toml");
    let reloaded = run(WAYPOST, &["reload", "--config", config.to_str().unwrap()]);
    assert!(reloaded.1, "{}", reloaded.0);
    assert!(dig(&["@127.0.0.20", "+short", "new.example.org"]).contains("192.0.2.77"));
    assert!(texts(NAME).contains(&"\"kept\"".to_owned()));

    server.kill();
    let server = world.waypost();
    assert!(
        texts(NAME).contains(&"\"kept\"".to_owned()),
        "after kill -9"
    );
    wait_for("the brief one to go", || texts(NAME) == ["\"kept\""]);
    // What expires while nobody runs does not come back.
    let (text, well) = waypost(&world, &["add", NAME, "dated", "--for", "2s"]);
    assert!(well, "{text}");
    server.kill();
    let file = fs::read_to_string(world.path("state/challenges.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(kept["challenges"].as_array().unwrap().len(), 2, "{file}");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let server = world.waypost();
    assert_eq!(texts(NAME), ["\"kept\""]);

    // A zone that has no place for it any more is no reason to refuse the zone.
    write_config(&world, ACME, "_acme-challenge.api CNAME mail\n");
    let reloaded = run(WAYPOST, &["reload", "--config", config.to_str().unwrap()]);
    assert!(reloaded.1, "{}", reloaded.0);
    assert!(dig(&["@127.0.0.20", NAME, "TXT"]).contains("CNAME"));
    drop(server);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn the_control_api_says_what_is_wrong() {
    let world = World::new();
    write_config(&world, "", "");
    let _waypost = world.waypost();
    let path = |query: &str| format!("/api/v1/acme?{query}");
    for (method, query, status, words) in [
        (
            "POST",
            "name=_acme-challenge.mail.example.org&value=abc&author=ada",
            200,
            "mail.example.org has the value for 1h, with TTL 1m",
        ),
        (
            "POST",
            "name=mail.example.org&value=abc",
            422,
            "begin with _acme-challenge",
        ),
        (
            "POST",
            "name=_acme-challenge.mail.example.net&value=abc",
            422,
            "none of our zones",
        ),
        (
            "POST",
            "name=_acme-challenge.a.sub.example.org&value=abc",
            422,
            "delegated",
        ),
        (
            "POST",
            "name=_acme-challenge.mail.example.org",
            400,
            "value is missing",
        ),
        (
            "DELETE",
            "name=_acme-challenge.mail.example.org&value=abcd",
            404,
            "has no such value",
        ),
        (
            "DELETE",
            "name=_acme-challenge.mail.example.org&value=abc",
            200,
            "lost 1",
        ),
        (
            "DELETE",
            "name=_acme-challenge.mail.example.org",
            404,
            "has no value",
        ),
        ("PUT", "", 405, "GET, HEAD, POST, DELETE"),
    ] {
        let (found, body) = request(method, &path(query)).unwrap();
        assert!(
            found == status && body.contains(words),
            "{method} {query}: {found} {body}"
        );
    }
    let (status, body) = get("/api/v1/acme").unwrap();
    assert_eq!(
        (status, body.contains("\"challenges\":[]")),
        (200, true),
        "{body}"
    );
    // Nobody may update without a config that says who may.
    let (text, well) = nsupdate(&[], &format!("update add {NAME} 60 TXT x"));
    assert!(!well && text.contains("REFUSED"), "{text}");
    let (text, well) = waypost(&world, &["remove", "nobody.example.org"]);
    assert!(!well && text.contains("has no value"), "{text}");
    let log = fs::read_to_string(world.path("waypost.log")).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("\"event\":\"challenge\""))
        .unwrap();
    assert!(
        line.contains("\"author\":\"ada\"") && !line.contains("abc"),
        "{line}"
    );
}
