//! Names on the wire: the one being looked up, and how aliases change it.
//!
//! A name is kept in a buffer of the greatest length a name can have, because a DNAME makes names
//! that stand nowhere else. Which aliases there are is not known here.
use crate::base::limits::NAME_BYTES;

/// The name being looked up, in wire format.
#[derive(Debug)]
pub(super) struct Spelling {
    octets: [u8; NAME_BYTES],
    length: usize,
}

/// The name would have more than 255 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Spelling {
    /// Starts from a name in wire format.
    pub(super) fn new(name: &[u8]) -> Result<Self, TooLong> {
        let mut spelling = Self {
            octets: [0; NAME_BYTES],
            length: 0,
        };
        spelling.substitute(0, name).map(|()| spelling)
    }

    /// The name in wire format.
    pub(super) fn wire(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// Keeps the first `keep` octets and puts `target` in place of the rest (RFC 6672,
    /// section 2.2; an alias of the whole name keeps nothing).
    pub(super) fn substitute(&mut self, keep: usize, target: &[u8]) -> Result<(), TooLong> {
        let length = keep + target.len();
        let room = self.octets.get_mut(keep..length).ok_or(TooLong)?;
        room.copy_from_slice(target);
        self.length = length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_is_replaced_and_the_length_is_bounded() {
        let mut name = Spelling::new(b"\x01x\x01d\x00").unwrap();
        name.substitute(2, b"\x06target\x00").unwrap();
        assert_eq!(name.wire(), b"\x01x\x06target\x00");
        name.substitute(0, b"\x01a\x00").unwrap();
        assert_eq!(name.wire(), b"\x01a\x00");
        assert_eq!(name.substitute(1, &[0; 255]), Err(TooLong));
        assert_eq!(name.wire(), b"\x01a\x00");
        assert!(Spelling::new(&[1; 255]).is_ok());
        assert!(Spelling::new(&[1; 256]).is_err());
    }
}
