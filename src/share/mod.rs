//! Knowledge that several nodes share: votes, orders, heads and loads, merged by union. Without I/O, clock and randomness.
//!
//! Everything shared is a **record** with one author, signed by the author's key ([`record`]). Every node keeps a full copy and
//! decides from it alone; there is no leader, and nobody is waited for. Whoever carries records need not be trusted.
//!
//! ```text
//! what others carry --bundle--> Cluster::take --> RecordFate of each (New: keep on disk, pass on)
//!                                   |
//!   own probes --Ballot--> say -----+--> newest of (author, stream) ---------> have, newer --> what others carry
//!   an operator --Intent--> order --+--> SharedLog: union, slot by slot ------> in_force --> orders
//!                                   '--> Hearing: (boot, seq) rises, by own clock --> VantagePanel --> Ruling of each target
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`Author`], [`AuthorKey`], [`AuthorSeal`] | a node by its key, the key that verifies, the key that signs |
//! | [`Boot`] | one start of an author: the first half of a ULID; `(boot, seq)` rises |
//! | [`Roster`], [`RosterMember`] | who takes part: key, region, provider, vantage or follower, revoked |
//! | [`Sealed`], [`RecordStream`] | a record, and which of an author's it is: vote, names, log, head, load, keys, what is declared, release |
//! | [`Ballot`] | a vote: all that one vantage sees, as bitmaps by the places of its plan's targets |
//! | [`VantagePanel`] | what all vantages see, by the places of *this* node's plan; asked for the ruling on a target |
//! | [`OwnVote`], [`VantageView`], [`VantageLabel`] | this node's part in that; what each vantage says of a target, for people |
//! | [`Electorate`], [`Ruling`] | who votes, and what the votes say together |
//! | [`OrderEntry`], [`LogAct`], [`HybridStamp`] | an order, what it does, its hybrid clock |
//! | [`SharedLog`], [`OrderInForce`] | all orders that matter, and what they come to |
//! | [`NodeHead`], [`NodeLoad`] | what a node has and runs; what it answers |
//! | [`AnycastRoute`], [`RouteWord`] | when a node gives its anycast route back, and what it says of it |
//! | [`Cluster`] | one node's copy of all of it |
//! | [`ClusterView`] | what one node knows of the others, for people |
//! | [`RingsTold`], [`NodeSecrets`] | the keys that a node serves its zones with, and secrets of such, encrypted to those who lack them |
//! | [`Vault`], [`VaultKeeper`] | secrets that all nodes have in common, and one node's part in them |
//! | [`SharedChange`], [`DeclaredTelling`] | what is declared, as nodes tell it, and which of it each tells |
//! | [`Release`], [`Rollout`] | the shared part of a config, signed by an administrator; one node's part in its rollout |
//! | [`Have`], [`TakenBundle`], [`RecordFate`] | what carriers carry, and what became of it |
//!
//! # The seam of carriers
//! A carrier sends [`Cluster::have`] to a peer, the peer answers with [`Cluster::newer`] than that (at most
//! [`CLUSTER_BUNDLE_BYTES`](crate::base::limits::CLUSTER_BUNDLE_BYTES), the `turn` counts polls so that everybody's turn comes),
//! and the answer goes into [`Cluster::take`]. Votes, heads and loads are one newest record for each author; of logs a node says the last
//! entry of each start and the sum of all it keeps, so that holes and forks are found as well as what is new. Where [`TakenBundle::is_progress`]
//! is false the carrier waits a second before it asks again.
//!
//! # The seam of the engine
//! The driver gives [`Cluster::say`] what the engine's targets are seen to be, and gives the engine a new [`VantagePanel`] whenever a
//! vote came; votes grow old in the engine. The engine asks the panel for each ruling, with its own verdict of that moment. A node that stands
//! alone has [`VantagePanel::lone`], a roster of one: its own word decides and does not age. One of a cluster that has just begun has
//! [`VantagePanel::unheard`] until [`Cluster::has_settled`].
//!
//! # What must be said
//! - A vote counts while it is fresh by the receiver's monotonic clock ([`hearing`]); clocks of others decide nothing but that a clock
//!   more than five minutes off has no vote and its orders wait. Two nodes whose clocks are wrong alike take each other's orders meanwhile.
//! - Of two orders for the same slot the one that had seen the other holds; where neither had, the safer ([`log`]).
//! - The word of a revoked author is void, past orders included: whoever stole its key could have written them.
//! - Two nodes with one key: the one that started later counts, the other falls silent and says so ([`Cluster::is_twin`]).
//!
//! It knows no plan, no zone and no socket.
mod ballot;
mod cluster;
mod cookie_secrets;
mod declared;
mod entry;
mod exchange;
mod have;
mod head;
pub mod hearing;
pub mod log;
mod orders;
mod packing;
mod panel;
pub mod record;
mod release;
mod release_view;
mod rollout;
mod roster;
pub mod route;
pub mod ruling;
mod seal;
mod secrets;
mod stamp;
mod standing;
mod telling;
#[cfg(test)]
mod tests;
mod vault;
mod vault_keeper;
mod view;
mod waves;

pub use ballot::{Ballot, PlaceSet, PlanHash, TargetNames};
pub use cluster::{Cluster, ClusterStart, Footing, Intent, IntentRefusal, Sight, Tuning};
pub use declared::{DeclaredTelling, SharedChange, ToldChange};
pub use entry::{EntryHash, LogAct, OrderEntry, OrderSlot, SeenEntry};
pub use exchange::{ReadBundle, RecordFate, RecordRefusal, TakenBundle};
pub use have::Have;
pub use head::{LoadRow, NodeHead, NodeLoad, RouteWord};
pub use log::{LoggedEntry, SharedLog};
pub use orders::{OrderEffect, OrderInForce, ScopeCapacity};
pub use packing::Garbled;
pub use panel::{OtherVantage, OwnVote, VantageLabel, VantagePanel, VantageView};
pub use record::{Envelope, RecordStream, Sealed};
pub use release::{
    Release, ReleaseConsent, ReleaseFault, ReleaseHead, ReleaseId, ReleasePace, ReleaseStage,
    ReleaseWord,
};
pub use release_view::{ReleaseNodeView, ReleaseView};
pub use rollout::{ReleaseOrder, Rollout, RolloutDeed, RolloutNews, RolloutRules, Vitals};
pub use roster::{MemberAdmission, MemberRole, Roster, RosterFault, RosterMember};
pub use route::{AnycastRoute, RouteFault, RouteRule, RouteSight, RouteStep};
pub use ruling::{Electorate, Ruling, Trust, VantageId, Vote};
pub use seal::{Author, AuthorKey, AuthorSeal};
pub use secrets::{NodeSecrets, RingsTold, SealedSecret, SecretWrap};
pub use stamp::{Boot, HybridStamp};
pub use standing::OrderSpread;
pub use vault::{
    NodeVault, OtherVault, SecretKind, SharedSecret, Vault, VaultSight, rank_time, tsig_name,
};
pub use vault_keeper::{SecretLock, SecretOrder, VaultKeeper, VaultRules};
pub use view::{ClusterSummary, ClusterView, HeadView, HeardOf, NatsView, NodeView, OtherNode};
