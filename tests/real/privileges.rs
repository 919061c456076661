//! `[server] user`: root is given up once every port is open, and what is left suffices.
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use nix::unistd::Pid;

use crate::upgrade::Upgradable;
use crate::world::{CONFIG, World, ZONE, request};

/// A user of every system, who owns nothing.
const NOBODY: &str = "nobody";
/// CAP_NET_BIND_SERVICE alone, as /proc shows it.
const BIND_ALONE: &str = "0000000000000400";

fn write_config(world: &World) {
    let user = format!("[server]\nuser = \"{NOBODY}\"\n");
    world.write("config.toml", &CONFIG.replacen("[server]\n", &user, 1));
    world.write("zones/example.org.zone", ZONE);
}

/// A line of what the kernel says of a process.
fn status(process: Pid, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_bound_to_nobody(process: Pid) {
    assert_eq!(status(process, "Uid"), "65534 65534 65534 65534");
    assert_eq!(status(process, "Gid"), "65534 65534 65534 65534");
    assert_eq!(status(process, "Groups"), "65534");
    assert_eq!(status(process, "NoNewPrivs"), "1");
    for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert_eq!(status(process, set), BIND_ALONE, "{set}");
    }
    // Capabilities belong to a thread: there is none that has more.
    for thread in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let thread = thread.unwrap().path().join("status");
        let text = fs::read_to_string(&thread).unwrap();
        assert!(
            text.contains(&format!("CapEff:\t{BIND_ALONE}")),
            "{thread:?}"
        );
    }
}

#[test]
fn root_is_given_up_for_good() {
    let world = World::new();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    write_config(&world);
    // As left by a server that ran as root before.
    world.write("state/notes.txt", "mine");
    let mut server = Upgradable::of(world);
    is_bound_to_nobody(server.process());
    for path in ["state", "state/notes.txt"] {
        assert_eq!(
            fs::metadata(server.world.path(path)).unwrap().uid(),
            65_534,
            "{path}"
        );
    }
    let (status, body) = request("POST", "/api/v1/reload").unwrap();
    assert_eq!(status, 200, "{body}");
    server.upgrade_well();
    is_bound_to_nobody(server.process());
}

#[test]
fn a_file_that_only_root_reads_is_named_at_the_start() {
    let world = World::new();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    write_config(&world);
    let zone = world.path("zones/example.org.zone");
    fs::set_permissions(&zone, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(["run", "--config"])
        .arg(world.path("config.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("example.org.zone") && said.contains("chmod g+r"),
        "{said}"
    );
    let unknown = CONFIG.replacen("[server]\n", "[server]\nuser = \"no-such-user\"\n", 1);
    world.write("config.toml", &unknown);
    let refused = Command::new(env!("CARGO_BIN_EXE_waypost"))
        .args(["run", "--config"])
        .arg(world.path("config.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("no-such-user"), "{said}");
}
