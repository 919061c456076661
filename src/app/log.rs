//! Log lines: one per transition, with its reason; none per query, no client address.
use std::io::IsTerminal;

use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use super::Failure;
use super::cli::LogFormat;
use super::sink::Sink;
use crate::base::Why;
use crate::engine::Notice;

/// Starts logging to standard error, never waiting for it. `RUST_LOG` chooses levels; `info`
/// otherwise.
pub(super) fn start(format: LogFormat) -> Result<Sink, Failure> {
    let sink = Sink::start(std::io::stderr())
        .map_err(|error| format!("cannot start the thread that logs: {error}"))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(sink.clone())
        .with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(sink)
}

/// Writes a notice of the engine as a line.
pub(super) fn notice(notice: &Notice) {
    match notice {
        Notice::Standing { .. } => standing(notice),
        Notice::FailOpen { .. } | Notice::Doubt { .. } | Notice::Capped { .. } => alarm(notice),
        Notice::Reloaded {
            digest,
            kept,
            new,
            gone,
        } => {
            info!(
                event = "reloaded",
                plan = digest,
                kept,
                new,
                gone,
                "a new plan is in force"
            );
        }
        Notice::Rejected { reason } => {
            error!(
                event = "rejected",
                reason,
                "a table failed its check and was not published; this is a defect of waypost"
            );
        }
    }
}

/// What begins and ends, and is an error while it lasts.
fn alarm(notice: &Notice) {
    match notice {
        Notice::FailOpen {
            service,
            family,
            active: true,
        } => {
            error!(
                event = "fail_open",
                service, family, "nothing is healthy: answering with unproven endpoints"
            );
        }
        Notice::FailOpen {
            service,
            family,
            active: false,
        } => {
            info!(
                event = "fail_open_over",
                service, family, "healthy endpoints answer again"
            );
        }
        Notice::Doubt {
            active: true,
            failing_permille,
        } => {
            error!(
                event = "doubt",
                failing_permille,
                "most targets fail at once and no region is sound: doubting this node's own network, nothing more is taken out"
            );
        }
        Notice::Doubt {
            active: false,
            failing_permille,
        } => {
            info!(
                event = "doubt_over",
                failing_permille, "probes make sense again"
            );
        }
        Notice::Capped {
            active: true,
            ejected_permille,
        } => {
            error!(
                event = "capped",
                ejected_permille, "guard.max_ejected is reached: nothing more is taken out"
            );
        }
        Notice::Capped {
            active: false,
            ejected_permille,
        } => {
            info!(
                event = "capped_over",
                ejected_permille, "below guard.max_ejected again"
            );
        }
        Notice::Standing { .. } | Notice::Reloaded { .. } | Notice::Rejected { .. } => {}
    }
}

fn standing(notice: &Notice) {
    let Notice::Standing {
        endpoint,
        region,
        provider,
        family,
        monitors,
        from,
        to,
        share_permille,
    } = notice
    else {
        return;
    };
    let (was, now) = (from.word(), to.word());
    let cause = to
        .cause()
        .map(|cause| cause.to_string())
        .unwrap_or_default();
    macro_rules! line {
        ($level:ident, $text:literal) => {
            $level!(
                event = "standing",
                endpoint,
                region,
                provider,
                family,
                monitors,
                from = was,
                to = now,
                share_permille,
                cause,
                $text
            )
        };
    }
    match to {
        Why::Down(_) => line!(error, "endpoint is down"),
        Why::Doubted(_) | Why::Capped(_) => line!(warn, "endpoint fails but is kept"),
        Why::Gated => line!(warn, "endpoint is back and waits for its gate"),
        Why::Ramping { .. } => line!(info, "endpoint takes a step of its ramp"),
        Why::Healthy | Why::Unproven | Why::Supposed => line!(info, "endpoint serves in full"),
    }
}
