//! What the cohorts of a class are given by one plan and by another.
//!
//! An answer is the addresses that a client gets, of both types together, so that a change of
//! either counts and no client counts twice. Names tell where they are.
//!
//! Here every target is either up or down, so a class is served by one pool whole, and
//! classes that are led to the same pool are given the same: that is worked out once for each
//! pool, not for each class. Where a service states its demand cohorts may be planned class by
//! class, and are asked for class by class.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, Family, Reason, RegionId, ServiceId};
use crate::dns::addresses;
use crate::plan::Demand;
use crate::table::{Selection, Table};

/// What one client is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    /// Addresses, in order.
    pub(super) addresses: Vec<IpAddr>,
    /// Where they are: `region: endpoint`.
    pub(super) place: String,
    /// Whether it is alive.
    pub(super) life: Life,
}

/// Whether an answer is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    /// It is.
    Alive,
    /// Nothing is healthy, for one type of query at least.
    Dead,
}

/// How many cohorts are given what, in order of cohorts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Dealt {
    /// All the same.
    Alike(Arc<Answer>),
    /// One for each cohort.
    ByCohort(Vec<Arc<Answer>>),
}

/// Part of the clients of a class pair that goes from one answer to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// Before and after.
    pub(super) answers: [Arc<Answer>; 2],
    /// Parts in a million.
    pub(super) millionths: u64,
}

/// What an answer without an address is called.
const NOTHING: &str = "nothing";

/// Which pools serve a class, and whether in spite of being down.
type Led = [Option<(RegionId, Life)>; 2];

/// What a table gives, worked out once for each pool that classes are led to.
pub(super) struct Answers<'t> {
    table: &'t Table,
    known: BTreeMap<(ServiceId, Option<ClassId>, Led), Arc<Dealt>>,
}

impl Answer {
    /// What a client is given whose name is not steered.
    pub(super) fn nothing() -> Self {
        Self {
            addresses: Vec::new(),
            place: NOTHING.to_owned(),
            life: Life::Alive,
        }
    }
}

impl<'t> Answers<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self {
            table,
            known: BTreeMap::new(),
        }
    }

    /// What the cohorts of a class are given.
    pub(super) fn of(&mut self, service: ServiceId, class: ClassId) -> Arc<Dealt> {
        let table = self.table;
        let first = Family::ALL.map(|family| table.select(service, family, class, 0));
        let led = first.map(|found| found.and_then(|found| Some((found.region?, life(found)))));
        let planned = table.plan.services[service.index()].demand != Demand::Unstated;
        let key = (service, planned.then_some(class), led);
        let known = self.known.entry(key);
        let dealt = known.or_insert_with(|| Arc::new(deal(table, service, class)));
        Arc::clone(dealt)
    }
}

fn life(found: Selection<'_>) -> Life {
    match found.reason {
        Reason::FailOpen | Reason::AllDown => Life::Dead,
        Reason::Preferred
        | Reason::Backup
        | Reason::Failover
        | Reason::Overflow
        | Reason::Full
        | Reason::Overloaded
        | Reason::Static
        | Reason::Referral
        | Reason::Nodata
        | Reason::Nxdomain
        | Reason::Refused
        | Reason::Formerr
        | Reason::Notimp
        | Reason::Badvers
        | Reason::Yxdomain
        | Reason::Chaos => Life::Alive,
    }
}

fn deal(table: &Table, service: ServiceId, class: ClassId) -> Dealt {
    let select = |cohort| Family::ALL.map(|family| table.select(service, family, class, cohort));
    let first = select(0);
    if first.iter().flatten().all(|found| !found.by_cohort) {
        return Dealt::Alike(Arc::new(answer(table, first)));
    }
    let mut known: Vec<([Option<Selection<'_>>; 2], Arc<Answer>)> = Vec::new();
    let answers = (0..COHORTS).map(|cohort| {
        let found = select(cohort);
        if let Some((_, answer)) = known.iter().find(|(other, _)| *other == found) {
            return Arc::clone(answer);
        }
        let answer = Arc::new(answer(table, found));
        known.push((found, Arc::clone(&answer)));
        answer
    });
    Dealt::ByCohort(answers.collect())
}

fn answer(table: &Table, found: [Option<Selection<'_>>; 2]) -> Answer {
    let mut all = Vec::new();
    let mut places: Vec<String> = Vec::new();
    let mut life_of_all = Life::Alive;
    for (family, found) in Family::ALL.into_iter().zip(found) {
        let Some(found) = found else {
            continue;
        };
        all.extend(addresses::read(family, found.records));
        life_of_all = life_of_all.max(life(found));
        let place = place(table, found);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    all.sort_unstable();
    all.dedup();
    Answer {
        addresses: all,
        place: match places.is_empty() {
            true => NOTHING.to_owned(),
            false => places.join(" and "),
        },
        life: life_of_all,
    }
}

fn place(table: &Table, found: Selection<'_>) -> String {
    let Some(region) = found.region else {
        return NOTHING.to_owned();
    };
    let endpoints = found.endpoints.iter();
    let mut names: Vec<&str> = endpoints
        .map(|one| &*table.plan.endpoints[one.index()].name)
        .collect();
    names.sort_unstable();
    let region = &table.plan.regions[region.index()].name;
    format!("{region}: {}", names.join("+"))
}

/// Who goes from where to where, with all who stay. Clients are in the same cohort in both plans if
/// these share their `cohorts`; otherwise each cohort of the one is spread over all of the other.
pub(super) fn shifts(before: &Dealt, after: &Dealt, cohorts: Cohorts) -> Vec<Shift> {
    let whole = u64::from(COHORTS);
    let mut shifts: Vec<Shift> = Vec::new();
    match cohorts {
        Cohorts::Same => {
            if let (Dealt::Alike(before), Dealt::Alike(after)) = (before, after) {
                add(&mut shifts, [before, after], whole * whole);
                return shifts;
            }
            for cohort in 0..usize::from(COHORTS) {
                add(&mut shifts, [before.of(cohort), after.of(cohort)], whole);
            }
        }
        Cohorts::Other => {
            for (one, of_one) in before.counts() {
                for (other, of_other) in after.counts() {
                    add(&mut shifts, [&one, &other], of_one * of_other);
                }
            }
        }
    }
    shifts
}

/// Whether two plans put clients into the same cohorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cohorts {
    /// They do.
    Same,
    /// They have different keys.
    Other,
}

fn add(shifts: &mut Vec<Shift>, answers: [&Arc<Answer>; 2], millionths: u64) {
    let is = |one: &Arc<Answer>, other: &Arc<Answer>| Arc::ptr_eq(one, other) || one == other;
    let is_same = |shift: &&mut Shift| (0..2).all(|side| is(&shift.answers[side], answers[side]));
    match shifts.iter_mut().find(is_same) {
        Some(shift) => shift.millionths += millionths,
        None => shifts.push(Shift {
            answers: answers.map(Arc::clone),
            millionths,
        }),
    }
}

impl Dealt {
    fn of(&self, cohort: usize) -> &Arc<Answer> {
        match self {
            Self::Alike(answer) => answer,
            Self::ByCohort(answers) => &answers[cohort],
        }
    }

    /// How many cohorts get each answer.
    fn counts(&self) -> Vec<(Arc<Answer>, u64)> {
        let mut counts: BTreeMap<Arc<Answer>, u64> = BTreeMap::new();
        for cohort in 0..usize::from(COHORTS) {
            *counts.entry(Arc::clone(self.of(cohort))).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str) -> Arc<Answer> {
        Arc::new(Answer {
            addresses: Vec::new(),
            place: name.to_owned(),
            life: Life::Alive,
        })
    }

    fn half(first: &str, second: &str) -> Dealt {
        let names = (0..COHORTS).map(|cohort| if cohort < COHORTS / 2 { first } else { second });
        Dealt::ByCohort(names.map(answer).collect())
    }

    fn told(shifts: &[Shift]) -> Vec<(String, u64)> {
        let lines = shifts.iter().map(|shift| {
            let [before, after] = &shift.answers;
            (
                format!("{} {}", before.place, after.place),
                shift.millionths,
            )
        });
        lines.collect()
    }

    #[test]
    fn cohorts_of_one_key_are_compared_one_by_one() {
        let (before, after) = (half("a", "b"), half("a", "c"));
        let all = |text: &str, millionths| (text.to_owned(), millionths);
        let same = shifts(&before, &after, Cohorts::Same);
        assert_eq!(told(&same), [all("a a", 500_000), all("b c", 500_000)]);
        let alike = Dealt::Alike(answer("a"));
        let same = shifts(&alike, &alike, Cohorts::Same);
        assert_eq!(told(&same), [all("a a", 1_000_000)]);
    }

    #[test]
    fn cohorts_of_another_key_are_mixed() {
        let (before, after) = (half("a", "b"), half("a", "b"));
        let mixed = shifts(&before, &after, Cohorts::Other);
        assert!(
            mixed.iter().all(|shift| shift.millionths == 250_000),
            "{mixed:?}"
        );
        assert_eq!(mixed.len(), 4);
    }
}
