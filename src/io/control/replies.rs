//! What is said to each request.
//!
//! Errors are JSON as well: `{"error": "…"}`, in words that tell a person what to do.
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::explain::{self, Format, Query};
use super::routes::{Refusal, Route};
use super::{Command, Force, OrderRefusal, State};
use crate::base::Span;
use crate::engine::Status;
use crate::engine::order::Order;
use crate::zones::{ChallengeOrder, ChallengeRefusal};

/// How long the engine may take to say how it is.
const ENGINE_PATIENCE: Duration = Duration::from_secs(1);
/// How long a reload may take.
const RELOAD_PATIENCE: Duration = Duration::from_secs(60);
/// How long a zone may take until it is served with a challenge.
const CHALLENGE_PATIENCE: Duration = Duration::from_secs(30);
/// The page loads nothing from elsewhere, and nothing may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src data:; frame-ancestors 'none'";

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

type Reply = Response<Full<Bytes>>;

/// Answers a request.
pub(super) async fn reply(route: Route, state: &State) -> Reply {
    match route {
        Route::Page(asset) => respond(StatusCode::OK, asset.kind(), asset.text()),
        Route::Metrics => metrics(state).await,
        Route::Health => health(state),
        Route::Readiness => readiness(state),
        Route::Status => status(state).await,
        Route::Explain(query) => explain(query, state).await,
        Route::Reload(force) => reload(force, state).await,
        Route::Upgrade(patience) => upgrade(patience, state).await,
        Route::Order(order) => give(order, state).await,
        Route::Challenge(order) => challenge(order, state).await,
    }
}

/// Says why a request is not served.
pub(super) fn refuse(refusal: &Refusal) -> Reply {
    let mut reply = json(refusal.status, &json!({ "error": refusal.message }));
    if let Some(allow) = refusal.allow {
        let allow = HeaderValue::from_static(allow);
        reply.headers_mut().insert(ALLOW, allow);
    }
    reply
}

async fn metrics(state: &State) -> Reply {
    let status = engine_status(state).await;
    let text = state.metrics.render(status.as_ref());
    respond(StatusCode::OK, METRICS, text)
}

/// Well while the control loop turns; asks nobody.
fn health(state: &State) -> Reply {
    let uptime = state.heartbeat.uptime(state.clock.now());
    match uptime.filter(|_| !state.commands.is_closed()) {
        Some(uptime) => json(
            StatusCode::OK,
            &json!({ "status": "ok", "uptime_ms": uptime.0 }),
        ),
        None => engine_is_silent(),
    }
}

/// Ready, also while the engine is slow; not when it has ended, for then nothing that happens to
/// an endpoint changes an answer any more.
fn readiness(state: &State) -> Reply {
    if state.commands.is_closed() {
        let message = "the engine has ended; DNS goes on from the last table";
        return refuse(&Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    match state.published.get() {
        Some(published) => {
            let generation = published.load().generation;
            json(
                StatusCode::OK,
                &json!({ "status": "ready", "generation": generation }),
            )
        }
        None => not_ready(),
    }
}

async fn status(state: &State) -> Reply {
    match engine_status(state).await {
        Some(mut status) => {
            status.limited = state.metrics.limited_status(state.clock.now());
            json(StatusCode::OK, &status)
        }
        None => engine_is_silent(),
    }
}

async fn explain(query: Query, state: &State) -> Reply {
    let Some(published) = state.published.get() else {
        return not_ready();
    };
    let (format, table) = (query.format, Arc::clone(&published.load()));
    match explain::answer(query, table, state.clock.now()).await {
        Ok(explanation) => match format {
            Format::Json => json(StatusCode::OK, &explanation),
            Format::Text => respond(StatusCode::OK, TEXT, explanation.to_string()),
        },
        Err(refusal) => refuse(&refusal),
    }
}

async fn reload(force: Force, state: &State) -> Reply {
    let (reply, done) = oneshot::channel();
    let command = Command::Reload { force, reply };
    if state.commands.try_send(command).is_err() {
        return engine_is_silent();
    }
    match timeout(RELOAD_PATIENCE, done).await {
        Ok(Ok(Ok(result))) => json(StatusCode::OK, &json!({ "result": result })),
        Ok(Ok(Err(error))) => refuse(&Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error)),
        Ok(Err(_)) | Err(_) => engine_is_silent(),
    }
}

/// The server has a bound of its own, so its word is waited for.
async fn upgrade(patience: Span, state: &State) -> Reply {
    let (reply, done) = oneshot::channel();
    let command = Command::Upgrade { patience, reply };
    if state.commands.try_send(command).is_err() {
        return engine_is_silent();
    }
    match done.await {
        Ok(Ok(result)) => json(StatusCode::OK, &json!({ "result": result })),
        Ok(Err(error)) => refuse(&Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error)),
        Err(_) => engine_is_silent(),
    }
}

/// Gives an order to whoever owns the engine.
async fn give(order: Order, state: &State) -> Reply {
    let (reply, done) = oneshot::channel();
    let command = Command::Order { order, reply };
    if state.commands.try_send(command).is_err() {
        return engine_is_silent();
    }
    match timeout(ENGINE_PATIENCE, done).await {
        Ok(Ok(Ok(ordered))) => json(StatusCode::OK, &ordered),
        Ok(Ok(Err(OrderRefusal::Unknown(why)))) => {
            refuse(&Refusal::new(StatusCode::NOT_FOUND, why))
        }
        Ok(Ok(Err(OrderRefusal::Needless(why)))) => {
            refuse(&Refusal::new(StatusCode::CONFLICT, why))
        }
        Ok(Err(_)) | Err(_) => engine_is_silent(),
    }
}

/// Has challenges set, removed or listed; waits until they are served.
async fn challenge(order: ChallengeOrder, state: &State) -> Reply {
    let (reply, done) = oneshot::channel();
    let command = Command::Challenge { order, reply };
    if state.commands.try_send(command).is_err() {
        return engine_is_silent();
    }
    let refusal = match timeout(CHALLENGE_PATIENCE, done).await {
        Ok(Ok(Ok(done))) => return json(StatusCode::OK, &done),
        Ok(Ok(Err(refusal))) => refusal,
        Ok(Err(_)) | Err(_) => return engine_is_silent(),
    };
    let (status, why) = match refusal {
        ChallengeRefusal::Misplaced(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        ChallengeRefusal::Unknown(why) => (StatusCode::NOT_FOUND, why),
        ChallengeRefusal::Full(why) => (StatusCode::CONFLICT, why),
        ChallengeRefusal::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    };
    refuse(&Refusal::new(status, why))
}

/// The engine's own words, if it says them in time.
async fn engine_status(state: &State) -> Option<Status> {
    let (reply, status) = oneshot::channel();
    let asked = async {
        state.commands.send(Command::Status(reply)).await.ok()?;
        status.await.ok()
    };
    timeout(ENGINE_PATIENCE, asked).await.ok()?
}

fn engine_is_silent() -> Reply {
    let message = "the engine does not answer; DNS goes on from the last table";
    refuse(&Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message))
}

fn not_ready() -> Reply {
    let message = "there is no table yet";
    refuse(&Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message))
}

fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    match serde_json::to_string(body) {
        Ok(text) => respond(status, JSON, text + "\n"),
        Err(error) => respond(
            StatusCode::INTERNAL_SERVER_ERROR,
            JSON,
            json!({ "error": error.to_string() }).to_string(),
        ),
    }
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        reply.headers_mut().insert(name, value);
    }
    reply
}
