//! Configs that the watch reads, as the audit log has them: written before one is taken into force, and again when it is
//! known what became of it.
//!
//! Nobody asks for these changes, so the identity is `watch` and the way the file. One that cannot be recorded is not made, as if
//! somebody had asked. One that was refused is recorded too; the same refusal of the same text once, however often
//! the file is written. It judges nothing, and knows what changes by names alone: who moves is for `waypost plan`.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tracing::error;

use super::judge::Judgement;
use super::prepared::{Prepared, Source};
use super::weigh::opening;
use crate::io::audit::{AuditEntry, AuditOutcome, AuditTrail};

/// Names of one kind that a line holds.
const NAMED: usize = 5;

/// A config that was read with what it would change, or every error.
pub(super) type ConfigRead = Result<(Box<Prepared>, Judgement), String>;

/// Writes down what the watch reads.
pub(super) struct WatchRecorder {
    audit: AuditTrail,
    config: PathBuf,
    /// Whose changes they are, and the way by which they come.
    identity: (String, &'static str),
    /// The refusal that was written last.
    refused: Option<String>,
}

/// A config that stands in the log as begun.
pub(super) struct BegunConfig {
    seq: u64,
    entry: AuditEntry,
}

impl WatchRecorder {
    /// One that writes into this log what is read of this file.
    pub(super) fn new(audit: AuditTrail, config: &Path) -> Self {
        Self {
            audit,
            config: config.to_owned(),
            identity: ("watch".to_owned(), "file"),
            refused: None,
        }
    }

    /// One for a text of this file that somebody has signed.
    pub(super) fn of(&self, (path, signer): (&Path, &str)) -> Self {
        Self {
            identity: (signer.to_owned(), "cluster"),
            ..Self::new(self.audit.clone(), path)
        }
    }

    /// Writes down that a config is about to be taken into force, or that it has errors. One that cannot be
    /// written down comes back as refused.
    pub(super) fn begin(
        &mut self,
        in_force: &Source,
        outcome: ConfigRead,
    ) -> (ConfigRead, Option<BegunConfig>) {
        let entry = self.entry(in_force);
        let (prepared, judgement) = match outcome {
            Ok(read) => read,
            Err(errors) => {
                self.refuse(entry, &errors);
                return (Err(errors), None);
            }
        };
        let entry = AuditEntry {
            after: hashes(&prepared.source),
            detail: changes(in_force, &prepared.source, &judgement),
            ..entry
        };
        match self.audit.record(&entry) {
            Ok(seq) => (Ok((prepared, judgement)), Some(BegunConfig { seq, entry })),
            Err(why) => {
                let refusal = format!(
                    "a change that cannot be recorded is not made: {why}\n\
                     once the audit log can be written, `waypost reload` has the config read again"
                );
                (Err(refusal), None)
            }
        }
    }

    /// Writes down what became of one.
    pub(super) fn end(&mut self, begun: BegunConfig, fate: &Result<String, String>) {
        let BegunConfig { seq, entry } = begun;
        let entry = AuditEntry {
            begun: (seq > 0).then_some(seq),
            ..entry
        };
        match fate {
            Ok(result) => {
                self.refused = None;
                self.write(&AuditEntry {
                    outcome: AuditOutcome::Done,
                    detail: format!("{result}; {}", entry.detail),
                    ..entry
                });
            }
            Err(refusal) => {
                // It has begun: its end is written, whatever was written before.
                self.refused = None;
                self.refuse(entry, refusal);
            }
        }
    }

    fn entry(&self, in_force: &Source) -> AuditEntry {
        AuditEntry {
            identity: self.identity.0.clone(),
            way: self.identity.1.to_owned(),
            what: json!({ "action": "reload", "file": self.config.display().to_string() }),
            before: hashes(in_force),
            ..AuditEntry::default()
        }
    }

    fn refuse(&mut self, entry: AuditEntry, refusal: &str) {
        if self.refused.as_deref() == Some(refusal) {
            return;
        }
        self.refused = Some(refusal.to_owned());
        self.write(&AuditEntry {
            outcome: AuditOutcome::Refused,
            detail: opening(refusal),
            ..entry
        });
    }

    /// Writes an end, after which nothing is left to be refused.
    fn write(&self, entry: &AuditEntry) {
        if let Err(why) = self.audit.record(entry) {
            error!(event = "audit_doubt", "{why}");
        }
    }
}

/// The hashes by which a config is known: of all of it, and of the policy in it.
fn hashes(source: &Source) -> Value {
    let (plan, policy) = (source.plan.digest, source.plan.policy);
    json!({ "plan": format!("{plan:016x}"), "policy": format!("{policy:016x}") })
}

/// The names that come and go, and what is weakened, in one line.
fn changes(before: &Source, after: &Source, judgement: &Judgement) -> String {
    let of =
        |what, names: fn(&Source) -> BTreeSet<String>| difference(what, [before, after].map(names));
    let mut all = [
        of("services", services),
        of("hostnames", hostnames),
        of("regions", regions),
        of("endpoints", endpoints),
        of("zones", zones),
    ]
    .concat();
    if !judgement.weakened.is_empty() {
        all.push(format!("weakens {}", judgement.weakened.summary()));
    }
    match (all.is_empty(), before.plan.digest == after.plan.digest) {
        (true, true) => "the config says the same".to_owned(),
        (true, false) => "no name comes or goes".to_owned(),
        (false, _) => all.join("; "),
    }
}

fn difference(what: &str, [before, after]: [BTreeSet<String>; 2]) -> Vec<String> {
    let told = |verb: &str, names: Vec<&String>| {
        let shown = names.iter().take(NAMED).map(|name| name.as_str());
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!names.is_empty()).then(|| format!("{what} {verb}: {shown}{more}"))
    };
    let added = told("added", after.difference(&before).collect());
    let removed = told("removed", before.difference(&after).collect());
    [added, removed].into_iter().flatten().collect()
}

fn services(source: &Source) -> BTreeSet<String> {
    let all = source.plan.services.iter();
    all.map(|one| one.name.clone()).collect()
}

fn hostnames(source: &Source) -> BTreeSet<String> {
    let all = source.plan.services.iter().flat_map(|one| &one.hostnames);
    all.map(ToString::to_string).collect()
}

fn regions(source: &Source) -> BTreeSet<String> {
    let all = source.plan.regions.iter();
    all.map(|one| one.name.clone()).collect()
}

fn endpoints(source: &Source) -> BTreeSet<String> {
    let all = source.plan.endpoints.iter();
    all.map(|one| one.name.clone()).collect()
}

fn zones(source: &Source) -> BTreeSet<String> {
    let all = source.zoning.zones.iter();
    all.map(|one| one.id.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_come_and_go_are_told_and_no_more_than_a_line_holds() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let told = difference("regions", [set(&["eu", "na"]), set(&["ap", "eu"])]);
        assert_eq!(told, ["regions added: ap", "regions removed: na"]);
        assert!(difference("regions", [set(&["eu"]), set(&["eu"])]).is_empty());
        let many = ["1", "2", "3", "4", "5", "6", "7"];
        let told = difference("zones", [set(&[]), set(&many)]);
        assert_eq!(told, ["zones added: 1, 2, 3, 4, 5 and 2 more"]);
    }
}
