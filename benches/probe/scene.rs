//! The world of a bench: a config of many HTTP endpoints, and a server that runs it on one core.
//!
//! 250 regions with eight tiers of five each; every endpoint has an address of its own in 127.0.0.0/8, all on
//! one port. Ten services (one, where the endpoints are more than ten thousand) share all endpoints and one monitor, so there
//! are as many slots and targets as endpoints. The server is the release build of this package.
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::child::{Pinned, free_port};

const REGIONS: usize = 250;
const SERVICES: usize = 10;
const TIERS: usize = 8;
/// Endpoints that ten services may share.
const FEW: usize = 10_000;

/// What the config says besides endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Endpoints in all; each region gets as many as the others.
    pub(crate) endpoints: usize,
    /// Where they listen.
    pub(crate) port: u16,
    /// Seconds between two probes of one.
    pub(crate) interval: u64,
    /// Further lines of the monitor.
    pub(crate) monitor: &'static str,
    /// Lines of the recovery that all services have.
    pub(crate) recovery: &'static str,
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct Server {
    process: Pinned,
    /// Where it answers.
    pub(crate) port: u16,
    control: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts one on a core and waits until it is ready.
    pub(crate) fn start(wish: Wish, core: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, control) = (free_port(), free_port());
        write_config(folder.path(), wish, port, control);
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command
            .arg("run")
            .arg("--config")
            .arg(folder.path().join("config.toml"));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let server = Self {
            process: Pinned::start(&mut command, core),
            port,
            control,
            _folder: folder,
        };
        while server
            .get("/readyz")
            .is_none_or(|text| !text.starts_with("HTTP/1.1 200"))
        {
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its metrics as text.
    pub(crate) fn metrics(&self) -> String {
        self.get("/metrics").unwrap()
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.control)).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let host = "host: localhost\r\nconnection: close";
        write!(stream, "GET {path} HTTP/1.1\r\n{host}\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }
}

/// Writes the config and the zone of a server into its folder.
pub(crate) fn write_config(folder: &Path, wish: Wish, port: u16, control: u16) {
    std::fs::write(folder.join("bench.zone"), ZONE).unwrap();
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\"]\n\
         [control]\nlisten = \"127.0.0.1:{control}\"\n\
         [[zones]]\nname = \"example.org\"\nfile = \"bench.zone\"\n\
         [monitors.web]\ntype = \"http\"\nport = {}\nhost = \"health.example.org\"\n\
         path = \"/healthz\"\ninterval = \"{}s\"\ntimeout = \"2s\"\n{}\n\
         [recoveries.bench]\n{}\n",
        wish.port, wish.interval, wish.monitor, wish.recovery
    );
    let services = if wish.endpoints > FEW { 1 } else { SERVICES };
    for service in 0..services {
        writeln!(
            text,
            "[services.s{service}]\nhostnames = [\"s{service}.example.org\"]\n\
             monitors = [\"web\"]\nrecovery = \"bench\""
        )
        .unwrap();
    }
    for region in 0..REGIONS {
        write_region(&mut text, region, wish.endpoints / REGIONS);
    }
    std::fs::write(folder.join("config.toml"), text).unwrap();
}

/// The zone.
pub(crate) const ZONE: &str = "$TTL 300\n\
    @ IN SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 300\n\
    @ IN NS ns.example.org.\n\
    ns IN A 127.0.0.1\n";

fn write_region(text: &mut String, region: usize, endpoints: usize) {
    let (latitude, longitude) = (region as i64 / 25 * 12 - 54, region as i64 % 25 * 14 - 168);
    writeln!(
        text,
        "[regions.r{region}]\nlocation = [{latitude}.0, {longitude}.0]"
    )
    .unwrap();
    for index in 0..endpoints {
        let (number, tier) = (region * endpoints + index, index % TIERS + 1);
        let address = address(number);
        writeln!(
            text,
            "[[regions.r{region}.endpoints]]\nname = \"e{number}\"\nprovider = \"p{tier}\"\n\
             tier = {tier}\naddresses = [\"{address}\"]"
        )
        .unwrap();
    }
}

/// An address for each number below 9 million.
pub(crate) fn address(number: usize) -> Ipv4Addr {
    let [high, middle, low] = [number / 62_500 + 64, number / 250 % 250, number % 250 + 1];
    Ipv4Addr::new(127, high as u8, middle as u8, low as u8)
}
