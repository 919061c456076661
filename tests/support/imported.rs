//! The configs of other servers in `tests/import`, translated and compiled, with a geo database that both sides read.
//!
//! Each folder there has the files of one maker, and in `out` what they translate to. The database has made-up networks of
//! real countries: what is compared is who is sent where, and not where anybody is.
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use waypost::answer::Transport;
use waypost::base::{Moment, Permille, Standing};
use waypost::config::{self, Compiled, Diagnostics, Files};
use waypost::dns::ask;
use waypost::dns::zone::Zones;
use waypost::import::{self, ImportedFile, Maker, Translation};
use waypost::plan::Plan;
use waypost::table::Table;

use crate::mmdb;
use crate::sample::{Ask, reply_to};

/// Folders of `tests/import`, and whose files they hold.
pub(crate) const FOLDERS: [(&str, Maker); 9] = [
    ("gdnsd", Maker::Gdnsd),
    ("gdnsd-rest", Maker::Gdnsd),
    ("powerdns-geoip", Maker::PowerDns),
    ("knot-geodb", Maker::Knot),
    ("knot-subnet", Maker::Knot),
    ("knot-weighted", Maker::Knot),
    ("route53", Maker::Route53),
    ("octodns", Maker::OctoDns),
    ("k8gb", Maker::K8gb),
];

/// Continent, country, subdivision (if any) and a point of the networks' places, in turn.
const PLACES: [(&str, &str, &str, f64, f64); 20] = [
    ("EU", "DE", "HE", 50.11, 8.68),
    ("EU", "FI", "18", 60.17, 24.94),
    ("EU", "SE", "AB", 59.33, 18.07),
    ("EU", "CZ", "10", 50.08, 14.43),
    ("NA", "US", "CA", 37.77, -122.42),
    ("NA", "US", "OR", 45.52, -122.68),
    ("NA", "US", "NY", 40.71, -74.0),
    ("NA", "CA", "ON", 43.65, -79.38),
    ("NA", "CA", "QC", 45.5, -73.57),
    ("NA", "MX", "CMX", 19.43, -99.13),
    ("AS", "JP", "13", 35.68, 139.69),
    ("AS", "IN", "MH", 19.08, 72.88),
    ("AS", "SG", "", 1.35, 103.82),
    ("OC", "AU", "NSW", -33.87, 151.21),
    ("OC", "NZ", "AUK", -36.85, 174.76),
    ("AF", "ZA", "GP", -26.2, 28.05),
    ("AF", "NA", "KH", -22.56, 17.08),
    ("SA", "BR", "SP", -23.55, -46.63),
    ("SA", "AR", "C", -34.6, -58.38),
    ("AN", "AQ", "", -77.85, 166.67),
];

/// The folder of one maker's files.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(name)
}

/// The maker's files in a folder, by name.
pub(crate) fn files(name: &str) -> Vec<ImportedFile> {
    let entries = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    paths.sort();
    let read = |path: &PathBuf| ImportedFile {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(read).collect()
}

pub(crate) fn translate(name: &str) -> Translation {
    let (_, maker) = FOLDERS.iter().find(|(own, _)| *own == name).unwrap();
    import::translate(*maker, &files(name)).unwrap()
}

/// The networks of the database: 400 of IPv4 with smaller ones inside, 100 of IPv6.
fn networks() -> Vec<(String, usize)> {
    let mut list = Vec::new();
    for number in 0..400 {
        let (high, low) = (20 + number / 200, number % 200);
        list.push((format!("{high}.{low}.0.0/16"), number % PLACES.len()));
        if number % 3 == 0 {
            list.push((
                format!("{high}.{low}.128.0/20"),
                (number + 7) % PLACES.len(),
            ));
        }
    }
    for number in 0..100 {
        list.push((format!("2a0a:{number:x}::/32"), number % PLACES.len()));
    }
    list.push(("198.18.0.0/15".to_owned(), 10));
    list.push(("2001:db8::/32".to_owned(), 4));
    list
}

/// A city file of these networks.
pub(crate) fn database() -> Vec<u8> {
    let networks = networks();
    let records = networks.iter().map(|(network, place)| {
        let (continent, country, subdivision, latitude, longitude) = PLACES[*place];
        let subdivisions = match subdivision {
            "" => json!([]),
            code => json!([{ "iso_code": code }]),
        };
        let record = json!({
            "continent": { "code": continent },
            "country": { "iso_code": country },
            "location": { "latitude": latitude, "longitude": longitude },
            "subdivisions": subdivisions,
        });
        (network.as_str(), record)
    });
    let options = mmdb::Options {
        database_type: "GeoLite2-City",
        ..mmdb::Options::default()
    };
    mmdb::write(&records.collect::<Vec<_>>(), &options)
}

/// Client networks with their prefix lengths, most of them known ones.
pub(crate) fn clients(count: usize) -> Vec<(IpAddr, u8)> {
    let mut state = 0x5EED_u64;
    let mut draw = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 33).unwrap()
    };
    let mut one = || match draw() % 10 {
        0 => {
            let [a, b, c, _] = draw().to_be_bytes();
            (
                IpAddr::V4(Ipv4Addr::new(
                    198,
                    18 + a % 2,
                    if b % 2 == 0 { 64 } else { b },
                    0,
                )),
                24,
                c,
            )
        }
        1 => {
            let own = u16::try_from(draw() % 110).unwrap();
            (
                IpAddr::V6(Ipv6Addr::new(0x2a0a, own, 7, 0, 0, 0, 0, 0)),
                48,
                0,
            )
        }
        2 => {
            let own = u16::try_from(draw() % 0x300).unwrap();
            (
                IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, own, 0, 0, 0, 0, 0)),
                48,
                0,
            )
        }
        3 => {
            let [a, b, _, _] = draw().to_be_bytes();
            (IpAddr::V4(Ipv4Addr::new(60 + a % 10, b, 1, 0)), 24, 0)
        }
        _ => {
            let [a, b, c, _] = draw().to_be_bytes();
            (IpAddr::V4(Ipv4Addr::new(20 + a % 2, b % 200, c, 0)), 24, 0)
        }
    };
    (0..count)
        .map(|_| one())
        .map(|(address, prefix, _)| (address, prefix))
        .collect()
}

/// A translation compiled, with the database wherever it names one.
pub(crate) fn compile(translation: &Translation) -> Result<(Compiled, Diagnostics), Diagnostics> {
    let (_, text) = &translation.files[0];
    let text = text.replace("\"embedded\"", "\"geo.mmdb\"");
    let (spec, found) = config::read(Path::new("/etc/config.toml"), &text);
    let mut files = Files::new();
    loop {
        let wanted = spec.files(&files);
        if wanted.is_empty() {
            break;
        }
        for path in wanted {
            let named = translation
                .files
                .iter()
                .find(|(name, _)| path == Path::new("/etc").join(name));
            let content = match named {
                Some((_, text)) => Ok(Arc::from(text.as_bytes())),
                None if path.extension().is_some_and(|own| own == "mmdb") => {
                    Ok(Arc::from(database()))
                }
                None => Err("it is no part of the translation".to_owned()),
            };
            files.insert(path, content);
        }
    }
    config::compile(&spec, found, &files)
}

/// What a translation answers, with all that is not down in full health.
pub(crate) struct Imported {
    plan: Arc<Plan>,
    zones: Arc<Zones>,
    table: Table,
}

impl Imported {
    pub(crate) fn of(translation: &Translation) -> Self {
        let (compiled, _) =
            compile(translation).unwrap_or_else(|found| panic!("{}", found.render(false)));
        let zones = compiled.unsigned();
        let plan = Arc::new(compiled.plan);
        let table = table(&plan, &zones, |_| true);
        Self { plan, zones, table }
    }

    /// Takes down the endpoints of a service in a region.
    pub(crate) fn take_down(&mut self, service: &str, region: &str) {
        let beginning = format!("{service}-{region}-");
        let is_up = |name: &str| !name.starts_with(&beginning);
        assert!(
            !self.plan.endpoints.iter().all(|own| is_up(&own.name)),
            "{beginning}"
        );
        self.table = table(&self.plan, &self.zones, is_up);
    }

    /// The addresses that a client network is answered with.
    pub(crate) fn addresses(&self, question: &str, client: (IpAddr, u8)) -> BTreeSet<IpAddr> {
        let packet = Ask::new(question)
            .subnet(&client.0.to_string(), client.1)
            .packet();
        let (_, reply) = reply_to(&self.table, &packet, "192.0.2.250", Transport::Udp).unwrap();
        ask::decode(&reply).unwrap().addresses().collect()
    }
}

fn table(plan: &Arc<Plan>, zones: &Arc<Zones>, is_up: impl Fn(&str) -> bool) -> Table {
    let targets = plan.targets.iter();
    let standings: Vec<Standing> = targets
        .map(|target| Standing {
            share: match is_up(&plan.endpoints[target.endpoint.index()].name) {
                true => Permille::FULL,
                false => Permille::NONE,
            },
            ..Standing::UNPROVEN
        })
        .collect();
    Table::build(1, Arc::clone(plan), standings.into(), Moment(0), None)
        .with_zones(Arc::clone(zones))
}
