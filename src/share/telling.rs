//! A node's own word about keys, secrets and what is declared, and what it has heard of others.
//!
//! The content of these records is in [`super::secrets`] and [`super::declared`].
use std::collections::BTreeMap;

use crate::base::NodeMark;
use crate::base::limits::CLUSTER_DECLARED;
use crate::keys::ToldRing;

use super::cluster::Cluster;
use super::declared::{SharedChange, ToldChange};
use super::record::RecordStream;
use super::seal::Author;
use super::secrets::{NodeRings, NodeSecrets, RingsTold};

impl Cluster {
    /// A number that rises when another node has told something of keys or secrets.
    #[must_use]
    pub fn key_news(&self) -> u64 {
        self.keys.news
    }

    /// Tells the others what this node serves. What has no room is not told, and nobody goes on with it.
    pub fn say_rings(&mut self, told: &RingsTold) {
        let parts = NodeRings::parts(told);
        if parts != self.keys.own_parts {
            self.keys.own_parts = parts;
            self.say_own_rings();
        }
    }

    /// Gives others secrets, and all the lock for this node's own.
    pub fn say_secrets(&mut self, secrets: NodeSecrets) {
        if !self.twin && self.keys.own_secrets.as_ref() != Some(&secrets) {
            self.publish(RecordStream::Secrets, &secrets.pack());
            self.keys.own_secrets = Some(secrets);
        }
    }

    /// Says all of it once more, in another start of this node.
    pub(super) fn say_keys_again(&mut self) {
        self.releases.say_again();
        self.say_own_rings();
        if let Some(secrets) = self.keys.own_secrets.take() {
            self.say_secrets(secrets);
        }
    }

    fn say_own_rings(&mut self) {
        if self.twin {
            return;
        }
        for (part, rings) in (0..).zip(self.keys.own_parts.clone()) {
            self.publish(RecordStream::Rings(part), &rings.pack());
        }
    }

    /// The rings that another node serves; nothing before all of them have come.
    #[must_use]
    pub fn rings_of(&self, author: Author) -> Option<BTreeMap<&str, Option<&ToldRing>>> {
        let parts = self.keys.rings.get(&author)?;
        let first = parts.get(&0)?;
        let whole: Vec<&NodeRings> = parts.values().take(first.parts.into()).collect();
        let is_whole = whole.len() == usize::from(first.parts)
            && whole.iter().all(|part| part.telling == first.telling);
        let zones = whole.into_iter().flat_map(|part| &part.zones);
        let zones = zones.map(|(zone, told)| (&**zone, told.as_ref()));
        is_whole.then(|| zones.collect())
    }

    /// The secrets that other nodes give, and their locks.
    pub fn secrets(&self) -> impl Iterator<Item = (Author, &NodeSecrets)> {
        let all = self.keys.secrets.iter();
        all.map(|(author, secrets)| (*author, secrets))
    }
}

impl Cluster {
    /// A number that rises when something was heard of what is declared.
    #[must_use]
    pub fn declared_news(&self) -> u64 {
        self.declared.news
    }

    /// All that was heard of it; from this node itself, of an earlier start.
    #[must_use]
    pub fn declared(&self) -> Vec<ToldChange> {
        let parts = self.declared.parts.iter();
        let told = parts.filter_map(|((author, _), changes)| {
            let mark = NodeMark::of(&self.roster.member(*author)?.key.0);
            let changes = changes.iter().cloned();
            Some(changes.map(move |change| (*author, mark, change)))
        });
        told.flatten().collect()
    }

    /// The mark of this node in what it draws.
    #[must_use]
    pub fn mark(&self) -> Option<NodeMark> {
        let own = self.roster.member(self.me)?;
        Some(NodeMark::of(&own.key.0))
    }

    /// Tells parts; those that are no more are emptied.
    pub fn say_declared(&mut self, parts: &[Vec<u8>]) {
        let empty = SharedChange::pack(&[]);
        for part in 0..CLUSTER_DECLARED.2 {
            let stream = RecordStream::Declared(part);
            let said = self.newest.get(&(self.me, stream));
            let is_own = said.is_some_and(|said| said.envelope().boot == self.boot);
            let said = said.map(|said| said.content());
            let wanted = parts.get(usize::from(part));
            let is_same = match wanted {
                Some(wanted) => is_own && said == Some(wanted),
                None => said.is_none_or(|said| said == empty),
            };
            if !is_same && !self.twin {
                let content = wanted.unwrap_or(&empty).clone();
                self.publish(stream, &content);
                self.declared.parts.remove(&(self.me, part));
            }
        }
    }

    /// Shows which changes this node does not take.
    pub fn show_refused(&mut self, refused: Vec<String>) {
        self.declared.refused = refused;
    }
}
