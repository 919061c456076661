//! The subcommands.
//!
//! | module | what it does |
//! |---|---|
//! | `arguments`, `shared_arguments` | the command line |
//! | `verify`, `plan`, `simulate` | subcommands that judge a config, and end |
//! | `plan_cluster`, `plan_probe` | `plan` on every node of a cluster, and with new addresses probed |
//! | `judged` | a config that is read to be judged, with its hashes |
//! | `unrecorded` | what `check` says of a config whose changes cannot be recorded |
//! | `unkept` | what `check` says of a config that a restart goes around |
//! | `check`, `explain`, `status`, `reload`, `upgrade`, `order`, `orders` | subcommands that look or ask, and end |
//! | `fmt` | `waypost fmt`: configs written in one way |
//! | `sarif` | findings of `check` for editors and code hosts |
//! | `report` | what `verify --report` writes for an auditor |
//! | `drill` | `waypost drill`: a scenario played on the live system, or in its table |
//! | `cost` | what `check --cost` says that a server will hold and do |
//! | `acme` | `waypost acme`: challenges set, removed and listed |
//! | `declared` | `waypost export`, `apply`: all that is declared as files, and brought to what files say |
//! | `records` | `waypost records`: records declared, listed, written as files and brought to what files say |
//! | `external_dns` | `waypost external-dns`: the webhook provider of external-dns |
//! | `kubernetes` | `waypost kubernetes`: starts the controller for Kubernetes |
//! | `token` | `waypost token`: secrets for the control API |
//! | `node` | `waypost node`: keys and certificates of a cluster's nodes |
//! | `cluster`, `secret` | `waypost cluster`: what a node knows of the others, and the secrets that all have in common |
//! | `config`, `config_arguments` | `waypost config`: the config that the nodes of a cluster share, signed, and how far they are with it |
//! | `audit` | `waypost audit`: whether the log of changes is whole |
//! | `query` | `waypost query`: a small dig that also shows why |
//! | `keys` | `waypost keys`: the keys of signed zones |
//! | `demo` | `waypost demo`: the server with endpoints of its own, and an outage |
//! | `init`, `first_files` | `waypost init`: the first config, zone and keys of a domain, and what stands in them |
//! | `backup` | `waypost backup` and `waypost restore` |
//! | `ready` | `waypost ready`: the health check of a container |
//! | `describe` | man pages and completions, from the definition of the command line |
//! | `import`, `import_arguments` | `waypost import`: configs of other servers |
//! | `proof` | what that client shows and trusts over TLS |
//! | `saying` | the standard output |
//! | `remote` | the client of the control API |
//! | `present`, `endpoint_lines` | parts of pages, and lines of endpoints |
//!
//! `waypost run` is the [daemon](crate::daemon) itself. A command that only talks to a server reads no more of a
//! config than where that is reached.
mod acme;
mod arguments;
mod audit;
mod backup;
mod check;
mod cluster;
mod config;
mod config_arguments;
mod cost;
mod declared;
mod demo;
mod describe;
mod discovered;
mod drill;
mod endpoint_lines;
mod explain;
mod external_dns;
mod first_files;
mod fmt;
mod import;
mod import_arguments;
mod init;
mod judged;
mod keys;
mod kubernetes;
mod node;
mod order;
mod orders;
mod plan;
mod plan_cluster;
mod plan_probe;
mod present;
mod proof;
mod push;
mod query;
mod ready;
mod records;
mod reload;
mod remote;
mod report;
mod sarif;
mod saying;
mod secret;
mod shared_arguments;
mod simulate;
mod status;
mod token;
mod unkept;
mod unrecorded;
mod upgrade;
mod verify;

use std::process::ExitCode;

use arguments::{Cli, Command};
use clap::Parser;
pub(crate) use saying::{is_heard, say};

use crate::daemon::{self, Failure, StartRole};
use crate::engine::order::Action;
use crate::io::control::ApiProblem;

/// Runs the command line and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(arguments) => {
            let role = if arguments.take_over {
                StartRole::TakeOver
            } else {
                StartRole::Plain
            };
            daemon::run(&arguments.config.config, arguments.log, role)
        }
        Command::Check(arguments) => check::check(&arguments),
        Command::Schema => check::schema(),
        Command::Fmt(arguments) => fmt::fmt(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Query(arguments) => query::query(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Plan(arguments) if arguments.cluster => plan_cluster::plan(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Simulate(arguments) => simulate::simulate(&arguments),
        Command::Drill(arguments) => drill::drill(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Reload(arguments) => reload::reload(&arguments),
        Command::Upgrade(arguments) => upgrade::upgrade(&arguments),
        Command::Approve(arguments) => order::approve(&arguments),
        Command::Drain(arguments) => order::drain(&arguments),
        Command::Undrain(arguments) => order::order(Action::Undrain, &arguments),
        Command::Force(arguments) => order::force(&arguments),
        Command::Push(arguments) => push::push(&arguments),
        Command::Orders(arguments) => orders::orders(&arguments),
        Command::Acme(arguments) => acme::acme(&arguments),
        Command::Records(arguments) => records::records(&arguments),
        Command::ExternalDns(arguments) => external_dns::external_dns(arguments),
        Command::Kubernetes(arguments) => kubernetes::kubernetes(&arguments),
        Command::Export(arguments) => declared::export(&arguments),
        Command::Apply(arguments) => declared::apply(&arguments),
        Command::Token(arguments) => token::token(&arguments),
        Command::Node(arguments) => node::node(&arguments),
        Command::Cluster(arguments) => cluster::cluster(&arguments),
        Command::Config(arguments) => config::config(&arguments),
        Command::Audit(arguments) => audit::audit(&arguments),
        Command::Keys(arguments) => keys::keys(&arguments),
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Import(arguments) => import::import(&arguments),
        Command::Init(arguments) => init::init(arguments),
        Command::Ready(arguments) => ready::ready(&arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Completions(arguments) => describe::completions(&arguments),
        Command::Man(arguments) => describe::man(&arguments),
    };
    outcome.unwrap_or_else(|failure| {
        say_failure(&failure);
        ExitCode::FAILURE
    })
}

/// Says why a command failed: in words, and for a program as the control API does (RFC 9457), on standard output.
fn say_failure(failure: &str) {
    use std::io::Write;
    if std::env::args_os().any(|argument| argument == "--json") {
        let problem = ApiProblem::here(failure);
        say(&serde_json::to_string(&problem).unwrap_or_default());
    }
    // A closed standard error is no reason to end otherwise.
    let _ = writeln!(std::io::stderr(), "waypost: {failure}");
}
