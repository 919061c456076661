//! Five nodes, each in a network of its own, the machines that they watch, and the fabric between all of them.
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};
use waypost::dns::{Name, ask};
use waypost::share::AuthorSeal;

use super::fabric::{Fabric, fabric_address, line_address};
use super::history::PATIENCE;
use crate::anycast::{Place, well};
use crate::drill::tiny_database;
use crate::membership::NodeAuthority;
use crate::world::{Process, World, ZONE, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
pub(super) const NODES: [&str; 5] = ["fra1", "ovh1", "tor1", "sin1", "syd1"];
/// The providers of nodes: a majority of one alone is none.
const PROVIDERS: [&str; 5] = ["hetzner", "ovh", "hetzner", "aws", "hetzner"];
/// Machines: name, address, region.
pub(super) const MACHINES: [(&str, &str, &str); 6] = [
    ("fra-one", "10.7.0.101", "eu-frankfurt"),
    ("fra-two", "10.7.0.102", "eu-frankfurt"),
    ("fra-three", "10.7.0.103", "eu-frankfurt"),
    ("tor-one", "10.7.0.104", "na-toronto"),
    ("tor-two", "10.7.0.105", "na-toronto"),
    ("sin-one", "10.7.0.106", "ap-singapore"),
];
const CANARIES: [&str; 2] = ["10.7.0.2", "10.7.0.3"];
/// What clients ask, and as whom.
pub(super) const CLIENTS: [(&str, &str); 3] = [
    ("api.example.org", "198.51.100.9"),
    ("data.example.org", "198.51.100.9"),
    ("data.example.org", "203.0.113.9"),
];
/// The bound on a reply, so that one that comes late is not taken for another's.
const READ: Duration = Duration::from_secs(5);

/// A machine: an HTTP server that is well or is not.
struct Machine {
    is_well: Arc<AtomicBool>,
}

/// All of it.
pub(super) struct Site {
    // Ends before the networks that it carries for do.
    fabric: Fabric,
    pub(super) world: World,
    places: Vec<Place>,
    servers: Vec<Option<Process>>,
    machines: Vec<Machine>,
}

/// The address of a node, or of all else, in the fabric.
pub(super) fn address(who: &str) -> String {
    let node = NODES.iter().position(|name| *name == who);
    node.map_or("10.7.0.1".to_owned(), fabric_address)
}

impl Site {
    pub(super) fn start(seed: u64) -> Self {
        let world = World::new();
        fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
        world.write("zones/example.org.zone", ZONE);
        fs::write(world.path("tiny.mmdb"), tiny_database()).unwrap();
        let places: Vec<Place> = NODES.iter().map(|name| Place::new(&world, name)).collect();
        let fabric = Fabric::start(seed, &places);
        let machines = MACHINES.map(|(_, address, _)| machine(address));
        let _canaries = CANARIES.map(machine);
        let authority = NodeAuthority::new();
        let mut site = Self {
            servers: NODES.iter().map(|_| None).collect(),
            machines: machines.into(),
            world,
            places,
            fabric,
        };
        for node in 0..NODES.len() {
            site.prepare(node, &authority);
            site.begin(node);
        }
        for node in 0..NODES.len() {
            wait_for("each to hear all", || {
                let heard = call(&site.world.path(""), node, "GET", "/api/v1/cluster");
                heard.is_some_and(|(_, said)| said["summary"]["nodes"]["heard"] == NODES.len())
            });
            wait_for("machines that are well", || {
                let said = call(&site.world.path(""), node, "GET", "/api/v1/status");
                let healthy = "\"state\":\"healthy\"";
                said.is_some_and(|(_, said)| {
                    said.to_string().matches(healthy).count() >= MACHINES.len()
                })
            });
        }
        site
    }

    /// Writes the files of a node.
    fn prepare(&self, node: usize, authority: &NodeAuthority) {
        let name = NODES[node];
        let folder = self.world.path("");
        authority.issue(&folder, (name, &[name]), node as u64 + 1, 2090);
        let seal = format!("{:02x}", node + 1).repeat(32);
        let seal = self.world.write(&format!("{name}.seal"), &seal);
        fs::set_permissions(seal, fs::Permissions::from_mode(0o600)).unwrap();
        self.world.write(&format!("{name}.toml"), &config(node));
    }

    /// Starts a node's server, and waits until it answers.
    pub(super) fn begin(&mut self, node: usize) {
        let name = NODES[node];
        let file = self.world.path(&format!("{name}.toml"));
        let mut server = self.places[node].command(WAYPOST);
        server.args(["run", "--log", "json", "--config"]).arg(&file);
        self.servers[node] = Some(self.world.start(&format!("{name}-server"), &mut server));
        wait_for(&format!("{name} to be ready"), || {
            run(WAYPOST, &["ready", "--config", file.to_str().unwrap()]).1
        });
    }

    pub(super) fn kill(&mut self, node: usize) {
        self.servers[node].take().unwrap().kill();
    }

    pub(super) fn signal(&self, node: usize, signal: Signal) {
        kill(self.servers[node].as_ref().unwrap().id(), signal).unwrap();
    }

    /// Says what is wrong with the links from now on, as the history has it.
    pub(super) fn links(&mut self, wrong: &Value) {
        let mut wrong = wrong.clone();
        for one in wrong["blocked"].as_array_mut().unwrap() {
            let ends = one.as_array().unwrap().iter();
            *one = ends.map(|end| address(end.as_str().unwrap())).collect();
        }
        self.fabric.set(&wrong);
    }

    pub(super) fn set(&self, machine: usize, is_well: bool) {
        self.machines[machine]
            .is_well
            .store(is_well, Ordering::Relaxed);
    }

    /// The folder of a node's disk.
    pub(super) fn state(&self, node: usize) -> std::path::PathBuf {
        self.world.path(&format!("state-{}", NODES[node]))
    }
}

/// Starts an HTTP server that says that all is well, as long as it is told so; it ends with the process.
fn machine(own: &str) -> Machine {
    well(&format!("ip address add {own}/24 dev world0"));
    let listener = TcpListener::bind((own, 8080)).unwrap();
    let is_well = Arc::new(AtomicBool::new(true));
    let shared = Arc::clone(&is_well);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), is_well) = (stream, shared.load(Ordering::Relaxed)) else {
                continue;
            };
            thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(READ));
                if is_well && stream.read(&mut [0; 2048]).is_ok() {
                    let _ = stream.write_all(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwell\n",
                    );
                }
            });
        }
    });
    Machine { is_well }
}

/// Calls the control API of a node by its socket: status, and the body, if it answers with JSON in time.
pub(super) fn call(folder: &Path, node: usize, method: &str, path: &str) -> Option<(u16, Value)> {
    let mut stream = UnixStream::connect(folder.join(format!("{}.sock", NODES[node]))).ok()?;
    stream.set_read_timeout(Some(READ)).ok()?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

/// A client's line to a node.
pub(super) struct Line {
    socket: UdpSocket,
    id: u16,
}

impl Line {
    pub(super) fn new(node: usize) -> Self {
        let socket = UdpSocket::bind(format!("10.8.{node}.1:0")).unwrap();
        socket.connect((line_address(node), 53)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, id: 0 }
    }

    /// The answer, as the history has it, if one comes.
    pub(super) fn ask(&mut self, name: &str, client: &str) -> Option<Value> {
        self.id = self.id.wrapping_add(1);
        let client: IpAddr = client.parse().unwrap();
        let question = ask::Question {
            name: Name::parse(name).unwrap(),
            rtype: 1,
            wants: vec![ask::Want::Subnet(client, 32)],
        };
        self.socket.send(&ask::encode(self.id, &question)).ok()?;
        let mut octets = [0; 1500];
        loop {
            let length = self.socket.recv(&mut octets).ok()?;
            let reply = ask::decode(&octets[..length]).expect("a reply that can be read");
            // One that was given up may come after all.
            if reply.id == self.id {
                let addresses: Vec<String> = reply.addresses().map(|one| one.to_string()).collect();
                return Some(json!({ "rcode": reply.rcode, "addresses": addresses }));
            }
        }
    }
}

/// The addresses that clients of a place may be given of a strict service.
pub(super) fn allowed(client: &str) -> Vec<&'static str> {
    let region = match client {
        "203.0.113.9" => "na-toronto",
        _ => "eu-frankfurt",
    };
    let own = MACHINES.iter().filter(|machine| machine.2 == region);
    own.map(|machine| machine.1).collect()
}

#[expect(clippy::too_many_lines, reason = "the text of a config")]
fn config(node: usize) -> String {
    let (name, own) = (NODES[node], address(NODES[node]));
    let others = NODES.iter().filter(|other| **other != name);
    let peers: Vec<String> = others
        .map(|other| format!("\"{}:5354\"", address(other)))
        .collect();
    let [one, two] = CANARIES;
    let mut text = format!(
        r#"[server]
listen = ["10.8.{node}.2:53"]
identity = "{name}"
state = "state-{name}"
[control]
socket = "{name}.sock"
[geo]
database = "tiny.mmdb"
overrides = {{ "198.51.100.0/24" = "DE", "203.0.113.0/24" = "CA" }}
[[zones]]
name = "example.org"
file = "zones/example.org.zone"
[jurisdictions]
EEA = {{ countries = ["@EEA"] }}
CA = {{ countries = ["CA"] }}
SG = {{ countries = ["SG"] }}
[monitors.web]
type = "http"
port = 8080
path = "/"
interval = "1s"
timeout = "800ms"
fall = 2
rise = 2
[recoveries.quick]
steps = [50, 100]
every = "1s"
[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
recovery = "quick"
ttl = {{ min = "1s", max = "2s" }}
[services.userdata]
hostnames = ["data.example.org"]
monitors = ["web"]
recovery = "quick"
residency = "strict"
unknown = "any"
ttl = {{ min = "1s", max = "2s" }}
[guard]
canaries = ["{one}:8080", "{two}:8080"]
[cluster]
name = "storm"
node = "{name}"
key = "{name}.seal"
certificate = "{name}.pem"
private_key = "{name}.key"
roots = "{name}-ca.pem"
listen = ["{own}:5354"]
peers = [{}]
alone_after = "20s"
"#,
        peers.join(", ")
    );
    for (region, jurisdiction, location) in [
        ("eu-frankfurt", "EEA", "[50.11, 8.68]"),
        ("na-toronto", "CA", "[43.65, -79.38]"),
        ("ap-singapore", "SG", "[1.35, 103.82]"),
    ] {
        writeln!(
            text,
            "[regions.{region}]\nlocation = {location}\njurisdiction = \"{jurisdiction}\""
        )
        .unwrap();
        for (machine, address, of) in MACHINES {
            if of == region {
                writeln!(text, "[[regions.{region}.endpoints]]\nname = \"{machine}\"\nprovider = \"{machine}-host\"\ntier = 1\naddresses = [\"{address}\"]").unwrap();
            }
        }
    }
    for ((name, provider), number) in NODES.iter().zip(PROVIDERS).zip(1..) {
        let key = AuthorSeal::from_seed(&[number; 32]).unwrap().key().0;
        let key: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
        writeln!(text, "[[cluster.nodes]]\nname = \"{name}\"\nkey = \"ed25519:{key}\"\nregion = \"{name}\"\nprovider = \"{provider}\"").unwrap();
    }
    text
}

/// What the history begins with.
pub(super) fn described() -> Value {
    let nodes: serde_json::Map<String, Value> = NODES
        .iter()
        .zip(PROVIDERS)
        .map(|(name, provider)| ((*name).to_owned(), json!(provider)))
        .collect();
    let fenced = CLIENTS.iter().filter(|(name, _)| name.starts_with("data"));
    let fence = fenced.map(
        |(name, client)| json!({ "name": name, "client": client, "allowed": allowed(client) }),
    );
    json!({
        "nodes": nodes, "targets": MACHINES.map(|machine| machine.0), "fence": fence.collect::<Vec<_>>(),
        "fresh": 15_000, "alone": 20_000, "heal": 30_000, "patience": PATIENCE.as_secs_f64() * 1000.0,
    })
}
