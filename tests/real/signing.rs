//! A large zone is signed, and nobody waits: what is answered meanwhile, what is left of it after a kill, and on which disk.
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::world::{CONFIG, Process, World, ZONE, dig, get, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
/// How long the signing of a large zone may take, in whatever way the program was built.
const PATIENCE: Duration = Duration::from_secs(600);
/// The name that is asked for, the last of its zone.
const LAST: &str = "last.big.example";

/// A world with a zone of so many names that is to be signed, beside the usual one.
fn world(names: usize) -> World {
    let world = World::new();
    let big = "\n[[zones]]\nname = \"big.example\"\nfile = \"zones/big.example\"\n\
               dnssec = { keys = \"keys\", algorithm = \"ecdsa-p256\", signature_validity = \"3650d\" }\n\
               transfer = { to = [\"127.0.0.0/8\"] }\n\
               [acme]\nexpire = \"1h\"\n";
    let config = CONFIG.replace("[server]\n", "[server]\nstate = \"state\"\n");
    let config = config.replace("[control]\n", "[control]\naudit = \"audit.jsonl\"\n");
    let config = world.write("config.toml", &(config + big));
    world.write("zones/example.org.zone", ZONE);
    write_zone(&world, names, 1);
    let generate = ["keys", "generate", "big.example", "--config"];
    let (said, well) = run(
        WAYPOST,
        &[&generate[..], &[config.to_str().unwrap()]].concat(),
    );
    assert!(well, "{said}");
    world
}

fn write_zone(world: &World, names: usize, serial: u32) {
    let mut zone = format!(
        "$TTL 3600\n@ SOA ns.example.org. mail.example.org. {serial} 3600 600 604800 300\n\
         @ NS ns1.example.org.\n@ TXT \"serial {serial}\"\n"
    );
    for number in 0..names {
        writeln!(zone, "n{number} A 192.0.2.{}", number % 250).unwrap();
    }
    zone.push_str("last A 192.0.2.251\n");
    world.write("zones/big.example", &zone);
}

/// Starts the server and waits until it answers for the zone that is not signed.
fn start(world: &World) -> Process {
    let mut command = Command::new(WAYPOST);
    command.args(["run", "--log", "json", "--config", "config.toml"]);
    let process = world.start("waypost", &mut command);
    wait_long("an answer of the other zone", || other() == "192.0.2.25\n");
    process
}

/// What the zone that is not signed answers.
fn other() -> String {
    dig(&["@127.0.0.20", "+short", "mail.example.org", "A"])
}

/// What the large zone answers.
fn big() -> String {
    dig(&["@127.0.0.20", "+dnssec", LAST, "A"])
}

fn is_signed(answer: &str) -> bool {
    let is_there = answer.contains("status: NOERROR") && answer.contains("192.0.2.251");
    // Never without signatures, whatever happens.
    assert!(!is_there || answer.contains("RRSIG\tA 13"), "{answer}");
    is_there
}

fn wait_long(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn metric(name: &str) -> Option<String> {
    let (_, text) = get("/metrics")?;
    let name = format!("{name}{{zone=\"big.example\"}} ");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(&*name));
    lines.next().map(str::to_owned)
}

fn made() -> usize {
    let mut made = None;
    wait_for("the count of signatures", || {
        made = metric("waypost_zone_signatures_made_total");
        made.is_some()
    });
    made.unwrap().parse().unwrap()
}

fn order(world: &World, arguments: &[&str]) -> (String, bool) {
    let config = world.path("config.toml");
    let config = ["--config", config.to_str().unwrap()];
    run(WAYPOST, &[arguments, &config].concat())
}

/// Ends the server as a service manager would.
fn stop(mut server: Process) {
    kill(server.id(), Signal::SIGTERM).unwrap();
    assert_eq!(server.wait(), Some(0));
}

fn kept(world: &World) -> Option<PathBuf> {
    let files = fs::read_dir(world.path("state/signatures")).ok()?;
    let mut files = files.map(|file| file.unwrap().path());
    files.find(|path| path.extension().is_some_and(|own| own == "rrsig"))
}

/// All of the zone, through a checker.
fn check(world: &World) {
    let mut text = String::new();
    // A zone can be transferred once its version is on the disk, a moment after it is answered.
    wait_long("a transfer of the zone", || {
        let asked = [
            "@127.0.0.20",
            "big.example",
            "AXFR",
            "+onesoa",
            "+noall",
            "+answer",
        ];
        text = dig(&asked);
        text.contains("RRSIG")
    });
    let file = world.write("given.zone", &text);
    let (said, well) = run("ldns-verify-zone", &[file.to_str().unwrap()]);
    assert!(well, "{said}");
}

#[test]
fn others_are_answered_and_orders_carried_out_while_a_large_zone_is_signed() {
    let world = world(200_000);
    let server = start(&world);
    let answer = big();
    assert!(answer.contains("status: SERVFAIL"), "{answer}");
    assert!(answer.contains("EDE: 14 (Not Ready)"), "{answer}");
    let (status, text) = get("/readyz").unwrap();
    assert_eq!(status, 503);
    assert!(text.contains("zone `big.example`: "), "{text}");
    assert_eq!(other(), "192.0.2.25\n");
    let (text, well) = order(&world, &["drain", "fra-one", "--author", "ada", "--force"]);
    assert!(well, "{text}");
    let challenge = "_acme-challenge.mail.example.org";
    let (text, well) = order(&world, &["acme", "add", challenge, "one"]);
    assert!(well, "{text}");
    let served = dig(&["@127.0.0.20", "+short", challenge, "TXT"]);
    assert_eq!(served, "\"one\"\n");
    let (text, _) = order(&world, &["status"]);
    assert!(
        text.contains("zone big.example is not answered yet: "),
        "{text}"
    );
    // All of that was done before the zone was.
    assert!(big().contains("EDE: 14"), "the zone was signed before");
    wait_long("the signed zone", || is_signed(&big()));
    wait_for("the server to be ready", || {
        get("/readyz").is_some_and(|(status, _)| status == 200)
    });
    assert!(made() > 400_000, "{}", made());
    assert!(server.log().contains("\"event\":\"signing\""));
    stop(server);

    // What was kept is what there is, and a change costs itself.
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    assert!(made() < 10, "{} fell due", made());
    stop(server);
    write_zone(&world, 200_000, 2);
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    // SOA and TXT, and what has fallen due.
    assert!((2..12).contains(&made()), "{}", made());
    drop(server);
}

#[test]
fn a_kill_in_the_midst_of_writing_costs_what_was_not_written() {
    let world = world(20_000);
    let mut all = 0;
    for _ in 0..4 {
        let server = start(&world);
        // It writes soon after the first step, and then while it goes on.
        wait_long("a file of signatures", || kept(&world).is_some());
        all += made();
        server.kill();
    }
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    all += made();
    check(&world);
    stop(server);
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    assert_eq!(made(), 0);
    check(&world);
    // A kill in the midst of an addition, wherever that is.
    server.kill();
    let file = kept(&world).unwrap();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 100]).unwrap();
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    assert!((1..200).contains(&made()), "{} of {all}", made());
    assert!(!server.log().contains("signatures_damaged"));
}

#[test]
fn a_flipped_bit_is_told_and_costs_the_signatures_around_it() {
    let world = world(2000);
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    stop(server);
    let file = kept(&world).unwrap();
    let mut octets = fs::read(&file).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 8;
    fs::write(&file, octets).unwrap();
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    assert!((1..200).contains(&made()), "{}", made());
    assert!(
        server.log().contains("signatures_damaged"),
        "{}",
        server.log()
    );
    check(&world);
    wait_for("a file without damage", || {
        metric("waypost_zone_signatures_unkept").is_none()
    });
    server.kill();
    let server = start(&world);
    wait_long("the signed zone", || is_signed(&big()));
    assert_eq!(made(), 0);
    assert!(!server.log().contains("signatures_damaged"));
}

#[test]
fn a_full_disk_costs_only_that_signatures_are_kept() {
    let world = world(2000);
    fs::create_dir(world.path("state")).unwrap();
    let script = format!(
        "mount --make-rprivate / && mount -t tmpfs -o size=8m,mode=700 none state && \
         (dd if=/dev/zero of=state/fill bs=1k count=8000 || true) && exec {WAYPOST} run --log json --config config.toml"
    );
    let server = world.start(
        "full",
        Command::new("unshare").args(["-m", "sh", "-c", &script]),
    );
    wait_long("the signed zone", || is_signed(&big()));
    wait_for("the trouble to be told", || {
        metric("waypost_zone_signatures_unkept").as_deref() == Some("1")
    });
    assert!(
        server.log().contains("signatures_unkept"),
        "{}",
        server.log()
    );
    let id = server.id().to_string();
    let fill = world.path("state/fill");
    let remove = ["-t", &id, "-m", "rm", fill.to_str().unwrap()];
    assert!(run("nsenter", &remove).1);
    wait_for("signatures to be kept", || {
        metric("waypost_zone_signatures_unkept").is_none()
    });
    assert!(server.log().contains("signatures_kept"), "{}", server.log());
    check(&world);
}
