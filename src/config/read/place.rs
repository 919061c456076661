//! `[jurisdictions]` and `[regions]`: where things are, and which clients they claim.
//!
//! Two letters in `serves` are a continent if there is such a continent, otherwise a country.
//! Three of the continents' letters are countries as well: `AS` (American Samoa), `NA` (Namibia)
//! and `SA` (Saudi Arabia), besides `AF` (Afghanistan) and `AN`. `country:NA` always means
//! the country. A city stands behind its country, or the part of one: names of cities are not unique, and not every maker of geo
//! files numbers them.
use toml::de::DeValue;

use super::{endpoint, items, plain};
use crate::base::similar;
use crate::config::diagnostic::Gap;
use crate::config::reader::{At, Fields, Reader};
use crate::config::spec::{JurisdictionSpec, RegionSpec, Serves};
use crate::config::value::{self, Trouble};
use crate::geo::{Continent, Location, NamedCity, Territory};

pub(super) fn jurisdictions(document: &mut Fields<'_, '_>) -> Vec<JurisdictionSpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("jurisdictions", "jurisdiction") {
        let countries = fields.required_list("countries", r#"["DE", "@EEA"]"#, value::territories);
        let may_use = items(fields.list("may_use", value::text));
        fields.finish();
        list.push(JurisdictionSpec {
            name,
            countries,
            may_use,
        });
    }
    list
}

pub(super) fn regions(document: &mut Fields<'_, '_>) -> Vec<RegionSpec> {
    let all = document.named("regions", "region");
    let names: Vec<String> = all.iter().map(|(name, _)| name.value.clone()).collect();
    let mut list = Vec::new();
    for (name, mut fields) in all {
        let others = names.iter().filter(|other| **other != name.value);
        let meant = similar(&name.value, others.map(String::as_str));
        if let Some(meant) = meant.filter(|_| fields.has_only("endpoints")) {
            report_torn(&name, meant, fields.reader());
            endpoint::of_region(&mut fields);
            continue;
        }
        list.push(RegionSpec {
            name,
            location: plain(fields.required("location", "[50.11, 8.68]", value::location))
                .unwrap_or(Location {
                    latitude: 0,
                    longitude: 0,
                }),
            jurisdiction: fields.optional("jurisdiction", value::text),
            serves: items(fields.list("serves", serves)),
            fallback: items(fields.list("fallback", value::text)),
            takes_failover: plain(fields.optional("takes_failover", value::boolean)),
            capacity: fields.optional("capacity", value::amount),
            endpoints: endpoint::of_region(&mut fields),
        });
        fields.finish();
    }
    list
}

/// Endpoints stand below a region that is nowhere else; whose they are is most likely clear.
fn report_torn(name: &At<String>, meant: &str, reader: &Reader) {
    let message = format!("region `{}` has endpoints and nothing else", name.value);
    reader.error(&name.at, message, |found| {
        let own = &name.value;
        found.help(format!(
            "did you mean `{meant}`? If not, write `[regions.{own}]` with `location = [50.11, 8.68]`"
        ));
        found.leaves(Gap::Names("regions"));
    });
}

/// A country, a part of one, or a city in either.
pub(super) fn locality(value: &DeValue<'_>) -> Result<(Territory, Option<NamedCity>), Trouble> {
    let text = value::text(value)?;
    match named_city(&text) {
        Some(city) => city.map(|city| (city.within, Some(city))),
        None => value::known_territory(&text).map(|own| (own, None)),
    }
}

/// A city with its country, or the part of one, before it; None for text that is no such thing. Which cities there are is
/// not known here.
fn named_city(text: &str) -> Option<Result<NamedCity, Trouble>> {
    let (within, name) = text.split_once('/')?;
    Territory::parse(within)?;
    let name = name.trim();
    let is_name = !name.is_empty() && !name.chars().any(char::is_control);
    Some(value::known_territory(within).and_then(|within| {
        match is_name {
            true => Ok(NamedCity {
                within,
                name: name.to_owned(),
            }),
            false => Err(Trouble::new(format!("`{text}` names no city"))
                .with_help("write it as \"DE/Frankfurt am Main\" or \"US-IL/Springfield\"")),
        }
    }))
}

/// A continent, a country, a part of one, a city, a list of countries, an autonomous system or a network.
pub(super) fn serves(value: &DeValue<'_>) -> Result<Serves, Trouble> {
    client_place(&value::text(value)?)
}

/// The same as text.
pub(crate) fn client_place(text: &str) -> Result<Serves, Trouble> {
    let number = text.strip_prefix("AS").filter(|number| !number.is_empty());
    if let Some(number) = number.filter(|number| number.bytes().all(|b| b.is_ascii_digit())) {
        let asn = number.parse().map(Serves::Asn);
        return asn.map_err(|_| {
            Trouble::new(format!("`{text}` is past the last AS number"))
                .with_help("AS numbers go up to AS4294967295")
        });
    }
    if text.starts_with('@') {
        return value::country_list(text).map(Serves::Countries);
    }
    if let Some(letters) = text.strip_prefix("country:") {
        return value::known_country(letters).map(|country| Serves::Countries(vec![country]));
    }
    if let Some(city) = named_city(text) {
        return city.map(Serves::City);
    }
    if text.contains(['/', '.', ':']) {
        return value::known_network(text).map(Serves::Network);
    }
    if text.contains('-') {
        return value::known_territory(text).map(Serves::Subdivision);
    }
    match Continent::parse(text) {
        Some(continent) => Ok(Serves::Continent(continent)),
        None => country(text),
    }
}

fn country(text: &str) -> Result<Serves, Trouble> {
    let country = value::known_country(text).map_err(|_| {
        Trouble::new(format!("`{text}` is not a place or network")).with_help(
            "write a continent (\"EU\"), a country (\"DE\", or \"country:NA\" where a continent \
             has the same letters), a part of one (\"US-CA\"), a city (\"DE/Frankfurt am Main\"), a list (\"@EEA\"), \"AS13335\" or \"198.51.100.0/24\"",
        )
    })?;
    Ok(Serves::Countries(vec![country]))
}
