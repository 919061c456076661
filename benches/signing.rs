//! What signing costs: the start of a server with 1,000 steered names in 8 regions, and the renewal
//! of 100,000 RRsets as time goes by.
//!
//! `cargo bench --bench signing`. The start is the real binary's, from its call to `/readyz`, signed and
//! not; renewals are those of a zone in this process, in virtual time, a look each second as the server takes
//! them, and the figure is processor time by virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench is run by hand"
)]
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use waypost::dns::Name;
use waypost::dns::dnssec::{Algorithm, PrivateKey};
use waypost::dns::zone::signed::{Denial, Signed, Signing};
use waypost::dns::zone::{Record, Zone};

const SERVICES: usize = 1000;
const REGIONS: usize = 8;
const ROUNDS: usize = 3;
/// Names of the zone that is renewed; each has an RRset and a link of the chain.
const NAMES: usize = 50_000;
const VALIDITY: u64 = 14 * 86_400;
/// Virtual seconds of renewals.
const LOOKS: u64 = 20_000;
const TOGETHER: u64 = 30;
const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

fn main() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    for dnssec in ["", "dnssec = {}", "dnssec = { denial = \"nsec3\" }"] {
        let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| start(folder.path(), dnssec)).collect();
        rounds.sort();
        println!(
            "start with {SERVICES} steered names x {REGIONS} regions, 2 endpoints each, {}: {:.2} s (median of {ROUNDS})",
            if dnssec.is_empty() {
                "not signed"
            } else {
                dnssec
            },
            rounds[ROUNDS / 2].as_secs_f64()
        );
    }
    renew();
}

/// Config and zone, without what `dnssec` says.
fn write(folder: &Path) {
    let zone = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n NS ns1\nns1 A 127.0.0.1\n";
    fs::write(folder.join("example.org.zone"), zone).unwrap();
}

fn config(dnssec: &str) -> String {
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:15353\"]\n[control]\nlisten = \"127.0.0.1:18053\"\n\
         [[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n{dnssec}\n\
         [monitors.web]\ntype = \"tcp\"\nport = 9\ninterval = \"1m\"\n"
    );
    for region in 0..REGIONS {
        writeln!(
            text,
            "[regions.r{region}]\nlocation = [{region}.0, {region}.0]"
        )
        .unwrap();
        for endpoint in 1..=2 {
            writeln!(
                text,
                "[[regions.r{region}.endpoints]]\nname = \"r{region}-{endpoint}\"\nprovider = \"p\"\n\
                 tier = {endpoint}\naddresses = [\"127.1.{region}.{endpoint}\"]"
            )
            .unwrap();
        }
    }
    for service in 0..SERVICES {
        writeln!(
            text,
            "[services.s{service}]\nhostnames = [\"s{service}.example.org\"]\nmonitors = [\"web\"]"
        )
        .unwrap();
    }
    text
}

/// From the call to the first ready answer.
fn start(folder: &Path, dnssec: &str) -> Duration {
    let path = folder.join("config.toml");
    fs::write(&path, config(dnssec)).unwrap();
    if !dnssec.is_empty() && !folder.join("keys").exists() {
        let mut generate = Command::new(WAYPOST);
        generate
            .args(["keys", "generate", "example.org", "--config"])
            .arg(&path);
        assert!(generate.output().unwrap().status.success());
    }
    let begun = Instant::now();
    let child = Command::new(WAYPOST)
        .args(["run", "--config"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Server(child);
    while !is_ready() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not become ready"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_ready() -> bool {
    let Ok(mut stream) = TcpStream::connect("127.0.0.1:18053") else {
        return false;
    };
    let asked =
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut text = String::new();
    asked.is_ok() && stream.read_to_string(&mut text).is_ok() && text.starts_with("HTTP/1.1 200")
}

fn renew() {
    for algorithm in [
        Algorithm::EcdsaP256,
        Algorithm::Ed25519,
        Algorithm::RsaSha256,
    ] {
        let begun = processor_ms();
        let mut now = 1_800_000_000;
        let mut signed = sign(algorithm, now);
        let first = processor_ms() - begun;
        let rrsets = signed.entries();
        let (begun, mut chunks) = (processor_ms(), 0);
        for _ in 0..LOOKS {
            now += 1;
            if signed.due(now) + TOGETHER > now {
                continue;
            }
            let due = signed.stale(now);
            chunks += due.len();
            signed = renewed(&signed, &due, now);
        }
        let spent = processor_ms() - begun;
        println!(
            "{algorithm}: {rrsets} RRsets signed in {:.1} s of one core; renewed over half of {} days: {:.3} % of a core ({chunks} chunks in {LOOKS} s)",
            first as f64 / 1000.0,
            VALIDITY / 86_400,
            spent as f64 / 10.0 / LOOKS as f64
        );
    }
}

fn sign(algorithm: Algorithm, now: u64) -> Signed {
    let key = Arc::new(PrivateKey::generate(algorithm, 257, [7; 32]).unwrap());
    let apex = Name::parse("example.org").unwrap();
    let record = |owner: Name, rtype, rdata: &[u8]| Record {
        owner,
        rtype,
        ttl: 300,
        rdata: rdata.to_vec(),
        line: 1,
    };
    let soa = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
    let mut records = vec![
        record(apex.clone(), 6, soa),
        record(apex.clone(), 2, b"\x02ns\x05other\x04test\0"),
    ];
    for number in 0..NAMES {
        let owner = Name::parse(&format!("host{number}.example.org")).unwrap();
        records.push(record(owner, 16, b"\x04text"));
    }
    let zone = Arc::new(Zone::build(&apex, records, &[]).unwrap());
    let signing = Signing {
        entry_keys: vec![Arc::clone(&key)],
        zone_keys: vec![key],
        denial: Denial::Nsec,
        validity: VALIDITY,
    };
    let unsigned = Signed::following(None, zone, signing, &[]);
    let all = unsigned.stale(now);
    renewed(&unsigned, &all, now)
}

fn renewed(signed: &Signed, due: &[usize], now: u64) -> Signed {
    let made = due.iter().map(|&chunk| (chunk, signed.sign(chunk, now)));
    signed.renewed(made.collect())
}

/// Processor time of this process, milliseconds.
fn processor_ms() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds()
}
