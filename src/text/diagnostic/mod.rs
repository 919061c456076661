//! What is wrong (or doubtful) with a config and its files, and how a person is told.
//!
//! A diagnostic points at bytes of one file: the config, a zone file, an included file. All of
//! them are kept until the end and shown together, in the order of files and positions, because
//! an operator who mends one error at a time reloads ten times.
//!
//! One slip is told once, where it stands. When the config is torn (its TOML does not parse), what
//! seems to be missing may stand in the torn part: such findings are marked as inferred and left out
//! then; all others stay. An error may also leave a [`Gap`] in what is known of one table, and a finding
//! that rests on what is not known there is left out as well. What many places say wrong in the same way,
//! such as a name that nothing has, is told at the first of them, which counts the others.
//!
//! Between an error and a warning stands what is *unsettled*: a decision that the config owes and
//! that nobody can guess, though there is a way to go on without it. `check` counts it as an
//! error, so that no such config is rolled out; a server takes it all the same and says so loudly,
//! because the config of yesterday must still start when a machine restarts at three in the morning.
//!
//! What may be a secret in a config is shown nowhere: not in the line that is underlined, nor in a message that names a value.
//!
//! It does not know what is checked, only how findings are kept and shown.
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use self::secrets::KnownKeys;
use self::source::{MASK, Source};
use super::document::Document;

mod secrets;
mod source;

/// Everything that is wrong (or doubtful) with a config and its files.
#[derive(Debug, Default)]
pub struct Diagnostics {
    files: Vec<Source>,
    config: Box<ConfigFacts>,
    /// The files by path: each of very many zones may be doubtful.
    ids: HashMap<String, FileId>,
    list: Vec<Diagnostic>,
}

/// The config's own part of what diagnostics point into.
#[derive(Debug, Default)]
struct ConfigFacts {
    /// The place in its whole text at which each of its files begins; they are the first of the files.
    starts: Vec<usize>,
    /// Values of the environment, as they may stand in a message.
    concealed: Vec<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No plan comes of it.
    Error,
    /// The config owes a decision. A plan comes of it, as if the one written in the message had
    /// been taken; for a reader of findings it is an error.
    #[serde(rename = "error")]
    Unsettled,
    /// A plan comes of it, but perhaps not the one that was meant.
    Warning,
}

/// One diagnostic, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, as it was opened.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Which file a diagnostic points into; those of the config are the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(usize);

/// One thing that is wrong.
#[derive(Debug)]
pub(crate) struct Diagnostic {
    file: FileId,
    at: Range<usize>,
    severity: Severity,
    message: String,
    label: Option<String>,
    help: Option<String>,
    basis: Basis,
    /// What is not known because of it.
    leaves: Option<Gap>,
    /// What it would not say if that were known.
    rests_on: Vec<Gap>,
    repeats: Repeats,
}

/// A part of the config that is not wholly known, because something in it is wrong. The word is a key
/// of the document, such as `regions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Which things there are: a name may stand in what could not be read.
    Names(&'static str),
    /// What is said of them.
    Content(&'static str),
    /// Which of them are named elsewhere: a name may be misspelt.
    Uses(&'static str),
}

impl Gap {
    /// Whether what rests on the other is left hanging by this one.
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Names(own), Self::Names(other) | Self::Content(other) | Self::Uses(other))
            | (Self::Content(own), Self::Content(other))
            | (Self::Uses(own), Self::Uses(other)) => own == other,
            (Self::Content(_) | Self::Uses(_), _) => false,
        }
    }
}

/// What becomes of several diagnostics with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    /// Each is shown.
    Shown,
    /// The first is shown, and counts the others.
    Counted,
}

/// What a diagnostic rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// Text that is wrong in itself.
    Written,
    /// Text that is not there, as far as one can see.
    Inferred,
    /// Text that is no TOML.
    Syntax,
}

impl Diagnostic {
    /// Sets the words beside the underlined text.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the help line.
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Says that the diagnostic rests on something that was not found, so that it counts only
    /// if all of the config could be read.
    pub(crate) fn inferred(&mut self) -> &mut Self {
        self.basis = Basis::Inferred;
        self
    }

    /// The same of one part: it does not count when an error leaves that open.
    pub(crate) fn rests_on(&mut self, gap: Gap) -> &mut Self {
        self.rests_on.push(gap);
        self.inferred()
    }

    /// Says what is not known because of it.
    pub(crate) fn leaves(&mut self, gap: Gap) -> &mut Self {
        self.leaves = Some(gap);
        self
    }

    /// Says that others with this message are the same slip: all are told at the first.
    pub(crate) fn once(&mut self) -> &mut Self {
        self.repeats = Repeats::Counted;
        self
    }
}

impl Diagnostics {
    /// For a person: each with file, line, column, the text underlined, and a help line.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = match color {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        let shown: Vec<String> = self
            .list
            .iter()
            .map(|diagnostic| self.show(diagnostic, &renderer))
            .collect();
        shown.join("\n\n")
    }

    /// For a program, in the same order.
    #[must_use]
    pub fn list(&self) -> Vec<Finding> {
        self.list
            .iter()
            .map(|diagnostic| self.finding(diagnostic))
            .collect()
    }

    /// Whether any is an error, so that no plan comes of it.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.has(Severity::Error)
    }

    /// Whether the config owes a decision: no reason not to start, but one not to be content.
    #[must_use]
    pub fn has_unsettled(&self) -> bool {
        self.has(Severity::Unsettled)
    }

    fn has(&self, severity: Severity) -> bool {
        self.list
            .iter()
            .any(|diagnostic| diagnostic.severity == severity)
    }

    /// Diagnostics about a config of this path and text.
    pub(crate) fn of_config(path: String, text: &str) -> Self {
        Self::of_document(&Document::of([(path, text)]))
    }

    /// Diagnostics about a config of one file or several.
    pub(crate) fn of_document(document: &Document) -> Self {
        let mut own = Self::default();
        let mut known = KnownKeys::default();
        for (path, at) in document.places() {
            let text = &document.text()[at.clone()];
            own.ids.insert(path.to_owned(), FileId(own.files.len()));
            own.config.starts.push(at.start);
            own.files.push(
                Source::new(path.to_owned(), text.as_bytes().into())
                    .hiding(secrets::find(text, &mut known)),
            );
        }
        own.conceal(document.filled().iter().map(|(_, value)| &**value));
        own
    }

    /// Keeps values out of all messages, however short they are, and as an address is written shortest.
    pub(crate) fn conceal<'v>(&mut self, values: impl Iterator<Item = &'v str>) {
        for value in values.map(str::trim).filter(|value| !value.is_empty()) {
            let address = value.parse::<IpAddr>().map(|own| own.to_string());
            let socket = value.parse::<SocketAddr>().map(|own| own.to_string());
            let own = [Some(value.to_owned()), address.ok(), socket.ok()];
            self.config.concealed.extend(own.into_iter().flatten());
        }
        // Of two that begin alike the longer one is replaced whole.
        self.config
            .concealed
            .sort_by_key(|own| std::cmp::Reverse(own.len()));
        self.config.concealed.dedup();
    }

    /// File and place of the config, for a message.
    pub(crate) fn place(&self, at: &Range<usize>) -> String {
        let (file, at) = self.locate(at.clone());
        let source = &self.files[file.0];
        let (line, column) = source.position(at.start);
        format!("{}:{line}:{column}", source.path)
    }

    /// The file in which a place of the config lies, and the place in it.
    fn locate(&self, at: Range<usize>) -> (FileId, Range<usize>) {
        let file = self
            .config
            .starts
            .partition_point(|start| *start <= at.start);
        let file = file.saturating_sub(1);
        let start = self.config.starts.get(file).copied().unwrap_or(0);
        let most = self.files.get(file).map_or(0, Source::len);
        let within = |byte: usize| (byte - start).min(most);
        (FileId(file), within(at.start)..within(at.end.max(at.start)))
    }

    fn is_config(&self, file: FileId) -> bool {
        file.0 < self.config.starts.len()
    }

    /// Adds a file that diagnostics may point into; the same path is the same file.
    pub(crate) fn add_file(&mut self, path: String, text: Arc<[u8]>) -> FileId {
        let next = FileId(self.files.len());
        let id = *self.ids.entry(path.clone()).or_insert(next);
        if id == next {
            self.files.push(Source::new(path, text));
        }
        id
    }

    /// Adds an error of the config.
    pub(crate) fn error(
        &mut self,
        at: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add_here(at, Severity::Error, message.into())
    }

    /// Adds a decision that the config owes; the message says what holds without it.
    pub(crate) fn unsettled(
        &mut self,
        at: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add_here(at, Severity::Unsettled, message.into())
    }

    /// Adds a warning about the config.
    pub(crate) fn warn(
        &mut self,
        at: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add_here(at, Severity::Warning, message.into())
    }

    /// Adds an error of syntax in the config.
    pub(crate) fn syntax(&mut self, at: &Range<usize>, message: &str) -> &mut Diagnostic {
        let found = self.error(at, message);
        found.basis = Basis::Syntax;
        found
    }

    /// Adds a diagnostic of another file, by line and column from 1; column 0 is the whole
    /// line, line 0 the file as such.
    pub(crate) fn add_at_line(
        &mut self,
        file: FileId,
        severity: Severity,
        (line, column): (u32, u32),
        message: String,
    ) -> &mut Diagnostic {
        let at = self.files[file.0].span_of(line, column);
        self.add(file, at, severity, message)
    }

    /// Takes an error of the config back that turned out to follow from another.
    pub(crate) fn retract(&mut self, at: &Range<usize>, message: &str) {
        let (file, at) = self.locate(at.clone());
        self.list
            .retain(|one| one.file != file || one.at != at || one.message != message);
    }

    /// Brings the diagnostics in order, the config's first, and drops what only follows from others.
    pub(crate) fn settle(&mut self) {
        let mut list = self.causes();
        list.sort_by(|one, other| {
            let place = |of: &Diagnostic| match self.is_config(of.file) {
                true => (of.file.0, ""),
                false => (self.config.starts.len(), &*self.files[of.file.0].path),
            };
            let own = (place(one), one.at.start, one.severity);
            own.cmp(&(place(other), other.at.start, other.severity))
                .then_with(|| one.message.cmp(&other.message))
        });
        // A file that serves two zones is read twice, and its errors are found twice.
        list.dedup_by(|one, other| {
            (one.file, &one.at, one.severity, &one.message)
                == (other.file, &other.at, other.severity, &other.message)
        });
        self.list = self.counted(list);
    }

    /// All that does not follow from something else.
    fn causes(&mut self) -> Vec<Diagnostic> {
        let torn: Vec<(FileId, usize)> = self
            .list
            .iter()
            .filter(|one| one.basis == Basis::Syntax)
            .map(|one| (one.file, self.position(one).0))
            .collect();
        let mut list = std::mem::take(&mut self.list);
        let gaps: Vec<Gap> = list.iter().filter_map(|one| one.leaves).collect();
        let is_open = |gap: &Gap| gaps.iter().any(|open| open.covers(*gap));
        list.retain(|one| match one.basis {
            Basis::Syntax => true,
            Basis::Written => !self.is_config(one.file) || !self.follows(one, &torn),
            Basis::Inferred => torn.is_empty() && !one.rests_on.iter().any(is_open),
        });
        list
    }

    /// The list with slips that are told once told so; the others are named at the first by their lines.
    fn counted(&self, list: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut firsts: HashMap<String, usize> = HashMap::new();
        let mut kept: Vec<(Diagnostic, Vec<String>)> = Vec::new();
        for one in list {
            if one.repeats == Repeats::Counted {
                if let Some(first) = firsts.get(&one.message) {
                    let line = self.position(&one).0;
                    let (first, others) = &mut kept[*first];
                    others.push(match first.file == one.file {
                        true => line.to_string(),
                        false => format!("{line} of {}", self.files[one.file.0].path),
                    });
                    continue;
                }
                firsts.insert(one.message.clone(), kept.len());
            }
            kept.push((one, Vec::new()));
        }
        let labelled = kept.into_iter().map(|(mut one, lines)| {
            if !lines.is_empty() {
                one.label(also_on(&lines));
            }
            one
        });
        labelled.collect()
    }

    /// Whether an error of the config most likely follows from torn lines: it is on one of
    /// them, or about a value that the parser put in for one.
    fn follows(&self, diagnostic: &Diagnostic, torn: &[(FileId, usize)]) -> bool {
        let is_put_in = diagnostic.at.is_empty() && !torn.is_empty();
        is_put_in || torn.contains(&(diagnostic.file, self.position(diagnostic).0))
    }

    /// Adds a diagnostic of the config, by a place of its whole text.
    fn add_here(
        &mut self,
        at: &Range<usize>,
        severity: Severity,
        message: String,
    ) -> &mut Diagnostic {
        let (file, at) = self.locate(at.clone());
        self.add(file, at, severity, message)
    }

    fn add(
        &mut self,
        file: FileId,
        at: Range<usize>,
        severity: Severity,
        message: String,
    ) -> &mut Diagnostic {
        self.list.push(Diagnostic {
            file,
            at,
            severity,
            message,
            label: None,
            help: None,
            basis: Basis::Written,
            leaves: None,
            rests_on: Vec::new(),
            repeats: Repeats::Shown,
        });
        self.list.last_mut().expect("one was just pushed")
    }

    fn show(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let source = &self.files[diagnostic.file.0];
        let level = match diagnostic.severity {
            Severity::Error | Severity::Unsettled => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let excerpt = source.excerpt(&diagnostic.at);
        let label = diagnostic.label.as_ref().map(|label| self.hide(label));
        let mark = AnnotationKind::Primary
            .span(excerpt.mark.clone())
            .label(label.as_deref());
        let snippet = Snippet::source(&*excerpt.text)
            .path(&*source.path)
            .line_start(excerpt.first);
        let message = self.hide(&diagnostic.message);
        let mut group = level
            .primary_title(&*message)
            .element(snippet.annotation(mark));
        let help = diagnostic.help.as_ref().map(|help| self.hide(help));
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(&**help));
        }
        let shown = format!("{}:{}:{}", source.path, excerpt.first, excerpt.column());
        let (line, column) = self.position(diagnostic);
        let place = format!("{}:{line}:{column}", source.path);
        // What is hidden has another length than it has in the file.
        renderer.render(&[group]).replacen(&shown, &place, 1)
    }

    fn finding(&self, diagnostic: &Diagnostic) -> Finding {
        let (line, column) = self.position(diagnostic);
        Finding {
            file: self.files[diagnostic.file.0].path.clone(),
            line,
            column,
            severity: diagnostic.severity,
            message: self.hide(&diagnostic.message),
            help: diagnostic.help.as_ref().map(|help| self.hide(help)),
        }
    }

    /// A text without the secrets of the config: long ones wherever they stand, short ones where they are quoted, as they
    /// may be words.
    fn hide(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for value in &self.config.concealed {
            shown = without(&shown, value);
        }
        for secret in self.files[..self.config.starts.len()]
            .iter()
            .flat_map(Source::hidden)
        {
            let words = secret.split_whitespace().chain([secret.trim()]);
            for word in words.filter(|word| word.len() > 1) {
                if word.len() >= LONG {
                    shown = shown.replace(word, MASK);
                    continue;
                }
                for quote in ['`', '"', '\''] {
                    let quoted = format!("{quote}{word}{quote}");
                    shown = shown.replace(&quoted, &format!("{quote}{MASK}{quote}"));
                }
            }
        }
        shown
    }

    /// Line and column in characters, both from 1.
    fn position(&self, diagnostic: &Diagnostic) -> (usize, usize) {
        self.files[diagnostic.file.0].position(diagnostic.at.start)
    }
}

/// A text without a value, where that stands for itself and is no part of a longer word.
fn without(text: &str, value: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(value) {
        let (before, after) = (&rest[..at], &rest[at + value.len()..]);
        let is_part = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
        let last = before.chars().next_back().or(shown.chars().next_back());
        shown.push_str(before);
        match is_part(last) || is_part(after.chars().next()) {
            true if value.len() < LONG => shown.push_str(value),
            _ => shown.push_str(MASK),
        }
        rest = after;
    }
    shown + rest
}

/// Characters of a secret from which on it can be no word of a message.
const LONG: usize = 12;

/// How many lines of other places a label names.
const LINES_NAMED: usize = 5;

/// Where else a slip stands.
fn also_on(lines: &[String]) -> String {
    let named = lines[..lines.len().min(LINES_NAMED)].join(", ");
    match lines.len() {
        1 => format!("the same on line {named}"),
        count @ 2..=LINES_NAMED => format!("the same in {count} other places, on lines {named}"),
        count => format!("the same in {count} other places, on lines {named} and further"),
    }
}

#[cfg(test)]
mod tests;
