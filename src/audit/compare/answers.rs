//! What the cohorts of a class are given by one plan and by another.
//!
//! An answer is what a client gets for both types of query, so that a change of either counts and
//! no client counts twice. The addresses make it another answer; names only tell where they are.
//!
//! Here every target is either up or down, so a class is served by one pool whole, and
//! classes that are led to the same pool are given the same: that is worked out once for each
//! pool, not for each class. Where a service states its demand cohorts may be planned class by
//! class, and are asked for class by class.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::base::limits::COHORTS;
use crate::base::{ClassId, Family, Reason, RegionId, ServiceId};
use crate::dns::addresses;
use crate::plan::Demand;
use crate::table::{Selection, Table};

/// What one client is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    /// By family; nothing where there is no answer.
    pub(super) places: [Place; 2],
    /// By family, whether that is alive.
    pub(super) lives: [Life; 2],
}

/// Where a client is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Region and endpoints, or `nothing`.
    pub name: String,
    /// In order.
    pub addresses: Vec<IpAddr>,
}

/// Whether an answer is alive, for one type of query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    /// It is, or there is none whatever the health.
    Alive,
    /// Nothing is healthy.
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
            places: Family::ALL.map(|_| Place::nothing()),
            lives: [Life::Alive; 2],
        }
    }

    /// From where to where a client goes who is given one answer instead of another, told by the
    /// families that change; `None` if it stays.
    pub(super) fn change(answers: &[Arc<Self>; 2]) -> Option<[Place; 2]> {
        let [before, after] = answers;
        let families = before.places.iter().zip(&after.places);
        let mut changed = families.filter(|(before, after)| before.addresses != after.addresses);
        let (before, after) = changed.next()?;
        let mut ends = [before.clone(), after.clone()];
        for (before, after) in changed {
            ends[0].join(before);
            ends[1].join(after);
        }
        Some(ends)
    }
}

impl Place {
    fn nothing() -> Self {
        Self {
            name: "nothing".to_owned(),
            addresses: Vec::new(),
        }
    }

    fn join(&mut self, other: &Self) {
        if self.name != other.name {
            self.name = format!("{} and {}", self.name, other.name);
        }
        self.addresses.extend(&other.addresses);
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
        | Reason::Chaos
        | Reason::Expired
        | Reason::NotLoaded
        | Reason::Withheld
        | Reason::Cookie
        | Reason::Limited => Life::Alive,
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
    let [v4, v6] = found;
    Answer {
        lives: found.map(|found| found.map_or(Life::Alive, life)),
        places: [place(table, Family::V4, v4), place(table, Family::V6, v6)],
    }
}

fn place(table: &Table, family: Family, found: Option<Selection<'_>>) -> Place {
    let region = found.and_then(|found| Some((found, found.region?)));
    let Some((found, region)) = region else {
        return Place::nothing();
    };
    let endpoints = found.endpoints.iter();
    let mut names: Vec<&str> = endpoints
        .map(|one| &*table.plan.endpoints[one.index()].name)
        .collect();
    names.sort_unstable();
    let region = &table.plan.regions[region.index()].name;
    let mut addresses: Vec<IpAddr> = addresses::read(family, found.records).collect();
    addresses.sort_unstable();
    Place {
        name: format!("{region}: {}", names.join("+")),
        addresses,
    }
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
            let after = after.counts();
            for (one, of_one) in before.counts() {
                // Each pair comes once; of a fleet there are too many of them to look.
                shifts.extend(after.iter().map(|(other, of_other)| Shift {
                    answers: [&one, other].map(Arc::clone),
                    millionths: of_one * of_other,
                }));
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
        let place = Place {
            name: name.to_owned(),
            addresses: vec![std::net::Ipv4Addr::from(u32::from(name.as_bytes()[0])).into()],
        };
        Arc::new(Answer {
            places: [place, Place::nothing()],
            lives: [Life::Alive; 2],
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
                [before, after].map(|one| &*one.places[0].name).join(" "),
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

    #[test]
    fn a_change_is_told_by_the_families_that_change() {
        let place = |name: &str, addresses: &[&str]| Place {
            name: name.to_owned(),
            addresses: addresses.iter().map(|one| one.parse().unwrap()).collect(),
        };
        let both = |v4: &Place, v6: &Place| {
            Arc::new(Answer {
                places: [v4.clone(), v6.clone()],
                lives: [Life::Alive; 2],
            })
        };
        let (a4, a6) = (place("a", &["192.0.2.1"]), place("a", &["2001:db8::1"]));
        let (b4, b6) = (place("b", &["192.0.2.2"]), place("b", &["2001:db8::2"]));
        let (none, renamed) = (Place::nothing(), place("c", &["192.0.2.1"]));
        let change = |one, other| Answer::change(&[one, other]);
        assert_eq!(change(both(&a4, &a6), both(&renamed, &a6)), None);
        assert_eq!(
            change(both(&a4, &a6), both(&b4, &a6)),
            Some([a4.clone(), b4.clone()])
        );
        assert_eq!(
            change(both(&a4, &none), both(&a4, &b6)),
            Some([none.clone(), b6.clone()])
        );
        let whole = place("a", &["192.0.2.1", "2001:db8::1"]);
        let mixed = place("b and nothing", &["192.0.2.2"]);
        assert_eq!(
            change(both(&a4, &a6), both(&b4, &none)),
            Some([whole, mixed])
        );
    }
}
