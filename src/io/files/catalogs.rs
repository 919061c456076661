//! Brings what catalogs from primaries list, before all else that a config names: the zones that they list are part of it.
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::watch::Watch;
use super::{bring_one, read};
use crate::base::limits;
use crate::config::{self, Files, Spec};

/// Brings the copies of catalogs that come from primaries, with what says whether they are whole. A copy is watched from before
/// it is read.
pub(super) fn bring(spec: &Spec, watch: &mut Watch) -> (BTreeSet<PathBuf>, Files) {
    let catalogs: BTreeSet<PathBuf> = spec.catalog_copies().into_iter().collect();
    let mut files = Files::new();
    for path in &catalogs {
        files.insert(path.clone(), bring_one(path, watch));
        let record = config::copy::record_of(path);
        let (_, octets) = read(&record, limits::FILE_BYTES);
        files.insert(record, octets.map(Arc::from));
    }
    (catalogs, files)
}
