//! One of an endpoint's addresses is dead: it leaves alone, or takes the endpoint with it, as the config says.
use std::net::IpAddr;
use std::sync::Arc;

use waypost::base::{ClassId, Family, ServiceId, SlotId, Span};
use waypost::dns::addresses;
use waypost::engine::{Engine, Input, Notice};
use waypost::health::ProbeResult;
use waypost::plan::{AddressesDown, Plan, Slot};
use waypost::sim::TestPlan;

use super::desk::{Desk, FAIL, test_plan};

/// The plan of two regions, whose first endpoint has `count` addresses.
fn plan(pattern: TestPlan, count: u8, addresses_down: AddressesDown) -> Arc<Plan> {
    let mut plan = Arc::into_inner(pattern.plan()).unwrap();
    let pattern = plan.slots[0].clone();
    for number in 1..count {
        let ip = IpAddr::from([198, 51, 100, number]);
        plan.endpoints[0].addresses.push(ip);
        plan.targets[0]
            .slots
            .push(SlotId::from_index(plan.slots.len()));
        let mut address = pattern.address;
        address.set_ip(ip);
        plan.slots.push(Slot {
            address,
            key: format!("web/{address}/"),
            ..pattern.clone()
        });
    }
    plan.targets[0].addresses_down = addresses_down;
    Arc::new(plan)
}

/// The last address of the first endpoint is dead.
fn last_dead(desk: &Desk) -> SlotId {
    *desk.engine.table().plan.targets[0].slots.last().unwrap()
}

/// Every address that clients of the first class are given.
fn given(desk: &Desk) -> Vec<IpAddr> {
    let table = desk.engine.table();
    let mut all = Vec::new();
    for cohort in 0..1000 {
        let found = table.select(ServiceId(0), Family::V4, ClassId(0), cohort);
        all.extend(addresses::read(Family::V4, found.unwrap().records));
    }
    all.sort();
    all.dedup();
    all
}

fn moves(desk: &Desk) -> Vec<(String, bool)> {
    let notices = desk.notices.iter().filter_map(|notice| {
        let Notice::Address { address, left, .. } = notice else {
            return None;
        };
        Some((address.clone(), *left))
    });
    notices.collect()
}

#[test]
fn the_dead_one_leaves_and_comes_back_whether_first_or_later() {
    for count in [2, 3, 4] {
        let mut desk = Desk::of(plan(test_plan(1), count, AddressesDown::Address));
        let dead = last_dead(&desk);
        let own = desk.engine.table().plan.endpoints[0].addresses.clone();
        let one_dead = |slot: SlotId| {
            if slot == dead {
                FAIL
            } else {
                ProbeResult::Pass
            }
        };
        desk.run(30_000, one_dead);
        assert_eq!(given(&desk), own[..own.len() - 1], "dead from the start");
        let target = desk.engine.status(desk.now).regions[0].endpoints[0].targets[0].clone();
        assert_eq!((&*target.state, target.share_permille), ("healthy", 1000));
        assert_eq!(target.without, [own.last().unwrap().to_string()]);
        desk.run(80_000, |_| ProbeResult::Pass);
        assert_eq!(given(&desk), own, "back");
        desk.run(110_000, one_dead);
        assert_eq!(given(&desk), own[..own.len() - 1], "dead later");
        let name = own.last().unwrap().to_string();
        let expected = [(name.clone(), true), (name.clone(), false), (name, true)];
        assert_eq!(moves(&desk), expected);
    }
}

#[test]
fn with_all_of_them_the_endpoint_is_down_and_the_first_to_come_back_returns_alone() {
    let mut desk = Desk::of(plan(test_plan(1), 2, AddressesDown::Address));
    let (dead, own) = (
        last_dead(&desk),
        desk.engine.table().plan.endpoints[0].addresses.clone(),
    );
    let other = desk.engine.table().plan.endpoints[1].addresses.clone();
    desk.run(10_000, |_| ProbeResult::Pass);
    let both_dead = |slot: SlotId| match slot == dead || slot.0 == 0 {
        true => FAIL,
        false => ProbeResult::Pass,
    };
    desk.run(40_000, both_dead);
    assert_eq!(given(&desk), other, "down: the other region");
    desk.run(120_000, |slot| {
        if slot == dead {
            FAIL
        } else {
            ProbeResult::Pass
        }
    });
    assert_eq!(given(&desk), own[..1]);
}

#[test]
fn where_the_endpoint_leaves_one_dead_address_takes_it_out() {
    let mut desk = Desk::of(plan(test_plan(1), 2, AddressesDown::Endpoint));
    let dead = last_dead(&desk);
    let other = desk.engine.table().plan.endpoints[1].addresses.clone();
    desk.run(30_000, |slot| {
        if slot == dead {
            FAIL
        } else {
            ProbeResult::Pass
        }
    });
    assert_eq!(given(&desk), other);
    assert!(moves(&desk).is_empty());
}

/// `serve = "all"`: one that is up is enough for all of them.
#[test]
fn where_all_are_served_the_endpoint_leaves_with_the_last() {
    let mut desk = Desk::of(plan(test_plan(1), 2, AddressesDown::Stay));
    let dead = last_dead(&desk);
    let own = desk.engine.table().plan.endpoints[0].addresses.clone();
    let other = desk.engine.table().plan.endpoints[1].addresses.clone();
    desk.run(30_000, |slot| match slot == dead {
        true => FAIL,
        false => ProbeResult::Pass,
    });
    assert_eq!(given(&desk), own, "the dead one too");
    assert!(moves(&desk).is_empty());
    desk.run(60_000, |slot| match slot == dead || slot.0 == 0 {
        true => FAIL,
        false => ProbeResult::Pass,
    });
    assert_eq!(given(&desk), other, "none is up");
}

#[test]
fn a_doubt_takes_no_address_out_and_lets_none_stay_out_that_is_back() {
    let mut desk = Desk::of(plan(
        TestPlan {
            canaries: 3,
            ..test_plan(3)
        },
        2,
        AddressesDown::Address,
    ));
    let (dead, canaries) = (last_dead(&desk), desk.engine.table().plan.canaries.clone());
    desk.run(10_000, |_| ProbeResult::Pass);
    let before = given(&desk);
    let sick = |slot: SlotId| {
        if canaries.contains(&slot) {
            FAIL
        } else {
            ProbeResult::Pass
        }
    };
    desk.run(20_000, sick);
    assert!(desk.engine.status(desk.now).doubting);
    desk.run(60_000, |slot| if slot == dead { FAIL } else { sick(slot) });
    assert_eq!(given(&desk), before);
    assert!(desk.engine.is_current(desk.now) && moves(&desk).is_empty());
    desk.run(120_000, |slot| {
        if slot == dead {
            FAIL
        } else {
            ProbeResult::Pass
        }
    });
    assert!(!desk.engine.status(desk.now).doubting && desk.engine.is_current(desk.now));
    assert_eq!(
        moves(&desk).len(),
        1,
        "the dead one has left after the doubt"
    );
}

/// What was out when a doubt began stays out, and what fell since stays in: a reload and a restart in the midst of it change neither.
#[test]
fn a_doubt_keeps_its_addresses_over_a_reload_and_a_restart() {
    let pattern = TestPlan {
        canaries: 3,
        ..test_plan(3)
    };
    let mut own = Arc::into_inner(plan(pattern, 3, AddressesDown::Address)).unwrap();
    let mut desk = Desk::of(Arc::new(own.clone()));
    let (first, second) = (own.targets[0].slots[1], own.targets[0].slots[2]);
    let canaries = own.canaries.clone();
    let fails = |out: &[SlotId], slot: SlotId| match out.contains(&slot) {
        true => FAIL,
        false => ProbeResult::Pass,
    };
    desk.run(10_000, |_| ProbeResult::Pass);
    desk.run(40_000, |slot| fails(&[first], slot));
    let sick = [&canaries[..], &[first]].concat();
    desk.run(60_000, |slot| fails(&sick, slot));
    assert!(desk.engine.status(desk.now).doubting);
    let all = [&sick[..], &[second]].concat();
    desk.run(100_000, |slot| fails(&all, slot));
    let before = given(&desk);
    let [left, stays] = [first, second].map(|slot| own.slots[slot.index()].address.ip());
    assert!(!before.contains(&left) && before.contains(&stays));
    // The same addresses in another order.
    own.endpoints[0].addresses.swap(0, 1);
    let next = Arc::new(own);
    desk.handle(100_001, Input::Reload(Arc::clone(&next), Arc::default()));
    assert_eq!(given(&desk), before, "over a reload");
    let text = serde_json::to_string(&desk.engine.snapshot(desk.now)).unwrap();
    let snapshot = serde_json::from_str(&text).unwrap();
    let now = desk.now.after(Span(5000));
    let again = Engine::resume((next, Arc::default()), &snapshot, now, 43);
    let mut again = Desk::on(again, now);
    assert!(again.engine.status(again.now).doubting);
    assert_eq!(given(&again), before, "over a restart");
    again.run(now.0 + 60_000, |slot| fails(&[first, second], slot));
    assert!(!given(&again).contains(&stays), "the doubt is over");
}
