//! dnsviz looks at a zone from the outside: every key, signature and proof of some names.
use std::fs;
use std::process::Command;

use super::validators::{Server, now, own_network};
use crate::sample;
use crate::signed::{Pair, sign, table, ways};

const NAMES: [&str; 5] = [
    "example.org",
    "api.example.org",
    "www.example.org",
    "one.text.example.org",
    "wide.example.org",
];

/// Runs dnsviz; what it prints.
fn dnsviz(folder: &std::path::Path, arguments: &[&str]) -> String {
    let output = Command::new("dnsviz")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("tests/run installs dnsviz");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "dnsviz {arguments:?}: {said}");
    said
}

/// Asserts that nothing is wrong with these names of the zone, which 127.0.0.20 serves and which
/// this DS anchors; gives what dnsviz finds.
pub(crate) fn look(folder: &std::path::Path, anchor: &str, names: &[&str]) -> String {
    let ds = format!("example.org. 60 IN DS {anchor}\n");
    fs::write(folder.join("ds"), ds).unwrap();
    let keys = Command::new("dig")
        .args([
            "@127.0.0.20",
            "+noall",
            "+answer",
            "+tcp",
            "example.org",
            "DNSKEY",
        ])
        .output()
        .unwrap();
    fs::write(folder.join("keys"), keys.stdout).unwrap();
    let at = "example.org:ns1.example.org=127.0.0.20";
    let (authority, delegation) = (at.replacen(':', "+:", 1), at);
    let probe = [
        "probe",
        "-A",
        "-4",
        "-x",
        &authority,
        "-N",
        delegation,
        "-D",
        "example.org:ds",
    ];
    let rest = ["-a", "example.org", "-o", "probe.json"];
    dnsviz(folder, &[&probe[..], &rest, names].concat());
    let found = dnsviz(folder, &["print", "-r", "probe.json", "-t", "keys"]);
    let named = |line: &str| {
        let mut words = line.split_whitespace();
        words.any(|word| word.starts_with("E:") || word.starts_with("W:"))
    };
    assert!(!found.lines().any(named), "{found}");
    found
}

/// What dnsviz says of each record and proof: `.` is secure; `!`, `-` and `?` are not.
pub(crate) fn marks(found: &str) -> Vec<&str> {
    let marks = found.split('[').skip(1);
    marks.filter_map(|rest| rest.get(..2)).collect()
}

#[test]
fn dnsviz_finds_nothing_wrong() {
    for way in ways() {
        let folder = own_network();
        let pair = Pair::new(way.algorithm);
        let plan = sign(sample::compile(), way, &pair, now());
        let _server = Server::start(table(&plan, &[]));
        let found = look(folder.path(), &pair.anchor(), &NAMES);
        let marks = marks(&found);
        let well = marks.iter().all(|mark| *mark == ".]");
        assert!(marks.len() > 60 && well, "{way:?}:\n{found}");
    }
}
