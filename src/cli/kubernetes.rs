//! `waypost kubernetes`: starts the controller, a program of its own that brings its crates along.
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;

use crate::daemon::Failure;

const PROGRAM: &str = "waypost-kubernetes";

/// Arguments of `waypost kubernetes`.
#[derive(Debug, Args)]
pub(super) struct Kubernetes {
    /// Arguments of `waypost-kubernetes`, such as `run --config FILE`
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<OsString>,
}

/// Becomes the program that lies beside this one, or on the path.
pub(super) fn kubernetes(arguments: &Kubernetes) -> Result<ExitCode, Failure> {
    let own = std::env::current_exe().ok();
    let beside = own.map(|own| own.with_file_name(PROGRAM));
    let program = beside.filter(|own| own.exists());
    let program = program.unwrap_or_else(|| PathBuf::from(PROGRAM));
    // It comes back only if it failed.
    let error = Command::new(program).args(&arguments.arguments).exec();
    Err(format!(
        "{PROGRAM}: {error}; it is built of deploy/kubernetes, and belongs beside `waypost` or on the path"
    ))
}
