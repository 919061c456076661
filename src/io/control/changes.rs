//! Changes: what is asked for is read, permitted, recorded, handed to whoever owns the engine, and waited for.
//!
//! The order is fixed: what is not permitted is recorded as refused; what is permitted and cannot be recorded is not done. The
//! author of an order is who asked, as far as that was proved, behind the name that was given.
use std::collections::BTreeSet;
use std::time::Duration;

use axum::Extension;
use axum::extract::State as Given;
use axum::http::{Method, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::callers::Caller;
use super::commands::{Command, Force, OrderRefusal, State};
use super::looks::{ENGINE_PATIENCE, engine_status};
use super::order::{OrderQuery, Purpose};
use super::orders::{ForecastView, Ordered};
use super::parameters::{self, Parameters};
use super::recorded::{AskedChange, BegunChange, ChangeEnding, SILENT};
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json as reply_json};
use super::{challenge, order};
use crate::base::Span;
use crate::base::limits::{CLUSTER_ORDER_KNOWN, UPGRADE};
use crate::engine::order::Order;
use crate::plan::Permission;
use crate::zones::{ChallengeOrder, ChallengeRefusal, ChallengeStatus, ChallengesDone};

/// Time that a reload may take.
const RELOAD_PATIENCE: Duration = Duration::from_secs(60);
/// Time that a zone may take until it is served with a challenge.
const CHALLENGE_PATIENCE: Duration = Duration::from_secs(30);

/// Things of one change that are recorded by name.
const RECORDED_ENDPOINTS: usize = 100;

/// A config that was read again.
#[derive(Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// The result; for a person.
    result: String,
}

/// Reads the config again, or takes a list of discovered endpoints that is held back
#[utoipa::path(post, path = "/api/v1/reload", tag = "api",
    params(
        ("force" = Option<bool>, Query, description = "Whether a large shrinkage is meant"),
        ("accept" = Option<String>, Query, description = "In place of that: the discovery whose list is meant"),
    ),
    responses((status = 200, description = "It is in force", body = Reloaded), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn reload(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let parameters = parameters::of(&uri);
    if let [(key, discovery)] = &*parameters
        && key == "accept"
    {
        return accept(&state, caller, discovery).await;
    }
    let force = force(&parameters)?;
    let asked = AskedChange {
        what: json!({ "action": "reload", "force": force == Force::Yes }),
        reason: String::new(),
        caller,
    };
    let asked = asked.permitted(Permission::Govern, &state).await?;
    let begun = asked.begin(&state, plan(&state)).await?;
    let reload = |reply| Command::Reload { force, reply };
    let outcome = state.order(RELOAD_PATIENCE, reload).await;
    match conclude(begun, &state, outcome, plan).await? {
        Some(result) => Ok(reply_json(&Reloaded { result })),
        None => Ok(engine_is_silent()),
    }
}

/// Takes the list of a discovery that is held back.
async fn accept(state: &State, caller: Caller, discovery: &str) -> Result<Reply, Refusal> {
    let asked = AskedChange {
        what: json!({ "action": "accept", "discovery": discovery }),
        reason: String::new(),
        caller,
    };
    let asked = asked.permitted(Permission::Govern, state).await?;
    let begun = asked.begin(state, Value::Null).await?;
    let discovery = discovery.to_owned();
    let accept = |reply| Command::Accept { discovery, reply };
    let outcome = state.order(ENGINE_PATIENCE, accept).await;
    match conclude(begun, state, outcome, |_| Value::Null).await? {
        Some(result) => Ok(reply_json(&Reloaded { result })),
        None => Ok(engine_is_silent()),
    }
}

/// Records what became of a change of the whole server, with what there is after it; `None` if nobody answered.
pub(super) async fn conclude(
    begun: BegunChange,
    state: &State,
    outcome: Option<Result<String, String>>,
    after: fn(&State) -> Value,
) -> Result<Option<String>, Refusal> {
    let ending = match &outcome {
        Some(Ok(result)) => ChangeEnding::done(after(state), result),
        Some(Err(error)) => ChangeEnding::failed(error),
        None => ChangeEnding::failed(SILENT),
    };
    begun.end(state, ending).await;
    let refuse = |error| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error);
    outcome.transpose().map_err(refuse)
}

/// The plan in force, as the audit log names it.
fn plan(state: &State) -> Value {
    let published = state.published.get();
    let digest = published.map(|published| published.load().plan.digest);
    json!({ "plan": digest.map(|digest| format!("{digest:016x}")) })
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
pub(super) async fn upgrade(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let patience = patience(&parameters::of(&uri))?;
    let asked = AskedChange {
        what: json!({ "action": "upgrade" }),
        reason: String::new(),
        caller,
    };
    let asked = asked.permitted(Permission::Govern, &state).await?;
    let begun = asked.begin(&state, Value::Null).await?;
    let (reply, done) = oneshot::channel();
    let command = Command::Upgrade { patience, reply };
    // The server has a bound of its own, so its word is waited for.
    let outcome = match state.commands.try_send(command) {
        Ok(()) => done.await.ok(),
        Err(_) => None,
    };
    match conclude(begun, &state, outcome, |_| Value::Null).await? {
        Some(result) => Ok(reply_json(&Upgraded { result })),
        None => Ok(engine_is_silent()),
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
pub(super) async fn order(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let mut query = order::read(&parameters::of(&uri), Some(&caller.identity))?;
    let order = query.order_mut();
    order.author = caller.author(&order.author);
    let order = order.clone();
    if query.purpose == Purpose::Forecast {
        // It changes nothing, and tells no more than the state does.
        return forecast(query, &state).await;
    }
    let asked = AskedChange {
        what: json!({ "action": order.action, "scope": order.scope, "author": order.author }),
        reason: order.reason.clone(),
        caller,
    };
    let asked = asked.permitted(Permission::Order, &state).await?;
    if let Err(refusal) = within(&asked.caller, &order, &state) {
        return Err(asked.refused(&state, refusal).await);
    }
    let before = stands(&state, &order).await;
    let begun = asked.begin(&state, before).await?;
    match give(query, &state).await {
        Some(Ok(ordered)) => {
            let after = stands(&state, &order).await;
            begun
                .end(&state, ChangeEnding::done(after, &ordered.result))
                .await;
            Ok(reply_json(&ordered))
        }
        Some(Err(refusal)) => begun.unmade(&state, Some(refusal)).await,
        None => begun.unmade(&state, None).await,
    }
}

/// Refuses an order for an endpoint that the caller's scope does not cover.
fn within(caller: &Caller, order: &Order, state: &State) -> Result<(), Refusal> {
    let scope = caller.grant.as_ref().map_or(&[][..], |grant| &grant.scope);
    if scope.is_empty() {
        return Ok(());
    }
    let Some(published) = state.published.get() else {
        let message = "there is no table yet";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let table = published.load();
    let Ok(found) = table.plan.scope(&order.scope) else {
        // Nothing has that name, which the engine says better.
        return Ok(());
    };
    let Some(outside) = table.plan.outside(scope, &found.endpoints) else {
        return Ok(());
    };
    let (identity, endpoint) = (
        &caller.identity,
        &table.plan.endpoints[outside.index()].name,
    );
    let message = format!(
        "{} is also for {endpoint}, which the scope of {identity} does not cover",
        order.scope
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, message))
}

/// The endpoints of an order as they stand, for the audit log; null where nobody says.
async fn stands(state: &State, order: &Order) -> Value {
    let names: BTreeSet<String> = {
        let Some(published) = state.published.get() else {
            return Value::Null;
        };
        let plan = &published.load().plan;
        let Ok(found) = plan.scope(&order.scope) else {
            return Value::Null;
        };
        let endpoints = found.endpoints.iter().take(RECORDED_ENDPOINTS);
        endpoints
            .map(|id| plan.endpoints[id.index()].name.clone())
            .collect()
    };
    let Some(status) = engine_status(state).await else {
        return Value::Null;
    };
    let all = status.regions.iter().flat_map(|region| &region.endpoints);
    let own = all.filter(|endpoint| names.contains(&endpoint.name));
    let stands = own.map(|endpoint| {
        let targets = endpoint.targets.iter();
        let targets =
            targets.map(|one| format!("{} {} {}", one.family, one.state, one.share_permille));
        let drained_by = endpoint.drain.as_ref().map(|drain| &drain.author);
        let stand = json!({ "drained_by": drained_by, "targets": targets.collect::<Vec<_>>() });
        (endpoint.name.clone(), stand)
    });
    Value::Object(stands.collect())
}

/// Gives an order to whoever owns the engine; `None` if nobody answers.
async fn give(query: OrderQuery, state: &State) -> Option<Result<Ordered, Refusal>> {
    let request = query.request(state.clock.calendar());
    // In a cluster it is answered when the others know it, or after a while.
    let patience = ENGINE_PATIENCE + Duration::from_millis(CLUSTER_ORDER_KNOWN.0);
    let order = |reply| Command::Order { request, reply };
    let answer = state.order(patience, order).await?;
    Some(answer.map_err(refused))
}

/// Has the engine say what an order would do; clients are counted elsewhere, for that may take long.
async fn forecast(query: OrderQuery, state: &State) -> Result<Reply, Refusal> {
    let request = query.request(state.clock.calendar());
    let command = |reply| Command::Forecast { request, reply };
    let Some(forecast) = state.order(ENGINE_PATIENCE, command).await else {
        return Ok(engine_is_silent());
    };
    let forecast = forecast.map_err(refused)?;
    match tokio::task::spawn_blocking(move || ForecastView::new(&forecast)).await {
        Ok(view) => Ok(reply_json(&view)),
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
    match challenge(order, &state).await {
        Some(done) => done.map(|done| reply_json(&done)),
        None => Ok(engine_is_silent()),
    }
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
pub(super) async fn add_challenge(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let order = challenge::read(&Method::POST, &parameters::of(&uri))?;
    change_challenge(order, caller, &state).await
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
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let order = challenge::read(&Method::DELETE, &parameters::of(&uri))?;
    change_challenge(order, caller, &state).await
}

/// Sets or removes challenges, and records it.
async fn change_challenge(
    mut order: ChallengeOrder,
    caller: Caller,
    state: &State,
) -> Result<Reply, Refusal> {
    let what = challenge::signed(&mut order, |given| caller.author(given));
    let asked = AskedChange {
        what,
        reason: String::new(),
        caller,
    };
    let asked = asked.permitted(Permission::Challenge, state).await?;
    let before = challenges(state).await;
    let begun = asked.begin(state, Value::Null).await?;
    match challenge(order, state).await {
        Some(Ok(done)) => {
            let (gone, come) = difference(&before, &done.challenges);
            begun
                .end_from(state, gone, ChangeEnding::done(come, &done.result))
                .await;
            Ok(reply_json(&done))
        }
        Some(Err(refusal)) => begun.unmade(state, Some(refusal)).await,
        None => begun.unmade(state, None).await,
    }
}

/// All challenges that are there.
async fn challenges(state: &State) -> Vec<ChallengeStatus> {
    match challenge(ChallengeOrder::List, state).await {
        Some(Ok(done)) => done.challenges,
        Some(Err(_)) | None => Vec::new(),
    }
}

/// The challenges that are gone, and those that have come.
fn difference(before: &[ChallengeStatus], after: &[ChallengeStatus]) -> (Value, Value) {
    let only = |own: &[ChallengeStatus], other: &[ChallengeStatus]| {
        let is_new = |one: &&ChallengeStatus| {
            let mut others = other.iter();
            !others.any(|other| (&other.name, &other.value) == (&one.name, &one.value))
        };
        let new = own.iter().filter(is_new).take(RECORDED_ENDPOINTS);
        let new = new.map(|one| json!({ "name": one.name, "value": one.value }));
        Value::Array(new.collect())
    };
    (only(before, after), only(after, before))
}

/// Sets, removes or lists challenges, and waits until they are served; `None` if nobody answers.
async fn challenge(
    order: ChallengeOrder,
    state: &State,
) -> Option<Result<ChallengesDone, Refusal>> {
    let command = |reply| Command::Challenge { order, reply };
    let answer = state.order(CHALLENGE_PATIENCE, command).await?;
    Some(answer.map_err(|refusal| {
        let (status, why) = match refusal {
            ChallengeRefusal::Misplaced(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
            ChallengeRefusal::Unknown(why) => (StatusCode::NOT_FOUND, why),
            ChallengeRefusal::Full(why) => (StatusCode::CONFLICT, why),
            ChallengeRefusal::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        };
        Refusal::new(status, why)
    }))
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
                let message = format!(
                    "{name}={value} is not known here; force=true is, or accept=NAME alone"
                );
                return Err(Refusal::bad(message));
            }
        };
    }
    Ok(force)
}
