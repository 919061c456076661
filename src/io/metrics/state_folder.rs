//! The folder of what is kept over restarts: whether it was damaged, and whether it takes what is written.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::text::{Exposition, Kind};

/// The condition of the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateCondition {
    /// It was opened.
    Opened {
        /// Files that could not be read in whole.
        damages: usize,
    },
    /// It took what was to be kept.
    Written,
    /// It did not.
    Unwritable,
}

/// The same, for a scrape; nothing as long as there is no folder.
#[derive(Debug, Default)]
pub(super) struct StateFolder {
    is_there: AtomicBool,
    damages: AtomicU64,
    is_unwritable: AtomicBool,
}

impl StateFolder {
    pub(super) fn set(&self, condition: StateCondition) {
        match condition {
            StateCondition::Opened { damages } => {
                self.damages.store(damages as u64, Ordering::Relaxed);
                self.is_there.store(true, Ordering::Relaxed);
            }
            StateCondition::Written => self.is_unwritable.store(false, Ordering::Relaxed),
            StateCondition::Unwritable => self.is_unwritable.store(true, Ordering::Relaxed),
        }
    }

    /// Writes the families.
    pub(super) fn write(&self, text: &mut Exposition) {
        let is_there = self.is_there.load(Ordering::Relaxed);
        text.family(
            "waypost_state_writable",
            Kind::Gauge,
            "Whether what is known outlasts a restart (1), or its folder could not be written last (0).",
        );
        if is_there {
            let is_writable = !self.is_unwritable.load(Ordering::Relaxed);
            text.sample(&[], u8::from(is_writable));
        }
        text.family(
            "waypost_state_damaged",
            Kind::Gauge,
            "Files of the state that could not be read in whole when the server started.",
        );
        if is_there {
            text.sample(&[], self.damages.load(Ordering::Relaxed));
        }
    }
}
