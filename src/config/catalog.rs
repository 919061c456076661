//! Zones that catalogs list: those that a catalog from primaries brings into the config, and those that a catalog made here has.
//!
//! What it lists is of the view that the catalog itself is of, both ways.
//!
//! What a catalog lists is read of its copy, the last version that was taken. So the same files give the same config, also
//! after a restart, and a catalog that is broken or shrinks too much changes nothing: it is not taken in the first place.
use std::collections::BTreeSet;
use std::path::Path;

use super::spec::{CatalogSpec, Spec, ZoneSpec};
use super::{Files, copy};
use crate::dns::Name;
use crate::dns::master;
use crate::dns::zone::catalog;
use crate::text::Diagnostics;
use crate::text::reader::At;

impl Spec {
    /// Adds the zones that catalogs from primaries list, as far as their copies were brought. Each comes from the primaries of its catalog,
    /// with the same key.
    pub fn add_listed(&mut self, files: &Files, found: &mut Diagnostics) {
        let view = |zone: &ZoneSpec| zone.view_name().map(str::to_owned);
        let named = self.zones.iter();
        let named = named.filter_map(|zone| Some((zone.name.as_ref()?.value.clone(), view(zone))));
        let mut taken: BTreeSet<(Name, Option<String>)> = named.collect();
        let mut listed = Vec::new();
        for zone in &self.zones {
            let (Some(CatalogSpec::Followed(folder)), Some(name), Some(file)) =
                (zone.catalog.as_deref(), &zone.name, &zone.file)
            else {
                continue;
            };
            let Some(members) = members_of(&name.value, &self.resolve(file), files) else {
                continue;
            };
            for member in members {
                if !taken.insert((member.clone(), view(zone))) {
                    found
                        .warn(
                            &name.at,
                            format!(
                                "`{}` lists `{member}`, which is a zone here already",
                                name.value
                            ),
                        )
                        .help("the zone that is there stays as it is (RFC 9432, section 5.2)");
                    continue;
                }
                listed.push(zone.listing(&member, folder));
            }
        }
        self.zones.extend(listed);
    }

    /// The zones that a catalog made here lists, and those that it names without there being such.
    pub(super) fn made_members<'s>(
        &'s self,
        own: &'s ZoneSpec,
    ) -> (Vec<&'s Name>, Vec<&'s At<Name>>) {
        let Some(CatalogSpec::Made(members)) = own.catalog.as_deref() else {
            return (Vec::new(), Vec::new());
        };
        let given = self.zones.iter().filter(|zone| {
            let is_beside = zone.view_name() == own.view_name();
            is_beside
                && zone.transfer.is_some()
                && zone.catalog.is_none()
                && zone.listed_by.is_none()
        });
        let mut given = given.filter_map(|zone| Some(&zone.name.as_ref()?.value));
        match members {
            None => (given.collect(), Vec::new()),
            Some(members) => {
                let given: BTreeSet<&Name> = given.by_ref().collect();
                let (known, unknown): (Vec<_>, Vec<_>) = members
                    .iter()
                    .partition(|member| given.contains(&member.value));
                (
                    known.into_iter().map(|member| &member.value).collect(),
                    unknown,
                )
            }
        }
    }
}

/// The zones that the copy of a catalog lists; nothing where it is not there, or damaged, which is told with the catalog's own zone.
fn members_of(apex: &Name, path: &Path, files: &Files) -> Option<Vec<Name>> {
    let text = files.get(path)?.as_ref().ok()?;
    let record = files.get(&copy::record_of(path));
    let record = record.and_then(|record| record.as_ref().ok());
    if record.is_some_and(|record| !copy::is_whole(text, record)) {
        return None;
    }
    let none = |_: &str| Err("a copy includes nothing".to_owned());
    let zone = master::read(apex, text, &none, &[]).zone.ok()?;
    catalog::members(&zone).ok()
}

impl ZoneSpec {
    /// A zone that this catalog lists.
    fn listing(&self, member: &Name, folder: &At<String>) -> Self {
        let text = member.to_string().to_ascii_lowercase();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        // A name may hold what no file is called.
        let stem = match text.bytes().all(is_plain) && !text.starts_with('.') {
            true => text,
            false => catalog::id(member),
        };
        let at = |value: String| At {
            value,
            at: folder.at.clone(),
        };
        Self {
            name: Some(At {
                value: member.clone(),
                at: folder.at.clone(),
            }),
            view: self.view.clone(),
            file: Some(at(format!("{}/{stem}.zone", folder.value))),
            dnssec: None,
            transfer: None,
            incoming: self.incoming.clone(),
            source: self.source.clone(),
            aliases: Vec::new(),
            catalog: None,
            listed_by: self.name.as_ref().map(|name| name.value.clone()),
        }
    }
}
