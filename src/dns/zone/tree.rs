//! The names of a zone, each found from its parent by one hash of one label.
//!
//! Every name between the apex and a name that holds data is a node, so the ancestors of a
//! name are a chain without gaps, and the first step that fails has found the closest
//! encloser (RFC 4592, section 3.3.1). A step costs one probe of an open-addressing table,
//! whatever the size of the zone; a look-up takes as many steps as the name has labels in the
//! zone, 127 at most.
//!
//! Labels stand once, in one arena, in the case they were first written in. What data a node
//! has is the builder's and the reader's business; here it is two numbers.
use super::mount::Mount;
use super::node_index::NodeIndex;
use crate::dns::octets;

/// No node, no record.
pub(super) const NONE: u32 = u32::MAX;
/// The node of the apex.
pub(super) const APEX: u32 = 0;
/// Octets that a label takes, more or less.
const LABEL_ROOM: usize = 32;
/// Starts of labels that are kept at once.
const LABELS_AT_ONCE: usize = size_of::<u64>();

/// The node is a zone cut: it holds NS and is not the apex.
pub(super) const CUT: u8 = 1;
/// The node holds a DNAME.
pub(super) const DNAME: u8 = 2;
/// The node has a child `*`.
pub(super) const WILD: u8 = 4;
/// The node lies below a zone cut.
pub(super) const UNDER_CUT: u8 = 8;
/// The node lies below a DNAME.
pub(super) const UNDER_DNAME: u8 = 16;
/// The name is no longer there; only its number is left.
pub(super) const GONE: u8 = 32;
/// An RRset leads to this name, or to one below it that is not there.
pub(super) const TARGET: u8 = 64;

/// So many RRsets or more.
pub(super) const MANY: u8 = u8::MAX;
/// In place of what is mounted; no service has this number.
const NOTHING: Mount = Mount::MAX;

/// One name, in a quarter of a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The name without its first label.
    pub(super) parent: u32,
    /// Where the first label stands, behind its length.
    label: u32,
    /// Where its RRsets begin; while building, its latest run of records.
    pub(super) sets: u32,
    /// The number that is mounted here, or [`NOTHING`].
    mount: Mount,
    /// How many RRsets it has; [`MANY`] says that their number stands in front of them.
    pub(super) count: u8,
    /// What the walk must know of it.
    pub(super) flags: u8,
}

impl Node {
    /// Whether a flag is set.
    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The number that is mounted here.
    #[inline]
    pub(super) fn mount(&self) -> Option<Mount> {
        (self.mount != NOTHING).then_some(self.mount)
    }

    /// Mounts something here; what was there before.
    pub(super) fn set_mount(&mut self, mount: Mount) -> Option<Mount> {
        let before = self.mount();
        self.mount = mount;
        before
    }
}

/// Where the labels of a name start, the rightmost first.
///
/// Eight starts stand in one word, so that nothing is cleared or copied for names that have no more; a longer name is read
/// once more for each eight.
pub(super) struct Labels<'n> {
    name: &'n [u8],
    /// Start of the label that was given last.
    end: usize,
    /// One octet for each start, that of the next label lowest.
    starts: u64,
    /// Number of those that are left.
    left: usize,
}

impl<'n> Labels<'n> {
    /// Of a name in wire format up to octet `end`; `None` if no label ends there.
    #[inline]
    pub(super) fn of(name: &'n [u8], end: usize) -> Option<Self> {
        let (mut at, mut starts, mut count) = (0, 0, 0);
        while at < end {
            starts = starts << u8::BITS | u64::from(u8::try_from(at).ok()?);
            count += 1;
            at += 1 + usize::from(*name.get(at)?);
        }
        (at == end && at < name.len()).then_some(Self {
            name,
            end,
            starts,
            left: count.min(LABELS_AT_ONCE),
        })
    }

    /// The labels in front of those that were given.
    #[cold]
    #[inline(never)]
    fn further(&self) -> Option<Self> {
        Self::of(self.name, self.end)
    }
}

impl Iterator for Labels<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            if self.end == 0 {
                return None;
            }
            *self = self.further()?;
        }
        let start = self.starts & u64::from(u8::MAX);
        self.starts >>= u8::BITS;
        self.left -= 1;
        self.end = usize::try_from(start).unwrap_or(0);
        Some(self.end)
    }
}

/// The label that starts at `start`.
pub(super) fn label_at(name: &[u8], start: usize) -> &[u8] {
    let length = usize::from(name[start]);
    &name[start + 1..=start + length]
}

/// All names of a zone.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    labels: Vec<u8>,
    index: NodeIndex,
    /// Number of the nodes that are in the index.
    listed: u32,
}

impl Tree {
    /// A zone with nothing but its apex.
    pub(super) fn new() -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            labels: Vec::new(),
            index: NodeIndex::default(),
            listed: 1,
        };
        tree.push(NONE, &[]);
        tree
    }

    /// A node.
    pub(super) fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    /// Whether there is such a node.
    pub(super) fn has(&self, id: u32) -> bool {
        (id as usize) < self.nodes.len()
    }

    /// The first label of a node's name; empty for the apex.
    pub(super) fn label(&self, id: u32) -> &[u8] {
        label_at(&self.labels, self.node(id).label as usize)
    }

    /// The child of a node by its label.
    #[inline]
    pub(super) fn child(&self, parent: u32, label: &[u8]) -> Option<u32> {
        self.index.find(edge_hash(parent, label), |id| {
            self.node(id).parent == parent && octets::same(self.label(id), label)
        })
    }

    /// The node of a name whose apex starts at octet `apex`, if there is one.
    pub(super) fn reach(&self, name: &[u8], apex: usize) -> Option<u32> {
        let mut labels = Labels::of(name, apex)?;
        labels.try_fold(APEX, |node, start| self.child(node, label_at(name, start)))
    }

    /// The node that answers for a name whose apex starts at octet `apex`: its own or, if it has
    /// none, the wildcard at its closest encloser (RFC 4592, section 3.3.1).
    pub(super) fn reach_or_wildcard(&self, name: &[u8], apex: usize) -> Option<u32> {
        let labels = Labels::of(name, apex)?;
        let mut node = APEX;
        for start in labels {
            match self.child(node, label_at(name, start)) {
                Some(child) => node = child,
                None => return self.child(node, b"*"),
            }
        }
        Some(node)
    }

    /// The node of a name, made with all nodes above it if it is not there yet.
    pub(super) fn reach_or_insert(&mut self, name: &[u8], apex: usize) -> Option<u32> {
        let labels = Labels::of(name, apex)?;
        let mut node = APEX;
        for start in labels {
            let label = label_at(name, start);
            node = self.child_or_insert(node, label);
        }
        Some(node)
    }

    /// The child of a node by its label, made if it is not there yet.
    pub(super) fn child_or_insert(&mut self, parent: u32, label: &[u8]) -> u32 {
        if let Some(child) = self.child(parent, label) {
            return child;
        }
        let id = self.append(parent, label);
        self.list();
        id
    }

    /// Adds a name that is not there yet, and that nobody finds until it is listed.
    pub(super) fn append(&mut self, parent: u32, label: &[u8]) -> u32 {
        let id = self.push(parent, label);
        if label == b"*" {
            self.nodes[parent as usize].flags |= WILD;
        }
        id
    }

    /// Lets all names be found that were added.
    pub(super) fn list(&mut self) {
        let Self {
            nodes,
            labels,
            index,
            listed,
        } = self;
        let all = id_of(nodes.len());
        let hash_of = |id: u32| hash_of(nodes, labels, id);
        index.reserve(nodes.len(), hash_of);
        index.insert_all(*listed..all, hash_of);
        *listed = all;
    }

    /// The wire format of a node's name.
    pub(super) fn wire(&self, id: u32, apex: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut at = id;
        while at != APEX {
            let label = self.node(at).label as usize;
            wire.extend_from_slice(&self.labels[label..=label + usize::from(self.labels[label])]);
            at = self.node(at).parent;
        }
        wire.extend_from_slice(apex);
        wire
    }

    /// Writes the labels of a node's name in front of the apex; how many octets they are.
    pub(super) fn labels_into(&self, id: u32, octets: &mut [u8; 255]) -> usize {
        let (mut at, mut length) = (id, 0);
        while at != APEX {
            let label = self.node(at).label as usize;
            let label = &self.labels[label..=label + usize::from(self.labels[label])];
            let Some(room) = octets.get_mut(length..length + label.len()) else {
                return length;
            };
            room.copy_from_slice(label);
            length += label.len();
            at = self.node(at).parent;
        }
        length
    }

    /// Bytes of labels, a bound on which keeps every offset within 32 bits.
    pub(super) fn label_bytes(&self) -> usize {
        self.labels.len()
    }

    /// The same names, with room for some more.
    pub(super) fn with_room(&self, names: usize) -> Self {
        let mut tree = Self {
            nodes: Vec::with_capacity(self.nodes.len() + names),
            labels: Vec::with_capacity(self.labels.len() + names * LABEL_ROOM),
            index: self.index.clone(),
            listed: self.listed,
        };
        tree.nodes.extend_from_slice(&self.nodes);
        tree.labels.extend_from_slice(&self.labels);
        tree
    }

    /// Takes a name away that none is below; its number is never given again.
    pub(super) fn remove(&mut self, id: u32) {
        let Self {
            nodes,
            labels,
            index,
            ..
        } = self;
        let hash_of = |id: u32| hash_of(nodes, labels, id);
        index.remove(hash_of(id), id, hash_of);
        let node = &mut self.nodes[id as usize];
        (node.sets, node.count, node.flags) = (NONE, 0, GONE);
    }

    /// By node: how many names stand right below it.
    pub(super) fn children(&self) -> Vec<u32> {
        let mut children = vec![0; self.nodes.len()];
        for node in self.nodes.iter().skip(1).filter(|node| !node.is(GONE)) {
            children[node.parent as usize] += 1;
        }
        children
    }

    /// Makes room for so many names, and octets of their labels.
    pub(super) fn reserve(&mut self, names: usize, labels: usize) {
        self.nodes.reserve_exact(names);
        self.labels.reserve_exact(labels);
    }

    /// Gives back what growing has left over.
    pub(super) fn shrink(&mut self) {
        give_back_room(&mut self.nodes);
        give_back_room(&mut self.labels);
        let Self {
            nodes,
            labels,
            index,
            ..
        } = self;
        index.shrink(|id| hash_of(nodes, labels, id));
    }

    fn push(&mut self, parent: u32, label: &[u8]) -> u32 {
        let id = id_of(self.nodes.len());
        make_room(&mut self.nodes, 1);
        self.nodes.push(Node {
            parent,
            label: id_of(self.labels.len()),
            sets: NONE,
            mount: NOTHING,
            count: 0,
            flags: 0,
        });
        make_room(&mut self.labels, 1 + label.len());
        self.labels
            .push(u8::try_from(label.len()).expect("a label has at most 63 octets"));
        self.labels.extend_from_slice(label);
        id
    }
}

fn id_of(length: usize) -> u32 {
    u32::try_from(length).expect("the builder bounds names, labels and records")
}

fn hash_of(nodes: &[Node], labels: &[u8], id: u32) -> u64 {
    let node = &nodes[id as usize];
    edge_hash(node.parent, label_at(labels, node.label as usize))
}

/// Hashes a label without its case, keyed by the node it hangs from.
#[inline]
fn edge_hash(parent: u32, label: &[u8]) -> u64 {
    octets::hash(u64::from(parent) << 32, label)
}

/// Makes room for some more in a list, in steps that are small beside it.
fn make_room<T>(list: &mut Vec<T>, more: usize) {
    const STEP_LEAST: usize = 1 << 14;
    if list.capacity() - list.len() < more {
        let step = (list.len() / 16).max(STEP_LEAST).min(list.len());
        list.reserve_exact(more.max(step));
    }
}

/// Gives back room that a list has for more, unless that is little beside what it holds.
fn give_back_room<T>(list: &mut Vec<T>) {
    if list.capacity() - list.len() > list.len() / 16 {
        list.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_given_from_the_right_however_many_there_are() {
        for count in 0..=127 {
            let mut name: Vec<u8> = Vec::new();
            let mut starts = Vec::new();
            for number in 0..count {
                starts.push(name.len());
                // Only the first has room to be longer.
                let length = if number == 0 && count < 64 { 63 } else { 1 };
                name.push(length);
                name.extend(vec![b'a'; length.into()]);
            }
            let end = name.len();
            name.push(0);
            let given: Vec<usize> = Labels::of(&name, end).unwrap().collect();
            starts.reverse();
            assert_eq!(given, starts, "{count} labels");
        }
        assert!(Labels::of(b"\x01a\x00", 1).is_none(), "inside of a label");
        assert!(Labels::of(b"\x01a", 2).is_none(), "at the end");
        assert!(Labels::of(b"\x05a\x00", 3).is_none(), "beyond the end");
    }
}
