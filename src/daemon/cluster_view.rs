//! The cluster as an operator is told of it, and nodes that are not to be listened to any more.
use super::cluster::{ClusterDriver, SecretWord};
use super::control_loop::ControlLoop;
use super::order_spread::{self, unshared};
use crate::io::control::{ReleaseAsk, Revocation, SecretAsk, SecretReply};
use crate::share::{Author, AuthorKey, ClusterView, Intent, LogAct};

impl ControlLoop {
    /// Listens to a node no more, and tells the others.
    pub(super) fn revoke(&self, revocation: Revocation) -> Result<String, String> {
        let alone = Err("this node is of no cluster".to_owned());
        let cluster = self.handles.cluster.as_ref();
        cluster.map_or(alone, |own| own.revoke(revocation))
    }

    /// Has an operator answered who asks for something about secrets of all nodes.
    pub(super) fn ask_secrets(&self, ask: SecretAsk, reply: SecretReply) {
        let cluster = self.handles.cluster.as_ref();
        match cluster.and_then(|own| own.secrets.as_ref()) {
            // Whoever drops the reply has ended, and that is the outcome.
            Some(words) => drop(words.send(SecretWord::Ask(ask, reply))),
            None => drop(reply.send(Err("this node is of no cluster".to_owned()))),
        }
    }

    /// Answers an operator who asks for something about releases.
    pub(super) fn ask_release(&mut self, ask: ReleaseAsk) -> Result<String, String> {
        let alone = Err("this node is of no cluster".to_owned());
        let cluster = self.handles.cluster.as_mut();
        cluster.map_or(alone, |own| own.ask_release(ask))
    }
}

impl ClusterDriver {
    /// Shows what this node knows of the others.
    pub(super) fn view(&self) -> ClusterView {
        let name = &self.rules().name;
        let mut view = (self.copy()).look(|cluster, now, _| cluster.view(name, now));
        view.summary.certificate_expires = self.copy().certificate_expires();
        view.summary.certificates = self.copy().untimely(&self.rules().peers);
        view.summary.nats = self.copy().nats();
        self.route.show(&mut view.summary);
        view.summary.release = self.distribution.view(self.copy());
        for node in &mut view.nodes {
            let mut known = self.rules().nodes.iter();
            let known = known.find(|known| known.name == node.name);
            node.control = known.and_then(|known| known.control.clone());
            let heard = known.filter(|_| node.age_ms.is_some());
            let by = heard.and_then(|own| self.copy().heard_by(AuthorKey(own.key).author()));
            node.heard_by = by.map(|by| by.word().to_owned());
        }
        view
    }

    fn ask_release(&mut self, ask: ReleaseAsk) -> Result<String, String> {
        let copy = self.copy().clone();
        let told = self.distribution.ask(&copy, ask);
        self.news();
        told
    }

    /// Listens to a node no more, and tells the others.
    ///
    /// # Errors
    /// The reason; for a person.
    fn revoke(&self, revocation: Revocation) -> Result<String, String> {
        let Revocation {
            node,
            author: by,
            reason,
        } = revocation;
        let whom = self.author_of(&node)?;
        let intent = Intent {
            act: LogAct::Revoke(whom),
            scope: node.clone(),
            by,
            reason,
            begins: None,
            expires: None,
        };
        self.copy().say(|cluster, now, wall| {
            if cluster.void().contains(&whom) {
                return Err(format!("node `{node}` is revoked already"));
            }
            let entry = cluster.order(wall, intent).map_err(unshared)?;
            if !cluster.void().contains(&whom) {
                return Err(format!(
                    "this node alone has revoked half of the others already: revoke `{node}` by another node, or by `revoked = true` in every config"
                ));
            }
            let known = order_spread::known_by(&cluster.spread(now, &entry));
            Ok(format!("node `{node}` is revoked here; {known}"))
        })
    }

    /// The key of a node, as an author.
    fn author_of(&self, node: &str) -> Result<Author, String> {
        let rules = self.rules();
        if node == rules.node {
            return Err(format!(
                "this is node `{node}` itself, and what a revoked node orders is void: ask another one"
            ));
        }
        let known = rules.nodes.iter().find(|own| own.name == node);
        let known = known.ok_or_else(|| {
            let all: Vec<&str> = rules.nodes.iter().map(|own| &*own.name).collect();
            format!(
                "the cluster has no node `{node}`; it has {}",
                all.join(", ")
            )
        })?;
        Ok(AuthorKey(known.key).author())
    }
}
