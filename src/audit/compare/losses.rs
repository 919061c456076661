//! What the new plan loses: fence, capacity, redundancy, names.
//!
//! | kind | is lost when |
//! |---|---|
//! | fence | clients can be sent where they could not be sent before |
//! | capacity | a region or service can carry less, or a demand no longer fits |
//! | redundancy | fewer regions, tiers, endpoints or providers can serve a client, or one failure leaves more clients without anything healthy |
//! | name | a hostname is no longer steered |
//! | service, region, zone | it is dropped, or a service leaves a region |
//! | gate | a return waits for less |
//! | signing | a zone is not signed, or signed with less care |
//! | access | somebody may do what he might not |
//! | guard | a limit is lifted |
//!
//! The last four lines are found by [`weaken`](crate::audit::weaken).
//!
//! Only losses are told: what another change wins elsewhere does not make up for them.
use serde::Serialize;

use crate::base::Family;
use crate::geo::Country;

use super::cells::Cell;
use super::failures::Failing;

/// Something that the new plan loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// What is lost.
    pub kind: LossKind,
    /// Whose it was: a service, `all services`, or a region.
    pub of: String,
    /// Type of query that it concerns: IPv4 for A, IPv6 for AAAA; absent where it is all.
    pub family: Option<Family>,
    /// Whom it concerns; absent where it is everyone.
    pub clients: Option<LosingClients>,
    /// The failure under which it is lost; absent where nothing needs to fail.
    pub failing: Option<Failing>,
    /// What was before.
    pub before: String,
    /// What is after.
    pub after: String,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// Clients can be sent where they could not be sent before.
    Fence,
    /// A return waits for less.
    Gate,
    /// A zone is not signed any more, or with less care.
    Signing,
    /// Somebody may do what he might not do.
    Access,
    /// A zone is no longer served.
    Zone,
    /// A service is no longer there.
    Service,
    /// A region is no longer there, or a service is not there any more.
    Region,
    /// A limit is lifted.
    Guard,
    /// Less can be carried.
    Capacity,
    /// Fewer can serve.
    Redundancy,
    /// A hostname is no longer steered.
    Name,
}

impl LossKind {
    /// All of them, in the order in which they are told.
    pub(super) const ALL: [Self; 11] = [
        Self::Fence,
        Self::Gate,
        Self::Signing,
        Self::Access,
        Self::Zone,
        Self::Service,
        Self::Region,
        Self::Guard,
        Self::Capacity,
        Self::Redundancy,
        Self::Name,
    ];

    /// The kind as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fence => "fence",
            Self::Capacity => "capacity",
            Self::Redundancy => "redundancy",
            Self::Name => "name",
            Self::Gate => "gate",
            Self::Signing => "signing",
            Self::Access => "access",
            Self::Zone => "zone",
            Self::Service => "service",
            Self::Region => "region",
            Self::Guard => "guard",
        }
    }
}

/// Clients who lose something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LosingClients {
    /// Their countries.
    pub countries: Vec<Country>,
    /// How many networks of unknown place are among them.
    pub unplaced: u64,
    /// How many networks they are: pieces of address space that both configs treat alike.
    pub networks: u64,
    /// Their IPv4 addresses of known place, in /24s rounded up.
    pub size: u64,
    /// One of their networks.
    pub example: String,
}

impl LosingClients {
    /// All clients of some cells; `None` if there are none.
    pub(super) fn of(cells: &[&Cell]) -> Option<Self> {
        let first = cells.first()?;
        let mut countries: Vec<Country> = Vec::new();
        for cell in cells {
            countries.extend(&cell.countries);
        }
        countries.sort_unstable();
        countries.dedup();
        // A country's network tells more than one of unknown place.
        let unplaced = cells.iter().filter(|cell| cell.countries.is_empty());
        let mut known = cells.iter().filter(|cell| !cell.countries.is_empty());
        Some(Self {
            countries,
            unplaced: unplaced.map(|cell| cell.networks).sum(),
            networks: cells.iter().map(|cell| cell.networks).sum(),
            size: cells.iter().map(|cell| cell.size).sum(),
            example: known.next().unwrap_or(first).example.to_string(),
        })
    }
}

impl Loss {
    /// A loss that concerns everyone, whatever fails.
    pub(in crate::audit) fn new(
        kind: LossKind,
        of: impl Into<String>,
        change: [String; 2],
    ) -> Self {
        let [before, after] = change;
        Self {
            kind,
            of: of.into(),
            family: None,
            clients: None,
            failing: None,
            before,
            after,
        }
    }
}
