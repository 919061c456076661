//! The chain that proves what does not exist: NSEC (RFC 4034, section 4) or NSEC3 (RFC 5155). It is
//! made here, with no iterations and no salt, as RFC 9276 wants it; or it came with the zone, signed by
//! others, and is taken as it is: then names that are left out of it (opt-out) have no link.
//!
//! Links stand in the order of the chain, each with its RRset as a reply copies it. Behind the
//! links stand *lacks*: for each steered name and steered type the link once more without that
//! type, for clients that get nothing of it (their law lets no endpoint be theirs, their region has no such record, or
//! nothing is healthy and the service answers nothing then); once without both address types; and once without whatever
//! else a client may lack all together, for transfers. Where some clients get a CNAME and others do not, whoever is denied
//! something gets none, so that no lack has that type (a link with it proves no other type to be missing).
//!
//! Which names there are follows from the zone alone, and which types a steered name has follows
//! from the config alone ([`Steered`]); health is not known here (promise 12).
use super::canonical::SortKey;
use super::{CHUNK, Denial, Steered};
use crate::base::limits::NAME_BYTES;
use crate::dns::rr::{RrSet, rtype};
use crate::dns::rrset::Source;
use crate::dns::zone::hashed::{self, Hash, HashedOwner, Hashing, LABEL_BYTES};
use crate::dns::zone::tree::{APEX, NONE};
use crate::dns::zone::{Zone, service_number};

mod follow;
mod names;

pub(super) use names::is_signed;

use names::{authoritative, has_data, leads_somewhere, put_bitmap, sort_key_into, types_into};

/// Hash algorithm, flags, two octets of iterations, length of salt, length of hash.
const NSEC3_HEAD: [u8; 6] = [1, 0, 0, 0, 0, 20];
/// In place of a type: A and AAAA. No record has type 0.
const BOTH: u16 = 0;
/// In place of a type: the first of the types that a client may lack together. They are meta-types or for private use.
const TOGETHER: u16 = 0xFF00;
/// RDATA of NSEC3PARAM: SHA-1, no flags, no iterations, no salt.
pub(super) const NSEC3_PARAMETERS: [u8; 5] = [1, 0, 0, 0, 0];

/// The chain of one zone.
#[derive(Debug)]
pub(super) struct Chain {
    order: Order,
    /// By number of the link: its node; by that of a lack: where its signatures stand among all. A
    /// link's stand where its node does.
    slots: Vec<u32>,
    /// Number of the link by node; [`NONE`] where a name has none.
    of_node: Vec<u32>,
    /// Which node and type each lack is of, sorted ([`BOTH`] or [`TOGETHER`] where it is several); the number of its
    /// link follows from its place.
    lacks: Vec<(u32, u16)>,
    /// The types that each lack leaves out.
    omitted: Vec<Vec<u16>>,
    /// By node that others are below, sorted: the link that covers the wildcard there. Whoever asks
    /// for names at random meets such a node, and half of the search for a proof is done.
    wildcards: Vec<(u32, u32)>,
    /// Where each RRset begins, links first.
    starts: Vec<u32>,
    /// The RRsets; `None` where they came with the zone and are among its data.
    data: Option<Vec<u8>>,
    /// Octets of data when all of it was made.
    made: usize,
}

/// What links are sorted by.
#[derive(Debug)]
enum Order {
    /// Sort keys of names in canonical order, one behind the other, and where each ends.
    Names { keys: Vec<u8>, ends: Vec<u32> },
    /// Hashes of names, and how they are made.
    Hashes(Vec<Hash>, Hashing),
}

/// Whom a link belongs to, as a reply writes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum LinkOwner {
    /// A name of the zone.
    Node(u32),
    /// A hash, as a label below the apex.
    Hash([u8; LABEL_BYTES]),
}

/// Room for what a link says, used again for each.
#[derive(Default)]
struct LinkRoom {
    types: Vec<u16>,
    rdata: Vec<u8>,
    /// The types of the link before, as they came, and their bitmap: most names have the same.
    before: Vec<u16>,
    bitmap: Vec<u8>,
}

impl LinkRoom {
    /// Appends the bitmap of the types.
    fn put_bitmap(&mut self) {
        if self.types != self.before {
            self.before.clone_from(&self.types);
            self.bitmap.clear();
            put_bitmap(&mut self.types, &mut self.bitmap);
        }
        self.rdata.extend_from_slice(&self.bitmap);
    }
}

impl Chain {
    /// The chain of a zone that is signed here.
    pub(super) fn new(zone: &Zone, denial: Denial, steered: &[Steered]) -> Self {
        let mut chain = Self {
            data: Some(Vec::new()),
            ..Self::without_links(zone)
        };
        chain.slots = match denial {
            Denial::Nsec => chain.sort_names(zone, |node| has_data(zone, node)),
            Denial::Nsec3 => chain.sort_hashes(zone),
        };
        chain.number();
        let (mut data, mut room) = (Vec::new(), LinkRoom::default());
        for link in 0..chain.links() {
            chain.starts.push(offset(data.len()));
            chain.encode_into((zone, steered), (link, &[]), &mut room, &mut data);
        }
        chain.data = Some(data);
        chain.wildcards = chain.cover_wildcards(zone);
        (chain.lacks, chain.omitted) = chain.lacks_of(zone, steered);
        for lack in 0..chain.lacks.len() {
            let link = chain.of_node[chain.lacks[lack].0 as usize] as usize;
            let set = chain.encode((zone, steered), link, &chain.omitted[lack]);
            chain.put(&set);
        }
        chain.place_lacks();
        chain.made = chain.data.as_ref().map_or(0, Vec::len);
        chain
    }

    /// The lacks of a zone, and the types that each leaves out.
    fn lacks_of(&self, zone: &Zone, steered: &[Steered]) -> (Vec<(u32, u16)>, Vec<Vec<u16>>) {
        let nodes = (APEX..).zip(&zone.tree.nodes);
        let mounted = nodes.filter_map(|(node, entry)| {
            let steered = steered.get(usize::from(service_number(entry.mount()?)))?;
            let link = self.of_node.get(node as usize)?;
            (*link != NONE).then_some((node, steered))
        });
        let lacks = mounted.flat_map(|(node, steered)| {
            let own = omissions(steered).into_iter();
            own.map(move |(code, omitted)| ((node, code), omitted))
        });
        lacks.unzip()
    }

    /// Gives the lacks their places among signatures: behind those of the nodes, in chunks of their own.
    fn place_lacks(&mut self) {
        let links = self.links();
        let from = self.of_node.len().next_multiple_of(CHUNK);
        self.slots.truncate(links);
        let lacks = 0..self.lacks.len();
        self.slots.extend(lacks.map(|lack| offset(from + lack)));
    }

    /// The chain that came with a zone. A link without a signature proves nothing and is none.
    pub(super) fn given(zone: &Zone) -> Self {
        let mut chain = Self::without_links(zone);
        match given_hashing(zone) {
            Some(hashing) => chain.take_hashes(zone, hashing),
            None => chain.take_names(zone),
        }
        chain.wildcards = chain.cover_wildcards(zone);
        chain
    }

    fn without_links(zone: &Zone) -> Self {
        Self {
            order: Order::Hashes(Vec::new(), Hashing::default()),
            slots: Vec::new(),
            of_node: vec![NONE; zone.tree.nodes.len()],
            lacks: Vec::new(),
            omitted: Vec::new(),
            wildcards: Vec::new(),
            starts: Vec::new(),
            data: None,
            made: 0,
        }
    }

    fn take_names(&mut self, zone: &Zone) {
        let signed = |node: &u32| zone.signatures(*node, rtype::NSEC).is_some();
        let linked = |node: &u32| zone.place_of(*node, rtype::NSEC).is_some();
        let nodes = self.sort_names(zone, |node| linked(&node) && signed(&node));
        self.starts = nodes
            .iter()
            .filter_map(|node| zone.place_of(*node, rtype::NSEC))
            .collect();
        self.slots = nodes;
        self.number();
    }

    fn take_hashes(&mut self, zone: &Zone, hashing: Hashing) {
        let of_chain = |owner: &&HashedOwner| given_link(zone, owner).as_ref() == Some(&hashing);
        let links = || zone.hashed.iter().filter(of_chain);
        let hashes: Vec<Hash> = links().map(|owner| owner.hash).collect();
        self.starts = links().map(|owner| owner.sets).collect();
        for node in authoritative(zone) {
            let name = zone.tree.wire(node, zone.apex.as_wire());
            if let Ok(link) = hashes.binary_search(&hashing.hash(&name)) {
                self.of_node[node as usize] = offset(link);
            }
        }
        self.order = Order::Hashes(hashes, hashing);
    }

    /// Remembers which link is whose.
    fn number(&mut self) {
        for (link, &node) in (0..).zip(&self.slots) {
            self.of_node[node as usize] = link;
        }
    }

    /// How many RRsets it has, lacks included.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// One of its RRsets, and what stands behind it; `zone` is the zone that the chain is of.
    pub(super) fn set<'c>(
        &'c self,
        zone: &'c Zone,
        number: usize,
    ) -> Option<(RrSet<'c>, &'c [u8])> {
        let start = *self.starts.get(number)?;
        let mut rest = match &self.data {
            Some(own) => own.get(start as usize..)?,
            None => zone.data.from(start),
        };
        Some((RrSet::take(&mut rest)?, rest))
    }

    /// Whose RRset it is.
    pub(super) fn owner(&self, number: usize) -> Option<LinkOwner> {
        let links = self.links();
        let link = match number.checked_sub(links) {
            None => number,
            Some(lack) => self.of_node[self.lacks.get(lack)?.0 as usize] as usize,
        };
        match &self.order {
            Order::Names { .. } => Some(LinkOwner::Node(*self.slots.get(link)?)),
            Order::Hashes(hashes, _) => Some(LinkOwner::Hash(hashed::to_label(hashes.get(link)?))),
        }
    }

    /// Where among all signatures those over one of its RRsets stand; for chains that are made here.
    #[inline]
    pub(super) fn slot(&self, number: usize) -> Option<usize> {
        self.slots.get(number).map(|&slot| slot as usize)
    }

    /// The lacks: which node, and which type.
    pub(super) fn lacks(&self) -> &[(u32, u16)] {
        &self.lacks
    }

    /// The link of a node.
    pub(super) fn matching(&self, node: u32) -> Option<usize> {
        let link = *self.of_node.get(node as usize)?;
        (link != NONE).then_some(link as usize)
    }

    /// The link of a node without exactly these types, which are sorted.
    pub(super) fn lack_of_all(&self, node: u32, types: &[u16]) -> Option<usize> {
        let first = self.lacks.partition_point(|lack| lack.0 < node);
        let own = self.lacks[first..].iter().zip(&self.omitted[first..]);
        let mut own = own.take_while(|((of, _), _)| *of == node);
        let place = own.position(|(_, omitted)| omitted == types)?;
        Some(self.links() + first + place)
    }

    /// The link of a node without one type.
    pub(super) fn lack(&self, node: u32, rtype: u16) -> Option<usize> {
        let place = self.lacks.binary_search(&(node, rtype)).ok()?;
        Some(self.links() + place)
    }

    /// The link that covers a name without a link of its own; `apex` is where the zone's begins in it.
    pub(super) fn covering(&self, name: &[u8], apex: usize) -> Option<usize> {
        let after = match &self.order {
            Order::Names { keys, ends, .. } => {
                let key = SortKey::of(name, apex);
                count_up_to(ends.len(), |place| {
                    let start = place.checked_sub(1).map_or(0, |before| ends[before]);
                    keys[start as usize..ends[place] as usize] <= *key.octets()
                })
            }
            Order::Hashes(hashes, hashing) => {
                let hash = hashing.hash(name);
                hashes.partition_point(|other| *other <= hash)
            }
        };
        // Before the first comes the last: the chain is closed.
        Some(after.checked_sub(1).unwrap_or(self.links().checked_sub(1)?))
    }

    /// The link that covers the wildcard below a node, where that was looked up before.
    pub(super) fn covering_wildcard(&self, node: u32) -> Option<usize> {
        let place = self
            .wildcards
            .binary_search_by_key(&node, |(node, _)| *node);
        let (_, link) = self.wildcards.get(place.ok()?)?;
        Some(*link as usize)
    }

    /// Whether names are denied by their hashes.
    pub(super) fn is_hashed(&self) -> bool {
        match self.order {
            Order::Names { .. } => false,
            Order::Hashes(..) => true,
        }
    }

    /// How many links it has.
    pub(super) fn links(&self) -> usize {
        match &self.order {
            Order::Names { ends, .. } => ends.len(),
            Order::Hashes(hashes, _) => hashes.len(),
        }
    }

    fn cover_wildcards(&self, zone: &Zone) -> Vec<(u32, u32)> {
        let nodes = authoritative(zone).filter(|&node| node != APEX);
        let parents = nodes.map(|node| zone.tree.node(node).parent);
        let mut parents: Vec<u32> = std::iter::once(APEX).chain(parents).collect();
        parents.sort_unstable();
        parents.dedup();
        let covered = parents.into_iter();
        covered
            .filter_map(|node| Some((node, self.below(zone, node)?)))
            .collect()
    }

    /// The link that covers the wildcard below a node.
    fn below(&self, zone: &Zone, node: u32) -> Option<u32> {
        let apex = zone.apex.as_wire();
        let wildcard = [b"\x01*", &zone.tree.wire(node, apex)[..]].concat();
        self.covering(&wildcard, wildcard.len() - apex.len())
            .map(offset)
    }

    /// The nodes of this zone that have a link, in canonical order.
    fn sort_names(&mut self, zone: &Zone, is_linked: impl Fn(u32) -> bool) -> Vec<u32> {
        let (mut named, mut keys) = (Vec::new(), Vec::new());
        let (mut path, mut key) = (Vec::new(), SortKey::apex());
        for node in authoritative(zone).filter(|&node| is_linked(node)) {
            sort_key_into(zone, node, &mut path, &mut key);
            let start = offset(keys.len());
            keys.extend_from_slice(key.octets());
            named.push((start, offset(keys.len()), node));
        }
        let of = |own: &(u32, u32, u32)| &keys[own.0 as usize..own.1 as usize];
        // A stable sort takes runs that are in order as they are, and most of a large zone is one.
        named.sort_by_key(of);
        let (mut sorted, mut ends) = (Vec::with_capacity(keys.len()), Vec::new());
        for own in &named {
            sorted.extend_from_slice(of(own));
            ends.push(offset(sorted.len()));
        }
        self.order = Order::Names { keys: sorted, ends };
        named.into_iter().map(|own| own.2).collect()
    }

    /// All nodes of this zone, those in between included, by their hashes.
    fn sort_hashes(&mut self, zone: &Zone) -> Vec<u32> {
        let leads_somewhere = leads_somewhere(zone);
        let hashing = Hashing::default();
        let mut hashed: Vec<(Hash, u32)> = authoritative(zone)
            .filter(|&node| leads_somewhere[node as usize])
            .map(|node| {
                let name = zone.tree.wire(node, zone.apex.as_wire());
                (hashing.hash(&name), node)
            })
            .collect();
        hashed.sort_unstable();
        let hashes = hashed.iter().map(|(hash, _)| *hash).collect();
        self.order = Order::Hashes(hashes, hashing);
        hashed.into_iter().map(|(_, node)| node).collect()
    }

    /// The RRset of a link, without some types.
    fn encode(&self, of: (&Zone, &[Steered]), link: usize, without: &[u16]) -> Vec<u8> {
        let mut encoded = Vec::new();
        self.encode_into(of, (link, without), &mut LinkRoom::default(), &mut encoded);
        encoded
    }

    /// The same behind other octets.
    fn encode_into(
        &self,
        (zone, steered): (&Zone, &[Steered]),
        (link, without): (usize, &[u16]),
        room: &mut LinkRoom,
        out: &mut Vec<u8>,
    ) {
        // Not longer than a denial may be kept (RFC 9077, section 3).
        let ttl = zone.denial_soa().ttl;
        let node = self.slots[link];
        let next = (link + 1) % self.links();
        let LinkRoom { types, rdata, .. } = room;
        types_into(zone, node, steered, types);
        types.retain(|rtype| !without.contains(rtype));
        rdata.clear();
        let rtype = match &self.order {
            Order::Names { .. } => {
                types.extend([rtype::RRSIG, rtype::NSEC]);
                let mut labels = [0; NAME_BYTES];
                let length = zone.tree.labels_into(self.slots[next], &mut labels);
                rdata.extend_from_slice(&labels[..length]);
                rdata.extend_from_slice(zone.apex.as_wire());
                rtype::NSEC
            }
            Order::Hashes(hashes, _) => {
                if types.iter().any(|rtype| is_signed(zone, node, *rtype)) {
                    types.push(rtype::RRSIG);
                }
                rdata.extend_from_slice(&NSEC3_HEAD);
                rdata.extend_from_slice(&hashes[next]);
                rtype::NSEC3
            }
        };
        room.put_bitmap();
        let set = Source {
            rtype,
            ttl,
            owner: &[],
            records: std::iter::once(&room.rdata[..]),
            glue: &[],
        };
        set.put(out);
    }

    /// Appends an RRset.
    fn put(&mut self, set: &[u8]) {
        let data = self.data.get_or_insert_default();
        self.starts.push(offset(data.len()));
        data.extend_from_slice(set);
    }
}

/// The lacks of a steered name, sorted by their type or what stands for it, and the types that each leaves out.
fn omissions(steered: &Steered) -> Vec<(u16, Vec<u16>)> {
    let types = steered.types();
    let alias = types.iter().copied().find(|kind| *kind == rtype::CNAME);
    let addresses = [rtype::A, rtype::AAAA];
    let mut all: Vec<(u16, Vec<u16>)> = Vec::new();
    if addresses.iter().all(|kind| types.contains(kind)) {
        all.push((BOTH, addresses.to_vec()));
    }
    all.extend(types.iter().map(|kind| (*kind, vec![*kind])));
    // Whoever answers denies an address type without looking whether any client has it.
    let others = addresses
        .iter()
        .filter(|kind| alias.is_some() && !types.contains(kind));
    all.extend(others.map(|kind| (*kind, Vec::new())));
    let together = (TOGETHER..).zip(steered.lacking.iter().cloned());
    for (_, omitted) in &mut all {
        omitted.extend(alias.filter(|alias| !omitted.contains(alias)));
        omitted.sort_unstable();
    }
    all.extend(together);
    all.sort_unstable();
    all
}

/// How the chain of a zone hashes names: as the apex says (RFC 5155, section 4), if links are hashed so;
/// `None` if no chain of NSEC3 is whole.
fn given_hashing(zone: &Zone) -> Option<Hashing> {
    let parameters = zone.set(APEX, rtype::NSEC3PARAM)?;
    let mut hashings = parameters.records().filter_map(Hashing::of);
    let in_use = |hashing: &Hashing| {
        let mut links = zone
            .hashed
            .iter()
            .filter_map(|owner| given_link(zone, owner));
        links.any(|link| link == *hashing)
    };
    hashings.find(in_use)
}

/// How the owner of a link was hashed; `None` if it has no NSEC3 or no signature.
fn given_link(zone: &Zone, owner: &HashedOwner) -> Option<Hashing> {
    let mut sets = zone.sets_from(owner.sets, owner.count);
    let link = sets.next().filter(|set| set.rtype == rtype::NSEC3)?;
    sets.next()?;
    Hashing::of(link.records().next()?)
}

/// How many places from 0 on, of so many, `holds` is true for; it is false from there on.
fn count_up_to(places: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, places);
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

fn offset(length: usize) -> u32 {
    u32::try_from(length).expect("the builder bounds names and records")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted() {
        for count in 0..9 {
            assert_eq!(count_up_to(8, |place| place < count), count.min(8));
        }
    }
}
