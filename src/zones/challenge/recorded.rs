//! Updates by keys, as the audit log has them.
//!
//! An update that is permitted and changes something is written before anything is done: until it is, nothing is composed, and
//! when it cannot be, everything is as it was before and the client hears SERVFAIL. Who sent it is known by the key, and by
//! nothing else: no address stands there. What bears no signature of ours is no change, and not recorded.
use std::collections::BTreeSet;

use super::{Challenges, Change, Then};
use crate::dns::rr::rtype;
use crate::dns::text;
use crate::zones::{Output, Ticket, ZoneEngine};

/// A change by a key, or one that it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key's name.
    pub key: String,
    /// Its stage.
    pub stage: KeyChangeStage,
    /// Records that go, as `NAME VALUE`; of one that begins.
    pub gone: Vec<String>,
    /// Records that come, likewise.
    pub come: Vec<String>,
    /// Why nothing was changed; empty otherwise.
    pub why: String,
}

/// The stage of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChangeStage {
    /// It was permitted, and nothing is done yet.
    Begun,
    /// It is served.
    Done,
    /// It could not be served: everything is as it was before.
    Failed,
    /// The key may not do it, or a prerequisite does not hold.
    Refused,
}

impl ZoneEngine {
    /// Has a change written in the audit log before it is made.
    pub(super) fn record_first(&mut self, before: Challenges, then: Then, key: &str) {
        let (gone, come) = difference(&before, &self.challenges.kept);
        let ticket = self.record_begun(key, gone, come);
        self.challenges.change = Some(Change {
            before,
            waiting: std::collections::BTreeMap::new(),
            failed: None,
            recording: Some(ticket),
            keeping: None,
            then,
        });
    }

    /// Has the beginning of a change written; the number under which its being written is told.
    pub(in crate::zones) fn record_begun(
        &mut self,
        key: &str,
        gone: Vec<String>,
        come: Vec<String>,
    ) -> Ticket {
        let ticket = self.ticket();
        let change = KeyChange {
            key: key.to_owned(),
            stage: KeyChangeStage::Begun,
            gone,
            come,
            why: String::new(),
        };
        self.outputs
            .push_back(Output::Record(ticket, Box::new(change)));
        ticket
    }

    /// Goes on with a change that stands in the audit log, or undoes it if it does not.
    pub(crate) fn challenge_recorded(&mut self, ticket: Ticket, outcome: Result<(), String>) {
        let is_it = |change: &mut Change| change.recording == Some(ticket);
        let Some(change) = self.challenges.change.take_if(is_it) else {
            // The end of one was written, or could not be: it was made all the same.
            return;
        };
        match outcome {
            Ok(()) => self.begin_change(change.before, change.then),
            Err(why) => {
                self.challenges.kept = change.before;
                let why = format!("a change that cannot be recorded is not made: {why}");
                self.say_failed(change.then, why);
            }
        }
    }

    /// Has the end of a change written, or that it was refused; nobody waits for it.
    pub(in crate::zones) fn record_end(&mut self, key: &str, stage: KeyChangeStage, why: String) {
        let ticket = self.ticket();
        let change = KeyChange {
            key: key.to_owned(),
            stage,
            gone: Vec::new(),
            come: Vec::new(),
            why,
        };
        self.outputs
            .push_back(Output::Record(ticket, Box::new(change)));
    }
}

/// The records that go, and those that come.
fn difference(before: &Challenges, after: &Challenges) -> (Vec<String>, Vec<String>) {
    let lines = |all: &Challenges| -> BTreeSet<String> {
        let lines = all
            .iter()
            .map(|(name, one)| format!("{name} {}", text::show_rdata(rtype::TXT, &one.rdata)));
        lines.collect()
    };
    let (before, after) = (lines(before), lines(after));
    (
        before.difference(&after).cloned().collect(),
        after.difference(&before).cloned().collect(),
    )
}
