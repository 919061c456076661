//! The panel: what all vantages see, by the places of this node's plan, ready to be asked.
//!
//! The engine has one at any time. Its own verdict on a target comes with the question, as of that moment; those of the others
//! are in it, each as old as it is. [`VantagePanel::lone`] is a roster of one: nobody else, and the own word decides.
//!
//! It knows no records: who is fresh, which plan a vote was on and whether the node is alone was settled when it was made.
use std::sync::Arc;

use crate::base::Moment;
use crate::health::target::Verdict;

use super::ballot::Ballot;
use super::ruling::{Electorate, Quorum, Ruling, Trust, VantageId, Vote, VoteCount};

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

impl VantagePanel {
    /// A node that stands alone.
    #[must_use]
    pub fn lone() -> Self {
        Self {
            electorate: Electorate::ALONE,
            own: Some(VantageId(0)),
            quorum: Quorum::OfAll,
            others: Vec::new(),
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
        let theirs = match &self.places {
            None => Some(place),
            Some(places) => places.get(place as usize).copied().flatten(),
        };
        Vote {
            vantage: self.vantage,
            verdict: theirs.map_or(Verdict::Unknown, |place| self.ballot.verdict(place)),
            at: self.at,
            trust: self.ballot.trust,
        }
    }
}
