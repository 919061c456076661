//! When keys are published, when they sign, and when they go: the policy of rollovers.
//!
//! A [`Ring`] is all that is remembered of a zone's keys: when each took which step. What the
//! zone shows of them is a function of the ring alone ([`Ring::view`]), so nodes that have the
//! same files serve the same records whatever their clocks say. What is to happen next, and when,
//! is a function of the ring and the [`Policy`] ([`Ring::prospects`]); whoever serves the zone
//! takes a step when it is due ([`Ring::take`]), remembers the ring, and then serves it.
//!
//! # A key's life
//!
//! A ZSK is published before it signs (RFC 7583, section 3.2.1), a KSK signs the DNSKEY RRset
//! beside its predecessor (section 3.3.1), a CSK does both. `wait` is until every cache knows of
//! the step before:
//!
//! ```text
//!              made -> published --wait: DNSKEY TTL--> active ....... retired --wait: signatures--> removed
//!   zone role                                          (signs the      ^  (its successor              ^
//!                                                       zone)          |   has become active)         |
//!              made -> published --wait: DNSKEY TTL--> submitted --word: DS seen--> seen              |
//!   entry role         (signs DNSKEY)                  (CDS names it)               |                 |
//!                                                           its predecessor, after the DS's TTL ------'
//! ```
//!
//! The first keys of a zone sign at once, because nobody has a DS that would ask for more; they
//! are submitted when what is cached without signatures has gone. No step depends on a guess about
//! the parent: until somebody has seen the DS there, both keys stay.
//!
//! # Crashes and other nodes
//!
//! Nodes of a cluster have a ring each, and go step by step together ([`Fellows`]).
//!
//! Every step is one change of the ring, and every ring in between is a state that may be served
//! for ever. So a step that was remembered but not served yet, or made twice, harms nobody.
//! When a TTL is made smaller, caches go by the old one for a while: the ring remembers until when
//! ([`Ring::heed`]), and nothing that waits for caches happens before.
//!
//! [`Policy::propagation`] covers how long a step takes to reach every server of the zone,
//! other nodes included, and by how much their clocks differ.
//!
//! # What it does not know
//!
//! No files and no clock. But for [`Keyring`], which hands secrets to whoever signs, keys are tags here. It makes no key; it says that one is
//! wanted. It does not ask the parent.
mod fellows;
mod keyring;
mod policy;
mod report;
mod ring;
mod words;

pub use fellows::{Fellow, Fellows, ToldRing};
pub use keyring::Keyring;
pub use policy::{Due, Policy, Prospect, Step};
pub(crate) use report::as_utc;
pub use report::{KeyReport, NextReport, Report};
pub use ring::{Goal, Heeded, Key, KeyId, Ring, Role, Sync, Time, View};
pub use words::{Refusal, When};

#[cfg(test)]
mod fellows_tests;
#[cfg(test)]
mod tests;
