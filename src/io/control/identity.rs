//! The caller, told to whoever asks; and the last changes, as the audit log has them.
//!
//! The page shows with it which of its actions may be taken. Rights are found elsewhere ([`super::callers`]), and asked again with
//! each change.
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::{fs, io};

use axum::Extension;
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::callers::Caller;
use super::commands::State;
use super::parameters;
use super::replies::{ApiProblem, Refusal, Reply, json};
use crate::io::background;
use crate::plan::{Permission, ScopeKind, ScopePattern};

/// Octets of the end of the log that are looked at.
const TAIL_BYTES: u64 = 512 * 1024;
/// Lines that are told unless another number is asked for.
const LINES: usize = 100;

/// Whoever asks.
#[derive(Serialize, ToSchema)]
pub(super) struct CallerView {
    /// The identity that was proved: `user root`, `token alice`, `certificate alice`, `anybody`.
    identity: String,
    /// `viewer`, `operator`, `dns` or `admin`; absent for none.
    role: Option<&'static str>,
    /// The way by which it came: `unix`, `http` or `tls`.
    way: &'static str,
    /// Things that its orders may be for; none = everything, if it may order at all.
    scope: Vec<String>,
    /// Tells whether it may order.
    may_order: bool,
    /// Tells whether it may have the config read again, and compare others with it.
    may_govern: bool,
    /// Tells whether machines may be killed and healed here: in a demo, by anybody.
    may_play: bool,
}

/// The last lines of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditLines {
    /// The lines as they stand, the last first.
    #[schema(value_type = Vec<Object>)]
    lines: Vec<Value>,
}

/// Tells who asks
#[utoipa::path(get, path = "/api/v1/whoami", tag = "api",
    responses((status = 200, description = "The caller", body = CallerView), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn whoami(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
) -> Reply {
    let grant = caller.grant.as_ref();
    json(&CallerView {
        identity: caller.identity.clone(),
        role: caller.role(),
        way: caller.way,
        scope: grant.map_or_else(Vec::new, |own| own.scope.iter().map(pattern).collect()),
        may_order: caller.may(Permission::Order).is_ok(),
        may_govern: caller.may(Permission::Govern).is_ok(),
        may_play: state.surroundings.machines.is_some(),
    })
}

/// Lists the last changes, as the audit log has them
///
/// It takes role operator: the log names who did what.
#[utoipa::path(get, path = "/api/v1/audit/lines", tag = "api",
    params(("last" = Option<usize>, Query, description = "How many lines at most; 100 if absent")),
    responses((status = 200, description = "The lines, the last first", body = AuditLines), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn audit_lines(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    caller.may(Permission::Order)?;
    let mut most = LINES;
    for (parameter, value) in parameters::of(&uri) {
        most = match (parameter.as_str(), value.parse()) {
            ("last", Ok(number)) => number,
            ("last", Err(_)) => return Err(Refusal::bad(format!("last={value} is no number"))),
            _ => return Err(Refusal::bad(format!("{parameter} is not known here"))),
        };
    }
    let unrecorded = || {
        let message = "changes are not recorded here: name a file by `[control] audit`";
        Refusal::new(StatusCode::NOT_FOUND, message)
    };
    state.audit.head().ok_or_else(unrecorded)?;
    let file = state.control().access.audit.ok_or_else(unrecorded)?;
    let read = background::run_awaited("audit", move || tail(&file.value, most)).await;
    let lines = read.and_then(Result::ok).ok_or_else(|| {
        let message = "the audit log cannot be read";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    })?;
    Ok(json(&AuditLines { lines }))
}

/// A pattern as the config writes it.
fn pattern(own: &ScopePattern) -> String {
    let kind = match own.kind {
        None => return own.glob.clone(),
        Some(ScopeKind::Region) => "region",
        Some(ScopeKind::Provider) => "provider",
        Some(ScopeKind::Endpoint) => "endpoint",
        Some(ScopeKind::Service) => "service",
    };
    format!("{kind}:{}", own.glob)
}

/// The last whole lines of a file, the last first.
fn tail(path: &Path, most: usize) -> io::Result<Vec<Value>> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    let first = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(first))?;
    let mut text = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut text)?;
    let lines = text.split(|octet| *octet == b'\n').rev();
    // Half a line, at the beginning, is no JSON.
    let lines = lines.filter_map(|line| serde_json::from_slice(line).ok());
    Ok(lines.take(most).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_long_file_come_first() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let long = "x".repeat(1000);
        let text: String = (0..2000)
            .map(|seq| format!("{{\"seq\":{seq},\"x\":\"{long}\"}}\n"))
            .collect();
        fs::write(file.path(), text).unwrap();
        let lines = tail(file.path(), 3).unwrap();
        let seqs: Vec<_> = lines
            .iter()
            .map(|line| line["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(seqs, [1999, 1998, 1997]);
        assert!(
            tail(file.path(), 5000).unwrap().len() > 400,
            "as far as is looked"
        );
    }
}
