//! Links of the README and of the book: each leads to a page and an anchor that are there, and every page can be found.
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{pages, prose};

/// Questions that a reader would ask, and where the answer is; the first page of the book lists them.
const QUESTIONS: [(&str, &str); 14] = [
    (
        "How do I try it without a domain?",
        "docs/src/tutorial.md#4-start-it",
    ),
    (
        "What do I give to my registrar?",
        "docs/src/tutorial.md#8-delegate-it",
    ),
    (
        "How many nodes do I need, and where?",
        "docs/src/how-to/high-availability.md#how-many-nodes",
    ),
    (
        "How do I upgrade without losing a query, and go back?",
        "docs/src/how-to/upgrade.md#going-back",
    ),
    (
        "What must a backup hold?",
        "docs/src/how-to/backup.md#what-to-save",
    ),
    (
        "How do I bring a lost node back?",
        "docs/src/how-to/backup.md#restore-a-node",
    ),
    (
        "How do I install it as a service?",
        "docs/src/how-to/install.md#packages-for-debian-and-rpm",
    ),
    (
        "How do I reboot a machine without anybody noticing?",
        "docs/src/how-to/maintenance.md#drain-a-machine",
    ),
    (
        "Why did this client get this answer?",
        "docs/src/explanation/answer.md#ask-it",
    ),
    (
        "What happens when everything fails at once?",
        "docs/src/explanation/self-doubt.md#when-everything-fails-at-once",
    ),
    (
        "Which personal data is processed, and for how long?",
        "docs/src/privacy.md#what-is-kept-and-for-how-long",
    ),
    (
        "How fast do clients move after an outage?",
        "docs/src/explanation/recovery.md#how-long-a-failover-takes",
    ),
    (
        "How do I prove to an auditor that data stays where it must?",
        "docs/src/explanation/law.md#the-proof",
    ),
    (
        "When is another product the better choice?",
        "docs/src/comparison.md#when-to-choose-something-else",
    ),
];

/// The anchor that a heading gets (mdBook's and GitHub's rule for plain headings).
fn anchor(heading: &str) -> String {
    let fits = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    let lower = heading.trim().to_lowercase();
    let letters = lower.chars().map(|letter| match letter {
        ' ' => '-',
        other => other,
    });
    letters.filter(|letter| fits(*letter)).collect()
}

/// The anchors of a page, those of included parts aside; a heading that comes again gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        let Some(heading) = heading.strip_prefix(' ').filter(|_| line.starts_with('#')) else {
            let named = line.split("<a id=\"").skip(1);
            found.extend(named.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            continue;
        };
        let first = anchor(heading);
        let mut own = first.clone();
        let mut again = 0;
        while !found.insert(own) {
            again += 1;
            own = format!("{first}-{again}");
        }
    }
    found
}

/// The targets of links and pictures of a page, each with its line.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for rest in line.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
        for rest in line.split("src=\"").skip(1) {
            if let Some((target, _)) = rest.split_once('"') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// A path without `.` and `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                tidied.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => tidied.push(part),
        }
    }
    tidied
}

/// What is wrong with a link, if anything is.
fn broken(from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => PathBuf::from(from),
        file => tidy(&Path::new(from).parent().unwrap().join(file)),
    };
    if !path.exists() {
        return Some(format!("{} is not there", path.display()));
    }
    if from.starts_with("docs/src/") && !path.starts_with("docs/src") {
        return Some(format!(
            "{} is not in the book: name it, without a link",
            path.display()
        ));
    }
    if fragment.is_empty() {
        return None;
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let is_there = anchors(&text).contains(fragment);
    (!is_there).then(|| format!("{} has no #{fragment}", path.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in pages() {
        for (line, target) in targets(&text) {
            count += 1;
            if let Some(why) = broken(&path, &target) {
                wrong.push(format!("{path}:{line}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "{count} links");
}

/// mdBook leaves out what its summary does not name.
#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let summary = super::page("SUMMARY.md");
    let named: BTreeSet<String> = targets(&summary)
        .into_iter()
        .map(|(_, target)| format!("docs/src/{target}"))
        .collect();
    for (path, _) in pages() {
        let is_page = path.starts_with("docs/src/") && !path.ends_with("SUMMARY.md");
        assert!(!is_page || named.contains(&path), "{path} is in no summary");
    }
}

/// What a page takes from elsewhere (`{{#include …}}`) is there.
#[test]
fn included_files_exist() {
    for (path, text) in pages() {
        for rest in text.split("{{#include ").skip(1) {
            let file = rest.split_once("}}").unwrap().0;
            // The lines that are taken stand behind it.
            let file = file.split(':').next().unwrap();
            let file = tidy(&Path::new(&path).parent().unwrap().join(file));
            assert!(file.exists(), "{path} includes {}", file.display());
        }
    }
}

#[test]
fn questions_of_a_reader_have_an_answer() {
    let first = super::page("introduction.md");
    for (question, place) in QUESTIONS {
        assert_eq!(broken("README.md", place), None, "{question}");
        let link = format!("[{question}]({})", place.trim_start_matches("docs/src/"));
        assert!(first.contains(&link), "the first page has no {link}");
    }
}

#[test]
fn broken_links_are_seen() {
    assert!(broken("README.md", "docs/src/absent.md").is_some());
    assert!(broken("README.md", "docs/src/glossary.md#absent").is_some());
    assert!(broken("docs/src/glossary.md", "../../README.md").is_some());
    assert_eq!(anchor("`[server.tls]` of A & B"), "servertls-of-a--b");
    let text = "# One\n```sh\n# no heading\n```\n## One\n[a](b.md#c) ![d](e.svg)\n";
    assert_eq!(Vec::from_iter(anchors(text)), ["one", "one-1"]);
    assert_eq!(targets(text), [(6, "b.md#c".into()), (6, "e.svg".into())]);
}
