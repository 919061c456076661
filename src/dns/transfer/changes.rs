//! The changes of a zone as they come (RFC 1995), in about as many octets as they had on the wire.
//!
//! Records stand as in a packed zone, in the order in which they came: for each step those that it takes out, and then those
//! that it puts in. A step begins at the SOA at which the one before it ends.
use super::content::{Diff, Entry};
use super::packed::Pieces;
use crate::dns::Name;

/// All that makes a later version of a zone, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedChanges {
    pub(super) apex: Name,
    /// The SOA that they begin at.
    from: Entry,
    steps: Vec<ChangeStep>,
    pub(super) pieces: Pieces,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ChangeStep {
    /// The SOA that it leads to.
    to: Entry,
    /// Number of records that are taken out.
    removed: usize,
    /// Number of records that are put in.
    added: usize,
}

/// A record by reference: owner in wire format, type, TTL and data.
type FlatRecord<'r> = ((&'r [u8], u16, u32), &'r [u8]);

impl PackedChanges {
    /// No step yet from a version with this SOA.
    pub(super) fn new(apex: &Name, from: Entry) -> Self {
        Self {
            apex: apex.clone(),
            from,
            steps: Vec::new(),
            pieces: Pieces::default(),
        }
    }

    /// Some differences that follow on each other; `None` if there is none.
    #[must_use]
    pub fn of(apex: &Name, diffs: &[Diff]) -> Option<Self> {
        let mut changes = Self::new(apex, diffs.first()?.from.clone());
        for diff in diffs {
            changes.begin();
            for entry in &diff.removed {
                changes.take_out(part(entry));
            }
            for entry in &diff.added {
                changes.put_in(part(entry));
            }
            changes.lead_to(diff.to.clone());
        }
        Some(changes)
    }

    /// The same as differences.
    #[must_use]
    pub fn into_diffs(self) -> Vec<Diff> {
        let mut records = self.pieces.entries(&self.apex).into_iter();
        let mut from = self.from;
        let diffs = self.steps.into_iter().map(|step| Diff {
            from: std::mem::replace(&mut from, step.to.clone()),
            to: step.to,
            removed: records.by_ref().take(step.removed).collect(),
            added: records.by_ref().take(step.added).collect(),
        });
        diffs.collect()
    }

    /// Number of steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The serial that they begin at.
    pub(super) fn serial(&self) -> u32 {
        self.from.serial()
    }

    /// The SOA that the last step leads to.
    pub(super) fn soa(&self) -> &Entry {
        self.steps.last().map_or(&self.from, |step| &step.to)
    }

    /// Begins a step.
    pub(super) fn begin(&mut self) {
        self.steps.push(ChangeStep {
            to: self.soa().clone(),
            removed: 0,
            added: 0,
        });
    }

    /// Adds a record that the last step takes out.
    pub(super) fn take_out(&mut self, (about, rdata): FlatRecord<'_>) {
        if let Some(step) = self.steps.last_mut() {
            step.removed += 1;
            self.pieces.push(&self.apex, about, rdata);
        }
    }

    /// Adds a record that the last step puts in.
    pub(super) fn put_in(&mut self, (about, rdata): FlatRecord<'_>) {
        if let Some(step) = self.steps.last_mut() {
            step.added += 1;
            self.pieces.push(&self.apex, about, rdata);
        }
    }

    /// Says where the last step leads.
    pub(super) fn lead_to(&mut self, soa: Entry) {
        if let Some(step) = self.steps.last_mut() {
            step.to = soa;
        }
    }

    /// The largest TTL of what is put in, seconds.
    #[must_use]
    pub fn longest_ttl(&self) -> u32 {
        let mut longest = 0;
        self.each(|is_added, _, record| {
            if is_added {
                longest = longest.max(self.pieces.records.raw(record).ttl);
            }
        });
        longest
    }

    /// Gives each record in order: whether it is put in, the place of its owner, and its number.
    pub(super) fn each(&self, mut take: impl FnMut(bool, u32, u32)) {
        let parts = self
            .steps
            .iter()
            .flat_map(|step| [step.removed, step.added]);
        let mut parts = parts.zip([false, true].into_iter().cycle());
        let (mut left, mut is_added) = (0, false);
        self.pieces.each(|owner, record| {
            while left == 0 {
                let Some((count, is_of_added)) = parts.next() else {
                    return;
                };
                (left, is_added) = (count, is_of_added);
            }
            left -= 1;
            take(is_added, owner, record);
        });
    }
}

fn part(entry: &Entry) -> FlatRecord<'_> {
    let about = (entry.owner.as_wire(), entry.rtype, entry.ttl);
    (about, &entry.rdata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::transfer::content::tests::content;

    #[test]
    fn what_is_packed_is_what_comes_out() {
        let apex = Name::parse("z.test").unwrap();
        let contents = [
            content(1, &["a", "b"]),
            content(2, &["b"]),
            content(3, &["b"]),
            content(4, &["c", "d"]),
        ];
        let diffs: Vec<Diff> = contents
            .windows(2)
            .map(|two| two[0].diff(&two[1]))
            .collect();
        let changes = PackedChanges::of(&apex, &diffs).unwrap();
        assert_eq!((changes.steps(), changes.soa().serial()), (3, 4));
        let mut added = Vec::new();
        changes.each(|is_added, _, _| added.push(is_added));
        assert_eq!(added, [false, false, true, true]);
        assert_eq!(changes.longest_ttl(), 60);
        assert_eq!(changes.into_diffs(), diffs);
        assert_eq!(PackedChanges::of(&apex, &[]), None);
    }
}
