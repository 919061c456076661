//! Dashboards of Grafana: each of their queries names series and labels that `docs/metrics.md` has, and nothing else. That each
//! is PromQL, promtool says (`real docker::`).
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::{cells, code};

/// Labels that the scrape adds.
const SCRAPED: [&str; 2] = ["instance", "job"];

/// The labels of each metric of the page.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string("docs/metrics.md").unwrap();
    let rows = text.lines().filter_map(cells);
    let metrics = rows.filter_map(|cells| {
        let [name, _, labels, _, _, _] = &cells[..] else {
            return None;
        };
        let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned);
        Some((code(name)?.to_owned(), labels.collect()))
    });
    metrics.collect()
}

/// Words of a text that may be names of metrics or labels.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| !word.is_empty())
}

/// A query without what stands in quotes.
fn unquoted(query: &str) -> String {
    query.split('"').step_by(2).collect()
}

/// What is wrong with a query and the legend under it.
fn wrong(query: &str, legend: &str, known: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let bare = unquoted(query);
    let (mut wrong, mut labels) = (Vec::new(), BTreeSet::new());
    labels.extend(SCRAPED.map(str::to_owned));
    for name in
        words(&bare).filter(|word| word.starts_with("waypost_") || word.starts_with("process_"))
    {
        let family = name.trim_end_matches("_bucket");
        match known.get(family) {
            None => wrong.push(format!("there is no {family}")),
            Some(own) => labels.extend(own.iter().cloned()),
        }
        let selector = bare
            .split_once(name)
            .and_then(|(_, rest)| rest.strip_prefix('{'));
        let matchers = selector.map_or("", |rest| rest.split('}').next().unwrap());
        for label in words(matchers) {
            let is_own = known.get(family).is_some_and(|own| own.contains(label));
            if !is_own && !SCRAPED.contains(&label) {
                wrong.push(format!("{family} has no label {label}"));
            }
        }
    }
    let groups = bare.split(" by (").skip(1);
    let groups = groups.flat_map(|rest| words(rest.split(')').next().unwrap()));
    let shown = legend.split("{{").skip(1);
    let shown = shown.map(|rest| rest.split("}}").next().unwrap());
    let used: Vec<&str> = groups.chain(shown).collect();
    wrong.extend(
        used.into_iter()
            .filter(|label| !labels.contains(*label))
            .map(|label| format!("nothing there has a label {label}")),
    );
    wrong
}

#[test]
fn dashboards_name_series_and_labels_that_there_are() {
    let known = documented();
    let (mut queries, mut found) = (0, Vec::new());
    for entry in fs::read_dir("docker/grafana/dashboards").unwrap() {
        let path = entry.unwrap().path();
        let board: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let variables = board["templating"]["list"].as_array().unwrap();
        let names: BTreeSet<&str> = variables
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert!(
            ["datasource", "node", "service"]
                .iter()
                .all(|name| names.contains(name))
        );
        for variable in variables
            .iter()
            .filter_map(|one| one["definition"].as_str())
        {
            let inner = variable.strip_prefix("label_values(").unwrap();
            let (query, label) = inner.trim_end_matches(')').rsplit_once(", ").unwrap();
            found.extend(wrong(query, &format!("{{{{{label}}}}}"), &known));
        }
        for panel in board["panels"].as_array().unwrap() {
            if panel["type"] == "row" {
                continue;
            }
            let title = &panel["title"];
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            for target in panel["targets"].as_array().unwrap() {
                let [query, legend] =
                    ["expr", "legendFormat"].map(|key| target[key].as_str().unwrap());
                let all = wrong(query, legend, &known);
                found.extend(all.iter().map(|why| format!("{title}: {why}: {query}")));
                let used = query
                    .split('$')
                    .skip(1)
                    .map(|rest| words(rest).next().unwrap());
                for variable in used.filter(|name| *name != "__rate_interval") {
                    assert!(names.contains(variable), "{title}: there is no ${variable}");
                }
                queries += 1;
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(queries > 40, "{queries}");
}

#[test]
fn what_there_is_not_is_found() {
    let known = documented();
    let of = |query, legend| wrong(query, legend, &known);
    assert!(
        of(
            "sum by (zone) (waypost_zone_serial{instance=~\"$node\"})",
            "{{zone}}"
        )
        .is_empty()
    );
    assert_eq!(of("waypost_zone_number", "").len(), 1);
    assert_eq!(of("waypost_zone_serial{service=\"zone\"}", "").len(), 1);
    assert_eq!(of("sum by (service) (waypost_zone_serial)", "").len(), 1);
    assert_eq!(of("waypost_zone_serial", "{{region}}").len(), 1);
}
