//! The signatures of a few entries, and when they are to be made anew.
use crate::dns::rr::RrSet;

/// Signatures of a few entries, made for one time.
#[derive(Debug, Default)]
pub struct Chunk {
    pub(super) times: Times,
    pub(super) signatures: Signatures,
    made: usize,
}

/// When signatures are good, seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// When the last of them begins to hold.
    pub(super) opens: u64,
    /// When the first of them is to be made anew; 0 where one is missing.
    pub(super) due: u64,
    /// When the first of them ends to hold; 0 where there is none yet.
    pub(super) expires: u64,
}

/// Signatures one behind the other.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    pub(super) ends: Vec<u32>,
    pub(super) octets: Vec<u8>,
}

impl Chunk {
    /// When the first of its signatures is to be made anew.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.times.due
    }

    /// Without signatures, and with none missing.
    pub(super) fn empty() -> Self {
        Self {
            times: Times::NOTHING,
            signatures: Signatures::default(),
            made: 0,
        }
    }

    /// The number of its signatures that were made for it, and not taken over.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made
    }

    /// Counts the signatures of an entry, which begin at this octet, if they are not those that were known.
    pub(super) fn count(&mut self, from: usize, known: Option<RrSet<'_>>) {
        let mut own = self.signatures.octets.get(from..).unwrap_or_default();
        let own = RrSet::take(&mut own);
        let is_known = own
            .zip(known)
            .is_some_and(|(own, known)| own.encoded == known.encoded);
        if let Some(own) = own.filter(|_| !is_known) {
            self.made += own.records().count();
        }
    }

    /// Ends an entry, with what was appended for it.
    pub(super) fn end_entry(&mut self) {
        let Signatures { ends, octets } = &mut self.signatures;
        ends.push(u32::try_from(octets.len()).expect("a chunk is a few messages long"));
    }
}

impl Times {
    /// Of no signatures at all.
    pub(super) const NOTHING: Self = Self {
        opens: 0,
        due: u64::MAX,
        expires: u64::MAX,
    };
    /// Of a signature that is missing.
    pub(super) const MISSING: Self = Self {
        opens: 0,
        due: 0,
        expires: 0,
    };

    /// Of these and others together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            opens: self.opens.max(other.opens),
            due: self.due.min(other.due),
            expires: self.expires.min(other.expires),
        }
    }

    /// When there is something to make, as the clock stands: at once (0) where a signature does not hold
    /// yet, because the clock was ahead when it was made and has been put back.
    pub(super) fn due_at(self, now: u64) -> u64 {
        if self.opens > now { 0 } else { self.due }
    }

    /// Tells that one of them cannot be answered with at this time: it is missing, is not by the present keys, does not
    /// hold yet, or has a quarter of its validity (seconds) left or less, which a renewal never lets it come to.
    pub(super) fn is_lacking(self, now: u64, validity: u64) -> bool {
        self.due == 0 || self.opens > now || self.due.saturating_add(validity / 4) <= now
    }

    /// The same signatures, to be looked at again at once; nothing has to be done where there are none.
    pub(super) fn unsettled(self) -> Self {
        match self.due {
            u64::MAX => self,
            _ => Self { due: 0, ..self },
        }
    }
}

impl Signatures {
    /// The RRSIG RRset of an entry.
    pub(super) fn set(&self, place: usize) -> Option<RrSet<'_>> {
        let end = *self.ends.get(place)? as usize;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        RrSet::take(&mut self.octets.get(start..end)?)
    }
}
