//! Three versions of the same names: of two views and of the default. Whatever a version holds tells of which it is.
use std::path::Path;

use waypost::config::{self, Compiled, Files};
use waypost::dns::message::{Reader, Record};
use waypost::dns::rr::rtype;

/// The versions by number, by which their addresses and their texts tell them apart.
pub(crate) const NAMES: [&str; 3] = ["default", "office", "lab"];

/// A client of each. The laboratory is a part of the office, and comes before it.
pub(crate) const CLIENTS: [&str; 3] = ["127.0.0.4", "127.0.0.2", "127.0.0.3"];

/// The zones, and the versions that each view sees of them, by number of the view; nobody has seen the last one but the office.
pub(crate) const SEEN: [(&str, [Option<usize>; 3]); 3] = [
    ("one.test", [Some(0), Some(1), Some(2)]),
    ("two.test", [Some(0), Some(1), Some(0)]),
    ("three.test", [None, Some(1), None]),
];

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
amplification = 100

[[views]]
name = "lab"
clients = ["127.0.0.3/32", "2001:db8:3::/48"]

[[views]]
name = "office"
clients = ["127.0.0.2/31", "2001:db8::/32"]

[regions.eu]
location = [50.1, 8.7]

[monitors.web]
type = "tcp"
port = 80
"#;

/// What the config of all comes to.
pub(crate) fn compiled() -> Compiled {
    compile(&config())
}

/// The config of all.
pub(crate) fn config() -> String {
    let mut text = CONFIG.to_owned();
    for (zone, seen) in SEEN {
        for (number, view) in NAMES.iter().enumerate() {
            if seen.contains(&Some(number)) && seen[number] == Some(number) {
                text += &format!("[[zones]]\nname = \"{zone}\"\nfile = \"{view}/{zone}\"\n");
                text += &match number {
                    0 => String::new(),
                    _ => format!("view = \"{view}\"\n"),
                };
            }
        }
    }
    for (number, view) in NAMES.iter().enumerate() {
        text += &format!(
            "[services.api-{view}]\nhostnames = [\"api.one.test\", \"*.apps.one.test\"]\nmonitors = [\"web\"]\nviews = [\"{view}\"]\n\
             [[services.api-{view}.endpoints]]\nname = \"{view}-1\"\nregion = \"eu\"\nprovider = \"one\"\naddresses = [\"10.{number}.0.1\"]\n"
        );
    }
    text
}

/// What a config comes to, whose files have the names of a view and of a zone.
pub(crate) fn compile(text: &str) -> Compiled {
    let (spec, found) = config::read(Path::new("config.toml"), text);
    let mut files = Files::new();
    for path in spec.files(&files) {
        let view = path.parent().unwrap().to_str().unwrap();
        let number = NAMES.iter().position(|name| *name == view).unwrap();
        files.insert(path.clone(), Ok(zone(number).into_bytes().into()));
    }
    let compiled = config::compile(&spec, found, &files);
    compiled.map_err(|found| found.render(false)).unwrap().0
}

/// A zone of a version. Names that one version has and another has not are there as well.
fn zone(number: usize) -> String {
    let view = NAMES[number];
    format!(
        "$TTL 300\n@ SOA ns-{view} hostmaster {} 3600 600 86400 60\n@ NS ns-{view}\nns-{view} A 10.{number}.0.53\n\
         @ TXT \"view={view}\"\n@ MX 10 mail\nmail A 10.{number}.0.25\nwww A 10.{number}.0.80\nwww TXT \"view={view}\"\n\
         alias CNAME www\nto-{view} CNAME api\n*.wild A 10.{number}.0.99\nonly-{view} TXT \"view={view}\"\n\
         tree DNAME only-{view}\nsub NS ns.sub\nns.sub A 10.{number}.0.54\n",
        100 + number
    )
}

/// The versions that records of a reply are of; nothing where a record tells nothing. Signatures tell by their algorithm.
pub(crate) fn versions(reply: &[u8], algorithms: [u8; 3]) -> Vec<(usize, Record)> {
    let mut reader = Reader::new(reply).unwrap();
    drop(reader.question());
    let mut found = Vec::new();
    while let Ok(record) = reader.record() {
        let text = String::from_utf8_lossy(&record.rdata).into_owned();
        let named = |text: &str| {
            NAMES.iter().position(|view| {
                ["view=", "ns-", "to-", "only-"]
                    .iter()
                    .any(|mark| text.contains(&format!("{mark}{view}")))
            })
        };
        let of = match record.rtype {
            rtype::A => Some(usize::from(record.rdata[1])),
            rtype::RRSIG | rtype::DNSKEY => {
                let place = if record.rtype == rtype::RRSIG { 2 } else { 3 };
                algorithms
                    .iter()
                    .position(|own| *own == record.rdata[place])
            }
            rtype::OPT => None,
            _ => named(&text).or_else(|| named(&record.owner.to_string())),
        };
        found.extend(of.map(|number| (number, record)));
    }
    found
}
