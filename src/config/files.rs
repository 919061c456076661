//! Files that a config names, as they were brought.
//!
//! Whoever compiles opens nothing: `Spec::files` says what is wanted, `io::files` brings it. Beside the files there is what a server knows
//! already: a geo database that was compiled before, the addresses of names, the tables of times that are in force.
//!
//! It does not know which file is what.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;

use crate::discovery::DiscoveredLists;
use crate::dns::Name;
use crate::geo::Database;
use crate::names::KnownNames;
use crate::plan::{AgreedSecrets, MeasuredInForce};

/// The content of a file, or why it could not be brought.
pub type FileBrought = Result<Arc<[u8]>, String>;

/// All that was brought for the paths that [`crate::config::Spec::files`] asked for.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: BTreeMap<PathBuf, FileBrought>,
    /// The geo database, if it is there compiled: then its file is not asked for.
    pub geo: Option<ReadyGeo>,
    /// The tables of measured times of the plan in force: they hold on to what led before, and hold where a new one is broken.
    pub measured: Arc<MeasuredInForce>,
    /// The times at which files of such tables were written, in seconds since 1970.
    pub written: BTreeMap<PathBuf, u64>,
    /// The addresses of machines that are known by name; they are assumed where nothing is said of them.
    pub names: Arc<KnownNames>,
    /// The endpoints that are discovered, as they were added to the config.
    pub discovered: Arc<DiscoveredLists>,
    /// The secrets that the nodes of a cluster have agreed on.
    pub agreed: Arc<AgreedSecrets>,
}

/// A geo database that was compiled before.
#[derive(Clone, Debug)]
pub struct ReadyGeo {
    /// All that the file says.
    pub database: Database,
    /// The digest of the file ([`crate::geo::FileDigest`]).
    pub digest: u64,
}

impl Files {
    /// Nothing was brought.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same where names have these addresses; others have assumed ones.
    #[must_use]
    pub fn knowing(&self, names: BTreeMap<Name, Vec<IpAddr>>) -> Self {
        Self {
            names: Arc::new(KnownNames::of(names).assumed()),
            ..self.clone()
        }
    }
}

impl Deref for Files {
    type Target = BTreeMap<PathBuf, FileBrought>;

    fn deref(&self) -> &Self::Target {
        &self.files
    }
}

impl DerefMut for Files {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.files
    }
}

impl FromIterator<(PathBuf, FileBrought)> for Files {
    fn from_iter<I: IntoIterator<Item = (PathBuf, FileBrought)>>(files: I) -> Self {
        Self {
            files: files.into_iter().collect(),
            geo: None,
            measured: Arc::default(),
            written: BTreeMap::new(),
            names: Arc::default(),
            discovered: Arc::default(),
            agreed: Arc::default(),
        }
    }
}

impl<const N: usize> From<[(PathBuf, FileBrought); N]> for Files {
    fn from(files: [(PathBuf, FileBrought); N]) -> Self {
        files.into_iter().collect()
    }
}
