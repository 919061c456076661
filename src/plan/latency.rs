//! Times that were measured between clients and regions (`policy = "latency"`), and the order that follows from them.
//!
//! A table has a row for each client that it names: a network, an autonomous system, a part of a country, a country or a
//! continent. The row of the most specific one that a client is in counts, and it alone. By its times the regions fall into
//! *bands*: those that are no more than the tolerance slower than the fastest are equal, then likewise among those that are left.
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

use crate::geo::{Continent, Network, Place, Territory};

/// Tables in force by the names of services.
pub type MeasuredInForce = BTreeMap<String, std::sync::Arc<Measured>>;

/// Times that were measured for one service, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The names of the regions, by column.
    pub regions: Vec<String>,
    rows: BTreeMap<MeasuredClient, MeasuredRow>,
}

/// Clients that a table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// The times of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredRow {
    /// Microseconds by column; absent = not measured.
    pub times: Vec<Option<u32>>,
    /// Bands by column, the best 0; absent = not measured.
    pub bands: Vec<Option<u16>>,
}

/// The rule by which regions lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandRule {
    /// Microseconds by which one may be slower than the fastest of its band.
    pub tolerance_us: u32,
    /// Microseconds by which one that led before may be slower than the fastest.
    pub hysteresis_us: u32,
}

/// Times by client and, in the order of the columns, by region.
pub type TimesByClient = BTreeMap<MeasuredClient, Vec<Option<u32>>>;

impl Measured {
    /// The order of regions by these times, after the table that was in force before.
    #[must_use]
    pub fn new(
        regions: Vec<String>,
        times: TimesByClient,
        rule: BandRule,
        before: Option<&Self>,
    ) -> Self {
        let rows = times.into_iter().map(|(client, times)| {
            let led = before.map(|before| before.leads(client));
            let led = led.unwrap_or_default();
            let led: Vec<bool> = regions.iter().map(|name| led.contains(&&**name)).collect();
            let bands = bands(&times, rule, &led);
            (client, MeasuredRow { times, bands })
        });
        let rows = rows.collect();
        Self { regions, rows }
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

    /// The row of clients of a place, in this network if it matters.
    #[must_use]
    pub fn row(
        &self,
        network: Option<Network>,
        place: &Place,
    ) -> Option<(MeasuredClient, &MeasuredRow)> {
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
        let mut rows = all
            .chain(places.into_iter().flatten())
            .filter_map(|client| Some((client, self.rows.get(&client)?)));
        rows.next()
    }

    /// The regions that lead for a client.
    fn leads(&self, client: MeasuredClient) -> Vec<&str> {
        let row = self.rows.get(&client);
        let bands = row.map_or(&[][..], |row| &row.bands);
        let all = self.regions.iter().zip(bands);
        let leading = all.filter(|(_, band)| **band == Some(0));
        leading.map(|(name, _)| &**name).collect()
    }
}

/// The bands of times, where some have led before.
fn bands(times: &[Option<u32>], rule: BandRule, led: &[bool]) -> Vec<Option<u16>> {
    let mut order: Vec<(u32, usize)> = (0..times.len())
        .filter_map(|column| Some((times[column]?, column)))
        .collect();
    order.sort_unstable();
    let mut bands = vec![None; times.len()];
    let Some(&(best, _)) = order.first() else {
        return bands;
    };
    let bound = best.saturating_add(rule.hysteresis_us.max(rule.tolerance_us));
    let (stay, mut rest): (Vec<_>, Vec<_>) = order
        .into_iter()
        .partition(|(time, column)| led[*column] && *time <= bound);
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

    fn measured(times: &[Option<u32>], before: Option<&Measured>) -> Measured {
        let names = ["a", "b", "c", "d"].into_iter().map(str::to_owned);
        let rows = BTreeMap::from([(client(), times.to_vec())]);
        Measured::new(names.take(times.len()).collect(), rows, RULE, before)
    }

    fn bands_of(own: &Measured) -> &[Option<u16>] {
        &own.rows[&client()].bands
    }

    #[test]
    fn times_within_the_tolerance_are_equal() {
        let own = measured(&[Some(12), Some(10), None, Some(16)], None);
        assert_eq!(bands_of(&own), [Some(0), Some(0), None, Some(1)]);
        let own = measured(&[Some(30), Some(35), Some(36), Some(10)], None);
        assert_eq!(bands_of(&own), [Some(1), Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn who_led_leads_until_somebody_is_faster_by_more_than_the_hysteresis() {
        let first = measured(&[Some(10), Some(50)], None);
        let second = measured(&[Some(30), Some(10)], Some(&first));
        assert_eq!(bands_of(&second), [Some(0), Some(1)]);
        let third = measured(&[Some(31), Some(10)], Some(&second));
        assert_eq!(bands_of(&third), [Some(1), Some(0)]);
        // And that one stays likewise.
        let fourth = measured(&[Some(10), Some(30)], Some(&third));
        assert_eq!(bands_of(&fourth), [Some(1), Some(0)]);
        // One that is measured no more leads nobody.
        let fifth = measured(&[Some(10), None], Some(&fourth));
        assert_eq!(bands_of(&fifth), [Some(0), None]);
    }

    #[test]
    fn the_most_specific_row_counts() {
        let network = |text: &str| Network::parse(text).unwrap();
        let rows = [
            MeasuredClient::Network(network("192.0.2.0/24")),
            MeasuredClient::Network(network("192.0.0.0/16")),
            client(),
            MeasuredClient::Continent(Continent::Europe),
        ];
        let rows = rows.map(|client| (client, vec![Some(1)]));
        let own = Measured::new(vec!["a".to_owned()], rows.into(), RULE, None);
        let found = |text: &str, place: &Place| {
            let (client, _) = own.row(Some(network(text)), place)?;
            Some(client.to_string())
        };
        let place = Place {
            asn: Some(64500),
            continent: Some(Continent::Europe),
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
