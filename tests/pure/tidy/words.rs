//! Words: names that mean one thing, doc comments that begin with a noun or a verb.
use super::list::{Found, compare};
use super::{production, sources};

/// Words that begin a clause, not a sentence of its own.
const CLAUSES: [&str; 6] = ["What ", "Who ", "Whether ", "How ", "Where ", "When "];
/// Words that introduce a type of a name of its own.
const KINDS: [&str; 4] = ["struct ", "enum ", "trait ", "union "];

#[test]
fn a_name_of_a_type_means_one_thing() {
    let mut defined = Found::new();
    for (path, text) in sources() {
        for line in production(&path, &text).lines() {
            if let Some(name) = type_defined(line) {
                *defined.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    defined.retain(|_, times| *times > 1);
    let cure = "a word of the glossary that says which one it is";
    compare("names.txt", cure, &defined);
}

#[test]
fn doc_comments_begin_with_a_noun_or_a_verb() {
    let mut clauses = Found::new();
    for (path, text) in sources() {
        let count = clauses_of(&text);
        if count > 0 {
            clauses.insert(path.display().to_string(), count);
        }
    }
    let cure = "begin with a noun or a verb, not with a clause";
    compare("clauses.txt", cure, &clauses);
}

/// The name of the type that a line defines, aliases of modules included, associated types not.
fn type_defined(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let rest = match code.strip_prefix("pub") {
        Some(rest) if rest.starts_with([' ', '(']) => rest.split_once(' ')?.1,
        _ => code,
    };
    let alias = (code.len() == line.len()).then_some("type ");
    let named = KINDS.into_iter().chain(alias);
    let rest = named.filter_map(|kind| rest.strip_prefix(kind)).next()?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// Doc comments of a text whose first word begins a clause.
fn clauses_of(text: &str) -> usize {
    let doc = |line: &str| {
        let line = line.trim_start();
        let said = line.strip_prefix("///").or(line.strip_prefix("//!"));
        said.map(|said| said.trim_start().to_owned())
    };
    let lines = text.lines().map(doc);
    let before = std::iter::once(None).chain(lines.clone());
    let begun = lines.zip(before).filter(|(_, before)| before.is_none());
    let begun = begun.filter_map(|(line, _)| line);
    begun
        .filter(|said| CLAUSES.iter().any(|word| said.starts_with(word)))
        .count()
}

#[test]
fn types_and_clauses_are_seen() {
    assert_eq!(type_defined("pub(crate) struct Desk<'a> {"), Some("Desk"));
    assert_eq!(type_defined("    enum Inner {"), Some("Inner"));
    assert_eq!(type_defined("pub type Room = u8;"), Some("Room"));
    assert_eq!(type_defined("    type Item = u8;"), None);
    assert_eq!(type_defined("public struct of words"), None);
    assert_eq!(
        clauses_of("/// What it is.\n/// Who cares.\nfn f() {}\n    /// How.\n"),
        1
    );
    assert_eq!(clauses_of("//! Where it is.\n\n/// When it was.\n"), 2);
}
