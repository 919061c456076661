//! The map: which region serves which country, now, at a moment that has passed, or if something were down.
//!
//! Clients are gone through once for each map of a plan, and a table once for each question; both on a thread of low priority, one
//! at a time, and both are kept for whoever asks the same again ([`MAPS_KEPT`]). So however many ask, no more is worked out than
//! there are questions. A moment that has passed is shown as the plan in force would have answered with the shares of then: of an
//! endpoint that is gone nothing is known, and demand is that of now.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex as Turn;
use utoipa::ToSchema;

use super::replies::Refusal;
use crate::base::limits::MAPS_KEPT;
use crate::base::{Family, MapId, Permille, RegionId, ServiceId, Utc, Why};
use crate::geo::{Location, country};
use crate::io::background;
use crate::io::history::History;
use crate::table::explain::suppose;
use crate::table::{CountryClients, CountryShares, Table};

/// Countries with the regions that serve them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorldMap {
    /// The service.
    service: String,
    /// `v4` or `v6`.
    family: &'static str,
    /// The generation that was asked.
    generation: u64,
    /// The moment that is shown; absent for now.
    shown_at: Option<Utc>,
    /// Names that are supposed down.
    supposed: Vec<String>,
    /// Regions that all clients of known place are sent to, largest part first.
    regions: Vec<MapShare>,
    /// Countries that have clients, in the order of their codes.
    countries: Vec<MapCountry>,
}

/// One country.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MapCountry {
    /// Its code (ISO 3166-1).
    country: String,
    /// An address that is known to be there.
    client: String,
    /// The place of its people.
    #[schema(value_type = Option<Object>)]
    location: Option<Location>,
    /// Regions that its clients are sent to, largest part first.
    regions: Vec<MapShare>,
}

/// A part of some clients.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MapShare {
    /// The region; absent for those who get no address.
    region: Option<String>,
    /// The part.
    share_permille: u16,
}

/// A question about the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MapQuestion {
    pub(super) service: ServiceId,
    pub(super) family: Family,
    pub(super) down: Vec<String>,
    pub(super) at: Option<Utc>,
}

/// A question with the table that it was asked of: its generation and the digest of its plan.
type DrawnFor = (u64, u64, MapQuestion);

/// Maps that were drawn, and clients that were gone through; the newest last.
#[derive(Debug, Default)]
pub(super) struct Maps {
    drawn: Mutex<VecDeque<(DrawnFor, Arc<WorldMap>)>>,
    clients: Mutex<VecDeque<(u64, MapId, Arc<CountryClients>)>>,
    /// Held by whoever works.
    turn: Turn<()>,
}

impl Maps {
    /// Answers a question, or gives what was answered to the same before.
    pub(super) async fn answer(
        self: &Arc<Self>,
        question: MapQuestion,
        table: Arc<Table>,
        history: &History,
    ) -> Result<Arc<WorldMap>, Refusal> {
        let key = (table.generation, table.plan.digest, question);
        let _turn = self.turn.lock().await;
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let (maps, history, own) = (Arc::clone(self), history.clone(), key.clone());
        let drawn = background::run("map", move || maps.draw(&own.2, &table, &history)).await;
        let map = drawn.ok_or_else(|| {
            let message = "the map failed: a defect of the program";
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        })??;
        let map = Arc::new(map);
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.len() >= MAPS_KEPT {
            drawn.pop_front();
        }
        drawn.push_back((key, Arc::clone(&map)));
        Ok(map)
    }

    fn known(&self, key: &DrawnFor) -> Option<Arc<WorldMap>> {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let found = drawn.iter().find(|(own, _)| own == key);
        found.map(|(_, map)| Arc::clone(map))
    }

    /// The clients of a service of a table, gone through once for each map of its plan.
    pub(super) fn clients(&self, table: &Table, service: ServiceId) -> Arc<CountryClients> {
        let (digest, map) = (table.plan.digest, table.plan.services[service.index()].map);
        let known = |clients: &VecDeque<(u64, MapId, Arc<CountryClients>)>| {
            let found = clients.iter().find(|own| (own.0, own.1) == (digest, map));
            found.map(|own| Arc::clone(&own.2))
        };
        let lock = || self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known(&lock()) {
            return known;
        }
        let found = Arc::new(CountryClients::of(&table.plan, map));
        let mut clients = lock();
        clients.retain(|own| own.0 == digest);
        if clients.len() >= MAPS_KEPT {
            clients.pop_front();
        }
        clients.push_back((digest, map, Arc::clone(&found)));
        found
    }

    fn draw(
        &self,
        question: &MapQuestion,
        table: &Table,
        history: &History,
    ) -> Result<WorldMap, Refusal> {
        let clients = self.clients(table, question.service);
        let then = question.at.map(|at| at_moment(table, at, history));
        let table = then.as_ref().unwrap_or(table);
        let supposed = match question.down.as_slice() {
            [] => None,
            downs => Some(
                suppose(table, downs)
                    .map_err(|error| Refusal::new(StatusCode::NOT_FOUND, error.to_string()))?,
            ),
        };
        let table = supposed.as_ref().unwrap_or(table);
        let asked = (question.service, question.family);
        let countries = clients.shares(table, asked);
        Ok(WorldMap {
            service: table.plan.services[question.service.index()].name.clone(),
            family: word(question.family),
            generation: table.generation,
            shown_at: question.at,
            supposed: question.down.clone(),
            regions: named(&clients.whole(table, asked), table),
            countries: countries
                .iter()
                .map(|own| MapCountry::new(own, table))
                .collect(),
        })
    }
}

impl MapCountry {
    fn new(own: &CountryShares, table: &Table) -> Self {
        Self {
            country: own.country.to_string(),
            client: own.client.to_string(),
            location: country::find(own.country).map(|facts| facts.location),
            regions: named(&own.regions, table),
        }
    }
}

fn named(shares: &[(Option<RegionId>, u16)], table: &Table) -> Vec<MapShare> {
    let shares = shares.iter().map(|(region, permille)| MapShare {
        region: region.map(|id| table.plan.regions[id.index()].name.clone()),
        share_permille: *permille,
    });
    shares.collect()
}

/// The table as it would stand with the shares of a moment that has passed.
fn at_moment(table: &Table, at: Utc, history: &History) -> Table {
    let shares = history.shares_at(at);
    let mut standings = table.standings.to_vec();
    for (target, standing) in table.plan.targets.iter().zip(&mut standings) {
        if let Some(&share) = shares.get(&target.key)
            && standing.share.0 != share
        {
            (standing.share, standing.why) = (Permille(share), Why::Supposed);
            standing.until = None;
        }
    }
    let (plan, generation) = (table.plan.clone(), table.generation);
    Table::build(
        generation,
        plan,
        standings.into(),
        table.built_at,
        Some(table),
    )
}

fn word(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}
