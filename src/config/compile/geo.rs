//! The geo database with the config's networks laid over it.
use std::sync::Arc;

use super::claims;
use super::places::Places;
use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::Spec;
use crate::geo::{Atlas, Database, Locality, NamedCity, Network};
use crate::plan::GeoFile;

/// The atlas and what its database is; nothing if the database cannot be used.
pub(super) fn atlas(
    spec: &Spec,
    places: &Places<'_>,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<(Arc<Atlas>, GeoFile)> {
    let own = database(spec, files, found)?;
    let database = with_systems(spec, &own, files, found)?;
    claims::check(spec, &database, found);
    let all = spec.geo.overrides.iter();
    let cities = all
        .clone()
        .filter_map(|(_, _, city)| city.clone())
        .collect();
    let overrides = all.map(|(network, territory, city)| {
        let locality = Locality {
            territory: *territory,
            city: city.as_ref().map(NamedCity::city),
        };
        (network.value, locality)
    });
    let overrides: Vec<(Network, Locality)> = overrides.collect();
    let path = spec.geo.database.as_ref();
    let file = GeoFile {
        source: path.map_or_else(|| "embedded".to_owned(), |path| path.value.clone()),
        built_at: database.built_at(),
        networks: database.networks(),
        knows: claims::knowledge(&database),
        claimed: claims::claimed(spec),
    };
    Some((
        Arc::new(Atlas::with_cities(&database, (&overrides, cities), &places.marks).read_from(own)),
        file,
    ))
}

/// The database with the numbers of `asn_database` in it.
fn with_systems(
    spec: &Spec,
    own: &Database,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<Database> {
    let Some(path) = &spec.geo.asn_database else {
        return Some(own.clone());
    };
    let systems = read(path, spec, files)
        .map_err(|message| {
            found
                .error(&path.at, message)
                .help("write the path of a MaxMind-format file of AS numbers");
        })
        .ok()?;
    if systems.places().iter().all(|one| one.asn.is_none()) {
        let message = format!("`{}` knows no AS numbers", path.value);
        found
            .error(&path.at, message)
            .help("give it a file such as GeoLite2-ASN.mmdb; places belong to `database`");
        return None;
    }
    Some(own.with_systems(&systems))
}

fn read(path: &At<String>, spec: &Spec, files: &Files) -> Result<Database, String> {
    match files.get(&spec.resolve(path)) {
        Some(Ok(bytes)) => {
            Database::read(bytes).map_err(|error| format!("`{}` is {error}", path.value))
        }
        Some(Err(reason)) => Err(format!("cannot read `{}`: {reason}", path.value)),
        None => Err(format!("`{}` was not read", path.value)),
    }
}

fn database(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Option<Database> {
    let Some(path) = &spec.geo.database else {
        return Some(Database::embedded());
    };
    if let Some(ready) = &files.geo {
        return Some(ready.database.clone());
    }
    let help = "write the path of a MaxMind-format file, or \"embedded\"";
    let read = read(path, spec, files).map_err(|message| found.error(&path.at, message).help(help));
    read.ok()
}
