//! Two nodes behind one address, with BIRD: the route of the one that is isolated goes, comes back once it is sound for a while, and of
//! two with the same trouble one stays. Whoever asks the address is answered all the time.
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use waypost::dns::{Name, ask};
use waypost::share::AuthorSeal;

use crate::drill::tiny_database;
use crate::membership::NodeAuthority;
use crate::world::{CONFIG, Process, World, ZONE, dig, repository, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const NODES: [&str; 2] = ["ams1", "par1"];
const ANYCAST: &str = "192.0.2.53";
/// Addresses of the router that both nodes watch as canaries.
const CANARIES: [&str; 2] = ["10.9.9.1", "10.9.9.2"];

/// A network namespace of its own, which ends with the process that holds it.
pub(crate) struct Place {
    pub(crate) holder: Process,
}

impl Place {
    pub(crate) fn new(world: &World, name: &str) -> Self {
        let mut command = Command::new("unshare");
        let holder = world.start(name, command.args(["--net", "sleep", "infinity"]));
        let place = Self { holder };
        let own = fs::read_link("/proc/thread-self/ns/net").unwrap();
        wait_for("a namespace", || {
            fs::read_link(place.file()).is_ok_and(|other| other != own)
        });
        place
    }

    fn file(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// A command that runs inside.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.file())).arg(program);
        command
    }

    pub(crate) fn well(&self, words: &str) {
        let mut words = words.split(' ');
        let mut command = self.command(words.next().unwrap());
        assert!(command.args(words).status().unwrap().success());
    }
}

pub(crate) fn well(words: &str) {
    let words: Vec<&str> = words.split(' ').collect();
    let (text, is_well) = run(words[0], &words[1..]);
    assert!(is_well, "{words:?}: {text}");
}

/// A node: its server, its BIRD, and what follows `/readyz`.
struct Anycaster {
    place: Place,
    name: &'static str,
    /// The other's address for records.
    other: String,
    config: String,
    _running: Vec<Process>,
}

impl Anycaster {
    fn start(world: &World, number: usize, authority: &NodeAuthority) -> Self {
        let name = NODES[number];
        let place = Place::new(world, name);
        let link = format!("link{number}");
        well(&format!(
            "ip link add {link} type veth peer name eth0 netns {}",
            place.holder.id()
        ));
        well(&format!("ip address add 10.0.{number}.1/24 dev {link}"));
        well(&format!("ip link set {link} up"));
        well(&format!("ip route add 10.1.0.{number} via 10.0.{number}.2"));
        for words in [
            "ip link set lo up".to_owned(),
            "ip link set eth0 up".to_owned(),
            format!("ip address add 10.0.{number}.2/24 dev eth0"),
            format!("ip address add {ANYCAST}/32 dev lo"),
            format!("ip address add 10.1.0.{number}/32 dev lo"),
            format!("ip route add default via 10.0.{number}.1 src 10.1.0.{number}"),
        ] {
            place.well(&words);
        }
        authority.issue(&world.path(""), (name, &[name]), number as u64 + 1, 2090);
        let seal = world.write(
            &format!("{name}.seal"),
            &format!("{:02x}", number + 1).repeat(32),
        );
        fs::set_permissions(seal, fs::Permissions::from_mode(0o600)).unwrap();
        let file = world.write(&format!("{name}.toml"), &config(number));
        let mut own = Self {
            other: format!("10.1.0.{}", 1 - number),
            config: file.to_str().unwrap().to_owned(),
            name,
            place,
            _running: Vec::new(),
        };
        let mut server = own.place.command(WAYPOST);
        server.args(["run", "--log", "json", "--config", &own.config]);
        own._running
            .push(world.start(&format!("{name}-server"), &mut server));
        wait_for(&format!("{name} to be ready"), || own.is_ready());
        own.route(world, number);
        own
    }

    /// Starts BIRD by the example, and what enables its protocol.
    fn route(&mut self, world: &World, number: usize) {
        let example = fs::read_to_string(repository("deploy/anycast/bird.conf")).unwrap();
        let text = example
            .replace(
                "198.51.100.10 as 65001",
                &format!("10.0.{number}.2 as 6500{}", number + 1),
            )
            .replace("198.51.100.1 as", &format!("10.0.{number}.1 as"))
            .replace("198.51.100.10;", &format!("10.0.{number}.2;"));
        assert!(!text.contains("198.51.100"), "{text}");
        self._running
            .push(bird(world, self.name, &text, self.place.command("bird")));
        let mut follower = self
            .place
            .command(repository("deploy/anycast/waypost-route").to_str().unwrap());
        follower
            .args(["bird", "waypost"])
            .env(
                "WAYPOST_READY",
                format!("{WAYPOST} ready --config {}", self.config),
            )
            .env("BIRDC", format!("birdc -s {}", socket(world, self.name)));
        self._running
            .push(world.start(&format!("{}-route", self.name), &mut follower));
    }

    fn is_ready(&self) -> bool {
        run(WAYPOST, &["ready", "--config", &self.config]).1
    }

    fn status(&self) -> String {
        run(WAYPOST, &["cluster", "status", "--config", &self.config]).0
    }

    /// Cuts it off from the other node, and from the canaries.
    fn cut(&self) {
        self.place
            .well(&format!("ip route add blackhole {}", self.other));
        self.place.well("ip route add blackhole 10.9.9.0/24");
    }

    fn heal(&self) {
        self.place
            .well(&format!("ip route del blackhole {}", self.other));
        self.place.well("ip route del blackhole 10.9.9.0/24");
    }
}

fn config(number: usize) -> String {
    let name = NODES[number];
    let config = CONFIG
        .replace("\"embedded\"", "\"tiny.mmdb\"")
        .replace(
            "listen = [\"127.0.0.20:53\", \"[::1]:53\"]",
            &format!("listen = [\"{ANYCAST}:53\"]\nstate = \"state-{name}\""),
        )
        .replace("test-node", name)
        .replace(
            "listen = \"127.0.0.1:8053\"",
            &format!("socket = \"{name}.sock\""),
        )
        .replace("interval = \"200ms\"", "interval = \"5s\"");
    let [one, two] = CANARIES;
    let mut text = format!(
        "{config}\n[guard]\ncanaries = [\"{one}:8080\", \"{two}:8080\"]\n[cluster]\nname = \"prod\"\nkey = \"{name}.seal\"\n\
         certificate = \"{name}.pem\"\nprivate_key = \"{name}.key\"\nroots = \"{name}-ca.pem\"\n\
         listen = [\"10.1.0.{number}:5354\"]\npeers = [\"10.1.0.{}:5354\"]\nwithdraw = \"isolated\"\nwithdraw_hold = \"10s\"\n",
        1 - number
    );
    for (name, number) in NODES.iter().zip(1..) {
        let key = AuthorSeal::from_seed(&[number; 32]).unwrap().key().0;
        let key: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
        text += &format!(
            "[[cluster.nodes]]\nname = \"{name}\"\nkey = \"ed25519:{key}\"\nregion = \"{name}\"\nprovider = \"p{number}\"\n"
        );
    }
    text
}

fn socket(world: &World, name: &str) -> String {
    world
        .path(&format!("{name}.bird"))
        .to_str()
        .unwrap()
        .to_owned()
}

fn bird(world: &World, name: &str, text: &str, mut command: Command) -> Process {
    // Sessions that did not come up at once are tried again soon.
    let text = text.replace(
        "as 65000;",
        "as 65000;\n    connect delay time 1; connect retry time 2; error wait time 1, 3;",
    );
    let file = world.write(&format!("{name}-bird.conf"), &text);
    command
        .args(["-f", "-c"])
        .arg(file)
        .args(["-s", &socket(world, name)]);
    world.start(&format!("{name}-bird"), &mut command)
}

/// The router: the second node is its choice as long as that announces the address.
fn router(world: &World) -> Process {
    let mut text = "router id 10.0.0.1;\nprotocol device {}\nprotocol kernel { ipv4 { import none; export all; }; }\n".to_owned();
    for (number, name) in NODES.iter().enumerate() {
        let preference = 100 + number * 100;
        text += &format!(
            "protocol bgp {name} {{\n    local 10.0.{number}.1 as 65000;\n    neighbor 10.0.{number}.2 as 6500{};\n    \
             ipv4 {{ import filter {{ bgp_local_pref = {preference}; accept; }}; export none; }};\n}}\n",
            number + 1
        );
    }
    bird(world, "router", &text, Command::new("bird"))
}

/// Waits until the router sends clients to a node.
fn wait_for_route(to: usize) {
    wait_for(&format!("the route to {}", NODES[to]), || {
        run("ip", &["route", "show", ANYCAST])
            .0
            .contains(&format!("via 10.0.{to}.2 "))
    });
    let who = dig(&[&format!("@{ANYCAST}"), "+short", "CH", "TXT", "id.server"]);
    assert_eq!(who.trim(), format!("\"{}\"", NODES[to]));
}

/// A client that asks the address on and on.
struct Client {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Client {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&stop);
        let thread = thread::spawn(move || ask_on(&own));
        Self { stop, thread }
    }

    fn lost_nothing(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.thread.join().unwrap() > 100);
    }
}

fn ask_on(stop: &AtomicBool) -> u32 {
    let question = ask::Question {
        name: Name::parse("api.example.org").unwrap(),
        rtype: 1,
        wants: Vec::new(),
    };
    let (mut asked, mut reply) = (0_u32, [0; 1500]);
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
        // The address of a socket is that of the way at its beginning.
        let client = UdpSocket::bind("0.0.0.0:0").unwrap();
        client.connect((ANYCAST, 53)).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let id = u16::try_from(asked % 65_536).unwrap();
        client.send(&ask::encode(id, &question)).unwrap();
        let length = client.recv(&mut reply).expect("an answer");
        let reply = ask::decode(&reply[..length]).unwrap();
        assert!(
            reply.id == id && reply.addresses().count() == 1,
            "{reply:?}"
        );
        asked += 1;
    }
    asked
}

#[test]
fn a_node_that_is_isolated_gives_its_route_back_and_one_always_stays() {
    let world = World::new();
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "0").unwrap();
    fs::write("/proc/sys/net/ipv4/conf/default/rp_filter", "0").unwrap();
    world.write("zones/example.org.zone", ZONE);
    fs::write(world.path("tiny.mmdb"), tiny_database()).unwrap();
    for canary in CANARIES {
        well(&format!("ip address add {canary}/32 dev lo"));
    }
    let canaries = CANARIES.map(|address| world.backend(address));
    let authority = NodeAuthority::new();
    let [ams, par] = [0, 1].map(|number| Anycaster::start(&world, number, &authority));
    for node in [&ams, &par] {
        wait_for("both to hear each other", || {
            node.status().contains("vantages 2 of 2")
        });
    }
    let _router = router(&world);
    wait_for_route(1);
    let client = Client::start();

    // One is cut off: its route goes, though it answers and its session stands, and the other's stays.
    par.cut();
    wait_for_route(0);
    assert!(ams.is_ready() && !par.is_ready());
    let (told, _) = run(WAYPOST, &["ready", "--config", &par.config]);
    assert!(
        told.contains("the anycast route is withdrawn: this node is isolated"),
        "{told}"
    );
    assert!(
        par.status().contains("the anycast route is withdrawn"),
        "{}",
        par.status()
    );
    let (explained, _) = run(
        WAYPOST,
        &[
            "explain",
            "api.example.org",
            "--client",
            "198.51.100.9",
            "--control",
            &format!("unix:{}", world.path("par1.sock").display()),
        ],
    );
    assert!(
        explained.contains("clients ask another node"),
        "{explained}"
    );

    // It is well again, and comes back when it has been for a while.
    par.heal();
    wait_for("the other to hear of it", || {
        ams.status().contains("withdrawn")
    });
    wait_for_route(1);
    assert!(par._running[0].log().contains("route_returned"));

    // What takes both off takes one route at most: the first by name stays, and says that something is wrong.
    ams.cut();
    canaries.into_iter().for_each(Process::kill);
    wait_for_route(0);
    assert!(!par.is_ready());
    wait_for("the first to see that it is isolated, too", || {
        ams.status()
            .contains("the anycast route is kept still: this node is isolated")
    });
    assert!(ams.is_ready());
    client.lost_nothing();
    assert!(!ams._running[0].log().contains("route_withdrawn"));
}
