//! Text -> [`Spec`] -> [`Plan`], or all errors, each with file, line, column and a help line.
//!
//! Nothing here opens a file: [`Spec::files`] says what is wanted, `io::files` brings it,
//! [`compile`] looks only at what was brought. So the same texts give the same plan anywhere.
//!
//! | module | what it decides |
//! |---|---|
//! | `read` | which keys there are, and their defaults |
//! | `include`, `environment` | the files and variables that a config takes in |
//! | [`declared`] | objects that no file has, compiled with the files |
//! | `spec` | the config as written |
//! | `catalog` | zones that catalogs list |
//! | `discovery`, `discovered` | sources of endpoints, and what they list added to the config |
//! | `zone_files` | the files of zones |
//! | `schema` | what an editor may know of the config |
//! | `compile` | what names mean, what does not go together, and the plan |
//!
//! How tables and values are taken apart, and how errors are kept, is `text`'s.
use std::path::Path;
use std::sync::Arc;

use crate::dns::Name;
use crate::dns::zone::{Mount, Served, Zone, Zones};
use crate::plan::{Plan, ZonePlan, Zoning};
use crate::text::{diagnostic, reader, value};

mod catalog;
mod cluster;
mod compile;
pub mod copy;
pub mod declared;
mod discovered;
mod discovery;
mod dynamic;
mod endpoint;
pub mod environment;
mod files;
mod include;
mod maintenance;
mod naming;
mod observation;
mod open_secrets;
mod own_part;
mod read;
mod records;
mod schema;
mod spec;
mod steering;
mod watch;
mod webhook;
mod zone_files;

pub use crate::text::{Diagnostics, Finding, Severity};
pub(crate) use compile::measured_client;
pub use files::{FileBrought, Files, ReadyGeo};
pub use include::{Included, Surroundings, fits};
pub use own_part::{own_part_of, with_own_part};
pub use read::Contact;
pub use spec::Spec;

/// Reads the text of a config file. A spec is there even when some of it is wrong, so that
/// errors of zone files can be shown together with those of the config.
#[must_use]
pub fn read(path: &Path, text: &str) -> (Spec, Diagnostics) {
    read::read(path, text, &Surroundings::default())
}

/// The same with the files that it includes ([`wanted_includes`]) and values of the environment.
#[must_use]
pub fn read_within(path: &Path, text: &str, around: &Surroundings<'_>) -> (Spec, Diagnostics) {
    read::read(path, text, around)
}

/// A JSON Schema (draft 2020-12) of the config, made of what reading one asks for.
#[must_use]
pub fn schema() -> serde_json::Value {
    schema::schema()
}

/// A config, or a part of one, written in one way; comments and meaning stay.
///
/// # Errors
/// What is wrong with the text, if it is not TOML.
pub fn format(path: &Path, text: &str) -> Result<String, Diagnostics> {
    crate::text::format::format(&path.display().to_string(), text)
}

/// Patterns of the files that a config includes, below its folder.
#[must_use]
pub fn wanted_includes(text: &str) -> Vec<String> {
    include::wanted(text)
}

/// Reads of the text of a config file only where its server is reached.
#[must_use]
pub fn contact(path: &Path, text: &str, around: &Surroundings<'_>) -> Contact {
    read::contact(path, text, around)
}

/// All that a config comes to.
#[derive(Debug)]
pub struct Compiled {
    /// What was decided of steering.
    pub plan: Plan,
    /// What was decided of zones.
    pub zoning: Zoning,
    /// What the file of each zone holds, in the order of [`Zoning::zones`].
    pub zones: Vec<FiledZone>,
}

/// A zone as its file has it, its steered names mounted.
#[derive(Clone, Debug)]
pub struct FiledZone {
    /// Its data; awaited where it comes from a primary and there is no copy yet.
    pub zone: Arc<Zone>,
    /// A number for its file and all that it includes; 0 for a zone that is awaited.
    pub digest: u64,
    /// What is wrong with the copy of a zone from a primary, if anything is: it is not used.
    pub damage: Option<String>,
}

impl FiledZone {
    /// A zone whose data is not there.
    fn awaited(apex: &Name, mounts: &[(Name, Mount)], damage: Option<String>) -> Self {
        Self {
            zone: Arc::new(Zone::awaited(apex, mounts)),
            digest: 0,
            damage,
        }
    }
}

impl Compiled {
    /// The zones as their files have them, ready to be answered from.
    #[must_use]
    pub fn unsigned(&self) -> Arc<Zones> {
        let zones = self.zones.iter().zip(&self.zoning.zones);
        let zones = zones.map(|(filed, plan)| Served {
            view: plan.view,
            ..Served::plain(Arc::clone(&filed.zone))
        });
        Arc::new(Zones::served(zones.collect(), 0))
    }

    /// Apex and number of names of each zone.
    pub fn sizes(&self) -> impl Iterator<Item = (&Name, usize)> {
        self.zones
            .iter()
            .map(|filed| (filed.zone.apex(), filed.zone.names()))
    }
}

/// Resolves a spec. `diagnostics` are those of [`read`]; all are returned together, warnings with
/// what the config comes to.
///
/// # Errors
/// All diagnostics, when at least one is an error.
pub fn compile(
    spec: &Spec,
    diagnostics: Diagnostics,
    files: &Files,
) -> Result<(Compiled, Diagnostics), Diagnostics> {
    compile::compile(spec, diagnostics, files)
}

/// The plan of a config in force, for other addresses of machines that are known by name ([`Files::names`]): what
/// [`compile`] makes of the same texts, without going through zones, networks and clients again.
///
/// # Errors
/// The reason, if the addresses do not go with the config.
pub fn readdress(spec: &Spec, files: &Files, in_force: &Plan) -> Result<Plan, Diagnostics> {
    compile::readdress(spec, files, in_force)
}

/// Reads the file of one zone again, by the spec of the config that is in force.
///
/// # Errors
/// All diagnostics, when at least one is an error.
pub fn compile_zone(
    spec: &Spec,
    zone: &ZonePlan,
    files: &Files,
) -> Result<(FiledZone, Diagnostics), Diagnostics> {
    compile::compile_zone(spec, zone, files)
}
