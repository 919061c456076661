//! Tables of measured times: text -> rows, and what they come to for a service (`policy = "latency"`).
//!
//! A table is lines of `client,region,ms`: a network, AS number, country, part of one, list of countries or continent, as in `serves`; a
//! region of the config; a decimal number of milliseconds. Empty lines, lines that begin with `#` and a first line of these words are
//! passed over. A table with an error in any line is not used at all: half of one would move clients for no reason.
//!
//! A table is renewed by others while the server runs, so one that is broken costs no more than its news: the last one that was whole
//! stays in force, and without one clients are sorted by place. For `check` it is an error.
//!
//! It does not know how regions of one band are ordered: `steering` does.
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::base::limits::CLAIMED_NETWORKS;
use crate::base::{HashKey, RegionId, Span};
use crate::config::Files;
use crate::config::diagnostic::{Diagnostics, Severity};
use crate::config::read::client_place;
use crate::config::reader::At;
use crate::config::spec::{Serves, Spec};
use crate::config::steering::SteeringSpec;
use crate::geo::{Network, Territory};
use crate::plan::{
    BandRule, LeadingRegions, Measured, MeasuredClient, MeasuredInForce, MeasuredSource, Region,
    TimesByClient,
};

/// Times that are equal where nothing is said.
const TOLERANCE: Span = Span(5);
/// Gain that moves nobody where nothing is said.
const HYSTERESIS: Span = Span(10);
/// The longest time that can be measured, in microseconds.
const LONGEST_US: u32 = 60_000_000;

/// Microseconds by client and region.
type MeasuredRows = BTreeMap<MeasuredClient, BTreeMap<String, u32>>;

/// The regions that lead by tables, by the numbers of those ([`digest`]).
type LeadingFound = Rc<RefCell<BTreeMap<u64, LeadingRegions>>>;

/// The tables of a config.
#[derive(Clone, Debug, Default)]
pub(super) struct LatencyTables {
    /// By path, as written, with the time of writing; those that are broken are not there.
    whole: BTreeMap<String, (MeasuredRows, Option<u64>)>,
    /// Found as maps are made: only then it is known among which regions clients have their choice.
    leading: LeadingFound,
    /// Tells whether some are broken.
    is_broken: bool,
    /// The tables of the plan in force.
    before: Arc<MeasuredInForce>,
}

/// Reads the tables that services name.
pub(super) fn read(spec: &Spec, files: &Files, found: &mut Diagnostics) -> LatencyTables {
    let mut tables = LatencyTables {
        whole: BTreeMap::new(),
        leading: LeadingFound::default(),
        is_broken: false,
        before: Arc::clone(&files.measured),
    };
    let mut seen = BTreeSet::new();
    for path in spec.measured() {
        if !seen.insert(&path.value) {
            continue;
        }
        match read_one(spec, path, files, found) {
            Some(rows) => {
                let written_at = files.written.get(&spec.resolve(path)).copied();
                let whole = (rows, written_at);
                tables.whole.insert(path.value.clone(), whole);
            }
            None => tables.is_broken = true,
        }
    }
    let claims = spec.claims().count();
    let networks = tables.networks().len();
    if claims + networks > CLAIMED_NETWORKS
        && let Some(path) = spec.measured().next()
    {
        let message = format!("{networks} networks in tables of times");
        found.unsettled(&path.at, message).help(format!(
            "{CLAIMED_NETWORKS} is the most, with those that are claimed: name countries and AS numbers"
        ));
        tables.whole.clear();
        tables.before = Arc::default();
    }
    tables
}

fn read_one(
    spec: &Spec,
    path: &At<String>,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<MeasuredRows> {
    let resolved = spec.resolve(path);
    let text = match files.get(&resolved) {
        Some(Ok(text)) => Arc::clone(text),
        Some(Err(reason)) => {
            let message = format!("cannot read `{}`: {reason}", path.value);
            found
                .unsettled(&path.at, message)
                .label("until it can be read: the last table, or clients by place")
                .help("write the path of a table with lines such as `DE,eu-frankfurt,12.5`");
            return None;
        }
        None => return None,
    };
    let file = found.add_file(resolved.display().to_string(), Arc::clone(&text));
    let regions = spec.regions.iter().map(|one| &*one.name.value);
    let mut table = TableReading {
        regions: regions.collect(),
        rows: BTreeMap::new(),
    };
    let mut is_whole = true;
    for (number, line) in (1..).zip(text.split(|octet| *octet == b'\n')) {
        let (severity, message, help) = match table.take(number, line) {
            Ok(()) => continue,
            Err(slip) => slip,
        };
        is_whole &= severity == Severity::Warning;
        found
            .add_at_line(file, severity, (number, 0), message)
            .help(help);
    }
    if is_whole && table.rows.is_empty() {
        found
            .unsettled(&path.at, format!("`{}` has no times", path.value))
            .help("write lines such as `DE,eu-frankfurt,12.5`");
        return None;
    }
    is_whole.then_some(table.rows)
}

/// A severity, the message, and what to do.
type Slip = (Severity, String, String);

fn slip(message: impl Into<String>, help: impl Into<String>) -> Slip {
    (Severity::Unsettled, message.into(), help.into())
}

/// A table that is read.
struct TableReading<'s> {
    regions: BTreeSet<&'s str>,
    rows: MeasuredRows,
}

impl TableReading<'_> {
    fn take(&mut self, number: u32, line: &[u8]) -> Result<(), Slip> {
        let text = std::str::from_utf8(line)
            .map_err(|_| slip("this line is no text", "write it in UTF-8"))?;
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') || number == 1 && text == "client,region,ms" {
            return Ok(());
        }
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        let [client, region, time] = fields[..] else {
            let message = format!("{} fields in place of three", fields.len());
            return Err(slip(message, "write `client,region,ms`"));
        };
        let clients = clients(client)?;
        let time = microseconds(time).ok_or_else(|| {
            let message = format!("`{time}` is no time");
            slip(
                message,
                "write milliseconds, at most 60000, such as 12 or 12.5",
            )
        })?;
        if !self.regions.contains(region) {
            let message = format!("region `{region}` is not known");
            let help = "its times are passed over: give it the name of a region of the config";
            return Err((Severity::Warning, message, help.to_owned()));
        }
        for client in clients {
            let row = self.rows.entry(client).or_default();
            if row.insert(region.to_owned(), time).is_some() {
                let message = format!("a second time between {client} and `{region}`");
                return Err(slip(message, "keep one of them"));
            }
        }
        Ok(())
    }
}

/// The clients that a line is for.
fn clients(text: &str) -> Result<Vec<MeasuredClient>, Slip> {
    let place = client_place(text).map_err(|trouble| {
        let help = trouble.help.unwrap_or_default();
        slip(trouble.message, help)
    })?;
    Ok(match place {
        Serves::City(_) => {
            let message =
                format!("`{text}` is a city, and times are measured by country or network");
            return Err(slip(
                message,
                "write its country, the part of it, or networks",
            ));
        }
        Serves::Network(network) => vec![MeasuredClient::Network(network)],
        Serves::Asn(number) => vec![MeasuredClient::System(number)],
        Serves::Subdivision(part) => vec![MeasuredClient::Territory(part)],
        Serves::Continent(continent) => vec![MeasuredClient::Continent(continent)],
        Serves::Countries(list) => {
            let all = list.into_iter().map(Territory::from);
            all.map(MeasuredClient::Territory).collect()
        }
    })
}

/// The client that a line is for, where it is one.
pub(crate) fn measured_client(text: &str) -> Option<MeasuredClient> {
    match clients(text).ok()?[..] {
        [client] => Some(client),
        _ => None,
    }
}

/// Milliseconds with three digits behind the point at the most, in microseconds.
fn microseconds(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| {
        !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|one| one.is_ascii_digit())
    };
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    let whole: u32 = whole.parse().ok()?;
    let all = whole * 1000 + part;
    (all <= LONGEST_US).then_some(all)
}

impl LatencyTables {
    /// The networks that anything is known of.
    pub(super) fn networks(&self) -> BTreeSet<Network> {
        let whole = self.whole.values().flat_map(|(rows, _)| rows.keys());
        let whole = whole.filter_map(|client| match client {
            MeasuredClient::Network(network) => Some(*network),
            MeasuredClient::System(_)
            | MeasuredClient::Territory(_)
            | MeasuredClient::Continent(_) => None,
        });
        let before = self.before.values().filter(|_| self.is_broken);
        whole.chain(before.flat_map(|one| one.networks())).collect()
    }

    /// The table of a service that has these regions of all; the one in force where its own is broken.
    pub(super) fn of_service(
        &self,
        (name, written): (&str, &SteeringSpec),
        regions: &[RegionId],
        all: &[Region],
    ) -> Option<MeasuredSteering> {
        let path = written.measured.as_ref()?;
        let before = self.before.get(name);
        let steering = |table| MeasuredSteering::new(table, all, &self.leading);
        let Some((rows, written_at)) = self.whole.get(&path.value) else {
            return before.map(|before| steering(Arc::clone(before)));
        };
        let regions = regions.iter();
        let regions = regions.map(|region| all[region.index()].name.clone());
        let regions: Vec<String> = regions.collect();
        let times = rows.iter().map(|(client, own)| {
            let times = regions.iter().map(|region| own.get(region).copied());
            (*client, times.collect::<Vec<_>>())
        });
        let measured = |(_, times): &(_, Vec<Option<u32>>)| times.iter().any(Option::is_some);
        let times: TimesByClient = times.filter(measured).collect();
        let rule = BandRule {
            tolerance_us: span_us(written.tolerance.as_ref(), TOLERANCE),
            hysteresis_us: span_us(written.hysteresis.as_ref(), HYSTERESIS),
        };
        let before = before.map(|before| &**before);
        let source = MeasuredSource {
            file: path.value.clone(),
            written_at: *written_at,
        };
        let table = Measured::new(source, regions, times, rule, before);
        Some(steering(Arc::new(table)))
    }
}

/// Times that were measured, for regions by their numbers.
#[derive(Debug)]
pub(super) struct MeasuredSteering {
    /// The times.
    pub(super) table: Arc<Measured>,
    /// The table's number, with who led before.
    pub(super) digest: u64,
    /// By region: its column.
    columns: Vec<Option<u16>>,
    leading: LeadingFound,
}

impl MeasuredSteering {
    fn new(table: Arc<Measured>, all: &[Region], leading: &LeadingFound) -> Self {
        let column = |name: &str| table.regions.iter().position(|own| own == name);
        let columns = all.iter();
        let columns = columns.map(|region| column(&region.name)?.try_into().ok());
        Self {
            digest: digest(&table, table.leading()),
            columns: columns.collect(),
            leading: Rc::clone(leading),
            table,
        }
    }

    /// Brings the regions that clients of a row may be sent to into the order of what was measured, those of which nothing is known
    /// last.
    pub(super) fn sort(&self, list: &mut [RegionId], client: MeasuredClient) {
        let columns = list.iter().filter_map(|one| self.columns[one.index()]);
        let choice = self.table.choice(client, columns);
        let bands = self.table.bands(client, &choice);
        let band_of = |column: u16| bands[usize::from(column)];
        let band = |region: &RegionId| band_of(self.columns[region.index()]?);
        list.sort_by_key(|region| band(region).unwrap_or(u16::MAX));
        if choice.len() > 1 {
            let leading = choice.iter().copied();
            let leading = leading
                .filter(|column| band_of(*column) == Some(0))
                .collect();
            let mut found = self.leading.borrow_mut();
            let found = found.entry(self.digest).or_default();
            found.insert((client, choice), leading);
        }
    }

    /// The table, with who leads by it.
    pub(super) fn led(&self) -> Measured {
        let found = self.leading.borrow();
        let leading = found.get(&self.digest).cloned().unwrap_or_default();
        Measured::clone(&self.table).led_by(leading)
    }

    /// A number for how it sorts: nodes on which others led before, but the same lead now, have the same.
    pub(super) fn outcome(&self) -> u64 {
        let found = self.leading.borrow();
        let leading = found.get(&self.digest).cloned().unwrap_or_default();
        digest(&self.table, &leading)
    }
}

fn digest(table: &Measured, leading: &LeadingRegions) -> u64 {
    let text = format!("{:?}", (&table.regions, table.rule, table.rows(), leading));
    HashKey::from_secret(b"measured").hash(text.as_bytes())
}

fn span_us(written: Option<&At<Span>>, otherwise: Span) -> u32 {
    let span = written.map_or(otherwise, |own| own.value);
    u32::try_from(span.0.saturating_mul(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_have_three_digits_behind_the_point() {
        for (text, expected) in [
            ("12", Some(12_000)),
            ("12.5", Some(12_500)),
            ("0.001", Some(1)),
            ("60000", Some(60_000_000)),
            ("60000.001", None),
            ("12.", None),
            (".5", None),
            ("-1", None),
            ("1e3", None),
            ("1.0005", None),
            ("9999999", None),
            ("", None),
        ] {
            assert_eq!(microseconds(text), expected, "{text}");
        }
    }
}
