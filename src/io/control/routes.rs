//! Which request means what.
//!
//! Every request goes through the same checks before it reaches its path: whose page asks ([`super::origin`]).
use axum::Router;
use axum::extract::{Request, State as Given};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};

use super::commands::State;
use super::page::Asset;
use super::replies::{Refusal, Reply, respond};
use super::{changes, looks, openapi, origin};

/// Routes of everything that is served.
pub(super) fn router(state: State) -> Router {
    Router::new()
        .route("/", get(async || looks::page(Asset::Page)))
        .route("/page.css", get(async || looks::page(Asset::Style)))
        .route("/page.js", get(async || looks::page(Asset::Script)))
        .route("/metrics", get(looks::metrics))
        .route("/healthz", get(looks::health))
        .route("/readyz", get(looks::readiness))
        .route("/api/v1/openapi.json", get(describe))
        .route("/api/v1/status", get(looks::status))
        .route("/api/v1/explain", get(looks::explain))
        .route("/api/v1/reload", post(changes::reload))
        .route("/api/v1/upgrade", post(changes::upgrade))
        .route("/api/v1/orders", get(looks::orders).post(changes::order))
        .route(
            "/api/v1/acme",
            get(changes::list_challenges)
                .post(changes::add_challenge)
                .delete(changes::remove_challenge),
        )
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(state.clone(), check))
        .with_state(state)
}

async fn describe() -> Reply {
    respond(StatusCode::OK, "application/json", openapi::document())
}

/// Lets a request through to its path, or says why not.
async fn check(Given(_state): Given<State>, request: Request, next: Next) -> Reply {
    let (parts, body) = request.into_parts();
    match origin::check(&parts, &[]) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn nothing_there(uri: Uri) -> Refusal {
    let message = format!("there is nothing at {}", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, message)
}

/// Refuses a method; those that the path takes stand in `Allow`.
async fn not_so(method: Method, uri: Uri) -> Refusal {
    let message = format!("{} does not take {method}", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
