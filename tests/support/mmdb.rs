//! Writes small MaxMind-format files for tests (MaxMind DB format specification, version 2.0).
//!
//! Decides what the tree is: the caller gives networks and records, and the later of two entries
//! lies over the earlier. Equal records are written once.
//!
//! It does not know what the product reads out of a file, nor how trees and records are written (`mmdb_file`).
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

mod mmdb_file;

pub(crate) use mmdb_file::Options;
use mmdb_file::{Child, assemble, write_value};

/// A file of these networks (CIDR) and records.
pub(crate) fn write(entries: &[(&str, Value)], options: &Options<'_>) -> Vec<u8> {
    let mut tree = Tree(vec![[Child::Nothing; 2]]);
    let (mut data, mut offsets) = (Vec::new(), BTreeMap::new());
    for (network, record) in entries {
        let offset = *offsets.entry(record.to_string()).or_insert_with(|| {
            let offset = data.len();
            write_value(&mut data, record);
            offset
        });
        tree.set(&bits(network, options.ip_version), Child::Data(offset));
    }
    if !options.aliases.is_empty() {
        let start = tree.node(&[false; 96]);
        for alias in options.aliases {
            tree.set(&bits(alias, 6), Child::Node(start));
        }
    }
    assemble(&tree.0, &data, options)
}

/// The nodes of the search tree; the first is its root.
struct Tree(Vec<[Child; 2]>);

impl Tree {
    fn set(&mut self, bits: &[bool], child: Child) {
        let (last, path) = bits.split_last().expect("a network of at least one bit");
        let node = self.node(path);
        self.0[node][usize::from(*last)] = child;
    }

    /// The node at the end of a path, made if it is missing; a record above it is split.
    fn node(&mut self, path: &[bool]) -> usize {
        let mut node = 0;
        for bit in path {
            let child = self.0[node][usize::from(*bit)];
            let Child::Node(next) = child else {
                self.0.push([child; 2]);
                let next = self.0.len() - 1;
                self.0[node][usize::from(*bit)] = Child::Node(next);
                node = next;
                continue;
            };
            node = next;
        }
        node
    }
}

/// The bits of a network's prefix; in an IPv6 file, IPv4 has 96 zeros before it.
fn bits(network: &str, ip_version: u16) -> Vec<bool> {
    let (address, prefix) = network.split_once('/').expect("CIDR notation");
    let prefix: usize = prefix.parse().unwrap();
    let (bytes, prefix) = match address.parse().unwrap() {
        IpAddr::V4(v4) if ip_version == 4 => (v4.octets().to_vec(), prefix),
        IpAddr::V4(v4) => ([&[0; 12], &v4.octets()[..]].concat(), prefix + 96),
        IpAddr::V6(v6) => (v6.octets().to_vec(), prefix),
    };
    let bit = |index: usize| bytes[index / 8] >> (7 - index % 8) & 1 == 1;
    (0..prefix).map(bit).collect()
}
