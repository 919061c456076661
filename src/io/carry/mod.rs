//! Carriers of the cluster's records: they move octets between nodes, and understand nothing of them.
//!
//! ```text
//! daemon --says, orders--> SharedCopy <--have, newer, take-- carriers <--mutual TLS--> other nodes, NATS servers
//!    ^                         |
//!    '--- changes (watch) -----'
//! ```
//!
//! [`SharedCopy`] is this node's copy of all that is shared (`share`), behind a lock that is held for a look or a bundle and never
//! while somebody waits. [`peers`] carries it from node to node, [`nats`] by a server of others, and both may at once: each has a thread of its
//! own, so that one that is slow or flooded delays nothing of the other. Who carries need not be trusted: each record is signed by its author, and weighed by the core.
mod copy;
pub mod nats;
mod pace;
pub mod peers;
mod tools;
mod troubles;

pub use copy::{CarrierKind, SharedCopy};
pub use tools::CarrierTools;
