//! The cluster as this node knows it, and nodes that are not to be listened to any more.
//!
//! It does not know how words of other nodes come and go, nor whether they are true: the core of the cluster has weighed them.
use axum::Extension;
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::callers::Caller;
use super::changes::conclude;
use super::commands::{Command, Revocation, State};
use super::looks::ENGINE_PATIENCE;
use super::parameters::{self, Parameters};
use super::recorded::AskedChange;
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json as reply_json};
use crate::plan::Permission;
use crate::share::ClusterView;

/// A node that was revoked.
#[derive(Serialize, ToSchema)]
pub(super) struct Revoked {
    /// The result; for a person.
    result: String,
}

/// Tells what this node knows of the others
///
/// Who hears whom, whose clock is off, and who has other orders or another config. 404 where the node stands alone.
#[utoipa::path(get, path = "/api/v1/cluster", tag = "api",
    responses((status = 200, description = "The cluster", body = ClusterView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn cluster(Given(state): Given<State>) -> Reply {
    match state.look(ENGINE_PATIENCE, Command::Cluster).await {
        Some(Some(view)) => reply_json(&view),
        Some(None) => {
            let message = "this node is of no cluster: its config has no [cluster]";
            Refusal::new(StatusCode::NOT_FOUND, message).into_response()
        }
        None => engine_is_silent(),
    }
}

/// Revokes a node
///
/// No node that hears of it listens to that one any more: neither to its votes nor to its orders, earlier ones included.
#[utoipa::path(post, path = "/api/v1/cluster/revoke", tag = "api",
    params(
        ("node" = String, Query, description = "The node's name"),
        ("author" = Option<String>, Query, description = "Who orders it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    responses((status = 200, description = "It is in force here, and others will have it", body = Revoked), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn revoke(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let mut revocation = revocation(&parameters::of(&uri))?;
    revocation.author = caller.author(&revocation.author);
    let asked = AskedChange {
        what: json!({ "action": "revoke", "node": revocation.node, "author": revocation.author }),
        reason: revocation.reason.clone(),
        caller,
    };
    let asked = asked.permitted(Permission::Govern, &state).await?;
    let begun = asked.begin(&state, Value::Null).await?;
    let revoke = |reply| Command::Revoke { revocation, reply };
    let outcome = state.order(ENGINE_PATIENCE, revoke).await;
    match conclude(begun, &state, outcome, |_| Value::Null).await? {
        Some(result) => Ok(reply_json(&Revoked { result })),
        None => Ok(engine_is_silent()),
    }
}

/// Reads which node is to be revoked, by whom and why.
fn revocation(query: &Parameters) -> Result<Revocation, Refusal> {
    let mut own = Revocation::default();
    for (key, value) in query {
        let place = match &**key {
            "node" => &mut own.node,
            "author" => &mut own.author,
            "reason" => &mut own.reason,
            other => return Err(bad(format!("unknown parameter `{other}`"))),
        };
        place.clone_from(value);
    }
    if own.node.is_empty() {
        return Err(bad("which node? (`node`)".to_owned()));
    }
    Ok(own)
}

fn bad(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, message)
}
