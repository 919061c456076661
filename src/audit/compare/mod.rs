//! What another plan would change in behaviour: who moves where, and what is lost.
//!
//! | module | what it decides |
//! |---|---|
//! | `subjects` | which hostnames are compared with which, and what their clients weigh |
//! | `cells` | which clients are alike in both plans |
//! | `joint` | what those draw in both who draw their regions |
//! | `failures` | what may fail, and the tables that there are then |
//! | `answers`, `moves` | what clients are given, and who moves from where to where |
//! | `fences`, `capacity`, `redundancy`, `losses` | what the new plan loses |
//! | `rules` | which rules of the new plan's `[guard]` that breaks |
//! | `weight` | how much of the clients something concerns |
//! | `text` | the comparison for a person |
//!
//! Both plans are asked by the production's own tables, with everything up, and with one thing
//! down at a time: each region, provider and endpoint. What is given then is compared,
//! never the text of the configs: a config that says the same in other words changes nothing.
//!
//! It knows neither present health nor observed demand: the same two configs compare the same
//! on every machine and at any time, or a pipeline could not rest on it.
mod answers;
mod capacity;
mod cells;
mod failures;
mod fences;
mod joint;
mod losses;
mod moves;
mod redundancy;
mod rules;
pub(in crate::audit) mod subjects;
pub mod text;
mod weight;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::audit::law::Law;
use crate::base::{Family, MapId};
use crate::geo::Country;
use crate::plan::{Guard, Plan, Residency, Service};
use crate::table::Table;

use answers::{Answers, Cohorts};
use cells::Cell;
use moves::{Clients, Moves};
use subjects::Subject;
use weight::Sum;

pub use answers::Place;
pub use failures::{Failing, FailingKind};
pub use losses::{LosingClients, Loss, LossKind};
pub use rules::{Broken, Rule, Verdict};
pub use weight::{Amount, Part, Scale};

/// What a new plan would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether the rules of the new plan's `[guard]` are kept.
    pub result: Verdict,
    /// Those that are broken.
    pub broken: Vec<Broken>,
    /// By what all services together are weighed.
    pub weighed_by: Scale,
    /// All clients of all services.
    pub clients: Amount,
    /// Those who move while everything is healthy.
    pub moved: Amount,
    /// The part that these are.
    pub moved_millionths: Part,
    /// Every service, in the order of the current plan, then what is new.
    pub services: Vec<ServiceChange>,
    /// Every single failure.
    pub failures: Vec<FailureChange>,
    /// What is lost.
    pub losses: Vec<Loss>,
}

/// What becomes of the clients of one service while everything is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceChange {
    /// Its name after; before, if it is gone.
    pub service: String,
    /// Whether it was there, and whether it stays.
    pub change: Change,
    /// Its name before, where that is another.
    pub was: Option<String>,
    /// The hostnames that are compared here.
    pub hostnames: Vec<String>,
    /// By what its clients are weighed.
    pub weighed_by: Scale,
    /// All its clients.
    pub clients: Amount,
    /// Those who move.
    pub moved: Amount,
    /// The part that these are.
    pub moved_millionths: Part,
    /// From where to where, most first.
    pub moves: Vec<Move>,
}

/// Whether something was there, and whether it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was, and does.
    Kept,
    /// It was not; so nobody moves.
    New,
    /// It does not, or is not steered any more.
    Gone,
}

/// Clients who are given one answer instead of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Where they were sent, for the types of query of which that changes.
    pub from: Place,
    /// Where they are sent for these.
    pub to: Place,
    /// Their countries; those whose place is unknown have none.
    pub countries: Vec<Country>,
    /// How many they are.
    pub clients: Amount,
    /// The part of all clients of the service that they are.
    pub millionths: Part,
}

/// What becomes of clients while one thing is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureChange {
    /// What is down.
    #[serde(flatten)]
    pub failing: Failing,
    /// Which plan has it.
    pub change: Change,
    /// Each service that is steered before and after.
    pub services: Vec<ServiceUnderFailure>,
}

/// What becomes of the clients of one service while one thing is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceUnderFailure {
    /// Its name.
    pub service: String,
    /// The part of its clients that are given other addresses than the current plan would give them
    /// under the same failure.
    pub moved_millionths: Part,
    /// The parts that are left without anything healthy, for each type of query of which there are
    /// any.
    pub stranded: Vec<Stranded>,
    /// Whether the same clients move as while everything is healthy, from and to the same
    /// places.
    pub as_when_healthy: bool,
    /// From where to where, most first; empty where that is as when everything is healthy.
    pub moves: Vec<Move>,
}

/// Clients who are left without anything healthy for one type of query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stranded {
    /// IPv4 for A, IPv6 for AAAA.
    pub family: Family,
    /// The part that the current plan leaves so.
    pub before_millionths: Part,
    /// The part that the new plan leaves so.
    pub after_millionths: Part,
}

impl Comparison {
    /// The same with further losses, held to the rules once more.
    pub(super) fn with_losses(mut self, more: Vec<Loss>, rules: &Guard) -> Self {
        self.losses.extend(more);
        self.losses.sort_by_key(|loss| loss.kind);
        self.broken = rules::broken(rules, &self.services, &self.losses);
        self.result = rules::verdict(&self.broken);
        self
    }
}

impl Stranded {
    fn is_any(self) -> bool {
        self.before_millionths.max(self.after_millionths) > Part(0)
    }

    /// The part that only the new plan leaves so.
    fn more(self) -> u64 {
        let [before, after] = [self.before_millionths, self.after_millionths];
        after.0.saturating_sub(before.0)
    }
}

/// Compares what a new plan does with what the current one does.
#[must_use]
pub fn compare(current: &Arc<Plan>, new: &Arc<Plan>) -> Comparison {
    compare_under(current, new, &failures::all([current, new]))
}

/// The same while everything is healthy, which takes less time.
#[must_use]
pub fn compare_healthy(current: &Arc<Plan>, new: &Arc<Plan>) -> Comparison {
    compare_under(current, new, &BTreeSet::new())
}

fn compare_under(current: &Arc<Plan>, new: &Arc<Plan>, failing: &BTreeSet<Failing>) -> Comparison {
    let plans: [&Plan; 2] = [current, new];
    let laws = plans.map(Law::new);
    let laws = fences::Laws {
        plans,
        laws: [&laws[0], &laws[1]],
    };
    let subjects = subjects::all(plans);
    let cells = all_cells(laws, &subjects);
    let clients: Vec<Clients<'_>> = subjects
        .iter()
        .map(|subject| {
            let cells = &*cells[&sides(plans, subject)];
            let demands = subjects::demands(subject, plans, cells);
            Clients {
                subject,
                cells,
                demands,
            }
        })
        .collect();
    let world = World {
        plans: [current, new],
        clients: &clients,
        cohorts: match current.key == new.key {
            true => Cohorts::Same,
            false => Cohorts::Other,
        },
    };
    let healthy = [current, new].map(|plan| failures::table(plan, None, None));
    let now = world.moves([&healthy[0], &healthy[1]]);
    let under = failing.iter().map(|one| world.under(one, &healthy, &now));
    let under: Vec<FailureChange> = under.collect();
    let mut losses = capacity::losses(plans, &subjects, failing);
    for (clients, now) in clients.iter().zip(&now) {
        losses.extend(lost(laws, clients, now));
    }
    losses.extend(stranded(&under));
    losses.sort_by_key(|loss| loss.kind);
    world.comparison(&now, under, losses)
}

/// Fences of the current plan that are wider in the new one by the words of the configs, whatever the geo database says of
/// anybody: that is renewed every week, and is no word of a config.
pub(super) fn fences(plans: [&Plan; 2]) -> Vec<Loss> {
    let is_strict = |service: &Service| service.residency == Residency::Strict;
    let laws = plans.map(Law::new);
    let laws = fences::Laws {
        plans,
        laws: [&laws[0], &laws[1]],
    };
    let subjects = subjects::all(plans);
    let kept = subjects.iter().filter_map(|one| Some((one, one.kept()?)));
    let kept = kept.filter(|(_, services)| is_strict(&plans[0].services[services[0].index()]));
    kept.flat_map(|(subject, services)| fences::law_losses(laws, services, &subject.name(plans)))
        .collect()
}

/// What the clients of one subject lose while everything is healthy.
fn lost(laws: fences::Laws<'_>, clients: &Clients<'_>, now: &Moves) -> Vec<Loss> {
    let name = clients.subject.name(laws.plans);
    match (clients.subject.kept(), clients.subject.services[1]) {
        (Some(services), _) => {
            let mut losses = fences::losses(laws, services, &name, clients.cells);
            losses.extend(redundancy::losses(
                laws.plans,
                services,
                &name,
                clients.cells,
            ));
            losses
        }
        (None, Some(_)) => Vec::new(),
        (None, None) => {
            let hostnames = clients.subject.hostnames.join(", ");
            let clients = now.all.amount(scale(clients));
            let before = format!("{} /24s ask for {hostnames}", clients.size);
            let change = [before, "not steered".to_owned()];
            vec![Loss::new(LossKind::Name, name, change)]
        }
    }
}

/// Failures that leave more clients without anything healthy than before.
fn stranded(failures: &[FailureChange]) -> Vec<Loss> {
    // What only one plan has takes nothing from the other, which would look like a loss.
    let common = failures.iter().filter(|one| one.change == Change::Kept);
    let all = common.flat_map(|failure| {
        let services = failure.services.iter();
        services.flat_map(move |own| own.stranded.iter().map(move |one| (failure, own, one)))
    });
    let worse = all.filter(|(_, _, one)| one.more() > 0);
    let losses = worse.map(|(failure, own, one)| {
        let parts = [one.before_millionths, one.after_millionths];
        let change = parts.map(|part| format!("{part} without anything healthy"));
        Loss {
            family: Some(one.family),
            failing: Some(failure.failing.clone()),
            ..Loss::new(LossKind::Redundancy, &*own.service, change)
        }
    });
    losses.collect()
}

fn scale(clients: &Clients<'_>) -> Scale {
    match &clients.demands {
        Some(demands) if demands.iter().any(|demand| *demand > 0) => Scale::Demand,
        Some(_) | None => Scale::Size,
    }
}

/// The plans and maps that the cells of a subject are cut by: its own, or one of them twice where
/// there is but one.
type Sides = [(usize, MapId); 2];

fn sides(plans: [&Plan; 2], subject: &Subject) -> Sides {
    let own = [0, 1].map(|side: usize| {
        let id = subject.services[side]?;
        Some((side, plans[side].services[id.index()].map))
    });
    let some = own.iter().flatten().copied().next_back();
    own.map(|side| side.or(some).expect("a subject is steered before or after"))
}

fn all_cells(laws: fences::Laws<'_>, subjects: &[Subject]) -> BTreeMap<Sides, Vec<Cell>> {
    let mut all = BTreeMap::new();
    for subject in subjects {
        let sides = sides(laws.plans, subject);
        all.entry(sides).or_insert_with(|| {
            let plans = sides.map(|(side, _)| laws.plans[side]);
            let own = sides.map(|(side, _)| laws.laws[side]);
            cells::cells(plans, own, sides.map(|(_, map)| map))
        });
    }
    all
}

/// Both plans, and who is compared.
struct World<'w> {
    plans: [&'w Arc<Plan>; 2],
    clients: &'w [Clients<'w>],
    cohorts: Cohorts,
}

impl World<'_> {
    /// Who moves, by subject, under one state of health.
    fn moves(&self, tables: [&Table; 2]) -> Vec<Moves> {
        let mut answers = tables.map(Answers::new);
        let clients = self.clients.iter();
        clients
            .map(|clients| moves::moves(clients, &mut answers, self.cohorts))
            .collect()
    }

    fn under(&self, failing: &Failing, healthy: &[Table; 2], now: &[Moves]) -> FailureChange {
        let tables = [0, 1].map(|side: usize| {
            failures::table(self.plans[side], Some(failing), Some(&healthy[side]))
        });
        let all = self.moves([&tables[0], &tables[1]]);
        let services = self.clients.iter().zip(all).zip(now);
        let services = services.filter(|((clients, _), _)| clients.subject.kept().is_some());
        let services = services.map(|((clients, under), now)| {
            let scale = scale(clients);
            let as_when_healthy = under.rows == now.rows;
            let part = |sum: Sum| sum.part_of(under.all, scale);
            let stranded = Family::ALL.into_iter().map(|family| Stranded {
                family,
                before_millionths: part(under.dead[family.index()][0]),
                after_millionths: part(under.dead[family.index()][1]),
            });
            ServiceUnderFailure {
                service: clients.subject.name(self.refs()),
                moved_millionths: part(under.moved),
                stranded: stranded.filter(|one| one.is_any()).collect(),
                as_when_healthy,
                moves: match as_when_healthy {
                    true => Vec::new(),
                    false => told(&under, scale),
                },
            }
        });
        FailureChange {
            change: match self.refs().map(|plan| failing.is_of(plan)) {
                [true, true] => Change::Kept,
                [_, true] => Change::New,
                [_, false] => Change::Gone,
            },
            services: services.collect(),
            failing: failing.clone(),
        }
    }

    fn comparison(
        &self,
        now: &[Moves],
        failures: Vec<FailureChange>,
        losses: Vec<Loss>,
    ) -> Comparison {
        let all: Vec<(&Clients<'_>, &Moves)> = self.clients.iter().zip(now).collect();
        let services = all.iter().map(|(clients, now)| self.service(clients, now));
        let services: Vec<ServiceChange> = services.collect();
        let asked = || {
            all.iter()
                .filter(|(one, _)| one.subject.services[0].is_some())
        };
        let weighed_by = match asked().all(|(one, _)| scale(one) == Scale::Demand) {
            true if asked().next().is_some() => Scale::Demand,
            true | false => Scale::Size,
        };
        let (mut whole, mut moved) = (Sum::default(), Sum::default());
        for (_, now) in asked() {
            whole += now.all;
            moved += now.moved;
        }
        let moved_millionths = moved.part_of(whole, weighed_by);
        let broken = rules::broken(&self.plans[1].guard, &services, &losses);
        Comparison {
            result: rules::verdict(&broken),
            broken,
            weighed_by,
            clients: whole.amount(weighed_by),
            moved: moved.amount(weighed_by),
            moved_millionths,
            services,
            failures,
            losses,
        }
    }

    fn service(&self, clients: &Clients<'_>, now: &Moves) -> ServiceChange {
        let subject = clients.subject;
        let scale = scale(clients);
        let change = match subject.services {
            [Some(_), Some(_)] => Change::Kept,
            [_, Some(_)] => Change::New,
            [_, None] => Change::Gone,
        };
        let service = subject.name(self.refs());
        let was = subject.services[0].map(|id| self.plans[0].services[id.index()].name.clone());
        ServiceChange {
            was: was.filter(|was| *was != service),
            service,
            change,
            hostnames: subject.hostnames.clone(),
            weighed_by: scale,
            clients: now.all.amount(scale),
            moved: now.moved.amount(scale),
            moved_millionths: now.moved.part_of(now.all, scale),
            moves: told(now, scale),
        }
    }

    fn refs(&self) -> [&Plan; 2] {
        self.plans.map(|plan| &**plan)
    }
}

/// Moves as they are told: most first.
fn told(moves: &Moves, scale: Scale) -> Vec<Move> {
    let rows = moves.rows.iter().map(|([from, to], row)| Move {
        from: from.clone(),
        to: to.clone(),
        countries: countries(&row.countries),
        clients: row.sum.amount(scale),
        millionths: row.sum.part_of(moves.all, scale),
    });
    let mut rows: Vec<Move> = rows.collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.millionths, row.clients.networks)));
    rows
}

fn countries(set: &BTreeSet<Country>) -> Vec<Country> {
    set.iter().copied().collect()
}
