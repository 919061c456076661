//! `waypost check`: every error of config, zones and geo file at once.
use std::mem::take;
use std::process::ExitCode;

use serde::Serialize;

use super::arguments::Check;
use super::cost::Cost;
use super::{say, unkept, unrecorded};
use crate::config::{self, Compiled, Finding, Severity};
use crate::daemon::Failure;
use crate::io::files::{self, Unreadable};
use crate::io::keys::Store;
use crate::io::state::State;
use crate::io::terminal::has_colours;

/// Prints all findings; exits 1 when one is an error.
pub(super) fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    let mut loaded = match files::load(&arguments.config.config) {
        Ok(loaded) => loaded,
        Err(unreadable) if arguments.json => {
            say(&as_json(&[finding(unreadable)])?);
            return Ok(ExitCode::FAILURE);
        }
        Err(unreadable) => return Err(unreadable.to_string()),
    };
    let (compiled, diagnostics) =
        match config::compile(&loaded.spec, take(&mut loaded.diagnostics), &loaded.files) {
            Ok((compiled, diagnostics)) => (Some(compiled), diagnostics),
            Err(diagnostics) => (None, diagnostics),
        };
    let mut losses = compiled.as_ref().map_or_else(Vec::new, losses);
    for warning in [unkept::warning, unrecorded::warning] {
        let own = compiled.as_ref();
        losses.extend(own.and_then(|own| warning(&arguments.config.config, own)));
    }
    let is_well = compiled.is_some() && !diagnostics.has_unsettled();
    if arguments.json {
        let mut findings = diagnostics.list();
        findings.extend(losses);
        let cost = compiled.filter(|_| arguments.cost);
        let cost = cost.map(|own| Cost::of(loaded, own)).transpose()?;
        say(&match arguments.cost {
            true => as_json(&Costed { findings, cost })?,
            false => as_json(&findings)?,
        });
    } else {
        let findings = diagnostics.render(has_colours(&std::io::stdout()));
        if !findings.is_empty() {
            say(findings.trim_end());
        }
        for loss in losses {
            let help = loss.help.unwrap_or_default();
            say(&format!("warning: {}\n  = help: {help}", loss.message));
        }
        match &compiled {
            Some(_) if diagnostics.has_unsettled() => say(UNSETTLED),
            Some(compiled) => say(&summary(compiled)),
            None => {}
        }
        if let Some(own) = compiled.filter(|_| arguments.cost) {
            say(&Cost::of(loaded, own)?.text());
        }
    }
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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
            let was_signed = known.get(&zone.apex).is_some_and(|known| known.signed);
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
                message: format!("zone `{}` cannot be signed: {why}", zone.apex),
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
