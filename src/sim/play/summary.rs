//! What a play comes to, as data.
//!
//! The same scenario, config and seed give the same summary, to the octet: nothing in it is taken
//! from a clock. Its words for a person are in [`super::text`], its pictures in [`super::report`].
//!
//! *Unavailable* is what clients feel behind their caches: the time for which what their resolver
//! holds is dead. Part of a connection lost is that part of the time. *Lost demand* weighs it by
//! what they ask for meanwhile.
use std::collections::BTreeMap;

use serde::Serialize;

use super::accounting::Load;
use super::buckets::{Bucket, by_row};
use super::caches::Cache;
use super::endpoint_timelines::State;
use super::timeline::Line;
use super::{Play, timeline};
use crate::base::{Moment, Permille, Span};

/// What a play comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What the scenario shows.
    pub title: String,
    /// What chance started from.
    pub seed: u64,
    /// How long it played.
    pub duration_ms: u64,
    /// Probes that were started.
    pub probes: u64,
    /// Tables that were published.
    pub tables: u64,
    /// Resolvers, and how often they asked.
    pub resolvers: u64,
    /// Queries that they sent; one that would be told the same again for ever is not counted.
    pub queries: u64,
    /// Demand that was lost, in millionths of all.
    pub lost_ppm: u64,
    /// Answers outside the law of their client's place; promise 2 says none.
    pub fence_breaches: u64,
    /// The first of them.
    pub first_breach: Option<String>,
    /// What clients felt, by service and the region that they prefer.
    pub clients: Vec<Clients>,
    /// The same by class.
    pub classes: Vec<OfClass>,
    /// What regions carried.
    pub regions: Vec<Carried>,
    /// What endpoints carried, and how they stood.
    pub endpoints: Vec<Stood>,
    /// How often clients were sent from one endpoint to another.
    pub moves: Moves,
    /// Endpoints that stopped being answered.
    pub switches: Vec<Stale>,
    /// What happened.
    pub timeline: Vec<Line>,
    /// Lines that were left out of it.
    pub timeline_left_out: u64,
    /// For the pictures.
    #[serde(skip)]
    pub(super) charts: Charts,
}

/// What clients of one service felt who prefer one region.
#[derive(Clone, Debug, Serialize)]
pub struct Clients {
    /// The service.
    pub service: String,
    /// The region; absent for clients who may be sent nowhere.
    pub prefer: Option<String>,
    /// What they felt.
    #[serde(flatten)]
    pub felt: FeltBy,
}

/// What clients of one class of a service felt.
#[derive(Clone, Debug, Serialize)]
pub struct OfClass {
    /// The service.
    pub service: String,
    /// The class, by its number in the service's map.
    pub class: u16,
    /// The regions that the class prefers, best first, in the config that the play began with.
    pub preference: Vec<String>,
    /// What they felt.
    #[serde(flatten)]
    pub felt: FeltBy,
}

/// What some clients felt.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct FeltBy {
    /// Resolvers that stand for them.
    pub resolvers: u64,
    /// For how long one of them was unavailable, on average.
    pub unavailable_ms: u64,
    /// For how long one of them was so without a break, at most.
    pub longest_ms: u64,
    /// Demand that was lost, in millionths of theirs.
    pub lost_ppm: u64,
}

/// What a region carried.
#[derive(Clone, Debug, Serialize)]
pub struct Carried {
    /// Its name.
    pub name: String,
    /// Its part of all demand, in millionths.
    pub part_ppm: u64,
    /// The most that it carried of stated demand, in thousandths of the operator's unit.
    pub peak_thousandths: u64,
    /// What it can carry, in the operator's unit.
    pub capacity: Option<u64>,
    /// For how long it carried more.
    pub overload_ms: u64,
}

/// What an endpoint carried, and how it stood.
#[derive(Clone, Debug, Serialize)]
pub struct Stood {
    /// What it carried.
    #[serde(flatten)]
    pub carried: Carried,
    /// How often it fell out of the answers.
    pub falls: u32,
    /// How often it came back.
    pub returns: u32,
    /// Demand that it served while its data was behind, in millionths of its own.
    pub behind_ppm: u64,
    /// Demand that it served while it was slow, in millionths of its own.
    pub slow_ppm: u64,
}

/// How often clients were sent from one endpoint to another.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Moves {
    /// On average, in thousandths.
    pub mean_thousandths: u64,
    /// At most.
    pub most: u32,
    /// Ramps that there were.
    pub ramps: u32,
    /// The most often that one client was sent to an endpoint within one ramp of it; promise 5 says
    /// once.
    pub most_in_one_ramp: u32,
}

/// An endpoint stopped being answered, and caches named it still.
#[derive(Clone, Debug, Serialize)]
pub struct Stale {
    /// When, since the beginning.
    pub at_ms: u64,
    /// Which.
    pub endpoint: String,
    /// The longest that a cache named it afterwards.
    pub longest_ms: u64,
    /// The longest that TTLs allow.
    pub bound_ms: u64,
}

/// What pictures are drawn from.
#[derive(Clone, Debug, Default)]
pub(super) struct Charts {
    pub(super) start: Moment,
    pub(super) bucket: Span,
    pub(super) buckets: Vec<Bucket>,
    /// By endpoint: states with their beginnings.
    pub(super) timelines: Vec<Vec<(Moment, State, Permille)>>,
    /// The region of each endpoint.
    pub(super) region_of: Vec<usize>,
    /// What the rows of `Bucket::lost` are called.
    pub(super) rows: Vec<String>,
}

impl Summary {
    /// Tells whether a promise was broken: a client was answered from outside its fence, or was moved
    /// more than once by one ramp.
    #[must_use]
    pub fn breaks_a_promise(&self) -> bool {
        self.fence_breaches > 0 || self.moves.most_in_one_ramp > 1
    }
}

/// Sums up a play that is over.
pub(super) fn summarize(play: &Play) -> Summary {
    let felt = felt_by(play);
    let [missed, asked] = play.accounting.groups.iter().fold([0, 0], |sums, own| {
        let parts = [own.missed.sum(play.now), own.asked.sum(play.now)];
        [sums[0] + parts[0], sums[1] + parts[1]]
    });
    let breach = play.caches.first_breach.as_ref();
    Summary {
        title: play.script.scenario.title.clone(),
        seed: play.script.scenario.seed,
        duration_ms: play.script.scenario.duration.0,
        probes: play.world.probes() - play.before.probes,
        tables: play.generation - play.before.generation,
        resolvers: play.caches.caches.len() as u64,
        queries: play.caches.asks,
        lost_ppm: ppm(missed, asked),
        fence_breaches: play.caches.breaches,
        first_breach: breach.map(|breach| {
            let at = timeline::clock(breach.at.since(play.start).0);
            let service = &play.caches.services[breach.service].name;
            let (client, address) = (breach.client, breach.address);
            format!("at {at} {client} was answered {address} for {service}")
        }),
        clients: clients(play, &felt),
        classes: classes(play, &felt),
        regions: play
            .accounting
            .regions
            .iter()
            .map(|load| carried(play, load))
            .collect(),
        endpoints: endpoints(play),
        moves: moves(play),
        switches: switches(play),
        timeline: play.timeline.lines.clone(),
        timeline_left_out: play.timeline.left_out,
        charts: Charts {
            start: play.start,
            bucket: play.buckets.width,
            buckets: play.buckets.list.clone(),
            timelines: play
                .timelines
                .timelines
                .iter()
                .map(|timeline| timeline.states.clone())
                .collect(),
            region_of: play.accounting.regions_of_endpoints().to_vec(),
            rows: play
                .serving
                .rows
                .iter()
                .map(|row| row_name(play, row))
                .collect(),
        },
    }
}

fn row_name(play: &Play, row: &super::serving::Row) -> String {
    let service = &play.caches.services[row.service].name;
    let home = row.home.as_deref().unwrap_or("no region");
    format!("{service} of {home}")
}

/// What the clients of each group felt.
fn felt_by(play: &Play) -> Vec<FeltBy> {
    let groups = play.caches.groups.iter().zip(&play.accounting.groups);
    let felt = groups.map(|(group, felt)| {
        let caches = &play.caches.caches[group.caches.clone()];
        let longest = caches.iter().map(|cache| cache.longest.0).max();
        let lost = felt.lost.sum(play.now) / 1000;
        FeltBy {
            resolvers: felt.clients,
            unavailable_ms: narrow(lost / u128::from(felt.clients.max(1))),
            longest_ms: longest.unwrap_or(0),
            lost_ppm: ppm(felt.missed.sum(play.now), felt.asked.sum(play.now)),
        }
    });
    felt.collect()
}

fn clients(play: &Play, felt: &[FeltBy]) -> Vec<Clients> {
    let lost = by_row(play.now, &play.accounting.groups, &play.serving);
    let rows = play.serving.rows.iter().zip(lost).enumerate();
    let mut all: Vec<Clients> = rows
        .map(|(number, (row, [missed, asked]))| {
            let own = felt.iter().zip(&play.serving.row_of);
            let own = own.filter(|(_, row)| **row == number);
            let (mut sum, mut time) = (FeltBy::default(), 0);
            for (part, _) in own {
                sum.resolvers += part.resolvers;
                time += u128::from(part.unavailable_ms) * u128::from(part.resolvers);
                sum.longest_ms = sum.longest_ms.max(part.longest_ms);
            }
            sum.unavailable_ms = narrow(time / u128::from(sum.resolvers.max(1)));
            sum.lost_ppm = ppm(missed, asked);
            Clients {
                service: play.caches.services[row.service].name.clone(),
                prefer: row.home.clone(),
                felt: sum,
            }
        })
        .collect();
    all.sort_by(|one, other| (&one.service, &one.prefer).cmp(&(&other.service, &other.prefer)));
    all
}

fn classes(play: &Play, felt: &[FeltBy]) -> Vec<OfClass> {
    let groups = play.caches.groups.iter().zip(felt).enumerate();
    let classes = groups.map(|(number, (group, felt))| OfClass {
        service: play.caches.services[group.service].name.clone(),
        class: group.class.0,
        preference: play.preferences[number].clone(),
        felt: *felt,
    });
    classes.collect()
}

fn carried(play: &Play, load: &Load) -> Carried {
    let all: u128 = play
        .accounting
        .regions
        .iter()
        .map(|one| one.all.sum(play.now))
        .sum();
    Carried {
        name: load.name.clone(),
        part_ppm: ppm(load.all.sum(play.now), all),
        peak_thousandths: load.peak / 1000,
        capacity: load.capacity.map(|micro| micro / 1_000_000),
        overload_ms: load.over.0,
    }
}

fn endpoints(play: &Play) -> Vec<Stood> {
    let loads = play
        .accounting
        .endpoints
        .iter()
        .zip(&play.timelines.timelines);
    let stood = loads.map(|(load, timeline)| {
        let (falls, returns) = timeline.falls_and_returns();
        Stood {
            carried: carried(play, load),
            falls,
            returns,
            behind_ppm: ppm(load.behind.sum(play.now), load.all.sum(play.now)),
            slow_ppm: ppm(load.slow.sum(play.now), load.all.sum(play.now)),
        }
    });
    stood.collect()
}

fn moves(play: &Play) -> Moves {
    let caches = &play.caches.caches;
    let most = |count: fn(&Cache) -> u32| caches.iter().map(count).max().unwrap_or(0);
    let sum: u64 = caches.iter().map(|cache| u64::from(cache.moves)).sum();
    Moves {
        mean_thousandths: sum * 1000 / (caches.len() as u64).max(1),
        most: most(|cache| cache.moves),
        ramps: play.timelines.ramps(),
        most_in_one_ramp: most(|cache| cache.moves_in_ramp),
    }
}

fn switches(play: &Play) -> Vec<Stale> {
    let switches = play.timelines.switches.iter();
    let stale = switches.map(|switch| Stale {
        at_ms: switch.at.since(play.start).0,
        endpoint: play.accounting.endpoints[switch.endpoint].name.clone(),
        longest_ms: switch.longest.0,
        bound_ms: switch.bound.0,
    });
    stale.collect()
}

/// How often each line of clients is alike: those who felt nothing, by service.
#[must_use]
pub(super) fn untouched(summary: &Summary) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in summary
        .clients
        .iter()
        .filter(|row| row.felt.unavailable_ms == 0)
    {
        *counts.entry(row.service.as_str()).or_insert(0) += 1;
    }
    counts
}

fn ppm(part: u128, whole: u128) -> u64 {
    narrow(part * 1_000_000 / whole.max(1))
}

fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
