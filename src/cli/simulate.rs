//! `waypost simulate`: a scenario against a config, in virtual time.
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::arguments::Simulate;
use super::{judged, say};
use crate::base::Span;
use crate::config::Diagnostics;
use crate::daemon::Failure;
use crate::io::terminal::{can_redraw, has_colours};
use crate::sim::play::{self, Play, Playable, Script, Summary, report};

/// How often progress is shown: so many times in all.
const PARTS: u64 = 50;

/// Plays the scenario and prints what it comes to; exits 1 when it broke a promise.
pub(super) fn simulate(arguments: &Simulate) -> Result<ExitCode, Failure> {
    let script = read(arguments)?;
    let summary = run(Play::new(script));
    match arguments.json {
        true => say(&serde_json::to_string_pretty(&summary).map_err(|why| why.to_string())?),
        false => say(summary.to_string().trim_end()),
    }
    // What was played must not be lost because a page cannot be written.
    if let Some(path) = &arguments.report {
        let page = report::html(&summary);
        std::fs::write(path, page).map_err(|why| format!("{}: {why}", path.display()))?;
    }
    Ok(match summary.breaks_a_promise() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// The scenario with every plan that it needs.
fn read(arguments: &Simulate) -> Result<Script, Failure> {
    let path = &arguments.scenario;
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let (mut scenario, mut found) = play::read(path, &text);
    if let Some(seed) = arguments.seed {
        scenario.seed = seed;
    }
    let beside = |name: &str| path.parent().unwrap_or(Path::new("")).join(name);
    let own = scenario.config.as_deref().map(beside);
    let config = arguments.config.clone().or(own);
    let config = config.unwrap_or_else(|| PathBuf::from("config.toml"));
    // A scenario that is torn may name no config; then its own errors are what is wrong.
    let start = match plan(&config) {
        Err(_) if found.has_errors() => {
            found.settle();
            return Err(errors_of(path, &found));
        }
        start => start?,
    };
    let reloads = scenario.reloads();
    let reloads = reloads
        .into_iter()
        .map(|name| Ok((name.to_owned(), plan(&beside(name))?)));
    let reloads: BTreeMap<String, Playable> = reloads.collect::<Result<_, Failure>>()?;
    let script = scenario.with_plans(start, &reloads, found);
    script.map_err(|found| errors_of(path, &found))
}

fn errors_of(path: &Path, found: &Diagnostics) -> Failure {
    let text = found.render(has_colours(&std::io::stderr()));
    format!("{} has errors\n{}", path.display(), text.trim_end())
}

/// Plays to the end; a person who waits sees how far it is.
fn run(mut play: Play) -> Summary {
    let (_, duration) = play.progress();
    let is_watched = can_redraw(&std::io::stderr());
    for part in 1..=PARTS {
        let more = play.run_until(Span(duration.0 * part / PARTS));
        if is_watched {
            let end = if more { "" } else { "\r\x1b[K" };
            // Nobody needs the progress to be written.
            let _ = write!(
                std::io::stderr(),
                "\r{:>3} % of {duration}{end}",
                part * 100 / PARTS
            );
        }
    }
    play.finish()
}

fn plan(path: &Path) -> Result<Playable, Failure> {
    Ok(judged::read(path)?.playable())
}
