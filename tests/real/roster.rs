//! Nodes of a cluster from the first key: what `waypost node` makes, what OpenSSL says of it, and what two of three nodes tell of each other.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{CONFIG, World, ZONE, get, run, wait_for};

const FRA1: &str = "127.0.0.31";
const TOR1: &str = "127.0.0.32";
const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// The output of a command of `waypost node`, which is well.
fn node(world: &World, arguments: &[&str]) -> String {
    let (text, well) = node_or_not(world, arguments);
    assert!(well, "{arguments:?}: {text}");
    text
}

fn node_or_not(world: &World, arguments: &[&str]) -> (String, bool) {
    let authority = world.path("ca");
    let own = ["--ca-dir", authority.to_str().unwrap()];
    run(WAYPOST, &[&["node"], arguments, &own].concat())
}

/// Makes a node that listens at an address.
fn make(world: &World, name: &str, address: &str, provider: &str) -> Value {
    let folder = world.path(name);
    let text = node(
        world,
        &[
            "new",
            name,
            "--dir",
            folder.to_str().unwrap(),
            "--address",
            address,
            "--region",
            "eu-frankfurt",
            "--provider",
            provider,
            "--json",
        ],
    );
    serde_json::from_str(&text).unwrap()
}

/// Tells whether OpenSSL takes the certificate of a node, by the CA and its list of those that were taken back.
fn is_good(world: &World, name: &str) -> bool {
    let path = |name: &str| world.path(name).display().to_string();
    let (text, well) = run(
        "openssl",
        &[
            "verify",
            "-crl_check",
            "-CAfile",
            &path("ca/ca.pem"),
            "-CRLfile",
            &path("ca/crl.pem"),
            &path(&format!("{name}/node.pem")),
        ],
    );
    assert!(well || text.contains("certificate revoked"), "{text}");
    well
}

/// The config of one of the nodes, which asks another one.
fn config(made: &[Value], node: usize, asks: &str) -> String {
    let tables: Vec<&str> = made
        .iter()
        .map(|own| own["nodes"].as_str().unwrap())
        .collect();
    let own = made[node]["cluster"].as_str().unwrap();
    let own = own.replace("OTHER:5354", &format!("{asks}:5354"));
    let canaries = "[guard]\ncanaries = [\"127.9.0.1:8080\", \"127.9.0.2:8080\"]";
    format!("{CONFIG}\n{canaries}\n{own}\n{}", tables.join("\n"))
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn a_node_is_made_checked_looked_at_and_revoked() {
    let world = World::new();
    let made = [
        make(&world, "fra1", FRA1, "hetzner"),
        make(&world, "tor1", TOR1, "ovh"),
        make(&world, "sin1", "127.0.0.33", "aws"),
    ];
    let text = config(&made, 0, TOR1);
    let path = world.write("config.toml", &text);
    let usual = |key: &str, own: &str, text: String| {
        assert!(text.contains(key), "{key}");
        text.replacen(key, own, 1)
    };
    let other = config(&made, 1, FRA1);
    let other = usual(
        "[\"127.0.0.20:53\", \"[::1]:53\"]",
        "[\"127.0.0.21:53\"]\nstate = \"tor1-state\"",
        other,
    );
    let other = usual(
        "listen = \"127.0.0.1:8053\"",
        "socket = \"tor1.sock\"",
        other,
    );
    let other = world.write("tor1.toml", &other);
    world.write("zones/example.org.zone", ZONE);
    let config = ["--config", path.to_str().unwrap()];
    let waypost = |arguments: &[&str]| run(WAYPOST, &[arguments, &config].concat());

    // Secrets are the owner's, and are not written over; a certificate can be had anew for the same key.
    for secret in ["fra1/node.key", "fra1/node-tls.key", "ca/ca.key"] {
        let mode = fs::metadata(world.path(secret))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let folder = world.path("fra1");
    let again = ["new", "fra1", "--dir", folder.to_str().unwrap()];
    let (text, well) = node_or_not(&world, &again);
    assert!(!well && text.contains("--renew"), "{text}");
    let before = fs::read_to_string(world.path("fra1/node.pem")).unwrap();
    let text = node(&world, &[&again[..], &["--renew"]].concat());
    assert!(text.contains(made[0]["key"].as_str().unwrap()), "{text}");
    assert_ne!(
        fs::read_to_string(world.path("fra1/node.pem")).unwrap(),
        before
    );
    assert!(
        ["fra1", "tor1", "sin1"]
            .iter()
            .all(|name| is_good(&world, name))
    );
    let (text, well) = waypost(&["check"]);
    assert!(well, "{text}");
    let list = node(&world, &[&["list"], &config[..]].concat());
    // Within the second that a certificate was made in, none of its 730 days has begun.
    assert!(
        list.contains("fra1 (this)")
            && (list.contains("0 days old, 729 left") || list.contains("0 days old, 730 left")),
        "{list}"
    );

    // A secret that others may read is none.
    let seal = world.path("fra1/node.key");
    fs::set_permissions(&seal, fs::Permissions::from_mode(0o644)).unwrap();
    let (text, well) = waypost(&["check"]);
    assert!(!well && text.contains("open to other users"), "{text}");
    fs::set_permissions(&seal, fs::Permissions::from_mode(0o600)).unwrap();

    // One of three is apart; two of three are together.
    let _waypost = world.waypost();
    let look = |path: &Path| {
        let arguments = [
            "cluster",
            "status",
            "--json",
            "--config",
            path.to_str().unwrap(),
        ];
        let (text, well) = run(WAYPOST, &arguments);
        well.then(|| serde_json::from_str::<Value>(&text).unwrap())
    };
    let footing = |path: &Path| look(path).map(|view| view["summary"]["footing"].clone());
    let states = |path: &Path| {
        let view = look(path).unwrap();
        let nodes = view["nodes"].as_array().unwrap().iter();
        let states = nodes.map(|own| own["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    wait_for("a node alone", || footing(&path) == Some("apart".into()));
    assert_eq!(states(&path), ["this", "silent", "silent"]);
    let mut second = Command::new(WAYPOST);
    let second = second.args(["run", "--config"]).arg(&other);
    let _second = world.start("tor1", second);
    wait_for("two nodes together", || {
        [&path, &other]
            .iter()
            .all(|path| footing(path) == Some("together".into()))
    });
    assert_eq!(states(&path), ["this", "silent", "heard"]);
    wait_for("each hears the other", || {
        let view = look(&path).unwrap();
        view["nodes"][2]["hears"] == serde_json::json!(["fra1"])
    });
    let (text, _) = waypost(&["status"]);
    assert!(
        text.contains("cluster prod  node fra1  together  vantages 2 of 3"),
        "{text}"
    );
    let (_, text) = get("/metrics").unwrap();
    for line in [
        "waypost_cluster_vantages 3\n",
        "waypost_cluster_nodes_heard 2\n",
        "waypost_cluster_footing{footing=\"together\"} 1\n",
        "waypost_cluster_skew_seconds{peer=\"tor1\"} ",
    ] {
        assert!(text.contains(line), "{line}");
    }

    // Nobody else is there to know it.
    let revoke = [
        &["revoke", "tor1", "--reason", "stolen", "--wait", "1s"],
        &config[..],
    ]
    .concat();
    let text = node(&world, &revoke);
    for told in [
        "node `tor1` is revoked here; known by 1 of 2",
        "1 certificates taken back",
        "known by fra1; not yet, or unheard: sin1",
    ] {
        assert!(text.contains(told), "{told} in {text}");
    }
    assert_eq!(states(&path), ["this", "silent", "revoked"]);
    wait_for("a node without the other", || {
        footing(&path) == Some("apart".into())
    });
    assert!(!is_good(&world, "tor1") && is_good(&world, "fra1"));
    for (name, told) in [
        ("tor1", "revoked already"),
        ("fra1", "itself"),
        ("oslo", "has no node `oslo`"),
    ] {
        let (text, well) = waypost(&["node", "revoke", name]);
        assert!(!well && text.contains(told), "{text}");
    }
    let audit = fs::read_to_string(world.path("state/audit.jsonl")).unwrap();
    assert!(
        audit.contains("\"action\":\"revoke\"") && audit.contains("stolen"),
        "{audit}"
    );
}
