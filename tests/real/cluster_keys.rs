//! Three nodes roll the keys of a zone, each in a folder and a network of its own, while one of them stands still, the network between them is torn, disks are lost, and
//! two operators know nothing of each other: under a validating resolver that asks all three, with a clock that runs a minute in a second, nobody ever gets an answer
//! that does not validate, and each node alone always validates under the DS that the parent has.
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use waypost::share::AuthorSeal;

use crate::anycast::Place;
use crate::membership::NodeAuthority;
use crate::rollover::{ask, make_parent, serve_parent, unbound};
use crate::shown_clock::ShownClock;
use crate::storm::fabric::{Fabric, fabric_address, line_address as address};
use crate::world::{CONFIG, Process, World, ZONE, dig, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

const NODES: [&str; 3] = ["fra1", "tor1", "sin1"];
const SERVERS: &str = "example NS ns1.example\nexample NS ns2.example\nexample NS ns3.example\n\
                       ns1.example A 10.8.0.2\nns2.example A 10.8.1.2\nns3.example A 10.8.2.2\n";
/// Seconds that the clock is ahead at the start, moves on between two rounds of questions, and where nothing but signatures changes.
const AHEAD: i64 = 7200;
const STEP: i64 = 30;
const STRIDE: i64 = 120;
const YEAR: i64 = 365 * 86_400;
/// How fast keys are rolled.
const TIMES: &str = "signature_validity = \"20m\", dnskey_ttl = \"1m\", parent_ds_ttl = \"1m\", propagation = \"1m\", margin = \"1m\"";
const FAST_TIMES: &str = "signature_validity = \"10m\", dnskey_ttl = \"30s\", parent_ds_ttl = \"1m\", propagation = \"30s\", margin = \"1m\"";

struct Fleet {
    nsd: Option<Process>,
    resolver: Option<Process>,
    judges: Vec<Process>,
    nodes: [Option<Process>; 3],
    fabric: Fabric,
    places: Vec<Place>,
    world: World,
    clock: ShownClock,
    /// The node that has a clock of its own, and by how much that is ahead.
    wrong: Option<(usize, ShownClock)>,
    wrong_by: i64,
    offset: i64,
    step: i64,
    rounds: u32,
    /// Nodes that answer.
    live: BTreeSet<usize>,
    ds: Vec<String>,
}

/// The address of the resolver that asks this node alone.
fn judge(number: usize) -> String {
    format!("127.0.0.{}", 51 + number)
}

fn seed(number: usize) -> [u8; 32] {
    [u8::try_from(number).unwrap() + 40; 32]
}

fn private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn config(number: usize, times: &str) -> String {
    let node = NODES[number];
    let zone = format!(
        "file = \"zones/example.org.zone\"\ndnssec = {{ keys = \"keys-{node}\", split = true, zsk_lifetime = \"unlimited\", {times} }}"
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
            &format!("socket = \"{node}.sock\""),
        )
        .replace("file = \"zones/example.org.zone\"", &zone);
    let peers = (0..3).filter(|other| *other != number);
    let peers: Vec<String> = peers
        .map(|other| format!("\"{}:5354\"", fabric_address(other)))
        .collect();
    let mut text = format!(
        "{own}\n[cluster]\nname = \"test\"\nnode = \"{node}\"\nkey = \"{node}.seal\"\ncertificate = \"{node}.pem\"\n\
         private_key = \"{node}.key\"\nroots = \"{node}-ca.pem\"\nlisten = [\"{}:5354\"]\npeers = [{}]\n",
        fabric_address(number),
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
    /// Nodes whose keys are rolled so fast, in a zone of this TTL.
    fn start(times: &str, ttl: u32) -> Self {
        let world = World::new();
        let authority = NodeAuthority::new();
        for (number, node) in NODES.iter().enumerate() {
            authority.issue(&world.path(""), (node, &[node]), number as u64 + 1, 2099);
            let digits = seed(number).iter().fold(String::new(), |mut text, octet| {
                write!(text, "{octet:02x}").unwrap();
                text
            });
            private(&world.write(&format!("{node}.seal"), &digits));
            world.write(&format!("{node}.toml"), &config(number, times));
        }
        let zone = ZONE
            .replace("$TTL 300", &format!("$TTL {ttl}"))
            .replace(
                "         NS    ns2\n",
                "         NS    ns2\n         NS    ns3\n",
            )
            .replace("ns1      A     127.0.0.20", "ns1      A     10.8.0.2")
            .replace(
                "ns2      A     127.0.0.20",
                "ns2      A     10.8.1.2\nns3      A     10.8.2.2",
            );
        world.write("zones/example.org.zone", &zone);
        let clock = ShownClock::new(&world, "clock", AHEAD);
        make_parent(&world);
        let places: Vec<Place> = NODES.iter().map(|name| Place::new(&world, name)).collect();
        let mut fleet = Self {
            nsd: Some(serve_parent(&world, SERVERS, &[])),
            resolver: None,
            judges: Vec::new(),
            nodes: [const { None }; 3],
            fabric: Fabric::start(1, &places),
            places,
            world,
            clock,
            wrong: None,
            wrong_by: 0,
            offset: AHEAD,
            step: STEP,
            rounds: 0,
            live: BTreeSet::from([0, 1, 2]),
            ds: Vec::new(),
        };
        (0..3).for_each(|number| fleet.begin(number));
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

    fn begin(&mut self, number: usize) {
        let node = NODES[number];
        let mut command = self.places[number].command(WAYPOST);
        let wrong = self.wrong.iter().find(|(node, _)| *node == number);
        let clock = wrong.map_or(&self.clock, |(_, clock)| clock);
        clock.show(&mut command);
        command.args(["run", "--log", "json", "--config", &format!("{node}.toml")]);
        self.nodes[number] = Some(self.world.start(&format!("{node}-server"), &mut command));
    }

    fn signal(&self, number: usize, signal: Signal) {
        kill(self.nodes[number].as_ref().unwrap().id(), signal).unwrap();
    }

    /// Kills a node with SIGKILL, and starts it without some of its folders; nobody asks it until it is back.
    fn restart_without(&mut self, number: usize, lost: &[&str]) {
        self.live.remove(&number);
        self.nodes[number].take().unwrap().kill();
        for folder in lost {
            let folder = format!("{folder}-{}", NODES[number]);
            fs::remove_dir_all(self.world.path(&folder)).unwrap();
        }
        self.begin(number);
    }

    /// Waits until a node that was restarted answers of the zone.
    fn come_back(&mut self, number: usize) {
        wait_for("an answer of the restarted node", || {
            Self::soa(number).contains("NOERROR")
        });
        self.live.insert(number);
    }

    fn soa(number: usize) -> String {
        let server = format!("@{}", address(number));
        dig(&[&server, "example.org", "SOA"])
    }

    /// What a node says of its zones.
    fn zones(&self, number: usize) -> String {
        let socket = self.world.path(&format!("{}.sock", NODES[number]));
        let socket = socket.to_str().unwrap();
        let url = "http://localhost/api/v1/zones";
        run("curl", &["--silent", "--unix-socket", socket, url]).0
    }

    fn wait_until_ready(&self, number: usize) {
        wait_for(NODES[number], || {
            let config = self.world.path(&format!("{}.toml", NODES[number]));
            run(WAYPOST, &["ready", "--config", config.to_str().unwrap()]).1
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
        let mut command = self.command(WAYPOST);
        if let Some((_, clock)) = self.wrong.iter().find(|(node, _)| *node == number) {
            clock.show(&mut command);
        }
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
        self.offset += self.step;
        self.rounds += 1;
        self.set_clocks();
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

    fn set_clocks(&self) {
        self.clock.set(self.offset);
        if let Some((_, clock)) = &self.wrong {
            clock.set(self.offset + self.wrong_by);
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
        self.agree_on_cds(before);
        self.hand_over(number);
    }

    fn agree_on_cds(&mut self, before: &[String]) {
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
    }

    fn hand_over(&mut self, number: usize) {
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
        (0..90 / self.step).for_each(|_| self.round());
        self.ds = wanted;
    }

    /// Makes the first keys on one node, and has the parent take the DS.
    fn make_secure(&mut self) {
        self.keys(0, &["generate", "example.org"]);
        self.secure();
    }

    fn secure(&mut self) {
        self.until("all to publish the keys of one", |fleet| {
            let first = fleet.published(0);
            first.len() == 2 && fleet.all_publish(&first)
        });
        self.submit(&[], 1);
        self.until("a secure zone", |_| Self::is_secure());
    }

    /// Tells that all nodes that answer publish these keys.
    fn all_publish(&self, tags: &[String]) -> bool {
        let mut live = self.live.iter();
        live.all(|number| self.published(*number) == tags)
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
    let mut fleet = Fleet::start(TIMES, 60);
    fleet.make_secure();
    let old = fleet.tags(0, &["zsk", "active"]);

    // One stands still, and two operators begin a rollover each: nobody publishes a key that the third has not.
    fleet.signal(2, Signal::SIGSTOP);
    fleet.live.remove(&2);
    fleet.roll_on_two();
    let before = fleet.published(0);
    // Longer than a key waits until it signs, and not so long that signatures of the third expire.
    for _ in 0..6 {
        fleet.round();
        assert_eq!(fleet.published(0), before);
        assert_eq!(fleet.published(1), before);
    }
    fleet.signal(2, Signal::SIGCONT);
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

#[test]
fn a_rollover_that_a_cut_splits_is_valid_on_both_sides() {
    let mut fleet = Fleet::start(FAST_TIMES, 30);
    fleet.step = 2 * STEP;
    fleet.make_secure();
    fleet.step = STEP;
    let old = fleet.tags(0, &["zsk", "active"]);

    // A rollover is begun on either side of a cut: neither publishes its key, and of the two one stays.
    let published = fleet.published(0);
    fleet.fabric.tear(&[0, 1], &[2]);
    for number in [0, 2] {
        fleet.keys(number, &["roll", "example.org", "--zsk"]);
    }
    for _ in 0..2 {
        fleet.round();
        assert!(fleet.all_publish(&published), "{}", fleet.all());
    }
    fleet.fabric.tear(&[], &[]);
    fleet.until("all to publish one new key", |fleet| {
        let first = fleet.published(0);
        first.len() == 3 && fleet.all_publish(&first)
    });

    // All know that of each other. Then one is torn off, and begins anew: it knows of the others no more, and rests.
    wait_for("all to know that", || {
        (0..3).all(|number| !fleet.zones(number).contains("when all nodes have taken"))
    });
    let published = fleet.published(0);
    fleet.fabric.tear(&[0, 1], &[2]);
    fleet.restart_without(2, &["state"]);
    fleet.until("the other side to sign with the new key", |fleet| {
        (0..2).all(|number| fleet.tags(number, &["zsk", "active"]) != old)
    });
    // One of that side loses all that it has; its keys come from the other one.
    fleet.restart_without(1, &["state", "keys"]);
    fleet.come_back(1);
    fleet.come_back(2);
    for _ in 0..2 {
        fleet.round();
        assert!(fleet.all_publish(&published), "{}", fleet.all());
    }
    assert_eq!(fleet.tags(2, &["zsk", "active"]), old);
    fleet.fabric.tear(&[], &[]);
    fleet.until("the new key on all", |fleet| {
        let first = fleet.tags(0, &["zsk", "active"]);
        first != old && (1..3).all(|number| fleet.tags(number, &["zsk", "active"]) == first)
    });
    fleet.step = STRIDE;
    fleet.until("the old key to go", |fleet| {
        (0..3).all(|number| fleet.published(number).len() == 2)
    });
    fleet.step = STEP;
    assert!(Fleet::is_secure());

    // The parent has the new DS, and one side hears of it. On the other one is a node that has lost its disk: it cannot know that the zone is signed, and
    // answers nothing of it until it hears that.
    let ds = fleet.ds.clone();
    fleet.keys(2, &["roll", "example.org", "--ksk"]);
    fleet.agree_on_cds(&ds);
    fleet.fabric.tear(&[0, 1], &[2]);
    fleet.restart_without(2, &["state", "keys"]);
    fleet.wait_until_ready(2);
    fleet.hand_over(0);
    for _ in 0..5 {
        fleet.round();
        let blind = Fleet::soa(2);
        assert!(blind.contains("SERVFAIL"), "{blind}");
    }
    fleet.fabric.tear(&[], &[]);
    fleet.come_back(2);
    fleet.until("the old KSK to go", |fleet| {
        (0..3).all(|number| fleet.published(number).len() == 2)
    });
    assert!(Fleet::is_secure());
}

/// The years in which the signatures of a node's SOA record begin, and the tags of their keys.
fn signatures(number: usize) -> Vec<(String, String)> {
    let server = format!("@{}", address(number));
    let text = dig(&[
        &server,
        "example.org",
        "SOA",
        "+dnssec",
        "+noall",
        "+answer",
    ]);
    let signatures = text
        .lines()
        .filter_map(|line| line.split_once("RRSIG\tSOA "));
    let parts = signatures.map(|(_, rest)| rest.split(' ').collect::<Vec<_>>());
    parts
        .map(|parts| (parts[4][..4].to_owned(), parts[5].to_owned()))
        .collect()
}

#[test]
fn a_node_whose_clock_is_a_year_ahead_moves_no_rollover() {
    let mut fleet = Fleet::start(FAST_TIMES, 30);
    fleet.step = 2 * STEP;
    let clock = ShownClock::new(&fleet.world, "wrong-clock", fleet.offset + YEAR);
    (fleet.wrong, fleet.wrong_by) = (Some((2, clock)), YEAR);
    fleet.restart_without(2, &[]);
    fleet.come_back(2);

    // It makes the first keys, and nobody takes them, until its clock is set right.
    fleet.keys(2, &["generate", "example.org"]);
    for _ in 0..4 {
        fleet.round();
        for number in 0..3 {
            assert!(fleet.published(number).is_empty(), "{}", fleet.all());
        }
    }
    fleet.wrong_by = 0;
    fleet.secure();
    fleet.step = STEP;
    let old = fleet.tags(0, &["zsk", "active"]);
    let [(year, _)] = &signatures(0)[..] else {
        panic!("one key signs");
    };
    let year = year.clone();

    // It signs for a time that has not come, so resolvers ask the others. By its clock no wait is left, and it signs with the new key at once.
    fleet.wrong_by = YEAR;
    fleet.set_clocks();
    fleet.restart_without(2, &[]);
    fleet.keys(0, &["roll", "example.org", "--zsk"]);
    fleet.until("the wrong one to sign with the new key", |fleet| {
        fleet.published(0).len() == 3 && fleet.tags(2, &["zsk", "active"]) != old
    });
    for _ in 0..6 {
        fleet.round();
        for number in 0..2 {
            assert_eq!(
                fleet.tags(number, &["zsk", "active"]),
                old,
                "{}",
                fleet.all()
            );
        }
    }
    assert!(Fleet::is_secure());

    // Its clock is set right while it runs: it comes to the keys of the others before it signs by that, and the rollover goes on.
    fleet.wrong_by = 0;
    fleet.set_clocks();
    wait_for("signatures by a clock that is right", || {
        let found = signatures(2);
        let right: Vec<_> = found.iter().filter(|(own, _)| *own == year).collect();
        assert!(
            right.iter().all(|(_, tag)| *tag == old[0]),
            "{found:?}\n{}",
            fleet.all()
        );
        !right.is_empty()
    });
    fleet.live.insert(2);
    fleet.round();
    fleet.step = STRIDE;
    fleet.until("the old key to go", |fleet| {
        let first = fleet.published(0);
        first.len() == 2 && !first.contains(&old[0]) && fleet.all_publish(&first)
    });
    assert!(Fleet::is_secure());
}
