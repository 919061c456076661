//! The config as written: every value with its position, no name resolved yet.
//!
//! What is absent has its default here already, except where the default depends on other
//! things (a region's fallback, a service's regions). Names that point at other things stay
//! [`At`] their positions, so that `compile` can say where a wrong one is.
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Files;
use super::reader::At;
use crate::base::limits::INCLUDE_DEPTH;
use crate::base::{Permille, Span};
use crate::dns::{Name, master};
use crate::geo::{Continent, Country, Location, Network};
use crate::plan::{AllDown, Approval, Check, DampingPolicy, Guard, Overload, Residency};

/// The config as written, before names are resolved.
#[derive(Debug)]
pub struct Spec {
    /// The config's own path; other paths are relative to its folder.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: Arc<str>,
    pub(crate) server: ServerSpec,
    pub(crate) control: Option<At<SocketAddr>>,
    pub(crate) geo: GeoSpec,
    pub(crate) guard: Guard,
    /// `[guard] max_ejected` and `max_ejected_at_once` as they are written, if they let anything leave.
    pub(crate) ejection_bounds: Vec<At<Permille>>,
    /// `[guard] canaries`.
    pub(crate) canaries: Vec<At<SocketAddr>>,
    pub(crate) zones: Vec<ZoneSpec>,
    pub(crate) jurisdictions: Vec<JurisdictionSpec>,
    pub(crate) regions: Vec<RegionSpec>,
    pub(crate) monitors: Vec<MonitorSpec>,
    pub(crate) recoveries: Vec<RecoverySpec>,
    pub(crate) services: Vec<ServiceSpec>,
}

/// `[server]`.
#[derive(Debug, Default)]
pub(crate) struct ServerSpec {
    pub(crate) listen: Vec<At<SocketAddr>>,
    pub(crate) identity: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) udp_reply_bytes: u16,
    pub(crate) threads: Option<usize>,
    pub(crate) cohort_key: Option<String>,
}

/// `[geo]`.
#[derive(Debug, Default)]
pub(crate) struct GeoSpec {
    /// Path of the database; the embedded one if absent.
    pub(crate) database: Option<At<String>>,
    pub(crate) overrides: Vec<(At<Network>, Country)>,
    pub(crate) default: Vec<At<String>>,
}

/// One of `[[zones]]`.
#[derive(Debug)]
pub(crate) struct ZoneSpec {
    pub(crate) name: Option<At<Name>>,
    pub(crate) file: Option<At<String>>,
}

/// One of `[jurisdictions]`.
#[derive(Debug)]
pub(crate) struct JurisdictionSpec {
    pub(crate) name: At<String>,
    pub(crate) countries: Vec<At<Vec<Country>>>,
    pub(crate) may_use: Vec<At<String>>,
}

/// One of `[regions]`.
#[derive(Debug)]
pub(crate) struct RegionSpec {
    pub(crate) name: At<String>,
    pub(crate) location: Location,
    pub(crate) jurisdiction: Option<At<String>>,
    pub(crate) serves: Vec<At<Serves>>,
    pub(crate) fallback: Vec<At<String>>,
    pub(crate) capacity: Option<At<u32>>,
    pub(crate) endpoints: Vec<EndpointSpec>,
}

/// Clients that a region claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    Continent(Continent),
    /// One country, or those of a list.
    Countries(Vec<Country>),
    Asn(u32),
    Network(Network),
}

/// One of a region's endpoints.
#[derive(Debug)]
pub(crate) struct EndpointSpec {
    pub(crate) name: At<String>,
    pub(crate) provider: String,
    pub(crate) tier: u16,
    pub(crate) weight: u16,
    pub(crate) capacity: Option<At<u32>>,
    pub(crate) addresses: Vec<At<IpAddr>>,
}

/// One of `[monitors]`.
#[derive(Debug)]
pub(crate) struct MonitorSpec {
    pub(crate) name: At<String>,
    /// Without the roots and the password, which stand in files.
    pub(crate) check: Check,
    pub(crate) roots: Option<At<String>>,
    pub(crate) password_file: Option<At<String>>,
    pub(crate) port: u16,
    pub(crate) interval: Span,
    pub(crate) near_interval: Span,
    pub(crate) timeout: Span,
    pub(crate) fall: u16,
    pub(crate) rise: u16,
}

/// One of `[recoveries]`.
#[derive(Debug)]
pub(crate) struct RecoverySpec {
    pub(crate) name: At<String>,
    pub(crate) steps: Vec<Permille>,
    pub(crate) every: Span,
    /// Monitors, and the word `approve`.
    pub(crate) gates: Vec<At<String>>,
    /// What the config says of it; the gate may say it as well.
    pub(crate) failback: Option<At<Approval>>,
    pub(crate) delay: Span,
    pub(crate) damping: DampingPolicy,
}

/// One of `[services]`.
#[derive(Debug)]
pub(crate) struct ServiceSpec {
    pub(crate) name: At<String>,
    pub(crate) hostnames: Vec<At<Name>>,
    pub(crate) monitors: Vec<At<String>>,
    pub(crate) recovery: Option<At<String>>,
    /// All regions if absent.
    pub(crate) regions: Option<At<Vec<At<String>>>>,
    pub(crate) residency: At<Residency>,
    pub(crate) outside: Option<At<Lands>>,
    pub(crate) unknown: Option<At<Lands>>,
    pub(crate) answers: At<u8>,
    pub(crate) ttl_min: Span,
    pub(crate) ttl_max: Span,
    pub(crate) all_down: AllDown,
    pub(crate) demand: Option<At<DemandSpec>>,
    pub(crate) overload: Option<At<Overload>>,
}

/// How much the clients of a service ask for.
#[derive(Clone, Debug)]
pub(crate) enum DemandSpec {
    Whole(u32),
    Observed,
    /// By the region that clients prefer first.
    ByRegion(Vec<(At<String>, At<u32>)>),
}

/// Where answers to clients without a jurisdiction may lie.
#[derive(Clone, Debug)]
pub(crate) enum Lands {
    Any,
    Only(Vec<At<String>>),
}

impl Spec {
    /// `[control] listen`, if it could be read; whatever else is wrong with the config.
    #[must_use]
    pub fn control_listen(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(|listen| listen.value)
    }

    /// The files wanted beyond those already brought, paths relative to the config's folder
    /// resolved; ask again with what was brought until nothing is wanted (`$INCLUDE` nests).
    #[must_use]
    pub fn files(&self, brought: &Files) -> Vec<PathBuf> {
        let mut wanted = Vec::new();
        wanted.extend(self.geo.database.as_ref().map(|path| self.resolve(path)));
        let roots = self.monitors.iter().filter_map(|one| one.roots.as_ref());
        wanted.extend(roots.map(|path| self.resolve(path)));
        let passwords = self.monitors.iter();
        let passwords = passwords.filter_map(|one| one.password_file.as_ref());
        wanted.extend(passwords.map(|path| self.resolve(path)));
        for file in self.zones.iter().filter_map(|zone| zone.file.as_ref()) {
            let file = self.resolve(file);
            wanted.extend(included(&file, brought));
            wanted.push(file);
        }
        wanted.retain(|path| !brought.contains_key(path));
        wanted.sort();
        wanted.dedup();
        wanted
    }

    /// A path of the config, relative to the config's folder.
    pub(crate) fn resolve(&self, path: &At<String>) -> PathBuf {
        beside(&self.path, &path.value)
    }
}

/// A path as written in the file `base`: relative to that file's folder.
pub(crate) fn beside(base: &Path, path: &str) -> PathBuf {
    base.parent().unwrap_or(Path::new("")).join(path)
}

/// The files that a zone file includes, as far as what was brought shows; names are relative
/// to the zone file's folder, however deep the file that includes them.
fn included(zone: &Path, brought: &Files) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut layer = vec![zone.to_owned()];
    for _ in 0..INCLUDE_DEPTH {
        let texts = layer
            .iter()
            .filter_map(|path| brought.get(path)?.as_ref().ok());
        let names = texts.flat_map(|text| master::includes(text));
        let mut next: Vec<PathBuf> = names.map(|name| beside(zone, &name)).collect();
        next.sort();
        next.dedup();
        next.retain(|path| path != zone && !found.contains(path));
        found.extend(next.iter().cloned());
        layer = next;
    }
    found
}
