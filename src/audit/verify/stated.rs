//! Statements that a proof rests on and nobody can see: where those are who answer for the name of a machine.
use serde::Serialize;

use crate::base::Family;
use crate::plan::{Plan, Residency};

/// A statement of the config about a machine that a strict service may be answered with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Statement {
    /// The service.
    pub service: String,
    /// The machine.
    pub endpoint: String,
    /// The name that it is known by.
    pub name: String,
    /// The place of all that this name leads to, as it is stated; absent if it is not.
    pub jurisdiction: Option<String>,
}

/// Those that the fences of a plan rest on.
pub(super) fn of(plan: &Plan) -> Vec<Statement> {
    let mut all = Vec::new();
    let strict = plan.services.iter();
    for service in strict.filter(|own| own.residency == Residency::Strict) {
        let pools = Family::ALL
            .into_iter()
            .flat_map(|own| &service.pools[own.index()]);
        let members = pools
            .flat_map(|pool| &pool.tiers)
            .flat_map(|tier| &tier.members);
        for member in members {
            let endpoint = &plan.endpoints[member.endpoint.index()];
            let Some(named) = &endpoint.named else {
                continue;
            };
            let law = named
                .jurisdiction
                .and_then(|law| plan.jurisdictions.get(law.index()));
            all.push(Statement {
                service: service.name.clone(),
                endpoint: endpoint.name.clone(),
                name: named.name.to_string(),
                jurisdiction: law.map(|law| law.name.clone()),
            });
        }
    }
    all.sort();
    all.dedup();
    all
}
