//! Zone data: built once, then only read.
//!
//! A [`Zone`] says what a name and type find in it (RFC 1034, section 4.3.2; wildcards by RFC
//! 4592, DNAME by RFC 6672). It decides nothing about replies: what is chased, added or denied
//! with which records is for whoever writes them. Of steering it knows one thing: which names
//! are *mounted*, and the number that the plan gave each.
//!
//! ```text
//! names   nodes by (parent, label) hash -------.      labels in one arena
//!                                              v
//! data    [head | records as a reply gives them] [head | records] ...         chunks
//! ```
//!
//! Nothing is boxed, so a zone of a million names is a handful of allocations, and a look-up
//! touches two or three cache lines per label. Look-ups never allocate and never fail.
//!
//! Choices where the RFCs leave one: an RRset whose records differ in TTL gets the lowest and a
//! warning (RFC 2181, section 5.2; Knot warns too, and takes the last); NS and DNAME at a
//! wildcard are errors (RFC 4592, sections 4.2 and 4.4, give them no meaning); an NS or MX
//! target without an address is a warning (`advice`).
use thiserror::Error;

use super::name::Name;
use super::octets;
use super::rr::{RrSet, Target, rtype};

mod adopt;
mod advice;
mod amend;
mod build;
pub mod catalog;
mod check;
mod data;
mod encode;
mod find;
mod hashed;
mod index;
mod mount;
mod node_index;
mod path;
mod records;
pub mod signed;
mod tree;
mod upkeep;
mod zones;

pub(super) use amend::Amendment;
pub use amend::Edit;
pub(super) use build::{Builder, Given, Refused};
pub use find::{Found, Match, Trail};
pub use mount::{HAS_RECORDS, MAY_ALIAS, Mount, service_number};
pub(super) use records::{Place, Raw, RawRecords};
pub use zones::{Served, Zones};

use data::ZoneData;
use hashed::HashedOwner;
use tree::{APEX, CUT, MANY, Node, Tree, UNDER_CUT};
use upkeep::Upkeep;

/// One record as a master file gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Owner.
    pub owner: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// RDATA, names in it uncompressed.
    pub rdata: Vec<u8>,
    /// Line of the master file, from 1.
    pub line: u32,
}

/// What is wrong with a zone as a whole; `line` points at the record to blame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct ZoneError {
    /// Which of the zone's files, in the order they were read; 0 is its own.
    pub file: u16,
    /// Line of the master file, from 1; 0 when no line is to blame.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
    /// The steered name to blame, if it is one.
    pub mount: Option<Name>,
}

/// The data of one zone.
#[derive(Debug)]
pub struct Zone {
    apex: Name,
    tree: Tree,
    /// RRsets as [`super::rrset`] encodes them, those of one name together.
    data: ZoneData,
    /// Owners of the NSEC3 chain that came with the zone, sorted.
    hashed: Vec<HashedOwner>,
    signed_elsewhere: bool,
    /// Where among them the SOA of denials stands.
    denial: u32,
    names: usize,
    presence: Presence,
    upkeep: Upkeep,
}

/// Whether a zone's data is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Loaded,
    /// It is to come from a primary, or has come and is too old: nothing can be said of any name.
    Awaited,
    /// It is there, was signed and cannot be signed now: an answer would be bogus.
    Withheld,
    /// It is there, and its signatures are being made: it is not answered before it has them.
    Unsigned,
}

impl Zone {
    /// Builds a zone from its records and mounts steered names over it.
    ///
    /// # Errors
    /// All that is wrong: no SOA or several, records outside, CNAME beside other data, ….
    pub fn build(
        apex: &Name,
        records: Vec<Record>,
        mounts: &[(Name, Mount)],
    ) -> Result<Self, Vec<ZoneError>> {
        let mut builder = Builder::new(apex);
        let mut errors = Vec::new();
        for record in &records {
            let place = Place {
                file: 0,
                line: record.line,
            };
            let given = Given {
                owner: record.owner.as_wire(),
                rtype: record.rtype,
                ttl: record.ttl,
                rdata: &record.rdata,
                place,
            };
            if let Err(refused) = builder.add(&given) {
                let message = refused.message(&record.owner, apex);
                errors.push(place.error(message, None));
            }
        }
        match builder.finish(mounts).zone {
            Ok(zone) if errors.is_empty() => Ok(zone),
            Ok(_) => Err(errors),
            Err(more) => Err(errors.into_iter().chain(more).collect()),
        }
    }

    /// A zone whose data is not there: only its apex and its steered names are known.
    #[must_use]
    pub fn awaited(apex: &Name, mounts: &[(Name, Mount)]) -> Self {
        Self::absent(apex, mounts, Presence::Awaited)
    }

    /// A zone of whose data nothing is answered, for this reason.
    #[must_use]
    pub fn absent(apex: &Name, mounts: &[(Name, Mount)], presence: Presence) -> Self {
        let record = |rtype, rdata: &[u8]| Record {
            owner: apex.clone(),
            rtype,
            ttl: 0,
            rdata: rdata.to_vec(),
            line: 0,
        };
        let soa = record(rtype::SOA, &[0; build::SOA_BYTES]);
        let records = vec![soa, record(rtype::NS, &[0])];
        // Steered names that cannot be are reported once there is data to mount them over.
        let zone =
            Self::build(apex, records.clone(), mounts).or_else(|_| Self::build(apex, records, &[]));
        Self {
            presence,
            ..zone.expect("an SOA and a name server are a zone")
        }
    }

    /// The serial of its SOA.
    #[must_use]
    pub fn serial(&self) -> Option<u32> {
        let rdata = self.denial_soa().records().next()?;
        let numbers = rdata.last_chunk::<20>()?;
        numbers.first_chunk().copied().map(u32::from_be_bytes)
    }

    /// Whether its data is there.
    #[must_use]
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// The apex.
    #[must_use]
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// The SOA, its TTL already lowered to MINIMUM (RFC 2308, section 3), for denials.
    #[must_use]
    pub fn denial_soa(&self) -> RrSet<'_> {
        let mut rest = self.data.from(self.denial);
        RrSet::take(&mut rest).expect("no zone is built without its SOA")
    }

    /// The addresses of a name, for glue and additional data: A and AAAA RRsets at `name`,
    /// wherever in the zone it lies. Wildcards give none.
    #[must_use]
    pub fn addresses(&self, name: &[u8]) -> [Option<RrSet<'_>>; 2] {
        let node = self
            .apex_in(name)
            .and_then(|apex| self.tree.reach(name, apex));
        [rtype::A, rtype::AAAA].map(|kind| self.set(node?, kind))
    }

    /// The RRsets that stand at a name itself: no wildcard, no alias, no zone cut is looked at.
    pub fn rrsets(&self, name: &[u8]) -> impl Iterator<Item = RrSet<'_>> {
        self.node_of(name)
            .into_iter()
            .flat_map(|node| self.sets(node))
    }

    /// The same, with those of an NSEC3 chain, whose owner is no name that can be asked for.
    pub fn all_rrsets(&self, name: &[u8]) -> impl Iterator<Item = RrSet<'_>> {
        let hash = self
            .apex_in(name)
            .and_then(|apex| hashed::from_label(&name[..apex]));
        let owner = hash.and_then(|hash| {
            let place = self.hashed.binary_search_by_key(&hash, |owner| owner.hash);
            self.hashed.get(place.ok()?)
        });
        let hashed = owner.map(|owner| self.sets_from(owner.sets, owner.count));
        self.rrsets(name).chain(hashed.into_iter().flatten())
    }

    /// Whether the name itself is steered.
    #[must_use]
    pub fn is_mounted(&self, name: &[u8]) -> bool {
        let node = self.node_of(name);
        node.is_some_and(|node| self.tree.node(node).mount().is_some())
    }

    fn node_of(&self, name: &[u8]) -> Option<u32> {
        let apex = self.apex_in(name)?;
        self.tree.reach(name, apex)
    }

    /// The addresses of a name server: its A and AAAA RRsets, glue or not.
    pub fn glue(&self, server: &Target<'_>) -> impl Iterator<Item = RrSet<'_>> {
        let known = server.node.filter(|&node| self.tree.has(node));
        let sets = known.into_iter().flat_map(|node| self.sets(node));
        sets.filter(|set| matches!(set.rtype, rtype::A | rtype::AAAA))
    }

    /// What goes beside an RRset of type `kind` for one of its targets: addresses, and what is wanted
    /// besides. What lies at or below a zone cut is told of name servers only; of steered
    /// names nothing.
    pub fn beside(&self, kind: u16, target: &Target<'_>) -> impl Iterator<Item = RrSet<'_>> {
        let is_ours = |&node: &u32| {
            let node = &self.tree.nodes.get(node as usize);
            node.is_some_and(|node| kind == rtype::NS || !node.is(CUT | UNDER_CUT))
        };
        let sets = target.node.filter(is_ours).into_iter();
        let also = target.also;
        let wanted = move |set: &RrSet<'_>| match set.rtype {
            rtype::A | rtype::AAAA => true,
            other => also == Some(other),
        };
        sets.flat_map(|node| self.sets(node)).filter(wanted)
    }

    /// How many names hold data, mounted ones included.
    #[must_use]
    pub fn names(&self) -> usize {
        self.names
    }

    /// How many records there are, the SOA and those of a chain of denials included.
    #[must_use]
    pub fn records(&self) -> usize {
        self.upkeep.records
    }

    /// Every name that holds records, with its RRsets in the order of their types; names in
    /// the order in which the master file first mentions them, owners of an NSEC3 chain last. The
    /// signatures at a name are an RRset for each type that they cover.
    pub fn owners(&self) -> impl Iterator<Item = (Name, impl Iterator<Item = RrSet<'_>>)> {
        let named = (APEX..)
            .zip(&self.tree.nodes)
            .filter(|(_, node)| node.count > 0)
            .map(|(id, node)| {
                let sets = self.sets_from(node.sets, self.count_of(node));
                (self.name(id), sets)
            });
        let hashed = self.hashed.iter().map(|owner| {
            let sets = self.sets_from(owner.sets, owner.count);
            (self.hashed_name(owner), sets)
        });
        named.chain(hashed)
    }

    /// The RRsets of every name, those of an NSEC3 chain too.
    pub fn sets_of_all(&self) -> impl Iterator<Item = RrSet<'_>> {
        let named = self.tree.nodes.iter();
        let named = named.flat_map(|node| self.sets_from(node.sets, self.count_of(node)));
        let hashed = self.hashed.iter();
        named.chain(hashed.flat_map(|owner| self.sets_from(owner.sets, owner.count)))
    }

    /// Whether it holds signatures or a chain of denials, made by whoever signed it before it came.
    #[must_use]
    pub fn is_signed_elsewhere(&self) -> bool {
        self.signed_elsewhere
    }

    /// The signatures over an RRset of a node that came with the zone.
    #[must_use]
    pub fn signatures(&self, node: u32, kind: u16) -> Option<RrSet<'_>> {
        self.sets(node).find(|set| set.covers() == Some(kind))
    }

    /// Where an RRset of a node begins among the data.
    fn place_of(&self, node: u32, kind: u16) -> Option<u32> {
        let node = self.tree.node(node);
        let from = self.data.from(node.sets);
        let mut rest = from;
        (0..self.count_of(node)).find_map(|_| {
            let behind = from.len() - rest.len();
            let set = RrSet::take(&mut rest)?;
            let place = u32::try_from(behind).ok()?;
            (set.rtype == kind).then(|| node.sets + place)
        })
    }

    fn hashed_name(&self, owner: &HashedOwner) -> Name {
        let wire = [&hashed::to_label(&owner.hash), self.apex.as_wire()].concat();
        Name::from_wire(&wire).expect("hashes are taken from names")
    }

    /// The number of the apex's node.
    pub const APEX: u32 = APEX;

    /// An RRset of a node.
    #[must_use]
    pub fn set_at(&self, node: u32, kind: u16) -> Option<RrSet<'_>> {
        self.set(node, kind)
    }

    /// The node above a node, if there is one.
    #[must_use]
    pub fn above(&self, node: u32) -> Option<u32> {
        let above = self.tree.node(node).parent;
        (node != APEX).then_some(above)
    }

    /// Where the apex starts in a name; `None` if the name is outside.
    fn apex_in(&self, name: &[u8]) -> Option<usize> {
        octets::ending(name, self.apex.as_wire())
    }

    fn name(&self, id: u32) -> Name {
        let wire = self.tree.wire(id, self.apex.as_wire());
        Name::from_wire(&wire).expect("nodes come from names")
    }

    fn set(&self, id: u32, kind: u16) -> Option<RrSet<'_>> {
        self.sets(id).find(|set| set.rtype == kind)
    }

    /// The RRsets of a node.
    fn sets(&self, id: u32) -> impl Iterator<Item = RrSet<'_>> {
        let node = self.tree.node(id);
        self.sets_from(node.sets, self.count_of(node))
    }

    /// Number of RRsets of a node.
    #[inline]
    fn count_of(&self, node: &Node) -> u16 {
        match node.count {
            MANY => self.count_of_many(node),
            count => u16::from(count),
        }
    }

    #[cold]
    fn count_of_many(&self, node: &Node) -> u16 {
        let place = node.sets.saturating_sub(2);
        let count = self.data.from(place).first_chunk();
        count.copied().map_or(0, u16::from_be_bytes)
    }

    /// So many RRsets from a place among the data on.
    fn sets_from(&self, start: u32, count: u16) -> impl Iterator<Item = RrSet<'_>> {
        let mut rest = match count {
            0 => &[],
            _ => self.data.from(start),
        };
        (0..count).map_while(move |_| RrSet::take(&mut rest))
    }
}
