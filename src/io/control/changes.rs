//! Changes: what is asked for is read, handed to whoever owns the engine, and waited for.
use std::time::Duration;

use axum::extract::State as Given;
use axum::http::{Method, StatusCode, Uri};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::commands::{Command, Force, OrderRefusal, State};
use super::looks::{ENGINE_PATIENCE, engine_is_silent};
use super::order::{OrderQuery, Purpose};
use super::orders::{ForecastView, Ordered};
use super::parameters::{self, Parameters};
use super::replies::{ApiProblem, Refusal, Reply, json};
use super::{challenge, order};
use crate::base::Span;
use crate::base::limits::UPGRADE;
use crate::zones::{ChallengeOrder, ChallengeRefusal, ChallengesDone};

/// Time that a reload may take.
const RELOAD_PATIENCE: Duration = Duration::from_secs(60);
/// Time that a zone may take until it is served with a challenge.
const CHALLENGE_PATIENCE: Duration = Duration::from_secs(30);

/// A config that was read again.
#[derive(Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// The result; for a person.
    result: String,
}

/// Reads the config again
#[utoipa::path(post, path = "/api/v1/reload", tag = "api",
    params(("force" = Option<bool>, Query, description = "Whether a large shrinkage is meant")),
    responses((status = 200, description = "It is in force", body = Reloaded), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn reload(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let force = force(&parameters::of(&uri))?;
    let (reply, done) = oneshot::channel();
    let command = Command::Reload { force, reply };
    if state.commands.try_send(command).is_err() {
        return Ok(engine_is_silent());
    }
    match timeout(RELOAD_PATIENCE, done).await {
        Ok(Ok(Ok(result))) => Ok(json(&Reloaded { result })),
        Ok(Ok(Err(error))) => Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error)),
        Ok(Err(_)) | Err(_) => Ok(engine_is_silent()),
    }
}

/// A server that another process has taken over.
#[derive(Serialize, ToSchema)]
pub(super) struct Upgraded {
    /// The result; for a person.
    result: String,
}

/// Starts the program that is installed now in this one's place
#[utoipa::path(post, path = "/api/v1/upgrade", tag = "api",
    params(("timeout_ms" = Option<u64>, Query, description = "Time that it may take until it answers; 80 s at most")),
    responses((status = 200, description = "The new process answers", body = Upgraded), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn upgrade(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let patience = patience(&parameters::of(&uri))?;
    let (reply, done) = oneshot::channel();
    let command = Command::Upgrade { patience, reply };
    if state.commands.try_send(command).is_err() {
        return Ok(engine_is_silent());
    }
    // The server has a bound of its own, so its word is waited for.
    match done.await {
        Ok(Ok(result)) => Ok(json(&Upgraded { result })),
        Ok(Err(error)) => Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error)),
        Err(_) => Ok(engine_is_silent()),
    }
}

/// Gives an order, or says what it would do
///
/// A drain takes a scope out gradually until it is lifted or ends; an endpoint is out while any drain covers it. One that
/// leaves clients without anything healthy, or above the stated capacities, is refused unless `force` is true. An
/// override (`force` with a `value`) gives or takes a share at once, whatever probes say, and ends by itself.
#[utoipa::path(post, path = "/api/v1/orders", tag = "api",
    params(
        ("action" = String, Query, description = "`approve`, `drain`, `undrain`, `force` or `lift`"),
        ("scope" = String, Query, description = "A region, provider or endpoint"),
        ("value" = Option<String>, Query, description = "The value of `force`: `up`, `down` or a share as `30%`"),
        ("author" = Option<String>, Query, description = "Who orders it; required where the connection does not tell"),
        ("reason" = Option<String>, Query, description = "Why"),
        ("from" = Option<String>, Query, description = "When it begins: `2h` from now, or a time of RFC 3339"),
        ("until" = Option<String>, Query, description = "When it ends, written likewise"),
        ("for" = Option<String>, Query, description = "Instead of `until`: how long it holds, such as `2h`"),
        ("force" = Option<bool>, Query, description = "Whether a drain is meant although clients lose by it"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do (`ForecastView`), and do nothing"),
    ),
    responses((status = 200, description = "It was taken", body = Ordered), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn order(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    // Connections have no identity: who orders has to be said.
    let query = order::read(&parameters::of(&uri), None)?;
    match query.purpose {
        Purpose::Order => give(query, &state).await,
        Purpose::Forecast => forecast(query, &state).await,
    }
}

/// Gives an order to whoever owns the engine.
async fn give(query: OrderQuery, state: &State) -> Result<Reply, Refusal> {
    let (reply, done) = oneshot::channel();
    let request = query.request(state.clock.calendar());
    let command = Command::Order { request, reply };
    if state.commands.try_send(command).is_err() {
        return Ok(engine_is_silent());
    }
    match timeout(ENGINE_PATIENCE, done).await {
        Ok(Ok(Ok(ordered))) => Ok(json(&ordered)),
        Ok(Ok(Err(refusal))) => Err(refused(refusal)),
        Ok(Err(_)) | Err(_) => Ok(engine_is_silent()),
    }
}

/// Has the engine say what an order would do; clients are counted elsewhere, for that may take long.
async fn forecast(query: OrderQuery, state: &State) -> Result<Reply, Refusal> {
    let (reply, done) = oneshot::channel();
    let request = query.request(state.clock.calendar());
    let command = Command::Forecast { request, reply };
    if state.commands.try_send(command).is_err() {
        return Ok(engine_is_silent());
    }
    let forecast = match timeout(ENGINE_PATIENCE, done).await {
        Ok(Ok(Ok(forecast))) => forecast,
        Ok(Ok(Err(refusal))) => return Err(refused(refusal)),
        Ok(Err(_)) | Err(_) => return Ok(engine_is_silent()),
    };
    match tokio::task::spawn_blocking(move || ForecastView::new(&forecast)).await {
        Ok(view) => Ok(json(&view)),
        Err(_) => Ok(engine_is_silent()),
    }
}

fn refused(refusal: OrderRefusal) -> Refusal {
    let (status, why) = match refusal {
        OrderRefusal::Unknown(why) => (StatusCode::NOT_FOUND, why),
        OrderRefusal::Needless(why) | OrderRefusal::Damaging(why) => (StatusCode::CONFLICT, why),
        OrderRefusal::Bad(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    Refusal::new(status, why)
}

/// Lists challenges
#[utoipa::path(get, path = "/api/v1/acme", tag = "api",
    responses((status = 200, description = "All that are there", body = ChallengesDone), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn list_challenges(
    Given(state): Given<State>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let order = challenge::read(&Method::GET, &parameters::of(&uri))?;
    challenge(order, &state).await
}

/// Sets a challenge; comes back when it is served
#[utoipa::path(post, path = "/api/v1/acme", tag = "api",
    params(
        ("name" = Option<String>, Query, description = "The name of the record"),
        ("domain" = Option<String>, Query, description = "Instead of `name`: the domain to be proved"),
        ("value" = String, Query, description = "Its value"),
        ("ttl" = Option<String>, Query, description = "How long resolvers may keep it, such as `60s`"),
        ("for" = Option<String>, Query, description = "How long it stays, such as `1h`"),
        ("author" = Option<String>, Query, description = "Who orders it"),
    ),
    responses((status = 200, description = "It is served", body = ChallengesDone), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn add_challenge(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let order = challenge::read(&Method::POST, &parameters::of(&uri))?;
    challenge(order, &state).await
}

/// Removes one value of a name, or all
#[utoipa::path(delete, path = "/api/v1/acme", tag = "api",
    params(
        ("name" = Option<String>, Query, description = "The name of the record"),
        ("domain" = Option<String>, Query, description = "Instead of `name`: the domain that was proved"),
        ("value" = Option<String>, Query, description = "The value; all if absent"),
        ("author" = Option<String>, Query, description = "Who orders it"),
    ),
    responses((status = 200, description = "It is gone", body = ChallengesDone), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn remove_challenge(
    Given(state): Given<State>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let order = challenge::read(&Method::DELETE, &parameters::of(&uri))?;
    challenge(order, &state).await
}

/// Sets, removes or lists challenges; waits until they are served.
async fn challenge(order: ChallengeOrder, state: &State) -> Result<Reply, Refusal> {
    let (reply, done) = oneshot::channel();
    let command = Command::Challenge { order, reply };
    if state.commands.try_send(command).is_err() {
        return Ok(engine_is_silent());
    }
    let refusal = match timeout(CHALLENGE_PATIENCE, done).await {
        Ok(Ok(Ok(done))) => return Ok(json(&done)),
        Ok(Ok(Err(refusal))) => refusal,
        Ok(Err(_)) | Err(_) => return Ok(engine_is_silent()),
    };
    let (status, why) = match refusal {
        ChallengeRefusal::Misplaced(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        ChallengeRefusal::Unknown(why) => (StatusCode::NOT_FOUND, why),
        ChallengeRefusal::Full(why) => (StatusCode::CONFLICT, why),
        ChallengeRefusal::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    };
    Err(Refusal::new(status, why))
}

/// Time that an upgrade may take.
fn patience(parameters: &Parameters) -> Result<Span, Refusal> {
    let mut patience = UPGRADE;
    for (name, value) in parameters {
        patience = match (name.as_str(), value.parse()) {
            ("timeout_ms", Ok(milliseconds)) => Span(milliseconds).min(UPGRADE),
            _ => {
                let message = format!("{name}={value} is not known here; timeout_ms=30000 is");
                return Err(Refusal::bad(message));
            }
        };
    }
    Ok(patience)
}

fn force(parameters: &Parameters) -> Result<Force, Refusal> {
    let mut force = Force::No;
    for (name, value) in parameters {
        force = match (name.as_str(), value.as_str()) {
            ("force", "true") => Force::Yes,
            ("force", "false") => Force::No,
            _ => {
                let message = format!("{name}={value} is not known here; force=true is");
                return Err(Refusal::bad(message));
            }
        };
    }
    Ok(force)
}
