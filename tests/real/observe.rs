//! What the server tells of itself: log lines in each form, and samples of answers as programs of others read them.
use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::world::{CONFIG, Process, World, ZONE, dig, get, run, wait_for};

/// The usual world with tables of its own.
fn world(tables: &str) -> World {
    let world = World::new();
    world.write("config.toml", &format!("{CONFIG}\n{tables}"));
    world.write("zones/example.org.zone", ZONE);
    world
}

/// Starts a server whose log is as its config says.
fn start(world: &World) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(["run", "--config", "config.toml"]);
    let process = world.start("waypost", &mut command);
    wait_for("waypost to be ready", || {
        get("/readyz").is_some_and(|(status, _)| status == 200)
    });
    wait_for("its line", || process.log().contains("answering"));
    process
}

fn end(mut process: Process, signal: Signal) {
    kill(process.id(), signal).unwrap();
    process.wait();
}

/// Asks as the client of an address, over UDP and TCP.
fn ask(transport: &str) {
    let client = "+subnet=198.51.100.77/32";
    let text = dig(&["@127.0.0.20", client, transport, "mail.example.org", "A"]);
    assert!(text.contains("192.0.2.25"), "{text}");
}

/// A sample of the counter.
fn samples(result: &str) -> u64 {
    let name = format!("waypost_dnstap_samples_total{{result=\"{result}\"}} ");
    let (_, text) = get("/metrics").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

/// Neither the client nor what tells it again is in what BIND's reader prints.
fn check_sample(text: &str) {
    assert!(text.contains("mail.example.org"), "{text}");
    assert!(text.contains("198.51.100.0/32/"), "{text}");
    for secret in ["198.51.100.77", "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let cookies = text.lines().filter_map(|line| line.split_once("COOKIE: "));
    for (_, cookie) in cookies {
        let digits = cookie.split([' ', ';']).next().unwrap();
        assert!(digits.bytes().all(|digit| digit == b'0'), "{text}");
    }
}

#[test]
fn samples_in_a_file_are_read_by_bind() {
    let world = world("[dnstap]\nfile = \"answers.fstrm\"\none_in = 1\n");
    let server = start(&world);
    ask("+notcp");
    ask("+tcp");
    wait_for("both samples", || samples("written") == 2);
    let (_, status) = get("/api/v1/status").unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    let told = json!({
        "log_format": "text",
        "lost_lines": 0,
        "dnstap": { "place": "answers.fstrm", "one_in": 1, "written": 2, "dropped": 0 },
    });
    assert_eq!(status["observation"], told);
    end(server, Signal::SIGTERM);
    let path = world.path("answers.fstrm");
    let (text, is_read) = run("dnstap-read", &["-y", path.to_str().unwrap()]);
    assert!(is_read, "{text}");
    check_sample(&text);
    assert_eq!(text.matches("type: AUTH_RESPONSE").count(), 2, "{text}");
    for part in [
        "identity: test-node",
        "socket_protocol: UDP",
        "socket_protocol: TCP",
        "query_address: \"127.0.0.0\"",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn samples_go_to_a_reader_and_one_that_is_gone_holds_nobody_up() {
    let world = world("[dnstap]\nsocket = \"reader.sock\"\none_in = 1\n");
    let server = start(&world);
    ask("+notcp");
    wait_for("a sample that nobody takes", || samples("dropped") == 1);
    let mut command = Command::new("fstrm_capture");
    command.args([
        "-t",
        "protobuf:dnstap.Dnstap",
        "-u",
        "reader.sock",
        "-w",
        "taken.fstrm",
    ]);
    let reader = world.start("fstrm_capture", &mut command);
    wait_for("a sample that is taken", || {
        ask("+notcp");
        samples("written") > 0
    });
    end(reader, Signal::SIGTERM);
    let path = world.path("taken.fstrm");
    let (text, is_read) = run("dnstap-ldns", &["-y", "-r", path.to_str().unwrap()]);
    assert!(is_read, "{text}");
    assert!(text.contains("mail.example.org"), "{text}");
    assert!(text.contains("query_address: \"127.0.0.0\""), "{text}");
    // Subnet and cookie, as this reader prints options.
    let options = format!("0008000800012000c6336400000a0018{}", "00".repeat(24));
    assert!(text.contains(&options), "{text}");
    let dropped = samples("dropped");
    wait_for("more that nobody takes", || {
        ask("+notcp");
        samples("dropped") > dropped
    });
    let log = server.log();
    for event in ["dnstap_waits", "dnstap_ready"] {
        assert!(log.contains(event), "{event} is not in {log}");
    }
    end(server, Signal::SIGTERM);
}

/// Each line as an object.
fn lines(process: &Process) -> Vec<Value> {
    let log = process.log();
    // The last one may be under way.
    let (whole, _) = log.rsplit_once('\n').unwrap();
    let lines = whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.collect()
}

/// Has a config with two errors read, and waits for its refusal.
fn refuse(world: &World, server: &Process) {
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    let wrong = text.replace("type = \"http\"", "type = \"htp\"");
    let wrong = wrong.replace("location = [43.65, -79.38]", "location = [143.65, -79.38]");
    world.write("config.toml", &wrong);
    kill(server.id(), Signal::SIGHUP).unwrap();
    wait_for("the refusal", || server.log().contains("reload_refused"));
}

#[test]
fn lines_of_ecs_name_the_node_and_each_finding_of_a_refused_config() {
    let world = world("[log]\nformat = \"ecs\"\n");
    let server = start(&world);
    refuse(&world, &server);
    let lines = lines(&server);
    for line in &lines {
        assert_eq!(line["service"]["node"]["name"], "test-node", "{line}");
        assert!(line["@timestamp"].is_string(), "{line}");
        assert!(!line["message"].as_str().unwrap().contains('\n'), "{line}");
    }
    let of = |event: &str| {
        let all = lines.iter().filter(|line| line["event"]["action"] == event);
        all.collect::<Vec<_>>()
    };
    assert_eq!(of("ready")[0]["waypost"]["listen"][0], "127.0.0.20:53");
    // The watch may have read it as well.
    let refused = of("reload_refused").len();
    let errors = of("config_error");
    assert_eq!(errors.len(), 2 * refused, "{errors:?}");
    for error in errors {
        assert!(error["waypost"]["line"].is_u64(), "{error}");
        assert!(
            error["waypost"]["file"]
                .as_str()
                .unwrap()
                .ends_with("config.toml")
        );
    }
}

#[test]
fn lines_of_otlp_are_whole_requests_and_text_names_the_node() {
    let world = world("[log]\nformat = \"otlp\"\n");
    let server = start(&world);
    for line in lines(&server) {
        let logs = &line["resourceLogs"][0];
        let attributes = logs["resource"]["attributes"].as_array().unwrap();
        let node = attributes
            .iter()
            .find(|one| one["key"] == "service.instance.id");
        assert_eq!(node.unwrap()["value"]["stringValue"], "test-node");
        let record = &logs["scopeLogs"][0]["logRecords"][0];
        assert!(!record["eventName"].as_str().unwrap().is_empty(), "{line}");
    }
    end(server, Signal::SIGTERM);
    world.write("config.toml", CONFIG);
    let server = start(&world);
    let log = server.log();
    let ready = log.lines().find(|line| line.contains("answering")).unwrap();
    let mut words = ready.split_whitespace();
    assert!(words.next().unwrap().ends_with('Z'), "{ready}");
    assert_eq!(words.next(), Some("test-node"), "{ready}");
}
