//! What an operator orders.
//!
//! An order names things as the operator does ([`crate::plan::Plan::scope`]), so that it outlives
//! a reload. Who gave it, and why, stays with it: whoever is on duty next must be able to ask.
//! A name of nothing in the plan is no error here; whoever takes the order asks the plan first.
use serde::{Deserialize, Serialize};

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What to do. Said twice, each does nothing the second time.
    pub action: Action,
    /// A region, a provider or an endpoint.
    pub scope: String,
    /// Who orders it; empty if nobody said.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Let what waits for an operator's word come back.
    Approve,
    /// Take out gradually, by the steps of the recovery.
    Drain,
    /// Bring back what was drained, by the steps of the recovery.
    Undrain,
}

impl Action {
    /// The action as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Drain => "drain",
            Self::Undrain => "undrain",
        }
    }
}
