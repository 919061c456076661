//! Signed zones: what validators that others wrote make of them, and what signing may not change.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests with real programs and real time"
)]
#[path = "../support/world.rs"]
#[expect(dead_code, reason = "what is asked of signed zones needs less")]
mod world;

mod by_type;
mod clients;
mod dnsviz;
mod ground;
mod property;
mod validators;
mod whole;
