//! Lists of what is not yet as it should be. They may only shrink.
//!
//! A list is a text file beside this one, an entry a line, sorted: a key, and a number behind it where it is more than 1. What is
//! found and not listed fails the test, and so does what is listed and no longer found: whoever
//! mends something strikes it out, and nobody can bring it back unseen. [`REWRITE`] writes the lists as things are; a list that
//! grows thereby needs its reason in the commit, one that shrinks needs none. After a merge the same command settles every conflict.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// The command that writes all lists anew.
const REWRITE: &str = "UPDATE_LISTS=1 cargo test --test pure tidy::";

/// Entries and how often each was found.
pub(super) type Found = BTreeMap<String, usize>;

/// Compares what was found to the list of this name, or writes the list if the environment asks for it. `cure` is the advice to
/// whoever has added an entry.
pub(super) fn compare(name: &str, cure: &str, found: &Found) {
    let path = PathBuf::from("tests/pure/tidy").join(name);
    if std::env::var_os("UPDATE_LISTS").is_some() {
        fs::write(&path, written(found)).unwrap();
    }
    let listed = read(&fs::read_to_string(&path).unwrap_or_default());
    let complaints = complaints(&listed, found, cure);
    assert!(
        complaints.is_empty(),
        "{}, a list that may only shrink:\n{complaints}after a merge, and to strike out what is gone: {REWRITE}",
        path.display(),
    );
}

/// The differences in words; nothing, if there are none.
fn complaints(listed: &Found, found: &Found, cure: &str) -> String {
    let mut text = String::new();
    let count = |map: &Found, key: &String| map.get(key).copied().unwrap_or(0);
    for (key, now) in found.iter().filter(|(key, n)| **n > count(listed, key)) {
        let before = count(listed, key);
        writeln!(text, "  new: {key}: {now}, listed are {before}; {cure}").unwrap();
    }
    for (key, before) in listed.iter().filter(|(key, n)| **n > count(found, key)) {
        let now = count(found, key);
        writeln!(
            text,
            "  gone: {key}: {now}, listed are {before}; strike it out"
        )
        .unwrap();
    }
    text
}

fn written(found: &Found) -> String {
    let mut text = String::new();
    for (key, count) in found {
        match count {
            1 => writeln!(text, "{key}").unwrap(),
            _ => writeln!(text, "{key} {count}").unwrap(),
        }
    }
    text
}

fn read(text: &str) -> Found {
    let entry = |line: &str| match line.rsplit_once(' ') {
        Some((key, count)) if count.parse::<usize>().is_ok() => {
            (key.to_owned(), count.parse().unwrap())
        }
        _ => (line.to_owned(), 1),
    };
    text.lines().map(entry).collect()
}

#[test]
fn what_is_new_and_what_is_gone_is_told() {
    let listed = read("a -> b\nDesk 5\nKept 2\n");
    assert_eq!(written(&listed), "Desk 5\nKept 2\na -> b\n");
    assert_eq!(complaints(&listed, &listed, ""), "");
    let found = read("Desk 6\nKept 2\nRing 2\n");
    assert_eq!(
        complaints(&listed, &found, "rename"),
        "  new: Desk: 6, listed are 5; rename\n  new: Ring: 2, listed are 0; rename\n  gone: a -> b: 0, listed are 1; strike it out\n"
    );
}
