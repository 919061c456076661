//! Three nodes that speak to each other: what two of them see counts, and whatever becomes of one, the others go on.
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use waypost::dns::{Name, ask};
use waypost::share::AuthorSeal;

use crate::membership::NodeAuthority;
use crate::page;
use crate::world::{CONFIG, Process, World, ZONE, dig, get_at, run, wait_for};

/// Nodes by name, in order of their addresses.
const NAMES: [&str; 3] = ["fra1", "sin1", "tor1"];
/// The endpoint that clients here are answered with, and the one that stands in for it.
const ENDPOINTS: [&str; 2] = ["127.1.0.1", "127.1.0.2"];
/// How long a reply may take; what has not come by then is lost.
const REPLY: Duration = Duration::from_secs(10);

fn address(node: usize) -> String {
    format!("127.0.0.{}", 31 + node)
}

/// Writes the config of each node, `NAME.toml`, and all that it names.
fn write_configs(world: &World) {
    world.write("zones/example.org.zone", ZONE);
    let authority = NodeAuthority::new();
    let key = |number: u8| AuthorSeal::from_seed(&[number; 32]).unwrap().key().0;
    let members = NAMES.iter().zip(1..).map(|(name, number)| {
        let key: String = key(number).iter().map(|octet| format!("{octet:02x}")).collect();
        format!("[[cluster.nodes]]\nname = \"{name}\"\nkey = \"ed25519:{key}\"\nregion = \"{name}\"\nprovider = \"provider-{number}\"\n")
    });
    let members: String = members.collect();
    for (node, name) in NAMES.iter().enumerate() {
        authority.issue(&world.path(""), (name, &[name]), node as u64 + 1, 2090);
        let seal = format!("{:02x}", node + 1).repeat(32);
        let seal = world.write(&format!("{name}.seal"), &seal);
        fs::set_permissions(seal, fs::Permissions::from_mode(0o600)).unwrap();
        let others = (0..3).filter(|other| *other != node);
        let peers = others.map(|other| format!("\"{}:5354\"", address(other)));
        let peers = peers.collect::<Vec<_>>().join(", ");
        let own = address(node);
        let config = CONFIG
            .replace(
                "listen = [\"127.0.0.20:53\", \"[::1]:53\"]",
                &format!("listen = [\"{own}:53\"]\nstate = \"{name}\""),
            )
            .replace(
                "identity = \"test-node\"",
                &format!("identity = \"{name}\""),
            )
            .replace(
                "listen = \"127.0.0.1:8053\"",
                &format!("listen = \"{own}:8053\"\nsocket = \"{name}.sock\""),
            )
            // Two processors have a lot to do, and no probe may be late for it.
            .replace("timeout = \"150ms\"", "timeout = \"1s\"")
            .replace("interval = \"200ms\"", "interval = \"1s\"");
        let cluster = format!(
            "[cluster]\nname = \"prod\"\nnode = \"{name}\"\nkey = \"{name}.seal\"\ncertificate = \"{name}.pem\"\n\
             private_key = \"{name}.key\"\nroots = \"{name}-ca.pem\"\nlisten = [\"{own}:5354\"]\npeers = [{peers}]\n"
        );
        world.write(
            &format!("{name}.toml"),
            &format!("{config}\n{cluster}\n{members}"),
        );
    }
}

fn is_ready(node: usize) -> bool {
    let control: SocketAddr = format!("{}:8053", address(node)).parse().unwrap();
    get_at(control, "/readyz").is_some_and(|(status, _)| status == 200)
}

/// Starts a node, and waits until it answers.
fn start(world: &World, node: usize) -> Process {
    let name = NAMES[node];
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command
        .args(["run", "--log", "json", "--config"])
        .arg(world.path(&format!("{name}.toml")));
    let process = world.start(name, &mut command);
    wait_for(&format!("{name} to be ready"), || is_ready(node));
    process
}

/// Waits until these nodes answer with an endpoint.
fn all_answer(nodes: &[usize], endpoint: &str) {
    for &node in nodes {
        wait_for(&format!("{endpoint} at {}", NAMES[node]), || {
            let at = format!("@{}", address(node));
            let asked = ["+short", "+subnet=198.51.100.9/32", "api.example.org", "A"];
            dig(&[&[&*at], &asked[..]].concat()).trim() == endpoint
        });
    }
}

/// A client of each node that asks as fast as it is answered, as long as the node is meant to live.
struct Clients {
    stop: Arc<AtomicBool>,
    lives: [Arc<Mutex<bool>>; 3],
    threads: Vec<JoinHandle<u32>>,
}

impl Clients {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let lives = [0; 3].map(|_| Arc::new(Mutex::new(true)));
        let threads = lives.iter().enumerate().map(|(node, lives)| {
            let (stop, lives) = (Arc::clone(&stop), Arc::clone(lives));
            thread::spawn(move || ask_on(node, &stop, &lives))
        });
        Self {
            threads: threads.collect(),
            stop,
            lives,
        }
    }

    /// Says whether a node is meant to live; no question is under way when this returns.
    fn set(&self, node: usize, lives: bool) {
        *self.lives[node].lock().unwrap() = lives;
    }

    /// Stops them; all questions were answered.
    fn lost_nothing(self) {
        self.stop.store(true, Ordering::Relaxed);
        for (client, name) in self.threads.into_iter().zip(NAMES) {
            assert!(client.join().unwrap() > 0, "{name} was asked nothing");
        }
    }
}

fn ask_on(node: usize, stop: &AtomicBool, lives: &Mutex<bool>) -> u32 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(format!("{}:53", address(node))).unwrap();
    socket.set_read_timeout(Some(REPLY)).unwrap();
    let question = ask::Question {
        name: Name::parse("api.example.org").unwrap(),
        rtype: 1,
        wants: Vec::new(),
    };
    let (mut asked, mut reply) = (0, [0; 1500]);
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
        let lives = lives.lock().unwrap();
        if !*lives {
            continue;
        }
        let id = u16::try_from(asked % 65_536).unwrap();
        socket.send(&ask::encode(id, &question)).unwrap();
        let length = socket.recv(&mut reply);
        let length = length.unwrap_or_else(|error| panic!("{}: {error}", NAMES[node]));
        let reply = ask::decode(&reply[..length]).unwrap();
        assert!(
            reply.id == id && reply.addresses().count() == 1,
            "{reply:?}"
        );
        asked += 1;
    }
    asked
}

/// A process that nobody waits for.
struct Follower(Pid);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

/// Has another process take the place of a node's; that one.
fn upgrade(world: &World, node: usize, mut before: Process) -> Follower {
    let config = world.path(&format!("{}.toml", NAMES[node]));
    let arguments = ["upgrade", "--config", config.to_str().unwrap()];
    let (text, went_well) = run(env!("CARGO_BIN_EXE_waypost"), &arguments);
    let digits = text.chars().skip_while(|one| !one.is_ascii_digit());
    let digits: String = digits.take_while(char::is_ascii_digit).collect();
    assert!(went_well, "{text}\n{}", before.log());
    let follower = Follower(Pid::from_raw(digits.parse().unwrap()));
    assert_eq!(before.wait(), Some(0));
    follower
}

#[test]
fn nodes_go_on_whatever_becomes_of_one() {
    let world = World::new();
    write_configs(&world);
    let mut first = Some(world.backend(ENDPOINTS[0]));
    let _second = world.backend(ENDPOINTS[1]);
    let [one, two, three] = [0, 1, 2].map(|node| start(&world, node));
    all_answer(&[0, 1, 2], ENDPOINTS[0]);
    for node in [&one, &two, &three] {
        wait_for("each to hear both others", || {
            node.log().matches("peer_heard").count() >= 2
        });
    }
    let clients = Clients::start();

    // What all see.
    first.take().unwrap().kill();
    all_answer(&[0, 1, 2], ENDPOINTS[1]);

    // Two of three are enough, after kill -9 of one: an endpoint that comes back is taken in by both.
    clients.set(2, false);
    three.kill();
    first = Some(world.backend(ENDPOINTS[0]));
    all_answer(&[0, 1], ENDPOINTS[0]);
    wait_for("the dead one to be missed", || {
        one.log().contains("\"trouble\":\"unreachable\"")
    });

    // It comes back; another one is paused, and answers for itself once it goes on.
    let three = start(&world, 2);
    clients.set(2, true);
    wait_for("the third to hear both", || {
        three.log().matches("peer_heard").count() >= 2
    });
    clients.set(1, false);
    kill(two.id(), Signal::SIGSTOP).unwrap();
    first.take().unwrap().kill();
    all_answer(&[0, 2], ENDPOINTS[1]);
    kill(two.id(), Signal::SIGCONT).unwrap();
    clients.set(1, true);
    all_answer(&[1], ENDPOINTS[1]);

    // A program takes the place of another without a twin, and is heard.
    let _follower = upgrade(&world, 0, one);
    let _first = world.backend(ENDPOINTS[0]);
    all_answer(&[0, 1, 2], ENDPOINTS[0]);
    clients.lost_nothing();
    for node in [&two, &three] {
        let log = node.log();
        for trouble in ["garbled", "forged", "oversize", "stranger", "crowded"] {
            assert!(
                !log.contains(&format!("\"trouble\":\"{trouble}\"")),
                "{log}"
            );
        }
    }
}

/// The page of one node shows whom each hears, and that one has died.
#[test]
fn the_page_shows_who_hears_whom() {
    let world = World::new();
    write_configs(&world);
    let mut nodes = [0, 1, 2].map(|node| Some(start(&world, node)));
    let url = format!("http://{}:8053/", address(0));
    let arguments = [&*url, &page::pictures(&world)];
    page::drive(("cluster.mjs", &arguments), &world.path("."), |what| {
        assert_eq!(what, "kill");
        nodes[2].take().unwrap().kill();
    });
}

/// Three nodes, an outage, a node that is cut off and one that is killed: the demo judges itself.
#[test]
fn the_demo_plays_with_three_nodes() {
    let (text, is_well) = run(env!("CARGO_BIN_EXE_waypost"), &["demo", "--cluster"]);
    assert!(is_well, "{text}");
    for told in ["known by 2 of 3", "known by 3 of 3", "tor1 is dead"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}
