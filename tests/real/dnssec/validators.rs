//! delv and unbound, in a network of their own, ask a server in this process.
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use waypost::io::clock::Clock;
use waypost::io::metrics::Metrics;
use waypost::io::publish::Published;
use waypost::io::serve::{Listeners, Secrets, Service, Serving};
use waypost::table::Table;

use crate::sample;
use crate::signed::{Pair, Way, sign, table, ways};

const SERVER: &str = "127.0.0.20:53";
pub(crate) const RESOLVER: &str = "127.0.0.30";
const ALL: [&str; 6] = [
    "eu-one",
    "eu-backup",
    "na-one",
    "na-two",
    "ap-four",
    "af-four",
];

/// Questions, and what a validator is to find: `secure`, or `insecure` below an unsigned cut.
const QUESTIONS: [(&str, &str); 30] = [
    ("example.org SOA", "secure"),
    ("example.org NS", "secure"),
    ("example.org DNSKEY", "secure"),
    ("example.org A", "secure"),
    ("api.example.org A", "secure"),
    ("api.example.org AAAA", "secure"),
    ("api.example.org TXT", "secure"),
    ("aPi.example.org A", "secure"),
    ("data.example.org A", "secure"),
    ("data.example.org AAAA", "secure"),
    ("four.example.org AAAA", "secure"),
    ("four.example.org A", "secure"),
    ("soft.example.org A", "secure"),
    ("steered.example.org A", "secure"),
    ("absent.example.org A", "secure"),
    ("www.example.org A", "secure"),
    ("round.example.org A", "secure"),
    ("round.example.org MX", "secure"),
    ("nothing.example.org A", "secure"),
    ("a.b.c.nothing.example.org A", "secure"),
    ("zzz.example.org A", "secure"),
    ("non.example.org A", "secure"),
    ("empty.non.example.org TXT", "secure"),
    ("one.text.example.org TXT", "secure"),
    ("one.text.example.org A", "secure"),
    ("a.b.text.example.org TXT", "secure"),
    ("x.wild.example.org A", "secure"),
    ("x.wild.example.org AAAA", "secure"),
    ("lab.example.org DS", "secure"),
    ("wide.example.org DS", "secure"),
];

/// A server of one table; its clock says the real time.
pub(crate) struct Server {
    serving: Option<Serving>,
    runtime: Runtime,
    published: Arc<Published>,
}

impl Server {
    pub(crate) fn start(table: Table) -> Self {
        let listen: SocketAddr = SERVER.parse().unwrap();
        let runtime = Runtime::new().unwrap();
        let clock = Clock::start();
        let published = Arc::new(Published::new(Arc::new(table)));
        let listeners = Listeners::bind(&[listen], 1).unwrap();
        let metrics = Arc::new(Metrics::new(clock));
        let service = Service {
            published: Arc::clone(&published),
            clock,
            metrics,
            responder: waypost::answer::answer,
            deferred: None,
            secrets: Secrets::draw().unwrap(),
            tap: None,
        };
        let serving = listeners.serve(service, runtime.handle()).unwrap();
        Self {
            serving: Some(serving),
            runtime,
            published,
        }
    }

    /// Answers from another table from now on.
    pub(crate) fn publish(&self, table: Table) {
        self.published.publish(Arc::new(table));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.stop());
        }
    }
}

/// A folder, and a network without anybody else in it: a server that has just ended can hold its
/// port for as long as a program takes to start that another test starts.
pub(crate) fn own_network() -> TempDir {
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace needs root");
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.unwrap().success());
    tempfile::tempdir().unwrap()
}

pub(crate) fn now() -> u64 {
    Clock::start().wall_seconds()
}

/// What delv says of a question.
pub(crate) fn delv(folder: &Path, question: &str) -> String {
    let (name, rtype) = question.split_once(' ').unwrap();
    let output = Command::new("delv")
        .args(["@127.0.0.20", "+root=example.org", "-4", "-a"])
        .arg(folder.join("anchor.bind"))
        .args([name, rtype])
        .output()
        .expect("tests/run installs delv");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes what delv believes: the DS of the zone.
pub(crate) fn write_anchor(folder: &Path, anchor: &str) {
    let (numbers, digest) = anchor.rsplit_once(' ').unwrap();
    let bind =
        format!("trust-anchors {{\n  \"example.org\" static-ds {numbers} \"{digest}\";\n}};\n");
    fs::write(folder.join("anchor.bind"), bind).unwrap();
}

#[test]
fn delv_validates_every_kind_of_answer() {
    for way in ways() {
        let folder = own_network();
        let pair = Pair::new(way.algorithm);
        write_anchor(folder.path(), &pair.anchor());
        let plan = sign(sample::compile(), way, &pair, now());
        let server = Server::start(table(&plan, &[]));
        for down in [&[][..], &ALL] {
            server.publish(table(&plan, down));
            for (question, state) in QUESTIONS {
                let found = delv(folder.path(), question);
                let validated = found.contains("; fully validated")
                    || found.contains("; negative response, fully validated");
                assert!(
                    validated && state == "secure",
                    "{question}, {way:?}, without {down:?}:\n{found}"
                );
            }
        }
    }
}

/// unbound, and its end.
pub(crate) struct Resolver(Child);

impl Resolver {
    /// Starts it with the DS of the zone: tag, algorithm, digest type, digest.
    pub(crate) fn start(folder: &Path, anchor: &str) -> Self {
        let config = format!(
            "server:\n  interface: {RESOLVER}\n  port: 53\n  username: \"\"\n  chroot: \"\"\n  directory: \"{}\"\n  \
             pidfile: \"\"\n  use-syslog: no\n  logfile: \"unbound.log\"\n  val-log-level: 2\n  \
             val-sig-skew-min: 0\n  val-sig-skew-max: 0\n  \
             do-not-query-localhost: no\n  do-ip6: no\n  module-config: \"subnetcache validator iterator\"\n  \
             send-client-subnet: 127.0.0.20\n  client-subnet-always-forward: yes\n  \
             trust-anchor: \"example.org. IN DS {anchor}\"\n  access-control: 127.0.0.0/8 allow\n  \
             aggressive-nsec: no\n  cache-max-ttl: 0\n\
             remote-control:\n  control-enable: no\n\
             stub-zone:\n  name: \"example.org\"\n  stub-addr: 127.0.0.20\n",
            folder.display(),
        );
        let path = folder.join("unbound.conf");
        fs::write(&path, config).unwrap();
        let child = Command::new("/usr/sbin/unbound")
            .args(["-d", "-c"])
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/run installs unbound");
        let resolver = Self(child);
        let patience = Instant::now() + Duration::from_secs(20);
        while !dig("example.org SOA").contains("status: NOERROR") {
            assert!(
                Instant::now() < patience,
                "unbound does not answer: {}",
                dig("example.org SOA")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        resolver
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn dig(question: &str) -> String {
    dig_for(RESOLVER, question, "0.0.0.0/0")
}

/// What dig prints when it asks one of the two for a client.
pub(crate) fn dig_for(server: &str, question: &str, subnet: &str) -> String {
    let (name, rtype) = question.split_once(' ').unwrap();
    let output = Command::new("dig")
        .arg(format!("@{server}"))
        .arg(format!("+subnet={subnet}"))
        .args(["+dnssec", "+tries=1", "+time=5", name, rtype])
        .output()
        .expect("tests/run installs dig");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether an answer says that it was validated.
pub(crate) fn is_validated(answer: &str) -> bool {
    let flags = answer.lines().find(|line| line.contains(";; flags:"));
    let flags = flags.and_then(|line| line.split(';').nth(2));
    flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "ad"))
        && !answer.contains("SERVFAIL")
}

fn ask_unbound(way: Way) {
    let folder = own_network();
    let pair = Pair::new(way.algorithm);
    let plan = sign(sample::compile(), way, &pair, now());
    let server = Server::start(table(&plan, &[]));
    let _resolver = Resolver::start(folder.path(), &pair.anchor());
    for down in [&[][..], &["eu-one"], &ALL] {
        server.publish(table(&plan, down));
        for (question, _) in QUESTIONS {
            let found = dig(question);
            assert!(
                is_validated(&found),
                "{question}, {way:?}, without {down:?}:\n{found}\n{}",
                fs::read_to_string(folder.path().join("unbound.log")).unwrap_or_default()
            );
        }
    }
}

#[test]
fn unbound_validates_every_kind_of_answer() {
    for way in ways() {
        std::thread::spawn(move || ask_unbound(way)).join().unwrap();
    }
}
