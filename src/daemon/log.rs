//! The log: how it is started. None of its lines is per query, none has a client's address.
//!
//! Notices of the engine are worded in [`super::notice_lines`], and told line by line or together by [`super::notice_log`].
use std::fmt;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::Failure;
use super::log_form::{ObjectForm, ObjectLayer};
use super::sink::Sink;
use crate::io::clock::Clock;
use crate::io::node_name::NodeName;
use crate::io::notify::Notifier;
use crate::io::terminal::has_colours;
use crate::plan::LogFormat;

/// The words of `--log`.
impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json, Self::Ecs, Self::Otlp]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Text => "For people",
            Self::Json => "One JSON object per line",
            Self::Ecs => "One JSON object per line, by the Elastic Common Schema",
            Self::Otlp => "One request of OTLP/JSON per line, for OpenTelemetry collectors",
        };
        Some(PossibleValue::new(self.word()).help(help))
    }
}

/// The time of a line for people, with the node that writes it.
struct NodeTime(NodeName);

impl FormatTime for NodeTime {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(out)?;
        write!(out, " {}", self.0.get())
    }
}

/// Starts logging to standard error as this node, never waiting for it. `RUST_LOG` chooses levels; `info`
/// otherwise. Whoever is to be notified is told by the same lines, whatever of them is written.
pub(super) fn start(format: LogFormat, node: &NodeName) -> Result<(Sink, Notifier), Failure> {
    let (form, clock) = (ObjectForm::of(format), Clock::start());
    let speaker = node.clone();
    let lost = move |lost| match form {
        None => format!("waypost: {lost} log lines were lost\n").into_bytes(),
        Some(form) => ObjectLayer::lost(clock, &speaker, form, lost),
    };
    let sink = Sink::start(std::io::stderr(), lost)
        .map_err(|error| format!("cannot start the thread that logs: {error}"))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let notifier = Notifier::of(node.clone());
    let told = notifier.layer(clock).with_filter(LevelFilter::INFO);
    let log = tracing_subscriber::registry().with(told);
    match form {
        None => {
            let lines = tracing_subscriber::fmt::layer()
                .with_writer(sink.clone())
                .with_timer(NodeTime(node.clone()))
                .with_target(false)
                .with_ansi(has_colours(&std::io::stderr()));
            log.with(lines.with_filter(filter)).init();
        }
        Some(form) => {
            let lines = ObjectLayer {
                sink: sink.clone(),
                clock,
                node: node.clone(),
                form,
            };
            log.with(lines.with_filter(filter)).init();
        }
    }
    Ok((sink, notifier))
}
