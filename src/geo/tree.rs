//! The search tree of a MaxMind-format file (MaxMind DB format specification, version 2.0, "Binary Search Tree Section").
//!
//! Walks over every branch once, in the order of addresses, and says for each leaf which record it leads to. That is all
//! that a plan wants of the tree, and it costs a fifth of what a general iterator does, which makes an address, a network
//! and a result out of each leaf.
//!
//! In an IPv6 file IPv4 stands at `::/96`, and other branches may lead into the same subtree again; all of them are passed
//! over in the walk over IPv6. Where that subtree is not a tree but one record, it is the record of all of IPv4.
//!
//! A sound tree has one leaf more than it has nodes. A broken one may lead around in circles, and many times over the same
//! ground: a walk ends with an error when it has seen more leaves than that could be, or is deeper than an address is long.
//!
//! It does not know what a record holds.
use super::steps::Key;

/// The tree of a file.
pub(super) struct SearchTree<'f> {
    octets: &'f [u8],
    nodes: u32,
    /// Octets of a node.
    node: usize,
    /// Leaves that may still come.
    left: u64,
}

/// A branch: the number of a node, or behind all nodes that of a record; the number of nodes itself is no record.
pub(super) type Branch = u32;

/// The reason why a walk has ended early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BrokenTree<E> {
    /// The tree is none.
    Shape(&'static str),
    /// Whoever was told of a leaf has said so.
    Leaf(E),
}

/// The record that a leaf leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// No record, or one that another walk tells of.
    Nothing,
    /// A record, by the number that the tree has for it.
    Record(Branch),
}

/// The record sizes of the format, bits.
const SIZES: [u16; 3] = [24, 28, 32];

impl<'f> SearchTree<'f> {
    /// The tree of so many nodes of two records each at the beginning of a file; None when it does not fit there.
    pub(super) fn new(file: &'f [u8], nodes: u32, record_size: u16) -> Option<Self> {
        let size = SIZES.contains(&record_size).then_some(record_size)?;
        let node = usize::from(size) / 4;
        let octets = file.get(..(nodes as usize).checked_mul(node)?)?;
        Some(Self {
            octets,
            nodes,
            node,
            left: 2 * u64::from(nodes) + 2,
        })
    }

    /// The beginning of IPv4 in a tree of IPv6: the branch at `::/96`, or the leaf on the way there.
    pub(super) fn ipv4(&self) -> Branch {
        let mut branch = 0;
        for _ in 0..96 {
            match self.children(branch) {
                Some([left, _]) => branch = left,
                None => break,
            }
        }
        branch
    }

    /// Tells whether a branch is a leaf, and which.
    pub(super) fn leaf(&self, branch: Branch) -> Option<Leaf> {
        match branch.cmp(&self.nodes) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(Leaf::Nothing),
            std::cmp::Ordering::Greater => Some(Leaf::Record(branch)),
        }
    }

    /// Tells of every leaf below a branch that stands for all addresses of a family, with the first address of its network,
    /// in their order. What lies below `other` counts as nothing.
    ///
    /// # Errors
    /// When the tree is broken, or `tell` says so.
    pub(super) fn walk<K: Key, E>(
        &mut self,
        root: Branch,
        other: Option<Branch>,
        mut tell: impl FnMut(K, Leaf) -> Result<(), E>,
    ) -> Result<(), BrokenTree<E>> {
        // The right branches that are still to be gone along, and how deep they lie.
        let mut waiting = vec![(root, 0_u8, K::ZERO)];
        while let Some((mut branch, mut depth, start)) = waiting.pop() {
            // Down the left edge: it starts where its parent does.
            let leaf = loop {
                if Some(branch) == other {
                    break Leaf::Nothing;
                }
                let Some([left, right]) = self.children(branch) else {
                    break self.leaf(branch).unwrap_or(Leaf::Nothing);
                };
                if depth == K::WIDTH {
                    return Err(BrokenTree::Shape(
                        "its search tree is deeper than an address is long",
                    ));
                }
                depth += 1;
                waiting.push((right, depth, start.plus(K::bit(depth))));
                branch = left;
            };
            let left = self.left.checked_sub(1);
            self.left = left.ok_or(BrokenTree::Shape("its search tree leads around in circles"))?;
            tell(start, leaf).map_err(BrokenTree::Leaf)?;
        }
        Ok(())
    }

    /// The branches of a node; None for a leaf.
    #[inline]
    fn children(&self, branch: Branch) -> Option<[Branch; 2]> {
        if branch >= self.nodes {
            return None;
        }
        let octets = self.octets.get(branch as usize * self.node..)?;
        Some(match (self.node, octets) {
            (6, [a, b, c, d, e, f, ..]) => [
                u32::from_be_bytes([0, *a, *b, *c]),
                u32::from_be_bytes([0, *d, *e, *f]),
            ],
            (7, [a, b, c, shared, d, e, f, ..]) => [
                u32::from_be_bytes([shared >> 4, *a, *b, *c]),
                u32::from_be_bytes([shared & 15, *d, *e, *f]),
            ],
            (_, [a, b, c, d, e, f, g, h, ..]) => [
                u32::from_be_bytes([*a, *b, *c, *d]),
                u32::from_be_bytes([*e, *f, *g, *h]),
            ],
            _ => return None,
        })
    }
}
