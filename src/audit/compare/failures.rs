//! The single failures under which two plans are compared: of each region, provider and endpoint
//! that either of them has.
//!
//! Things are known by their names across plans; a name that only one plan knows takes nothing from
//! the other when it fails.
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::base::{AddressSet, Moment, Permille, Span, Standing, Why};
use crate::plan::{Endpoint, Plan};
use crate::table::Table;

/// What fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Failing {
    /// What it is.
    pub kind: FailingKind,
    /// Its name.
    pub name: String,
}

/// What something that fails is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FailingKind {
    /// All endpoints of a region.
    Region,
    /// All endpoints of a provider.
    Provider,
    /// One endpoint.
    Endpoint,
}

impl FailingKind {
    /// The kind as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Provider => "provider",
            Self::Endpoint => "endpoint",
        }
    }

    /// The name that an endpoint has in this regard.
    fn name_of<'p>(self, plan: &'p Plan, endpoint: &'p Endpoint) -> &'p str {
        match self {
            Self::Region => &plan.regions[endpoint.region.index()].name,
            Self::Provider => &endpoint.provider,
            Self::Endpoint => &endpoint.name,
        }
    }
}

impl Failing {
    /// Whether an endpoint goes down with it.
    pub(super) fn takes(&self, plan: &Plan, endpoint: &Endpoint) -> bool {
        self.kind.name_of(plan, endpoint) == self.name
    }

    /// Whether a plan has it.
    pub(super) fn is_of(&self, plan: &Plan) -> bool {
        let mut endpoints = plan.endpoints.iter();
        endpoints.any(|endpoint| self.takes(plan, endpoint))
    }
}

/// Every single failure of what serves in one of the plans.
pub(super) fn all(plans: [&Plan; 2]) -> BTreeSet<Failing> {
    use FailingKind::{Endpoint, Provider, Region};
    let of_plan = |plan: &Plan| {
        let endpoints = plan.endpoints.iter().flat_map(|endpoint| {
            [Region, Provider, Endpoint].map(|kind| Failing {
                kind,
                name: kind.name_of(plan, endpoint).to_owned(),
            })
        });
        endpoints.collect::<Vec<_>>()
    };
    plans.into_iter().flat_map(of_plan).collect()
}

/// The table of a plan with all up but what fails; what `previous` has and did not change is shared.
pub(super) fn table(
    plan: &Arc<Plan>,
    failing: Option<&Failing>,
    previous: Option<&Table>,
) -> Table {
    let is_down =
        |endpoint: &Endpoint| failing.is_some_and(|failing| failing.takes(plan, endpoint));
    let standings = plan.targets.iter().map(|target| {
        let down = is_down(&plan.endpoints[target.endpoint.index()]);
        Standing {
            share: if down { Permille::NONE } else { Permille::FULL },
            why: if down { Why::Supposed } else { Why::Healthy },
            until: None,
            hold: Span::ZERO,
            without: AddressSet::EMPTY,
        }
    });
    let standings = standings.collect();
    Table::build(0, Arc::clone(plan), standings, Moment::default(), previous)
}
