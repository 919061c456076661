//! Tables of measured times as they were in force last, and who led by them: an entry for each service, with a checksum
//! ([`super::lines`]).
//!
//! With them a restart moves nobody whom a renewed table would not have moved, and a server whose table is broken starts with the last
//! one that was whole. Damage costs the services that it strikes: for those the present table alone decides.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::lines;
use crate::base::limits::MEASURED_FILE_BYTES;
use crate::config::measured_client;
use crate::io::keep;
use crate::plan::{
    BandRule, LeadingRegions, Measured, MeasuredClient, MeasuredInForce, MeasuredSource,
    TimesByClient,
};

/// Name of the file in the folder of state.
const FILE: &str = "measured.log";

#[derive(Serialize, Deserialize)]
struct TableEntry {
    service: String,
    source: MeasuredSource,
    regions: Vec<String>,
    rule: BandRule,
    rows: Vec<(String, Vec<Option<u32>>)>,
    leading: Vec<(String, Vec<u16>, Vec<u16>)>,
}

/// The file in its folder.
#[must_use]
pub fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Reads the file, and says what of it is damaged; nothing if there is none.
#[must_use]
pub fn read(folder: &Path) -> (MeasuredInForce, Option<String>) {
    let text = match keep::read(&path(folder), MEASURED_FILE_BYTES) {
        Ok(Some(text)) => text,
        Ok(None) => return (BTreeMap::new(), None),
        Err(error) => return (BTreeMap::new(), Some(error.to_string())),
    };
    let found = lines::read(&text);
    let kept = found.entries.iter().filter_map(|entry| {
        let entry: TableEntry = serde_json::from_slice(entry).ok()?;
        Some((entry.service.clone(), Arc::new(entry.table()?)))
    });
    (kept.collect(), found.damage)
}

/// The content of the file.
///
/// # Errors
/// Some table cannot be written as text.
pub fn text(tables: &MeasuredInForce) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for (number, (service, table)) in (0..).zip(tables) {
        let entry = TableEntry::of(service, table);
        lines::write(&mut text, number, &serde_json::to_vec(&entry)?);
    }
    Ok(text)
}

impl TableEntry {
    fn of(service: &str, table: &Measured) -> Self {
        let rows = table.rows().iter();
        let leading = table.leading().iter();
        let leading =
            leading.map(|((client, choice), led)| (word(*client), choice.clone(), led.clone()));
        Self {
            service: service.to_owned(),
            source: table.source.clone(),
            regions: table.regions.clone(),
            rule: table.rule,
            rows: rows
                .map(|(client, times)| (word(*client), times.clone()))
                .collect(),
            leading: leading.collect(),
        }
    }

    /// The table; nothing if its parts do not go together.
    fn table(self) -> Option<Measured> {
        let width = self.regions.len();
        let rows = self.rows.into_iter().map(|(client, times)| {
            let is_whole = times.len() == width;
            Some((measured_client(&client)?, times)).filter(|_| is_whole)
        });
        let rows: Option<TimesByClient> = rows.collect();
        let leading = self.leading.into_iter().map(|(client, choice, led)| {
            let mut columns = choice.iter().chain(&led);
            let is_whole = columns.all(|own| usize::from(*own) < width);
            Some(((measured_client(&client)?, choice), led)).filter(|_| is_whole)
        });
        let leading: Option<LeadingRegions> = leading.collect();
        let table = Measured::new(self.source, self.regions, rows?, self.rule, None);
        Some(table.led_by(leading?))
    }
}

/// A client as tables have it; a country in full, for two letters may be a continent as well.
fn word(client: MeasuredClient) -> String {
    match client {
        MeasuredClient::Territory(own) if !own.is_part() => format!("country:{own}"),
        MeasuredClient::Territory(_)
        | MeasuredClient::Network(_)
        | MeasuredClient::System(_)
        | MeasuredClient::Continent(_) => client.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_again_and_damage_costs_what_it_strikes() {
        let client = |text| measured_client(text).unwrap();
        let rows = ["198.51.100.0/24", "AS64500", "US-CA", "country:NA", "NA"];
        let rows = rows.map(|own| (client(own), vec![Some(12_000), None, Some(7)]));
        let rule = BandRule {
            tolerance_us: 5000,
            hysteresis_us: 10_000,
        };
        let source = MeasuredSource {
            file: "latency.csv".to_owned(),
            written_at: Some(1_800_000_000),
        };
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let table = Measured::new(source, names, rows.into(), rule, None);
        let leading = BTreeMap::from([((client("NA"), vec![0, 2]), vec![0])]);
        let table = Arc::new(table.led_by(leading));
        let tables = ["one", "two"].map(|name| (name.to_owned(), Arc::clone(&table)));
        let tables = MeasuredInForce::from(tables);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), (BTreeMap::new(), None));
        let whole = text(&tables).unwrap();
        keep::replace(&path(folder.path()), &whole).unwrap();
        assert_eq!(read(folder.path()), (tables.clone(), None));
        // Both copies of the first.
        let mut broken = whole;
        let half = broken.len() / 2;
        broken[40] ^= 1;
        broken[half / 2 + 40] ^= 1;
        std::fs::write(path(folder.path()), broken).unwrap();
        let (kept, damage) = read(folder.path());
        assert!(damage.is_some());
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["two"]);
    }
}
