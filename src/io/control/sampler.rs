//! The minutes of the timeline: answers, clients and states at the end of each, and now and then how long probes take.
//!
//! Once a minute the counters are read and the engine is asked, as by anybody who looks. Where clients are sent is worked out for
//! the first services of a plan ([`SAMPLED`]), and only if a table was published since; on a thread of low priority. What is kept,
//! and how long, is not decided here.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::commands::State;
use super::looks::engine_status;
use super::maps::Maps;
use crate::base::limits::HISTORY_LATENCY_MINUTES;
use crate::base::{Family, ServiceId};
use crate::engine::Status;
use crate::engine::status::EndpointStatus;
use crate::io::background;
use crate::io::history::timeline::{LatencySample, MinuteSummary};
use crate::table::Table;

/// A minute.
const MINUTE: Duration = Duration::from_secs(60);
/// Services whose clients are counted.
const SAMPLED: usize = 32;
/// States, the worst first: an endpoint is counted in the first that one of its targets is in.
const STATES: [&str; 17] = [
    "down",
    "drained",
    "refused",
    "unapproved",
    "gated",
    "held",
    "doubted",
    "capped",
    "outvoted",
    "unwatched",
    "forced",
    "draining",
    "returning",
    "ramping",
    "degraded",
    "unproven",
    "unmonitored",
];

/// Counts at the end of the last minute.
#[derive(Default)]
struct LastMinute {
    answers: BTreeMap<String, u64>,
    generation: u64,
    clients: BTreeMap<String, u16>,
}

/// Samples for as long as the server runs.
pub(super) async fn sample(state: State) {
    let mut ticks = interval(MINUTE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = LastMinute::default();
    let mut minutes: u64 = 0;
    // The first tick is at once: it says where counting begins.
    ticks.tick().await;
    before.answers = state.metrics.answers_by_region();
    loop {
        ticks.tick().await;
        let (Some(published), Some(status)) = (state.published.get(), engine_status(&state).await)
        else {
            continue;
        };
        let table = Arc::clone(&published.load());
        let minute = before.minute(&state, &status, table).await;
        state.history.minute(minute);
        if minutes.is_multiple_of(HISTORY_LATENCY_MINUTES) {
            state.history.latency(latencies(&status));
        }
        minutes += 1;
    }
}

impl LastMinute {
    async fn minute(&mut self, state: &State, status: &Status, table: Arc<Table>) -> MinuteSummary {
        let answers = state.metrics.answers_by_region();
        let risen = answers.iter().map(|(region, count)| {
            let before = self.answers.get(region).copied().unwrap_or(0);
            (region.clone(), count.saturating_sub(before))
        });
        let risen = risen.filter(|(_, count)| *count > 0).collect();
        self.answers = answers;
        let generation = table.generation;
        if self.generation != generation {
            let maps = Arc::clone(&state.maps);
            let counted = background::run("clients", move || clients(&maps, &table)).await;
            (self.generation, self.clients) = (generation, counted.unwrap_or_default());
        }
        let mut states: BTreeMap<String, u64> = BTreeMap::new();
        let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
        for endpoint in endpoints {
            *states.entry(worst(endpoint).to_owned()).or_default() += 1;
        }
        MinuteSummary {
            generation,
            answers: risen,
            clients: self.clients.clone(),
            states,
            ..MinuteSummary::default()
        }
    }
}

/// The worst state of an endpoint's targets.
fn worst(endpoint: &EndpointStatus) -> &'static str {
    if endpoint.disabled {
        return "disabled";
    }
    let is_in = |state: &&str| endpoint.targets.iter().any(|own| own.state == **state);
    STATES
        .into_iter()
        .find(|state| is_in(state))
        .unwrap_or("healthy")
}

/// Counts where clients are sent, on the average of the services.
fn clients(maps: &Maps, table: &Table) -> BTreeMap<String, u16> {
    let services = table.plan.services.len().min(SAMPLED);
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut counted = 0;
    for service in (0..services).map(ServiceId::from_index) {
        let clients = maps.clients(table, service);
        let family = Family::ALL.into_iter().find_map(|family| {
            let found = clients.whole(table, (service, family));
            (!found.is_empty()).then_some(found)
        });
        let Some(shares) = family else {
            continue;
        };
        counted += 1;
        for (region, permille) in shares {
            let name = region.map_or("", |id| &table.plan.regions[id.index()].name);
            *sums.entry(name.to_owned()).or_default() += u64::from(permille);
        }
    }
    let shares = sums.into_iter().map(|(region, sum)| {
        let share = (sum + counted / 2).checked_div(counted).unwrap_or(0);
        (region, u16::try_from(share).unwrap_or(1000))
    });
    shares.collect()
}

fn latencies(status: &Status) -> LatencySample {
    let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let took = endpoints.filter_map(|endpoint| {
        let slots = endpoint.targets.iter().flat_map(|own| &own.slots);
        let probed = slots.filter(|slot| slot.age_ms.is_some());
        Some((
            endpoint.name.clone(),
            probed.map(|slot| slot.took_us).max()?,
        ))
    });
    LatencySample {
        took: took.collect(),
        ..LatencySample::default()
    }
}
