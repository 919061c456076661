//! Carriers of the cluster's records: they move octets between nodes, and understand nothing of them.
//!
//! ```text
//! daemon --says, orders--> SharedCopy <--have, newer, take-- carriers <--mutual TLS--> other nodes
//!    ^                         |
//!    '--- changes (watch) -----'
//! ```
//!
//! [`SharedCopy`] is this node's copy of all that is shared (`share`), behind a lock that is held for a look or a bundle and never
//! while somebody waits. [`peers`] carries it from node to node. Who carries need not be trusted: each record is signed by its author, and weighed by the core.
mod copy;
pub mod peers;

pub use copy::SharedCopy;
