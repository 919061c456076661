//! Text -> [`Spec`] -> [`Plan`], or all errors, each with file, line, column and a help line.
//!
//! Nothing here opens a file: [`Spec::files`] says what is wanted, `io::files` brings it,
//! [`compile`] looks only at what was brought. So the same texts give the same plan anywhere.
//!
//! | module | what it decides |
//! |---|---|
//! | `read` | which keys there are, and their defaults |
//! | `spec` | the config as written |
//! | `compile` | what names mean, what does not go together, and the plan |
//!
//! How tables and values are taken apart, and how errors are kept, is `text`'s.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plan::Plan;
use crate::text::{diagnostic, reader, value};

mod compile;
mod read;
mod spec;

pub use crate::text::{Diagnostics, Finding, Severity};
pub use spec::Spec;

/// What was brought for each path that [`Spec::files`] asked for: its bytes, or why not.
pub type Files = BTreeMap<PathBuf, Result<Arc<[u8]>, String>>;

/// Reads the text of a config file. A spec is there even when some of it is wrong, so that
/// errors of zone files can be shown together with those of the config.
#[must_use]
pub fn read(path: &Path, text: &str) -> (Spec, Diagnostics) {
    read::read(path, text)
}

/// Resolves a spec into a plan. `diagnostics` are those of [`read`]; all are returned together,
/// warnings with the plan.
///
/// # Errors
/// All diagnostics, when at least one is an error.
pub fn compile(
    spec: &Spec,
    diagnostics: Diagnostics,
    files: &Files,
) -> Result<(Plan, Diagnostics), Diagnostics> {
    compile::compile(spec, diagnostics, files)
}
