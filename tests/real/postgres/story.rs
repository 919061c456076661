//! A region dies, comes back behind, stays gated while it catches up, then ramps: `waypost run` with a
//! config, asked over DNS by many clients, over a real primary and standby, in real time.
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use waypost::dns::{Name, ask};

use super::cluster::{Cluster, free_port};
use crate::probing::PATIENCE;
use crate::world::get_at;

/// How many networks of clients are asked for.
const CLIENTS: u8 = 200;
/// Passes that the gate must have in a row, and the least time between two of them: what the config
/// says, less jitter.
const RISE: u32 = 6;
const APART: Duration = Duration::from_millis(400);

/// A running server; it ends when this is dropped.
struct Waypost {
    child: Child,
    folder: TempDir,
    dns: SocketAddr,
    control: SocketAddr,
}

impl Waypost {
    fn start(cluster: &Cluster) -> Self {
        let folder = TempDir::new().unwrap();
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (dns, control) = (
            free_port(Ipv4Addr::LOCALHOST),
            free_port(Ipv4Addr::LOCALHOST),
        );
        let write = |name, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("config.toml", &config(cluster, local(dns), local(control)));
        write("replicated.password", "right\n");
        write("example.org.zone", ZONE);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_waypost"))
            .args(["run", "--log", "json", "--config"])
            .arg(folder.path().join("config.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            folder,
            dns: local(dns),
            control: local(control),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The state of an endpoint, and its detail; neither before the server answers.
    fn state(&self, endpoint: &str) -> (String, String) {
        let Some((_, body)) = get_at(self.control, "/api/v1/status") else {
            return ("silent".to_owned(), String::new());
        };
        let status: Value = serde_json::from_str(&body).unwrap();
        let regions = status["regions"].as_array().unwrap();
        let mut endpoints = regions.iter().map(|region| &region["endpoints"][0]);
        let found = endpoints.find(|one| one["name"] == endpoint).unwrap();
        let word = |key: &str| found["targets"][0][key].as_str().unwrap().to_owned();
        (word("state"), word("detail"))
    }

    /// Waits until the endpoint that is lost is in a state, and clients have been told: changes
    /// are gathered for a moment before they are published.
    fn until(&self, state: &str) {
        let begun = Instant::now();
        loop {
            let seen = self.state("near");
            if seen.0 == state {
                std::thread::sleep(Duration::from_millis(300));
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "never {state}: {seen:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Which clients are sent to the standby; the others are sent to the primary.
    fn clients(&self, cluster: &Cluster) -> Vec<bool> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(self.dns).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let ask = |number: u8| {
            let question = ask::Question {
                name: Name::parse("data.example.org").unwrap(),
                rtype: 1,
                wants: vec![ask::Want::Subnet(IpAddr::from([10, 1, number, 0]), 24)],
            };
            let query = ask::encode(u16::from(number), &question);
            socket.send(&query).unwrap();
            let mut reply = [0; 1500];
            let length = socket.recv(&mut reply).unwrap();
            let reply = ask::decode(&reply[..length]).unwrap();
            match reply.addresses().collect::<Vec<_>>()[..] {
                [address] if address == cluster.standby.address.ip() => true,
                [address] if address == cluster.primary.address.ip() => false,
                ref other => panic!("{other:?}"),
            }
        };
        (0..CLIENTS).map(ask).collect()
    }
}

impl Drop for Waypost {
    #[expect(
        clippy::print_stderr,
        reason = "what the server said, when a test fails"
    )]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

fn count(clients: &[bool]) -> usize {
    clients.iter().filter(|near| **near).count()
}

/// Who is near already stays there, for a ramp only rises.
fn assert_risen(before: &[bool], after: &[bool]) {
    let kept = before
        .iter()
        .zip(after)
        .all(|(before, after)| before <= after);
    assert!(kept, "a client was moved back");
}

#[test]
fn a_region_that_comes_back_behind_waits_until_it_has_caught_up() {
    let mut cluster = Cluster::start();
    let waypost = Waypost::start(&cluster);
    waypost.until("healthy");
    assert_eq!(count(&waypost.clients(&cluster)), usize::from(CLIENTS));

    // It dies, and the primary writes on. A delay will hold its replay once it is back.
    cluster.standby.set("recovery_min_apply_delay", "1h");
    cluster.standby.kill();
    waypost.until("down");
    assert_eq!(count(&waypost.clients(&cluster)), 0);
    assert_eq!(waypost.state("far").0, "healthy");
    cluster.write();

    // It is back: it answers, but its data is behind, so nobody is sent there.
    cluster.standby.start();
    waypost.until("gated");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        assert_eq!(waypost.state("near").0, "gated");
        assert_eq!(count(&waypost.clients(&cluster)), 0);
    }

    // It catches up. One look that finds it so is not enough.
    let released = Instant::now();
    cluster.standby.set("recovery_min_apply_delay", "0");
    waypost.until("ramping");
    assert!(released.elapsed() >= APART * (RISE - 1), "too early");
    let first = waypost.clients(&cluster);
    assert!((1..usize::from(CLIENTS)).contains(&count(&first)));

    // It falls behind once more: the ramp holds what it has.
    cluster.standby.sql("SELECT pg_wal_replay_pause()");
    cluster.write();
    waypost.until("gated");
    let held = waypost.clients(&cluster);
    assert_risen(&first, &held);
    std::thread::sleep(EVERY + Duration::from_secs(1));
    assert_eq!(waypost.state("near").0, "gated");
    assert_eq!(waypost.clients(&cluster), held);

    cluster.standby.sql("SELECT pg_wal_replay_resume()");
    waypost.until("healthy");
    assert_eq!(count(&waypost.clients(&cluster)), usize::from(CLIENTS));
    assert!(
        !waypost.log().contains("right"),
        "the password is in the log"
    );
}

/// Between the steps of the ramp.
const EVERY: Duration = Duration::from_secs(4);

/// Clients of `10.1.0.0/16` are served by the standby, as long as it stands.
fn config(cluster: &Cluster, dns: SocketAddr, control: SocketAddr) -> String {
    let (near, far) = (cluster.standby.address, cluster.primary.address);
    format!(
        r#"
[server]
listen = ["{dns}"]

[control]
listen = "{control}"

[geo]
database = "embedded"

[[zones]]
name = "example.org"
file = "example.org.zone"

[regions.near]
location = [50.11, 8.68]
serves = ["10.1.0.0/16"]
[[regions.near.endpoints]]
name = "near"
provider = "acme"
addresses = ["{}"]

[regions.far]
location = [43.65, -79.38]
[[regions.far.endpoints]]
name = "far"
provider = "bolt"
addresses = ["{}"]

[monitors.port]
type = "tcp"
port = {}
interval = "1s"
near_interval = "500ms"
timeout = "1s"
fall = 2
rise = 2

[monitors.replicated]
type = "postgres"
port = {}
user = "waypost"
password_file = "replicated.password"
database = "postgres"
primary = "{far}"
max_lag = {{ time = "2s", bytes = "100kB" }}
interval = "1s"
near_interval = "500ms"
timeout = "1s"
fall = 2
rise = {RISE}

[recoveries.gradual]
steps = [10, 50, 100]
every = "{}s"
gate = "replicated"
damping = {{ most = 1 }}

[services.data]
hostnames = ["data.example.org"]
monitors = ["port"]
recovery = "gradual"
residency = "any"
"#,
        near.ip(),
        far.ip(),
        near.port(),
        near.port(),
        EVERY.as_secs(),
    )
}

const ZONE: &str =
    "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.1\n";
