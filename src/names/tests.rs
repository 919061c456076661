//! Names over time.
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;
use crate::base::Moment;
use crate::dns::Name;

const WALL: u64 = 1_800_000_000_000;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn wanted(names: &[&str]) -> WantedNames {
    WantedNames {
        names: names.iter().map(|one| name(one)).collect(),
        steered: BTreeSet::from([name("www.example.org")]),
        apexes: BTreeSet::from([name("example.org")]),
        ..WantedNames::default()
    }
}

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|one| one.parse().unwrap()).collect()
}

/// An answer of IPv4 addresses, and that there are no others.
fn answer(list: &[&str], ttl: u64) -> Resolution {
    let found = |list: &[&str]| NameAnswer {
        addresses: addresses(list),
        ttl: Span::from_secs(ttl),
        chain: Vec::new(),
    };
    Resolution {
        families: [Ok(found(list)), Ok(found(&[]))],
    }
}

fn failed(failure: &LookupFailure) -> Resolution {
    Resolution {
        families: [Err(failure.clone()), Err(failure.clone())],
    }
}

/// An engine with what it said.
struct World {
    engine: NameEngine,
    now: u64,
    asked: Vec<(u64, Name)>,
    known: usize,
    holds: Vec<(Name, Moment)>,
    told: Vec<NameNotice>,
    kept: Vec<KeptName>,
}

impl World {
    fn new(kept: Vec<KeptName>, names: &[&str]) -> Self {
        let mut world = Self {
            engine: NameEngine::new(kept),
            now: 1000,
            asked: Vec::new(),
            known: 0,
            holds: Vec::new(),
            told: Vec::new(),
            kept: Vec::new(),
        };
        world.handle(NameInput::Use(wanted(names)));
        world
    }

    fn handle(&mut self, input: NameInput) {
        self.engine.handle(Moment(self.now), WALL + self.now, input);
        while let Some(output) = self.engine.poll() {
            match output {
                NameOutput::Ask(question, name) => self.asked.push((question, name)),
                NameOutput::Known(_) => self.known += 1,
                NameOutput::Holds(name, until) => self.holds.push((name, until)),
                NameOutput::Remember(kept) => self.kept = kept,
                NameOutput::Notice(notice) => self.told.push(notice),
            }
        }
    }

    /// Answers all questions.
    fn answer(&mut self, resolution: &Resolution) -> usize {
        let asked = std::mem::take(&mut self.asked);
        for (question, name) in &asked {
            self.handle(NameInput::Resolved(
                *question,
                name.clone(),
                resolution.clone(),
            ));
        }
        asked.len()
    }

    /// Lets time pass, step by step.
    fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(wake) = self.engine.wake_at().filter(|wake| wake.0 <= end) {
            self.now = wake.0;
            self.handle(NameInput::Tick);
        }
        self.now = end;
        self.handle(NameInput::Tick);
    }

    fn given(&self) -> Vec<IpAddr> {
        self.engine.given().addresses(&name("cdn.test"))
    }
}

#[test]
fn a_name_is_asked_for_when_its_answer_runs_out_and_no_sooner() {
    let mut world = World::new(Vec::new(), &["cdn.test"]);
    assert_eq!(world.answer(&answer(&["192.0.2.1"], 30)), 1);
    world.pass(100);
    assert_eq!(world.given(), addresses(&["192.0.2.1"]));
    assert!(world.engine.given().expiries()[&name("cdn.test")] == Moment(31_000));
    world.pass(29_800);
    assert!(world.asked.is_empty());
    world.pass(100);
    assert_eq!(world.answer(&answer(&["192.0.2.1"], 1)), 1);
    assert_eq!(
        world.holds,
        [(name("cdn.test"), Moment(36_000))],
        "5 s at the least"
    );
    assert_eq!(world.known, 1, "the same addresses are no change");
    world.pass(5_000);
    world.answer(&answer(&["192.0.2.1"], 999_999));
    world.pass(3_599_000);
    assert!(world.asked.is_empty());
    world.pass(1_000);
    assert_eq!(world.asked.len(), 1, "1 h at the most");
}

#[test]
fn the_first_addresses_come_at_once_and_changes_are_apart() {
    let mut world = World::new(Vec::new(), &["cdn.test"]);
    world.answer(&answer(&["192.0.2.1"], 1));
    world.pass(COALESCE.0);
    assert_eq!(world.known, 1);
    let mut changes = 0;
    for last in 2..40 {
        world.pass(1_000);
        let address = format!("192.0.2.{last}");
        if world.answer(&answer(&[&address], 1)) > 0 {
            changes += 1;
        }
    }
    assert!(changes >= 7, "{changes}");
    let most = 1 + 38_000 / usize::try_from(CHANGE_EVERY.0).unwrap();
    assert!(world.known <= most + 1, "{} of {most}", world.known);
}

#[test]
fn the_last_good_addresses_stay_whatever_fails() {
    let private = Resolution {
        families: [
            answer(&["10.0.0.1"], 60).families[0].clone(),
            Ok(NameAnswer::default()),
        ],
    };
    let mut steered = answer(&["192.0.2.9"], 60);
    if let Ok(found) = &mut steered.families[0] {
        found.chain = vec![name("www.example.org")];
    }
    for (word, failure) in [
        ("vanished", failed(&LookupFailure::Vanished)),
        ("loop", failed(&LookupFailure::Loop)),
        (
            "failed",
            failed(&LookupFailure::Failed("SERVFAIL".to_owned())),
        ),
        ("no_address", answer(&[], 60)),
        ("private", private),
        ("steered", steered),
    ] {
        let mut world = World::new(Vec::new(), &["cdn.test"]);
        world.answer(&answer(&["192.0.2.1"], 5));
        world.pass(5_100);
        world.told.clear();
        world.answer(&failure);
        world.pass(600_000);
        assert_eq!(world.given(), addresses(&["192.0.2.1"]), "{word}");
        let [
            NameNotice::Faulty {
                fault,
                kept: 1,
                age,
                ..
            },
        ] = &world.told[..]
        else {
            panic!("{word}: {:?}", world.told);
        };
        assert_eq!(fault.word(), word);
        assert_eq!(*age, Some(Span(5_100)), "{word}");
        let report = &world.engine.report(Moment(world.now), WALL + world.now)[0];
        assert_eq!((report.fault.as_deref(), report.left_ms), (Some(word), 0));
        assert_eq!(report.age_ms, Some(world.now - 1000));
        world.answer(&answer(&["192.0.2.1"], 60));
        assert_eq!(world.told.last(), Some(&NameNotice::Well(name("cdn.test"))));
    }
}

#[test]
fn one_family_that_fails_keeps_its_own_addresses() {
    let mut both = answer(&["192.0.2.1"], 5);
    both.families[1] = Ok(NameAnswer {
        addresses: addresses(&["2001:db8::1"]),
        ttl: Span::from_secs(5),
        chain: Vec::new(),
    });
    let mut world = World::new(Vec::new(), &["cdn.test"]);
    world.answer(&both);
    world.pass(5_100);
    let mut half = answer(&["192.0.2.2"], 5);
    half.families[1] = Err(LookupFailure::Failed("timed out".to_owned()));
    world.answer(&half);
    world.pass(CHANGE_EVERY.0);
    assert_eq!(world.given(), addresses(&["192.0.2.2", "2001:db8::1"]));
    world.answer(&answer(&["192.0.2.2"], 5));
    world.pass(CHANGE_EVERY.0);
    assert_eq!(
        world.given(),
        addresses(&["192.0.2.2"]),
        "it has no IPv6 any more"
    );
}

#[test]
fn failures_are_tried_again_ever_less_often() {
    let mut world = World::new(Vec::new(), &["cdn.test"]);
    let mut questions = 0;
    for _ in 0..600 {
        questions += world.answer(&failed(&LookupFailure::Vanished));
        world.pass(1_000);
    }
    // 2, 4, 8, 16, 32, then 60 s.
    assert!((13..=16).contains(&questions), "{questions}");
    assert_eq!(world.told.len(), 1, "told once: {:?}", world.told);
    assert_eq!(world.known, 0);
}

#[test]
fn a_question_that_nobody_answers_is_put_again_and_an_old_answer_is_nobodys() {
    let mut world = World::new(Vec::new(), &["cdn.test"]);
    let first = world.asked[0].clone();
    world.pass(OVERDUE.0);
    assert_eq!(world.asked.len(), 2);
    world.handle(NameInput::Resolved(
        first.0,
        first.1,
        answer(&["192.0.2.1"], 60),
    ));
    world.pass(1_000);
    assert_eq!(world.known, 0);
}

#[test]
fn what_was_known_before_a_restart_is_served_at_once_with_its_age() {
    let mut before = World::new(Vec::new(), &["cdn.test"]);
    before.answer(&answer(&["192.0.2.1"], 60));
    before.pass(100);
    let world = World::new(before.kept, &["cdn.test"]);
    assert_eq!(world.given(), addresses(&["192.0.2.1"]));
    assert_eq!(world.asked.len(), 1);
    let report = &world.engine.report(Moment(1000), WALL + 90_000_000)[0];
    assert_eq!(report.age_ms, Some(90_000_000 - 1000));
}

#[test]
fn names_that_are_no_longer_wanted_are_not_asked_for() {
    let mut world = World::new(Vec::new(), &["cdn.test", "other.test"]);
    assert_eq!(world.answer(&answer(&["192.0.2.1"], 5)), 2);
    world.handle(NameInput::Use(wanted(&["cdn.test"])));
    world.pass(600_000);
    let names: BTreeSet<Name> = world.asked.iter().map(|(_, name)| name.clone()).collect();
    assert_eq!(names, BTreeSet::from([name("cdn.test")]));
}
