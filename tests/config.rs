//! Whole configs: a corpus of broken ones, each with what must be said of it, and plans of
//! good ones.
//!
//! A case is `tests/config/NAME.toml`; what `waypost check` would print for it stands beside it
//! in `NAME.txt`. A case whose name begins with `warn-` gives a plan and is well but for warnings,
//! one that begins with `unsettled-` gives a plan and owes a decision. `UPDATE_SNAPSHOTS=1 cargo test --test config` writes those anew: read the
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

/// The part of a report that the config itself is to blame for.
fn of_config(found: &Diagnostics) -> impl Iterator<Item = config::Finding> {
    let all = found.list().into_iter();
    all.filter(|finding| finding.file.ends_with(".toml"))
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
        let name = case.file_name().unwrap().to_str().unwrap();
        let is_unsettled = name.starts_with("unsettled-");
        let is_warned = name.starts_with("warn-");
        let found = match compile(&case.with_extension("toml"), &text) {
            Ok((_, found)) => {
                assert!(is_warned || is_unsettled, "{name} gives a plan");
                assert_eq!(found.has_unsettled(), is_unsettled, "{name}");
                found
            }
            Err(found) => {
                assert!(!is_warned && !is_unsettled, "{name}");
                assert!(found.has_errors(), "{name}");
                found
            }
        };
        assert!(!found.list().is_empty(), "{}", case.display());
        for finding in of_config(&found) {
            assert!(finding.help.is_some(), "no help for {finding:?}");
        }
    }
}

/// Whatever is cut off or broken, reading ends with diagnostics, never with a panic.
#[test]
fn torn_configs_never_panic() {
    let text = fs::read_to_string("config.toml").unwrap();
    let breaks = [
        "\"", "[", "]]", "=", "\0", "\u{fc}", "\"\"\"", "{", "5", "\n[",
    ];
    let ends = (0..text.len()).filter(|end| text.is_char_boundary(*end));
    for (number, end) in ends.step_by(53).enumerate() {
        let wrong = breaks[number % breaks.len()];
        let broken = format!("{}{wrong}{}", &text[..end], &text[end..]);
        for torn in [&text[..end], &*broken] {
            let (spec, found) = config::read(Path::new("config.toml"), torn);
            let found = config::compile(&spec, found, &Files::new()).unwrap_err();
            assert!(found.has_errors());
            assert!(!found.render(false).is_empty());
        }
    }
}

#[test]
fn limits_are_checked() {
    let mut text = String::new();
    for number in 0..=256 {
        text += &format!("[regions.r{number}]\nlocation = [0, 0]\n");
    }
    let found = compile(Path::new("config.toml"), &text).unwrap_err();
    let list = found.list();
    let past = list
        .iter()
        .find(|one| one.message == "more than 256 regions");
    assert_eq!(past.map(|one| one.line), Some(513));
}
