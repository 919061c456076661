//! The messages of a transfer into records, each step checked.
//!
//! ```text
//! start --SOA--> second --SOA of our version--> removing <--SOA-- adding --SOA, the first again--> done
//!         |         |                              '-----SOA------^
//!         |         '--anything else--> whole --SOA, the first again--> done
//!         '--not newer than ours--> done
//! ```
//!
//! A primary may answer a request for changes with the whole zone (RFC 1995, section 4): which of
//! the two it is, the second record says. The end is the first SOA once more; a stream that stops
//! before has brought nothing. What is outside the zone or not of class IN is an error, and so is
//! anything after the end; octets and records are bounded.
//!
//! It does not check signatures: messages come here when they are believed.
use thiserror::Error;

use super::content::{Content, Diff, Entry};
use super::serial;
use crate::base::limits::{TRANSFER_BYTES, TRANSFER_RECORDS};
use crate::dns::Name;
use crate::dns::message::{Header, Malformed, Reader, Record, opcode};
use crate::dns::rr::{class, rtype};

/// What came of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The primary has nothing newer; its serial.
    Nothing(u32),
    /// The whole zone.
    Whole(Content),
    /// What changed since our version, step by step.
    Changes(Vec<Diff>),
}

/// Why a transfer is given up.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// The primary does not give it; its response code.
    #[error("the primary answered {}", crate::dns::text::rcode_name(*.0))]
    Rcode(u16),
    /// Not a reply to what was asked.
    #[error("the reply is not one to our request")]
    Foreign,
    /// A message that cannot be read.
    #[error("malformed message")]
    Malformed,
    /// The zone does not begin with its SOA.
    #[error("the zone does not begin with its SOA")]
    NoSoa,
    /// A record that does not belong into the zone.
    #[error("`{0}` does not belong into the zone")]
    Outside(Name),
    /// Changes that do not follow on each other.
    #[error("the changes do not follow on each other")]
    Gap,
    /// Records after the end.
    #[error("there are records behind the end")]
    Excess,
    /// More than one zone may have.
    #[error("the zone is larger than {TRANSFER_RECORDS} records or {TRANSFER_BYTES} octets")]
    TooLarge,
}

/// What has come so far.
#[derive(Debug)]
pub struct Receipt {
    apex: Name,
    id: u16,
    /// Our version; absent where the whole zone was asked for.
    known: Option<u32>,
    state: State,
    /// The first SOA.
    soa: Option<Entry>,
    records: Vec<Entry>,
    diffs: Vec<Diff>,
    count: usize,
    octets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Second,
    Whole,
    Removing,
    Adding,
    Done,
}

impl Receipt {
    /// Awaits the reply to a request of this id: for changes since version `known`, or for all.
    #[must_use]
    pub fn new(apex: &Name, id: u16, known: Option<u32>) -> Self {
        Self {
            apex: apex.clone(),
            id,
            known,
            state: State::Start,
            soa: None,
            records: Vec::new(),
            diffs: Vec::new(),
            count: 0,
            octets: 0,
        }
    }

    /// Whether nothing more is to come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// When the transfer can no longer become whole.
    pub fn take(&mut self, message: &[u8]) -> Result<(), Broken> {
        self.octets += message.len() as u64;
        if self.octets > TRANSFER_BYTES {
            return Err(Broken::TooLarge);
        }
        let header = Header::read(message)?;
        let is_ours = header.is_response() && header.opcode() == opcode::QUERY;
        if header.id != self.id || !is_ours || header.is_truncated() {
            return Err(Broken::Foreign);
        }
        if header.rcode() != 0 {
            return Err(Broken::Rcode(header.rcode()));
        }
        let mut reader = Reader::new(message)?;
        for _ in 0..header.counts[0] {
            if reader.question()?.name != self.apex {
                return Err(Broken::Foreign);
            }
        }
        if header.counts[1] == 0 && self.state == State::Start {
            return Err(Broken::NoSoa);
        }
        for _ in 0..header.counts[1] {
            self.record(reader.record()?)?;
        }
        Ok(())
    }

    /// What came; `None` if it is not whole.
    #[must_use]
    pub fn finish(self) -> Option<Received> {
        if self.state != State::Done {
            return None;
        }
        let soa = self.soa?;
        if !self.diffs.is_empty() {
            return Some(Received::Changes(self.diffs));
        }
        let is_news = self
            .known
            .is_none_or(|known| serial::is_newer(soa.serial(), known));
        Some(match is_news {
            true => Received::Whole(Content::of(soa, self.records)),
            false => Received::Nothing(soa.serial()),
        })
    }

    fn record(&mut self, record: Record) -> Result<(), Broken> {
        self.count += 1;
        if self.count > TRANSFER_RECORDS {
            return Err(Broken::TooLarge);
        }
        if record.class != class::IN || !record.owner.is_within(&self.apex) {
            return Err(Broken::Outside(record.owner));
        }
        let entry = Entry {
            owner: record.owner,
            rtype: record.rtype,
            ttl: record.ttl,
            rdata: record.rdata.into(),
        };
        match entry.rtype {
            rtype::SOA if entry.owner != self.apex => Err(Broken::Outside(entry.owner)),
            rtype::SOA => self.boundary(entry),
            _ => self.data(entry),
        }
    }

    /// The difference that is being received.
    fn diff(&mut self) -> Result<&mut Diff, Broken> {
        self.diffs.last_mut().ok_or(Broken::Gap)
    }

    fn data(&mut self, entry: Entry) -> Result<(), Broken> {
        match self.state {
            State::Start => return Err(Broken::NoSoa),
            State::Second | State::Whole => {
                self.state = State::Whole;
                self.records.push(entry);
            }
            State::Removing => self.diff()?.removed.push(entry),
            State::Adding => self.diff()?.added.push(entry),
            State::Done => return Err(Broken::Excess),
        }
        Ok(())
    }

    /// An SOA: where something begins or ends.
    fn boundary(&mut self, soa: Entry) -> Result<(), Broken> {
        let first = self.soa.as_ref().map(Entry::serial);
        self.state = match (self.state, first) {
            (State::Start, _) | (_, None) => self.begin(soa),
            (State::Second, Some(first)) if soa.serial() == first => State::Done,
            (State::Second, Some(_)) if self.known == Some(soa.serial()) => {
                self.diffs.push(change(soa));
                State::Removing
            }
            (State::Whole, Some(first)) if soa.serial() == first => State::Done,
            (State::Second | State::Whole, Some(_)) => return Err(Broken::Gap),
            (State::Removing, Some(_)) => {
                let diff = self.diffs.last_mut().ok_or(Broken::Gap)?;
                if !serial::is_newer(soa.serial(), diff.from.serial()) {
                    return Err(Broken::Gap);
                }
                diff.to = soa;
                State::Adding
            }
            (State::Adding, Some(first)) => {
                let reached = self.diffs.last().map(|diff| diff.to.serial());
                match reached == Some(soa.serial()) {
                    true if soa.serial() == first => State::Done,
                    true => {
                        self.diffs.push(change(soa));
                        State::Removing
                    }
                    false => return Err(Broken::Gap),
                }
            }
            (State::Done, Some(_)) => return Err(Broken::Excess),
        };
        Ok(())
    }

    fn begin(&mut self, soa: Entry) -> State {
        let serial = soa.serial();
        self.soa = Some(soa);
        match self.known {
            Some(known) if !serial::is_newer(serial, known) => State::Done,
            Some(_) | None => State::Second,
        }
    }
}

/// A change that begins; its end is not known yet.
fn change(from: Entry) -> Diff {
    Diff {
        to: from.clone(),
        from,
        removed: Vec::new(),
        added: Vec::new(),
    }
}

impl From<Malformed> for Broken {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::transfer::content::tests::{content, soa, text};
    use crate::dns::transfer::{Journal, Messages};

    fn apex() -> Name {
        Name::parse("z.test").unwrap()
    }

    fn journal() -> Journal {
        let version = |serial: u32| {
            let texts: Vec<String> = (serial..serial + 2000)
                .map(|one| format!("{one:0>60}"))
                .collect();
            content(
                serial,
                &texts.iter().map(String::as_str).collect::<Vec<_>>(),
            )
        };
        let mut journal = Journal::new(version(1));
        journal.push(version(2));
        journal.push(version(3));
        journal
    }

    /// What one who has version `known` makes of what it is sent.
    fn receive(known: Option<u32>, qtype: u16) -> (usize, Received) {
        let mut receipt = Receipt::new(&apex(), 7, known);
        let mut count = 0;
        for message in Messages::new(7, &apex(), qtype, journal().send(known)) {
            assert!(!receipt.is_whole());
            receipt.take(&message).unwrap();
            count += 1;
        }
        assert!(receipt.is_whole());
        (count, receipt.finish().unwrap())
    }

    #[test]
    fn what_is_sent_is_received() {
        let present = journal().present().clone();
        let (count, received) = receive(None, rtype::AXFR);
        assert!(count > 1);
        assert_eq!(received, Received::Whole((*present).clone()));
        let (_, received) = receive(Some(0), rtype::IXFR);
        assert_eq!(received, Received::Whole((*present).clone()), "too old");
        for known in [3, 4] {
            let (_, received) = receive(Some(known), rtype::IXFR);
            assert_eq!(received, Received::Nothing(3));
        }
        let (_, received) = receive(Some(1), rtype::IXFR);
        let Received::Changes(diffs) = received else {
            panic!("{received:?}");
        };
        let texts: Vec<String> = (1..2001).map(|one| format!("{one:0>60}")).collect();
        let first = content(1, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let after = diffs
            .iter()
            .try_fold(first, |content, diff| content.apply(diff));
        assert_eq!(after.as_ref(), Ok(&*present));
    }

    fn fed(known: Option<u32>, records: &[Entry]) -> Result<Option<Received>, Broken> {
        let mut receipt = Receipt::new(&apex(), 7, known);
        for record in records {
            let record = Record {
                owner: record.owner.clone(),
                rtype: record.rtype,
                class: class::IN,
                ttl: record.ttl,
                rdata: record.rdata.to_vec(),
            };
            receipt.record(record)?;
        }
        Ok(receipt.finish())
    }

    #[test]
    fn half_a_zone_is_none() {
        let a = || text("a.z.test", "a");
        assert_eq!(fed(None, &[soa(3), a()]), Ok(None));
        assert_eq!(fed(None, &[soa(3)]), Ok(None));
        assert_eq!(fed(Some(1), &[soa(3), soa(1), a(), soa(3), a()]), Ok(None));
    }

    #[test]
    fn what_does_not_belong_there_ends_it() {
        let a = || text("a.z.test", "a");
        let cases: [(Option<u32>, Vec<Entry>, Broken); 8] = [
            (None, vec![a()], Broken::NoSoa),
            (None, vec![soa(3), a(), soa(4)], Broken::Gap),
            (None, vec![soa(3), a(), soa(3), a()], Broken::Excess),
            (Some(1), vec![soa(3), soa(2)], Broken::Gap),
            (Some(1), vec![soa(3), soa(1), soa(1)], Broken::Gap),
            (Some(1), vec![soa(3), soa(1), soa(2), soa(3)], Broken::Gap),
            (
                None,
                vec![soa(3), text("other.test", "a")],
                Broken::Outside(Name::parse("other.test").unwrap()),
            ),
            (Some(3), vec![soa(3), a()], Broken::Excess),
        ];
        for (known, records, expected) in cases {
            assert_eq!(fed(known, &records), Err(expected), "{records:?}");
        }
    }

    #[test]
    fn a_message_must_answer_the_request() {
        let message = Messages::new(7, &apex(), rtype::AXFR, journal().send(None))
            .next()
            .unwrap();
        let with = |at: usize, octet: u8| {
            let mut message = message.clone();
            message[at] = octet;
            Receipt::new(&apex(), 7, None).take(&message)
        };
        assert_eq!(with(1, 8), Err(Broken::Foreign), "another id");
        assert_eq!(with(2, 0x04), Err(Broken::Foreign), "a query");
        assert_eq!(with(2, 0x86), Err(Broken::Foreign), "truncated");
        assert_eq!(with(3, 5), Err(Broken::Rcode(5)));
        assert_eq!(with(13, b'y'), Err(Broken::Foreign), "another zone");
        for end in 0..200 {
            let _ = Receipt::new(&apex(), 7, None).take(&message[..end]);
        }
    }
}
