//! The positions up to which a node has records: what it asks others with.
//!
//! Where many nodes share much, most of it is the same from one question to the next. So on one connection only the first question says
//! all of it, and each further one what is later than in the last that was answered. Whoever answers keeps what it was told so far.
//!
//! Positions are sorted, and two lists of them are compared side by side: with 1,000 nodes there are some 2,000, many times a second.
use std::collections::BTreeMap;

use super::packing::{Garbled, Packer, Unpacker};
use super::record::{RecordStream, Sealed};
use super::seal::Author;
use super::stamp::Boot;
use crate::base::limits::{CLUSTER_HAVE_BYTES, CLUSTER_LOG_BOOTS, CLUSTER_MEMBERS};

/// The positions up to which a node has records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Have {
    /// Sorted, each series once.
    newest: Vec<(HaveSeries, HavePosition)>,
    logs: BTreeMap<Author, LogMarks>,
}

type HaveSeries = (Author, RecordStream);
type HavePosition = (Boot, u64);

/// The same of one author's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LogMarks {
    pub(super) sum: u64,
    pub(super) last: BTreeMap<Boot, u64>,
}

/// All of it, or what is later than what was said before.
const HAVE_WHOLE: [u8; 4] = *b"WPH\x01";
const HAVE_LATER: [u8; 4] = *b"WPH\x02";

impl Have {
    /// These positions, which are sorted, and no logs yet.
    pub(super) fn of(newest: impl Iterator<Item = (HaveSeries, HavePosition)>) -> Self {
        Self {
            newest: newest.collect(),
            logs: BTreeMap::new(),
        }
    }

    /// Adds the last entry of one start to an author's log of this sum.
    pub(super) fn add_log(&mut self, author: Author, sum: u64, (boot, seq): (Boot, u64)) {
        let marks = self.logs.entry(author).or_default();
        marks.sum = sum;
        marks.last.insert(boot, seq);
    }

    /// The octets that are sent.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        self.pack_as(HAVE_WHOLE)
    }

    /// The octets that are sent to whoever knows already what was had before: only what is later. Where something is gone since, all.
    #[must_use]
    pub fn pack_after(&self, before: &Self) -> Vec<u8> {
        let mut authors = before.logs.keys();
        let mut is_gone = authors.any(|author| !self.logs.contains_key(author));
        let mut known = before.newest.iter().peekable();
        let mut newest = Vec::new();
        for one in &self.newest {
            is_gone |= known.next_if(|known| known.0 < one.0).is_some();
            if known.next_if(|known| known.0 == one.0) != Some(one) {
                newest.push(*one);
            }
        }
        if is_gone || known.next().is_some() {
            return self.pack();
        }
        let logs = self.logs.iter();
        let logs = logs.filter(|(author, marks)| before.logs.get(author) != Some(marks));
        let later = Self {
            newest,
            logs: logs
                .map(|(author, marks)| (*author, marks.clone()))
                .collect(),
        };
        later.pack_as(HAVE_LATER)
    }

    fn pack_as(&self, magic: [u8; 4]) -> Vec<u8> {
        let mut out = Packer::default();
        out.fixed(&magic);
        out.count(self.newest.len());
        for ((author, stream), (boot, seq)) in &self.newest {
            out.u64(author.0);
            stream.pack(&mut out);
            out.u64(boot.0);
            out.u64(*seq);
        }
        out.count(self.logs.len());
        for (author, marks) in &self.logs {
            out.u64(author.0);
            out.u64(marks.sum);
            out.count(marks.last.len());
            for (boot, seq) in &marks.last {
                out.u64(boot.0);
                out.u64(*seq);
            }
        }
        out.0
    }

    /// Reads what was sent.
    ///
    /// # Errors
    /// The place from which it cannot be read.
    pub fn unpack(octets: &[u8]) -> Result<Self, Garbled> {
        Self::unpack_after(octets, None)
    }

    /// Reads what was sent by somebody who has said so much before.
    ///
    /// # Errors
    /// The place from which it cannot be read.
    pub fn unpack_after(octets: &[u8], before: Option<&Self>) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(octets);
        if octets.len() > CLUSTER_HAVE_BYTES {
            return Err(from.wrong("length"));
        }
        let mut have = match (from.fixed()?, before) {
            (HAVE_WHOLE, _) => Self::default(),
            (HAVE_LATER, Some(before)) => before.clone(),
            _ => return Err(from.wrong("version")),
        };
        let newest = from.rising(CLUSTER_HAVE_BYTES, |from| {
            let key = (Author(from.u64()?), RecordStream::unpack(from)?);
            Ok((key, (Boot(from.u64()?), from.u64()?)))
        })?;
        have.newest.extend(newest);
        // What was said last is behind what was said before, and counts.
        have.newest.sort_by_key(|(series, _)| *series);
        have.newest.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same {
                earlier.1 = later.1;
            }
            is_same
        });
        for _ in 0..from.count(CLUSTER_MEMBERS)? {
            let (author, sum) = (Author(from.u64()?), from.u64()?);
            let last = from.rising(CLUSTER_LOG_BOOTS, |from| {
                Ok((Boot(from.u64()?), from.u64()?))
            })?;
            let last = last.into_iter().collect();
            have.logs.insert(author, LogMarks { sum, last });
        }
        from.end()?;
        // Whoever says something later each time may not make it grow for ever.
        let is_bounded =
            have.newest.len() <= CLUSTER_HAVE_BYTES && have.logs.len() <= CLUSTER_MEMBERS;
        is_bounded.then_some(have).ok_or(from.wrong("count"))
    }

    /// The marks of an author's log.
    pub(super) fn log(&self, author: Author) -> Option<&LogMarks> {
        self.logs.get(&author)
    }

    /// The same, to be changed.
    pub(super) fn log_mut(&mut self, author: Author) -> Option<&mut LogMarks> {
        self.logs.get_mut(&author)
    }

    /// Of these records, sorted by series, those that this has not, each with the number by which this is behind it: all, where it
    /// has none of that start.
    pub(super) fn missing<'r>(
        &self,
        records: impl Iterator<Item = &'r Sealed>,
    ) -> Vec<(&'r Sealed, u64)> {
        let mut known = self.newest.iter().peekable();
        let missing = records.filter_map(|record| {
            let envelope = record.envelope();
            let (series, at) = (
                (envelope.author, envelope.stream),
                (envelope.boot, envelope.seq),
            );
            while known.next_if(|(other, _)| *other < series).is_some() {}
            match known.next_if(|(other, _)| *other == series) {
                Some((_, known)) if *known >= at => None,
                Some((_, known)) if known.0 == at.0 => Some((record, at.1 - known.1)),
                Some(_) | None => Some((record, u64::MAX)),
            }
        });
        missing.collect()
    }
}
