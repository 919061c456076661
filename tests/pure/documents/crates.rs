//! Dependencies: each crate of `Cargo.toml` has its sentence in `docs/src/reference/dependencies.md`, and no other has; and each
//! that is built in has a licence that `deny.toml` allows.
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

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

/// Whether a licence, an expression of SPDX, can be had by what is allowed; `/` is what old crates write for OR.
fn allows(allowed: &BTreeSet<&str>, licence: &str) -> bool {
    let licence = licence.trim();
    for (word, is_choice) in [(" OR ", true), ("/", true), (" AND ", false)] {
        let parts = split(licence, word);
        if parts.len() > 1 {
            let mut parts = parts.iter().map(|part| allows(allowed, part));
            return if is_choice {
                parts.any(|own| own)
            } else {
                parts.all(|own| own)
            };
        }
    }
    let inner = licence
        .strip_prefix('(')
        .and_then(|own| own.strip_suffix(')'));
    inner.map_or(allowed.contains(licence), |inner| allows(allowed, inner))
}

/// The parts of an expression between words that stand in no bracket.
fn split<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    let depth = |at: usize| text[..at].matches('(').count() - text[..at].matches(')').count();
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(word).filter(|(at, _)| depth(*at) == 0) {
        parts.push(&text[start..at]);
        start = at + word.len();
    }
    parts.push(&text[start..]);
    parts
}

#[test]
fn every_licence_is_allowed() {
    let rules: toml::Value = toml::from_str(&fs::read_to_string("deny.toml").unwrap()).unwrap();
    let list = rules["licenses"]["allow"].as_array().unwrap();
    let allowed: BTreeSet<&str> = list.iter().map(|own| own.as_str().unwrap()).collect();
    assert!(allows(&allowed, "GPL-3.0 OR (MIT AND ISC)") && allows(&allowed, "MIT/GPL-3.0"));
    assert!(!allows(&allowed, "MIT AND GPL-3.0") && !allows(&allowed, ""));
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}: {l}"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.rsplit_once(": "))
        .collect();
    assert!(
        crates.len() > 100,
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for (name, licence) in crates {
        let licence = licence.trim_end_matches(" (*)");
        assert!(
            allows(&allowed, licence),
            "{name}: {licence} is not in deny.toml"
        );
    }
}
