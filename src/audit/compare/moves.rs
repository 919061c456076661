//! Who is given other addresses than before, while the same things are up or down in both plans.
//!
//! A client moves when the addresses that it is given change. An endpoint that is renamed moves
//! nobody, and an endpoint whose address changes moves everybody.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answers::{Answer, Answers, Cohorts, Dealt, Life, Shift, shifts};
use super::cells::Cell;
use super::subjects::Subject;
use super::weight::Sum;
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
    /// Those who move, by their answers before and after.
    pub(super) rows: BTreeMap<[Arc<Answer>; 2], Row>,
    /// All of them.
    pub(super) moved: Sum,
    /// All clients.
    pub(super) all: Sum,
    /// Those who are given nothing healthy, before and after.
    pub(super) dead: [Sum; 2],
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
    let mut known: BTreeMap<[*const Dealt; 2], Vec<Shift>> = BTreeMap::new();
    let mut moves = Moves::default();
    for (index, cell) in clients.cells.iter().enumerate() {
        let [before, after] = [0, 1].map(|side: usize| match clients.subject.services[side] {
            Some(service) => tables[side].of(service, cell.classes[side]),
            None => Arc::clone(&nothing),
        });
        let key = [Arc::as_ptr(&before), Arc::as_ptr(&after)];
        let shifts = known
            .entry(key)
            .or_insert_with(|| shifts(&before, &after, cohorts));
        let demand = clients.demands.as_ref().map_or(0, |demands| demands[index]);
        moves.add(cell, demand, shifts);
    }
    moves
}

impl Moves {
    fn add(&mut self, cell: &Cell, demand: u128, shifts: &[Shift]) {
        let sum = |millionths: u64| Sum {
            networks: if millionths > 0 { cell.networks } else { 0 },
            size: u128::from(cell.size) * u128::from(millionths),
            demand: demand * u128::from(millionths),
        };
        let (mut moved, mut dead) = (0, [0; 2]);
        for shift in shifts {
            for (dead, answer) in dead.iter_mut().zip(&shift.answers) {
                if answer.life == Life::Dead {
                    *dead += shift.millionths;
                }
            }
            let [before, after] = &shift.answers;
            if before.addresses == after.addresses {
                continue;
            }
            moved += shift.millionths;
            let row = match self.rows.get_mut(&shift.answers) {
                Some(row) => row,
                None => self.rows.entry(shift.answers.clone()).or_default(),
            };
            row.sum += sum(shift.millionths);
            row.countries.extend(&cell.countries);
        }
        self.all += sum(1_000_000);
        self.moved += sum(moved);
        for (total, dead) in self.dead.iter_mut().zip(dead) {
            *total += sum(dead);
        }
    }
}
