//! The rollout of a release as one node knows it, for people.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cluster::Cluster;
use super::release::{ReleasePace, ReleaseStage, ReleaseWord};
use super::rollout::Rollout;
use crate::base::{Utc, to_hexadecimal};

/// The newest release of the shared config, as one node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseView {
    /// The second in which it was signed, since 1970.
    pub version: u64,
    /// The key that signed it: `ed25519:` and its first digits.
    pub signed_by: String,
    /// The node that takes it first.
    pub first: String,
    /// `waves`, or `all` at once.
    pub pace: String,
    /// `going`, `done`, or `halted`.
    pub state: String,
    /// Why it is halted; for a person.
    pub reason: String,
    /// The version in force on this node; absent, if the file is no release.
    pub in_force: Option<u64>,
    /// All nodes that are listened to, by wave and name.
    pub nodes: Vec<ReleaseNodeView>,
}

/// A node in a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseNodeView {
    /// Its wave, from 1.
    pub wave: u8,
    /// Its name.
    pub name: String,
    /// The version that it knows; absent, if it has not said.
    pub version: Option<u64>,
    /// `waiting`, `taken`, `sound`, `refused` or `worse`; empty, if it has not said.
    pub stage: String,
    /// Why it was not taken, or is in force no more.
    pub reason: String,
}

impl ReleaseView {
    /// Nodes that are not sound with it, or have not said so.
    #[must_use]
    pub fn pending(&self) -> usize {
        let is_done = |node: &&ReleaseNodeView| node.is_done(self.version);
        self.nodes.len() - self.nodes.iter().filter(is_done).count()
    }
}

impl ReleaseNodeView {
    fn is_done(&self, version: u64) -> bool {
        let is_newer = self.version > Some(version);
        is_newer || self.version == Some(version) && self.stage == ReleaseStage::Sound.word()
    }
}

impl Rollout {
    /// Shows the release that is held, if there is one.
    #[must_use]
    pub fn view(&self, cluster: &Cluster, wall: Utc) -> Option<ReleaseView> {
        let held = self.held()?;
        let (stage, reason) = self.stage();
        let waves = cluster.release_waves(&held.head.first);
        let nodes = waves.into_iter().map(|(author, wave)| {
            let member = cluster.roster().member(author);
            let word = cluster.release_words().find(|(own, _)| *own == author);
            let told = match word {
                _ if author == cluster.author() => Some((held.head.version, stage.word(), reason)),
                Some((
                    _,
                    ReleaseWord {
                        id, stage, reason, ..
                    },
                )) => Some((id.version, stage.word(), &**reason)),
                None => None,
            };
            ReleaseNodeView {
                wave: wave + 1,
                name: member.map_or_else(String::new, |own| own.name.clone()),
                version: told.map(|(version, _, _)| version),
                stage: told.map_or("", |(_, stage, _)| stage).to_owned(),
                reason: told.map_or("", |(_, _, reason)| reason).to_owned(),
            }
        });
        let mut nodes: Vec<ReleaseNodeView> = nodes.collect();
        nodes.sort_by(|a, b| (a.wave, &a.name).cmp(&(b.wave, &b.name)));
        let version = held.head.version;
        let halt = cluster.release_halt(wall).filter(|halt| halt.0 == version);
        let state = match halt {
            Some(_) => "halted",
            None if nodes.iter().all(|node| node.is_done(version)) => "done",
            None => "going",
        };
        Some(ReleaseView {
            version,
            signed_by: format!("ed25519:{}", to_hexadecimal(&held.key.0[..8])),
            first: held.head.first.clone(),
            pace: match held.head.pace {
                ReleasePace::Waves => "waves",
                ReleasePace::AtOnce => "all",
            }
            .to_owned(),
            state: state.to_owned(),
            reason: halt.map_or("", |(_, reason)| reason).to_owned(),
            in_force: self.in_force().map(|own| own.head.version),
            nodes,
        })
    }
}
