//! A zone that is composed and lacks signatures, and how far it is. What becomes of it is decided in `sign`.
use std::sync::Arc;

use super::compose::Composed;
use crate::dns::zone::signed::Signed;

/// A zone that is composed and lacks signatures.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) composed: Composed,
    /// The wishes that it grants.
    pub(super) wishes: u64,
    /// Signatures that it lacked when all began.
    pub(super) of: usize,
    /// Signatures that it lacks now.
    pub(super) left: usize,
    /// Set if no step was taken since it was composed.
    pub(super) is_fresh: bool,
}

impl Unfinished {
    /// The signatures that there are.
    pub(super) fn signed(&self) -> Option<&Arc<Signed>> {
        self.composed.signed.as_ref()
    }

    /// The number of signatures that have been made, and of how many.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.of - self.left, self.of)
    }

    /// Its progress, for a person.
    pub(super) fn in_words(&self) -> String {
        let (made, of) = self.progress();
        format!("{made} of {of} signatures are made")
    }
}
