//! The control API: the page lists each request that the description has, and no other.
use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{cells, page, prose};

/// Requests that only a demo takes are in no table.
#[test]
fn every_request_is_in_the_table() {
    let text = fs::read_to_string("docs/openapi.json").unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let requests = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let described: BTreeSet<String> = requests.collect();
    let page = page("reference/api.md");
    let rows = prose(&page).filter_map(|(_, line)| cells(line));
    let named: BTreeSet<String> = rows
        .flat_map(|cells| {
            let words = cells[0].split('`').skip(1).step_by(2);
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert!(described.len() > 20, "{described:?}");
    assert_eq!(described, named);
}
