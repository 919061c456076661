//! What a plan may ever do: proved for one plan, compared between two.
//!
//! | module | what it decides |
//! |---|---|
//! | `law` | where the answers to a client may lie, from the words of the config alone |
//! | `sight` | which clients a map really puts into which class |
//! | [`verify`](mod@verify) | whether any health leads a client outside of that, or to nothing |
//! | [`compare`](mod@compare) | who is answered otherwise by another plan, and what is lost |
//! | [`weaken`] | what another config takes away of what protects and of what is served |
//!
//! It judges plans, not moments: it makes up the health that it needs, and knows neither probes nor
//! time. What it says is plain data, which serializes for machines and prints for people.
pub mod compare;
mod law;
mod sight;
mod text;
pub mod verify;
pub mod weaken;
