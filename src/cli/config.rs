//! `waypost config`: releases of the config that the nodes of a cluster share, from the key that signs them to the state of a rollout.
//!
//! `key` and `sign` ask no server: the key lies where the administrator keeps it, and no node needs it.
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use aws_lc_rs::rand;

use super::cluster;
use super::config_arguments::{ConfigArguments, ConfigCommand, ConfigSign, ConfigStatus};
use super::present::{columns, line};
use super::remote::{Remote, text_of};
use super::say;
use super::shared_arguments::{Control, OrderBy, author};
use crate::base::{from_hexadecimal, to_hexadecimal};
use crate::config::own_part_of;
use crate::daemon::Failure;
use crate::io::clock::Clock;
use crate::share::{AuthorSeal, Release, ReleaseConsent, ReleaseHead, ReleasePace, ReleaseView};

const PATH: &str = "/api/v1/cluster/release";

/// Does what the command says.
pub(super) fn config(arguments: &ConfigArguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        ConfigCommand::Key(arguments) => key(&arguments.file),
        ConfigCommand::Sign(arguments) => sign(arguments),
        ConfigCommand::Push(arguments) => {
            let text = read(&arguments.file)?;
            ask(&arguments.control, ("push", &arguments.by), text)
        }
        ConfigCommand::Status(arguments) => status(arguments),
        ConfigCommand::Halt(arguments) => {
            ask(&arguments.control, ("halt", &arguments.by), String::new())
        }
        ConfigCommand::Resume(arguments) => {
            ask(&arguments.control, ("resume", &arguments.by), String::new())
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path);
    text.map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn key(path: &Path) -> Result<ExitCode, Failure> {
    let mut seed = [0; 32];
    rand::fill(&mut seed).map_err(|_| "the system gives no random numbers".to_owned())?;
    let seal = AuthorSeal::from_seed(&seed).ok_or("the system gives no key")?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{}", to_hexadecimal(&seed)));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    say(&format!("ed25519:{}", to_hexadecimal(&seal.key().0)));
    Ok(ExitCode::SUCCESS)
}

fn sign(arguments: &ConfigSign) -> Result<ExitCode, Failure> {
    let text = read(&arguments.file)?;
    let own = own_part_of(&text);
    let own = own.ok_or_else(|| format!("{} is no TOML", arguments.file.display()))?;
    if !own.is_empty() {
        return Err(format!(
            "it says what is each node's own: {}",
            own.join(", ")
        ));
    }
    let seed = read(&arguments.key)?;
    let seal = from_hexadecimal(seed.trim()).and_then(|seed| AuthorSeal::from_seed(&seed));
    let seal = seal.ok_or_else(|| format!("{} holds no key", arguments.key.display()))?;
    let head = ReleaseHead {
        version: Clock::start().wall_seconds(),
        cluster: arguments.cluster.clone(),
        first: arguments.first.clone(),
        pace: match arguments.rollback {
            true => ReleasePace::AtOnce,
            false => ReleasePace::Waves,
        },
        consent: match arguments.force {
            true => ReleaseConsent::Weakens,
            false => ReleaseConsent::None,
        },
    };
    say(Release::sign(&text, &head, &seal).trim_end());
    Ok(ExitCode::SUCCESS)
}

fn ask(
    control: &Control,
    (action, by): (&str, &OrderBy),
    body: String,
) -> Result<ExitCode, Failure> {
    let remote = Remote::find(control)?;
    let name = author(by.author.clone(), |name| std::env::var(name).ok());
    let mut fields = vec![("action", action), ("reason", &*by.reason)];
    fields.extend(name.as_deref().map(|by| ("author", by)));
    let told = remote.post_body(PATH, &fields, body)?;
    say(&text_of(&told, "result").unwrap_or(told));
    Ok(ExitCode::SUCCESS)
}

fn status(arguments: &ConfigStatus) -> Result<ExitCode, Failure> {
    let view = cluster::ask(&Remote::find(&arguments.control)?)?;
    let Some(release) = view.summary.release else {
        say(if arguments.json {
            "null"
        } else {
            "no release is known"
        });
        return Ok(ExitCode::SUCCESS);
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&release);
        say(&text.map_err(|error| error.to_string())?);
    } else {
        say(page(&release).trim_end());
    }
    Ok(match release.state == "halted" {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// The whole page.
fn page(release: &ReleaseView) -> String {
    let ReleaseView {
        version,
        signed_by,
        first,
        pace,
        state,
        reason,
        in_force,
        nodes,
    } = release;
    let here = in_force.map_or("no release".to_owned(), |own| format!("version {own}"));
    let mut out = String::new();
    line(
        &mut out,
        &format!(
            "version {version}  {state}  pace {pace}  first {first}  signed by {signed_by}  in force here: {here}"
        ),
    );
    if !reason.is_empty() {
        let reason = reason.replace('\n', "\n  ");
        line(&mut out, &format!("  halted: {reason}"));
    }
    line(&mut out, "");
    let heading = ["wave", "node", "version", "stage", ""];
    let rows = nodes.iter().map(|node| {
        let none = || "-".to_owned();
        let stage = match node.stage.is_empty() {
            true => none(),
            false => node.stage.clone(),
        };
        [
            node.wave.to_string(),
            node.name.clone(),
            node.version.map_or_else(none, |own| own.to_string()),
            stage,
            node.reason.lines().next().unwrap_or_default().to_owned(),
        ]
    });
    let rows = std::iter::once(heading.map(str::to_owned)).chain(rows);
    out += &columns(&rows.collect::<Vec<_>>());
    out
}
