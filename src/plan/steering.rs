//! What a service's map was made by, for those who show it or compare it. Who prefers which region stands in the map.
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::Permille;

/// The steering that a service's map was made by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SteeringFacts {
    /// The word of the config.
    pub policy: SteeringPolicy,
    /// Tells whether the service's own word is in force, and not that of the regions alone.
    pub is_own: bool,
    /// Tells whether nobody is sent beyond the lists of regions.
    pub is_closed: bool,
    /// The network that counts where a query names a client's.
    pub subnets: Subnets,
    /// Tells whether one region serves both families.
    pub families: FamilyPairing,
    /// Tells whether clients draw endpoints by their names, so that another config moves no more of them than it must.
    pub is_sticky: bool,
    /// The part of a region's clients that go to the next region all the time.
    pub region_trickle: Permille,
}

/// The rule by which both families of an answer come from one region, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FamilyPairing {
    /// Each from the best region for it.
    #[default]
    Apart,
    /// Both from the first region that serves both; where none does, as if they were apart.
    Together,
}

impl FamilyPairing {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] =
        &[("apart", Self::Apart), ("together", Self::Together)];
}

/// The network that counts where a query has a client subnet (RFC 7871).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subnets {
    /// The client's.
    #[default]
    Counted,
    /// The resolver's own, so that the answer holds for all that it asks for: the scope of the reply is 0.
    PassedOver,
}

/// The way in which clients are sorted among regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SteeringPolicy {
    /// By claims, fallback and distance.
    #[default]
    Place,
    /// By distance alone.
    Nearest,
    /// All alike, by a list.
    Order,
    /// By a draw of each client, by weight.
    Weight,
    /// By times that were measured.
    Latency,
}

impl SteeringPolicy {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("place", Self::Place),
        ("nearest", Self::Nearest),
        ("order", Self::Order),
        ("weight", Self::Weight),
        ("latency", Self::Latency),
    ];
    /// The word of the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Nearest => "nearest",
            Self::Order => "order",
            Self::Weight => "weight",
            Self::Latency => "latency",
        }
    }
}
