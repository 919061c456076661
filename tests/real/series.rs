//! How many series there are: what `docs/metrics.md` says, counted in a scrape of a config whose sizes are known.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::world::{World, dig, repository, run, state_of, wait_for};

/// Three regions, four endpoints (one of both families, one that nothing watches), three services, two zones (one signed), two
/// monitors, a canary.
const CONFIG: &str = r#"
[server]
listen = ["127.0.0.20:53"]

[control]
listen = "127.0.0.1:8053"

[guard]
canaries = ["127.9.0.1:8080"]

[[zones]]
name = "example.org"
file = "zones/example.org.zone"

[[zones]]
name = "example.net"
file = "zones/example.net.zone"
dnssec = { keys = "keys" }

[regions.eu]
location = [50.11, 8.68]
capacity = 100

[[regions.eu.endpoints]]
name = "eu-one"
provider = "own"
addresses = ["127.1.0.1", "::1"]

[[regions.eu.endpoints]]
name = "eu-two"
provider = "own"
addresses = ["127.1.0.2"]

[regions.na]
location = [43.65, -79.38]

[[regions.na.endpoints]]
name = "na-one"
provider = "own"
addresses = ["127.2.0.1"]

[regions.sa]
location = [-23.55, -46.63]

[[regions.sa.endpoints]]
name = "plain-one"
provider = "own"
addresses = ["192.0.2.9"]

[monitors.web]
type = "http"
port = 8080
path = "/healthz"
interval = "200ms"
timeout = "150ms"
fall = 2
rise = 2

[monitors.deep]
type = "tcp"
port = 8081
interval = "200ms"
timeout = "150ms"
fall = 2
rise = 2

[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
regions = ["eu", "na"]
demand = 10

[services.data]
hostnames = ["data.example.org"]
monitors = ["web", "deep"]
regions = ["eu", "na"]

[services.data.steering]
region_trickle = "1%"

[discovery.fleet]
file = "absent.json"
region = "eu"
provider = "own"

[services.plain]
hostnames = ["plain.example.org"]
monitors = []
"#;

const ZONE: &str =
    "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.20\n";

/// How many there are of each thing that series are for.
const SIZES: [(&str, usize); 14] = [
    ("node", 1),
    ("region", 3),
    ("service", 3),
    ("zone", 2),
    ("endpoint", 4),
    ("endpoint family", 5),
    // Of two regions and two monitors, and the canary's.
    ("monitor region", 5),
    ("address monitor", 1),
    ("tag zone", 1),
    // Nobody is notified.
    ("receiver", 0),
    // There is no other node.
    ("peer", 0),
    // Its source is not there.
    ("discovery", 1),
    // No machine is known by name.
    ("name", 0),
    ("fault name", 0),
];
/// What is asked, and so counted.
const QUESTIONS: [&str; 3] = ["api.example.org", "data.example.org", "nothing.example.org"];

/// A row of the table.
struct Row {
    kind: String,
    labels: BTreeSet<String>,
    /// Labels whose values tell the things apart; "node" has none.
    each: BTreeSet<String>,
    series: usize,
    is_exact: bool,
}

impl Row {
    fn each(&self) -> String {
        let labels: Vec<&str> = self.each.iter().map(String::as_str).collect();
        if labels.is_empty() {
            "node".to_owned()
        } else {
            labels.join(" ")
        }
    }

    /// How many things there are.
    fn things(&self) -> usize {
        let each = self.each();
        let size = SIZES.iter().find(|(name, _)| *name == each);
        size.map_or(QUESTIONS.len(), |(_, size)| *size)
    }
}

/// The cells of a row of a table in Markdown.
fn cells(line: &str) -> Vec<&str> {
    let cells = line.trim_matches('|').split('|').map(str::trim);
    cells.collect()
}

/// The words between backticks.
fn words(cell: &str) -> BTreeSet<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn number(cell: &str) -> usize {
    cell.trim_start_matches('≤').trim().parse().unwrap()
}

/// The table of all metrics, by name.
pub(crate) fn table() -> BTreeMap<String, usize> {
    rows()
        .into_iter()
        .map(|(name, row)| (name, row.series))
        .collect()
}

fn rows() -> BTreeMap<String, Row> {
    let text = fs::read_to_string(repository("docs/metrics.md")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let rows = lines.filter_map(|line| {
        let [name, kind, labels, series, each, _] = cells(line)[..] else {
            return None;
        };
        let row = Row {
            kind: kind.to_owned(),
            labels: words(labels),
            each: words(each),
            series: number(series),
            is_exact: !series.contains('≤'),
        };
        Some((name.trim_matches('`').to_owned(), row))
    });
    rows.collect()
}

/// The numbers of the table "In all".
fn totals() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(repository("docs/metrics.md")).unwrap();
    let (_, part) = text.split_once("## In all").unwrap();
    let (part, _) = part.split_once("\n## ").unwrap();
    let rows = part.lines().filter(|line| line.starts_with("| "));
    let rows = rows.skip(1).filter_map(|line| {
        let [each, number] = cells(line)[..] else {
            return None;
        };
        let number = number
            .split(|letter: char| !letter.is_ascii_digit())
            .next()?;
        Some((each.to_owned(), number.parse().ok()?))
    });
    rows.collect()
}

/// Everything, as OpenMetrics.
fn scrape() -> String {
    let mut stream = TcpStream::connect("127.0.0.1:8053").unwrap();
    let accept = "Accept: application/openmetrics-text; version=1.0.0";
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The name and the labels of a sample.
fn sample(line: &str) -> (&str, BTreeMap<String, String>) {
    let (series, _) = line.rsplit_once(' ').unwrap();
    let Some((name, labels)) = series.split_once('{') else {
        return (series, BTreeMap::new());
    };
    // No name of the config above has a comma or a quote.
    let pairs = labels.trim_end_matches('}').split(',').map(|pair| {
        let (label, value) = pair.split_once('=').unwrap();
        (label.to_owned(), value.trim_matches('"').to_owned())
    });
    (name, pairs.collect())
}

/// The row that a sample belongs to.
fn row_of<'n>(name: &'n str, rows: &BTreeMap<String, Row>) -> &'n str {
    let stems = ["", "_bucket", "_sum", "_count"].map(|suffix| name.strip_suffix(suffix));
    let known = stems
        .into_iter()
        .flatten()
        .find(|stem| rows.contains_key(*stem));
    known.unwrap_or_else(|| panic!("docs/metrics.md says nothing of {name}"))
}

/// Series by metric, and there by the thing that they are for.
type Counts = BTreeMap<String, BTreeMap<Vec<String>, usize>>;

fn count(text: &str, rows: &BTreeMap<String, Row>) -> Counts {
    let mut counts = Counts::new();
    let mut labels_seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = sample(line);
        let name = row_of(name, rows);
        let row = &rows[name];
        let thing = row.each.iter().map(|label| labels[label].clone()).collect();
        *counts
            .entry(name.to_owned())
            .or_default()
            .entry(thing)
            .or_default() += 1;
        let seen = labels_seen.entry(name.to_owned()).or_default();
        seen.extend(labels.into_keys());
    }
    for (name, seen) in labels_seen {
        assert_eq!(seen, rows[&name].labels, "labels of {name}");
    }
    counts
}

#[test]
fn there_are_as_many_series_as_the_docs_say() {
    let world = World::new();
    world.write("config.toml", CONFIG);
    for apex in ["example.org", "example.net"] {
        world.write(&format!("zones/{apex}.zone"), ZONE);
    }
    let config = world.path("config.toml");
    let arguments = ["keys", "generate", "example.net", "--config"];
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &[&arguments[..], &[config.to_str().unwrap()]].concat(),
    );
    assert!(well, "{text}");
    let _one = world.backend("127.1.0.1");
    let _waypost = world.waypost();
    wait_for("first results", || {
        ["eu-one", "eu-two", "na-one"]
            .iter()
            .all(|name| state_of(name) != "unproven")
    });
    for name in QUESTIONS {
        dig(&["@127.0.0.20", name, "A"]);
    }
    let rows = rows();
    assert!(rows.len() > 50, "{}", rows.len());
    let text = scrape();
    assert!(text.ends_with("# EOF\n"));
    let counts = count(&text, &rows);
    for (name, row) in &rows {
        let described = name.trim_end_matches("_total").trim_end_matches("_info");
        let kind = format!("# TYPE {described} {}\n", row.kind);
        assert!(text.contains(&kind), "{kind} in\n{text}");
        let own = counts.get(name).cloned().unwrap_or_default();
        let things = row.things();
        if row.is_exact {
            assert_eq!(
                own.len(),
                things,
                "{name} for each {}: {own:?}\n{text}",
                row.each()
            );
            assert!(
                own.values().all(|count| *count == row.series),
                "{name}: {own:?}"
            );
        } else {
            assert!(
                own.len() <= things,
                "{name} for each {}: {own:?}",
                row.each()
            );
            assert!(
                own.values().all(|count| *count <= row.series),
                "{name}: {own:?}"
            );
        }
    }
    for line in [
        "waypost_service_info{service=\"api\",policy=\"place\",sticky=\"false\"} 1\n",
        "waypost_trickle_ratio{service=\"data\",between=\"regions\"} 0.01\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert_eq!(text.matches("waypost_trickle_ratio{").count(), 1);
    check_endpoints(&text);
    check_totals(&rows);
}

/// Of the endpoint with two families and two sets of monitors there are nine: it shows no certificate.
fn check_endpoints(text: &str) {
    let of = |name: &str| text.matches(&format!("endpoint=\"{name}\"")).count();
    assert_eq!(of("eu-one"), 9, "{text}");
    assert_eq!([of("eu-two"), of("na-one")], [6, 6], "{text}");
    assert_eq!(of("plain-one"), 2, "{text}");
}

/// The sums of the table are those that the page states.
fn check_totals(rows: &BTreeMap<String, Row>) {
    let sum = |each: &str| {
        let own = rows.values().filter(|row| row.each() == each);
        own.map(|row| row.series).sum::<usize>()
    };
    let expected = [
        ("endpoint", 2 * sum("endpoint family") + sum("endpoint")),
        ("service", sum("service")),
        ("region", sum("region")),
        ("pair of region and monitor", sum("monitor region")),
        ("zone", sum("zone")),
        ("node", sum("node")),
        ("receiver of `[notify]`", sum("receiver")),
        ("other node of a cluster", sum("peer")),
        ("machine known by name", sum("name") + sum("fault name")),
        ("discovery", sum("discovery")),
    ];
    let expected = expected.map(|(each, sum)| (each.to_owned(), sum));
    assert_eq!(totals(), BTreeMap::from(expected));
}
