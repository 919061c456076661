//! `waypost approve`, `waypost drain`, `waypost undrain`: orders to a running server.
use std::process::ExitCode;

use super::arguments::Order;
use super::remote::{Remote, text_of};
use super::say;
use crate::daemon::Failure;
use crate::engine::order::Action;

/// Gives the order and prints what the server says. The author is the user of this machine: a
/// name to ask, not a proof.
pub(super) fn order(action: Action, arguments: &Order) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let author = std::env::var("USER").unwrap_or_default();
    let parameters = [
        ("action", action.word()),
        ("scope", &arguments.name),
        ("author", &author),
        ("reason", &arguments.reason),
    ];
    let body = remote.post("/api/v1/orders", &parameters)?;
    match arguments.json {
        true => say(body.trim_end()),
        false => say(&result_of(&body)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a reply of the control API.
fn result_of(body: &str) -> Result<String, Failure> {
    text_of(body, "result").ok_or_else(|| format!("unexpected reply: {body}"))
}
