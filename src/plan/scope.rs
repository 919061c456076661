//! What an operator means by a name: a region, a provider, or an endpoint.
//!
//! Orders, suppositions and scenarios name the same things, and a region is never called what an
//! endpoint is called by accident only; so one name can mean several things, and then means all
//! of them.
//!
//! A service is none of them. An endpoint that is out is out for every service that uses it, so an order about one service
//! would be one about its neighbours too. (The scope of a *token* may name services: there it means the
//! endpoints that serve no other, [`super::access`].)
use std::collections::BTreeSet;

use thiserror::Error;

use super::{Endpoint, Plan};
use crate::base::{EndpointId, similar};

/// The endpoints that an operator means by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The name.
    pub name: String,
    /// In order; empty for a region without endpoints.
    pub endpoints: Vec<EndpointId>,
}

/// Nothing has the name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no region, endpoint or provider is called {name:?}; {}", way_out(.name, .nearest.as_ref(), .regions))]
pub struct UnknownScope {
    /// The name.
    pub name: String,
    /// The most similar name there is, if one is similar.
    pub nearest: Option<String>,
    /// The regions there are.
    pub regions: Vec<String>,
}

impl Plan {
    /// The endpoints of everything that has this name.
    ///
    /// # Errors
    /// When nothing has it.
    pub fn scope(&self, name: &str) -> Result<Scope, UnknownScope> {
        let all = self.endpoints.iter().enumerate();
        let own = all.filter(|(_, endpoint)| self.is_called(endpoint, name));
        let endpoints: Vec<EndpointId> = own
            .map(|(index, _)| EndpointId::from_index(index))
            .collect();
        if endpoints.is_empty() && !self.regions.iter().any(|region| region.name == name) {
            return Err(UnknownScope {
                name: name.to_owned(),
                nearest: similar(name, self.scope_names()).map(str::to_owned),
                regions: self.regions.iter().map(|one| one.name.clone()).collect(),
            });
        }
        Ok(Scope {
            name: name.to_owned(),
            endpoints,
        })
    }

    /// The endpoint of this name.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<EndpointId> {
        let place = self.endpoints.iter().position(|one| one.name == name);
        place.map(EndpointId::from_index)
    }

    /// Tells that a name means an endpoint: its own, its provider's or its region's.
    #[must_use]
    pub fn is_called(&self, endpoint: &Endpoint, name: &str) -> bool {
        let region = &self.regions[endpoint.region.index()];
        [&endpoint.name, &endpoint.provider, &region.name]
            .iter()
            .any(|own| own.as_str() == name)
    }

    fn scope_names(&self) -> BTreeSet<&str> {
        let regions = self.regions.iter().map(|region| region.name.as_str());
        let endpoints = self.endpoints.iter();
        let own =
            endpoints.flat_map(|endpoint| [endpoint.name.as_str(), endpoint.provider.as_str()]);
        regions.chain(own).collect()
    }
}

/// What the person may have meant, or what there is.
fn way_out(name: &str, nearest: Option<&String>, regions: &[String]) -> String {
    const SHOWN: usize = 20;
    if name.starts_with("service:") {
        return "an order is never for a service, because its endpoints are out for every other that uses them as well: \
                name a region, an endpoint or a provider (`waypost status` shows who uses what)"
            .to_owned();
    }
    if let Some(name) = nearest {
        return format!("did you mean {name:?}?");
    }
    let shown = &regions[..regions.len().min(SHOWN)];
    let more = match regions.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("the regions are: {}{more}", shown.join(", "))
}
