//! `waypost fmt` over all configs of the tests: what a text says stays, and to format again changes nothing.
use std::fs;
use std::path::{Path, PathBuf};

use waypost::config::{self, Files};

fn configs() -> Vec<PathBuf> {
    let tests = fs::read_dir("tests/config").unwrap();
    let tests = tests.map(|entry| entry.unwrap().path());
    let own = ["config.toml", "tests/support/world.toml"].map(PathBuf::from);
    let toml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "toml");
    tests.chain(own).filter(toml).collect()
}

/// All that a text comes to, without the hash of the text itself: the plan, or every message.
fn meaning(path: &Path, text: &str) -> String {
    let (spec, found) = config::read(path, text);
    let mut files = Files::new();
    loop {
        let wanted = spec.files(&files);
        if wanted.is_empty() {
            break;
        }
        for path in wanted {
            let bytes = fs::read(&path).map_err(|_| "no such file".to_owned());
            files.insert(path, bytes.map(Into::into));
        }
    }
    match config::compile(&spec, found, &files) {
        Ok((mut compiled, _)) => {
            compiled.plan.digest = 0;
            let (plan, zoning) = (&compiled.plan, &compiled.zoning);
            // Of the atlas and the maps the policy's hash tells enough.
            let parts = (
                &plan.services,
                &plan.endpoints,
                &plan.regions,
                &plan.server,
                &plan.control,
            );
            format!(
                "{} {parts:?} {zoning:?} {:?} {:?}",
                plan.policy, plan.monitors, plan.guard
            )
        }
        Err(found) => {
            let list = found.list().into_iter();
            let texts: Vec<_> = list.map(|one| (one.message, one.help)).collect();
            format!("{texts:?}")
        }
    }
}

#[test]
fn every_config_means_the_same_afterwards() {
    let (mut formatted, mut changed) = (0, 0);
    for path in configs() {
        let text = fs::read_to_string(&path).unwrap();
        let Ok(once) = config::format(&path, &text) else {
            // It is not TOML; what is said of that is the corpus's.
            continue;
        };
        formatted += 1;
        changed += usize::from(once != text);
        let twice =
            config::format(&path, &once).unwrap_or_else(|found| panic!("{}", found.render(false)));
        assert_eq!(once, twice, "{}: again", path.display());
        let comments = |text: &str| text.matches('#').count();
        assert_eq!(comments(&once), comments(&text), "{}", path.display());
        assert_eq!(
            meaning(&path, &once),
            meaning(&path, &text),
            "{}",
            path.display()
        );
    }
    assert!(
        formatted > 50 && changed > 5,
        "{formatted} formatted, {changed} changed"
    );
}
