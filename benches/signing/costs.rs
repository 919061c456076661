//! Processor time of one signature by each algorithm, and of what an RRset takes beside it.
//!
//! Rounds of all algorithms alternate, so that a busy machine slows all of them; each figure is a median. The
//! figures of `openssl speed` stand beside those of this process: they say how fast the machine is.
use std::hint::black_box;
use std::process::Command;

use waypost::dns::dnssec::{Algorithm, PrivateKey};

use super::zone::{NOW, build, prepare, renewed};
use super::{median, spent};

const ROUNDS: usize = 9;
/// Names of the zone; each has an RRset and a link of the chain.
const NAMES: usize = 20_000;
/// What a short RRset comes to with the head of its signature.
const MESSAGE_BYTES: usize = 100;

pub(crate) fn measure() {
    signatures();
    for (name, word) in [
        ("ecdsa-p256", "ecdsap256"),
        ("ed25519", "ed25519"),
        ("rsa-sha256", "rsa2048"),
    ] {
        let microseconds = openssl(word);
        println!("cost of a signature by openssl speed, {name}: {microseconds}");
    }
    sets();
}

/// What the key does alone.
fn signatures() {
    let keys = Algorithm::ALL.map(|algorithm| PrivateKey::generate(algorithm, 257, [7; 32]));
    let keys = keys.map(Result::unwrap);
    let mut rounds = keys.each_ref().map(|_| Vec::new());
    for round in 0..ROUNDS {
        for (key, rounds) in keys.iter().zip(&mut rounds) {
            let count = match key.public().algorithm {
                Algorithm::RsaSha256 => 200,
                Algorithm::EcdsaP256 | Algorithm::Ed25519 => 4000,
            };
            let took = spent(|| {
                for number in 0..count {
                    let mut message = [0; MESSAGE_BYTES];
                    message[0] = u8::try_from(number % 256).unwrap();
                    message[1] = u8::try_from(round).unwrap();
                    black_box(key.sign(black_box(&message)));
                }
            });
            rounds.push(took.as_secs_f64() * 1e6 / f64::from(count));
        }
    }
    for (key, rounds) in keys.iter().zip(rounds) {
        let algorithm = key.public().algorithm;
        println!("cost of a signature, {algorithm}: {:.1} µs", median(rounds));
    }
}

/// Microseconds that OpenSSL takes for a signature.
fn openssl(algorithm: &str) -> String {
    let speed = Command::new("openssl")
        .args(["speed", "-seconds", "2", algorithm])
        .output();
    let Ok(speed) = speed else {
        return "not installed".to_owned();
    };
    let text = String::from_utf8_lossy(&speed.stdout).into_owned();
    // "... 0.0000s 0.0001s 50000.0 15000.0": seconds and numbers of signatures and of verifications.
    let last = text.lines().last().unwrap_or_default();
    let a_second = last.split_whitespace().rev().nth(1);
    match a_second.and_then(|number| number.parse::<f64>().ok()) {
        Some(a_second) => format!("{:.1} µs", 1e6 / a_second),
        None => "not known there".to_owned(),
    }
}

/// A zone signed, and asked to be signed again when each signature is there already: that takes all of the work but
/// the signatures, and the comparison with those that are there.
fn sets() {
    let (mut building, mut chaining, mut rest, mut whole) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let mut zone = None;
        building.push(spent(|| zone = Some(build(NAMES))));
        let zone = zone.unwrap();
        let mut signed = None;
        chaining.push(spent(|| {
            signed = Some(prepare(&zone, Algorithm::Ed25519));
        }));
        let bare = signed.unwrap();
        let chunks = bare.stale(NOW);
        let mut made = bare.clone();
        whole.push(spent(|| made = renewed(&bare, &chunks, NOW)));
        rest.push(spent(|| {
            black_box(renewed(&made, &chunks, NOW));
        }));
    }
    let each = 1e6 / (2 * NAMES) as f64;
    for (what, rounds) in [
        ("building the zone", building),
        ("the NSEC chain and the list of what is signed", chaining),
        (
            "canonical form, window and copy, with all signatures kept",
            rest,
        ),
        ("the same and a signature by ed25519", whole),
    ] {
        println!(
            "cost of an RRset, {what}: {:.2} µs",
            median(rounds).as_secs_f64() * each
        );
    }
}
