//! `waypost verify`: proves for a config that no health breaks its fences, or shows how one does.
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::judged::{self, Source};
use super::report::page;
use super::say;
use super::shared_arguments::Config;
use crate::audit::verify::{Proof, Verdict, verify_with};
use crate::daemon::Failure;

/// Arguments of `waypost verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    config: Config,
    /// Print the whole proof as JSON, with the hashes of config and files
    #[arg(long)]
    json: bool,
    /// Write a page for an auditor as well, in HTML: by law, where whose clients can be sent, by which statements, proved how
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// The proof with what it is a proof of: what an auditor keeps.
#[derive(Serialize)]
struct Artefact<'a> {
    #[serde(flatten)]
    source: &'a Source,
    #[serde(flatten)]
    proof: &'a Proof,
}

/// Prints the proof; exits 1 when there is a counterexample.
pub(super) fn verify(arguments: &Verify) -> Result<ExitCode, Failure> {
    let path = &arguments.config.config;
    let judged = judged::read(path)?;
    let compiled = judged.compiled;
    let plan = Arc::new(compiled.plan);
    let proof = verify_with(&plan, &compiled.zoning.zones);
    if let Some(report) = &arguments.report {
        let source = serde_json::to_value(&judged.source).map_err(|error| error.to_string())?;
        let page = page(&plan, &proof, &source);
        fs::write(report, page).map_err(|error| format!("{}: {error}", report.display()))?;
    }
    if arguments.json {
        let artefact = Artefact {
            source: &judged.source,
            proof: &proof,
        };
        let text = serde_json::to_string_pretty(&artefact).map_err(|error| error.to_string())?;
        say(&text);
    } else {
        say(proof.to_string().trim_end());
        say(&format!(
            "\n{} has SHA-256 {}",
            path.display(),
            judged.source.sha256()
        ));
    }
    Ok(match proof.result {
        Verdict::Proved => ExitCode::SUCCESS,
        Verdict::Broken => ExitCode::FAILURE,
    })
}
