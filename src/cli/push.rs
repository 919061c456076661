//! `waypost push`: reports of a machine or a job about itself, for a monitor of type `push`.
use std::net::IpAddr;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::arguments::Control;
use super::remote::Remote;
use super::say;
use crate::daemon::Failure;

/// Arguments of `waypost push`.
#[derive(Debug, Args)]
pub(super) struct Push {
    /// A monitor of type `push`
    monitor: String,
    /// The endpoint that the report is about
    endpoint: String,
    /// The state that is reported
    #[arg(long, value_enum, default_value_t = PushStatus::Up)]
    status: PushStatus,
    /// A number such as 0.25, judged by the monitor's bounds
    #[arg(long, allow_negative_numbers = true)]
    value: Option<String>,
    /// The one address that it is about; otherwise all of the endpoint's
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    #[command(flatten)]
    control: Control,
}

/// The state of an endpoint, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PushStatus {
    Up,
    Down,
}

/// Sends the report.
pub(super) fn push(arguments: &Push) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let status = match arguments.status {
        PushStatus::Up => "up",
        PushStatus::Down => "down",
    };
    let address = arguments.address.map(|address| address.to_string());
    let mut parameters = vec![
        ("monitor", arguments.monitor.as_str()),
        ("endpoint", &arguments.endpoint),
        ("status", status),
    ];
    parameters.extend(arguments.value.as_deref().map(|value| ("value", value)));
    parameters.extend(address.as_deref().map(|address| ("address", address)));
    say(remote.post("/api/v1/push", &parameters)?.trim_end());
    Ok(ExitCode::SUCCESS)
}
