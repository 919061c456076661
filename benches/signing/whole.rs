//! A whole zone of 200,000 names, P-256 and NSEC: this server from its start to a signed answer, beside the
//! signers of Knot and of ldns with the same file.
//!
//! The bar: at most the processor time of Knot. A signer that is not installed is said to be missing.
use std::fmt::Write as _;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::UsageWho;

use super::{median, processor};

const NAMES: usize = 200_000;
const ROUNDS: usize = 3;
const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const LISTEN: &str = "127.0.0.1:15354";
/// `h7.example.org A` with DO.
const QUERY: &[u8] = b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01\x02h7\x07example\x03org\0\0\x01\0\x01\
                       \0\0\x29\x04\xD0\0\0\x80\0\0\0";

/// Runs a signer over the zone in a folder, once.
type Run = fn(&Path) -> bool;

pub(crate) fn measure() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("example.org.zone"), text()).unwrap();
    let signers: [(&str, Run); 4] = [
        ("waypost, from its start to a signed answer", waypost),
        ("waypost, not signed", unsigned),
        ("kzonesign", knot),
        ("ldns-signzone", ldns),
    ];
    let mut rounds = signers.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((name, run), rounds) in signers.iter().zip(&mut rounds) {
            let (began, charged) = (Instant::now(), processor(UsageWho::RUSAGE_CHILDREN));
            if run(folder.path()) {
                let took = processor(UsageWho::RUSAGE_CHILDREN) - charged;
                rounds.push((took, began.elapsed()));
            } else {
                println!("{name}: missing, or it failed");
            }
        }
    }
    for ((name, _), rounds) in signers.iter().zip(rounds) {
        if rounds.is_empty() {
            continue;
        }
        let (took, wall) = median(rounds);
        println!(
            "{NAMES} names by {name}: {:.1} s of processor time, {:.1} s of the clock (median of {ROUNDS})",
            took.as_secs_f64(),
            wall.as_secs_f64()
        );
    }
}

fn text() -> String {
    let mut text = "$ORIGIN example.org.\n$TTL 300\n\
                    @ SOA ns1 hostmaster 1 3600 900 604800 60\n NS ns1\nns1 A 127.0.0.1\n"
        .to_owned();
    for number in 0..NAMES {
        writeln!(text, "h{number} A 192.0.2.{}", number % 256).unwrap();
    }
    text
}

fn waypost(folder: &Path) -> bool {
    serve(folder, "dnssec = {}", 2)
}

fn unsigned(folder: &Path) -> bool {
    serve(folder, "", 1)
}

/// Starts the server without any state, until an answer has so many records.
fn serve(folder: &Path, dnssec: &str, records: u8) -> bool {
    let config = folder.join("config.toml");
    let text = format!(
        "[server]\nlisten = [\"{LISTEN}\"]\nstate = \"state\"\n[control]\nlisten = \"127.0.0.1:18054\"\n\
         [[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n{dnssec}\n"
    );
    fs::write(&config, text).unwrap();
    let _ = fs::remove_dir_all(folder.join("state"));
    if !dnssec.is_empty() && !folder.join("keys").exists() {
        let mut generate = Command::new(WAYPOST);
        generate.args(["keys", "generate", "example.org", "--config"]);
        if !is_well(generate.arg(&config)) {
            return false;
        }
    }
    let child = Command::new(WAYPOST)
        .args(["run", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let is_there = answers(records);
    child.kill().unwrap();
    child.wait().unwrap();
    is_there
}

/// Waits for an answer of so many records; asks rarely, to cost nothing.
fn answers(records: u8) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(LISTEN).unwrap();
    let pause = Duration::from_millis(20);
    socket.set_read_timeout(Some(pause)).unwrap();
    let began = Instant::now();
    let mut reply = [0; 1232];
    while began.elapsed() < Duration::from_secs(600) {
        let _ = socket.send(QUERY);
        if socket.recv(&mut reply).is_ok() && reply[7] == records {
            return true;
        }
        std::thread::sleep(pause);
    }
    false
}

/// Knot's signer, with a key that it makes for itself in the first round.
fn knot(folder: &Path) -> bool {
    let (config, shown) = (folder.join("knot.conf"), folder.display());
    let text = format!(
        "server:\n  rundir: {shown}\ndatabase:\n  storage: {shown}/knot\n\
         policy:\n  - id: one\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n\
         zone:\n  - domain: example.org\n    storage: {shown}\n    file: example.org.zone\n    \
         dnssec-signing: on\n    dnssec-policy: one\n"
    );
    let out = folder.join("signed");
    for made in [&folder.join("knot"), &out] {
        fs::create_dir_all(made).unwrap();
    }
    fs::write(&config, text).unwrap();
    let mut sign = Command::new("kzonesign");
    sign.arg("-c").arg(&config).arg("-o").arg(&out);
    is_well(sign.arg("example.org"))
}

/// The signer of ldns.
fn ldns(folder: &Path) -> bool {
    let key = folder.join("ldns.key-name");
    if !key.exists() {
        let made = Command::new("ldns-keygen")
            .args(["-a", "ECDSAP256SHA256", "-k", "example.org"])
            .current_dir(folder)
            .output();
        let Ok(made) = made else { return false };
        fs::write(&key, made.stdout).unwrap();
    }
    let name = fs::read_to_string(&key).unwrap();
    let mut sign = Command::new("ldns-signzone");
    sign.args(["-f", "ldns.signed", "example.org.zone", name.trim()]);
    is_well(sign.current_dir(folder))
}

fn is_well(command: &mut Command) -> bool {
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}
