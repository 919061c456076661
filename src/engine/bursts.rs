//! Transitions in proportion: of many within a second, one line for each region and cause.
//!
//! ```text
//!              up to 50 endpoints            the 51st                    a second after the first
//! transition --------------------> held ------------------> counted ---------------------------------> a line for each
//!                                    |      what was held too            region and cause, with a count
//!                                    '--> a second after the first: each by itself
//! ```
//!
//! # When lines are gathered
//! Where there are more than [`BURST_ENDPOINTS`] endpoints: a second has to pass before it is known whether many follow, so the line of
//! a single transition comes up to a second after it. With fewer endpoints than that there is nothing to wait for.
//!
//! # First results
//! What was unproven gets its first result after every start, one endpoint after the other. Those lines are gathered apart
//! for as long as more keep coming, [`BURST_FIRST`] at most, so that a start has one for each region and cause.
//!
//! # What is not gathered
//! What concerns a service or the node (nothing is healthy, a doubt, an order) is told at once. Metrics, the timeline and
//! whoever looks on get each single transition as it is.
//!
//! It knows neither how a line reads nor where it goes, and no clock.
use std::collections::{BTreeMap, BTreeSet};

use super::Notice;
use crate::base::limits::{BURST_ENDPOINTS, BURST_FIRST, BURST_NAMED, BURST_WINDOW};
use crate::base::{Cause, Moment, Span, Why};

/// Notices on their way into a log.
#[derive(Debug)]
pub struct Bursts {
    /// Changes of what was known, and first results.
    windows: [BurstWindow; 2],
}

/// Something to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BurstLine {
    /// A notice by itself.
    Alone(Notice),
    /// A notice that a group counts: for whoever wants to read every single one.
    Counted(Notice),
    /// Many alike.
    Group(TransitionGroup),
}

/// Transitions of several endpoints that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionGroup {
    /// The region; absent for canaries.
    pub region: Option<String>,
    /// The change that they have in common.
    pub kind: GroupKind,
    /// The number of endpoints.
    pub endpoints: usize,
    /// The number of transitions; there may be one for each family, address or set of monitors.
    pub transitions: usize,
    /// The first of the endpoints.
    pub named: Vec<String>,
}

/// The change that the transitions of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// A target went to a state; the value of the first, where others differ by a number.
    Standing {
        /// The state.
        to: Why,
        /// Tells whether they have causes that one word stands for, but not one text.
        differ: bool,
    },
    /// An address left its endpoint's answers alone, or came back.
    Address {
        /// Tells whether it is left out now.
        left: bool,
    },
    /// Nobody looks at a slot, or somebody does again.
    Unwatched {
        /// Tells whether it is so now.
        active: bool,
    },
}

/// The things in which transitions are alike: the kind and its state, the cause, the region.
type Likeness = (&'static str, Option<&'static str>, Option<String>);

/// Transitions since one moment.
#[derive(Debug)]
struct BurstWindow {
    /// Time for which it stays open after the last.
    pause: Pause,
    since: Option<(Moment, Moment)>,
    held: Vec<Notice>,
    endpoints: BTreeSet<String>,
    /// Nothing until there are too many.
    groups: BTreeMap<Likeness, Counting>,
}

/// The time after which a window closes.
#[derive(Clone, Copy, Debug)]
enum Pause {
    /// This long after the first.
    AfterFirst(Span),
    /// This long after the last, but no longer after the first than that.
    AfterLast(Span, Span),
}

/// A group in the making.
#[derive(Debug)]
struct Counting {
    first: Notice,
    group: TransitionGroup,
    endpoints: BTreeSet<String>,
}

impl Default for Bursts {
    fn default() -> Self {
        Self {
            windows: [
                BurstWindow::new(Pause::AfterFirst(BURST_WINDOW)),
                BurstWindow::new(Pause::AfterLast(BURST_WINDOW, BURST_FIRST)),
            ],
        }
    }
}

impl Bursts {
    /// Takes in a notice of a plan with so many endpoints, and says what is to be written now.
    pub fn take(&mut self, now: Moment, notice: Notice, endpoints: usize) -> Vec<BurstLine> {
        let mut told = self.advance(now);
        match Transition::of(&notice) {
            Some(_) if endpoints > BURST_ENDPOINTS => {
                let [changes, first_results] = &mut self.windows;
                let window = if is_first_result(&notice) {
                    first_results
                } else {
                    changes
                };
                told.extend(window.take(now, notice));
            }
            _ => told.push(BurstLine::Alone(notice)),
        }
        told
    }

    /// Says what is to be written by now.
    pub fn advance(&mut self, now: Moment) -> Vec<BurstLine> {
        let due = self.windows.iter_mut();
        let due = due.filter(|window| window.due().is_some_and(|due| due <= now));
        due.flat_map(BurstWindow::close).collect()
    }

    /// Says what has been waiting, at the end.
    pub fn flush(&mut self) -> Vec<BurstLine> {
        self.windows
            .iter_mut()
            .flat_map(BurstWindow::close)
            .collect()
    }

    /// The moment at which to call [`Bursts::advance`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        self.windows.iter().filter_map(BurstWindow::due).min()
    }
}

impl BurstWindow {
    fn new(pause: Pause) -> Self {
        Self {
            pause,
            since: None,
            held: Vec::new(),
            endpoints: BTreeSet::new(),
            groups: BTreeMap::new(),
        }
    }

    fn due(&self) -> Option<Moment> {
        let (first, last) = self.since?;
        Some(match self.pause {
            Pause::AfterFirst(most) => first.after(most),
            Pause::AfterLast(pause, most) => last.after(pause).min(first.after(most)),
        })
    }

    fn take(&mut self, now: Moment, notice: Notice) -> Vec<BurstLine> {
        let first = self.since.map_or(now, |(first, _)| first);
        self.since = Some((first, now));
        if !self.groups.is_empty() {
            return vec![self.count(notice)];
        }
        let endpoint = Transition::of(&notice).and_then(|one| one.endpoint);
        self.endpoints.extend(endpoint.map(str::to_owned));
        self.held.push(notice);
        if self.endpoints.len() <= BURST_ENDPOINTS {
            return Vec::new();
        }
        let held = std::mem::take(&mut self.held).into_iter();
        held.map(|notice| self.count(notice)).collect()
    }

    fn count(&mut self, notice: Notice) -> BurstLine {
        let Some(transition) = Transition::of(&notice) else {
            return BurstLine::Alone(notice);
        };
        let counting = self.groups.entry(transition.likeness());
        counting
            .or_insert_with(|| Counting::of(&notice, &transition))
            .add(&transition);
        BurstLine::Counted(notice)
    }

    fn close(&mut self) -> Vec<BurstLine> {
        self.since = None;
        self.endpoints.clear();
        let held = std::mem::take(&mut self.held).into_iter();
        let groups = std::mem::take(&mut self.groups).into_values();
        held.map(BurstLine::Alone)
            .chain(groups.map(Counting::finish))
            .collect()
    }
}

impl Counting {
    fn of(first: &Notice, transition: &Transition<'_>) -> Self {
        Self {
            first: first.clone(),
            group: TransitionGroup {
                region: transition.region.map(str::to_owned),
                kind: transition.kind,
                endpoints: 0,
                transitions: 0,
                named: Vec::new(),
            },
            endpoints: BTreeSet::new(),
        }
    }

    fn add(&mut self, transition: &Transition<'_>) {
        self.group.transitions += 1;
        if let Some(name) = transition.endpoint
            && self.endpoints.insert(name.to_owned())
            && self.group.named.len() < BURST_NAMED
        {
            self.group.named.push(name.to_owned());
        }
        if let (GroupKind::Standing { to, differ }, GroupKind::Standing { to: other, .. }) =
            (&mut self.group.kind, transition.kind)
        {
            *differ |= to.cause() != other.cause();
        }
    }

    /// The line that came of it; one transition is told by itself.
    fn finish(mut self) -> BurstLine {
        if self.group.transitions == 1 {
            return BurstLine::Alone(self.first);
        }
        self.group.endpoints = self.endpoints.len();
        BurstLine::Group(self.group)
    }
}

/// A transition of an endpoint taken apart.
struct Transition<'n> {
    kind: GroupKind,
    endpoint: Option<&'n str>,
    region: Option<&'n str>,
}

impl<'n> Transition<'n> {
    /// Nothing for what is no such transition.
    fn of(notice: &'n Notice) -> Option<Self> {
        let (kind, endpoint, region) = match notice {
            Notice::Standing {
                endpoint,
                region,
                to,
                ..
            } => {
                let (to, differ) = (*to, false);
                (
                    GroupKind::Standing { to, differ },
                    Some(endpoint),
                    Some(region),
                )
            }
            Notice::Address {
                endpoint,
                region,
                left,
                ..
            } => (
                GroupKind::Address { left: *left },
                Some(endpoint),
                Some(region),
            ),
            Notice::Unwatched {
                endpoint,
                region,
                active,
                ..
            } => {
                let active = *active;
                (
                    GroupKind::Unwatched { active },
                    endpoint.as_ref(),
                    region.as_ref(),
                )
            }
            Notice::FailOpen { .. }
            | Notice::AllDown { .. }
            | Notice::Doubt { .. }
            | Notice::Capped { .. }
            | Notice::Overload { .. }
            | Notice::Ordered { .. }
            | Notice::OrderDue { .. }
            | Notice::Reloaded { .. }
            | Notice::Rejected { .. } => return None,
        };
        Some(Self {
            kind,
            endpoint: endpoint.map(String::as_str),
            region: region.map(String::as_str),
        })
    }

    fn likeness(&self) -> Likeness {
        let (word, cause) = match self.kind {
            GroupKind::Standing { to, .. } => (to.word(), to.cause().map(Cause::word)),
            GroupKind::Address { left: true } => ("address_left", None),
            GroupKind::Address { left: false } => ("address_back", None),
            GroupKind::Unwatched { active: true } => ("unwatched", None),
            GroupKind::Unwatched { active: false } => ("unwatched_over", None),
        };
        (word, cause, self.region.map(str::to_owned))
    }
}

fn is_first_result(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Standing {
            from: Why::Unproven,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Why = Why::Down(Cause::Refused);

    fn standing(endpoint: usize, region: &str, from: Why, to: Why) -> Notice {
        Notice::Standing {
            endpoint: format!("e{endpoint}"),
            region: region.to_owned(),
            provider: "own".to_owned(),
            family: "v4",
            monitors: "web".to_owned(),
            gate: None,
            from,
            to,
            share_permille: 0,
            vantages: None,
        }
    }

    fn fall(endpoint: usize) -> Notice {
        standing(endpoint, "eu", Why::Healthy, REFUSED)
    }

    /// The lines about falls at these moments, one endpoint each, in a plan of a thousand.
    fn falls(bursts: &mut Bursts, moments: impl IntoIterator<Item = u64>) -> Vec<BurstLine> {
        let moments = moments.into_iter().enumerate();
        let told = moments.flat_map(|(number, at)| bursts.take(Moment(at), fall(number), 1000));
        told.collect()
    }

    fn groups(told: &[BurstLine]) -> Vec<(Option<&str>, &'static str, usize, usize)> {
        let groups = told.iter().filter_map(|told| match told {
            BurstLine::Group(group) => Some(group),
            BurstLine::Alone(_) | BurstLine::Counted(_) => None,
        });
        let rows = groups.map(|group| {
            let word = match group.kind {
                GroupKind::Standing { to, .. } => to.cause().map_or(to.word(), Cause::word),
                GroupKind::Address { .. } => "address",
                GroupKind::Unwatched { .. } => "unwatched",
            };
            (
                group.region.as_deref(),
                word,
                group.endpoints,
                group.transitions,
            )
        });
        rows.collect()
    }

    #[test]
    fn fifty_within_a_second_are_told_one_by_one() {
        let mut bursts = Bursts::default();
        assert_eq!(falls(&mut bursts, [500; 50]), []);
        assert_eq!(bursts.wake_at(), Some(Moment(1500)));
        assert_eq!(bursts.advance(Moment(1499)), []);
        let told = bursts.advance(Moment(1500));
        let alone: Vec<BurstLine> = (0..50)
            .map(|number| BurstLine::Alone(fall(number)))
            .collect();
        assert_eq!(told, alone);
        assert_eq!(bursts.wake_at(), None);
    }

    #[test]
    fn one_more_is_a_group_and_each_is_counted_once() {
        let mut bursts = Bursts::default();
        let told = falls(&mut bursts, [0; 51]);
        let counted: Vec<BurstLine> = (0..51)
            .map(|number| BurstLine::Counted(fall(number)))
            .collect();
        assert_eq!(told, counted);
        let twice = bursts.take(Moment(999), fall(7), 1000);
        assert_eq!(twice, [BurstLine::Counted(fall(7))]);
        let told = bursts.advance(Moment(1000));
        assert_eq!(groups(&told), [(Some("eu"), "refused", 51, 52)]);
        let BurstLine::Group(group) = &told[0] else {
            panic!("{told:?}");
        };
        assert_eq!(group.named, ["e0", "e1", "e2"]);
        assert_eq!(bursts.flush(), []);
    }

    #[test]
    fn fifty_one_over_more_than_a_second_are_no_burst() {
        let mut bursts = Bursts::default();
        let told = falls(&mut bursts, (0..102).map(|number| number * 20));
        assert!(told.iter().all(|told| matches!(told, BurstLine::Alone(_))));
        assert_eq!(told.len() + bursts.flush().len(), 102);
    }

    #[test]
    fn there_is_one_group_for_each_region_and_cause() {
        let mut bursts = Bursts::default();
        for number in 0..400 {
            let region = ["eu", "na"][number % 2];
            let to = match number {
                0 => Why::Down(Cause::Body),
                1..200 => REFUSED,
                200..300 => Why::Down(Cause::Status(500)),
                _ => Why::Down(Cause::Status(503)),
            };
            let notice = standing(number, region, Why::Healthy, to);
            drop(bursts.take(Moment(3), notice, 1000));
        }
        let told = bursts.flush();
        assert_eq!(
            groups(&told),
            [
                (Some("eu"), "refused", 99, 99),
                (Some("na"), "refused", 100, 100),
                (Some("eu"), "status", 100, 100),
                (Some("na"), "status", 100, 100),
            ]
        );
        // One of its kind reads as ever.
        let alone = standing(0, "eu", Why::Healthy, Why::Down(Cause::Body));
        assert_eq!(told[0], BurstLine::Alone(alone));
        let differ = |told: &BurstLine| {
            matches!(
                told,
                BurstLine::Group(TransitionGroup {
                    kind: GroupKind::Standing { differ: true, .. },
                    ..
                })
            )
        };
        let differing = told.iter().filter(|told| differ(told)).count();
        assert_eq!(differing, 2, "{told:?}");
    }

    #[test]
    fn first_results_are_one_group_for_as_long_as_they_keep_coming() {
        let mut bursts = Bursts::default();
        let mut told = Vec::new();
        for number in 0..500 {
            let notice = standing(number, "eu", Why::Unproven, Why::Healthy);
            told.extend(bursts.take(Moment(number as u64 * 10), notice, 1000));
        }
        assert_eq!(groups(&told), []);
        assert_eq!(bursts.wake_at(), Some(Moment(5990)));
        // A fall meanwhile is not held up by them.
        drop(bursts.take(Moment(5000), fall(3), 1000));
        let fell = bursts.advance(Moment(5989));
        assert_eq!(fell, []);
        let all = bursts.advance(Moment(6000));
        assert_eq!(groups(&all), [(Some("eu"), "healthy", 500, 500)]);
        assert!(all.contains(&BurstLine::Alone(fall(3))));
    }

    #[test]
    fn first_results_without_an_end_are_told_after_ten_seconds() {
        let mut bursts = Bursts::default();
        let mut at = Vec::new();
        for number in 0..2_500_usize {
            let now = Moment(number as u64 * 10);
            let notice = standing(number, "eu", Why::Unproven, Why::Healthy);
            let told = bursts.take(now, notice, 5000);
            at.extend(groups(&told).iter().map(|(_, _, count, _)| (now.0, *count)));
        }
        assert_eq!(at, [(10_000, 1000), (20_000, 1000)]);
    }

    #[test]
    fn small_plans_and_other_notices_wait_for_nothing() {
        let mut bursts = Bursts::default();
        assert_eq!(
            bursts.take(Moment(0), fall(1), BURST_ENDPOINTS),
            [BurstLine::Alone(fall(1))]
        );
        drop(falls(&mut bursts, [0; 60]));
        let rejected = Notice::Rejected {
            reason: String::new(),
        };
        assert_eq!(
            bursts.take(Moment(0), rejected.clone(), 1000),
            [BurstLine::Alone(rejected)]
        );
    }
}
