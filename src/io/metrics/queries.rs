//! Counts answers without slowing them down.
//!
//! Each answering thread owns a slab: a row of plain cells for every (service, region) it has
//! answered with, made when the first such answer comes. Only its owner writes it, so a count is
//! a load, an addition and a store, without a locked instruction; a scrape adds the slabs up.
//! A row needs no name: names are joined to numbers at the scrape, by the plan that the slab was
//! made for. When the plan changes, threads take new slabs and the old ones are folded into a
//! table by name, so that a counter never falls.
//!
//! It does not know who asked: no address comes here (promise 10).
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::asked::{Asked, AskedCells};
use super::text::{Exposition, Kind};
use crate::answer::{Answered, Transport};
use crate::base::Reason;
use crate::dns::text::rcode_name;
use crate::plan::Plan;

/// Response codes that have a cell of their own; the last cell is for all others.
const RCODES: [u16; 9] = [0, 1, 2, 3, 4, 5, 6, 16, 23];
const RCODE_CELLS: usize = RCODES.len() + 1;
const ROW_CELLS: usize = Reason::ALL.len() * RCODE_CELLS;

type Row = [AtomicU64; ROW_CELLS];
type Rows = Box<[OnceLock<Box<Row>>]>;

/// One thread's counters for one plan and one transport.
#[derive(Debug)]
pub struct QueryCounters {
    slab: Arc<Slab>,
}

/// The cells; written by one thread, read by scrapes.
#[derive(Debug)]
struct Slab {
    digest: u64,
    transport: &'static str,
    services: Vec<String>,
    regions: Vec<String>,
    /// By service (0 = none), then by region (0 = none).
    rows: Box<[OnceLock<Rows>]>,
    truncated: AtomicU64,
    asked: AskedCells,
}

/// All slabs, and what those that are gone have counted.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Book>);

#[derive(Clone, Debug, Default)]
struct Book {
    slabs: Vec<Arc<Slab>>,
    retired: Totals,
    /// What threads that have ended have counted by the plan of this digest.
    asked: (u64, Asked),
}

/// The slabs that are written, and the sums of the others.
#[derive(Debug)]
pub(super) struct LedgerCopy {
    slabs: Vec<Arc<Slab>>,
    retired: Totals,
}

#[derive(Clone, Debug, Default)]
struct Totals {
    queries: BTreeMap<Labels, u64>,
    truncated: BTreeMap<&'static str, u64>,
}

/// What a count is told by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    service: String,
    region: String,
    reason: Reason,
    rcode: &'static str,
    transport: &'static str,
}

impl QueryCounters {
    /// Counts one reply; its ids belong to the plan that the counters were made for.
    pub fn count(&mut self, answered: &Answered) {
        let service = answered.service.map_or(0, |id| id.index() + 1);
        let region = answered.region.map_or(0, |id| id.index() + 1);
        if let Some(row) = self.slab.row(service, region) {
            let reason = answered.reason.index() * RCODE_CELLS;
            raise(&row[reason + rcode_cell(answered.rcode)]);
        }
        if answered.truncated {
            raise(&self.slab.truncated);
        }
        self.slab.asked.count(answered);
    }

    /// Whether these are counters for this plan.
    #[must_use]
    pub fn belong_to(&self, plan: &Plan) -> bool {
        self.slab.digest == plan.digest
    }
}

impl Slab {
    fn new(plan: &Plan, transport: Transport) -> Self {
        Self {
            digest: plan.digest,
            transport: transport.word(),
            services: plan.services.iter().map(|one| one.name.clone()).collect(),
            regions: plan.regions.iter().map(|one| one.name.clone()).collect(),
            rows: empty(plan.services.len() + 1),
            truncated: AtomicU64::new(0),
            asked: AskedCells::new(plan),
        }
    }

    fn row(&self, service: usize, region: usize) -> Option<&Row> {
        let regions = self.regions.len() + 1;
        let rows = self.rows.get(service)?.get_or_init(|| empty(regions));
        let row = rows.get(region)?.get_or_init(new_row);
        Some(row)
    }

    fn add_to(&self, totals: &mut Totals) {
        *totals.truncated.entry(self.transport).or_default() +=
            self.truncated.load(Ordering::Relaxed);
        for (service, rows) in self.rows.iter().enumerate() {
            for (region, row) in rows.get().into_iter().flatten().enumerate() {
                if let Some(row) = row.get() {
                    self.add_row(row, service, region, totals);
                }
            }
        }
    }

    fn add_row(&self, row: &Row, service: usize, region: usize, totals: &mut Totals) {
        for (cell, count) in row.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let labels = Labels {
                    service: name(&self.services, service),
                    region: name(&self.regions, region),
                    reason: Reason::ALL[cell / RCODE_CELLS],
                    rcode: rcode_word(cell % RCODE_CELLS),
                    transport: self.transport,
                };
                *totals.queries.entry(labels).or_default() += count;
            }
        }
    }
}

impl Ledger {
    pub(super) fn open(&self, plan: &Plan, transport: Transport) -> QueryCounters {
        let slab = Arc::new(Slab::new(plan, transport));
        self.book().slabs.push(Arc::clone(&slab));
        QueryCounters { slab }
    }

    /// How often the clients of each class have asked since this plan is in force.
    pub(super) fn asked(&self, plan: &Plan) -> Asked {
        let mut book = self.book();
        if book.asked.0 != plan.digest {
            book.asked = (plan.digest, Asked::new());
        }
        book.retire();
        let mut asked = book.asked.1.clone();
        for slab in book.slabs.iter().filter(|slab| slab.digest == plan.digest) {
            slab.asked.add_to(&mut asked);
        }
        asked
    }

    /// Copies what there is: threads that take new slabs do not wait for it to be added up.
    pub(super) fn copy(&self) -> LedgerCopy {
        let mut book = self.book();
        book.retire();
        LedgerCopy {
            slabs: book.slabs.clone(),
            retired: book.retired.clone(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LedgerCopy {
    /// Writes the families.
    pub(super) fn write(self, text: &mut Exposition) {
        let totals = self.totals();
        text.family(
            "waypost_queries_total",
            Kind::Counter,
            "Queries answered; service and region are empty where the answer was not steered.",
        );
        for (labels, count) in &totals.queries {
            let labels = [
                ("service", labels.service.as_str()),
                ("region", labels.region.as_str()),
                ("reason", labels.reason.word()),
                ("rcode", labels.rcode),
                ("transport", labels.transport),
            ];
            text.sample(&labels, count);
        }
        text.family(
            "waypost_responses_truncated_total",
            Kind::Counter,
            "Replies that did not fit and sent the client to TCP.",
        );
        for (transport, count) in &totals.truncated {
            text.sample(&[("transport", transport)], count);
        }
        write_fail_open(&totals, text);
    }

    /// Steered answers by region, since the process started; those without one under the empty name.
    pub(super) fn by_region(self) -> BTreeMap<String, u64> {
        let mut regions = BTreeMap::new();
        for (labels, count) in self.totals().queries {
            if !labels.service.is_empty() {
                *regions.entry(labels.region).or_default() += count;
            }
        }
        regions
    }

    /// All answers since the process started, and those of them that were SERVFAIL.
    pub(super) fn servfails(self) -> (u64, u64) {
        let totals = self.totals();
        let all = totals.queries.iter();
        all.fold((0, 0), |(answers, servfails), (labels, count)| {
            let servfail = if labels.rcode == "SERVFAIL" {
                *count
            } else {
                0
            };
            (answers + count, servfails + servfail)
        })
    }

    fn totals(self) -> Totals {
        let mut totals = self.retired;
        for slab in &self.slabs {
            slab.add_to(&mut totals);
        }
        totals
    }
}

impl Book {
    /// Folds in the slabs that no thread writes any more.
    fn retire(&mut self) {
        for slab in std::mem::take(&mut self.slabs) {
            match Arc::try_unwrap(slab) {
                Ok(slab) => {
                    slab.add_to(&mut self.retired);
                    if slab.digest == self.asked.0 {
                        slab.asked.add_to(&mut self.asked.1);
                    }
                }
                Err(slab) => self.slabs.push(slab),
            }
        }
    }
}

fn write_fail_open(totals: &Totals, text: &mut Exposition) {
    let mut services: BTreeMap<&str, u64> = BTreeMap::new();
    for (labels, count) in &totals.queries {
        if labels.reason == Reason::FailOpen {
            *services.entry(&labels.service).or_default() += count;
        }
    }
    text.family(
        "waypost_fail_open_answers_total",
        Kind::Counter,
        "Answers with unproven endpoints because nothing was healthy.",
    );
    for (service, count) in services {
        text.sample(&[("service", service)], count);
    }
}

/// One more; the caller is the only writer of the cell.
pub(super) fn raise(cell: &AtomicU64) {
    let count = cell.load(Ordering::Relaxed);
    cell.store(count.wrapping_add(1), Ordering::Relaxed);
}

fn rcode_cell(rcode: u16) -> usize {
    match rcode {
        0..=6 => usize::from(rcode),
        16 => 7,
        23 => 8,
        _ => RCODES.len(),
    }
}

fn rcode_word(cell: usize) -> &'static str {
    RCODES.get(cell).map_or("OTHER", |&code| rcode_name(code))
}

fn name(names: &[String], cell: usize) -> String {
    cell.checked_sub(1)
        .and_then(|index| names.get(index))
        .cloned()
        .unwrap_or_default()
}

fn empty<T>(length: usize) -> Box<[OnceLock<T>]> {
    std::iter::repeat_with(OnceLock::new).take(length).collect()
}

fn new_row() -> Box<Row> {
    Box::new([const { AtomicU64::new(0) }; ROW_CELLS])
}
