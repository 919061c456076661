//! The folder of keys: the keys themselves, and what is remembered of them.
//!
//! ```text
//! keys/                                    0700
//!   Kexample.org.+013+26038.key            the DNSKEY record
//!   Kexample.org.+013+26038.private   0600 the secret numbers, as BIND writes them
//!   example.org.state                 0600 which step each key has taken, and when (JSON)
//! ```
//!
//! Key files are written once and never over one that is there. The state is replaced as a whole
//! (written beside, synced, renamed), so after a crash it is the old one or the new one; the files
//! of a key are there before the state names it. Whoever changes something holds a lock on the
//! folder, so that several processes may work in it.
//!
//! A private file that others may read is refused: who has seen it can sign the zone.
//!
//! | module | what it does |
//! |---|---|
//! | [`store`] | files: read, written, locked |
//! | [`lock`] | secrets encrypted from one node to another |
//! | [`ring`] | keys with what is remembered of them, as a signer needs them |
pub mod lock;
mod ring;
mod store;

pub use store::{Brought, KeysError, Locked, Store};

#[cfg(test)]
mod tests;
