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
//! # Blackouts
//! What fell in a blackout ([`super::guard`]) does leave, for falling open serves better than a
//! guess; but it fell with the node's sight. When it rises it waits for its gate, if it has
//! one, and is what it was before, without a ramp and without damping; a ramp goes on at its step.
//! What had never been proven has no such past, and ramps.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Up again; `then` follows when the gate is open.
    Gated {
        then: Resume,
    },
    /// `next` is absent while the gate holds the step.
    Ramping {
        step: u16,
        next: Option<Moment>,
    },
    Down {
        cause: Cause,
        before: Before,
        kept: Option<Kept>,
        blackout: Blackout,
    },
}

/// Whether a target fell because nothing passed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blackout {
    Apart,
    Within,
}

/// What follows when the gate of a target that is up again is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resume {
    /// This step of the ramp.
    Step(u16),
    /// All of it: it was healthy when a blackout took it.
    Full,
}

/// What a target was before it fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Unproven,
    Healthy,
    HealthyForLong,
    Gated { then: Resume },
    Ramping { step: u16 },
}

impl Sight {
    /// Looks at the slots of a target and at those of its gate.
    pub fn of<'s>(
        slots: impl Iterator<Item = (&'s SlotHealth, &'s Monitor)>,
        mut gate: impl Iterator<Item = &'s SlotHealth>,
    ) -> Self {
        let (mut verdict, mut hold) = (Verdict::Up, Span(u64::MAX));
        let mut slots = slots.peekable();
        if slots.peek().is_none() {
            // Nothing watches it, so nothing is ever known of it.
            verdict = Verdict::Unknown;
        }
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
            Phase::Ramping { step, .. }
            | Phase::Gated {
                then: Resume::Step(step),
            } => step,
            Phase::Down { before, .. } => match before.step_mut() {
                Some(step) => step,
                None => return,
            },
            Phase::Unproven | Phase::Healthy | Phase::Gated { .. } => return,
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
            Phase::Gated { .. } => (Permille::NONE, Why::Gated),
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
                ..
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
            Phase::Unproven | Phase::Healthy | Phase::Gated { .. } | Phase::Down { .. } => None,
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
            Phase::Unproven | Phase::Gated { .. } => false,
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
            Phase::Unproven | Phase::Healthy | Phase::Gated { .. } | Phase::Ramping { .. } => None,
        }
    }

    /// Keeps a target that is down at the share that it had; one that had none is not kept.
    pub fn keep(&mut self, why: Kept) {
        if let Phase::Down { before, kept, .. } = &mut self.phase
            && !matches!(before, Before::Gated { .. })
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

    /// Puts its fall down to a blackout, if it is down.
    pub fn excuse(&mut self) {
        if let Phase::Down { blackout, .. } = &mut self.phase {
            *blackout = Blackout::Within;
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
            Phase::Gated { then } => Before::Gated { then },
            Phase::Ramping { step, .. } => Before::Ramping { step },
        };
        self.since = now;
        self.phase = Phase::Down {
            cause,
            before,
            kept: None,
            blackout: Blackout::Apart,
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
            Phase::Down {
                before,
                blackout: Blackout::Within,
                ..
            } if let Some(then) = before.resume() => Phase::Gated { then },
            Phase::Down { before, .. } => {
                self.damping = self.damping.after(before.as_fall());
                let then = Resume::Step(0);
                Phase::Gated { then }
            }
            Phase::Healthy | Phase::Gated { .. } | Phase::Ramping { .. } => return,
        };
        self.since = now;
    }

    fn heed_gate(&mut self, now: Moment, recovery: &Recovery, gate: Gate) {
        match (self.phase, gate) {
            (Phase::Gated { then }, Gate::Open) => {
                self.since = now;
                match then {
                    Resume::Step(step) => self.enter(step, now, recovery),
                    Resume::Full => self.phase = Phase::Healthy,
                }
            }
            (Phase::Ramping { step, next: None }, Gate::Open) => self.enter(step, now, recovery),
            (Phase::Ramping { step, .. }, Gate::Shut) => {
                self.phase = Phase::Ramping { step, next: None };
            }
            (Phase::Gated { .. }, Gate::Shut)
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
            Self::Gated { .. } => Permille::NONE,
            Self::Ramping { step } => share_of(recovery, step),
        }
    }

    fn restored(self) -> Phase {
        match self {
            Self::Unproven | Self::Healthy | Self::HealthyForLong => Phase::Healthy,
            Self::Gated { then } => Phase::Gated { then },
            Self::Ramping { step } => Phase::Ramping { step, next: None },
        }
    }

    /// What it goes on with after a blackout; nothing if it was never proven.
    fn resume(self) -> Option<Resume> {
        match self {
            Self::Unproven => None,
            Self::Healthy | Self::HealthyForLong => Some(Resume::Full),
            Self::Gated { then } => Some(then),
            Self::Ramping { step } => Some(Resume::Step(step)),
        }
    }

    /// The step that it was on, or was to go on with.
    fn step_mut(&mut self) -> Option<&mut u16> {
        match self {
            Self::Ramping { step }
            | Self::Gated {
                then: Resume::Step(step),
            } => Some(step),
            Self::Unproven | Self::Healthy | Self::HealthyForLong | Self::Gated { .. } => None,
        }
    }

    fn as_fall(self) -> Fall {
        match self {
            Self::HealthyForLong => Fall::Rested,
            Self::Ramping { .. } => Fall::Relapse,
            Self::Unproven | Self::Healthy | Self::Gated { .. } => Fall::Early,
        }
    }
}

/// The share of a step; past the last one it is full.
fn share_of(recovery: &Recovery, step: u16) -> Permille {
    let share = recovery.steps.get(usize::from(step));
    share.copied().unwrap_or(Permille::FULL)
}

#[cfg(test)]
mod tests;
