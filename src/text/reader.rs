//! Takes a TOML document apart, key by key, and never stops at the first error.
//!
//! `serde` is not used here because it does: its deserializers return on the first value that
//! does not fit, and `check` must show them all. So the document is read by hand, from the
//! tree that the `toml` crate gives with a position on every key and value. Whoever reads a
//! table asks for each key once; what nobody asked for is unknown, so the list of known keys
//! is never a second list that could fall behind.
//!
//! It does not know which keys there are, nor what values mean.
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics, Gap};
use super::survey::{AskedKeys, AskedValue, Kinds, Nested};
use super::value::{self, Trouble};
use crate::base::similar;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    /// The value.
    pub(crate) value: T,
    /// Its bytes in the config.
    pub(crate) at: Range<usize>,
}

/// The value without its position.
pub(crate) fn plain<T>(value: Option<At<T>>) -> Option<T> {
    value.map(|value| value.value)
}

/// The items of a list without the list's position.
pub(crate) fn items<T>(list: Option<At<Vec<At<T>>>>) -> Vec<At<T>> {
    list.map_or_else(Vec::new, |list| list.value)
}

/// The keys that a reading of a table asks for, whatever the table holds.
pub(crate) fn keys_read<T>(read: impl FnOnce(&mut Fields<'_, '_>) -> T) -> Vec<&'static str> {
    let reader = Reader::new(Diagnostics::default());
    let empty = DeTable::new();
    let mut fields = reader.document(&empty);
    read(&mut fields);
    fields.known
}

/// How a value is written, where several ways are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `[ … ]`.
    List,
    /// `{ … }`, or a header of its own.
    Table,
    /// Anything else.
    Single,
}

/// A pretence about every key. It goes different ways for different texts, so that it is run once for each of these.
#[derive(Clone, Copy, Debug)]
struct Pretence {
    has_keys: bool,
    shape: Shape,
}

/// All that a reading of a document asks for, whatever a text holds.
pub(crate) fn survey<T>(read: impl Fn(&Reader, &mut Fields<'_, '_>) -> T) -> AskedKeys {
    let asked = AskedKeys::default();
    for shape in [Shape::Single, Shape::List, Shape::Table] {
        for has_keys in [true, false] {
            let reader = Reader::pretending(Pretence { has_keys, shape });
            let empty = DeTable::new();
            read(&reader, &mut reader.pretended(&empty, &asked));
        }
    }
    asked
}

/// Gathers what is wrong while tables are read.
#[derive(Debug)]
pub(crate) struct Reader {
    found: RefCell<Diagnostics>,
    /// The key of the document whose value is being read; what is wrong there leaves a gap in it.
    reading: Cell<&'static str>,
    /// The pretence about every table, where the reading itself is looked at.
    pretended: Option<Pretence>,
}

/// The keys of one table.
pub(crate) struct Fields<'r, 't> {
    reader: &'r Reader,
    table: &'t DeTable<'t>,
    at: Range<usize>,
    what: String,
    known: Vec<&'static str>,
    /// The keys that are asked for, where the reading itself is looked at.
    asked: Option<AskedKeys>,
}

/// Parses a text as far as it is TOML; what is not is added to `found`.
pub(crate) fn parse<'t>(found: &mut Diagnostics, text: &'t str) -> Spanned<DeTable<'t>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    report(found, errors, &(0..text.len()));
    document
}

/// Adds what the parser found wrong in a part of the text.
pub(super) fn report(found: &mut Diagnostics, errors: Vec<toml::de::Error>, part: &Range<usize>) {
    for error in errors {
        let at = error.span().unwrap_or(part.len()..part.len());
        found
            .syntax(&within(at, part), error.message())
            .help("the text must be TOML; errors on other lines may follow from this one");
    }
}

/// A span that lies in the part, whatever the parser says of its end.
fn within(at: Range<usize>, part: &Range<usize>) -> Range<usize> {
    let end = (part.start + at.end).min(part.end);
    (part.start + at.start).min(end)..end
}

impl Reader {
    pub(crate) fn new(found: Diagnostics) -> Self {
        Self {
            found: RefCell::new(found),
            reading: Cell::new(""),
            pretended: None,
        }
    }

    /// One that reads no text: it notes what is asked for.
    fn pretending(pretence: Pretence) -> Self {
        Self {
            pretended: Some(pretence),
            ..Self::new(Diagnostics::default())
        }
    }

    /// The document of such a one, over an empty table.
    fn pretended<'t>(&self, table: &'t DeTable<'t>, asked: &AskedKeys) -> Fields<'_, 't> {
        Fields {
            asked: Some(Rc::clone(asked)),
            ..self.document(table)
        }
    }

    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        self.found.into_inner()
    }

    /// The whole document.
    pub(crate) fn document<'t>(&self, table: &'t DeTable<'t>) -> Fields<'_, 't> {
        self.whole(table, "the config")
    }

    /// A whole document, called so in messages.
    pub(crate) fn whole<'t>(&self, table: &'t DeTable<'t>, what: &str) -> Fields<'_, 't> {
        self.fields(table, 0..0, what.to_owned())
    }

    /// Adds an error; `amend` may give it a label, a help line or a basis.
    pub(crate) fn error(
        &self,
        at: &Range<usize>,
        message: impl Into<String>,
        amend: impl FnOnce(&mut Diagnostic),
    ) {
        let mut found = self.found.borrow_mut();
        let error = found.error(at, message);
        amend(error.leaves(Gap::Content(self.reading.get())));
    }

    /// Adds a warning with its help line.
    pub(crate) fn warn(&self, at: &Range<usize>, message: &str, help: &str) {
        self.found.borrow_mut().warn(at, message).help(help);
    }

    /// Adds an error that the parser of a value found.
    pub(crate) fn trouble(&self, at: &Range<usize>, trouble: Trouble) {
        self.error(at, trouble.message, |found| {
            if let Some(help) = trouble.help {
                found.help(help);
            }
        });
    }

    fn fields<'t>(&self, table: &'t DeTable<'t>, at: Range<usize>, what: String) -> Fields<'_, 't> {
        Fields {
            reader: self,
            table,
            at,
            what,
            known: Vec::new(),
            asked: None,
        }
    }

    fn parse<T>(
        &self,
        value: &Spanned<DeValue<'_>>,
        parse: &impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
    ) -> Option<At<T>> {
        match parse(value.get_ref()) {
            Ok(parsed) => Some(At {
                value: parsed,
                at: value.span(),
            }),
            Err(trouble) => {
                self.trouble(&value.span(), trouble);
                None
            }
        }
    }
}

impl<'r, 't> Fields<'r, 't> {
    /// Where the table is written: its name.
    pub(crate) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    pub(crate) fn reader(&self) -> &'r Reader {
        self.reader
    }

    /// Tells whether there is no text, and every way to read it is to be gone.
    pub(crate) fn is_surveyed(&self) -> bool {
        self.asked.is_some()
    }

    /// Notes what is asked for, if that is wanted.
    fn ask(&mut self, key: &str, value: impl FnOnce() -> AskedValue) {
        if let Some(asked) = &self.asked {
            asked.borrow_mut().add(key, value());
        }
    }

    /// The keys of a table below this one, where nothing is read.
    fn pretend(&mut self, key: &'static str, nested: Nested) -> Option<Fields<'r, 't>> {
        let below = self.asked.as_ref()?.borrow_mut().nested(key, nested);
        Some(Fields {
            asked: Some(below),
            ..self.reader.fields(self.table, 1..1, String::new())
        })
    }

    /// A value that may be absent; also absent when it does not fit, which is reported.
    pub(crate) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
    ) -> Option<At<T>> {
        self.ask(key, || AskedValue::One(Kinds::of(&parse)));
        self.find(key)
            .and_then(|(_, value)| self.reader.parse(value, &parse))
    }

    /// A value that must be there; the help line shows the example.
    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
    ) -> Option<At<T>> {
        if self.find(key).is_none() {
            self.missing(key, &format!("write `{key} = {example}`"));
        }
        self.optional(key, parse)
    }

    /// A list of values; those that do not fit are reported and left out.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
    ) -> Option<At<Vec<At<T>>>> {
        self.ask(key, || AskedValue::List(Kinds::of(&parse)));
        let (_, value) = self.find(key)?;
        let Some(items) = value.get_ref().as_array() else {
            let trouble = value::mismatch("a list", value.get_ref())
                .with_help(format!("write `{key} = [ … ]`"));
            self.reader.trouble(&value.span(), trouble);
            return None;
        };
        let parsed = items
            .iter()
            .filter_map(|item| self.reader.parse(item, &parse));
        Some(At {
            value: parsed.collect(),
            at: value.span(),
        })
    }

    /// A list with at least one value; the help line shows the example.
    pub(crate) fn required_list<T>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
    ) -> Vec<At<T>> {
        let help = format!("write `{key} = {example}`");
        match self.find(key) {
            None => self.missing(key, &help),
            Some((_, value)) => {
                if value
                    .get_ref()
                    .as_array()
                    .is_some_and(|list| list.is_empty())
                {
                    let message = format!("`{key}` of {} is empty", self.what);
                    self.reader.error(&value.span(), message, |found| {
                        found.help(help);
                    });
                }
            }
        }
        self.list(key, parse)
            .map_or_else(Vec::new, |list| list.value)
    }

    /// A table under a key.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Fields<'r, 't>> {
        if let Some(below) = self.pretend(key, Nested::Table) {
            return Some(below);
        }
        let (at, value) = self.find(key)?;
        self.as_fields(at, value, format!("`{key}`"))
    }

    /// Tables written as `[[key]]`.
    pub(crate) fn tables(&mut self, key: &'static str) -> Vec<Fields<'r, 't>> {
        if let Some(below) = self.pretend(key, Nested::Tables) {
            return vec![below];
        }
        let Some((at, value)) = self.find(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            let trouble = value::mismatch("a list of tables", value.get_ref());
            self.reader.error(&at, trouble.message, |found| {
                found.help(format!("write `[[{key}]]` over each of them"));
                found.leaves(self.unread()).inferred();
            });
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| self.as_fields(item.span(), item, format!("this `{key}` entry")))
            .collect()
    }

    /// Tables written as `[key.name]`, in the order of the text.
    pub(crate) fn named(
        &mut self,
        key: &'static str,
        noun: &str,
    ) -> Vec<(At<String>, Fields<'r, 't>)> {
        if let Some(below) = self.pretend(key, Nested::Named) {
            let (value, at) = ("NAME".to_owned(), below.at());
            return vec![(At { value, at }, below)];
        }
        let Some(all) = self.table(key) else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (name, value) in all.in_order() {
            if let Err(trouble) = value::check_label(name.get_ref()) {
                self.reader.trouble(&name.span(), trouble);
            }
            let what = format!("{noun} `{}`", name.get_ref());
            if let Some(fields) = self.as_fields(name.span(), value, what) {
                entries.push((spanned_text(name), fields));
            }
        }
        entries
    }

    /// Keys that the user makes up, each with a value of one type, in the order of the text.
    pub(crate) fn pairs<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
    ) -> Vec<(At<String>, At<T>)> {
        if self.is_surveyed() {
            self.ask(key, || AskedValue::Pairs(Kinds::of(&parse)));
            return Vec::new();
        }
        let Some(all) = self.table(key) else {
            return Vec::new();
        };
        all.in_order()
            .into_iter()
            .filter_map(|(name, value)| {
                let parsed = self.reader.parse(value, &parse)?;
                Some((spanned_text(name), parsed))
            })
            .collect()
    }

    /// Whether this is the one key that the table has.
    pub(crate) fn has_only(&self, key: &str) -> bool {
        let mut names = self.table.iter().map(|(name, _)| name.get_ref());
        names.next().is_some_and(|name| name == key) && names.next().is_none()
    }

    /// Where a key's name is written, if it is there.
    pub(crate) fn key(&mut self, key: &'static str) -> Option<Range<usize>> {
        if let Some(pretence) = &self.reader.pretended {
            return pretence.has_keys.then_some(1..1);
        }
        self.find(key).map(|(at, _)| at)
    }

    /// Whether a key has been asked for.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.known.contains(&key)
    }

    /// How a key's value is written, if it is there.
    pub(crate) fn shape(&mut self, key: &'static str) -> Option<Shape> {
        if let Some(pretence) = &self.reader.pretended {
            return Some(pretence.shape);
        }
        let (_, value) = self.find(key)?;
        let value = value.get_ref();
        let shape = match (value.as_array(), value.as_table()) {
            (Some(_), _) => Shape::List,
            (_, Some(_)) => Shape::Table,
            (None, None) => Shape::Single,
        };
        Some(shape)
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self) {
        for (name, _) in self.in_order() {
            if self.known.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let message = format!("unknown key `{}` in {}", name.get_ref(), self.what);
            let meant = similar(name.get_ref(), self.known.iter().copied());
            let help = match meant {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known keys: {}", self.known_keys()),
            };
            self.reader.error(&name.span(), message, |found| {
                found.help(help);
                if let Some(known) = meant.filter(|_| self.is_document()) {
                    found.leaves(Gap::Names(known));
                }
            });
            if let Some(known) = meant {
                let missing = self.missing_message(known);
                self.reader.found.borrow_mut().retract(&self.at, &missing);
            }
        }
    }

    /// Reports a key that must be there.
    pub(crate) fn missing(&self, key: &str, help: &str) {
        let message = self.missing_message(key);
        self.reader.error(&self.at, message, |found| {
            found.help(help).rests_on(self.unread());
        });
    }

    fn missing_message(&self, key: &str) -> String {
        format!("missing key `{key}` in {}", self.what)
    }

    /// Whether these are the keys of the document itself, which stands nowhere.
    fn is_document(&self) -> bool {
        self.at.is_empty()
    }

    /// What is not known while a table is not read, or read under another name.
    fn unread(&self) -> Gap {
        Gap::Names(self.reader.reading.get())
    }

    fn known_keys(&self) -> String {
        let mut keys = self.known.clone();
        keys.sort_unstable();
        keys.join(", ")
    }

    fn find(&mut self, key: &'static str) -> Option<(Range<usize>, &'t Spanned<DeValue<'t>>)> {
        if self.is_document() {
            self.reader.reading.set(key);
        }
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let mut entries = self.table.iter();
        let (name, value) = entries.find(|(name, _)| name.get_ref().as_ref() == key)?;
        Some((name.span(), value))
    }

    fn as_fields(
        &self,
        at: Range<usize>,
        value: &'t Spanned<DeValue<'t>>,
        what: String,
    ) -> Option<Fields<'r, 't>> {
        match value.get_ref().as_table() {
            Some(table) => Some(self.reader.fields(table, at, what)),
            None => {
                let trouble = value::mismatch("a table", value.get_ref());
                self.reader.error(&value.span(), trouble.message, |found| {
                    found.help("write a header such as `[name]`, or `{ key = value }`");
                    found.leaves(self.unread()).inferred();
                });
                None
            }
        }
    }

    fn in_order(
        &self,
    ) -> Vec<(
        &'t Spanned<std::borrow::Cow<'t, str>>,
        &'t Spanned<DeValue<'t>>,
    )> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
    }
}

fn spanned_text(name: &Spanned<std::borrow::Cow<'_, str>>) -> At<String> {
    At {
        value: name.get_ref().clone().into_owned(),
        at: name.span(),
    }
}
