//! Endpoints that are discovered: from a JSON file, from nginx, from SRV records of NSD by Unbound, from an HTTP server that speaks Consul's blocking queries; with
//! sources that die, lie, shrink and come back.
use std::fs;

use serde_json::Value;

use crate::names::asked;
use crate::world::{Process, World, get, run, wait_for};

mod consul;
mod srv;
mod web;

/// All but the source, whose keys stand behind it.
const CONFIG: &str = r#"
[server]
listen = ["127.0.0.20:53"]
[control]
listen = "127.0.0.1:8053"
[geo]
database = "embedded"
overrides = { "127.66.0.0/16" = "US" }
[resolvers]
servers = ["udp://127.0.0.30"]
private = "serve"
ttl = { min = "1s", max = "10s" }
[[zones]]
name = "example.org"
file = "zones/example.org.zone"
[jurisdictions]
EEA = { countries = ["@EEA"] }
US = { countries = ["US"], may_use = ["EEA"] }
[regions.eu]
location = [50.11, 8.68]
jurisdiction = "EEA"
[[regions.eu.endpoints]]
name = "stated"
provider = "other"
tier = 9
addresses = ["127.9.0.99"]
[services.api]
hostnames = ["api.example.org"]
monitors = []
residency = "strict"
outside = "any"
unknown = "any"
answers = 8
ttl = { min = "1s", max = "5s" }
[discovery.web]
region = "eu"
provider = "hetzner"
every = "1s"
"#;

const ZONE: &str = "$TTL 300
@   SOA ns1 hostmaster 2026010101 3600 900 604800 1
    NS  ns1
ns1 A   127.0.0.20
";

/// Writes a config with a source.
fn configure(world: &World, source: &str) {
    world.write("config.toml", &format!("{CONFIG}{source}\n"));
    world.write("zones/example.org.zone", ZONE);
}

/// Puts a list in place of the one before, whole.
fn list(world: &World, text: &str) {
    let draft = world.write("draft.json", text);
    fs::rename(draft, world.path("nodes.json")).unwrap();
}

/// A list of these addresses.
fn json(addresses: &[&str]) -> String {
    serde_json::to_string(addresses).unwrap()
}

/// The status of the discovery.
fn status() -> Value {
    let Some((200, body)) = get("/api/v1/status") else {
        return Value::Null;
    };
    let status: Value = serde_json::from_str(&body).unwrap();
    status["discoveries"][0].clone()
}

/// Waits until clients are told these addresses.
fn wait_for_answers(addresses: &[&str]) {
    wait_for(&format!("answers {addresses:?}: {}", status()), || {
        asked("api.example.org", "A") == addresses
    });
}

/// Waits for a fault, and sees that answers are as they were.
fn wait_for_fault(fault: Option<&str>, addresses: &[&str]) {
    wait_for(&format!("fault {fault:?}, not {}", status()), || {
        status()["fault"].as_str() == fault
    });
    assert_eq!(asked("api.example.org", "A"), addresses, "{}", status());
}

fn waypost(world: &World, arguments: &[&str]) -> (String, bool) {
    let config = world.path("config.toml");
    let config = ["--config", config.to_str().unwrap()];
    run(
        env!("CARGO_BIN_EXE_waypost"),
        &[arguments, &config].concat(),
    )
}

fn told(waypost: &Process, event: &str) -> bool {
    waypost.log().contains(&format!("\"event\":\"{event}\""))
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn a_file_is_followed_within_bounds_and_its_last_good_list_outlives_everything() {
    let world = World::new();
    configure(&world, "file = \"nodes.json\"\nmax_shrink = \"30%\"");
    let [one, two, three, four] = ["127.9.0.1", "127.9.0.2", "127.9.0.3", "127.9.0.4"];
    list(&world, &json(&[one, two, three]));
    let up = world.waypost();
    wait_for_answers(&[one, two, three]);
    // Another one, that says of itself what it may not, and one where another law holds.
    let text = format!(
        r#"{{"endpoints": ["{one}", "{two}", "{three}", "127.66.0.1",
            {{"id": "four", "address": "{four}", "region": "us", "jurisdiction": "US", "provider": "x", "tier": 1}}]}}"#
    );
    list(&world, &text);
    wait_for_answers(&[one, two, three, four]);
    assert_eq!(
        (&status()["left_out"], &status()["endpoints"]),
        (&1.into(), &4.into())
    );
    assert!(
        up.log().contains("of jurisdiction US; region eu is of EEA"),
        "{}",
        up.log()
    );
    let (said, _) = waypost(&world, &["verify"]);
    assert!(said.contains("proved"), "{said}");
    let (said, _) = waypost(
        &world,
        &["explain", "api.example.org", "--client", "192.0.2.1"],
    );
    assert!(said.contains("web-four, by web of "), "{said}");
    let (said, _) = waypost(&world, &["status"]);
    assert!(
        said.contains("discovery web (") && said.contains(": 4 endpoints"),
        "{said}"
    );
    // Whatever comes in place of a list, or a list that may not be: the last good one goes on.
    let all = [one, two, three, four];
    let many: Vec<String> = (0..10_000)
        .map(|own| format!("127.10.{}.{}", own >> 8, own & 255))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (text, fault) in [
        ("{\"endpoints\": [", "failing"),
        ("[]", "refused"),
        ("<html>It works!</html>", "failing"),
        (&*json(&many), "refused"),
        ("[{\"address\": \"127.9.0.256\"}]", "failing"),
        (&*json(&[one, two]), "refused"),
    ] {
        list(&world, text);
        wait_for_fault(Some(fault), &all);
    }
    assert_eq!(status()["held_back"], 2);
    assert_eq!(get("/readyz").unwrap().0, 200);
    let (_, metrics) = get("/metrics").unwrap();
    for line in [
        "waypost_discovery_faulty{discovery=\"web\",fault=\"refused\"} 1",
        "waypost_discovery_endpoints{discovery=\"web\"} 4",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    // A reload of the files changes nothing of it.
    let (said, is_well) = waypost(&world, &["reload"]);
    assert!(is_well, "{said}");
    wait_for_fault(Some("refused"), &all);
    let (_, is_well) = waypost(&world, &["reload", "--accept", "api"]);
    assert!(!is_well, "there is no such discovery");
    let (said, is_well) = waypost(&world, &["reload", "--accept", "web"]);
    assert!(is_well && said.contains("2 endpoints"), "{said}");
    wait_for_answers(&[one, two]);
    let audit = fs::read_to_string(world.path("state/audit.jsonl")).unwrap();
    assert!(audit.contains("\"action\":\"accept\""), "{audit}");
    // The source dies, then the server, at once.
    fs::remove_file(world.path("nodes.json")).unwrap();
    wait_for_fault(Some("failing"), &[one, two]);
    for event in [
        "discovered",
        "discovery_refused",
        "discovery_failing",
        "discovery_left_out",
    ] {
        assert!(told(&up, event), "{event}");
    }
    up.kill();
    let up = world.waypost();
    assert_eq!(
        asked("api.example.org", "A"),
        [one, two],
        "from the first answer on"
    );
    wait_for_fault(Some("failing"), &[one, two]);
    assert!(status()["age_ms"].is_u64());
    // What the config does not admit any more goes, whatever the source says.
    configure(
        &world,
        "file = \"nodes.json\"\nmax_shrink = \"30%\"\nnetworks = [\"127.9.0.2/32\"]",
    );
    let (said, is_well) = waypost(&world, &["reload"]);
    assert!(is_well, "{said}");
    wait_for_answers(&[two]);
    list(&world, &json(&[one, two]));
    wait_for_fault(None, &[two]);
    assert!(told(&up, "discovery_recovered"));
}

#[test]
fn changes_are_bounded_by_the_minute_and_names_are_owned() {
    let world = World::new();
    let rules = "[[dynamic.objects]]\nkinds = [\"endpoint\"]";
    configure(
        &world,
        &format!("file = \"nodes.json\"\nchanges_per_minute = 2\n{rules}"),
    );
    list(&world, &json(&["127.9.0.1", "127.9.0.2"]));
    let _up = world.waypost();
    wait_for_answers(&["127.9.0.1", "127.9.0.2"]);
    list(
        &world,
        &json(&[
            "127.9.0.1",
            "127.9.0.2",
            "127.9.0.3",
            "127.9.0.4",
            "127.9.0.5",
        ]),
    );
    wait_for("two of three", || status()["pending"] == 1);
    wait_for("the answers", || asked("api.example.org", "A").len() == 4);
    // A file that takes the name of what is discovered is refused, and all goes on.
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    let taken = "[[regions.eu.endpoints]]\nname = \"web-127.9.0.1\"\nprovider = \"x\"\naddresses = [\"127.9.0.9\"]\n[services.api]";
    world.write("config.toml", &text.replace("[services.api]", taken));
    let (said, is_well) = waypost(&world, &["reload"]);
    assert!(!is_well && !said.contains("in force"), "{said}");
    // So is one that the API declares.
    let socket = world.path("waypost.sock");
    let table = r#"{"table":{"provider":"x","addresses":["127.9.0.9"]}}"#;
    let place = "http://localhost/api/v1/declared/regions/eu/endpoints/web-127.9.0.1";
    let asked_for = [
        "-sS",
        "-X",
        "PUT",
        "--unix-socket",
        socket.to_str().unwrap(),
        "-d",
        table,
        place,
    ];
    let (said, _) = run("curl", &asked_for);
    assert!(said.contains("a second endpoint `web-127.9.0.1`"), "{said}");
    assert_eq!(asked("api.example.org", "A").len(), 4);
    world.write("config.toml", &text);
    let (said, is_well) = waypost(&world, &["reload"]);
    assert!(is_well, "{said}");
    assert_eq!(status()["endpoints"], 4);
}
