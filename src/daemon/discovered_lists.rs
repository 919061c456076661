//! Lists of discovered endpoints, and secrets that the nodes of a cluster agree on, compiled with the config in force.
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
use crate::plan::AgreedSecrets;

/// The one who hears whether it is in force.
pub(super) type DiscoveredReply = oneshot::Sender<Result<(), String>>;

/// A thing that is other than when the config in force was compiled.
pub(super) enum BesideConfig {
    Lists(Arc<DiscoveredLists>),
    Secrets(Arc<AgreedSecrets>),
}

/// Compiles the config in force with it.
///
/// # Errors
/// The reason why it does not go with it; for a person.
pub(super) fn draft(
    other: &BesideConfig,
    source: &Source,
    names: &Arc<KnownNames>,
) -> Result<Box<Prepared>, String> {
    let before = source.beside();
    let beside = match other {
        BesideConfig::Lists(lists) => Beside {
            discovered: Some(lists),
            ..before
        },
        BesideConfig::Secrets(agreed) => Beside {
            agreed: Some(agreed),
            ..before
        },
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
