//! The way in which a running server gives its place to another program, so that no query is lost.
//!
//! ```text
//!  old                                               new
//!   |-- starts it, one end of a pair as its standard input -->| reads and checks everything
//!   |<------------------------------------------ Sockets --|
//!   |-- the sockets, and secrets that were drawn --------->| adopts them, opens what is new
//!   |<------------------------------------------ Release --|
//!   | writes its last state, lets go of it                 |
//!   |-- Released ----------------------------------------->| resumes from it, makes its first table
//!   |<---------------------------------------- Answering --| answers on the same sockets
//!   | ends its QUIC connections                            |
//!   |-- Freed -------------------------------------------->| answers QUIC too
//!   | finishes what it accepted, ends                      |
//! ```
//!
//! Until *Answering* the old program answers, from tables that it goes on making; if the new one says *Failed*, ends, or says
//! nothing for too long, it is killed, and the old one takes its state up again as if nothing had been. After it
//! both answer for a moment: each datagram and each connection is read by one of them. QUIC is apart, because what comes for
//! a connection must be read by whoever knows it.
//!
//! | module | what it decides |
//! |---|---|
//! | `channel` | how messages and descriptors travel |
//! | `old` | the conversation as the running program leads it |
//! | `new` | the same as the one that takes over sees it |
//!
//! It does not know what state is, nor how queries are answered: both sides are told when, and do that themselves.
use serde::{Deserialize, Serialize};

mod channel;
mod new;
mod old;

pub use new::{Predecessor, TAKE_OVER};
pub use old::{Offer, Successor, UpgradeError};

/// The version of this conversation. One that is not the same is refused by the running program.
const PROTOCOL: u32 = 1;

/// Words of the new program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromNew {
    /// Everything is read and checked; it wants the sockets.
    Sockets { protocol: u32 },
    /// The old one is to write its last state, and to let go of it.
    Release,
    /// It answers.
    Answering,
    /// It cannot take over; for a person.
    Failed(String),
}

/// Words of the old program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FromOld {
    /// So many descriptors follow, beside messages of their own; and the secrets.
    Sockets { number: usize, secrets: Vec<u8> },
    /// Some of the sockets.
    More,
    /// The state is the new one's.
    Released,
    /// The sockets of QUIC are no longer read.
    Freed,
}

#[cfg(test)]
mod tests;
