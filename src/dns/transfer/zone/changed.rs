//! Changes of a zone into the next one, name by name.
//!
//! Of each record that came there are eight octets, sorted by name and type: what becomes of an RRset is worked out where
//! somebody asks for it, and is not kept. So thousands of changes take little more than what they came in.
use std::collections::{BTreeMap, BTreeSet};

use super::flaws::{Misfit, bounded, flaw, soa_of};
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::dns::transfer::changes::PackedChanges;
use crate::dns::transfer::content::Entry;
use crate::dns::transfer::master::entries;
use crate::dns::zone::{Amendment, Edit, Zone, ZoneError};

/// In the place of an owner: the record is put in. No place is as large.
const ADDED: u32 = 1 << 31;

/// A zone, and the changes to it.
pub(super) struct ChangedZone<'z> {
    zone: &'z Zone,
    changes: PackedChanges,
    /// Place of the owner, with [`ADDED`], and number of each record; those of one RRset together, as they came.
    refs: Vec<(u32, u32)>,
}

#[derive(Default)]
struct ChangedSet {
    records: BTreeSet<Entry>,
    /// Records that were put in, not all of which need be there now.
    added: Vec<Entry>,
}

impl<'z> ChangedZone<'z> {
    /// Puts changes in order; they are made of the zone once it was seen that they can be.
    ///
    /// # Errors
    /// When they do not fit the zone, or put in what can stand in none.
    pub(super) fn new(zone: &'z Zone, changes: PackedChanges) -> Result<Self, Misfit> {
        let mut refs = Vec::new();
        let mut count = 0;
        changes.each(|_, _, _| count += 1);
        refs.reserve_exact(count);
        changes.each(|is_added, owner, record| {
            refs.push((owner | if is_added { ADDED } else { 0 }, record));
        });
        let mut changed = Self {
            zone,
            changes,
            refs,
        };
        let mut refs = std::mem::take(&mut changed.refs);
        refs.sort_unstable_by(|one, other| {
            let types = [one, other].map(|own| changed.changes.pieces.records.raw(own.1).rtype);
            let owners = changed.compare(one.0, other.0);
            owners.then((types[0], one.1).cmp(&(types[1], other.1)))
        });
        changed.refs = refs;
        changed.check()?;
        Ok(changed)
    }

    fn check(&self) -> Result<(), Misfit> {
        let from = self.changes.serial();
        let own = soa_of(self.zone).map(|soa| soa.serial());
        let own = own.ok_or_else(|| Misfit::NoZone(Vec::new()))?;
        if own != from {
            return Err(Misfit::Version { own, from });
        }
        let mut flaws: Vec<ZoneError> = flaw(self.changes.soa()).into_iter().collect();
        for group in self
            .refs
            .chunk_by(|one, other| self.is_one_set(*one, *other))
        {
            let set = self.set(group)?;
            flaws.extend(set.added().filter_map(flaw));
        }
        if flaws.is_empty() {
            return Ok(());
        }
        Err(Misfit::NoZone(flaws))
    }

    fn labels(&self, owner: u32) -> &[u8] {
        self.changes.pieces.labels(owner & !ADDED)
    }

    /// The order of owners, without their case.
    fn compare(&self, one: u32, other: u32) -> std::cmp::Ordering {
        if one & !ADDED == other & !ADDED {
            return std::cmp::Ordering::Equal;
        }
        let [one, other] = [one, other].map(|owner| self.labels(owner).iter());
        one.map(u8::to_ascii_lowercase)
            .cmp(other.map(u8::to_ascii_lowercase))
    }

    fn kind(&self, own: (u32, u32)) -> u16 {
        self.changes.pieces.records.raw(own.1).rtype
    }

    fn is_one_set(&self, one: (u32, u32), other: (u32, u32)) -> bool {
        self.compare(one.0, other.0).is_eq() && self.kind(one) == self.kind(other)
    }

    /// An RRset as it is once its changes are made.
    fn set(&self, group: &[(u32, u32)]) -> Result<ChangedSet, Misfit> {
        let mut set = ChangedSet::default();
        for (place, &(owner, record)) in group.iter().enumerate() {
            let Some(entry) = self
                .changes
                .pieces
                .entry(&self.changes.apex, owner & !ADDED, record)
            else {
                continue;
            };
            if place == 0 {
                let sets = self.zone.all_rrsets(entry.owner.as_wire());
                let sets = sets.filter(|set| set.rtype == entry.rtype);
                set.records = sets.flat_map(|set| entries(&entry.owner, set)).collect();
            }
            if owner & ADDED == 0 {
                if !set.records.remove(&entry) {
                    return Err(Misfit::Absent(entry.owner, entry.rtype));
                }
                continue;
            }
            let entry = Entry {
                ttl: bounded(entry.ttl),
                ..entry
            };
            if !set.records.insert(entry.clone()) {
                return Err(Misfit::Present(entry.owner, entry.rtype));
            }
            set.added.push(entry);
        }
        Ok(set)
    }

    /// The edits of one owner, to whose records these references are.
    fn edits(&self, own: &[(u32, u32)]) -> Vec<Edit> {
        let sets = own.chunk_by(|one, other| self.is_one_set(*one, *other));
        let edits = sets.flat_map(|group| {
            let owner = [self.labels(group[0].0), self.changes.apex.as_wire()].concat();
            let set = self.set(group).unwrap_or_default();
            set.edits(&owner, self.kind(group[0]))
        });
        edits.collect()
    }

    /// The SOA in place of the one that there is.
    fn soa(&self) -> Vec<Edit> {
        let soa = ChangedSet {
            records: BTreeSet::from([self.changes.soa().clone()]),
            added: Vec::new(),
        };
        soa.edits(self.changes.apex.as_wire(), rtype::SOA)
    }
}

impl Amendment for ChangedZone<'_> {
    fn names(&self) -> usize {
        let owners = self
            .refs
            .chunk_by(|one, other| self.compare(one.0, other.0).is_eq());
        owners.count()
    }

    fn each(&self, mut take: impl FnMut(&[Edit]) -> Option<()>) -> Option<()> {
        let mut owners = self
            .refs
            .chunk_by(|one, other| self.compare(one.0, other.0).is_eq())
            .peekable();
        let is_of_apex = |own: &&[(u32, u32)]| self.labels(own[0].0).is_empty();
        let mut first = owners
            .next_if(is_of_apex)
            .map_or(Vec::new(), |own| self.edits(own));
        first.extend(self.soa());
        take(&first)?;
        owners.try_for_each(|own| take(&self.edits(own)))
    }

    fn replaces(&self, owner: &Name, kind: u16) -> bool {
        let apex = self.changes.apex.as_wire();
        let labels = owner.as_wire().len().saturating_sub(apex.len());
        let labels = owner.as_wire()[..labels].to_ascii_lowercase();
        let found = self.refs.binary_search_by(|own| {
            let other = self.labels(own.0).iter().map(u8::to_ascii_lowercase);
            other
                .cmp(labels.iter().copied())
                .then_with(|| self.kind(*own).cmp(&kind))
        });
        found.is_ok() || labels.is_empty() && kind == rtype::SOA
    }
}

impl ChangedSet {
    /// Records that are there and were not before.
    fn added(&self) -> impl Iterator<Item = &Entry> {
        let added = self.added.iter();
        added.filter(|entry| self.records.contains(entry))
    }

    /// Edits that make the RRset what it is now, its records in order. Signatures have the TTLs of what they
    /// cover, so several; of other records the least counts.
    fn edits(self, owner: &[u8], rtype: u16) -> Vec<Edit> {
        let owner = self
            .records
            .first()
            .map(|entry| entry.owner.clone())
            .or_else(|| Name::from_wire(owner));
        let Some(owner) = owner else {
            return Vec::new();
        };
        let least = self
            .records
            .iter()
            .map(|entry| entry.ttl)
            .min()
            .unwrap_or_default();
        let mut by_ttl: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
        for entry in self.records {
            let ttl = if rtype == rtype::RRSIG {
                entry.ttl
            } else {
                least
            };
            by_ttl.entry(ttl).or_default().push(entry.rdata.into());
        }
        if by_ttl.is_empty() {
            by_ttl.insert(0, Vec::new());
        }
        by_ttl
            .into_iter()
            .map(|(ttl, records)| Edit {
                owner: owner.clone(),
                rtype,
                ttl,
                records,
            })
            .collect()
    }
}
