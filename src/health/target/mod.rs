//! Slots, gates and ramp together: the standing of a target.
//!
//! ```text
//!            all up                      a slot down
//!  unproven --------> healthy -----------------------------------> down
//!                        ^                                          |
//!                        | step of 1000                     all up  v
//!                        '--- ramping <-- unapproved <-- gated <-- held
//!                             |  ^ '- every: next step
//!                             '--' gate down: step is held
//! ```
//!
//! # Trip conditions
//! A target is down as soon as one of its slots is; from any state, also in the midst of a ramp or
//! while it waits for one, which is then lost: the next return starts anew. If clients had to
//! leave, [`super::damping`] makes it slower.
//!
//! # Protection on first start
//! A target none of whose slots is down is served in full while some are still unproven, and is
//! healthy as soon as all are up; no ramp, no gate. But a target whose *first* result was a
//! failure and that rises later has a ramp like any other: this node cannot know for how long it
//! was away, and its data may be behind. A slot that turns up in a reload and has no result
//! yet changes nothing.
//!
//! After a restart a target goes on where it was: held, gated, waiting for an approval, at a step of its ramp.
//! The time in which nobody watched does not count ([`TargetHealth::leave_out`]): a hold lasts that much
//! longer, a step as well, and no earlier fall is forgiven. What was known of its slots may be
//! too old ([`TargetHealth::forget_slots`]); that makes it unproven, not down, but lets no gate and no approval
//! go that was due.
//!
//! # Recovery conditions
//! All slots up: the target waits with nothing, for what its recovery asks, in this order:
//!
//! 1. *held*: it must have been up for the recovery's `delay` and the hold-down of damping;
//! 2. *gated*: each slot of its gates must be up, and have passed `rise` times in a row;
//! 3. *unapproved*: an operator must approve this return, if the recovery says so.
//!
//! A gate that closes while approval is waited for makes it gated again: what holds when the ramp
//! starts is what counts. An approval given early, while it is held or gated, counts; one given while it
//! is down does not, for nobody can vouch for what has not come back. Each return needs
//! an approval of its own: it is spent when the ramp starts, and void when the target falls. A **refusal** keeps it out until it is
//! approved after all, or falls; if its return has begun already, it is taken back at once.
//!
//! Then it takes the first step at once and each further one after `every`. A gate that goes down
//! during the ramp holds it at its step; when it is up again, that step begins anew. The share
//! never falls but by a fall.
//!
//! # Kept ones
//! [`super::guard`] may *keep* a target that is down: it stays down in here, but stands with the
//! share that it had. If it rises before it is let go it is again what it was before, without a ramp:
//! then it never left. Only a fall that took effect counts for damping.
//!
//! # Blackouts
//! What fell in a blackout ([`super::guard`]) does leave, for falling open serves better than a
//! guess; but it fell with the node's sight. When it rises it waits for its gates, if it has any,
//! and is what it was before, without hold-down, approval, ramp or damping; a ramp goes on at its step.
//! What had never been proven, or was on its way back with nothing, has no such past, and begins anew.
//!
//! # Addresses
//! Where several addresses of a family leave one by one (`addresses_down = "address"`), the target is up
//! while one of them is, and [`Evidence::without`] names those that are left out of its answers meanwhile. One that comes
//! back is answered again once its slots are up: it has neither ramp nor damping, and a target with a gate or an
//! approval never has addresses of this kind, for they would come back round it.
//!
//! It knows neither probes nor weights nor orders but for approvals, and looks at no other target.
use serde::{Deserialize, Serialize};

use crate::base::{AddressSet, Cause, Moment, Permille, Span, Standing, Why};
use crate::plan::{Approval, Recovery};

use super::damping::{Damping, Fall};

mod evidence;
mod phase;

pub use evidence::{AddressSlot, Evidence, Gate, Verdict};
pub use phase::KeepReason;
use phase::{Blackout, Phase, PriorPhase, ReturnApproval, Then, WaitingFor, share_of};

/// The health of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    phase: Phase,
    since: Moment,
    damping: Damping,
    /// The moment at which it last went down, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fell: Option<Moment>,
}

/// The effect of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalResult {
    /// The target was on its way back, and is approved now.
    Accepted,
    /// It waits for no approval.
    NotPending,
}

impl TargetHealth {
    /// A target of which nothing is known.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            phase: Phase::Unproven,
            since: now,
            damping: Damping::NONE,
            fell: None,
        }
    }

    /// Takes the steps that are due, then looks at what the slots say.
    pub fn observe(&mut self, now: Moment, recovery: &Recovery, evidence: Evidence) {
        self.observe_since(now, recovery, evidence, now);
    }

    /// The same, where what is up has been up from this moment on, which lies in the past: its return begins then.
    pub fn observe_since(
        &mut self,
        now: Moment,
        recovery: &Recovery,
        evidence: Evidence,
        up_since: Moment,
    ) {
        self.advance(now, recovery);
        match evidence.verdict {
            Verdict::Unknown => {}
            Verdict::Up => self.rise(now, recovery, up_since),
            Verdict::Down(cause) => self.fall(now, cause),
        }
        self.go_on(now, recovery, evidence.gate);
    }

    /// An operator approves its return; what follows is seen at the next look.
    pub fn approve(&mut self, recovery: &Recovery) -> ApprovalResult {
        match &mut self.phase {
            Phase::Waiting {
                then: Then::Anew(approval @ (ReturnApproval::Pending | ReturnApproval::Refused)),
                ..
            } if recovery.approval == Approval::Needed => {
                *approval = ReturnApproval::Granted;
                ApprovalResult::Accepted
            }
            Phase::Unproven
            | Phase::Healthy
            | Phase::Waiting { .. }
            | Phase::Ramping { .. }
            | Phase::Down { .. } => ApprovalResult::NotPending,
        }
    }

    /// An operator refuses its return: it goes no further, and what it had of it is taken back.
    pub fn refuse(&mut self, now: Moment, recovery: &Recovery) -> ApprovalResult {
        let on = match self.phase {
            Phase::Waiting {
                on,
                then: Then::Anew(ReturnApproval::Pending | ReturnApproval::Granted),
            } => on,
            Phase::Ramping { .. } | Phase::Healthy => WaitingFor::Approval,
            Phase::Unproven | Phase::Waiting { .. } | Phase::Down { .. } => {
                return ApprovalResult::NotPending;
            }
        };
        if recovery.approval != Approval::Needed {
            return ApprovalResult::NotPending;
        }
        let then = Then::Anew(ReturnApproval::Refused);
        (self.phase, self.since) = (Phase::Waiting { on, then }, now);
        ApprovalResult::Accepted
    }

    /// Tells that its return has begun and not ended: it waits, or is on its ramp.
    #[must_use]
    pub fn is_returning(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. } | Phase::Ramping { .. })
    }

    /// Tells that an approval would be [`ApprovalResult::Accepted`].
    #[must_use]
    pub fn is_awaiting_approval(&self, recovery: &Recovery) -> bool {
        self.clone().approve(recovery) == ApprovalResult::Accepted
    }

    /// Goes on under another recovery policy (of the same name, after a reload): a ramp
    /// takes the first step that gives it no less than it had.
    pub fn adopt(&mut self, old: &Recovery, new: &Recovery) {
        let Some(place) = self.phase.step_mut() else {
            return;
        };
        let had = share_of(old, *place);
        let found = new.steps.iter().position(|share| *share >= had);
        let last = new.steps.len().saturating_sub(1);
        *place = u16::try_from(found.unwrap_or(last)).unwrap_or(u16::MAX);
    }

    /// Leaves so much time out of account, in which nobody watched: no hold ends by it, no step is taken and no
    /// earlier fall is forgiven.
    pub fn leave_out(&mut self, time: Span) {
        self.phase.leave_out(time);
        self.damping.leave_out(time);
        self.since = self.since.after(time);
    }

    /// Forgets what its slots said, which is too old: it is not down any more, and not proven. A gate or an
    /// approval that was due before it may serve again is due still, and a ramp stays at its step.
    pub fn forget_slots(&mut self, now: Moment, recovery: &Recovery) {
        let is_due = !recovery.gates.is_empty() || recovery.approval == Approval::Needed;
        let phase = self.phase.without_slots(is_due);
        if phase != self.phase {
            (self.phase, self.since) = (phase, now);
        }
    }

    /// The standing that steering may know. `hold` is that of the last [`Evidence`].
    #[must_use]
    pub fn standing(&self, recovery: &Recovery, hold: Span) -> Standing {
        let (share, why) = match self.phase {
            Phase::Unproven => (Permille::FULL, Why::Unproven),
            Phase::Healthy => (Permille::FULL, Why::Healthy),
            Phase::Waiting { on, then } => (Permille::NONE, on.why(recovery, then)),
            Phase::Ramping { step, next: None } => (share_of(recovery, step), Why::Gated),
            Phase::Ramping { step, .. } => {
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
                Some(KeepReason::Doubted) => (before.share(recovery), Why::Doubted(cause)),
                Some(KeepReason::Capped) => (before.share(recovery), Why::Capped(cause)),
            },
        };
        Standing {
            share,
            why,
            until: self.next_step(),
            hold,
            without: AddressSet::EMPTY,
        }
    }

    /// The moment at which the next step of its ramp is due, or its hold-down ends.
    #[must_use]
    pub fn next_step(&self) -> Option<Moment> {
        match self.phase {
            Phase::Ramping { next, .. } => next,
            Phase::Waiting {
                on: WaitingFor::Time { until },
                ..
            } => Some(until),
            Phase::Unproven | Phase::Healthy | Phase::Waiting { .. } | Phase::Down { .. } => None,
        }
    }

    /// Since when it is unproven, healthy, waiting for the same, ramping or down.
    #[must_use]
    pub fn since(&self) -> Moment {
        self.since
    }

    /// The moment at which it last went down, if that is known.
    #[must_use]
    pub fn fell(&self) -> Option<Moment> {
        self.fell
    }

    /// Tells that probes have shown that it is up, and it is served: what self-doubt counts.
    #[must_use]
    pub fn is_served_as_proven(&self) -> bool {
        match self.phase {
            Phase::Healthy | Phase::Ramping { .. } => true,
            Phase::Unproven | Phase::Waiting { .. } => false,
            Phase::Down { kept, .. } => kept.is_some(),
        }
    }

    /// Tells that probes say down, whether it is kept or not.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self.phase, Phase::Down { .. })
    }

    /// Tells that it is down and nobody keeps it.
    #[must_use]
    pub fn is_out(&self) -> bool {
        matches!(self.phase, Phase::Down { kept: None, .. })
    }

    /// Tells that it is down and had a share when it fell.
    #[must_use]
    pub fn fell_from_service(&self) -> bool {
        match self.phase {
            Phase::Down { before, .. } => !matches!(before, PriorPhase::Waiting { .. }),
            Phase::Unproven | Phase::Healthy | Phase::Waiting { .. } | Phase::Ramping { .. } => {
                false
            }
        }
    }

    /// What the probes say, as it counts here.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.phase {
            Phase::Unproven => Verdict::Unknown,
            Phase::Healthy | Phase::Waiting { .. } | Phase::Ramping { .. } => Verdict::Up,
            Phase::Down { cause, .. } => Verdict::Down(cause),
        }
    }

    /// Why it is kept, if it is.
    #[must_use]
    pub fn kept(&self) -> Option<KeepReason> {
        match self.phase {
            Phase::Down { kept, .. } => kept,
            Phase::Unproven | Phase::Healthy | Phase::Waiting { .. } | Phase::Ramping { .. } => {
                None
            }
        }
    }

    /// Keeps a target that is down at the share that it had; one that had none is not kept.
    pub fn keep(&mut self, why: KeepReason) {
        if let Phase::Down { before, kept, .. } = &mut self.phase
            && !matches!(before, PriorPhase::Waiting { .. })
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
    pub fn attribute_to_outage(&mut self) {
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

    fn fall(&mut self, now: Moment, cause: Cause) {
        let Some(before) = self.phase.before_fall() else {
            return;
        };
        (self.since, self.fell) = (now, Some(now));
        self.phase = Phase::Down {
            cause,
            before,
            kept: None,
            blackout: Blackout::Isolated,
        };
    }

    /// All slots are up: what was kept is what it was, what was down waits to come back.
    fn rise(&mut self, now: Moment, recovery: &Recovery, up_since: Moment) {
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
            } if let Some(then) = before.resume() => Phase::Waiting {
                on: WaitingFor::Gate,
                then,
            },
            Phase::Down {
                before, blackout, ..
            } => {
                let since = up_since.clamp(self.since.min(now), now);
                self.come_back(now, recovery, (before, blackout), since)
            }
            Phase::Healthy | Phase::Waiting { .. } | Phase::Ramping { .. } => return,
        };
        self.since = now;
    }

    /// The return starts anew: for how long it is held down depends on how it fell.
    fn come_back(
        &mut self,
        now: Moment,
        recovery: &Recovery,
        (before, blackout): (PriorPhase, Blackout),
        up_since: Moment,
    ) -> Phase {
        let fall = match (before, blackout) {
            (PriorPhase::Healthy | PriorPhase::Ramping { .. }, Blackout::Isolated) => {
                Fall::Counts(self.since)
            }
            (PriorPhase::Unproven | PriorPhase::Waiting { .. }, _) | (_, Blackout::Within) => {
                Fall::Slight
            }
        };
        self.damping.returns(&recovery.damping, fall, now);
        let hold_down = self.damping.hold_down(recovery.every);
        Phase::Waiting {
            on: WaitingFor::Time {
                until: up_since.after(hold_down).after(recovery.delay),
            },
            then: Then::Anew(ReturnApproval::Pending),
        }
    }

    /// Waits no longer than it must; holds the ramp while a gate is down.
    fn go_on(&mut self, now: Moment, recovery: &Recovery, gate: Gate) {
        match (self.phase, gate) {
            (Phase::Waiting { on, then }, _) => match next_wait(now, recovery, gate, (on, then)) {
                Some(next) if next == on => {}
                Some(on) => (self.phase, self.since) = (Phase::Waiting { on, then }, now),
                None => {
                    self.start(on.ended(now, recovery), recovery, then);
                    self.advance(now, recovery);
                }
            },
            (Phase::Ramping { step, next: None }, Gate::Open | Gate::Unproven) => {
                self.enter(step, now, recovery);
            }
            (Phase::Ramping { step, .. }, Gate::Shut) => {
                self.phase = Phase::Ramping { step, next: None };
            }
            (Phase::Ramping { .. }, Gate::Open | Gate::Unproven)
            | (Phase::Unproven | Phase::Healthy | Phase::Down { .. }, _) => {}
        }
    }

    /// Nothing is waited for any more, from this moment on.
    fn start(&mut self, now: Moment, recovery: &Recovery, then: Then) {
        self.since = now;
        match then {
            Then::Anew(_) => self.enter(0, now, recovery),
            Then::Step(step) => self.enter(step, now, recovery),
            Then::Full => self.phase = Phase::Healthy,
        }
    }
}

impl WaitingFor {
    fn why(self, recovery: &Recovery, then: Then) -> Why {
        match self {
            _ if needs_word(recovery, then) && then == Then::Anew(ReturnApproval::Refused) => {
                Why::Refused
            }
            Self::Time { .. } => Why::Held,
            Self::Gate => Why::Gated,
            Self::Approval => Why::Unapproved,
        }
    }

    /// The moment at which the waiting was over: the same on every node where nothing but time was waited for.
    fn ended(self, now: Moment, recovery: &Recovery) -> Moment {
        let is_free = recovery.gates.is_empty() && recovery.approval != Approval::Needed;
        match self {
            Self::Time { until } if is_free => until.min(now),
            Self::Time { .. } | Self::Gate | Self::Approval => now,
        }
    }
}

/// What a target that is up again has to wait for now, if for anything.
fn next_wait(
    now: Moment,
    recovery: &Recovery,
    gate: Gate,
    (on, then): (WaitingFor, Then),
) -> Option<WaitingFor> {
    match (on, gate) {
        (WaitingFor::Time { until }, _) if until > now => Some(on),
        (_, Gate::Shut | Gate::Unproven) => Some(WaitingFor::Gate),
        (_, Gate::Open) => needs_word(recovery, then).then_some(WaitingFor::Approval),
    }
}

/// Tells that a return goes no further without an operator's approval.
fn needs_word(recovery: &Recovery, then: Then) -> bool {
    let is_approved = match then {
        Then::Anew(approval) => approval == ReturnApproval::Granted,
        Then::Step(_) | Then::Full => true,
    };
    recovery.approval == Approval::Needed && !is_approved
}

#[cfg(test)]
mod tests;
