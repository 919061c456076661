//! Challenges beside zones that have a version for a network: every network sees them.
use crate::world::{World, dig, run, wait_for};

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.20:53"]
state = "state"
[control]
listen = "127.0.0.1:8053"
socket = "waypost.sock"
[[views]]
name = "office"
clients = ["127.0.0.2/32"]
[[zones]]
name = "example.org"
file = "zones/all.zone"
[[zones]]
name = "example.org"
view = "office"
file = "zones/office.zone"
[[zones]]
name = "inside.test"
view = "office"
file = "zones/inside.zone"
[acme]
names = ["_acme-challenge.www.example.org", "_acme-challenge.www.inside.test"]
"#;

const NETWORKS: [&str; 2] = ["127.0.0.1", "127.0.0.2"];

/// The text of a name as a client of each network gets it.
fn texts(name: &str) -> [String; 2] {
    NETWORKS.map(|from| {
        let text = dig(&["@127.0.0.20", "-b", from, "+short", name, "TXT"]);
        text.trim().to_owned()
    })
}

fn acme(world: &World, arguments: &[&str]) {
    let config = world.path("config.toml");
    let arguments = [
        &["acme"],
        arguments,
        &["--config", config.to_str().unwrap()],
    ]
    .concat();
    let (text, well) = run(env!("CARGO_BIN_EXE_waypost"), &arguments);
    assert!(well, "{text}");
}

#[test]
fn a_challenge_is_seen_from_every_network_until_it_is_removed() {
    let world = World::new();
    world.write("config.toml", CONFIG);
    for place in ["all", "office", "inside"] {
        let zone = format!(
            "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.20\nwww TXT {place}\n"
        );
        world.write(&format!("zones/{place}.zone"), &zone);
    }
    let waypost = world.waypost();
    let www = ["\"all\"", "\"office\""].map(str::to_owned);
    wait_for("both versions", || texts("www.example.org") == www);
    acme(&world, &["add", "www.example.org", "abcdef"]);
    acme(&world, &["add", "www.inside.test", "ghijkl"]);
    let of_all = ["\"abcdef\"", "\"abcdef\""].map(str::to_owned);
    let of_office = ["", "\"ghijkl\""].map(str::to_owned);
    let (everywhere, inside) = (
        "_acme-challenge.www.example.org",
        "_acme-challenge.www.inside.test",
    );
    assert_eq!(texts(everywhere), of_all);
    assert_eq!(texts(inside), of_office);
    waypost.kill();
    let _waypost = world.waypost();
    assert_eq!(texts(everywhere), of_all, "over a crash");
    assert_eq!(texts(inside), of_office, "over a crash");
    assert_eq!(texts("www.example.org"), www);
    acme(&world, &["remove", "www.example.org"]);
    assert_eq!(texts(everywhere), ["", ""].map(str::to_owned));
    assert_eq!(texts(inside), of_office);
}
