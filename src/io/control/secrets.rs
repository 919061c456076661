//! Secrets that all nodes of a cluster have in common: listed, set, removed and rolled. No secret is ever told.
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::callers::Caller;
use super::changes::conclude;
use super::commands::{Command, SecretAsk, State};
use super::looks::ENGINE_PATIENCE;
use super::parameters;
use super::recorded::AskedChange;
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json as reply_json};
use super::secret_view::SecretsView;
use crate::base::limits::CLUSTER_TEXT_BYTES;
use crate::dns::{Name, tsig};
use crate::plan::Permission;
use crate::share::SecretOrder;

/// Lists the secrets that all nodes have in common
///
/// Names and ages, never the secrets. 404 where the node stands alone.
#[utoipa::path(get, path = "/api/v1/cluster/secrets", tag = "api",
    responses((status = 200, description = "The secrets", body = SecretsView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn list(Given(state): Given<State>) -> Reply {
    let list = |reply| Command::Secrets(SecretAsk::List, reply);
    match state.look(ENGINE_PATIENCE, list).await {
        Some(Ok(view)) => reply_json(&view),
        Some(Err(why)) => Refusal::new(StatusCode::NOT_FOUND, why).into_response(),
        None => engine_is_silent(),
    }
}

/// Sets, removes or rolls secrets that all nodes have in common
///
/// The body of `set` is the secret of a TSIG key, in base64. `roll` draws another `cookie` secret, another key of the `cohort` hash, or both (`all`): they are in use
/// at once, cookies of the one before are accepted for as long as they count.
#[utoipa::path(post, path = "/api/v1/cluster/secrets", tag = "api",
    params(
        ("action" = String, Query, description = "`set`, `remove` or `roll`"),
        ("name" = String, Query, description = "The name of the TSIG key; of `roll`, `cookie`, `cohort` or `all`"),
        ("author" = Option<String>, Query, description = "Who orders it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, description = "It is so here, and others will have it", body = SecretsView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn change(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    body: Body,
) -> Result<Reply, Refusal> {
    let most = CLUSTER_TEXT_BYTES.2;
    let body = to_bytes(body, most).await.map_err(|_| {
        let message = format!("a secret is at most {most} octets long");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    })?;
    let text = std::str::from_utf8(&body).unwrap_or_default().trim();
    let (mut action, mut name) = (String::new(), String::new());
    let (mut author, mut reason) = (String::new(), String::new());
    for (key, value) in parameters::of(&uri) {
        let place = match &*key {
            "action" => &mut action,
            "name" => &mut name,
            "author" => &mut author,
            "reason" => &mut reason,
            _ => return Err(Refusal::bad(format!("unknown parameter `{key}`"))),
        };
        place.clone_from(&value);
    }
    let by = caller.author(&author);
    let asked = AskedChange {
        what: json!({ "action": format!("{action} secret"), "name": name, "author": by }),
        reason,
        caller,
    };
    let orders = orders(&action, &name, text)?;
    let asked = asked.permitted(Permission::Govern, &state).await?;
    let begun = asked.begin(&state, Value::Null).await?;
    let change = |reply| Command::Secrets(SecretAsk::Order(orders), reply);
    let outcome = state.order(ENGINE_PATIENCE * 2, change).await;
    let told = outcome.clone();
    let told = told.map(|told| told.map(|view| view.result));
    conclude(begun, &state, told, |_| Value::Null).await?;
    match outcome {
        Some(Ok(view)) => Ok(reply_json(&view)),
        Some(Err(_)) | None => Ok(engine_is_silent()),
    }
}

fn orders(action: &str, name: &str, text: &str) -> Result<Vec<SecretOrder>, Refusal> {
    let key = || {
        let key = Name::parse(name).ok().filter(|_| !name.is_empty());
        key.ok_or_else(|| Refusal::bad(format!("`{name}` is no name of a TSIG key")))
    };
    match (action, name) {
        // It is not shown: it may be all but right.
        ("set", _) if tsig::secret(text).is_none() => Err(Refusal::bad(
            "the secret is not base64; `openssl rand -base64 32` makes one",
        )),
        ("set", _) => Ok(vec![SecretOrder::Tsig(key()?, Some(text.to_owned()))]),
        ("remove", _) => Ok(vec![SecretOrder::Tsig(key()?, None)]),
        ("roll", "cookie") => Ok(vec![SecretOrder::RollCookie]),
        ("roll", "cohort") => Ok(vec![SecretOrder::RollCohort]),
        ("roll", "all") => Ok(vec![SecretOrder::RollCookie, SecretOrder::RollCohort]),
        ("roll", _) => Err(Refusal::bad("`cookie`, `cohort` or `all` can be rolled")),
        _ => Err(Refusal::bad("`action` is `set`, `remove` or `roll`")),
    }
}
