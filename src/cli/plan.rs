//! `waypost plan`: what another config would change in behaviour, and whether it may.
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::arguments::Plan;
use super::judged::{self, Source};
use super::plan_probe::Trials;
use super::present::line;
use super::say;
use crate::audit::compare::{Comparison, Verdict, compare};
use crate::audit::weaken::{Decisions, weakened};
use crate::daemon::Failure;
use crate::io::clock::Clock;

/// Times of a window that are shown.
const OCCURRENCES: usize = 3;

/// The comparison with what was compared.
#[derive(Serialize)]
struct Artefact<'a> {
    current: &'a Source,
    new: &'a Source,
    #[serde(flatten)]
    comparison: &'a Comparison,
    /// The findings of `--probe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    trials: Option<&'a Trials>,
}

/// Prints the comparison; exits 1 when a rule of the new config is broken, or a new address that is probed fails.
pub(super) fn plan(arguments: &Plan) -> Result<ExitCode, Failure> {
    let current = judged::read(&arguments.control.config.config)?;
    let new = judged::read(&arguments.new)?;
    let [before, after] = [&current, &new].map(|side| Decisions {
        plan: &side.compiled.plan,
        zoning: &side.compiled.zoning,
    });
    let weakened = weakened(before, after);
    let guard = after.plan.guard.clone();
    let windows = windows(after.plan);
    let plans = [current.compiled.plan, new.compiled.plan].map(Arc::new);
    let comparison = compare(&plans[0], &plans[1]).and(weakened, &guard);
    let trials = arguments.probe.then(|| Trials::of(&plans[0], &plans[1]));
    let trials = trials.transpose()?;
    if arguments.json {
        let artefact = Artefact {
            current: &current.source,
            new: &new.source,
            comparison: &comparison,
            trials: trials.as_ref(),
        };
        let text = serde_json::to_string_pretty(&artefact).map_err(|error| error.to_string())?;
        say(&text);
    } else {
        say(comparison.to_string().trim_end());
        if !windows.is_empty() {
            say(windows.trim_end());
        }
        if let Some(trials) = &trials {
            say(&trials.to_string());
        }
    }
    let all_pass = trials.is_none_or(|trials| trials.passed());
    Ok(match comparison.result {
        Verdict::Allowed if all_pass => ExitCode::SUCCESS,
        Verdict::Allowed | Verdict::Refused => ExitCode::FAILURE,
    })
}

/// The next times of each window of maintenance; nothing without any.
fn windows(plan: &crate::plan::Plan) -> String {
    let now = Clock::start().calendar().utc;
    let mut out = String::new();
    for window in &plan.maintenance {
        line(
            &mut out,
            &format!("maintenance {} of {}:", window.name, window.scope),
        );
        for one in window.after(now).take(OCCURRENCES) {
            let drained = one.begins(window.lead);
            let text = format!("  {} to {}, drained from {drained}", one.start, one.end);
            line(&mut out, &text);
        }
        if window.after(now).next().is_none() {
            line(&mut out, "  over");
        }
    }
    out
}
