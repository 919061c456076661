//! A case down to the lines that make it one.
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use waypost::dns::Name;
use waypost::dns::master;

use super::differences::Case;
use super::programs::{judge, records_by_bind};
use super::record::{Record, canonical};
use super::slips::SLIPS;
use super::words::Dialect;
use super::zones::Zone;

/// What is odd about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Oddity {
    Refused,
    Taken,
    Differs,
}

/// The text of the smallest zone found that is odd in the same way, and what the others say of it.
pub(crate) fn shrunk(case: &Case, folder: &Path) -> String {
    let oddity = match (&case.ours, &case.theirs) {
        (Err(_), _) => Oddity::Refused,
        (Ok(_), None) => Oddity::Taken,
        (Ok(_), Some(_)) => Oddity::Differs,
    };
    let mut zone = case.zone.clone();
    let mut chunk = zone.rows.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < zone.rows.len() {
            let mut smaller = zone.clone();
            let end = (at + chunk).min(smaller.rows.len());
            smaller.rows.drain(at..end);
            match is_odd(&smaller, oddity, folder) {
                true => zone = smaller,
                false => at += chunk,
            }
        }
        if chunk == 1 {
            break;
        }
        chunk = chunk.div_ceil(2);
    }
    let said: Vec<String> = judge(&zone, folder)
        .iter()
        .map(|verdict| verdict.said.clone())
        .collect();
    format!("{}\n--- others say\n{}", zone.text(), said.concat())
}

fn is_odd(zone: &Zone, oddity: Oddity, folder: &Path) -> bool {
    let takes = judge(zone, folder).map(|verdict| verdict.takes);
    let ours = read(zone, folder);
    let asked = match zone.dialect {
        Dialect::Nsd => takes[2],
        Dialect::Common | Dialect::Bind => takes[0],
    };
    match (oddity, ours) {
        (Oddity::Refused, None) => takes == [true; 3] || zone.number < SLIPS && asked,
        (Oddity::Taken, Some(_)) => takes == [false; 3],
        (Oddity::Differs, Some(ours)) => {
            zone.dialect != Dialect::Nsd && takes[0] && ours != records_by_bind(folder)
        }
        (Oddity::Refused, Some(_)) | (Oddity::Taken | Oddity::Differs, None) => false,
    }
}

/// The records that the zone has here, without a server.
fn read(zone: &Zone, folder: &Path) -> Option<BTreeSet<Record>> {
    let apex = Name::parse(&zone.apex()).unwrap();
    let include = |file: &str| {
        let bytes = std::fs::read(folder.join(file)).map_err(|error| error.to_string())?;
        Ok(Arc::from(bytes))
    };
    let text = std::fs::read(folder.join("own.zone")).unwrap();
    let zone = master::load(&apex, &text, &include, &[]).ok()?;
    let records = zone.owners().flat_map(|(owner, sets)| {
        let sets: Vec<Record> = sets
            .flat_map(|set| {
                let record = |data: &[u8]| canonical(owner.as_wire(), set.rtype, set.ttl, data);
                set.records().map(record).collect::<Vec<_>>()
            })
            .collect();
        sets
    });
    Some(records.collect())
}
