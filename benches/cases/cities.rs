//! A city file as large as those that are sold, by seed.
//!
//! No such file may be passed on, so one is drawn: a tree of as many networks as are wanted, two thirds of them IPv4, from
//! /8 to /30 and from /19 to /60, whose neighbours mostly lie in one country and often in one city, as in practice. A record is
//! shaped as MaxMind's are: city, continent, country, location, subdivisions, with names in eight languages. The same
//! numbers give the same octets on every machine.
//!
//! It does not know what the product reads out of a file.
use serde_json::{Value, json};
use waypost::base::Draws;

#[path = "../../tests/support/mmdb_file.rs"]
#[expect(clippy::unwrap_used, reason = "shared with tests")]
mod mmdb_file;

use mmdb_file::{Child, Options, assemble, write_value};

/// Country, continent, latitude and longitude of its middle, and its share of all networks.
type Land = (&'static str, &'static str, f64, f64, u64);

const LANDS: [Land; 24] = [
    ("US", "NA", 39.0, -97.0, 330),
    ("CN", "AS", 35.0, 105.0, 90),
    ("DE", "EU", 51.0, 10.0, 60),
    ("JP", "AS", 36.0, 138.0, 60),
    ("GB", "EU", 54.0, -2.0, 55),
    ("FR", "EU", 46.0, 2.0, 50),
    ("BR", "SA", -10.0, -55.0, 50),
    ("CA", "NA", 56.0, -106.0, 40),
    ("IT", "EU", 42.0, 12.0, 30),
    ("AU", "OC", -27.0, 133.0, 25),
    ("NL", "EU", 52.0, 5.0, 25),
    ("IN", "AS", 20.0, 77.0, 25),
    ("RU", "EU", 60.0, 100.0, 25),
    ("KR", "AS", 37.0, 127.0, 25),
    ("ES", "EU", 40.0, -4.0, 20),
    ("MX", "NA", 23.0, -102.0, 15),
    ("SE", "EU", 62.0, 15.0, 15),
    ("PL", "EU", 52.0, 20.0, 15),
    ("ZA", "AF", -29.0, 24.0, 10),
    ("SG", "AS", 1.0, 103.0, 10),
    ("CH", "EU", 47.0, 8.0, 10),
    ("AR", "SA", -34.0, -64.0, 5),
    ("EG", "AF", 27.0, 30.0, 5),
    ("IS", "EU", 65.0, -18.0, 5),
];

/// The octets of a file of about so many networks and records.
pub(crate) fn write(networks: usize, records: usize) -> Vec<u8> {
    let mut draws = Draws::from_seed(20);
    let mut data = Vec::new();
    let cities = LANDS.iter().map(|land| {
        let own = (records * whole(land.4) / 1000).max(1);
        let record = |number| {
            let offset = data.len();
            write_value(&mut data, &record(land, number, &mut draws));
            offset
        };
        (0..own).map(record).collect()
    });
    let cities: Vec<Vec<usize>> = cities.collect();
    let mut growth = Growth {
        tree: vec![[Child::Nothing; 2]],
        cities,
        draws,
    };
    // IPv4 stands at `::/96`; what is given out of IPv6 is 2000::/3.
    let v4 = growth.grow(0, 30, networks * 2 / 3, None);
    growth.hang(&[false; 96], v4);
    let v6 = growth.grow(3, 60, networks / 3, None);
    growth.hang(&[false, false, true], v6);
    let options = Options {
        record_size: 32,
        ..Options::default()
    };
    assert!(
        options.aliases.is_empty(),
        "no branch leads to IPv4 but its own"
    );
    assemble(&growth.tree, &data, &options)
}

/// A tree that is being drawn; its first node is the root.
struct Growth {
    tree: Vec<[Child; 2]>,
    /// By country: offsets of its records.
    cities: Vec<Vec<usize>>,
    draws: Draws,
}

/// Networks of one registry that lie together: below so many all are of one country.
const TOGETHER: usize = 600;

impl Growth {
    /// A branch of so many networks, none longer than `longest`.
    fn grow(
        &mut self,
        depth: usize,
        longest: usize,
        networks: usize,
        land: Option<usize>,
    ) -> Child {
        let land = land.or_else(|| (networks < TOGETHER).then(|| self.land()));
        let room = 1_usize << (longest - depth).min(40);
        let networks = networks.min(room);
        if networks < 2 {
            return self.city(land.unwrap_or(0));
        }
        let left = match depth {
            // The first blocks are about alike.
            0..8 => networks * (40 + whole(self.draws.below(21))) / 100,
            _ => 1 + networks * whole(self.draws.below(1000)) / 1000,
        };
        let left = left
            .clamp(1, networks - 1)
            .clamp(networks.saturating_sub(room / 2), room / 2);
        let left_child = self.grow(depth + 1, longest, left, land);
        let right_child = self.grow(depth + 1, longest, networks - left, land);
        self.tree.push([left_child, right_child]);
        Child::Node(self.tree.len() - 1)
    }

    fn land(&mut self) -> usize {
        let all: u64 = LANDS.iter().map(|land| land.4).sum();
        let mut drawn = self.draws.below(all);
        let found = LANDS.iter().position(|land| {
            let is_here = drawn < land.4;
            drawn = drawn.saturating_sub(land.4);
            is_here
        });
        found.unwrap_or(0)
    }

    /// A city of a country, the first ones more often; now and then there is no record.
    fn city(&mut self, land: usize) -> Child {
        if self.draws.chance(20) {
            return Child::Nothing;
        }
        let own = self.cities[land].len() as u64;
        let city = self.draws.below(own) * self.draws.below(own) / own;
        Child::Data(self.cities[land][whole(city)])
    }

    /// Hangs a branch at the end of a path.
    fn hang(&mut self, path: &[bool], branch: Child) {
        let mut node = 0;
        let (last, before) = path.split_last().expect("a path of at least one bit");
        for bit in before {
            node = match self.tree[node][usize::from(*bit)] {
                Child::Node(next) => next,
                Child::Nothing | Child::Data(_) => {
                    self.tree.push([Child::Nothing; 2]);
                    let next = self.tree.len() - 1;
                    self.tree[node][usize::from(*bit)] = Child::Node(next);
                    next
                }
            };
        }
        self.tree[node][usize::from(*last)] = branch;
    }
}

fn record((code, continent, north, east, _): &Land, number: usize, draws: &mut Draws) -> Value {
    let names = |noun: &str| {
        let name = format!("{noun} {number} of {code}");
        json!({"de": name, "en": name, "es": name, "fr": name, "ja": name, "pt-BR": name, "ru": name, "zh-CN": name})
    };
    let mut off =
        || f64::from(u32::try_from(draws.below(100_000)).expect("small")) / 10_000.0 - 5.0;
    let country =
        json!({"geoname_id": 6_000_000 + number, "iso_code": code, "names": {"en": code}});
    json!({
        "city": {"geoname_id": 2_000_000 + number, "names": names("City")},
        "continent": {"code": continent, "geoname_id": 6_255_148, "names": {"en": continent}},
        "country": country,
        "location": {
            "accuracy_radius": 20,
            "latitude": north + off(),
            "longitude": east + off(),
            "time_zone": "Europe/Berlin",
        },
        "registered_country": country,
        "subdivisions": [{"geoname_id": 3_000_000 + number % 16, "iso_code": format!("{:02}", number % 16), "names": {"en": "Part"}}],
    })
}

fn whole(number: u64) -> usize {
    usize::try_from(number).expect("small numbers are drawn")
}
