//! Things that a config is compiled with beside its files: what is declared and discovered, addresses of names, tables of times.
//!
//! A server has them in force; for anybody else they are as that server has kept them.
use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::declared::DeclaredObjects;
use crate::config::{Files, Spec};
use crate::discovery::DiscoveredLists;
use crate::io::state;
use crate::names::KnownNames;

/// All that a config is compiled with beside its files; what is absent is as the server of this config has kept it.
#[derive(Clone, Copy, Default)]
pub struct Beside<'b> {
    /// Objects that are declared.
    pub declared: Option<&'b Arc<DeclaredObjects>>,
    /// Endpoints that are discovered.
    pub discovered: Option<&'b Arc<DiscoveredLists>>,
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
