//! A zone made of another: some RRsets replaced, added or taken out, all else as it was.
//!
//! A served zone is the zone of the file and what is laid over it: keys, a serial that goes up,
//! records that come and go by themselves. The file's zone stays as it is; each change makes a
//! new one, off the query path. One that reaches no further than its own names costs a copy of the zone's
//! flat lists (`in_place`), any other about what loading the zone costs; the outcome is the same.
//!
//! What is laid over, and when, is not known here.
use std::collections::BTreeMap;

mod in_place;
#[cfg(test)]
pub(super) mod property;

use super::build::{Builder, Given};
use super::records::Place;
use super::tree::APEX;
use super::{Mount, Zone, ZoneError};
use crate::dns::name::Name;

/// One RRset that is to be in the new zone in place of the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Owner.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// RDATA of each record, names uncompressed; none takes the RRset out.
    pub records: Vec<Vec<u8>>,
}

/// RRsets that are to be in a new zone in place of old ones, whatever they are kept in.
pub(in crate::dns) trait Amendment {
    /// Number of owners at the most.
    fn names(&self) -> usize;
    /// Gives all edits of each owner together, until there are no more or `take` wants none.
    fn each(&self, take: impl FnMut(&[Edit]) -> Option<()>) -> Option<()>;
    /// Tells that there is an edit of this owner and type.
    fn replaces(&self, owner: &Name, kind: u16) -> bool;
}

/// Edits by owner, in lower case.
struct Listed(BTreeMap<Vec<u8>, Vec<Edit>>);

impl Listed {
    pub(super) fn new(edits: &[Edit]) -> Self {
        let mut by_owner: BTreeMap<_, Vec<Edit>> = BTreeMap::new();
        for edit in edits {
            let owner = edit.owner.as_wire().to_ascii_lowercase();
            by_owner.entry(owner).or_default().push(edit.clone());
        }
        Self(by_owner)
    }
}

impl Amendment for Listed {
    fn names(&self) -> usize {
        self.0.len()
    }

    fn each(&self, mut take: impl FnMut(&[Edit]) -> Option<()>) -> Option<()> {
        self.0.values().try_for_each(|edits| take(edits))
    }

    fn replaces(&self, owner: &Name, kind: u16) -> bool {
        let edits = self.0.get(&owner.as_wire().to_ascii_lowercase());
        edits.is_some_and(|edits| edits.iter().any(|edit| edit.rtype == kind))
    }
}

impl Zone {
    /// The zone with RRsets replaced, without those of the types in `barred`.
    ///
    /// # Errors
    /// As [`Zone::build`]: the edits make a zone that cannot be.
    pub fn amended(&self, edits: &[Edit], barred: &[u16]) -> Result<Self, Vec<ZoneError>> {
        self.amended_by(Listed::new(edits), barred)
    }

    /// The same, of any amendment, which is let go of as soon as nothing of it is needed.
    ///
    /// # Errors
    /// As [`Zone::amended`].
    pub(in crate::dns) fn amended_by(
        &self,
        edits: impl Amendment,
        barred: &[u16],
    ) -> Result<Self, Vec<ZoneError>> {
        match self.amended_in_place(&edits, barred) {
            Some(zone) => Ok(zone),
            None => self.rebuilt_by(edits, barred, &self.mounts()),
        }
    }

    /// The zone with other steered names.
    ///
    /// # Errors
    /// As [`Zone::build`]: a name has no place in the zone.
    pub fn remounted(&self, mounts: &[(Name, Mount)]) -> Result<Self, Vec<ZoneError>> {
        self.rebuilt_by(Listed::new(&[]), &[], mounts)
    }

    /// The zone with RRsets replaced, each record added again.
    #[cfg(test)]
    pub(super) fn rebuilt(
        &self,
        edits: &[Edit],
        barred: &[u16],
        mounts: &[(Name, Mount)],
    ) -> Result<Self, Vec<ZoneError>> {
        self.rebuilt_by(Listed::new(edits), barred, mounts)
    }

    fn rebuilt_by(
        &self,
        edits: impl Amendment,
        barred: &[u16],
        mounts: &[(Name, Mount)],
    ) -> Result<Self, Vec<ZoneError>> {
        let mut builder = Builder::new(&self.apex);
        let mut errors = Vec::new();
        let mut add = |owner: &[u8], rtype, ttl, rdata: &[u8]| {
            let given = Given {
                owner,
                rtype,
                ttl,
                rdata,
                place: Place::NOWHERE,
            };
            if let Err(refused) = builder.add(&given) {
                let owner = Name::from_wire(owner).unwrap_or_else(Name::root);
                let message = refused.message(&owner, &self.apex);
                errors.push(Place::NOWHERE.error(message, None));
            }
        };
        for (owner, sets) in self.owners() {
            for set in sets {
                if !barred.contains(&set.rtype) && !edits.replaces(&owner, set.rtype) {
                    set.records()
                        .for_each(|rdata| add(owner.as_wire(), set.rtype, set.ttl, rdata));
                }
            }
        }
        edits.each(|edits| {
            for edit in edits {
                let owner = edit.owner.as_wire();
                let records = edit.records.iter();
                records.for_each(|rdata| add(owner, edit.rtype, edit.ttl, rdata));
            }
            Some(())
        });
        drop(edits);
        match builder.finish(mounts).zone {
            Ok(zone) if errors.is_empty() => Ok(Self {
                presence: self.presence,
                ..zone
            }),
            Ok(_) => Err(errors),
            Err(more) => Err(errors.into_iter().chain(more).collect()),
        }
    }

    /// Every steered name, and the number that the plan gave its service.
    #[must_use]
    pub fn mounts(&self) -> Vec<(Name, Mount)> {
        let nodes = (APEX..).zip(&self.tree.nodes);
        nodes
            .filter_map(|(id, node)| Some((self.name(id), node.mount()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::rr::rtype;
    use crate::dns::zone::{Found, Record};

    const SOA: &[u8] = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";

    fn zone() -> Zone {
        let record = |owner: &str, rtype, rdata: &[u8]| Record {
            owner: Name::parse(owner).unwrap(),
            rtype,
            ttl: 60,
            rdata: rdata.to_vec(),
            line: 1,
        };
        let records = vec![
            record("z.test", rtype::SOA, SOA),
            record("z.test", rtype::NS, b"\x02ns\x01z\x04test\0"),
            record("ns.z.test", rtype::A, &[192, 0, 2, 1]),
            record("a.z.test", rtype::TXT, b"\x01a"),
        ];
        let mounts = [(Name::parse("www.z.test").unwrap(), 7)];
        Zone::build(&Name::parse("z.test").unwrap(), records, &mounts).unwrap()
    }

    fn texts(zone: &Zone, name: &str) -> Vec<Vec<u8>> {
        let found = zone.find(Name::parse(name).unwrap().as_wire(), rtype::TXT);
        let Found::Answer(set) = found else {
            return Vec::new();
        };
        set.records().map(<[u8]>::to_vec).collect()
    }

    fn edit(owner: &str, records: &[&[u8]]) -> Edit {
        Edit {
            owner: Name::parse(owner).unwrap(),
            rtype: rtype::TXT,
            ttl: 30,
            records: records.iter().map(|rdata| rdata.to_vec()).collect(),
        }
    }

    #[test]
    fn rrsets_are_replaced_added_and_taken_out() {
        let edits = [
            edit("A.Z.test", &[b"\x01b", b"\x01c"]),
            edit("new.z.test", &[b"\x01d"]),
        ];
        let amended = zone().amended(&edits, &[]).unwrap();
        assert_eq!(
            texts(&amended, "a.z.test"),
            [b"\x01b".to_vec(), b"\x01c".to_vec()]
        );
        assert_eq!(texts(&amended, "new.z.test"), [b"\x01d".to_vec()]);
        let without = amended.amended(&[edit("new.z.test", &[])], &[]).unwrap();
        assert_eq!(without.names(), zone().names());
        let www = Name::parse("www.z.test").unwrap();
        let found = without.find(www.as_wire(), rtype::A);
        assert!(matches!(found, Found::Mounted(7)), "{found:?}");
        assert!(texts(&amended.amended(&[], &[rtype::TXT]).unwrap(), "a.z.test").is_empty());
    }

    /// More than the number of RRsets that a node itself can say.
    #[test]
    fn a_name_has_any_number_of_rrsets() {
        for count in [254_u16, 255, 256, 1000] {
            let edits = (1000..1000 + count).map(|rtype| Edit {
                rtype,
                ..edit("many.z.test", &[&rtype.to_be_bytes()])
            });
            let edits: Vec<Edit> = edits.collect();
            for amended in [
                zone().amended(&edits, &[]).unwrap(),
                zone().rebuilt(&edits, &[], &[]).unwrap(),
            ] {
                let name = Name::parse("many.z.test").unwrap();
                let sets = amended.rrsets(name.as_wire());
                let types: Vec<u16> = sets.map(|set| set.rtype).collect();
                assert!(types.into_iter().eq(1000..1000 + count), "{count}");
                let owner = amended.owners().find(|(owner, _)| *owner == name);
                assert_eq!(owner.unwrap().1.count(), usize::from(count));
            }
        }
    }

    #[test]
    fn what_makes_no_zone_is_refused() {
        assert!(
            zone()
                .amended(&[edit("other.test", &[b"\0"])], &[])
                .is_err()
        );
        assert!(zone().amended(&[], &[rtype::SOA]).is_err());
    }
}
