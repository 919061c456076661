//! Has the tables of measured times in force, and who leads by them, kept for the next start.
//!
//! It is called now and then on the thread that reads configs, looks whether another config is in force, and writes only what is not
//! written yet. A disk that does not take it is told once, until it does.
use std::path::Path;
use std::sync::Arc;

use tracing::error;

use super::prepared::{self, Source};
use crate::io::keep;
use crate::io::state::{self, measured};

/// Keeps tables of measured times.
#[derive(Default)]
pub(super) struct MeasuredKeeper {
    /// The config whose tables were looked after last.
    last: Option<Arc<Source>>,
    /// The content of the file; absent where that is not known.
    written: Option<Vec<u8>>,
    trouble: Option<String>,
}

impl MeasuredKeeper {
    /// Looks after the tables of the config in force.
    pub(super) fn look(&mut self, source: &Arc<Source>) {
        let is_known = self
            .last
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, source));
        let Some(folder) = source.zoning.state.as_deref().filter(|_| !is_known) else {
            return;
        };
        self.last = Some(Arc::clone(source));
        let kept = self.keep(folder, source).map_err(|error| error.to_string());
        if let Err(why) = &kept
            && self.trouble.as_ref() != Some(why)
        {
            error!(
                event = "state_unwritable",
                "cannot write `{}`: {why}; a restart would not know who led by measured times",
                measured::path(folder).display()
            );
        }
        self.trouble = kept.err();
    }

    fn keep(&mut self, folder: &Path, source: &Source) -> std::io::Result<()> {
        let tables = source.plan.measured();
        let path = measured::path(folder);
        if tables.is_empty() && !path.exists() {
            return Ok(());
        }
        let text = measured::text(&tables)?;
        if self.written.as_ref() != Some(&text) {
            self.written = None;
            keep::replace(&path, &text)?;
            self.written = Some(text);
        }
        Ok(())
    }
}

/// Sets a damaged file aside, and says so.
pub(super) fn set_aside_damaged(folder: &Path, now: u64) {
    if let (_, Some(reason)) = measured::read(folder) {
        let path = measured::path(folder);
        prepared::tell(&state::set_aside(&path, reason, now));
    }
}
