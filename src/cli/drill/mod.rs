//! `waypost drill`: a scenario played on the live system, beside what `waypost simulate` says of it.
//!
//! ```text
//! scenario --> drains ([`crate::sim::play::drill`]) --.--> virtual time ------------------> predicted
//!                                                    |                                        |  compared
//!                                                    '--> orders to the server, or its map --> seen
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | `arguments` | the command line |
//! | `compared` | what is predicted, beside what is |
//! | `guards` | what stops a drill |
//! | `live` | what is ordered when, and that it is undone |
//! | `page` | what comes of it, for a person |
//!
//! Only what is named by `--allow` is drained, nothing is forced, and a config that is not the one in force is refused:
//! its prediction would be of something else. In the shadow nothing is ordered; the server's own table is asked where it would
//! send clients if what the scenario strikes were down.
use std::collections::BTreeMap;
use std::process::ExitCode;

use self::arguments::Drill;
use self::compared::{DrillLook, DrillOutcome, Predicted, TableChoice};
use self::live::HeldSignals;
use super::judged;
use super::remote::Remote;
use super::say;
use crate::base::Span;
use crate::daemon::Failure;
use crate::io::terminal::has_colours;
use crate::sim::play::drill::{DrillStep, MapClients, checkpoints};
use crate::sim::play::{self, Play, Script, Summary, report};

pub(super) mod arguments;
mod compared;
mod guards;
mod live;
mod page;

/// Plays it; exits 1 when it was stopped, did not go as predicted, or left something.
pub(super) fn drill(arguments: &Drill) -> Result<ExitCode, Failure> {
    // Before any thread is started.
    let signals = HeldSignals::hold()?;
    let remote = Remote::find(&arguments.control)?;
    let (script, steps) = read(arguments, &remote)?;
    let duration = script.duration();
    say(&page::opening(arguments, &steps));
    let (predicted, summary) = predict(script, &steps);
    let outcome = match arguments.shadow {
        true => shadow(&remote, &predicted),
        false => live::play(
            (arguments, &remote),
            &signals,
            (&steps, duration),
            &predicted,
        ),
    }?;
    let text = page::text(&outcome);
    say(text.trim_end());
    if let Some(path) = &arguments.report {
        let page = report::page(&summary, &page::section(&outcome));
        std::fs::write(path, page).map_err(|why| format!("{}: {why}", path.display()))?;
    }
    Ok(match outcome.went_well() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The scenario as drains, of the config that is in force.
fn read(arguments: &Drill, remote: &Remote) -> Result<(Script, Vec<DrillStep>), Failure> {
    let path = &arguments.scenario;
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let (scenario, mut found) = play::read(path, &text);
    let (scenario, steps) = scenario.drilled(&mut found);
    let start = judged::read(&arguments.control.config.config)?.playable();
    let policy = format!("{:016x}", start.plan.policy);
    let script = scenario.with_plans(start, &BTreeMap::new(), found);
    let script = script.map_err(|found| {
        let text = found.render(has_colours(&std::io::stderr()));
        format!("{} has errors\n{}", path.display(), text.trim_end())
    })?;
    let status = remote.get("/api/v1/status", &[])?;
    let in_force = super::remote::text_of(&status, "policy").unwrap_or_default();
    if in_force != policy {
        return Err(format!(
            "the server serves by another config than {}: policy {in_force} is not {policy}",
            arguments.control.config.config.display()
        ));
    }
    let mut scopes = steps.iter().map(|step| &step.scope);
    if !arguments.shadow
        && let Some(scope) = scopes.find(|scope| !arguments.allow.contains(scope))
    {
        return Err(format!(
            "the scenario drains {scope}, which nobody allows: say --allow {scope} if that is meant"
        ));
    }
    Ok((script, steps))
}

/// Plays it in virtual time.
fn predict(script: Script, steps: &[DrillStep]) -> (Vec<Predicted>, Summary) {
    let duration = script.duration();
    let (mut play, mut clients) = (Play::new(script), MapClients::default());
    let mut predicted = Vec::new();
    for checkpoint in checkpoints(steps, duration) {
        play.run_until(checkpoint.at);
        let sent = play.sent(&mut clients);
        predicted.push(Predicted { checkpoint, sent });
    }
    (predicted, play.finish())
}

/// Looks at each checkpoint in the server's table.
fn shadow(remote: &Remote, predicted: &[Predicted]) -> Result<DrillOutcome, Failure> {
    let looks = predicted
        .iter()
        .map(|due| DrillLook::at(remote, due, TableChoice::Shadow));
    Ok(DrillOutcome {
        looks: looks.collect::<Result<_, Failure>>()?,
        stopped: None,
        left: Vec::new(),
        lasted: Span::ZERO,
    })
}
