//! Configs of any size, in one thing at a time.
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::cities;

/// Something that there can be many of.
pub(super) struct World {
    pub(super) name: &'static str,
    /// The size that the project promises.
    pub(super) whole: usize,
    write: fn(&Path, usize),
}

impl World {
    pub(super) const ALL: [Self; 7] = [
        Self {
            name: "names",
            whole: 1_000_000,
            write: |folder, size| zone_of(folder, size, ""),
        },
        Self {
            name: "signed",
            whole: 200_000,
            write: |folder, size| zone_of(folder, size, "dnssec = {}"),
        },
        Self {
            name: "zones",
            whole: 10_000,
            write: zones,
        },
        Self {
            name: "endpoints",
            whole: 10_000,
            write: |folder, size| machines(folder, size, 1, 50),
        },
        Self {
            name: "services",
            whole: 1000,
            write: |folder, size| machines(folder, 16, size, 16),
        },
        Self {
            name: "networks",
            whole: 2_940_000,
            write: networks,
        },
        Self {
            name: "secondaries",
            whole: 200,
            write: secondaries,
        },
    ];

    /// The one of a name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        const ALL: &[World] = &World::ALL;
        ALL.iter().find(|world| world.name == name)
    }

    /// Writes its config of a size.
    pub(super) fn write(&self, folder: &Path, size: usize) {
        (self.write)(folder, size);
    }
}

/// The head of a config with a zone, which is written too.
fn head(folder: &Path, names: usize, zone: &str) -> String {
    let mut text =
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n"
            .to_owned();
    for number in 0..names {
        let (high, low) = (number / 250 % 250, number % 250);
        writeln!(text, "host-{number} A 198.18.{high}.{low}").unwrap();
    }
    fs::write(folder.join("example.org.zone"), text).unwrap();
    format!(
        "[server]\nlisten = [\"127.0.0.1:5300\"]\n[[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n{zone}\n"
    )
}

fn write_config(folder: &Path, text: &str) {
    fs::write(folder.join("config.toml"), text).unwrap();
}

fn zone_of(folder: &Path, names: usize, zone: &str) {
    let zone = format!("{zone}\ntransfer = {{ to = [\"192.0.2.7/32\"] }}");
    let text = head(folder, names, &zone);
    write_config(folder, &(text + &regions(4, 1) + &services(1)));
}

fn zones(folder: &Path, count: usize) {
    let mut text = head(folder, 10, "");
    for number in 0..count {
        let file = format!("z{number}.zone");
        let content = "$TTL 300\n@ SOA ns1.example.org. hostmaster 1 3600 900 604800 60\n@ NS ns1.example.org.\nwww A 192.0.2.1\n";
        fs::write(folder.join(&file), content).unwrap();
        writeln!(
            text,
            "[[zones]]\nname = \"z{number}.example\"\nfile = \"{file}\""
        )
        .unwrap();
    }
    write_config(folder, &(text + &regions(4, 1) + &services(1)));
}

fn machines(folder: &Path, endpoints: usize, services_count: usize, in_region: usize) {
    let text = head(folder, 10, "");
    let regions_count = endpoints.div_ceil(in_region).clamp(1, 200);
    let text = text + &regions(regions_count, endpoints.div_ceil(regions_count));
    write_config(folder, &(text + &services(services_count)));
}

fn networks(folder: &Path, count: usize) {
    let file = folder.join("cities.mmdb");
    fs::write(&file, cities::write(count, (count / 30).max(10))).unwrap();
    let text = head(folder, 10, "") + "[geo]\ndatabase = \"cities.mmdb\"\n";
    write_config(folder, &(text + &regions(8, 1) + &services(1)));
}

fn secondaries(folder: &Path, count: usize) {
    let all: Vec<String> = (0..count)
        .map(|number| format!("\"192.0.{}.{}/32\"", number / 250, number % 250))
        .collect();
    let zone = format!("transfer = {{ to = [{}] }}", all.join(", "));
    let text = head(folder, 1000, &zone);
    write_config(folder, &(text + &regions(4, 1) + &services(1)));
}

fn regions(count: usize, endpoints: usize) -> String {
    let mut text = String::new();
    for region in 0..count {
        let (north, east) = (region * 7 % 120, region * 13 % 340);
        let (north, east) = (north as f64 - 60.0, east as f64 - 170.0);
        writeln!(text, "[regions.r{region}]\nlocation = [{north}, {east}]").unwrap();
        for number in 0..endpoints {
            let address = region * endpoints + number;
            let [high, middle, low] = [address / 62_500, address / 250 % 250, address % 250];
            writeln!(
                text,
                "[[regions.r{region}.endpoints]]\nname = \"r{region}-e{number}\"\nprovider = \"own\"\naddresses = [\"10.{high}.{middle}.{low}\"]"
            )
            .unwrap();
        }
    }
    text
}

fn services(count: usize) -> String {
    let mut text = "[monitors.web]\ntype = \"http\"\ninterval = \"5s\"\n".to_owned();
    for number in 0..count {
        writeln!(
            text,
            "[services.s{number}]\nhostnames = [\"s{number}.example.org\"]\nmonitors = [\"web\"]"
        )
        .unwrap();
    }
    text
}
