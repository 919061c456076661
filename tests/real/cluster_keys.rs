//! Three nodes roll the keys of a zone, each in a folder of its own, while one of them stands still and two operators know nothing of each
//! other: under a validating resolver that asks all three, with a clock that runs a minute in a second, nobody ever gets an answer
//! that does not validate, and each node alone always validates under the DS that the parent has.
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use waypost::share::AuthorSeal;

use crate::membership::NodeAuthority;
use crate::rollover::{ask, make_parent, serve_parent, unbound};
use crate::shown_clock::ShownClock;
use crate::world::{CONFIG, Process, World, ZONE, dig, get_at, run, wait_for};

const NODES: [&str; 3] = ["fra1", "tor1", "sin1"];
const SERVERS: &str = "example NS ns1.example\nexample NS ns2.example\nexample NS ns3.example\n\
                       ns1.example A 127.0.0.41\nns2.example A 127.0.0.42\nns3.example A 127.0.0.43\n";
/// Seconds that the clock is ahead at the start, and moves on between two rounds of questions.
const AHEAD: u64 = 7200;
const STEP: u64 = 30;

struct Fleet {
    nsd: Option<Process>,
    resolver: Option<Process>,
    judges: Vec<Process>,
    nodes: Vec<Process>,
    world: World,
    clock: ShownClock,
    offset: u64,
    rounds: u32,
    /// Nodes that answer.
    live: BTreeSet<usize>,
    ds: Vec<String>,
}

fn address(number: usize) -> String {
    format!("127.0.0.{}", 41 + number)
}

/// The address of the resolver that asks this node alone.
fn judge(number: usize) -> String {
    format!("127.0.0.{}", 51 + number)
}

fn control(number: usize) -> SocketAddr {
    let port = 8060 + u16::try_from(number).unwrap();
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn seed(number: usize) -> [u8; 32] {
    [u8::try_from(number).unwrap() + 40; 32]
}

fn private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn config(number: usize) -> String {
    let node = NODES[number];
    let zone = format!(
        "file = \"zones/example.org.zone\"\ndnssec = {{ keys = \"keys-{node}\", split = true, zsk_lifetime = \"unlimited\", \
         signature_validity = \"20m\", dnskey_ttl = \"1m\", parent_ds_ttl = \"1m\", propagation = \"1m\", margin = \"1m\" }}"
    );
    let own = CONFIG
        .replace(
            r#"listen = ["127.0.0.20:53", "[::1]:53"]"#,
            &format!(
                "listen = [\"{}:53\"]\nstate = \"state-{node}\"",
                address(number)
            ),
        )
        .replace("test-node", node)
        .replace(
            r#"listen = "127.0.0.1:8053""#,
            &format!("listen = \"{}\"\nsocket = \"{node}.sock\"", control(number)),
        )
        .replace("file = \"zones/example.org.zone\"", &zone);
    let peers = (0..3).filter(|other| *other != number);
    let peers: Vec<String> = peers
        .map(|other| format!("\"{}:5354\"", address(other)))
        .collect();
    let mut text = format!(
        "{own}\n[cluster]\nname = \"test\"\nnode = \"{node}\"\nkey = \"{node}.seal\"\ncertificate = \"{node}.pem\"\n\
         private_key = \"{node}.key\"\nroots = \"{node}-ca.pem\"\nlisten = [\"{}:5354\"]\npeers = [{}]\n",
        address(number),
        peers.join(", ")
    );
    for (number, node) in NODES.iter().enumerate() {
        let key = AuthorSeal::from_seed(&seed(number)).unwrap().key();
        let digits: String = key.0.iter().map(|octet| format!("{octet:02x}")).collect();
        write!(
            text,
            "[[cluster.nodes]]\nname = \"{node}\"\nkey = \"ed25519:{digits}\"\nregion = \"r{number}\"\nprovider = \"p{number}\"\n"
        )
        .unwrap();
    }
    text
}

impl Fleet {
    fn start() -> Self {
        let world = World::new();
        let authority = NodeAuthority::new();
        for (number, node) in NODES.iter().enumerate() {
            authority.issue(&world.path(""), (node, &[node]), number as u64 + 1, 2099);
            let digits = seed(number).iter().fold(String::new(), |mut text, octet| {
                write!(text, "{octet:02x}").unwrap();
                text
            });
            private(&world.write(&format!("{node}.seal"), &digits));
            world.write(&format!("{node}.toml"), &config(number));
        }
        let zone = ZONE
            .replace("$TTL 300", "$TTL 60")
            .replace(
                "         NS    ns2\n",
                "         NS    ns2\n         NS    ns3\n",
            )
            .replace("ns1      A     127.0.0.20", "ns1      A     127.0.0.41")
            .replace(
                "ns2      A     127.0.0.20",
                "ns2      A     127.0.0.42\nns3      A     127.0.0.43",
            );
        world.write("zones/example.org.zone", &zone);
        let clock = ShownClock::new(&world, AHEAD);
        make_parent(&world);
        let mut fleet = Self {
            nsd: Some(serve_parent(&world, SERVERS, &[])),
            resolver: None,
            judges: Vec::new(),
            nodes: Vec::new(),
            world,
            clock,
            offset: AHEAD,
            rounds: 0,
            live: BTreeSet::from([0, 1, 2]),
            ds: Vec::new(),
        };
        for node in NODES {
            let mut command = fleet.command(env!("CARGO_BIN_EXE_waypost"));
            command.args(["run", "--log", "json", "--config", &format!("{node}.toml")]);
            let node = fleet.world.start(node, &mut command);
            fleet.nodes.push(node);
        }
        for number in 0..3 {
            fleet.wait_until_ready(number);
        }
        let text = unbound(&fleet.world.path(""));
        let path = fleet.world.write("unbound.conf", &text);
        let mut command = fleet.command("/usr/sbin/unbound");
        let command = command.arg("-d").arg("-c").arg(path);
        fleet.resolver = Some(fleet.world.start("unbound", command));
        wait_for("the resolver", || ask("org SOA").contains("NOERROR"));
        for number in 0..3 {
            fleet.start_judge(number);
        }
        fleet
    }

    fn wait_until_ready(&self, number: usize) {
        wait_for(NODES[number], || {
            get_at(control(number), "/readyz").is_some_and(|(status, _)| status == 200)
        });
    }

    /// A command whose clock is the world's.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.clock.show(&mut command);
        command.current_dir(self.world.path(""));
        command
    }

    /// `waypost keys` on a node, and what it prints.
    fn keys(&self, number: usize, arguments: &[&str]) -> String {
        let output = self.keys_command(number, arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(output.status.success(), "keys {arguments:?}: {text}");
        text
    }

    fn keys_command(&self, number: usize, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_waypost"));
        let config = format!("{}.toml", NODES[number]);
        command
            .arg("keys")
            .args(arguments)
            .args(["--config", &config]);
        command
    }

    /// Begins a rollover on two nodes at once. Whoever hears of the other one's in time refuses to begin a second one.
    fn roll_on_two(&self) {
        let both = [0, 1].map(|number| {
            let mut roll = self.keys_command(number, &["roll", "example.org", "--zsk"]);
            roll.stdout(Stdio::piped()).stderr(Stdio::piped());
            roll.spawn().unwrap()
        });
        let mut begun = 0;
        for roll in both {
            let output = roll.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let heard = told.contains("a rollover is under way");
            assert!(output.status.success() || heard, "{told}");
            begun += usize::from(output.status.success());
        }
        assert!(begun > 0, "nobody has begun");
    }

    /// Moves the clock on, gives everybody a moment to notice, and asks.
    fn round(&mut self) {
        self.offset += STEP;
        self.rounds += 1;
        self.clock.set(self.offset);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        for question in [
            "mail.example.org A".to_owned(),
            "example.org DNSKEY".to_owned(),
            format!("absent-{}.example.org A", self.rounds),
            format!("w{}.wild.example.org TXT", self.rounds),
        ] {
            let reply = ask(&question);
            let well = reply.contains("NOERROR") || reply.contains("NXDOMAIN");
            assert!(
                well,
                "{question} after {} s:\n{reply}\n{}",
                self.offset,
                self.all()
            );
        }
        for number in self.live.clone() {
            self.validate(number);
        }
    }

    /// Validates what one node alone answers, under the DS of the parent.
    fn validate(&self, number: usize) {
        if self.ds.is_empty() {
            return;
        }
        let server = format!("@{}", judge(number));
        let reply = dig(&[&server, "mail.example.org", "A", "+dnssec", "+recurse"]);
        let is_secure = |line: &str| line.contains("flags:") && line.contains(" ad");
        assert!(
            reply.contains("status: NOERROR") && reply.lines().any(is_secure),
            "{}: {reply}\n{}",
            NODES[number],
            self.all()
        );
    }

    /// Starts a validating resolver that asks one node alone, and keeps nothing of what it hears.
    fn start_judge(&mut self, number: usize) {
        let text = unbound(&self.world.path("")).replace(
            "interface: 127.0.0.30\n",
            &format!(
                "interface: {}\n  cache-max-ttl: 0\n  cache-max-negative-ttl: 0\n",
                judge(number)
            ),
        ) + &format!(
            "stub-zone:\n  name: example.org\n  stub-addr: {}\n",
            address(number)
        );
        let path = self.world.write(&format!("judge-{number}.conf"), &text);
        let mut command = self.command("/usr/sbin/unbound");
        let command = command.arg("-d").arg("-c").arg(path);
        let judge = self.world.start(&format!("judge-{number}"), command);
        self.judges.push(judge);
    }

    fn all(&self) -> String {
        let all = (0..3).map(|number| self.keys(number, &["list"]));
        all.collect()
    }

    /// Goes on until something holds.
    fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let most = self.rounds + 120;
        while !holds(self) {
            assert!(
                self.rounds < most,
                "waited too long for {what}:\n{}",
                self.all()
            );
            self.round();
        }
    }

    /// The tags of a node's keys in this phase, by what its folder remembers.
    fn tags(&self, number: usize, words: &[&str]) -> Vec<String> {
        let list = self.keys(number, &["list"]);
        let has = |line: &&str| {
            words
                .iter()
                .all(|word| line.split_whitespace().any(|part| part == *word))
        };
        let lines = list.lines().filter(has);
        let tags = lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
        tags.collect()
    }

    /// The tags of the DNSKEY RRset of a node, sorted.
    fn published(&self, number: usize) -> Vec<String> {
        let server = format!("@{}", address(number));
        let shown = ["+noall", "+answer", "+multiline", "+rrcomments"];
        let question = [&*server, "example.org", "DNSKEY"];
        let text = dig(&[&question[..], &shown].concat());
        let tags = text.split("key id = ").skip(1);
        let mut tags: Vec<String> = tags
            .map(|rest| rest.split_whitespace().next().unwrap().to_owned())
            .collect();
        tags.sort();
        tags
    }

    /// Has the parent take the DS that all nodes ask for, and says so on one of them.
    fn submit(&mut self, before: &[String], number: usize) {
        let asked = before.to_vec();
        self.until("the same CDS of all", |_| {
            let all = (0..3).map(|number| {
                let server = format!("@{}", address(number));
                let text = dig(&[&server, "+short", "example.org", "CDS"]);
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            });
            let all: Vec<Vec<String>> = all.collect();
            !all[0].is_empty() && all[0] != asked && all.iter().all(|one| *one == all[0])
        });
        let server = format!("@{}", address(0));
        let text = dig(&[&server, "+short", "example.org", "CDS"]);
        let wanted: Vec<String> = text.lines().map(str::to_owned).collect();
        if let Some(nsd) = self.nsd.take() {
            nsd.end_serving("127.0.0.10:53");
        }
        self.nsd = Some(serve_parent(&self.world, SERVERS, &wanted));
        let tag = wanted[0].split(' ').next().unwrap().to_owned();
        self.keys(number, &["ds", "example.org", "--seen", &tag]);
        // Caches have the other one for a minute.
        self.ds = Vec::new();
        (0..3).for_each(|_| self.round());
        self.ds = wanted;
    }

    fn is_secure() -> bool {
        let reply = ask("mail.example.org AAAA");
        reply
            .lines()
            .any(|line| line.contains("flags:") && line.contains(" ad"))
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn three_nodes_roll_keys_that_each_has_for_itself() {
    let mut fleet = Fleet::start();
    fleet.keys(0, &["generate", "example.org"]);
    fleet.until("all to publish the keys of one", |fleet| {
        let first = fleet.published(0);
        first.len() == 2 && (1..3).all(|number| fleet.published(number) == first)
    });
    fleet.submit(&[], 1);
    fleet.until("a secure zone", |_| Fleet::is_secure());
    let old = fleet.tags(0, &["zsk", "active"]);

    // One stands still, and two operators begin a rollover each: nobody publishes a key that the third has not.
    kill(fleet.nodes[2].id(), Signal::SIGSTOP).unwrap();
    fleet.live.remove(&2);
    fleet.roll_on_two();
    let before = fleet.published(0);
    // Longer than a key waits until it signs, and not so long that signatures of the third expire.
    for _ in 0..6 {
        fleet.round();
        assert_eq!(fleet.published(0), before);
        assert_eq!(fleet.published(1), before);
    }
    kill(fleet.nodes[2].id(), Signal::SIGCONT).unwrap();
    fleet.round();
    fleet.live.insert(2);
    fleet.until("the same new key on all, and no other", |fleet| {
        let active: Vec<Vec<String>> = (0..3)
            .map(|number| fleet.tags(number, &["zsk", "active"]))
            .collect();
        active
            .iter()
            .all(|one| one.len() == 1 && *one != old && *one == active[0])
    });
    fleet.until("the old key to go", |fleet| {
        (0..3).all(|number| {
            let published = fleet.published(number);
            published.len() == 2 && !published.contains(&old[0])
        })
    });
    assert!(Fleet::is_secure());

    // A KSK, begun on one node, and seen at the parent on another.
    let ds = fleet.ds.clone();
    fleet.keys(2, &["roll", "example.org", "--ksk"]);
    fleet.submit(&ds, 0);
    fleet.until("the old KSK to go", |fleet| {
        (0..3).all(|number| fleet.published(number).len() == 2)
    });
    assert!(Fleet::is_secure());
    for number in 1..3 {
        assert_eq!(fleet.published(number), fleet.published(0));
        assert_eq!(
            fleet.tags(number, &["zsk", "active"]),
            fleet.tags(0, &["zsk", "active"])
        );
    }
    // The secrets are the same, for the owner alone.
    for tag in fleet.published(0) {
        let tag: u16 = tag.parse().unwrap();
        let name = |node: &str| format!("keys-{node}/Kexample.org.+013+{tag:05}.private");
        let secret = |node: &str| {
            let path = fleet.world.path(&name(node));
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            let text = fs::read_to_string(path).unwrap();
            text.lines()
                .find(|line| line.starts_with("PrivateKey"))
                .unwrap()
                .to_owned()
        };
        assert_eq!(secret("fra1"), secret("tor1"));
        assert_eq!(secret("fra1"), secret("sin1"));
    }
    let (text, _) = run(
        "grep",
        &[
            "-rl",
            "PrivateKey",
            fleet.world.path("state-fra1").to_str().unwrap(),
        ],
    );
    assert_eq!(text, "", "no secret lies in the state");
}
