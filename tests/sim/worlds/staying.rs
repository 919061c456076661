//! Who stays: a client is given other endpoints only when one of those that it had, or that it gets, has changed.
//!
//! So what becomes of others moves nobody, and each change of a client's own endpoint moves it once at the most: sessions
//! stay where they are for as long as a plan does. Left out are states in which no share takes a client, for then it is
//! the largest share of all that counts; sets of a fleet that answer by their parts; families that go together, which
//! have two endpoints of their own; and services with a pool that is nobody's while too few of it are up.
use waypost::base::{EndpointId, Reason};
use waypost::plan::fleet::Missing;
use waypost::plan::{FamilyPairing, Plan};

use super::oracle::{Client, serve};

/// What clients were given while the targets had some shares.
#[derive(Clone, Copy)]
pub(crate) struct ClientsTold<'t> {
    pub(crate) shares: &'t [u16],
    /// By client.
    pub(crate) answers: &'t [Vec<EndpointId>],
}

/// Checks that of these clients nobody moves for the sake of others.
pub(crate) fn check(
    plan: &Plan,
    clients: &[Client],
    before: ClientsTold<'_>,
    after: ClientsTold<'_>,
) {
    if before.shares.len() != after.shares.len() {
        return;
    }
    let answers = before.answers.iter().zip(after.answers);
    for (client, (had, gets)) in clients.iter().zip(answers) {
        if had == gets || !is_by_share(plan, *client, [before.shares, after.shares]) {
            continue;
        }
        let pools = plan.services[client.service.index()].pools[client.family.index()].iter();
        let members = pools
            .flat_map(|pool| &pool.tiers)
            .flat_map(|tier| &tier.members);
        let mut own =
            members.filter(|one| had.contains(&one.endpoint) || gets.contains(&one.endpoint));
        let changed = own.any(|one| {
            let [was, is] = [before, after].map(|told| told.shares[one.target.index()]);
            was != is
        });
        assert!(changed, "stays: {client:?} from {had:?} to {gets:?}");
    }
}

/// Tells whether shares alone say whom a client gets, before and after.
fn is_by_share(plan: &Plan, client: Client, shares: [&[u16]; 2]) -> bool {
    let service = &plan.services[client.service.index()];
    let mut tiers = service.pools.iter().flatten().flat_map(|pool| &pool.tiers);
    let is_divided = tiers.any(|tier| {
        let fleet = tier.fleet.as_ref();
        fleet.is_some_and(|fleet| fleet.missing() == Missing::Divided && fleet.size() > 1)
    });
    let has_least = service.pools.iter().flatten().any(|pool| pool.min_up > 1);
    service.steering.families == FamilyPairing::Apart
        && !is_divided
        && !has_least
        && shares.iter().all(|shares| {
            let reason = serve(plan, shares, client).map(|(_, reason)| reason);
            matches!(
                reason,
                Some(Reason::Preferred | Reason::Backup | Reason::Failover)
            )
        })
}
