//! `waypost upgrade`: has a running server start its program anew in its own place.
use std::process::ExitCode;

use super::arguments::Upgrade;
use super::remote::{Remote, text_of};
use super::say;
use crate::daemon::Failure;

/// Asks the server, waits until the new program answers, and prints what the server says.
pub(super) fn upgrade(arguments: &Upgrade) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?.patient(arguments.timeout);
    let timeout = arguments.timeout.0.to_string();
    let body = remote.post("/api/v1/upgrade", &[("timeout_ms", &timeout)])?;
    say(text_of(&body, "result").unwrap_or(body).trim_end());
    Ok(ExitCode::SUCCESS)
}
