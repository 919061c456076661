//! A ring and what lies ahead of it, for people and their scripts.
//!
//! Times are seconds since 1970 here, and text of RFC 3339 once they are shown.
use serde::{Serialize, Serializer};

use super::fellows::Fellows;
use super::policy::{Due, Policy, Prospect, Step};
use super::ring::{Goal, Key, Ring, Time};
use crate::base::Utc;

/// What is known of a zone's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where the zone is going.
    pub goal: Goal,
    /// Since when it is signed; absent when it is not.
    #[serde(rename = "signed_at", serialize_with = "as_utc")]
    pub signed: Option<Time>,
    /// Its keys, oldest first.
    pub keys: Vec<KeyReport>,
    /// What happens next, soonest first; what waits for a word comes last.
    pub next: Vec<NextReport>,
}

/// A key and the steps that it has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyReport {
    /// How far it has come: `made`, `published`, `active`, `submitted`, `seen`, `retired`, `removed`.
    pub phase: &'static str,
    /// The steps, with their times.
    #[serde(flatten, serialize_with = "as_steps")]
    pub key: Key,
}

/// A step that lies ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextReport {
    /// Which step, in one word.
    pub step: &'static str,
    /// The tag of the key that takes it.
    pub tag: Option<u16>,
    /// From when on; absent when it waits for a word about the parent, or for other nodes.
    #[serde(rename = "due_at", serialize_with = "as_utc")]
    pub at: Option<Time>,
    /// Tells that it waits for other nodes to take the step before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_nodes: bool,
}

impl Step {
    /// The step in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Make(_) => "make",
            Self::Publish(_) => "publish",
            Self::Activate(_) => "activate",
            Self::Submit(_) => "submit",
            Self::See(_) => "see",
            Self::Remove(_) => "remove",
            Self::SeeNone => "see-none",
            Self::Unsign => "unsign",
        }
    }

    /// The tag of the key that takes it.
    #[must_use]
    pub const fn tag(self) -> Option<u16> {
        match self {
            Self::Publish(id)
            | Self::Activate(id)
            | Self::Submit(id)
            | Self::See(id)
            | Self::Remove(id) => Some(id.tag),
            Self::Make(_) | Self::SeeNone | Self::Unsign => None,
        }
    }
}

impl Ring {
    /// What is known of the keys, and what happens next.
    #[must_use]
    pub fn report(&self, policy: &Policy) -> Report {
        self.report_among(policy, &Fellows::default())
    }

    /// The same, of a zone that other nodes sign, too.
    #[must_use]
    pub fn report_among(&self, policy: &Policy, fellows: &Fellows) -> Report {
        let keys = self.keys.iter().map(|key| KeyReport {
            phase: key.phase(),
            key: key.clone(),
        });
        let mut ahead = self.prospects_among(policy, fellows);
        ahead.sort_by_key(|one| one.due);
        Report {
            goal: self.goal,
            signed: self.signed,
            keys: keys.collect(),
            next: ahead.into_iter().map(next).collect(),
        }
    }
}

fn next(one: Prospect) -> NextReport {
    NextReport {
        step: one.step.word(),
        tag: one.step.tag(),
        at: match one.due {
            Due::At(time) => Some(time),
            Due::Word | Due::Nodes => None,
        },
        waits_for_nodes: one.due == Due::Nodes,
    }
}

/// Writes a time as text, or null.
pub(crate) fn as_utc<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = time.map(|time| Utc::from_seconds(time.0));
    shown.serialize(serializer)
}

/// Writes a key with a moment for each step; null for one that it has not taken.
fn as_steps<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct KeySteps {
        tag: u16,
        algorithm: crate::dns::dnssec::Algorithm,
        role: super::ring::Role,
        created_at: Utc,
        published_at: Option<Utc>,
        active_at: Option<Utc>,
        retired_at: Option<Utc>,
        submitted_at: Option<Utc>,
        seen_at: Option<Utc>,
        removed_at: Option<Utc>,
    }
    let utc = |time: Time| Utc::from_seconds(time.0);
    let steps = KeySteps {
        tag: key.id.tag,
        algorithm: key.id.algorithm,
        role: key.role,
        created_at: utc(key.created),
        published_at: key.published.map(utc),
        active_at: key.active.map(utc),
        retired_at: key.retired.map(utc),
        submitted_at: key.submitted.map(utc),
        seen_at: key.seen.map(utc),
        removed_at: key.removed.map(utc),
    };
    steps.serialize(serializer)
}
