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
    let path = repository("docker/alertmanager.yaml");
    let (text, well) = run("amtool", &["check-config", path.to_str().unwrap()]);
    assert!(well, "{text}");
}

/// Reads a YAML file, and refuses a key that stands twice in one mapping: most programs take the last in silence.
const READ_YAML: &str = r#"
import sys, yaml
class Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: a key stands twice in {keys}"
        return super().construct_mapping(node, deep)
yaml.load(open(sys.argv[1]), Loader)
"#;

#[test]
fn yaml_files_parse() {
    for file in files("docker", ".yaml") {
        let (text, well) = run("/usr/bin/python3", &["-c", READ_YAML, &file]);
        assert!(well, "{file}: {text}");
    }
}

#[test]
fn compose_knows_every_key_of_its_file() {
    // The one of Debian is older than `name`, and needs no daemon to read a file.
    let judge = |old: &str, new: &str| {
        let script = format!(
            "sed -e '/^name:/d' -e 's/{old}/{new}/' docker/compose.yaml | docker-compose -f - config -q"
        );
        run(
            "bash",
            &[
                "-c",
                &format!("cd {} && {script}", env!("CARGO_MANIFEST_DIR")),
            ],
        )
    };
    let (text, well) = judge("read_only", "read_only");
    assert!(well, "{text}");
    let (text, well) = judge("read_only", "readonly");
    assert!(!well && text.contains("'readonly'"), "{text}");
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
    let config = repository("docker/waypost/config.toml");
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["check", "--config", config.to_str().unwrap()],
    );
    assert!(well, "{text}");
}
