//! `waypost ready`: whether a server answers, for the health check of a container that holds no other program.
use std::process::ExitCode;

use super::arguments::Control;
use super::remote::Remote;
use super::say;
use crate::daemon::Failure;

/// Asks `/readyz`; exits 1 unless the server says that it is ready.
pub(super) fn ready(arguments: &Control) -> Result<ExitCode, Failure> {
    let remote = Remote::find(arguments)?;
    say(remote.get("/readyz", &[])?.trim_end());
    Ok(ExitCode::SUCCESS)
}
