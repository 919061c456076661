//! `include`: the files that make one config together with its own.
//!
//! ```toml
//! include = ["conf.d/*.toml"]
//! ```
//!
//! A pattern is a path below the folder of the config, with `*` in its last part at most; nothing outside of that folder is
//! taken in, whoever wrote the text. Files of a pattern come in the order of their names, those of a later pattern
//! later, and each once. What they say together is one config ([`crate::text::merge`]), and an included file includes
//! nothing further, so that what belongs to a config is seen in one place.
//!
//! Nothing here opens a file: [`wanted`] says what is wanted, and `io::files` brings it.
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::declared::{DeclaredText, OWNED, ObjectPath, ObjectTable};
use super::environment::{self, Lookup};
use crate::text::Diagnostics;
use crate::text::document::Document;
use crate::text::merge;
use crate::text::reader::{Fields, Reader};
use crate::text::value::{self, Trouble};

/// The key of the config.
const KEY: &str = "include";
const HELP: &str = "write a path below the config's own folder, with `*` in its last part at most: \"conf.d/*.toml\"";

/// A file that `include` names, or the reason why there is none.
#[derive(Clone, Debug)]
pub struct Included {
    /// The pattern that names it, as it is written.
    pub pattern: String,
    /// The place where it was looked for.
    pub path: PathBuf,
    /// Its bytes, or why they could not be brought.
    pub content: Result<Vec<u8>, String>,
}

/// Everything that a config is read with beside its own text.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'s> {
    /// The files that it includes, in their order.
    pub included: &'s [Included],
    /// Texts of what is declared, which no file has.
    pub declared: &'s [DeclaredText],
    /// Values of the environment.
    pub environment: Option<Lookup<'s>>,
}

/// Patterns of files that a text asks for; those that may not stand there are left out.
pub(super) fn wanted(text: &str) -> Vec<String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let list = table.get_ref().get(KEY);
    let list = list.and_then(|list| list.get_ref().as_array());
    let items = list.into_iter().flat_map(|list| list.iter());
    items
        .filter_map(|item| pattern(item.get_ref()).ok())
        .collect()
}

/// A path below the folder of the config.
fn pattern(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::path(value)?;
    let path = Path::new(&text);
    let is_below = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let folder = path.parent().map(Path::to_string_lossy);
    let has_wild_folder = folder.is_some_and(|folder| folder.contains('*'));
    match is_below && !has_wild_folder && path.file_name().is_some() {
        true => Ok(text),
        false => Err(Trouble::new(format!("`{text}` cannot be included")).with_help(HELP)),
    }
}

/// Tells whether a name is one of those that the last part of a pattern means. Hidden files are none unless the pattern
/// begins with a dot as well.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

/// A config with all that it includes, then what is declared.
pub(super) fn document(path: &Path, text: &str, around: &Surroundings<'_>) -> Document {
    let texts: Vec<_> = around
        .included
        .iter()
        .filter_map(|one| {
            let content = one.content.as_ref().ok()?;
            let text = String::from_utf8_lossy(content);
            Some((one.path.display().to_string(), text))
        })
        .collect();
    let others = texts.iter().map(|(path, text)| (path.clone(), &**text));
    let own = (path.display().to_string(), text);
    let declared = around.declared.iter();
    let declared = declared.map(|own| (own.source.clone(), &*own.text));
    Document::of(std::iter::once(own).chain(others).chain(declared))
}

/// The keys of a config with those of all that it includes, and values of the environment in their places. The text is that of
/// the document.
pub(super) fn table<'t>(
    text: &'t str,
    document: &mut Document,
    around: &Surroundings<'_>,
    found: &mut Diagnostics,
) -> DeTable<'t> {
    let mut places: Vec<_> = document.places().map(|(_, at)| at).collect();
    let declared = places.split_off(places.len() - around.declared.len());
    let there = around.included.iter();
    let mut contents = there.filter_map(|one| one.content.as_ref().ok());
    let mut whole = DeTable::new();
    for (number, at) in places.into_iter().enumerate() {
        if number > 0 && !is_text(contents.next(), at.start, found) {
            continue;
        }
        let mut table = merge::parse(found, text, at);
        if number == 0 {
            whole = table;
            continue;
        }
        if let Some((key, _)) = table.remove_entry(KEY) {
            found
                .error(&key.span(), "an included file includes nothing further")
                .help("write the pattern into `include` of the config itself");
        }
        merge::merge(&mut whole, table, found);
    }
    let filled = environment::fill(&mut whole, text, around.environment, found);
    found.conceal(filled.iter().map(|(_, value)| &**value));
    document.fill(filled);
    // Whoever declares something sees nothing of the environment by it.
    let filed = owned(&whole);
    for (own, at) in around.declared.iter().zip(declared) {
        let table = merge::parse(found, text, at.clone());
        match conflict(&filed, &own.path) {
            Some(help) => {
                let message = format!("{} {OWNED}", own.path);
                found.error(&(at.start..at.start + 1), message).help(help);
            }
            None => merge::merge(&mut whole, table, found),
        }
    }
    whole
}

/// Tables of the files by table and name, and whether each has endpoints of its own.
fn owned(whole: &DeTable<'_>) -> BTreeMap<(ObjectTable, String), bool> {
    let of_table = |table: ObjectTable| {
        let own = whole
            .get(table.word())
            .and_then(|own| own.get_ref().as_table());
        own.into_iter().flat_map(move |own| {
            own.iter().map(move |(name, one)| {
                let has_endpoints = one.get_ref().get("endpoints").is_some();
                ((table, name.get_ref().to_string()), has_endpoints)
            })
        })
    };
    ObjectTable::ALL.into_iter().flat_map(of_table).collect()
}

/// Why something cannot be declared beside what files have: the help for it.
fn conflict(
    filed: &BTreeMap<(ObjectTable, String), bool>,
    path: &ObjectPath,
) -> Option<&'static str> {
    let own = filed.get(&(path.table, path.name.clone()))?;
    match (&path.endpoint, path.table, own) {
        (None, _, _) => Some("change it there, or remove it there first; or declare it no longer"),
        (Some(_), ObjectTable::Services, false) => Some(
            "a service of a file gets further endpoints only where it has some of its own: else it would leave those of the regions",
        ),
        (Some(_), ObjectTable::Monitors | ObjectTable::Regions | ObjectTable::Services, _) => None,
    }
}

/// Tells whether an included file is text, and reports the first byte that is none. What is put in its place has the same place.
fn is_text(content: Option<&Vec<u8>>, start: usize, found: &mut Diagnostics) -> bool {
    let Some(Err(error)) = content.map(|content| std::str::from_utf8(content)) else {
        return true;
    };
    let at = start + error.valid_up_to();
    found
        .syntax(&(at..at + 1), "a byte that is not UTF-8 text")
        .help("save the file as UTF-8");
    false
}

/// Reads `include`, and reports what could not be brought for it.
pub(super) fn read(fields: &mut Fields<'_, '_>, reader: &Reader, included: &[Included]) {
    let Some(list) = fields.list(KEY, pattern) else {
        return;
    };
    for item in list.value {
        let own = included.iter().filter(|one| one.pattern == item.value);
        for (one, reason) in own.filter_map(|one| Some((one, one.content.as_ref().err()?))) {
            let message = format!("`{}` cannot be included: it {reason}", one.path.display());
            reader.error(
                &item.at,
                message.replace("it no such", "no such"),
                |found| {
                    found.help("nothing of the config is taken while a part of it is missing");
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, fitting) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", false),
            ("*.toml", ".a.toml", false),
            (".*.toml", ".a.toml", true),
            ("*.toml", "a.toml~", false),
            ("*.toml", "a.toml.bak", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("aa*aa", "aaa", false),
            ("a.toml", "a.toml", true),
            ("a.toml", "b.toml", false),
            ("*", "b", true),
        ] {
            assert_eq!(fits(pattern, name), fitting, "{pattern} {name}");
        }
    }

    #[test]
    fn nothing_outside_the_folder_of_the_config_is_asked_for() {
        let asked = |text: &str| wanted(&format!("include = [{text}]"));
        for text in [
            r#""/etc/passwd""#,
            r#""../a.toml""#,
            r#""conf.d/../../a.toml""#,
            r#""*/a.toml""#,
            r#""./a.toml""#,
            r#""""#,
            "1",
        ] {
            assert_eq!(asked(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(asked(r#""conf.d/*.toml", "b""#), ["conf.d/*.toml", "b"]);
        assert!(wanted("include = \"a\"").is_empty());
        assert!(wanted("[server]").is_empty());
    }
}
