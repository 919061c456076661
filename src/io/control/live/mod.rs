//! The live state, for pages that stay open: told whole once, and then what changes.
//!
//! | module | what it knows |
//! |---|---|
//! | `view` | the state in pieces |
//! | `ring` | the last messages, for readers who come back |
//! | `hub` | who reads, and what they were told |
//! | `watch` | when the engine is asked |
//! | `stream` | how messages go out as server-sent events |
//!
//! As long as anybody reads, one task asks the engine every second or two, whoever and however many they are, and tells what
//! differs; without a reader nobody asks. A reader who is too slow misses messages and is told the whole again: nothing waits for
//! one, and what is kept for them is bounded. What the engine does is not decided here.
pub(super) mod hub;
mod ring;
pub(super) mod stream;
mod view;
pub(super) mod watch;
