//! What Waypost reads otherwise than the others, and why.
use std::collections::BTreeSet;

use super::programs::Verdict;
use super::record::Record;
use super::slips::SLIPS;
use super::zones::Zone;

/// What everyone says of a zone.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) zone: Zone,
    /// BIND, Knot, NSD.
    pub(crate) verdicts: [Verdict; 3],
    /// The records that Waypost has, or its first error.
    pub(crate) ours: Result<BTreeSet<Record>, String>,
    /// The records that the zone has by whoever is asked.
    pub(crate) theirs: Option<BTreeSet<Record>>,
}

impl Case {
    /// Programs that take the zone.
    pub(crate) fn takers(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.takes).count()
    }

    /// Whether all take it, or without a slip the one that understands its dialect.
    pub(crate) fn is_well_elsewhere(&self) -> bool {
        self.takers() == 3 || self.theirs.is_some() && self.zone.number < SLIPS
    }
}

/// A difference that is meant.
pub(crate) struct Difference {
    /// What allows it.
    pub(crate) why: &'static str,
    pub(crate) explains: fn(&Case) -> bool,
}

pub(crate) const DIFFERENCES: &[Difference] = &[Difference {
    why: "records of one name and type that differ in TTL get the lowest (RFC 2181, section 5.2, leaves \
              no choice but to make them one); BIND takes the first, NSD the last",
    explains: differs_in_ttl,
}];

/// Whether records are the same but for their TTLs.
fn differs_in_ttl(case: &Case) -> bool {
    let without = |records: &BTreeSet<Record>| -> BTreeSet<Record> {
        let records = records.iter().cloned();
        records
            .map(|(owner, rtype, _, data)| (owner, rtype, 0, data))
            .collect()
    };
    match (&case.ours, &case.theirs) {
        (Ok(ours), Some(theirs)) => ours != theirs && without(ours) == without(theirs),
        _ => false,
    }
}
