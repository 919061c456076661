//! Events of the log: those of the code are those of `docs/src/reference/events.md`.
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{cells, code, page, prose};

/// Introductions of an event in the code; its name is the next literal.
const INTRODUCTIONS: [&str; 4] = [
    "event = ",
    "Notice::info(",
    "Notice::warn(",
    "Notice::error(",
];

/// Events that are named by a function or a macro, with the file that has them.
const NAMED_OTHERWISE: [(&str, &[&str]); 5] = [
    ("src/daemon/log_form.rs", &["log_lost"]),
    (
        "src/daemon/signalled.rs",
        &["reload_refused", "upgrade_failed"],
    ),
    (
        "src/io/screen.rs",
        &[
            "update_refused",
            "notification_refused",
            "request_refused",
            "signature_refused",
        ],
    ),
    (
        "src/daemon/notice_lines.rs",
        &["fail_open", "fail_open_over", "all_down", "all_down_over"],
    ),
    (
        "src/daemon/notice_log.rs",
        &["standings", "addresses_left", "addresses_back"],
    ),
];

/// Every source file without its tests.
fn sources() -> Vec<(PathBuf, String)> {
    let (mut open, mut found) = (vec![PathBuf::from("src")], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((path, code));
            }
        }
    }
    found
}

/// A literal that may be the name of an event, where the text begins with one.
fn literal(text: &str) -> Option<&str> {
    let (name, _) = text.trim_start().strip_prefix('"')?.split_once('"')?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (!name.is_empty() && name.bytes().all(fits)).then_some(name)
}

fn in_code() -> BTreeSet<String> {
    let mut events = BTreeSet::new();
    for (_, text) in sources() {
        for introduction in INTRODUCTIONS {
            let mut rest = &text[..];
            while let Some((_, after)) = rest.split_once(introduction) {
                events.extend(literal(after).map(str::to_owned));
                rest = after;
            }
        }
    }
    events
}

#[test]
fn events_of_the_log_are_documented() {
    let mut events = in_code();
    for (file, names) in NAMED_OTHERWISE {
        let text = fs::read_to_string(file).unwrap();
        for name in names {
            let stem = name.trim_end_matches("_over");
            assert!(text.contains(&format!("\"{stem}")), "{file}: {name}");
            events.insert((*name).to_owned());
        }
    }
    assert!(events.len() > 60, "{events:?}");
    let text = page("reference/events.md");
    let rows = prose(&text).filter_map(|(_, line)| cells(line));
    let listed = rows.filter_map(|cells| code(cells.first()?).map(str::to_owned));
    let listed: BTreeSet<String> = listed.collect();
    let missing: Vec<_> = events.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&events).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/src/reference/events.md has no row for {missing:?}, and rows that nothing writes: {gone:?}"
    );
}
