//! The digest of a geo file, which tells one content from another.
//!
//! It is taken piece by piece, so that whoever takes it of a file on the disk need not hold the file. It is the program's own
//! fast hash, as the plan's digest is: it tells the versions of an operator's file apart. It is no seal, for whoever could
//! make two files of one digest could as well write any file that they like.
use crate::base::HashKey;

/// The digest of a geo file, so far.
#[derive(Clone, Copy, Debug)]
pub struct FileDigest(HashKey);

impl FileDigest {
    /// Octets of each piece but the last.
    pub const PIECE: usize = 1 << 20;

    /// The digest of nothing.
    #[must_use]
    pub fn start() -> Self {
        Self(HashKey::from_secret(b"geo file"))
    }

    /// Goes on with the next [`FileDigest::PIECE`] octets, or with what is left.
    #[must_use]
    pub fn piece(self, octets: &[u8]) -> Self {
        Self(HashKey(self.0.hash(octets)))
    }

    /// The digest of all the pieces.
    #[must_use]
    pub fn end(self) -> u64 {
        self.0.0
    }

    /// The digest of a whole file.
    #[must_use]
    pub fn of(file: &[u8]) -> u64 {
        let pieces = file.chunks(Self::PIECE);
        pieces.fold(Self::start(), Self::piece).end()
    }
}
