//! Records, in any order, into a zone.
//!
//! Records are taken one at a time, or all at once as they came from a primary, and are kept as they come
//! ([`RawRecords`]); nothing is allocated per record. When all are there, every name's records are sorted by type and
//! copied out as RRsets, and given back. Names are settled parents first, so what lies below a zone
//! cut or a DNAME is known from the parent. Lists grow in small steps, and a zone is never in memory twice.
//!
//! What is wrong is judged by [`check`], name by name; nothing here stops at the first error.
use std::collections::BTreeSet;

use super::advice::Notes;
use super::check;
use super::data::ZoneData;
use super::hashed::{self, Hash, HashedOwner, Hashing, ITERATIONS_MOST};
use super::mount::Mount;
use super::node_index::NODES;
use super::path::NamePath;
use super::records::{Place, Raw, RawRecords, RecordRow};
use super::tree::{APEX, CUT, DNAME, MANY, NONE, Tree, UNDER_CUT, UNDER_DNAME};
use super::upkeep::Upkeep;
use super::{Presence, Zone, ZoneError};
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
/// Octets of the number in front of many RRsets.
const COUNT_BYTES: usize = 2;
/// Records of one RRset up to which each is held against each other one.
const FEW: usize = 16;
/// Least octets of an SOA: two root names and five numbers.
pub(super) const SOA_BYTES: usize = 22;

impl Place {
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

/// Takes records and makes a zone of them.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) apex: Name,
    pub(super) tree: Tree,
    pub(crate) records: RawRecords,
    pub(super) path: NamePath,
    /// The last owner, and its node: most records stand behind another of their name.
    last: (Vec<u8>, u32),
    /// Records of an NSEC3 chain, with the hashes that own them.
    pub(super) hashed: Vec<(Hash, u32)>,
    /// Whether any record is a signature or of a chain of denials.
    pub(super) signed_elsewhere: bool,
    /// RRsets as [`Zone`] keeps them.
    pub(super) data: ZoneData,
    /// Those of the name that is being settled.
    pub(super) sets: Vec<u8>,
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
            records: RawRecords::default(),
            path: NamePath::into_empty(),
            last: (Vec::new(), APEX),
            hashed: Vec::new(),
            signed_elsewhere: false,
            data: ZoneData::default(),
            sets: Vec::new(),
            names: 0,
            upkeep: Upkeep::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
            notes: Notes::default(),
        }
    }

    /// The same with room for so many names, and octets of their labels.
    pub(crate) fn with_room(apex: &Name, names: usize, labels: usize) -> Self {
        let mut builder = Self::new(apex);
        builder
            .tree
            .reserve(names.min(RECORDS), labels.min(ARENA_BYTES));
        builder
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When it is outside the zone, when it is of an NSEC3 chain and its owner is no hash, or when there
    /// are too many.
    pub(crate) fn add(&mut self, given: &Given<'_>) -> Result<(), Refused> {
        if !self.has_room() || given.rdata.len() > usize::from(u16::MAX) {
            return Err(Refused::TooLarge);
        }
        let raw = Raw {
            rtype: given.rtype,
            ttl: given.ttl,
            place: given.place,
        };
        self.signed_elsewhere |= is_of_signing(raw.rtype);
        if is_of_hashed((raw.rtype, covered(raw.rtype, given.rdata).unwrap_or(0))) {
            let hash = self.hash_in(given.owner)?;
            let (id, _) = self.records.push((false, NONE), raw, given.rdata);
            self.hashed.push((hash, id));
            // No run goes on behind it.
            self.last.0.clear();
            return Ok(());
        }
        let goes_on = self.last.0 == given.owner;
        let node = self.node_in(given.owner)?;
        let sets = &mut self.tree.nodes[node as usize].sets;
        let (id, begins) = self.records.push((goes_on, *sets), raw, given.rdata);
        if begins {
            *sets = id;
        }
        Ok(())
    }

    /// Tells that one more record is within the bounds of a zone.
    pub(super) fn has_room(&self) -> bool {
        let octets = self.records.octets().max(self.tree.label_bytes());
        self.records.len() < RECORDS && octets < ARENA_BYTES && self.tree.nodes.len() < NODES
    }

    /// The node of the next record's owner.
    pub(super) fn node_in(&mut self, owner: &[u8]) -> Result<u32, Refused> {
        if self.last.0 != owner {
            let apex = octets::ending(owner, self.apex.as_wire()).ok_or(Refused::Outside)?;
            let node = self.path.reach_or_insert(&mut self.tree, owner, apex);
            self.last.1 = node.ok_or(Refused::Outside)?;
            self.last.0.clear();
            self.last.0.extend_from_slice(owner);
        }
        Ok(self.last.1)
    }

    pub(super) fn hash_in(&self, owner: &[u8]) -> Result<Hash, Refused> {
        let apex = octets::ending(owner, self.apex.as_wire()).ok_or(Refused::Outside)?;
        hashed::from_label(&owner[..apex]).ok_or(Refused::NotHashed)
    }

    /// Mounts steered names and makes the zone.
    pub(crate) fn finish(mut self, mounts: &[(Name, Mount)]) -> Built {
        self.tree.list();
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
        self.data.close();
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
            zone.denial = zone.data.push(&zone.encode_denial());
            zone.data.shrink();
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
        let node = &mut self.tree.nodes[node as usize];
        if node.set_mount(mount).is_some() {
            let message = format!("`{name}` is steered twice");
            let help = "a hostname belongs to one service";
            let error = Place::NOWHERE.mount_error(name.clone(), message, help);
            self.errors.push(error);
        }
    }

    /// Judges a name, writes its records as RRsets, and gives them back.
    pub(super) fn settle(&mut self, id: u32, records: &mut Vec<RecordRow>) {
        self.gather(id, records);
        let flags = self.flags(id, records);
        let node = &mut self.tree.nodes[id as usize];
        node.flags |= flags;
        let is_plain = flags == 0 && node.mount().is_none();
        let view = check::View {
            id,
            records,
            tree: &self.tree,
            apex: &self.apex,
        };
        if !is_plain || view.has_ruled_types() {
            check::node(&view, &mut self.errors);
        }
        self.notes.take(&view);
        let may_be_many = records.len() >= usize::from(MANY);
        if may_be_many {
            self.sets.extend_from_slice(&[0; COUNT_BYTES]);
        }
        let count = self.write_sets(id, records);
        if may_be_many {
            self.sets[..COUNT_BYTES].copy_from_slice(&count.to_be_bytes());
        }
        let place = self.data.push(&self.sets);
        self.sets.clear();
        let node = &mut self.tree.nodes[id as usize];
        node.sets = place + if may_be_many { 2 } else { 0 };
        node.count = u8::try_from(count).unwrap_or(MANY);
        self.names += usize::from(count > 0 || node.mount().is_some());
        records.iter().for_each(|row| self.records.give_back(row));
    }

    /// Writes the RRsets of one owner, its records sorted; how many there are.
    fn write_sets(&mut self, id: u32, records: &[RecordRow]) -> u16 {
        let mut count = 0;
        for set in records.chunk_by(|one, other| one.kind() == other.kind()) {
            count += u16::from(self.write(id, set, ttl_of(set[0], records)));
        }
        count
    }

    /// Writes the RRsets of an NSEC3 chain, whose owners are hashes.
    fn settle_hashed(&mut self) -> Vec<HashedOwner> {
        let mut all = std::mem::take(&mut self.hashed);
        // The link stands in front of its signatures.
        all.sort_by_key(|(hash, id)| (*hash, std::cmp::Reverse(self.records.raw(*id).rtype)));
        let mut owners = Vec::new();
        for own in all.chunk_by(|one, other| one.0 == other.0) {
            let rows = own.iter().map(|(_, id)| self.records.row(*id));
            let mut records: Vec<RecordRow> = rows.collect();
            self.drop_doubles(&mut records);
            self.check_iterations(&records);
            let count = self.write_sets(APEX, &records);
            owners.push(HashedOwner {
                hash: own[0].0,
                sets: self.data.push(&self.sets),
                count,
            });
            self.sets.clear();
            records.iter().for_each(|row| self.records.give_back(row));
        }
        owners
    }

    fn check_iterations(&mut self, records: &[RecordRow]) {
        let mut hashings = records.iter().filter(|row| row.raw.rtype == rtype::NSEC3);
        let bad = hashings.find(|row| {
            Hashing::of(self.records.data(row)).is_none_or(|how| how.iterations() > ITERATIONS_MOST)
        });
        if let Some(bad) = bad {
            let message = format!(
                "NSEC3 of an unknown hash algorithm, or with more than {ITERATIONS_MOST} iterations"
            );
            let help = Some("sign the zone with SHA-1 and no iterations (RFC 9276, 3.1)");
            self.errors.push(bad.raw.place.error(message, help));
        }
    }

    /// The records of a name by type, those of one type in the order of the file, none twice.
    fn gather(&mut self, id: u32, records: &mut Vec<RecordRow>) {
        records.clear();
        let mut run = self.tree.node(id).sets;
        while run != NONE {
            run = self.records.gather(run, records);
        }
        if records.len() < 2 {
            return;
        }
        records.reverse();
        records.sort_by_key(RecordRow::kind);
        self.drop_doubles(records);
    }

    fn drop_doubles(&mut self, records: &mut Vec<RecordRow>) {
        let sets = records.chunk_by(|one, other| one.kind() == other.kind());
        let doubles: Vec<RecordRow> = sets
            .filter(|set| set.len() > 1)
            .flat_map(|set| self.doubles(set))
            .collect();
        if !doubles.is_empty() {
            let mut gone = doubles.iter().peekable();
            records.retain(|row| gone.next_if_eq(&row).is_none());
            doubles.iter().for_each(|row| self.records.give_back(row));
        }
    }

    /// The records of an RRset that stand in it before.
    fn doubles(&self, set: &[RecordRow]) -> Vec<RecordRow> {
        let (kind, _) = set[0].kind();
        let data = |row: &RecordRow| self.records.data(row);
        if set.len() > FEW {
            let mut seen = BTreeSet::new();
            let double = |row: &&RecordRow| !seen.insert(canonical(kind, data(row)));
            return set.iter().filter(double).copied().collect();
        }
        let stands_before = |(at, row): &(usize, &RecordRow)| {
            let mut before = set[..*at].iter();
            before.any(|other| is_one(kind, data(row), data(other)))
        };
        let all = set.iter().enumerate();
        all.filter(stands_before).map(|(_, row)| *row).collect()
    }

    fn flags(&self, id: u32, records: &[RecordRow]) -> u8 {
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
        for record in records {
            match record.raw.rtype {
                rtype::NS if id != APEX => flags |= CUT,
                rtype::DNAME => flags |= DNAME,
                _ => {}
            }
        }
        flags
    }

    /// Writes one RRset; whether it can be. Its TTL is that of what it covers, if it covers something.
    fn write(&mut self, id: u32, records: &[RecordRow], covered: Option<u32>) -> bool {
        let Raw { rtype, place, .. } = records[0].raw;
        let ttls = || records.iter().map(|row| row.raw.ttl);
        let ttl = covered.or(ttls().min()).unwrap_or_default();
        let bytes: usize = records
            .iter()
            .map(|row| RECORD_BYTES + row.data_bytes())
            .sum();
        if bytes > RRSET_BYTES {
            let message = format!(
                "the {} {} records at `{}` do not fit into one message",
                records.len(),
                Rtype::from_int(rtype),
                self.name(id)
            );
            self.errors.push(place.error(message, None));
            return false;
        }
        if covered.is_none() && ttls().any(|other| other != ttl) {
            let message = format!(
                "the {} records at `{}` differ in TTL; {ttl} is used for all",
                Rtype::from_int(rtype),
                self.name(id)
            );
            let help = Some("give the records of one name and type one TTL (RFC 2181, 5.2)");
            self.warnings.push(place.error(message, help));
        }
        self.upkeep.count(rtype, records.len());
        self.encode(id, rtype, ttl, records);
        true
    }

    fn name(&self, id: u32) -> Name {
        let wire = self.tree.wire(id, self.apex.as_wire());
        Name::from_wire(&wire).expect("nodes come from names")
    }
}

/// The TTL of an RRset: of its records (`None`), or for signatures of what they cover, if that is there.
fn ttl_of(first: RecordRow, owned: &[RecordRow]) -> Option<u32> {
    let covered = first.covered()?;
    let covered = owned.iter().filter(|row| row.raw.rtype == covered);
    covered.map(|row| row.raw.ttl).min()
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

/// Tells that records of a type are there only where a zone has been signed.
pub(super) fn is_of_signing(kind: u16) -> bool {
    matches!(kind, rtype::RRSIG | rtype::NSEC | rtype::NSEC3)
}

/// Whether a record belongs to an NSEC3 chain, so that its owner is a hash; of its type, and the one that it covers.
pub(super) fn is_of_hashed((kind, covered): (u16, u16)) -> bool {
    kind == rtype::NSEC3 || covered == rtype::NSEC3
}

/// RDATA with the names of common types in lower case: equal for records that are one.
fn canonical(kind: u16, rdata: &[u8]) -> Vec<u8> {
    let mut rdata = rdata.to_vec();
    let names = names_at(kind, &rdata);
    rdata[names..].make_ascii_lowercase();
    rdata
}

/// The same of two records of one type, without a copy.
fn is_one(kind: u16, rdata: &[u8], other: &[u8]) -> bool {
    let names = names_at(kind, rdata);
    rdata.len() == other.len()
        && rdata[..names] == other[..names]
        && rdata[names..].eq_ignore_ascii_case(&other[names..])
}

/// Where the names begin in RDATA of common types.
fn names_at(kind: u16, rdata: &[u8]) -> usize {
    let names = match kind {
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        _ => rdata.len(),
    };
    names.min(rdata.len())
}

fn offset(length: usize) -> u32 {
    u32::try_from(length).expect("RECORDS and ARENA_BYTES bound every list")
}
