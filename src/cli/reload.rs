//! `waypost reload`: makes a running server read its config again, or take a list of endpoints that it holds back.
use std::process::ExitCode;

use super::arguments::Reload;
use super::remote::{Remote, text_of};
use super::say;
use crate::daemon::Failure;

/// Asks the server to reload and prints what it says.
pub(super) fn reload(arguments: &Reload) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let force = if arguments.force { "true" } else { "false" };
    let wish = match &arguments.accept {
        Some(discovery) => ("accept", discovery.as_str()),
        None => ("force", force),
    };
    let body = remote.post("/api/v1/reload", &[wish])?;
    say(text_of(&body, "result").unwrap_or(body).trim_end());
    Ok(ExitCode::SUCCESS)
}
