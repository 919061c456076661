//! A list of endpoints, as a source has it: each under an id that stays the same while the machine does.
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::NAME_LENGTH;
use crate::base::HashKey;
use crate::dns::Name;

/// One machine of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoveredEndpoint {
    /// Its addresses, sorted; none where it is known by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// The name that it is known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The port that its service listens on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Its weight, if the source says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// Tiers below the first one of the discovery (SRV: by priority).
    #[serde(default)]
    pub rank: u16,
}

/// A machine before it has an id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedMachine {
    /// The id, if the source has one of its own.
    pub id: Option<String>,
    /// All else.
    pub endpoint: DiscoveredEndpoint,
}

/// The endpoints of one source, by id.
pub type EndpointList = BTreeMap<String, DiscoveredEndpoint>;

/// The lists in force, by discovery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoveredLists(pub BTreeMap<String, EndpointList>);

impl DiscoveredLists {
    /// Tells whether nothing is discovered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }

    /// A number for all of it; 0 for nothing.
    #[must_use]
    pub fn digest(&self) -> u64 {
        match self.is_empty() {
            true => 0,
            false => HashKey::from_secret(b"discovered").hash(format!("{:?}", self.0).as_bytes()),
        }
    }
}

impl ListedMachine {
    /// Machines as a list. What is at the same place, and differs in its port alone, is one endpoint: an answer has no ports.
    ///
    /// # Errors
    /// What is wrong with one of them; for a person.
    pub fn list(machines: Vec<Self>) -> Result<EndpointList, String> {
        let mut by_place = BTreeMap::new();
        for mut machine in machines {
            let own = &mut machine.endpoint;
            own.addresses.sort_unstable();
            own.addresses.dedup();
            check(own)?;
            let place = (own.addresses.clone(), own.hostname.clone());
            let port = own.port;
            let before: &mut Self = by_place.entry(place).or_insert_with(|| machine.clone());
            if port < before.endpoint.port {
                *before = machine;
            }
        }
        let mut list = EndpointList::new();
        for machine in by_place.into_values() {
            let id = machine.id();
            if list.insert(id.clone(), machine.endpoint).is_some() {
                return Err(format!("two entries are called `{id}`"));
            }
        }
        Ok(list)
    }

    /// Its own id, or where it is.
    fn id(&self) -> String {
        let own = &self.endpoint;
        let place = || {
            let first = own.addresses.first().map(ToString::to_string);
            let host = own.hostname.clone().or(first).unwrap_or_default();
            match own.port {
                Some(port) => format!("{host}-{port}"),
                None => host,
            }
        };
        let id = self.id.clone().unwrap_or_else(place);
        let fits = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
        id.chars()
            .map(|one| if fits(one) { one } else { '-' })
            .collect()
    }
}

/// The name of an endpoint of a discovery. One that would be too long ends in a number for the whole of it.
#[must_use]
pub fn endpoint_name(discovery: &str, id: &str) -> String {
    let name = format!("{discovery}-{id}");
    if name.len() <= NAME_LENGTH {
        return name;
    }
    let number = HashKey::from_secret(b"discovered").hash(name.as_bytes());
    let kept: String = name.chars().take(NAME_LENGTH - 17).collect();
    format!("{kept}-{number:016x}")
}

fn check(own: &DiscoveredEndpoint) -> Result<(), String> {
    match (&own.hostname, own.addresses.is_empty()) {
        (None, true) => Err("an entry has neither an address nor a hostname".to_owned()),
        (Some(name), false) => Err(format!(
            "`{name}` has addresses as well: it is one or the other"
        )),
        (Some(name), true) => {
            let parsed = Name::parse(name).ok();
            let parsed = parsed.filter(|name| name.labels().count() > 0 && !name.is_wildcard());
            parsed
                .map(drop)
                .ok_or(format!("`{name}` is no machine's name"))
        }
        (None, false) => Ok(()),
    }
}
