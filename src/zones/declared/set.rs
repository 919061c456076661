//! All that is declared: RRsets by zone, name and type, with who declared each and why.
//!
//! It changes by **parts**: what a change does to one zone, RRset by RRset. A part is what is kept on the disk, and taking one
//! gives the part that undoes it. Each part raises the **revision** of its zone by one, so that whoever changes what they have read can say what
//! that was. What is declared of a zone that is not configured any more stays until somebody removes it.
//!
//! In a cluster an RRset that is declared no more leaves a **grave**: one without records, with the revision of its end, so that nothing older
//! brings it back. Of two versions of an RRset, graves among them, the one that [outranks](DeclaredSet::outranks) the other holds, on all nodes.
//!
//! Whether an RRset may be declared, and whether its zone has a place for it, is not known here.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::DECLARED_GRAVES;
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::dns::zone::Edit;

/// RRsets by name and type.
type DeclaredSets = BTreeMap<Name, BTreeMap<u16, DeclaredSet>>;

/// The author of something declared, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// An identity of the control API, or `key NAME`.
    pub author: String,
    /// For a person; empty if nobody said.
    pub reason: String,
    /// The time, seconds since 1970.
    pub at: u64,
}

/// A declared RRset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredSet {
    /// Seconds.
    pub ttl: u32,
    /// RDATA, names uncompressed; sorted, each once. None: it is a grave.
    pub records: Vec<Vec<u8>>,
    /// The identity that declared it.
    pub by: Arc<Declaration>,
    /// The revision of the zone in which it became what it is.
    pub revision: u64,
}

/// The declared part of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclaredZone {
    /// One more with each change; 0 before the first.
    pub revision: u64,
    /// The serial that the zone has at the least because of it.
    pub serial: Option<u32>,
    sets: DeclaredSets,
    rrsets: usize,
    graves: BTreeMap<(Name, u16), DeclaredSet>,
}

/// A change of the declared part of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredPart {
    /// Its apex.
    pub zone: Name,
    /// The revision after it.
    pub revision: u64,
    /// The serial after it, at the least.
    pub serial: Option<u32>,
    /// RRsets that are declared from then on, or no longer; those that leave a grave with it.
    pub sets: Vec<(Name, u16, Option<DeclaredSet>)>,
}

/// All that is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    zones: BTreeMap<Name, DeclaredZone>,
    records: usize,
}

impl DeclaredSet {
    /// Tells that it stands for one that is declared no more.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        self.records.is_empty()
    }

    /// Tells that it holds where both are known.
    #[must_use]
    pub fn outranks(&self, other: &Self) -> bool {
        let rank = |own: &Self| (own.revision, own.is_grave(), own.ttl);
        (rank(self), &self.records) > (rank(other), &other.records)
    }
}

impl DeclaredPart {
    /// Octets that it takes at the most where nodes share it.
    #[must_use]
    pub fn octets(&self) -> usize {
        let sets = self.sets.iter().map(|(name, _, set)| {
            let records = set.iter().flat_map(|set| &set.records);
            name.to_string().len() + 24 + records.map(|rdata| rdata.len() + 2).sum::<usize>()
        });
        let by = self.sets.iter().find_map(|own| own.2.as_ref());
        let by = by.map_or(0, |set| set.by.author.len() + set.by.reason.len());
        sets.sum::<usize>() + 2 * by + 256
    }
}

impl DeclaredZone {
    /// The declared RRset of a type at a name, or its grave.
    #[must_use]
    pub fn known(&self, name: &Name, kind: u16) -> Option<&DeclaredSet> {
        let grave = || self.graves.get(&(name.clone(), kind));
        self.get(name, kind).or_else(grave)
    }

    /// Tells that another node's version of an RRset holds over what is known here.
    #[must_use]
    pub fn yields(&self, name: &Name, kind: u16, to: &DeclaredSet) -> bool {
        self.known(name, kind).is_none_or(|own| to.outranks(own))
    }

    /// Declared RRsets beside which one of this type cannot be at a name, because one of both is a CNAME (RFC 1034, section 3.6.2).
    pub fn rivals(&self, name: &Name, kind: u16) -> impl Iterator<Item = (u16, &DeclaredSet)> {
        let is_cname = |kind: u16| kind == rtype::CNAME;
        let sets = self.sets.get(name).into_iter().flatten();
        let rivals = sets.filter(move |(own, _)| is_cname(**own) != is_cname(kind));
        rivals.map(|(own, set)| (*own, set))
    }

    /// All RRsets, and all graves.
    pub fn all(&self) -> impl Iterator<Item = (&Name, u16, &DeclaredSet)> {
        let graves = self.graves.iter();
        self.iter()
            .chain(graves.map(|((name, kind), set)| (name, *kind, set)))
    }

    /// The declared RRset of a type at a name.
    #[must_use]
    pub fn get(&self, name: &Name, kind: u16) -> Option<&DeclaredSet> {
        self.sets.get(name)?.get(&kind)
    }

    /// The types that are declared at a name.
    pub fn kinds(&self, name: &Name) -> impl Iterator<Item = u16> {
        let sets = self.sets.get(name).into_iter();
        sets.flat_map(|sets| sets.keys().copied())
    }

    /// The names after one, or all, in canonical order, with their RRsets.
    pub fn names_after(
        &self,
        name: Option<&Name>,
    ) -> impl Iterator<Item = (&Name, &BTreeMap<u16, DeclaredSet>)> {
        use std::ops::Bound;
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.sets.range::<Name, _>((from, Bound::Unbounded))
    }

    /// All RRsets.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, u16, &DeclaredSet)> {
        let names = self.sets.iter();
        names.flat_map(|(name, sets)| sets.iter().map(move |(kind, set)| (name, *kind, set)))
    }

    /// The number of RRsets.
    #[must_use]
    pub fn rrsets(&self) -> usize {
        self.rrsets
    }

    /// Tells whether nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    fn put(&mut self, name: &Name, kind: u16, set: Option<DeclaredSet>) -> Option<DeclaredSet> {
        let place = (name.clone(), kind);
        let grave = self.graves.remove(&place);
        let set = match set {
            Some(set) if set.is_grave() => {
                self.graves.insert(place, set);
                if self.graves.len() > DECLARED_GRAVES {
                    let oldest = self.graves.iter().min_by_key(|(_, set)| set.revision);
                    let oldest = oldest.map(|(place, _)| place.clone());
                    oldest.map(|place| self.graves.remove(&place));
                }
                None
            }
            set => set,
        };
        self.put_live(name, kind, set).or(grave)
    }

    fn put_live(
        &mut self,
        name: &Name,
        kind: u16,
        set: Option<DeclaredSet>,
    ) -> Option<DeclaredSet> {
        let Some(set) = set else {
            let sets = self.sets.get_mut(name)?;
            let before = sets.remove(&kind);
            self.rrsets -= usize::from(before.is_some());
            if sets.is_empty() {
                self.sets.remove(name);
            }
            return before;
        };
        let sets = self.sets.entry(name.clone()).or_default();
        let before = sets.insert(kind, set);
        self.rrsets += usize::from(before.is_none());
        before
    }
}

impl Declared {
    /// The declared part of a zone; `None` if nothing ever was.
    #[must_use]
    pub fn zone(&self, apex: &Name) -> Option<&DeclaredZone> {
        self.zones.get(apex)
    }

    /// The declared part of each zone.
    pub fn zones(&self) -> impl Iterator<Item = (&Name, &DeclaredZone)> {
        self.zones.iter()
    }

    /// The number of records in all.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Takes a change in; gives the one that undoes it, and has a later revision.
    pub fn take(&mut self, part: DeclaredPart) -> DeclaredPart {
        let zone = self.zones.entry(part.zone.clone()).or_default();
        zone.revision = zone.revision.max(part.revision);
        zone.serial = part.serial.or(zone.serial);
        let mut undone = Vec::with_capacity(part.sets.len());
        for (name, kind, set) in part.sets {
            let coming = set.as_ref().map_or(0, |set| set.records.len());
            let before = zone.put(&name, kind, set);
            let going = before.as_ref().map_or(0, |set| set.records.len());
            self.records = self.records + coming - going;
            undone.push((name, kind, before));
        }
        undone.reverse();
        DeclaredPart {
            zone: part.zone,
            revision: zone.revision + 1,
            serial: zone.serial,
            sets: undone,
        }
    }

    /// All of it in parts of so many RRsets at the most; one at least for each zone.
    #[must_use]
    pub fn parts(&self, most: usize) -> Vec<DeclaredPart> {
        let mut parts = Vec::new();
        for (apex, zone) in &self.zones {
            let part = |sets| DeclaredPart {
                zone: apex.clone(),
                revision: zone.revision,
                serial: zone.serial,
                sets,
            };
            let mut sets = Vec::new();
            for (name, kind, set) in zone.all() {
                sets.push((name.clone(), kind, Some(set.clone())));
                if sets.len() >= most {
                    parts.push(part(std::mem::take(&mut sets)));
                }
            }
            if !sets.is_empty() || zone.all().next().is_none() {
                parts.push(part(sets));
            }
        }
        parts
    }

    /// All that is to be laid over a zone.
    #[must_use]
    pub fn edits(&self, apex: &Name) -> Vec<Edit> {
        let sets = self
            .zones
            .get(apex)
            .into_iter()
            .flat_map(DeclaredZone::iter);
        sets.map(|(name, kind, set)| edit(name, kind, Some(set)))
            .collect()
    }

    /// The longest TTL of what is declared in a zone, seconds.
    #[must_use]
    pub fn longest_ttl(&self, apex: &Name) -> u32 {
        let sets = self
            .zones
            .get(apex)
            .into_iter()
            .flat_map(DeclaredZone::iter);
        sets.map(|(_, _, set)| set.ttl).max().unwrap_or(0)
    }
}

/// The edit that lays an RRset over a zone, or takes it out.
pub(super) fn edit(name: &Name, kind: u16, set: Option<&DeclaredSet>) -> Edit {
    Edit {
        owner: name.clone(),
        rtype: kind,
        ttl: set.map_or(0, |set| set.ttl),
        records: set.map_or_else(Vec::new, |set| set.records.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn set(records: &[&[u8]], revision: u64) -> DeclaredSet {
        DeclaredSet {
            ttl: 60,
            records: records.iter().map(|one| one.to_vec()).collect(),
            by: Arc::default(),
            revision,
        }
    }

    fn part(revision: u64, sets: &[(&str, u16, Option<DeclaredSet>)]) -> DeclaredPart {
        let sets = sets.iter();
        DeclaredPart {
            zone: name("z.test"),
            revision,
            serial: None,
            sets: sets
                .map(|(owner, kind, set)| (name(owner), *kind, set.clone()))
                .collect(),
        }
    }

    #[test]
    fn what_is_taken_is_undone_and_told_in_parts() {
        let mut declared = Declared::default();
        let one = set(&[b"\x01a", b"\x01b"], 1);
        declared.take(part(1, &[("a.z.test", 16, Some(one.clone()))]));
        declared.take(part(2, &[("b.z.test", 16, Some(set(&[b"\x01c"], 2)))]));
        assert_eq!(declared.records(), 3);
        let before = declared.clone();
        let other = set(&[b"\x01d"], 3);
        let undo = declared.take(part(
            3,
            &[("A.z.test", 16, Some(other)), ("b.z.test", 16, None)],
        ));
        assert_eq!((declared.records(), undo.revision), (1, 4));
        declared.take(undo);
        let zone = declared.zone(&name("z.test")).unwrap();
        assert_eq!((declared.records(), zone.revision), (3, 4));
        let same = before.zone(&name("z.test")).unwrap().iter();
        assert!(zone.iter().eq(same));
        let mut again = Declared::default();
        let parts = declared.parts(1);
        assert_eq!(parts.len(), 2);
        for part in parts {
            again.take(part);
        }
        assert_eq!(again, declared);
        let names = |after: Option<&str>| {
            let after = after.map(name);
            let zone = declared.zone(&name("z.test")).unwrap();
            let names = zone.names_after(after.as_ref());
            names.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["a.z.test", "b.z.test"]);
        assert_eq!(names(Some("a.z.test")), ["b.z.test"]);
    }

    #[test]
    fn a_zone_of_which_all_was_removed_keeps_its_revision() {
        let mut declared = Declared::default();
        declared.take(part(1, &[("a.z.test", 16, Some(set(&[b"\x01a"], 1)))]));
        declared.take(part(2, &[("a.z.test", 16, None)]));
        let mut again = Declared::default();
        for part in declared.parts(100) {
            again.take(part);
        }
        assert_eq!(again.zone(&name("z.test")).unwrap().revision, 2);
        assert_eq!(again.records(), 0);
    }
}
