//! The same zones served by BIND, Knot, NSD and Waypost; tens of thousands of questions; the same
//! replies.
//!
//! Each reply of Waypost is like that of one of the three, or the difference stands in
//! [`DIFFERENCES`] with what allows it. A difference that explains nothing is one too many.
//! The zones are served as they are written, and signed in three ways by `dnssec-signzone`, so that
//! all servers hold the very same records.
use std::fs;

use crate::world::{Process, World, repository, run};
use differences::DIFFERENCES;
use line::Line;
use meaning::{Known, Meaning};
use questions::{Asked, for_all, for_servers, questions};
use servers::{SERVERS, Zone};

mod differences;
mod line;
mod meaning;
mod odd;
mod questions;
mod servers;
mod wire;

/// The zones: apex, file.
const ZONES: [Zone; 4] = [
    ("example.org.", "parent.zone"),
    ("child.example.org.", "child.zone"),
    ("example.com.", "other.zone"),
    ("example.edu.", "apex.zone"),
];
/// Options of `dnssec-signzone` for each way of denial; none for zones that are not signed.
const DENIALS: [Option<&[&str]>; 4] = [
    Some(&[]),
    Some(&["-3", "-", "-H", "0"]),
    Some(&["-3", "AABBCCDD", "-H", "10", "-A"]),
    None,
];
/// Where the drawing of questions begins.
const SEED: u64 = 12;
/// Questions to the zones of each way.
const QUESTIONS: usize = 15_000;
/// Differences that are shown of many.
const SHOWN: usize = 20;
/// Questions that are under way at once.
const BATCH: usize = 32;

/// The zones' text, with RRsets of many sizes added to the first.
fn zone_text(file: &str) -> String {
    let path = repository("tests/real/peers").join(file);
    let mut text = fs::read_to_string(path).unwrap();
    if file == ZONES[0].1 {
        for (owner, records) in [("large", 8), ("larger", 14), ("largest", 60)] {
            for record in 0..records {
                text += &format!("{owner} 300 TXT \"{record:0>100}\"\n");
                text += &format!("{owner}-cut 600 NS g{record}.{owner}-cut\n");
                text += &format!("g{record}.{owner}-cut 600 AAAA 2001:db8::{record}\n");
                text += &format!("g{record}.{owner}-cut 600 A 192.0.2.{record}\n");
            }
            text += &format!("c-{owner} 300 CNAME {owner}\n");
        }
    }
    text
}

/// Writes the zones, signed if there are options for it, and has all servers serve them.
fn served(world: &World, denial: Option<&[&str]>) -> [Process; 4] {
    for zone in ZONES {
        world.write(zone.1, &zone_text(zone.1));
        if let Some(options) = denial {
            sign(world, zone, options);
        }
    }
    servers::start(world, &ZONES)
}

/// Signs a zone by one key.
fn sign(world: &World, (apex, file): Zone, options: &[&str]) {
    let folder = world.path("").display().to_string();
    let algorithm = ["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K"];
    let (key, well) = run(
        "dnssec-keygen",
        &[&algorithm[..], &[&folder, apex]].concat(),
    );
    assert!(well, "{key}");
    let key = world.path(key.trim()).display().to_string();
    let public = fs::read_to_string(format!("{key}.key")).unwrap();
    let unsigned = world.write("unsigned", &(zone_text(file) + &public));
    let signed = world.path(file).display().to_string();
    let whole = ["-q", "-z", "-O", "full", "-d", &folder, "-o", apex, "-f"];
    let files = [&*signed, unsigned.to_str().unwrap(), &key];
    let (said, well) = run("dnssec-signzone", &[options, &whole, &files].concat());
    assert!(well, "{said}");
}

/// What one server says of the zones.
fn known(line: &mut Line, files: &[(String, &str)]) -> Known {
    let mut ask = |questions: Vec<Asked>| {
        let mut replies = Vec::new();
        for batch in questions.chunks(BATCH) {
            line.send(batch);
            replies.extend(line.receive(batch));
        }
        replies.into_iter()
    };
    let servers = ask(for_servers(files));
    let all = ask(for_all(files));
    Known {
        servers: servers.flat_map(|reply| reply.answer).collect(),
        records: all
            .flat_map(|reply| [reply.answer, reply.authority, reply.additional])
            .flatten()
            .collect(),
    }
}

/// What came of questions.
#[derive(Default)]
struct Compared {
    questions: usize,
    /// How often each difference was needed.
    needed: [usize; DIFFERENCES.len()],
    /// What nothing explains.
    unexplained: Vec<String>,
}

impl Compared {
    fn add(&mut self, asked: &Asked, said: &[Meaning; SERVERS.len()], known: &Known) {
        self.questions += 1;
        let [ours, theirs @ ..] = said;
        if ours.is_like_one_of(theirs, asked.room(), known) {
            return;
        }
        let mut meant = DIFFERENCES.iter();
        match meant.position(|one| (one.explains)(asked, ours, theirs)) {
            Some(index) => self.needed[index] += 1,
            None => {
                let all = SERVERS.iter().zip(said);
                let all = all.map(|((server, _), said)| format!("\n  {server}: {said}"));
                self.unexplained
                    .push(format!("{asked}{}", all.collect::<String>()));
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.questions += other.questions;
        self.unexplained.extend(other.unexplained);
        for (all, own) in self.needed.iter_mut().zip(other.needed) {
            *all += own;
        }
    }
}

/// Puts the questions to all servers, in a network of their own.
fn compare(denial: Option<&[&str]>) -> Compared {
    let world = World::new();
    let _processes = served(&world, denial);
    let files = ZONES.map(|(apex, file)| (fs::read_to_string(world.path(file)).unwrap(), apex));
    let mut lines = SERVERS.map(|(_, address)| Line::open(address));
    let known = known(&mut lines[1], &files);
    let mut compared = Compared::default();
    for batch in questions(&files, SEED, QUESTIONS).chunks(BATCH) {
        for line in &mut lines {
            line.send(batch);
        }
        let mut replies = lines.each_mut().map(|line| line.receive(batch).into_iter());
        for asked in batch {
            let said = replies.each_mut().map(|replies| {
                let reply = replies.next().expect("one for each question");
                Meaning::of(reply, &known)
            });
            compared.add(asked, &said, &known);
        }
    }
    compared
}

#[test]
fn bind_knot_nsd_and_waypost_say_the_same() {
    let threads = DENIALS.map(|denial| std::thread::spawn(move || compare(denial)));
    let mut all = Compared::default();
    for thread in threads {
        all.merge(thread.join().unwrap());
    }
    assert!(all.questions >= 50_000, "too few questions");
    let count = all.unexplained.len();
    all.unexplained.truncate(SHOWN);
    assert_eq!(count, 0, "for example\n{}", all.unexplained.join("\n"));
    for (difference, needed) in DIFFERENCES.iter().zip(all.needed) {
        assert!(needed > 0, "no longer needed: {}", difference.why);
    }
}
