//! `waypost records`: the declared records of a running server's zones, listed, set, deleted, written as files and brought to
//! what files say.
//!
//! What is declared lies over what zone files say, and never replaces it. Every change comes back when it is on the disk and
//! served; the server decides whether it may be, and by whom. How files look, and what brings one state to another, is in `files`.
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::arguments::{Control, span};
use super::remote::Remote;
use super::say;
use crate::base::Span;
use crate::daemon::Failure;

mod asked;
pub(super) mod files;

pub(super) use asked::{change, declared, patch, read};

/// Arguments of `waypost records`.
#[derive(Debug, Args)]
pub(super) struct RecordsArguments {
    #[command(subcommand)]
    command: RecordsCommand,
}

#[derive(Debug, Subcommand)]
enum RecordsCommand {
    /// List what is declared in a zone
    List(RecordsList),
    /// Declare an RRset; one that is so already is not changed
    Set(RecordsSet),
    /// Declare an RRset no longer, or none of a name
    Delete(RecordsDelete),
    /// Bring what is declared to what files say, one for each zone: `example.org.records`
    ///
    /// Shows what would change, and changes it with `--yes`. Without it, the exit code is 1 if there is something to
    /// change. What somebody else has changed meanwhile is not written over: it is refused, and nothing of that zone is changed.
    Apply(ApplyArguments),
    /// Write what is declared as files, one for each zone, as `apply` reads them
    Export(RecordsExport),
}

#[derive(Debug, Args)]
struct RecordsList {
    /// The zone
    zone: String,
    #[command(flatten)]
    control: Control,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RecordsSet {
    /// The zone
    zone: String,
    /// The name, whole; `@` for that of the zone
    name: String,
    /// The type, as A, AAAA or TXT
    r#type: String,
    /// The data of each record, as a master file has it, names absolute
    #[arg(required = true)]
    values: Vec<String>,
    /// The time that resolvers may keep it
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "5m")]
    ttl: Span,
    #[command(flatten)]
    circumstances: RecordsCircumstances,
}

#[derive(Debug, Args)]
struct RecordsDelete {
    /// The zone
    zone: String,
    /// The name, whole; `@` for that of the zone
    name: String,
    /// The type; all of the name if absent
    r#type: Option<String>,
    #[command(flatten)]
    circumstances: RecordsCircumstances,
}

/// Arguments of `waypost apply` and `waypost records apply`.
#[derive(Debug, Args)]
pub(super) struct ApplyArguments {
    /// The folder of the files
    #[arg(value_name = "DIR")]
    pub(super) folder: std::path::PathBuf,
    /// Change it, and do not only show what would be changed
    #[arg(long)]
    pub(super) yes: bool,
    /// Why; for the log of changes
    #[arg(long, default_value = "")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) control: Control,
}

#[derive(Debug, Args)]
struct RecordsExport {
    /// The folder of the files; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: std::path::PathBuf,
    /// The zones; all if none is named
    zones: Vec<String>,
    #[command(flatten)]
    control: Control,
}

#[derive(Debug, Args)]
struct RecordsCircumstances {
    /// Why; for the log of changes
    #[arg(long, default_value = "")]
    reason: String,
    /// Say what it would do, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    control: Control,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Asks the server, and prints what it says.
pub(super) fn records(arguments: &RecordsArguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        RecordsCommand::List(arguments) => list(arguments)?,
        RecordsCommand::Set(arguments) => set(arguments)?,
        RecordsCommand::Delete(arguments) => delete(arguments)?,
        RecordsCommand::Apply(arguments) => {
            let remote = Remote::find(&arguments.control)?;
            return files::apply(
                &remote,
                &arguments.folder,
                (arguments.yes, &arguments.reason),
            );
        }
        RecordsCommand::Export(arguments) => {
            let remote = Remote::find(&arguments.control)?;
            files::export(&remote, &arguments.folder, &arguments.zones)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(arguments: &RecordsList) -> Result<(), Failure> {
    let remote = Remote::find(&arguments.control)?;
    let page = declared(&remote, &arguments.zone)?;
    if arguments.json {
        say(&serde_json::to_string(&page).unwrap_or_default());
        return Ok(());
    }
    if page.records.is_empty() {
        say(&format!("nothing is declared in {}", page.zone));
    }
    for (name, sets) in &page.records {
        for (kind, set) in sets {
            for value in &set.values {
                let by = match set.author.is_empty() {
                    true => String::new(),
                    false => format!(" ; by {} at {}", set.author, set.declared_at),
                };
                say(&format!("{name}. {} IN {kind} {value}{by}", set.ttl_s));
            }
            if let Some(why) = &set.conflict {
                say(&format!("; {name}. {kind} is not served: {why}"));
            }
        }
    }
    Ok(())
}

fn set(arguments: &RecordsSet) -> Result<(), Failure> {
    let set = json!({ "ttl_s": arguments.ttl.as_secs(), "values": arguments.values });
    let name = whole(&arguments.name, &arguments.zone);
    let change = json!({ name: { arguments.r#type.clone(): set } });
    one(&arguments.zone, &change, &arguments.circumstances)
}

fn delete(arguments: &RecordsDelete) -> Result<(), Failure> {
    let name = whole(&arguments.name, &arguments.zone);
    let change = match &arguments.r#type {
        Some(kind) => json!({ name: { kind.clone(): null } }),
        None => json!({ name: null }),
    };
    one(&arguments.zone, &change, &arguments.circumstances)
}

/// Has one change made, and says what came of it.
fn one(zone: &str, change: &Value, circumstances: &RecordsCircumstances) -> Result<(), Failure> {
    let remote = Remote::find(&circumstances.control)?;
    let body = json!({ "records": change });
    let about = (circumstances.dry_run, &*circumstances.reason);
    let done = patch(&remote, (zone, None), &body, about)?;
    match circumstances.json {
        true => say(&serde_json::to_string(&done).unwrap_or_default()),
        false => {
            done.changes
                .iter()
                .for_each(|line| say(&files::shown(line)));
            say(&done.result);
        }
    }
    Ok(())
}

fn whole<'n>(name: &'n str, zone: &'n str) -> &'n str {
    if name == "@" { zone } else { name }
}
