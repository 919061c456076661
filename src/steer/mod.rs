//! Standings -> who serves whom.
//!
//! | module | what it decides |
//! |---|---|
//! | [`pool`] | which endpoints of one pool take which cohorts |
//! | [`pick`] | who answers together, and which tiers may serve |
//! | `hands` | who of tiers takes which cohorts |
//! | [`fleet`] | the same where a tier is too large, or its weights too fine, for cohorts |
//! | [`route`] | in which order a class consults its pools, and what is left when they end |
//! | [`together`](mod@together) | the same where both families are to come from one region |
//! | [`capacity`] | who serves whom when that is more than places can carry |
//!
//! ```text
//! cohort --> first region --> next region --> ... --> overflow   (some share is above none)
//!              | takes it      | takes it        '--> fail-open  (every share is none)
//!              v               v                 '--> all down   (the service asks for that)
//!            answer          answer
//! ```
//!
//! It knows no time and no DNS: a share is a share, whether a ramp or a drain made it so. All is
//! whole numbers, so the same standings steer the same way on every machine.
//!
//! A cohort moves at most once while one share rises and nothing else changes (promise 4):
//! every choice of the chain is accepted from one share on, and the overflow goes to the
//! largest share, which a rising share overtakes once.
pub mod capacity;
pub mod fleet;
mod hands;
pub mod pick;
pub mod pool;
pub mod route;
pub mod together;

pub use fleet::CohortSource;
pub use pick::{Pick, Picks, Rule};
pub use pool::{PoolAssignment, Spread, decide};
pub use route::{Ending, Extent, PoolState, Route, Step, route};
pub use together::{RegionTakes, together};
