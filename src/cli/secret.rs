//! `waypost cluster secret`: secrets that all nodes of a cluster have in common. They are never shown.
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::present::columns;
use super::remote::Remote;
use super::say;
use super::shared_arguments::{Control, OrderBy, author};
use crate::daemon::Failure;
use crate::io::control::{SecretView, SecretsView};

const PATH: &str = "/api/v1/cluster/secrets";

#[derive(Debug, Args)]
pub(super) struct SecretArguments {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// List the secrets that all nodes have: names, ages, and how many nodes have each
    List(SecretList),
    /// Give all nodes the secret of a TSIG key whose config says `secret = "cluster"`
    Set(SecretSet),
    /// Take the secret of a TSIG key from all nodes
    Remove(SecretRemove),
    /// Draw another cookie secret, another key of the cohort hash, or both, in use at once
    Roll(SecretRoll),
}

#[derive(Debug, Args)]
struct SecretList {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    control: Control,
}

#[derive(Debug, Args)]
struct SecretSet {
    /// The kind of the secret
    kind: SettableKind,
    /// The name of the key, as the other side calls it
    name: String,
    /// The file that holds the secret, in base64, and nothing else
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    by: OrderBy,
    #[command(flatten)]
    control: Control,
}

#[derive(Debug, Args)]
struct SecretRemove {
    /// The kind of the secret
    kind: SettableKind,
    /// The name of the key
    name: String,
    #[command(flatten)]
    by: OrderBy,
    #[command(flatten)]
    control: Control,
}

#[derive(Debug, Args)]
struct SecretRoll {
    /// The secret; the key of cohorts deals all clients out anew
    what: RolledKind,
    #[command(flatten)]
    by: OrderBy,
    #[command(flatten)]
    control: Control,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SettableKind {
    /// Of a TSIG key
    Tsig,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RolledKind {
    /// Of DNS cookies
    Cookie,
    /// Of the hash that puts clients into cohorts
    Cohort,
    /// Both
    All,
}

/// Does what the command says.
pub(super) fn secret(arguments: &SecretArguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        SecretCommand::List(arguments) => {
            let told = Remote::find(&arguments.control)?.get(PATH, &[])?;
            say(match arguments.json {
                true => told.trim_end().to_owned(),
                false => page(&read(&told)?.secrets),
            }
            .trim_end());
            Ok(ExitCode::SUCCESS)
        }
        SecretCommand::Set(own) => {
            let text = fs::read_to_string(&own.file);
            let text =
                text.map_err(|error| format!("cannot read {}: {error}", own.file.display()))?;
            ask(&own.control, ("set", &own.name, &own.by), text)
        }
        SecretCommand::Remove(own) => {
            ask(&own.control, ("remove", &own.name, &own.by), String::new())
        }
        SecretCommand::Roll(own) => {
            let what = match own.what {
                RolledKind::Cookie => "cookie",
                RolledKind::Cohort => "cohort",
                RolledKind::All => "all",
            };
            ask(&own.control, ("roll", what, &own.by), String::new())
        }
    }
}

fn ask(
    control: &Control,
    (action, name, by): (&str, &str, &OrderBy),
    body: String,
) -> Result<ExitCode, Failure> {
    let remote = Remote::find(control)?;
    let author = author(by.author.clone(), |name| std::env::var(name).ok());
    let mut fields = vec![("action", action), ("name", name), ("reason", &*by.reason)];
    fields.extend(author.as_deref().map(|by| ("author", by)));
    let told = remote.post_body(PATH, &fields, body)?;
    say(&read(&told)?.result);
    Ok(ExitCode::SUCCESS)
}

fn read(body: &str) -> Result<SecretsView, Failure> {
    let view = serde_json::from_str(body);
    view.map_err(|error| format!("the server's answer is no list of secrets: {error}"))
}

fn page(secrets: &[SecretView]) -> String {
    let mut rows = vec![["secret", "state", "set", "nodes"].map(str::to_owned)];
    rows.extend(secrets.iter().map(|own| {
        let differs = if own.differs_here {
            ", this node's config has another"
        } else {
            ""
        };
        [
            own.name.clone(),
            format!("{}{differs}", own.state),
            crate::base::Utc::from_seconds(own.set).to_string(),
            format!("{} of {}", own.known_by, own.of),
        ]
    }));
    columns(&rows)
}
