//! The own sight of a target, and what the vantages make of it.
//!
//! Here is what is known of one target at a moment; how it comes about stands in [`super::rulings`].
use crate::base::Moment;
use crate::health::target::{Evidence, Verdict};
use crate::plan::Plan;
use crate::share::{Ruling, VantagePanel};

/// The own sight of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnSight {
    pub(super) verdict: Verdict,
    /// The moment since when; absent, if it was so when this state began.
    pub(super) since: Option<Moment>,
    /// It fell while the node doubted itself, and has not failed again since.
    pub(super) is_doubted: bool,
    /// Some vantages see it up, and some down.
    pub(super) is_contested: bool,
}

/// A target, ruled upon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ruled {
    pub(super) ruling: Ruling,
    /// The verdict for its health.
    pub(super) verdict: Verdict,
    /// Since when it is up, if it is.
    pub(super) up_since: Moment,
}

/// The panel of a node that begins: nobody rules before the first votes where there are others.
pub(super) fn first_panel(plan: &Plan) -> VantagePanel {
    match plan.cluster {
        None => VantagePanel::lone(),
        Some(_) => VantagePanel::unheard(),
    }
}

impl Ruled {
    pub(super) fn is_down(self) -> bool {
        matches!(self.ruling, Ruling::Down(_))
    }

    /// The evidence of a target, with the verdict of the vantages for its own.
    pub(super) fn evidence(self, own: Evidence) -> Evidence {
        Evidence {
            verdict: self.verdict,
            ..own
        }
    }
}
