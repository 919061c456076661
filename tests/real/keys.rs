//! Keys of ours for the programs of others, and theirs for us.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::place::Place;

/// What a program prints; it must succeed.
fn tool(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error} (tests/run installs it)", words[0]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Tag, algorithm, digest type and digest of each DS record of a text.
fn records(text: &str) -> Vec<(String, String, String, String)> {
    let lines = text.lines().filter(|line| !line.starts_with(';'));
    lines
        .map(|line| {
            let mut words = line
                .split_whitespace()
                .skip_while(|word| *word != "DS")
                .skip(1);
            let mut next = || words.next().unwrap().to_owned();
            let (tag, algorithm, kind) = (next(), next(), next());
            let digest: String = words.take_while(|word| !word.starts_with(';')).collect();
            (tag, algorithm, kind, digest.to_ascii_uppercase())
        })
        .collect()
}

const ALGORITHMS: [(&str, &str); 3] = [
    ("ecdsa-p256", "ECDSAP256SHA256"),
    ("ed25519", "ED25519"),
    ("rsa-sha256", "RSASHA256"),
];

#[test]
fn others_make_the_same_ds_of_our_keys() {
    for (algorithm, _) in ALGORITHMS {
        let place = Place::new("");
        place.run(&["generate", "example.org", "--algorithm", algorithm]);
        let stem = &place.files(".key")[0];
        let file = format!("{stem}.key");
        for (digest, bind, ldns) in [("sha256", "SHA-256", "-2"), ("sha384", "SHA-384", "-4")] {
            let ours = place.run(&["ds", "example.org", "--digest", digest]);
            assert!(ours.starts_with("; not before"), "{ours}");
            let ours = records(&ours);
            assert_eq!(ours.len(), 1);
            let theirs = tool(&place.keys(), &["dnssec-dsfromkey", "-a", bind, &file]);
            assert_eq!(records(&theirs), ours);
            let theirs = tool(&place.keys(), &["ldns-key2ds", "-n", ldns, &file]);
            assert_eq!(records(&theirs), ours);
        }
    }
}

#[test]
fn others_sign_with_our_keys() {
    for (algorithm, _) in ALGORITHMS {
        let place = Place::new("");
        place.run(&[
            "generate",
            "example.org",
            "--split",
            "--algorithm",
            algorithm,
        ]);
        let folder = place.keys();
        let stems = place.files(".key");
        for stem in &stems {
            let times = tool(&folder, &["dnssec-settime", "-p", "all", stem]);
            assert!(times.contains("Created: "), "{times}");
            tool(&folder, &["dnssec-settime", "-P", "now", "-A", "now", stem]);
        }
        let mut zone = fs::read_to_string(place.path().join("example.org.zone")).unwrap();
        for stem in &stems {
            zone += &fs::read_to_string(folder.join(format!("{stem}.key"))).unwrap();
        }
        fs::write(folder.join("zone"), zone).unwrap();
        tool(
            &folder,
            &["dnssec-signzone", "-o", "example.org", "-f", "bind", "zone"],
        );
        tool(&folder, &["dnssec-verify", "-o", "example.org", "bind"]);
        let ldns = [
            &["ldns-signzone", "-o", "example.org", "-f", "ldns", "zone"][..],
            &stems.iter().map(String::as_str).collect::<Vec<_>>(),
        ]
        .concat();
        tool(&folder, &ldns);
        tool(&folder, &["ldns-verify-zone", "ldns"]);
        // dnssec-settime has written the files anew, and they are ours still.
        let tag = place.json(&["list", "example.org"])[0]["keys"][0]["tag"].to_string();
        place.run(&["export", "example.org", &tag]);
    }
}

#[test]
fn keys_of_bind_are_taken_over() {
    for (algorithm, mnemonic) in ALGORITHMS {
        let (place, theirs) = (Place::new(""), tempdir().unwrap());
        for flag in [&["-f", "KSK"][..], &[]] {
            let words = [
                &["dnssec-keygen", "-q", "-a", mnemonic][..],
                flag,
                &["example.org"],
            ];
            tool(theirs.path(), &words.concat());
        }
        let files = all(theirs.path());
        let brought = import(&place, &files);
        let keys = brought["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        for key in keys {
            assert_eq!(key["algorithm"], algorithm);
        }
        let ours = records(&place.run(&["ds", "example.org"]));
        let ksk = files.iter().find(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.contains("DNSKEY 257")
        });
        let bind = tool(theirs.path(), &["dnssec-dsfromkey", "-2", ksk.unwrap()]);
        assert_eq!(records(&bind), ours);
        let again =
            place.fail(&[&["import", "--zone", "example.org"][..], &words(&files)].concat());
        assert!(again.contains("has key "), "{again}");
    }
}

#[test]
fn keys_of_ldns_are_taken_over() {
    for (algorithm, mnemonic) in ALGORITHMS {
        let (place, theirs) = (Place::new(""), tempdir().unwrap());
        tool(
            theirs.path(),
            &[
                "ldns-keygen",
                "-a",
                mnemonic,
                "-b",
                "2048",
                "-k",
                "example.org",
            ],
        );
        let ds = all(theirs.path())
            .into_iter()
            .find(|path| path.ends_with(".ds"))
            .unwrap();
        let files: Vec<String> = all(theirs.path());
        let files: Vec<String> = files
            .into_iter()
            .filter(|path| !path.ends_with(".ds"))
            .collect();
        let brought = import(&place, &files);
        assert_eq!(brought["keys"][0]["role"], "csk");
        assert_eq!(brought["keys"][0]["algorithm"], algorithm);
        let ours = records(&place.run(&["ds", "example.org"]));
        let made = records(&fs::read_to_string(ds).unwrap());
        if made[0].2 == "2" {
            assert_eq!(made, ours);
        }
    }
}

#[test]
fn keys_of_openssl_come_and_go() {
    for (algorithm, words) in [
        (
            "ecdsa-p256",
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
        ),
        ("ed25519", "openssl genpkey -algorithm ED25519 -out key.pem"),
        (
            "rsa-sha256",
            "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem",
        ),
    ] {
        let (place, theirs) = (Place::new(""), tempdir().unwrap());
        tool(theirs.path(), &words.split(' ').collect::<Vec<_>>());
        let path = theirs.path().join("key.pem");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let brought = import(&place, &[path.display().to_string()]);
        assert_eq!(brought["keys"][0]["algorithm"], algorithm);
        let tag = brought["keys"][0]["tag"].to_string();
        let exported = place.run(&["export", "example.org", &tag]);
        fs::write(theirs.path().join("back.pem"), exported).unwrap();
        let public = |file: &str| tool(theirs.path(), &["openssl", "pkey", "-in", file, "-pubout"]);
        assert_eq!(public("back.pem"), public("key.pem"));
        tool(
            theirs.path(),
            &["openssl", "pkey", "-check", "-noout", "-in", "back.pem"],
        );
    }
}

#[test]
fn what_cannot_be_taken_over_says_why() {
    let (place, theirs) = (Place::new(""), tempdir().unwrap());
    tool(
        theirs.path(),
        &["dnssec-keygen", "-q", "-a", "ED25519", "example.net"],
    );
    tool(
        theirs.path(),
        &["dnssec-keygen", "-q", "-a", "ED25519", "example.org"],
    );
    tool(
        theirs.path(),
        &[
            "dnssec-keygen",
            "-q",
            "-a",
            "RSASHA512",
            "-b",
            "2048",
            "example.org",
        ],
    );
    let key = |part: &str| {
        let mut files = all(theirs.path()).into_iter();
        files
            .find(|path| path.contains(part) && path.ends_with(".key"))
            .unwrap()
    };
    for (file, says) in [
        (key("Kexample.net."), "is a key of zone `example.net`"),
        (key("org.+015"), "would have no key that the DS can name"),
        (key("org.+010"), "the algorithm 10 is not supported"),
        ("absent.key".to_owned(), "absent.key: "),
        ("config.toml".to_owned(), "is open to others"),
    ] {
        let said = place.fail(&["import", "--zone", "example.org", &file]);
        assert!(said.contains(says), "{file}: {said}");
    }
    assert!(!place.keys().join("example.org.state").exists());
}

fn all(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path().display().to_string());
    let mut paths: Vec<String> = paths.collect();
    paths.sort();
    paths
}

fn words(files: &[String]) -> Vec<&str> {
    files.iter().map(String::as_str).collect()
}

fn import(place: &Place, files: &[String]) -> Value {
    place.json(&[&["import", "--zone", "example.org"][..], &words(files)].concat())
}
