//! Inputs that nobody should send, by the hundred thousand: whatever comes, it is read or refused, and what holds for
//! sound inputs holds of them too.
//!
//! | target | what is bent | what must hold |
//! |---|---|---|
//! | `packets` | queries of every kind | a reply to the query, no longer than allowed, that others can read |
//! | `messages` | updates, notifications, signed messages, replies to our own queries | a forged signature is not believed |
//! | `masters` | master files | errors stand in the text; a zone, written down, is read as the same |
//! | `config` | configs | diagnostics can be shown; a plan has a table that its check passes |
//! | `responses` | responses over HTTP to probes | whole or in parts they mean the same; no head is awaited for ever |
//! | `transfers` | streams of AXFR and IXFR | nothing outside the zone comes in; changes fit or are refused |
//! | `shared` | records of a cluster, and what a node says that it has | what is not signed is not believed; what is held stays bounded |
//!
//! Frames of PostgreSQL come over a socket: `tests/wire/postgres/bent.rs`.
//!
//! These are loops over seeded inputs and not libFuzzer's, which steers by coverage: that wants a nightly compiler, or the whole tree of
//! dependencies built once more with other flags. CONTRIBUTING.md has the figures.
mod config;
mod masters;
mod messages;
mod packets;
mod responses;
mod shared;
mod transfers;
