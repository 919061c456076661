//! Configs: bent texts give a plan, or diagnostics that can be shown.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use waypost::base::{Draws, Moment, Standing};
use waypost::config::{self, Files, Spec};
use waypost::table::{Table, check};

use crate::bend::{Bender, rounds, survive};

const CONFIGS: u64 = 1000;
/// Words of the language, and values at the edge of what it allows.
const WORDS: [&str; 24] = [
    "\n",
    "\"",
    "[",
    "]",
    "[[zones]]\n",
    "[server]\n",
    "= ",
    "{ ",
    " }",
    "true",
    "-1",
    "0",
    "65535",
    "65536",
    "18446744073709551615",
    "\"0s\"",
    "\"100%\"",
    "\"strict\"",
    "\"any\"",
    "\"@EEA\"",
    "\"192.0.2.0/24\"",
    "\"2001:db8::/129\"",
    "\"\"",
    "1e400",
];

/// The cases of `tests/config`, most of which are wrong on purpose; and several times over, so that a bend may hit on a plan, the
/// configs that are shipped, and that of the sample.
fn seeds() -> Vec<Vec<u8>> {
    let cases = fs::read_dir("tests/config").unwrap();
    let cases = cases.map(|entry| entry.unwrap().path());
    let cases = cases.filter(|path| path.extension().is_some_and(|found| found == "toml"));
    let shipped = [
        "config.toml",
        "docker/waypost/config.toml",
        "tests/support/world.toml",
    ];
    let cases: Vec<PathBuf> = cases.collect();
    let whole = shipped.map(PathBuf::from).into_iter().cycle();
    let whole = whole.take(cases.len() / 8);
    let all = cases.iter().cloned().chain(whole);
    // Other databases than the one that is built in cost more time than all the rest.
    let all = all.map(|path| fs::read(path).unwrap());
    all.collect()
}

/// Files as a config asks for them: one zone for all, and nothing else.
fn bring(spec: &Spec) -> Files {
    let zone: Arc<[u8]> = Arc::from(include_bytes!("../../support/world.zone").as_slice());
    let mut files = Files::new();
    // What names the files may ask for more of them.
    for _ in 0..8 {
        for path in spec.files(&files) {
            let is_zone = path.extension().is_some_and(|found| found == "zone");
            let found = is_zone.then(|| Arc::clone(&zone));
            files.insert(path, found.ok_or_else(|| "no such file".to_owned()));
        }
    }
    files
}

#[test]
fn bent_configs_give_a_plan_or_diagnostics() {
    let seeds = seeds();
    let mut bender = Bender {
        seeds: &seeds,
        words: &WORDS,
        draws: Draws::from_seed(0xC0),
    };
    let (mut good, mut bad) = (0, 0);
    let inputs = (0..rounds(CONFIGS)).map(|_| bender.bent());
    survive("config", inputs, |text| {
        let text = String::from_utf8_lossy(text);
        let (spec, found) = config::read(Path::new("config.toml"), &text);
        let files = bring(&spec);
        match config::compile(&spec, found, &files) {
            Err(found) => {
                assert!(found.has_errors() && !found.list().is_empty());
                assert!(!found.render(false).is_empty() && !found.render(true).is_empty());
                bad += 1;
            }
            Ok((compiled, found)) => {
                assert!(!found.has_errors());
                let standings = vec![Standing::UNPROVEN; compiled.plan.targets.len()];
                let table = Table::build(
                    1,
                    Arc::new(compiled.plan),
                    standings.into(),
                    Moment(0),
                    None,
                );
                assert_eq!(check(&table), Ok(()));
                good += 1;
            }
        }
    });
    assert!(good > rounds(3) && bad > rounds(300), "{good} {bad}");
}
