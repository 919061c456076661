//! What is remembered of a zone's keys, and what the zone shows of them.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::Span;
use crate::dns::dnssec::Algorithm;

/// A point of civil time, in seconds since 1970 (UTC).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// The time `span` later, in whole seconds, rounded up.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0.div_ceil(1000)))
    }

    /// The time `span` earlier, at the least 1970.
    #[must_use]
    pub fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0.div_ceil(1000)))
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Signs the DNSKEY RRset, is named by the DS.
    Ksk,
    /// Signs everything else.
    Zsk,
    /// Both.
    Csk,
}

impl Role {
    /// Whether the DS names such a key.
    #[must_use]
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::Ksk | Self::Csk)
    }

    /// Whether such a key signs zone data.
    #[must_use]
    pub const fn is_zone(self) -> bool {
        matches!(self, Self::Zsk | Self::Csk)
    }

    /// The word in messages and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ksk => "ksk",
            Self::Zsk => "zsk",
            Self::Csk => "csk",
        }
    }
}

/// What tells the keys of a zone apart, as the names of their files do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyId {
    /// The key tag (RFC 4034, appendix B).
    pub tag: u16,
    /// The algorithm.
    pub algorithm: Algorithm,
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.tag, self.algorithm)
    }
}

/// A key and the steps that it has taken, each with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Which key.
    #[serde(flatten)]
    pub id: KeyId,
    /// What it is for.
    pub role: Role,
    /// When it was made.
    pub created: Time,
    /// Since when its DNSKEY is in the zone (and signs the DNSKEY RRset, in the entry role).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Time>,
    /// Since when it signs the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Time>,
    /// Since when it makes no new signatures over the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Time>,
    /// Since when CDS and CDNSKEY name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<Time>,
    /// Since when its DS is known to be at the parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Time>,
    /// Since when its DNSKEY is out of the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Time>,
}

impl Key {
    /// A key that was just made and takes its first step when the zone is served next.
    #[must_use]
    pub const fn new(id: KeyId, role: Role, created: Time) -> Self {
        Self {
            id,
            role,
            created,
            published: None,
            active: None,
            retired: None,
            submitted: None,
            seen: None,
            removed: None,
        }
    }

    /// Whether it is in the zone or will be.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.removed.is_none()
    }

    /// Whether its DNSKEY is in the zone.
    #[must_use]
    pub const fn is_published(&self) -> bool {
        self.published.is_some() && self.is_live()
    }

    /// Whether it signs the zone.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.active.is_some() && self.retired.is_none() && self.is_live()
    }

    /// When it took its last step.
    #[must_use]
    pub fn latest(&self) -> Time {
        let steps = [
            self.published,
            self.active,
            self.retired,
            self.submitted,
            self.seen,
            self.removed,
        ];
        steps.into_iter().flatten().max().unwrap_or(self.created)
    }

    /// How far it has come, in one word.
    #[must_use]
    pub const fn phase(&self) -> &'static str {
        match self {
            Self {
                removed: Some(_), ..
            } => "removed",
            Self {
                retired: Some(_), ..
            } => "retired",
            Self {
                published: None, ..
            } => "made",
            Self { seen: Some(_), .. } => "seen",
            Self {
                submitted: Some(_), ..
            } => "submitted",
            Self {
                active: Some(_), ..
            } => "active",
            Self { .. } => "published",
        }
    }
}

/// Where a zone is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// It is signed, and the parent has a DS of it.
    #[default]
    Secure,
    /// The parent is asked to remove the DS; then the signatures go.
    Insecure,
}

/// All that is remembered of a zone's keys.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Where the zone is going.
    #[serde(default)]
    pub goal: Goal,
    /// The time at which that was said last; absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned: Option<Time>,
    /// Since when it has been signed without a break; absent while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Time>,
    /// Since when the parent is known to have no DS, if it is going insecure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Time>,
    /// Since when it is not signed any more, if it has gone insecure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Time>,
    /// The times that caches went by when the ring was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heeded: Option<Heeded>,
    /// Until when a cache may have something from before those times became shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Time>,
    /// The keys, oldest first.
    pub keys: Vec<Key>,
}

/// Times that caches go by, in seconds: those of a policy that could become shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heeded {
    /// The TTL of the DNSKEY RRset.
    pub dnskey_ttl: u64,
    /// The largest TTL of the zone.
    pub zone_ttl: u64,
    /// The TTL of the parent's DS RRset.
    pub ds_ttl: u64,
    /// How long signatures of a retired key are served.
    pub signing: u64,
}

/// What CDS and CDNSKEY say (RFC 7344, RFC 8078).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Nothing: there are no such records.
    Silent,
    /// The parent's DS RRset should name this key and no other.
    Key(KeyId),
    /// The parent should remove every DS.
    Delete,
}

/// What a zone shows of its keys; all of it empty when the zone is not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The DNSKEY RRset.
    pub published: Vec<KeyId>,
    /// Those that sign the RRsets DNSKEY, CDS and CDNSKEY.
    pub entry_signers: Vec<KeyId>,
    /// Those that sign everything else from now on. Signatures of other keys in `published` may
    /// still be served until they are made anew, within [`super::Policy::signing`].
    pub zone_signers: Vec<KeyId>,
    /// What CDS and CDNSKEY say.
    pub sync: Sync,
}

impl Ring {
    /// What the zone shows: nothing of its keys until one of them signs it.
    #[must_use]
    pub fn view(&self) -> View {
        let which = |test: &dyn Fn(&Key) -> bool| -> Vec<KeyId> {
            let keys = self
                .keys
                .iter()
                .filter(|key| self.signed.is_some() && test(key));
            keys.map(|key| key.id).collect()
        };
        View {
            published: which(&Key::is_published),
            entry_signers: which(&|key| key.role.is_entry() && key.is_published()),
            zone_signers: which(&|key| key.role.is_zone() && key.is_active()),
            sync: self.sync(),
        }
    }

    fn sync(&self) -> Sync {
        match (self.goal, self.signed) {
            (_, None) => Sync::Silent,
            (Goal::Insecure, Some(_)) => Sync::Delete,
            (Goal::Secure, Some(_)) => self
                .submitted()
                .map_or(Sync::Silent, |key| Sync::Key(key.id)),
        }
    }

    /// The key that CDS names while the zone is secure: the last that was submitted.
    #[must_use]
    pub fn submitted(&self) -> Option<&Key> {
        let mut latest = self.keys.iter().rev();
        latest.find(|key| key.submitted.is_some() && key.is_live())
    }

    /// A key by what tells it apart.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The keys that are in the zone or will be.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Key> {
        self.keys.iter().filter(|key| key.is_live())
    }
}
