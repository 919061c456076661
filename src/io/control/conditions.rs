//! Requests to declare something, as far as records and other objects are asked for alike: conditions, parameters, bodies, and who asks.
//!
//! `If-Match` and `If-None-Match: *` (RFC 9110, section 13) bind a change to the revision that was read, which is the entity tag.
use axum::body::{Body, to_bytes};
use axum::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use axum::http::{StatusCode, Uri};
use serde::de::DeserializeOwned;

use super::callers::Caller;
use super::commands::State;
use super::parameters::{self, Parameters};
use super::recorded::AskedChange;
use super::replies::{Refusal, Reply};
use crate::base::limits::DECLARED_BODY_BYTES;
use crate::plan::{Declarer, ExpectedState, Permission};

/// Parameters of a change.
pub(super) struct DeclaringCircumstances {
    pub(super) is_dry: bool,
    pub(super) author: String,
    pub(super) reason: String,
}

/// Reads them.
pub(super) fn circumstances(parameters: &Parameters) -> Result<DeclaringCircumstances, Refusal> {
    let mut own = DeclaringCircumstances {
        is_dry: false,
        author: String::new(),
        reason: String::new(),
    };
    for (parameter, value) in parameters {
        match (parameter.as_str(), value.as_str()) {
            ("dry_run", "true" | "") => own.is_dry = true,
            ("dry_run", "false") => own.is_dry = false,
            ("author", _) => own.author = super::order::line(parameter, value)?,
            ("reason", _) => own.reason = super::order::line(parameter, value)?,
            _ => {
                let message = format!("{parameter}={value} is not known here");
                return Err(Refusal::bad(message));
            }
        }
    }
    Ok(own)
}

/// The page that is asked for: behind what it begins, and so many at the most.
pub(super) fn page<T>(
    uri: &Uri,
    [most, usual]: [usize; 2],
    read: impl Fn(&str) -> Result<T, Refusal>,
) -> Result<(Option<T>, usize), Refusal> {
    let (mut after, mut limit) = (None, usual);
    for (parameter, value) in parameters::of(uri) {
        match parameter.as_str() {
            "after" => after = Some(read(&value)?),
            "limit" => {
                let own = value.parse().ok().filter(|own| (1..=most).contains(own));
                let message = || format!("limit={value}: it is 1 to {most}");
                limit = own.ok_or_else(|| Refusal::bad(message()))?;
            }
            _ => return Err(Refusal::bad(format!("{parameter} is not known here"))),
        }
    }
    Ok((after, limit))
}

/// Refuses a change of whoever proves nothing, and may not do so by a role: that is nobody whom a rule could be for.
pub(super) async fn proved(
    asked: AskedChange,
    permission: Permission,
    state: &State,
) -> Result<AskedChange, Refusal> {
    match asked.caller.name.is_empty() {
        true => asked.permitted(permission, state).await,
        false => Ok(asked),
    }
}

/// All that a caller is, for the rules of `[dynamic]`.
pub(super) fn declarers(caller: &Caller) -> Vec<Declarer> {
    let role = caller
        .grant
        .as_ref()
        .map(|grant| Declarer::Role(grant.role));
    let is_token = ["token ", "certificate "]
        .iter()
        .any(|kind| caller.identity.starts_with(kind));
    let token = is_token.then(|| Declarer::Token(caller.name.clone()));
    role.into_iter().chain(token).collect()
}

/// A reply with a revision as its entity tag.
pub(super) fn tagged(mut reply: Reply, revision: u64) -> Reply {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        reply.headers_mut().insert(ETAG, tag);
    }
    reply
}

/// The condition that the headers of a request state.
pub(super) fn expected(headers: &HeaderMap, is_one: bool) -> Result<ExpectedState, Refusal> {
    let text = |header: &HeaderName| -> Result<Option<String>, Refusal> {
        let all: Result<Vec<&str>, _> = headers
            .get_all(header)
            .iter()
            .map(HeaderValue::to_str)
            .collect();
        let all = all.map_err(|_| Refusal::bad(format!("{header} is no text")))?;
        Ok((!all.is_empty()).then(|| all.join(",")))
    };
    Ok(
        match (
            text(&IF_MATCH)?.as_deref().map(str::trim),
            text(&IF_NONE_MATCH)?.as_deref().map(str::trim),
        ) {
            (None, None) => ExpectedState::Any,
            (None, Some("*")) if is_one => ExpectedState::Absent,
            (Some("*"), None) => ExpectedState::Present,
            // A tag that is none of ours never matches.
            (Some(tags), None) => {
                let tags = tags.split(',').map(|tag| tag.trim().trim_matches('"'));
                ExpectedState::Revision(tags.filter_map(|tag| tag.parse().ok()).collect())
            }
            (_, Some(_)) => {
                let message = "write `If-Match: \"TAG\"`, or `If-None-Match: *` for what is not to be there yet";
                return Err(Refusal::bad(message));
            }
        },
    )
}

/// Reads a body as JSON.
pub(super) async fn parsed<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let body = to_bytes(body, DECLARED_BODY_BYTES).await.map_err(|_| {
        let message = format!("a batch is at most {DECLARED_BODY_BYTES} octets long: send several");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    })?;
    serde_json::from_slice(&body).map_err(|error| Refusal::bad(format!("the body: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let read = |header: HeaderName, value: &'static str, is_one| {
            let headers = HeaderMap::from_iter([(header, HeaderValue::from_static(value))]);
            expected(&headers, is_one).map_err(|refusal| refusal.status.as_u16())
        };
        let revision = |list: &[u64]| Ok(ExpectedState::Revision(list.to_vec()));
        assert_eq!(read(IF_MATCH, "\"7\"", true), revision(&[7]));
        assert_eq!(read(IF_MATCH, "\"7\", \"8\"", false), revision(&[7, 8]));
        assert_eq!(read(IF_MATCH, "\"theirs\"", true), revision(&[]));
        assert_eq!(read(IF_MATCH, "*", true), Ok(ExpectedState::Present));
        assert_eq!(read(IF_NONE_MATCH, "*", true), Ok(ExpectedState::Absent));
        assert_eq!(read(IF_NONE_MATCH, "\"7\"", true), Err(400));
        assert_eq!(read(IF_NONE_MATCH, "*", false), Err(400));
    }
}
