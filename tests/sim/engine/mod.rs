//! The engine by itself: schedules, publications, reloads, notices, status.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use waypost::base::{Cause, Moment, Permille, SlotId, limits};
use waypost::engine::notice::Sense;
use waypost::engine::{Engine, Input, Notice, ProbeId};
use waypost::health::ProbeResult;
use waypost::plan::{AllDown, Residency};
use waypost::sim::TestPlan;
use waypost::sim::test_plan::{Gating, TestEndpoint, TestService};

mod addresses;
mod agreed;
pub(crate) mod desk;
mod guard;
mod orders;
mod reloads;
mod resume;
mod unasked;
mod union;
mod unwatched;

use desk::{Desk, FAIL, test_plan};

#[test]
fn probes_start_soon_and_keep_their_own_time() {
    let mut desk = Desk::new(&test_plan(20));
    desk.run(60_000, |_| ProbeResult::Pass);
    let mut times: BTreeMap<SlotId, Vec<u64>> = BTreeMap::new();
    for (at, id) in &desk.probes {
        times.entry(id.slot).or_default().push(at.0);
    }
    assert_eq!(times.len(), 40);
    let firsts: Vec<u64> = times.values().map(|own| own[0]).collect();
    assert!(firsts.iter().all(|first| (1..=1000).contains(first)));
    let spread = firsts.iter().max().unwrap() - firsts.iter().min().unwrap();
    assert!(spread > 500, "first probes are spread: {firsts:?}");
    let seconds = times.values().map(|own| (own[1] - own[0]) / 1000);
    let seconds: BTreeSet<u64> = seconds.collect();
    let anywhere = BTreeSet::from([1, 2, 3, 4, 5]);
    assert_eq!(seconds, anywhere, "the crowd of the first second parts");
    let gaps = times
        .values()
        .flat_map(|own| own[1..].windows(2).map(|pair| pair[1] - pair[0]));
    let gaps: Vec<u64> = gaps.collect();
    assert!(gaps.iter().all(|gap| (4500..=5500).contains(gap)));
    let distinct: BTreeSet<_> = gaps.iter().collect();
    assert!(distinct.len() > 100, "jitter: {} gaps", distinct.len());
}

#[test]
fn a_probe_that_is_out_is_not_started_again_until_it_must_be_lost() {
    let mut desk = Desk::new(&test_plan(1));
    desk.idle(30_000);
    let own = desk.probes.iter().filter(|(_, id)| id.slot == SlotId(0));
    let own: Vec<u64> = own.map(|(at, _)| at.0).collect();
    let gaps: Vec<u64> = own.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [12_000, 12_000], "timeout and twice the interval");
    assert_eq!(desk.engine.lost_probes(), 4);
    assert_eq!(desk.shares(), [1000, 1000], "what is lost changes nothing");
}

#[test]
fn only_reports_that_are_waited_for_count() {
    let mut desk = Desk::new(&test_plan(1));
    let stranger = ProbeId {
        epoch: 0,
        slot: SlotId(0),
    };
    desk.report(0, stranger, FAIL);
    assert_eq!(desk.engine.wake_at().map(|at| at > Moment(0)), Some(true));
    desk.run(5000, |_| ProbeResult::Pass);
    let generation = desk.tables.last().unwrap().1.generation;
    for (epoch, slot) in [(0, 0), (0, 9), (1, 0)] {
        let id = ProbeId {
            epoch,
            slot: SlotId(slot),
        };
        desk.report(5001, id, FAIL);
        desk.report(5002, id, FAIL);
    }
    desk.handle(5400, Input::Tick);
    assert_eq!(desk.tables.last().unwrap().1.generation, generation);
    assert_eq!(desk.shares(), [1000, 1000]);
}

#[test]
fn changes_wait_for_each_other_but_the_last_of_a_pool_goes_at_once() {
    let mut desk = Desk::new(&test_plan(2));
    while desk.probes.len() < 4 {
        let wake = desk.engine.wake_at().unwrap();
        desk.handle(wake.0, Input::Tick);
    }
    let start = desk.now.0 + 1000;
    let ids: Vec<ProbeId> = {
        let mut ids: Vec<_> = desk.probes.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        ids
    };
    let tables = desk.tables.len();
    desk.report(start, ids[0], FAIL);
    desk.report(start + 60, ids[2], ProbeResult::Pass);
    assert_eq!(desk.tables.len(), tables, "waits");
    desk.handle(start + 100, Input::Tick);
    assert_eq!(desk.tables.len(), tables + 1, "both in one");
    assert_eq!(desk.shares(), [0, 1000, 1000, 1000]);
    desk.report(start + 150, ids[1], FAIL);
    assert_eq!(desk.tables.len(), tables + 2, "the pool is empty now");
    assert_eq!(desk.shares(), [0, 0, 1000, 1000]);
    let generations: Vec<u64> = desk
        .tables
        .iter()
        .map(|(_, table)| table.generation)
        .collect();
    assert_eq!(
        generations,
        (1..=generations.len() as u64).collect::<Vec<_>>()
    );
}

#[test]
fn health_is_kept_by_name_over_a_reload() {
    let mut test_plan = test_plan(2);
    let mut desk = Desk::new(&test_plan);
    desk.run(
        20_000,
        |slot| if slot.0 == 1 { FAIL } else { ProbeResult::Pass },
    );
    assert_eq!(desk.shares(), [1000, 0, 1000, 1000]);
    let generation = desk.tables.last().unwrap().1.generation;
    let gone = test_plan.machines.remove(0);
    test_plan.machines.push(TestEndpoint { number: 9, ..gone });
    test_plan.edition = 0xAB;
    desk.notices.clear();
    desk.handle(20_001, Input::Reload(test_plan.plan(), Arc::default()));
    let (at, table) = desk.tables.last().unwrap();
    assert_eq!((*at, table.generation), (Moment(20_001), generation + 1));
    let words: Vec<&str> = table.standings.iter().map(|one| one.why.word()).collect();
    assert_eq!(words, ["down", "healthy", "healthy", "unproven"]);
    let reloaded = Notice::Reloaded {
        digest: "00000000000000ab".into(),
        kept: 3,
        new: 1,
        gone: 1,
    };
    assert!(desk.notices.contains(&reloaded), "{:?}", desk.notices);
    let before = desk.probes.len();
    desk.run(30_000, |_| ProbeResult::Pass);
    assert!(desk.probes[before..].iter().all(|(_, id)| id.epoch == 1));
    assert_eq!(desk.shares(), [100, 1000, 1000, 1000], "the ramp of m1");
}

#[test]
fn the_operator_is_told_of_each_transition_once() {
    let mut desk = Desk::new(&test_plan(1));
    desk.run(4000, |_| ProbeResult::Pass);
    desk.notices.clear();
    desk.run(20_000, |_| FAIL);
    desk.run(60_000, |_| ProbeResult::Pass);
    let words = desk.notices.iter().filter_map(|notice| {
        let Notice::Standing { from, to, .. } = notice else {
            return None;
        };
        endpoint_is(notice, "m0").then_some((from.word(), to.word()))
    });
    let words: Vec<_> = words.collect();
    let expected = [
        ("healthy", "down"),
        ("down", "ramping"),
        ("ramping", "healthy"),
    ];
    assert_eq!(words, expected);
    let open = desk.notices.iter().filter_map(|notice| {
        let Notice::FailOpen {
            service, active, ..
        } = notice
        else {
            return None;
        };
        Some((service.as_str(), *active))
    });
    assert_eq!(open.collect::<Vec<_>>(), [("s0", true), ("s0", false)]);
}

fn endpoint_is(notice: &Notice, name: &str) -> bool {
    matches!(notice, Notice::Standing { endpoint, .. } if endpoint == name)
}

#[test]
fn status_says_what_is() {
    let mut desk = Desk::new(&test_plan(1));
    desk.run(
        20_000,
        |slot| if slot.0 == 1 { FAIL } else { ProbeResult::Pass },
    );
    let status = desk.engine.status(Moment(21_000));
    assert_eq!((status.uptime_ms, status.doubting), (21_000, false));
    assert_eq!(status.plan, "0000000000000001");
    let [one, other] = &status.regions[..] else {
        panic!("{status:?}")
    };
    assert_eq!(one.jurisdiction.as_deref(), Some("law0"));
    let (well, ill) = (&one.endpoints[0].targets[0], &other.endpoints[0].targets[0]);
    assert_eq!(
        (well.state.as_str(), well.share_permille),
        ("healthy", 1000)
    );
    assert_eq!((ill.state.as_str(), ill.share_permille), ("down", 0));
    assert_eq!(ill.detail, "connection refused");
    assert_eq!(ill.services, ["s0"]);
    let slot = &ill.slots[0];
    assert_eq!((slot.state.as_str(), slot.took_us), ("down", 1234));
    assert_eq!(slot.cause.as_deref(), Some("refused"));
    assert!(slot.age_ms.is_some_and(|age| age < 7000));
    let service = &status.services[0];
    assert!(!service.fail_open);
    let shares: Vec<u16> = service
        .pools
        .iter()
        .map(|pool| pool.share_permille)
        .collect();
    assert_eq!(shares, [1000, 0]);
    assert_eq!(service.pools[0].serving, ["m0"]);
    assert_eq!(
        (service.pools[0].tier, service.pools[1].tier),
        (Some(1), None)
    );
}

#[test]
fn no_more_probes_are_out_than_the_limit() {
    let mut desk = Desk::new(&test_plan_wide(60));
    desk.idle(5000);
    assert_eq!(desk.probes.len(), limits::PROBES_IN_FLIGHT);
}

/// So many regions of 40 machines each, every one a tier of its own.
fn test_plan_wide(regions: u16) -> TestPlan {
    let mut wide = test_plan(40);
    let pattern = wide.machines[0].clone();
    let numbers = 0..40 * regions;
    wide.regions = regions;
    wide.machines = numbers
        .map(|number| TestEndpoint {
            number,
            region: number / 40,
            tier: 1 + number % 40,
            ..pattern.clone()
        })
        .collect();
    wide
}

#[test]
fn a_probe_that_could_not_be_started_says_nothing_of_the_endpoint() {
    let mut desk = Desk::new(&test_plan(2));
    desk.run(10_000, |_| ProbeResult::Pass);
    let before = desk.engine.table().standings.clone();
    desk.run(60_000, |_| ProbeResult::Fail(Cause::Local));
    assert_eq!(
        desk.engine.table().standings,
        before,
        "what was known stays"
    );
    assert!(
        desk.probes.iter().any(|(at, _)| at.0 > 50_000),
        "probing goes on"
    );
    let status = desk.engine.status(desk.now);
    let slot = &status.regions[0].endpoints[0].targets[0].slots[0];
    assert!(slot.age_ms > Some(45_000), "and its age is told: {slot:?}");
}

#[test]
fn after_a_blackout_nobody_ramps_but_who_fell_long_before() {
    let mut wary = test_plan(2);
    wary.guard.doubt = Permille(300);
    let mut desk = Desk::new(&wary);
    desk.run(60_000, |_| ProbeResult::Pass);
    desk.run(
        120_000,
        |slot| if slot.0 == 3 { FAIL } else { ProbeResult::Pass },
    );
    assert_eq!(desk.shares(), [1000, 1000, 1000, 0]);
    desk.notices.clear();
    desk.run(135_000, |_| FAIL);
    assert_eq!(desk.shares(), [0, 0, 0, 0]);
    desk.run(145_000, |_| ProbeResult::Pass);
    assert_eq!(desk.shares(), [1000, 1000, 1000, 100]);
    let doubts = desk.notices.iter().filter_map(|notice| {
        let Notice::Doubt {
            active, because, ..
        } = notice
        else {
            return None;
        };
        Some((*active, *because))
    });
    let doubts: Vec<(bool, Sense)> = doubts.collect();
    let expected = [(true, Sense::MostFail), (false, Sense::NothingPasses)];
    assert_eq!(doubts, expected);
}

#[test]
fn it_is_told_again_when_more_clients_are_stranded() {
    for (all_down, answer) in [
        (AllDown::FailOpen, "fail-open"),
        (AllDown::Servfail, "servfail"),
        (AllDown::Nodata, "nodata"),
    ] {
        let mut four = test_plan(1);
        let pattern = four.machines[0].clone();
        let machines = (0..4).map(|number| TestEndpoint {
            number,
            region: number,
            ..pattern.clone()
        });
        (four.regions, four.machines) = (4, machines.collect());
        four.services[0].residency = Residency::Strict;
        four.services[0].all_down = all_down;
        let mut desk = Desk::new(&four);
        desk.run(20_000, |_| ProbeResult::Pass);
        desk.run(
            60_000,
            |slot| if slot.0 < 2 { FAIL } else { ProbeResult::Pass },
        );
        let told = told_stranded(&desk);
        assert_eq!(told.last().unwrap(), &(true, answer, "r0 r1".to_owned(), 2));
        desk.run(90_000, |_| FAIL);
        let told = told_stranded(&desk);
        let all = (true, answer, "r0 r1 r2 r3".to_owned(), 4);
        assert_eq!(told.last().unwrap(), &all);
        let service = &desk.engine.status(desk.now).services[0];
        let open = all_down == AllDown::FailOpen;
        assert_eq!((service.fail_open, service.all_down), (open, !open));
        let regions = [&service.fail_open_regions, &service.all_down_regions];
        assert_eq!(regions.map(Vec::len), if open { [4, 0] } else { [0, 4] });
        assert_eq!(service.when_all_down, answer);
        desk.run(200_000, |_| ProbeResult::Pass);
        let told = told_stranded(&desk);
        assert!(!told.last().unwrap().0, "{told:?}");
    }
}

/// The notices of stranded clients: whether it is so, what they get, who they are, how many classes.
fn told_stranded(desk: &Desk) -> Vec<(bool, &'static str, String, usize)> {
    let told = desk.notices.iter().filter_map(|notice| {
        let (active, answer, clients) = if let Notice::FailOpen {
            active, clients, ..
        } = notice
        {
            (*active, "fail-open", clients)
        } else if let Notice::AllDown {
            active,
            answer,
            clients,
            ..
        } = notice
        {
            (*active, *answer, clients)
        } else {
            return None;
        };
        Some((active, answer, clients.prefer.join(" "), clients.classes))
    });
    told.collect()
}

#[test]
fn targets_of_one_endpoint_are_told_apart() {
    let mut both = test_plan(1);
    both.services.push(TestService {
        gating: Gating::Gated,
        ..both.services[0].clone()
    });
    let mut desk = Desk::new(&both);
    desk.run(20_000, |_| ProbeResult::Pass);
    let status = desk.engine.status(desk.now);
    let targets = &status.regions[0].endpoints[0].targets;
    assert_eq!(targets.len(), 2);
    assert!(targets.iter().all(|target| target.monitors == ["web"]));
    assert_ne!(targets[0].watch, targets[1].watch);
    let gates = desk.notices.iter().filter_map(|notice| {
        let Notice::Standing { gate, .. } = notice else {
            return None;
        };
        Some(gate.as_deref())
    });
    let gates: Vec<Option<&str>> = gates.collect();
    assert!(
        gates.contains(&None) && gates.iter().any(Option::is_some),
        "{gates:?}"
    );
}

#[test]
fn what_nothing_watches_is_unmonitored_and_stays_so() {
    let test_plan = test_plan(1);
    let plan = || {
        let mut plan = Arc::try_unwrap(test_plan.plan()).unwrap();
        plan.targets[0].slots.clear();
        Arc::new(plan)
    };
    let mut engine = Engine::new(plan(), Arc::default(), Moment(0), 42);
    engine.handle(Moment(10), Input::Reload(plan(), Arc::default()));
    let status = engine.status(Moment(20));
    let target = &status.regions[0].endpoints[0].targets[0];
    assert_eq!(target.state, "unmonitored");
    assert_eq!(
        (target.detail.as_str(), target.share_permille),
        ("no monitor", 1000)
    );
    assert!(target.monitors.is_empty());
}
