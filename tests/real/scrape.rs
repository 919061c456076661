//! Prometheus scrapes `/metrics`, and a query returns the endpoint states.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::world::{World, dig, get, get_at, run, state_of, wait_for};

const PROMETHEUS: &str = "global:
  scrape_interval: 1s
scrape_configs:
  - job_name: waypost
    static_configs:
      - targets: ['127.0.0.1:8053']
";

fn query(expression: &str) -> Vec<serde_json::Value> {
    let (text, _) = run(
        "promtool",
        &[
            "query",
            "instant",
            "-o",
            "json",
            "http://127.0.0.1:9090",
            expression,
        ],
    );
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    parsed.as_array().cloned().unwrap_or_default()
}

#[test]
fn prometheus_scrapes_endpoint_states_and_query_counts() {
    let world = World::new();
    world.write_config();
    let config = world.write("prometheus.yaml", PROMETHEUS);
    let _one = world.backend("127.1.0.1");
    let two = world.backend("127.1.0.2");
    let _three = world.backend("127.2.0.1");
    let _waypost = world.waypost();
    let _prometheus = world.start(
        "prometheus",
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                world.path("tsdb").display()
            ))
            .arg("--web.listen-address=127.0.0.1:9090"),
    );
    wait_for("every endpoint to be healthy", || {
        ["fra-one", "fra-two", "tor-one"]
            .iter()
            .all(|name| state_of(name) == "healthy")
    });
    for _ in 0..20 {
        dig(&[
            "@127.0.0.20",
            "+subnet=203.0.113.0/24",
            "api.example.org",
            "A",
        ]);
    }
    wait_for("three endpoints up", || {
        query("min by (endpoint) (waypost_endpoint_up) == 1").len() == 3
    });
    wait_for("the queries of Toronto's clients", || {
        let counted = query(
            "waypost_queries_total{service=\"api\",region=\"na-toronto\",rcode=\"NOERROR\"} >= 20",
        );
        counted.len() == 1
    });
    two.kill();
    wait_for("one endpoint down", || {
        let down = query("min by (endpoint) (waypost_endpoint_up) == 0");
        down.len() == 1 && down[0]["metric"]["endpoint"] == "fra-two"
    });
    let failed = "waypost_endpoint_probe_failures_total{endpoint=\"fra-two\"} > 0";
    wait_for("its failed probes", || query(failed).len() == 1);
    let causes = "waypost_probe_failures_total{region=\"eu-frankfurt\",monitor=\"web\"} > 0";
    assert!(!query(causes).is_empty());
}

/// Hands connections on to the control listener, and keeps the heads of its replies.
fn relay(listener: &TcpListener, heads: &Mutex<Vec<String>>) {
    for client in listener.incoming() {
        let mut client = client.unwrap();
        let mut server = TcpStream::connect("127.0.0.1:8053").unwrap();
        let (mut request, mut part) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"\r\n\r\n") {
            let count = client.read(&mut part).unwrap();
            request.extend(&part[..count]);
            if count == 0 {
                break;
            }
        }
        server.write_all(&request).unwrap();
        let mut reply = Vec::new();
        server.read_to_end(&mut reply).unwrap();
        let head = String::from_utf8_lossy(&reply[..reply.len().min(600)]).to_ascii_lowercase();
        heads.lock().unwrap().push(head);
        // It may have gone with the test.
        let _ = client.write_all(&reply);
    }
}

#[test]
fn prometheus_takes_openmetrics_by_gzip() {
    let world = World::new();
    world.write_config();
    let _one = world.backend("127.1.0.1");
    let _waypost = world.waypost();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:9154").unwrap();
    let kept = Arc::clone(&heads);
    std::thread::spawn(move || relay(&listener, &kept));
    let config = world.write("prometheus.yaml", &PROMETHEUS.replace("8053", "9154"));
    let _prometheus = world.start(
        "prometheus",
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                world.path("tsdb").display()
            ))
            .arg("--web.listen-address=127.0.0.1:9090"),
    );
    wait_for("an endpoint that is up", || {
        query("waypost_endpoint_up{endpoint=\"fra-one\"} == 1").len() == 1
    });
    wait_for("quantiles of a histogram", || {
        let quantile = "histogram_quantile(0.5, sum by (le) (rate(waypost_probe_duration_seconds_bucket{phase=\"total\"}[1m]))) > 0";
        query(quantile).len() == 1
    });
    assert_eq!(query("up == 1").len(), 1);
    let heads = heads.lock().unwrap();
    for head in heads.iter() {
        assert!(head.contains("content-encoding: gzip"), "{head}");
        let kind = "content-type: application/openmetrics-text; version=1.0.0";
        assert!(head.contains(kind), "{head}");
    }
    // Only OpenMetrics tells units.
    let (status, text) = get_at(
        "127.0.0.1:9090".parse().unwrap(),
        "/api/v1/metadata?metric=waypost_probe_age_seconds",
    )
    .unwrap();
    assert!(
        status == 200 && text.contains("\"unit\":\"seconds\""),
        "{text}"
    );
}

#[test]
fn metrics_are_well_formed() {
    let world = World::new();
    world.write_config();
    let _waypost = world.waypost();
    dig(&["@127.0.0.20", "api.example.org", "A"]);
    wait_for("the first probes to fail, as nothing listens", || {
        ["fra-one", "fra-two", "tor-one"]
            .iter()
            .all(|name| state_of(name) == "down")
    });
    let (status, text) = get("/metrics").unwrap();
    assert_eq!(status, 200);
    let path = world.write("metrics.txt", &text);
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(path).unwrap())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&checked.stderr).into_owned()
        + &String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{words}\n{text}");
    for name in [
        "waypost_queries_total",
        "waypost_endpoint_state",
        "waypost_endpoint_share_ratio",
        "waypost_probe_duration_seconds_bucket",
        "waypost_probe_failures_total",
        "waypost_table_generation",
        "waypost_table_build_seconds",
        "waypost_fail_open",
        "waypost_reloads_total",
    ] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
    assert!(
        !text.contains("127.0.0.1\""),
        "no client address in metrics:\n{text}"
    );
}
