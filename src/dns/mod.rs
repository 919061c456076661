//! Names, messages, zone data: everything that is DNS and knows nothing of steering.
//!
//! | module | what it holds |
//! |---|---|
//! | [`name`] | owned domain names |
//! | [`anonymous`] | a reply without what tells who asked |
//! | [`addresses`] | address records made once, for replies to copy |
//! | [`ask`] | the client side: a question and a reply, for tools |
//! | [`rr`] | type, class, rcode and opcode numbers; an RRset by reference |
//! | `rrset` | RRsets encoded as a reply copies them |
//! | [`svcb`] | hints in SVCB and HTTPS records, which are put in as they are chosen |
//! | `targets` | names in RDATA whose addresses go beside an answer |
//! | [`octets`] | octets of names hashed and compared without their case |
//! | [`query`] | a query read in place, EDNS and its options included |
//! | [`dnssec`] | keys, what they sign, and what parents see of them |
//! | [`message`] | a message of any kind taken apart, names made whole |
//! | [`transfer`] | zones on their way from one server to another |
//! | [`tsig`] | requests and replies signed with a shared key (RFC 8945) |
//! | [`update`] | changes that clients ask for (RFC 2136), as far as they are taken |
//! | [`challenges`] | TXT records of `_acme-challenge` names, which come and go |
//! | [`cookie`] | server cookies: what proves that a client's address is its own |
//! | [`edns`] | OPT of a query and of a reply: payload, version, and every option that is known |
//! | [`freshness`] | how long a reply may be kept by an HTTP cache |
//! | [`reply`] | the reply writer: compression, truncation, EDNS |
//! | [`zone`] | zone data: built once, looked up in time independent of its size |
//! | [`master`] | master files (RFC 1035, section 5) into records, with positions of errors |
//! | [`text`] | records and types as text, for people |
//!
//! This is the only folder that names a DNS library: `domain` knows the mnemonics and what
//! replies to our own questions hold, `hickory-proto` is the client side. The query path uses neither.
pub mod addresses;
pub mod anonymous;
pub mod ask;
pub mod challenges;
pub mod cookie;
pub mod dnssec;
pub mod edns;
pub mod freshness;
pub mod master;
pub mod message;
pub mod name;
pub mod octets;
pub mod query;
pub mod reply;
pub mod rr;
mod rrset;
pub mod svcb;
mod targets;
pub mod text;
pub mod transfer;
pub mod tsig;
pub mod update;
pub mod zone;

pub use name::{Name, NameError};
