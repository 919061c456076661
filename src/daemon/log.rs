//! The log: how it is started, and what is doubtful in a config. None of its lines is per query, none has a client's address.
//!
//! Notices of the engine are worded in [`super::notice_lines`], and told line by line or together by [`super::notice_log`].
use clap::ValueEnum;
use tracing::{error, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::Failure;
use super::sink::Sink;
use crate::config::{Diagnostics, Severity};
use crate::io::clock::Clock;
use crate::io::notify::Notifier;
use crate::io::terminal::has_colours;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// Starts logging to standard error, never waiting for it. `RUST_LOG` chooses levels; `info`
/// otherwise. Whoever is to be notified is told by the same lines, whatever of them is written.
pub(super) fn start(format: LogFormat) -> Result<(Sink, Notifier), Failure> {
    let sink = Sink::start(std::io::stderr())
        .map_err(|error| format!("cannot start the thread that logs: {error}"))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(sink.clone())
        .with_target(false);
    let notifier = Notifier::default();
    let told = notifier
        .layer(Clock::start())
        .with_filter(LevelFilter::INFO);
    let log = tracing_subscriber::registry().with(told);
    match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(has_colours(&std::io::stderr()));
            log.with(lines.with_filter(filter)).init();
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            log.with(lines.with_filter(filter)).init();
        }
    }
    Ok((sink, notifier))
}

/// Writes what is doubtful in a config that is taken all the same.
pub(crate) fn findings(diagnostics: &Diagnostics) {
    for finding in diagnostics.list() {
        let (file, line, column) = (&finding.file, finding.line, finding.column);
        match finding.severity {
            Severity::Warning => warn!(
                event = "config_warning",
                file, line, column, "{}", finding.message
            ),
            Severity::Unsettled | Severity::Error => error!(
                event = "config_unsettled",
                file, line, column, "{}; `waypost check` says what to write", finding.message
            ),
        }
    }
}
