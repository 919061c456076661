//! `waypost upgrade`: another process takes over, and nobody who asks notices.
//!
//! `UPGRADES`, `UPGRADE_UDP` and `UPGRADE_TCP` say how many upgrades there are, and how much is asked meanwhile a second;
//! `WAYPOST_PROGRAM` is what runs instead of the build under test. What the promise names is
//! `UPGRADES=100 UPGRADE_UDP=5000 UPGRADE_TCP=200` with a release build.
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use waypost::dns::{Name, ask};

use crate::world::{Process, World, dig, get, request, state_of, wait_for};

const SERVER: ([u8; 4], u16) = ([127, 0, 0, 20], 53);
/// How long a reply may take; what has not come by then is lost.
const REPLY: Duration = Duration::from_secs(3);
/// Sockets that ask over UDP: so many that the kernel gives each thread of the server some of them.
const SOCKETS: u32 = 16;

fn from_environment(name: &str, otherwise: u32) -> u32 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A server whose executable can be replaced, and the processes that follow each other in its place.
pub(crate) struct Upgradable {
    pub(crate) world: World,
    first: Process,
    /// Those that took over, the present one last.
    followers: Vec<Pid>,
}

impl Upgradable {
    fn start() -> Self {
        let world = World::new();
        world.write_config();
        Self::of(world)
    }

    /// Runs on the config of a world.
    pub(crate) fn of(world: World) -> Self {
        install(&world);
        let mut command = Command::new(program(&world));
        command
            .args(["run", "--log", "json", "--config"])
            .arg(world.path("config.toml"));
        let first = world.start("waypost", &mut command);
        wait_for("waypost to be ready", is_ready);
        Self {
            world,
            first,
            followers: Vec::new(),
        }
    }

    /// The process that is at work.
    pub(crate) fn process(&self) -> Pid {
        self.followers
            .last()
            .copied()
            .unwrap_or_else(|| self.first.id())
    }

    /// Says `waypost upgrade`; what it says, and whether it went well.
    fn upgrade(&mut self, arguments: &[&str]) -> (String, bool) {
        let output = Command::new(built())
            .args(["upgrade", "--config"])
            .arg(self.world.path("config.toml"))
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let digits = text.chars().skip_while(|one| !one.is_ascii_digit());
            let digits: String = digits.take_while(char::is_ascii_digit).collect();
            self.followers.push(Pid::from_raw(digits.parse().unwrap()));
        }
        (text, output.status.success())
    }

    /// Upgrades, and waits until the process before has ended.
    pub(crate) fn upgrade_well(&mut self) {
        let before = self.followers.last().copied();
        let (text, went_well) = self.upgrade(&[]);
        assert!(went_well, "{text}\n{}", self.first.log());
        match before {
            None => assert_eq!(self.first.wait(), Some(0)),
            Some(before) => wait_for("the old process to end", || !is_alive(before)),
        }
    }

    /// Puts a script in the place of the executable.
    fn replace(&self, script: &str) {
        let path = self.world.write("next", script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(path, program(&self.world)).unwrap();
    }
}

impl Drop for Upgradable {
    fn drop(&mut self) {
        for follower in &self.followers {
            let _ = kill(*follower, Signal::SIGKILL);
        }
    }
}

/// The program under test.
fn built() -> PathBuf {
    let other = std::env::var_os("WAYPOST_PROGRAM").map(PathBuf::from);
    other.unwrap_or_else(|| env!("CARGO_BIN_EXE_waypost").into())
}

/// Where it is installed.
fn program(world: &World) -> PathBuf {
    world.path("waypost")
}

/// Puts it there; a file that runs cannot be written to, so a new one takes its place.
fn install(world: &World) {
    fs::copy(built(), world.path("next")).unwrap();
    fs::rename(world.path("next"), program(world)).unwrap();
}

fn is_alive(process: Pid) -> bool {
    // One that nobody has waited for is dead as well.
    let status = fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|line| !line.contains(") Z "))
}

fn is_ready() -> bool {
    get("/readyz").is_some_and(|(status, _)| status == 200)
}

/// Questions that were asked, and those that nobody answered.
#[derive(Debug, Default)]
struct Heard {
    asked: u32,
    lost: Vec<String>,
}

/// Clients that ask at a steady rate until they are stopped.
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Heard>>,
}

impl Crowd {
    pub(crate) fn start(udp: u32, tcp: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let over_udp = (0..SOCKETS).map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || ask_over_udp(&stop, udp.div_ceil(SOCKETS)))
        });
        // Several, so that one slow answer does not hold up the rate.
        let over_tcp = (0..8).map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || ask_over_tcp(&stop, tcp.div_ceil(8)))
        });
        Self {
            clients: over_udp.chain(over_tcp).collect(),
            stop,
        }
    }

    /// Stops them; how many questions there were. None may be without its answer.
    pub(crate) fn lost_nothing(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        let mut asked = 0;
        let mut lost = Vec::new();
        for client in self.clients {
            let heard = client.join().unwrap();
            asked += heard.asked;
            lost.extend(heard.lost);
        }
        let first = &lost[..lost.len().min(5)];
        assert!(
            lost.is_empty(),
            "{} of {asked} were lost: {first:?}",
            lost.len()
        );
        asked
    }
}

/// Waits until it is time for question number `number`.
fn keep_pace(begin: Instant, number: u32, rate: u32) {
    let due = begin + Duration::from_secs(1) * number / rate.max(1);
    thread::sleep(due.saturating_duration_since(Instant::now()));
}

fn question() -> ask::Question {
    ask::Question {
        name: Name::parse("api.example.org").unwrap(),
        rtype: 1,
        wants: Vec::new(),
    }
}

fn is_answer(reply: &[u8], id: u16) -> bool {
    let reply = ask::decode(reply);
    reply.is_some_and(|reply| reply.id == id && reply.rcode == 0 && reply.addresses().count() == 1)
}

/// Asks without waiting for the answers, which are collected meanwhile.
fn ask_over_udp(stop: &AtomicBool, rate: u32) -> Heard {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(SocketAddr::from(SERVER)).unwrap();
    let listening = socket.try_clone().unwrap();
    listening.set_read_timeout(Some(REPLY)).unwrap();
    let answered = thread::spawn(move || {
        let (mut answered, mut reply) = (Vec::new(), [0; 1500]);
        while let Ok(length) = listening.recv(&mut reply) {
            let id = u16::from_be_bytes([reply[0], reply[1]]);
            assert!(is_answer(&reply[..length], id), "{:?}", &reply[..length]);
            answered.push(id);
        }
        answered
    });
    let (begin, mut asked) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        let id = u16::try_from(asked % 65_536).unwrap();
        socket.send(&ask::encode(id, &question())).unwrap();
        asked += 1;
        keep_pace(begin, asked, rate);
    }
    let mut missing: Vec<u32> = vec![0; 65_536];
    for id in 0..asked {
        missing[id as usize % 65_536] += 1;
    }
    for id in answered.join().unwrap() {
        missing[usize::from(id)] -= 1;
    }
    let lost = missing.iter().enumerate().filter(|(_, count)| **count > 0);
    Heard {
        asked,
        lost: lost.map(|(id, _)| format!("UDP {id} of {asked}")).collect(),
    }
}

/// Asks once on each connection.
fn ask_over_tcp(stop: &AtomicBool, rate: u32) -> Heard {
    let (begin, mut heard) = (Instant::now(), Heard::default());
    while !stop.load(Ordering::Relaxed) {
        let id = u16::try_from(heard.asked % 65_536).unwrap();
        if let Err(error) = ask_once_over_tcp(id) {
            heard.lost.push(format!("TCP {id}: {error}"));
        }
        heard.asked += 1;
        keep_pace(begin, heard.asked, rate);
    }
    heard
}

fn ask_once_over_tcp(id: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(SERVER), REPLY)?;
    stream.set_read_timeout(Some(REPLY))?;
    let query = ask::encode(id, &question());
    let length = u16::try_from(query.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    match is_answer(&reply, id) {
        true => Ok(()),
        false => Err(std::io::Error::other(format!("{reply:?}"))),
    }
}

/// The server cookie that a reply brings (RFC 7873), as dig writes it.
fn cookie(sent: &str) -> String {
    let option = format!("+cookie={sent}");
    let said = dig(&["@127.0.0.20", "api.example.org", "A", &option]);
    let line = said.lines().find_map(|line| line.split("COOKIE: ").nth(1));
    let line = line.unwrap_or_else(|| panic!("no cookie in {said}"));
    line.split(' ').next().unwrap().to_owned()
}

#[test]
fn upgrades_under_load_lose_no_query() {
    let mut server = Upgradable::start();
    let given = cookie("0102030405060708");
    assert_eq!(cookie(&given), given, "a young cookie comes back as it is");
    let crowd = Crowd::start(
        from_environment("UPGRADE_UDP", 400),
        from_environment("UPGRADE_TCP", 40),
    );
    let upgrades = from_environment("UPGRADES", 5);
    for _ in 0..upgrades {
        server.upgrade_well();
        wait_for("the new process to be ready", is_ready);
        thread::sleep(Duration::from_millis(100));
    }
    let asked = crowd.lost_nothing();
    assert!(asked > upgrades * 20, "only {asked} questions: no load");
    assert_eq!(
        cookie(&given),
        given,
        "what was given to clients stays valid"
    );
    let mut second = Command::new(built());
    second
        .args(["run", "--config"])
        .arg(server.world.path("config.toml"));
    let refused = second.output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("waypost upgrade"), "{said}");
}

#[test]
fn health_and_orders_go_with_it() {
    let world = World::new();
    world.write_config();
    let _backends = ["127.1.0.1", "127.1.0.2"].map(|address| world.backend(address));
    let mut server = Upgradable::of(world);
    wait_for("the failure to be noticed", || {
        state_of("tor-one") == "down"
    });
    wait_for("the rest to be healthy", || {
        state_of("fra-two") == "healthy"
    });
    let order = "/api/v1/orders?action=drain&scope=fra-one&author=test&reason=upgrade";
    let (status, body) = request("POST", order).unwrap();
    assert_eq!(status, 200, "{body}");
    wait_for("the drain to end", || state_of("fra-one") == "drained");
    let names = ["fra-one", "fra-two", "tor-one"];
    let before = names.map(state_of);
    for _ in 0..2 {
        server.upgrade_well();
        wait_for("the new process to be ready", is_ready);
        assert_eq!(names.map(state_of), before, "{}", server.first.log());
    }
}

/// What takes over part of the way and then ends; the server has let go of its state by then.
const GIVES_UP: &str = r#"#!/usr/bin/python3
import socket
old = socket.socket(fileno=0)
old.send(b'{"sockets":{"protocol":1}}')
number = __import__("json").loads(old.recv(65536))["sockets"]["number"]
while number > 0:
    _, some, _, _ = socket.recv_fds(old, 65536, 64)
    number -= len(some)
old.send(b'"release"')
assert old.recv(65536) == b'"released"'
"#;

#[test]
fn a_new_program_that_fails_leaves_the_old_one_at_work() {
    let mut server = Upgradable::start();
    let crowd = Crowd::start(200, 20);
    let broken = [
        ("it ends at once", "#!/bin/sh\nexit 7\n", "exit status: 7"),
        ("it is killed", "#!/bin/sh\nkill -9 $$\n", "signal: 9"),
        (
            "it hangs",
            "#!/bin/sh\nexec sleep 600\n",
            "did not answer in time",
        ),
        (
            "it says something else",
            "#!/bin/sh\necho hello >&0\nexec sleep 600\n",
            "does not speak",
        ),
        ("it is no program", "not a program\n", "cannot start"),
        ("it gives up half way", GIVES_UP, "ended before it answered"),
    ];
    for (what, script, expected) in broken {
        server.replace(script);
        let (text, went_well) = server.upgrade(&["--timeout", "2s"]);
        assert!(!went_well && text.contains(expected), "{what}: {text}");
        assert!(is_ready(), "{what}");
        // What is kept is taken as before.
        let (status, body) = request("POST", "/api/v1/reload").unwrap();
        assert_eq!(status, 200, "{what}: {body}");
    }
    install(&server.world);
    server
        .world
        .write("config.toml", "[server]\nlisten = [\"nowhere\"]\n");
    let (text, went_well) = server.upgrade(&[]);
    assert!(!went_well && text.contains("nowhere"), "{text}");
    server.world.write_config();
    server.upgrade_well();
    crowd.lost_nothing();
}
