//! Records that come and go by themselves: TXT at `_acme-challenge` names (RFC 8555, section 8.4).
//!
//! Whoever asks a certificate authority for a certificate must show for a while that it rules the
//! name. What it shows is kept here, apart from the zone's own file: who put it there, and until
//! when. Only names whose first label is `_acme-challenge` are taken, and those that a [`Pattern`] lists, inside a zone of ours and
//! not where the zone hands its names on (a delegation, an alias): a key that can do this much can
//! do no more. Several values may stand at one name, because a certificate for a name and its
//! wildcard needs two; a value that is given again stays longer.
//!
//! A name that was not there takes itself, and names above it that were not there, out of what a wildcard
//! stands for ([`Uncovered`]): that cannot be helped (RFC 4592, section 2.2.2), only told.
//!
//! What is given is bounded ([`CHALLENGES`]). Times are seconds since 1970, given by the caller.
//! Where this is kept on disk, and how it gets into the served zone, is not known here.
use std::collections::BTreeMap;

use thiserror::Error;

use super::Name;
use super::rr::rtype;
use super::zone::{Edit, Zone, Zones};
use crate::base::limits::{CHALLENGE_BYTES, CHALLENGES, CHALLENGES_PER_NAME};

mod pattern;
mod place;

pub use pattern::Pattern;
pub use place::{Misplaced, Uncovered, owner, place, uncovered};

use place::check_place;

/// One TXT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// RDATA.
    pub rdata: Vec<u8>,
    /// Seconds that resolvers may keep it.
    pub ttl: u32,
    /// When it goes, seconds since 1970.
    pub expires: u64,
    /// Who put it there: a key's name, or an operator's.
    pub author: String,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges {
    by_name: BTreeMap<Name, Vec<Challenge>>,
}

/// Why a record is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Full {
    /// There are too many.
    #[error("{CHALLENGES} challenges are kept at most; they go by themselves")]
    All,
    /// The name has too many.
    #[error("{CHALLENGES_PER_NAME} values are kept for one name at most")]
    Name,
    /// It is too long.
    #[error("{CHALLENGE_BYTES} octets are the most for one value")]
    Long,
}

impl Challenges {
    /// Adds a record, or lets one that is there stay longer.
    ///
    /// # Errors
    /// When there is no room.
    pub fn add(&mut self, name: &Name, challenge: Challenge) -> Result<(), Full> {
        if challenge.rdata.len() > CHALLENGE_BYTES {
            return Err(Full::Long);
        }
        let is_full = self.len() >= CHALLENGES;
        let own = self.by_name.get_mut(name);
        let same = own.and_then(|own| own.iter_mut().find(|one| one.rdata == challenge.rdata));
        if let Some(same) = same {
            *same = challenge;
            return Ok(());
        }
        if is_full {
            return Err(Full::All);
        }
        let own = self.by_name.entry(name.clone()).or_default();
        if own.len() >= CHALLENGES_PER_NAME {
            return Err(Full::Name);
        }
        own.push(challenge);
        Ok(())
    }

    /// Removes one value of a name, or all; gives how many there were.
    pub fn remove(&mut self, name: &Name, rdata: Option<&[u8]>) -> usize {
        let before = self.len();
        if let Some(own) = self.by_name.get_mut(name) {
            own.retain(|one| rdata.is_some_and(|rdata| one.rdata != rdata));
        }
        self.by_name.retain(|_, own| !own.is_empty());
        before - self.len()
    }

    /// Lets go what has expired; gives how many did.
    pub fn expire(&mut self, now: u64) -> usize {
        let before = self.len();
        for own in self.by_name.values_mut() {
            own.retain(|one| one.expires > now);
        }
        self.by_name.retain(|_, own| !own.is_empty());
        before - self.len()
    }

    /// Has all of them go so many seconds later, or earlier if negative.
    pub fn shift(&mut self, by: i64) {
        for one in self.by_name.values_mut().flatten() {
            one.expires = one.expires.saturating_add_signed(by);
        }
    }

    /// When the next one goes, seconds since 1970.
    #[must_use]
    pub fn next_expiry(&self) -> Option<u64> {
        self.iter().map(|(_, one)| one.expires).min()
    }

    /// Whether a name has any.
    #[must_use]
    pub fn has(&self, name: &Name) -> bool {
        self.by_name.contains_key(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Challenge)> {
        let names = self.by_name.iter();
        names.flat_map(|(name, own)| own.iter().map(move |one| (name, one)))
    }

    /// What to lay over the zones, by their apexes, if they have a place ([`beside`]); names that nobody may
    /// set any more are left out.
    #[must_use]
    pub fn edits(&self, zones: &Zones, patterns: &[Pattern]) -> BTreeMap<Name, Vec<Edit>> {
        let mut edits: BTreeMap<Name, Vec<Edit>> = BTreeMap::new();
        for (name, own) in &self.by_name {
            let is_listed = patterns.iter().any(|one| one.covers(name));
            let zone = zones.find(name.as_wire(), rtype::TXT);
            if let Some((zone, _)) = zone.filter(|_| is_listed) {
                let edit = Edit {
                    owner: name.clone(),
                    rtype: rtype::TXT,
                    ttl: own.iter().map(|one| one.ttl).min().unwrap_or_default(),
                    records: own.iter().map(|one| one.rdata.clone()).collect(),
                };
                edits.entry(zone.apex().clone()).or_default().push(edit);
            }
        }
        edits
    }
}

/// The same beside a zone's own TXT records at these names, with the least of their TTLs. A name
/// for which the zone has no place any more is left out: a zone that was read again is not
/// refused for what was laid over the one before.
#[must_use]
pub fn beside(zone: &Zone, edits: &[Edit]) -> Vec<Edit> {
    let placed = edits
        .iter()
        .filter(|edit| check_place(zone, &edit.owner).is_ok());
    placed.map(|edit| join(zone, edit.clone())).collect()
}

fn join(zone: &Zone, mut edit: Edit) -> Edit {
    let own = zone
        .rrsets(edit.owner.as_wire())
        .find(|set| set.rtype == edit.rtype);
    if let Some(own) = own {
        edit.ttl = edit.ttl.min(own.ttl);
        for rdata in own.records() {
            if !edit.records.iter().any(|one| one == rdata) {
                edit.records.push(rdata.to_vec());
            }
        }
    }
    edit
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dns::zone::{Found, Record};

    pub(super) const SOA: &[u8] =
        b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";

    pub(super) fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    pub(super) fn zones() -> Zones {
        let record = |owner: &str, rtype, rdata: &[u8]| Record {
            owner: name(owner),
            rtype,
            ttl: 30,
            rdata: rdata.to_vec(),
            line: 1,
        };
        let ns = b"\x02ns\x01z\x04test\0";
        let records = vec![
            record("z.test", rtype::SOA, SOA),
            record("z.test", rtype::NS, ns),
            record("sub.z.test", rtype::NS, ns),
            record("_acme-challenge.alias.z.test", rtype::CNAME, ns),
            record("*.wild.z.test", rtype::CNAME, ns),
            record("tree.z.test", rtype::DNAME, ns),
            record("_acme-challenge.fixed.z.test", rtype::TXT, b"\x01f"),
        ];
        let zone = Zone::build(&name("z.test"), records, &[(name("www.z.test"), 1)]).unwrap();
        Zones::new(vec![Arc::new(zone)])
    }

    fn challenge(value: &[u8], expires: u64) -> Challenge {
        Challenge {
            rdata: value.to_vec(),
            ttl: 60,
            expires,
            author: "ada".to_owned(),
        }
    }

    #[test]
    fn values_stand_beside_each_other_and_go_one_by_one() {
        let owner = name("_acme-challenge.www.z.test");
        let mut kept = Challenges::default();
        kept.add(&owner, challenge(b"\x01a", 10)).unwrap();
        kept.add(&name("_ACME-challenge.WWW.z.test"), challenge(b"\x01b", 20))
            .unwrap();
        kept.add(&owner, challenge(b"\x01a", 30)).unwrap();
        assert_eq!((kept.len(), kept.next_expiry()), (2, Some(20)));
        assert_eq!(kept.expire(19), 0);
        assert_eq!((kept.expire(20), kept.next_expiry()), (1, Some(30)));
        kept.add(&owner, challenge(b"\x01c", 40)).unwrap();
        assert_eq!(kept.remove(&owner, Some(b"\x01x")), 0);
        assert_eq!(kept.remove(&owner, Some(b"\x01c")), 1);
        kept.add(&owner, challenge(b"\x01d", 40)).unwrap();
        assert_eq!((kept.remove(&owner, None), kept.is_empty()), (2, true));
    }

    #[test]
    fn there_is_an_end_to_it() {
        let mut kept = Challenges::default();
        let value = |number: usize| number.to_be_bytes().to_vec();
        let long = challenge(&vec![0; CHALLENGE_BYTES + 1], 1);
        let owner = |number: usize| name(&format!("_acme-challenge.n{number}.z.test"));
        assert_eq!(kept.add(&owner(0), long), Err(Full::Long));
        for number in 0..CHALLENGES {
            let own = owner(number / CHALLENGES_PER_NAME);
            kept.add(&own, challenge(&value(number), 1)).unwrap();
        }
        assert_eq!(kept.add(&owner(9999), challenge(b"x", 1)), Err(Full::All));
        assert_eq!(kept.add(&owner(0), challenge(&value(0), 2)), Ok(()));
        kept.remove(&owner(1), None);
        assert_eq!(kept.add(&owner(0), challenge(b"x", 1)), Err(Full::Name));
    }

    #[test]
    fn the_zone_keeps_its_own() {
        let zones = zones();
        let mut kept = Challenges::default();
        for text in ["_acme-challenge.fixed.z.test", "_acme-challenge.sub.z.test"] {
            kept.add(&name(text), challenge(b"\x01a", 1)).unwrap();
        }
        let edits = kept.edits(&zones, &[Pattern::Challenges]);
        assert_eq!(edits.keys().collect::<Vec<_>>(), [&name("z.test")]);
        let zone = &zones.all()[0].zone;
        let mut edits = beside(zone, &edits[&name("z.test")]);
        assert_eq!((edits.len(), edits[0].ttl), (1, 30));
        let edit = &edits[0];
        assert_eq!(edit.records, [b"\x01a".to_vec(), b"\x01f".to_vec()]);
        let amended = zones.all()[0]
            .zone
            .amended(std::slice::from_ref(edit), &[])
            .unwrap();
        let found = amended.find(edit.owner.as_wire(), rtype::TXT);
        assert!(matches!(found, Found::Answer(set) if set.records().count() == 2));
        edits[0].owner = name("_acme-challenge.alias.z.test");
        assert!(
            beside(zone, &edits).is_empty(),
            "the zone has an alias there now"
        );
    }
}
