//! `waypost acme`: sets, removes and lists challenges in a running server.
//!
//! For the hooks of ACME clients: `waypost acme add "$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION"` comes
//! back when the record is served.
use std::process::ExitCode;

use super::cli::{Acme, AcmeAdd, AcmeCommand, AcmeRemove, Status};
use super::remote::Remote;
use super::{Failure, say};
use crate::base::Span;
use crate::io::control::{ChallengeStatus, ChallengesDone};

const PATH: &str = "/api/v1/acme";
/// What is put before a name that is to be proved (RFC 8555, section 8.4).
const LABEL: &str = "_acme-challenge.";

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
    let (name, author) = (challenge(&arguments.name), author());
    let [ttl, stay] = [arguments.ttl, arguments.stay].map(|span| span.map(|span| span.to_string()));
    let mut query = vec![
        ("name", &*name),
        ("value", &arguments.value),
        ("author", &author),
    ];
    query.extend(ttl.as_deref().map(|ttl| ("ttl", ttl)));
    query.extend(stay.as_deref().map(|stay| ("for", stay)));
    let body = Remote::find(&arguments.control)?.post(PATH, &query)?;
    show(&body, arguments.json)
}

fn remove(arguments: &AcmeRemove) -> Result<(), Failure> {
    let (name, author) = (challenge(&arguments.name), author());
    let mut query = vec![("name", &*name), ("author", &author)];
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

fn challenge(name: &str) -> String {
    match name.to_ascii_lowercase().starts_with(LABEL) {
        true => name.to_owned(),
        false => format!("{LABEL}{name}"),
    }
}

fn show(body: &str, json: bool) -> Result<(), Failure> {
    match json {
        true => say(body.trim_end()),
        false => say(&read(body)?.result),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_proved_by_another() {
        assert_eq!(
            challenge("www.example.org"),
            "_acme-challenge.www.example.org"
        );
        assert_eq!(challenge("_ACME-challenge.a"), "_ACME-challenge.a");
    }
}
