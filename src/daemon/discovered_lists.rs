//! Lists of discovered endpoints, compiled with the config in force.
//!
//! The files are those in force, as they were read; only zones and databases come from the disk. Nobody has changed a config, so nothing of it
//! is weighed: the bounds of the discovery have judged the list.
use std::sync::Arc;

use tokio::sync::oneshot;

use super::prepared::{Keys, Prepared, Source};
use crate::config::{self, Diagnostics, Severity};
use crate::discovery::DiscoveredLists;
use crate::io::files::{self, Beside};
use crate::names::KnownNames;

/// The one who hears whether lists are in force.
pub(super) type DiscoveredReply = oneshot::Sender<Result<(), String>>;

/// Compiles the config in force with other lists.
///
/// # Errors
/// The reason why they do not go with it; for a person.
pub(super) fn draft(
    lists: &Arc<DiscoveredLists>,
    source: &Source,
    names: &Arc<KnownNames>,
) -> Result<Box<Prepared>, String> {
    let beside = Beside {
        discovered: Some(lists),
        ..source.beside()
    };
    let mut loaded = files::load_in_force(&source.spec, beside);
    loaded.files.names = Arc::clone(names);
    loaded.files.measured = Arc::new(source.plan.measured());
    let diagnostics = std::mem::take(&mut loaded.diagnostics);
    let compiled = config::compile(&loaded.spec, diagnostics, &loaded.files);
    let (compiled, _) = compiled.map_err(|found| errors(&found))?;
    Prepared::new(loaded, compiled, Keys::Read).map(Box::new)
}

/// The errors among what was found.
fn errors(found: &Diagnostics) -> String {
    let list = found.list().into_iter();
    let errors = list.filter(|own| own.severity == Severity::Error);
    let messages: Vec<String> = errors.map(|own| own.message).collect();
    messages.join("; ")
}
