//! `waypost external-dns`, asked by a client that does what external-dns does, with a real server behind it and `dig` as the judge.
//!
//! The client follows external-dns 0.13 to 0.20: it negotiates by the media type and the `Vary` of `GET /`, keeps a plan of its own with
//! TXT records of ownership, has its endpoints adjusted, compares them with what is there, and sends what differs and nothing else. After
//! 5xx it comes again, after 4xx it ends.
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::world::{CONFIG, Process, World, ZONE, dig, get_at, run, token, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const MEDIA_TYPE: &str = "application/external.dns.webhook+json;version=1";
const OWNER: &str =
    "heritage=external-dns,external-dns/owner=test,external-dns/resource=service/default/";

const DYNAMIC: &str = r#"
[[dynamic.records]]
zone = "example.org"
names = ["*.example.org"]
tokens = ["external-dns"]
"#;

/// A reply of the provider.
struct Reply {
    status: u16,
    /// In small letters.
    head: String,
    body: String,
}

/// The end of a round of external-dns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Nothing was to be done.
    Same,
    Changed,
    /// It comes again by itself (5xx).
    Again,
    /// external-dns ends (4xx).
    Over,
}

/// An external-dns.
struct Client {
    changes: &'static [&'static str; 4],
    sends_media_type: bool,
}

/// One of today, and one of the first.
const NEW: Client = Client {
    changes: &["create", "updateOld", "updateNew", "delete"],
    sends_media_type: true,
};
const OLD: Client = Client {
    changes: &["Create", "UpdateOld", "UpdateNew", "Delete"],
    sends_media_type: false,
};

/// A request to the provider; `Accept` and `Content-Type` only where the client has them.
fn ask(method: &str, path: &str, headers: &[&str], body: Option<&Value>) -> Reply {
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "-i",
        "-X",
        method,
        "-H",
        "Accept:",
        "-H",
        "Content-Type:",
    ]);
    for header in headers {
        command.args(["-H", header]);
    }
    if let Some(body) = body {
        command.args(["--data-binary", &body.to_string()]);
    }
    let output = command.arg(format!("http://127.0.0.1:8888{path}")).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start curl: {error}"));
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{path}: {}", String::from_utf8_lossy(&output.stderr)));
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

fn key(endpoint: &Value) -> (String, String, String) {
    let text = |field: &str| endpoint[field].as_str().unwrap_or_default().to_lowercase();
    (text("dnsName"), text("recordType"), text("setIdentifier"))
}

/// An endpoint without TXT of ownership.
fn endpoint(name: &str, kind: &str, targets: &[&str], ttl: i64) -> Value {
    json!({
        "dnsName": name, "recordType": kind, "targets": targets, "recordTTL": ttl,
        "labels": { "owner": "test", "resource": format!("service/default/{kind}") },
        "providerSpecific": [{ "name": "alias", "value": "false" }],
    })
}

/// The TXT record by which external-dns knows that an endpoint is its own: a name of its own beside it, its text in quotes.
fn ownership(endpoint: &Value) -> Value {
    let name = endpoint["dnsName"].as_str().unwrap();
    let kind = endpoint["recordType"].as_str().unwrap();
    let name = format!("{}-{name}", kind.to_lowercase());
    json!({ "dnsName": name, "recordType": "TXT", "targets": [format!("\"{OWNER}{kind}\"")] })
}

impl Client {
    fn headers(&self, accept: bool) -> Vec<&'static str> {
        const ACCEPT: &str = "Accept: application/external.dns.webhook+json;version=1";
        const CONTENT: &str = "Content-Type: application/external.dns.webhook+json;version=1";
        let accept = accept.then_some(ACCEPT);
        accept
            .into_iter()
            .chain(self.sends_media_type.then_some(CONTENT))
            .collect()
    }

    /// The first thing that external-dns asks: without both headers, to the letter, it does not start.
    fn negotiate(&self) -> Value {
        let reply = ask("GET", "/", &self.headers(true)[..1], None);
        assert_eq!(reply.status, 200);
        for header in [
            format!("content-type: {MEDIA_TYPE}\r\n"),
            "vary: content-type".to_owned(),
        ] {
            assert!(
                (reply.head.clone() + "\r\n").contains(&header),
                "{}",
                reply.head
            );
        }
        serde_json::from_str(&reply.body).unwrap()
    }

    /// A list that is got or sent, or the end of the round.
    fn list(reply: &Reply) -> Result<Vec<Value>, Round> {
        match reply.status {
            200 => Ok(serde_json::from_str(&reply.body).unwrap()),
            500.. => Err(Round::Again),
            _ => Err(Round::Over),
        }
    }

    /// One round: what is there, what is wanted, and the difference.
    fn round(&self, wanted: &[Value]) -> Round {
        self.differ(wanted).unwrap_or_else(|ended| ended)
    }

    fn differ(&self, wanted: &[Value]) -> Result<Round, Round> {
        let there = Self::list(&ask("GET", "/records", &self.headers(true)[..1], None))?;
        let wanted = json!(wanted);
        let wanted = Self::list(&ask(
            "POST",
            "/adjustendpoints",
            &self.headers(true),
            Some(&wanted),
        ))?;
        let is_own = |own: &Value| {
            let txt = ownership(own);
            let found = there.iter().find(|other| key(other) == key(&txt));
            found.is_some_and(|found| {
                found["targets"][0]
                    .as_str()
                    .unwrap()
                    .trim_matches('"')
                    .starts_with("heritage=")
            })
        };
        let current = there
            .iter()
            .filter(|own| own["recordType"] != "TXT" && is_own(own));
        let current: BTreeMap<_, _> = current.map(|own| (key(own), own.clone())).collect();
        let wanted: BTreeMap<_, _> = wanted.into_iter().map(|own| (key(&own), own)).collect();
        let mut lists: [Vec<Value>; 4] = Default::default();
        for (key, own) in &wanted {
            match current.get(key) {
                None => lists[0].push(own.clone()),
                Some(before) if differs(own, before) => {
                    lists[1].push(before.clone());
                    lists[2].push(own.clone());
                }
                Some(_) => {}
            }
        }
        let gone = current.iter().filter(|(key, _)| !wanted.contains_key(*key));
        lists[3].extend(gone.map(|(_, own)| own.clone()));
        for list in &mut lists {
            let txt: Vec<Value> = list.iter().map(ownership).collect();
            list.extend(txt);
        }
        if lists.iter().all(Vec::is_empty) {
            return Ok(Round::Same);
        }
        // Go writes an empty list as null.
        let lists = lists.map(|list| {
            if list.is_empty() {
                Value::Null
            } else {
                json!(list)
            }
        });
        let changes = self
            .changes
            .iter()
            .map(|name| (*name).to_owned())
            .zip(lists);
        let reply = ask(
            "POST",
            "/records",
            &self.headers(false),
            Some(&Value::Object(changes.collect())),
        );
        match reply.status {
            204 => Ok(Round::Changed),
            500.. => Err(Round::Again),
            _ => Err(Round::Over),
        }
    }
}

/// Tells whether an update is due: external-dns compares targets without order, a TTL only where one is wanted, and properties.
fn differs(wanted: &Value, before: &Value) -> bool {
    let targets = |own: &Value| {
        let mut targets: Vec<String> = serde_json::from_value(own["targets"].clone()).unwrap();
        targets.sort_unstable();
        targets
    };
    let ttl = |own: &Value| own["recordTTL"].as_i64().unwrap_or_default();
    let has_properties = wanted["providerSpecific"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    targets(wanted) != targets(before)
        || (ttl(wanted) > 0 && ttl(wanted) != ttl(before))
        || has_properties
}

fn short(name: &str, kind: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", name, kind]);
    let mut found: Vec<String> = text.lines().map(str::to_owned).collect();
    found.sort();
    found
}

fn ttl(name: &str, kind: &str) -> String {
    let text = dig(&["@127.0.0.20", "+noall", "+answer", name, kind]);
    text.split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

fn health(path: &str) -> Option<(u16, String)> {
    get_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), path)
}

fn provider(world: &World) -> Process {
    let mut command = Command::new(WAYPOST);
    command
        .args([
            "external-dns",
            "--zone",
            "example.org",
            "--control",
            "http://127.0.0.1:8053",
            "--token-file",
        ])
        .arg(world.path("token"))
        .args(["--health", "127.0.0.1:8080"]);
    let process = world.start("external-dns", &mut command);
    wait_for("the provider", || {
        TcpStream::connect("127.0.0.1:8888").is_ok()
    });
    process
}

/// A server for a token of external-dns, and its secret.
fn server(world: &World) -> (Process, String) {
    let (secret, table) = token(&["external-dns", "--role", "viewer"]);
    world.write("config.toml", &format!("{CONFIG}{table}\n{DYNAMIC}"));
    world.write("zones/example.org.zone", ZONE);
    world.write("token", &secret);
    (world.waypost(), secret)
}

fn revision(world: &World) -> Value {
    let socket = world.path("waypost.sock");
    let control = format!("unix:{}", socket.display());
    let (text, well) = run(
        WAYPOST,
        &[
            "records",
            "list",
            "example.org",
            "--control",
            &control,
            "--json",
        ],
    );
    assert!(well, "{text}");
    let page: Value = serde_json::from_str(&text).unwrap();
    page["revision"].clone()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn what_external_dns_wants_is_declared_and_a_second_round_changes_nothing() {
    let world = World::new();
    let (_server, _) = server(&world);
    let provider = provider(&world);
    let filter = NEW.negotiate();
    let expected = json!({ "include": ["example.org"], "exclude": [], "regexInclude": "", "regexExclude": "" });
    assert_eq!(filter, expected);
    let long = "k".repeat(300);
    let mut wanted = vec![
        endpoint("shop.example.org", "A", &["192.0.2.81", "192.0.2.80"], 0),
        endpoint("shop.example.org", "AAAA", &["2001:DB8:0:0::80"], 60),
        endpoint("alias.example.org", "CNAME", &["shop.example.org"], 0),
        endpoint("*.apps.example.org", "A", &["192.0.2.82"], 30),
        endpoint("post.example.org", "MX", &["10 mail.example.org"], 0),
        endpoint(
            "_sip._tcp.example.org",
            "SRV",
            &["1 2 443 shop.example.org."],
            0,
        ),
    ];
    for (client, number) in [(&NEW, "1"), (&OLD, "2")] {
        wanted[0]["targets"] = json!(["192.0.2.80", format!("192.0.2.{number}")]);
        assert_eq!(client.round(&wanted), Round::Changed);
        let before = revision(&world);
        assert_eq!(client.round(&wanted), Round::Same);
        assert_eq!(client.round(&wanted), Round::Same);
        assert_eq!(revision(&world), before, "nothing was called");
        assert_eq!(
            short("shop.example.org", "A"),
            [format!("192.0.2.{number}"), "192.0.2.80".to_owned()]
        );
    }
    assert_eq!(short("shop.example.org", "AAAA"), ["2001:db8::80"]);
    assert_eq!(ttl("shop.example.org", "AAAA"), "60");
    assert_eq!(ttl("shop.example.org", "A"), "300");
    assert!(short("alias.example.org", "A").contains(&"shop.example.org.".to_owned()));
    assert_eq!(short("any.apps.example.org", "A"), ["192.0.2.82"]);
    assert_eq!(short("post.example.org", "MX"), ["10 mail.example.org."]);
    assert_eq!(
        short("_sip._tcp.example.org", "SRV"),
        ["1 2 443 shop.example.org."]
    );
    assert_eq!(
        short("a-shop.example.org", "TXT"),
        [format!("\"{OWNER}A\"")]
    );
    assert_eq!(
        short("a-*.apps.example.org", "TXT"),
        [format!("\"{OWNER}A\"")]
    );
    // A TTL, a target, a type, and what is wanted no longer.
    wanted[1]["recordTTL"] = json!(90);
    wanted[2] = endpoint("alias.example.org", "A", &["192.0.2.90"], 0);
    wanted.truncate(5);
    assert_eq!(OLD.round(&wanted), Round::Changed);
    assert_eq!(NEW.round(&wanted), Round::Same);
    assert_eq!(ttl("shop.example.org", "AAAA"), "90");
    assert_eq!(short("alias.example.org", "A"), ["192.0.2.90"]);
    assert_eq!(short("cname-alias.example.org", "TXT"), [""; 0]);
    assert_eq!(short("_sip._tcp.example.org", "SRV"), [""; 0]);
    // Text that is longer than one string, with and without quotes, comes back as one.
    for text in [long.clone(), format!("\"{long}\"")] {
        let create = json!({ "create": [{ "dnsName": "long.example.org", "recordType": "TXT", "targets": [text] }] });
        let reply = ask("POST", "/records", &[], Some(&create));
        assert_eq!((reply.status, reply.body.as_str()), (204, ""));
        assert_eq!(
            short("long.example.org", "TXT"),
            [format!("\"{}\" \"{}\"", &long[..255], &long[255..])]
        );
        assert!(
            ask("GET", "/records", &[], None)
                .body
                .contains(&format!("[\"\\\"{long}\\\"\"]"))
        );
    }
    // All of it goes again.
    assert_eq!(NEW.round(&[]), Round::Changed);
    assert_eq!(short("shop.example.org", "A"), [""; 0]);
    let audit = std::fs::read_to_string(world.path("state/audit.jsonl")).unwrap();
    assert!(
        audit.contains("token external-dns") && audit.contains("\"external-dns\""),
        "{audit}"
    );
    assert_eq!(health("/healthz").unwrap().0, 200);
    assert_eq!(health("/readyz").unwrap(), (200, "ready\n".to_owned()));
    let metrics = health("/metrics").unwrap().1;
    assert!(
        metrics.contains("requests_total{request=\"apply\",ending=\"done\"} 6\n"),
        "{metrics}"
    );
    world.write("provider.prom", &metrics);
    let lint = format!(
        "promtool check metrics < {}",
        world.path("provider.prom").display()
    );
    let (said, well) = run("sh", &["-c", &lint]);
    assert!(well, "{said}");
    drop(provider);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn refusals_end_external_dns_and_failures_bring_it_again() {
    let world = World::new();
    let (running, secret) = server(&world);
    let provider = provider(&world);
    let change = |list: &str, endpoint: Value| {
        ask("POST", "/records", &[], Some(&json!({ list: [endpoint] })))
    };
    let a = |name: &str| endpoint(name, "A", &["192.0.2.80"], 0);
    let with = |field: &str, value: Value| {
        let mut endpoint = a("shop.example.org");
        endpoint[field] = value;
        endpoint
    };
    for (endpoint, status, told) in [
        (a("mail.example.org"), 409, "stands in the zone's file"),
        (a("api.example.org"), 409, "by a service that has the name"),
        (a("shop.example.net"), 422, "none of the zones"),
        (
            endpoint("a-example.org", "TXT", &["x"], 0),
            422,
            "--txt-prefix=extdns-%{record_type}.",
        ),
        (
            endpoint("sub.example.org", "NS", &["ns.example.org"], 0),
            403,
            "no rule",
        ),
        (
            with("setIdentifier", json!("blue")),
            422,
            "remove the annotation",
        ),
        (with("targets", json!(["192.0.2"])), 422, "`192.0.2`"),
        (with("recordTTL", json!(9_999_999)), 422, "TTL"),
        (with("recordType", json!("WHAT")), 422, "no type"),
    ] {
        let reply = change("create", endpoint);
        assert!(
            reply.status == status && reply.body.contains(told),
            "{} {}",
            reply.status,
            reply.body
        );
        assert!(provider.log().contains(told), "{}", provider.log());
    }
    // All or nothing: what could be declared is not, beside what cannot.
    let two = json!({ "create": [a("shop.example.org"), a("mail.example.org")] });
    assert_eq!(ask("POST", "/records", &[], Some(&two)).status, 409);
    assert_eq!(
        NEW.round(&[a("shop.example.org"), a("mail.example.org")]),
        Round::Over
    );
    assert_eq!(short("shop.example.org", "A"), [""; 0]);
    let other = ["Accept: application/external.dns.webhook+json;version=2"];
    assert_eq!(ask("GET", "/", &other, None).status, 406);
    assert_eq!(ask("POST", "/records", &[], Some(&json!([]))).status, 400);
    assert_eq!(ask("DELETE", "/records", &[], None).status, 405);
    assert_eq!(ask("GET", "/metrics", &[], None).status, 404);
    // A token that is not known ends it; one that has come in its place is read without a restart.
    let stale = world.write("token", "wpt_stale");
    let reply = change("create", a("shop.example.org"));
    assert_eq!(
        reply.status, 204,
        "the provider has the token still: {}",
        reply.body
    );
    drop(provider);
    let provider = self::provider(&world);
    assert_eq!(change("create", a("other.example.org")).status, 401);
    std::fs::write(stale, &secret).unwrap();
    assert_eq!(change("create", a("other.example.org")).status, 204);
    assert_eq!(short("other.example.org", "A"), ["192.0.2.80"]);
    // Without a server it comes again, until there is one.
    running.kill();
    assert_eq!(NEW.round(&[a("shop.example.org")]), Round::Again);
    assert_eq!(change("create", a("shop.example.org")).status, 503);
    assert_eq!(health("/healthz").unwrap().0, 200);
    let (status, why) = health("/readyz").unwrap();
    assert!(status == 503 && why.contains("no answer from"), "{why}");
    let again = world.waypost();
    let wanted = [a("shop.example.org")];
    wait_for("the round after", || {
        let round = NEW.round(&wanted);
        std::thread::sleep(Duration::from_millis(100));
        round == Round::Same || round == Round::Changed
    });
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.80"]);
    let mut provider = provider;
    kill(provider.id(), Signal::SIGTERM).unwrap();
    assert_eq!(provider.wait(), Some(0), "{}", provider.log());
    drop(again);
    let (said, well) = run(
        WAYPOST,
        &[
            "external-dns",
            "--zone",
            "example.org",
            "--listen",
            "0.0.0.0:8888",
        ],
    );
    assert!(!well && said.contains("loopback alone"), "{said}");
}
