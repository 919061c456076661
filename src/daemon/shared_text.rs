//! Another text of the included file that a release of the shared config is written to: compiled with the files in force, its fence
//! proved, and put on the disk.
//!
//! As with what is declared, nothing is taken in of what other files say by now. What is written here compiles, so that a
//! restart at any moment finds a config that is whole.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::findings;
use super::judge::{Judgement, Occasion};
use super::prepared::{Keys, Prepared, Source};
use super::watched::ConfigRead;
use crate::audit::verify::{Verdict, verify_with};
use crate::config;
use crate::io::control::Force;
use crate::io::files;
use crate::io::keep::{self, Readers};
use crate::names::KnownNames;

/// A text that is to be in force in place of what an included file holds.
#[derive(Clone, Debug)]
pub(super) struct SharedText {
    /// The file.
    pub(super) path: PathBuf,
    /// All that it is to hold.
    pub(super) text: Arc<str>,
    /// The word that it is meant, whatever it takes away.
    pub(super) force: Force,
    /// Whose change it is, for the audit log.
    pub(super) by: String,
}

/// The one who hears what became of it.
pub(super) type SharedReply = oneshot::Sender<Result<String, String>>;

/// Compiles the config in force with it.
pub(super) fn draft(shared: &SharedText, source: &Source, names: &Arc<KnownNames>) -> ConfigRead {
    match config::own_part_of(&shared.text) {
        Some(own) if !own.is_empty() => {
            let own = own.join(", ");
            return Err(format!("it says what is each node's own: {own}"));
        }
        // What is no TOML is told with its place, below.
        Some(_) | None => {}
    }
    let text = (&*shared.path, &*shared.text);
    let mut loaded = files::load_in_force_with(&source.spec, source.beside(), text);
    loaded.files.names = Arc::clone(names);
    loaded.files.measured = Arc::new(source.plan.measured());
    let diagnostics = std::mem::take(&mut loaded.diagnostics);
    let compiled = config::compile(&loaded.spec, diagnostics, &loaded.files);
    let (compiled, doubts) = compiled.map_err(|found| found.render(false))?;
    findings::doubts(&doubts);
    let prepared = Prepared::new(loaded, compiled, Keys::Read).map(Box::new)?;
    let proof = verify_with(&prepared.plan, &prepared.zones.zoning.zones);
    if proof.result == Verdict::Broken {
        return Err(format!("its fence does not hold\n{proof}"));
    }
    let judgement = Judgement {
        // Signed, it is whole.
        cut: None,
        ..Judgement::of(source, &prepared.source, Occasion::Signalled)
    };
    Ok((prepared, judgement))
}

/// Writes it into its file.
///
/// # Errors
/// The reason; for a person. The file is as it was.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = keep::replace_for(Readers::Any, path, text.as_bytes());
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
}
