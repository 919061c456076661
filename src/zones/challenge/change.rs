//! Changes of challenges that other nodes of a cluster have made.
use crate::dns::Name;
use crate::dns::challenges::Challenge;

/// A change of what all nodes have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeChange {
    /// It is to be there.
    Put(Name, Challenge),
    /// This value is to be there no more.
    Remove(Name, Vec<u8>),
}
