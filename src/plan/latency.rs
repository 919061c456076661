//! Times that were measured between clients and regions (`policy = "latency"`), and the order that follows from them.
//!
//! A table has a row for each client that it names: a network, an autonomous system, a part of a country, a country or a
//! continent. The row of the most specific one that a client is in counts, and it alone. By its times the regions fall into
//! *bands*: those that are no more than the tolerance slower than the fastest are equal, then likewise among those that are left. Only
//! those that the client may be sent to are in any band: one outside its fence makes none of the others slow.
//!
//! **Hysteresis.** A table is measured anew again and again, and a network should not go to and fro between regions that are
//! nearly as fast. So those that led by the table before lead on, and nobody else beside them, for as long as they are no more than the
//! hysteresis (or the tolerance, where that is more) slower than the fastest by the new table. Only a client whose region
//! is slower than that goes elsewhere. Who led is known by the names of regions, for another config may number them anew.
//!
//! It does not know where the times come from, nor what this node's own probes measure: a prober is no client. It knows no fences and no
//! health, and how regions of one band are ordered is not its affair.
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::geo::{Continent, Network, Place, Territory};

/// Tables in force by the names of services.
pub type MeasuredInForce = BTreeMap<String, std::sync::Arc<Measured>>;

/// Times that were measured for one service, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The file that they are from.
    pub source: MeasuredSource,
    /// The names of the regions, by column.
    pub regions: Vec<String>,
    /// The rule by which they lead.
    pub rule: BandRule,
    /// Microseconds by column; absent = not measured.
    rows: TimesByClient,
    /// The regions that lead.
    leading: LeadingRegions,
}

/// The file of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredSource {
    /// Its path, as the config has it.
    pub file: String,
    /// The time of its writing, in seconds since 1970; absent where nobody knows.
    pub written_at: Option<u64>,
}

/// The columns that lead, by client and by the columns that it may be sent to of those that have a time.
pub type LeadingRegions = BTreeMap<(MeasuredClient, Vec<u16>), Vec<u16>>;

/// Clients that a table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MeasuredClient {
    /// A network.
    Network(Network),
    /// An autonomous system.
    System(u32),
    /// A country, or a part of one.
    Territory(Territory),
    /// A continent.
    Continent(Continent),
}

/// The rule by which regions lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandRule {
    /// Microseconds by which one may be slower than the fastest of its band.
    pub tolerance_us: u32,
    /// Microseconds by which one that led before may be slower than the fastest.
    pub hysteresis_us: u32,
}

/// Times by client and, in the order of the columns, by region.
pub type TimesByClient = BTreeMap<MeasuredClient, Vec<Option<u32>>>;

impl Measured {
    /// A table, after the one that was in force before.
    #[must_use]
    pub fn new(
        source: MeasuredSource,
        regions: Vec<String>,
        rows: TimesByClient,
        rule: BandRule,
        before: Option<&Self>,
    ) -> Self {
        let leading = before.map(|before| before.leading_among(&regions));
        Self {
            source,
            regions,
            rule,
            rows,
            leading: leading.unwrap_or_default(),
        }
    }

    /// The same table, with these regions leading.
    #[must_use]
    pub fn led_by(self, leading: LeadingRegions) -> Self {
        Self { leading, ..self }
    }

    /// The times by client.
    #[must_use]
    pub fn rows(&self) -> &TimesByClient {
        &self.rows
    }

    /// The regions that lead.
    #[must_use]
    pub fn leading(&self) -> &LeadingRegions {
        &self.leading
    }

    /// The regions that lead, by the columns of another table; without those whose choice it does not have.
    fn leading_among(&self, regions: &[String]) -> LeadingRegions {
        let column = |own: &u16| {
            let name = self.regions.get(usize::from(*own))?;
            let place = regions.iter().position(|other| other == name)?;
            u16::try_from(place).ok()
        };
        let columns = |list: &[u16]| {
            let columns: Option<Vec<u16>> = list.iter().map(column).collect();
            columns.map(|mut columns| {
                columns.sort_unstable();
                columns
            })
        };
        let all = self.leading.iter();
        let known = all.filter_map(|((client, choice), leading)| {
            Some(((*client, columns(choice)?), columns(leading)?))
        });
        known.collect()
    }

    /// The networks that it has rows for.
    pub fn networks(&self) -> impl Iterator<Item = Network> {
        self.rows.keys().filter_map(|client| match client {
            MeasuredClient::Network(network) => Some(*network),
            MeasuredClient::System(_)
            | MeasuredClient::Territory(_)
            | MeasuredClient::Continent(_) => None,
        })
    }

    /// The clients whose row counts for those of a place, in this network if it matters.
    #[must_use]
    pub fn client(&self, network: Option<Network>, place: &Place) -> Option<MeasuredClient> {
        let around = network.into_iter().flat_map(|own| {
            let prefixes = (0..=own.prefix).rev();
            prefixes.map(move |prefix| Network::around(own.address, prefix))
        });
        let systems = place.asn.map(MeasuredClient::System);
        let part = place.subdivision.map(MeasuredClient::Territory);
        let country = place.country.map(Territory::from);
        let places = [
            systems,
            part,
            country.map(MeasuredClient::Territory),
            place.continent.map(MeasuredClient::Continent),
        ];
        let all = around.map(MeasuredClient::Network);
        let mut rows = all.chain(places.into_iter().flatten());
        rows.find(|client| self.rows.contains_key(client))
    }

    /// The columns of these that have a time for a client.
    #[must_use]
    pub fn choice(&self, client: MeasuredClient, columns: impl Iterator<Item = u16>) -> Vec<u16> {
        let row = self.rows.get(&client).map_or(&[][..], |row| row);
        let is_measured = |column: &u16| matches!(row.get(usize::from(*column)), Some(Some(_)));
        let mut choice: Vec<u16> = columns.filter(is_measured).collect();
        choice.sort_unstable();
        choice
    }

    /// The bands of the regions among which a client has its choice ([`Measured::choice`]), by column, the best 0; absent =
    /// it has no time, or is none of them.
    #[must_use]
    pub fn bands(&self, client: MeasuredClient, choice: &[u16]) -> Vec<Option<u16>> {
        let row = self.rows.get(&client).map_or(&[][..], |row| row);
        let may = |column: usize| choice.iter().any(|own| usize::from(*own) == column);
        let times = row.iter().enumerate();
        let times = times.map(|(column, time)| time.filter(|_| may(column)));
        let led = self.leading.get(&(client, choice.to_vec()));
        let led = led.map_or(&[][..], |led| led);
        bands(&times.collect::<Vec<_>>(), self.rule, led)
    }
}

/// The bands of times, where some have led before.
fn bands(times: &[Option<u32>], rule: BandRule, led: &[u16]) -> Vec<Option<u16>> {
    let mut order: Vec<(u32, usize)> = (0..times.len())
        .filter_map(|column| Some((times[column]?, column)))
        .collect();
    order.sort_unstable();
    let mut bands = vec![None; times.len()];
    let Some(&(best, _)) = order.first() else {
        return bands;
    };
    let bound = best.saturating_add(rule.hysteresis_us.max(rule.tolerance_us));
    let (stay, mut rest): (Vec<_>, Vec<_>) = order.into_iter().partition(|(time, column)| {
        *time <= bound && led.iter().any(|own| usize::from(*own) == *column)
    });
    for (_, column) in &stay {
        bands[*column] = Some(0);
    }
    let first = u16::from(!stay.is_empty());
    for band in first.. {
        let Some(&(fastest, _)) = rest.first() else {
            break;
        };
        let end = fastest.saturating_add(rule.tolerance_us);
        let equal = rest.partition_point(|(time, _)| *time <= end);
        for (_, column) in rest.drain(..equal) {
            bands[column] = Some(band);
        }
    }
    bands
}

impl fmt::Display for MeasuredClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(out, "{network}"),
            Self::System(number) => write!(out, "AS{number}"),
            Self::Territory(own) => write!(out, "{own}"),
            Self::Continent(continent) => {
                write!(out, "{}", format!("{continent:?}").to_uppercase())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BandRule = BandRule {
        tolerance_us: 5,
        hysteresis_us: 20,
    };

    fn client() -> MeasuredClient {
        MeasuredClient::System(64500)
    }

    fn table(rows: TimesByClient, before: Option<&Measured>) -> Measured {
        let width = rows.values().next().map_or(0, Vec::len);
        let names = ["a", "b", "c", "d"].into_iter().map(str::to_owned);
        let names = names.take(width).collect();
        Measured::new(MeasuredSource::default(), names, rows, RULE, before)
    }

    /// A table, led by who leads by it, and the bands of these columns.
    fn led(
        times: &[Option<u32>],
        columns: &[u16],
        before: Option<&Measured>,
    ) -> (Measured, Vec<Option<u16>>) {
        let own = table([(client(), times.to_vec())].into(), before);
        let choice = own.choice(client(), columns.iter().copied());
        let bands = own.bands(client(), &choice);
        let leads = |column: &u16| bands[usize::from(*column)] == Some(0);
        let leading = choice.iter().copied().filter(leads).collect();
        let leading = BTreeMap::from([((client(), choice), leading)]);
        (own.led_by(leading), bands)
    }

    #[test]
    fn times_within_the_tolerance_are_equal() {
        let bands = |times: &[Option<u32>]| led(times, &[0, 1, 2, 3], None).1;
        let own = bands(&[Some(12), Some(10), None, Some(16)]);
        assert_eq!(own, [Some(0), Some(0), None, Some(1)]);
        let own = bands(&[Some(30), Some(35), Some(36), Some(10)]);
        assert_eq!(own, [Some(1), Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn who_may_not_serve_makes_nobody_slow() {
        let times = [Some(10), Some(14), Some(18), Some(30)];
        let (_, all) = led(&times, &[0, 1, 2, 3], None);
        assert_eq!(all, [Some(0), Some(0), Some(1), Some(2)]);
        let (_, fenced) = led(&times, &[3, 2, 1], None);
        assert_eq!(fenced, [None, Some(0), Some(0), Some(1)]);
    }

    #[test]
    fn who_led_leads_until_somebody_is_faster_by_more_than_the_hysteresis() {
        let led = |times: [Option<u32>; 2], before| led(&times, &[0, 1], before);
        let (first, _) = led([Some(10), Some(50)], None);
        let (second, bands) = led([Some(30), Some(10)], Some(&first));
        assert_eq!(bands, [Some(0), Some(1)]);
        let (third, bands) = led([Some(31), Some(10)], Some(&second));
        assert_eq!(bands, [Some(1), Some(0)]);
        // And that one stays likewise.
        let (fourth, bands) = led([Some(10), Some(30)], Some(&third));
        assert_eq!(bands, [Some(1), Some(0)]);
        // One that is measured no more leads nobody.
        let (_, bands) = led([Some(10), None], Some(&fourth));
        assert_eq!(bands, [Some(0), None]);
    }

    #[test]
    fn the_most_specific_row_counts() {
        let network = |text: &str| Network::parse(text).unwrap();
        let rows = [
            MeasuredClient::Network(network("192.0.2.0/24")),
            MeasuredClient::Network(network("192.0.0.0/16")),
            client(),
            MeasuredClient::Continent(Continent::Eu),
        ];
        let rows = rows.map(|client| (client, vec![Some(1)]));
        let own = table(rows.into(), None);
        let found = |text: &str, place: &Place| {
            let client = own.client(Some(network(text)), place)?;
            Some(client.to_string())
        };
        let place = Place {
            asn: Some(64500),
            continent: Some(Continent::Eu),
            ..Place::default()
        };
        assert_eq!(found("192.0.2.7", &place).unwrap(), "192.0.2.0/24");
        assert_eq!(found("192.0.3.7", &place).unwrap(), "192.0.0.0/16");
        assert_eq!(found("192.1.3.7", &place).unwrap(), "AS64500");
        let unknown = Place { asn: None, ..place };
        assert_eq!(found("192.1.3.7", &unknown).unwrap(), "EU");
        assert_eq!(found("192.1.3.7", &Place::default()), None);
    }
}
