//! Votes as they are carried: all that one vantage sees, at once.
//!
//! A ballot has two bitmaps by the places of the targets in its author's plan, and says which plan that is. Whoever has the same
//! plan reads it as it stands. Whoever has another one needs the **names** of the author's targets, which come in records of their own,
//! in parts, and only when the plan changes: then what both have is voted on, and nothing else.
//!
//! A full snapshot each time costs the same whether all is well or nothing is.
use crate::base::limits::{
    CLUSTER_CAUSES, CLUSTER_NAMES_AT_ONCE, CLUSTER_RISEN, CLUSTER_TARGETS, CLUSTER_VANTAGES,
};
use crate::base::{Cause, Span, Utc};
use crate::health::target::Verdict;

use super::packing::{Garbled, Packer, Unpacker};
use super::ruling::Trust;
use super::seal::{Author, hash, short_hash};

/// The names of all targets of a plan, in its order, as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanHash(pub [u8; 16]);

/// A set of places, each below a length.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PlaceSet {
    length: u32,
    octets: Vec<u8>,
}

/// One vantage's vote on all targets of its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// The time at which it was sent, by its author's clock.
    pub sent: Utc,
    /// The plan whose targets it is on.
    pub plan: PlanHash,
    /// Tells whether its author trusts its own network.
    pub trust: Trust,
    /// Targets that it sees up.
    pub up: PlaceSet,
    /// Targets that it sees down; none of those that it sees up.
    pub down: PlaceSet,
    /// The causes of some that are down, by place.
    pub causes: Vec<(u32, Cause)>,
    /// For how long some have been up that were not before, by place.
    pub risen: Vec<(u32, Span)>,
    /// Vantages whose fresh votes it has, sorted.
    pub heard: Vec<Author>,
}

/// The hashes of the names of a plan's targets, in its order: one part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetNames {
    /// The plan.
    pub plan: PlanHash,
    /// The number of all its targets.
    pub of: u32,
    /// Those of this part.
    pub names: Vec<u64>,
}

impl PlanHash {
    /// The hash of a plan with targets of these names.
    #[must_use]
    pub fn of(names: &[u64]) -> Self {
        let mut out = Packer::default();
        names.iter().for_each(|name| out.u64(*name));
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash(&out.0);
        Self(first)
    }
}

impl PlaceSet {
    /// None of so many.
    #[must_use]
    pub fn none(length: u32) -> Self {
        Self {
            length,
            octets: vec![0; octets_of(length)],
        }
    }

    /// The number of places.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Adds a place; one past the end is left out.
    pub fn add(&mut self, place: u32) {
        if place < self.length {
            self.octets[place as usize / 8] |= 1 << (place % 8);
        }
    }

    /// Tells whether a place is in it.
    #[must_use]
    pub fn has(&self, place: u32) -> bool {
        place < self.length && self.octets[place as usize / 8] & 1 << (place % 8) != 0
    }

    /// The places that only one of two sets has, of the same length.
    pub fn differing<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = u32> + 's {
        let pairs = (0_u32..).zip(self.octets.iter().zip(&other.octets));
        let changed = pairs.filter(|(_, (one, other))| one != other);
        changed.flat_map(|(octet, (one, other))| {
            let bits = (0..8).filter(move |bit| (one ^ other) & 1 << bit != 0);
            bits.map(move |bit| octet * 8 + bit)
        })
    }

    fn unpack(from: &mut Unpacker<'_>, length: u32) -> Result<Self, Garbled> {
        let octets = from.slice(octets_of(length))?.to_vec();
        let beyond = octets.last().filter(|_| !length.is_multiple_of(8));
        if beyond.is_some_and(|last| last >> (length % 8) != 0) {
            return Err(from.wrong("bits past the end"));
        }
        Ok(Self { length, octets })
    }
}

impl Ballot {
    /// A vote that says nothing yet, on the targets of a plan.
    #[must_use]
    pub fn blank(plan: PlanHash, targets: u32, trust: Trust) -> Self {
        Self {
            sent: Utc(0),
            plan,
            trust,
            up: PlaceSet::none(targets),
            down: PlaceSet::none(targets),
            causes: Vec::new(),
            risen: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Tells for how long these have been up that were not before. Those that rose last have room.
    pub fn tell_risen(&mut self, mut risen: Vec<(Span, u32)>) {
        risen.retain(|(ago, place)| *ago <= CLUSTER_RISEN.1 && self.up.has(*place));
        risen.sort_unstable();
        risen.truncate(CLUSTER_RISEN.0);
        self.risen = risen.into_iter().map(|(ago, place)| (place, ago)).collect();
        self.risen.sort_unstable();
    }

    /// For how long a target has been up, if it rose lately.
    #[must_use]
    pub fn up_for(&self, place: u32) -> Option<Span> {
        let told = self.risen.binary_search_by_key(&place, |(place, _)| *place);
        told.ok().map(|at| self.risen[at].1)
    }

    /// Adds the verdict on a target; places rise from call to call. Only the first causes have room.
    pub fn add(&mut self, place: u32, verdict: Verdict) {
        match verdict {
            Verdict::Up => self.up.add(place),
            Verdict::Down(cause) => {
                self.down.add(place);
                if self.causes.len() < CLUSTER_CAUSES {
                    self.causes.push((place, cause));
                }
            }
            Verdict::Unknown => {}
        }
    }

    /// The verdict on a target. A cause that had no room is that the target was reported as down.
    #[must_use]
    pub fn verdict(&self, place: u32) -> Verdict {
        if self.up.has(place) {
            return Verdict::Up;
        }
        if !self.down.has(place) {
            return Verdict::Unknown;
        }
        let told = self
            .causes
            .binary_search_by_key(&place, |(place, _)| *place);
        Verdict::Down(told.map_or(Cause::Reported, |at| self.causes[at].1))
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.u64(self.sent.0);
        out.fixed(&self.plan.0);
        out.u8(match self.trust {
            Trust::Sure => 1,
            Trust::Doubting => 0,
        });
        out.u32(self.up.length);
        out.fixed(&self.up.octets);
        out.fixed(&self.down.octets);
        out.count(self.causes.len());
        for (place, cause) in &self.causes {
            out.u32(*place);
            out.fixed(&code(*cause));
        }
        out.count(self.risen.len());
        for (place, ago) in &self.risen {
            out.u32(*place);
            out.u64(ago.0);
        }
        out.count(self.heard.len());
        self.heard.iter().for_each(|author| out.u64(author.0));
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let (sent, plan) = (Utc(from.u64()?), PlanHash(from.fixed()?));
        let trust = match from.u8()? {
            0 => Trust::Doubting,
            1 => Trust::Sure,
            _ => return Err(from.wrong("trust")),
        };
        let targets = from.u32()?;
        if targets as usize > CLUSTER_TARGETS {
            return Err(from.wrong("targets"));
        }
        let up = PlaceSet::unpack(&mut from, targets)?;
        let down = PlaceSet::unpack(&mut from, targets)?;
        if up
            .octets
            .iter()
            .zip(&down.octets)
            .any(|(up, down)| up & down != 0)
        {
            return Err(from.wrong("up and down"));
        }
        let causes = from.rising(CLUSTER_CAUSES, |from| {
            let (place, code) = (from.u32()?, from.fixed()?);
            let wrong = from.wrong("cause");
            let cause = cause_of(code).filter(|_| down.has(place)).ok_or(wrong)?;
            Ok((place, cause))
        })?;
        let risen = from.rising(CLUSTER_RISEN.0, |from| {
            let (place, ago) = (from.u32()?, Span(from.u64()?));
            let wrong = from.wrong("risen");
            let is_known = up.has(place) && ago <= CLUSTER_RISEN.1;
            is_known.then_some((place, ago)).ok_or(wrong)
        })?;
        let heard = from.rising(CLUSTER_VANTAGES, |from| Ok(Author(from.u64()?)))?;
        from.end()?;
        Ok(Self {
            sent,
            plan,
            trust,
            up,
            down,
            causes,
            risen,
            heard,
        })
    }
}

impl TargetNames {
    /// The hash of a target's name.
    #[must_use]
    pub fn hash(name: &str) -> u64 {
        short_hash(name.as_bytes())
    }

    /// The names of a plan in parts.
    pub(super) fn parts(names: &[u64]) -> impl Iterator<Item = Self> {
        let plan = PlanHash::of(names);
        let of = u32::try_from(names.len()).expect("limits.rs bounds the targets");
        let parts = names.chunks(CLUSTER_NAMES_AT_ONCE);
        parts.map(move |part| Self {
            plan,
            of,
            names: part.to_vec(),
        })
    }

    /// A part without names.
    pub(super) fn none(plan: PlanHash) -> Self {
        Self {
            plan,
            of: 0,
            names: Vec::new(),
        }
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.fixed(&self.plan.0);
        out.u32(self.of);
        out.count(self.names.len());
        self.names.iter().for_each(|name| out.u64(*name));
        out.0
    }

    /// The plan that a part is of, if it can be read.
    pub(super) fn plan_of(content: &[u8]) -> Option<PlanHash> {
        Unpacker::new(content).fixed().ok().map(PlanHash)
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let (plan, of) = (PlanHash(from.fixed()?), from.u32()?);
        if of as usize > CLUSTER_TARGETS {
            return Err(from.wrong("targets"));
        }
        let count = from.count(CLUSTER_NAMES_AT_ONCE)?;
        let names = (0..count).map(|_| from.u64());
        let names = names.collect::<Result<_, _>>()?;
        from.end()?;
        Ok(Self { plan, of, names })
    }
}

fn octets_of(length: u32) -> usize {
    (length as usize).div_ceil(8)
}

/// Causes without figures; the place is the code, so new ones are added at the end.
const PLAIN: [Cause; 27] = [
    Cause::Reported,
    Cause::Refused,
    Cause::Unreachable,
    Cause::ConnectTimeout,
    Cause::TlsTimeout,
    Cause::ResponseTimeout,
    Cause::Reset,
    Cause::Tls,
    Cause::CertificateExpired,
    Cause::CertificateExpiring,
    Cause::CertificateEarly,
    Cause::CertificateName,
    Cause::CertificateIssuer,
    Cause::CertificateAuthority,
    Cause::Certificate,
    Cause::Body,
    Cause::Compressed,
    Cause::Answer,
    Cause::Protocol,
    Cause::Behind,
    Cause::Slow,
    Cause::Login,
    Cause::Local,
    Cause::Opposed,
    Cause::OutOfBounds,
    Cause::NoValue,
    Cause::Silent,
];
const STATUS: u8 = 200;
const TOO_FEW: u8 = 201;
const EXIT: u8 = 202;

fn code(cause: Cause) -> [u8; 4] {
    if let Cause::Status(status) = cause {
        let [high, low] = status.to_be_bytes();
        return [STATUS, high, low, 0];
    }
    if let Cause::TooFew { needed, of, held } = cause {
        return [TOO_FEW, needed, of, held];
    }
    if let Cause::Exit(status) = cause {
        return [EXIT, status, 0, 0];
    }
    let place = PLAIN.iter().position(|plain| *plain == cause);
    let code = place.and_then(|place| u8::try_from(place).ok());
    [code.unwrap_or(0), 0, 0, 0]
}

fn cause_of(code: [u8; 4]) -> Option<Cause> {
    match code {
        [STATUS, high, low, 0] => Some(Cause::Status(u16::from_be_bytes([high, low]))),
        [TOO_FEW, needed, of, held] => Some(Cause::TooFew { needed, of, held }),
        [EXIT, status, 0, 0] => Some(Cause::Exit(status)),
        [plain, 0, 0, 0] => PLAIN.get(usize::from(plain)).copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballot_is_read_as_it_was_written() {
        let mut ballot = Ballot::blank(PlanHash([7; 16]), 11, Trust::Sure);
        ballot.sent = Utc(5);
        let told = [
            Cause::Status(503),
            Cause::TooFew {
                needed: 2,
                of: 3,
                held: 1,
            },
            Cause::Exit(9),
            Cause::Silent,
        ];
        for (place, cause) in (0..).zip(told) {
            ballot.add(place, Verdict::Down(cause));
        }
        ballot.add(10, Verdict::Up);
        ballot.tell_risen(vec![(Span(70), 10), (Span(5), 3), (Span(u64::MAX), 10)]);
        assert_eq!(ballot.risen, [(10, Span(70))], "of those that are up");
        ballot.heard = vec![Author(1), Author(3)];
        let packed = ballot.pack();
        assert_eq!(Ballot::unpack(&packed), Ok(ballot.clone()));
        assert_eq!(ballot.verdict(0), Verdict::Down(Cause::Status(503)));
        assert_eq!(ballot.verdict(10), Verdict::Up);
        assert_eq!(
            [9, 11, u32::MAX].map(|place| ballot.verdict(place)),
            [Verdict::Unknown; 3]
        );
        for length in 0..packed.len() {
            assert!(Ballot::unpack(&packed[..length]).is_err());
        }
    }

    #[test]
    fn every_cause_has_a_code_of_its_own() {
        for cause in PLAIN {
            assert_eq!(cause_of(code(cause)), Some(cause));
        }
        assert_eq!(cause_of([27, 0, 0, 0]), None);
        assert_eq!(cause_of([1, 0, 0, 1]), None);
    }

    #[test]
    fn names_come_in_parts() {
        let names: Vec<u64> = (0..CLUSTER_NAMES_AT_ONCE as u64 + 3).collect();
        let parts: Vec<TargetNames> = TargetNames::parts(&names).collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].names.len(), 3);
        assert_eq!(TargetNames::unpack(&parts[1].pack()), Ok(parts[1].clone()));
    }
}
