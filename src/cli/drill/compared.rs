//! The prediction of a drill, beside what the server does.
//!
//! Both are told by the parts of a service's clients that a table sends to each region, at the same moments.
use std::collections::BTreeMap;

use crate::base::Span;
use crate::cli::remote::Remote;
use crate::daemon::Failure;
use crate::sim::play::drill::{Checkpoint, Sent};

/// The difference between what is predicted and what is that is none: a drain goes by steps, and neither clock is the other.
pub(super) const TOLERANCE_PERMILLE: u16 = 20;

/// The places of clients at a checkpoint, as the simulation has them.
pub(super) struct Predicted {
    pub(super) checkpoint: Checkpoint,
    pub(super) sent: Vec<Sent>,
}

/// The table in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableChoice {
    /// In the table in force.
    Live,
    /// In that table, with what is to be drained supposed down.
    Shadow,
}

/// Parts of a service's clients at a checkpoint: predicted and seen.
pub(super) struct Compared {
    pub(super) service: String,
    pub(super) family: &'static str,
    pub(super) region: String,
    pub(super) predicted_permille: u16,
    pub(super) seen_permille: u16,
}

/// One checkpoint, looked at.
pub(super) struct DrillLook {
    pub(super) at: Span,
    pub(super) drained: Vec<String>,
    pub(super) parts: Vec<Compared>,
}

/// The end of a drill.
pub(super) struct DrillOutcome {
    pub(super) looks: Vec<DrillLook>,
    /// Why it ended before its time; absent if it did not.
    pub(super) stopped: Option<String>,
    /// The drains that are left, and why.
    pub(super) left: Vec<String>,
    pub(super) lasted: Span,
}

impl DrillLook {
    /// Asks the server where clients are sent.
    pub(super) fn at(
        remote: &Remote,
        due: &Predicted,
        place: TableChoice,
    ) -> Result<Self, Failure> {
        let mut parts = Vec::new();
        for sent in &due.sent {
            let mut query = vec![("service", &*sent.service), ("family", sent.family.word())];
            if place == TableChoice::Shadow {
                query.extend(due.checkpoint.drained.iter().map(|name| ("down", &**name)));
            }
            let body = remote.get_slow("/api/v1/map", &query)?;
            let map: serde_json::Value = serde_json::from_str(&body)
                .map_err(|error| format!("the server's answer is not a map: {error}"))?;
            parts.extend(compare(sent, &map));
        }
        Ok(Self {
            at: due.checkpoint.at,
            drained: due.checkpoint.drained.clone(),
            parts,
        })
    }
}

/// The parts of every region that is predicted or seen.
fn compare(sent: &Sent, map: &serde_json::Value) -> Vec<Compared> {
    let name = |region: Option<&str>| region.unwrap_or("(no address)").to_owned();
    let mut parts: BTreeMap<String, (u16, u16)> = BTreeMap::new();
    for (region, permille) in &sent.regions {
        parts.entry(name(region.as_deref())).or_default().0 = *permille;
    }
    for seen in map["regions"].as_array().into_iter().flatten() {
        let permille = seen["share_permille"].as_u64().unwrap_or(0);
        let own = parts.entry(name(seen["region"].as_str())).or_default();
        own.1 = u16::try_from(permille).unwrap_or(u16::MAX);
    }
    let parts = parts
        .into_iter()
        .map(|(region, (predicted, seen))| Compared {
            service: sent.service.clone(),
            family: sent.family.word(),
            region,
            predicted_permille: predicted,
            seen_permille: seen,
        });
    parts.collect()
}

impl Compared {
    /// Tells whether both are the same, but for a little.
    pub(super) fn is_as_predicted(&self) -> bool {
        self.predicted_permille.abs_diff(self.seen_permille) <= TOLERANCE_PERMILLE
    }
}

impl DrillOutcome {
    /// The number of parts that are not as predicted.
    pub(super) fn surprises(&self) -> usize {
        let parts = self.looks.iter().flat_map(|look| &look.parts);
        parts.filter(|part| !part.is_as_predicted()).count()
    }

    /// Tells whether there is nothing to look at.
    pub(super) fn went_well(&self) -> bool {
        self.stopped.is_none() && self.left.is_empty() && self.surprises() == 0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::Family;

    #[test]
    fn regions_of_both_sides_are_compared_and_a_little_is_no_surprise() {
        let region = |name: &str| Some(name.to_owned());
        let sent = Sent {
            service: "api".to_owned(),
            family: Family::V4,
            regions: vec![(region("eu"), 700), (region("na"), 300)],
        };
        let map = json!({ "regions": [
            { "region": "eu", "share_permille": 681 },
            { "region": null, "share_permille": 319 },
        ] });
        let parts = compare(&sent, &map);
        let told: Vec<_> = parts
            .iter()
            .map(|part| {
                (
                    &*part.region,
                    part.predicted_permille,
                    part.seen_permille,
                    part.is_as_predicted(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("(no address)", 0, 319, false),
                ("eu", 700, 681, true),
                ("na", 300, 0, false),
            ]
        );
    }
}
