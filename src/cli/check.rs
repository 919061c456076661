//! `waypost check`: every error of config, zones and geo file at once.
use std::mem::take;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::cost::Cost;
use super::sarif::sarif;
use super::shared_arguments::Config;
use super::{is_heard, say, unkept, unrecorded};
use crate::config::{self, Compiled, Diagnostics, Finding, Severity};
use crate::daemon::Failure;
use crate::io::files::{self, Unreadable, Watch};
use crate::io::keys::Store;
use crate::io::state::State;
use crate::io::terminal::{can_redraw, has_colours};

/// Arguments of `waypost check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: Config,
    /// Say as well what a server with this config will hold and do: memory, probes, series, signatures, transfers
    ///
    /// It is counted on the very plan, table and signed zones that a server would have, with every probe passing, and
    /// nothing is written. A large signed zone takes as long as its first signing.
    #[arg(long)]
    cost: bool,
    /// Print the findings as JSON; with `--cost` an object of `findings` and `cost`
    #[arg(long)]
    json: bool,
    /// Format of the findings: for people, JSON, or SARIF 2.1.0 for editors and code hosts
    #[arg(long, value_enum, conflicts_with = "json", default_value_t = FindingFormat::Text)]
    format: FindingFormat,
    /// Go on, and check again whenever one of the files changes, until Ctrl-C
    #[arg(long, conflicts_with = "cost")]
    watch: bool,
}

/// A format of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FindingFormat {
    Text,
    Json,
    Sarif,
}

/// Time between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Codes that empty a terminal.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Prints the schema of the config.
pub(super) fn schema() -> Result<ExitCode, Failure> {
    say(&as_json(&config::schema())?);
    Ok(ExitCode::SUCCESS)
}

/// Prints all findings; exits 1 when one is an error. With `--watch` it goes on until nobody listens.
#[expect(
    clippy::disallowed_methods,
    reason = "a command that waits for a change has nothing else to do"
)]
pub(super) fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    if !arguments.watch {
        return once(arguments).map(|(outcome, _)| outcome);
    }
    let can_redraw = can_redraw(&std::io::stdout());
    loop {
        if can_redraw {
            say(CLEAR);
        }
        let (outcome, mut watch) = match once(arguments) {
            Ok(checked) => checked,
            Err(unreadable) => {
                say(&unreadable);
                let path = arguments.config.config.clone();
                (ExitCode::FAILURE, Watch::new([path]))
            }
        };
        while watch.changed().is_none() {
            if !is_heard() {
                return Ok(outcome);
            }
            sleep(LOOK_EVERY);
        }
    }
}

/// Checks once; the outcome, with a watch on the files.
fn once(arguments: &Check) -> Result<(ExitCode, Watch), Failure> {
    let path = &arguments.config.config;
    let format = match arguments.json {
        true => FindingFormat::Json,
        false => arguments.format,
    };
    let mut loaded = match files::load(path) {
        Ok(loaded) => loaded,
        Err(unreadable) if format != FindingFormat::Text => {
            say(&for_programs(&[finding(unreadable)], format)?);
            return Ok((ExitCode::FAILURE, Watch::new([path.clone()])));
        }
        Err(unreadable) => return Err(unreadable.to_string()),
    };
    let watch = loaded.watch();
    let (compiled, diagnostics) =
        match config::compile(&loaded.spec, take(&mut loaded.diagnostics), &loaded.files) {
            Ok((compiled, diagnostics)) => (Some(compiled), diagnostics),
            Err(diagnostics) => (None, diagnostics),
        };
    let mut losses = compiled.as_ref().map_or_else(Vec::new, losses);
    for warning in [unkept::warning, unrecorded::warning] {
        let own = compiled.as_ref();
        losses.extend(own.and_then(|own| warning(path, own)));
    }
    let is_well = compiled.is_some() && !diagnostics.has_unsettled();
    if format == FindingFormat::Text {
        print(&diagnostics, losses, compiled.as_ref());
        if let Some(own) = compiled.filter(|_| arguments.cost) {
            say(&Cost::of(loaded, own)?.text());
        }
    } else {
        let mut findings = diagnostics.list();
        findings.extend(losses);
        let cost = compiled.filter(|_| arguments.cost);
        let cost = cost.map(|own| Cost::of(loaded, own)).transpose()?;
        say(&match arguments.cost && format == FindingFormat::Json {
            true => as_json(&Costed { findings, cost })?,
            false => for_programs(&findings, format)?,
        });
    }
    let outcome = if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    Ok((outcome, watch))
}

/// Findings as programs read them.
fn for_programs(findings: &[Finding], format: FindingFormat) -> Result<String, Failure> {
    match format {
        FindingFormat::Sarif => as_json(&sarif(findings)),
        FindingFormat::Text | FindingFormat::Json => as_json(&findings),
    }
}

/// Prints findings for a person.
fn print(diagnostics: &Diagnostics, losses: Vec<Finding>, compiled: Option<&Compiled>) {
    let findings = diagnostics.render(has_colours(&std::io::stdout()));
    if !findings.is_empty() {
        say(findings.trim_end());
    }
    for loss in losses {
        let help = loss.help.unwrap_or_default();
        say(&format!("warning: {}\n  = help: {help}", loss.message));
    }
    match compiled {
        Some(_) if diagnostics.has_unsettled() => say(UNSETTLED),
        Some(compiled) => say(&summary(compiled)),
        None => {}
    }
}

/// What a config amounts to that owes a decision.
const UNSETTLED: &str = "a server takes this config as it is, but it should not be rolled out \
                         before it says what is meant";

/// What `--json --cost` prints.
#[derive(Serialize)]
struct Costed {
    findings: Vec<Finding>,
    /// Absent where there are errors.
    cost: Option<Cost>,
}

fn as_json(what: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(what).map_err(|error| error.to_string())
}

/// A config that cannot be read, as the one thing that is wrong with it.
fn finding(unreadable: Unreadable) -> Finding {
    let (line, column) = unreadable.at.unwrap_or((1, 1));
    Finding {
        file: unreadable.path.display().to_string(),
        line,
        column,
        severity: Severity::Error,
        message: unreadable.reason,
        help: None,
    }
}

/// Zones that were signed, as their keys or the server's state remember, and cannot be signed now.
fn losses(compiled: &Compiled) -> Vec<Finding> {
    let known = compiled.zoning.state.as_deref().map(State::known);
    let known = known.unwrap_or_default();
    let zones = compiled.zoning.zones.iter();
    let signed = zones.filter_map(|zone| Some((zone, zone.dnssec.as_ref()?)));
    signed
        .filter_map(|(zone, how)| {
            let store = Store::new(&how.keys, &zone.apex);
            let was_signed = known.get(&zone.id).is_some_and(|known| known.signed);
            let why = match store.load() {
                Ok(keyring) if !keyring.is_empty() || !was_signed => return None,
                Ok(_) => "it has no keys any more".to_owned(),
                Err(error) => error.to_string(),
            };
            Some(Finding {
                file: store.state_path().display().to_string(),
                line: 1,
                column: 1,
                severity: Severity::Warning,
                message: format!("zone `{}` cannot be signed: {why}", zone.id),
                help: Some(match was_signed {
                    true => {
                        "it was signed, so that a server answers it SERVFAIL: bring its keys back"
                            .to_owned()
                    }
                    false => "a server cannot sign it before its user can read its keys".to_owned(),
                }),
            })
        })
        .collect()
}

/// What a config without errors amounts to.
fn summary(compiled: &Compiled) -> String {
    let plan = &compiled.plan;
    let names: usize = compiled.sizes().map(|(_, names)| names).sum();
    let things = [
        count(plan.services.len(), "service"),
        count(plan.regions.len(), "region"),
        count(plan.endpoints.len(), "endpoint"),
        count(plan.slots.len(), "probe"),
    ];
    format!(
        "well: {} with {}, {}; geo database {} with {}",
        count(compiled.zones.len(), "zone"),
        count(names, "name"),
        things.join(", "),
        plan.geo.source,
        count(plan.geo.networks, "network"),
    )
}

/// `1 zone`, `2 zones`.
fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!(count(1, "zone"), "1 zone");
        assert_eq!(count(0, "name"), "0 names");
        assert_eq!(count(2, "probe"), "2 probes");
    }

    #[test]
    fn a_config_that_cannot_be_read_is_a_finding() {
        let found = finding(Unreadable {
            path: PathBuf::from("config.toml"),
            at: Some((2, 6)),
            reason: "byte 11 (0xff) is not UTF-8 text".to_owned(),
        });
        let json = as_json(&[found]).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value[0]["severity"], "error");
        assert_eq!(
            (&value[0]["line"], &value[0]["column"]),
            (&2.into(), &6.into())
        );
    }
}
