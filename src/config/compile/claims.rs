//! Claims that no address of the geo database can match, and those that two regions make.
//!
//! A claim that matches nobody is silence: its region gets no clients, and others get them. The usual reason is the
//! edition of the file: AS numbers come in files of their own, and such a file knows no countries. What the operator's own
//! overrides know counts as well.
use std::collections::{BTreeMap, BTreeSet};

use super::places::network;
use crate::base::RegionId;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::{Serves, ServiceSpec, Spec};
use crate::geo::{City, Continent, Country, Database, Network, Territory, country};
use crate::plan::GeoKnowledge;

/// Everything that can be claimed with success.
struct Claimable {
    countries: BTreeSet<Country>,
    continents: BTreeSet<Continent>,
    parts: BTreeSet<Territory>,
    /// Each with its country and with the part of it.
    cities: BTreeSet<(Territory, City)>,
    systems: BTreeSet<u32>,
}

/// The knowledge of a database.
pub(super) fn knowledge(database: &Database) -> GeoKnowledge {
    let mut places = database.places().iter();
    let mut systems = database.places().iter();
    GeoKnowledge {
        places: places
            .any(|one| one.country.is_some() || one.continent.is_some() || one.location.is_some()),
        autonomous_systems: systems.any(|one| one.asn.is_some()),
    }
}

/// The knowledge that regions claim by.
pub(super) fn claimed(spec: &Spec) -> GeoKnowledge {
    let claims = || spec.claims();
    let is_place = |claim: &At<Serves>| {
        matches!(
            claim.value,
            Serves::Continent(_) | Serves::Countries(_) | Serves::Subdivision(_) | Serves::City(_)
        )
    };
    GeoKnowledge {
        places: claims().any(is_place),
        autonomous_systems: claims().any(|claim| matches!(claim.value, Serves::Asn(_))),
    }
}

/// Warns of a database that knows nothing of the kind that is claimed, and of claims that it knows nobody for.
pub(super) fn check(spec: &Spec, database: &Database, found: &mut Diagnostics) {
    let (knows, known) = (knowledge(database), Claimable::of(spec, database));
    if let (false, Some(path)) = (knows.places, &spec.geo.database) {
        found
            .warn(&path.at, format!("`{}` knows no countries", path.value))
            .label("every client is of unknown place, but those of `overrides`")
            .help("give `database` a country or city file; one of AS numbers holds nothing else");
    }
    check_laws(spec, &known, found);
    let vain = spec.claims().filter(|claim| !known.matches(&claim.value));
    for claim in vain {
        let (message, help) = match &claim.value {
            Serves::Asn(number) if !knows.autonomous_systems => (
                format!("AS{number} never matches: the geo database knows no AS numbers"),
                "AS numbers come in files of their own: give `asn_database` one, or claim networks",
            ),
            Serves::Asn(number) => (
                format!("AS{number} never matches: the geo database knows no network of it"),
                "look the number up, or claim its networks",
            ),
            // That it knows no countries at all is told once.
            Serves::Continent(_)
            | Serves::Countries(_)
            | Serves::Subdivision(_)
            | Serves::City(_)
                if !knows.places =>
            {
                continue;
            }
            Serves::Subdivision(own) if known.parts.is_empty() => (
                format!("{own} never matches: the geo database knows no parts of countries"),
                "give `database` a city file that has their codes (ISO 3166-2), or claim networks",
            ),
            Serves::City(own) if known.cities.is_empty() => (
                format!("{own} never matches: the geo database knows no cities"),
                "give `database` a city file, or claim networks",
            ),
            Serves::City(own) => (
                format!("{own} never matches: the geo database knows no city of that name there"),
                "write its name as the file has it, in English, or claim networks",
            ),
            Serves::Continent(_)
            | Serves::Countries(_)
            | Serves::Subdivision(_)
            | Serves::Network(_) => (
                "this claim never matches: the geo database knows no network there".to_owned(),
                "claim networks, or give them a country in `overrides`",
            ),
        };
        found
            .warn(&claim.at, message)
            .label("this region gets no clients by it")
            .help(help);
    }
}

/// Warns of parts of countries under a law of their own whose clients are never found there.
fn check_laws(spec: &Spec, known: &Claimable, found: &mut Diagnostics) {
    let entries = spec.jurisdictions.iter().flat_map(|law| &law.countries);
    for entry in entries {
        let mut parts = entry.value.iter().filter(|own| own.is_part());
        if let Some(part) = parts.find(|own| !known.parts.contains(own)) {
            found
                .warn(&entry.at, format!("no client is ever found in {part}: the geo database knows no network there"))
                .label("so clients there are under the law of their country, if any")
                .help("give `database` a city file that has codes of ISO 3166-2, or state networks in `overrides`");
        }
    }
}

impl Claimable {
    fn of(spec: &Spec, database: &Database) -> Self {
        let overrides = spec.geo.overrides.iter();
        let territories = overrides.clone().map(|(_, own, _)| *own);
        let stated = overrides.filter_map(|(_, _, city)| city.as_ref());
        let stated = stated.flat_map(|own| {
            let whole = Territory::from(own.within.country);
            [whole, own.within].map(|within| (within, own.city()))
        });
        let own = territories.clone().map(|own| own.country);
        let places = database.places().iter();
        let mut countries: BTreeSet<Country> =
            places.clone().filter_map(|one| one.country).collect();
        countries.extend(own.clone());
        let continents = places.clone().filter_map(|one| one.continent);
        let own = own.filter_map(|one| country::find(one).map(|found| found.continent));
        Self {
            countries,
            continents: continents.chain(own).collect(),
            parts: places
                .clone()
                .filter_map(|one| one.subdivision)
                .chain(territories.filter(|own| own.is_part()))
                .collect(),
            cities: places
                .clone()
                .flat_map(|one| {
                    let within = [one.country.map(Territory::from), one.subdivision];
                    within.map(|within| within.zip(one.city))
                })
                .flatten()
                .chain(stated)
                .collect(),
            systems: places.filter_map(|one| one.asn).collect(),
        }
    }

    fn matches(&self, claim: &Serves) -> bool {
        match claim {
            Serves::Network(_) => true,
            Serves::Asn(number) => self.systems.contains(number),
            Serves::Continent(continent) => self.continents.contains(continent),
            Serves::Countries(list) => list.iter().any(|one| self.countries.contains(one)),
            Serves::Subdivision(own) => self.parts.contains(own),
            Serves::City(own) => self.cities.contains(&(own.within, own.city())),
        }
    }
}

/// Refuses a network that two regions of one service claim. Regions of different services may.
pub(super) fn check_networks<'s>(
    spec: &Spec,
    services: impl Iterator<Item = (&'s ServiceSpec, &'s [RegionId])>,
    found: &mut Diagnostics,
) {
    let mut told = BTreeSet::new();
    for (service, regions) in services {
        let own = service.steering.as_ref();
        let own = own.and_then(|steering| steering.serves.as_ref());
        let claims: Vec<(&str, &At<Serves>)> = match own {
            Some(serves) => all_of(serves.iter().map(|(region, claims)| (region, claims))),
            None => {
                let regions = regions.iter().map(|id| &spec.regions[id.index()]);
                all_of(regions.map(|region| (&region.name, &region.serves)))
            }
        };
        let mut owners: BTreeMap<Network, &str> = BTreeMap::new();
        for (region, claim) in claims {
            let Some(network) = network(&claim.value) else {
                continue;
            };
            let other = owners.insert(network, region);
            if let Some(other) = other.filter(|_| told.insert(claim.at.start)) {
                found
                    .error(&claim.at, "this network is claimed twice")
                    .label(format!("region `{other}` claims it as well"))
                    .help("a network belongs to one region of a service; a longer prefix may go to another");
            }
        }
    }
}

fn all_of<'s>(
    regions: impl Iterator<Item = (&'s At<String>, &'s Vec<At<Serves>>)>,
) -> Vec<(&'s str, &'s At<Serves>)> {
    let all =
        regions.flat_map(|(region, claims)| claims.iter().map(|claim| (&*region.value, claim)));
    all.collect()
}
