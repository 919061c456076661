//! What was decided of zones: where each comes from, who gets it, how it is signed, who may set challenges in it.
//!
//! It stands beside the plan of steering, and like that one it never changes once made. What a zone holds is
//! not known here: that comes from files and primaries, at its own times.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ZoneAlias;
use super::{Acme, ClientViews, Dynamic, Incoming, Outgoing, TsigKey, ZoneDnssec};
use crate::base::{Permille, ViewId};
use crate::dns::Name;
use crate::dns::zone::Mount;

/// Files in the folder of state; none of them is a zone's.
pub const STATE_FILES: [&str; 12] = [
    "challenges.json",
    "cluster.log",
    "declared.log",
    "discovered.log",
    "health.log",
    "lock",
    "measured.log",
    "names.log",
    "objects.log",
    "secrets.log",
    "transfers.json",
    "zones.json",
];

/// Everything that was decided of zones before start.
#[derive(Clone, Debug, Default)]
pub struct Zoning {
    /// The zones, in the order of the config.
    pub zones: Vec<Arc<ZonePlan>>,
    /// Keys shared with other servers, in the order of the config.
    pub tsig: Vec<TsigKey>,
    /// Clients who see versions of zones of their own.
    pub views: Arc<ClientViews>,
    /// Who may set challenges, and how long they stay.
    pub acme: Acme,
    /// Rules of who may declare records while the server runs.
    pub dynamic: Dynamic,
    /// The folder of what must survive a restart (`[server] state`); absent = nothing is kept.
    pub state: Option<PathBuf>,
    /// The part of a zone that may vanish with one transfer (`[guard] max_shrink`).
    pub max_shrink: Permille,
}

/// One zone, as the config has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZonePlan {
    /// Its apex.
    pub apex: Name,
    /// The view whose clients see this version; absent = those who are in none, and in none that has a version.
    pub view: Option<ViewId>,
    /// The name that the core of zones, the state, the log and other nodes know this version by ([`super::version_id`]): of the
    /// default's its apex.
    pub id: Name,
    /// Its master file; for a zone that comes from primaries, the copy of the last good version. A catalog that is made here
    /// has none.
    pub file: Option<PathBuf>,
    /// How it is signed here; absent = not at all.
    pub dnssec: Option<Box<ZoneDnssec>>,
    /// Who gets it.
    pub outgoing: Option<Box<Outgoing>>,
    /// Where it comes from, if not from its file.
    pub incoming: Option<Box<Incoming>>,
    /// Its steered names, and the number of the service that each belongs to.
    pub mounts: Vec<(Name, Mount)>,
    /// Static names with the addresses of others.
    pub aliases: Vec<ZoneAlias>,
    /// Tells that it is a catalog from primaries: a version that is broken as one is not taken (RFC 9432).
    pub is_catalog: bool,
    /// The catalog that lists it, of a zone that the config does not name.
    pub listed_by: Option<Name>,
}

impl ZonePlan {
    /// Tells whether it is a version of the same zone, or the same one, and is signed with the same keys.
    #[must_use]
    pub fn shares_keys(&self, other: &Self) -> bool {
        self.key_folder()
            .is_some_and(|own| other.key_folder() == Some(own))
    }

    /// The keys that sign it, the same for all versions that they sign: apex and folder. Absent for a zone that is not signed here.
    #[must_use]
    pub fn key_folder(&self) -> Option<(&Name, &Path)> {
        Some((&self.apex, &self.dnssec.as_ref()?.keys))
    }
}

impl Zoning {
    /// The plan of a version of a zone, by its [`ZonePlan::id`]: by the apex, of the default's.
    #[must_use]
    pub fn zone(&self, id: &Name) -> Option<&Arc<ZonePlan>> {
        self.zones.iter().find(|zone| zone.id == *id)
    }

    /// All versions of a zone.
    pub fn versions<'z>(&'z self, apex: &Name) -> impl Iterator<Item = &'z Arc<ZonePlan>> {
        self.zones.iter().filter(|zone| zone.apex == *apex)
    }

    /// The version of a zone that somebody sees: their view's, or the default's where that has none.
    #[must_use]
    pub fn seen(&self, apex: &Name, view: Option<ViewId>) -> Option<&Arc<ZonePlan>> {
        let version = |view| self.versions(apex).find(|zone| zone.view == view);
        version(view).or_else(|| version(None))
    }

    /// Whether any zone is signed here.
    #[must_use]
    pub fn signs(&self) -> bool {
        self.zones.iter().any(|zone| zone.dnssec.is_some())
    }
}
