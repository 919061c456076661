//! Votes: what several vantages see of one target, combined into one ruling.
//!
//! ```text
//! votes --newest of each vantage--> fresh, sure of itself, has a verdict --count--> ruling
//! ```
//!
//! Whoever counts does so alone, from the votes that reached it; a cluster is only what carries
//! them. With one vantage its own vote decides, and the ruling is that vantage's verdict.
//!
//! # Trip conditions
//! A target is ruled down when more than half of *all* vantages of the electorate say down, each by
//! a fresh vote: not half of those that were heard. A vantage that is cut off hears nobody but
//! itself, and must not take its own silence for agreement. So a minority never ejects, and
//! of two parts of a torn network at most one can.
//!
//! # Protection
//! Who doubts its own network does not vote, and neither does who has no verdict yet. A vote
//! older than the electorate's window does not count, nor one of a vantage that is not of the
//! electorate, nor one that its vantage has replaced. Where too few are left to rule, the ruling is
//! [`Ruling::Undecided`]: what was stays.
//!
//! # Recovery conditions
//! A target is ruled up by the majority of the fresh votes, however few they are. Letting something
//! serve that one vantage sees well costs less than keeping it out because the others are
//! silent; rise, gate and ramp stand behind it ([`super::target`]).
//!
//! It knows no network, no clock and no target: it counts.
use crate::base::{Cause, Moment, Span};

use super::target::Verdict;

/// A vantage, by its number in the electorate, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VantageId(pub u16);

/// What one vantage says of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// Who says it.
    pub vantage: VantageId,
    /// What it sees.
    pub verdict: Verdict,
    /// When it saw that, by the clock of whoever counts.
    pub at: Moment,
    /// Tells whether it trusts its own network.
    pub trust: Trust,
}

/// Tells whether a vantage trusts its own network ([`super::guard`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// It does.
    Sure,
    /// It does not: what it sees may be its own fault.
    Doubting,
}

/// Who may vote, and for how long a vote counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Electorate {
    /// The number of vantages that there are, whether they are heard or not.
    pub vantages: u16,
    /// How old a vote may be and still count.
    pub window: Span,
}

/// What the votes say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ruling {
    /// It serves.
    Up,
    /// It does not; the cause is that of the vantage with the lowest number that says so.
    Down(Cause),
    /// There is no majority: what was stays.
    Undecided,
}

impl Ruling {
    /// The verdict after this ruling, where `before` was the one until now.
    #[must_use]
    pub fn over(self, before: Verdict) -> Verdict {
        match self {
            Self::Up => Verdict::Up,
            Self::Down(cause) => Verdict::Down(cause),
            Self::Undecided => before,
        }
    }
}

impl Electorate {
    /// One vantage whose word does not age: a node that stands alone.
    pub const ALONE: Self = Self {
        vantages: 1,
        window: Span(u64::MAX),
    };

    /// Combines the votes on one target, in any order. Of several votes of one vantage the newest
    /// counts; of two of the same moment, the later in the list.
    #[must_use]
    pub fn rule(&self, now: Moment, votes: &[Vote]) -> Ruling {
        let (mut ups, mut downs) = (0, 0);
        let mut cause: Option<(VantageId, Cause)> = None;
        for (place, vote) in votes.iter().enumerate() {
            if !self.counts(now, vote) || is_replaced(vote, place, votes) {
                continue;
            }
            match vote.verdict {
                Verdict::Up => ups += 1,
                Verdict::Down(seen) => {
                    downs += 1;
                    if cause.is_none_or(|(first, _)| vote.vantage < first) {
                        cause = Some((vote.vantage, seen));
                    }
                }
                Verdict::Unknown => {}
            }
        }
        match cause {
            Some((_, cause)) if self.is_majority(downs) => Ruling::Down(cause),
            _ if ups > downs => Ruling::Up,
            _ => Ruling::Undecided,
        }
    }

    /// Tells whether so many are more than half of all vantages.
    fn is_majority(&self, count: u32) -> bool {
        count * 2 > u32::from(self.vantages)
    }

    fn counts(&self, now: Moment, vote: &Vote) -> bool {
        vote.vantage.0 < self.vantages
            && vote.trust == Trust::Sure
            && now.since(vote.at) <= self.window
    }
}

/// Tells whether another vote of the same vantage stands in this one's place. A doubting vote replaces
/// too: who has come to doubt itself takes back what it said before.
fn is_replaced(vote: &Vote, place: usize, votes: &[Vote]) -> bool {
    let mut others = votes.iter().enumerate();
    others.any(|(other_place, other)| {
        other.vantage == vote.vantage && (other.at, other_place) > (vote.at, place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(100_000);
    const WINDOW: Span = Span(15_000);
    const DOWN: Verdict = Verdict::Down(Cause::Refused);

    /// Everything that one vantage can have said last, a vote of the oldest age that counts and one
    /// just too old included.
    const SAID: [Option<(Verdict, u64, Trust)>; 9] = [
        None,
        Some((Verdict::Up, 0, Trust::Sure)),
        Some((DOWN, 0, Trust::Sure)),
        Some((Verdict::Up, 15_000, Trust::Sure)),
        Some((DOWN, 15_001, Trust::Sure)),
        Some((Verdict::Up, 15_001, Trust::Sure)),
        Some((Verdict::Unknown, 0, Trust::Sure)),
        Some((Verdict::Up, 0, Trust::Doubting)),
        Some((DOWN, 0, Trust::Doubting)),
    ];

    fn electorate(vantages: u16) -> Electorate {
        Electorate {
            vantages,
            window: WINDOW,
        }
    }

    fn vote(vantage: u16, (verdict, age, trust): (Verdict, u64, Trust)) -> Vote {
        Vote {
            vantage: VantageId(vantage),
            verdict,
            at: Moment(NOW.0 - age),
            trust,
        }
    }

    /// Every combination of what so many vantages can have said.
    fn every_poll(vantages: u16) -> impl Iterator<Item = Vec<Vote>> {
        let polls = SAID.len().pow(u32::from(vantages));
        (0..polls).map(move |mut number| {
            let mut votes = Vec::new();
            for vantage in 0..vantages {
                votes.extend(SAID[number % SAID.len()].map(|said| vote(vantage, said)));
                number /= SAID.len();
            }
            votes
        })
    }

    /// The rule again, from the sentences of the module's comment.
    fn plainly(vantages: usize, votes: &[Vote]) -> Ruling {
        let valid: Vec<Verdict> = votes
            .iter()
            .filter(|vote| vote.trust != Trust::Doubting)
            .filter(|vote| vote.at >= Moment(85_000))
            .map(|vote| vote.verdict)
            .filter(|verdict| *verdict != Verdict::Unknown)
            .collect();
        let downs = valid.iter().filter(|verdict| **verdict == DOWN).count();
        let fewest_to_eject = vantages / 2 + 1;
        if downs >= fewest_to_eject {
            Ruling::Down(Cause::Refused)
        } else if valid.len() - downs > valid.len() / 2 {
            Ruling::Up
        } else {
            Ruling::Undecided
        }
    }

    #[test]
    fn every_poll_of_up_to_five_vantages_is_ruled_as_it_is_written() {
        let mut seen = [0; 3];
        for vantages in 0..=5 {
            for mut votes in every_poll(vantages) {
                let ruling = electorate(vantages).rule(NOW, &votes);
                let expected = plainly(usize::from(vantages), &votes);
                assert_eq!(ruling, expected, "{vantages}: {votes:?}");
                votes.reverse();
                assert_eq!(electorate(vantages).rule(NOW, &votes), expected);
                match ruling {
                    Ruling::Up => seen[0] += 1,
                    Ruling::Down(_) => seen[1] += 1,
                    Ruling::Undecided => seen[2] += 1,
                }
            }
        }
        assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
    }

    #[test]
    fn two_halves_of_a_torn_network_never_both_eject() {
        for vantages in 1..=7 {
            for cut in 0..=vantages {
                let halves = [(0..cut), (cut..vantages)];
                let eject = halves.map(|half| {
                    let votes: Vec<Vote> = half
                        .map(|vantage| vote(vantage, (DOWN, 0, Trust::Sure)))
                        .collect();
                    electorate(vantages).rule(NOW, &votes) != Ruling::Undecided
                });
                assert!(eject != [true, true], "{vantages} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_lone_vantage_decides_and_one_of_three_does_not() {
        let down = vote(0, (DOWN, 0, Trust::Sure));
        let ruling = Electorate::ALONE.rule(NOW, &[down]);
        assert_eq!(ruling, Ruling::Down(Cause::Refused));
        assert_eq!(electorate(3).rule(NOW, &[down]), Ruling::Undecided);
        let old = Vote {
            at: Moment(0),
            ..down
        };
        let ruling = Electorate::ALONE.rule(Moment(u64::MAX), &[old]);
        assert_eq!(ruling, Ruling::Down(Cause::Refused), "its word never ages");
    }

    #[test]
    fn the_newest_vote_of_a_vantage_replaces_the_others() {
        let up = vote(0, (Verdict::Up, 5, Trust::Sure));
        let down = vote(0, (DOWN, 4, Trust::Sure));
        let doubt = vote(0, (DOWN, 3, Trust::Doubting));
        let alone = Electorate::ALONE;
        let ejects = Ruling::Down(Cause::Refused);
        assert_eq!(alone.rule(NOW, &[up, down]), ejects);
        assert_eq!(alone.rule(NOW, &[down, up]), ejects);
        assert_eq!(alone.rule(NOW, &[down, up, doubt]), Ruling::Undecided);
        let same = Vote { at: up.at, ..down };
        assert_eq!(alone.rule(NOW, &[same, up]), Ruling::Up);
        assert_eq!(alone.rule(NOW, &[up, same]), ejects);
        // One vantage that says the same thing three times is one vantage.
        assert_eq!(electorate(3).rule(NOW, &[down; 3]), Ruling::Undecided);
    }

    #[test]
    fn strangers_have_no_vote_and_the_first_vantage_names_the_cause() {
        let stranger = vote(3, (DOWN, 0, Trust::Sure));
        let second = vote(1, (Verdict::Down(Cause::Reset), 0, Trust::Sure));
        let first = vote(0, (DOWN, 9, Trust::Sure));
        let three = electorate(3);
        assert_eq!(three.rule(NOW, &[stranger, second]), Ruling::Undecided);
        let ruling = three.rule(NOW, &[second, stranger, first]);
        assert_eq!(ruling, Ruling::Down(Cause::Refused));
    }

    #[test]
    fn undecided_keeps_what_was() {
        for before in [Verdict::Unknown, Verdict::Up, DOWN] {
            assert_eq!(Ruling::Undecided.over(before), before);
            assert_eq!(Ruling::Up.over(before), Verdict::Up);
            assert_eq!(Ruling::Down(Cause::Refused).over(before), DOWN);
        }
    }
}
