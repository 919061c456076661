//! Words about signatures that are kept over restarts: what is handed over, what comes back, and how far the disk is.
//!
//! When that happens is decided in `keep`.
use std::sync::Arc;

use crate::base::Moment;
use crate::dns::Name;
use crate::dns::zone::signed::{KeptMark, KeptSignatures, Signed};

/// Signatures of a zone that are to be kept.
#[derive(Debug)]
pub struct ToKeep {
    /// The zone.
    pub apex: Name,
    /// It with its signatures.
    pub signed: Arc<Signed>,
    /// Those of them that are kept already; `None` if that is not known.
    pub since: Option<KeptMark>,
}

/// Signatures of a zone that were kept.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    /// The signatures; `None` without any.
    pub kept: Option<Arc<KeptSignatures>>,
    /// The damage that was found, for a person.
    pub damage: Option<String>,
}

/// The state of keeping a zone's signatures.
#[derive(Debug, Default)]
pub(super) struct SignatureKeeping {
    /// Those that stand on the disk; `None` if that is not known.
    pub(super) mark: Option<KeptMark>,
    /// Those that are being written.
    pub(super) writing: Option<KeptMark>,
    /// Set if there is something that may not stand there.
    pub(super) is_behind: bool,
    pub(super) not_before: Moment,
    /// The reason why they are not kept, as it was told.
    pub(super) trouble: Option<String>,
}

/// The state of asking for a zone's signatures.
#[derive(Debug, Default)]
pub(super) enum Recall {
    /// They have not.
    #[default]
    Open,
    /// They came, and wait to be taken over.
    Come(Option<Arc<KeptSignatures>>),
}

impl SignatureKeeping {
    /// Takes note that there are other signatures.
    pub(super) fn has_changed(&mut self) {
        self.is_behind = true;
    }

    /// The time at which something is to be kept.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        (self.is_behind && self.writing.is_none()).then_some(self.not_before)
    }
}
