//! The RRsets of a zone, those of one name together.
//!
//! They stand in chunks that are never changed once they are full: so a zone can be written while what it is made of is given
//! back, without a list that is copied each time it grows, and a zone made of another shares all chunks but the last.
use std::sync::Arc;

/// Bits of a place that say where in its chunk it is.
const BITS: u32 = 18;
/// Octets of a chunk, if the RRsets of no name are longer: these have one of their own.
const CHUNK_BYTES: usize = 1 << BITS;

/// RRsets as [`crate::dns::rrset`] encodes them.
#[derive(Clone, Debug, Default)]
pub(super) struct ZoneData {
    chunks: Vec<Arc<[u8]>>,
    /// The chunk that is being written.
    open: Vec<u8>,
    octets: usize,
}

impl ZoneData {
    /// All octets from a place on, up to the end of its chunk.
    #[inline]
    pub(super) fn from(&self, place: u32) -> &[u8] {
        let chunk = self.chunks.get((place >> BITS) as usize);
        let octets = chunk.and_then(|chunk| chunk.get(place as usize & (CHUNK_BYTES - 1)..));
        octets.unwrap_or_default()
    }

    /// Octets of all.
    pub(super) fn len(&self) -> usize {
        self.octets
    }

    /// Adds the RRsets of one name; their place, from which they can be read after [`ZoneData::close`].
    pub(super) fn push(&mut self, sets: &[u8]) -> u32 {
        if sets.is_empty() {
            return 0;
        }
        if !self.open.is_empty() && self.open.len() + sets.len() > CHUNK_BYTES {
            self.close();
        }
        if self.open.is_empty() {
            self.reopen();
        }
        if self.open.capacity() - self.open.len() < sets.len() {
            let more = self
                .open
                .len()
                .min(CHUNK_BYTES.saturating_sub(self.open.len()));
            self.open.reserve_exact(more.max(sets.len()));
        }
        let place = self.chunks.len() << BITS | self.open.len();
        self.open.extend_from_slice(sets);
        self.octets += sets.len();
        u32::try_from(place).expect("the builder's bounds keep chunks below 2^14")
    }

    /// Ends the chunk that is being written.
    pub(super) fn close(&mut self) {
        if !self.open.is_empty() {
            self.chunks.push(self.open.as_slice().into());
            self.open.clear();
        }
    }

    /// Gives back the room for more.
    pub(super) fn shrink(&mut self) {
        self.close();
        self.open = Vec::new();
        self.chunks.shrink_to_fit();
    }

    /// Goes on with the last chunk if it is short, and begins one otherwise.
    fn reopen(&mut self) {
        if let Some(last) = self.chunks.pop_if(|last| last.len() < CHUNK_BYTES / 2) {
            self.open.extend_from_slice(&last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_at_its_place_whatever_its_length() {
        let mut data = ZoneData::default();
        let lengths = [1, 200_000, 100_000, 5, 700_000, 3, 0, 262_144, 131_071, 9];
        let sets = |place: u8, length| vec![place; length];
        let mut places = Vec::new();
        for (number, length) in (0..).zip(lengths) {
            places.push(data.push(&sets(number, length)));
        }
        data.shrink();
        let before = data.clone();
        let more = data.push(&[77; 10]);
        data.close();
        for (number, (length, place)) in (0..).zip(lengths.into_iter().zip(&places)) {
            for data in [&before, &data] {
                assert_eq!(data.from(*place)[..length], sets(number, length));
            }
        }
        assert_eq!(data.from(more), [77; 10]);
        assert_eq!(data.len(), 10 + lengths.iter().sum::<usize>());
        let shared = before.chunks.iter().zip(&data.chunks);
        assert!(
            shared
                .filter(|(one, other)| Arc::ptr_eq(one, other))
                .count()
                > 2
        );
    }
}
