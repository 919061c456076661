//! A node's own word about keys, secrets and what is declared, and what it has heard of others.
//!
//! The content of these records is in [`super::secrets`] and [`super::declared`].
use std::collections::{BTreeMap, BTreeSet};

use crate::base::limits::CLUSTER_DECLARED;
use crate::base::{Moment, NodeMark, Utc};
use crate::keys::ToldRing;

use super::cluster::{Cluster, Footing};
use super::declared::{SharedChange, ToldChange};
use super::record::RecordStream;
use super::roster::MemberAdmission;
use super::seal::Author;
use super::secrets::{NodeRings, NodeSecrets, RingsTold};
use super::vault::{NodeVault, OtherVault, VaultSight};

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
        if let Some(told) = self.vaults.own.take() {
            self.say_vault(told);
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

impl Cluster {
    /// A number that rises when another node has told something of the secrets that all have in common.
    #[must_use]
    pub fn vault_news(&self) -> u64 {
        self.vaults.news
    }

    /// All that is known of others by whoever looks at this node's vault.
    #[must_use]
    pub fn vault_sight(&self, now: Moment, wall: Utc) -> VaultSight {
        let members = self.roster.members();
        let others = members.filter(|(author, member)| {
            let counts = member.admission == MemberAdmission::Admitted;
            counts && *author != self.me && !self.void.contains(author)
        });
        let fresh: BTreeSet<Author> = self.fresh(now).collect();
        // Of who follows there is no vote that could be stale.
        let follows = |author| {
            let last = self.last_heard(author);
            let is_late = last.is_none_or(|at| now.since(at) > self.window());
            self.roster.seat(author).is_none() && !is_late
        };
        let others = others.map(|(author, member)| OtherVault {
            author,
            name: member.name.clone(),
            is_heard: fresh.contains(&author) || follows(author),
            said: self.vaults.said.get(&author).cloned(),
        });
        let mut others: Vec<OtherVault> = others.collect();
        let before = others.iter().filter(|other| other.author < self.me).count();
        others.rotate_left(before);
        let is_listened_to = !self.twin && !self.void.contains(&self.me);
        VaultSight {
            me: self.me,
            mark: self.mark().filter(|_| is_listened_to),
            is_together: self.footing() == Footing::Together,
            now,
            wall,
            others,
        }
    }

    /// Tells the others of this node's vault.
    pub fn say_vault(&mut self, told: NodeVault) {
        if !self.twin && self.vaults.own.as_ref() != Some(&told) {
            self.publish(RecordStream::Vault, &told.pack());
            self.vaults.own = Some(told);
        }
    }

    /// Shows what is wrong with secrets at this node.
    pub fn show_secret_doubts(&mut self, doubts: Vec<String>) {
        self.vaults.doubts = doubts;
    }
}
