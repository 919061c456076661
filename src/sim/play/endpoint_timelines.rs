//! How each endpoint stood over time: its states, its ramps, and when it stopped being answered.
//!
//! Read from the published tables, because those are what clients are answered from. An endpoint with
//! several targets (services with monitors of their own) is shown by the one that stands worst.
//!
//! From a *stop* (the share of a target falls to nothing) on, no new answer names it; what caches
//! still name it for is measured against what their TTLs allow.
use super::accounting::Accounting;
use crate::base::{Moment, Permille, Span, Standing, TargetId, Why};
use crate::plan::Plan;
use crate::table::Table;

/// Stops of one endpoint's targets within this are one switch.
const ONE_SWITCH: Span = Span::from_secs(10);

/// How an endpoint stands, in the words of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Down, and out of the answers.
    Out,
    /// Taken out by an order, or on the way there.
    Drained,
    /// Back, but waiting: held down, behind its gate, or for an operator's word.
    Waiting,
    /// On its ramp.
    Ramping,
    /// Probes say down, but it is kept: the node doubts itself, or too much has left.
    Kept,
    /// No probe has finished yet.
    Unproven,
    /// Slower than its monitor allows: it serves a part of its clients.
    Degraded,
    /// Healthy.
    Serving,
}

impl State {
    /// As one word, which is its class in the page's style.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Drained => "drained",
            Self::Waiting => "waiting",
            Self::Ramping => "ramping",
            Self::Kept => "kept",
            Self::Unproven => "unproven",
            Self::Degraded => "degraded",
            Self::Serving => "serving",
        }
    }
}

/// The states of one endpoint, each with when it began and with its share.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointTimeline {
    pub(super) states: Vec<(Moment, State, Permille)>,
}

/// One endpoint stopped being answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    pub(super) at: Moment,
    /// Its place in the accounting.
    pub(super) endpoint: usize,
    /// The longest that a cache named it afterwards.
    pub(super) longest: Span,
    /// The longest that its TTL allows.
    pub(super) bound: Span,
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    /// The number of the ramp it is on.
    ramp: Option<u32>,
    /// When it stopped, and which switch that is.
    stopped: Option<(Moment, usize)>,
    share: Permille,
    /// The place of its endpoint in the accounting.
    endpoint: usize,
    /// The longest that its TTL allows an answer to be kept.
    bound: Span,
}

/// How everything stood.
#[derive(Debug, Default)]
pub(super) struct EndpointTimelines {
    tracks: Vec<Track>,
    pub(super) timelines: Vec<EndpointTimeline>,
    pub(super) switches: Vec<Switch>,
    ramps: u32,
    /// Ramps that do not count.
    before: u32,
}

impl EndpointTimelines {
    /// Takes in a plan that is now in force; `bound` gives the longest that answers of a
    /// service are kept.
    pub(super) fn adopt(
        &mut self,
        plan: &Plan,
        accounting: &Accounting,
        bound: impl Fn(Span) -> Span,
    ) {
        let track = |target: &crate::plan::Target| Track {
            endpoint: accounting
                .endpoint(&plan.endpoints[target.endpoint.index()].name)
                .unwrap_or(0),
            ..Track::default()
        };
        self.tracks = plan.targets.iter().map(track).collect();
        for service in &plan.services {
            let pools = service.pools.iter().flatten();
            let members = pools.flat_map(|pool| pool.tiers.iter().flat_map(|tier| &tier.members));
            for member in members {
                let track = &mut self.tracks[member.target.index()];
                track.bound = track.bound.max(bound(service.ttl.max));
            }
        }
        self.timelines
            .resize_with(accounting.endpoints.len(), EndpointTimeline::default);
    }

    /// Takes in a published table.
    pub(super) fn observe(&mut self, now: Moment, table: &Table) {
        let mut worst: Vec<Option<(Permille, State)>> = vec![None; self.timelines.len()];
        for (index, standing) in table.standings.iter().enumerate() {
            self.follow(now, index, standing);
            let own = (standing.share, state(standing.why));
            let seat = &mut worst[self.tracks[index].endpoint];
            *seat = Some(seat.map_or(own, |one| one.min(own)));
        }
        for (timeline, own) in self.timelines.iter_mut().zip(worst) {
            let Some((share, state)) = own else { continue };
            let last = timeline.states.last();
            if last.is_none_or(|(_, old, part)| (*old, *part) != (state, share)) {
                timeline.states.push((now, state, share));
            }
        }
    }

    fn follow(&mut self, now: Moment, index: usize, standing: &Standing) {
        let track = &mut self.tracks[index];
        let was = std::mem::replace(&mut track.share, standing.share);
        track.ramp = match (standing.why, track.ramp) {
            (Why::Ramping { .. }, None) => {
                self.ramps += 1;
                Some(self.ramps)
            }
            (Why::Ramping { .. } | Why::Gated, ramp) => ramp,
            _ => None,
        };
        match (was > Permille::NONE, standing.share > Permille::NONE) {
            (true, false) => {
                let (endpoint, bound) = (track.endpoint, track.bound);
                let switch = self.switch(now, endpoint, bound);
                self.tracks[index].stopped = Some((now, switch));
            }
            (_, true) => track.stopped = None,
            (false, false) => {}
        }
    }

    /// The switch that a stop belongs to.
    fn switch(&mut self, at: Moment, endpoint: usize, bound: Span) -> usize {
        let mut recent = self.switches.iter().enumerate().rev();
        let known = recent
            .find(|(_, one)| one.endpoint == endpoint && at.since(one.at) <= ONE_SWITCH)
            .map(|(place, _)| place);
        if let Some(place) = known {
            self.switches[place].bound = self.switches[place].bound.max(bound);
            return place;
        }
        self.switches.push(Switch {
            at,
            endpoint,
            longest: Span::ZERO,
            bound,
        });
        self.switches.len() - 1
    }

    /// A cache that was answered at `asked` names a target no more.
    pub(super) fn forgotten(&mut self, now: Moment, target: TargetId, asked: Moment) {
        let Some(track) = self.tracks.get(target.index()) else {
            return;
        };
        if let Some((at, switch)) = track.stopped.filter(|(at, _)| asked < *at) {
            let switch = &mut self.switches[switch];
            switch.longest = switch.longest.max(now.since(at));
        }
    }

    /// The ramp that a target is on.
    pub(super) fn ramp(&self, target: TargetId) -> Option<u32> {
        self.tracks.get(target.index()).and_then(|track| track.ramp)
    }

    /// The number of ramps that there were.
    pub(super) fn ramps(&self) -> u32 {
        self.ramps - self.before
    }

    /// Forgets the switches and ramps so far.
    pub(super) fn restart(&mut self) {
        self.switches.clear();
        self.tracks
            .iter_mut()
            .for_each(|track| track.stopped = None);
        self.before = self.ramps;
        for timeline in &mut self.timelines {
            let last = timeline.states.pop();
            timeline.states = last.into_iter().collect();
        }
    }
}

impl EndpointTimeline {
    /// How often it fell out of the answers, and how often it came back.
    pub(super) fn falls_and_returns(&self) -> (u32, u32) {
        let mut counts = (0, 0);
        for pair in self.states.windows(2) {
            match (pair[0].1 == State::Out, pair[1].1 == State::Out) {
                (false, true) => counts.0 += 1,
                (true, false) => counts.1 += 1,
                (true, true) | (false, false) => {}
            }
        }
        counts
    }
}

fn state(why: Why) -> State {
    match why {
        Why::Unproven => State::Unproven,
        Why::Healthy | Why::Weighted => State::Serving,
        Why::Degraded => State::Degraded,
        Why::Held | Why::Gated | Why::Unapproved | Why::Refused => State::Waiting,
        Why::Ramping { .. } => State::Ramping,
        Why::Down(_) | Why::Supposed => State::Out,
        Why::Doubted(_) | Why::Capped(_) | Why::Outvoted(_) => State::Kept,
        Why::Draining | Why::Drained | Why::Returning | Why::Forced => State::Drained,
    }
}
