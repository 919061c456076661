//! Alerts: each has a page of the runbooks that it links to, with the four parts that somebody needs at night, and a test.
use std::collections::BTreeSet;
use std::fs;

/// The parts of a runbook.
const PARTS: [&str; 4] = ["## What it means", "## Look", "## Do", "## Escalate"];

/// The value of a key on a line of YAML.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim_start().trim_start_matches("- ");
    let rest = line.strip_prefix(key)?.strip_prefix(':')?;
    Some(rest.trim().trim_matches('"'))
}

#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let rules = fs::read_to_string("docker/alerts.yaml").unwrap();
    let copy = fs::read_to_string("deploy/platform/monitoring/alerts.yaml").unwrap();
    assert!(rules == copy, "the platform has other rules than docker/");
    let tests = fs::read_to_string("docker/alerts.test.yaml").unwrap();
    let (mut named, mut pages) = (BTreeSet::new(), BTreeSet::new());
    let mut fires = BTreeSet::new();
    let mut last = "";
    for line in tests.lines() {
        if let Some(name) = value(line, "alertname") {
            last = name;
        }
        if value(line, "exp_alerts").is_some() {
            fires.insert(last.to_owned());
        }
    }
    for line in rules.lines() {
        if let Some(name) = value(line, "alert") {
            assert!(fires.contains(name), "{name} fires in no test of rules");
            named.insert(name.to_owned());
        }
        if let Some(url) = value(line, "runbook_url") {
            let (_, file) = url.rsplit_once('/').unwrap();
            pages.insert(file.to_owned());
        }
    }
    assert!(named.len() >= 25, "{named:?}");
    let expected: BTreeSet<String> = named.iter().map(|name| format!("{name}.md")).collect();
    assert_eq!(pages, expected, "runbook_url of each rule names its page");
    for file in pages {
        let text = super::page(&format!("runbooks/{file}"));
        let name = file.trim_end_matches(".md");
        assert!(text.starts_with(&format!("# {name}\n")), "{file}");
        for part in PARTS {
            assert!(text.contains(part), "{file} has no part `{part}`");
        }
    }
}

/// The names of metrics in a text; a histogram's by its own name.
fn metrics(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '_'));
    let names = words.filter(|word| word.starts_with("waypost_"));
    names.map(|name| name.trim_end_matches("_bucket"))
}

#[test]
fn metrics_that_pages_name_exist() {
    let known = fs::read_to_string("docs/metrics.md").unwrap();
    // What the Terraform provider has is called alike.
    let provided: Vec<String> = ["resources", "data-sources"]
        .iter()
        .flat_map(|kind| fs::read_dir(format!("deploy/terraform/docs/{kind}")).unwrap())
        .map(|page| page.unwrap().path())
        .map(|page| format!("waypost_{}", page.file_stem().unwrap().display()))
        .collect();
    assert!(provided.contains(&"waypost_record".to_owned()));
    let variables = ["install", "configure"].map(|role| {
        fs::read_to_string(format!("deploy/ansible/roles/{role}/defaults/main.yml")).unwrap()
    });
    let variables = variables.concat();
    for (path, text) in super::pages() {
        for name in metrics(&text) {
            // Variables of the Ansible collection's roles are called so as well.
            let is_variable =
                path.ends_with("ansible.md") && variables.contains(&format!("\n{name}: "));
            if is_variable
                || path.ends_with("terraform.md") && provided.iter().any(|own| own == name)
            {
                continue;
            }
            let row = format!("| `{name}` |");
            assert!(
                known.contains(&row),
                "{path}: {name} is not in docs/metrics.md"
            );
        }
    }
}
