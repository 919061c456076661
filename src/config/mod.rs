//! Text -> [`Spec`] -> [`Plan`], or all errors, each with file, line, column and a help line.
//!
//! Nothing here opens a file: [`Spec::files`] says what is wanted, `io::files` brings it,
//! [`compile`] looks only at what was brought. So the same texts give the same plan anywhere.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plan::Plan;

/// What was brought for each path that [`Spec::files`] asked for: its bytes, or why not.
pub type Files = BTreeMap<PathBuf, Result<Arc<[u8]>, String>>;

/// The config as written, before names are resolved.
#[derive(Debug)]
pub struct Spec {}

/// Everything that is wrong (or doubtful) with a config and its files.
#[derive(Debug, Default)]
pub struct Diagnostics {}

impl Diagnostics {
    /// For a person: each with file, line, column, the text underlined, and a help line.
    #[must_use]
    pub fn render(&self, _color: bool) -> String {
        String::new()
    }

    /// Whether any is an error (and not only a warning).
    #[must_use]
    pub fn has_errors(&self) -> bool {
        false
    }
}

impl Spec {
    /// The files wanted beyond those already brought, paths relative to the config's folder
    /// resolved; ask again with what was brought until nothing is wanted (`$INCLUDE` nests).
    #[must_use]
    pub fn files(&self, _brought: &Files) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Reads the text of a config file. A spec is there even when some of it is wrong, so that
/// errors of zone files can be shown together with those of the config.
#[must_use]
pub fn read(_path: &Path, _text: &str) -> (Spec, Diagnostics) {
    (Spec {}, Diagnostics::default())
}

/// Resolves a spec into a plan. `diagnostics` are those of [`read`]; all are returned together,
/// warnings with the plan.
///
/// # Errors
/// All diagnostics, when at least one is an error.
pub fn compile(
    _spec: &Spec,
    diagnostics: Diagnostics,
    _files: &Files,
) -> Result<(Plan, Diagnostics), Diagnostics> {
    Err(diagnostics)
}
