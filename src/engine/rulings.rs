//! Rulings: what the vantages see together of each target, and what becomes of this node's own sight in that.
//!
//! ```text
//! slots --> own sight (sure, or doubted) --.
//!                                          +--panel--> ruling --> target: falls, rises, or stays
//! votes of others, while they are fresh ---'
//! ```
//!
//! There is one way for all nodes. One that stands alone has a panel of one seat, and its own sight is the ruling. In a cluster a
//! target falls when the panel rules it down, though all passes here, and stays while it does not, though all fails here:
//! then it is shown as *outvoted*. It rises, by hold, gate and ramp, when the panel rules it up, from the moment on that the votes
//! name ([`crate::share::VantagePanel::up_since`]). Gates, slowness, and addresses that leave one by one, are each node's own affair.
//!
//! # Protection
//! Where the panel is undecided what was stays: a minority, a node apart and one that has just begun take nothing out. What fell
//! here while this node doubted itself is doubted until it fails again, and has no vote until then; where nobody else rules on it,
//! it is kept. While this node sees something contested that it has no part in deciding, its standing holds for no time at all.
//!
//! # Cost
//! Votes that say what they said cost a comparison of bitmaps. A vote that grows old without a newer one is taken out at that
//! moment, which is one of those at which the engine wants to be woken.
//!
//! It knows no records and no carriers: `share` makes the panel, the driver brings it.
use crate::base::{Moment, Span, Standing, TargetId, Why};
use crate::health::guard::Doubt;
use crate::health::target::{Evidence, KeepReason, TargetHealth, Verdict};
use crate::share::{Ballot, OwnVote, Ruling, Sight, Trust, VantagePanel};

use super::addresses;
use super::health_state::{Change, HealthState};
use super::own_sight::{OwnSight, Ruled};
use super::reload_map::ReloadMap;
use super::rules_of::recovery;
use crate::base::SlotId;

impl HealthState {
    /// Takes in what all vantages see.
    pub(super) fn hear(&mut self, now: Moment, panel: VantagePanel) -> Vec<Change> {
        let panel = panel.without_old(now);
        let targets = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        let changed = panel.differing(&self.panel, targets);
        self.panel = panel;
        self.count_regions();
        let changes = changed.into_iter().map(TargetId);
        changes.filter_map(|id| self.look(now, id)).collect()
    }

    /// Goes without the votes that have grown too old.
    pub(super) fn forget_old_votes(&mut self, now: Moment) -> Vec<Change> {
        if self.panel.next_expiry().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.hear(now, self.panel.clone())
    }

    /// The panel for another plan. Who stands alone does so until somebody is heard, whatever that plan says of a cluster.
    pub(super) fn panel_for(&self, kept: &ReloadMap) -> VantagePanel {
        let places = kept.targets.iter().map(|old| old.map(|old| old.0));
        self.panel.moved(&places.collect::<Vec<_>>())
    }

    /// This node's own vote on all targets, in place of a blank one.
    pub(super) fn vote(&self, now: Moment, mut ballot: Ballot) -> Ballot {
        let mut risen = Vec::new();
        ballot.trust = self.trust();
        for (place, own) in (0..).zip(&self.own) {
            if own.is_doubted {
                continue;
            }
            ballot.add(place, own.verdict);
            if let (Verdict::Up, Some(since)) = (own.verdict, own.since) {
                risen.push((now.since(since), place));
            }
        }
        ballot.tell_risen(risen);
        ballot
    }

    /// Tells whether this node's canaries pass.
    pub(super) fn sight(&self) -> Sight {
        if self.tally.canaries_pass() {
            Sight::Clear
        } else {
            Sight::Poor
        }
    }

    /// This node's own sight of a target, and how far it trusts itself in that.
    pub(super) fn own_vote(&self, id: TargetId) -> (Verdict, Trust) {
        let own = self.vote_of(self.own[id.index()]);
        (own.verdict, own.trust)
    }

    /// The votes on a target in words, if somebody sees it down and this node does not stand alone.
    pub(super) fn votes_told(&self, now: Moment, id: TargetId) -> Option<String> {
        self.panel.told(now, id.0, self.own_vote(id))
    }

    pub(super) fn vote_of(&self, own: OwnSight) -> OwnVote {
        let trust = if own.is_doubted {
            Trust::Doubting
        } else {
            self.trust()
        };
        OwnVote {
            verdict: own.verdict,
            trust,
            since: own.since,
        }
    }

    /// Tells whether this node trusts itself.
    pub(super) fn trust(&self) -> Trust {
        match self.doubt {
            Doubt::None => Trust::Sure,
            Doubt::MostFail | Doubt::CanariesFail => Trust::Doubting,
        }
    }

    /// Sees every target for the first time.
    pub(super) fn see_all(&mut self) {
        let ids = (0..self.targets.len()).map(TargetId::from_index);
        let own = ids.map(|id| {
            let target = &self.targets[id.index()];
            let mut verdict = self.evidence(id).verdict;
            if verdict == Verdict::Unknown && target.kept().is_some() {
                // What is kept fell by this node's own sight.
                verdict = target.verdict();
            }
            let was_doubted = target.kept() == Some(KeepReason::Doubted);
            OwnSight {
                verdict,
                since: None,
                is_doubted: was_doubted && matches!(verdict, Verdict::Down(_)),
                is_contested: false,
            }
        });
        self.own = own.collect();
    }

    /// The own sight of a target after its slots said this; where they say nothing it stays.
    pub(super) fn sight_after(&self, now: Moment, id: TargetId, verdict: Verdict) -> OwnSight {
        let mut own = self.own[id.index()];
        let is_down = matches!(verdict, Verdict::Down(_));
        if verdict != Verdict::Unknown {
            let is_new = std::mem::discriminant(&verdict) != std::mem::discriminant(&own.verdict);
            if is_new {
                own.since = Some(now);
            }
            let in_doubt = self.doubt != Doubt::None;
            own.is_doubted = is_down && (own.is_doubted || is_new && in_doubt);
            own.verdict = verdict;
        }
        let vote = self.vote_of(own);
        let words = (vote.verdict, vote.trust);
        own.is_contested = self.panel.is_contested(now, id.0, words);
        own
    }

    /// Rules on a target by the votes of all vantages, the own sight among them.
    pub(super) fn ruled(&self, now: Moment, id: TargetId, own: OwnSight) -> Ruled {
        let own = self.vote_of(own);
        let ruling = self.panel.rule(now, id.0, (own.verdict, own.trust));
        let kept = self.targets[id.index()].kept();
        let verdict = match (ruling, own.verdict, own.trust) {
            (Ruling::Down(cause), ..) => Verdict::Down(cause),
            (Ruling::Up, ..) => Verdict::Up,
            // It falls, to be kept.
            (Ruling::Undecided, Verdict::Down(cause), Trust::Doubting) => Verdict::Down(cause),
            // It has never left, and what was stays.
            (Ruling::Undecided, ..) if kept == Some(KeepReason::Doubted) => Verdict::Up,
            (Ruling::Undecided, ..) => Verdict::Unknown,
        };
        let rises = verdict == Verdict::Up && self.targets[id.index()].is_down();
        let up_since = rises.then(|| self.panel.up_since(now, id.0, own)).flatten();
        Ruled {
            ruling,
            verdict,
            up_since: up_since.unwrap_or(now),
        }
    }

    /// Tells that a target is ruled down whatever this node sees.
    pub(super) fn falls_for_others(&self, now: Moment, id: TargetId) -> bool {
        let none = (Verdict::Unknown, Trust::Sure);
        matches!(self.panel.rule(now, id.0, none), Ruling::Down(_))
    }

    /// A failure after the doubt has ended: what fell because of it is believed.
    pub(super) fn trust_again(&mut self, slot: SlotId) {
        for id in &self.index.concerned(slot).watched {
            self.own[id.index()].is_doubted = false;
        }
    }

    /// The node has come to doubt itself, or does so no more: what it sees down is weighed otherwise, if others vote on it.
    pub(super) fn weigh_own_votes(&mut self, now: Moment) -> Vec<Change> {
        if self.panel.others.is_empty() {
            return Vec::new();
        }
        let ids = (0..self.targets.len()).map(TargetId::from_index);
        let is_down = |id: &TargetId| matches!(self.own[id.index()].verdict, Verdict::Down(_));
        let down: Vec<TargetId> = ids.filter(is_down).collect();
        let changes = down.into_iter().filter_map(|id| self.look(now, id));
        changes.collect()
    }

    /// The standing of a target's health, orders aside.
    pub(super) fn standing_of(
        &self,
        id: TargetId,
        target: &TargetHealth,
        (own, evidence): (OwnSight, Evidence),
    ) -> Standing {
        let had = self.standings[id.index()].without;
        let hold = match own.is_contested {
            false => evidence.hold,
            true => Span::ZERO,
        };
        let mut standing = Standing {
            without: addresses::without(self.doubt, target.kept(), evidence, had),
            ..self.slowed(
                id,
                target.standing(recovery(&self.plan, id), hold),
                evidence,
            )
        };
        if let Verdict::Down(cause) = own.verdict
            && !target.is_down()
            && standing.share.0 > 0
        {
            standing.why = Why::Outvoted(cause);
        }
        standing
    }
}
