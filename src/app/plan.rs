//! `waypost plan`: what another config would change in behaviour.
use std::process::ExitCode;

use super::cli::Plan;
use super::{Failure, say};

pub(super) fn plan(arguments: &Plan) -> Result<ExitCode, Failure> {
    say(&format!("{:?}", arguments.new));
    Ok(ExitCode::SUCCESS)
}
