//! `waypost check`: every error of config, zones and geo file at once.
use std::io::IsTerminal;
use std::process::ExitCode;

use super::cli::Check;
use super::{Failure, say};
use crate::config;
use crate::config::Diagnostics;
use crate::io::files;
use crate::plan::Plan;

/// Prints all findings; exits 1 when one is an error.
pub(super) fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    let loaded = files::load(&arguments.config.config).map_err(|error| error.to_string())?;
    let (plan, diagnostics) = match config::compile(&loaded.spec, loaded.diagnostics, &loaded.files)
    {
        Ok((plan, diagnostics)) => (Some(plan), diagnostics),
        Err(diagnostics) => (None, diagnostics),
    };
    if arguments.json {
        say(&as_json(&diagnostics)?);
    } else {
        let findings = diagnostics.render(std::io::stdout().is_terminal());
        if !findings.is_empty() {
            say(findings.trim_end());
        }
        if let Some(plan) = &plan {
            say(&summary(plan));
        }
    }
    Ok(if plan.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn as_json(diagnostics: &Diagnostics) -> Result<String, Failure> {
    serde_json::to_string_pretty(&diagnostics.list()).map_err(|error| error.to_string())
}

/// What a config without errors amounts to.
fn summary(plan: &Plan) -> String {
    let names: usize = plan.zone_list.iter().map(|(_, names)| names).sum();
    format!(
        "well: {} zones with {names} names, {} services, {} regions, {} endpoints, {} probes; geo database {} with {} networks",
        plan.zone_list.len(),
        plan.services.len(),
        plan.regions.len(),
        plan.endpoints.len(),
        plan.slots.len(),
        plan.geo.source,
        plan.geo.networks,
    )
}
