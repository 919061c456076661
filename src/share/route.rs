//! The anycast route of a node: when a routing daemon is to take it back, and when it may come again.
//!
//! Several nodes announce one address, and clients reach the nearest. A node that is cut off, or whose data is old, does better to
//! leave its clients to the others. A node that withdraws while it is the only one left is an outage, and one that sees the cause of
//! its trouble cannot know how many others see it too. So the rules are about who stays.
//!
//! ```text
//!             a fault for 30 s, and another one stays              no fault for `hold`
//!  Announced --------------------------------------> Withdrawn ------------------------> Announced
//!      ^                                                 |
//!      '-------- no other announces it any more ---------'
//! ```
//!
//! # Trip conditions
//! - **Isolated**: no majority of the vantages is heard, and this node's own canaries fail. Without the second nobody knows which side
//!   of a cut is the sick one, and a node that sees the world serves its clients well.
//! - **Stale**, where the rule minds it: a majority is heard, and more than half of all nodes have had a zone in a newer version for long.
//!   So no more than a minority is ever behind with a zone.
//!
//! # Protection
//! Nodes say in their heads whether they announce, and whether something is wrong with them ([`RouteWord`]).
//! - Who is isolated hears nobody, so that it is decided beforehand who stays: the *keeper*, of those who announced it soundly when
//!   a majority was heard last the first by name. All who heard the same have the same keeper. When everybody is cut off at once (a backbone that
//!   carried both peers and canaries), the keeper stays. A node that never heard a majority, or nobody else who announces, is a keeper.
//! - Who is stale withdraws only while it hears somebody who announces soundly. It has said that something is wrong for longer than a
//!   word counts, so of several that withdraw together none takes another one for the one that stays.
//! - Whoever is withdrawn, hears a majority, and nobody in it that announces, is back at once.
//!
//! # Recovery conditions
//! No fault for `hold`, without a break. Each further withdrawal within an hour of the last return doubles that, up to eight times.
//!
//! It knows no zone by name, no socket and no routing daemon.
use crate::base::limits::{CLUSTER_HEAD_EVERY, CLUSTER_ROUTE_CALM, CLUSTER_ROUTE_UNSOUND};
use crate::base::{Moment, Span};

use super::cluster::{Cluster, Footing, Sight};
use super::head::RouteWord;

/// Doublings of the hold, at the most.
const DOUBLINGS: u32 = 3;

/// Why a route is to be withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteFault {
    /// No majority is heard, and the canaries fail.
    Isolated,
    /// Most nodes have had a newer version of the zone with this hash for long.
    Stale(u64),
}

/// The rule of a node that withdraws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// Time for which most others may have newer data; absent: for ever.
    pub stale_after: Option<Span>,
    /// Time without a fault after which the route comes back.
    pub hold: Span,
}

/// Everything that a route is decided by, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSight {
    /// Tells whether a majority is heard.
    pub footing: Footing,
    /// Tells whether the canaries pass.
    pub sight: Sight,
    /// The name and the word of each other node, if it came lately.
    pub others: Vec<(String, RouteWord)>,
    /// Time for which a word counts: longer than a vote, so that there are words as long as a majority is heard.
    pub words_count: Span,
    /// A zone that more than half of all nodes have in a newer version.
    pub behind: Option<u64>,
}

/// A step of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteStep {
    /// It is withdrawn from now on.
    Withdrawn(RouteFault),
    /// It may be announced again, after so long.
    Returned(Span),
}

/// The route of this node.
#[derive(Debug)]
pub struct AnycastRoute {
    name: String,
    rule: RouteRule,
    /// Set where nobody else is known to stay when all are cut off.
    is_keeper: bool,
    behind_since: Option<Moment>,
    fault: Option<(Moment, RouteFault)>,
    /// The last moment at which something was wrong.
    ailed_at: Option<Moment>,
    withdrawn: Option<(Moment, RouteFault)>,
    /// The last return, and the withdrawals up to it that came soon after each other.
    returned: Option<(Moment, u32)>,
}

impl AnycastRoute {
    /// The route of a node that has just begun: it is announced.
    #[must_use]
    pub fn new(name: String, rule: RouteRule) -> Self {
        Self {
            name,
            rule,
            is_keeper: true,
            behind_since: None,
            fault: None,
            ailed_at: None,
            withdrawn: None,
            returned: None,
        }
    }

    /// Goes by another rule from now on.
    pub fn adopt(&mut self, rule: RouteRule) {
        self.rule = rule;
    }

    /// Looks at what is so now.
    pub fn turn(&mut self, now: Moment, seen: &RouteSight) -> Option<RouteStep> {
        let says = |wanted: RouteWord| seen.others.iter().any(|(_, word)| *word == wanted);
        let is_sound_there = says(RouteWord::Announced);
        let is_there = is_sound_there || says(RouteWord::Unsound);
        let is_together = seen.footing == Footing::Together;
        if is_together {
            self.is_keeper = self.stays(&seen.others);
        }
        let fault = self.fault_of(now, seen);
        if fault.is_some() || self.behind_since.is_some() {
            self.ailed_at = Some(now);
        }
        self.fault = fault.map(|fault| match (self.fault, fault) {
            (Some((since, RouteFault::Isolated)), RouteFault::Isolated)
            | (Some((since, RouteFault::Stale(_))), RouteFault::Stale(_)) => (since, fault),
            (Some(_) | None, _) => (now, fault),
        });
        match (self.withdrawn, self.fault) {
            (Some(_), _) if is_together && !is_there => self.come_back(now),
            (Some((since, _)), None) if self.is_calm(now, since) => self.come_back(now),
            (None, Some((since, fault))) => {
                let lasting = Span(seen.words_count.0 + CLUSTER_ROUTE_UNSOUND.0);
                let another_stays = match fault {
                    RouteFault::Isolated => !self.is_keeper,
                    RouteFault::Stale(_) => is_sound_there,
                };
                let is_due = now.since(since) >= lasting && another_stays;
                is_due.then(|| {
                    self.withdrawn = Some((now, fault));
                    RouteStep::Withdrawn(fault)
                })
            }
            (Some(_) | None, _) => None,
        }
    }

    /// The word for the others.
    #[must_use]
    pub fn word(&self) -> RouteWord {
        match (self.withdrawn, self.fault) {
            (Some(_), _) => RouteWord::Withdrawn,
            (None, Some(_)) => RouteWord::Unsound,
            (None, None) => RouteWord::Announced,
        }
    }

    /// The fault, whether the route is withdrawn for it or kept nevertheless.
    #[must_use]
    pub fn fault(&self) -> Option<RouteFault> {
        let fault = self.withdrawn.or(self.fault);
        fault.map(|(_, fault)| fault)
    }

    /// Tells whether this node is to stay if all are cut off.
    fn stays(&self, others: &[(String, RouteWord)]) -> bool {
        let mut sound = others
            .iter()
            .filter(|(_, word)| *word == RouteWord::Announced);
        match self.withdrawn {
            Some(_) => sound.next().is_none(),
            None => sound.all(|(name, _)| *name > self.name),
        }
    }

    fn fault_of(&mut self, now: Moment, seen: &RouteSight) -> Option<RouteFault> {
        let behind = seen.behind.filter(|_| seen.footing == Footing::Together);
        let behind = behind.zip(self.rule.stale_after);
        let since = behind.map(|_| self.behind_since.unwrap_or(now));
        self.behind_since = since;
        match (seen.footing, seen.sight) {
            (Footing::Apart | Footing::Alone, Sight::Poor) => Some(RouteFault::Isolated),
            (Footing::Apart | Footing::Alone, Sight::Clear) => None,
            (Footing::Together, _) => {
                let ((zone, limit), since) = behind.zip(since)?;
                (now.since(since) >= limit).then_some(RouteFault::Stale(zone))
            }
        }
    }

    /// Tells that nothing was wrong for as long as it takes.
    fn is_calm(&self, now: Moment, withdrawn: Moment) -> bool {
        let last = self.ailed_at.unwrap_or(withdrawn);
        let hold = self
            .rule
            .hold
            .times(1 << (self.strikes(withdrawn) - 1).min(DOUBLINGS));
        now.since(last) >= hold
    }

    /// Withdrawals that came soon after each other, up to the one that began then.
    fn strikes(&self, withdrawn: Moment) -> u32 {
        let soon = self.returned;
        let soon = soon.filter(|(last, _)| withdrawn.since(*last) < CLUSTER_ROUTE_CALM);
        soon.map_or(1, |(_, strikes)| strikes.saturating_add(1))
    }

    fn come_back(&mut self, now: Moment) -> Option<RouteStep> {
        let (since, _) = self.withdrawn.take()?;
        self.returned = Some((now, self.strikes(since)));
        // What is wrong has to last anew before it goes again.
        self.fault = None;
        Some(RouteStep::Returned(now.since(since)))
    }
}

impl Cluster {
    /// The things that this node's route is decided by; `own` is the serial of each of its zones by the hash of the name, none where
    /// it cannot answer it.
    #[must_use]
    pub fn route_sight(
        &self,
        now: Moment,
        sight: Sight,
        own: impl Iterator<Item = (u64, Option<u32>)>,
    ) -> RouteSight {
        let heads = self.heads.iter();
        let words_count =
            Span(self.window().0 + CLUSTER_HEAD_EVERY.max(self.tuning.beat).times(2).0);
        let fresh = heads.filter_map(|(author, (came, head))| {
            let is_other = *author != self.me && !self.void.contains(author);
            let member = self.roster.member(*author)?;
            (is_other && now.since(*came) <= words_count).then_some((member, head))
        });
        let fresh: Vec<_> = fresh.collect();
        let of = self.roster.members();
        let of = of.filter(|(author, _)| !self.void.contains(author)).count();
        let is_behind = |zone: u64, serial: Option<u32>| {
            let theirs = fresh.iter().filter_map(|(_, head)| {
                let at = head.serials.binary_search_by_key(&zone, |(zone, _)| *zone);
                Some(head.serials[at.ok()?].1)
            });
            let newer = theirs.filter(|theirs| serial.is_none_or(|own| is_newer(*theirs, own)));
            newer.count() * 2 > of
        };
        let mut own = own;
        RouteSight {
            footing: self.footing(),
            sight,
            words_count,
            behind: own.find_map(|(zone, serial)| is_behind(zone, serial).then_some(zone)),
            others: fresh
                .iter()
                .map(|(member, head)| (member.name.clone(), head.route))
                .collect(),
        }
    }
}

/// Tells that a serial is newer (RFC 1982 section 3.2).
fn is_newer(serial: u32, than: u32) -> bool {
    let ahead = serial.wrapping_sub(than);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: RouteRule = RouteRule {
        stale_after: Some(Span(60_000)),
        hold: Span(60_000),
    };
    const ZONE: u64 = 7;

    /// A node and what it sees, second by second.
    struct RouteWatch {
        route: AnycastRoute,
        now: u64,
        seen: RouteSight,
    }

    impl RouteWatch {
        /// `b`, between two others that announce.
        fn new() -> Self {
            let others = ["a", "c"].map(|name| (name.to_owned(), RouteWord::Announced));
            let seen = RouteSight {
                footing: Footing::Together,
                sight: Sight::Clear,
                others: others.into(),
                behind: None,
                words_count: Span(25_000),
            };
            let route = AnycastRoute::new("b".to_owned(), RULE);
            Self {
                route,
                now: 100,
                seen,
            }
        }

        /// Seconds until the next step, of at most so many.
        fn until_step(&mut self, most: u64) -> Option<u64> {
            (0..=most).find(|_| {
                self.now += 1;
                self.route
                    .turn(Moment(self.now * 1000), &self.seen)
                    .is_some()
            })
        }

        fn cut(&mut self) {
            (self.seen.footing, self.seen.sight) = (Footing::Apart, Sight::Poor);
        }

        fn heal(&mut self) {
            (self.seen.footing, self.seen.sight) = (Footing::Together, Sight::Clear);
        }

        fn say(&mut self, words: [RouteWord; 2]) {
            for ((_, word), next) in self.seen.others.iter_mut().zip(words) {
                *word = next;
            }
        }
    }

    #[test]
    fn who_is_isolated_goes_and_comes_back_once_it_is_sound_for_a_while() {
        let mut node = RouteWatch::new();
        assert_eq!(node.until_step(200), None);
        node.cut();
        assert_eq!(node.until_step(29), None);
        assert_eq!(node.route.word(), RouteWord::Unsound);
        assert_eq!(node.until_step(0), Some(0), "after 30 s");
        assert_eq!(node.route.fault(), Some(RouteFault::Isolated));
        assert_eq!(node.until_step(500), None);
        node.heal();
        assert_eq!(node.until_step(50), None);
        // A single bad second, and the time begins anew.
        node.cut();
        assert_eq!(node.until_step(0), None);
        node.heal();
        assert_eq!(node.until_step(100), Some(59));
        assert_eq!(
            (node.route.word(), node.route.fault()),
            (RouteWord::Announced, None)
        );
    }

    #[test]
    fn each_return_of_a_series_takes_twice_as_long() {
        let mut node = RouteWatch::new();
        let mut holds = Vec::new();
        for _ in 0..5 {
            assert_eq!(node.until_step(0), None);
            node.cut();
            assert_eq!(node.until_step(40), Some(30));
            node.heal();
            holds.extend(node.until_step(1000));
        }
        assert_eq!(holds, [59, 119, 239, 479, 479]);
        node.now += 3600;
        node.cut();
        assert_eq!(node.until_step(40), Some(30));
        node.heal();
        assert_eq!(node.until_step(1000), Some(59));
    }

    #[test]
    fn who_sees_the_world_or_is_the_keeper_or_never_heard_anybody_stays() {
        let mut node = RouteWatch::new();
        assert_eq!(node.until_step(0), None);
        node.cut();
        node.seen.sight = Sight::Clear;
        assert_eq!(node.until_step(500), None, "its canaries pass");
        for others in [
            [RouteWord::Unsound, RouteWord::Announced],
            [RouteWord::Withdrawn, RouteWord::Announced],
            [RouteWord::Untold, RouteWord::Untold],
        ] {
            let mut node = RouteWatch::new();
            node.say(others);
            assert_eq!(node.until_step(0), None);
            node.cut();
            assert_eq!(
                node.until_step(500),
                None,
                "first of those that announce: {others:?}"
            );
            assert_eq!(node.route.fault(), Some(RouteFault::Isolated));
        }
        let mut node = RouteWatch::new();
        node.cut();
        assert_eq!(node.until_step(500), None, "it never heard a majority");
    }

    #[test]
    fn who_is_stale_goes_while_another_is_sound_and_is_back_when_none_announces() {
        let mut node = RouteWatch::new();
        node.seen.behind = Some(ZONE);
        assert_eq!(
            node.until_step(200),
            Some(90),
            "60 s stale, and 30 s for others to hear of it"
        );
        assert_eq!(node.route.fault(), Some(RouteFault::Stale(ZONE)));
        node.say([RouteWord::Unsound, RouteWord::Withdrawn]);
        assert_eq!(node.until_step(100), None);
        node.say([RouteWord::Withdrawn, RouteWord::Withdrawn]);
        assert_eq!(node.until_step(0), Some(0), "nobody else is left");
        node.say([RouteWord::Unsound, RouteWord::Unsound]);
        assert_eq!(node.until_step(200), None, "no other is sound");
        // A zone that is new again for a while is not stale at once.
        node.seen.behind = None;
        assert_eq!(node.until_step(0), None);
        node.seen.behind = Some(ZONE);
        node.say([RouteWord::Announced, RouteWord::Announced]);
        assert_eq!(node.until_step(200), Some(90));
        node.route.adopt(RouteRule {
            stale_after: None,
            ..RULE
        });
        assert_eq!(node.until_step(200), Some(119), "the rule minds it no more");
    }

    /// Nodes that hear each other as groups allow, from a seed.
    struct RouteFleet {
        nodes: Vec<AnycastRoute>,
        /// By node, when the word of each other came, and the word.
        heard: Vec<Vec<Option<(u64, RouteWord)>>>,
        /// By node, when the last vote of each other came; 0: never.
        voted: Vec<Vec<u64>>,
        group: Vec<u64>,
        behind: Vec<bool>,
        poor: u64,
        seed: u64,
    }

    impl RouteFleet {
        fn draw(&mut self, below: u64) -> u64 {
            self.seed ^= self.seed << 13;
            self.seed ^= self.seed >> 7;
            self.seed ^= self.seed << 17;
            self.seed % below
        }

        /// Tears the network anew: who hears whom, whose canaries fail, and who gets no new zones.
        fn tear(&mut self) {
            let parts = 1 + self.draw(self.nodes.len() as u64);
            for node in 0..self.nodes.len() {
                self.group[node] = self.draw(parts);
                self.behind[node] = self.draw(3) == 0;
            }
            self.poor = self.draw(1 << parts);
        }

        fn second(&mut self, now: u64) {
            let count = self.nodes.len();
            for (from, to) in (0..count * count).map(|pair| (pair / count, pair % count)) {
                if from == to || self.group[from] != self.group[to] {
                    continue;
                }
                self.voted[to][from] = now;
                if (now + from as u64).is_multiple_of(5) {
                    self.heard[to][from] = Some((now, self.nodes[from].word()));
                }
            }
            for node in 0..count {
                let words = self.heard[node].iter().enumerate();
                let words = words.filter_map(|(other, heard)| {
                    let (_, word) = heard.filter(|(at, _)| now - at <= 25)?;
                    Some((format!("n{other}"), word))
                });
                let voters = self.voted[node].iter();
                let voters = voters.filter(|at| **at > 0 && now - **at <= 15).count();
                let is_together = (voters + 1) * 2 > count;
                let is_poor = self.poor >> self.group[node] & 1 == 1;
                let stale = self.behind.iter().filter(|behind| **behind).count();
                let is_behind = self.behind[node] && (count - stale) * 2 > count;
                let seen = RouteSight {
                    footing: if is_together {
                        Footing::Together
                    } else {
                        Footing::Apart
                    },
                    sight: if is_poor { Sight::Poor } else { Sight::Clear },
                    others: words.collect(),
                    words_count: Span(25_000),
                    behind: is_behind.then_some(ZONE),
                };
                self.nodes[node].turn(Moment(now * 1000), &seen);
            }
        }
    }

    #[test]
    fn whatever_is_cut_one_announces() {
        let mut withdrawn = 0;
        for (seed, count) in (1..=300).zip([2, 3, 4, 5].into_iter().cycle()) {
            let nodes = (0..count).map(|node| AnycastRoute::new(format!("n{node}"), RULE));
            let mut fleet = RouteFleet {
                nodes: nodes.collect(),
                heard: vec![vec![None; count]; count],
                voted: vec![vec![0; count]; count],
                group: vec![0; count],
                behind: vec![false; count],
                poor: 0,
                seed: seed * 0x9E37_79B9,
            };
            let mut next = 60;
            for now in 1..3_000 {
                if now == next {
                    fleet.tear();
                    next += 5 + fleet.draw(240);
                }
                fleet.second(now);
                let away = fleet
                    .nodes
                    .iter()
                    .filter(|node| node.word() == RouteWord::Withdrawn);
                let away = away.count();
                assert!(away < count, "seed {seed}: nobody announces at {now} s");
                withdrawn = withdrawn.max(away);
            }
        }
        assert!(withdrawn >= 3, "most can go: {withdrawn}");
    }
}
