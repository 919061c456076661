//! The drains that operators have given, each by the name that it is for; whoever one of them names is out.
use waypost::engine::OrderRequest;
use waypost::engine::order::Action;
use waypost::plan::{Endpoint, Plan};

/// Scopes, each with when its drain begins and ends.
#[derive(Default)]
pub(crate) struct Drains(Vec<(String, u64, u64)>);

impl Drains {
    /// A drain is one more; an undrain takes all of its scope away.
    pub(crate) fn take(&mut self, now: u64, request: &OrderRequest) {
        let scope = &request.order.scope;
        if request.order.action == Action::Undrain {
            return self.0.retain(|(own, ..)| own != scope);
        }
        let from = request.from.map_or(now, |from| from.0);
        let until = request.until.map_or(u64::MAX, |until| until.0);
        self.0.push((scope.clone(), from, until));
    }

    /// Whether any that has begun and not ended is for this endpoint.
    pub(crate) fn cover(&self, now: u64, plan: &Plan, endpoint: &Endpoint) -> bool {
        let names = names(plan, endpoint);
        let mut all = self.0.iter();
        all.any(|(scope, from, until)| names.contains(&scope) && *from <= now && now < *until)
    }

    /// When any begins or ends.
    pub(crate) fn turns(&self) -> impl Iterator<Item = u64> {
        let turns = self.0.iter().flat_map(|(_, from, until)| [*from, *until]);
        turns.filter(|turn| *turn < u64::MAX)
    }
}

/// All names by which an endpoint may be meant.
pub(crate) fn names<'p>(plan: &'p Plan, endpoint: &'p Endpoint) -> [&'p String; 3] {
    let region = &plan.regions[endpoint.region.index()].name;
    [&endpoint.name, &endpoint.provider, region]
}
