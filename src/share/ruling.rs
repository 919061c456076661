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
//! a fresh vote, and from at least two providers where the electorate has two: not half of those that were heard. A
//! vantage that is cut off hears nobody but itself, and must not take its own silence for agreement. So a minority never
//! ejects, and of two parts of a torn network at most one can. Only where [`Quorum::OfHeard`] says so, half of those
//! that are heard is enough.
//!
//! # Protection
//! A vantage that doubts its own network has no say in what is down, and who has no verdict yet has none at all; what passes
//! passes, though, however sick the network that it passed through. A vote
//! older than the electorate's window does not count, nor one of a vantage that is not of the
//! electorate, nor one that its vantage has replaced. Where too few are left to rule, the ruling is
//! [`Ruling::Undecided`]: what was stays. From eight vantages on an electorate may let stay what a stated part of them
//! sees well (`up_while`).
//!
//! # Recovery conditions
//! A target is ruled up by the majority of the fresh votes, however few they are. Letting something
//! serve that one vantage sees well costs less than keeping it out because the others are
//! silent; rise, gate and ramp stand behind it ([`crate::health::target`]).
//!
//! # Regions
//! Two or more vantages of a region may rule for that region's clients alone, by the same rules among themselves; where they
//! cannot, the whole does.
//!
//! [`Electorate::rule_for`] says so. The engine makes health of its own of it for (target, region), only while the ruling for that region
//! differs; tables give each class what holds for the region that it prefers first.
//!
//! It knows no network, no clock and no target: it counts.
use std::borrow::Cow;

use crate::base::{Cause, Moment, Permille, Span};
use crate::health::target::Verdict;

/// A vantage, by its number in the electorate, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VantageId(pub u16);

/// The word of one vantage on one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// The vantage.
    pub vantage: VantageId,
    /// Its verdict.
    pub verdict: Verdict,
    /// The moment at which it saw that, by the clock of whoever counts.
    pub at: Moment,
    /// Tells whether it trusts its own network.
    pub trust: Trust,
}

/// Tells whether a vantage trusts its own network ([`crate::health::guard`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// It does.
    Sure,
    /// It does not: what it sees may be its own fault.
    Doubting,
}

/// The place of a vantage in an electorate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The region that it stands in, as a number.
    pub region: u16,
    /// The provider that runs it, as a number.
    pub provider: u16,
}

/// The vantages that may vote, and for how long a vote counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Electorate {
    /// The vantages that there are, whether they are heard or not.
    pub seats: Cow<'static, [Seat]>,
    /// The greatest age at which a vote counts.
    pub window: Span,
    /// From [`MANY`] vantages on: a target stays up while more than this part of the fresh votes says so.
    pub up_while: Option<Permille>,
}

/// The vantages of which more than half must say down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quorum {
    /// All that there are.
    OfAll,
    /// Those with a fresh vote: for a node that has been alone for long.
    OfHeard,
}

/// The outcome of a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ruling {
    /// It serves.
    Up,
    /// It does not; the cause is that of the vantage with the lowest number that says so.
    Down(Cause),
    /// There is no majority: what was stays.
    Undecided,
}

/// Votes that count, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoteCount {
    /// Votes that say up.
    pub ups: u32,
    /// Votes that say down.
    pub downs: u32,
    /// Vantages that there are.
    pub of: u32,
    /// Providers that there are.
    pub providers: u32,
    /// Providers of those who say down.
    pub down_providers: u32,
    /// The cause that the first of them gives.
    pub cause: Option<Cause>,
}

/// Vantages from which on `up_while` counts.
pub const MANY: u32 = 8;
/// Providers that must agree, where there are so many.
const PROVIDERS: u32 = 2;

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
        seats: Cow::Borrowed(&[Seat {
            region: 0,
            provider: 0,
        }]),
        window: Span(u64::MAX),
        up_while: None,
    };

    /// Combines the votes on one target, in any order. Of several votes of one vantage the newest
    /// counts; of two of the same moment, the later in the list.
    #[must_use]
    pub fn rule(&self, now: Moment, votes: &[Vote], quorum: Quorum) -> Ruling {
        self.decide(&self.count(now, votes, None), quorum)
    }

    /// Rules for the clients of one region: by its own vantages where two or more are there and agree, else by all.
    #[must_use]
    pub fn rule_for(&self, region: u16, now: Moment, votes: &[Vote], quorum: Quorum) -> Ruling {
        let own = self.count(now, votes, Some(region));
        let ruling = match own.of {
            0 | 1 => Ruling::Undecided,
            _ => self.decide(&own, Quorum::OfAll),
        };
        match ruling {
            Ruling::Undecided => self.rule(now, votes, quorum),
            Ruling::Up | Ruling::Down(_) => ruling,
        }
    }

    /// Counts the votes of all vantages, or of those of one region.
    #[must_use]
    pub fn count(&self, now: Moment, votes: &[Vote], region: Option<u16>) -> VoteCount {
        let seats = self.seats_of(region);
        let (mut cause, mut down_seats) = (None, 0);
        let mut count = VoteCount {
            of: seats.count_ones(),
            providers: self.providers(seats),
            ..VoteCount::default()
        };
        for (place, vote) in votes.iter().enumerate() {
            let own = bit(usize::from(vote.vantage.0));
            if seats & own == 0 || !self.counts(now, vote) || is_replaced(vote, place, votes) {
                continue;
            }
            match vote.verdict {
                Verdict::Up => count.ups += 1,
                Verdict::Down(seen) => {
                    count.downs += 1;
                    down_seats |= own;
                    if cause.is_none_or(|(first, _)| vote.vantage < first) {
                        cause = Some((vote.vantage, seen));
                    }
                }
                Verdict::Unknown => {}
            }
        }
        count.down_providers = self.providers(down_seats);
        count.cause = cause.map(|(_, cause)| cause);
        count
    }

    fn decide(&self, count: &VoteCount, quorum: Quorum) -> Ruling {
        let heard = count.ups + count.downs;
        let of = match quorum {
            Quorum::OfAll => count.of,
            Quorum::OfHeard => heard,
        };
        let stays = self
            .up_while
            .is_some_and(|least| count.of >= MANY && count.ups * 1000 > u32::from(least.0) * heard);
        let providers = match quorum {
            Quorum::OfAll => PROVIDERS.min(count.providers),
            Quorum::OfHeard => 1,
        };
        let agree = count.downs * 2 > of && count.down_providers >= providers && !stays;
        match count.cause {
            Some(cause) if agree => Ruling::Down(cause),
            _ if count.ups > count.downs || stays => Ruling::Up,
            _ => Ruling::Undecided,
        }
    }

    fn counts(&self, now: Moment, vote: &Vote) -> bool {
        let is_sure = vote.trust == Trust::Sure || vote.verdict == Verdict::Up;
        is_sure && now.since(vote.at) <= self.window
    }

    /// All seats, or those of one region, as bits.
    fn seats_of(&self, region: Option<u16>) -> u64 {
        let seats = self.seats.iter().enumerate();
        let seats = seats.filter(|(_, seat)| region.is_none_or(|region| seat.region == region));
        seats.fold(0, |set, (place, _)| set | bit(place))
    }

    /// The number of providers of these seats.
    fn providers(&self, seats: u64) -> u32 {
        let has = |place: usize| seats & bit(place) != 0;
        let is_first = |place: usize| {
            let provider = self.seats[place].provider;
            let mut before = (0..place).filter(|before| has(*before));
            !before.any(|before| self.seats[before].provider == provider)
        };
        let places = (0..self.seats.len()).filter(|place| has(*place) && is_first(*place));
        places.fold(0, |count, _| count + 1)
    }
}

/// A set of one seat; of none past the last that there may be.
fn bit(place: usize) -> u64 {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    1_u64.checked_shl(place).unwrap_or(0)
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
    use super::Quorum::{OfAll, OfHeard};
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
            seats: vec![
                Seat {
                    region: 0,
                    provider: 0
                };
                usize::from(vantages)
            ]
            .into(),
            window: WINDOW,
            up_while: None,
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
            .filter(|vote| vote.trust != Trust::Doubting || vote.verdict == Verdict::Up)
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
                let ruling = electorate(vantages).rule(NOW, &votes, OfAll);
                let expected = plainly(usize::from(vantages), &votes);
                assert_eq!(ruling, expected, "{vantages}: {votes:?}");
                votes.reverse();
                assert_eq!(electorate(vantages).rule(NOW, &votes, OfAll), expected);
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
                    electorate(vantages).rule(NOW, &votes, OfAll) != Ruling::Undecided
                });
                assert!(eject != [true, true], "{vantages} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_lone_vantage_decides_and_one_of_three_does_not() {
        let down = vote(0, (DOWN, 0, Trust::Sure));
        let ruling = Electorate::ALONE.rule(NOW, &[down], OfAll);
        assert_eq!(ruling, Ruling::Down(Cause::Refused));
        assert_eq!(electorate(3).rule(NOW, &[down], OfAll), Ruling::Undecided);
        let old = Vote {
            at: Moment(0),
            ..down
        };
        let ruling = Electorate::ALONE.rule(Moment(u64::MAX), &[old], OfAll);
        assert_eq!(ruling, Ruling::Down(Cause::Refused), "its word never ages");
    }

    #[test]
    fn the_newest_vote_of_a_vantage_replaces_the_others() {
        let up = vote(0, (Verdict::Up, 5, Trust::Sure));
        let down = vote(0, (DOWN, 4, Trust::Sure));
        let doubt = vote(0, (DOWN, 3, Trust::Doubting));
        let alone = Electorate::ALONE;
        let ejects = Ruling::Down(Cause::Refused);
        assert_eq!(alone.rule(NOW, &[up, down], OfAll), ejects);
        assert_eq!(alone.rule(NOW, &[down, up], OfAll), ejects);
        assert_eq!(
            alone.rule(NOW, &[down, up, doubt], OfAll),
            Ruling::Undecided
        );
        let same = Vote { at: up.at, ..down };
        assert_eq!(alone.rule(NOW, &[same, up], OfAll), Ruling::Up);
        assert_eq!(alone.rule(NOW, &[up, same], OfAll), ejects);
        // One vantage that says the same thing three times is one vantage.
        assert_eq!(
            electorate(3).rule(NOW, &[down; 3], OfAll),
            Ruling::Undecided
        );
    }

    #[test]
    fn strangers_have_no_vote_and_the_first_vantage_names_the_cause() {
        let stranger = vote(3, (DOWN, 0, Trust::Sure));
        let second = vote(1, (Verdict::Down(Cause::Reset), 0, Trust::Sure));
        let first = vote(0, (DOWN, 9, Trust::Sure));
        let three = electorate(3);
        assert_eq!(
            three.rule(NOW, &[stranger, second], OfAll),
            Ruling::Undecided
        );
        let ruling = three.rule(NOW, &[second, stranger, first], OfAll);
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

    fn seats(of: &[(u16, u16)]) -> Electorate {
        let seats = of.iter();
        let seats = seats.map(|(region, provider)| Seat {
            region: *region,
            provider: *provider,
        });
        Electorate {
            seats: seats.collect(),
            window: WINDOW,
            up_while: None,
        }
    }

    fn votes_of(verdicts: &[Verdict]) -> Vec<Vote> {
        let each = (0..).zip(verdicts);
        each.map(|(vantage, verdict)| vote(vantage, (*verdict, 0, Trust::Sure)))
            .collect()
    }

    const EJECTED: Ruling = Ruling::Down(Cause::Refused);

    #[test]
    fn a_majority_of_one_provider_ejects_nothing_where_there_are_two() {
        let four = seats(&[(0, 1), (1, 1), (2, 1), (3, 2)]);
        let all_of_one = votes_of(&[DOWN, DOWN, DOWN]);
        assert_eq!(four.rule(NOW, &all_of_one, OfAll), Ruling::Undecided);
        assert_eq!(
            four.rule(NOW, &votes_of(&[DOWN, DOWN, Verdict::Unknown, DOWN]), OfAll),
            EJECTED
        );
        let one = seats(&[(0, 1), (1, 1), (2, 1)]);
        assert_eq!(one.rule(NOW, &all_of_one, OfAll), EJECTED);
    }

    #[test]
    fn of_those_heard_the_majority_decides_when_alone() {
        let five = seats(&[(0, 1), (1, 2), (2, 1), (3, 2), (4, 1)]);
        let lone = votes_of(&[DOWN]);
        assert_eq!(five.rule(NOW, &lone, OfAll), Ruling::Undecided);
        assert_eq!(five.rule(NOW, &lone, OfHeard), EJECTED);
        let torn = votes_of(&[DOWN, Verdict::Up]);
        assert_eq!(five.rule(NOW, &torn, OfHeard), Ruling::Undecided);
    }

    #[test]
    fn two_vantages_of_a_region_rule_for_it() {
        let five = seats(&[(0, 1), (0, 2), (1, 1), (1, 2), (2, 1)]);
        let torn = votes_of(&[DOWN, DOWN, Verdict::Up, Verdict::Up, Verdict::Up]);
        assert_eq!(five.rule(NOW, &torn, OfAll), Ruling::Up);
        let by_region = [0, 1, 2, 9].map(|region| five.rule_for(region, NOW, &torn, OfAll));
        assert_eq!(by_region, [EJECTED, Ruling::Up, Ruling::Up, Ruling::Up]);
        let split = votes_of(&[DOWN, Verdict::Up, DOWN, DOWN, DOWN]);
        assert_eq!(
            five.rule_for(0, NOW, &split, OfAll),
            EJECTED,
            "no agreement: the whole"
        );
    }

    #[test]
    fn a_stated_part_of_many_keeps_a_target() {
        let mut eight = seats(&[
            (0, 1),
            (0, 2),
            (0, 1),
            (0, 2),
            (0, 1),
            (0, 2),
            (0, 1),
            (0, 2),
        ]);
        let mut said = [DOWN; 8];
        said[..2].fill(Verdict::Up);
        assert_eq!(eight.rule(NOW, &votes_of(&said), OfAll), EJECTED);
        eight.up_while = Some(Permille(180));
        assert_eq!(eight.rule(NOW, &votes_of(&said), OfAll), Ruling::Up);
        said[0] = DOWN;
        assert_eq!(eight.rule(NOW, &votes_of(&said), OfAll), EJECTED);
    }
}
