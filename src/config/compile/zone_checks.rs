//! Zones that do not go together: two versions for one view, a file for two, a catalog that nobody would read.
//!
//! What a zone holds is not known here.
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::views::Views;
use crate::config::diagnostic::Diagnostics;
use crate::config::spec::{CatalogSpec, Spec};
use crate::dns::Name;
use crate::plan::STATE_FILES;

/// Checks the zones of a config against one another.
pub(super) fn check(spec: &Spec, views: &Views, found: &mut Diagnostics) {
    check_versions(spec, views, found);
    check_files(spec, found);
    check_catalogs(spec, found);
}

/// Each view sees one version of a zone, from one file.
fn check_versions(spec: &Spec, views: &Views, found: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for (zone, view) in spec.zones.iter().zip(&views.zones) {
        let Some((name, view)) = zone.name.as_ref().zip(*view) else {
            continue;
        };
        if !seen.insert((&name.value, view)) {
            let of = zone.view_name();
            let of = of.map_or_else(String::new, |view| format!(" in view `{view}`"));
            found
                .error(&name.at, format!("a second zone `{}`{of}", name.value))
                .help("join the files with `$INCLUDE`");
        }
        if zone.version_id().is_none() {
            let message = format!("`{}` is too long for a zone of a view", name.value);
            found
                .error(&name.at, message)
                .help("give the view a shorter name");
        }
    }
}

/// A file belongs to one zone, and to nothing else that the server writes.
fn check_files(spec: &Spec, found: &mut Diagnostics) {
    let state = spec.state();
    let own: BTreeSet<OsString> = STATE_FILES
        .iter()
        .map(|name| lexical(&state.join(name)))
        .collect();
    let mut owners: BTreeMap<OsString, (&Name, Option<&str>)> = BTreeMap::new();
    for zone in &spec.zones {
        let Some((name, file)) = zone.name.as_ref().zip(zone.file.as_ref()) else {
            continue;
        };
        let path = lexical(&spec.resolve(file));
        if own.contains(&path) {
            found
                .error(
                    &file.at,
                    format!("`{}` is a file of the server's own state", file.value),
                )
                .help("give the zone a file of its own, outside the folder of `[server] state`");
        }
        // A zone that is there twice is told of already.
        let own = (&name.value, zone.view_name());
        if let Some(other) = owners.insert(path, own)
            && other != own
        {
            let (zone, view) = other;
            let of = view.map_or_else(String::new, |view| format!(" of view `{view}`"));
            found
                .error(
                    &file.at,
                    format!("`{}` is the file of zone `{zone}`{of} already", file.value),
                )
                .help("give each zone a file of its own; what they share belongs in an `$INCLUDE`");
        }
    }
}

/// Refuses to follow a catalog where nothing is watched: what it lists is read when its copy changes.
fn check_catalogs(spec: &Spec, found: &mut Diagnostics) {
    let followed = spec
        .zones
        .iter()
        .find_map(|zone| match zone.catalog.as_deref() {
            Some(CatalogSpec::Followed(folder)) => Some(folder),
            Some(CatalogSpec::Made(..)) | None => None,
        });
    if let Some(folder) = followed.filter(|_| !spec.is_watched()) {
        found
            .error(
                &folder.at,
                "no catalog can be followed with `[server] watch = false`",
            )
            .help("remove `watch = false`, or name each zone in `[[zones]]`");
    }
}

/// A path without `.` and `..`, as far as can be said without looking. Two of them are the same if their octets are.
fn lexical(path: &Path) -> OsString {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            Component::ParentDir
            | Component::Normal(_)
            | Component::RootDir
            | Component::Prefix(_) => {
                plain.push(part);
            }
        }
    }
    plain.into_os_string()
}
