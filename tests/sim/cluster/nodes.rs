//! One node of a world: its core, its disk, its clock, what it believes of the targets.
use std::collections::BTreeSet;
use std::sync::Arc;

use waypost::base::{Cause, Moment, Permille, Span, Utc};
use waypost::health::target::Verdict;
use waypost::share::{
    AuthorSeal, Boot, Cluster, ClusterStart, EntryHash, Footing, MemberRole, NodeHead, RecordFate,
    Roster, RosterMember, Ruling, ScopeCapacity, Sealed, Sight, TargetNames, Trust, Tuning,
};

pub(super) const TARGETS: u32 = 4;
pub(super) const BEAT: u64 = 2_000;
pub(super) const ALONE_AFTER: u64 = 60_000;
/// The civil time at which a world begins.
const EPOCH: u64 = 1_800_000_000_000;

/// A disk: records of orders, in the order in which they came.
pub(super) type Disk = Vec<Arc<[u8]>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Honest,
    /// It votes the contrary of what it sees, sends forged and garbled octets, and orders without end.
    Liar,
}

pub(super) struct SimNode {
    /// Its place in the roster; twins share one.
    pub(super) member: usize,
    pub(super) manner: Manner,
    pub(super) cluster: Cluster,
    /// The liar's second self, with the same key and start: it signs what contradicts the first.
    pub(super) shadow: Option<Cluster>,
    pub(super) disk: Disk,
    pub(super) backup: Disk,
    pub(super) is_up: bool,
    /// Its wall clock less the true time.
    pub(super) skew: i64,
    /// The true time at which it began.
    began: u64,
    pub(super) believes: Vec<Verdict>,
    /// Orders that it has, by their hashes.
    pub(super) knows: BTreeSet<EntryHash>,
}

/// Each scope `s0`… is one of five places of equal capacity.
pub(super) struct Places;

impl ScopeCapacity for Places {
    fn covered(&self, scope: &str) -> Vec<(u32, u64)> {
        let place = scope.strip_prefix('s').and_then(|place| place.parse().ok());
        place.map(|place: u32| (place, 10)).into_iter().collect()
    }

    fn total(&self) -> u64 {
        50
    }
}

pub(super) fn seal(member: usize) -> AuthorSeal {
    AuthorSeal::from_seed(&[u8::try_from(member).unwrap() + 1; 32]).unwrap()
}

/// The provider of a member: two in turn.
pub(super) fn provider(member: usize) -> usize {
    member % 2
}

pub(super) fn roster(vantages: usize) -> Arc<Roster> {
    roster_with(vantages, 0)
}

/// The roster of so many vantages, and after them so many who follow.
pub(super) fn roster_with(vantages: usize, followers: usize) -> Arc<Roster> {
    roster_in("region-", vantages, followers)
}

/// The same, two nodes in each region of this name and a number.
pub(super) fn roster_in(region: &str, vantages: usize, followers: usize) -> Arc<Roster> {
    let members = (0..vantages + followers).map(|member| RosterMember {
        name: format!("node-{member}"),
        key: seal(member).key(),
        region: format!("{region}{}", member / 2),
        provider: format!("provider-{}", provider(member)),
        role: if member < vantages {
            MemberRole::Vantage
        } else {
            MemberRole::Follower
        },
        admission: waypost::share::MemberAdmission::Admitted,
    });
    Arc::new(Roster::new("sim", members.collect()).unwrap())
}

fn core(member: usize, roster: Arc<Roster>, boot: Boot) -> Cluster {
    let tuning = Tuning {
        beat: Span(BEAT),
        alone_after: Some(Span(ALONE_AFTER)),
        up_while: None,
    };
    let start = ClusterStart {
        now: Moment(0),
        boot,
    };
    let mut core = Cluster::new(seal(member), roster, tuning, start);
    let names = (0..TARGETS).map(|target| TargetNames::hash(&format!("target-{target}")));
    core.plan(names.collect());
    core
}

impl SimNode {
    /// A node that begins at this true time, with what its disk has.
    pub(super) fn begin(
        (member, manner): (usize, Manner),
        roster: &Arc<Roster>,
        (now, skew): (u64, i64),
        drawn: u16,
        disk: Disk,
    ) -> Self {
        let boot = Boot::at(wall(now, skew), drawn);
        let liar = manner == Manner::Liar;
        let shadow = liar.then(|| core(member, roster.clone(), boot));
        let mut node = Self {
            member,
            manner,
            cluster: core(member, roster.clone(), boot),
            shadow,
            disk,
            backup: Vec::new(),
            is_up: true,
            skew,
            began: now,
            believes: vec![Verdict::Up; TARGETS as usize],
            knows: BTreeSet::new(),
        };
        for record in &node.disk {
            if let Ok(RecordFate::Order(entry)) = node.cluster.restore(wall(now, skew), record) {
                node.knows.insert(entry.hash);
            }
        }
        // What a later one of its author replaced was known all the same.
        let all = node
            .disk
            .iter()
            .filter_map(|record| Sealed::parse(record).ok());
        node.knows.extend(all.map(|record| record.hash()));
        node
    }

    pub(super) fn now(&self, true_time: u64) -> Moment {
        Moment(true_time - self.began)
    }

    pub(super) fn wall(&self, true_time: u64) -> Utc {
        wall(true_time, self.skew)
    }

    /// Votes, and now and then tells its head.
    pub(super) fn speak(&mut self, true_time: u64, seen: &[bool], trust: Trust) {
        let (now, wall) = (self.now(true_time), self.wall(true_time));
        let sight = match trust {
            Trust::Sure => Sight::Clear,
            Trust::Doubting => Sight::Poor,
        };
        self.cluster.tick(now, wall, sight);
        let mut ballot = self.cluster.ballot(trust);
        for (place, up) in (0..).zip(seen) {
            ballot.add(place, verdict(*up));
        }
        self.cluster.say(now, wall, ballot);
        if (true_time / BEAT).is_multiple_of(5) {
            self.cluster.say_head(wall, NodeHead::default());
        }
        if let Some(shadow) = &mut self.shadow {
            let mut ballot = shadow.ballot(Trust::Sure);
            for (place, up) in (0..).zip(seen) {
                ballot.add(place, verdict(!up));
            }
            shadow.say(now, wall, ballot);
        }
        let panel = self.cluster.panel();
        for (place, up) in (0..).zip(seen) {
            let ruling = panel.rule(now, place, (verdict(*up), trust));
            let believed = &mut self.believes[place as usize];
            *believed = ruling.over(*believed);
        }
    }

    /// Targets that it takes out now because a majority of all says so.
    pub(super) fn ejects(&self, true_time: u64, seen: &[bool], trust: Trust) -> Vec<u32> {
        if self.cluster.footing() == Footing::Alone {
            return Vec::new();
        }
        let (panel, now) = (self.cluster.panel(), self.now(true_time));
        let out = |place: &u32| {
            let own = (verdict(seen[*place as usize]), trust);
            matches!(panel.rule(now, *place, own), Ruling::Down(_))
        };
        (0..TARGETS).filter(out).collect()
    }

    /// Takes a bundle, and writes down what is new.
    pub(super) fn take(&mut self, true_time: u64, bundle: &[u8]) {
        let (now, wall) = (self.now(true_time), self.wall(true_time));
        for fate in self.cluster.take(now, wall, bundle).fates {
            if let RecordFate::Order(entry) = fate {
                self.knows.insert(entry.hash);
                self.disk.push(entry.record.octets().clone());
            }
        }
    }

    /// Scopes that are drained here, whether that is held back or not.
    pub(super) fn drained(&self, true_time: u64) -> BTreeSet<String> {
        let orders = self.cluster.in_force(self.wall(true_time), &Places);
        let drains = orders
            .iter()
            .filter(|order| order.entry.entry.act == waypost::share::LogAct::Drain);
        drains
            .map(|order| order.entry.entry.scope.clone())
            .collect()
    }
}

fn verdict(up: bool) -> Verdict {
    if up {
        Verdict::Up
    } else {
        Verdict::Down(Cause::Refused)
    }
}

fn wall(true_time: u64, skew: i64) -> Utc {
    Utc((EPOCH + true_time).saturating_add_signed(skew))
}

/// An override that holds for so long.
pub(super) fn half() -> waypost::share::LogAct {
    waypost::share::LogAct::Override(Permille(500))
}
