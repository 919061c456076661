//! The one world that every server is given: networks and their countries, regions and their
//! addresses, zones of one hundred, ten thousand and one million names, and many small ones.
//!
//! Everything follows from one seed, so two runs ask the same questions of the same data. The
//! networks lie far apart and in random order: no server gains from neighbours in its tree.
//! Each region's two addresses listen on loopback, so that a server which probes finds them well.
//!
//! It does not know how a server is told any of this: that is `servers`' part.
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::mmdb;
use crate::{Failure, explain};

/// The zone of every scenario.
pub(crate) const ZONE: &str = "bench.example";
/// The steered name's first label.
pub(crate) const STEERED: &str = "api";
/// The static name's first label.
pub(crate) const STATIC: &str = "www";
/// Names of the small zone.
pub(crate) const FEW: usize = 100;
/// Names of the zone that is signed to deny others.
pub(crate) const SOME: usize = 10_000;
/// Names of the large zone.
pub(crate) const MANY: usize = 1_000_000;
/// How many zones there are, where they are counted.
pub(crate) const ZONES: usize = 10_000;
/// Client networks, one /24 each.
const NETWORKS: usize = 20_000;
/// First octets that no client network has: not unicast, private, or partly reserved.
const SKIPPED: [u32; 8] = [0, 10, 100, 127, 169, 172, 192, 198];

/// A place that is answered with.
pub(crate) struct Region {
    pub(crate) name: &'static str,
    pub(crate) continent: &'static str,
    pub(crate) countries: [&'static str; 2],
    /// Latitude and longitude.
    pub(crate) location: [f64; 2],
}

/// Every region; their addresses follow from their place in this list.
pub(crate) const REGIONS: [Region; 8] = [
    region("frankfurt", "EU", ["DE", "FR"], [50.1, 8.7]),
    region("london", "EU", ["GB", "IE"], [51.5, -0.1]),
    region("stockholm", "EU", ["SE", "FI"], [59.3, 18.1]),
    region("toronto", "NA", ["US", "CA"], [43.7, -79.4]),
    region("tokyo", "AS", ["JP", "KR"], [35.7, 139.7]),
    region("singapore", "AS", ["SG", "MY"], [1.4, 103.8]),
    region("sydney", "OC", ["AU", "NZ"], [-33.9, 151.2]),
    region("saopaulo", "SA", ["BR", "AR"], [-23.5, -46.6]),
];

/// The data on disk, and the listeners that probes find.
pub(crate) struct World {
    folder: TempDir,
    /// Client networks (/24) in random order, each with the index of its region.
    pub(crate) networks: Vec<(Ipv4Addr, usize)>,
    /// Port of the listeners on every region's addresses.
    pub(crate) monitored_port: u16,
    _listeners: Vec<TcpListener>,
}

/// A small generator of random numbers (xorshift, 64 bits).
pub(crate) struct Random(pub(crate) u64);

const fn region(
    name: &'static str,
    continent: &'static str,
    countries: [&'static str; 2],
    location: [f64; 2],
) -> Region {
    Region {
        name,
        continent,
        countries,
        location,
    }
}

/// The two addresses of the region with this index.
pub(crate) fn addresses(region: usize) -> [IpAddr; 2] {
    let region = u8::try_from(region + 1).expect("there are few regions");
    [1, 2].map(|host| Ipv4Addr::new(127, 77, region, host).into())
}

impl World {
    /// Chooses the networks, writes the geo database and the small zone, opens the listeners.
    pub(crate) fn build() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("waypost-peers-").tempdir();
        let folder = folder.map_err(explain("a folder for the servers"))?;
        crate::process::remember_folder(folder.path());
        let (monitored_port, listeners) = listen().map_err(explain("listeners for probes"))?;
        let networks = networks(&mut Random::new());
        let world = Self {
            folder,
            networks,
            monitored_port,
            _listeners: listeners,
        };
        world
            .write_database()
            .map_err(explain("the geo database"))?;
        world.write_zone(FEW).map_err(explain("the small zone"))?;
        Ok(world)
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The geo database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path("geo.mmdb")
    }

    /// The zone file of so many names.
    pub(crate) fn zone(&self, names: usize) -> PathBuf {
        self.path(&format!("{names}.zone"))
    }

    /// The folder of many small zones, each in a file of its name.
    pub(crate) fn zones(&self) -> PathBuf {
        self.path("zones")
    }

    /// Writes the zone of so many names, unless it is there.
    pub(crate) fn need_zone(&self, names: usize) -> Result<(), Failure> {
        if self.zone(names).exists() {
            return Ok(());
        }
        self.write_zone(names).map_err(explain("a zone"))
    }

    /// Writes many small zones, unless they are there.
    pub(crate) fn need_small_zones(&self) -> Result<(), Failure> {
        let folder = self.zones();
        if folder.exists() {
            return Ok(());
        }
        let write = || {
            std::fs::create_dir(&folder)?;
            (0..ZONES).try_for_each(|number| {
                let origin = small_zone(number);
                write_zone_of(&folder.join(&origin), &origin, 0, 1)
            })
        };
        write().map_err(explain("the small zones"))
    }

    fn write_zone(&self, names: usize) -> std::io::Result<()> {
        write_zone(&self.zone(names), names, 1)
    }

    fn write_database(&self) -> std::io::Result<()> {
        let written: Vec<String> = self
            .networks
            .iter()
            .map(|(net, _)| format!("{net}/24"))
            .collect();
        let records = self.networks.iter().enumerate().map(|(index, (_, region))| {
            let Region { continent, countries, .. } = &REGIONS[*region];
            json!({ "continent": { "code": continent }, "country": { "iso_code": countries[index % 2] } })
        });
        let entries: Vec<_> = written.iter().map(String::as_str).zip(records).collect();
        let options = mmdb::Options {
            database_type: "GeoLite2-Country",
            ..mmdb::Options::default()
        };
        std::fs::write(self.database(), mmdb::write(&entries, &options))
    }
}

impl Random {
    /// The generator of every run.
    pub(crate) fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a length fits");
        usize::try_from(self.next() % bound).expect("it is below a length")
    }
}

/// The static name's address in the version of the zone with this serial.
pub(crate) fn static_address(serial: u32) -> Ipv4Addr {
    let host = u8::try_from(79 + serial).expect("there are few versions");
    Ipv4Addr::new(192, 0, 2, host)
}

/// Whether an answer for the static name is of the second version: its only record comes last
/// but for the OPT record, and nothing else holds this address.
pub(crate) fn is_renewed(reply: &[u8]) -> bool {
    reply
        .windows(4)
        .any(|octets| octets == static_address(2).octets())
}

/// The last name of a zone of so many, and its address.
pub(crate) fn last_name(names: usize) -> (String, Ipv4Addr) {
    numbered(names - 1)
}

fn numbered(name: usize) -> (String, Ipv4Addr) {
    let [_, a, b, c] = u32::try_from(name)
        .expect("a few million at most")
        .to_be_bytes();
    (format!("h{name:07}"), Ipv4Addr::new(10, a, b, c))
}

/// The name of a small zone.
pub(crate) fn small_zone(number: usize) -> String {
    format!("z{number:05}.{ZONE}")
}

/// Writes a zone of so many names. Another serial is another version, with another static address.
pub(crate) fn write_zone(path: &Path, names: usize, serial: u32) -> std::io::Result<()> {
    write_zone_of(path, ZONE, names, serial)
}

fn write_zone_of(path: &Path, origin: &str, names: usize, serial: u32) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "$ORIGIN {origin}.\n$TTL 300")?;
    writeln!(file, "@ IN SOA ns1 hostmaster {serial} 3600 900 604800 300")?;
    let address = static_address(serial);
    writeln!(
        file,
        "@ IN NS ns1\nns1 IN A 192.0.2.53\n{STATIC} IN A {address}"
    )?;
    for (name, address) in (0..names).map(numbered) {
        writeln!(file, "{name} IN A {address}")?;
    }
    file.flush()
}

/// Random /24 networks without order, dealt to the regions.
fn networks(random: &mut Random) -> Vec<(Ipv4Addr, usize)> {
    let mut chosen = BTreeSet::new();
    while chosen.len() < NETWORKS {
        let [first, a, b, _] = u32::try_from(random.next() >> 32)
            .expect("32 bits")
            .to_be_bytes();
        if first < 224 && !SKIPPED.contains(&u32::from(first)) {
            chosen.insert(Ipv4Addr::new(first, a, b, 0));
        }
    }
    let mut networks: Vec<_> = chosen.into_iter().zip((0..REGIONS.len()).cycle()).collect();
    for last in (1..networks.len()).rev() {
        networks.swap(last, random.below(last + 1));
    }
    networks
}

/// Listens on one port of every address that is answered with.
fn listen() -> std::io::Result<(u16, Vec<TcpListener>)> {
    let mut all = (0..REGIONS.len()).flat_map(addresses);
    let first = all.next().expect("there are regions");
    let mut listeners = vec![TcpListener::bind((first, 0))?];
    let port = listeners[0].local_addr()?.port();
    for address in all {
        listeners.push(TcpListener::bind((address, port))?);
    }
    Ok((port, listeners))
}
