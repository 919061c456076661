//! Files that are read, and what they come to.
//!
//! A file is text with a name, for messages; who reads and who writes files is not known here.
use std::rc::Rc;

use thiserror::Error;

use super::node::{ConfigNode, SyntaxFault, read_yaml};
use super::remark::{Remark, RemarkKind, SourceLine};

/// The name of the config among the files of a translation.
pub const CONFIG: &str = "config.toml";

/// A file to be translated.
#[derive(Clone, Debug)]
pub struct ImportedFile {
    /// Its path, as it was given.
    pub name: String,
    /// Its content.
    pub text: String,
}

impl ImportedFile {
    /// The name without folders.
    pub(super) fn base(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// A line of it.
    pub(super) fn origin(&self, line: usize) -> SourceLine {
        SourceLine {
            file: Rc::from(self.name.as_str()),
            line,
        }
    }

    pub(super) fn unreadable(&self, fault: SyntaxFault) -> UnreadableFile {
        UnreadableFile {
            file: self.name.clone(),
            line: fault.line,
            reason: fault.reason,
        }
    }

    /// Its documents, in YAML or JSON.
    pub(super) fn yaml(&self) -> Result<Vec<ConfigNode>, UnreadableFile> {
        read_yaml(&self.text).map_err(|fault| self.unreadable(fault))
    }
}

/// The outcome of a translation.
#[derive(Clone, Debug)]
pub struct Translation {
    /// Files by name, with folders: [`CONFIG`] first, then zones.
    pub files: Vec<(String, String)>,
    /// All that there is to say, in the order of files and lines.
    pub remarks: Vec<Remark>,
}

impl Translation {
    /// Tells whether clients may be answered otherwise than before.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        let mut remarks = self.remarks.iter();
        remarks.any(|remark| remark.kind == RemarkKind::Lost)
    }
}

/// Why a file cannot be translated at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}: {reason}")]
pub struct UnreadableFile {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The fault there.
    pub reason: String,
}
