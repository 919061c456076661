//! What a service's map was made by, for those who show it or compare it. Who prefers which region stands in the map.
use serde::Serialize;
use utoipa::ToSchema;

/// The steering that a service's map was made by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SteeringFacts {
    /// The word of the config.
    pub policy: SteeringPolicy,
    /// Tells whether the service's own word is in force, and not that of the regions alone.
    pub is_own: bool,
    /// Tells whether nobody is sent beyond the lists of regions.
    pub is_closed: bool,
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
}

impl SteeringPolicy {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("place", Self::Place),
        ("nearest", Self::Nearest),
        ("order", Self::Order),
        ("weight", Self::Weight),
    ];
    /// The word of the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Nearest => "nearest",
            Self::Order => "order",
            Self::Weight => "weight",
        }
    }
}
