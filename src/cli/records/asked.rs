//! Questions about declared records, and changes of them, as the control API has them.
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::remote::{Remote, RemoteError, SentBody};
use crate::zones::declared::order::{DeclaredDone, DeclaredPage};

/// Names of one page.
const PAGE: &str = "5000";

/// All that is declared in a zone, whatever pages it comes in.
pub(crate) fn declared(remote: &Remote, zone: &str) -> Result<DeclaredPage, RemoteError> {
    let mut all: Option<DeclaredPage> = None;
    loop {
        let after = all.as_ref().and_then(|all| all.next.clone());
        let mut query = vec![("limit", PAGE)];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let body = remote.resource(&["zones", zone, "records"], &query, SentBody::Nothing)?;
        let page: DeclaredPage = read(&body)?;
        let all = all.get_or_insert_with(|| DeclaredPage {
            records: std::collections::BTreeMap::new(),
            ..page.clone()
        });
        if all.revision != page.revision {
            let message = format!("{zone} is being changed by somebody else: try again");
            return Err(RemoteError::Silent(message));
        }
        all.records.extend(page.records);
        all.next = page.next;
        if all.next.is_none() {
            return Ok(all.clone());
        }
    }
}

/// Has a zone changed by a merge patch, if it has this revision.
pub(crate) fn patch(
    remote: &Remote,
    (zone, revision): (&str, Option<u64>),
    body: &Value,
    (dry_run, reason): (bool, &str),
) -> Result<DeclaredDone, RemoteError> {
    let about = (revision, body);
    change(
        remote,
        &["zones", zone, "records"],
        about,
        (dry_run, reason),
    )
}

/// Has anything that is declared changed by a merge patch, if it has this revision.
pub(crate) fn change<T: DeserializeOwned>(
    remote: &Remote,
    path: &[&str],
    (revision, body): (Option<u64>, &Value),
    (dry_run, reason): (bool, &str),
) -> Result<T, RemoteError> {
    // A name to ask, not a proof.
    let author = std::env::var("USER").unwrap_or_default();
    let mut query = vec![("author", &*author), ("reason", reason)];
    if dry_run {
        query.push(("dry_run", "true"));
    }
    let sent = SentBody::Patch {
        body: body.to_string(),
        if_match: revision.map(|revision| format!("\"{revision}\"")),
    };
    read(&remote.resource(path, &query, sent)?)
}

/// Reads a reply.
pub(crate) fn read<T: DeserializeOwned>(body: &str) -> Result<T, RemoteError> {
    let unread = |error| RemoteError::Silent(format!("unexpected reply ({error}): {body}"));
    serde_json::from_str(body).map_err(unread)
}
