//! What a link says: which nodes have one, which types stand there, and by what names are sorted.
use super::Steered;
use crate::dns::rr::rtype;
use crate::dns::zone::signed::canonical::SortKey;
use crate::dns::zone::tree::{APEX, CUT, GONE, Node, UNDER_CUT, UNDER_DNAME};
use crate::dns::zone::{Zone, service_number};

/// Whether RRsets of a type at a node are this zone's own to sign (RFC 4035, section 2.2).
pub(in crate::dns::zone::signed) fn is_signed(zone: &Zone, node: u32, kind: u16) -> bool {
    let node = zone.tree.node(node);
    !node.is(UNDER_CUT | UNDER_DNAME) && (!node.is(CUT) || kind == rtype::DS)
}

/// Puts the types at a node in place of others that a validator may find there, steered ones included; not sorted.
pub(super) fn types_into(zone: &Zone, node: u32, steered: &[Steered], types: &mut Vec<u16>) {
    let is_cut = zone.tree.node(node).is(CUT);
    let own = zone.sets(node).map(|set| set.rtype);
    types.clear();
    types.extend(own.filter(|kind| !is_cut || matches!(*kind, rtype::NS | rtype::DS)));
    let mount = zone.tree.node(node).mount().map(service_number);
    if let Some(steered) = mount.and_then(|mount| steered.get(usize::from(mount))) {
        types.extend(steered.types());
    }
}

/// The nodes above every cut and every DNAME, both included.
pub(super) fn authoritative(zone: &Zone) -> impl Iterator<Item = u32> {
    let nodes = (APEX..).zip(&zone.tree.nodes);
    nodes
        .filter(|(_, node)| is_authoritative(node))
        .map(|(id, _)| id)
}

/// Whether a name is there, and is this zone's own or where its own ends.
pub(super) fn is_authoritative(node: &Node) -> bool {
    !node.is(UNDER_CUT | UNDER_DNAME | GONE)
}

/// Whether a name holds something by itself.
pub(super) fn has_data(zone: &Zone, node: u32) -> bool {
    let node = zone.tree.node(node);
    node.count > 0 || node.mount().is_some()
}

/// By node: whether it or a node below it holds data. Parents stand before their children.
pub(super) fn leads_somewhere(zone: &Zone) -> Vec<bool> {
    let nodes = &zone.tree.nodes;
    let mut leads: Vec<bool> = (APEX..)
        .zip(nodes)
        .map(|(id, node)| has_data(zone, id) && is_authoritative(node))
        .collect();
    for id in (1..nodes.len()).rev() {
        if leads[id] {
            leads[nodes[id].parent as usize] = true;
        }
    }
    leads
}

/// What a node is sorted by among the names of its zone.
pub(super) fn sort_key(zone: &Zone, node: u32) -> Vec<u8> {
    let (mut path, mut key) = (Vec::new(), SortKey::apex());
    sort_key_into(zone, node, &mut path, &mut key);
    key.octets().to_vec()
}

/// The same in place of another key; `path` is room for nodes.
pub(super) fn sort_key_into(zone: &Zone, node: u32, path: &mut Vec<u32>, key: &mut SortKey) {
    path.clear();
    let mut at = node;
    while at != APEX {
        path.push(at);
        at = zone.tree.node(at).parent;
    }
    key.clear();
    path.iter()
        .rev()
        .for_each(|&node| key.descend(zone.tree.label(node)));
}

/// Windows of bits (RFC 4034, section 4.1.2).
pub(super) fn put_bitmap(types: &mut Vec<u16>, rdata: &mut Vec<u8>) {
    types.sort_unstable();
    types.dedup();
    let mut rest = types.as_slice();
    while let Some(&first) = rest.first() {
        let [window, _] = first.to_be_bytes();
        let count = rest.partition_point(|rtype| rtype.to_be_bytes()[0] == window);
        let (own, others) = rest.split_at(count);
        let mut bits = [0_u8; 32];
        let mut length = 0;
        for rtype in own {
            let [_, low] = rtype.to_be_bytes();
            bits[usize::from(low / 8)] |= 0x80 >> (low % 8);
            length = low / 8 + 1;
        }
        rdata.extend_from_slice(&[window, length]);
        rdata.extend_from_slice(&bits[..usize::from(length)]);
        rest = others;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 4034, section 4.3.
    #[test]
    fn types_stand_in_windows_of_bits() {
        let mut rdata = Vec::new();
        put_bitmap(&mut vec![1234, 1, 47, 15, 46, 15], &mut rdata);
        let mut expected = vec![0, 6, 0x40, 1, 0, 0, 0, 3, 4, 0x1B];
        expected.extend([0; 26]);
        expected.push(0x20);
        assert_eq!(rdata, expected);
    }
}
