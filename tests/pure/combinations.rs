//! Combinations of monitors: how they are read, what they make of an endpoint, and which asks for less than another.
use std::sync::Arc;

use waypost::audit::weaken::{Decisions, weakened};
use waypost::base::{Cause, Family, Moment, SlotId};
use waypost::engine::{Engine, Input};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::plan::{Plan, Zoning};

use crate::plans::{BASE, compile, service};

const MONITORS: &str = "
[monitors.flag]
type = \"http\"
path = \"/maintenance\"
[monitors.admin]
type = \"tcp\"
port = 22
";

fn text(monitors: &str, endpoint: &str) -> String {
    format!(
        "{BASE}{MONITORS}
[services.www]
hostnames = [\"www.example.org\"]
monitors = {monitors}
[[services.www.endpoints]]
name = \"www-fra\"
region = \"frankfurt\"
provider = \"a\"
addresses = [\"192.0.2.50\"]
{endpoint}
"
    )
}

fn plan(monitors: &str, endpoint: &str) -> Plan {
    let (plan, found) = compile(&text(monitors, endpoint));
    assert!(!found.has_errors(), "{}", found.render(false));
    plan
}

/// The standing of `www-fra` after each of some words: a monitor, and `+` or `-` for each of its probes. Everything else
/// is well.
fn story(plan: Plan, words: &[&str]) -> Vec<String> {
    let plan = Arc::new(plan);
    let id = service(&plan, "www");
    let pool = &plan.services[id.index()].pools[Family::V4.index()][0];
    let target = pool.tiers[0].members[0].target;
    let mut engine = Engine::new(plan.clone(), Arc::default(), Moment(0), 1);
    let own = |slot: &SlotId| address(&plan, *slot) == "192.0.2.50";
    report(&mut engine, &plan, 1, |slot| (!own(&slot)).then_some('+'));
    let mut now = 1;
    let told = words.iter().map(|word| {
        let (name, results) = word.split_at(word.find(['+', '-']).unwrap());
        let wanted = slot(&plan, name);
        for result in results.chars() {
            now += 1;
            report(&mut engine, &plan, now, |slot| {
                (slot == wanted).then_some(result)
            });
        }
        now += 200;
        engine.handle(Moment(now), Input::Tick);
        let standing = engine.table().standings[target.index()];
        match standing.why.cause() {
            Some(cause) => format!("{}: {cause}", standing.why.word()),
            None => standing.why.word().to_owned(),
        }
    });
    told.collect()
}

/// Reports for each slot what is said of it.
fn report(engine: &mut Engine, plan: &Plan, now: u64, of: impl Fn(SlotId) -> Option<char>) {
    for slot in (0..plan.slots.len()).map(SlotId::from_index) {
        let outcome = match of(slot) {
            None => continue,
            Some('+') => ProbeResult::Pass,
            Some(_) => ProbeResult::Fail(Cause::Refused),
        };
        let report = Report {
            outcome,
            timing: Timing::default(),
            certificate_expires: None,
            value: None,
        };
        engine.handle(Moment(now), Input::Reported(slot, report));
    }
}

fn address(plan: &Plan, slot: SlotId) -> String {
    plan.slots[slot.index()].address.ip().to_string()
}

fn slot(plan: &Plan, monitor: &str) -> SlotId {
    let mut slots = plan.slots.iter();
    let place = slots.position(|slot| {
        let name = &plan.monitors[slot.monitor.index()].name;
        slot.address.ip().to_string() == "192.0.2.50" && name == monitor
    });
    SlotId::from_index(place.unwrap())
}

#[test]
fn so_many_of_several_are_enough() {
    let plan = plan("{ need = 2, of = [\"web\", \"port\", \"admin\"] }", "");
    let told = story(
        plan,
        &["web+", "port+", "admin-", "port---", "admin+++", "web---"],
    );
    assert_eq!(
        told,
        [
            "unproven",
            "healthy",
            "healthy",
            "down: 2 of 3 monitors needed, 1 held",
            "ramping",
            "down: 2 of 3 monitors needed, 1 held",
        ]
    );
}

#[test]
fn a_list_means_all_and_any_means_one() {
    let list = story(plan("[\"web\", \"port\"]", ""), &["web+", "port-"]);
    assert_eq!(list, ["unproven", "down: connection refused"]);
    let any = plan("{ any = [\"web\", \"port\"] }", "");
    let any = story(any, &["web-", "port+", "port---"]);
    assert_eq!(
        any,
        [
            "unproven",
            "healthy",
            "down: 1 of 2 monitors needed, 0 held"
        ]
    );
}

#[test]
fn what_must_not_hold_takes_down_when_it_does() {
    let plan = plan("[\"web\", { not = \"flag\" }]", "");
    assert!(plan.slots[slot(&plan, "flag").index()].opposed);
    let told = story(plan, &["web+", "flag-", "flag+++", "flag---"]);
    assert_eq!(
        told,
        [
            "unproven",
            "healthy",
            "down: a monitor holds that must not",
            "ramping"
        ]
    );
}

#[test]
fn what_is_reported_only_is_shown_and_decides_nothing() {
    let plan = plan("{ all = [\"web\"], report_only = [\"port\"] }", "");
    let told = story(plan, &["web+", "port-", "port---"]);
    assert_eq!(told, ["healthy"; 3]);
    let own = "monitors = { any = [\"port\", \"admin\"], report_only = [\"web\"] }";
    let plan = self::plan("[\"web\"]", own);
    let told = story(plan, &["web-", "port+", "admin-"]);
    assert_eq!(told, ["unproven", "healthy", "healthy"]);
}

#[test]
fn status_says_how_monitors_are_combined_and_which_are_shown_only() {
    let plan = plan(
        "{ any = [\"web\", \"port\"], report_only = [\"admin\"] }",
        "",
    );
    let engine = Engine::new(Arc::new(plan), Arc::default(), Moment(0), 1);
    let status = engine.status(Moment(1));
    let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let mut own = endpoints.filter(|one| one.name == "www-fra");
    let target = &own.next().unwrap().targets[0];
    assert_eq!(target.combination.as_deref(), Some("any of (web, port)"));
    let slots = target.slots.iter();
    let slots: Vec<_> = slots.map(|one| (&*one.monitor, one.report_only)).collect();
    assert_eq!(slots, [("web", false), ("port", false), ("admin", true)]);
}

/// The one endpoint in Toronto whose monitors are combined has one that fails all the time; everything in all other
/// regions fails now. Toronto shows that this node can see.
#[test]
fn a_region_is_sound_whose_combined_monitors_are_enough() {
    for (monitors, doubts) in [
        ("{ any = [\"web\", \"admin\"] }", false),
        ("[\"web\", \"admin\"]", true),
    ] {
        let text = text(monitors, "").replace("region = \"frankfurt\"", "region = \"toronto\"");
        let (plan, found) = compile(&text);
        assert!(!found.has_errors(), "{}", found.render(false));
        let plan = Arc::new(plan);
        let mut engine = Engine::new(plan.clone(), Arc::default(), Moment(0), 1);
        report(&mut engine, &plan, 1, |_| Some('+'));
        let admin = slot(&plan, "admin");
        let is_here = |slot: SlotId| {
            ["192.0.2.50", "192.0.2.20", "2001:db8::20"].contains(&&*address(&plan, slot))
        };
        report(&mut engine, &plan, 2, |slot| {
            (slot == admin || !is_here(slot)).then_some('-')
        });
        assert_eq!(engine.status(Moment(3)).doubting, doubts, "{monitors}");
    }
}

#[test]
fn a_combination_that_asks_for_less_weakens() {
    let loss = |from: (&str, &str), to: (&str, &str)| {
        let plans = [from, to].map(|(service, endpoint)| plan(service, endpoint));
        let zoning = Zoning::default();
        let sides = plans.each_ref().map(|plan| Decisions {
            plan,
            zoning: &zoning,
        });
        weakened(sides[0], sides[1]).summary()
    };
    let three = "[\"web\", \"port\", \"admin\"]";
    let need = |least: u8| format!("{{ need = {least}, of = {three} }}");
    let (two, one) = (need(2), need(1));
    for (from, to, told) in [
        (
            three,
            &*two,
            "all of (web, port, admin) -> 2 of (web, port, admin)",
        ),
        (
            &*two,
            &*one,
            "2 of (web, port, admin) -> any of (web, port, admin)",
        ),
        (
            three,
            "[\"web\", \"port\"]",
            "monitored by admin -> not any more",
        ),
        (
            three,
            "{ all = [\"web\", \"port\"], report_only = [\"admin\"] }",
            "monitored by admin -> not any more",
        ),
        (&*one, three, ""),
        (&*two, "[\"web\", \"port\"]", ""),
        ("{ any = [\"web\", \"port\"] }", "[\"web\"]", ""),
        ("[\"web\"]", "[\"web\", { not = \"flag\" }]", ""),
        (
            "[\"web\", { not = \"flag\" }]",
            "[\"web\"]",
            "not flag) -> all of (web)",
        ),
    ] {
        let found = loss((from, ""), (to, ""));
        assert_eq!(found.is_empty(), told.is_empty(), "{from} -> {to}: {found}");
        assert!(found.contains(told), "{from} -> {to}: {found}");
    }
    let own = |monitors: &str| format!("monitors = {monitors}");
    let found = loss((three, &own(&two)), (three, &own(&one)));
    assert!(found.contains("2 of (web, port, admin)"), "{found}");
}
