//! Dependencies: each crate of `Cargo.toml` has its sentence in `docs/src/reference/dependencies.md`, and no other has.
use std::collections::BTreeSet;
use std::fs;

use super::{cells, page, prose};

#[test]
fn every_dependency_has_its_sentence() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let (_, rest) = manifest.split_once("\n[dependencies]\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()));
    let built_in: BTreeSet<String> = names.collect();
    assert!(built_in.len() > 20, "{built_in:?}");
    let text = page("reference/dependencies.md");
    let rows = prose(&text).filter_map(|(_, line)| cells(line));
    let first = rows.filter_map(|cells| cells.first().map(|cell| (*cell).to_owned()));
    let named: BTreeSet<String> = first
        .flat_map(|cell| {
            let words = cell.split('`').skip(1).step_by(2);
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let missing: Vec<_> = built_in.difference(&named).collect();
    let gone: Vec<_> = named.difference(&built_in).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/src/reference/dependencies.md has no sentence for {missing:?}, and one for {gone:?}"
    );
}
