//! The roster: who takes part. Each node has its own, from its config, and rules by that.
//!
//! Members are told apart by their keys; names are for people. A vantage has a vote, a follower takes the ruling of the vantages.
//! Whoever is revoked here, or by an order in the log, is not listened to any more, but counts as one of the vantages until it
//! is struck out: an order must not make a majority smaller on one side of a cut.
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::Span;
use crate::base::limits::{CLUSTER_MEMBERS, CLUSTER_VANTAGES};

use super::panel::VantageLabel;
use super::ruling::{Electorate, Seat, VantageId};
use super::seal::{Author, AuthorKey, short_hash};

/// A node of the roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterMember {
    /// Its name.
    pub name: String,
    /// Its public key.
    pub key: AuthorKey,
    /// The region that it stands in.
    pub region: String,
    /// The provider that runs it.
    pub provider: String,
    /// Its part.
    pub role: MemberRole,
    /// Tells whether it is listened to.
    pub admission: MemberAdmission,
}

/// The part of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// It votes.
    Vantage,
    /// It takes the ruling of those who vote.
    Follower,
}

/// Tells whether a member is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberAdmission {
    /// It is.
    Admitted,
    /// Its key is not trusted any more.
    Revoked,
}

/// The nodes that take part.
#[derive(Clone, Debug)]
pub struct Roster {
    cluster: u64,
    members: BTreeMap<Author, RosterMember>,
    /// In the order of their seats.
    vantages: Vec<Author>,
    seats: Vec<Seat>,
    labels: Arc<[VantageLabel]>,
    /// By the number that seats have for them.
    regions: Vec<String>,
}

/// A roster that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterFault {
    /// There are too many members, or too many vantages.
    TooMany,
    /// Nobody votes.
    NoVantage,
    /// Two members have this name.
    SameName(String),
    /// This member has the key of another.
    SameKey(String),
}

impl Roster {
    /// The roster of a cluster of this name.
    ///
    /// # Errors
    /// The reason for which it cannot be.
    pub fn new(cluster: &str, members: Vec<RosterMember>) -> Result<Self, RosterFault> {
        let mut names = BTreeSet::new();
        let mut by_author = BTreeMap::new();
        for member in members {
            if !names.insert(member.name.clone()) {
                return Err(RosterFault::SameName(member.name));
            }
            let author = member.key.author();
            if by_author.contains_key(&author) {
                return Err(RosterFault::SameKey(member.name));
            }
            by_author.insert(author, member);
        }
        let voting = by_author.iter();
        let voting = voting.filter(|(_, member)| member.role == MemberRole::Vantage);
        let mut vantages: Vec<(&str, Author)> =
            voting.map(|(id, member)| (&*member.name, *id)).collect();
        vantages.sort_unstable();
        let vantages: Vec<Author> = vantages.into_iter().map(|(_, author)| author).collect();
        if by_author.len() > CLUSTER_MEMBERS || vantages.len() > CLUSTER_VANTAGES {
            return Err(RosterFault::TooMany);
        }
        if vantages.is_empty() {
            return Err(RosterFault::NoVantage);
        }
        let regions = distinct(&by_author, |member| &member.region);
        let providers = distinct(&by_author, |member| &member.provider);
        let seats = vantages.iter().map(|author| {
            let member = &by_author[author];
            Seat {
                region: number(&regions, &member.region),
                provider: number(&providers, &member.provider),
            }
        });
        let labels = vantages.iter().map(|author| {
            let member = &by_author[author];
            VantageLabel {
                name: member.name.clone(),
                region: member.region.clone(),
            }
        });
        Ok(Self {
            labels: labels.collect(),
            cluster: short_hash(cluster.as_bytes()),
            seats: seats.collect(),
            vantages,
            regions,
            members: by_author,
        })
    }

    /// The number of the cluster in its records.
    #[must_use]
    pub fn cluster(&self) -> u64 {
        self.cluster
    }

    /// A member.
    #[must_use]
    pub fn member(&self, author: Author) -> Option<&RosterMember> {
        self.members.get(&author)
    }

    /// All members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (Author, &RosterMember)> {
        self.members
            .iter()
            .map(|(author, member)| (*author, member))
    }

    /// The vantages, in the order of their seats.
    #[must_use]
    pub fn vantages(&self) -> &[Author] {
        &self.vantages
    }

    /// The seat of a vantage; none, if it has no vote.
    #[must_use]
    pub fn seat(&self, author: Author) -> Option<VantageId> {
        let place = self
            .vantages
            .iter()
            .position(|vantage| *vantage == author)?;
        u16::try_from(place).ok().map(VantageId)
    }

    /// The names of the vantages, by their seats.
    #[must_use]
    pub fn labels(&self) -> &Arc<[VantageLabel]> {
        &self.labels
    }

    /// The number that seats have for a region.
    #[must_use]
    pub fn region(&self, name: &str) -> Option<u16> {
        let place = self.regions.iter().position(|region| region == name)?;
        u16::try_from(place).ok()
    }

    /// The vantages as those who vote; a vote counts for this long.
    #[must_use]
    pub fn electorate(&self, window: Span) -> Electorate {
        Electorate {
            seats: Cow::Owned(self.seats.clone()),
            window,
            up_while: None,
        }
    }
}

fn distinct<'m>(
    members: &'m BTreeMap<Author, RosterMember>,
    of: impl Fn(&'m RosterMember) -> &'m String,
) -> Vec<String> {
    let all: BTreeSet<&String> = members.values().map(of).collect();
    all.into_iter().cloned().collect()
}

fn number(sorted: &[String], name: &str) -> u16 {
    let place = sorted.iter().position(|other| other == name);
    let place = place.and_then(|place| u16::try_from(place).ok());
    place.expect("the list is made of all members, and limits.rs bounds them")
}
