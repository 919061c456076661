//! Entries of the log: one order each, with its clock, its place in its author's chain, and what its author knew.
//!
//! Orders that can contradict each other share a **slot**: a drain and the undrain of one scope, an approval and the refusal of one
//! outage. An entry names those entries of its own slot that its author had seen, by author and start: so whoever reads two knows
//! whether one was given in knowledge of the other.
//!
//! Acts are *lasting* (they hold until another act ends them) or *passing*: those hold thirty days at most, and are forgotten once
//! everything that they could have replaced has ended, too.
use crate::base::limits::{CLUSTER_SEEN, CLUSTER_SPENT_KEPT, CLUSTER_TEXT_BYTES, OVERRIDE_LONGEST};
use crate::base::{Permille, Utc};

use super::packing::{Garbled, Packer, Unpacker};
use super::seal::{Author, short_hash};
use super::stamp::{Boot, HybridStamp, after};

/// The hash of an entry's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryHash(pub [u8; 32]);

/// The deed of an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogAct {
    /// Take out what the scope covers.
    Drain,
    /// Let it back.
    Undrain,
    /// Let it have at most this share, whatever probes say; all of it is `up`.
    Override(Permille),
    /// End the override of this scope.
    Lift,
    /// Let come back what fell in this outage.
    Approve(u64),
    /// Do not.
    Refuse(u64),
    /// Do not listen to this author any more.
    Revoke(Author),
    /// Answer this text at the scope, a name, with this TTL in seconds.
    PutChallenge(u32, Vec<u8>),
    /// Answer it no more.
    DeleteChallenge(Vec<u8>),
    /// Take the release of this version into force nowhere any more.
    HaltRelease(u64),
    /// Go on with it.
    ResumeRelease(u64),
}

/// Orders of which one holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderSlot {
    family: u8,
    /// The scope.
    pub scope: String,
    item: u64,
}

/// An entry of the same slot that the author had seen: the newest of that start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenEntry {
    /// Its author.
    pub author: Author,
    /// The start of its author.
    pub boot: Boot,
    /// Its clock.
    pub stamp: HybridStamp,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderEntry {
    /// The hash of the author's entry before it in this start; nothing before the first.
    pub before: EntryHash,
    /// Its clock; greater than all that were seen.
    pub stamp: HybridStamp,
    /// The act.
    pub act: LogAct,
    /// A region, a provider, an endpoint, a zone, a name: as the act wants it.
    pub scope: String,
    /// The name of whoever ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The time from which it is in force, if not at once.
    pub begins: Option<Utc>,
    /// The time at which it ends by itself; an override and a challenge have one.
    pub expires: Option<Utc>,
    /// Entries of its slot that were seen, sorted.
    pub seen: Vec<SeenEntry>,
}

const DRAINS: u8 = 1;
const OVERRIDES: u8 = 2;
const APPROVALS: u8 = 3;
const REVOCATIONS: u8 = 4;
const CHALLENGES: u8 = 5;
const RELEASES: u8 = 6;

impl LogAct {
    /// Of two acts given in ignorance of each other the one with more caution holds: a drain over an undrain, a refusal
    /// over an approval, the smaller share, a challenge rather than none, no release rather than one.
    #[must_use]
    pub fn caution(&self) -> u16 {
        match self {
            Self::Undrain
            | Self::Approve(_)
            | Self::DeleteChallenge(_)
            | Self::ResumeRelease(_) => 0,
            Self::Drain
            | Self::Refuse(_)
            | Self::Revoke(_)
            | Self::PutChallenge(..)
            | Self::HaltRelease(_) => 1,
            // No override at all is safer than one that gives all, and less safe than one that takes.
            Self::Override(Permille::FULL) => 0,
            Self::Lift => 1,
            Self::Override(share) => 1002 - share.0.min(1000),
        }
    }

    /// Tells that it holds for a time only.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Override(_)
                | Self::Lift
                | Self::Approve(_)
                | Self::Refuse(_)
                | Self::PutChallenge(..)
                | Self::DeleteChallenge(_)
        )
    }

    /// Tells that it needs an end of its own.
    #[must_use]
    pub fn needs_end(&self) -> bool {
        matches!(self, Self::Override(_) | Self::PutChallenge(..))
    }

    /// Tells one of many that come and go: an approval of one outage, or what is said of a challenge. It is forgotten soon after
    /// its end, and has not all of its author's room.
    #[must_use]
    pub fn is_brief(&self) -> bool {
        matches!(
            self,
            Self::Approve(_) | Self::PutChallenge(..) | Self::DeleteChallenge(_)
        )
    }

    /// The second of the outage that an approval or a refusal is for.
    #[must_use]
    pub fn outage(&self) -> Option<u64> {
        if let Self::Approve(second) | Self::Refuse(second) = self {
            return Some(*second);
        }
        None
    }

    fn slot(&self) -> (u8, u64) {
        match self {
            Self::Drain | Self::Undrain => (DRAINS, 0),
            Self::Override(_) | Self::Lift => (OVERRIDES, 0),
            Self::Approve(outage) | Self::Refuse(outage) => (APPROVALS, *outage),
            Self::Revoke(author) => (REVOCATIONS, author.0),
            Self::PutChallenge(_, text) | Self::DeleteChallenge(text) => {
                (CHALLENGES, short_hash(text))
            }
            // Of the newest one that was spoken of.
            Self::HaltRelease(_) | Self::ResumeRelease(_) => (RELEASES, 0),
        }
    }

    fn pack(&self, out: &mut Packer) {
        let (kind, number, octets): (u8, u64, &[u8]) = match self {
            Self::Drain => (1, 0, &[]),
            Self::Undrain => (2, 0, &[]),
            Self::Override(share) => (3, share.0.into(), &[]),
            Self::Lift => (4, 0, &[]),
            Self::Approve(outage) => (5, *outage, &[]),
            Self::Refuse(outage) => (6, *outage, &[]),
            Self::Revoke(author) => (7, author.0, &[]),
            Self::PutChallenge(ttl, text) => (8, (*ttl).into(), text),
            Self::DeleteChallenge(text) => (9, 0, text),
            Self::HaltRelease(version) => (12, *version, &[]),
            Self::ResumeRelease(version) => (13, *version, &[]),
        };
        out.u8(kind);
        out.u64(number);
        out.octets(octets);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Garbled> {
        let wrong = from.wrong("act");
        let (kind, number) = (from.u8()?, from.u64()?);
        let octets = from.octets(CLUSTER_TEXT_BYTES.3)?;
        let has_number = matches!(kind, 3 | 5..=8 | 12 | 13);
        let has_octets = matches!(kind, 8 | 9);
        if (!has_number && number != 0) || (!has_octets && !octets.is_empty()) {
            return Err(wrong);
        }
        Ok(match kind {
            1 => Self::Drain,
            2 => Self::Undrain,
            3 => {
                let share = u16::try_from(number).ok().filter(|share| *share <= 1000);
                Self::Override(Permille(share.ok_or(wrong)?))
            }
            4 => Self::Lift,
            5 => Self::Approve(number),
            6 => Self::Refuse(number),
            7 => Self::Revoke(Author(number)),
            8 => {
                let ttl = u32::try_from(number).map_err(|_| wrong)?;
                Self::PutChallenge(ttl, octets.to_vec())
            }
            9 => Self::DeleteChallenge(octets.to_vec()),
            12 => Self::HaltRelease(number),
            13 => Self::ResumeRelease(number),
            _ => return Err(wrong),
        })
    }
}

impl OrderSlot {
    /// The slot of an act on a scope.
    #[must_use]
    pub fn of(act: &LogAct, scope: &str) -> Self {
        let (family, item) = act.slot();
        Self {
            family,
            scope: scope.to_owned(),
            item,
        }
    }
}

impl OrderEntry {
    /// The slot.
    #[must_use]
    pub fn slot(&self) -> OrderSlot {
        OrderSlot::of(&self.act, &self.scope)
    }

    /// Tells that it is in force at a time, by the clock of whoever asks.
    #[must_use]
    pub fn is_in_force(&self, wall: Utc) -> bool {
        let begun = self.begins.is_none_or(|begins| begins <= wall);
        begun && !self.is_over(wall)
    }

    /// The time at which it ends by itself.
    #[must_use]
    pub fn ends(&self) -> Option<Utc> {
        let last = after(self.stamp.time(), OVERRIDE_LONGEST);
        let last = Some(last).filter(|_| self.act.is_passing());
        self.expires.into_iter().chain(last).min()
    }

    /// Tells that its own time is over.
    #[must_use]
    pub fn is_over(&self, wall: Utc) -> bool {
        self.ends().is_some_and(|ends| ends <= wall)
    }

    /// Tells that it is over, and everything is that it could have replaced. Whoever says of a challenge that it is to go says until
    /// when it would have been there.
    #[must_use]
    pub fn is_spent(&self, wall: Utc) -> bool {
        let replaced = after(self.stamp.time(), OVERRIDE_LONGEST);
        let last = match self.ends() {
            Some(ends) if self.act.is_brief() => ends,
            Some(_) | None => replaced,
        };
        self.act.is_passing() && wall > after(last, CLUSTER_SPENT_KEPT)
    }

    /// Names what is wrong with it, whoever wrote it.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let (scope, by, reason, content) = CLUSTER_TEXT_BYTES;
        let octets = match &self.act {
            LogAct::PutChallenge(_, octets) | LogAct::DeleteChallenge(octets) => octets.len(),
            LogAct::Drain
            | LogAct::Undrain
            | LogAct::Override(_)
            | LogAct::Lift
            | LogAct::Approve(_)
            | LogAct::Refuse(_)
            | LogAct::Revoke(_)
            | LogAct::HaltRelease(_)
            | LogAct::ResumeRelease(_) => 0,
        };
        if self.scope.len() > scope
            || self.by.len() > by
            || self.reason.len() > reason
            || octets > content
        {
            return Some("length");
        }
        if self.act.needs_end() && self.expires.is_none() {
            return Some("no end");
        }
        if self.seen.iter().any(|seen| seen.stamp >= self.stamp) {
            return Some("clock");
        }
        None
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.fixed(&self.before.0);
        out.u64(self.stamp.0);
        self.act.pack(&mut out);
        for text in [&self.scope, &self.by, &self.reason] {
            out.octets(text.as_bytes());
        }
        out.maybe(self.begins.map(|time| time.0));
        out.maybe(self.expires.map(|time| time.0));
        out.count(self.seen.len());
        for seen in &self.seen {
            for number in [seen.author.0, seen.boot.0, seen.stamp.0] {
                out.u64(number);
            }
        }
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let (scope, by, reason, _) = CLUSTER_TEXT_BYTES;
        let entry = Self {
            before: EntryHash(from.fixed()?),
            stamp: HybridStamp(from.u64()?),
            act: LogAct::unpack(&mut from)?,
            scope: from.text(scope)?,
            by: from.text(by)?,
            reason: from.text(reason)?,
            begins: from.maybe()?.map(Utc),
            expires: from.maybe()?.map(Utc),
            seen: from.rising(CLUSTER_SEEN, |from| {
                Ok(SeenEntry {
                    author: Author(from.u64()?),
                    boot: Boot(from.u64()?),
                    stamp: HybridStamp(from.u64()?),
                })
            })?,
        };
        from.end()?;
        let fault = entry.fault();
        fault.map_or(Ok(entry), |what| Err(from.wrong(what)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(act: LogAct) -> OrderEntry {
        OrderEntry {
            before: EntryHash([1; 32]),
            stamp: HybridStamp::at(Utc(1_000_000)),
            act,
            scope: "eu".into(),
            by: "ada".into(),
            reason: "works".into(),
            begins: None,
            expires: Some(Utc(2_000_000)),
            seen: vec![SeenEntry {
                author: Author(4),
                boot: Boot(1),
                stamp: HybridStamp(5),
            }],
        }
    }

    #[test]
    fn every_act_is_read_as_it_was_written() {
        let acts = [
            LogAct::Drain,
            LogAct::Undrain,
            LogAct::Override(Permille(370)),
            LogAct::Lift,
            LogAct::Approve(7),
            LogAct::Refuse(7),
            LogAct::Revoke(Author(9)),
            LogAct::PutChallenge(60, b"text".to_vec()),
            LogAct::DeleteChallenge(b"text".to_vec()),
            LogAct::PutChallenge(60, vec![0; 6000]),
        ];
        for act in acts {
            let entry = entry(act);
            let packed = entry.pack();
            assert_eq!(OrderEntry::unpack(&packed), Ok(entry));
            let cut = OrderEntry::unpack(&packed[..packed.len() - 1]);
            assert_eq!(cut.map_err(|garbled| garbled.what), Err("end"));
        }
    }

    #[test]
    fn an_entry_that_cannot_be_is_refused() {
        let refused = |entry: OrderEntry| {
            let read = OrderEntry::unpack(&entry.pack());
            read.map_err(|garbled| garbled.what).unwrap_err()
        };
        let mut endless = entry(LogAct::Override(Permille(1)));
        endless.expires = None;
        assert_eq!(refused(endless), "no end");
        let mut prophet = entry(LogAct::Drain);
        prophet.seen[0].stamp = prophet.stamp;
        assert_eq!(refused(prophet), "clock");
        let mut twice = entry(LogAct::Drain);
        twice.seen.push(twice.seen[0]);
        assert_eq!(refused(twice), "order");
    }

    #[test]
    fn contradicting_acts_share_a_slot_and_the_safer_has_more_caution() {
        let pairs = [
            (LogAct::Drain, LogAct::Undrain),
            (LogAct::Refuse(7), LogAct::Approve(7)),
            (LogAct::Override(Permille(0)), LogAct::Override(Permille(9))),
            (LogAct::Override(Permille(999)), LogAct::Lift),
            (LogAct::Lift, LogAct::Override(Permille::FULL)),
            (
                LogAct::PutChallenge(60, vec![1]),
                LogAct::DeleteChallenge(vec![1]),
            ),
        ];
        for (safer, other) in pairs {
            assert_eq!(OrderSlot::of(&safer, "x"), OrderSlot::of(&other, "x"));
            assert!(
                safer.caution() > other.caution(),
                "{safer:?} over {other:?}"
            );
        }
        assert_ne!(
            OrderSlot::of(&LogAct::Approve(1), "x"),
            OrderSlot::of(&LogAct::Approve(2), "x"),
            "another outage"
        );
    }
}
