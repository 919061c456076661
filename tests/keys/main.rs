//! Keys: rollovers under every order of events, and files that other programs read and write.
#![expect(clippy::unwrap_used, reason = "tests")]
mod command;
mod model;
mod rollover;
mod tools;
