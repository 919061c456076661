//! The records of a zone in a fixed order, and what two such lists differ in.
//!
//! The SOA stands apart, because it alone says which version the rest is: two contents are the
//! same if they differ in nothing but the serial. Order is by owner, type, data and TTL, octet by
//! octet and without the case of owners: the same records give the same list on every machine.
use std::cmp::Ordering;

use crate::base::HashKey;
use crate::dns::Name;
use crate::dns::rr::rtype;

/// Octets of the five numbers at an SOA's end.
const SOA_TAIL: usize = 20;

/// One record of class IN.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Owner.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// Data, names in it uncompressed.
    pub rdata: Box<[u8]>,
}

/// All records of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The SOA.
    pub soa: Entry,
    /// All others, sorted, each once.
    records: Vec<Entry>,
}

/// What to take out and to put in to make one content of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The SOA before.
    pub from: Entry,
    /// The SOA after.
    pub to: Entry,
    /// Records that are gone.
    pub removed: Vec<Entry>,
    /// Records that are new.
    pub added: Vec<Entry>,
}

/// The timers of an SOA (RFC 1035, section 3.3.13), seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Time between two looks at the primary.
    pub refresh: u32,
    /// Time until another try after a failed look.
    pub retry: u32,
    /// Time after the last good look at which the zone is given up.
    pub expire: u32,
}

/// A diff does not fit what it is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the changes do not fit the version they are for")]
pub struct Unfit;

impl Entry {
    fn key(&self) -> (impl Iterator<Item = u8> + '_, u16, &[u8], u32) {
        let owner = self.owner.as_wire().iter().map(u8::to_ascii_lowercase);
        (owner, self.rtype, &self.rdata, self.ttl)
    }

    /// The serial of an SOA; 0 for what is too short to be one.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.soa_number(0)
    }

    /// The timers of an SOA.
    #[must_use]
    pub fn timers(&self) -> Timers {
        Timers {
            refresh: self.soa_number(1),
            retry: self.soa_number(2),
            expire: self.soa_number(3),
        }
    }

    /// The SOA with another serial.
    #[must_use]
    pub fn with_serial(&self, serial: u32) -> Self {
        let mut soa = self.clone();
        if let Some(at) = soa.rdata.len().checked_sub(SOA_TAIL) {
            soa.rdata[at..at + 4].copy_from_slice(&serial.to_be_bytes());
        }
        soa
    }

    /// Whether two SOAs say the same, whatever the case of their names; TTLs may differ.
    #[must_use]
    pub fn is_same_soa(&self, other: &Self) -> bool {
        let parts = |soa: &Self| soa.rdata.len().checked_sub(SOA_TAIL);
        let (Some(own), Some(theirs)) = (parts(self), parts(other)) else {
            return false;
        };
        let ((names, numbers), (their_names, their_numbers)) =
            (self.rdata.split_at(own), other.rdata.split_at(theirs));
        names.eq_ignore_ascii_case(their_names) && numbers == their_numbers
    }

    fn soa_number(&self, index: usize) -> u32 {
        let tail = self.rdata.last_chunk::<SOA_TAIL>();
        let number = tail.and_then(|tail| tail[4 * index..].first_chunk::<4>());
        number.map_or(0, |number| u32::from_be_bytes(*number))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let (own, theirs) = (self.key(), other.key());
        let by_owner = own.0.cmp(theirs.0);
        by_owner
            .then(own.1.cmp(&theirs.1))
            .then_with(|| own.2.cmp(theirs.2))
            .then(own.3.cmp(&theirs.3))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl Content {
    /// Puts records in order; `None` without exactly one SOA.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Entry>) -> Option<Self> {
        let (mut soa, rest): (Vec<Entry>, Vec<Entry>) = records
            .into_iter()
            .partition(|record| record.rtype == rtype::SOA);
        match (soa.pop(), soa.is_empty()) {
            (Some(soa), true) => Some(Self::of(soa, rest)),
            _ => None,
        }
    }

    /// Puts records other than the SOA in order.
    #[must_use]
    pub fn of(soa: Entry, mut records: Vec<Entry>) -> Self {
        records.sort_unstable();
        records.dedup();
        Self { soa, records }
    }

    /// All records but the SOA, in order.
    #[must_use]
    pub fn records(&self) -> &[Entry] {
        &self.records
    }

    /// All records but the SOA, taken out.
    #[must_use]
    pub fn into_records(self) -> Vec<Entry> {
        self.records
    }

    /// Which version it is.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.soa.serial()
    }

    /// The same as another version.
    #[must_use]
    pub fn with_serial(mut self, serial: u32) -> Self {
        self.soa = self.soa.with_serial(serial);
        self
    }

    /// Whether two differ in nothing but the serial, and the signature over it.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.soa.with_serial(0) == other.soa.with_serial(0) && self.lasting().eq(other.lasting())
    }

    /// Whether it has signatures.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.records.len() != self.lasting().count()
    }

    /// The records that do not change with the serial alone.
    fn lasting(&self) -> impl Iterator<Item = &Entry> {
        let covers_soa = |rdata: &[u8]| rdata.starts_with(&rtype::SOA.to_be_bytes());
        let own = self.records.iter();
        own.filter(move |one| one.rtype != rtype::RRSIG || !covers_soa(&one.rdata))
    }

    /// A number for all but the serial and the signature over it: equal for contents that say the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let soa = self.soa.with_serial(0);
        let all = std::iter::once(&soa).chain(self.lasting());
        all.fold(HashKey::from_secret(b"content").0, |state, record| {
            let owner = record.owner.as_wire().to_ascii_lowercase();
            let state = HashKey(HashKey(state).hash(&owner)).hash_u64(u64::from(record.rtype));
            HashKey(HashKey(state).hash(&record.rdata)).hash_u64(u64::from(record.ttl))
        })
    }

    /// What makes `after` of this.
    #[must_use]
    pub fn diff(&self, after: &Self) -> Diff {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        let (mut old, mut new) = (
            self.records.iter().peekable(),
            after.records.iter().peekable(),
        );
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(one), Some(other)) => one.cmp(other),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            match order {
                Ordering::Less => removed.extend(old.next().cloned()),
                Ordering::Greater => added.extend(new.next().cloned()),
                Ordering::Equal => drop((old.next(), new.next())),
            }
        }
        Diff {
            from: self.soa.clone(),
            to: after.soa.clone(),
            removed,
            added,
        }
    }

    /// What a diff makes of this.
    ///
    /// # Errors
    /// When the diff is for another version, takes out what is not there or puts in what is.
    pub fn apply(&self, diff: &Diff) -> Result<Self, Unfit> {
        if diff.from.serial() != self.serial() {
            return Err(Unfit);
        }
        let (mut removed, mut added) = (diff.removed.clone(), diff.added.clone());
        removed.sort_unstable();
        added.sort_unstable();
        let mut gone = removed.iter().peekable();
        let mut records = Vec::with_capacity(self.records.len() + added.len());
        for record in &self.records {
            match gone.next_if(|gone| *gone == record) {
                Some(_) => {}
                None => records.push(record.clone()),
            }
        }
        if gone.next().is_some() {
            return Err(Unfit);
        }
        let wanted = records.len() + added.len();
        records.append(&mut added);
        let content = Self::of(diff.to.clone(), records);
        match content.records.len() == wanted {
            true => Ok(content),
            false => Err(Unfit),
        }
    }
}

impl Diff {
    /// How many records it takes to send.
    #[must_use]
    pub fn len(&self) -> usize {
        2 + self.removed.len() + self.added.len()
    }

    /// Whether nothing but the SOA differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An SOA of `z.test`.
    pub(crate) fn soa(serial: u32) -> Entry {
        let rdata = b"\x01m\0\x01h\0\0\0\0\0\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
        let entry = Entry {
            owner: Name::parse("z.test").unwrap(),
            rtype: rtype::SOA,
            ttl: 60,
            rdata: rdata[..].into(),
        };
        entry.with_serial(serial)
    }

    /// A text record in `z.test`.
    pub(crate) fn text(owner: &str, text: &str) -> Entry {
        let mut rdata = vec![u8::try_from(text.len()).unwrap()];
        rdata.extend(text.bytes());
        Entry {
            owner: Name::parse(owner).unwrap(),
            rtype: rtype::TXT,
            ttl: 60,
            rdata: rdata.into(),
        }
    }

    /// A content of texts at `a.z.test`.
    pub(crate) fn content(serial: u32, texts: &[&str]) -> Content {
        let records = texts.iter().map(|one| text("a.z.test", one));
        Content::of(soa(serial), records.collect())
    }

    #[test]
    fn what_differs_is_found_and_applied() {
        let (one, two) = (content(1, &["a", "b", "d"]), content(2, &["b", "c", "d"]));
        let diff = one.diff(&two);
        assert_eq!(diff.removed, [text("a.z.test", "a")]);
        assert_eq!(diff.added, [text("A.z.test", "c")]);
        assert_eq!(one.apply(&diff), Ok(two.clone()));
        assert_eq!(two.apply(&diff), Err(Unfit), "of another version");
        let mut absent = diff.clone();
        absent.removed.push(text("a.z.test", "x"));
        assert_eq!(one.apply(&absent), Err(Unfit), "it is not there");
        let mut present = diff;
        present.added.push(text("a.z.test", "d"));
        assert_eq!(one.apply(&present), Err(Unfit), "it is there already");
    }

    #[test]
    fn the_serial_alone_makes_no_difference() {
        let (one, two) = (content(1, &["a"]), content(2, &["a"]));
        assert!(one.says_the_same(&two) && one != two);
        assert_eq!(one.digest(), two.digest());
        for other in [content(1, &["b"]), content(1, &[]), content(1, &["a", "b"])] {
            assert!(!one.says_the_same(&other));
            assert_ne!(one.digest(), other.digest());
        }
        let mut slower = one.clone();
        slower.records[0].ttl = 61;
        assert!(!one.says_the_same(&slower));
        assert_ne!(one.digest(), slower.digest());
    }

    #[test]
    fn an_soa_says_its_numbers() {
        let soa = soa(7);
        assert_eq!(soa.serial(), 7);
        let timers = Timers {
            refresh: 2,
            retry: 3,
            expire: 4,
        };
        assert_eq!(soa.timers(), timers);
        assert_eq!(text("a.z.test", "x").serial(), 0);
    }

    #[test]
    fn one_soa_makes_a_zone() {
        assert!(Content::new([text("a.z.test", "x")]).is_none());
        assert!(Content::new([soa(1), soa(2)]).is_none());
        let records = [text("b.z.test", "x"), soa(1), text("B.z.test", "x")];
        assert_eq!(Content::new(records).unwrap().records().len(), 1);
    }
}
