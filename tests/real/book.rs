//! The book, built by mdBook as a reader would build it: nothing is complained of, and every link leads to a page and an anchor of
//! what was built. What a link means in the sources is the affair of `pure documents::`.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::world::{repository, run};

/// Pages of the built book, by their paths within it.
fn pages(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut open, mut found) = (vec![root.to_owned()], BTreeMap::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "html") {
                let own = path.strip_prefix(root).unwrap().to_owned();
                found.insert(own, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// Values of an attribute of a page.
fn values<'a>(page: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    let parts = page.split(attribute).skip(1);
    parts.filter_map(|rest| Some(rest.split_once('"')?.0))
}

/// Where a path leads from a folder.
fn joined(folder: &Path, target: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in target.split('/') {
        match part {
            ".." => drop(path.pop()),
            "." | "" => {}
            name => path.push(name),
        }
    }
    path
}

/// Links of a page that lead nowhere; and how many lead somewhere.
fn broken(
    root: &Path,
    (own, text): (&Path, &str),
    anchors: &BTreeMap<&Path, BTreeSet<&str>>,
) -> (Vec<String>, usize) {
    let (mut wrong, mut count) = (Vec::new(), 0);
    let links = values(text, " href=\"").chain(values(text, " src=\""));
    for link in links.filter(|link| !link.contains(':')) {
        let (target, fragment) = link.split_once('#').unwrap_or((link, ""));
        let path = match target {
            "" => own.to_owned(),
            target => joined(own.parent().unwrap(), target),
        };
        let named = anchors.get(path.as_path());
        let is_there = match (named, fragment) {
            (Some(named), fragment) if !fragment.is_empty() => named.contains(fragment),
            _ => root.join(&path).is_file(),
        };
        count += usize::from(is_there);
        if !is_there {
            wrong.push(format!("{}: {link}", own.display()));
        }
    }
    (wrong, count)
}

#[test]
fn the_book_is_built_and_its_links_lead_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("book");
    let program = repository("target/packaging/bin/mdbook");
    let (program, docs) = (program.to_str().unwrap(), repository("docs"));
    let arguments = [
        "build",
        "--dest-dir",
        root.to_str().unwrap(),
        docs.to_str().unwrap(),
    ];
    let (text, well) = run(program, &arguments);
    let complaints = ["WARN", "ERROR"].iter().any(|word| text.contains(word));
    assert!(well && !complaints, "{text}");
    let mut pages = pages(&root);
    // It is for any address that is not there, and its links are those of the top.
    pages.remove(Path::new("404.html"));
    let anchors = pages.iter();
    let anchors = anchors.map(|(path, text)| (path.as_path(), values(text, " id=\"").collect()));
    let anchors: BTreeMap<&Path, BTreeSet<&str>> = anchors.collect();
    let (mut wrong, mut sum) = (Vec::new(), 0);
    for (path, text) in &pages {
        let (own, count) = broken(&root, (path, text), &anchors);
        wrong.extend(own);
        sum += count;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pages.len() > 60 && sum > 1000, "{sum} links");
    let start = (Path::new("index.html"), "<a href=\"glossary.html#absent\">");
    assert_eq!(broken(&root, start, &anchors).0.len(), 1);
}
