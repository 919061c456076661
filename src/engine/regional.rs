//! Health by client region: what the vantages of one region rule otherwise than all of them together.
//!
//! ```text
//! ruling of the whole  --differs--> a row: copy of the whole's health, from then on by the region's own ruling and ramp
//! ruling of the region --'               '--both rule alike, neither on a ramp, same share--> no row
//! ```
//!
//! # Conditions
//! A region rules for its clients where it has two vantages or more, and they agree ([`crate::share::ruling`]); where they do not, or
//! fewer are heard, the whole's ruling is its own. A row begins as the target was before the look in which rulings parted.
//!
//! # Protection
//! Ejections are counted by the whole: what has left for one region has not left, and no bound holds a row back; the last endpoint of a
//! region's clients falls open as that of all does. Orders, weights and operators' words are for rows as for the whole. Over a reload or a
//! restart rows stay, so that neither goes round a region's gate; one whose region cannot rule any more goes by the whole until it is alike.
//!
//! Where capacity is planned there are none: the whole rules for all.
//!
//! It knows no table and no client; which classes a region's clients are is for [`crate::table`].
use std::collections::BTreeMap;

use super::health_state::HealthState;
use super::order::Action;
use super::own_sight::{OwnSight, Ruled};
use super::regional_rows::{RegionalRow, RowsBefore, grouped};
use super::reload_map::ReloadMap;
use super::rules_of::recovery;
use crate::base::{Moment, RegionId, Standing, TargetId};
use crate::health::target::{ApprovalResult, Evidence, KeepReason, TargetHealth, Verdict};
use crate::plan::{Plan, Recovery};
use crate::share::Ruling;
use crate::share::ruling::VoteCount;
use crate::table::RegionRows;

impl HealthState {
    /// Finds the regions whose vantages may rule for their clients.
    pub(super) fn count_regions(&mut self) {
        let plan = &*self.plan;
        let place = |name: &str| plan.regions.iter().position(|region| region.name == name);
        let regions = match plan.plans_capacity() {
            true => Vec::new(),
            false => self.panel.regions(),
        };
        let voting = regions.into_iter().filter_map(|(number, name)| {
            let place = place(name)?;
            Some((RegionId::from_index(place), number))
        });
        self.regional.voting = voting.collect();
    }

    /// The health of a target before a look, if some region may part from the whole in it.
    pub(super) fn before_look(&self, id: TargetId) -> Option<TargetHealth> {
        let concerns = !self.regional.concerned(id).is_empty();
        concerns.then(|| self.targets[id.index()].clone())
    }

    /// Looks at a target for the clients of each region; `before` is what it was for all of them, `ruled` what it is ruled now.
    pub(super) fn look_regions(
        &mut self,
        now: Moment,
        id: TargetId,
        before: &TargetHealth,
        (ruled, evidence): (Ruled, Evidence),
    ) {
        let own = self.own[id.index()];
        for (region, number) in self.regional.concerned(id) {
            let found = self.looked(now, (id, region, number), before, (ruled, evidence, own));
            if let Some((health, agrees)) = found {
                let row = self.regional.rows.get(&(id, region));
                let standing = row.map_or(self.standings[id.index()], |row| row.standing);
                let row = RegionalRow {
                    health,
                    standing,
                    agrees,
                };
                self.regional.rows.insert((id, region), row);
            }
        }
    }

    /// The health of a target for the clients of a region after a look, and whether that is ruled as for all; nothing where there is no row
    /// and needs none.
    fn looked(
        &self,
        now: Moment,
        (id, region, number): (TargetId, RegionId, Option<u16>),
        before: &TargetHealth,
        (ruled, evidence, own): (Ruled, Evidence, OwnSight),
    ) -> Option<(TargetHealth, bool)> {
        let vote = self.vote_of(own);
        let words = (vote.verdict, vote.trust);
        let ruling = number.map_or(ruled.ruling, |number| {
            self.panel.rule_for(number, now, id.0, words)
        });
        let kind = |ruling: &Ruling| std::mem::discriminant(ruling);
        let agrees = kind(&ruling) == kind(&ruled.ruling);
        let row = self.regional.rows.get(&(id, region));
        if row.is_none() && agrees {
            return None;
        }
        let mut health = row.map_or(before, |row| &row.health).clone();
        let (verdict, up_since) = match (ruling, number) {
            (Ruling::Down(cause), _) => (Verdict::Down(cause), now),
            (Ruling::Up, Some(number)) => {
                let since = self.panel.up_since_in(number, now, id.0, vote);
                (
                    Verdict::Up,
                    since.filter(|_| health.is_down()).unwrap_or(now),
                )
            }
            (Ruling::Up | Ruling::Undecided, _) => (ruled.verdict, ruled.up_since),
        };
        let evidence = Evidence {
            verdict,
            ..evidence
        };
        health.observe_since(now, recovery(&self.plan, id), evidence, up_since);
        // Where a region rules, neither this node's doubt nor the bound on the whole's ejections keeps a row.
        let is_held =
            health.kept() == Some(KeepReason::Doubted) || !agrees && health.kept().is_some();
        if is_held && matches!(ruling, Ruling::Down(_)) {
            health.release();
        }
        Some((health, agrees))
    }

    /// Writes down the standings of a target by region, and drops rows that say no more than the whole.
    pub(super) fn note_regions(&mut self, id: TargetId, evidence: Evidence) {
        let rows = self.regional.of_target(id);
        let rows: Vec<(RegionId, RegionalRow)> =
            rows.map(|(region, row)| (region, row.clone())).collect();
        for (region, row) in rows {
            let to = self.regional_standing(id, &row.health, evidence);
            let whole = self.standings[id.index()];
            if self.is_alike((id, whole), &row, to) {
                self.regional.rows.remove(&(id, region));
                self.regional.is_changed |= row.standing != whole;
            } else if row.standing != to {
                let row = RegionalRow {
                    standing: to,
                    ..row
                };
                self.regional.rows.insert((id, region), row);
                self.regional.is_changed = true;
            }
        }
    }

    fn regional_standing(
        &self,
        id: TargetId,
        health: &TargetHealth,
        evidence: Evidence,
    ) -> Standing {
        let own = self.standing_of(id, health, (self.own[id.index()], evidence));
        let (endpoint, recovery) = (self.endpoint(id), recovery(&self.plan, id));
        let own = self.drains.over(own, (id, endpoint), recovery);
        self.limit(id, self.while_known(id, own))
    }

    /// Tells that a row says no more than the whole.
    fn is_alike(&self, (id, whole): (TargetId, Standing), row: &RegionalRow, to: Standing) -> bool {
        let target = &self.targets[id.index()];
        let is_still = row.health.next_step().is_none() && target.next_step().is_none();
        let is_same = to.share == whole.share && row.health.is_down() == target.is_down();
        row.health == *target || row.agrees && is_still && is_same
    }

    /// The standings that regions have of their own, for a table.
    pub(super) fn region_rows(&self) -> Vec<RegionRows> {
        let rows = self.regional.rows.iter();
        grouped(rows.map(|(key, row)| (*key, row.standing)), &self.standings)
    }

    /// The same reckoned anew: every region's standings in full, by votes and slots, and those kept that are not the whole's.
    pub(super) fn recompute_regions(&self, now: Moment, whole: &[Standing]) -> Vec<RegionRows> {
        let mut found = BTreeMap::new();
        for id in (0..self.targets.len()).map(TargetId::from_index) {
            let evidence = self.evidence(id);
            let own = self.sight_after(now, id, evidence.verdict);
            let ruled = self.ruled(now, id, own);
            let evidence = ruled.evidence(evidence);
            let before = &self.targets[id.index()];
            for (region, number) in self.regional.concerned(id) {
                let looked = self.looked(now, (id, region, number), before, (ruled, evidence, own));
                if let Some((health, agrees)) = looked {
                    let to = self.regional_standing(id, &health, evidence);
                    let row = RegionalRow {
                        health,
                        standing: to,
                        agrees,
                    };
                    if !self.is_alike((id, whole[id.index()]), &row, to) {
                        found.insert((id, region), to);
                    }
                }
            }
        }
        grouped(found.into_iter(), whole)
    }

    /// Tells that an operator's approval would let a target go on.
    pub(super) fn is_awaiting_approval(&self, id: TargetId) -> bool {
        let recovery = recovery(&self.plan, id);
        let mut rows = self.regional.of_target(id);
        self.targets[id.index()].is_awaiting_approval(recovery)
            || rows.any(|(_, row)| row.health.is_awaiting_approval(recovery))
    }

    /// Gives an operator's word on a return to the rows of a target; the falls that it is for.
    pub(super) fn decide_regions(
        &mut self,
        now: Moment,
        id: TargetId,
        word: impl Fn(&TargetHealth) -> Option<Action>,
    ) -> Vec<Moment> {
        let regions: Vec<RegionId> = self.regional.of_target(id).map(|(own, _)| own).collect();
        let mut falls = Vec::new();
        for region in regions {
            let recovery = recovery(&self.plan, id);
            let Some(row) = self.regional.rows.get_mut(&(id, region)) else {
                continue;
            };
            let Some(action) = word(&row.health) else {
                continue;
            };
            if decide(&mut row.health, now, recovery, action) == ApprovalResult::Accepted {
                falls.extend(row.health.fell());
            }
        }
        falls
    }

    /// The rows of a target as they are kept over a restart, by the names of the regions.
    pub(super) fn kept_rows(&self, id: TargetId) -> BTreeMap<String, TargetHealth> {
        let rows = self.regional.of_target(id);
        let name = |region: RegionId| self.plan.regions[region.index()].name.clone();
        rows.map(|(region, row)| (name(region), row.health.clone()))
            .collect()
    }

    /// The rows of a new plan that were in the old one.
    pub(super) fn rows_for(&self, plan: &Plan, kept: &ReloadMap) -> RowsBefore {
        let mut rows = RowsBefore::new();
        for (id, old) in (0..).map(TargetId).zip(&kept.targets) {
            let Some(old) = *old else { continue };
            for (region, row) in self.regional.of_target(old) {
                let name = &self.plan.regions[region.index()].name;
                let place = plan.regions.iter().position(|own| own.name == *name);
                if let Some(place) = place {
                    let mut health = row.health.clone();
                    health.adopt(recovery(&self.plan, old), recovery(plan, id));
                    rows.insert((id, RegionId::from_index(place)), health);
                }
            }
        }
        rows
    }

    /// The votes of a region's vantages on a target, counted; nothing where it may not rule.
    pub(super) fn votes_in(
        &self,
        now: Moment,
        id: TargetId,
        region: RegionId,
    ) -> Option<VoteCount> {
        let mut voting = self.regional.voting.iter();
        let (_, number) = voting.find(|(own, _)| *own == region)?;
        Some(self.panel.count_in(*number, now, id.0, self.own_vote(id)))
    }
}

/// Gives an operator's word to a target: a refusal is for a return that has begun and not ended.
pub(super) fn decide(
    target: &mut TargetHealth,
    now: Moment,
    recovery: &Recovery,
    action: Action,
) -> ApprovalResult {
    match action {
        Action::Approve => target.approve(recovery),
        Action::Refuse if target.is_returning() => target.refuse(now, recovery),
        Action::Refuse | Action::Drain | Action::Undrain | Action::Force(_) | Action::Lift => {
            ApprovalResult::NotPending
        }
    }
}
