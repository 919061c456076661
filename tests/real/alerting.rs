//! An alert on its way to a person: Prometheus with the shipped rules, Alertmanager with the shipped routes, and a receiver. They are
//! as they are shipped but for addresses and patience.
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::notify::{Got, bodies, receiver};
use crate::world::{World, repository, wait_for};

/// A shipped file with other words in it; each of them has to be there.
fn shipped(name: &str, other: &[(&str, &str)]) -> String {
    let mut text = fs::read_to_string(repository(name)).unwrap();
    for (word, own) in other {
        assert!(text.contains(word), "{name} has no {word}");
        text = text.replace(word, own);
    }
    text
}

/// The rules, none of which waits.
fn impatient(rules: &str) -> String {
    let lines = rules.lines().map(|line| match line.split_once("for: ") {
        Some((before, _)) if before.trim().is_empty() => format!("{before}for: 0s"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// An alert that was told of, by its name.
fn told(got: &Got, name: &str) -> Option<Value> {
    let alerts = bodies(got);
    let mut alerts = alerts
        .iter()
        .flat_map(|body| body["alerts"].as_array().unwrap());
    alerts
        .find(|own| own["labels"]["alertname"] == name)
        .cloned()
}

#[test]
fn an_alert_reaches_a_person_with_its_runbook() {
    let world = World::new();
    world.write_config();
    let pages = receiver(9001, |_| (200, Duration::ZERO));
    let _tickets = receiver(9002, |_| (200, Duration::ZERO));
    world.write(
        "alerts.yaml",
        &impatient(&shipped("docker/alerts.yaml", &[])),
    );
    let scrape = shipped(
        "docker/prometheus.yaml",
        &[
            ("5s", "1s"),
            (
                "\"waypost-one:9153\", \"waypost-two:9153\"",
                "\"127.0.0.1:8053\"",
            ),
            ("alertmanager:9093", "127.0.0.1:9093"),
        ],
    );
    let scrape = world.write("prometheus.yaml", &scrape);
    let routes = shipped(
        "docker/alertmanager.yaml",
        &[
            ("group_wait: 5s", "group_wait: 0s"),
            ("pager.example.net", "127.0.0.1:9001"),
            ("tickets.example.net", "127.0.0.1:9002"),
        ],
    );
    let routes = world.write("alertmanager.yaml", &routes);
    // Nothing listens where its endpoints are.
    let _waypost = world.waypost();
    let _manager = world.start(
        "alertmanager",
        Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", routes.display()))
            .arg(format!("--storage.path={}", world.path("alerts").display()))
            .args([
                "--web.listen-address=127.0.0.1:9093",
                "--cluster.listen-address=",
            ]),
    );
    let _prometheus = world.start(
        "prometheus",
        Command::new("prometheus")
            .arg(format!("--config.file={}", scrape.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                world.path("tsdb").display()
            ))
            .arg("--web.listen-address=127.0.0.1:9090"),
    );
    wait_for("the page", || told(&pages, "WaypostFailsOpen").is_some());
    let alert = told(&pages, "WaypostFailsOpen").unwrap();
    assert_eq!(alert["status"], "firing");
    assert!(alert["labels"]["service"].is_string(), "{alert}");
    let runbook = alert["annotations"]["runbook_url"].as_str().unwrap();
    assert!(repository(runbook).is_file(), "{alert}");
    assert!(
        told(&pages, "WaypostEndpointDown").is_none(),
        "that is a ticket"
    );
}
