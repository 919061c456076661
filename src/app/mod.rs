//! Wiring: start order, signals, reload, the subcommands.
//!
//! | module | what it does |
//! |---|---|
//! | `cli` | the command line |
//! | `verify`, `plan`, `simulate` | subcommands that judge a config, and end |
//! | `judged` | a config that is read to be judged, with its hashes |
//! | `check`, `explain`, `status`, `reload`, `order` | subcommands that look or ask, and end |
//! | `acme` | `waypost acme`: challenges set, removed and listed |
//! | `query` | `waypost query`: a small dig that also shows why |
//! | `ordered` | orders that wait for the engine's answer, and the answer in words |
//! | `server` | the running server: engine, prober, listeners and control joined |
//! | `keys` | `waypost keys`: the keys of signed zones |
//! | `keeper` | the control loop: the task that owns both cores |
//! | `zone_driver` | what the engine of zones says, carried out |
//! | `prepared` | a config that was read, with all that the cores need of it |
//! | `observer` | how much clients have asked since the engine was last told |
//! | `reader` | the thread that reads the config, and files of zones, again |
//! | `runtimes` | what runs where |
//! | `transfers` | who answers what the answering threads hand on |
//! | `run` | `waypost run`: the server with signals and logs |
//! | `demo` | `waypost demo`: the server with endpoints of its own, and an outage |
//! | `log`, `sink` | log lines; the queue through which they go |
//! | `remote` | the client of the control API |
mod acme;
mod check;
mod cli;
mod demo;
mod expiry;
mod explain;
mod judged;
mod keeper;
mod keys;
mod log;
mod observer;
mod order;
mod ordered;
mod plan;
mod prepared;
mod query;
mod reader;
mod reload;
mod remote;
mod run;
mod runtimes;
mod server;
mod simulate;
mod sink;
mod status;
mod transfers;
mod verify;
mod zone_driver;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use cli::{Cli, Command};

use crate::engine::order::Action;

/// What went wrong, in words for the person at the terminal; the exit code is 1.
type Failure = String;

/// Runs the command line and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Query(arguments) => query::query(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Simulate(arguments) => simulate::simulate(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Reload(arguments) => reload::reload(&arguments),
        Command::Approve(arguments) => order::order(Action::Approve, &arguments),
        Command::Drain(arguments) => order::order(Action::Drain, &arguments),
        Command::Undrain(arguments) => order::order(Action::Undrain, &arguments),
        Command::Acme(arguments) => acme::acme(&arguments),
        Command::Keys(arguments) => keys::keys(&arguments),
        Command::Demo(arguments) => demo::demo(&arguments),
    };
    outcome.unwrap_or_else(|failure| {
        say_failure(&failure);
        ExitCode::FAILURE
    })
}

fn say_failure(failure: &str) {
    use std::io::Write;
    // A closed standard error is no reason to end otherwise.
    let _ = writeln!(std::io::stderr(), "waypost: {failure}");
}

/// Whether nobody reads the standard output any more.
static UNHEARD: AtomicBool = AtomicBool::new(false);

/// Prints to standard output. Once its reader went away (`| head`) nothing more is printed,
/// and the command ends as it would have: its exit code must not depend on who reads along.
fn say(text: &str) {
    use std::io::Write;
    if !is_heard() {
        return;
    }
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        UNHEARD.store(true, Ordering::Relaxed);
    }
}

/// Whether anybody may still read what is said.
fn is_heard() -> bool {
    !UNHEARD.load(Ordering::Relaxed)
}
