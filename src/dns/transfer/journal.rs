//! The last versions of a zone, and what to send to one who has an older one.
//!
//! A few versions back are kept as what changed from each to the next. Who has one of those gets
//! the changes (RFC 1995, section 4), unless they are more than the zone itself; who has none, or
//! a version that is no longer known, gets the whole zone in their place; who has the newest, or
//! a newer one still, gets its SOA alone.
use std::collections::VecDeque;
use std::sync::Arc;

use super::content::{Content, Diff, Entry};
use super::serial;
use crate::base::limits::JOURNAL_VERSIONS;

/// A zone as it is given to others, and how it came to be so.
#[derive(Clone, Debug)]
pub struct Journal {
    present: Arc<Content>,
    /// Oldest first; each ends where the next begins, the last with the present version.
    diffs: VecDeque<Arc<Diff>>,
}

/// What to send, in the order of the records.
#[derive(Clone, Debug)]
pub enum Sending {
    /// The SOA: there is nothing newer.
    Soa(Arc<Content>),
    /// The whole zone.
    Whole(Arc<Content>),
    /// The present SOA, then each change from the version that is there.
    Changes(Arc<Content>, Vec<Arc<Diff>>),
}

impl Journal {
    /// Begins with one version.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self {
            present: Arc::new(content),
            diffs: VecDeque::new(),
        }
    }

    /// The present version.
    #[must_use]
    pub fn present(&self) -> &Arc<Content> {
        &self.present
    }

    /// Takes a newer version; one that is not newer begins anew.
    pub fn push(&mut self, content: Content) {
        if !serial::is_newer(content.serial(), self.present.serial()) {
            *self = Self::new(content);
            return;
        }
        self.diffs.push_back(Arc::new(self.present.diff(&content)));
        self.present = Arc::new(content);
        let whole = self.present.records().len();
        while self.diffs.len() > JOURNAL_VERSIONS || self.len() > whole && self.diffs.len() > 1 {
            self.diffs.pop_front();
        }
    }

    /// Records that all changes take.
    fn len(&self) -> usize {
        self.diffs.iter().map(|diff| diff.len()).sum()
    }

    /// What one who has version `known` is sent; all of it to one who has none.
    #[must_use]
    pub fn send(&self, known: Option<u32>) -> Sending {
        let present = Arc::clone(&self.present);
        let Some(known) = known else {
            return Sending::Whole(present);
        };
        if !serial::is_newer(present.serial(), known) {
            return Sending::Soa(present);
        }
        let start = self
            .diffs
            .iter()
            .position(|diff| diff.from.serial() == known);
        let changes = start.map(|start| self.diffs.range(start..).cloned().collect::<Vec<_>>());
        match changes {
            Some(changes) if size(&changes) <= present.records().len() => {
                Sending::Changes(present, changes)
            }
            _ => Sending::Whole(present),
        }
    }
}

fn size(changes: &[Arc<Diff>]) -> usize {
    changes.iter().map(|diff| diff.len()).sum()
}

impl Sending {
    /// How many records.
    fn len(&self) -> usize {
        match self {
            Self::Soa(_) => 1,
            Self::Whole(content) => content.records().len() + 2,
            Self::Changes(_, diffs) => size(diffs) + 2,
        }
    }

    /// The record at a place; `None` past the end.
    #[must_use]
    pub fn record(&self, index: usize) -> Option<&Entry> {
        let (Self::Soa(content) | Self::Whole(content) | Self::Changes(content, _)) = self;
        if index == 0 || index + 1 == self.len() {
            return Some(&content.soa);
        }
        match self {
            Self::Soa(_) => None,
            Self::Whole(content) => content.records().get(index - 1),
            Self::Changes(_, diffs) => {
                let mut left = index - 1;
                for diff in diffs {
                    if left < diff.len() {
                        return change(diff, left);
                    }
                    left -= diff.len();
                }
                None
            }
        }
    }
}

/// A record of one change: old SOA, what is gone, new SOA, what is new.
fn change(diff: &Diff, index: usize) -> Option<&Entry> {
    let removed = diff.removed.len();
    match index {
        0 => Some(&diff.from),
        _ if index <= removed => diff.removed.get(index - 1),
        _ if index == removed + 1 => Some(&diff.to),
        _ => diff.added.get(index - removed - 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::transfer::content::tests::{content, soa, text};

    fn sent(sending: &Sending) -> Vec<Entry> {
        (0..)
            .map_while(|index| sending.record(index).cloned())
            .collect()
    }

    /// A zone large enough that changes are worth sending.
    fn version(serial: u32) -> Content {
        let texts: Vec<String> = (0..200)
            .map(|number| (serial + number).to_string())
            .collect();
        content(
            serial,
            &texts.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn each_gets_what_is_missing() {
        let mut journal = Journal::new(version(1));
        journal.push(version(2));
        journal.push(version(3));
        assert_eq!(sent(&journal.send(Some(3))), [soa(3)]);
        assert_eq!(sent(&journal.send(Some(9))), [soa(3)], "newer than ours");
        let changes = [
            soa(3),
            soa(1),
            text("a.z.test", "1"),
            soa(2),
            text("a.z.test", "201"),
            soa(2),
            text("a.z.test", "2"),
            soa(3),
            text("a.z.test", "202"),
            soa(3),
        ];
        assert_eq!(sent(&journal.send(Some(1))), changes);
        assert_eq!(sent(&journal.send(Some(2))).len(), 6);
        for known in [None, Some(0)] {
            let whole = sent(&journal.send(known));
            assert_eq!(whole.len(), 202);
            assert_eq!((&whole[0], &whole[201]), (&soa(3), &soa(3)));
        }
    }

    #[test]
    fn changes_larger_than_the_zone_are_not_kept() {
        let mut journal = Journal::new(content(1, &["a", "b"]));
        journal.push(content(2, &["c", "d"]));
        assert!(matches!(journal.send(Some(1)), Sending::Whole(_)));
        let mut journal = Journal::new(version(1));
        for serial in 2..100 {
            journal.push(version(serial));
        }
        assert!(journal.diffs.len() <= JOURNAL_VERSIONS);
        assert!(matches!(journal.send(Some(1)), Sending::Whole(_)));
        assert!(matches!(journal.send(Some(98)), Sending::Changes(..)));
    }

    #[test]
    fn a_version_that_is_not_newer_begins_anew() {
        let mut journal = Journal::new(version(5));
        journal.push(version(6));
        journal.push(version(2));
        assert_eq!(journal.present().serial(), 2);
        assert!(journal.diffs.is_empty());
    }
}
