//! The timeline, as requests ask for it; and one endpoint in full, with how long its probes took.
//!
//! What is remembered, and for how long, is decided elsewhere ([`crate::io::history`]).
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::commands::State;
use super::live::watch::status;
use super::parameters;
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json};
use crate::base::Utc;
use crate::engine::status::EndpointStatus;
use crate::io::history::event::TimelineEvent;
use crate::io::history::timeline::MinuteSummary;

/// The timeline, or a part of it.
#[derive(Serialize, ToSchema)]
pub(super) struct TimelineView {
    /// The first moment of which anything is known; absent if there is none.
    begins_at: Option<Utc>,
    /// Now, by the server's clock.
    told_at: Utc,
    /// Things that came too fast to be remembered, since the start.
    missed: u64,
    /// Events, oldest first.
    events: Vec<TimelineEvent>,
    /// Minutes, oldest first; those at which no server ran are missing.
    minutes: Vec<MinuteSummary>,
}

/// One endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointView {
    /// Its state, with every probe.
    endpoint: EndpointStatus,
    /// Durations of its probes, oldest first: the longest of the last ones.
    latencies: Vec<EndpointLatency>,
}

/// Duration of an endpoint's probes at a moment.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointLatency {
    /// The moment.
    sampled_at: Utc,
    /// The duration.
    took_us: u32,
}

/// Tells what happened in the last day
#[utoipa::path(get, path = "/api/v1/history", tag = "api",
    params(("from" = Option<String>, Query, description = "Since when, as RFC 3339 has it; all that is remembered if absent")),
    responses((status = 200, description = "The timeline", body = TimelineView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn history(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let mut from = Utc(0);
    for (parameter, value) in parameters::of(&uri) {
        from = match parameter.as_str() {
            "from" => Utc::parse(&value).ok_or_else(|| {
                Refusal::bad(format!(
                    "from={value} is no time: write it as 2027-03-01T22:00:00Z"
                ))
            })?,
            _ => return Err(Refusal::bad(format!("{parameter} is not known here"))),
        };
    }
    let found = state
        .history
        .look(|timeline| (timeline.begins(), timeline.since(from)));
    let (begins_at, (events, minutes)) = found.unwrap_or_default();
    Ok(json(&TimelineView {
        begins_at,
        told_at: Utc(state.clock.wall_ms()),
        missed: state.history.missed(),
        events,
        minutes,
    }))
}

/// Tells one endpoint in full
#[utoipa::path(get, path = "/api/v1/endpoint", tag = "api",
    params(("name" = String, Query, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn endpoint(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let parameters = parameters::of(&uri);
    let [(parameter, name)] = parameters.as_slice() else {
        return Err(Refusal::bad("name one endpoint: name=fra-one"));
    };
    if parameter != "name" {
        return Err(Refusal::bad(format!("{parameter} is not known here")));
    }
    let Some(status) = status(&state).await else {
        return Ok(engine_is_silent().into_response());
    };
    let mut endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let found = endpoints.find(|own| own.name == *name).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("there is no endpoint `{name}`"),
        )
    })?;
    let latencies = state.history.look(|timeline| timeline.latencies(name));
    let latencies = latencies.unwrap_or_default().into_iter();
    Ok(json(&EndpointView {
        endpoint: found.clone(),
        latencies: latencies
            .map(|(sampled_at, took_us)| EndpointLatency {
                sampled_at,
                took_us,
            })
            .collect(),
    }))
}
