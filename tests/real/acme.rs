//! Challenges set by `nsupdate`, by `waypost acme` and over the control API, and seen by `dig`.
use std::fs;
use std::process::{Command, Stdio};

use crate::elsewhere;
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
    write_config(&world, "[acme]\n", "");
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
        ("PUT", "", 405, "does not take PUT"),
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
        line.contains("\"author\":\"ada (user root)\"") && !line.contains("abc"),
        "{line}"
    );
}

/// Three keys, and a zone for challenges alone.
const GRANTS: &str = r#"
[[zones]]
name = "acme.test"
file = "zones/acme.test.zone"
[tsig.certbot]
secret = "q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU="
[tsig.lego]
secret = "b3RoZXIgc2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXQ="
[tsig.any]
secret = "b3RoZXIgc2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXQ="
[acme.keys.certbot]
names = ["*.acme.test"]
[acme.keys.lego]
names = ["_acme-challenge.mail.example.org", "proof.example.org"]
[acme.keys.any]
"#;
const ACME_ZONE: &str = "$TTL 300
@ SOA ns1 hostmaster 1 3600 900 604800 60
@ NS ns1
ns1 A 127.0.0.20
";
const ALIASES: &str = "_acme-challenge.web CNAME web.acme.test.\n_acme-challenge.far CNAME hop\nhop CNAME far.acme.test.\n";

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn a_key_is_held_to_its_names() {
    let world = World::new();
    write_config(&world, GRANTS, ALIASES);
    world.write("zones/acme.test.zone", ACME_ZONE);
    let _server = world.waypost();
    let keys = [("certbot", SECRET), ("lego", OTHER), ("any", OTHER)]
        .map(|(name, secret)| (name, key(name, secret)));
    let update = |who: &str, script: &str| {
        let (_, key) = keys.iter().find(|(name, _)| *name == who).unwrap();
        nsupdate(&["-y", key], script)
    };
    let own = |name: &str| {
        let is_its = |zone: &&str| name.ends_with(zone);
        let zone = ["acme.test", "example.org"]
            .into_iter()
            .find(is_its)
            .unwrap();
        format!("zone {zone}\nupdate add {name} 60 TXT \"of {name}\"")
    };
    for (who, name, why) in [
        ("certbot", "web.acme.test", None),
        ("certbot", "a.b.acme.test", None),
        ("certbot", "_acme-challenge.acme.test", None),
        ("certbot", "acme.test", Some("none of the `names`")),
        ("certbot", "_dmarc.acme.test", Some("none of the `names`")),
        ("certbot", "ns1.acme.test", Some("records of its own")),
        (
            "certbot",
            "_acme-challenge.api.example.org",
            Some("none of the `names`"),
        ),
        ("lego", "_acme-challenge.mail.example.org", None),
        ("lego", "proof.example.org", None),
        (
            "lego",
            "_acme-challenge.api.example.org",
            Some("none of the `names`"),
        ),
        ("lego", "web.acme.test", Some("none of the `names`")),
        ("any", "_acme-challenge.api.example.org", None),
        ("any", "web.acme.test", Some("begin with _acme-challenge")),
        (
            "any",
            "proof.example.org",
            Some("begin with _acme-challenge"),
        ),
    ] {
        let before = fs::read_to_string(world.path("waypost.log")).unwrap().len();
        let (text, well) = update(who, &own(name));
        let log = fs::read_to_string(world.path("waypost.log"))
            .unwrap()
            .split_off(before);
        match why {
            None => {
                assert!(well, "{who} {name}: {text}");
                assert_eq!(texts(name), [format!("\"of {name}\"")], "{who} {name}");
            }
            Some(why) => {
                assert!(!well && text.contains("REFUSED"), "{who} {name}: {text}");
                let line = log
                    .lines()
                    .find(|line| line.contains("update_refused"))
                    .unwrap();
                assert!(
                    line.contains(why) && line.contains(name) && line.contains(who),
                    "{line}"
                );
            }
        }
    }
    // All or nothing, and removing is setting.
    let both = "update add proof.example.org 60 TXT more\nupdate add other.example.org 60 TXT x";
    let (text, well) = update("lego", both);
    assert!(!well && text.contains("REFUSED"), "{text}");
    assert_eq!(texts("proof.example.org"), ["\"of proof.example.org\""]);
    let (text, well) = update("lego", "zone acme.test\nupdate delete web.acme.test TXT");
    assert!(!well && text.contains("REFUSED"), "{text}");
    // Whoever may not set a name learns nothing of it by prerequisites.
    for prerequisite in [
        "prereq yxdomain nope.example.org",
        "prereq nxdomain mail.example.org",
    ] {
        let script = format!("{prerequisite}\nupdate add _acme-challenge.api.example.org 60 TXT x");
        let (text, well) = update("lego", &script);
        assert!(!well && text.contains("REFUSED"), "{text}");
    }
    // Whoever looks for the challenge of a host is led there.
    assert_eq!(texts("_acme-challenge.web.example.org"), ["web.acme.test."]);
}

#[test]
fn operators_set_what_an_alias_leads_to() {
    let world = World::new();
    write_config(&world, GRANTS, ALIASES);
    world.write("zones/acme.test.zone", ACME_ZONE);
    let _server = world.waypost();
    for (number, (given, name)) in [
        ("web.example.org", "web.acme.test"),
        ("_acme-challenge.web.example.org", "web.acme.test"),
        ("far.example.org", "far.acme.test"),
        ("new.acme.test", "new.acme.test"),
        ("ns1.acme.test", "_acme-challenge.ns1.acme.test"),
        ("proof.example.org", "proof.example.org"),
        ("mail.example.org", "_acme-challenge.mail.example.org"),
        ("www.example.org", "_acme-challenge.www.example.org"),
    ]
    .into_iter()
    .enumerate()
    {
        let value = format!("value-{number}");
        let (text, well) = waypost(&world, &["add", given, &value]);
        assert!(
            well && text.starts_with(&format!("{name} has the value")),
            "{given}: {text}"
        );
        assert!(!text.contains("warning"), "{given}: {text}");
        assert!(
            texts(name).contains(&format!("\"{value}\"")),
            "{given} {name}"
        );
        let (text, well) = waypost(&world, &["remove", given, &value]);
        assert!(
            well && text.contains(&format!("{name} has lost 1")),
            "{given}: {text}"
        );
        assert!(
            !texts(name).contains(&format!("\"{value}\"")),
            "{given} {name}"
        );
    }
    // Nobody may set a name that nobody lists.
    let (status, body) = request("POST", "/api/v1/acme?name=other.example.org&value=x").unwrap();
    assert!(
        status == 422 && body.contains("`[acme]`"),
        "{status} {body}"
    );
}

#[test]
fn names_for_all_keys_stand_beside_them() {
    let world = World::new();
    let acme = ACME.replace(
        "keys = [\"certbot\"]",
        "keys = [\"certbot\"]\nnames = [\"*.wild.example.org\"]",
    );
    write_config(&world, &acme, "");
    let _server = world.waypost();
    let certbot = key("certbot", SECRET);
    for (name, may) in [
        ("_acme-challenge.a.wild.example.org", true),
        ("_acme-challenge.api.example.org", false),
    ] {
        let (text, well) = nsupdate(&["-y", &certbot], &format!("update add {name} 60 TXT x"));
        assert_eq!(well, may, "{name}: {text}");
    }
}

#[test]
fn a_name_that_leaves_a_wildcard_is_told() {
    let world = World::new();
    write_config(&world, ACME, "*.deep TXT \"deep\"\nown.deep A 192.0.2.9\n");
    let server = world.waypost();
    let told = |log: &str| log.matches("wildcard_uncovered").count();
    assert_eq!(texts("a.wild.example.org"), ["\"any\""]);
    // Neither a name beside the wildcard nor one below a name that is there takes anything from it.
    for name in [
        "wild.example.org",
        "own.deep.example.org",
        "mail.example.org",
    ] {
        let (text, well) = waypost(&world, &["add", name, "quiet"]);
        assert!(well && !text.contains("warning"), "{text}");
    }
    assert_eq!(told(&server.log()), 0, "{}", server.log());

    let certbot = key("certbot", SECRET);
    let script = "update add _acme-challenge.a.wild.example.org 60 TXT x";
    let (text, well) = nsupdate(&["-y", &certbot], script);
    assert!(well, "{text}");
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("wildcard_uncovered"))
        .unwrap();
    assert!(
        line.contains("\"uncovered\":\"a.wild.example.org\"")
            && line.contains("\"wildcard\":\"*.wild.example.org\"")
            && line.contains("WARN"),
        "{line}"
    );
    assert_eq!(texts("a.wild.example.org"), Vec::<String>::new());

    // The control API says it of every value, the log once.
    for value in ["one", "two"] {
        let (text, well) = waypost(&world, &["add", "x.y.deep.example.org", value]);
        let warning = "warning: y.deep.example.org exists while the challenge stands, \
            so that *.deep.example.org no longer stands for it";
        assert!(well && text.contains(warning), "{text}");
    }
    let (text, _) = waypost(&world, &["add", "a.wild.example.org", "more", "--json"]);
    let (json, _) = text.split_once('\n').unwrap();
    let done: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(done["warnings"].as_array().unwrap().len(), 1, "{text}");
    assert_eq!(told(&server.log()), 2, "{}", server.log());

    // It is so after a restart, and said again.
    server.kill();
    let server = world.waypost();
    assert_eq!(texts("a.wild.example.org"), Vec::<String>::new());
    assert_eq!(told(&server.log()), 2, "{}", server.log());
    let (text, _) = waypost(&world, &["add", "a.wild.example.org", "again"]);
    assert!(
        text.contains("warning: a.wild.example.org exists"),
        "{text}"
    );
    for name in ["a.wild.example.org", "x.y.deep.example.org"] {
        let (text, well) = waypost(&world, &["remove", name]);
        assert!(well, "{text}");
    }
    assert_eq!(texts("a.wild.example.org"), ["\"any\""]);
}

#[test]
fn what_is_lost_with_a_restart_is_told() {
    let world = World::new();
    let listen = "identity = \"test-node\"";
    assert!(CONFIG.contains(listen));
    let config = CONFIG.replace(listen, "state = \"/proc/nothing-can-be-made-here\"");
    world.write("config.toml", &(config + ACME));
    world.write("zones/example.org.zone", ZONE);
    let server = world.waypost();
    let (text, well) = waypost(&world, &["add", "api.example.org", "brief"]);
    assert!(
        well && text.contains("has the value")
            && text.contains("warning: the value is lost with a restart: cannot write `/proc/"),
        "{text}"
    );
    assert_eq!(texts(NAME), ["\"brief\""]);
    assert!(server.log().contains("state_unwritten"));
    let (text, well) = waypost(&world, &["remove", "api.example.org"]);
    assert!(well && text.contains("warning: it may come back"), "{text}");
}

#[test]
fn nothing_is_added_to_a_zone_that_was_signed_elsewhere() {
    let world = World::new();
    elsewhere::sign(&world);
    world.write("config.toml", elsewhere::CONFIG);
    let _server = world.waypost();
    let (text, well) = waypost(&world, &["add", "www.s.test", "x"]);
    assert!(!well && text.contains("signed elsewhere"), "{text}");
    assert_eq!(texts("_acme-challenge.www.s.test"), Vec::<String>::new());
}
