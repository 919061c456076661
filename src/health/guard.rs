//! Self-doubt, and the bound on what may leave automatically (promise 5).
//!
//! # Trip conditions
//! The node doubts itself when at least `guard.doubt` of the targets that are served as proven
//! have a failing last probe, no region is wholly sound, and yet something passes somewhere: a fault
//! that strikes every region at once is more likely on this node's side than on every side. One
//! wholly sound region shows that the node can see; then what fails elsewhere fails there. When
//! *nothing* passes any more there is no doubt either: then falling open serves everyone, and is
//! reported as what it is. What falls during a doubt is kept at the share it had.
//!
//! # Blackouts
//! A moment when nothing that is watched passes, in a plan large enough to doubt, is a
//! *blackout*: most likely the node lost its uplink. What goes down in one, or within [`window`]
//! before one, went down with the node's sight, not by itself, and fails open meanwhile; it comes
//! back without a ramp ([`super::target`]). The window is `fall` times the interval of the slowest
//! monitor: in that time a lost uplink has shown everywhere, and what fell earlier fell alone.
//!
//! # Protection on first start
//! Only what was up counts. A node that starts with a sick network has nothing proven to lose,
//! and falls open.
//!
//! # Recovery conditions
//! When the doubt has ended, a kept target is let go at its next failure, not before: otherwise
//! the first region to be sound again would throw out the others, which are only
//! some probes behind.
//!
//! Small plans (fewer than 4 targets or 2 regions) never doubt: there, "most of them" is no
//! evidence of anything.
//!
//! All of it is a function of counts that the engine keeps up to date, so that a report costs the
//! same in a plan of 10 endpoints and of 10,000.
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
        }
    }

    /// A slot of a region counted as `from` and now counts as `to`.
    pub fn move_slot(&mut self, region: RegionId, from: Last, to: Last) {
        let count = &mut self.regions[region.index()];
        match from {
            Last::Nothing => {}
            Last::Passed => (count.proven, self.passing) = (count.proven - 1, self.passing - 1),
            Last::Failed => (count.proven, count.failing) = (count.proven - 1, count.failing - 1),
        }
        match to {
            Last::Nothing => {}
            Last::Passed => (count.proven, self.passing) = (count.proven + 1, self.passing + 1),
            Last::Failed => (count.proven, count.failing) = (count.proven + 1, count.failing + 1),
        }
    }

    /// A target counted as `from` and now counts as `to`.
    pub fn move_target(&mut self, from: Served, to: Served) {
        self.served -= usize::from(from != Served::No);
        self.served_failing -= usize::from(from == Served::Failing);
        self.served += usize::from(to != Served::No);
        self.served_failing += usize::from(to == Served::Failing);
    }

    /// Whether the node has reason to doubt itself.
    #[must_use]
    pub fn doubts(&self, guard: &Guard) -> bool {
        self.is_large()
            && self.passing > 0
            && self.served_failing > 0
            && self.served_failing * 1000 >= self.served * usize::from(guard.doubt.0)
            && !self.regions.iter().any(Count::is_sound)
    }

    /// Whether nothing passes any more.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        let failing = self.regions.iter().any(|region| region.failing > 0);
        self.is_large() && self.passing == 0 && failing
    }

    /// Part of the targets served as proven that fail.
    #[must_use]
    pub fn failing(&self) -> Permille {
        part(self.served_failing, self.served)
    }

    /// Part of all targets that `count` is.
    #[must_use]
    pub fn part_of_all(&self, count: usize) -> Permille {
        part(count, self.targets)
    }

    /// How many targets may be out automatically at one time.
    #[must_use]
    pub fn room(&self, guard: &Guard) -> usize {
        self.targets * usize::from(guard.max_ejected.0) / 1000
    }

    fn is_large(&self) -> bool {
        self.targets >= TARGETS_LEAST && self.regions.len() >= REGIONS_LEAST
    }
}

impl Count {
    fn is_sound(&self) -> bool {
        self.proven > 0 && self.failing == 0
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

    fn guard(doubt: u16, max_ejected: u16) -> Guard {
        Guard {
            doubt: Permille(doubt),
            max_ejected: Permille(max_ejected),
            max_shrink: Permille(500),
            ..Guard::DEFAULT
        }
    }

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
            assert_eq!(tally(world).doubts(&guard(600, 1000)), doubts, "{world}");
        }
    }

    #[test]
    fn it_is_dark_when_nothing_passes_in_a_large_plan() {
        for (world, dark) in [
            ("-- --", true),
            ("xx xx", true),
            ("-? ??", true),
            ("?? ??", false),
            ("-- -+", false),
            ("---- ", true),
            ("----", false),
            ("-- -", false),
        ] {
            assert_eq!(tally(world).is_dark(), dark, "{world}");
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
    fn room_is_rounded_down() {
        for (permille, room) in [(1000, 7), (999, 6), (500, 3), (142, 0), (143, 1), (0, 0)] {
            assert_eq!(tally("++++ +++").room(&guard(600, permille)), room);
        }
    }
}
