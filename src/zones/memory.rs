//! All that is known of zones over restarts, besides signatures: small, and on the disk before anybody counts on it.
use std::collections::BTreeMap;

use super::Last;
use super::declared::set::{Declared, DeclaredPart};
use crate::dns::Name;
use crate::dns::challenges::Challenges;

/// A fact that is kept over restarts.
#[derive(Clone, Debug)]
pub enum Memory {
    /// The last version of a zone that was given out.
    Version(Name, Last),
    /// The time at which a zone was last known to be fresh, seconds since 1970.
    Refreshed(Name, u64),
    /// The answer to whether a zone is signed here.
    Signed(Name, Signedness),
    /// All challenges.
    Challenges(Challenges),
    /// A change of what is declared in a zone.
    Declared(DeclaredPart),
}

/// The answer to whether a zone has been served signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signedness {
    /// It has, and resolvers may count on it.
    Signed,
    /// It has not, or was made insecure on purpose.
    Unsigned,
}

/// All that was kept over a restart.
#[derive(Clone, Debug, Default)]
pub struct Memories {
    /// By zone.
    pub zones: BTreeMap<Name, Known>,
    /// All challenges.
    pub challenges: Challenges,
    /// All that is declared.
    pub declared: Declared,
}

/// All that was kept of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The last version that was given out.
    pub last: Option<Last>,
    /// The time at which it was last known to be fresh, seconds since 1970.
    pub refreshed: Option<u64>,
    /// Set if it has been served signed.
    pub signed: bool,
}
