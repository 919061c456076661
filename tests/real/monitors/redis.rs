//! `redis` against a real master and its replica, with a password, with TLS, and with a master that dies.
use std::net::TcpStream;
use std::process::Command;

use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{Authority, expect, fail, probe};
use crate::world::{Process, World, wait_for};

/// A server on an address, port 6379 and over TLS 6380.
fn redis(world: &World, address: &str, more: &[&str]) -> Process {
    let folder = world.path(address);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new("redis-server");
    command.args([
        "--bind",
        address,
        "--port",
        "6379",
        "--save",
        "",
        "--requirepass",
        "right",
    ]);
    command.args(["--masterauth", "right", "--dir"]).arg(folder);
    command.args(["--tls-port", "6380", "--tls-auth-clients", "no"]);
    for (setting, file) in [
        ("--tls-cert-file", "server.pem"),
        ("--tls-key-file", "server.key"),
        ("--tls-ca-cert-file", "roots.pem"),
    ] {
        command.arg(setting).arg(world.path(file));
    }
    let process = world.start(&format!("redis-{address}"), command.args(more));
    wait_for("redis", || TcpStream::connect((address, 6380)).is_ok());
    process
}

#[test]
fn masters_and_replicas_are_judged_by_what_they_say() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    world.write("right.password", "right\n");
    world.write("wrong.password", "wrong");
    let master = redis(&world, "127.1.0.1", &[]);
    let _replica = redis(&world, "127.1.0.2", &["--replicaof", "127.1.0.1 6379"]);
    let at = |text: &str| text.parse().unwrap();
    let keys = |more: &str| format!("type = \"redis\"\npassword_file = \"right.password\"\n{more}");
    let (first, second) = (at("127.1.0.1:6379"), at("127.1.0.2:6379"));
    expect(&world, first, &keys(""), Pass);
    expect(&world, first, &keys("user = \"default\""), Pass);
    expect(&world, first, "type = \"redis\"", fail(Cause::Login));
    let wrong = "type = \"redis\"\npassword_file = \"wrong.password\"";
    expect(&world, first, wrong, fail(Cause::Login));
    let tls = keys("tls = true\nroots = \"roots.pem\"\nrole = \"master\"");
    let report = probe(&world, at("127.1.0.1:6380"), &tls);
    assert_eq!(report.outcome, Pass);
    assert!(report.certificate_expires.is_some() && report.timing.tls_us > 0);
    expect(
        &world,
        first,
        &keys("role = \"master\"\nmax_lag = \"30s\""),
        Pass,
    );
    expect(
        &world,
        first,
        &keys("role = \"replica\""),
        fail(Cause::Answer),
    );
    let follows = keys("role = \"replica\"\nmax_lag = \"30s\"");
    wait_for("the replica to follow", || {
        probe(&world, second, &follows).outcome == Pass
    });
    expect(
        &world,
        second,
        &keys("role = \"master\""),
        fail(Cause::Answer),
    );
    master.kill();
    wait_for("the link to be down", || {
        probe(&world, second, &follows).outcome == fail(Cause::Behind)
    });
    expect(&world, second, &keys("role = \"replica\""), Pass);
    expect(&world, first, &keys(""), fail(Cause::Refused));
}
