//! `waypost token`: a secret for the control API, and the table by which a config knows it.
//!
//! The secret is 32 random octets, so that its SHA-256 needs neither salt nor to be slow: nobody guesses it, and whoever reads
//! the config cannot use what stands there. It is printed once and kept nowhere.
use std::fmt::Write;
use std::process::ExitCode;

use aws_lc_rs::{digest, rand};
use serde_json::json;

use super::arguments::{TokenArguments, TokenCommand, TokenNew};
use super::say;
use crate::daemon::Failure;
use crate::io::clock::Clock;
use crate::plan::{ApiToken, ScopePattern};

/// Makes a token.
pub(super) fn token(arguments: &TokenArguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        TokenCommand::New(arguments) => new(arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn new(arguments: &TokenNew) -> Result<(), Failure> {
    let mut octets = [0; 32];
    rand::fill(&mut octets).map_err(|_| "the system gives no random numbers".to_owned())?;
    let secret = format!("{}{}", ApiToken::SECRET_PREFIX, hexadecimal(&octets));
    let table = table(arguments, &secret, Clock::start().wall_seconds())?;
    match arguments.json {
        true => {
            say(&json!({ "name": arguments.name, "secret": secret, "table": table }).to_string())
        }
        false => {
            say(&format!("# secret: {secret}"));
            say(
                "# It is shown this once: give it to whoever is to use it (--token-file, or WAYPOST_TOKEN).",
            );
            say("# This goes into the config:");
            say(&table);
        }
    }
    Ok(())
}

/// The table for the config; `now` is seconds since 1970.
fn table(arguments: &TokenNew, secret: &str, now: u64) -> Result<String, Failure> {
    let role = arguments.role;
    if !arguments.scope.is_empty() && !role.takes_scope() {
        return Err(format!(
            "--scope: a scope means nothing for role {}",
            role.word()
        ));
    }
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    // A name with a dot is quoted, or it would be a table in a table.
    let mut table = format!(
        "[tokens.\"{}\"]\nhash = \"sha256:{}\"\nrole = \"{}\"\n",
        arguments.name,
        hexadecimal(hash.as_ref()),
        role.word()
    );
    if !arguments.name.contains('.') {
        table = table.replacen('"', "", 2);
    }
    if !arguments.scope.is_empty() {
        let scope: Vec<String> = arguments
            .scope
            .iter()
            .map(ScopePattern::to_string)
            .collect();
        let _ = writeln!(table, "scope = {scope:?}");
    }
    if let Some(lifetime) = arguments.lifetime {
        let end = i64::try_from(now.saturating_add(lifetime.0 / 1000)).ok();
        let end = end.and_then(|end| jiff::Timestamp::from_second(end).ok());
        let end = end.ok_or("--for: that is longer than the calendar goes")?;
        let _ = writeln!(table, "expires = \"{end}\"");
    }
    Ok(table)
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::arguments::{Cli, Command};

    fn made(more: &[&str]) -> Result<String, Failure> {
        let line = [&["waypost", "token", "new", "alice"], more].concat();
        let Command::Token(arguments) = Cli::parse_from(line).command else {
            panic!("not the subcommand that was written");
        };
        let TokenCommand::New(arguments) = arguments.command;
        table(&arguments, "wpt_0", 1_700_000_000)
    }

    #[test]
    fn the_table_is_what_a_config_takes() {
        let scope = ["--scope", "eu-*", "--scope", "service:www"];
        let table = made(&[&["--role", "operator", "--for", "90d"], &scope[..]].concat()).unwrap();
        let expected = "[tokens.alice]\n\
            hash = \"sha256:6cbcbd0cd3eec5f9e5f9f9ea1d2a58ba\"\n\
            role = \"operator\"\nscope = [\"eu-*\", \"service:www\"]\nexpires = \"2024-02-12T22:13:20Z\"\n";
        let shape = |text: &str| {
            text.lines()
                .filter(|line| !line.starts_with("hash"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(shape(&table), shape(expected));
        let config = format!("{table}[server]\nlisten = [\"127.0.0.1:53\"]\n");
        let (_, found) = crate::config::read(std::path::Path::new("config.toml"), &config);
        let text = found.render(false);
        assert!(!text.contains("hash"), "{text}");
    }

    #[test]
    fn a_scope_is_for_operators() {
        let error = made(&["--role", "admin", "--scope", "eu"]).unwrap_err();
        assert!(error.contains("means nothing"), "{error}");
    }
}
