//! A config that stands in several files, as one text: the file itself, then those that it includes, one behind the other.
//!
//! So a place is a place of one text, wherever it came from, and whoever reads values, resolves names or reports an
//! error needs to know nothing of files. Which file and line a place is, is found again when it is shown
//! ([`super::diagnostic`]). How the keys of the files become one table is `merge`'s.
//!
//! It knows neither which keys there are nor which files belong to a config.
use std::ops::Range;
use std::sync::Arc;

/// The text of a config, from one file or several.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    text: Arc<str>,
    parts: Vec<DocumentFile>,
    /// Values that do not stand in the text: where they are taken in, and what they are.
    filled: Vec<(Range<usize>, String)>,
}

/// One file of a config.
#[derive(Clone, Debug)]
struct DocumentFile {
    path: String,
    /// Its bytes in the whole text. Between two parts lies a line end, so that the end of one is not the beginning of the next.
    at: Range<usize>,
}

impl Document {
    /// The config itself, then what it includes: paths and texts.
    pub(crate) fn of<'t>(parts: impl IntoIterator<Item = (String, &'t str)>) -> Self {
        let (mut text, mut list) = (String::new(), Vec::new());
        for (path, own) in parts {
            if !list.is_empty() {
                text.push('\n');
            }
            let start = text.len();
            text.push_str(own);
            list.push(DocumentFile {
                path,
                at: start..text.len(),
            });
        }
        Self {
            text: text.into(),
            parts: list,
            filled: Vec::new(),
        }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Path and text of each file, the config's first.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        let parts = self.parts.iter();
        parts.map(|part| (&*part.path, &self.text[part.at.clone()]))
    }

    /// Path and place in the whole text of each file.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let parts = self.parts.iter();
        parts.map(|part| (&*part.path, part.at.clone()))
    }

    /// The path of the file in which a place lies.
    pub(crate) fn path_of(&self, at: usize) -> &str {
        let next = self.parts.partition_point(|part| part.at.start <= at);
        &self.parts[next.saturating_sub(1)].path
    }

    /// Takes note of values that were put in from elsewhere.
    pub(crate) fn fill(&mut self, values: Vec<(Range<usize>, String)>) {
        self.filled = values;
    }

    /// Values that were put in from elsewhere, in the order of their places.
    pub(crate) fn filled(&self) -> &[(Range<usize>, String)] {
        &self.filled
    }
}
