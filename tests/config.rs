//! Whole configs: a corpus of broken ones, each with what must be said of it, and plans of
//! good ones.
//!
//! A case is `tests/config/NAME.toml`; what `waypost check` would print for it stands beside it
//! in `NAME.txt`. `UPDATE_SNAPSHOTS=1 cargo test --test config` writes those anew: read the
//! difference before it is committed.
#![expect(clippy::unwrap_used, reason = "tests")]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use waypost::config::{self, Diagnostics, Files};
use waypost::plan::Plan;

/// Brings files until nothing is wanted, as `io::files` does.
fn bring(spec: &config::Spec) -> Files {
    let mut files = Files::new();
    loop {
        let wanted = spec.files(&files);
        if wanted.is_empty() {
            return files;
        }
        for path in wanted {
            let bytes = fs::read(&path).map_err(|_| "no such file".to_owned());
            files.insert(path, bytes.map(Into::into));
        }
    }
}

fn compile(path: &Path, text: &str) -> Result<(Plan, Diagnostics), Diagnostics> {
    let (spec, found) = config::read(path, text);
    config::compile(&spec, found, &bring(&spec))
}

fn cases(ending: &str) -> BTreeSet<PathBuf> {
    fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| path.with_extension(""))
        .collect()
}

#[test]
fn every_broken_config_gets_its_diagnostics() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for case in cases("toml") {
        let text = fs::read_to_string(case.with_extension("toml")).unwrap();
        let found = match compile(&case.with_extension("toml"), &text) {
            Ok((_, found)) => found,
            Err(found) => found,
        };
        let rendered = found.render(false) + "\n";
        let snapshot = case.with_extension("txt");
        if update {
            fs::write(&snapshot, &rendered).unwrap();
        }
        if fs::read_to_string(&snapshot).unwrap_or_default() != rendered {
            wrong.push(format!("{}:\n{rendered}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "changed:\n{}", wrong.join("\n"));
}

#[test]
fn the_corpus_is_whole() {
    let configs = cases("toml");
    assert!(configs.len() >= 20, "{} cases", configs.len());
    assert_eq!(
        configs,
        cases("txt"),
        "snapshots without a case, or the reverse"
    );
    for case in configs {
        let text = fs::read_to_string(case.with_extension("toml")).unwrap();
        let is_warned = case
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("warn-");
        match compile(&case.with_extension("toml"), &text) {
            Ok((_, found)) => assert!(is_warned && !found.list().is_empty(), "{}", case.display()),
            Err(found) => assert!(!is_warned && found.has_errors(), "{}", case.display()),
        }
    }
}
