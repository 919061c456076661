//! The way from the apex to the name that came last, for zones whose names come in order.
//!
//! A transfer brings names as the primary's tree has them, and most files are sorted but for a few names at their top. A
//! name that comes behind all its siblings needs no look-up to be known as new: it is held against the last one,
//! and against the few that came first. So a large zone is built without waiting for memory at each name; what is not in
//! order is looked up as ever, and the outcome is the same.
//!
//! Two orders will do, because both are met: canonical (RFC 4034, section 6.1: BIND, Knot, NSD), and shorter labels
//! first, as our own transfers go.
//!
//! ```text
//! apex . b . a     steps: apex -> b -> b.a, with what is known of the children of each
//! ```
use std::cmp::Ordering;

use super::tree::{APEX, Labels, NONE, Tree, label_at};
use crate::dns::octets;

/// Children of a node that may come in any order.
const FIRST: usize = 8;

/// Nodes from the apex to the last name.
#[derive(Debug)]
pub(super) struct NamePath {
    steps: Vec<PathStep>,
    /// By step: the children of its node, if they are in order.
    runs: Vec<SiblingRun>,
}

/// A node, and its children.
#[derive(Clone, Copy, Debug)]
struct PathStep {
    node: u32,
    children: Children,
}

/// Knowledge of the children of a node.
#[derive(Clone, Copy, Debug)]
enum Children {
    /// Nothing: they are looked up.
    Any,
    /// There are none.
    None,
    /// All of them, in the run of the step: a few in any order, and the rest in one.
    Ordered,
}

/// All children of a node, in the order in which they came.
#[derive(Clone, Debug)]
struct SiblingRun {
    first: [u32; FIRST],
    /// Hashes of their labels.
    hashes: [u64; FIRST],
    count: usize,
    /// The hash of the label that was looked for last.
    hash: u64,
    /// The last one behind the first.
    last: u32,
    /// Those are in canonical order.
    is_canonical: bool,
    /// Those are in the order of length first.
    is_by_length: bool,
}

/// Word of a run on a label.
enum Sibling {
    /// It is that of this node.
    Known(u32),
    /// There is none.
    New,
    /// It is out of order.
    Unknown,
}

impl NamePath {
    /// Into a tree that has nothing but its apex.
    pub(super) fn into_empty() -> Self {
        Self::from_apex(Children::None)
    }

    /// Into a tree that has names.
    pub(super) fn into_any() -> Self {
        Self::from_apex(Children::Any)
    }

    fn from_apex(children: Children) -> Self {
        let apex = PathStep {
            node: APEX,
            children,
        };
        Self {
            steps: vec![apex],
            runs: Vec::new(),
        }
    }

    /// The node of a name whose apex starts at octet `apex`, made with all nodes above it if it is not there yet.
    /// New nodes are found by others once [`Tree::list`] was called.
    pub(super) fn reach_or_insert(
        &mut self,
        tree: &mut Tree,
        name: &[u8],
        apex: usize,
    ) -> Option<u32> {
        let labels = Labels::of(name, apex)?;
        let mut depth = 0;
        for start in labels {
            let label = label_at(name, start);
            let next = self.steps.get(depth + 1);
            if !next.is_some_and(|next| octets::same(tree.label(next.node), label)) {
                self.steps.truncate(depth + 1);
                let step = self.child(tree, depth, label);
                self.steps.push(step);
            }
            depth += 1;
        }
        self.steps.truncate(depth + 1);
        Some(self.steps[depth].node)
    }

    fn child(&mut self, tree: &mut Tree, depth: usize, label: &[u8]) -> PathStep {
        let PathStep { node, children } = self.steps[depth];
        if matches!(children, Children::None) {
            self.steps[depth].children = Children::Ordered;
            self.runs.truncate(depth);
            self.runs.resize(depth + 1, SiblingRun::EMPTY);
        }
        let run = match children {
            Children::Any => None,
            Children::None | Children::Ordered => self.runs.get_mut(depth),
        };
        let place = run.map(|run| (run.place(tree, label), run));
        let children = match place {
            Some((Sibling::Known(id), _)) => return PathStep::any(id),
            Some((Sibling::New, run)) => {
                let id = tree.append(node, label);
                run.push(id);
                return PathStep::new(id);
            }
            Some((Sibling::Unknown, _)) | None => Children::Any,
        };
        self.steps[depth].children = children;
        tree.list();
        PathStep::any(tree.child_or_insert(node, label))
    }
}

impl PathStep {
    /// A node of whose children nothing is known.
    fn any(node: u32) -> Self {
        Self {
            node,
            children: Children::Any,
        }
    }

    /// A node without children.
    fn new(node: u32) -> Self {
        Self {
            node,
            children: Children::None,
        }
    }
}

impl SiblingRun {
    const EMPTY: Self = Self {
        first: [NONE; FIRST],
        hashes: [0; FIRST],
        count: 0,
        hash: 0,
        last: NONE,
        is_canonical: true,
        is_by_length: true,
    };

    /// Finds a label; if it is new, it is the next to be pushed.
    fn place(&mut self, tree: &Tree, label: &[u8]) -> Sibling {
        self.hash = octets::hash(0, label);
        let first = self.first.iter().zip(&self.hashes).take(self.count);
        let mut alike = first.filter(|(_, hash)| **hash == self.hash);
        if let Some((id, _)) = alike.find(|(id, _)| octets::same(tree.label(**id), label)) {
            return Sibling::Known(*id);
        }
        if self.last == NONE {
            return Sibling::New;
        }
        let last = tree.label(self.last);
        let order = octets::compare(last, label);
        if order == Ordering::Equal {
            return Sibling::Known(self.last);
        }
        self.is_canonical &= order == Ordering::Less;
        self.is_by_length &= last.len().cmp(&label.len()).then(order) == Ordering::Less;
        if self.is_canonical || self.is_by_length {
            Sibling::New
        } else {
            Sibling::Unknown
        }
    }

    fn push(&mut self, id: u32) {
        match self.first.get_mut(self.count) {
            Some(place) => {
                *place = id;
                self.hashes[self.count] = self.hash;
                self.count += 1;
            }
            None => self.last = id,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::Draws;
    use crate::dns::Name;

    /// Names in any order, in runs of order, and again: each has one node, which the index finds.
    #[test]
    fn a_name_has_one_node_in_whatever_order_it_comes() {
        let mut draws = Draws::from_seed(4);
        let mut below = |bound: u64| usize::try_from(draws.below(bound)).unwrap();
        for round in 0..300 {
            let (mut tree, mut path) = (Tree::new(), NamePath::into_empty());
            let mut names: Vec<String> = (0..below(200))
                .map(|_| {
                    let labels: Vec<String> =
                        (0..=below(3)).map(|_| below(40).to_string()).collect();
                    labels.join(".")
                })
                .collect();
            match round % 4 {
                0 => names.sort(),
                1 => names.sort_by_key(|name| (name.len(), name.clone())),
                2 => names.sort_by_key(|name| Name::parse(name).unwrap()),
                _ => {}
            }
            if round % 3 == 0 && !names.is_empty() {
                let again = names[below(names.len() as u64)].clone();
                names.insert(below(names.len() as u64), again.to_uppercase());
            }
            let mut own: BTreeMap<String, u32> = BTreeMap::new();
            for name in &names {
                let wire = Name::parse(&format!("{name}.z")).unwrap();
                let wire = wire.as_wire();
                let node = path
                    .reach_or_insert(&mut tree, wire, wire.len() - 3)
                    .unwrap();
                assert_eq!(*own.entry(name.clone()).or_insert(node), node, "{names:?}");
            }
            tree.list();
            for (name, node) in own {
                let wire = Name::parse(&format!("{name}.z")).unwrap();
                let wire = wire.as_wire();
                assert_eq!(tree.reach(wire, wire.len() - 3), Some(node), "{names:?}");
                assert_eq!(tree.wire(node, b"\x01z\0"), wire);
            }
        }
    }
}
