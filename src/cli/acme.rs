//! `waypost acme`: sets, removes and lists challenges in a running server.
//!
//! For the hooks of ACME clients: `waypost acme add "$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION"` comes
//! back when the record is served. Which name proves the domain, the server says: it knows its
//! aliases, and the names that its config lists.
use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::arguments::{Control, Status, span};
use super::remote::Remote;
use super::say;
use crate::base::Span;
use crate::daemon::Failure;
use crate::zones::{ChallengeStatus, ChallengesDone};

const PATH: &str = "/api/v1/acme";

/// Arguments of `waypost acme`.
#[derive(Debug, Args)]
pub(super) struct Acme {
    #[command(subcommand)]
    command: AcmeCommand,
}

#[derive(Debug, Subcommand)]
enum AcmeCommand {
    /// Add a value to a name, and wait until it is served
    Add(AcmeAdd),
    /// Remove a value, or all values of a name
    Remove(AcmeRemove),
    /// List the values
    List(Status),
}

#[derive(Debug, Args)]
struct AcmeAdd {
    /// The domain to be proved, with or without `_acme-challenge.` before it (an alias there is followed),
    /// or one of `names` of `[acme]`
    name: String,
    /// The value that the ACME client says to put there
    value: String,
    /// The time that resolvers may keep it; default: the config's
    #[arg(long, value_name = "TIME", value_parser = span)]
    ttl: Option<Span>,
    /// The time that it stays, if it is not removed before; default, and at most, the config's
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    stay: Option<Span>,
    #[command(flatten)]
    control: Control,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct AcmeRemove {
    /// The domain, or the name, as it was added
    name: String,
    /// The value; all of the name if absent
    value: Option<String>,
    #[command(flatten)]
    control: Control,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Gives the order and prints what the server says.
pub(super) fn acme(arguments: &Acme) -> Result<ExitCode, Failure> {
    match &arguments.command {
        AcmeCommand::Add(arguments) => add(arguments),
        AcmeCommand::Remove(arguments) => remove(arguments),
        AcmeCommand::List(arguments) => list(arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn add(arguments: &AcmeAdd) -> Result<(), Failure> {
    let author = author();
    let [ttl, stay] = [arguments.ttl, arguments.stay].map(|span| span.map(|span| span.to_string()));
    let mut query = vec![
        ("domain", &*arguments.name),
        ("value", &arguments.value),
        ("author", &author),
    ];
    query.extend(ttl.as_deref().map(|ttl| ("ttl", ttl)));
    query.extend(stay.as_deref().map(|stay| ("for", stay)));
    let body = Remote::find(&arguments.control)?.post(PATH, &query)?;
    show(&body, arguments.json)
}

fn remove(arguments: &AcmeRemove) -> Result<(), Failure> {
    let author = author();
    let mut query = vec![("domain", &*arguments.name), ("author", &author)];
    query.extend(arguments.value.as_deref().map(|value| ("value", value)));
    let body = Remote::find(&arguments.control)?.delete(PATH, &query)?;
    show(&body, arguments.json)
}

fn list(arguments: &Status) -> Result<(), Failure> {
    let body = Remote::find(&arguments.control)?.get(PATH, &[])?;
    if arguments.json {
        say(body.trim_end());
        return Ok(());
    }
    let done = read(&body)?;
    match done.challenges.is_empty() {
        true => say("there are none"),
        false => done.challenges.iter().for_each(|one| say(&line(one))),
    }
    Ok(())
}

/// The author is the user of this machine: a name to ask, not a proof.
fn author() -> String {
    std::env::var("USER").unwrap_or_default()
}

fn show(body: &str, json: bool) -> Result<(), Failure> {
    let done = read(body)?;
    match json {
        true => say(body.trim_end()),
        false => say(&done.result),
    }
    for warning in &done.warnings {
        // Nobody to tell means nobody wants to know.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    Ok(())
}

fn read(body: &str) -> Result<ChallengesDone, Failure> {
    serde_json::from_str(body).map_err(|error| format!("unexpected reply ({error}): {body}"))
}

/// As a master file has it, then until when and by whom.
fn line(one: &ChallengeStatus) -> String {
    let left = Span::from_secs(one.left_s);
    let author = match one.author.is_empty() {
        true => String::new(),
        false => format!(" by {}", one.author),
    };
    let ChallengeStatus {
        name, ttl_s, value, ..
    } = one;
    format!("{name}. {ttl_s} IN TXT {value} ; goes in {left}{author}")
}
