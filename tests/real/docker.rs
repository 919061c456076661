//! What cannot be run here is at least read by the programs (or parsers) it is for.
use crate::series;
use crate::world::{repository, run};

/// Every file of a folder of the repository with one of the endings.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut open = vec![repository(folder)];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn prometheus_reads_its_config_and_rules() {
    for arguments in [
        ["check", "config", "docker/prometheus.yaml"],
        ["check", "rules", "docker/alerts.yaml"],
        ["test", "rules", "docker/alerts.test.yaml"],
    ] {
        let path = repository(arguments[2]);
        let (text, well) = run(
            "promtool",
            &[arguments[0], arguments[1], path.to_str().unwrap()],
        );
        assert!(well, "{text}");
    }
}

#[test]
fn yaml_files_parse() {
    for file in files("docker", ".yaml") {
        let (text, well) = run(
            "/usr/bin/python3",
            &[
                "-c",
                "import sys, yaml; yaml.safe_load(open(sys.argv[1]))",
                &file,
            ],
        );
        assert!(well, "{file}: {text}");
    }
}

/// The names of Waypost's metrics in a text; a histogram's by its own name.
fn metrics_in(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '_'));
    let names = words.filter(|word| word.starts_with("waypost_"));
    names
        .map(|name| name.trim_end_matches("_bucket").to_owned())
        .collect()
}

#[test]
fn rules_dashboards_and_the_readme_name_metrics_that_exist() {
    let known = series::table();
    for file in [
        files("docker/grafana", ".json"),
        files("docker", "alerts.yaml"),
        files("docker", "alerts.test.yaml"),
        vec![repository("README.md").to_str().unwrap().to_owned()],
    ]
    .concat()
    {
        let names = metrics_in(&std::fs::read_to_string(&file).unwrap());
        assert!(!names.is_empty(), "{file}");
        for name in names {
            assert!(
                known.contains_key(&name),
                "{file}: {name} is not in docs/metrics.md"
            );
        }
    }
}

#[test]
fn every_query_of_the_dashboard_is_promql() {
    for file in files("docker/grafana", ".json") {
        let dashboard: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let mut rules = String::from("groups:\n- name: dashboard\n  rules:\n");
        for (number, target) in panels
            .iter()
            .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
            .enumerate()
        {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression.replace("$__rate_interval", "5m");
            let expression = serde_json::to_string(&expression).unwrap();
            rules += &format!("  - record: panel:{number}\n    expr: {expression}\n");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        std::fs::write(&path, rules).unwrap();
        let (text, well) = run("promtool", &["check", "rules", path.to_str().unwrap()]);
        assert!(well, "{file}: {text}");
    }
}

#[test]
fn the_compose_config_has_no_errors() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        repository("docker/config.toml"),
        folder.path().join("config.toml"),
    )
    .unwrap();
    std::fs::create_dir(folder.path().join("zones")).unwrap();
    let zone = repository("zones/example.org.zone");
    std::fs::copy(zone, folder.path().join("zones/example.org.zone")).unwrap();
    let config = folder.path().join("config.toml");
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["check", "--config", config.to_str().unwrap()],
    );
    assert!(well, "{text}");
}
