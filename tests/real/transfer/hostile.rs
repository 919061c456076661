//! A primary that does everything wrong: what there is stays.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::peers::{WAYPOST, serial, short, wait_for_answer};
use crate::world::{CONFIG, World, ZONE, wait_for};

pub(crate) const ZONE_NAME: &[u8] = b"\x04evil\x04test\x00";

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// A whole zone of this serial.
    Whole(u32),
    /// A zone that ends after a few records, and the connection with it.
    Half(u32),
    /// A zone of next to nothing.
    Shrunken(u32),
    /// Octets.
    Noise,
    /// A record of another class.
    OtherClass(u32),
    /// The SOA of an older version, and no more.
    Behind(u32),
    /// The right zone, to another question.
    OtherId(u32),
    /// Nothing, and the connection stays open.
    Silence,
}

pub(crate) fn record(owner: &[u8], rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rdata.len()).unwrap();
    [
        owner,
        &rtype.to_be_bytes(),
        &[0, 1, 0, 0, 0, 60],
        &length.to_be_bytes(),
        rdata,
    ]
    .concat()
}

fn soa(serial: u32) -> Vec<u8> {
    let numbers = [serial, 1, 1, 600_000, 5].map(u32::to_be_bytes).concat();
    record(ZONE_NAME, 6, &[ZONE_NAME, ZONE_NAME, &numbers].concat())
}

fn records(manner: Manner) -> Vec<Vec<u8>> {
    let text = |owner: u8, serial: u32| {
        let owner = [&[2, b'r', owner][..], ZONE_NAME].concat();
        let text = serial.to_string();
        let length = u8::try_from(text.len()).unwrap();
        record(&owner, 16, &[&[length], text.as_bytes()].concat())
    };
    let whole = |serial: u32, texts: u8| {
        let mut all = vec![soa(serial), record(ZONE_NAME, 2, b"\x02ns\x05other\x00")];
        all.extend((b'a'..b'a' + texts).map(|owner| text(owner, serial)));
        all.push(soa(serial));
        all
    };
    match manner {
        Manner::Whole(serial) | Manner::OtherId(serial) => whole(serial, 20),
        Manner::Shrunken(serial) => whole(serial, 1),
        Manner::Half(serial) => whole(serial, 20)[..10].to_vec(),
        Manner::OtherClass(serial) => {
            let mut all = whole(serial, 20);
            let class = ZONE_NAME.len() + 3 + 3;
            all[5][class] = 3;
            all
        }
        Manner::Behind(serial) => vec![soa(serial)],
        Manner::Noise | Manner::Silence => Vec::new(),
    }
}

fn answer(stream: &mut TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut request)?;
    if manner == Manner::Silence {
        std::thread::sleep(std::time::Duration::from_secs(60));
        return Ok(());
    }
    let records = records(manner);
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    let mut message = vec![request[0], request[1], 0x84, 0, 0, 0];
    message.extend(count);
    message.extend([0; 4]);
    message.extend(records.concat());
    match manner {
        Manner::Noise => message = vec![0xFF; 3000],
        Manner::OtherId(_) => message[0] ^= 0xFF,
        Manner::Whole(_)
        | Manner::Half(_)
        | Manner::Shrunken(_)
        | Manner::OtherClass(_)
        | Manner::Behind(_)
        | Manner::Silence => {}
    }
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &message].concat())
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let world = World::new();
    let manner = Arc::new(Mutex::new(Manner::Whole(5)));
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.40:53").unwrap();
    let (their, count) = (Arc::clone(&manner), Arc::clone(&asked));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (manner, mut stream) = (*their.lock().unwrap(), stream.unwrap());
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || answer(&mut stream, manner));
        }
    });
    let zone =
        "[[zones]]\nname = \"evil.test\"\nfile = \"evil.zone\"\nprimaries = [\"127.0.0.40:53\"]\n";
    world.write("config.toml", &(CONFIG.to_owned() + zone));
    world.write("zones/example.org.zone", ZONE);
    let waypost = world.waypost();
    assert_eq!(short(WAYPOST, "ra.evil.test", "TXT"), "\"5\"");

    let wrong = [
        (Manner::Half(6), "transfer_failed"),
        (Manner::Shrunken(6), "transfer_refused"),
        (Manner::Noise, "transfer_failed"),
        (Manner::OtherClass(6), "transfer_failed"),
        (Manner::OtherId(6), "transfer_failed"),
        (Manner::Behind(4), "primary_behind"),
    ];
    for (other, event) in wrong {
        let before = waypost.log().matches(event).count();
        *manner.lock().unwrap() = other;
        wait_for(&format!("{other:?}"), || {
            waypost.log().matches(event).count() > before
        });
        assert_eq!(serial(WAYPOST, "evil.test"), Some(5), "{other:?}");
        assert_eq!(short(WAYPOST, "ra.evil.test", "TXT"), "\"5\"", "{other:?}");
        assert_eq!(short(WAYPOST, "rt.evil.test", "TXT"), "\"5\"", "{other:?}");
    }
    // It is given up on in a bounded time, and asked again.
    *manner.lock().unwrap() = Manner::Silence;
    let before = asked.load(Ordering::SeqCst);
    wait_for("a second try", || {
        asked.load(Ordering::SeqCst) >= before + 2
    });
    *manner.lock().unwrap() = Manner::Whole(6);
    wait_for_answer(WAYPOST, ("ra.evil.test", "TXT"), "\"6\"");
}
