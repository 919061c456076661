//! `waypost demo`: the real server, real machines on loopback, and an outage.
//!
//! | module | what it does |
//! |---|---|
//! | `script` | what dies and comes back, and when |
//! | `machines` | HTTP servers on the endpoints' addresses |
//! | `clients` | resolvers in four countries that ask over UDP |
//! | `judge` | compares what they heard with what is really dead |
//! | `stage` | the play: server, machines, clients and script together, step by step |
//! | `view` | the live view of a terminal, and its keys |
//! | `plain` | lines, where there is no terminal |
mod clients;
mod judge;
mod machines;
mod plain;
mod script;
mod stage;
mod view;

use std::io::IsTerminal;
use std::process::ExitCode;

use super::cli::Demo;
use super::run::runtime;
use super::{Failure, say};
use stage::{Opening, Stage};

/// Plays the script (or stays, with `--keep`) and prints a summary; exits 1 if an answer was wrong.
pub(super) fn demo(arguments: &Demo) -> Result<ExitCode, Failure> {
    let terminal = std::io::stdout().is_terminal();
    if arguments.keep && !terminal {
        return Err("--keep needs a terminal".to_owned());
    }
    let steps = if arguments.keep {
        None
    } else {
        Some(steps(arguments)?)
    };
    let runtime = runtime()?;
    let mut stage = runtime.block_on(Stage::open(Opening {
        config: arguments.config.config.clone(),
        steps,
    }))?;
    let shown = if terminal && !arguments.plain {
        view::show(&runtime, &mut stage)
    } else {
        plain::show(&runtime, &mut stage)
    };
    let summary = stage.summary();
    let wrong = stage.judge.wrong.len();
    runtime.block_on(stage.close());
    shown?;
    say(&summary);
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn steps(arguments: &Demo) -> Result<Vec<script::Step>, Failure> {
    let Some(path) = &arguments.script else {
        return script::parse(script::OUTAGE);
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("--script {}: {error}", path.display()))?;
    script::parse(&text).map_err(|errors| format!("--script {}:\n{errors}", path.display()))
}
