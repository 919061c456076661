//! Where two zones of one build differ, as far as signatures go.
use crate::dns::zone::Zone;
use crate::dns::zone::tree::{GONE, Node, TARGET};

/// A node at which two zones differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The node.
    pub(super) node: u32,
    /// Whether it is there in both, with the same name.
    pub(super) is_same_name: bool,
}

/// The nodes at which a zone differs from the one before, sorted; `None` if numbers of nodes do not mean the
/// same in both.
pub(super) fn changes(before: &Zone, zone: &Zone) -> Option<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    for node in before.upkeep.between(&zone.upkeep)? {
        let (Some(old), Some(new)) = (live(before, node), live(zone, node)) else {
            changes.push(Change {
                node,
                is_same_name: false,
            });
            continue;
        };
        let parent = changes.binary_search_by_key(&new.parent, |change| change.node);
        let is_same_parent =
            old.parent == new.parent && parent.ok().is_none_or(|place| changes[place].is_same_name);
        let is_same_name = is_same_parent && before.tree.label(node) == zone.tree.label(node);
        if !is_same_name || !says_the_same((before, old), (zone, new), node) {
            changes.push(Change { node, is_same_name });
        }
    }
    Some(changes)
}

fn live(zone: &Zone, node: u32) -> Option<&Node> {
    let node = zone.tree.nodes.get(node as usize);
    node.filter(|node| !node.is(GONE))
}

fn says_the_same((before, old): (&Zone, &Node), (zone, new): (&Zone, &Node), node: u32) -> bool {
    let records = |zone: &'_ Zone| -> Vec<Vec<u8>> {
        zone.sets(node).map(|set| set.encoded.to_vec()).collect()
    };
    old.flags & !TARGET == new.flags & !TARGET
        && old.mount() == new.mount()
        && old.count == new.count
        && records(before) == records(zone)
}
