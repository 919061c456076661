//! The order of files within a floor: who names whom, and where that goes round in a circle.
//!
//! A file depends on those where the things are defined that its `use` lines and its paths name; a re-export is followed
//! to the definition, so that a `mod.rs` which hands out the things of its folder ties nobody together. Tests do
//! not count. What is inside a circle cannot be read, or changed, one file at a time. The edges of today's circles are listed.
//!
//! The reading is by text, not by a compiler: methods and macros bring no edges, and that is enough here.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::list::{Found, compare};
use super::{production, sources};

/// A module's path without `crate`: `["io", "serve"]`.
type Module = Vec<String>;

/// One file as seen by the others.
struct File {
    path: String,
    code: String,
    imports: Imports,
}

/// All that `use` brings into a file.
#[derive(Default)]
struct Imports {
    /// The path of each name.
    names: BTreeMap<String, Vec<String>>,
    /// Names that others get from here.
    handed_out: BTreeSet<String>,
    /// Paths of which everything is brought in.
    globs: Vec<Vec<String>>,
}

#[test]
fn files_of_a_floor_stand_in_an_order() {
    let files = read();
    let mut found = Found::new();
    for (from, to) in circles(&edges(&files)) {
        found.insert(format!("{from} -> {to}"), 1);
    }
    let cure = "take what both need into a file of its own, or hand it over as an argument";
    compare("cycles.txt", cure, &found);
}

#[test]
fn a_module_is_one_file_or_one_folder() {
    let beside = sources().into_iter().filter_map(|(path, _)| {
        let folder = path.with_extension("");
        folder.is_dir().then(|| (path.display().to_string(), 1))
    });
    compare(
        "beside.txt",
        "move it into its folder as mod.rs",
        &beside.collect(),
    );
}

/// Every file but those that are tests alone.
fn read() -> BTreeMap<Module, File> {
    let all = sources();
    let mut files = BTreeMap::new();
    for (path, text) in &all {
        let code = code_of(&production(path, text));
        let imports = imports(&code);
        let path = path.strip_prefix("src").unwrap();
        let file = File {
            path: path.display().to_string(),
            code,
            imports,
        };
        files.insert(module_of(path), file);
    }
    files
}

fn module_of(path: &Path) -> Module {
    let bare = path.with_extension("");
    let words = bare
        .components()
        .map(|word| word.as_os_str().to_str().unwrap().to_owned());
    words
        .filter(|word| !["mod", "lib", "main"].contains(&word.as_str()))
        .collect()
}

/// A text without comments and without what stands in quotes.
fn code_of(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut parts = line.split("//").next().unwrap().split('"');
        let first = parts.next().unwrap().to_owned();
        // Every second part stands in quotes.
        parts
            .skip(1)
            .step_by(2)
            .fold(first, |line, part| line + "\"\"" + part)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// All that `use` brings in.
fn imports(code: &str) -> Imports {
    let mut imports = Imports::default();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let whole = at == 0 || !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let line = rest[..at].rsplit('\n').next().unwrap();
        let is_public = line.trim_start().starts_with("pub");
        rest = &rest[at + 4..];
        let Some(end) = rest.find(';').filter(|_| whole) else {
            continue;
        };
        for path in spread(&rest[..end]) {
            let (path, alias) = match path.split_once(" as ") {
                Some((path, alias)) => (path, Some(alias.trim().to_owned())),
                None => (path.as_str(), None),
            };
            let mut words: Vec<String> = path
                .split("::")
                .map(|word| word.trim().to_owned())
                .collect();
            if words.last().is_some_and(|word| word == "self") {
                words.pop();
            }
            match words.last().cloned() {
                Some(last) if last == "*" => imports.globs.push(words[..words.len() - 1].to_vec()),
                Some(last) => {
                    let name = alias.unwrap_or(last);
                    imports.handed_out.extend(is_public.then(|| name.clone()));
                    imports.names.insert(name, words);
                }
                None => {}
            }
        }
    }
    imports
}

/// The single paths of a `use` with braces.
fn spread(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        return vec![tree.to_owned()];
    };
    let (head, inner) = (
        &tree[..open],
        tree[open + 1..].trim_end().trim_end_matches('}'),
    );
    // A brace too few at the end of what was nested last does no harm: it is only trimmed.
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(spread)
        .map(|part| format!("{head}{part}"))
        .collect()
}

/// The file that defines what a path names, as seen from a module.
fn resolve(
    files: &BTreeMap<Module, File>,
    from: &Module,
    path: &[String],
    depth: usize,
) -> Option<Module> {
    let mut at = from.clone();
    let mut words = path.iter();
    let mut first = true;
    while let Some(word) = words.next() {
        let child = [&at[..], std::slice::from_ref(word)].concat();
        match word.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop()?;
            }
            _ if files.contains_key(&child) => at = child,
            _ => {
                let file = files.get(&at)?;
                return match file.imports.names.get(word) {
                    Some(renamed) if depth < 8 && renamed != path => {
                        let rest: Vec<String> = renamed.iter().chain(words).cloned().collect();
                        resolve(files, &at, &rest, depth + 1)
                    }
                    // A word of another crate, not of ours.
                    _ if first => None,
                    _ => Some(through_globs(files, &at, word, depth)),
                };
            }
        }
        first = false;
    }
    (!first).then_some(at)
}

/// The module that defines a word, which may have come through a `pub use x::*`.
fn through_globs(files: &BTreeMap<Module, File>, at: &Module, word: &str, depth: usize) -> Module {
    let defines = |module: &Module| {
        let code = &files[module].code;
        [
            "struct", "enum", "trait", "fn", "const", "static", "type", "mod",
        ]
        .iter()
        .any(|kind| code.contains(&format!("{kind} {word}")))
    };
    let globs = files[at]
        .imports
        .globs
        .iter()
        .filter(|_| depth < 8 && !defines(at));
    let sources = globs.filter_map(|glob| resolve(files, at, glob, depth + 1));
    sources
        .into_iter()
        .find(defines)
        .unwrap_or_else(|| at.clone())
}

/// Who depends on whom within a floor, by path of file.
fn edges(files: &BTreeMap<Module, File>) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, file) in files {
        let imports = &file.imports;
        let needed = imports
            .names
            .iter()
            .filter(|(name, _)| is_needed(file, name));
        let imported = needed.map(|(_, path)| path).chain(&imports.globs).cloned();
        let named = imported.chain(paths(&file.code));
        let found = named.filter_map(|path| resolve(files, module, &path, 0));
        let own =
            found.filter(|to| !module.is_empty() && to != module && to.first() == module.first());
        let to = own.map(|to| files[&to].path.as_str());
        edges.entry(&file.path).or_default().extend(to);
    }
    edges
}

/// Whether a file needs a name that `use` brings in: it does not if the name is handed out and stands nowhere else.
fn is_needed(file: &File, name: &str) -> bool {
    let words = file.code.split(|c: char| !c.is_alphanumeric() && c != '_');
    let mut found = words.filter(|word| *word == name);
    !file.imports.handed_out.contains(name) || found.nth(1).is_some()
}

/// Paths with `::` in a text, but for those of `use`.
fn paths(code: &str) -> impl Iterator<Item = Vec<String>> {
    let part = |c: char| !c.is_alphanumeric() && c != '_' && c != ':';
    let statements = code.split(';').filter(|text| !imports_only(text));
    let words = statements.flat_map(move |text| text.split(part));
    words.filter(|word| word.contains("::")).map(|word| {
        let words = word.split("::").filter(|word| !word.is_empty());
        words
            .map(|word| word.trim_matches(':').to_owned())
            .collect()
    })
}

/// Whether a statement is a `use`, or lies behind one.
fn imports_only(statement: &str) -> bool {
    let mut words = statement.split_whitespace();
    words.find(|word| !word.starts_with("pub") && !word.starts_with('#')) == Some("use")
}

/// The edges by which their end leads back to their beginning.
fn circles<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<(&'a str, &'a str)> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges
        .keys()
        .map(|from| (*from, reach(edges, from)))
        .collect();
    let pairs = edges
        .iter()
        .flat_map(|(from, to)| to.iter().map(move |to| (*from, *to)));
    pairs
        .filter(|(from, to)| reached[to].contains(from))
        .collect()
}

/// All that a file depends on, however far.
fn reach<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = edges[from].iter().copied().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(&edges[next]);
        }
    }
    reached
}

/// Files of a floor, as if they stood there.
fn floor(texts: &[(&str, &str)]) -> BTreeMap<Module, File> {
    let file = |(path, text): &(&str, &str)| {
        let code = code_of(text);
        let imports = imports(&code);
        let path = (*path).to_owned();
        (
            module_of(Path::new(&path)),
            File {
                path,
                code,
                imports,
            },
        )
    };
    texts.iter().map(file).collect()
}

#[test]
fn a_circle_is_found_and_a_facade_is_none() {
    let facade = [
        (
            "io/mod.rs",
            "mod a;\nmod b;\npub use a::{One, two::{self}};\npub use b::Other;",
        ),
        (
            "io/a.rs",
            "pub struct One; // crate::io::b::Other\nconst S: &str = \"super::b::Other\";",
        ),
        ("io/b.rs", "use crate::io::One;\npub struct Other(One);"),
    ];
    assert_eq!(circles(&edges(&floor(&facade))), []);
    let mut circle = facade;
    circle[1].1 = "use super::Other as Else;\npub struct One;";
    let expected = [("io/a.rs", "io/b.rs"), ("io/b.rs", "io/a.rs")];
    assert_eq!(circles(&edges(&floor(&circle))), expected);
    circle[1].1 = "pub struct One;\nfn f() { super::helper() }";
    circle[0].1 = "mod a;\nuse a::One;\nfn helper() {}";
    circle[2].1 = "";
    let expected = [("io/a.rs", "io/mod.rs"), ("io/mod.rs", "io/a.rs")];
    assert_eq!(circles(&edges(&floor(&circle))), expected);
}
