//! A primary that cannot say what changed is asked for the whole zone at once, and one whose zone
//! is broken gives way to the next.
use super::peers::{WAYPOST, serial, short, wait_for_answer};
use super::scripted::{Primary, Reply, ns, soa, text, zone};
use crate::world::{CONFIG, Process, World, ZONE, wait_for};

const FIRST: &str = "127.0.0.40";
const SECOND: &str = "127.0.0.41";

fn secondary(world: &World, primaries: &[&str]) -> Process {
    let primaries: Vec<String> = primaries
        .iter()
        .map(|one| format!("\"{one}:53\""))
        .collect();
    let zone = format!(
        "[[zones]]\nname = \"evil.test\"\nfile = \"evil.zone\"\nprimaries = [{}]\n",
        primaries.join(", ")
    );
    world.write("config.toml", &(CONFIG.to_owned() + &zone));
    world.write("zones/example.org.zone", ZONE);
    world.waypost()
}

/// Replies to IXFR that bring no next version: what is served before has serial `serial`.
fn useless(serial: u32) -> Vec<(&'static str, Reply)> {
    let (own, next) = (|| soa(serial), || soa(serial + 1));
    let version = |serial: u32| text("v", &serial.to_string());
    let differing = |middle: Vec<Vec<u8>>| {
        let ends = (vec![next()], vec![next()]);
        Reply::Records([ends.0, middle, ends.1].concat())
    };
    let records = |records: Vec<Vec<u8>>| Reply::Records(records);
    vec![
        ("FORMERR", Reply::Code(1)),
        ("SERVFAIL", Reply::Code(2)),
        ("NOTIMP", Reply::Code(4)),
        ("REFUSED", Reply::Code(5)),
        ("NOTAUTH", Reply::Code(9)),
        ("no record", records(vec![])),
        ("no end", Reply::Torn(zone(serial + 1))),
        ("no word", Reply::Gone),
        (
            "what is not there goes",
            differing(vec![own(), text("nope", "x"), next()]),
        ),
        (
            "what is there comes",
            differing(vec![own(), next(), text("a", "stays")]),
        ),
        (
            "from another version",
            differing(vec![soa(serial - 1), version(serial - 1), next()]),
        ),
        (
            "serials that do not meet",
            differing(vec![own(), soa(serial - 1)]),
        ),
        ("no zone comes of it", differing(vec![own(), ns(), next()])),
        (
            "an alias beside data",
            differing(vec![
                own(),
                next(),
                super::hostile::record(
                    &[b"\x01a", super::hostile::ZONE_NAME].concat(),
                    5,
                    super::hostile::ZONE_NAME,
                ),
            ]),
        ),
    ]
}

#[test]
fn the_whole_zone_is_asked_for_where_changes_are_of_no_use() {
    let world = World::new();
    let primary = Primary::start(FIRST, 5);
    let waypost = secondary(&world, &[FIRST]);
    assert_eq!(short(WAYPOST, "v.evil.test", "TXT"), "\"5\"");
    let count = u32::try_from(useless(0xFF).len()).unwrap();
    for (place, number) in (5..5 + count).enumerate() {
        let (why, changes) = useless(number).swap_remove(place);
        primary.says(changes, Reply::Records(zone(number + 1)));
        // After a failure it would not be asked again for an hour.
        let taken = format!("\"serial\":{},\"form\":\"whole\"", number + 1);
        wait_for(why, || waypost.log().contains(&taken));
        assert_eq!(primary.asked()[..2], ["IXFR", "AXFR"], "{why}");
    }
    let log = waypost.log();
    assert_eq!(log.matches("transfer_failed").count(), 0, "{log}");
    assert_eq!(log.matches("transfer_refused").count(), 0, "{log}");
    let last = format!("\"{}\"", 5 + count);
    wait_for_answer(WAYPOST, ("v.evil.test", "TXT"), &last);
    // Changes that fit are taken without another question.
    let own = 5 + count;
    let fit = vec![
        soa(own + 1),
        soa(own),
        text("v", &own.to_string()),
        soa(own + 1),
        text("v", "changed"),
        soa(own + 1),
    ];
    primary.says(Reply::Records(fit), Reply::Code(2));
    wait_for_answer(WAYPOST, ("v.evil.test", "TXT"), "\"changed\"");
    assert!(primary.asked().iter().all(|asked| *asked == "IXFR"));
    // A primary that keeps the connection, and to IXFR alone says nothing.
    primary.says(Reply::Silence, Reply::Records(zone(own + 2)));
    let expected = format!("\"{}\"", own + 2);
    wait_for_answer(WAYPOST, ("v.evil.test", "TXT"), &expected);
}

#[test]
fn a_zone_that_is_no_newer_is_not_taken_again() {
    let world = World::new();
    let primary = Primary::start(FIRST, 5);
    let waypost = secondary(&world, &[FIRST]);
    primary.says(Reply::Code(2), Reply::Records(zone(5)));
    wait_for("two looks", || primary.asked().len() >= 4);
    let log = waypost.log();
    assert_eq!(log.matches("\"event\":\"transferred\"").count(), 1, "{log}");
    assert_eq!(log.matches("transfer_failed").count(), 0, "{log}");
}

#[test]
fn a_broken_zone_stays_out_and_the_next_primary_is_asked() {
    let world = World::new();
    let first = Primary::start(FIRST, 5);
    let second = Primary::start(SECOND, 5);
    let waypost = secondary(&world, &[FIRST, SECOND]);
    assert_eq!(serial(WAYPOST, "evil.test"), Some(5));
    let whole = |serial: u32| zone(serial);
    let without = |serial: u32, place: usize| {
        let mut all = whole(serial);
        all.remove(place);
        all
    };
    let mut other_end = whole(6);
    *other_end.last_mut().unwrap() = soa(7);
    let broken = [
        ("another SOA at the end", Reply::Records(other_end)),
        (
            "no SOA at the end, and the connection with it",
            Reply::Torn(whole(6)),
        ),
        ("no name server", Reply::Records(without(6, 1))),
        ("no SOA at the beginning", Reply::Records(without(6, 0))),
        ("SERVFAIL", Reply::Code(2)),
    ];
    for (why, whole) in broken {
        first.says(Reply::Code(2), whole);
        second.says(Reply::Code(2), Reply::Records(zone(5)));
        wait_for(why, || !second.asked().is_empty());
        assert_eq!(first.asked()[..2], ["IXFR", "AXFR"], "{why}");
        assert_eq!(serial(WAYPOST, "evil.test"), Some(5), "{why}");
        assert_eq!(short(WAYPOST, "v.evil.test", "TXT"), "\"5\"", "{why}");
    }
    let log = waypost.log();
    assert!(
        log.contains("transfer_failed") && log.contains("transfer_refused"),
        "{log}"
    );
    // The next primary's is taken in the same look.
    second.says(Reply::Code(2), Reply::Records(zone(6)));
    wait_for_answer(WAYPOST, ("v.evil.test", "TXT"), "\"6\"");
}
