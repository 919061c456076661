//! The rules of the house, checked.
mod list;
mod order;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of `src` and the modules it may name, lowest first. The order is the
/// proof that there are no cycles: a module may be granted only modules listed above it.
const EDGES: &[(&str, &str)] = &[
    ("base", ""),
    ("dns", "base"),
    ("geo", "base"),
    ("text", "base dns geo"),
    ("import", "geo"),
    ("monitor", "base dns text"),
    ("names", "base dns"),
    ("discovery", "base dns"),
    ("keys", "base dns"),
    ("plan", "base dns geo monitor names discovery"),
    ("config", "base dns geo text monitor names discovery plan"),
    ("health", "base plan"),
    ("share", "base dns health keys"),
    ("steer", "base plan"),
    ("table", "base dns geo plan steer"),
    ("audit", "base dns geo names plan steer table"),
    ("answer", "base dns geo plan table"),
    ("zones", "base dns names keys plan table"),
    (
        "engine",
        "base dns names discovery plan health share table zones",
    ),
    (
        "sim",
        "base dns geo text plan config health table answer zones engine",
    ),
    (
        "io",
        "base dns geo monitor names discovery keys plan config health steer table answer zones engine share",
    ),
    ("hickory", "base answer io"),
    (
        "daemon",
        "base dns geo names discovery keys plan config health table audit answer zones engine share io",
    ),
    (
        "cli",
        "base dns geo import names discovery keys text plan config health steer table audit answer zones engine share sim io daemon",
    ),
];
/// Parts of `io` that do not see each other.
const SIBLINGS: &[&str] = &[
    "serve",
    "probe",
    "control",
    "transfer",
    "handover",
    "discovery",
];
/// Words that may appear only on the two top floors.
const EFFECTS: &[&str] = &[
    "tokio::",
    "std::net::UdpSocket",
    "std::net::Tcp",
    "std::fs",
    "std::thread",
    "std::process",
    "Instant",
    "SystemTime",
    "async fn",
    ".await",
    "Mutex",
    "RwLock",
    "Atomic",
    "arc_swap",
    "tracing::",
    "println!",
    "rand::",
];
const FILE_LINES_MAX: usize = 600;

#[test]
fn edges_are_a_ladder() {
    let mut above = BTreeSet::new();
    for (module, granted) in EDGES {
        for name in granted.split_whitespace() {
            assert!(
                above.contains(name),
                "{module} is granted {name}, which is not above it"
            );
        }
        above.insert(*module);
    }
    let found: BTreeSet<String> = fs::read_dir("src")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".rs"))
        .collect();
    assert_eq!(found, above.into_iter().map(str::to_owned).collect());
}

#[test]
fn imports_follow_the_edges() {
    let mut errors = Vec::new();
    for (path, text) in sources() {
        let Some(own) = module(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            for used in named_modules(line) {
                if used != own && !granted(&own).split_whitespace().any(|name| name == used) {
                    errors.push(format!("{place}: {own} may not use {used}"));
                }
            }
            if line.contains("super::super") {
                errors.push(format!("{place}: say `crate::`, not `super::super`"));
            }
            for sibling in SIBLINGS
                .iter()
                .filter(|name| line.contains(&format!("io::{name}")))
            {
                if own == "io" && !path.starts_with(format!("src/io/{sibling}")) {
                    errors.push(format!("{place}: parts of io may not use io::{sibling}"));
                }
            }
        }
    }
    assert!(errors.is_empty(), "\n{}", errors.join("\n"));
}

#[test]
fn effects_stay_upstairs() {
    let mut errors = Vec::new();
    for (path, text) in sources() {
        let Some(own) = module(&path) else { continue };
        if ["io", "hickory", "daemon", "cli"].contains(&own.as_str()) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for word in EFFECTS.iter().filter(|word| line.contains(**word)) {
                errors.push(format!(
                    "{}:{}: `{word}` below io",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    assert!(errors.is_empty(), "\n{}", errors.join("\n"));
}

#[test]
fn files_are_short_and_introduced() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{}: {lines} lines", path.display());
        assert!(
            text.starts_with("//! "),
            "{}: no module comment",
            path.display()
        );
        // In two parts, or this line would be one.
        let leftover = ["FIX", "ME"].concat();
        assert!(
            !text.contains(&leftover),
            "{}: leftover {leftover}",
            path.display()
        );
    }
}

/// Each file of `tests` beside the four would link the whole library for itself.
#[test]
fn tests_are_linked_into_four_binaries() {
    let found: BTreeSet<String> = fs::read_dir("tests")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|ext| ext == "rs") || path.join("main.rs").exists()
        })
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        found,
        ["pure", "real", "sim", "wire"].map(str::to_owned).into()
    );
}

fn granted(own: &str) -> &'static str {
    let found = EDGES.iter().find(|(module, _)| *module == own);
    found
        .unwrap_or_else(|| panic!("{own} has no line in EDGES"))
        .1
}

fn module(path: &Path) -> Option<String> {
    let inner = path.strip_prefix("src").unwrap();
    (inner.components().count() > 1).then(|| {
        inner
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .to_owned()
    })
}

/// Modules that a line names as `crate::x`; grouped `crate::{..}` imports are refused.
fn named_modules(line: &str) -> Vec<String> {
    if line.trim_start().starts_with("//") {
        return Vec::new();
    }
    assert!(
        !line.contains("crate::{"),
        "name one module per `use crate::`: {line}"
    );
    line.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    let (mut open, mut files) = (vec![PathBuf::from("src")], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path)
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

/// The part of a file that is not a test; nothing of a file that is one from end to end.
fn production(path: &Path, text: &str) -> String {
    const ALONE: [&str; 3] = ["tests.rs", "fixture.rs", "planted.rs"];
    let inside = path.components().any(|part| part.as_os_str() == "tests");
    if inside || ALONE.iter().any(|name| path.ends_with(name)) {
        return String::new();
    }
    let mut parts = text.split("#[cfg(test)]\n");
    let first = parts.next().unwrap().to_owned();
    // Behind the attribute stands a module in a file of its own, or one that goes on to the end.
    parts.fold(first, |code, part| {
        let (item, rest) = part.split_once('\n').unwrap();
        match item.ends_with(';') {
            true => code + rest,
            false => code,
        }
    })
}
