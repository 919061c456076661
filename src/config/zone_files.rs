//! Files of zones: which each is read from, and which of them the server writes itself.
use std::path::PathBuf;

use super::spec::{CatalogSpec, Spec, ZoneSpec, included};
use super::{Files, copy};
use crate::dns::Name;
use crate::plan::{DEFAULT_VIEW, version_id};

impl Spec {
    /// The files of one zone, as far as what was brought shows: its own, what that includes, and the
    /// record of a copy.
    pub(crate) fn zone_files(&self, zone: &ZoneSpec, brought: &Files) -> Vec<PathBuf> {
        let Some(file) = zone.file.as_ref().map(|file| self.resolve(file)) else {
            return Vec::new();
        };
        let mut all = included(&file, brought);
        all.extend(zone.incoming.as_ref().map(|_| copy::record_of(&file)));
        all.push(file);
        all
    }

    /// By zone that is read from its file alone: the name of the version, and its files.
    #[must_use]
    pub fn files_by_zone(&self, brought: &Files) -> Vec<(Name, Vec<PathBuf>)> {
        let own = self.zones.iter().filter(|zone| zone.incoming.is_none());
        let named = own.filter_map(|zone| Some((zone.version_id()?, zone)));
        named
            .map(|(id, zone)| (id, self.zone_files(zone, brought)))
            .collect()
    }

    /// The files of one version of a zone, by its name, as far as what was brought shows.
    #[must_use]
    pub fn files_of(&self, id: &Name, brought: &Files) -> Vec<PathBuf> {
        let is_it = |zone: &&ZoneSpec| zone.version_id().as_ref() == Some(id);
        let zone = self.zones.iter().find(is_it);
        zone.map_or_else(Vec::new, |zone| self.zone_files(zone, brought))
    }

    /// Files that the server writes itself: the copies of zones that come from primaries.
    #[must_use]
    pub fn written_here(&self) -> Vec<PathBuf> {
        let copies = self.zones.iter().filter(|zone| zone.incoming.is_some());
        let none = Files::new();
        copies
            .flat_map(|zone| self.zone_files(zone, &none))
            .collect()
    }

    /// The copies of catalogs that come from primaries: the server writes them, and what they list is part of the config.
    #[must_use]
    pub fn catalog_copies(&self) -> Vec<PathBuf> {
        let followed = self.zones.iter().filter(|zone| {
            let catalog = zone.catalog.as_deref();
            catalog.is_some_and(|own| matches!(own, CatalogSpec::Followed(_)))
        });
        let files = followed.filter_map(|zone| zone.file.as_ref());
        files.map(|file| self.resolve(file)).collect()
    }
}

impl ZoneSpec {
    /// The name of its view; absent = the default.
    pub(crate) fn view_name(&self) -> Option<&str> {
        let view = self.view.as_ref().map(|view| view.value.as_str());
        view.filter(|view| *view != DEFAULT_VIEW)
    }

    /// The name that this version of the zone is known by; absent where it has none, or one that is too long.
    pub(crate) fn version_id(&self) -> Option<Name> {
        version_id(&self.name.as_ref()?.value, self.view_name())
    }
}
