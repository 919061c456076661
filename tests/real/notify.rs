//! Receivers of `[notify]`: one that takes what it is told, one that fails at first, one that is slow, one that is dead.
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::world::{CONFIG, World, dig, get, state_of, wait_for};

const NOTIFY: &str = r#"
[notify.ops]
url = "http://127.0.0.1:9001/hook"
secret_file = "notify.secret"

[notify.chat]
url = "http://127.0.0.1:9002/"
format = "slack"
scope = ["na-*"]

[notify.pager]
url = "http://127.0.0.1:9003/"
format = "pagerduty"
secret_file = "notify.secret"
severity = "error"

[notify.slow]
url = "http://127.0.0.1:9004/"

[notify.dead]
url = "http://127.0.0.1:9005/"
"#;

/// What one receiver got: head and body of each request.
pub(crate) type Got = Arc<Mutex<Vec<(String, String)>>>;

/// A receiver on a port of loopback; `answer` says which status it gives to its so-many-eth request, after how long.
pub(crate) fn receiver(port: u16, answer: fn(usize) -> (u16, Duration)) -> Got {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let got = Got::default();
    let kept = Arc::clone(&got);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            take(stream.unwrap(), answer(number), &kept);
        }
    });
    got
}

fn take(mut stream: TcpStream, (status, wait): (u16, Duration), got: &Got) {
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let count = stream.read(&mut piece).unwrap_or(0);
        text.extend_from_slice(&piece[..count]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        let parts = whole.split_once("\r\n\r\n");
        let Some((head, body)) = parts else {
            if count == 0 {
                return;
            }
            continue;
        };
        let length = head.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap_or("0");
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() >= length || count == 0 {
            break (head.to_owned(), body.to_owned());
        }
    };
    std::thread::sleep(wait);
    if status == 200 {
        got.lock().unwrap().push((head, body));
    }
    // Whoever asked may have given up.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

pub(crate) fn bodies(got: &Got) -> Vec<Value> {
    let got = got.lock().unwrap();
    let bodies = got
        .iter()
        .map(|(_, body)| serde_json::from_str(body).unwrap());
    bodies.collect()
}

/// The events that a receiver of JSON got so far.
fn events(got: &Got) -> Vec<Value> {
    let all = bodies(got);
    let events = all
        .iter()
        .flat_map(|body| body["events"].as_array().unwrap());
    events.cloned().collect()
}

fn has(got: &Got, event: &str, endpoint: &str) -> bool {
    let is = |one: &Value| one["event"] == event && one["fields"]["endpoint"] == endpoint;
    events(got).iter().any(is)
}

/// HMAC-SHA256 as OpenSSL has it.
fn hmac(secret: &str, text: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", secret, "-r"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

/// Whether a counter of this name and these labels is more than nothing.
fn counted(line: &str) -> bool {
    let (_, body) = get("/metrics").unwrap();
    let found = body.lines().find(|own| own.starts_with(line));
    found.is_some_and(|own| !own.ends_with(" 0"))
}

/// Each request bears a signature over its time and its body.
fn check_signatures(got: &Got) {
    for (head, body) in got.lock().unwrap().iter() {
        let signature = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("x-waypost-signature")
                .then_some(value)
        });
        let (time, digits) = signature.unwrap().split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        assert_eq!(digits, hmac("a secret", &format!("{time}.{body}")));
    }
}

/// The outage as a receiver of JSON is told of it.
fn check_outage(got: &Got) {
    let told = events(got);
    let down = told
        .iter()
        .find(|one| one["fields"]["endpoint"] == "fra-one")
        .unwrap();
    assert_eq!(down["severity"], "error");
    assert_eq!(down["fields"]["to"], "down");
    assert_eq!(down["over"], false);
    assert_eq!(bodies(got)[0]["node"], "test-node");
}

#[test]
fn receivers_are_told_of_an_outage_and_delay_nothing() {
    let world = World::new();
    world.write("config.toml", &(CONFIG.to_owned() + NOTIFY));
    world.write("zones/example.org.zone", crate::world::ZONE);
    let secret = world.write("notify.secret", "a secret\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let ops = receiver(9001, |_| (200, Duration::ZERO));
    let chat = receiver(9002, |_| (200, Duration::ZERO));
    // Unavailable twice, then it takes what it was to take before.
    let pager = receiver(9003, |number| {
        (if number < 2 { 503 } else { 200 }, Duration::ZERO)
    });
    let _slow = receiver(9004, |_| (200, Duration::from_secs(60)));
    let one = world.backend("127.1.0.1");
    let _two = world.backend("127.1.0.2");
    let three = world.backend("127.2.0.1");
    let _waypost = world.waypost();
    wait_for("every endpoint to be healthy", || {
        ["fra-one", "fra-two", "tor-one"]
            .iter()
            .all(|name| state_of(name) == "healthy")
    });
    one.kill();
    wait_for("the outage to be told", || has(&ops, "standing", "fra-one"));
    let answer = dig(&[
        "@127.0.0.20",
        "+short",
        "+subnet=198.51.100.0/24",
        "api.example.org",
        "A",
    ]);
    assert_eq!(
        answer.trim(),
        "127.1.0.2",
        "answers go on while receivers hang"
    );

    check_outage(&ops);
    check_signatures(&ops);

    assert!(
        chat.lock().unwrap().is_empty(),
        "Frankfurt is outside its scope"
    );
    three.kill();
    wait_for("the chat to be told", || !chat.lock().unwrap().is_empty());
    let text = bodies(&chat)[0]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("*test-node*\n✗ tor-one: "), "{text}");

    wait_for("the pager to take it in the end", || {
        bodies(&pager)
            .iter()
            .any(|one| one["payload"]["summary"].to_string().contains("fra-one"))
    });
    let page = bodies(&pager)[0].clone();
    assert_eq!(page["routing_key"], "a secret");
    assert_eq!(page["event_action"], "trigger");

    wait_for("deliveries to be counted", || {
        counted("waypost_notifications_total{receiver=\"ops\",result=\"delivered\"}")
    });
    let _healed = world.backend("127.1.0.1");
    wait_for("the return to be told", || {
        events(&ops)
            .iter()
            .any(|one| one["fields"]["endpoint"] == "fra-one" && one["over"] == true)
    });
    wait_for("the incident to be resolved", || {
        bodies(&pager)
            .iter()
            .any(|one| one["event_action"] == "resolve" && one["dedup_key"] == page["dedup_key"])
    });
}
