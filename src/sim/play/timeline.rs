//! What happened, line by line: the scenario's events, the engine's notices, and who is sent where.
//!
//! Lines that say the same within a few seconds are one line with a count: an endpoint that dies is
//! told once for each service that watches it in its own way. A play in which something flaps all day
//! has no end of lines; past a bound the rest is only counted.
use serde::Serialize;

use crate::base::{Moment, Permille, Span, Why};
use crate::engine::Notice;
use crate::engine::notice::Sense;

/// Most lines that are kept.
const LINES_MOST: usize = 600;
/// Equal lines within this are one.
const TOGETHER: Span = Span::from_secs(10);
/// How far back equal lines are looked for.
const LOOK_BACK: usize = 40;

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something of the scenario.
    Event,
    /// A notice of the engine.
    Notice,
    /// Clients are sent elsewhere.
    Clients,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Since the start of the play.
    pub at_ms: u64,
    /// What kind of line.
    pub kind: Kind,
    /// What happened.
    pub text: String,
    /// How often, within a few seconds.
    pub times: u32,
}

/// All lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    start: Moment,
    pub(super) lines: Vec<Line>,
    pub(super) left_out: u64,
}

impl Timeline {
    /// Forgets what was before the start.
    pub(super) fn restart(&mut self, start: Moment) {
        *self = Self {
            start,
            ..Self::default()
        };
    }

    /// Tells whether further lines are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= LINES_MOST
    }

    pub(super) fn add(&mut self, now: Moment, kind: Kind, text: String) {
        let at_ms = now.since(self.start).0;
        let is_same = |line: &Line| line.text == text && line.at_ms + TOGETHER.0 >= at_ms;
        let known = self.lines.len().saturating_sub(LOOK_BACK);
        let same = self.lines[known..].iter().rposition(is_same);
        match same {
            Some(place) => self.lines[known + place].times += 1,
            // What the scenario does is always told.
            None if self.is_full_for(kind) => self.left_out += 1,
            None => self.lines.push(Line {
                at_ms,
                kind,
                text,
                times: 1,
            }),
        }
    }

    fn is_full_for(&self, kind: Kind) -> bool {
        self.is_full() && kind != Kind::Event
    }
}

/// A notice in words.
pub(super) fn words(notice: &Notice) -> String {
    match notice {
        Notice::Standing {
            endpoint,
            family,
            from,
            to,
            share_permille,
            ..
        } => {
            let (from, to) = (from.word(), state(*to));
            format!(
                "{endpoint} {family}: {from} -> {to}, share {}",
                Permille(*share_permille)
            )
        }
        Notice::FailOpen {
            service,
            family,
            active,
            clients,
        } => {
            let what = if *active {
                "fails open"
            } else {
                "no longer fails open"
            };
            let whose = clients.prefer.join(", ");
            format!("{service} {family} {what} for clients of {whose}")
        }
        Notice::AllDown {
            service,
            family,
            active,
            clients,
            ..
        } => {
            let what = if *active {
                "has no answer"
            } else {
                "has an answer again"
            };
            let whose = clients.prefer.join(", ");
            format!("{service} {family} {what} for clients of {whose}")
        }
        Notice::Doubt { .. }
        | Notice::Capped { .. }
        | Notice::Overload { .. }
        | Notice::Ordered { .. }
        | Notice::OrderDue { .. }
        | Notice::Reloaded { .. }
        | Notice::Rejected { .. } => of_node(notice),
        Notice::Unwatched {
            monitor,
            address,
            active,
            ..
        } => match active {
            true => format!("{address} is unwatched: no probe of {monitor} could run"),
            false => format!("{address} is watched by {monitor} again"),
        },
        Notice::Address {
            endpoint,
            address,
            left,
            ..
        } => match left {
            true => format!("{endpoint} is answered without {address}"),
            false => format!("{endpoint} is answered with {address} again"),
        },
    }
}

/// A notice that is about no endpoint and no clients.
fn of_node(notice: &Notice) -> String {
    match notice {
        Notice::Doubt {
            active,
            because,
            failing_permille,
        } => {
            let because = match because {
                Sense::MostFail => "most fail at once",
                Sense::CanariesFail => "most canaries fail",
                Sense::NothingPasses => "nothing passes at all",
                Sense::ProbesPass => "probes make sense",
            };
            let failing = Permille(*failing_permille);
            match active {
                true => {
                    format!("the node doubts itself: {because} ({failing} of the targets fail)")
                }
                false => format!(
                    "the node trusts itself again: {because} ({failing} of the targets fail)"
                ),
            }
        }
        Notice::Capped {
            active,
            ejected_permille,
        } => {
            let out = Permille(*ejected_permille);
            match active {
                true => format!("the bound on ejections holds something back; {out} is out"),
                false => format!("the bound on ejections holds nothing back; {out} is out"),
            }
        }
        Notice::Overload {
            service,
            active,
            overload,
            demand_thousandths,
            overloaded_thousandths,
        } => match active {
            true => format!(
                "{service} is overloaded: {} of {} fit nowhere, and follow `{overload}`",
                overloaded_thousandths.div_ceil(1000),
                demand_thousandths.div_ceil(1000)
            ),
            false => format!("{service} fits again"),
        },
        Notice::Ordered {
            endpoints, action, ..
        } => format!("{}: {}", action.word(), endpoints.join(", ")),
        Notice::OrderDue {
            began,
            endpoints,
            action,
            ..
        } => {
            let what = if *began { "begins" } else { "is over" };
            format!("{} {what}: {}", action.word(), endpoints.join(", "))
        }
        Notice::Reloaded {
            kept, new, gone, ..
        } => format!("another plan is in force: {kept} targets kept, {new} new, {gone} gone"),
        Notice::Rejected { reason } => format!("a table was refused by its check: {reason}"),
        Notice::Standing { .. }
        | Notice::FailOpen { .. }
        | Notice::AllDown { .. }
        | Notice::Unwatched { .. }
        | Notice::Address { .. } => {
            unreachable!("told by `words`")
        }
    }
}

fn state(why: Why) -> String {
    match (why, why.cause()) {
        (_, Some(cause)) => format!("{} ({cause})", why.word()),
        (Why::Ramping { step, of }, None) => format!("ramping (step {step} of {of})"),
        (_, None) => why.word().to_owned(),
    }
}

/// A time of the play: `01:02:03.4`.
pub(super) fn clock(ms: u64) -> String {
    let (seconds, tenths) = (ms / 1000, ms % 1000 / 100);
    format!(
        "{:02}:{:02}:{:02}.{tenths}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_within_seconds_are_one() {
        let mut timeline = Timeline::default();
        for (at, text) in [(0, "a"), (1, "b"), (9000, "a"), (30_000, "a")] {
            timeline.add(Moment(at), Kind::Notice, text.to_owned());
        }
        let lines = timeline.lines.iter().map(|line| (line.at_ms, line.times));
        assert_eq!(lines.collect::<Vec<_>>(), [(0, 2), (1, 1), (30_000, 1)]);
    }

    #[test]
    fn past_the_bound_only_events_are_told() {
        let mut timeline = Timeline::default();
        for at in 0..700 {
            timeline.add(Moment(at * 20_000), Kind::Notice, at.to_string());
        }
        timeline.add(Moment(0), Kind::Event, "event".to_owned());
        assert_eq!((timeline.lines.len(), timeline.left_out), (601, 100));
    }

    #[test]
    fn notices_are_told_in_words() {
        let notice = Notice::Capped {
            active: true,
            ejected_permille: 400,
        };
        assert_eq!(
            words(&notice),
            "the bound on ejections holds something back; 40% is out"
        );
    }
}
