//! `waypost explain`: what one client is answered, and why.
//!
//! Without a server it reads the config and takes every endpoint for healthy, but those that
//! `--down` names; with `--control` it asks a running server, with its present health.
use std::process::ExitCode;
use std::sync::Arc;

use super::arguments::Explain;
use super::remote::{Remote, credentials};
use super::say;
use crate::base::limits::ALIAS_HOPS;
use crate::base::{AddressSet, Moment, Permille, Span, Standing, Why};
use crate::config::{self, Compiled};
use crate::daemon::Failure;
use crate::dns::{Name, text};
use crate::io::files;
use crate::plan::{Plan, Target};
use crate::table::Table;
use crate::table::explain::{
    Chain, Explanation, Health, Question, ViewAsked, explain as explain_one,
};

/// What the health of an explanation without a server rests on.
const SUPPOSED: &str = "health supposed: every endpoint healthy (no server asked; add --control URL for the present health)";

/// Prints the whole chain from the client to the RRset.
pub(super) fn explain(arguments: &Explain) -> Result<ExitCode, Failure> {
    if let Some(url) = &arguments.control {
        say(ask(url, arguments)?.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let table = healthy_table(read(arguments)?);
    let chain = follow(&table, question(arguments)?)?;
    if !arguments.json {
        say(SUPPOSED);
    }
    for explanation in &chain {
        let text = if arguments.json {
            serde_json::to_string_pretty(explanation).map_err(|error| error.to_string())?
        } else {
            explanation.to_string()
        };
        say(text.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// The explanation of a name, then of what it is an alias of, and so on.
fn follow(table: &Table, mut question: Question) -> Result<Vec<Explanation>, Failure> {
    let mut chain: Vec<Explanation> = Vec::new();
    while chain.len() < ALIAS_HOPS {
        let mut explained = explain_one(table, &question).map_err(|error| error.to_string())?;
        explained.health = Health::Supposed;
        let target = match &explained.chain {
            Chain::Static { target, .. } => target.clone(),
            Chain::Steered(_) => explained.chosen.as_ref().and_then(|own| own.target.clone()),
        };
        let views = &table.plan.views;
        let view = explained.view.as_ref().and_then(|view| views.named(view)?);
        let zones = &table.seen(view).zones;
        let is_ours = |name: &Name| zones.find(name.as_wire(), question.qtype).is_some();
        chain.push(explained);
        match target {
            Some(target) if is_ours(&target) => question.name = target,
            _ => break,
        }
    }
    Ok(chain)
}

fn question(arguments: &Explain) -> Result<Question, Failure> {
    let name =
        Name::parse(&arguments.name).map_err(|error| format!("{}: {error}", arguments.name))?;
    let qtype = text::type_number(&arguments.qtype).ok_or_else(|| {
        format!(
            "--type {}: no such record type; try A or AAAA",
            arguments.qtype
        )
    })?;
    Ok(Question {
        name,
        qtype,
        client: arguments.client,
        now: Moment::default(),
        suppose: arguments.down.clone(),
        view: match (&arguments.view, arguments.from) {
            (Some(view), _) => ViewAsked::Named(view.clone()),
            (None, Some(source)) => ViewAsked::From(source),
            (None, None) => ViewAsked::OfClient,
        },
    })
}

fn read(arguments: &Explain) -> Result<Compiled, Failure> {
    let loaded = files::load(&arguments.config.config).map_err(|error| error.to_string())?;
    let (compiled, _) = config::compile(&loaded.spec, loaded.diagnostics, &loaded.files)
        .map_err(|diagnostics| format!("the config has errors\n{}", diagnostics.render(false)))?;
    Ok(compiled)
}

/// The table in which every target is healthy.
fn healthy_table(compiled: Compiled) -> Table {
    let zones = compiled.unsigned();
    let plan = compiled.plan;
    let standings = plan
        .targets
        .iter()
        .map(|target| healthy(&plan, target))
        .collect();
    Table::build(0, Arc::new(plan), standings, Moment::default(), None).with_zones(zones)
}

/// A target that has passed every probe: it holds until `fall` probes have failed.
fn healthy(plan: &Plan, target: &Target) -> Standing {
    let holds = target.slots.iter().map(|slot| {
        let monitor = &plan.monitors[plan.slots[slot.index()].monitor.index()];
        monitor.interval.times(u64::from(monitor.fall))
    });
    Standing {
        share: Permille::FULL,
        why: Why::Healthy,
        until: None,
        hold: holds.min().unwrap_or(Span(u64::MAX)),
        without: AddressSet::EMPTY,
    }
}

fn ask(url: &str, arguments: &Explain) -> Result<String, Failure> {
    let client = arguments.client.to_string();
    let format = if arguments.json { "json" } else { "text" };
    let mut query = vec![
        ("name", arguments.name.as_str()),
        ("client", &client),
        ("type", &arguments.qtype),
        ("format", format),
    ];
    let from = arguments.from.map(|source| source.to_string());
    query.extend(from.as_ref().map(|source| ("from", source.as_str())));
    query.extend(arguments.view.as_ref().map(|view| ("view", view.as_str())));
    query.extend(arguments.down.iter().map(|name| ("down", name.as_str())));
    Remote::at(url, &credentials(&arguments.proof))?.get("/api/v1/explain", &query)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::arguments::{Cli, Command};

    /// What is printed for a question to the shipped config.
    fn explained(more: &[&str]) -> Result<String, Failure> {
        let given = ["waypost", "explain", "api.example.org", "--client"];
        let line = given.iter().chain(&["193.99.144.80"]).chain(more);
        let Command::Explain(arguments) = Cli::parse_from(line).command else {
            panic!("not the subcommand that was written");
        };
        let table = healthy_table(read(&arguments)?);
        let chain = follow(&table, question(&arguments)?)?;
        Ok(chain.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_no_server_said_is_called_supposed() {
        let text = explained(&["--down", "eu-frankfurt"]).unwrap();
        assert!(!text.contains("generation"), "{text}");
        assert!(text.contains("supposed down\n"), "{text}");
    }

    #[test]
    fn types_beside_the_addresses_have_their_names() {
        for (qtype, head, finding) in [
            ("ANY", "api.example.org ANY for", "HINFO"),
            ("MX", "api.example.org MX for", "it has not this type"),
        ] {
            let text = explained(&["--type", qtype]).unwrap();
            assert!(text.starts_with(head) && text.contains(finding), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_regions() {
        let error = explained(&["--down", "nowhere-at-all"]).unwrap_err();
        assert!(error.contains("the regions are: "), "{error}");
        assert!(error.contains("eu-frankfurt"), "{error}");
    }
}
