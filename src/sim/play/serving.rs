//! Who is sent where: for each service and the clients that prefer a region, the regions that new
//! answers name, in percent of demand.
//!
//! This is what the table says, before any cache; what clients really use is the accounting's matter.
use std::collections::BTreeMap;

use super::accounting::Accounting;
use super::caches::{Caches, Group};
use crate::table::Table;

/// Clients of one service that prefer the same region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// By its place among the services that are asked for.
    pub(super) service: usize,
    /// The region that they prefer; none for clients that may be sent nowhere.
    pub(super) home: Option<String>,
    /// Where they are sent: (place of a region in the accounting, percent).
    sent: Vec<(usize, u64)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Serving {
    pub(super) rows: Vec<Row>,
    pub(super) row_of: Vec<usize>,
    names: Vec<String>,
}

impl Serving {
    /// Adds the next group of clients.
    pub(super) fn add_group(&mut self, service: usize, home: Option<String>) {
        let mut rows = self.rows.iter();
        let known = rows.position(|row| row.service == service && row.home == home);
        let row = known.unwrap_or_else(|| {
            self.rows.push(Row {
                service,
                home,
                sent: Vec::new(),
            });
            self.rows.len() - 1
        });
        self.row_of.push(row);
    }

    /// The region that the clients of a group prefer.
    pub(super) fn home(&self, group: usize) -> Option<&str> {
        self.rows[self.row_of[group]].home.as_deref()
    }

    /// Lines on everyone, for the beginning.
    pub(super) fn restart(&mut self, accounting: &Accounting) -> Vec<String> {
        let all = (0..self.rows.len()).collect::<Vec<_>>();
        self.lines(&all, accounting)
    }

    /// Takes in a published table; lines on those who are sent elsewhere now.
    pub(super) fn observe(
        &mut self,
        table: &Table,
        caches: &Caches,
        accounting: &Accounting,
    ) -> Vec<String> {
        let names = caches.services.iter().map(|service| service.name.clone());
        self.names = names.collect();
        let mut sums = vec![vec![0; accounting.regions.len() + 1]; self.rows.len()];
        for (number, group) in caches.groups.iter().enumerate() {
            let sum = &mut sums[self.row_of[number]];
            let weight = accounting.groups[number].weight.max(1);
            add(sum, table, caches, group, (weight, accounting));
        }
        let mut changed = Vec::new();
        for (number, sum) in sums.iter().enumerate() {
            let sent = percent(sum);
            if self.rows[number].sent != sent {
                self.rows[number].sent = sent;
                changed.push(number);
            }
        }
        self.lines(&changed, accounting)
    }

    /// One line for all services whose clients of one region are sent the same ways.
    fn lines(&self, rows: &[usize], accounting: &Accounting) -> Vec<String> {
        type Key<'k> = (&'k Option<String>, &'k [(usize, u64)]);
        let mut alike: BTreeMap<Key<'_>, Vec<&str>> = BTreeMap::new();
        for row in rows.iter().map(|number| &self.rows[*number]) {
            let name = self.names.get(row.service).map_or("", String::as_str);
            alike.entry((&row.home, &row.sent)).or_default().push(name);
        }
        let lines = alike.iter().map(|((home, sent), services)| {
            let home = home.as_deref().unwrap_or("no region");
            let of = match services.len() == self.names.len() {
                true => "all services".to_owned(),
                false => services.join(", "),
            };
            let sent: Vec<String> = sent
                .iter()
                .map(|(region, percent)| {
                    let region = accounting.regions.get(*region);
                    let name = region.map_or("no address", |region| region.name.as_str());
                    format!("{name} {percent}%")
                })
                .collect();
            format!("clients of {home} ({of}) are sent to {}", sent.join(", "))
        });
        lines.collect()
    }
}

/// Adds where the clients of a group are sent.
fn add(
    sum: &mut [u64],
    table: &Table,
    caches: &Caches,
    group: &Group,
    (weight, accounting): (u64, &Accounting),
) {
    let service = &caches.services[group.service];
    for cache in &caches.caches[group.caches.clone()] {
        let selection = service
            .id
            .and_then(|id| table.select(id, service.family, cache.class, cache.client_hash));
        let region = selection.and_then(|selection| selection.region);
        let place = region.and_then(|region| {
            let name = &table.plan.regions.get(region.index())?.name;
            accounting.regions.iter().position(|one| one.name == *name)
        });
        let last = sum.len() - 1;
        sum[place.unwrap_or(last)] += weight;
    }
}

/// Sums as percent, without those that round to nothing.
fn percent(sums: &[u64]) -> Vec<(usize, u64)> {
    let whole: u64 = sums.iter().sum();
    let parts = sums.iter().enumerate();
    let parts = parts.map(|(place, sum)| (place, (sum * 100 + whole / 2) / whole.max(1)));
    let mut parts: Vec<(usize, u64)> = parts.filter(|(_, percent)| *percent > 0).collect();
    parts.sort_by_key(|(place, percent)| (std::cmp::Reverse(*percent), *place));
    parts
}
