//! Names, messages, zone data: everything that is DNS and knows nothing of steering.
//!
//! | module | what it holds |
//! |---|---|
//! | [`name`] | owned domain names |
//! | [`addresses`] | address records made once, for replies to copy |
//! | [`ask`] | the client side: a question and a reply, for tools |
//! | [`rr`] | type, class, rcode and opcode numbers; an RRset by reference |
//! | `rrset` | RRsets encoded as a reply copies them |
//! | [`octets`] | octets of names hashed and compared without their case |
//! | [`query`] | a query read in place, EDNS and its options included |
//! | [`edns`] | OPT of a query and of a reply: payload, version, NSID, client subnet |
//! | [`reply`] | the reply writer: compression, truncation, EDNS |
//! | [`zone`] | zone data: built once, looked up in time independent of its size |
//! | [`master`] | master files (RFC 1035, section 5) into records, with positions of errors |
//! | [`text`] | records and types as text, for people |
//!
//! This is the only folder that names a DNS library: `domain` reads master files and puts
//! records into words, `hickory-proto` is the client side. The query path uses neither.
pub mod addresses;
pub mod ask;
pub mod edns;
pub mod master;
pub mod name;
pub mod octets;
pub mod query;
pub mod reply;
pub mod rr;
mod rrset;
pub mod text;
pub mod zone;

pub use name::{Name, NameError};
