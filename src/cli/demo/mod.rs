//! `waypost demo`: the real server, real machines on loopback, and an outage.
//!
//! | module | what it does |
//! |---|---|
//! | `script` | what dies and comes back, and when |
//! | `shipped` | the config that is played when none is named |
//! | `machines` | HTTP servers on the endpoints' addresses |
//! | `clients` | resolvers in four countries that ask over UDP |
//! | `judge` | compares what they heard with what is really dead |
//! | `stage` | the play: server, machines, clients and script together, step by step |
//! | `view` | the live view of a terminal, and its keys |
//! | `web` | the page, opened in a browser |
//! | `cluster` | three nodes instead of one, an outage, and a node that is cut off |
//! | `plain` | lines, where there is no terminal |
mod clients;
mod cluster;
mod judge;
mod machines;
mod plain;
mod script;
mod shipped;
mod stage;
mod view;
mod web;

use std::process::ExitCode;

use super::arguments::Demo;
use super::say;
use crate::daemon::Failure;
use crate::daemon::runtime;
use crate::io::terminal::can_redraw;
use script::Script;
use shipped::Shipped;
use stage::{Opening, Stage};

/// Plays the script (or stays, with `--keep`) and prints a summary; exits 1 if an answer was wrong.
pub(super) fn demo(arguments: &Demo) -> Result<ExitCode, Failure> {
    if arguments.cluster {
        let is_wanted = arguments.web;
        return cluster::play(&runtime()?, |page| {
            if is_wanted {
                say(&web::open(Some(page)));
            }
        });
    }
    let terminal = can_redraw(&std::io::stdout());
    if arguments.keep && !terminal && !arguments.web {
        return Err("--keep needs a terminal, or the page (--web)".to_owned());
    }
    let script = if arguments.keep {
        None
    } else {
        Some(script(arguments)?)
    };
    // Lives until the play is over.
    let shipped = match &arguments.config {
        Some(_) => None,
        None => {
            Some(Shipped::unpack().map_err(|error| format!("cannot unpack the demo: {error}"))?)
        }
    };
    let config = arguments.config.clone();
    let config = config.or_else(|| shipped.as_ref().map(Shipped::config));
    let runtime = runtime()?;
    let mut stage = runtime.block_on(Stage::open(Opening {
        config: config.unwrap_or_default(),
        script,
    }))?;
    if arguments.web {
        say(&web::open(stage.control));
    }
    let shown = if terminal && !arguments.plain {
        let shown = view::show(&runtime, &mut stage);
        // The view is gone with its screen; what happened stays.
        stage
            .events
            .iter()
            .for_each(|event| say(&plain::event_line(event)));
        shown
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

fn script(arguments: &Demo) -> Result<Script, Failure> {
    let Some(path) = &arguments.script else {
        return Ok(Script {
            source: "the shipped script does not fit this config".to_owned(),
            text: script::OUTAGE.to_owned(),
        });
    };
    let source = format!("--script {}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Script { source, text }),
        Err(error) => Err(format!("{source}: {error}")),
    }
}
