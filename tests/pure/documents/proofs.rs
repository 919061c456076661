//! Tests that a page names as the proof of what it says: they are there.
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::page;

/// The names of all functions below these folders.
fn functions() -> BTreeSet<String> {
    let mut open: Vec<PathBuf> = ["tests", "src"].map(PathBuf::from).into();
    let mut found = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let names = text
                    .lines()
                    .filter_map(|line| line.trim_start().strip_prefix("fn "));
                found.extend(names.filter_map(|line| Some(line.split_once("()")?.0.to_owned())));
            }
        }
    }
    found
}

#[test]
fn each_test_that_a_page_names_is_there() {
    let text = page("explanation/withstands.md");
    let all = functions();
    let words = text.split('`').skip(1).step_by(2);
    let named: Vec<&str> = words.filter(|word| word.matches('_').count() > 3).collect();
    assert!(named.len() > 15, "{named:?}");
    let gone: Vec<&&str> = named.iter().filter(|name| !all.contains(**name)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}
