//! Records that follow the choice, before and after: which RRsets come, go, or say something else.
//!
//! Who is led where is told by the moves of addresses; here is only what is given there. Places go by their names, so that an
//! RRset of a region that stays is compared with itself.
use std::collections::BTreeMap;

use crate::base::ServiceId;
use crate::dns::text::{show_rdata, type_name};
use crate::plan::{ChosenSet, Hints, Plan, Whose};

/// The fate of the RRsets of one service, a line for each that changes.
pub(super) fn changes(plans: [&Plan; 2], services: [Option<ServiceId>; 2]) -> Vec<String> {
    let [before, after] = [0, 1].map(|side| match services[side] {
        Some(id) => sets(plans[side], id),
        None => BTreeMap::new(),
    });
    let gone = before.iter().filter(|(key, _)| !after.contains_key(*key));
    let gone = gone.map(|(key, was)| format!("{key}: {was} -> none"));
    let other = after.iter().filter_map(|(key, is)| match before.get(key) {
        None => Some(format!("{key}: none -> {is}")),
        Some(was) if was != is => Some(format!("{key}: {was} -> {is}")),
        Some(_) => None,
    });
    let mut lines: Vec<String> = gone.chain(other).collect();
    lines.sort();
    lines
}

/// Every RRset by its type and whose it is, in words.
fn sets(plan: &Plan, id: ServiceId) -> BTreeMap<String, String> {
    let types = &plan.services[id.index()].records.types;
    let all = types.iter().flat_map(|kind| {
        let sets = kind.sets.iter();
        sets.map(|(whose, set)| {
            let owner = match whose {
                Whose::Everybody => "everybody".to_owned(),
                Whose::Region(region) => plan.regions[region.index()].name.clone(),
                Whose::Endpoint(endpoint) => plan.endpoints[endpoint.index()].name.clone(),
            };
            (format!("{} of {owner}", type_name(kind.rtype)), shown(set))
        })
    });
    all.collect()
}

fn shown(set: &ChosenSet) -> String {
    let records = set.records.set();
    let values = records.records();
    let values: Vec<String> = values
        .map(|rdata| show_rdata(records.rtype, rdata))
        .collect();
    let hints = match set.hints {
        Hints::AsWritten => "",
        Hints::Chosen => " with hints",
    };
    format!("{}{hints} ({} s)", values.join(" | "), records.ttl)
}
