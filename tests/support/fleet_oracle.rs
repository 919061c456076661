//! What a client is given of a fleet, said for one client at a time.
//!
//! It goes through the client's draws and asks of each member whether its share is above the rank; it knows neither
//! seats nor levels, which is how `src` has it ready.
use waypost::base::ClientHash;
use waypost::plan::Fleet;
use waypost::plan::fleet::{Missing, halves};

/// By members' shares, who of a fleet serves a client; nobody if no share takes it.
pub(crate) fn by_share(fleet: &Fleet, shares: &[u16], client: ClientHash) -> Vec<u16> {
    let rank = fleet.rank(client.cohort());
    drawn(fleet, client, &|member| shares[usize::from(member)] > rank)
}

/// Who of it serves a client whom no share takes: those with the largest shares, or all if there is no share.
pub(crate) fn spare(fleet: &Fleet, shares: &[u16], client: ClientHash) -> Vec<u16> {
    let largest = shares.iter().copied().max().unwrap();
    if largest == 0 {
        return drawn(fleet, client, &|_| true);
    }
    if !fills(fleet) {
        return drawn(fleet, client, &|member| {
            shares[usize::from(member)] == largest
        });
    }
    let found = fleet.find(client, |set| {
        fleet.first(client, set, |first| {
            let mut order = order(fleet, set, first);
            order.retain(|member| shares[usize::from(*member)] > 0);
            order.sort_by_key(|member| 1000 - shares[usize::from(*member)]);
            order.truncate(fleet.size());
            Some(order)
        })
    });
    found.unwrap()
}

fn fills(fleet: &Fleet) -> bool {
    fleet.missing() == Missing::Filled && fleet.size() > 1
}

/// All members, as one who comes first of a set has them.
fn order(fleet: &Fleet, set: usize, first: usize) -> Vec<u16> {
    let members = fleet.set(set);
    let mut order: Vec<u16> = members[first..]
        .iter()
        .chain(&members[..first])
        .copied()
        .collect();
    let around = fleet
        .ring()
        .iter()
        .cycle()
        .skip(fleet.fill_from(set, first));
    for member in around.take(fleet.ring().len()) {
        if !members.contains(member) {
            order.push(*member);
        }
    }
    order
}

fn drawn(fleet: &Fleet, client: ClientHash, serves: &dyn Fn(u16) -> bool) -> Vec<u16> {
    let found = fleet.find(client, |set| {
        fleet.first(client, set, |first| {
            if fills(fleet) {
                let mut order = order(fleet, set, first);
                order.retain(|member| serves(*member));
                order.truncate(fleet.size());
                return (!order.is_empty()).then_some(order);
            }
            let members = fleet.set(set);
            let all = |part: &std::ops::Range<usize>| {
                members[part.clone()].iter().all(|own| serves(*own))
            };
            let part = halves(fleet.size(), first).find(all)?;
            let turned = (first..part.end).chain(part.start..first);
            Some(turned.map(|place| members[place]).collect())
        })
    });
    found.unwrap_or_default()
}
