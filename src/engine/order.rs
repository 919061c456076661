//! What an operator orders, and what is answered.
//!
//! An order names things as the operator does ([`crate::plan::Plan::scope`]), so that it outlives
//! a reload. Who gave it, and why, stays with it: whoever is on duty next must be able to ask.
//!
//! A name that means nothing is refused, because a drain of `eu-frankfort` that "succeeds" is found
//! out when the machines of `eu-frankfurt` are switched off. So is an approval that nothing
//! waits for: whoever gives it believes something about the state of the world that is not so.
//! A drain of what is down, and an undrain of what is not drained, are taken: both say how things
//! should be from now on, and the answer says for what that changes nothing.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::Moment;
use crate::plan::UnknownScope;

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// The action; ordered twice, it does nothing the second time.
    pub action: Action,
    /// A region, a provider or an endpoint.
    pub scope: String,
    /// Who orders it; empty if nobody said.
    pub author: String,
    /// Why; empty if nobody said.
    pub reason: String,
}

/// An order in force, as it is kept over restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// The order.
    pub order: Order,
    /// The moment at which it was given.
    pub given: Moment,
    /// The moment from which it is in force; absent: since it was given.
    pub from: Option<Moment>,
    /// The moment at which it ends by itself; absent: never.
    pub until: Option<Moment>,
}

/// An action that an operator may order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Let what waits for an operator's word come back.
    Approve,
    /// Take out gradually, by the steps of the recovery.
    Drain,
    /// Bring back what was drained, by the steps of the recovery.
    Undrain,
}

/// Number of an order; whoever gives it chooses it, and finds it again on the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// The answer to an order.
pub type OrderResult = Result<Executed, Refused>;

/// An order that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The endpoints that it is for, in the order of the config, each with what it did to it; at
    /// least one. An approval is for those that waited for it, and for no others of its scope.
    pub endpoints: Vec<(String, Effect)>,
}

/// What an order did to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is as ordered from now on, and was not before.
    Changed,
    /// It was so already.
    Already,
}

/// Why an order was not carried out; nothing has changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nothing has the name.
    Unknown(UnknownScope),
    /// A region has the name, and no endpoints.
    NoEndpoints,
    /// Nothing in the scope of an approval waits for one: its endpoints, each with the states of
    /// its targets as a status words them. An endpoint that no service uses has none.
    NothingWaits(Vec<(String, BTreeSet<&'static str>)>),
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

impl Executed {
    /// The names of all endpoints that the order is for.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let all = self.endpoints.iter();
        all.map(|(name, _)| name.clone()).collect()
    }

    /// The names of those to which it did this.
    #[must_use]
    pub fn with(&self, effect: Effect) -> Vec<&str> {
        let own = self.endpoints.iter().filter(|(_, done)| *done == effect);
        own.map(|(name, _)| name.as_str()).collect()
    }
}
