//! The intake: how much of each node is weighed, so that one that floods costs a look-up for each message.
use std::collections::BTreeMap;

use crate::base::Moment;
use crate::base::limits::{CLUSTER_BUNDLE_BYTES, CLUSTER_NATS_LINE};

/// Octets that one node may send at once: a bundle of each kind, and one that came late.
const BURST: u64 = 4 * CLUSTER_BUNDLE_BYTES as u64;

/// The octets that each node may send still, and the moment of that.
#[derive(Debug, Default)]
pub(super) struct NatsIntake(BTreeMap<String, (Moment, u64)>);

impl NatsIntake {
    /// Takes in so many octets of a member of the roster; false, where it has sent too much.
    pub(super) fn admits(&mut self, member: &str, octets: usize, now: Moment) -> bool {
        let (at, left) = self.0.get(member).copied().unwrap_or((now, BURST));
        let earned = now.since(at).0.saturating_mul(CLUSTER_NATS_LINE.1 as u64) / 1000;
        let left = left.saturating_add(earned).min(BURST);
        let rest = left.checked_sub(octets as u64);
        self.0
            .insert(member.to_owned(), (now, rest.unwrap_or(left)));
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn one_that_floods_is_dropped_and_no_other() {
        let mut intake = NatsIntake::default();
        let whole = CLUSTER_BUNDLE_BYTES;
        let now = Moment(1000);
        let admitted = (0..9).filter(|_| intake.admits("fra1", whole, now)).count();
        assert_eq!(admitted, 4);
        assert!(intake.admits("tor1", whole, now), "another one");
        let soon = now.after(Span(500));
        let later = (0..9)
            .filter(|_| intake.admits("fra1", whole, soon))
            .count();
        assert_eq!(later, 1, "half a second earns 256 kB");
        let long = now.after(Span::from_secs(3600));
        let at_once = (0..9)
            .filter(|_| intake.admits("fra1", whole, long))
            .count();
        assert_eq!(at_once, 4, "silence earns no more than that");
    }
}
