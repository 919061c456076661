//! Keys are rolled, and the zone goes insecure and comes back, under a validating resolver whose
//! clock runs with ours, a minute in a second: nobody ever gets an answer that does not
//! validate.
//!
//! The parent is a signed zone of NSD; its DS changes when the test, as the parent's operator, has
//! read the CDS record. unbound asks for the keys once more when it meets a signature of one that it does
//! not know, so a key that signs too early is not found out here: that is for the model of caches in
//! `tests/sim/keys`. What is found out is a key, a DS or a signature that is missing, or has expired.
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shown_clock::ShownClock;
use crate::world::{CONFIG, Process, World, ZONE, dig, get, run, wait_for};

const RESOLVER: &str = "@127.0.0.30";
/// How far the clock is ahead at the start, seconds: more than signatures begin early, so a resolver that
/// does not share it finds nothing valid.
const AHEAD: i64 = 7200;
/// Seconds that the clock moves on between two rounds of questions while keys change …
const STEP: i64 = 30;
/// … and while nothing but signatures does.
const STRIDE: i64 = 120;

const NSD: &str = "server:
  ip-address: 127.0.0.10
  port: 53
  username: root
  zonesdir: \".\"
  database: \"\"
  pidfile: \"nsd.pid\"
  xfrdfile: \"xfrd.state\"
  zonelistfile: \"zone.list\"
remote-control:
  control-enable: no
zone:
  name: org.
  zonefile: parent.zone.signed
";

/// A world whose clock the test moves.
struct Stage {
    // Ends before the folder with its log does.
    nsd: Option<Process>,
    world: World,
    clock: ShownClock,
    offset: i64,
    step: i64,
    rounds: u32,
    /// What the parent says of the zone; nothing while it has no DS.
    ds: Vec<String>,
}

impl Stage {
    fn open(dnssec: &str) -> Self {
        let world = World::new();
        let zone = format!("file = \"zones/example.org.zone\"\ndnssec = {dnssec}");
        let config = CONFIG.replace("file = \"zones/example.org.zone\"", &zone);
        world.write("config.toml", &config);
        world.write(
            "zones/example.org.zone",
            &ZONE.replace("$TTL 300", "$TTL 60"),
        );
        let clock = ShownClock::new(&world, "clock", AHEAD);
        make_parent(&world);
        Self {
            world,
            clock,
            offset: AHEAD,
            step: STEP,
            rounds: 0,
            ds: Vec::new(),
            nsd: None,
        }
    }

    /// A command whose clock is the world's.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.clock.show(&mut command);
        command.current_dir(self.world.path(""));
        command
    }

    /// `waypost keys`, and what it prints.
    fn keys(&self, arguments: &[&str]) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_waypost"));
        let output = command.arg("keys").args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(output.status.success(), "keys {arguments:?}: {text}");
        text
    }

    /// Signs the parent zone with the DS that it has, and serves it.
    fn serve_parent(&mut self) {
        if let Some(nsd) = self.nsd.take() {
            nsd.end_serving("127.0.0.10:53");
        }
        let servers = "example NS ns1.example\nns1.example A 127.0.0.20\n";
        self.nsd = Some(serve_parent(&self.world, servers, &self.ds));
    }

    fn start(&mut self) -> (Process, Process) {
        let mut command = self.command(env!("CARGO_BIN_EXE_waypost"));
        command.args(["run", "--log", "json"]);
        let waypost = self.world.start("waypost", &mut command);
        wait_for("waypost to be ready", || {
            get("/readyz").is_some_and(|(status, _)| status == 200)
        });
        let config = unbound(&self.world.path(""));
        let config = self.world.write("unbound.conf", &config);
        let mut command = self.command("/usr/sbin/unbound");
        let resolver = self
            .world
            .start("unbound", command.arg("-d").arg("-c").arg(config));
        wait_for("the resolver", || ask("org SOA").contains("NOERROR"));
        (waypost, resolver)
    }

    /// Moves the clock on, gives everybody a second to notice, and asks.
    fn round(&mut self) {
        self.offset += self.step;
        self.rounds += 1;
        self.clock.set(self.offset);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        for question in [
            "api.example.org A".to_owned(),
            "mail.example.org A".to_owned(),
            "example.org DNSKEY".to_owned(),
            format!("absent-{}.example.org A", self.rounds),
            format!("w{}.wild.example.org TXT", self.rounds),
        ] {
            let reply = ask(&question);
            let well = reply.contains("NOERROR") || reply.contains("NXDOMAIN");
            assert!(well, "{question} after {} s:\n{reply}", self.offset);
        }
    }

    /// Goes on until something holds.
    fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let most = self.rounds + 120;
        while !holds(self) {
            assert!(
                self.rounds < most,
                "waited too long for {what}: {}",
                self.keys(&["list"])
            );
            self.round();
        }
    }

    /// Whether a resolver has found the zone secure.
    fn is_secure(&self) -> bool {
        let reply = ask("mail.example.org AAAA");
        reply
            .lines()
            .any(|line| line.contains("flags:") && line.contains(" ad"))
    }
}

/// Makes the keys of the parent zone.
pub(crate) fn make_parent(world: &World) {
    world.write("nsd.conf", NSD);
    let folder = world.path("");
    for flags in [&["-f", "KSK"][..], &[]] {
        let arguments = [
            &["-q", "-a", "ECDSAP256SHA256", "-K"],
            &[folder.to_str().unwrap()][..],
            flags,
            &["org"],
        ]
        .concat();
        assert!(run("dnssec-keygen", &arguments).1);
    }
}

/// Signs the parent zone with these servers and DS of `example.org`, and serves it; nobody else may.
pub(crate) fn serve_parent(world: &World, servers: &str, ds: &[String]) -> Process {
    let mut zone =
        format!("$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.10\n{servers}");
    for ds in ds {
        zone.push_str(&format!("example 60 DS {ds}\n"));
    }
    world.write("parent.zone", &zone);
    let folder = world.path("");
    let signed = Command::new("dnssec-signzone")
        .args([
            "-q", "-S", "-s", "now-1d", "-e", "now+365d", "-o", "org", "-K",
        ])
        .arg(&folder)
        .args(["-f", "parent.zone.signed", "parent.zone"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");
    let config = world.path("nsd.conf");
    let mut command = Command::new("/usr/sbin/nsd");
    let nsd = world.start("nsd", command.arg("-d").arg("-c").arg(config));
    wait_for("the parent", || {
        dig(&["@127.0.0.10", "org", "SOA"]).contains("NOERROR")
    });
    nsd
}

pub(crate) fn unbound(folder: &Path) -> String {
    let keys = fs::read_dir(folder).unwrap();
    let anchors = keys.filter_map(|entry| {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).ok()?;
        let own =
            path.extension().is_some_and(|ending| ending == "key") && text.contains("DNSKEY 257");
        let line = text
            .lines()
            .find(|line| !line.starts_with(';'))
            .map(str::to_owned);
        line.filter(|_| own)
    });
    let anchors: Vec<String> = anchors
        .map(|line| format!("  trust-anchor: \"{line}\"\n"))
        .collect();
    format!(
        "server:\n  interface: 127.0.0.30\n  port: 53\n  username: \"\"\n  chroot: \"\"\n  directory: \".\"\n  \
         pidfile: \"\"\n  use-syslog: no\n  val-log-level: 2\n  do-not-query-localhost: no\n  do-ip6: no\n  \
         val-sig-skew-min: 0\n  val-sig-skew-max: 0\n  \
         module-config: \"validator iterator\"\n  access-control: 127.0.0.0/8 allow\n{}\
         remote-control:\n  control-enable: no\nstub-zone:\n  name: org.\n  stub-addr: 127.0.0.10\n",
        anchors.concat()
    )
}

pub(crate) fn ask(question: &str) -> String {
    let (name, rtype) = question.split_once(' ').unwrap();
    run(
        "dig",
        &[
            RESOLVER, "+recurse", "+dnssec", "+tries=1", "+time=5", name, rtype,
        ],
    )
    .0
}

/// The CDS records of the zone, as its own server gives them.
fn cds() -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", "example.org", "CDS"]);
    text.lines().map(str::to_owned).collect()
}

fn tags(stage: &Stage, word: &str) -> Vec<String> {
    let list = stage.keys(&["list"]);
    let lines = list
        .lines()
        .filter(|line| line.split_whitespace().any(|part| part == word));
    lines
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

/// Has the parent take the DS that CDS asks for, and says so.
fn submit(stage: &mut Stage, before: &[String]) {
    let asked = before.to_vec();
    stage.until("another CDS", |_| !cds().is_empty() && cds() != asked);
    stage.ds = cds();
    let tag = stage.ds[0].split(' ').next().unwrap().to_owned();
    stage.serve_parent();
    stage.keys(&["ds", "example.org", "--seen", &tag]);
}

#[test]
fn keys_are_rolled_and_nobody_gets_a_bogus_answer() {
    let mut stage = Stage::open(
        "{ split = true, zsk_lifetime = \"40m\", signature_validity = \"10m\", dnskey_ttl = \"1m\", \
         parent_ds_ttl = \"1m\", propagation = \"1m\", margin = \"1m\" }",
    );
    stage.keys(&["generate", "example.org", "--split"]);
    stage.serve_parent();
    let _processes = stage.start();

    // From insecure to secure.
    submit(&mut stage, &[]);
    stage.until("a secure zone", Stage::is_secure);
    // Signatures are renewed, time and again, until a ZSK is replaced by itself, and the old one goes.
    let first = tags(&stage, "zsk");
    stage.step = STRIDE;
    stage.until("another ZSK to be made", |stage| {
        tags(stage, "zsk") != first
    });
    stage.step = STEP;
    stage.until("another ZSK", |stage| {
        let now = tags(stage, "active");
        !first.iter().any(|tag| now.contains(tag))
    });
    stage.until("the old ZSK to go", |stage| {
        let list = dig(&[
            "@127.0.0.20",
            "+short",
            "+multiline",
            "example.org",
            "DNSKEY",
        ]);
        first
            .iter()
            .all(|tag| !list.contains(&format!("key id = {tag}")))
            && stage.is_secure()
    });
    // A KSK is replaced when the parent has the other DS.
    let before = stage.ds.clone();
    stage.keys(&["roll", "example.org", "--ksk"]);
    submit(&mut stage, &before);
    let old = before[0].split(' ').next().unwrap().to_owned();
    stage.until("the old KSK to go", |_| {
        let list = dig(&[
            "@127.0.0.20",
            "+short",
            "+multiline",
            "example.org",
            "DNSKEY",
        ]);
        !list.contains(&format!("key id = {old}"))
    });
    assert!(stage.is_secure());
    // To insecure: the parent is asked for no DS first.
    stage.keys(&["ds", "example.org", "--withdraw"]);
    stage.until("the request for no DS", |_| cds() == ["0 0 0 00"]);
    stage.ds.clear();
    stage.serve_parent();
    stage.keys(&["ds", "example.org", "--gone"]);
    stage.until("a zone without keys", |_| {
        dig(&["@127.0.0.20", "+short", "example.org", "DNSKEY"])
            .trim()
            .is_empty()
    });
    stage.round();
    assert!(!stage.is_secure());
}
