//! Cookies and limits, as `dig`, `kdig`, Knot and BIND know them.
use std::fs;
use std::process::Command;

use crate::world::{Process, World, dig, run, wait_for};

const SERVER: &str = "@127.0.0.20";
const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const KNOT: &str = "@127.0.0.21";
/// BIND listens on what interfaces have, which is nothing but this.
const BIND: &str = "@127.0.0.1";

/// Limits that the second query of a second is past.
const LIMITS: &str = "[server.rate_limit]\nresponses_per_second = 1\nslip = 1\n";

fn served(world: &World, more: &str) -> Process {
    world.write_config();
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    world.write("config.toml", &format!("{config}\n{more}"));
    world.waypost()
}

/// Asks until the limit has begun.
fn exhaust(name: &str) {
    let plain = [SERVER, "+nocookie", "+ignore", name, "MX"];
    wait_for("the limit", || dig(&plain).contains("flags: qr tc"));
}

/// The cookie that `dig` shows, and whether it found the client's half in it.
fn cookie(text: &str) -> (String, String) {
    let line = text.lines().find(|line| line.starts_with("; COOKIE: "));
    let line = line.unwrap_or_else(|| panic!("no cookie in\n{text}"));
    let mut words = line["; COOKIE: ".len()..].split(' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    (word(), word())
}

#[test]
fn dig_and_kdig_learn_a_cookie_and_come_back_with_it() {
    let world = World::new();
    let _process = served(&world, LIMITS);
    let (text, status) = cookie(&dig(&[SERVER, "+cookie", "example.org", "MX"]));
    assert_eq!((text.len(), status.as_str()), (48, "(good)"));
    exhaust("example.org");
    // dig asks again by itself, with the cookie that came with BADCOOKIE.
    let refused = dig(&[SERVER, "+cookie", "+nobadcookie", "example.org", "MX"]);
    assert!(refused.contains("status: BADCOOKIE"), "{refused}");
    let retried = dig(&[SERVER, "+cookie", "+badcookie", "example.org", "MX"]);
    assert!(retried.contains("BADCOOKIE, retrying"), "{retried}");
    assert!(retried.contains("10 mail.example.org."), "{retried}");
    let kdig = ["+cookie", "+badcookie", SERVER, "example.org", "MX"];
    let (kdig, well) = run("kdig", &kdig);
    assert!(well && kdig.contains("10 mail.example.org."), "{kdig}");
    // Whoever knows of no cookies comes over TCP.
    let fallen_back = dig(&[SERVER, "+nocookie", "example.org", "MX"]);
    assert!(fallen_back.contains("(TCP)"), "{fallen_back}");
    assert!(
        fallen_back.contains("10 mail.example.org."),
        "{fallen_back}"
    );
    let (status, _) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["status", "--control", "http://127.0.0.1:8053"],
    );
    assert!(
        status.contains("127.0.0.0/24 has had enough replies of class answer"),
        "{status}"
    );
}

#[test]
fn a_query_without_a_question_gets_a_cookie() {
    let world = World::new();
    let _process = served(&world, "");
    let text = dig(&[SERVER, "+cookie", "+header-only"]);
    assert!(
        text.contains("status: NOERROR") && text.contains("QUERY: 0"),
        "{text}"
    );
    assert_eq!(cookie(&text).1, "(good)");
}

#[test]
fn servers_of_one_address_take_each_others_cookies() {
    let world = World::new();
    let secrets = format!("[server.cookies]\nsecrets = [\"{SECRET}\"]\n{LIMITS}");
    let _process = served(&world, &secrets);
    let _others = [knot(&world), bind(&world)];
    for other in [KNOT, BIND] {
        let question = ["example.org", "MX"];
        let ask = |server, option: &str| {
            dig(&[&[server, option, "+nobadcookie"], &question[..]].concat())
        };
        wait_for(other, || ask(other, "+cookie").contains("; COOKIE: "));
        exhaust("example.org");
        // Made elsewhere, it counts here: there is an answer past the limit, and the same cookie.
        let (made, _) = cookie(&ask(other, "+cookie"));
        let shown = ask(SERVER, &format!("+cookie={made}"));
        assert!(
            shown.contains("10 mail.example.org."),
            "of {other}:\n{shown}"
        );
        assert_eq!(cookie(&shown).0, made);
        let forged = made.replace(['a', '1'], "b");
        let refused = ask(SERVER, &format!("+cookie={forged}"));
        assert!(refused.contains("status: BADCOOKIE"), "{refused}");
        // And the other way round, where a wrong one is BADCOOKIE at once.
        let (made, _) = cookie(&ask(SERVER, "+cookie"));
        let shown = ask(other, &format!("+cookie={made}"));
        assert!(
            shown.contains("10 mail.example.org."),
            "at {other}:\n{shown}"
        );
        let forged = made.replace(['a', '1'], "b");
        let refused = ask(other, &format!("+cookie={forged}"));
        assert!(refused.contains("status: BADCOOKIE"), "{refused}");
    }
}

/// Knot with the same zone and secret; it wants a cookie of everybody.
fn knot(world: &World) -> Process {
    let folder = world.path("");
    let config = world.write(
        "knot.conf",
        &format!(
            "server:\n  rundir: {folder}\n  listen: 127.0.0.21@53\n\
             mod-cookies:\n  - id: own\n    secret: 0x{SECRET}\n    badcookie-slip: 1\n\
             database:\n  storage: {folder}\n\
             template:\n  - id: default\n    global-module: mod-cookies/own\n\
             zone:\n  - domain: example.org\n    file: {folder}/zones/example.org.zone\n    zonefile-sync: -1\n",
            folder = folder.display()
        ),
    );
    world.start(
        "knot",
        Command::new("/usr/sbin/knotd").arg("-c").arg(config),
    )
}

/// BIND with the same zone and secret; it wants a cookie of everybody.
fn bind(world: &World) -> Process {
    let folder = world.path("");
    let config = world.write(
        "named.conf",
        &format!(
            "options {{ directory \"{folder}\"; pid-file none; listen-on {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             recursion no; dnssec-validation no; empty-zones-enable no; require-server-cookie yes; cookie-algorithm siphash24; cookie-secret \"{SECRET}\"; }};\n\
             controls {{ }};\n\
             zone \"example.org\" {{ type primary; file \"zones/example.org.zone\"; }};\n",
            folder = folder.display()
        ),
    );
    let mut named = Command::new("/usr/sbin/named");
    world.start("named", named.args(["-g", "-n", "1", "-c"]).arg(config))
}

#[test]
fn replies_say_what_is_remarkable_about_them() {
    let world = World::new();
    let _process = served(&world, "");
    // No endpoint runs here, so every one of them fails.
    wait_for("a fail-open answer", || {
        dig(&[SERVER, "api.example.org", "A"]).contains("EDE: 0 (Other")
    });
    let foreign = dig(&[SERVER, "www.example.com", "A"]);
    assert!(foreign.contains("EDE: 20 (Not Authoritative)"), "{foreign}");
    let plain = dig(&[SERVER, "+noedns", "api.example.org", "A"]);
    assert!(!plain.contains("EDE"), "{plain}");
    let explained = [
        "explain",
        "api.example.org",
        "--client",
        "8.8.8.8",
        "--control",
        "http://127.0.0.1:8053",
    ];
    let (explained, _) = run(env!("CARGO_BIN_EXE_waypost"), &explained);
    assert!(
        explained.contains("no endpoint is proven healthy (EDE 0)"),
        "{explained}"
    );
}
