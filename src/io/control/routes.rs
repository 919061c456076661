//! Which request means what.
//!
//! Every request goes through the same checks before it reaches its path: whose page asks ([`super::origin`]), who asks
//! ([`super::callers`]), and that whoever it is may look. Whether it may change anything is asked where that is done
//! ([`super::changes`]).
use axum::Router;
use axum::extract::{Request, State as Given};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};

use super::callers::{Caller, ControlPeer, changes as is_change};
use super::commands::State;
use super::recorded::{AskedChange, unread};
use super::replies::{Refusal, Reply, respond};
use super::{
    changes, cluster, compare, declared, identity, live, looks, machines, map, objects, openapi,
    origin, page, push, release, scrape, secrets, timeline,
};
use crate::plan::{AccessRules, Permission};

/// Routes of everything that is served.
pub(super) fn router(state: State) -> Router {
    let routes = Router::new()
        .route("/api/v1/openapi.json", get(describe))
        .route("/api/v1/status", get(looks::status))
        .route("/api/v1/explain", get(looks::explain))
        .route("/api/v1/events", get(live::stream::events))
        .route("/api/v1/endpoint", get(timeline::endpoint))
        .route("/api/v1/history", get(timeline::history))
        .route("/api/v1/map", get(map::map))
        .route("/api/v1/whoami", get(identity::whoami))
        .route("/api/v1/audit", get(looks::audit))
        .route("/api/v1/audit/lines", get(identity::audit_lines))
        .route("/api/v1/cluster", get(cluster::cluster))
        .route("/api/v1/cluster/revoke", post(cluster::revoke))
        .route("/api/v1/cluster/release", post(release::release))
        .route(
            "/api/v1/cluster/secrets",
            get(secrets::list).post(secrets::change),
        )
        .route("/api/v1/plan", post(compare::plan))
        .route("/api/v1/verify", get(compare::verify))
        .route("/api/v1/reload", post(changes::reload))
        .route("/api/v1/upgrade", post(changes::upgrade))
        .route(push::PATH, post(push::push))
        .route(
            "/api/v1/zones/{zone}/records",
            get(declared::list).patch(declared::patch),
        )
        .route(
            "/api/v1/zones/{zone}/records/{name}/{type}",
            get(declared::show)
                .put(declared::put)
                .delete(declared::delete),
        )
        .route(
            "/api/v1/declared",
            get(objects::list).patch(objects::patch_all),
        )
        .route(
            "/api/v1/declared/{*object}",
            get(objects::show)
                .put(objects::put)
                .patch(objects::patch)
                .delete(objects::delete),
        )
        .route("/api/v1/orders", get(looks::orders).post(changes::order))
        .route(
            "/api/v1/acme",
            get(changes::list_challenges)
                .post(changes::add_challenge)
                .delete(changes::remove_challenge),
        );
    let routes = match state.surroundings.machines {
        Some(_) => routes.route(machines::PATH, post(machines::play)),
        None => routes,
    };
    let files = page::FILES.iter();
    let files = files.fold(routes, |routes, file| {
        routes.route(file.path, get(page::serve))
    });
    checked(files.merge(process()), state)
}

/// Routes of what is open to anybody.
pub(super) fn open(state: State) -> Router {
    checked(process(), state)
}

fn process() -> Router<State> {
    Router::new()
        .route("/metrics", get(scrape::metrics))
        .route("/healthz", get(looks::health))
        .route("/readyz", get(looks::readiness))
}

fn checked(routes: Router<State>, state: State) -> Router {
    routes
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(state.clone(), check))
        .with_state(state)
}

async fn describe() -> Reply {
    respond(StatusCode::OK, "application/json", openapi::document())
}

/// Lets a request through to its path, or says why not.
async fn check(Given(state): Given<State>, request: Request, next: Next) -> Reply {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ControlPeer>().cloned();
    // Every connection says what it is; one that does not is nobody's.
    let peer = peer.unwrap_or_else(|| ControlPeer::Tls(Vec::new()));
    let access = state.control().access;
    match known(&parts, &peer, &access, state.clock.wall_seconds()) {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(unknown) if is_change(&parts.method) => {
            let (caller, refusal) = *unknown;
            let asked = AskedChange {
                caller,
                what: unread(parts.method.as_str(), parts.uri.path()),
                reason: String::new(),
            };
            asked.refused(&state, refusal).await.into_response()
        }
        Err(unknown) => unknown.1.into_response(),
    }
}

/// Whoever asks, if that one may look; otherwise as far as it is known who it was.
fn known(
    parts: &Parts,
    peer: &ControlPeer,
    access: &AccessRules,
    now: u64,
) -> Result<Caller, Box<(Caller, Refusal)>> {
    let nobody = || Caller {
        identity: "nobody known".to_owned(),
        name: String::new(),
        grant: None,
        way: peer.way(),
    };
    origin::check(parts, &access.hosts).map_err(|refusal| Box::new((nobody(), refusal)))?;
    let caller = Caller::find(peer, &parts.headers, access, now);
    let caller = caller.map_err(|refusal| Box::new((nobody(), refusal)))?;
    // Whoever may do no more than report need not see anything for it.
    let wanted = match parts.uri.path() {
        push::PATH => Permission::Report,
        _ => Permission::Look,
    };
    match caller.may(wanted) {
        Ok(()) => Ok(caller),
        // The page says nothing of the server, and asks for a token where one is needed.
        Err(_) if page::has(parts.uri.path()) => Ok(caller),
        Err(refusal) => Err(Box::new((caller, refusal))),
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
