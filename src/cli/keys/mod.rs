//! `waypost keys`: makes, shows, rolls and brings the keys of signed zones.
//!
//! It works on the folder that the config names, whether a server is running or not. What it
//! changes is which keys there are and what was said of the parent; every step of a rollover is
//! taken by the server that serves the zone, because only there it is known when a step is served.
//!
//! | module | what it does |
//! |---|---|
//! | `arguments` | the command line |
//! | `change` | `generate`, `roll`, `import`, and the words of `ds` |
//! | `show` | `list`, `ds`, `export` |
mod arguments;
mod change;
mod show;

use std::path::Path;
use std::process::ExitCode;

pub(super) use arguments::Keys;
use arguments::{Command, Ds, Generate, Zone};

use super::arguments::Config;
use super::{Failure, judged};
use crate::base::Span;
use crate::config::Compiled;
use crate::dns::Name;
use crate::io::keys::Store;
use crate::keys::Policy;
use crate::plan::ZoneDnssec;
use crate::zones::policy;

/// A zone that the config signs.
struct Signed {
    how: ZoneDnssec,
    store: Store,
    policy: Policy,
}

/// Does what the command says.
pub(super) fn keys(arguments: &Keys) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::Generate(arguments) => change::generate(arguments),
        Command::List(arguments) => show::list(arguments),
        Command::Ds(arguments) => ds(arguments),
        Command::Roll(arguments) => change::roll(arguments),
        Command::Import(arguments) => change::import(arguments),
        Command::Export(arguments) => show::export(arguments),
    }
}

/// Makes the first keys of a zone, by a config that signs it.
pub(super) fn begin(config: &Path, zone: &Name) -> Result<ExitCode, Failure> {
    change::generate(&Generate::plain(at(config, zone)))
}

/// Prints the DS records that the parent should have.
pub(super) fn for_parent(config: &Path, zone: &Name) -> Result<ExitCode, Failure> {
    show::ds(&Ds::plain(at(config, zone)))
}

fn at(config: &Path, zone: &Name) -> Zone {
    Zone {
        zone: zone.clone(),
        config: Config {
            config: config.to_owned(),
        },
    }
}

fn ds(arguments: &Ds) -> Result<ExitCode, Failure> {
    match change::said(&arguments.word) {
        Some(word) => change::word(arguments, word),
        None => show::ds(arguments),
    }
}

/// Reads the config, and what it says of signing a zone.
fn signed(config: &Config, zone: &Name) -> Result<Signed, Failure> {
    let compiled = judged::read(&config.config)?.compiled;
    let planned = compiled.zoning.zone(zone);
    let how = planned.and_then(|zone| Some((zone.apex.clone(), zone.dnssec.clone()?)));
    let Some((name, how)) = how else {
        let path = config.config.display();
        return Err(format!(
            "{path} does not sign a zone `{zone}`: write `dnssec = {{ keys = \"keys\" }}` below its `[[zones]]`"
        ));
    };
    let store = Store::new(&how.keys, &name);
    let policy = policy(&how, largest_ttl(&compiled, &name));
    Ok(Signed {
        how: *how,
        store,
        policy,
    })
}

/// The largest TTL that a cache may have of a zone: of its records, its denials, and what is
/// steered in it.
pub(super) fn largest_ttl(compiled: &Compiled, zone: &Name) -> Span {
    let filed = &compiled.zones;
    // All versions of it, as they may be signed with the same keys.
    let own = filed.iter().filter(|filed| filed.zone.apex() == zone);
    let own = own.map(|filed| {
        let owners = filed.zone.owners();
        let records = owners.flat_map(|(_, sets)| sets.map(|set| set.ttl).collect::<Vec<_>>());
        let denial = filed.zone.denial_soa().ttl;
        records.max().unwrap_or(0).max(denial)
    });
    let own = own.max().unwrap_or(0);
    let steered = compiled.plan.services.iter();
    let steered =
        steered.filter(|service| service.hostnames.iter().any(|name| name.is_within(zone)));
    let steered = steered.map(|service| service.ttl.max).max();
    Span::from_secs(u64::from(own)).max(steered.unwrap_or(Span::ZERO))
}
