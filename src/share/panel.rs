//! The panel: what all vantages see, by the places of this node's plan, ready to be asked.
//!
//! The engine has one at any time. Its own verdict on a target comes with the question, as of that moment; those of the others
//! are in it, each as old as it is. [`VantagePanel::lone`] is a roster of one: nobody else, and the own word decides. One that is
//! [`VantagePanel::unheard`] decides nothing: that of a node of a cluster that has just begun.
//!
//! Votes come many times a second and mostly say what they said before: [`VantagePanel::differing`] compares bitmaps, so that only
//! what somebody sees otherwise is looked at again.
//!
//! # The second of a return
//! A vote tells of what rose lately for how long it has been up ([`Ballot::up_for`]). The return begins when the vantage saw it up
//! that made the majority, by [`VantagePanel::up_since`]: every node comes to the same, however late the votes reached it, but for
//! a beat and the time that they were on their way, for some may rule before they have heard the same vantages.
//!
//! It knows no records: who is fresh, which plan a vote was on and whether the node is alone was settled when it was made.
use std::sync::Arc;

use crate::base::{Moment, Span};
use crate::health::target::Verdict;

use super::ballot::{Ballot, PlaceSet};
use super::ruling::{Electorate, Quorum, Ruling, Trust, VantageId, Vote, VoteCount};

/// Causes that are told in one line.
const TOLD: usize = 3;

/// The newest votes of all vantages.
#[derive(Clone, Debug)]
pub struct VantagePanel {
    /// The vantages that there are.
    pub electorate: Electorate,
    /// The seat of this node; none, if it follows.
    pub own: Option<VantageId>,
    /// The vantages of which more than half must say down.
    pub quorum: Quorum,
    /// The newest votes of others.
    pub others: Vec<OtherVantage>,
    /// The names of all vantages, by their seats.
    pub labels: Arc<[VantageLabel]>,
}

/// The newest vote of another vantage.
#[derive(Clone, Debug)]
pub struct OtherVantage {
    /// Its seat.
    pub vantage: VantageId,
    /// The moment that its age counts from.
    pub at: Moment,
    /// Its vote.
    pub ballot: Arc<Ballot>,
    /// By the places of this node's plan, those of the vote's; nothing, if it is the same plan.
    pub places: Option<Arc<[Option<u32>]>>,
}

/// The name of a vantage, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VantageLabel {
    /// Its own.
    pub name: String,
    /// That of its region.
    pub region: String,
}

/// This node's own sight of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnVote {
    /// The verdict.
    pub verdict: Verdict,
    /// Tells whether the node trusts itself in this.
    pub trust: Trust,
    /// Since when it is so; absent, if it was before this was watched.
    pub since: Option<Moment>,
}

/// The word of one vantage on a target.
#[derive(Clone, Copy, Debug)]
pub struct VantageView<'p> {
    /// The vantage.
    pub label: &'p VantageLabel,
    /// Its vote; absent, if nothing fresh is heard of it.
    pub vote: Option<Vote>,
}

impl VantagePanel {
    /// A node that stands alone.
    #[must_use]
    pub fn lone() -> Self {
        Self {
            electorate: Electorate::ALONE,
            own: Some(VantageId(0)),
            quorum: Quorum::OfAll,
            others: Vec::new(),
            labels: Arc::default(),
        }
    }

    /// A node of a cluster that has heard nothing yet: there is nobody to rule, and what was stays.
    #[must_use]
    pub fn unheard() -> Self {
        Self {
            electorate: Electorate {
                seats: Vec::new().into(),
                ..Electorate::ALONE
            },
            own: None,
            ..Self::lone()
        }
    }

    /// Rules on a target of which this node sees so much itself, and trusts itself so far.
    #[must_use]
    pub fn rule(&self, now: Moment, place: u32, own: (Verdict, Trust)) -> Ruling {
        let votes = self.votes(now, place, own);
        self.electorate.rule(now, &votes, self.quorum)
    }

    /// The same for the clients of a region, by its number in the roster.
    #[must_use]
    pub fn rule_for(&self, region: u16, now: Moment, place: u32, own: (Verdict, Trust)) -> Ruling {
        let votes = self.votes(now, place, own);
        self.electorate.rule_for(region, now, &votes, self.quorum)
    }

    /// The votes on a target, counted: `3 of 5 vantages see it down`.
    #[must_use]
    pub fn count(&self, now: Moment, place: u32, own: (Verdict, Trust)) -> VoteCount {
        let votes = self.votes(now, place, own);
        self.electorate.count(now, &votes, None)
    }

    /// The regions with two vantages or more, which may rule for their own clients: by their numbers in the roster, with their names.
    #[must_use]
    pub fn regions(&self) -> Vec<(u16, &str)> {
        let mut regions: Vec<(u16, &str)> = Vec::new();
        let seats = self.electorate.seats.iter();
        for (seat, label) in seats.clone().zip(&*self.labels) {
            let own = seats.clone().filter(|other| other.region == seat.region);
            if own.count() > 1 && !regions.iter().any(|(known, _)| *known == seat.region) {
                regions.push((seat.region, &label.region));
            }
        }
        regions
    }

    /// The votes of a region's own vantages on a target, counted.
    #[must_use]
    pub fn count_in(
        &self,
        region: u16,
        now: Moment,
        place: u32,
        own: (Verdict, Trust),
    ) -> VoteCount {
        let votes = self.votes(now, place, own);
        self.electorate.count(now, &votes, Some(region))
    }

    /// The moment at which so many saw a target up, without a break until now, that they were more than half of those who are
    /// heard; absent, if that is longer ago than votes tell.
    #[must_use]
    pub fn up_since(&self, now: Moment, place: u32, own: OwnVote) -> Option<Moment> {
        self.decisive(now, place, own, |_| true)
    }

    /// The same of a region's own vantages.
    #[must_use]
    pub fn up_since_in(
        &self,
        region: u16,
        now: Moment,
        place: u32,
        own: OwnVote,
    ) -> Option<Moment> {
        self.decisive(now, place, own, |vantage| {
            let seat = self.electorate.seats.get(usize::from(vantage.0));
            seat.is_some_and(|seat| seat.region == region)
        })
    }

    fn decisive(
        &self,
        now: Moment,
        place: u32,
        own: OwnVote,
        counts: impl Fn(VantageId) -> bool,
    ) -> Option<Moment> {
        let seat = self.own.filter(|seat| counts(*seat));
        let mine = seat.and(match own.verdict {
            Verdict::Up => Some(Some(own.since.unwrap_or_default())),
            Verdict::Down(_) if own.trust == Trust::Sure => Some(None),
            Verdict::Down(_) | Verdict::Unknown => None,
        });
        let others = self.others.iter();
        let others = others.filter(|other| counts(other.vantage) && self.is_fresh(now, other));
        let theirs = others.filter_map(|other| other.up_since(place));
        let votes: Vec<Option<Moment>> = mine.into_iter().chain(theirs).collect();
        let mut ups: Vec<Moment> = votes.iter().copied().flatten().collect();
        ups.sort_unstable();
        let decisive = ups.get(votes.len() / 2).copied();
        decisive.filter(|moment| *moment > Moment(0))
    }

    /// Tells that some who are heard see a target up, and some down.
    #[must_use]
    pub fn is_contested(&self, now: Moment, place: u32, own: (Verdict, Trust)) -> bool {
        if self.others.is_empty() {
            return false;
        }
        let count = self.count(now, place, own);
        count.ups > 0 && count.downs > 0
    }

    /// The word of each vantage on a target, by their seats; nothing, where there is but one.
    #[must_use]
    pub fn views(&self, now: Moment, place: u32, own: (Verdict, Trust)) -> Vec<VantageView<'_>> {
        let votes = self.votes(now, place, own);
        let views = (0..).map(VantageId).zip(&*self.labels);
        let views = views.map(|(seat, label)| {
            let mut votes = votes.iter().copied();
            let vote = votes.find(|vote| vote.vantage == seat);
            let is_fresh = |vote: &Vote| now.since(vote.at) <= self.electorate.window;
            let vote = vote.filter(is_fresh);
            VantageView { label, vote }
        });
        views.collect()
    }

    /// The votes on a target in words: `2 of 3 vantages see it down: connection refused in eu-frankfurt`. Nothing, where nobody sees
    /// it down or there is one vantage.
    #[must_use]
    pub fn told(&self, now: Moment, place: u32, own: (Verdict, Trust)) -> Option<String> {
        let views = self.views(now, place, own);
        let downs = views.iter().filter_map(|view| {
            let vote = view.vote.filter(|vote| vote.trust == Trust::Sure)?;
            let Verdict::Down(cause) = vote.verdict else {
                return None;
            };
            Some(format!("{cause} in {}", view.label.region))
        });
        let mut downs: Vec<String> = downs.collect();
        let (count, of) = (downs.len(), views.len());
        if count == 0 {
            return None;
        }
        let mut told = Vec::new();
        for down in downs.drain(..) {
            if !told.contains(&down) {
                told.push(down);
            }
        }
        let more = if told.len() > TOLD { ", …" } else { "" };
        told.truncate(TOLD);
        let causes = told.join(", ");
        let (noun, verb) = match of {
            1 => ("vantage", "sees"),
            _ => ("vantages", if count == 1 { "sees" } else { "see" }),
        };
        Some(format!(
            "{count} of {of} {noun} {verb} it down: {causes}{more}"
        ))
    }

    /// The moment at which the next vote grows too old.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Moment> {
        let window = self.electorate.window;
        let ends = self.others.iter().map(|other| other.at.after(window));
        ends.min().map(|last| last.after(Span(1)))
    }

    /// The same without votes that are too old.
    #[must_use]
    pub fn without_old(mut self, now: Moment) -> Self {
        let window = self.electorate.window;
        self.others.retain(|other| now.since(other.at) <= window);
        self
    }

    /// The places, of so many, on which somebody else votes otherwise than in `before`; all, if it is others who vote, or they
    /// count otherwise.
    #[must_use]
    pub fn differing(&self, before: &Self, targets: u32) -> Vec<u32> {
        let alike = (&self.electorate, self.own, self.quorum)
            == (&before.electorate, before.own, before.quorum);
        let known: Vec<VantageId> = before.others.iter().map(|other| other.vantage).collect();
        let mut heard = self.others.iter().map(|other| other.vantage);
        if !alike || self.others.len() != known.len() || !heard.all(|seat| known.contains(&seat)) {
            return (0..targets).collect();
        }
        let mut changed = PlaceSet::none(targets);
        for other in &self.others {
            let mut before = before.others.iter();
            let before = before.find(|before| before.vantage == other.vantage);
            let is_marked = before.is_some_and(|before| other.mark(before, &mut changed));
            if !is_marked {
                return (0..targets).collect();
            }
        }
        let none = PlaceSet::none(targets);
        changed.differing(&none).collect()
    }

    /// The same for another plan; by its places, those of this one.
    #[must_use]
    pub fn moved(&self, kept: &[Option<u32>]) -> Self {
        let mut moved = self.clone();
        for other in &mut moved.others {
            let places = kept.iter().map(|old| other.place(old.as_ref().copied()?));
            other.places = Some(places.collect());
        }
        moved
    }

    fn is_fresh(&self, now: Moment, other: &OtherVantage) -> bool {
        now.since(other.at) <= self.electorate.window
    }

    fn votes(&self, now: Moment, place: u32, (verdict, trust): (Verdict, Trust)) -> Vec<Vote> {
        let own = self.own.map(|vantage| Vote {
            vantage,
            verdict,
            at: now,
            trust,
        });
        let others = self.others.iter().map(|other| other.vote(place));
        own.into_iter().chain(others).collect()
    }
}

impl OtherVantage {
    /// Its vote on a target of this node's plan.
    fn vote(&self, place: u32) -> Vote {
        let theirs = self.place(place);
        Vote {
            vantage: self.vantage,
            verdict: theirs.map_or(Verdict::Unknown, |place| self.ballot.verdict(place)),
            at: self.at,
            trust: self.ballot.trust,
        }
    }

    /// The place in its plan of a target of this node's.
    fn place(&self, place: u32) -> Option<u32> {
        match &self.places {
            None => Some(place),
            Some(places) => places.get(place as usize).copied().flatten(),
        }
    }

    /// Since when it sees a target up, from the beginning of time where it does not tell; within, nothing if it sees it down. Nothing
    /// if it does not say, or doubts what it says.
    fn up_since(&self, place: u32) -> Option<Option<Moment>> {
        match self.vote(place).verdict {
            Verdict::Up => {
                let ago = self.ballot.up_for(self.place(place)?);
                let since = ago.map(|ago| Moment(self.at.0.saturating_sub(ago.0)));
                Some(Some(since.unwrap_or_default()))
            }
            Verdict::Down(_) if self.ballot.trust == Trust::Sure => Some(None),
            Verdict::Down(_) | Verdict::Unknown => None,
        }
    }

    /// Marks the places of this node's plan on which it votes otherwise than before. Says nothing of them, and tells so, if the votes
    /// are not on the same plan, or not given in the same trust.
    fn mark(&self, before: &Self, changed: &mut PlaceSet) -> bool {
        if Arc::ptr_eq(&self.ballot, &before.ballot) && self.places == before.places {
            return true;
        }
        let on = |other: &Self| {
            (
                other.ballot.plan,
                other.ballot.trust,
                other.ballot.up.length(),
            )
        };
        if on(self) != on(before) || self.places != before.places {
            return false;
        }
        let ups = self.ballot.up.differing(&before.ballot.up);
        let downs = self.ballot.down.differing(&before.ballot.down);
        match &self.places {
            None => ups.chain(downs).for_each(|place| changed.add(place)),
            Some(places) => {
                let mut theirs = PlaceSet::none(self.ballot.up.length());
                ups.chain(downs).for_each(|place| theirs.add(place));
                let own = (0..).zip(&**places);
                let own = own.filter(|(_, place)| place.is_some_and(|place| theirs.has(place)));
                own.for_each(|(place, _)| changed.add(place));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cause;
    use crate::share::ballot::PlanHash;
    use crate::share::ruling::Seat;

    const NOW: Moment = Moment(100_000);
    const DOWN: Verdict = Verdict::Down(Cause::Refused);
    const UP: Verdict = Verdict::Up;

    fn ballot(verdicts: &[Verdict]) -> Ballot {
        let targets = u32::try_from(verdicts.len()).unwrap();
        let mut ballot = Ballot::blank(PlanHash([0; 16]), targets, Trust::Sure);
        for (place, verdict) in (0..).zip(verdicts) {
            ballot.add(place, *verdict);
        }
        ballot
    }

    /// Three vantages, this one the first; what the others say of all targets, and how long ago.
    fn panel(others: Vec<(u64, Ballot)>) -> VantagePanel {
        let seats = (0..3).map(|number| Seat {
            region: number,
            provider: number,
        });
        let others = (1..).map(VantageId).zip(others);
        let others = others.map(|(vantage, (age, ballot))| OtherVantage {
            vantage,
            at: Moment(NOW.0 - age),
            ballot: Arc::new(ballot),
            places: None,
        });
        let label = |name: &str, region: &str| VantageLabel {
            name: name.to_owned(),
            region: region.to_owned(),
        };
        VantagePanel {
            electorate: Electorate {
                seats: seats.collect(),
                window: Span(15_000),
                up_while: None,
            },
            others: others.collect(),
            labels: [label("a", "x"), label("b", "y"), label("c", "z")].into(),
            ..VantagePanel::lone()
        }
    }

    #[test]
    fn only_what_somebody_sees_otherwise_differs() {
        let mut eleven = [UP; 11];
        eleven[5] = Verdict::Unknown;
        let mut other = eleven;
        (other[3], other[5], other[10]) = (DOWN, DOWN, Verdict::Unknown);
        let before = panel(vec![(0, ballot(&eleven)), (0, ballot(&eleven))]);
        let after = panel(vec![(0, ballot(&eleven)), (0, ballot(&other))]);
        assert_eq!(before.differing(&before, 11), [0_u32; 0]);
        assert_eq!(after.differing(&before, 11), [3, 5, 10]);
        let all: Vec<u32> = (0..11).collect();
        assert_eq!(after.differing(&panel(Vec::new()), 11), all);
        let lone = VantagePanel::lone();
        assert_eq!(after.differing(&lone, 11), all);
        let mut doubting = after.clone();
        let mut own = (*doubting.others[0].ballot).clone();
        own.trust = Trust::Doubting;
        doubting.others[0].ballot = Arc::new(own);
        assert_eq!(doubting.differing(&after, 11), all);
    }

    #[test]
    fn another_plan_has_votes_on_what_it_keeps() {
        let mut moved = panel(vec![(0, ballot(&[DOWN, UP])), (0, ballot(&[DOWN, UP]))]);
        moved = moved.moved(&[Some(1), None, Some(0)]);
        let own = (Verdict::Unknown, Trust::Sure);
        let rulings = [0, 1, 2, 3].map(|place| moved.rule(NOW, place, own));
        let down = Ruling::Down(Cause::Refused);
        let undecided = Ruling::Undecided;
        assert_eq!(rulings, [Ruling::Up, undecided, down, undecided]);
        let later = panel(vec![(0, ballot(&[UP, UP])), (0, ballot(&[DOWN, UP]))]);
        let later = later.moved(&[Some(1), None, Some(0)]);
        assert_eq!(later.differing(&moved, 3), [2]);
    }

    #[test]
    fn votes_grow_old_one_by_one() {
        let panel = panel(vec![(4_000, ballot(&[UP])), (9_000, ballot(&[UP]))]);
        assert_eq!(panel.next_expiry(), Some(Moment(106_001)));
        let kept = |now: u64| panel.clone().without_old(Moment(now)).others.len();
        assert_eq!([106_000, 106_001, 111_001].map(kept), [2, 1, 0]);
        assert_eq!(VantagePanel::lone().next_expiry(), None);
    }

    #[test]
    fn a_return_begins_with_the_vantage_that_made_the_majority() {
        let risen = |ago: u64| {
            let mut ballot = ballot(&[UP]);
            ballot.tell_risen(vec![(Span(ago), 0)]);
            ballot
        };
        let own = |since: u64| OwnVote {
            verdict: UP,
            trust: Trust::Sure,
            since: Some(Moment(since)),
        };
        let three = panel(vec![(500, risen(2_000)), (100, risen(9_000))]);
        assert_eq!(three.up_since(NOW, 0, own(99_000)), Some(Moment(97_500)));
        assert_eq!(three.up_since(NOW, 0, own(1_000)), Some(Moment(90_900)));
        let down = OwnVote {
            verdict: DOWN,
            ..own(0)
        };
        assert_eq!(three.up_since(NOW, 0, down), Some(Moment(97_500)));
        let long = panel(vec![(0, ballot(&[UP])), (0, ballot(&[UP]))]);
        assert_eq!(long.up_since(NOW, 0, own(99_000)), None);
        let lone = VantagePanel::lone();
        assert_eq!(lone.up_since(NOW, 0, own(99_000)), Some(Moment(99_000)));
    }

    #[test]
    fn votes_are_told_in_words() {
        let three = panel(vec![(0, ballot(&[DOWN])), (0, ballot(&[UP]))]);
        let told = |verdict| three.told(NOW, 0, (verdict, Trust::Sure));
        let one = "1 of 3 vantages sees it down: connection refused in y";
        assert_eq!(told(UP).as_deref(), Some(one));
        let two = "2 of 3 vantages see it down: connection refused in x, connection refused in y";
        assert_eq!(told(DOWN).as_deref(), Some(two));
        assert_eq!(VantagePanel::lone().told(NOW, 0, (DOWN, Trust::Sure)), None);
        let views = three.views(NOW, 0, (Verdict::Unknown, Trust::Sure));
        assert_eq!(views.len(), 3);
    }
}
