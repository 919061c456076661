//! Content of a file of the state: what could be read of it, and in which form it was written.
//!
//! A file of an older form is read like any other, and written anew: so each form is read for as long as somebody may come
//! from it, and only one is written. It does not know what is in a file.

/// The content of a file, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct StateContent<T> {
    /// All that it kept.
    pub(super) kept: T,
    /// The form in which it is written.
    pub(super) format: FileFormat,
    /// Why the rest could not be read.
    pub(super) damage: Option<String>,
}

/// The form in which a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FileFormat {
    /// As it is written now.
    #[default]
    Current,
    /// Without checksums.
    Older,
}
