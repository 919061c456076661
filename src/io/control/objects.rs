//! Declared services, monitors, regions and endpoints by the control API.
//!
//! ```text
//! GET    /api/v1/declared                    pages, with `after` and `limit`
//! PATCH  /api/v1/declared                    a batch: a merge patch (RFC 7386) of the whole
//! GET    /api/v1/declared/services/api       one; so are monitors/… and regions/…
//! PUT    /api/v1/declared/services/api       declare it so, however often
//! PATCH  /api/v1/declared/services/api       change what the merge patch says
//! DELETE /api/v1/declared/services/api
//! …      /api/v1/declared/services/api/endpoints/fra     an endpoint, of a service or a region
//! ```
//!
//! A table is what a config would have there. Revision, conditions and parameters are as for records ([`super::declared`]);
//! a dry run compiles, and says what `waypost plan` would say, or with `plan=false` compiles alone. Who may declare what, and what fits, is decided by whoever reads configs.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request, State as Given};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::callers::Caller;
use super::commands::{Command, State};
use super::compared::ObjectsDone;
use super::conditions::{
    DeclaringCircumstances, circumstances, declarers, expected, page, parsed, proved, tagged,
};
use super::parameters::{self, Parameters};
use super::recorded::{AskedChange, ChangeEnding};
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json as reply_json};
use crate::base::Utc;
use crate::base::limits::DECLARED_CHANGES;
use crate::config::declared::{
    DeclaredObject, DeclaredObjects, ObjectChange, ObjectOrder, ObjectPath, ObjectPurpose,
    ObjectRefusal,
};
use crate::io::history::event::TimelineEvent;
use crate::plan::{Declarer, ExpectedState, Permission};

/// Time that a config may take until it is compiled, on the disk and in force.
const PATIENCE: Duration = Duration::from_secs(80);
/// Objects of one page at the most, and if nobody says.
const OBJECTS: [usize; 2] = [5000, 500];
/// Objects of one batch that are recorded with their tables.
const RECORDED: usize = 100;

/// An object, as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectBody {
    /// The keys that a config would have in its table.
    #[schema(value_type = Object)]
    table: Map<String, Value>,
}

/// A merge patch (RFC 7386) of declared objects.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectsPatch {
    /// Tables, or their changes, by object (`services/api`); `null` declares it no longer.
    #[schema(value_type = BTreeMap<String, ObjectBody>)]
    objects: BTreeMap<String, Option<ObjectBody>>,
}

/// A declared object.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ObjectView {
    /// Its keys, as a config has them.
    #[schema(value_type = Object)]
    table: Map<String, Value>,
    /// The identity that declared it.
    author: String,
    /// Why; empty if nobody said.
    reason: String,
    /// The time at which it was declared as it is.
    declared_at: Utc,
    /// The revision in which it became what it is.
    revision: u64,
}

/// Declared objects, or a page of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ObjectPage {
    /// One more with each change of any of them.
    revision: u64,
    /// They, by table and name.
    objects: BTreeMap<String, ObjectView>,
    /// The `after` of the next page; absent with the last.
    next: Option<String>,
}

/// Lists declared services, monitors, regions and endpoints
///
/// `ETag` is the revision of them all. What stands in files is not listed.
#[utoipa::path(get, path = "/api/v1/declared", tag = "api",
    params(
        ("after" = Option<String>, Query, description = "Objects after this one: `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "The number of objects at the most"),
    ),
    responses((status = 200, description = "A page", body = ObjectPage), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn list(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let (after, most) = page(&uri, OBJECTS, path_of)?;
    let Some(all) = in_force(&state).await else {
        return Ok(engine_is_silent());
    };
    let rest = || {
        let after = after.as_ref();
        let all = all.iter();
        all.filter(move |(path, _)| after.is_none_or(|after| *path > after))
    };
    let last = rest().nth(most.saturating_sub(1)).map(|own| own.0);
    let page = ObjectPage {
        revision: all.revision,
        objects: rest()
            .take(most)
            .map(|(path, object)| (path.word(), view(object)))
            .collect(),
        next: last
            .filter(|_| rest().nth(most).is_some())
            .map(ObjectPath::word),
    };
    Ok(tagged(reply_json(&page), page.revision))
}

/// Shows a declared object
#[utoipa::path(get, path = "/api/v1/declared/{object}", tag = "api",
    params(("object" = String, Path, description = "Its table and name, as `services/api`, or of an endpoint `services/api/endpoints/fra`")),
    responses((status = 200, description = "It", body = ObjectView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn show(
    Given(state): Given<State>,
    Path(object): Path<String>,
) -> Result<Reply, Refusal> {
    let path = path_of(&object)?;
    let Some(all) = in_force(&state).await else {
        return Ok(engine_is_silent());
    };
    match all.get(&path) {
        Some(object) => Ok(tagged(reply_json(&view(object)), object.revision)),
        None => {
            let message = format!("{path} is not declared");
            Err(Refusal::new(StatusCode::NOT_FOUND, message))
        }
    }
}

/// Declares an object
///
/// Comes back when it is on the disk and in force. One that is so already is not changed.
#[utoipa::path(put, path = "/api/v1/declared/{object}", tag = "api",
    params(
        ("object" = String, Path, description = "Its table and name, as `services/api`, or of an endpoint `services/api/endpoints/fra`"),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the object, or `*`: otherwise 412"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if it is not declared yet"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do, and do nothing"),
        ("plan" = Option<bool>, Query, description = "`false`: a dry run compiles it alone, and does not compare plans, which may take long"),
        ("author" = Option<String>, Query, description = "Who wants it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    request_body = ObjectBody,
    responses((status = 200, description = "It is so", body = ObjectsDone), (status = 412, description = "It is not as expected", body = ApiProblem, content_type = "application/problem+json"), (status = 422, description = "The config with it has errors: `findings`", body = ApiProblem, content_type = "application/problem+json"), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn put(
    state: Given<State>,
    caller: Extension<Caller>,
    path: Path<String>,
    request: Request,
) -> Result<Reply, Refusal> {
    change_one((state.0, caller.0), &path, request).await
}

/// Changes a declared object
///
/// The body is a merge patch (RFC 7386) of what is shown; of an object that is not declared yet it is the whole.
#[utoipa::path(patch, path = "/api/v1/declared/{object}", tag = "api",
    params(
        ("object" = String, Path, description = "Its table and name, as `services/api`, or of an endpoint `services/api/endpoints/fra`"),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the object, or `*`: otherwise 412"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do, and do nothing"),
        ("plan" = Option<bool>, Query, description = "`false`: a dry run compiles it alone, and does not compare plans, which may take long"),
        ("author" = Option<String>, Query, description = "Who wants it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    request_body(content = ObjectBody, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "It is so", body = ObjectsDone), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn patch(
    state: Given<State>,
    caller: Extension<Caller>,
    path: Path<String>,
    request: Request,
) -> Result<Reply, Refusal> {
    change_one((state.0, caller.0), &path, request).await
}

/// Declares an object no longer
#[utoipa::path(delete, path = "/api/v1/declared/{object}", tag = "api",
    params(
        ("object" = String, Path, description = "Its table and name, as `services/api`, or of an endpoint `services/api/endpoints/fra`"),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the object, or `*`: otherwise 412"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do, and do nothing"),
        ("plan" = Option<bool>, Query, description = "`false`: a dry run compiles it alone, and does not compare plans, which may take long"),
        ("author" = Option<String>, Query, description = "Who wants it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    responses((status = 200, description = "It is gone", body = ObjectsDone), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    state: Given<State>,
    caller: Extension<Caller>,
    path: Path<String>,
    request: Request,
) -> Result<Reply, Refusal> {
    change_one((state.0, caller.0), &path, request).await
}

/// Changes declared objects, all at once
///
/// The body is a merge patch (RFC 7386) of what the list shows; all of it is done, or nothing.
#[utoipa::path(patch, path = "/api/v1/declared", tag = "api",
    params(
        ("If-Match" = Option<String>, Header, description = "Entity tags of the list: otherwise 412"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do, and do nothing"),
        ("plan" = Option<bool>, Query, description = "`false`: a dry run compiles it alone, and does not compare plans, which may take long"),
        ("author" = Option<String>, Query, description = "Who wants it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    request_body(content = ObjectsPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "It is so", body = ObjectsDone), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn patch_all(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Reply, Refusal> {
    let (Parts { headers, uri, .. }, body) = request.into_parts();
    let patch: ObjectsPatch = parsed(body).await?;
    if patch.objects.len() > DECLARED_CHANGES {
        let message = format!("a batch is at most {DECLARED_CHANGES} changes long: send several");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let changes = patch.objects.into_iter().map(|(object, body)| {
        let change = match body {
            Some(body) => ObjectChange::Merge(body.table),
            None => ObjectChange::Remove,
        };
        Ok((path_of(&object)?, change))
    });
    let changes = changes.collect::<Result<_, Refusal>>()?;
    let expects = (None, expected(&headers, false)?);
    change((&state, caller), &uri, (expects, changes)).await
}

async fn change_one(
    (state, caller): (State, Caller),
    object: &str,
    request: Request,
) -> Result<Reply, Refusal> {
    let (parts, body) = request.into_parts();
    let Parts {
        headers,
        uri,
        method,
        ..
    } = parts;
    let path = path_of(object)?;
    let table = match method == Method::DELETE {
        true => None,
        false => Some(parsed::<ObjectBody>(body).await?.table),
    };
    let own = match table {
        None => ObjectChange::Remove,
        Some(table) if method == Method::PATCH => ObjectChange::Merge(table),
        Some(table) => ObjectChange::Put(table),
    };
    let expects = condition(&headers, &path)?;
    change((&state, caller), &uri, (expects, vec![(path, own)])).await
}

fn condition(
    headers: &HeaderMap,
    path: &ObjectPath,
) -> Result<(Option<ObjectPath>, ExpectedState), Refusal> {
    Ok((Some(path.clone()), expected(headers, true)?))
}

/// The state that a batch expects to find, and its changes.
type AskedBatch = (
    (Option<ObjectPath>, ExpectedState),
    Vec<(ObjectPath, ObjectChange)>,
);

/// Has a batch carried out, and records it.
async fn change(
    (state, caller): (&State, Caller),
    uri: &Uri,
    (expects, changes): AskedBatch,
) -> Result<Reply, Refusal> {
    let (own, rest): (Parameters, Parameters) = parameters::of(uri)
        .into_iter()
        .partition(|(parameter, _)| parameter == "plan");
    let is_compared = match own.last().map(|(_, value)| value.as_str()) {
        None | Some("true" | "") => true,
        Some("false") => false,
        Some(_) => return Err(Refusal::bad("`plan` is `true` or `false`")),
    };
    let DeclaringCircumstances {
        is_dry,
        author,
        reason,
    } = circumstances(&rest)?;
    let purpose = match (is_dry, is_compared) {
        (false, _) => ObjectPurpose::Do,
        (true, false) => ObjectPurpose::Try,
        (true, true) => ObjectPurpose::Compare,
    };
    let of = expects.0.clone();
    let order = Box::new(ObjectOrder {
        by: rules_for(&caller),
        author: caller.author(&author),
        reason: reason.clone(),
        at: state.clock.wall_seconds(),
        expects,
        changes,
        purpose,
    });
    let asked = AskedChange {
        what: json!({
            "action": "declare objects", "author": order.author,
            "objects": order.changes.iter().take(RECORDED).map(|own| own.0.word()).collect::<Vec<_>>(),
            "changes": order.changes.len()
        }),
        reason,
        caller,
    };
    let asked = proved(asked, Permission::Order, state).await?;
    if is_dry {
        return match ask(order, state).await {
            Some(done) => Ok(reply_json(&done.map_err(refused)?)),
            None => Ok(engine_is_silent()),
        };
    }
    let before = tables(state, &order).await;
    let begun = asked.begin(state, before).await?;
    let sent = order.clone();
    let answer = ask(sent, state).await;
    state.metrics.declared(matches!(answer, Some(Ok(_))));
    match answer {
        Some(Ok(done)) => {
            let after = tables(state, &order).await;
            let ending = ChangeEnding::done(after, &done.result);
            begun.end(state, ending).await;
            if !done.changes.is_empty() {
                let event = TimelineEvent::declared(&order.author, &done.result);
                state.history.event(event);
            }
            let all = in_force(state).await;
            let revision = all.and_then(|all| match &of {
                Some(path) => Some(all.get(path)?.revision),
                None => Some(all.revision),
            });
            Ok(tagged(reply_json(&done), revision.unwrap_or(done.revision)))
        }
        Some(Err(refusal)) => begun.unmade(state, Some(refused(refusal))).await,
        None => begun.unmade(state, None).await,
    }
}

/// Those for whom a rule may be that lets this caller. A role within a scope is not the role that a rule means: name the token.
fn rules_for(caller: &Caller) -> Vec<Declarer> {
    let scope = caller.grant.as_ref().map(|own| &own.scope);
    let is_scoped = scope.is_some_and(|own| !own.is_empty());
    let mut by = declarers(caller);
    by.retain(|own| !is_scoped || !matches!(own, Declarer::Role(_)));
    by
}

/// The tables that a batch is about, as they are, for the audit log.
async fn tables(state: &State, order: &ObjectOrder) -> Value {
    let Some(all) = in_force(state).await else {
        return Value::Null;
    };
    let paths = order.changes.iter().take(RECORDED);
    let tables = paths.filter_map(|(path, _)| {
        let table = all.get(path)?.table.clone();
        Some((path.word(), Value::Object(table)))
    });
    Value::Object(tables.collect())
}

pub(super) async fn in_force(state: &State) -> Option<Arc<DeclaredObjects>> {
    state.order(PATIENCE, Command::Objects).await
}

/// Asks whoever reads configs; `None` if nobody answers.
async fn ask(order: Box<ObjectOrder>, state: &State) -> Option<Result<ObjectsDone, ObjectRefusal>> {
    let command = |reply| Command::Declare { order, reply };
    state.order(PATIENCE, command).await
}

fn refused(refusal: ObjectRefusal) -> Refusal {
    let (status, why, findings) = match refusal {
        ObjectRefusal::Forbidden(why) => (StatusCode::FORBIDDEN, why, Vec::new()),
        ObjectRefusal::Owned(why) | ObjectRefusal::Full(why) => {
            (StatusCode::CONFLICT, why, Vec::new())
        }
        ObjectRefusal::Stale(why) => (StatusCode::PRECONDITION_FAILED, why, Vec::new()),
        ObjectRefusal::Unfit(why, found) => (StatusCode::UNPROCESSABLE_ENTITY, why, found),
        ObjectRefusal::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, why, Vec::new()),
    };
    let findings = findings.iter().map(|own| json!(own));
    Refusal {
        findings: findings.collect(),
        ..Refusal::new(status, why)
    }
}

fn view(object: &DeclaredObject) -> ObjectView {
    ObjectView {
        table: object.table.clone(),
        author: object.author.clone(),
        reason: object.reason.clone(),
        declared_at: Utc::from_seconds(object.at),
        revision: object.revision,
    }
}

/// The object that a path of the API names.
fn path_of(word: &str) -> Result<ObjectPath, Refusal> {
    ObjectPath::read(word).ok_or_else(|| {
        let message = format!(
            "`{word}` is nothing that can be declared: write services/NAME, monitors/NAME, regions/NAME, or services/NAME/endpoints/NAME"
        );
        Refusal::new(StatusCode::NOT_FOUND, message)
    })
}
