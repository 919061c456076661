//! Things that a config is compiled with beside its files: what is declared and discovered, secrets of all nodes, addresses of names, tables of times.
//!
//! A server has them in force; for anybody else they are as that server has kept them.
use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::Utc;
use crate::config::declared::DeclaredObjects;
use crate::config::{Files, Spec};
use crate::discovery::DiscoveredLists;
use crate::io::state;
use crate::names::KnownNames;
use crate::plan::AgreedSecrets;

/// All that a config is compiled with beside its files; what is absent is as the server of this config has kept it.
#[derive(Clone, Copy, Default)]
pub struct Beside<'b> {
    /// Objects that are declared.
    pub declared: Option<&'b Arc<DeclaredObjects>>,
    /// Endpoints that are discovered.
    pub discovered: Option<&'b Arc<DiscoveredLists>>,
    /// Secrets that the nodes of a cluster have agreed on.
    pub agreed: Option<&'b Arc<AgreedSecrets>>,
}

/// The secrets that the nodes of a cluster have agreed on; without any of these, those that the server of this config has kept.
pub(super) fn agreed(spec: &Spec, these: Option<&Arc<AgreedSecrets>>) -> Arc<AgreedSecrets> {
    match these {
        _ if !spec.is_of_cluster() => Arc::default(),
        Some(these) => Arc::clone(these),
        None => {
            let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let wall = Utc::from_seconds(since.as_secs());
            let vault = state::vault::read(&spec.state()).0;
            let cookies = vault.cookies(wall);
            Arc::new(state::vault::agreed(&vault, cookies))
        }
    }
}

/// The endpoints that are discovered; without any of these, those that the server of this config has kept.
pub(super) fn discovered(
    spec: &Spec,
    these: Option<&Arc<DiscoveredLists>>,
) -> Arc<DiscoveredLists> {
    match these {
        _ if !spec.discovers() => Arc::default(),
        Some(these) => Arc::clone(these),
        None => {
            let kept = state::discovered::read(&spec.state()).0;
            Arc::new(state::discovered::lists(&kept))
        }
    }
}

/// The addresses of names as the server of this config has kept them, and assumed ones of others.
pub(super) fn known_names(spec: &Spec) -> KnownNames {
    let (kept, _) = state::names::read(&spec.state());
    let kept = kept.into_iter().map(|own| (own.name, own.addresses));
    KnownNames::of(kept.collect()).assumed()
}

/// The tables of times that the server of this config had in force, and when the present ones were written.
pub(super) fn bring_measured(spec: &Spec, files: &mut Files) {
    let tables = spec.measured_files();
    if !tables.is_empty() {
        files.measured = Arc::new(state::measured::read(&spec.state()).0);
    }
    let written = tables.into_iter().filter_map(|path| {
        let written = fs::metadata(&path).and_then(|own| own.modified()).ok()?;
        let since = written.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some((path, since.as_secs()))
    });
    files.written = written.collect();
}
