//! How long it takes to prove a large config, and to compare it with another: 12 regions under 12
//! laws, 50 services of every residency, and 250 classes of clients or more for each service that is
//! not strict (`waypost verify`, `waypost plan`).
//!
//! Each is run once and timed by itself, because it takes as long as a person waits, not as long as a
//! query does. What has to hold (`BAR`) is asserted.
#![expect(clippy::print_stdout, reason = "a bench reports")]
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use waypost::audit::compare::compare;
use waypost::audit::verify::{Verdict, verify};
use waypost::config::{self, Files};
use waypost::plan::Plan;

const SERVICES: usize = 50;
/// Classes that a service has at the least, if it is not strict.
const CLASSES: usize = 250;
/// One in so many /8s has a /16 for each region, to make more classes of the same countries.
const APART: usize = 8;
/// The longest that a proof may take.
const BAR: Duration = Duration::from_secs(10);
const ZONE: &str =
    "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n";
/// Regions: where they are, and whose law holds there.
const REGIONS: [(&str, f64, f64, &str); 12] = [
    ("frankfurt", 50.11, 8.68, "DE"),
    ("iceland", 64.15, -21.94, "IS"),
    ("toronto", 43.65, -79.38, "CA"),
    ("singapore", 1.35, 103.82, "SG"),
    ("tokyo", 35.68, 139.69, "JP"),
    ("sydney", -33.87, 151.21, "AU"),
    ("mumbai", 19.08, 72.88, "IN"),
    ("saopaulo", -23.55, -46.63, "BR"),
    ("johannesburg", -26.2, 28.05, "ZA"),
    ("virginia", 38.9, -77.04, "US"),
    ("dubai", 25.2, 55.27, "AE"),
    ("nairobi", -1.29, 36.82, "KE"),
];
/// Countries whose networks are shared out, each to another first region.
const SHARED: [&str; 12] = [
    "FR", "PL", "MX", "MY", "KR", "NZ", "PK", "AR", "BW", "CU", "OM", "UG",
];

/// The config, with tier 1 of every region at so many percent of the weight.
fn text(weight: u16) -> String {
    let mut text = String::from(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n[monitors.web]\ntype = \"tcp\"\nport = 80\n[jurisdictions]\n",
    );
    for (_, _, _, law) in REGIONS {
        let _ = writeln!(text, "{law} = {{ countries = [\"{law}\"] }}");
    }
    for (index, (name, latitude, longitude, law)) in REGIONS.into_iter().enumerate() {
        let shared = SHARED[index];
        let networks = (1..224).step_by(APART);
        let networks = networks.map(|first| format!(", \"{first}.{index}.0.0/16\""));
        let networks: String = networks.collect();
        let _ = writeln!(
            text,
            "[regions.{name}]\nlocation = [{latitude:.2}, {longitude:.2}]\njurisdiction = \"{law}\"\nserves = [\"{shared}\"{networks}]"
        );
        for (machine, tier) in [(0, 1), (1, 1), (2, 2), (3, 2)] {
            let weight = if machine == 0 { weight } else { 100 };
            let _ = writeln!(
                text,
                "[[regions.{name}.endpoints]]\nname = \"{name}-{machine}\"\nprovider = \"p{machine}\"\ntier = {tier}\nweight = {weight}\naddresses = [\"10.9.{index}.{machine}\", \"2001:db8:{index}::{machine}\"]"
            );
        }
    }
    for service in 0..SERVICES {
        let residency = ["any", "prefer", "strict"][service % 3];
        let _ = writeln!(
            text,
            "[services.s{service}]\nhostnames = [\"s{service}.example.org\"]\nmonitors = [\"web\"]\nresidency = \"{residency}\"\nanswers = {}",
            1 + service % 2
        );
        if residency == "strict" {
            let _ = writeln!(text, "unknown = \"any\"");
        }
    }
    text
}

fn plan(weight: u16) -> Arc<Plan> {
    let (spec, found) = config::read(Path::new("/bench/config.toml"), &text(weight));
    let zone = (
        PathBuf::from("/bench/example.org.zone"),
        Ok(ZONE.as_bytes().into()),
    );
    let files = Files::from([zone]);
    let (compiled, _) = config::compile(&spec, found, &files)
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    Arc::new(compiled.plan)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn timed<T>(what: &str, run: impl FnOnce() -> T) -> (T, Duration) {
    let before = Instant::now();
    let result = run();
    let took = before.elapsed();
    println!("verify/{what}: {took:.2?}");
    (result, took)
}

fn main() {
    let current = plan(100);
    let mut classes: BTreeMap<usize, usize> = BTreeMap::new();
    for service in &current.services {
        let own = current.maps[service.map.index()].classes.len();
        *classes.entry(own).or_default() += 1;
    }
    println!(
        "verify: {} regions, {} endpoints, {} services; by number of classes: {classes:?}",
        current.regions.len(),
        current.endpoints.len(),
        current.services.len()
    );
    assert!(classes.keys().any(|number| *number >= CLASSES));
    let (proof, took) = timed("prove", || verify(&current));
    assert_eq!(proof.result, Verdict::Proved);
    println!("verify: {:?}", proof.cases);
    assert!(took <= BAR, "a proof takes {took:?}, longer than {BAR:?}");
    let new = plan(200);
    let (compared, _) = timed("compare with other weights", || compare(&current, &new));
    println!(
        "verify: {} move, {} failures compared",
        compared.moved_millionths,
        compared.failures.len()
    );
}
