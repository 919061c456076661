//! One way to write a config, whoever wrote it: comments, order and meaning stay, blanks are made the same.
//!
//! A table begins behind one blank line, keys are not indented, `=` has a blank on both sides, a list that has no room on its
//! line or was written over several has an item on each, and nothing ends with blanks. What somebody aligned (the `=` of
//! several lines, the comments behind them) stays aligned. To format again changes nothing.
//!
//! It does not know what keys mean.
use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, RawString, Table, Value};

use super::diagnostic::Diagnostics;
use super::reader;

/// Characters of a line past which a list takes several.
const WIDTH: usize = 100;
/// Blanks before an item of a list that has a line of its own.
const INDENT: &str = "    ";

/// Formats a text.
///
/// # Errors
/// All that is wrong with it, if it is not TOML.
pub(crate) fn format(path: &str, text: &str) -> Result<String, Diagnostics> {
    let mut found = Diagnostics::of_config(path.to_owned(), text);
    reader::parse(&mut found, text);
    if found.has_errors() {
        found.settle();
        return Err(found);
    }
    let formatted = formatted(text).filter(|own| means_the_same(own, text));
    formatted.ok_or_else(|| {
        let message = "this text cannot be formatted without a change of what it means";
        found.error(&(0..0), message).help("it is left as it is");
        found
    })
}

fn formatted(text: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let end = lines(document.trailing().as_str()?, Lead::Kept);
    table(document.as_table_mut());
    document.set_trailing(end.trim_end().to_owned());
    let out = document.to_string();
    let out = out.trim_matches('\n');
    Some(if out.is_empty() {
        String::new()
    } else {
        format!("{out}\n")
    })
}

fn means_the_same(one: &str, other: &str) -> bool {
    let read = |text: &str| toml::from_str::<toml::Table>(text).ok();
    read(one).is_some_and(|own| read(other) == Some(own))
}

/// A blank line before what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    /// As it was written, one at most.
    Kept,
    /// None.
    Dropped,
    /// One.
    Made,
}

/// The keys of a table, then the tables below it.
fn table(own: &mut Table) {
    let mut lead = Lead::Dropped;
    entries(own, "", &mut lead);
    below(own);
}

fn entries(own: &mut Table, before: &str, lead: &mut Lead) {
    for (mut key, item) in own.iter_mut() {
        let name = format!("{before}{}", key.get());
        match item {
            Item::Value(own) => {
                let decor = key.leaf_decor_mut();
                let room = WIDTH.saturating_sub(name.len() + 3);
                let prefix = lines(text_of(decor.prefix()), *lead);
                let blanks = text_of(decor.suffix()).chars().count().max(1);
                decor.set_prefix(prefix);
                decor.set_suffix(" ".repeat(blanks));
                let comment = behind(text_of(own.decor().suffix()));
                value(own, room, "");
                *own.decor_mut() = Decor::new(" ", comment);
                *lead = Lead::Kept;
            }
            Item::Table(inner) if inner.is_dotted() => {
                entries(inner, &format!("{name}."), lead);
            }
            Item::Table(_) | Item::ArrayOfTables(_) | Item::None => {}
        }
    }
}

/// Tables with headers.
fn below(own: &mut Table) {
    for (_, item) in own.iter_mut() {
        match item {
            Item::Table(inner) if inner.is_dotted() => below(inner),
            Item::Table(inner) => headed(inner),
            Item::ArrayOfTables(all) => all.iter_mut().for_each(headed),
            Item::Value(_) | Item::None => {}
        }
    }
}

fn headed(own: &mut Table) {
    let decor = own.decor_mut();
    let prefix = lines(text_of(decor.prefix()), Lead::Made);
    let comment = behind(text_of(decor.suffix()));
    *decor = Decor::new(prefix, comment);
    table(own);
}

fn value(own: &mut Value, room: usize, indent: &str) {
    match own {
        Value::Array(items) => array(items, room, indent),
        Value::InlineTable(keys) => inline(keys, indent),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

fn array(items: &mut Array, room: usize, indent: &str) {
    let is_broken = is_broken_array(items);
    let inner = format!("{indent}{INDENT}");
    let each = WIDTH.saturating_sub(inner.len());
    items.iter_mut().for_each(|item| value(item, each, &inner));
    if !is_broken {
        let written = items.clone();
        items.fmt();
        if items.is_empty() || items.to_string().trim().len() <= room {
            return;
        }
        *items = written;
    }
    let mut carried = String::new();
    for item in items.iter_mut() {
        let decor = item.decor_mut();
        let prefix = carried.clone() + text_of(decor.prefix());
        carried = Some(text_of(decor.suffix()))
            .filter(|own| own.contains('#'))
            .unwrap_or_default()
            .to_owned();
        *decor = Decor::new(own_line(&prefix, &inner, &inner), "");
    }
    carried.push_str(items.trailing().as_str().unwrap_or_default());
    items.set_trailing(own_line(&carried, &inner, indent));
    items.set_trailing_comma(!items.is_empty());
}

/// Tells whether a list is written over several lines, of which it may need more than one.
fn is_broken_array(items: &Array) -> bool {
    let decors = items.iter().map(Value::decor);
    decors.into_iter().any(is_broken)
        || items
            .trailing()
            .as_str()
            .is_some_and(|text| text.contains('\n'))
}

fn is_broken(decor: &Decor) -> bool {
    [decor.prefix(), decor.suffix()]
        .into_iter()
        .any(|text| text_of(text).contains('\n'))
}

/// An inline table over several lines is left as it is.
fn inline(keys: &mut InlineTable, indent: &str) {
    let is_whole = keys
        .iter_mut()
        .all(|(key, own)| !is_broken(key.leaf_decor()) && !is_broken(own.decor()));
    let ends_whole = keys
        .trailing()
        .as_str()
        .is_none_or(|text| !text.contains('\n'));
    let is_flat = keys
        .iter()
        .all(|(_, own)| !own.as_inline_table().is_some_and(InlineTable::is_dotted));
    if is_whole && ends_whole && is_flat {
        keys.iter_mut()
            .for_each(|(_, own)| value(own, WIDTH, indent));
        keys.fmt();
    }
}

fn text_of(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or_default()
}

/// A comment behind a value or a header, as far from it as it was written.
fn behind(text: &str) -> String {
    let comment = text.trim();
    let blanks = text.len() - text.trim_start().len();
    match comment.is_empty() {
        true => String::new(),
        false => format!("{}{comment}", " ".repeat(blanks.max(1))),
    }
}

/// Comments and blank lines before a key or a header.
fn lines(text: &str, lead: Lead) -> String {
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    let all = whole.split('\n').map(str::trim);
    let all = all.take(if text.contains('\n') { usize::MAX } else { 0 });
    let mut out = String::new();
    let mut is_blank = lead != Lead::Kept;
    if lead == Lead::Made {
        out.push('\n');
    }
    for line in all {
        if line.is_empty() && is_blank {
            continue;
        }
        is_blank = line.is_empty();
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Text before an item on a line of its own: a comment on the line before, comments above, and the indent.
fn own_line(text: &str, comments: &str, indent: &str) -> String {
    let mut all = text.split('\n').map(str::trim);
    let mut out = behind(&format!(" {}", all.next().unwrap_or_default()));
    for line in all.filter(|line| !line.is_empty()) {
        out.push_str(&format!("\n{comments}{line}"));
    }
    out + "\n" + indent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_one_way_to_write_them() {
        for (text, expected) in [
            ("", ""),
            ("\n\n", ""),
            ("a=1", "a = 1\n"),
            ("# c\n\n\n\n a  =  1   # d  \n", "# c\n\na  = 1   # d\n"),
            ("[a]\n\n\nb=1\n[c]\n", "[a]\nb = 1\n\n[c]\n"),
            ("a=1\r\n# c\r\n", "a = 1\n# c\n"),
            (
                "  [a] # x\n  # y\n  b.c=1\n# end\n\n\n",
                "[a] # x\n# y\nb.c = 1\n# end\n",
            ),
            ("a=[1,2 , 3,]", "a = [1, 2, 3]\n"),
            ("a=[\n1, # one\n2]\n", "a = [\n    1, # one\n    2,\n]\n"),
            (
                "a=[\n# zero\n1 # one\n,2 # two\n# three\n]\n",
                "a = [\n    # zero\n    1, # one\n    2, # two\n    # three\n]\n",
            ),
            ("a={b=1,c={d=[1,2]}}", "a = { b = 1, c = { d = [1, 2] } }\n"),
            ("a={}\nb=[ ]", "a = {}\nb = []\n"),
            (
                "a=\"\"\"\nx  \n\n\ny\"\"\"",
                "a = \"\"\"\nx  \n\n\ny\"\"\"\n",
            ),
            (
                "[[a]]\nb=1\n# next\n[[a]]\nb=2\n",
                "[[a]]\nb = 1\n\n# next\n[[a]]\nb = 2\n",
            ),
        ] {
            let once = format("c", text).map_err(|found| found.render(false));
            assert_eq!(once.as_deref(), Ok(expected), "{text:?}");
            let twice = format("c", expected).map_err(|found| found.render(false));
            assert_eq!(twice.as_deref(), Ok(expected), "again: {text:?}");
        }
    }

    #[test]
    fn a_long_list_takes_several_lines() {
        let items: Vec<String> = (0..12).map(|number| format!("\"item-{number}\"")).collect();
        let text = format!("key = [{}]\n", items.join(","));
        let once = format("c", &text).unwrap();
        assert_eq!(
            once,
            format!("key = [\n    {},\n]\n", items.join(",\n    "))
        );
        assert_eq!(format("c", &once).unwrap(), once);
    }

    #[test]
    fn what_is_not_toml_is_told() {
        let found = format("c.toml", "a = \n").unwrap_err().list();
        assert_eq!((&*found[0].file, found[0].line), ("c.toml", 1));
    }
}
