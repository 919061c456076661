//! A secondary zone goes its way whatever happens to files: a broken config, a copy that was cut or changed, a
//! broken state; and a zone that was signed is never answered unsigned.
use std::fs;

use super::peers::{WAYPOST, serial, short, wait_for_answer};
use super::scripted::{Primary, Reply, zone};
use crate::world::{CONFIG, Process, World, ZONE, dig, get, run, wait_for};

const PRIMARY: &str = "127.0.0.40";
const COPY: &str = "evil.zone";

fn write(world: &World) {
    let zone = format!(
        "[[zones]]\nname = \"evil.test\"\nfile = \"{COPY}\"\nprimaries = [\"{PRIMARY}:53\"]\n"
    );
    world.write("config.toml", &(CONFIG.to_owned() + &zone));
    world.write("zones/example.org.zone", ZONE);
}

fn start(world: &World) -> Process {
    write(world);
    world.waypost()
}

/// Waits until the copy and the record beside it say this version.
fn wait_for_copy(world: &World, serial: u32) {
    wait_for("the copy to be written", || {
        let text = fs::read_to_string(world.path(COPY)).unwrap_or_default();
        let record = fs::read_to_string(world.path(&format!("{COPY}.digest")));
        text.contains(&format!("\"{serial}\""))
            && record.is_ok_and(|text| text.lines().count() == 2)
    });
}

fn set_aside(world: &World, file: &str) -> usize {
    let folder = world.path(file).parent().unwrap().to_owned();
    let start = format!(
        "{}.damaged-",
        world.path(file).file_name().unwrap().to_str().unwrap()
    );
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(&start)).count()
}

#[test]
fn a_broken_config_holds_up_no_transfer_and_no_zone_file() {
    let world = World::new();
    let primary = Primary::start(PRIMARY, 5);
    let waypost = start(&world);
    assert_eq!(serial(WAYPOST, "evil.test"), Some(5));
    world.write(
        "config.toml",
        "[server]\nlisten = [\"127.0.0.20:53\"]\n[[zones",
    );
    wait_for("the config to be refused", || {
        waypost.log().contains("reload_refused")
    });
    primary.says(Reply::Code(4), Reply::Records(zone(6)));
    wait_for_answer(WAYPOST, ("v.evil.test", "TXT"), "\"6\"");
    world.write(
        "zones/example.org.zone",
        &(ZONE.to_owned() + "later TXT served\n"),
    );
    wait_for_answer(WAYPOST, ("later.example.org", "TXT"), "\"served\"");
    let log = waypost.log();
    assert!(log.contains("zone_loaded"), "{log}");
    assert!(!log.contains("\"event\":\"reloaded\""), "{log}");
}

#[test]
fn a_copy_that_was_cut_or_changed_is_set_aside_and_fetched_anew() {
    let world = World::new();
    let primary = Primary::start(PRIMARY, 5);
    let waypost = start(&world);
    wait_for_copy(&world, 5);
    let whole = fs::read(world.path(COPY)).unwrap();
    waypost.kill();
    let line = whole.iter().rposition(|octet| *octet == b'\n').unwrap();
    let second = whole[..line]
        .iter()
        .rposition(|octet| *octet == b'\n')
        .unwrap();
    let mut changed = whole.clone();
    changed[second + 3] ^= 1;
    let broken = [
        vec![],
        whole[..whole.len() / 2].to_vec(),
        whole[..=second].to_vec(),
        changed,
    ];
    for (number, octets) in broken.into_iter().enumerate() {
        fs::write(world.path(COPY), octets).unwrap();
        primary.says(Reply::Code(4), Reply::Records(zone(5)));
        let waypost = world.waypost();
        assert_eq!(serial(WAYPOST, "evil.test"), Some(5), "{number}");
        assert!(serial(WAYPOST, "example.org").is_some());
        assert!(
            primary.asked().contains(&"AXFR"),
            "{number}: the copy was taken for whole"
        );
        wait_for_copy(&world, 5);
        assert_eq!(fs::read(world.path(COPY)).unwrap(), whole, "{number}");
        assert!(waypost.log().contains("state_unreadable"));
        waypost.kill();
        assert!(set_aside(&world, COPY) > 0, "{number}");
    }
    // Nobody is asked for the whole zone where the copy is what was written.
    primary.says(Reply::Code(4), Reply::Code(4));
    let _waypost = world.waypost();
    assert_eq!(serial(WAYPOST, "evil.test"), Some(5));
}

#[test]
fn a_damaged_copy_costs_its_zone_alone_while_the_primary_is_silent() {
    let world = World::new();
    let primary = Primary::start(PRIMARY, 5);
    let waypost = start(&world);
    wait_for_copy(&world, 5);
    waypost.kill();
    fs::write(world.path(COPY), "").unwrap();
    let config = world.path("config.toml");
    let (text, well) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &["check", "--config", config.to_str().unwrap()],
    );
    assert!(well && text.contains("is damaged"), "{text}");
    primary.says(Reply::Gone, Reply::Gone);
    let _waypost = world.waypost();
    assert!(dig(&["@127.0.0.20", "v.evil.test", "TXT"]).contains("SERVFAIL"));
    assert!(serial(WAYPOST, "example.org").is_some());
    primary.says(Reply::Code(4), Reply::Records(zone(6)));
    wait_for_answer(WAYPOST, ("v.evil.test", "TXT"), "\"6\"");
}

/// When the server says that it is up, the primary is still within what it may take to answer.
#[test]
fn a_silent_primary_holds_up_no_other_zone_at_the_start() {
    let world = World::new();
    let primary = Primary::start(PRIMARY, 5);
    primary.says(Reply::Silence, Reply::Silence);
    let waypost = start(&world);
    assert!(serial(WAYPOST, "example.org").is_some());
    assert!(dig(&["@127.0.0.20", "v.evil.test", "TXT"]).contains("SERVFAIL"));
    let log = waypost.log();
    assert!(!log.contains("transfer_failed"), "{log}");
}

#[test]
fn a_broken_state_costs_what_it_held_and_nothing_else() {
    let world = World::new();
    let _primary = Primary::start(PRIMARY, 5);
    let waypost = start(&world);
    wait_for_copy(&world, 5);
    wait_for("the state", || world.path("state/transfers.json").exists());
    waypost.kill();
    for (file, text) in [
        ("state/transfers.json", ""),
        ("state/transfers.json", "{\"versions\": 7"),
        ("state/challenges.json", "\0\0\0\0"),
        ("state/challenges.json", "{}"),
    ] {
        let before = set_aside(&world, file);
        world.write(file, text);
        let waypost = world.waypost();
        assert!(serial(WAYPOST, "example.org").is_some(), "{file} {text}");
        assert_eq!(serial(WAYPOST, "evil.test"), Some(5), "{file} {text}");
        assert!(waypost.log().contains("state_unreadable"), "{file} {text}");
        assert!(set_aside(&world, file) >= before.max(1), "{file} {text}");
        waypost.kill();
        // The next name differs by the second.
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
}

#[test]
fn a_zone_that_was_signed_is_withheld_while_its_keys_are_gone() {
    let world = World::new();
    let signed = "file = \"zones/example.org.zone\"\ndnssec = { keys = \"keys\" }";
    let config = CONFIG.replace("file = \"zones/example.org.zone\"", signed);
    let other = "[[zones]]\nname = \"plain.test\"\nfile = \"zones/plain.zone\"\n";
    world.write("config.toml", &(config + other));
    world.write("zones/example.org.zone", ZONE);
    world.write(
        "zones/plain.zone",
        &ZONE.replace("example.org", "plain.test"),
    );
    let path = world.path("config.toml");
    let path = path.to_str().unwrap();
    let program = env!("CARGO_BIN_EXE_waypost");
    // What never was signed goes on without, and is told.
    let waypost = world.waypost();
    assert!(serial(WAYPOST, "example.org").is_some());
    assert!(waypost.log().contains("no_keys"));
    let (text, well) = run(
        program,
        &["keys", "--config", path, "generate", "example.org"],
    );
    let (text, well) = if well {
        (text, well)
    } else {
        run(
            program,
            &["keys", "generate", "example.org", "--config", path],
        )
    };
    assert!(well, "{text}");
    let is_signed = || dig(&["@127.0.0.20", "+dnssec", "example.org", "SOA"]).contains("RRSIG");
    wait_for("signatures", is_signed);
    wait_for("it to be remembered", || {
        let text = fs::read_to_string(world.path("state/transfers.json"));
        text.is_ok_and(|text| text.contains("signed"))
    });
    waypost.kill();

    fs::rename(world.path("keys"), world.path("away")).unwrap();
    let (text, _) = run(program, &["check", "--config", path]);
    assert!(text.contains("cannot be signed"), "{text}");
    let waypost = world.waypost();
    let reply = dig(&["@127.0.0.20", "+dnssec", "example.org", "SOA"]);
    assert!(
        reply.contains("SERVFAIL") && reply.contains("EDE: 14"),
        "{reply}"
    );
    assert_eq!(short(WAYPOST, "example.org", "A"), "", "without DO neither");
    assert!(serial(WAYPOST, "plain.test").is_some());
    let log = waypost.log();
    assert!(
        log.contains("zone_withheld") && !log.contains("no_keys"),
        "{log}"
    );
    let (_, metrics) = get("/metrics").unwrap();
    let line = "waypost_zone_unsigned{zone=\"example.org\"} 1";
    assert!(metrics.contains(line), "{metrics}");

    // As soon as the keys are back, it is signed.
    fs::rename(world.path("away"), world.path("keys")).unwrap();
    wait_for("signatures", is_signed);
    let (_, metrics) = get("/metrics").unwrap();
    assert!(!metrics.contains(line), "{metrics}");
}
