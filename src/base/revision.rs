//! Revisions of what is declared: each change has one, and of two changes of the same thing the one with the greater holds.
//!
//! A node that stands alone counts. Nodes of a cluster draw from a hybrid clock: milliseconds since 1970, never back behind what is known,
//! and below them 12 bits of the node's key, so that changes of two nodes have different ones, and all come to the same. Such a revision
//! stays below 2^53 until 2039, so that every reader of JSON has it exactly (RFC 8259, section 6).
use super::Utc;

const MARK_BITS: u32 = 12;

/// The part of a revision that says which node drew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeMark(u16);

impl NodeMark {
    /// That of the node with this public key.
    #[must_use]
    pub fn of(key: &[u8; 32]) -> Self {
        Self(u16::from_be_bytes([key[0], key[1]]) >> (u16::BITS - MARK_BITS))
    }

    /// Tells that this node has drawn a revision.
    #[must_use]
    pub fn has_drawn(self, revision: u64) -> bool {
        let mark = revision & ((1 << MARK_BITS) - 1);
        revision_time(revision) > Utc(0) && mark == u64::from(self.0)
    }
}

/// The revision after the last one, at this time (milliseconds since 1970); of a node that stands alone one more.
#[must_use]
pub fn next_revision(last: u64, wall_ms: u64, node: Option<NodeMark>) -> u64 {
    let Some(NodeMark(mark)) = node else {
        return last + 1;
    };
    let time = wall_ms.max(revision_time(last).0 + 1);
    (time << MARK_BITS) | u64::from(mark)
}

/// The time at which a node of a cluster drew a revision; 0 for one that was counted.
#[must_use]
pub fn revision_time(revision: u64) -> Utc {
    Utc(revision >> MARK_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_rise_whatever_the_clock_does_and_say_whose_they_are() {
        let node = |octet: u8| NodeMark::of(&[octet; 32]);
        let wall = 1_800_000_000_000;
        let first = next_revision(7, wall, Some(node(1)));
        assert_eq!(revision_time(first), Utc(wall));
        assert!(first < 1 << 53);
        let back = next_revision(first, wall - 5000, Some(node(2)));
        assert!(back > first);
        assert!(node(2).has_drawn(back) && !node(1).has_drawn(back));
        assert_ne!(first, next_revision(7, wall, Some(node(2))));
        assert_eq!(next_revision(7, wall, None), 8);
        assert!(!node(0).has_drawn(8), "it was counted");
    }
}
