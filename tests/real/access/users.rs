//! The control socket, and other users of this machine.
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{audit, config, drained, waypost, write};
use crate::world::{World, run, wait_for};

/// What curl gets by the world's socket as a user and a group: the status, 0 where it cannot connect, and the body.
fn curl_as(world: &World, (uid, gid): (&str, &str), arguments: &[&str]) -> (u16, String) {
    let socket = world.path("waypost.sock");
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            uid,
            "--regid",
            gid,
            "--clear-groups",
            "curl",
            "-s",
            "-w",
            "\n%{http_code}",
        ])
        .args(["--unix-socket", socket.to_str().unwrap()])
        .args(arguments)
        .output()
        .expect("setpriv and curl are installed by tests/run");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

const ROOT: (&str, &str) = ("0", "0");
const NOBODY: (&str, &str) = ("65534", "65534");
/// A user that is in group `daemon` alone.
const DAEMON: (&str, &str) = ("65533", "1");
const STATUS: &str = "http://localhost/api/v1/status";
const DRAIN: [&str; 3] = [
    "-X",
    "POST",
    "http://localhost/api/v1/orders?action=drain&force=true&scope=eu-frankfurt",
];
const RELOAD: [&str; 3] = ["-X", "POST", "http://localhost/api/v1/reload"];

/// A world whose folder everybody may enter.
fn world(control: &str) -> World {
    let world = World::new();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path("."), open).unwrap();
    write(&world, &config(control, ""));
    world
}

#[test]
fn the_socket_is_for_root_and_the_servers_own_user() {
    let world = world("");
    let server = world.waypost();
    assert_eq!(curl_as(&world, ROOT, &[STATUS]).0, 200);
    assert_eq!(curl_as(&world, NOBODY, &[STATUS]).0, 0, "its mode is 0600");
    // Whoever gets past the mode is still nobody.
    let socket = world.path("waypost.sock");
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    for order in [&DRAIN, &RELOAD] {
        let (status, body) = curl_as(&world, NOBODY, order);
        assert!(
            status == 403 && body.contains("has no role"),
            "{status} {body}"
        );
    }
    assert_eq!(curl_as(&world, NOBODY, &[STATUS]).0, 403);
    assert_eq!(drained(), [""; 0]);
    assert_eq!(curl_as(&world, ROOT, &DRAIN).0, 200);
    assert_eq!(drained(), ["fra-one", "fra-two"]);
    let outcomes: Vec<_> = audit(&world)
        .iter()
        .map(|line| line["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["refused", "refused", "begun", "done"]);
    // One who was killed leaves its socket, and the next one takes its place.
    server.kill();
    let _server = world.waypost();
    assert_eq!(curl_as(&world, ROOT, &[STATUS]).0, 200);
    // One that is alive keeps its socket, though another has ports of its own.
    let other = config("socket = \"waypost.sock\"", "")
        .replace("identity = \"test-node\"", "state = \"other\"")
        .replace("8053", "8054")
        .replace("127.0.0.20:53", "127.0.0.21:53")
        .replace(", \"[::1]:53\"", "");
    let path = world.write("other.toml", &other);
    let (text, well) = run(super::WAYPOST, &["run", "--config", path.to_str().unwrap()]);
    assert!(
        !well && text.contains("another server answers there"),
        "{text}"
    );
}

#[test]
fn a_group_has_the_role_that_it_is_given() {
    let world = world("groups = { daemon = \"operator\" }");
    let _server = world.waypost();
    let mode = std::fs::metadata(world.path("waypost.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    assert_eq!(curl_as(&world, NOBODY, &[STATUS]).0, 0);
    let (status, body) = curl_as(&world, DAEMON, &DRAIN);
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("uid 65533"),
        "the author is who asked: {body}"
    );
    let (status, body) = curl_as(&world, DAEMON, &RELOAD);
    assert!(
        status == 403 && body.contains("has role operator"),
        "{body}"
    );
    // A right that is taken away is gone with the reload.
    write(&world, &config("groups = { daemon = \"viewer\" }", ""));
    let (text, well) = waypost(&world, &["reload"]);
    assert!(well, "{text}");
    wait_for("the role to be gone", || {
        curl_as(&world, DAEMON, &DRAIN).0 == 403
    });
}
