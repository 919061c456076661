//! Records, in any order, into a zone.
//!
//! Records are taken one at a time and kept in two flat lists, each chained to the one
//! before it at its name; nothing is allocated per record. When all are there, every name's
//! chain is sorted by type and copied out as RRsets, and the lists are dropped. Names are
//! settled parents first, so what lies below a zone cut or a DNAME is known from the parent.
//!
//! What is wrong is judged by [`check`], name by name; nothing here stops at the first error.
use std::collections::BTreeSet;

use super::advice::Notes;
use super::check;
use super::hashed::{self, Hash, HashedOwner, Hashing, ITERATIONS_MOST};
use super::tree::{APEX, CUT, DNAME, NONE, Tree, UNDER_CUT, UNDER_DNAME};
use super::upkeep::Upkeep;
use super::{Mount, Presence, Zone, ZoneError};
use domain::base::Rtype;

use crate::dns::name::Name;
use crate::dns::octets;
use crate::dns::rr::rtype;

/// Most records of a zone; with [`ARENA_BYTES`] it keeps every offset within 32 bits.
pub(super) const RECORDS: usize = 1 << 25;
/// Most bytes of labels, and of RDATA, of a zone.
pub(super) const ARENA_BYTES: usize = 1 << 29;
/// Octets that an RRset may take in a message, beside header, question and OPT.
const RRSET_BYTES: usize = 65_535 - 12 - 259 - 64;
/// Octets of a compressed owner, type, class, TTL and length.
const RECORD_BYTES: usize = 12;
/// Least octets of an SOA: two root names and five numbers.
pub(super) const SOA_BYTES: usize = 22;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the zone's files, in the order they were read.
    pub(crate) file: u16,
    /// Line, from 1; 0 when there is none.
    pub(crate) line: u32,
}

impl Place {
    /// No place: what the config asks for, not the file.
    pub(crate) const NOWHERE: Self = Self { file: 0, line: 0 };

    /// An error here.
    pub(super) fn error(self, message: String, help: Option<&'static str>) -> ZoneError {
        ZoneError {
            file: self.file,
            line: self.line,
            message,
            help,
            mount: None,
        }
    }

    /// An error of a steered name.
    pub(super) fn mount_error(self, name: Name, message: String, help: &'static str) -> ZoneError {
        ZoneError {
            mount: Some(name),
            ..self.error(message, Some(help))
        }
    }
}

/// A record, by reference.
#[derive(Debug)]
pub(crate) struct Given<'g> {
    /// Owner, in wire format.
    pub(crate) owner: &'g [u8],
    /// Type.
    pub(crate) rtype: u16,
    /// Time to live, seconds.
    pub(crate) ttl: u32,
    /// RDATA, names in it uncompressed; at most 65,535 octets.
    pub(crate) rdata: &'g [u8],
    /// Where it stands.
    pub(crate) place: Place,
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its owner is not within the apex.
    Outside,
    /// It belongs to an NSEC3 chain, and its owner is no hash below the apex.
    NotHashed,
    /// Past the bounds of one zone, or of one record.
    TooLarge,
}

impl Refused {
    /// In plain words.
    pub(crate) fn message(self, owner: &Name, apex: &Name) -> String {
        match self {
            Self::Outside => format!("`{owner}` is outside the zone `{apex}`"),
            Self::NotHashed => format!("NSEC3 at `{owner}`, which is no hash below `{apex}`"),
            Self::TooLarge => format!("`{owner}` is more than one zone can hold"),
        }
    }

    /// What to do about it.
    pub(crate) fn help(self) -> Option<&'static str> {
        match self {
            Self::NotHashed => Some(
                "an NSEC3 record is owned by a hash in base32, one label below the apex (RFC 5155, 3)",
            ),
            Self::Outside | Self::TooLarge => None,
        }
    }
}

/// A zone, or why not; and what is doubtful either way.
#[derive(Debug)]
pub(crate) struct Built {
    /// The zone, or every error.
    pub(crate) zone: Result<Zone, Vec<ZoneError>>,
    /// What is well formed and yet hardly meant.
    pub(crate) warnings: Vec<ZoneError>,
}

/// A record while building.
#[derive(Debug)]
pub(super) struct Raw {
    /// The record before it at the same name.
    before: u32,
    /// Where its RDATA stands, behind its length.
    rdata: u32,
    pub(super) ttl: u32,
    line: u32,
    file: u16,
    pub(super) rtype: u16,
}

impl Raw {
    pub(super) fn place(&self) -> Place {
        Place {
            file: self.file,
            line: self.line,
        }
    }
}

/// Takes records and makes a zone of them.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) apex: Name,
    pub(super) tree: Tree,
    raws: Vec<Raw>,
    rdata: Vec<u8>,
    /// Records of an NSEC3 chain, with the hashes that own them.
    hashed: Vec<(Hash, u32)>,
    /// Whether any record is a signature or of a chain of denials.
    signed_elsewhere: bool,
    /// RRsets as [`Zone`] keeps them.
    pub(super) data: Vec<u8>,
    pub(super) names: usize,
    pub(super) upkeep: Upkeep,
    pub(super) errors: Vec<ZoneError>,
    warnings: Vec<ZoneError>,
    notes: Notes,
}

impl Builder {
    /// Nothing yet.
    pub(crate) fn new(apex: &Name) -> Self {
        Self {
            apex: apex.clone(),
            tree: Tree::new(),
            raws: Vec::new(),
            rdata: Vec::new(),
            hashed: Vec::new(),
            signed_elsewhere: false,
            data: Vec::new(),
            names: 0,
            upkeep: Upkeep::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
            notes: Notes::default(),
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When it is outside the zone, when it is of an NSEC3 chain and its owner is no hash, or when there
    /// are too many.
    pub(crate) fn add(&mut self, given: &Given<'_>) -> Result<(), Refused> {
        let full = [self.rdata.len(), self.tree.label_bytes()];
        if self.raws.len() >= RECORDS || full.iter().any(|&bytes| bytes >= ARENA_BYTES) {
            return Err(Refused::TooLarge);
        }
        let length = u16::try_from(given.rdata.len()).map_err(|_| Refused::TooLarge)?;
        let id = offset(self.raws.len());
        let before = self.enlist(given, id)?;
        self.signed_elsewhere |= matches!(given.rtype, rtype::RRSIG | rtype::NSEC | rtype::NSEC3);
        self.raws.push(Raw {
            before,
            rdata: offset(self.rdata.len()),
            ttl: given.ttl,
            line: given.place.line,
            file: given.place.file,
            rtype: given.rtype,
        });
        self.rdata.extend_from_slice(&length.to_be_bytes());
        self.rdata.extend_from_slice(given.rdata);
        Ok(())
    }

    /// Puts a record to be taken into the list of its owner; the one before it there.
    fn enlist(&mut self, given: &Given<'_>, id: u32) -> Result<u32, Refused> {
        if is_of_hashed(given.rtype, given.rdata) {
            let apex = octets::ending(given.owner, self.apex.as_wire()).ok_or(Refused::Outside)?;
            let hash = hashed::from_label(&given.owner[..apex]).ok_or(Refused::NotHashed)?;
            self.hashed.push((hash, id));
            return Ok(NONE);
        }
        let node = self.node(given.owner).ok_or(Refused::Outside)?;
        Ok(std::mem::replace(
            &mut self.tree.nodes[node as usize].sets,
            id,
        ))
    }

    /// Mounts steered names and makes the zone.
    pub(crate) fn finish(mut self, mounts: &[(Name, Mount)]) -> Built {
        for (name, mount) in mounts {
            self.mount(name, *mount);
        }
        let mut records = Vec::new();
        for id in APEX..offset(self.tree.nodes.len()) {
            self.settle(id, &mut records);
        }
        let hashed = self.settle_hashed();
        let mut warnings = std::mem::take(&mut self.warnings);
        let notes = std::mem::take(&mut self.notes);
        let zone = self.into_zone(hashed);
        warnings.extend(zone.iter().flat_map(|zone| notes.judge(zone)));
        Built { zone, warnings }
    }

    fn into_zone(mut self, hashed: Vec<HashedOwner>) -> Result<Zone, Vec<ZoneError>> {
        self.tree.shrink();
        self.upkeep.settle();
        let mut zone = Zone {
            apex: self.apex,
            tree: self.tree,
            data: self.data,
            hashed,
            signed_elsewhere: self.signed_elsewhere,
            denial: 0,
            names: self.names,
            presence: Presence::Loaded,
            upkeep: self.upkeep,
        };
        check::apex(&zone, &mut self.errors);
        if self.errors.is_empty() {
            zone.denial = zone.data.len();
            zone.data.extend(zone.encode_denial());
            zone.data.shrink_to_fit();
            return Ok(zone);
        }
        self.errors.sort_by_key(|error| (error.file, error.line));
        Err(self.errors)
    }

    fn node(&mut self, owner: &[u8]) -> Option<u32> {
        let start = octets::ending(owner, self.apex.as_wire())?;
        self.tree.reach_or_insert(owner, start)
    }

    fn mount(&mut self, name: &Name, mount: Mount) {
        let Some(node) = self.node(name.as_wire()) else {
            let message = format!("steered name `{name}` is outside the zone `{}`", self.apex);
            let help = "it belongs to another zone";
            let error = Place::NOWHERE.mount_error(name.clone(), message, help);
            self.errors.push(error);
            return;
        };
        let mounted = &mut self.tree.nodes[node as usize].mount;
        if mounted.replace(mount).is_some() {
            let message = format!("`{name}` is steered twice");
            let help = "a hostname belongs to one service";
            let error = Place::NOWHERE.mount_error(name.clone(), message, help);
            self.errors.push(error);
        }
    }

    /// Judges a name and writes its records as RRsets.
    pub(super) fn settle(&mut self, id: u32, records: &mut Vec<u32>) {
        self.gather(id, records);
        let flags = self.flags(id, records);
        self.tree.nodes[id as usize].flags |= flags;
        let view = check::View {
            id,
            records,
            raws: &self.raws,
            tree: &self.tree,
            apex: &self.apex,
        };
        check::node(&view, &mut self.errors);
        self.notes.take(&view);
        self.tree.nodes[id as usize].sets = offset(self.data.len());
        self.tree.nodes[id as usize].count = self.write_sets(id, records);
        let node = &self.tree.nodes[id as usize];
        self.names += usize::from(node.count > 0 || node.mount.is_some());
    }

    /// Writes the RRsets of one owner, its records sorted; how many there are.
    fn write_sets(&mut self, id: u32, records: &[u32]) -> u16 {
        let (mut rest, mut count) = (records, 0);
        while let Some(&first) = rest.first() {
            let kind = self.set_key(first);
            let length = rest.partition_point(|record| self.set_key(*record) == kind);
            let (set, others) = rest.split_at(length);
            count += u16::from(self.write(id, set, self.ttl_of(set, records)));
            rest = others;
        }
        count
    }

    /// Writes the RRsets of an NSEC3 chain, whose owners are hashes.
    fn settle_hashed(&mut self) -> Vec<HashedOwner> {
        let mut all = std::mem::take(&mut self.hashed);
        // The link stands in front of its signatures.
        all.sort_by_key(|(hash, id)| (*hash, std::cmp::Reverse(self.kind(*id))));
        let mut owners = Vec::new();
        for own in all.chunk_by(|one, other| one.0 == other.0) {
            let mut records: Vec<u32> = own.iter().map(|(_, id)| *id).collect();
            self.drop_doubles(&mut records);
            let sets = offset(self.data.len());
            self.check_iterations(&records);
            owners.push(HashedOwner {
                hash: own[0].0,
                sets,
                count: self.write_sets(APEX, &records),
            });
        }
        owners
    }

    fn check_iterations(&mut self, records: &[u32]) {
        let nsec3 = |id: &&u32| self.kind(**id) == rtype::NSEC3;
        let hashings = records.iter().filter(nsec3);
        let bad = hashings.copied().find(|id| {
            Hashing::of(self.rdata_of(*id)).is_none_or(|how| how.iterations() > ITERATIONS_MOST)
        });
        if let Some(bad) = bad {
            let message = format!(
                "NSEC3 of an unknown hash algorithm, or with more than {ITERATIONS_MOST} iterations"
            );
            let help = Some("sign the zone with SHA-1 and no iterations (RFC 9276, 3.1)");
            self.errors
                .push(self.raws[bad as usize].place().error(message, help));
        }
    }

    /// What the records of one RRset have in common: the type, and of signatures the type that they
    /// cover as well, because each has the TTL of that (RFC 4034, section 3).
    fn set_key(&self, record: u32) -> (u16, u16) {
        let kind = self.kind(record);
        (kind, covered(kind, self.rdata_of(record)).unwrap_or(0))
    }

    /// The TTL of an RRset: of its records, or for signatures of what they cover, if that is there.
    fn ttl_of(&self, set: &[u32], owned: &[u32]) -> Option<u32> {
        let covered = covered(self.kind(set[0]), self.rdata_of(set[0]))?;
        let is_covered = |id: &&u32| self.kind(**id) == covered;
        let covered = owned.iter().filter(is_covered);
        covered.map(|id| self.raws[*id as usize].ttl).min()
    }

    /// The records of a name by type, those of one type in the order of the file, none twice.
    fn gather(&self, id: u32, records: &mut Vec<u32>) {
        records.clear();
        let mut next = self.tree.node(id).sets;
        while next != NONE {
            records.push(next);
            next = self.raws[next as usize].before;
        }
        if records.len() < 2 {
            return;
        }
        records.reverse();
        records.sort_by_key(|id| self.set_key(*id));
        self.drop_doubles(records);
    }

    fn drop_doubles(&self, records: &mut Vec<u32>) {
        if records.len() > 1 {
            let mut seen = BTreeSet::new();
            records.retain(|id| seen.insert(canonical(self.kind(*id), self.rdata_of(*id))));
        }
    }

    fn flags(&self, id: u32, records: &[u32]) -> u8 {
        let above = match self.tree.node(id).parent {
            NONE => 0,
            parent => self.tree.node(parent).flags,
        };
        let mut flags = above & (UNDER_CUT | UNDER_DNAME);
        if above & CUT != 0 {
            flags |= UNDER_CUT;
        }
        if above & DNAME != 0 {
            flags |= UNDER_DNAME;
        }
        for &record in records {
            match self.kind(record) {
                rtype::NS if id != APEX => flags |= CUT,
                rtype::DNAME => flags |= DNAME,
                _ => {}
            }
        }
        flags
    }

    /// Writes one RRset; whether it can be. Its TTL is that of what it covers, if it covers something.
    fn write(&mut self, id: u32, records: &[u32], covered: Option<u32>) -> bool {
        let first = &self.raws[records[0] as usize];
        let (kind, place) = (first.rtype, first.place());
        let ttls = || records.iter().map(|id| self.raws[*id as usize].ttl);
        let ttl = covered.or(ttls().min()).unwrap_or_default();
        let bytes: usize = records.iter().map(|id| 2 + self.rdata_of(*id).len()).sum();
        if bytes + records.len() * (RECORD_BYTES - 2) > RRSET_BYTES {
            let message = format!(
                "the {} {} records at `{}` do not fit into one message",
                records.len(),
                Rtype::from_int(kind),
                self.name(id)
            );
            self.errors.push(place.error(message, None));
            return false;
        }
        if covered.is_none() && ttls().any(|other| other != ttl) {
            let message = format!(
                "the {} records at `{}` differ in TTL; {ttl} is used for all",
                Rtype::from_int(kind),
                self.name(id)
            );
            let help = Some("give the records of one name and type one TTL (RFC 2181, 5.2)");
            self.warnings.push(place.error(message, help));
        }
        self.upkeep.count(kind, records.len());
        self.encode(id, kind, ttl, records);
        true
    }

    pub(super) fn kind(&self, record: u32) -> u16 {
        self.raws[record as usize].rtype
    }

    pub(super) fn rdata_of(&self, record: u32) -> &[u8] {
        let start = self.raws[record as usize].rdata as usize;
        let length = usize::from(u16::from_be_bytes([
            self.rdata[start],
            self.rdata[start + 1],
        ]));
        &self.rdata[start + 2..start + 2 + length]
    }

    fn name(&self, id: u32) -> Name {
        let wire = self.tree.wire(id, self.apex.as_wire());
        Name::from_wire(&wire).expect("nodes come from names")
    }
}

/// Whether a record may stand for an SOA: long enough to hold its five numbers.
pub(super) fn is_soa(rdata: &[u8]) -> bool {
    rdata.len() >= SOA_BYTES
}

/// The type that a signature covers (RFC 4034, section 3.1.1); `None` for records of other types.
pub(super) fn covered(kind: u16, rdata: &[u8]) -> Option<u16> {
    let covered = rdata.first_chunk().copied().map(u16::from_be_bytes);
    covered.filter(|_| kind == rtype::RRSIG)
}

/// Whether a record belongs to an NSEC3 chain, so that its owner is a hash.
fn is_of_hashed(kind: u16, rdata: &[u8]) -> bool {
    kind == rtype::NSEC3 || covered(kind, rdata) == Some(rtype::NSEC3)
}

/// Type and RDATA with the names of common types in lower case: equal for records that are one.
fn canonical(kind: u16, rdata: &[u8]) -> (u16, Vec<u8>) {
    let names = match kind {
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        _ => rdata.len(),
    };
    let mut rdata = rdata.to_vec();
    if let Some(names) = rdata.get_mut(names..) {
        names.make_ascii_lowercase();
    }
    (kind, rdata)
}

fn offset(length: usize) -> u32 {
    u32::try_from(length).expect("RECORDS and ARENA_BYTES bound every list")
}
