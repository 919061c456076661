//! Zones on their way from one server to another (RFC 5936, RFC 1995, RFC 1996), without the wire.
//!
//! ```text
//! content --Version--> Journal --[Diff, Diff, …]--.
//!                         |                       v
//! request (serial) -------'---------> Plan of a transfer --Messages--> octets
//!
//! octets --Receipt--> Received: up to date, a packed zone --zone_of--> zone, or changes --apply--> zone
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`serial`] | serials compared and counted up (RFC 1982) |
//! | [`changes`] | the changes of a zone as they come, in few octets |
//! | [`content`] | the records of a zone in a fixed order; what two of them differ in |
//! | [`journal`] | the last versions of a zone, and what to send to one who has an older one |
//! | [`messages`] | records into messages |
//! | [`receipt`] | messages into records, each step checked |
//! | [`packed`] | the records of a zone as they come, in few octets |
//! | [`master`] | content, or a zone, as a master file |
//! | [`zone`] | content into a zone, and changes into the next one |
//! | [`notify`] | a change told, and the telling read |
//!
//! It knows neither who may have a zone nor whether one can be served.
pub mod changes;
pub mod content;
pub mod journal;
pub mod master;
pub mod messages;
pub mod notify;
pub mod packed;
pub mod receipt;
pub mod serial;
pub mod zone;

pub use changes::PackedChanges;
pub use content::{Content, Diff, Entry};
pub use journal::{Journal, Sending};
pub use master::master_pieces;
pub use messages::Messages;
pub use packed::Packed;
pub use receipt::{Asked, Broken, Receipt, Received, Strays};
pub use zone::{Misfit, apply, soa_of, zone_of, zone_of_packed};
