//! A config that somebody brings, held against the one in force: what `waypost plan` says of the two; and what `waypost verify` says of that one. Nothing is changed.
//!
//! To compare takes role admin. A config names files, which are read on this machine where it is compiled, and errors quote them: whoever may
//! ask that could read them. What is compared, and how, is decided elsewhere; here it is asked for, and waited for.
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use tokio::sync::oneshot;

use super::callers::Caller;
use super::commands::{Command, State};
use super::compared::{ComparedConfig, ComparedPart, ProvedConfig};
use super::parameters::{self, Parameters};
use super::replies::{ApiProblem, Refusal, Reply, json};
use crate::base::limits::COMPARED_BYTES;
use crate::plan::Permission;

/// Time that a comparison or a proof may take.
const PATIENCE: Duration = Duration::from_secs(80);

/// Compares a config with the one in force
///
/// The body is the text of a config; files that it names are read beside the one in force. It takes role admin, and changes nothing.
#[utoipa::path(post, path = "/api/v1/plan", tag = "api",
    params(("own_part" = Option<String>, Query, description = "`kept`: what is each node's own (addresses, keys, paths) stays as it is in force here; otherwise as written")),
    request_body(content = String, content_type = "application/toml"),
    responses((status = 200, description = "The comparison", body = ComparedConfig), (status = 422, description = "Every error of the config", body = ApiProblem, content_type = "application/problem+json"), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn plan(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    body: Body,
) -> Result<Reply, Refusal> {
    caller.may(Permission::Govern)?;
    let part = part(&parameters::of(&uri))?;
    let body = to_bytes(body, COMPARED_BYTES).await.map_err(|_| {
        let message = format!("a config is at most {COMPARED_BYTES} octets long");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    })?;
    let text = String::from_utf8(body.to_vec());
    let text = text.map_err(|_| Refusal::bad("the config is no UTF-8 text"))?;
    let command = |reply| Command::Compare { text, part, reply };
    let asked = outcome(&state, command).await?;
    let refused = |text| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text);
    Ok(json(&asked.map_err(refused)?))
}

/// Proves the plan in force
///
/// What is declared is part of it. It says whether any combination of failures leads a client out of its fence, or to no answer. One proof or comparison is made at a time: 429 while
/// another is.
#[utoipa::path(get, path = "/api/v1/verify", tag = "api",
    responses((status = 200, description = "The proof, or counterexamples", body = ProvedConfig), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn verify(Given(state): Given<State>) -> Result<Reply, Refusal> {
    let asked = outcome(&state, Command::Verify).await?;
    let busy = |text| Refusal::new(StatusCode::TOO_MANY_REQUESTS, text);
    Ok(json(&asked.map_err(busy)?))
}

/// Hands a command on, and waits for what becomes of it.
async fn outcome<T>(
    state: &State,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, Refusal> {
    let outcome = state.look(PATIENCE, command).await;
    outcome.ok_or_else(|| {
        let message = "nobody compares or proves configs here, or it took too long";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })
}

fn part(query: &Parameters) -> Result<ComparedPart, Refusal> {
    let mut part = ComparedPart::Written;
    for (key, value) in query {
        match (&**key, &**value) {
            ("own_part", "kept") => part = ComparedPart::Kept,
            ("own_part", "written") => part = ComparedPart::Written,
            ("own_part", _) => return Err(Refusal::bad("`own_part` is `kept` or `written`")),
            _ => return Err(Refusal::bad(format!("unknown parameter `{key}`"))),
        }
    }
    Ok(part)
}
