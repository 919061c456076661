//! The phase of a target, as data. What leads from one phase to the next is decided one
//! floor up, in [`super`].
use serde::{Deserialize, Serialize};

use crate::base::{Cause, Moment, Permille, Span};
use crate::plan::Recovery;

/// The reason why a target is kept although it is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepReason {
    /// The node doubts itself.
    Doubted,
    /// Too much has left already.
    Capped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Unproven,
    Healthy,
    /// Up again, with nothing yet; `then` follows when nothing is waited for any more.
    Waiting {
        on: WaitingFor,
        then: Then,
    },
    /// `next` is absent while the gate holds the step.
    Ramping {
        step: u16,
        next: Option<Moment>,
    },
    Down {
        cause: Cause,
        before: PriorPhase,
        kept: Option<KeepReason>,
        blackout: Blackout,
    },
}

/// The thing that a target that is up again waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WaitingFor {
    Time { until: Moment },
    Gate,
    Approval,
}

/// The phase that follows the waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Then {
    /// The first step of the ramp.
    Anew(ReturnApproval),
    /// This step of the ramp: it was there when a blackout took it.
    Step(u16),
    /// All of it: it was healthy when a blackout took it.
    Full,
}

/// The operator's approval of this return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReturnApproval {
    Pending,
    Granted,
    Refused,
}

/// The relation of a fall to a blackout: a target fell by itself, or because nothing passed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Blackout {
    Isolated,
    Within,
}

/// The phase of a target before it fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PriorPhase {
    Unproven,
    Healthy,
    Waiting { then: Then },
    Ramping { step: u16 },
}

impl Phase {
    /// The phase before a fall now; nothing if it has fallen already.
    pub(super) fn before_fall(self) -> Option<PriorPhase> {
        match self {
            Self::Unproven => Some(PriorPhase::Unproven),
            Self::Healthy => Some(PriorPhase::Healthy),
            Self::Waiting { then, .. } => Some(PriorPhase::Waiting { then }),
            Self::Ramping { step, .. } => Some(PriorPhase::Ramping { step }),
            Self::Down { .. } => None,
        }
    }

    /// The step of the ramp that it is on, was on, or is to go on with.
    pub(super) fn step_mut(&mut self) -> Option<&mut u16> {
        match self {
            Self::Ramping { step, .. }
            | Self::Waiting {
                then: Then::Step(step),
                ..
            }
            | Self::Down {
                before:
                    PriorPhase::Ramping { step }
                    | PriorPhase::Waiting {
                        then: Then::Step(step),
                    },
                ..
            } => Some(step),
            Self::Unproven | Self::Healthy | Self::Waiting { .. } | Self::Down { .. } => None,
        }
    }
}

impl Phase {
    /// Leaves so much time out of account: what is waited for comes that much later.
    pub(super) fn leave_out(&mut self, time: Span) {
        match self {
            Self::Waiting {
                on: WaitingFor::Time { until: due },
                ..
            }
            | Self::Ramping {
                next: Some(due), ..
            } => *due = due.after(time),
            Self::Unproven
            | Self::Healthy
            | Self::Waiting { .. }
            | Self::Ramping { next: None, .. }
            | Self::Down { .. } => {}
        }
    }

    /// The phase of a target of whose slots nothing is known any more; `is_due` if a return asks for a gate or an
    /// approval. One that was kept is what it was.
    pub(super) fn without_slots(self, is_due: bool) -> Self {
        match self {
            Self::Unproven | Self::Healthy => Self::Unproven,
            Self::Waiting { .. } | Self::Ramping { .. } => self,
            Self::Down {
                before,
                kept: Some(_),
                ..
            } => before.restored().without_slots(is_due),
            Self::Down {
                before,
                blackout,
                kept: None,
                ..
            } => {
                let resumed = match blackout {
                    Blackout::Within => before.resume(),
                    Blackout::Isolated => None,
                };
                match (resumed, is_due) {
                    (Some(Then::Step(step)), false) => Self::Ramping { step, next: None },
                    (_, false) => Self::Unproven,
                    (resumed, true) => Self::Waiting {
                        on: WaitingFor::Gate,
                        then: resumed.unwrap_or(Then::Anew(ReturnApproval::Pending)),
                    },
                }
            }
        }
    }
}

impl PriorPhase {
    pub(super) fn share(self, recovery: &Recovery) -> Permille {
        match self {
            Self::Unproven | Self::Healthy => Permille::FULL,
            Self::Waiting { .. } => Permille::NONE,
            Self::Ramping { step } => share_of(recovery, step),
        }
    }

    /// The phase that it has again if it never left.
    pub(super) fn restored(self) -> Phase {
        match self {
            Self::Unproven | Self::Healthy => Phase::Healthy,
            Self::Waiting { then } => Phase::Waiting {
                on: WaitingFor::Gate,
                then,
            },
            Self::Ramping { step } => Phase::Ramping { step, next: None },
        }
    }

    /// The phase that it goes on with after a blackout; nothing if it has to begin anew.
    pub(super) fn resume(self) -> Option<Then> {
        match self {
            Self::Healthy => Some(Then::Full),
            Self::Ramping { step } => Some(Then::Step(step)),
            Self::Waiting {
                then: then @ (Then::Step(_) | Then::Full),
            } => Some(then),
            Self::Unproven
            | Self::Waiting {
                then: Then::Anew(_),
            } => None,
        }
    }
}

/// The share of a step; past the last one it is full.
pub(super) fn share_of(recovery: &Recovery, step: u16) -> Permille {
    let share = recovery.steps.get(usize::from(step));
    share.copied().unwrap_or(Permille::FULL)
}
