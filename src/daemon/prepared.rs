//! A config that was read and compiled, with all that the two cores need to take it into force.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use tracing::error;

use crate::base::Span;
use crate::config::declared::DeclaredObjects;
use crate::config::{Compiled, FiledZone, Files, Spec};
use crate::dns::Name;
use crate::dns::zone::signed::Steered;
use crate::io::files::{Beside, Loaded};
use crate::io::keys::Store;
use crate::io::state::geo_data::GeoData;
use crate::io::state::{self, Damage};
use crate::keys::{Fellows, Keyring, Time};
use crate::plan::{Plan, ZoneDnssec, ZonePlan, ZoneSize, Zoning};
use crate::table;
use crate::zones::{Filed, NewConfig, NewZone, longest_ttl, policy};

/// A config that can be taken into force.
pub(crate) struct Prepared {
    /// What was decided of steering.
    pub(crate) plan: Arc<Plan>,
    /// What was decided of zones, and what there is of them.
    pub(crate) zones: NewConfig,
    /// Apex, number of names and digest of the file, for each zone.
    pub(crate) sizes: Vec<ZoneSize>,
    /// What zones are read by while it is in force.
    pub(crate) source: Arc<Source>,
    /// Copies of zones from primaries that are damaged, and why.
    pub(crate) damaged: Vec<(PathBuf, String)>,
}

/// What the files of zones are read by.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) plan: Arc<Plan>,
    pub(crate) spec: Arc<Spec>,
    /// Declared objects, as they were compiled with the files.
    pub(crate) declared: Arc<DeclaredObjects>,
    /// All that was brought for it, but for zones and the geo database.
    pub(crate) brought: Files,
    pub(crate) zoning: Arc<Zoning>,
    pub(crate) steered: Arc<[Steered]>,
    /// The file of the geo database, unless it is the embedded one.
    pub(crate) geo: Option<GeoData>,
    /// By zone whose file includes others: all of them. Of other zones the config says the one file.
    pub(crate) included: Vec<(Name, Vec<PathBuf>)>,
}

/// What may be done to the folders of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Steps that are due are taken first: nothing is served yet.
    Advance(Time),
    /// They are read.
    Read,
}

impl Source {
    /// All that it was compiled with beside its files.
    pub(crate) fn beside(&self) -> Beside<'_> {
        Beside {
            declared: Some(&self.declared),
            discovered: Some(&self.brought.discovered),
            agreed: Some(&self.brought.agreed),
        }
    }
}

impl Prepared {
    /// Reads keys, and works out what steered names may be answered with.
    ///
    /// # Errors
    /// When signed zones would have too many answers to sign.
    pub(crate) fn new(loaded: Loaded, compiled: Compiled, keys: Keys) -> Result<Self, String> {
        let Compiled {
            plan,
            zoning,
            zones,
        } = compiled;
        let steered: Arc<[Steered]> = match zoning.signs() {
            true => table::variants(&plan)
                .map_err(|error| error.to_string())?
                .into(),
            false => Arc::from([]),
        };
        let pairs = || zoning.zones.iter().zip(&zones);
        let sizes = pairs().map(|(plan, filed)| ZoneSize {
            // What primaries sign is theirs to say; it was judged when it came.
            signed: plan.incoming.is_none() && filed.zone.is_signed_elsewhere(),
            listed: plan.listed_by.is_some(),
            id: plan.id.clone(),
            ..ZoneSize::of(&filed.zone, filed.digest)
        });
        let sizes = sizes.collect();
        let damaged = pairs().filter_map(|(plan, filed)| {
            let damage = filed.damage.clone()?;
            Some((plan.file.clone()?, damage))
        });
        let damaged = damaged.collect();
        let read: Vec<Filed> = pairs()
            .map(|(plan, own)| filed(plan, own, &steered))
            .collect();
        // Steps of keys wait for the largest TTL of all that is signed with them.
        let mut longest: BTreeMap<_, Span> = BTreeMap::new();
        for (plan, own) in zoning.zones.iter().zip(&read) {
            if let Some(folder) = plan.key_folder() {
                let longest = longest.entry(folder).or_default();
                *longest = own.longest_ttl.max(*longest);
            }
        }
        let new = zoning.zones.iter().zip(&read).map(|(plan, own)| {
            let signed = plan.key_folder().and_then(|folder| longest.get(&folder));
            let filed = Filed {
                longest_ttl: signed.copied().unwrap_or(own.longest_ttl),
                ..own.clone()
            };
            new_zone(plan, filed, keys)
        });
        let new = new.collect();
        let (plan, zoning) = (Arc::new(plan), Arc::new(zoning));
        Ok(Self {
            plan: Arc::clone(&plan),
            zones: NewConfig {
                zoning: Arc::clone(&zoning),
                steered: Arc::clone(&steered),
                zones: new,
            },
            sizes,
            source: Arc::new(Source {
                plan,
                included: with_includes(&loaded.spec, &loaded.files),
                brought: without_data(&loaded.spec, &loaded.files),
                spec: Arc::new(loaded.spec),
                declared: loaded.declared,
                geo: loaded.geo,
                zoning,
                steered,
            }),
            damaged,
        })
    }

    /// Puts damaged copies out of the way; they come again. `now` is seconds since 1970.
    pub(crate) fn set_aside(&self, now: u64) {
        for (path, reason) in &self.damaged {
            tell(&state::set_aside(path, reason.clone(), now));
        }
    }
}

/// The zones whose files include others, with all their files.
fn with_includes(spec: &Spec, files: &Files) -> Vec<(Name, Vec<PathBuf>)> {
    let mut all = spec.files_by_zone(files);
    all.retain(|(_, own)| own.len() > 1);
    all.shrink_to_fit();
    all
}

/// All that was brought, but for what is large: it is needed to make another plan of the same config.
fn without_data(spec: &Spec, files: &Files) -> Files {
    let mut brought = files.clone();
    brought.geo = None;
    let zones = spec.files_by_zone(files).into_iter();
    let data = zones.flat_map(|(_, own)| own).chain(spec.written_here());
    for path in data.chain(spec.geo_file()) {
        brought.remove(&path);
    }
    brought
}

/// Says that a file was damaged, and where it is now.
pub(crate) fn tell(damage: &Damage) {
    let Damage {
        path,
        reason,
        aside,
    } = damage;
    let path = path.display();
    match aside {
        Ok(aside) => error!(
            event = "state_unreadable",
            "{path} is damaged ({reason}); going on without it, it is now {}",
            aside.display()
        ),
        Err(why) => error!(
            event = "state_unreadable",
            "{path} is damaged ({reason}); going on without it, it could not be set aside: {why}"
        ),
    }
}

/// What is read of a zone's file.
pub(crate) fn filed(plan: &ZonePlan, filed: &FiledZone, steered: &[Steered]) -> Filed {
    let aliases = plan
        .aliases
        .iter()
        .map(|own| Span::from_secs(own.ttl.into()));
    let of_aliases = aliases.max().unwrap_or(Span::ZERO);
    Filed {
        longest_ttl: longest_ttl(&filed.zone, steered).max(of_aliases),
        zone: Arc::clone(&filed.zone),
        digest: filed.digest,
    }
}

fn new_zone(plan: &ZonePlan, filed: Filed, keys: Keys) -> NewZone {
    let ring = plan
        .dnssec
        .as_ref()
        .map(|how| keyring(&plan.apex, how, &filed, keys));
    NewZone {
        filed,
        keys: ring,
        copied_at: plan
            .incoming
            .as_ref()
            .and_then(|_| written_at(plan.file.as_ref()?)),
    }
}

/// The keys of a zone. A step that cannot be remembered does not keep those from signing that are there.
fn keyring(apex: &Name, how: &ZoneDnssec, filed: &Filed, keys: Keys) -> Result<Keyring, String> {
    let store = Store::new(&how.keys, apex);
    if let Keys::Advance(now) = keys
        && let Err(why) = store.advance(&policy(how, filed.longest_ttl), &Fellows::default(), now)
    {
        error!(
            event = "keys_unreadable",
            zone = %apex, "a step that is due cannot be taken: {why}"
        );
    }
    store.load().map_err(|error| error.to_string())
}

/// When a file was written, seconds since 1970.
fn written_at(file: &Path) -> Option<u64> {
    let written = fs::metadata(file).ok()?.modified().ok()?;
    Some(written.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
