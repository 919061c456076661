//! By what the targets of one endpoint and family are told apart: the monitors that judge them.
//!
//! Services that watch an endpoint in different ways have different targets, and an operator must
//! see which is which. Monitors joined by `+` say it nearly always; where two targets have the
//! same monitors, the hosts that these ask for and the recovery are named as well.
//!
//! Made once per plan, so that notices, status and metrics use the same words.
use std::collections::BTreeMap;

use crate::base::{Family, TargetId};
use crate::plan::{Plan, Target};

use super::rules_of::monitor;

/// The words by target.
#[derive(Debug)]
pub(super) struct TargetLabels {
    labels: Vec<String>,
}

impl TargetLabels {
    pub(super) fn new(plan: &Plan) -> Self {
        let names = plan.targets.iter().map(|target| key(plan, target));
        let names: Vec<_> = names.collect();
        let mut alike: BTreeMap<&(usize, Family, String), usize> = BTreeMap::new();
        for name in &names {
            *alike.entry(name).or_default() += 1;
        }
        let labels = plan.targets.iter().zip(&names).map(|(target, name)| {
            if alike[name] > 1 {
                manner(target).to_owned()
            } else {
                name.2.clone()
            }
        });
        Self {
            labels: labels.collect(),
        }
    }

    /// The label of a target: how it is watched, in one word that no other of its endpoint and family has.
    pub(super) fn label(&self, id: TargetId) -> &str {
        &self.labels[id.index()]
    }
}

/// The monitors of a target, each once.
pub(super) fn monitors(plan: &Plan, target: &Target) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for slot in &target.slots {
        let name = &monitor(plan, *slot).name;
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn key(plan: &Plan, target: &Target) -> (usize, Family, String) {
    let monitors = monitors(plan, target).join("+");
    (target.endpoint.index(), target.family, monitors)
}

/// A target's key without endpoint and family: monitors with hosts, and the recovery.
fn manner(target: &Target) -> &str {
    let manner = target.key.splitn(3, '/').nth(2);
    manner.unwrap_or(&target.key)
}
