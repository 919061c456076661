//! The log of what the engine tells: each notice as a line, and many that are alike as one.
//!
//! Which are alike, and when they are told, is decided without a clock ([`crate::engine::bursts`]); here it gets one. A group is as
//! loud as each of its members would be; these stand at the level `debug`.
use tracing::{debug, error, info, warn};

use super::notice_lines::{self, Loudness};
use crate::base::{Moment, Why};
use crate::engine::Notice;
use crate::engine::bursts::{BurstLine, Bursts, GroupKind, TransitionGroup};
use crate::io::history::History;
use crate::io::history::event::TimelineEvent;
use crate::io::log_line::LogList;

/// Notices on their way into the log, and into the timeline.
#[derive(Debug)]
pub(super) struct NoticeLog {
    bursts: Bursts,
    history: History,
}

impl NoticeLog {
    /// A log that has told nothing, beside this timeline.
    pub(super) fn new(history: History) -> Self {
        Self {
            bursts: Bursts::default(),
            history,
        }
    }

    /// Writes a notice of a plan with so many endpoints, now or with others that are alike.
    pub(super) fn tell(&mut self, now: Moment, notice: Notice, endpoints: usize) {
        let told = self.bursts.take(now, notice, endpoints);
        self.write(&told);
    }

    /// Writes what has waited long enough.
    pub(super) fn advance(&mut self, now: Moment) {
        let told = self.bursts.advance(now);
        self.write(&told);
    }

    /// Writes what is left, at the end.
    pub(super) fn flush(&mut self) {
        let told = self.bursts.flush();
        self.write(&told);
    }

    /// The moment at which to call [`NoticeLog::advance`].
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.bursts.wake_at()
    }

    fn write(&self, told: &[BurstLine]) {
        for event in told.iter().filter_map(TimelineEvent::of) {
            self.history.event(event);
        }
        write(told);
    }
}

fn write(told: &[BurstLine]) {
    for told in told {
        match told {
            BurstLine::Alone(notice) => notice_lines::notice(notice),
            BurstLine::Counted(notice) => counted(notice),
            BurstLine::Group(group) => write_group(group),
        }
    }
}

/// A transition that a group counts.
fn counted(notice: &Notice) {
    match notice {
        Notice::Standing { .. } => notice_lines::standing(notice, Loudness::Quiet),
        Notice::Address {
            endpoint,
            region,
            address,
            left,
        } => debug!(
            event = if *left {
                "address_left"
            } else {
                "address_back"
            },
            endpoint, region, address, "counted with others"
        ),
        Notice::Unwatched {
            endpoint,
            region,
            monitor,
            address,
            active,
            age_ms,
        } => debug!(
            event = if *active {
                "unwatched"
            } else {
                "unwatched_over"
            },
            endpoint, region, monitor, address, age_ms, "counted with others"
        ),
        // BurstLine by themselves.
        Notice::FailOpen { .. }
        | Notice::AllDown { .. }
        | Notice::Doubt { .. }
        | Notice::Capped { .. }
        | Notice::Overload { .. }
        | Notice::Ordered { .. }
        | Notice::OrderDue { .. }
        | Notice::Reloaded { .. }
        | Notice::Rejected { .. } => {}
    }
}

fn write_group(group: &TransitionGroup) {
    let TransitionGroup {
        region,
        kind,
        endpoints,
        transitions,
        named,
    } = group;
    let named = named.join(", ");
    let place = region
        .as_ref()
        .map_or_else(String::new, |name| format!(" of {name}"));
    let whose = format!("{endpoints} endpoints{place}");
    macro_rules! line {
        ($level:ident, $event:literal, $text:expr $(, $field:ident = $value:expr)*) => {
            $level!(
                event = $event,
                region,
                endpoints,
                transitions,
                named = ?LogList(&group.named),
                $($field = $value,)*
                "{}",
                $text
            )
        };
    }
    match *kind {
        GroupKind::Standing { to, differ } => {
            let cause = to.cause().map(|cause| {
                if differ {
                    cause.word().to_owned()
                } else {
                    cause.to_string()
                }
            });
            let why = cause
                .as_ref()
                .map_or_else(String::new, |cause| format!(" ({cause})"));
            let text = format!("{whose} {}{why}, {named} among them", now_are(to));
            let state = to.word();
            match notice_lines::loudness(to) {
                Loudness::Error => line!(error, "standings", text, to = state, cause = cause),
                Loudness::Warning => line!(warn, "standings", text, to = state, cause = cause),
                Loudness::Information => line!(info, "standings", text, to = state, cause = cause),
                Loudness::Quiet => line!(debug, "standings", text, to = state, cause = cause),
            }
        }
        GroupKind::Address { left: true } => line!(
            warn,
            "addresses_left",
            format!("addresses of {whose} are down and left out, {named} among them")
        ),
        GroupKind::Address { left: false } => line!(
            info,
            "addresses_back",
            format!("addresses of {whose} are in their answers again, {named} among them")
        ),
        GroupKind::Unwatched { active: true } => line!(
            error,
            "endpoints_unwatched",
            format!(
                "nobody looks at {whose} any more, {named} among them: this node could run no probe of them; what was known of them is answered"
            )
        ),
        GroupKind::Unwatched { active: false } => line!(
            info,
            "endpoints_unwatched_over",
            format!("{whose} are looked at again, {named} among them")
        ),
    }
}

/// The state of several endpoints, for a person.
fn now_are(to: Why) -> &'static str {
    match to {
        Why::Down(_) => "are down",
        Why::Doubted(_) | Why::Capped(_) => "fail but are kept",
        Why::Outvoted(_) => "fail here, and the vantages do not rule them down",
        Why::Held => "are back and held out for a while",
        Why::Unapproved => "are back and wait for `waypost approve`",
        Why::Refused => "are back, and their returns are refused",
        Why::Drained => "are drained: no new answer has them",
        Why::Draining => "are being drained",
        Why::Returning => "return after an order",
        Why::Forced => "are forced by an override",
        Why::Gated => "wait for their gates",
        Why::Ramping { .. } => "are on their ramps",
        Why::Weighted => "follow their weights",
        Why::Degraded => "are slow, and serve a part of their clients",
        Why::Healthy | Why::Unproven | Why::Supposed => "serve in full",
    }
}
