//! `monitors` of a service or an endpoint with the names resolved.
//!
//! A list of names is the rule (all of them) and no combination, so that nothing is reckoned by one that need not be.
use super::names::Names;
use crate::base::MonitorId;
use crate::base::limits::COMBINED_MONITORS;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::watch::WatchSpec;
use crate::plan::Combination;

/// The monitors of a service or an endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct WatchedBy {
    /// Those that decide, each once.
    pub(super) monitors: Vec<MonitorId>,
    /// Their combination; absent = all must hold.
    pub(super) combination: Option<Combination<MonitorId>>,
    /// Those that decide nothing.
    pub(super) reported: Vec<MonitorId>,
}

impl WatchedBy {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = MonitorId> {
        self.monitors.iter().chain(&self.reported).copied()
    }
}

/// Resolves the names.
pub(super) fn resolve(spec: &WatchSpec, names: &Names<'_>, found: &mut Diagnostics) -> WatchedBy {
    let (monitors, combination) = match &spec.decide {
        None => (Vec::new(), None),
        Some(written) => decide(written, names, found),
    };
    let reported = names.find_all(&spec.report_only, found);
    let reported = reported.into_iter().map(MonitorId::from_index).collect();
    let watch = WatchedBy {
        monitors,
        combination,
        reported,
    };
    for id in &watch.reported {
        let mut written = spec.report_only.iter();
        let written = written.find(|one| names.place(&one.value) == Some(id.index()));
        if let Some(name) = written.filter(|_| watch.monitors.contains(id)) {
            let message = format!("monitor `{}` decides, and is in `report_only`", name.value);
            found.error(&name.at, message).help("keep one of them");
        }
    }
    watch
}

fn decide(
    written: &At<Combination<At<String>>>,
    names: &Names<'_>,
    found: &mut Diagnostics,
) -> (Vec<MonitorId>, Option<Combination<MonitorId>>) {
    if let Some(list) = plain_list(&written.value) {
        let places = names.find_all(&list, found);
        return (
            places.into_iter().map(MonitorId::from_index).collect(),
            None,
        );
    }
    let mut is_whole = true;
    let combination = written.value.map(&mut |name| {
        let place = names.find(name, found);
        is_whole &= place.is_some();
        MonitorId::from_index(place.unwrap_or_default())
    });
    let mut monitors: Vec<MonitorId> = combination.monitors().into_iter().copied().collect();
    monitors.sort();
    monitors.dedup();
    if monitors.len() > COMBINED_MONITORS {
        let message = format!("{} monitors in one combination", monitors.len());
        found
            .error(&written.at, message)
            .help(format!("{COMBINED_MONITORS} is the most"));
    }
    // With a name that is none, nothing can be said of the whole.
    (monitors, is_whole.then_some(combination))
}

/// The names of a combination that is no more than a list of them.
fn plain_list(combination: &Combination<At<String>>) -> Option<Vec<At<String>>> {
    let Combination::Need { least, of } = combination else {
        return match combination {
            Combination::Monitor(name) => Some(vec![name.clone()]),
            Combination::Not(_) | Combination::Need { .. } => None,
        };
    };
    let names = of.iter().map(|one| match one {
        Combination::Monitor(name) => Some(name.clone()),
        Combination::Not(_) | Combination::Need { .. } => None,
    });
    names
        .collect::<Option<Vec<_>>>()
        .filter(|_| *least == of.len())
}
