//! Notices of demand that does not fit: told when it begins, when it has grown to twice what was told, and when it
//! is over.
//!
//! It knows only what a published table says of its own load.
use std::collections::{BTreeMap, VecDeque};

use crate::base::ServiceId;
use crate::plan::Overload;
use crate::table::Table;

use super::{Notice, Output};

/// The last notice of each service; by name, for their numbers change with a reload.
#[derive(Debug, Default)]
pub(super) struct Overloads(BTreeMap<String, OverloadTold>);

/// A notice of one service, in thousandths of the operator's unit.
#[derive(Clone, Copy, Debug)]
struct OverloadTold {
    overload: Overload,
    asked: u64,
    unplaced: u64,
}

impl Overloads {
    /// Tells what a table that is published has no room for.
    pub(super) fn published(&mut self, table: &Table, outputs: &mut VecDeque<Output>) {
        let now = overloaded(table);
        let before = std::mem::take(&mut self.0);
        for (service, told) in &before {
            if !now.contains_key(service) {
                let over = OverloadTold {
                    unplaced: 0,
                    ..*told
                };
                outputs.push_back(Output::Notice(over.notice(service)));
            }
        }
        for (service, own) in now {
            let told = before.get(&service).copied();
            let told = told.filter(|told| own.unplaced < told.unplaced.saturating_mul(2));
            if told.is_none() {
                outputs.push_back(Output::Notice(own.notice(&service)));
            }
            self.0.insert(service, told.unwrap_or(own));
        }
    }
}

impl OverloadTold {
    fn notice(self, service: &str) -> Notice {
        Notice::Overload {
            service: service.to_owned(),
            active: self.unplaced > 0,
            overload: self.overload.word(),
            demand_thousandths: self.asked,
            overloaded_thousandths: self.unplaced,
        }
    }
}

fn overloaded(table: &Table) -> BTreeMap<String, OverloadTold> {
    let services = (0..).map(ServiceId).zip(&table.plan.services);
    let over = services.filter_map(|(id, service)| {
        let own = OverloadTold {
            overload: service.overload,
            asked: table.demands.total(id),
            unplaced: table.unplaced(id),
        };
        (own.unplaced > 0).then(|| (service.name.clone(), own))
    });
    over.collect()
}
