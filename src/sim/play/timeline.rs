//! What happened, line by line: the scenario's events, the engine's notices, and who is sent where.
//!
//! Lines that say the same within a few seconds are one line with a count: an endpoint that dies is
//! told once for each service that watches it in its own way. A play in which something flaps all day
//! has no end of lines; past a bound the rest is only counted.
use serde::Serialize;

use crate::base::{Moment, Span, Why};
use crate::engine::Notice;

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

    /// Whether further lines are only counted.
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
    if let Notice::Standing {
        endpoint,
        family,
        from,
        to,
        share_permille,
        ..
    } = notice
    {
        let share = crate::base::Permille(*share_permille);
        return format!(
            "{endpoint} {family}: {} -> {}, share {share}",
            from.word(),
            state(*to)
        );
    }
    if let Notice::FailOpen {
        service,
        family,
        active,
        clients,
    } = notice
    {
        return format!(
            "{service} {family} {} for clients of {}",
            if *active {
                "fails open"
            } else {
                "no longer fails open"
            },
            clients.prefer.join(", ")
        );
    }
    as_pairs(notice)
}

fn state(why: Why) -> String {
    match (why, why.cause()) {
        (_, Some(cause)) => format!("{} ({cause})", why.word()),
        (Why::Ramping { step, of }, None) => format!("ramping (step {step} of {of})"),
        (_, None) => why.word().to_owned(),
    }
}

/// Any other notice, as its name and fields: `doubt: active true, because most_fail`.
fn as_pairs(notice: &Notice) -> String {
    let value = serde_json::to_value(notice).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    let name = value["event"].as_str().unwrap_or("notice");
    let pairs = fields.filter(|(key, _)| *key != "event" && *key != "digest");
    let pairs: Vec<String> = pairs
        .map(|(key, value)| match value.as_str() {
            Some(text) => format!("{key} {text}"),
            None => format!("{key} {value}"),
        })
        .collect();
    format!("{name}: {}", pairs.join(", "))
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
    fn other_notices_are_told_by_their_fields() {
        let notice = Notice::Capped {
            active: true,
            ejected_permille: 400,
        };
        assert_eq!(words(&notice), "capped: active true, ejected_permille 400");
    }
}
