//! `mysql` against MariaDB: logins of every kind, and a server that has nothing to complain of afterwards.
use std::process::Command;

use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{Authority, expect, fail, probe};
use crate::world::{Process, World, run, wait_for};

/// A statement, by the socket.
fn sql(world: &World, statement: &str) -> (String, bool) {
    let socket = world.path("mysql.sock");
    let socket = format!("--socket={}", socket.display());
    run(
        "mariadb",
        &[
            "--no-defaults",
            &socket,
            "--skip-column-names",
            "--execute",
            statement,
        ],
    )
}

fn mariadb(world: &World) -> Process {
    let data = format!("--datadir={}", world.path("data").display());
    let (said, is_well) = run(
        "mariadb-install-db",
        &[
            "--no-defaults",
            &data,
            "--user=root",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ],
    );
    assert!(is_well, "{said}");
    let socket = format!("--socket={}", world.path("mysql.sock").display());
    let mut command = Command::new("mariadbd");
    command.args([
        "--no-defaults",
        &data,
        "--user=root",
        &socket,
        "--bind-address=127.1.0.1",
        "--port=3306",
    ]);
    for (setting, file) in [
        ("ssl-cert", "server.pem"),
        ("ssl-key", "server.key"),
        ("ssl-ca", "roots.pem"),
    ] {
        command.arg(format!("--{setting}={}", world.path(file).display()));
    }
    command.args([
        "--innodb-buffer-pool-size=16M",
        "--max-connect-errors=2",
        "--log-warnings=9",
    ]);
    let process = world.start("mariadbd", &mut command);
    wait_for("MariaDB", || sql(world, "SELECT 1").1);
    process
}

#[test]
fn mariadb_logs_probes_in_and_has_nothing_to_complain_of() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    world.write("right.password", "right\n");
    world.write("wrong.password", "wrong");
    let server = mariadb(&world);
    let (said, is_well) = sql(
        &world,
        "CREATE USER waypost@'%' IDENTIFIED BY 'right'; CREATE USER open@'%'; CREATE DATABASE shop; \
         CREATE USER strict@'%' IDENTIFIED BY 'right' REQUIRE SSL",
    );
    assert!(is_well, "{said}");
    let at = "127.1.0.1:3306".parse().unwrap();
    let mysql = |keys: &str| format!("type = \"mysql\"\n{keys}");
    let (waypost, right) = (
        "user = \"waypost\"\n",
        "password_file = \"right.password\"\n",
    );
    let tls = "tls = true\nroots = \"roots.pem\"\n";
    for _ in 0..5 {
        expect(&world, at, &mysql(&format!("{waypost}{right}")), Pass);
    }
    expect(&world, at, &mysql("user = \"open\""), Pass);
    let report = probe(&world, at, &mysql(&format!("{waypost}{right}{tls}")));
    assert_eq!(report.outcome, Pass);
    assert!(report.certificate_expires.is_some() && report.timing.tls_us > 0);
    let strict = format!("user = \"strict\"\n{right}");
    expect(&world, at, &mysql(&format!("{strict}{tls}")), Pass);
    let complaints = || {
        let (counted, _) = sql(&world, "SHOW GLOBAL STATUS LIKE 'Aborted\\_c%'");
        let logged = server.log();
        let aborted = logged
            .lines()
            .filter(|line| line.contains("Aborted"))
            .map(str::to_owned);
        let aborted: Vec<String> = aborted.collect();
        (counted, aborted)
    };
    let (counted, aborted) = complaints();
    assert!(counted.contains("Aborted_connects\t0"), "{counted}");
    assert!(counted.contains("Aborted_clients\t0"), "{counted}");
    assert_eq!(aborted, [""; 0]);
    // What is refused.
    expect(&world, at, &mysql(&strict), fail(Cause::Login));
    let wrong = format!("{waypost}password_file = \"wrong.password\"");
    expect(&world, at, &mysql(&wrong), fail(Cause::Login));
    let nowhere = format!("{waypost}{right}database = \"absent\"");
    expect(&world, at, &mysql(&nowhere), fail(Cause::Login));
}
