//! Master files: bent texts are read, or refused with errors that stand in them.
use std::fs;
use std::path::Path;
use std::sync::Arc;

use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::master::{self, MasterError};
use waypost::dns::transfer::Content;

use crate::bend::{Bender, rounds, survive};

const FILES: u64 = 10_000;
const APEX: &str = "example.org";
/// The head of a zone, in front of what has none.
const HEAD: &str = "$TTL 300\n@ SOA ns host 1 3600 600 604800 60\n@ NS ns\n@ NS ns2\nns A 192.0.2.1\nns2 AAAA 2001:db8::2\n";
/// Words of the language, and values at the edge of what it allows.
const WORDS: [&str; 28] = [
    "$ORIGIN ",
    "$INCLUDE other ",
    "$GENERATE 0-9 $ ",
    "$TTL ",
    "${0,3,d}",
    "(",
    ")",
    "\"",
    ";",
    "\\",
    "\\255",
    "\\# 4 ",
    "@",
    "*.",
    "\n",
    " ",
    ".",
    "IN ",
    "A ",
    "AAAA ",
    "TXT ",
    "CNAME ",
    "SVCB 0 ",
    "TYPE65535 ",
    "4294967295",
    "4294967296",
    "-1",
    "1w2d",
];

/// Zones of the repository, and each line of the corpus of record forms as a zone of its own.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in ["zones", "tests/config/zones", "tests/support"] {
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let zones = files.filter(|path| path.extension().is_some_and(|found| found == "zone"));
        seeds.extend(zones.map(|path| fs::read(path).unwrap()));
    }
    let forms = fs::read_to_string(Path::new("tests/pure/zones/forms.txt")).unwrap();
    let forms = forms.lines().filter(|line| !line.starts_with('#'));
    let forms = forms.filter_map(|line| line.split_once(" =>").or(line.split_once(" !! ")));
    // The first word says which servers take the form.
    let lines: Vec<&str> = forms
        .filter_map(|(form, _)| Some(form.split_once(' ')?.1))
        .collect();
    assert!(
        seeds.len() > 4 && lines.len() > 100,
        "{} {}",
        seeds.len(),
        lines.len()
    );
    seeds.extend(lines.chunks(8).map(|lines| {
        let lines = lines.iter().map(|line| format!("x {line}\n"));
        (HEAD.to_owned() + &lines.collect::<String>()).into_bytes()
    }));
    seeds
}

/// Errors stand in the text that they are of.
fn stand(errors: &[MasterError], text: &[u8]) {
    let lines: Vec<&[u8]> = text.split(|octet| *octet == b'\n').collect();
    for error in errors.iter().filter(|error| error.file.is_none()) {
        let line = usize::try_from(error.line).unwrap();
        assert!(line <= lines.len(), "line {line} of {}", lines.len());
        let column = usize::try_from(error.column).unwrap();
        let columns = line.checked_sub(1).map_or(0, |line| lines[line].len() + 1);
        assert!(
            column <= columns,
            "column {column} of {columns}, line {line}: {}",
            error.message
        );
    }
}

#[test]
fn bent_master_files_are_read_or_refused() {
    let seeds = seeds();
    let other: Arc<[u8]> = Arc::from(HEAD.as_bytes());
    let include = |path: &str| match path {
        "other" => Ok(Arc::clone(&other)),
        _ => Err("there is only one".to_owned()),
    };
    let apex = Name::parse(APEX).unwrap();
    let mut bender = Bender {
        seeds: &seeds,
        words: &WORDS,
        draws: Draws::from_seed(0x5A),
    };
    let (mut good, mut bad) = (0, 0);
    let inputs = (0..rounds(FILES)).map(|_| bender.bent());
    survive("masters", inputs, |text| {
        let loaded = master::read(&apex, text, &include, &[]);
        stand(&loaded.warnings, text);
        match loaded.zone {
            Err(errors) => {
                assert!(!errors.is_empty(), "refused without a reason");
                stand(&errors, text);
                bad += 1;
            }
            Ok(zone) => {
                let content = Content::of_zone(&zone).expect("a zone has one SOA");
                let written = content.to_master("a test");
                let again = Content::of_master(&apex, written.as_bytes());
                assert!(again.as_ref() == Some(&content), "{written}");
                good += 1;
            }
        }
    });
    assert!(good > rounds(300) && bad > rounds(1000), "{good} {bad}");
}
