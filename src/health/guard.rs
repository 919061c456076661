//! Self-doubt: whether this node can trust what its probes say (promise 5).
//!
//! # Canaries
//! Canaries are addresses outside the plan that are known to be well. One fails with a single failed
//! probe, because the doubt must come before the targets fall; once it is down it passes again after
//! `rise` passes in a row, because on a line that loses most of what it carries some probes pass by
//! luck. If *more than half* of those that have a result fail, the node's own network is sick: it
//! doubts itself, whatever the targets do. If more than half pass, its network is sound: there is no
//! doubt and no blackout, whatever the targets do, so a real loss of every region is believed at once.
//! An even split says nothing, and the rules below hold as they do without canaries:
//!
//! | canaries | targets | doubt | blackout |
//! |---|---|---|---|
//! | most fail | any | yes | if nothing passes |
//! | most pass | any | no | no |
//! | none, or even | most fail, some pass, no region sound | yes | no |
//! | none, or even | nothing passes | no | yes |
//! | none, or even | otherwise | no | no |
//!
//! # Trip conditions
//! Without their word the node doubts itself when at least `guard.doubt` of the targets that are
//! served as proven have a failing last probe, no region is wholly sound, and yet something passes
//! somewhere: a fault that strikes every region at once is more likely on this node's side than on
//! every side. One wholly sound region shows that the node can see; then what fails elsewhere
//! fails there. When *nothing* passes any more there is no doubt either: then falling open serves
//! everyone, and is reported as what it is. What falls during a doubt is kept at the share it had.
//!
//! # Blackouts
//! A moment when nothing that is watched passes, in a plan large enough to doubt, is a
//! *blackout*: most likely the node lost its uplink. What goes down in one, or within [`window`]
//! before one, went down with the node's sight, not by itself, and fails open meanwhile (or is kept,
//! if the canaries fail as well); it comes back without a ramp ([`super::target`]). The window is
//! `fall` times the interval of the slowest monitor: in that time a lost uplink has shown
//! everywhere, and what fell earlier fell alone.
//!
//! # Protection on first start
//! Only what was up counts. A node that starts with a sick network has nothing proven to lose,
//! and falls open; with canaries that fail, it keeps what is unproven.
//!
//! # Recovery conditions
//! When the doubt has ended, a kept target is let go at its next failure, not before: otherwise
//! the first region to be sound again would throw out the others, which are only
//! some probes behind.
//!
//! # Slowness
//! A node whose own line is slow finds everybody slow. So a slow probe counts as a failing one here (but as one that passes where
//! it is asked whether anything does), and in a doubt nobody begins to be slow; who was stays so.
//!
//! Small plans (fewer than 4 targets or 2 regions) never doubt without canaries: there, "most of
//! them" is no evidence of anything.
//!
//! All of it is a function of counts that the engine keeps up to date, so that a report costs the
//! same in a plan of 10 endpoints and of 10,000. How much may leave is for [`super::ejections`].
use std::cmp::Ordering;

use crate::base::{Permille, RegionId, Span};
use crate::plan::{Guard, Monitor};

const TARGETS_LEAST: usize = 4;
const REGIONS_LEAST: usize = 2;

/// The counts that the guard looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    targets: usize,
    served: usize,
    served_failing: usize,
    regions: Vec<Count>,
    passing: usize,
    canaries: Count,
}

/// The node's doubt in itself, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It does not.
    None,
    /// Most targets fail at once, and no region is sound.
    MostFail,
    /// Most canaries fail.
    CanariesFail,
}

/// What the canaries say of the node's own network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CanaryVerdict {
    Sick,
    Sound,
    Nothing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    proven: usize,
    failing: usize,
}

/// What one slot's last probe saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// There was none.
    Nothing,
    /// It passed.
    Passed,
    /// It passed, later than a monitor allows that leaves slow endpoints a part of their clients.
    Slow,
    /// It failed.
    Failed,
}

/// How a target counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Not served, or served unproven.
    No,
    /// Served as proven, and the last probe of each slot passed.
    Sound,
    /// Served as proven, and some slot's last probe failed.
    Failing,
}

impl Tally {
    /// The counts of a plan of which nothing is known.
    #[must_use]
    pub fn new(targets: usize, regions: usize) -> Self {
        Self {
            targets,
            served: 0,
            served_failing: 0,
            regions: vec![Count::default(); regions],
            passing: 0,
            canaries: Count::default(),
        }
    }

    /// A canary counted as `from` and now counts as `to`.
    pub fn move_canary(&mut self, from: Last, to: Last) {
        self.canaries.shift(from, to);
    }

    /// A slot of a region counted as `from` and now counts as `to`.
    pub fn move_slot(&mut self, region: RegionId, from: Last, to: Last) {
        self.move_combined(region, from, to);
        self.move_passing(from, to);
    }

    /// The monitors of a target of a region, combined, counted as `from` and now count as `to`: none of them
    /// has to pass by itself, so none is counted by itself.
    pub fn move_combined(&mut self, region: RegionId, from: Last, to: Last) {
        self.regions[region.index()].shift(from, to);
    }

    /// A slot counted as `from` and now counts as `to`, in nothing but whether this node sees anything at all.
    pub fn move_passing(&mut self, from: Last, to: Last) {
        self.passing += usize::from(to.has_passed());
        self.passing -= usize::from(from.has_passed());
    }

    /// A target counted as `from` and now counts as `to`.
    pub fn move_target(&mut self, from: Served, to: Served) {
        self.served -= usize::from(from != Served::No);
        self.served_failing -= usize::from(from == Served::Failing);
        self.served += usize::from(to != Served::No);
        self.served_failing += usize::from(to == Served::Failing);
    }

    /// Tells whether the node has reason to doubt itself.
    #[must_use]
    pub fn doubt(&self, guard: &Guard) -> Doubt {
        match self.canaries.word() {
            CanaryVerdict::Sick => Doubt::CanariesFail,
            CanaryVerdict::Nothing if self.most_fail(guard) => Doubt::MostFail,
            CanaryVerdict::Sound | CanaryVerdict::Nothing => Doubt::None,
        }
    }

    /// Tells whether nothing passes any more, and that may be this node's fault.
    #[must_use]
    pub fn is_total_outage(&self) -> bool {
        let failing = self.regions.iter().any(|region| region.failing > 0);
        let may_be_ours = match self.canaries.word() {
            CanaryVerdict::Sick => true,
            CanaryVerdict::Sound => false,
            CanaryVerdict::Nothing => self.is_large(),
        };
        may_be_ours && self.passing == 0 && failing
    }

    /// Tells that most canaries pass: the node's network is sound.
    #[must_use]
    pub fn canaries_pass(&self) -> bool {
        self.canaries.word() == CanaryVerdict::Sound
    }

    /// Part of the targets served as proven that fail.
    #[must_use]
    pub fn failing(&self) -> Permille {
        part(self.served_failing, self.served)
    }

    fn most_fail(&self, guard: &Guard) -> bool {
        self.is_large()
            && self.passing > 0
            && self.served_failing > 0
            && self.served_failing * 1000 >= self.served * usize::from(guard.doubt.0)
            && !self.regions.iter().any(Count::is_sound)
    }

    fn is_large(&self) -> bool {
        self.targets >= TARGETS_LEAST && self.regions.len() >= REGIONS_LEAST
    }
}

impl Last {
    fn has_passed(self) -> bool {
        matches!(self, Self::Passed | Self::Slow)
    }

    /// Tells that it failed, or was slow.
    #[must_use]
    pub fn is_amiss(self) -> bool {
        matches!(self, Self::Failed | Self::Slow)
    }
}

impl Count {
    fn is_sound(&self) -> bool {
        self.proven > 0 && self.failing == 0
    }

    fn word(&self) -> CanaryVerdict {
        match (2 * self.failing).cmp(&self.proven) {
            Ordering::Greater => CanaryVerdict::Sick,
            Ordering::Less => CanaryVerdict::Sound,
            Ordering::Equal => CanaryVerdict::Nothing,
        }
    }

    fn shift(&mut self, from: Last, to: Last) {
        self.proven += usize::from(to != Last::Nothing);
        self.proven -= usize::from(from != Last::Nothing);
        self.failing += usize::from(to.is_amiss());
        self.failing -= usize::from(from.is_amiss());
    }
}

/// How long before a blackout a target may have gone down and still have gone down with it.
#[must_use]
pub fn window(monitors: &[Monitor]) -> Span {
    let spans = monitors
        .iter()
        .map(|monitor| monitor.interval.times(u64::from(monitor.fall)));
    spans.max().unwrap_or(Span::ZERO)
}

fn part(count: usize, total: usize) -> Permille {
    let permille = count * 1000 / total.max(1);
    Permille(u16::try_from(permille).unwrap_or(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: Guard = Guard {
        doubt: Permille(600),
        ..Guard::DEFAULT
    };

    /// One target and slot per letter, regions parted by spaces: `+` passed, `-` failed,
    /// `?` no probe yet, `x` failed and out already.
    fn tally(world: &str) -> Tally {
        let regions: Vec<&str> = world.split(' ').collect();
        let targets = world.chars().filter(|letter| *letter != ' ').count();
        let mut tally = Tally::new(targets, regions.len());
        for (index, region) in regions.iter().enumerate() {
            for letter in region.chars() {
                let (last, served) = match letter {
                    '+' => (Last::Passed, Served::Sound),
                    '-' => (Last::Failed, Served::Failing),
                    'x' => (Last::Failed, Served::No),
                    _ => (Last::Nothing, Served::No),
                };
                tally.move_slot(RegionId::from_index(index), Last::Nothing, last);
                tally.move_target(Served::No, served);
            }
        }
        tally
    }

    #[test]
    fn doubt_needs_most_failing_no_sound_region_and_something_passing() {
        for (world, doubts) in [
            ("+- -- --", true),
            ("+- +- --", true),
            ("+- +- +-", false),
            ("++ -- --", false),
            ("-- -- --", false),
            ("+- --", true),
            ("+-", false),
            ("+--- ", true),
            ("+---", false),
            ("+- -", false),
            ("?? -+ --", true),
            ("?+ -- --", false),
            ("+x xx xx", false),
            ("++ ++", false),
        ] {
            let expected = if doubts { Doubt::MostFail } else { Doubt::None };
            assert_eq!(tally(world).doubt(&GUARD), expected, "{world}");
        }
    }

    #[test]
    fn it_is_dark_when_nothing_passes_in_a_large_plan() {
        for (world, total_outage) in [
            ("-- --", true),
            ("xx xx", true),
            ("-? ??", true),
            ("?? ??", false),
            ("-- -+", false),
            ("---- ", true),
            ("----", false),
            ("-- -", false),
        ] {
            assert_eq!(tally(world).is_total_outage(), total_outage, "{world}");
        }
    }

    #[test]
    fn moves_undo_each_other() {
        let mut moved = tally("+- ?x");
        for last in [Last::Passed, Last::Failed] {
            moved.move_slot(RegionId(1), Last::Nothing, last);
            assert_ne!(moved, tally("+- ?x"));
            moved.move_slot(RegionId(1), last, Last::Nothing);
        }
        moved.move_target(Served::No, Served::Failing);
        moved.move_target(Served::Failing, Served::Sound);
        assert_eq!(moved.failing(), Permille(333));
        moved.move_target(Served::Sound, Served::No);
        assert_eq!(moved, tally("+- ?x"));
    }

    #[test]
    fn canaries_overrule_what_the_targets_say() {
        use Doubt::{CanariesFail, MostFail, None};
        for (canaries, world, doubt, total_outage) in [
            ("--+", "++ ++", CanariesFail, false),
            ("--+", "-- --", CanariesFail, true),
            ("-", "-", CanariesFail, true),
            ("++-", "+- -- --", None, false),
            ("++-", "-- -- --", None, false),
            ("+", "-- -- --", None, false),
            ("+-", "+- -- --", MostFail, false),
            ("+-", "-- -- --", None, true),
            ("??", "+- -- --", MostFail, false),
            ("??-", "+- -- --", CanariesFail, false),
        ] {
            let mut tally = tally(world);
            for letter in canaries.chars() {
                let last = match letter {
                    '+' => Last::Passed,
                    '-' => Last::Failed,
                    _ => Last::Nothing,
                };
                tally.move_canary(Last::Nothing, last);
            }
            let seen = (tally.doubt(&GUARD), tally.is_total_outage());
            assert_eq!(seen, (doubt, total_outage), "{canaries} {world}");
        }
    }
}
