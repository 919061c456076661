//! The documents: what they say is compared with the code, and where they point is there.
//!
//! The book is `docs/src`, its front door `README.md`. Language is a person's affair; that a default, a key, an event, a command
//! or a link is right is not.
mod alerts;
mod api;
mod commands;
mod crates;
mod dashboards;
mod defaults;
mod events;
mod links;
mod proofs;
mod words;

use std::fs;
use std::path::PathBuf;

/// Every page, by its path from the root of the repository: the book's, the README, and what the book
/// includes.
fn pages() -> Vec<(String, String)> {
    let mut open = vec![PathBuf::from("docs/src")];
    let mut found = vec![PathBuf::from("README.md"), PathBuf::from("docs/metrics.md")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.to_str().unwrap().to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

/// One page of the book.
fn page(name: &str) -> String {
    let path = format!("docs/src/{name}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of a page that are no code, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    let lines = text.lines().enumerate();
    lines.filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            return None;
        }
        (!is_code).then_some((number + 1, line))
    })
}

/// The cells of a row of a table; nothing for other lines, and for the line under a table's head.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let is_rule = cells
        .iter()
        .all(|cell| !cell.is_empty() && cell.bytes().all(|byte| byte == b'-' || byte == b':'));
    (!is_rule).then_some(cells)
}

/// The text of a cell that is one span of code and nothing else.
fn code(cell: &str) -> Option<&str> {
    let inner = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!inner.contains('`')).then_some(inner)
}
