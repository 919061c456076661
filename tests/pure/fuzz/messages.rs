//! Messages other than queries: updates, notifications, signed ones, and what replies to our own queries say.
use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::ask;
use waypost::dns::freshness::freshness;
use waypost::dns::message;
use waypost::dns::transfer::{Content, notify};
use waypost::dns::tsig::{self, Algorithm, Checked, Doubt, Key, Signer};
use waypost::dns::update;

use crate::bend::{Bender, rounds, survive};
use crate::sample::{Ask, GERMAN, reply_to, table};

const MESSAGES: u64 = 100_000;
const NOW: u64 = 1_800_000_000;

fn key() -> Key {
    let name = Name::parse("key.example.org").unwrap();
    Key::new(name, Algorithm::Sha256, b"not much of a secret")
}

/// An update that adds a TXT and takes all others of the name away (RFC 2136).
fn update() -> Vec<u8> {
    let mut message =
        b"\x00\x07\x28\x00\x00\x01\x00\x01\x00\x02\x00\x00\x07example\x03org\x00\x00\x06\x00\x01"
            .to_vec();
    let name = b"\x0f_acme-challenge\xc0\x0c\x00\x10";
    message.extend([&name[..], b"\x00\xfe\x00\x00\x00\x00\x00\x00"].concat());
    message.extend([&name[..], b"\x00\xff\x00\x00\x00\x00\x00\x00"].concat());
    message.extend([&name[..], b"\x00\x01\x00\x00\x00\x3c\x00\x04\x03abc"].concat());
    message
}

fn notification() -> Vec<u8> {
    let zone = Name::parse("example.org").unwrap();
    let text = "$TTL 300\n@ SOA ns host 9 3600 600 604800 60\n@ NS ns\nns A 192.0.2.1\n";
    let content = Content::of_master(&zone, text.as_bytes()).unwrap();
    notify::tell(7, &zone, &content.soa)
}

/// Messages of every kind, plain and signed, and replies.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![update(), notification()];
    assert!(update::read(&seeds[0]).is_ok() && notify::read(&seeds[1]).is_ok());
    for plain in [
        update(),
        notification(),
        Ask::new("example.org AXFR").packet(),
    ] {
        let mut signed = plain;
        Signer::request(&key()).sign(&mut signed, NOW);
        assert!(matches!(
            tsig::check([&key()], &signed, NOW),
            Ok(Checked::Signed(_))
        ));
        seeds.push(signed);
    }
    for question in [
        "api.example.org A",
        "nowhere.example.org TXT",
        "huge.example.org TXT",
        "srv.example.org SRV",
    ] {
        let asked = Ask::new(question).edns(1232).packet();
        let (_, reply) =
            reply_to(&table(&[]), &asked, GERMAN, waypost::answer::Transport::Udp).unwrap();
        seeds.push(reply);
    }
    seeds
}

#[test]
fn bent_messages_are_read_or_refused_and_never_believed() {
    let (seeds, key) = (seeds(), key());
    let mut bender = Bender {
        seeds: &seeds,
        words: &[],
        draws: Draws::from_seed(0x75),
    };
    let (mut updates, mut notified, mut decoded, mut doubted) = (0, 0, 0, 0);
    let inputs = (0..rounds(MESSAGES)).map(|_| bender.bent());
    survive("messages", inputs, |message| {
        updates += u64::from(update::read(message).is_ok());
        notified += u64::from(notify::read(message).is_ok());
        if let Some(reply) = ask::decode(message) {
            let told = format!(
                "{:?} {} {:?}",
                reply.told(),
                reply.rcode_name(),
                reply.ttl()
            );
            assert!(!told.is_empty() && reply.flag_names().count() < 16);
            decoded += 1;
        }
        let _ = freshness(message);
        match tsig::check([&key], message, NOW) {
            // Not signed are the id, how names are spelt, and octets behind the last record, which nobody
            // reads (RFC 8945, section 4.3).
            Ok(Checked::Signed(_)) => assert!(seeds.iter().any(|seed| is_as_good(seed, message))),
            Ok(Checked::Unsigned) => assert!(!tsig::is_signed(message)),
            Err(_) => doubted += 1,
        }
    });
    let counts = [updates, notified, decoded, doubted];
    assert!(
        counts.iter().all(|count| *count > rounds(200)),
        "{counts:?}"
    );
}

/// Whether a message says what a sound one does.
fn is_as_good(sound: &[u8], message: &[u8]) -> bool {
    let signed = message.get(2..sound.len());
    signed.is_some_and(|signed| signed.eq_ignore_ascii_case(&sound[2..]))
}

/// The octets of a TSIG record behind its RDLENGTH, for HMAC-SHA-256: algorithm, time and fudge, MAC and its length, the rest.
const RDATA: usize = 13 + 8 + 2 + MAC + 6;
const MAC: usize = 32;

#[test]
fn a_reply_with_half_of_its_mac_is_not_believed() {
    let key = key();
    let mut request = notification();
    let mut signer = Signer::request(&key);
    signer.sign(&mut request, NOW);
    let Ok(Checked::Signed(mut server)) = tsig::check([&key], &request, NOW) else {
        panic!("the request is sound");
    };
    let mut reply = message::reply(&notification(), 0).unwrap();
    server.sign(&mut reply, NOW);
    let whole = signer.clone().into_verifier().verify(&reply, NOW);
    assert!(whole.is_ok(), "{whole:?}");
    let (rdata, mac) = (reply.len() - RDATA, reply.len() - 6 - MAC);
    reply[rdata - 1] -= 16;
    reply[mac - 1] = 16;
    reply.drain(mac + 16..mac + MAC);
    let doubted = signer.into_verifier().verify(&reply, NOW);
    assert_eq!(doubted, Err(Doubt::Signature));
}
