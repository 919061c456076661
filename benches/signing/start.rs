//! The start of a server with 1,000 steered names in 8 regions, from its call to `/readyz`, signed and not.
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SERVICES: usize = 1000;
const REGIONS: usize = 8;
const ROUNDS: usize = 3;
const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

pub(crate) fn measure() {
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
