//! Zones on their way to secondaries and from primaries: sockets and the disk.
//!
//! ```text
//! zones --Offer--> service --> serve (AXFR, IXFR)      zones --Tell--> herald --> secondaries (NOTIFY)
//! primaries --NOTIFY--> service --notified--> zones --Fetch--> fetch --> primaries
//!                                                '--Copy--> copy --> disk
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | `service` | what is answered to requests for zones, to notifications, and to what is signed |
//! | `herald` | how often a secondary is told |
//! | `fetch` | how long a primary is listened to |
//! | `copy` | nothing: it writes the copy of a zone, and the record beside it |
//! | `outlet` | nothing: it binds sockets to the addresses that they leave from |
//!
//! When to look, what to take and which serial a zone gets is decided by [`crate::zones`].
mod copy;
mod fetch;
mod herald;
mod outlet;
mod service;

pub use copy::write_copy;
pub use fetch::Fetcher;
pub use herald::Herald;
pub use service::{Service, Stream};
