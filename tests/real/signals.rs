//! Monitors that ask no endpoint: a real Prometheus, programs of this machine as a user without rights, and machines that
//! report by themselves.
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::world::{Process, World, get, run, state_of, wait_for};

/// Endpoints `one` and `two`; monitors, and what else there is, are the test's.
fn config(server: &str, monitor: &str) -> String {
    format!(
        "[server]\nlisten = [\"127.0.0.20:53\"]\n{server}\n[control]\nlisten = \"127.0.0.1:8053\"\n\
         [[zones]]\nname = \"example.org\"\nfile = \"zones/example.org.zone\"\n\
         [regions.here]\nlocation = [50.11, 8.68]\n\
         [[regions.here.endpoints]]\nname = \"one\"\nprovider = \"own\"\naddresses = [\"127.1.0.1\"]\n\
         [[regions.here.endpoints]]\nname = \"two\"\nprovider = \"own\"\naddresses = [\"127.1.0.2\"]\n\
         {monitor}\n\
         [recoveries.quick]\nsteps = [100]\nevery = \"1s\"\n\
         [services.api]\nhostnames = [\"api.example.org\"]\nmonitors = [\"own\"]\nrecovery = \"quick\"\n"
    )
}

fn started(server: &str, monitor: &str) -> (World, Process) {
    let world = World::new();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    world.write("config.toml", &config(server, monitor));
    world.write("zones/example.org.zone", crate::world::ZONE);
    let waypost = world.waypost();
    (world, waypost)
}

/// What an endpoint's status says of why.
fn detail_of(endpoint: &str) -> String {
    let (_, body) = get("/api/v1/status").unwrap();
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    let endpoints = status["regions"][0]["endpoints"].as_array().unwrap();
    let own = endpoints
        .iter()
        .find(|one| one["name"] == endpoint)
        .unwrap();
    own["targets"][0]["detail"].as_str().unwrap().to_owned()
}

/// An exporter, each of whose scrapes gets this text.
fn export(text: &Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:9100").unwrap();
    let text = Arc::clone(text);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut request) = (client.unwrap(), [0; 4096]);
            let _ = client.read(&mut request);
            let body = text.lock().unwrap().clone();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = client.write_all(format!("{head}{body}").as_bytes());
        }
    });
}

#[test]
fn a_real_prometheus_decides_by_a_value() {
    let monitor = "[monitors.own]\ntype = \"prometheus\"\nurl = \"http://127.0.0.1:9090\"\nport = 8080\n\
         query = \"max by () (load{instance=\\\"{instance}\\\"})\"\nbelow = 0.8\nhysteresis = 0.2\n\
         interval = \"1s\"\nnear_interval = \"500ms\"\nfall = 2\nrise = 2\ntimeout = \"900ms\"";
    let (world, _waypost) = started("", monitor);
    // Before there is a Prometheus nothing is known, and everything served.
    assert_eq!(state_of("one"), "unproven");
    let loads = |one: &str, two: &str| {
        format!(
            "load{{instance=\"127.1.0.1:8080\"}} {one}\nload{{instance=\"127.1.0.2:8080\"}} {two}\n"
        )
    };
    let text = Arc::new(Mutex::new(loads("0.5", "0.5")));
    export(&text);
    let scrape = "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: own\n    honor_labels: true\n    \
                  static_configs:\n      - targets: ['127.0.0.1:9100']\n";
    let file = world.write("prometheus.yaml", scrape);
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            world.path("tsdb").display()
        ))
        .arg("--web.listen-address=127.0.0.1:9090");
    let prometheus = world.start("prometheus", &mut command);
    wait_for("both healthy", || {
        state_of("one") == "healthy" && state_of("two") == "healthy"
    });
    *text.lock().unwrap() = loads("0.9", "0.5");
    wait_for("too much load", || state_of("one") == "down");
    assert_eq!(detail_of("one"), "a value is out of bounds");
    assert_eq!(state_of("two"), "healthy");
    // Below the bound, and not by enough.
    *text.lock().unwrap() = loads("0.7", "0.9");
    wait_for("the other one", || state_of("two") == "down");
    assert_eq!(state_of("one"), "down");
    *text.lock().unwrap() = loads("0.5", "0.5");
    wait_for("both back", || {
        state_of("one") == "healthy" && state_of("two") == "healthy"
    });
    *text.lock().unwrap() = "load{instance=\"127.1.0.1:8080\"} 0.5\n".to_owned();
    wait_for("no value any more", || state_of("two") == "down");
    assert_eq!(detail_of("two"), "there is no value");
    // Without a Prometheus nobody leaves.
    prometheus.kill();
    *text.lock().unwrap() = loads("0.9", "0.5");
    wait_for("nobody looks", || detail_of("one").contains("unwatched"));
    assert_eq!(
        (&*state_of("one"), &*state_of("two")),
        ("unwatched", "down")
    );
}

#[test]
fn programs_run_as_nobody_and_end_with_all_that_they_have_started() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let script = folder.path().join("check");
    // The first address is well; the other one's check hangs, and leaves a child behind that would say so.
    let text = format!(
        "#!/bin/sh\nenv | sort > {0}/env.$WAYPOST_ADDRESS\nid -u > {0}/uid\n\
         grep -E '^(CapEff|CapAmb|CapInh|NoNewPrivs)' /proc/self/status > {0}/status\n\
         [ $WAYPOST_ADDRESS = 127.1.0.1 ] && exit 0\n\
         (sleep 3; touch {0}/survived) &\nsleep 60\n",
        folder.path().display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let monitor = format!(
        "[monitors.own]\ntype = \"exec\"\ncommand = [\"{}\"]\ninterval = \"3s\"\nnear_interval = \"2500ms\"\n\
         timeout = \"2s\"\nfall = 2\nrise = 1\nport = 81",
        script.display()
    );
    let (_world, _waypost) = started("exec = true\nuser = \"nobody\"", &monitor);
    wait_for("the well one", || state_of("one") == "healthy");
    wait_for("the other one", || state_of("two") == "down");
    assert_eq!(detail_of("two"), "timeout while waiting for the response");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let environment = read("env.127.1.0.1");
    let mut names: Vec<&str> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        // The shell's own.
        .filter(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name))
        .collect();
    names.sort_unstable();
    let known = [
        "PATH",
        "WAYPOST_ADDRESS",
        "WAYPOST_HOST",
        "WAYPOST_MONITOR_TIMEOUT_MS",
        "WAYPOST_PORT",
    ];
    assert_eq!(names, known, "{environment}");
    assert!(environment.contains("WAYPOST_HOST=api.example.org\n"));
    assert!(environment.contains("WAYPOST_PORT=81\n"));
    assert_eq!(read("uid"), "65534\n");
    let none = "0000000000000000";
    let status = read("status");
    for line in [
        format!("CapInh:\t{none}"),
        format!("CapEff:\t{none}"),
        format!("CapAmb:\t{none}"),
        "NoNewPrivs:\t1".to_owned(),
    ] {
        assert!(status.contains(&line), "{status}");
    }
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(!folder.path().join("survived").exists());
}

#[test]
fn a_machine_reports_by_a_token_that_can_do_nothing_else() {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"wpt_secret");
    let hash: String = digest
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let monitor = format!(
        "[monitors.own]\ntype = \"push\"\nttl = \"20s\"\nbelow = 10\n\
         [tokens.beat]\nhash = \"sha256:{hash}\"\nrole = \"reporter\"\nscope = [\"endpoint:one\"]\n"
    );
    let (world, _waypost) = started("", &monitor);
    let token = world.write("token", "wpt_secret");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let waypost = |words: &[&str]| {
        let token = token.display().to_string();
        let fixed = ["--control", "http://127.0.0.1:8053", "--token-file", &token];
        run(env!("CARGO_BIN_EXE_waypost"), &[words, &fixed].concat())
    };
    assert_eq!(state_of("one"), "unproven");
    let (text, is_taken) = waypost(&["push", "own", "one", "--value", "9.5"]);
    assert!(is_taken, "{text}");
    wait_for("a report", || state_of("one") == "healthy");
    let (text, is_taken) = waypost(&["push", "own", "two"]);
    assert!(!is_taken && text.contains("does not cover two"), "{text}");
    let (text, is_shown) = waypost(&["status"]);
    assert!(!is_shown && text.contains("viewer"), "{text}");
    waypost(&["push", "own", "one", "--value", "10"]);
    wait_for("a value too high", || state_of("one") == "down");
    assert_eq!(detail_of("one"), "a value is out of bounds");
    waypost(&["push", "own", "one", "--value", "1"]);
    wait_for("its return", || state_of("one") == "healthy");
    waypost(&["push", "own", "one", "--status", "down"]);
    wait_for("its own word", || detail_of("one") == "reported as down");
    waypost(&["push", "own", "one"]);
    wait_for("its return", || state_of("one") == "healthy");
    wait_for("silence", || detail_of("one") == "no report in time");
    assert_eq!(
        detail_of("two"),
        "no report in time",
        "it never said a word"
    );
}

/// Lines of the log of changes about a window, with this outcome.
fn entries(world: &World, window: &str, outcome: &str) -> usize {
    let audit = fs::read_to_string(world.path("state/audit.jsonl")).unwrap();
    let author = format!("maintenance {window}");
    let is_it = |line: &&str| line.contains(&author) && line.contains(outcome);
    audit.lines().filter(is_it).count()
}

#[test]
fn a_window_drains_and_one_that_would_take_the_rest_is_refused() {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let (text, _) = run(
        "date",
        &[
            "-u",
            "-d",
            &format!("@{}", now.as_secs() - 60),
            "+%Y-%m-%dT%H:%M:%S",
        ],
    );
    let start = text.trim();
    let window = |name: &str, scope: &str| {
        format!(
            "[[maintenance]]\nname = \"{name}\"\nscope = \"{scope}\"\nstart = {start}\nduration = \"1h\"\nrecurrence = \"FREQ=DAILY\"\nreason = \"disks\"\n"
        )
    };
    let monitor = format!(
        "[monitors.own]\ntype = \"tcp\"\nport = 8080\ninterval = \"300ms\"\nnear_interval = \"200ms\"\n{}{}",
        window("first", "one"),
        window("second", "two")
    );
    let world = World::new();
    let _one = world.backend("127.1.0.1");
    let _two = world.backend("127.1.0.2");
    world.write("config.toml", &config("", &monitor));
    world.write("zones/example.org.zone", crate::world::ZONE);
    let waypost = world.waypost();
    wait_for("the first window", || state_of("one") == "drained");
    wait_for("the second one's refusal", || {
        waypost.log().contains("maintenance_refused")
    });
    wait_for("the one that serves", || state_of("two") == "healthy");
    assert!(
        detail_of("one").contains("maintenance first"),
        "{}",
        detail_of("one")
    );
    let (_, body) = get("/api/v1/status").unwrap();
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    let windows = status["maintenance"].as_array().unwrap();
    assert_eq!(
        (windows.len(), &windows[0]["due"]),
        (2, &true.into()),
        "{body}"
    );
    let recorded = [("first", "\"done\""), ("second", "\"refused\"")];
    assert_eq!(
        recorded.map(|(name, outcome)| entries(&world, name, outcome)),
        [1, 1]
    );
    let config = world.path("config.toml").display().to_string();
    let (text, is_well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["plan", "--config", &config, &config],
    );
    let times = text
        .lines()
        .filter(|line| line.contains(", drained from "))
        .count();
    assert!(is_well && times == 6, "three of each: {text}");
}
