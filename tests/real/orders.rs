//! Orders of several operators on one server, as they give them.
use std::process::Command;

use crate::world::{Process, World, state_of, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// A server whose three machines are healthy.
struct Site {
    world: World,
    machines: Vec<Process>,
    _waypost: Process,
}

impl Site {
    fn start() -> Self {
        let world = World::new();
        world.write_config();
        let machines = ["127.1.0.1", "127.1.0.2", "127.2.0.1"];
        let machines = machines.map(|address| world.backend(address));
        let waypost = world.waypost();
        for name in ["fra-one", "fra-two", "tor-one"] {
            wait_for(name, || state_of(name) == "healthy");
        }
        Self {
            world,
            machines: machines.into(),
            _waypost: waypost,
        }
    }

    /// What a user of this machine is told, and the exit code.
    fn say(&self, user: &str, arguments: &[&str]) -> (String, i32) {
        let mut command = Command::new(WAYPOST);
        command.args(arguments).arg("--config");
        command.arg(self.world.path("config.toml"));
        command.env_remove("SUDO_USER").env("USER", user);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            String::from_utf8(text).unwrap(),
            output.status.code().unwrap(),
        )
    }

    fn well(&self, user: &str, arguments: &[&str]) -> String {
        let (text, code) = self.say(user, arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
        text
    }

    fn refused(&self, user: &str, arguments: &[&str]) -> String {
        let (text, code) = self.say(user, arguments);
        assert_eq!(code, 1, "{arguments:?}: {text}");
        text
    }
}

fn wait_for_state(name: &str, state: &str) {
    wait_for(&format!("{name} to be {state}"), || state_of(name) == state);
}

/// One operator drains a machine, another its region; the region's order is lifted alone.
#[test]
fn an_undrain_leaves_out_what_another_operator_drained() {
    let site = Site::start();
    let text = site.well("ada", &["drain", "fra-one", "--reason", "disks"]);
    assert!(
        text.starts_with("draining fra-one; it holds until `waypost undrain fra-one`"),
        "{text}"
    );
    let drain = ["drain", "eu-frankfurt", "--for", "1h"];
    let text = site.refused("bob", &drain);
    assert!(
        text.contains("userdata (v4) would have no healthy endpoint") && text.contains("--force"),
        "{text}"
    );
    assert_eq!(state_of("fra-two"), "healthy", "nothing was changed");
    let text = site.well("bob", &[&drain[..], &["--force"]].concat());
    assert!(
        text.contains("draining fra-two") && text.contains("WARNING: userdata"),
        "{text}"
    );
    for name in ["fra-one", "fra-two"] {
        wait_for_state(name, "drained");
    }
    let text = site.well("bob", &["status"]);
    let line = text
        .lines()
        .find(|line| line.contains("  fra-one "))
        .unwrap();
    assert!(
        line.contains(
            "drained by order of ada (user root) (fra-one), bob (user root) (eu-frankfurt)"
        ),
        "{text}"
    );
    let text = site.well("bob", &["undrain", "eu-frankfurt"]);
    let expected = "no longer drained: fra-two; still drained: fra-one (drain fra-one by ada (user root) for \"disks\" holds fra-one)";
    assert!(text.starts_with(expected), "{text}");
    wait_for_state("fra-two", "healthy");
    assert_eq!(state_of("fra-one"), "drained");
    let text = site.well("eve", &["orders"]);
    assert!(
        text.contains("drain fra-one  since ") && text.contains("  by ada (user root): disks"),
        "{text}"
    );
    let ended = text
        .lines()
        .find(|line| line.contains("drain eu-frankfurt"));
    assert!(
        ended.unwrap().contains("lifted by bob (user root)"),
        "{text}"
    );
    site.well("ada", &["undrain", "fra-one"]);
    wait_for_state("fra-one", "healthy");
    let nobody = site.refused("ada", &["drain", "fra-one", "--author", ""]);
    assert!(nobody.contains("author is empty"), "{nobody}");
    site.well("ada", &["drain", "fra-one", "--author", "eve"]);
    assert!(site.well("ada", &["orders"]).contains("by eve (user root)"));
    // Whoever says no name is known by the socket.
    site.well("", &["drain", "fra-two", "--force"]);
    assert!(site.well("ada", &["orders"]).contains("by user root"));
}

#[test]
fn a_drain_is_tried_waited_for_and_ends_by_itself() {
    let site = Site::start();
    let (text, code) = site.say("ada", &["drain", "eu-frankfurt", "--dry-run"]);
    assert_eq!(code, 1, "it would do damage: {text}");
    for part in [
        "for: fra-one, fra-two",
        "api (v4): ",
        "eu-frankfurt",
        "userdata (v4) would have no healthy endpoint for clients of eu-frankfurt",
        "nothing was changed",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let text = site.well("ada", &["drain", "fra-one", "--dry-run"]);
    assert!(text.contains("nothing would be lost"), "{text}");
    assert!(
        site.well("ada", &["orders"])
            .starts_with("no order is in force")
    );
    let text = site.well("ada", &["drain", "fra-one", "--wait"]);
    assert!(text.contains("still served: fra-one 50%"), "{text}");
    assert_eq!(state_of("fra-one"), "drained", "{text}");
    site.well("ada", &["undrain", "fra-one"]);
    wait_for_state("fra-one", "healthy");
    let text = site.well("ada", &["drain", "fra-one", "--for", "3s"]);
    assert!(text.contains("it holds until 2"), "{text}");
    wait_for_state("fra-one", "drained");
    wait_for_state("fra-one", "returning");
    wait_for_state("fra-one", "healthy");
    let text = site.well("ada", &["orders"]);
    assert!(text.contains(" expired  drain fra-one since "), "{text}");
    let text = site.well("ada", &["drain", "fra-one", "--from", "1h", "--for", "1h"]);
    assert!(text.contains("fra-one will be drained from 2"), "{text}");
    assert!(
        site.well("ada", &["orders"])
            .contains("drain fra-one  to come: from ")
    );
    let text = site.well("ada", &["undrain", "fra-one"]);
    assert!(
        text.contains("what was planned for fra-one is cancelled"),
        "{text}"
    );
}

#[test]
fn an_override_serves_what_probes_find_down_and_takes_out_what_they_find_up() {
    let mut site = Site::start();
    site.machines.remove(0).kill();
    wait_for_state("fra-one", "down");
    let text = site.well(
        "ada",
        &["force", "fra-one", "up", "--reason", "the probe is wrong"],
    );
    assert!(
        text.starts_with("fra-one forced to up; it holds until 2"),
        "{text}"
    );
    wait_for_state("fra-one", "forced");
    let text = site.well("bob", &["force", "fra-two", "30%", "--for", "10m"]);
    assert!(text.starts_with("fra-two forced to 30%"), "{text}");
    wait_for_state("fra-two", "forced");
    site.well("bob", &["force", "fra-two", "--lift"]);
    wait_for_state("fra-two", "healthy");
    let text = site.well("ada", &["force", "fra-one", "--lift"]);
    assert!(text.starts_with("no longer forced: fra-one"), "{text}");
    wait_for_state("fra-one", "down");
    let (text, code) = site.say("ada", &["force", "fra-one", "--for", "1h"]);
    assert_eq!(code, 2, "{text}");
    let long = site.refused("ada", &["force", "fra-one", "up", "--for", "31d"]);
    assert!(long.contains("holds for 720h at most"), "{long}");
}
