//! dnsviz looks at a zone from the outside: every key, signature and proof of some names.
use std::fs;
use std::process::Command;

use crate::ground::{Pair, sign, table, ways};
use crate::validators::{Server, now, own_network};
use crate::world;

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

#[test]
fn dnsviz_finds_nothing_wrong() {
    for way in ways() {
        let folder = own_network();
        let pair = Pair::new(way.algorithm);
        let plan = sign(world::compile(), way, &pair, now());
        let _server = Server::start(table(&plan, &[]));
        let ds = format!("example.org. 60 IN DS {}\n", pair.anchor());
        fs::write(folder.path().join("ds"), ds).unwrap();
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
        fs::write(folder.path().join("keys"), keys.stdout).unwrap();
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
        dnsviz(folder.path(), &[&probe[..], &rest, &NAMES].concat());
        let found = dnsviz(folder.path(), &["print", "-r", "probe.json", "-t", "keys"]);
        // `[.]` is secure; `[!]`, `[-]` and `[?]` are not, and errors and warnings are named.
        let marks: Vec<&str> = found
            .split('[')
            .skip(1)
            .filter_map(|rest| rest.get(..2))
            .collect();
        let well = marks.iter().all(|mark| *mark == ".]");
        assert!(marks.len() > 60 && well, "{way:?}:\n{found}");
        let named = |line: &str| {
            let words = line.split_whitespace();
            words
                .into_iter()
                .any(|word| word.starts_with("E:") || word.starts_with("W:"))
        };
        assert!(!found.lines().any(named), "{way:?}:\n{found}");
    }
}
