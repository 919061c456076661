//! What must hold, by what truly happened: who said what when, who knew which order, which disks there are.
//!
//! Nothing here asks the core for a rule. What it is asked for is what it came to.
use std::collections::{BTreeMap, BTreeSet};

use waypost::base::limits::{CLUSTER_LOG, CLUSTER_RECORD_BYTES};
use waypost::health::target::Verdict;
use waypost::share::{EntryHash, Sealed, Trust};

use super::nodes::{Manner, Places, SimNode, provider};
use super::world::{Acknowledged, World};

/// A vote counts for 15 s; two clocks of a world are 40 s apart at most, and letters are under way for 5 s.
const HEARSAY: u64 = 60_000;

impl World {
    /// What must hold of a node at any time.
    pub(super) fn check_now(
        &mut self,
        place: usize,
        seen: &[bool],
        trust: Trust,
    ) -> Result<(), String> {
        let node = &self.nodes[place];
        if node.manner == Manner::Liar {
            return Ok(());
        }
        for target in node.ejects(self.now, seen, trust) {
            self.check_ejection(place, target)?;
        }
        let node = &self.nodes[place];
        let wall = node.wall(self.now);
        for order in node.cluster.in_force(wall, &Places) {
            let over = order
                .entry
                .entry
                .expires
                .is_some_and(|expires| expires <= wall);
            if over {
                return Err(format!("{place} has in force what has expired: {order:?}"));
            }
        }
        let room = CLUSTER_LOG.1 + 5 * CLUSTER_RECORD_BYTES;
        if node.cluster.octets() > self.members * room {
            return Err(format!("{place} holds {} octets", node.cluster.octets()));
        }
        self.ejections += node.believes.iter().filter(|one| is_down(one)).count() as u64;
        Ok(())
    }

    /// A majority of all members, of both providers, has said so lately.
    fn check_ejection(&self, place: usize, target: u32) -> Result<(), String> {
        let said = (0..self.members).filter(|member| {
            let when = self.said_down[*member][target as usize];
            when.is_some_and(|when| self.now - when <= HEARSAY)
        });
        let said: Vec<usize> = said.collect();
        let providers: BTreeSet<usize> = said.iter().map(|member| provider(*member)).collect();
        if said.len() * 2 > self.members && providers.len() == 2 {
            return Ok(());
        }
        let heard: Vec<_> = self.nodes[place].cluster.hearings().collect();
        Err(format!(
            "{place} ejects {target}, and only {said:?} of {} said so; it heard {heard:?}",
            self.members
        ))
    }

    /// What must hold at the end, when all has been well for a while.
    pub(super) fn check_end(&self) -> Result<(), String> {
        let first = &self.nodes[0].cluster;
        for (place, node) in self.honest() {
            if node.cluster.log().digest() != first.log().digest() {
                return Err(format!("0 and {place} have not come to the same"));
            }
        }
        self.check_orders()?;
        self.check_twins()?;
        for (place, node) in self.honest() {
            let believes: Vec<bool> = node.believes.iter().map(|one| !is_down(one)).collect();
            if believes != self.truth {
                let truth = self.truth;
                return Err(format!(
                    "{place} believes {believes:?}, and {truth:?} is so"
                ));
            }
        }
        Ok(())
    }

    /// Every order that an operator was told of is obeyed, unless a later one that knew it, or a safer one, stands in its place.
    fn check_orders(&self) -> Result<(), String> {
        let on_disks: BTreeSet<EntryHash> = self.nodes.iter().flat_map(on_disk).collect();
        let mut scopes: BTreeMap<&str, Vec<&Acknowledged>> = BTreeMap::new();
        for one in self
            .acknowledged
            .iter()
            .filter(|one| on_disks.contains(&one.hash))
        {
            scopes.entry(&one.scope).or_default().push(one);
        }
        for (scope, orders) in scopes {
            if self.is_tainted(scope) {
                continue;
            }
            let is_last =
                |one: &&&Acknowledged| !orders.iter().any(|other| other.past.contains(&one.hash));
            let last = orders.iter().filter(is_last);
            let drained = last
                .max_by_key(|one| (one.drain, one.rank))
                .is_some_and(|one| one.drain);
            for (place, node) in self.honest() {
                if node.drained(self.now).contains(scope) != drained {
                    return Err(format!(
                        "{scope} at {place}: should be drained: {drained}, of {orders:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Tells that an order for a scope was given by a clock that was wrong: then it may wait for longer than the world lasts.
    fn is_tainted(&self, scope: &str) -> bool {
        let mut orders = self.acknowledged.iter();
        orders.any(|one| one.scope == scope && one.tainted)
    }

    fn honest(&self) -> impl Iterator<Item = (usize, &SimNode)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.manner == Manner::Honest)
    }

    /// Of two nodes with one key one is silent, and knows why; nobody else is.
    fn check_twins(&self) -> Result<(), String> {
        let copied = self.nodes.get(self.members).map(|copy| copy.member);
        let mut others = self
            .honest()
            .filter(|(_, node)| Some(node.member) != copied);
        if let Some((place, _)) = others.find(|(_, node)| node.cluster.is_twin()) {
            return Err(format!("{place} believes that it has a twin"));
        }
        let Some(copy) = self.nodes.get(self.members) else {
            return Ok(());
        };
        let silent = [
            copy.cluster.is_twin(),
            self.nodes[copy.member].cluster.is_twin(),
        ];
        if silent[0] == silent[1] {
            return Err(format!("twins are silent: {silent:?}"));
        }
        Ok(())
    }
}

fn is_down(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Down(_))
}

fn on_disk(node: &SimNode) -> impl Iterator<Item = EntryHash> {
    let records = node
        .disk
        .iter()
        .filter_map(|record| Sealed::parse(record).ok());
    records.map(|record| record.hash())
}
