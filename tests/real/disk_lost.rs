//! A disk that is lost: what `waypost backup` has saved is all that a node needs.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::first_config::validates;
use crate::world::{CONFIG, World, ZONE, addresses, dig, run, state_of, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_waypost");

/// What a node consists of, beside its program.
const NODE: [&str; 5] = ["config.toml", "waypost.sock", "zones", "keys", "state"];

/// The addresses that a client in Germany is given.
fn answer() -> Vec<String> {
    let text = dig(&[
        "@127.0.0.20",
        "api.example.org",
        "+short",
        "+subnet=198.51.100.0/24",
    ]);
    addresses(&text).iter().map(ToString::to_string).collect()
}

/// Forgets all that a node consists of.
fn lose(world: &World) {
    for name in NODE {
        let path = world.path(name);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
}

fn waypost(words: &[&str]) -> (String, bool) {
    run(PROGRAM, words)
}

/// Alters one octet in the middle of a copy of a file.
fn bend(archive: &Path, to: &Path) {
    let mut octets = fs::read(archive).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(to, octets).unwrap();
}

/// Backs the running node up, once and not twice, and not over itself.
fn backs_up(file: &str, config: &str) {
    let (text, well) = waypost(&["backup", file, "--config", config]);
    assert!(well, "{text}");
    for part in [
        "config  1 file",
        "zones   1 file",
        "keys    3 files",
        "state   ",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (text, well) = waypost(&["backup", file, "--config", config]);
    assert!(!well && text.contains("exists"), "{text}");
    let (text, well) = waypost(&["restore", file, "--overwrite"]);
    assert!(!well && text.contains("another server"), "{text}");
}

#[test]
fn a_node_comes_back_from_its_backup_with_orders_and_keys() {
    let world = World::new();
    let safe = tempfile::tempdir().unwrap();
    let archive = safe.path().join("node.tar.gz");
    let config = world.path("config.toml");
    let [config, file] = [&config, &archive].map(|path| path.to_str().unwrap());
    let zone = "file = \"zones/example.org.zone\"";
    world.write(
        "config.toml",
        &CONFIG.replace(zone, &format!("{zone}\ndnssec = {{}}")),
    );
    world.write("zones/example.org.zone", ZONE);
    let (text, well) = waypost(&["keys", "generate", "example.org", "--config", config]);
    assert!(well, "{text}");
    let (ds, _) = waypost(&["keys", "ds", "example.org", "--config", config]);
    let _backends = ["127.1.0.1", "127.1.0.2", "127.2.0.1"].map(|address| world.backend(address));
    let server = world.waypost();
    wait_for("a signed answer", || {
        validates(&world, "127.0.0.20", &ds, "api.example.org")
    });
    wait_for("healthy endpoints", || answer() == ["127.1.0.1"]);
    let (text, well) = waypost(&[
        "drain",
        "fra-one",
        "--reason",
        "new disks",
        "--config",
        config,
    ]);
    assert!(well, "{text}");
    wait_for("the drain", || {
        state_of("fra-one") == "drained" && answer() == ["127.1.0.2"]
    });

    backs_up(file, config);
    server.kill();
    let (text, well) = waypost(&["restore", file]);
    assert!(!well && text.contains("nothing was written"), "{text}");
    lose(&world);
    let bent = safe.path().join("bent");
    bend(&archive, &bent);
    let (text, well) = waypost(&["restore", bent.to_str().unwrap()]);
    assert!(!well && !world.path("config.toml").exists(), "{text}");
    let (text, well) = waypost(&["restore", file]);
    assert!(well && text.contains("keys    3 files"), "{text}");

    let _server = world.waypost();
    // The order is kept when it is answered; how far it had come, a moment later.
    wait_for("the drain", || {
        state_of("fra-one") == "drained" && answer() == ["127.1.0.2"]
    });
    let (text, _) = waypost(&["orders", "--config", config]);
    assert!(
        text.contains("drain fra-one") && text.contains("new disks"),
        "{text}"
    );
    wait_for("a signed answer", || {
        validates(&world, "127.0.0.20", &ds, "api.example.org")
    });
}
