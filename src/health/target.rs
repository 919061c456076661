//! Slots, gate and ramp together: the standing of a target.
//!
//! ```text
//!            all up                      a slot down
//!  unproven --------> healthy ------------------------------> down
//!                        ^                                     |
//!                        | step of 1000              all up    v
//!                        '--- ramping <---------------------- gated
//!                             |  ^ '- every: next step   gate up
//!                             '--' gate down: step is held
//! ```
//!
//! # Trip conditions
//! A target is down as soon as one of its slots is; from any state, also in the midst of a ramp,
//! which is then lost: the next one starts anew, and [`super::damping`] makes it slower.
//!
//! # Protection on first start
//! A target none of whose slots is down is served in full while some are still unproven, and is
//! healthy as soon as all are up; no ramp, no gate. But a target whose *first* result was a
//! failure and that rises later has a ramp like any other: this node cannot know for how long it
//! was away, and its data may be behind. A slot that turns up in a reload and has no result
//! yet changes nothing.
//!
//! # Recovery conditions
//! All slots up: the target waits for its gate (if it has one) with nothing, then takes the first
//! step at once and each further one after `every`. A gate that fails during the ramp holds it
//! at its step; when it passes again, that step begins anew. The share never falls but by a fall.
//!
//! # Kept ones
//! [`super::guard`] may *keep* a target that is down: it stays down in here, but stands with the
//! share that it had. If it rises before it is let go it is again what it was before, without a ramp:
//! then it never left. Only a fall that took effect counts for damping.
//!
//! It knows neither probes nor weights, and looks at no other target.
use crate::base::{Cause, Moment, Permille, Span, Standing, Why};
use crate::plan::{Monitor, Recovery};

use super::damping::{Damping, Fall};
use super::slot::{SlotHealth, State};

/// What is known of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    phase: Phase,
    since: Moment,
    damping: Damping,
}

/// What all slots of a target say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The slots.
    pub verdict: Verdict,
    /// The gate.
    pub gate: Gate,
    /// The time until one slot could flip at the earliest.
    pub hold: Span,
}

/// What all slots of a target say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None is down, but some have no result yet.
    Unknown,
    /// All are up.
    Up,
    /// At least one is down; the cause is that of the first.
    Down(Cause),
}

/// Whether the gate lets a ramp go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// All its slots are up, or there is none.
    Open,
    /// At least one of its slots is not up.
    Shut,
}

/// Why a target is kept although it is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The node doubts itself.
    Doubted,
    /// Too much has left already.
    Capped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unproven,
    Healthy,
    Gated,
    /// `next` is absent while the gate holds the step.
    Ramping {
        step: u16,
        next: Option<Moment>,
    },
    Down {
        cause: Cause,
        before: Before,
        kept: Option<Kept>,
    },
}

/// What a target was before it fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Unproven,
    Healthy,
    HealthyForLong,
    Gated,
    Ramping { step: u16 },
}

impl Sight {
    /// Looks at the slots of a target and at those of its gate.
    pub fn of<'s>(
        slots: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>,
        mut gate: impl Iterator<Item = &'s SlotHealth>,
    ) -> Self {
        let (mut verdict, mut hold) = (Verdict::Up, Span(u64::MAX));
        for (slot, monitor) in slots {
            hold = hold.min(slot.hold(monitor));
            verdict = match (verdict, slot.state()) {
                (Verdict::Down(cause), _) | (_, State::Down { cause, .. }) => Verdict::Down(cause),
                (_, State::Unproven) => Verdict::Unknown,
                (verdict, State::Up { .. }) => verdict,
            };
        }
        let shut = gate.any(|slot| !matches!(slot.state(), State::Up { .. }));
        Self {
            verdict,
            gate: if shut { Gate::Shut } else { Gate::Open },
            hold,
        }
    }
}

impl TargetHealth {
    /// A target of which nothing is known.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            phase: Phase::Unproven,
            since: now,
            damping: Damping::default(),
        }
    }

    /// Takes the steps that are due, then looks at what the slots say.
    pub fn observe(&mut self, now: Moment, recovery: &Recovery, sight: Sight) {
        self.advance(now, recovery);
        match sight.verdict {
            Verdict::Unknown => {}
            Verdict::Up => self.rise(now),
            Verdict::Down(cause) => self.fall(now, recovery, cause),
        }
        self.heed_gate(now, recovery, sight.gate);
    }

    /// Goes on under another recovery policy (of the same name, after a reload): a ramp
    /// takes the first step that gives it no less than it had.
    pub fn adopt(&mut self, old: &Recovery, new: &Recovery) {
        let place = match &mut self.phase {
            Phase::Ramping { step, .. } => step,
            Phase::Down {
                before: Before::Ramping { step },
                ..
            } => step,
            Phase::Unproven | Phase::Healthy | Phase::Gated | Phase::Down { .. } => return,
        };
        let had = share_of(old, *place);
        let found = new.steps.iter().position(|share| *share >= had);
        let last = new.steps.len().saturating_sub(1);
        *place = u16::try_from(found.unwrap_or(last)).unwrap_or(u16::MAX);
    }

    /// What steering may know. `hold` is that of the last [`Sight`].
    #[must_use]
    pub fn standing(&self, recovery: &Recovery, hold: Span) -> Standing {
        let mut until = None;
        let (share, why) = match self.phase {
            Phase::Unproven => (Permille::FULL, Why::Unproven),
            Phase::Healthy => (Permille::FULL, Why::Healthy),
            Phase::Gated => (Permille::NONE, Why::Gated),
            Phase::Ramping { step, next: None } => (share_of(recovery, step), Why::Gated),
            Phase::Ramping { step, next } => {
                until = next;
                let of = u16::try_from(recovery.steps.len()).unwrap_or(u16::MAX);
                let why = Why::Ramping { step: step + 1, of };
                (share_of(recovery, step), why)
            }
            Phase::Down {
                cause,
                before,
                kept,
            } => match kept {
                None => (Permille::NONE, Why::Down(cause)),
                Some(Kept::Doubted) => (before.share(recovery), Why::Doubted(cause)),
                Some(Kept::Capped) => (before.share(recovery), Why::Capped(cause)),
            },
        };
        Standing {
            share,
            why,
            until,
            hold,
        }
    }

    /// When the next step of its ramp is due.
    #[must_use]
    pub fn next_step(&self) -> Option<Moment> {
        match self.phase {
            Phase::Ramping { next, .. } => next,
            Phase::Unproven | Phase::Healthy | Phase::Gated | Phase::Down { .. } => None,
        }
    }

    /// Since when it is unproven, healthy, gated, ramping or down.
    #[must_use]
    pub fn since(&self) -> Moment {
        self.since
    }

    /// Whether probes have shown that it is up, and it is served: what self-doubt counts.
    #[must_use]
    pub fn is_served_as_proven(&self) -> bool {
        match self.phase {
            Phase::Healthy | Phase::Ramping { .. } => true,
            Phase::Unproven | Phase::Gated => false,
            Phase::Down { kept, .. } => kept.is_some(),
        }
    }

    /// Whether it is down and nobody keeps it.
    #[must_use]
    pub fn is_out(&self) -> bool {
        matches!(self.phase, Phase::Down { kept: None, .. })
    }

    /// Why it is kept, if it is.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        match self.phase {
            Phase::Down { kept, .. } => kept,
            Phase::Unproven | Phase::Healthy | Phase::Gated | Phase::Ramping { .. } => None,
        }
    }

    /// Keeps a target that is down at the share that it had; one that had none is not kept.
    pub fn keep(&mut self, why: Kept) {
        if let Phase::Down { before, kept, .. } = &mut self.phase
            && *before != Before::Gated
        {
            *kept = Some(why);
        }
    }

    /// Lets go of a target that was kept: it is out.
    pub fn release(&mut self) {
        if let Phase::Down { kept, .. } = &mut self.phase {
            *kept = None;
        }
    }

    fn advance(&mut self, now: Moment, recovery: &Recovery) {
        while let Phase::Ramping {
            step,
            next: Some(due),
        } = self.phase
            && due <= now
        {
            self.enter(step + 1, due, recovery);
        }
    }

    /// Takes a step of the ramp; the one of 1000 is its end.
    fn enter(&mut self, step: u16, at: Moment, recovery: &Recovery) {
        if share_of(recovery, step) == Permille::FULL {
            (self.phase, self.since) = (Phase::Healthy, at);
        } else {
            let next = Some(at.after(self.damping.pace(recovery.every)));
            self.phase = Phase::Ramping { step, next };
        }
    }

    fn fall(&mut self, now: Moment, recovery: &Recovery, cause: Cause) {
        let before = match self.phase {
            Phase::Down { .. } => return,
            Phase::Unproven => Before::Unproven,
            Phase::Healthy if now.since(self.since) >= self.ramp_length(recovery) => {
                Before::HealthyForLong
            }
            Phase::Healthy => Before::Healthy,
            Phase::Gated => Before::Gated,
            Phase::Ramping { step, .. } => Before::Ramping { step },
        };
        self.since = now;
        self.phase = Phase::Down {
            cause,
            before,
            kept: None,
        };
    }

    /// All slots are up: what was down waits for its gate, what was kept is what it was.
    fn rise(&mut self, now: Moment) {
        self.phase = match self.phase {
            Phase::Unproven => Phase::Healthy,
            Phase::Down {
                before,
                kept: Some(_),
                ..
            } => before.restored(),
            Phase::Down { before, .. } => {
                self.damping = self.damping.after(before.as_fall());
                Phase::Gated
            }
            Phase::Healthy | Phase::Gated | Phase::Ramping { .. } => return,
        };
        self.since = now;
    }

    fn heed_gate(&mut self, now: Moment, recovery: &Recovery, gate: Gate) {
        match (self.phase, gate) {
            (Phase::Gated, Gate::Open) => {
                self.since = now;
                self.enter(0, now, recovery);
            }
            (Phase::Ramping { step, next: None }, Gate::Open) => self.enter(step, now, recovery),
            (Phase::Ramping { step, .. }, Gate::Shut) => {
                self.phase = Phase::Ramping { step, next: None };
            }
            (Phase::Gated, Gate::Shut)
            | (Phase::Ramping { .. }, Gate::Open)
            | (Phase::Unproven | Phase::Healthy | Phase::Down { .. }, _) => {}
        }
    }

    fn ramp_length(&self, recovery: &Recovery) -> Span {
        let waits = recovery.steps.len().saturating_sub(1) as u64;
        self.damping.pace(recovery.every).times(waits)
    }
}

impl Before {
    fn share(self, recovery: &Recovery) -> Permille {
        match self {
            Self::Unproven | Self::Healthy | Self::HealthyForLong => Permille::FULL,
            Self::Gated => Permille::NONE,
            Self::Ramping { step } => share_of(recovery, step),
        }
    }

    fn restored(self) -> Phase {
        match self {
            Self::Unproven | Self::Healthy | Self::HealthyForLong => Phase::Healthy,
            Self::Gated => Phase::Gated,
            Self::Ramping { step } => Phase::Ramping { step, next: None },
        }
    }

    fn as_fall(self) -> Fall {
        match self {
            Self::HealthyForLong => Fall::Rested,
            Self::Ramping { .. } => Fall::Relapse,
            Self::Unproven | Self::Healthy | Self::Gated => Fall::Early,
        }
    }
}

/// The share of a step; past the last one it is full.
fn share_of(recovery: &Recovery, step: u16) -> Permille {
    let share = recovery.steps.get(usize::from(step));
    share.copied().unwrap_or(Permille::FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Verdict = Verdict::Down(Cause::Refused);

    fn recovery() -> Recovery {
        Recovery {
            name: "gradual".into(),
            steps: vec![Permille(50), Permille(200), Permille(500), Permille(1000)],
            every: Span(100),
            gate: None,
        }
    }

    fn sight(verdict: Verdict, gate: Gate) -> Sight {
        Sight {
            verdict,
            gate,
            hold: Span(9),
        }
    }

    /// Plays a row of (moment, verdict, gate) and gives the words and shares.
    fn play(events: &[(u64, Verdict, Gate)]) -> Vec<(&'static str, u16)> {
        let mut target = TargetHealth::new(Moment(0));
        let play = events.iter().map(|&(at, verdict, gate)| {
            target.observe(Moment(at), &recovery(), sight(verdict, gate));
            let standing = target.standing(&recovery(), Span(9));
            (standing.why.word(), standing.share.0)
        });
        play.collect()
    }

    #[test]
    fn first_results_decide_and_a_late_first_rise_ramps() {
        use Gate::{Open, Shut};
        use Verdict::{Unknown, Up};
        let seen = play(&[(0, Unknown, Shut), (1, Up, Shut), (2, DOWN, Open)]);
        assert_eq!(seen, [("unproven", 1000), ("healthy", 1000), ("down", 0)]);
        let seen = play(&[(0, DOWN, Open), (1, Up, Open)]);
        assert_eq!(seen, [("down", 0), ("ramping", 50)]);
    }

    #[test]
    fn a_ramp_takes_each_step_in_its_time() {
        use Gate::Open;
        use Verdict::Up;
        let seen = play(&[
            (0, DOWN, Open),
            (1000, Up, Open),
            (1099, Up, Open),
            (1100, Up, Open),
            (1199, Up, Open),
            (1200, Up, Open),
            (1299, Up, Open),
            (1300, Up, Open),
        ]);
        let shares: Vec<u16> = seen.iter().map(|(_, share)| *share).collect();
        assert_eq!(shares, [0, 50, 50, 200, 200, 500, 500, 1000]);
        assert_eq!(seen[7].0, "healthy");
        let late = play(&[(0, DOWN, Open), (1000, Up, Open), (1250, Up, Open)]);
        assert_eq!(late[2], ("ramping", 500), "steps missed are caught up");
    }

    #[test]
    fn a_gate_comes_before_the_ramp_and_holds_it() {
        use Gate::{Open, Shut};
        use Verdict::Up;
        let seen = play(&[
            (0, DOWN, Shut),
            (10, Up, Shut),
            (500, Up, Shut),
            (510, Up, Open),
            (610, Up, Open),
            (650, Up, Shut),
            (900, Up, Shut),
            (910, Up, Open),
            (1009, Up, Open),
            (1010, Up, Open),
        ]);
        let expected = [
            ("down", 0),
            ("gated", 0),
            ("gated", 0),
            ("ramping", 50),
            ("ramping", 200),
            ("gated", 200),
            ("gated", 200),
            ("ramping", 200),
            ("ramping", 200),
            ("ramping", 500),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_relapse_starts_anew_and_slower() {
        use Gate::Open;
        use Verdict::Up;
        let seen = play(&[
            (0, DOWN, Open),
            (10, Up, Open),
            (110, Up, Open),
            (120, DOWN, Open),
            (200, Up, Open),
            (399, Up, Open),
            (400, Up, Open),
        ]);
        let shares: Vec<u16> = seen.iter().map(|(_, share)| *share).collect();
        assert_eq!(shares, [0, 50, 200, 0, 50, 50, 200]);
    }

    #[test]
    fn rest_forgives_relapses_only_when_long_enough() {
        use Gate::Open;
        use Verdict::Up;
        for (healthy_for, pace) in [(599, 200), (600, 100)] {
            let mut target = TargetHealth::new(Moment(0));
            let mut at = |moment, verdict| {
                target.observe(Moment(moment), &recovery(), sight(verdict, Open));
                target.next_step()
            };
            at(0, DOWN);
            at(10, Up);
            at(20, DOWN);
            assert_eq!(at(30, Up), Some(Moment(230)));
            assert_eq!(at(630, Up), None);
            at(630 + healthy_for, DOWN);
            assert_eq!(at(2000, Up), Some(Moment(2000 + pace)));
        }
    }

    #[test]
    fn who_was_kept_never_left() {
        let recovery = recovery();
        let up = sight(Verdict::Up, Gate::Open);
        let down = sight(DOWN, Gate::Open);
        let mut target = TargetHealth::new(Moment(0));
        target.observe(Moment(0), &recovery, up);
        target.observe(Moment(10), &recovery, down);
        assert!(target.is_out() && !target.is_served_as_proven());
        target.keep(Kept::Doubted);
        let standing = target.standing(&recovery, Span(9));
        assert_eq!(standing.why, Why::Doubted(Cause::Refused));
        assert_eq!(standing.share, Permille::FULL);
        assert!(target.is_served_as_proven());
        target.observe(Moment(20), &recovery, up);
        assert_eq!(target.standing(&recovery, Span(9)).why, Why::Healthy);
        target.observe(Moment(30), &recovery, down);
        target.keep(Kept::Capped);
        target.release();
        target.observe(Moment(40), &recovery, up);
        assert_eq!(target.standing(&recovery, Span(9)).share, Permille(50));
    }

    #[test]
    fn nothing_is_kept_of_what_waits_for_its_gate() {
        let recovery = recovery();
        let mut target = TargetHealth::new(Moment(0));
        target.observe(Moment(0), &recovery, sight(DOWN, Gate::Shut));
        target.observe(Moment(1), &recovery, sight(Verdict::Up, Gate::Shut));
        target.observe(Moment(2), &recovery, sight(DOWN, Gate::Shut));
        target.keep(Kept::Doubted);
        assert!(target.is_out());
    }

    #[test]
    fn another_curve_never_lowers_a_share() {
        let (old, mut new) = (recovery(), recovery());
        new.steps = vec![Permille(100), Permille(300), Permille(1000)];
        let mut target = TargetHealth::new(Moment(0));
        target.observe(Moment(0), &old, sight(DOWN, Gate::Open));
        target.observe(Moment(1), &old, sight(Verdict::Up, Gate::Open));
        target.observe(Moment(101), &old, sight(Verdict::Up, Gate::Open));
        target.adopt(&old, &new);
        assert_eq!(target.standing(&new, Span(9)).share, Permille(300));
        target.observe(Moment(201), &new, sight(Verdict::Up, Gate::Open));
        assert_eq!(target.standing(&new, Span(9)).share, Permille::FULL);
    }
}
