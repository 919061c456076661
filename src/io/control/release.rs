//! Releases of the shared config: brought to this node, halted, or let go on for all.
//!
//! Who signed one is for the cluster's core to weigh; here it is permitted, recorded and handed on.
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::callers::Caller;
use super::changes::conclude;
use super::commands::{Command, ReleaseAsk, State};
use super::looks::ENGINE_PATIENCE;
use super::parameters;
use super::recorded::AskedChange;
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json as reply_json};
use crate::base::limits::COMPARED_BYTES;
use crate::plan::Permission;

/// A release that was brought, halted or let go on.
#[derive(Serialize, ToSchema)]
pub(super) struct Released {
    /// The result; for a person.
    result: String,
}

/// Brings a release of the shared config, halts it, or lets it go on
///
/// The body of `push` is a text that `waypost config sign` has signed. All nodes take it, in waves; `halt` and `resume` are for the newest one.
#[utoipa::path(post, path = "/api/v1/cluster/release", tag = "api",
    params(
        ("action" = String, Query, description = "`push`, `halt` or `resume`"),
        ("author" = Option<String>, Query, description = "Who orders it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    request_body(content = String, content_type = "application/toml"),
    responses((status = 200, description = "It is so here, and others will hear of it", body = Released), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn release(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    body: Body,
) -> Result<Reply, Refusal> {
    let body = to_bytes(body, COMPARED_BYTES).await.map_err(|_| {
        let message = format!("a release is at most {COMPARED_BYTES} octets long");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    })?;
    let text = String::from_utf8(body.to_vec());
    let text = text.map_err(|_| Refusal::bad("the release is no UTF-8 text"))?;
    let (mut action, mut author, mut reason) = (String::new(), String::new(), String::new());
    for (key, value) in parameters::of(&uri) {
        match &*key {
            "action" => action = value.clone(),
            "author" => author = value.clone(),
            "reason" => reason = value.clone(),
            _ => return Err(Refusal::bad(format!("unknown parameter `{key}`"))),
        }
    }
    let by = caller.author(&author);
    let asked = AskedChange {
        what: json!({ "action": format!("release {action}"), "author": by, "head": text.lines().next() }),
        reason: reason.clone(),
        caller,
    };
    let ask = match &*action {
        "push" => ReleaseAsk::Push(text),
        "halt" | "resume" => ReleaseAsk::Halt {
            halts: action == "halt",
            by,
            reason,
        },
        _ => return Err(Refusal::bad("`action` is `push`, `halt` or `resume`")),
    };
    let asked = asked.permitted(Permission::Govern, &state).await?;
    let begun = asked.begin(&state, Value::Null).await?;
    let release = |reply| Command::Release { ask, reply };
    let outcome = state.order(ENGINE_PATIENCE, release).await;
    match conclude(begun, &state, outcome, |_| Value::Null).await? {
        Some(result) => Ok(reply_json(&Released { result })),
        None => Ok(engine_is_silent()),
    }
}
