//! Master files of every kind, read by Waypost and by BIND, Knot and NSD.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests"
)]
mod compare;
mod differences;
mod programs;
mod record;
mod shrink;
mod slips;
mod types;
mod words;
#[path = "../real/world.rs"]
#[expect(dead_code, reason = "what is asked of master files needs less")]
mod world;
mod zones;
