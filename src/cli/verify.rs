//! `waypost verify`: proves for a config that no health breaks its fences, or shows how one does.
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::arguments::Verify;
use super::judged::{self, Source};
use super::say;
use crate::audit::verify::{Proof, Verdict, verify_with};
use crate::daemon::Failure;

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
    let proof = verify_with(&Arc::new(compiled.plan), &compiled.zoning.zones);
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
