//! Some of an endpoint's addresses, as a word that health and tables share.
use super::limits::ENDPOINT_ADDRESSES;

/// Addresses of one endpoint, by their places in its list; at most [`ENDPOINT_ADDRESSES`] of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressSet(u64);

const _: () = assert!(ENDPOINT_ADDRESSES <= 64);

impl AddressSet {
    /// None of them.
    pub const EMPTY: Self = Self(0);

    /// The same and the one at a place.
    #[must_use]
    pub fn with(self, place: usize) -> Self {
        match place < ENDPOINT_ADDRESSES {
            true => Self(self.0 | 1 << place),
            false => self,
        }
    }

    /// Those that are in another set as well.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Tells whether the one at a place is in it.
    #[must_use]
    pub fn contains(self, place: usize) -> bool {
        place < ENDPOINT_ADDRESSES && self.0 >> place & 1 == 1
    }

    /// Tells whether it is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept_up_to_the_last_and_none_beyond() {
        let set = AddressSet::EMPTY.with(0).with(63).with(64);
        let held: Vec<usize> = (0..70).filter(|place| set.contains(*place)).collect();
        assert_eq!(held, [0, 63]);
        assert_eq!(
            set.and(AddressSet::EMPTY.with(63)),
            AddressSet::EMPTY.with(63)
        );
        assert!(AddressSet::EMPTY.is_empty() && !set.is_empty());
    }
}
