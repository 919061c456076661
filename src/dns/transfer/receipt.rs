//! The messages of a transfer into records, each step checked.
//!
//! ```text
//! start --SOA--> second --SOA of our version--> removing <--SOA-- adding --SOA, the first again--> done
//!         |         |                              '-----SOA------^
//!         |         '--anything else--> whole --SOA, the first again--> done
//!         '--not newer than ours--> current
//! ```
//!
//! A primary may answer a request for changes with the whole zone (RFC 1995, section 4): which of
//! the two it is, the second record says. The end is the first SOA once more, the same in all
//! its fields; a stream that stops before has brought nothing. What comes behind an SOA that
//! is no newer than ours is not looked at: a primary that sends the whole zone all the same has
//! nothing new to say.
//!
//! A record whose owner lies outside the zone is left out, counted, and changes nothing else, as BIND
//! and Knot have it: one of them is no reason to go on with an old zone. One of another class than
//! IN is an error, and so are an SOA below the apex and anything after the end; octets and records
//! are bounded, those left out among them.
//!
//! It does not check signatures: messages come here when they are believed.
use thiserror::Error;

use super::changes::PackedChanges;
use super::content::Entry;
use super::packed::{Packed, Pieces};
use super::serial;
use crate::base::limits::TRANSFER_RECORDS;
use crate::dns::message::{Header, Malformed, Reader, RecordRef, Room, opcode};
use crate::dns::rr::{class, rtype};
use crate::dns::{Name, octets};

/// What came of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The primary has nothing newer; its serial.
    Nothing(u32),
    /// The whole zone.
    Whole(Packed),
    /// What changed since our version, step by step.
    Changes(PackedChanges),
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
    /// A record that cannot be part of any zone of class IN that has this apex.
    #[error("`{0}` does not belong into the zone")]
    Alien(Name),
    /// Changes that do not follow on each other.
    #[error("the changes do not follow on each other")]
    Gap,
    /// Records after the end.
    #[error("there are records behind the end")]
    Excess,
    /// More octets than the zone may have.
    #[error("the zone is larger than {0} octets: raise its `max_size` if it may be")]
    TooLarge(u64),
    /// More octets than any zone may have.
    #[error("there is more than one zone can hold")]
    TooMuch,
    /// More records than any zone may have.
    #[error("the zone has more than {TRANSFER_RECORDS} records")]
    TooMany,
}

/// What a primary was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The whole zone, whatever we have.
    Whole,
    /// The whole zone (AXFR), of which nothing is taken if it is no newer than this version.
    Newer(u32),
    /// The changes since this version (IXFR).
    Changes(u32),
}

/// Records that were left out because they lie outside the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strays {
    /// How many.
    pub count: usize,
    /// The owner of the first.
    pub first: Name,
}

/// What has come so far.
#[derive(Debug)]
pub struct Receipt {
    apex: Name,
    id: u16,
    asked: Asked,
    state: State,
    /// The first SOA.
    soa: Option<Entry>,
    pieces: Pieces,
    room: Room,
    changes: Option<PackedChanges>,
    strays: Option<Strays>,
    count: usize,
    octets: u64,
    /// Octets that may come.
    most: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Second,
    Whole,
    Removing,
    Adding,
    /// The end has come.
    Done,
    /// There is nothing newer than what we have.
    Current,
}

impl Asked {
    /// The version that we have, as far as it matters.
    fn known(self) -> Option<u32> {
        match self {
            Self::Whole => None,
            Self::Newer(known) | Self::Changes(known) => Some(known),
        }
    }
}

impl Receipt {
    /// Awaits the reply to a request of this id.
    #[must_use]
    pub fn new(apex: &Name, id: u16, asked: Asked) -> Self {
        Self {
            apex: apex.clone(),
            id,
            asked,
            state: State::Start,
            soa: None,
            pieces: Pieces::default(),
            room: Room::default(),
            changes: None,
            strays: None,
            count: 0,
            octets: 0,
            most: u64::MAX,
        }
    }

    /// The same, of so many octets at the most.
    #[must_use]
    pub fn of_at_most(self, octets: u64) -> Self {
        Self {
            most: octets,
            ..self
        }
    }

    /// Whether nothing more is to come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.state, State::Done | State::Current)
    }

    /// What was left out so far.
    #[must_use]
    pub fn strays(&self) -> Option<&Strays> {
        self.strays.as_ref()
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// When the transfer can no longer become whole.
    pub fn take(&mut self, message: &[u8]) -> Result<(), Broken> {
        self.octets += message.len() as u64;
        if self.octets > self.most {
            return Err(Broken::TooLarge(self.most));
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
        let mut room = std::mem::take(&mut self.room);
        for _ in 0..header.counts[1] {
            if self.state == State::Current {
                break;
            }
            self.record(&reader.record_in(&mut room)?)?;
        }
        self.room = room;
        Ok(())
    }

    /// What came; `None` if it is not whole.
    #[must_use]
    pub fn finish(self) -> Option<Received> {
        let soa = self.soa?;
        match self.state {
            State::Current => Some(Received::Nothing(soa.serial())),
            State::Done => Some(match self.changes {
                None => Received::Whole(self.pieces.under(self.apex, soa)),
                Some(changes) => Received::Changes(changes),
            }),
            State::Start | State::Second | State::Whole | State::Removing | State::Adding => None,
        }
    }

    fn record(&mut self, record: &RecordRef<'_>) -> Result<(), Broken> {
        self.count += 1;
        if self.count > TRANSFER_RECORDS {
            return Err(Broken::TooMany);
        }
        if record.class != class::IN {
            return Err(Broken::Alien(owner_of(record)?));
        }
        if !octets::is_within(record.owner, self.apex.as_wire()) {
            return self.leave_out(record);
        }
        match record.rtype {
            rtype::SOA if record.owner.len() != self.apex.as_wire().len() => {
                Err(Broken::Alien(owner_of(record)?))
            }
            rtype::SOA => self.boundary(entry_of(record)?),
            _ => self.data(record),
        }
    }

    /// Counts a record of another zone in; it has its place in the stream like any other.
    fn leave_out(&mut self, record: &RecordRef<'_>) -> Result<(), Broken> {
        match self.state {
            State::Start => return Err(Broken::NoSoa),
            State::Done | State::Current => return Err(Broken::Excess),
            State::Second => self.state = State::Whole,
            State::Whole | State::Removing | State::Adding => {}
        }
        let strays = match &mut self.strays {
            Some(strays) => strays,
            None => self.strays.insert(Strays {
                count: 0,
                first: owner_of(record)?,
            }),
        };
        strays.count += 1;
        Ok(())
    }

    /// The changes that are being received.
    fn changes(&mut self) -> Result<&mut PackedChanges, Broken> {
        self.changes.as_mut().ok_or(Broken::Gap)
    }

    fn data(&mut self, record: &RecordRef<'_>) -> Result<(), Broken> {
        let about = (record.owner, record.rtype, record.ttl);
        let changes = self.changes.as_ref();
        if changes
            .map_or(&self.pieces, |changes| &changes.pieces)
            .is_full()
        {
            return Err(Broken::TooMuch);
        }
        match self.state {
            State::Start => return Err(Broken::NoSoa),
            State::Second | State::Whole => {
                self.state = State::Whole;
                self.pieces.push(&self.apex, about, record.rdata);
            }
            State::Removing => self.changes()?.take_out((about, record.rdata)),
            State::Adding => self.changes()?.put_in((about, record.rdata)),
            State::Done | State::Current => return Err(Broken::Excess),
        }
        Ok(())
    }

    /// An SOA: where something begins or ends.
    fn boundary(&mut self, soa: Entry) -> Result<(), Broken> {
        let is_it = |known: &Entry| known.is_same_soa(&soa);
        let ends = self.soa.as_ref().is_some_and(is_it);
        let follows = self
            .changes
            .as_ref()
            .is_some_and(|changes| is_it(changes.soa()));
        self.state = match self.state {
            State::Start => self.begin(soa),
            State::Second | State::Whole if ends => State::Done,
            State::Second if self.asked == Asked::Changes(soa.serial()) => {
                let changes = self.changes.insert(PackedChanges::new(&self.apex, soa));
                changes.begin();
                State::Removing
            }
            State::Second | State::Whole => return Err(Broken::Gap),
            State::Removing => {
                let changes = self.changes()?;
                if !serial::is_newer(soa.serial(), changes.soa().serial()) {
                    return Err(Broken::Gap);
                }
                changes.lead_to(soa);
                State::Adding
            }
            State::Adding if !follows => return Err(Broken::Gap),
            State::Adding if ends => State::Done,
            State::Adding => {
                self.changes()?.begin();
                State::Removing
            }
            State::Done | State::Current => return Err(Broken::Excess),
        };
        Ok(())
    }

    fn begin(&mut self, soa: Entry) -> State {
        let serial = soa.serial();
        self.soa = Some(soa);
        match self.asked.known() {
            Some(known) if !serial::is_newer(serial, known) => State::Current,
            Some(_) | None => State::Second,
        }
    }
}

fn owner_of(record: &RecordRef<'_>) -> Result<Name, Malformed> {
    Name::from_wire(record.owner).ok_or(Malformed)
}

fn entry_of(record: &RecordRef<'_>) -> Result<Entry, Malformed> {
    Ok(Entry {
        owner: owner_of(record)?,
        rtype: record.rtype,
        ttl: record.ttl,
        rdata: record.rdata.into(),
    })
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

    /// What one who asks so makes of what it is sent.
    fn receive(asked: Asked) -> (usize, Received) {
        let (qtype, known) = match asked {
            Asked::Whole | Asked::Newer(_) => (rtype::AXFR, None),
            Asked::Changes(known) => (rtype::IXFR, Some(known)),
        };
        let mut receipt = Receipt::new(&apex(), 7, asked);
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
        for asked in [Asked::Whole, Asked::Newer(2)] {
            let (count, received) = receive(asked);
            assert!(count > 1);
            assert_eq!(
                received,
                Received::Whole(Packed::of(&apex(), &present)),
                "{asked:?}"
            );
        }
        let (_, received) = receive(Asked::Changes(0));
        assert_eq!(
            received,
            Received::Whole(Packed::of(&apex(), &present)),
            "too old"
        );
        for known in [3, 4] {
            let (_, received) = receive(Asked::Changes(known));
            assert_eq!(received, Received::Nothing(3));
        }
        let (_, received) = receive(Asked::Changes(1));
        let Received::Changes(changes) = received else {
            panic!("{received:?}");
        };
        let texts: Vec<String> = (1..2001).map(|one| format!("{one:0>60}")).collect();
        let first = content(1, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let after = changes
            .into_diffs()
            .iter()
            .try_fold(first, |content, diff| content.apply(diff));
        assert_eq!(after.as_ref(), Ok(&*present));
    }

    #[test]
    fn more_than_a_zone_may_have_ends_it() {
        let messages = || Messages::new(7, &apex(), rtype::AXFR, journal().send(None));
        let octets: usize = messages().map(|message| message.len()).sum();
        for (most, broken) in [
            (octets, None),
            (octets - 1, Some(octets - 1)),
            (100, Some(100)),
        ] {
            let mut receipt = Receipt::new(&apex(), 7, Asked::Whole).of_at_most(most as u64);
            let taken = messages().try_for_each(|message| receipt.take(&message));
            let expected = broken.map(|most| Broken::TooLarge(most as u64));
            assert_eq!(taken.err(), expected, "of {most}");
        }
    }

    /// What is made of these records, and what was left out.
    fn fed(asked: Asked, records: &[Entry]) -> Result<(Option<Received>, Option<Strays>), Broken> {
        let mut receipt = Receipt::new(&apex(), 7, asked);
        for record in records {
            receipt.record(&RecordRef {
                owner: record.owner.as_wire(),
                rtype: record.rtype,
                class: class::IN,
                ttl: record.ttl,
                rdata: &record.rdata,
            })?;
        }
        let strays = receipt.strays().cloned();
        Ok((receipt.finish(), strays))
    }

    #[test]
    fn half_a_zone_is_none() {
        let a = || text("a.z.test", "a");
        for (asked, records) in [
            (Asked::Whole, &[soa(3), a()][..]),
            (Asked::Whole, &[soa(3)]),
            (Asked::Whole, &[soa(3), text("other.test", "a")]),
            (Asked::Changes(1), &[soa(3), soa(1), a(), soa(3), a()]),
        ] {
            assert_eq!(fed(asked, records).unwrap().0, None, "{records:?}");
        }
    }

    #[test]
    fn what_does_not_belong_there_ends_it() {
        let a = || text("a.z.test", "a");
        let (all, since) = (Asked::Whole, Asked::Changes);
        let mut other = soa(3);
        other.rdata[1] = b'n';
        let mut below = soa(3);
        below.owner = Name::parse("a.z.test").unwrap();
        for (asked, records, expected) in [
            (all, vec![a()], Broken::NoSoa),
            (all, vec![text("other.test", "a"), soa(3)], Broken::NoSoa),
            (all, vec![soa(3), a(), soa(4)], Broken::Gap),
            (all, vec![soa(3), a(), other.clone()], Broken::Gap),
            (all, vec![soa(3), a(), soa(3), a()], Broken::Excess),
            (
                all,
                vec![soa(3), soa(3), text("other.test", "a")],
                Broken::Excess,
            ),
            (all, vec![soa(3), below.clone()], Broken::Alien(below.owner)),
            (Asked::Newer(1), vec![soa(3), soa(1)], Broken::Gap),
            (since(1), vec![soa(3), soa(2)], Broken::Gap),
            (since(1), vec![soa(3), soa(1), soa(1)], Broken::Gap),
            (since(1), vec![soa(3), soa(1), soa(2), soa(3)], Broken::Gap),
            (since(1), vec![soa(3), soa(1), soa(3), other], Broken::Gap),
        ] {
            assert_eq!(fed(asked, &records), Err(expected), "{records:?}");
        }
    }

    #[test]
    fn the_end_is_the_first_soa_in_any_case_of_its_names() {
        let mut last = soa(3);
        last.rdata[1] = b'M';
        last.ttl += 1;
        let (received, _) = fed(Asked::Whole, &[soa(3), text("a.z.test", "a"), last]).unwrap();
        assert_eq!(
            received,
            Some(Received::Whole(Packed::of(&apex(), &content(3, &["a"]))))
        );
    }

    #[test]
    fn what_lies_outside_is_left_out_and_counted() {
        let (a, b) = (|| text("a.z.test", "a"), || text("a.z.test", "b"));
        let (alien, other) = (|| text("z.test.evil", "a"), || text("az.test", "b"));
        let strays = |count| {
            Some(Strays {
                count,
                first: alien().owner,
            })
        };
        let whole = [soa(3), alien(), a(), other(), soa(3)];
        assert_eq!(
            fed(Asked::Whole, &whole),
            Ok((
                Some(Received::Whole(Packed::of(&apex(), &content(3, &["a"])))),
                strays(2)
            ))
        );
        // The second record is one of the zone's, wherever it lies: so this is no difference.
        assert_eq!(
            fed(Asked::Changes(1), &[soa(3), alien(), soa(1)]),
            Err(Broken::Gap)
        );
        let changes = [soa(3), soa(1), alien(), a(), soa(3), other(), b(), soa(3)];
        let diff = content(1, &["a"]).diff(&content(3, &["b"]));
        assert_eq!(
            fed(Asked::Changes(1), &changes),
            Ok((
                Some(Received::Changes(
                    PackedChanges::of(&apex(), &[diff]).unwrap()
                )),
                strays(2)
            ))
        );
    }

    #[test]
    fn nothing_is_taken_that_is_no_newer() {
        let whole = content(3, &["a"]);
        for asked in [Asked::Newer(3), Asked::Newer(4), Asked::Changes(3)] {
            let sending = Journal::new(whole.clone()).send(None);
            let mut receipt = Receipt::new(&apex(), 7, asked);
            for message in Messages::new(7, &apex(), rtype::AXFR, sending) {
                receipt.take(&message).unwrap();
            }
            assert!(receipt.is_whole());
            assert_eq!(receipt.finish(), Some(Received::Nothing(3)), "{asked:?}");
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
            Receipt::new(&apex(), 7, Asked::Whole).take(&message)
        };
        assert_eq!(with(1, 8), Err(Broken::Foreign), "another id");
        assert_eq!(with(2, 0x04), Err(Broken::Foreign), "a query");
        assert_eq!(with(2, 0x86), Err(Broken::Foreign), "truncated");
        assert_eq!(with(3, 5), Err(Broken::Rcode(5)));
        assert_eq!(with(13, b'y'), Err(Broken::Foreign), "another zone");
        for end in 0..200 {
            let _ = Receipt::new(&apex(), 7, Asked::Whole).take(&message[..end]);
        }
    }
}
