//! Zones given to knot, nsd and bind, and taken from each of them; and from a primary that does
//! everything wrong.
//!
//! Each test moves its thread into a network namespace of its own, as `tests/real` does.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests wait for real programs, and show what those said when something fails"
)]
mod changes;
mod hostile;
mod incoming;
mod outgoing;
mod peers;
mod scripted;
mod signed;
mod sources;
mod strays;
#[path = "../real/world.rs"]
#[expect(dead_code, reason = "what is asked of transfers needs less")]
mod world;
