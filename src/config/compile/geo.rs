//! The geo database with the config's networks laid over it.
use std::sync::Arc;

use super::claims;
use super::places::Places;
use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::spec::Spec;
use crate::geo::{Atlas, Database};
use crate::plan::GeoFile;

/// The atlas and what its database is; nothing if the database cannot be used.
pub(super) fn atlas(
    spec: &Spec,
    places: &Places<'_>,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<(Arc<Atlas>, GeoFile)> {
    let database = database(spec, files, found)?;
    claims::check(spec, &database, found);
    let overrides = spec.geo.overrides.iter();
    let overrides: Vec<_> = overrides
        .map(|(network, country)| (network.value, *country))
        .collect();
    let path = spec.geo.database.as_ref();
    let file = GeoFile {
        source: path.map_or_else(|| "embedded".to_owned(), |path| path.value.clone()),
        built_at: database.built_at(),
        networks: database.networks(),
        knows: claims::knowledge(&database),
        claimed: claims::claimed(spec),
    };
    Some((
        Arc::new(Atlas::new(&database, &overrides, &places.marks)),
        file,
    ))
}

fn database(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Option<Database> {
    let Some(path) = &spec.geo.database else {
        return Some(Database::embedded());
    };
    if let Some(ready) = &files.geo {
        return Some(ready.database.clone());
    }
    let help = "write the path of a MaxMind-format file, or \"embedded\"";
    let message = match files.get(&spec.resolve(path)) {
        Some(Ok(bytes)) => match Database::read(bytes) {
            Ok(database) => return Some(database),
            Err(error) => format!("`{}` is {error}", path.value),
        },
        Some(Err(reason)) => format!("cannot read `{}`: {reason}", path.value),
        None => format!("`{}` was not read", path.value),
    };
    found.error(&path.at, message).help(help);
    None
}
