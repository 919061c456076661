//! Declared records by the control API: a zone's records as a resource, and each RRset as one below it.
//!
//! ```text
//! GET    /api/v1/zones/{zone}/records                 pages, with `after` and `limit`
//! PATCH  /api/v1/zones/{zone}/records                 a batch: a merge patch (RFC 7386) of the whole
//! GET    /api/v1/zones/{zone}/records/{name}/{type}   one RRset
//! PUT    /api/v1/zones/{zone}/records/{name}/{type}   declare it so, however often
//! DELETE /api/v1/zones/{zone}/records/{name}/{type}
//! ```
//!
//! A revision is the entity tag: of the zone for the list, of the RRset for one. `If-Match` and `If-None-Match: *`
//! (RFC 9110, section 13) bind a change to what was read; `dry_run=true` judges it, and changes nothing. Who may declare what, the rules of `[dynamic]`
//! say, and the engine of zones decides by them: here is read what is asked, found out who asks, and recorded.
use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request, State as Given};
use axum::http::header::HeaderMap;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::callers::Caller;
use super::commands::{Command, State};
use super::conditions::{
    DeclaringCircumstances, circumstances, declarers, expected, page, parsed, proved, tagged,
};
use super::parameters;
use super::recorded::{AskedChange, ChangeEnding};
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json as reply_json};
use crate::base::limits::DECLARED_CHANGES;
use crate::dns::{Name, master, text};
use crate::plan::Permission;
use crate::zones::declared::order::{
    DeclaredAsk, DeclaredChange, DeclaredCondition, DeclaredDone, DeclaredOrder, DeclaredPage,
    DeclaredPurpose, DeclaredQuery, DeclaredRefusal, DeclaredReply, DeclaredView,
};

/// Time that a batch may take until it is on the disk and served.
const PATIENCE: Duration = Duration::from_secs(30);
/// Names of one page at the most, and if nobody says.
const NAMES: [usize; 2] = [5000, 500];
/// RRsets of one batch that are recorded by name.
const RECORDED: usize = 100;

/// An RRset, as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RrsetBody {
    /// Its TTL, seconds.
    ttl_s: u32,
    /// The data of each record, as a master file has it, names absolute.
    values: Vec<String>,
}

/// A merge patch (RFC 7386) of the declared records of a zone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordsPatch {
    /// RRsets by name and type. `null` for a type removes that RRset, for a name all of its RRsets, for the whole everything.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<BTreeMap<String, BTreeMap<String, RrsetPatch>>>)]
    records: Option<Option<PatchedNames>>,
}

/// By name, then by type.
type PatchedNames = BTreeMap<String, Option<BTreeMap<String, Option<RrsetPatch>>>>;

/// Changes of an RRset; of one that is not there yet, all of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RrsetPatch {
    /// Its TTL, seconds.
    #[serde(default, deserialize_with = "stated")]
    #[schema(nullable = false)]
    ttl_s: Option<u32>,
    /// The data of all of its records.
    #[serde(default, deserialize_with = "stated")]
    #[schema(nullable = false)]
    values: Option<Vec<String>>,
}

/// A member that is there: `null` is its value, and not its absence.
fn stated<'de, D: Deserializer<'de>, T: Deserialize<'de>>(given: D) -> Result<Option<T>, D::Error> {
    T::deserialize(given).map(Some)
}

/// Lists the declared records of a zone
///
/// By name and type, in canonical order of the names. `ETag` is the zone's revision. What stands in the zone's file is not listed.
#[utoipa::path(get, path = "/api/v1/zones/{zone}/records", tag = "api",
    params(
        ("zone" = String, Path, description = "The zone, such as `example.org`"),
        ("after" = Option<String>, Query, description = "Names after this one: `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "The number of names at the most"),
    ),
    responses((status = 200, description = "A page", body = DeclaredPage), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn list(
    Given(state): Given<State>,
    Path(zone): Path<String>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let (after, most) = page(&uri, NAMES, name)?;
    let query = DeclaredQuery {
        zone: name(&zone)?,
        name: None,
        after,
        most,
    };
    match read(query, &state).await? {
        Some(page) => Ok(tagged(reply_json(&page), page.revision)),
        None => Ok(engine_is_silent()),
    }
}

/// Shows a declared RRset
#[utoipa::path(get, path = "/api/v1/zones/{zone}/records/{name}/{type}", tag = "api",
    params(
        ("zone" = String, Path, description = "The zone"),
        ("name" = String, Path, description = "The name, whole"),
        ("type" = String, Path, description = "The type, such as `A`"),
    ),
    responses((status = 200, description = "It", body = DeclaredView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn show(
    Given(state): Given<State>,
    Path((zone, owner, kind)): Path<(String, String, String)>,
) -> Result<Reply, Refusal> {
    let (owner, kind) = (name(&owner)?, type_number(&kind)?);
    let query = DeclaredQuery {
        zone: name(&zone)?,
        name: Some(owner.clone()),
        after: None,
        most: 1,
    };
    let Some(page) = read(query, &state).await? else {
        return Ok(engine_is_silent());
    };
    let type_name = text::type_name(kind);
    let mut sets = page.records.into_values();
    let view = sets.next().and_then(|mut sets| sets.remove(&type_name));
    let view = view.ok_or_else(|| {
        let message = format!("{owner} {type_name} is not declared");
        Refusal::new(StatusCode::NOT_FOUND, message)
    })?;
    let revision = view.revision;
    Ok(tagged(reply_json(&view), revision))
}

/// Declares an RRset
///
/// Comes back when it is on the disk and served. One that is so already is not changed.
#[utoipa::path(put, path = "/api/v1/zones/{zone}/records/{name}/{type}", tag = "api",
    params(
        ("zone" = String, Path, description = "The zone"),
        ("name" = String, Path, description = "The name, whole"),
        ("type" = String, Path, description = "The type, such as `A`"),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the RRset, or `*`: otherwise 412"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if it is not declared yet"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do, and do nothing"),
        ("author" = Option<String>, Query, description = "Who wants it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    request_body = RrsetBody,
    responses((status = 200, description = "It is so", body = DeclaredDone), (status = 412, description = "It is not as expected", body = ApiProblem, content_type = "application/problem+json"), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn put(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    Path((zone, owner, kind)): Path<(String, String, String)>,
    request: Request,
) -> Result<Reply, Refusal> {
    let (Parts { headers, uri, .. }, body) = request.into_parts();
    let (owner, kind) = (name(&owner)?, type_number(&kind)?);
    let RrsetBody { ttl_s, values } = parsed(body).await?;
    let change = DeclaredChange::Put {
        name: owner.clone(),
        kind,
        ttl: Some(ttl_s),
        records: Some(records(&owner, kind, &values)?),
    };
    let expects = condition(&headers, Some((owner, kind)))?;
    change_zone(&state, caller, (&zone, &uri), (expects, vec![change])).await
}

/// Declares an RRset no longer
#[utoipa::path(delete, path = "/api/v1/zones/{zone}/records/{name}/{type}", tag = "api",
    params(
        ("zone" = String, Path, description = "The zone"),
        ("name" = String, Path, description = "The name, whole"),
        ("type" = String, Path, description = "The type, such as `A`"),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the RRset, or `*`: otherwise 412"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do, and do nothing"),
        ("author" = Option<String>, Query, description = "Who wants it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    responses((status = 200, description = "It is gone", body = DeclaredDone), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    Path((zone, owner, kind)): Path<(String, String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let (owner, kind) = (name(&owner)?, type_number(&kind)?);
    let expects = condition(&headers, Some((owner.clone(), kind)))?;
    let change = DeclaredChange::Remove {
        name: owner,
        kind: Some(kind),
    };
    change_zone(&state, caller, (&zone, &uri), (expects, vec![change])).await
}

/// Changes the declared records of a zone, all at once
///
/// The body is a merge patch (RFC 7386) of what the list shows; all of it is done, or nothing.
#[utoipa::path(patch, path = "/api/v1/zones/{zone}/records", tag = "api",
    params(
        ("zone" = String, Path, description = "The zone"),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the zone: otherwise 412"),
        ("dry_run" = Option<bool>, Query, description = "Whether to say what it would do, and do nothing"),
        ("author" = Option<String>, Query, description = "Who wants it"),
        ("reason" = Option<String>, Query, description = "Why"),
    ),
    request_body(content = RecordsPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "It is so", body = DeclaredDone), (status = 412, description = "It is not as expected", body = ApiProblem, content_type = "application/problem+json"), (status = "default", description = "Why nothing was changed", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn patch(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    Path(zone): Path<String>,
    request: Request,
) -> Result<Reply, Refusal> {
    let (Parts { headers, uri, .. }, body) = request.into_parts();
    let changes = changes_of(parsed(body).await?)?;
    let expects = condition(&headers, None)?;
    change_zone(&state, caller, (&zone, &uri), (expects, changes)).await
}

/// Has a batch carried out, and records it.
async fn change_zone(
    state: &State,
    caller: Caller,
    (zone, uri): (&str, &Uri),
    (expects, changes): (DeclaredCondition, Vec<DeclaredChange>),
) -> Result<Reply, Refusal> {
    let DeclaringCircumstances {
        is_dry,
        author,
        reason,
    } = circumstances(&parameters::of(uri))?;
    let purpose = match is_dry {
        true => DeclaredPurpose::Try,
        false => DeclaredPurpose::Do,
    };
    let zone = name(zone)?;
    let order = DeclaredOrder {
        by: declarers(&caller),
        author: caller.author(&author),
        reason: reason.clone(),
        zone: zone.clone(),
        expects,
        changes,
        purpose,
    };
    let asked = AskedChange {
        what: json!({
            "action": "declare records", "zone": zone.to_string(), "author": order.author,
            "changes": order.changes.len()
        }),
        reason,
        caller,
    };
    let asked = proved(asked, Permission::Challenge, state).await?;
    if purpose == DeclaredPurpose::Try {
        return match ask(DeclaredAsk::Change(Box::new(order)), state).await? {
            Some(DeclaredReply::Done(done)) => Ok(reply_json(&done)),
            Some(DeclaredReply::Page(_)) | None => Ok(engine_is_silent()),
        };
    }
    let begun = asked.begin(state, Value::Null).await?;
    let answer = ask(DeclaredAsk::Change(Box::new(order)), state).await;
    let is_done = matches!(answer, Ok(Some(DeclaredReply::Done(_))));
    state.metrics.declared(is_done);
    match answer {
        Ok(Some(DeclaredReply::Done(done))) => {
            let [before, after] = sides(&done);
            let ending = ChangeEnding::done(after, &done.result);
            begun.end_from(state, before, ending).await;
            Ok(tagged(reply_json(&done), done.revision))
        }
        Ok(Some(DeclaredReply::Page(_)) | None) => begun.unmade(state, None).await,
        Err(refusal) => begun.unmade(state, Some(refusal)).await,
    }
}

/// RRsets that went and that came, for the audit log.
fn sides(done: &DeclaredDone) -> [Value; 2] {
    [false, true].map(|is_after| {
        let lines = done.changes.iter().filter_map(|line| {
            let side = if is_after { &line.after } else { &line.before };
            Some(format!("{} {} {}", line.name, line.r#type, side.as_ref()?))
        });
        json!(lines.take(RECORDED).collect::<Vec<_>>())
    })
}

/// Asks the engine of zones; `None` if nobody answers.
async fn ask(ask: DeclaredAsk, state: &State) -> Result<Option<DeclaredReply>, Refusal> {
    let command = |reply| Command::Declared { ask, reply };
    let answer = state.order(PATIENCE, command).await;
    answer.transpose().map_err(refused)
}

pub(super) async fn read(
    query: DeclaredQuery,
    state: &State,
) -> Result<Option<DeclaredPage>, Refusal> {
    match ask(DeclaredAsk::Read(query), state).await? {
        Some(DeclaredReply::Page(page)) => Ok(Some(page)),
        Some(DeclaredReply::Done(_)) | None => Ok(None),
    }
}

fn refused(refusal: DeclaredRefusal) -> Refusal {
    let (status, why) = match refusal {
        DeclaredRefusal::Unknown(why) => (StatusCode::NOT_FOUND, why),
        DeclaredRefusal::Forbidden(why) => (StatusCode::FORBIDDEN, why),
        DeclaredRefusal::Owned(why) | DeclaredRefusal::Full(why) => (StatusCode::CONFLICT, why),
        DeclaredRefusal::Stale(why) => (StatusCode::PRECONDITION_FAILED, why),
        DeclaredRefusal::Unfit(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
        DeclaredRefusal::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    };
    Refusal::new(status, why)
}

fn condition(headers: &HeaderMap, of: Option<(Name, u16)>) -> Result<DeclaredCondition, Refusal> {
    let state = expected(headers, of.is_some())?;
    Ok(DeclaredCondition { of, state })
}

/// The changes that a merge patch asks for.
fn changes_of(patch: RecordsPatch) -> Result<Vec<DeclaredChange>, Refusal> {
    let names = match patch.records {
        None => return Ok(Vec::new()),
        Some(None) => return Ok(vec![DeclaredChange::Clear]),
        Some(Some(names)) => names,
    };
    let mut changes = Vec::new();
    for (owner, sets) in names {
        let owner = name(&owner)?;
        let Some(sets) = sets else {
            changes.push(DeclaredChange::Remove {
                name: owner,
                kind: None,
            });
            continue;
        };
        for (kind, set) in sets {
            let kind = type_number(&kind)?;
            changes.push(match set {
                None => DeclaredChange::Remove {
                    name: owner.clone(),
                    kind: Some(kind),
                },
                Some(set) => DeclaredChange::Put {
                    kind,
                    ttl: set.ttl_s,
                    records: set
                        .values
                        .map(|values| records(&owner, kind, &values))
                        .transpose()?,
                    name: owner.clone(),
                },
            });
        }
    }
    match changes.len() <= DECLARED_CHANGES {
        true => Ok(changes),
        false => {
            let message =
                format!("a batch is at most {DECLARED_CHANGES} changes long: send several");
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message))
        }
    }
}

fn records(owner: &Name, kind: u16, values: &[String]) -> Result<Vec<Vec<u8>>, Refusal> {
    let records = values.iter().map(|value| {
        master::rdata(kind, value).map_err(|(message, help)| {
            let help = help.map_or_else(String::new, |help| format!(" ({help})"));
            let kind = text::type_name(kind);
            let message = format!("{owner} {kind} `{value}`: {message}{help}");
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        })
    });
    records.collect()
}

/// A name that is whole, with or without the dot at its end.
fn name(given: &str) -> Result<Name, Refusal> {
    Name::parse(given).map_err(|error| Refusal::bad(format!("`{given}` is no name: {error}")))
}

fn type_number(given: &str) -> Result<u16, Refusal> {
    let known = text::type_number(given);
    known.ok_or_else(|| Refusal::bad(format!("`{given}` is no type of records")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::rr::rtype;

    fn patch(text: &str) -> Result<Vec<DeclaredChange>, String> {
        let patch = serde_json::from_str(text).map_err(|error| error.to_string())?;
        changes_of(patch).map_err(|refusal| refusal.message)
    }

    #[test]
    fn a_merge_patch_says_what_goes_and_what_comes() {
        let owner = Name::parse("www.z.test").unwrap();
        let put = |ttl, records: Option<Vec<Vec<u8>>>| DeclaredChange::Put {
            name: owner.clone(),
            kind: rtype::A,
            ttl,
            records,
        };
        let remove = |kind| DeclaredChange::Remove {
            name: owner.clone(),
            kind,
        };
        for (text, expected) in [
            ("{}", vec![]),
            (r#"{"records":null}"#, vec![DeclaredChange::Clear]),
            (r#"{"records":{"www.z.test":null}}"#, vec![remove(None)]),
            (
                r#"{"records":{"www.z.test.":{"a":null}}}"#,
                vec![remove(Some(rtype::A))],
            ),
            (
                r#"{"records":{"www.z.test":{"A":{"ttl_s":5,"values":["192.0.2.1"]}}}}"#,
                vec![put(Some(5), Some(vec![vec![192, 0, 2, 1]]))],
            ),
            (
                r#"{"records":{"www.z.test":{"A":{"ttl_s":5}}}}"#,
                vec![put(Some(5), None)],
            ),
        ] {
            assert_eq!(patch(text).unwrap(), expected, "{text}");
        }
        for (text, words) in [
            (r#"{"record":{}}"#, "unknown field"),
            (
                r#"{"records":{"www.z.test":{"A":{"ttl":5}}}}"#,
                "unknown field",
            ),
            (r#"{"records":{"www.z.test":{"A":{"ttl_s":null}}}}"#, "null"),
            (r#"{"records":{"www..z.test":null}}"#, "empty label"),
            (r#"{"records":{"www.z.test":{"AB":null}}}"#, "no type"),
            (
                r#"{"records":{"www.z.test":{"A":{"values":["x"]}}}}"#,
                "`x`",
            ),
        ] {
            let told = patch(text).unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
