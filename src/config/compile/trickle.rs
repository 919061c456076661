//! Checks of what a service says of clients that go past a tier (`trickle`) and of those that stay (`sticky`).
//!
//! Who goes past a tier is said by cohort, and a fleet draws by client; who stays is drawn by the names of endpoints, one of them in
//! an answer, and nobody plans that cohort by cohort. So these do not go together, nor with what asks for one of them.
//!
//! It does not know who is drawn, nor which cohorts go past: the plan says that.
use super::services::Draft;
use crate::base::Permille;
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::spec::Spec;
use crate::plan::{Plan, Service, Tier};

impl Draft<'_> {
    /// The part of a tier's clients that go to the next one all the time.
    pub(super) fn trickle(&self) -> Permille {
        let written = self.spec.steering.as_ref();
        let trickle = written.and_then(|written| written.trickle.as_ref());
        trickle.map_or(Permille::NONE, |trickle| trickle.value)
    }
}

/// Tells of what does not go together, or has no effect.
pub(super) fn check(spec: &Spec, plan: &Plan, drafts: &[Draft<'_>], found: &mut Diagnostics) {
    for (service, draft) in plan.services.iter().zip(drafts) {
        check_trickle(service, draft, found);
        if service.steering.is_sticky {
            check_sticky(spec, (plan, service), draft, found);
        }
    }
}

/// Tells whether clients can go past a tier: where there is a next one, and cohorts say who they are.
fn check_trickle(service: &Service, draft: &Draft<'_>, found: &mut Diagnostics) {
    let written = draft.spec.steering.as_ref();
    let Some(trickle) = written.and_then(|written| written.trickle.as_ref()) else {
        return;
    };
    let mut fleets = tiers(service).filter(|tier| tier.fleet.is_some());
    let mut pools = service.pools.iter().flatten();
    let is_followed = |tiers: &[Tier]| tiers.iter().any(|tier| tier.number > tiers[0].number);
    if fleets.next().is_some() {
        found
            .error(&trickle.at, "a tier of this service is dealt out by draws, not by cohort")
            .help("omit `sticky`, let tiers have no more than 64 endpoints and weights that thousandths can hold, or write `region_trickle`");
    } else if !pools.any(|pool| is_followed(&pool.tiers)) {
        found
            .warn(
                &trickle.at,
                "`trickle` has no effect: no region has a second tier",
            )
            .help("give an endpoint `tier = 2`, or write `region_trickle`")
            .rests_on(Gap::Content("services"))
            .rests_on(Gap::Content("regions"));
    }
}

fn check_sticky(
    spec: &Spec,
    (plan, service): (&Plan, &Service),
    draft: &Draft<'_>,
    found: &mut Diagnostics,
) {
    let written = draft.spec.steering.as_ref();
    let Some(sticky) = written.and_then(|written| written.sticky.as_ref()) else {
        return;
    };
    if service.answers > 1 {
        found
            .error(
                &sticky.at,
                "a service that is sticky answers with one endpoint",
            )
            .help("write `answers = 1`, or omit `sticky`");
    }
    let mut members = tiers(service).flat_map(|tier| &tier.members);
    let stated = members.find(|one| plan.endpoints[one.endpoint.index()].capacity.is_some());
    if let Some(stated) = stated {
        let name = &plan.endpoints[stated.endpoint.index()].name;
        let message =
            format!("endpoint `{name}` states a capacity, and clients who stay cannot be planned");
        found
            .error(&sticky.at, message)
            .help("state the capacity of the region in place of its endpoints', or omit `sticky`");
    }
    // The nodes of a cluster hold on to the key that they have.
    if spec.server.cohort_key.is_none() && spec.cluster.is_none() {
        found
            .warn(
                &sticky.at,
                "a zone that is added or removed moves these clients",
            )
            .label("the key of their hash is made of the names of the zones")
            .help("write `cohort_key = \"…\"` in `[server]`, the same on all nodes");
    }
}

fn tiers(service: &Service) -> impl Iterator<Item = &Tier> {
    service.pools.iter().flatten().flat_map(|pool| &pool.tiers)
}
