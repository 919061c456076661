//! The bundle of the page is of the sources that lie beside it: the hashes that were noted when it was made are still right.
//!
//! This needs no other program; whether the sources make this bundle is told where node is (`real::page`).
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use flate2::read::GzDecoder;

/// The whole page, packed.
const MOST_OCTETS: u64 = 100_000;
const HELP: &str = "run ui/build, and commit ui/dist with what it was made of";

/// Every source of the bundle, as `ui/build.mjs` lists them.
fn sources() -> BTreeSet<String> {
    let mut found: BTreeSet<String> = [
        "build.mjs",
        "world.mjs",
        "package.json",
        "package-lock.json",
    ]
    .map(str::to_owned)
    .into();
    let mut open = vec![PathBuf::from("ui/src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let inner = path.strip_prefix("ui").unwrap();
                found.insert(inner.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

fn sha256(octets: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, octets);
    let digits = hash.as_ref().iter().map(|octet| format!("{octet:02x}"));
    digits.collect()
}

fn read(path: &str) -> Vec<u8> {
    let own = Path::new("ui").join(path);
    if !path.starts_with("dist/") {
        return fs::read(own).unwrap();
    }
    let packed = fs::read(format!("ui/{path}.gz")).unwrap();
    let mut octets = Vec::new();
    GzDecoder::new(&*packed).read_to_end(&mut octets).unwrap();
    octets
}

#[test]
fn the_bundle_is_of_the_sources_beside_it() {
    let sums = fs::read_to_string("ui/dist/SHA256SUMS").unwrap();
    let mut listed = BTreeSet::new();
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        assert_eq!(sha256(&read(path)), sum, "ui/{path} is another: {HELP}");
        listed.insert(path.to_owned());
    }
    let made = ["app.css", "app.js", "index.html", "world.json"];
    let mut expected = sources();
    expected.extend(made.map(|name| format!("dist/{name}")));
    assert_eq!(listed, expected, "{HELP}");
    let packed = made.map(|name| fs::metadata(format!("ui/dist/{name}.gz")).unwrap().len());
    assert!(
        packed.iter().sum::<u64>() <= MOST_OCTETS,
        "the page has grown too large: {packed:?}"
    );
}
