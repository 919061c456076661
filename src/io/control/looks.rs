//! Questions about the server, which change nothing.
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::commands::{Command, State};
use super::declarations;
use super::explain::{self, Format, Query};
use super::orders::OrderList;
use super::parameters;
use super::replies::{ApiProblem, Refusal, Reply, TEXT, engine_is_silent, json, respond};
use crate::dns::zone::{Presence, Zones};
use crate::engine::Status;
use crate::table::explain::Explanation;
use crate::zones::status::UnfinishedStatus;

/// Time that the engine may take to say how it is.
pub(super) const ENGINE_PATIENCE: Duration = Duration::from_secs(1);

/// Zones that are named where there may be thousands.
const NAMED: usize = 20;

/// The process is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    /// Always `ok`.
    status: &'static str,
    /// Time since start.
    uptime_ms: u64,
}

/// The last line of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditHead {
    /// Its number.
    seq: u64,
    /// Its hash.
    hash: String,
}

/// Queries are answered.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// Always `ready`.
    status: &'static str,
    /// Generation of the published table.
    generation: u64,
}

/// Tells whether the process is well
///
/// It is while the control loop turns; nobody is asked.
#[utoipa::path(get, path = "/healthz", tag = "process", security(()),
    responses((status = 200, description = "It is", body = Alive), (status = 503, description = "It is not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn health(Given(state): Given<State>) -> Reply {
    let uptime = state.heartbeat.uptime(state.clock.now());
    match uptime.filter(|_| !state.commands.is_closed()) {
        Some(uptime) => json(&Alive {
            status: "ok",
            uptime_ms: uptime.0,
        }),
        None => engine_is_silent(),
    }
}

/// Tells whether queries are answered
///
/// They are also while the engine is slow; not when it has ended, for then nothing that happens to an endpoint
/// changes an answer any more. Nor are they as long as a zone is not answered because it is being signed; the others
/// are answered meanwhile, and `detail` says how far it is. Nor does a node of a cluster say so whose anycast route is to be
/// withdrawn (`[cluster] withdraw`), though it answers whoever asks it.
#[utoipa::path(get, path = "/readyz", tag = "process", security(()),
    responses((status = 200, description = "They are", body = Ready), (status = 503, description = "They are not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn readiness(Given(state): Given<State>) -> Reply {
    if state.commands.is_closed() {
        let message = "the engine has ended; DNS goes on from the last table";
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    }
    let Some(published) = state.published.get() else {
        return not_ready();
    };
    let table = published.load();
    if has_unsigned(&table.zones) {
        return unsigned(&state).await;
    }
    if let Some(reason) = state.heartbeat.withdrawn() {
        let message = format!("the anycast route is withdrawn: {reason}; queries are answered");
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    }
    json(&Ready {
        status: "ready",
        generation: table.generation,
    })
}

/// Tells that a zone is not answered because its signatures are being made.
fn has_unsigned(zones: &Zones) -> bool {
    let mut zones = zones.all().iter();
    zones.any(|served| served.zone.presence() == Presence::Unsigned)
}

/// Says how far zones are that are being signed.
async fn unsigned(state: &State) -> Reply {
    let status = engine_status(state).await;
    let zones = status.iter().flat_map(|status| &status.zones);
    let zones = zones.filter_map(|zone| {
        let UnfinishedStatus { made, of } = zone.unfinished?;
        let name = &zone.name;
        Some(format!("zone `{name}`: {made} of {of} signatures"))
    });
    let zones: Vec<String> = zones.take(NAMED).collect();
    let message = format!("zones are being signed: {}", zones.join("; "));
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
}

/// Tells everything an operator may want to see
#[utoipa::path(get, path = "/api/v1/status", tag = "api",
    responses((status = 200, description = "The state", body = Status), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn status(Given(state): Given<State>) -> Reply {
    match engine_status(&state).await {
        Some(mut status) => {
            status.limited = state.metrics.limited_status(state.clock.now());
            status.observation = state.observation();
            json(&status)
        }
        None => engine_is_silent(),
    }
}

/// Lists orders: those in force and to come, and those that have ended
#[utoipa::path(get, path = "/api/v1/orders", tag = "api",
    responses((status = 200, description = "All that are remembered", body = OrderList), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn orders(Given(state): Given<State>) -> Reply {
    match state.look(ENGINE_PATIENCE, Command::Orders).await {
        Some(book) => json(&OrderList::new(&book, state.clock.calendar())),
        None => engine_is_silent(),
    }
}

/// Explains what one client is answered, and why
#[utoipa::path(get, path = "/api/v1/explain", tag = "api",
    params(
        ("name" = String, Query, description = "The name that is asked for"),
        ("client" = String, Query, description = "The client's address"),
        ("type" = Option<String>, Query, description = "The type that is asked for: `A` (the default), `AAAA`, …"),
        ("down" = Option<Vec<String>>, Query, description = "A region, provider or endpoint that is supposed down; may be given again"),
        ("from" = Option<String>, Query, description = "The address that the query comes from, which decides which view is seen; the client's if absent"),
        ("view" = Option<String>, Query, description = "The view that is seen, in place of `from`"),
        ("format" = Option<String>, Query, description = "`json` (the default) or `text`"),
    ),
    responses((status = 200, description = "The chain from the client to the answer", body = Explanation), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn explain(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let query = Query::read(&parameters::of(&uri))?;
    let Some(published) = state.published.get() else {
        return Ok(not_ready());
    };
    let (format, table) = (query.format, Arc::clone(&published.load()));
    let is_of_cluster = table.plan.cluster.is_some();
    let mut explanation = explain::answer(query, table, state.clock.now()).await?;
    if is_of_cluster && let Some(status) = engine_status(&state).await {
        explain::tell_votes(&mut explanation, &status);
    }
    declarations::tell(&mut explanation, &state).await;
    Ok(match format {
        Format::Json => json(&explanation),
        Format::Text => respond(StatusCode::OK, TEXT, explanation.to_string()),
    })
}

/// Tells where the audit log is: its last line
#[utoipa::path(get, path = "/api/v1/audit", tag = "api",
    responses((status = 200, description = "Its last line", body = AuditHead), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn audit(Given(state): Given<State>) -> Result<Reply, Refusal> {
    let head = state.audit.head();
    let (seq, hash) = head.ok_or_else(|| {
        let message = "changes are not recorded here: name a file by `[control] audit`";
        Refusal::new(StatusCode::NOT_FOUND, message)
    })?;
    Ok(json(&AuditHead { seq, hash }))
}

/// The engine's own words, if it says them in time.
pub(super) async fn engine_status(state: &State) -> Option<Status> {
    state.look(ENGINE_PATIENCE, Command::Status).await
}

fn not_ready() -> Reply {
    let message = "there is no table yet";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
}
