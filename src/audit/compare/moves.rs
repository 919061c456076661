//! Who is given other addresses than before, while the same things are up or down in both plans.
//!
//! A client moves when the addresses that it is given change. An endpoint that is renamed moves
//! nobody, and an endpoint whose address changes moves everybody.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answers::{Answer, Answers, Cohorts, Dealt, Life, Place, Shift, shifts};
use super::cells::Cell;
use super::subjects::Subject;
use super::weight::Sum;
use crate::base::Family;
use crate::geo::Country;

/// The cells of a subject with what their clients ask for.
pub(super) struct Clients<'c> {
    pub(super) subject: &'c Subject,
    pub(super) cells: &'c [Cell],
    /// By cell, in thousandths of the operator's unit.
    pub(super) demands: Option<Vec<u128>>,
}

/// Who moves from where to where.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// Those who move, by where they were and are sent.
    pub(super) rows: BTreeMap<[Place; 2], Row>,
    /// All of them.
    pub(super) moved: Sum,
    /// All clients.
    pub(super) all: Sum,
    /// Those who are given nothing healthy: by family, before and after.
    pub(super) dead: [[Sum; 2]; 2],
}

/// Those who move from one answer to another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) sum: Sum,
    pub(super) countries: BTreeSet<Country>,
}

/// Compares what all clients of a subject are given.
pub(super) fn moves(
    clients: &Clients<'_>,
    tables: &mut [Answers<'_>; 2],
    cohorts: Cohorts,
) -> Moves {
    let nothing = Arc::new(Dealt::Alike(Arc::new(Answer::nothing())));
    let mut known: BTreeMap<[*const Dealt; 2], Change> = BTreeMap::new();
    let mut moves = Moves::default();
    for (index, cell) in clients.cells.iter().enumerate() {
        let [mut before, after] = [0, 1].map(|side: usize| match clients.subject.services[side] {
            Some(service) => tables[side].of(service, cell.classes[side]),
            None => Arc::clone(&nothing),
        });
        if clients.subject.services[0].is_none() {
            // Nobody has asked for it yet, so nobody moves.
            before = Arc::clone(&after);
        }
        let key = [Arc::as_ptr(&before), Arc::as_ptr(&after)];
        let change = known
            .entry(key)
            .or_insert_with(|| Change::of(&shifts(&before, &after, cohorts)));
        let demand = clients.demands.as_ref().map_or(0, |demands| demands[index]);
        moves.add(cell, demand, change);
    }
    moves
}

/// What becomes of the clients of one class in each plan, in millionths of them.
#[derive(Debug, Default)]
struct Change {
    moves: BTreeMap<[Place; 2], u64>,
    /// By family, before and after.
    dead: [[u64; 2]; 2],
}

impl Change {
    fn of(shifts: &[Shift]) -> Self {
        let mut own = Self::default();
        for shift in shifts {
            for family in Family::ALL.map(Family::index) {
                for (side, answer) in shift.answers.iter().enumerate() {
                    if answer.lives[family] == Life::Dead {
                        own.dead[family][side] += shift.millionths;
                    }
                }
            }
            if let Some(ends) = Answer::change(&shift.answers) {
                *own.moves.entry(ends).or_default() += shift.millionths;
            }
        }
        own
    }
}

impl Moves {
    fn add(&mut self, cell: &Cell, demand: u128, change: &Change) {
        let sum = |millionths: u64| Sum {
            networks: if millionths > 0 { cell.networks } else { 0 },
            size: u128::from(cell.size) * u128::from(millionths),
            demand: demand * u128::from(millionths),
        };
        for (ends, millionths) in &change.moves {
            let row = match self.rows.get_mut(ends) {
                Some(row) => row,
                None => self.rows.entry(ends.clone()).or_default(),
            };
            row.sum += sum(*millionths);
            row.countries.extend(&cell.countries);
        }
        self.all += sum(1_000_000);
        self.moved += sum(change.moves.values().sum());
        let totals = self.dead.iter_mut().flatten();
        for (total, dead) in totals.zip(change.dead.into_iter().flatten()) {
            *total += sum(dead);
        }
    }
}
