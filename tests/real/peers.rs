//! The same zones served by Knot, NSD and Waypost; thousands of questions; the same replies.
//!
//! Where Knot and NSD agree, Waypost agrees with them, or the difference stands in
//! [`DIFFERENCES`] with the RFC that allows it. Where they differ, Waypost agrees with one of them.
//! The questions are made from the zone files: every owner, what is above, below and beside it, in
//! other cases, for every type that means something.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use crate::world::{Process, World, repository, wait_for};
use wire::{DS, Edns, NS, Record, Reply, SOA};

mod beside;
mod odd;
mod wire;

const WAYPOST: &str = "127.0.0.20";
const KNOT: &str = "127.0.0.21";
const NSD: &str = "127.0.0.22";

const WAYPOST_CONF: &str = r#"
[server]
listen = ["127.0.0.20:53"]
identity = "peer"
[control]
listen = "127.0.0.1:8053"
[[zones]]
name = "example.org"
file = "parent.zone"
[[zones]]
name = "child.example.org"
file = "child.zone"
[[zones]]
name = "example.com"
file = "other.zone"
"#;

const KNOT_CONF: &str = "server:
  listen: 127.0.0.21@53
  rundir: FOLDER/knot
database:
  storage: FOLDER/knot
template:
  - id: default
    storage: FOLDER
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: example.org
    file: parent.zone
  - domain: child.example.org
    file: child.zone
  - domain: example.com
    file: other.zone
";

const NSD_CONF: &str = "server:
  ip-address: 127.0.0.22
  port: 53
  username: root
  zonesdir: \".\"
  database: \"\"
  pidfile: \"nsd.pid\"
  xfrdfile: \"xfrd.state\"
  zonelistfile: \"zone.list\"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: parent.zone
zone:
  name: child.example.org
  zonefile: child.zone
zone:
  name: example.com
  zonefile: other.zone
";

/// The zones: file, apex.
const ZONES: [(&str, &str); 3] = [
    ("parent.zone", "example.org."),
    ("child.zone", "child.example.org."),
    ("other.zone", "example.com."),
];

/// A, NS, CNAME, SOA, CERT, EUI48, EUI64, URI, PTR, HINFO, MX, TXT, RP, AFSDB, KEY, AAAA, LOC, SRV, NAPTR, DNAME, DS,
/// SSHFP, RRSIG, NSEC, DNSKEY, TLSA, SVCB, HTTPS, ANY, CAA, two without a name.
const TYPES: [u16; 32] = [
    1, 2, 5, 6, 37, 108, 109, 256, 12, 13, 15, 16, 17, 18, 25, 28, 29, 33, 35, 39, 43, 44, 46, 47,
    48, 52, 64, 65, 255, 257, 65_280, 65_534,
];
/// Nothing that a zone can hold: reserved, OPT, NXNAME, TKEY, TSIG, MAILB, MAILA.
const ODD_TYPES: [u16; 7] = [0, 41, 128, 249, 250, 253, 254];
const ANY: u16 = 255;
const CNAME: u16 = 5;
const RRSIG: u16 = 46;
const NSEC: u16 = 47;
const FORMERR: u16 = 1;

/// What is asked of names that are only near an owner: A, NS, SOA, MX, TXT, DNAME, DS, RRSIG, ANY.
const FEW_TYPES: [u16; 9] = [1, 2, 6, 15, 16, 39, 43, 46, 255];

/// What a name has to do with the zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Near {
    /// It has records.
    Owner,
    /// It is above, below or beside one that has.
    Around,
}

/// A difference from Knot and NSD that is meant.
struct Difference {
    /// What allows it.
    why: &'static str,
    /// Whether it explains a reply of ours that neither of theirs is like.
    explains: fn(&Asked, ours: &Meaning, theirs: [&Meaning; 2]) -> bool,
}

const DIFFERENCES: [Difference; 4] = [
    Difference {
        why: "ANY for data gets HINFO, and for an alias the alias alone (RFC 8482, section 4.2)",
        explains: |asked, ours, theirs| {
            let data = |reply: &&Meaning| reply.truncated || !reply.answer.is_empty();
            asked.rtype == ANY && data(&ours) && theirs.iter().all(data)
        },
    },
    Difference {
        why: "types that no zone can hold are FORMERR (RFC 9824, section 3.5, has it for one)",
        explains: |asked, ours, _| {
            ODD_TYPES.contains(&asked.rtype) && *ours == Meaning::error(FORMERR)
        },
    },
    Difference {
        why: "an alias is followed 8 times at most; each server has its own bound (RFC 1034, \
              section 3.6.2, has none), and the client goes on by itself",
        explains: |_, ours, _| {
            let aliases = ours.answer.iter().filter(|record| record.1 == CNAME);
            aliases.count() == 9
        },
    },
    Difference {
        why: "Knot takes RRSIG and NSEC to be asked of the alias itself, NSD of its target, into its other \
              zones (RFC 4035, section 2.5, lets both stand); here of its target in this zone",
        explains: |asked, ours, [knot, nsd]| {
            [RRSIG, NSEC].contains(&asked.rtype)
                && ours.answer == nsd.answer
                && knot.answer.is_empty()
        },
    },
];

/// How a question is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    stream: bool,
    edns: Edns,
}

const WAYS: [Way; 8] = [
    udp(None),
    udp(Some((512, false))),
    udp(Some((1232, true))),
    udp(Some((4096, false))),
    udp(Some((0, false))),
    udp(Some((900, true))),
    tcp(None),
    tcp(Some((512, true))),
];

const fn udp(edns: Edns) -> Way {
    Way {
        stream: false,
        edns,
    }
}

const fn tcp(edns: Edns) -> Way {
    Way { stream: true, edns }
}

/// A question and how it is put.
#[derive(Clone, Debug)]
struct Asked {
    name: Vec<u8>,
    rtype: u16,
    way: Way,
}

impl std::fmt::Display for Asked {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = wire::text(&self.name);
        write!(to, "{name} {} {:?}", self.rtype, self.way)
    }
}

/// What is compared of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meaning {
    rcode: u16,
    authoritative: bool,
    truncated: bool,
    answer: BTreeSet<Record>,
    /// SOA of denials, NS and DS of delegations.
    authority: BTreeSet<Record>,
    /// Addresses that a referral brings.
    glue: BTreeSet<Record>,
}

impl Meaning {
    /// Nothing but a response code.
    fn error(rcode: u16) -> Self {
        Self {
            rcode,
            authoritative: false,
            truncated: false,
            answer: BTreeSet::new(),
            authority: BTreeSet::new(),
            glue: BTreeSet::new(),
        }
    }
}

/// A server, over UDP and TCP.
struct Peer {
    address: &'static str,
    socket: UdpSocket,
    stream: Option<TcpStream>,
}

impl Peer {
    fn new(address: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect((address, 53)).unwrap();
        let patience = Some(Duration::from_secs(5));
        socket.set_read_timeout(patience).unwrap();
        Self {
            address,
            socket,
            stream: None,
        }
    }

    fn ask(&mut self, packet: &[u8], stream: bool) -> Reply {
        let reply = match stream {
            true => self.ask_stream(packet),
            false => self.ask_datagram(packet),
        };
        let Some(reply) = reply else {
            panic!("{} does not answer {packet:02x?}", self.address);
        };
        let read = wire::read(&reply);
        let Some(read) = read else {
            panic!("{} answers {packet:02x?} with {reply:02x?}", self.address);
        };
        assert_eq!(read.id.to_be_bytes(), packet[..2], "{}", self.address);
        let repeated = read.repeated && self.address == WAYPOST;
        assert!(
            !repeated,
            "a record stands twice: {packet:02x?} {reply:02x?}"
        );
        read
    }

    fn ask_datagram(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 65_535];
        self.socket.send(packet).unwrap();
        let length = self.socket.recv(&mut buffer).ok()?;
        buffer.truncate(length);
        Some(buffer)
    }

    /// Asks over the open connection, or over a new one if that was closed meanwhile.
    fn ask_stream(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let open = self.stream.take();
        let exchanged = open.and_then(|stream| exchange(stream, packet));
        let fresh = || exchange(TcpStream::connect((self.address, 53)).ok()?, packet);
        let (stream, reply) = exchanged.or_else(fresh)?;
        self.stream = Some(stream);
        Some(reply)
    }
}

fn exchange(mut stream: TcpStream, packet: &[u8]) -> Option<(TcpStream, Vec<u8>)> {
    let patience = Some(Duration::from_secs(5));
    stream.set_read_timeout(patience).ok()?;
    let length = u16::try_from(packet.len()).ok()?.to_be_bytes();
    stream.write_all(&[&length, packet].concat()).ok()?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).ok()?;
    Some((stream, reply))
}

fn meaning(reply: Reply) -> Meaning {
    let apexes = ZONES.map(|(_, apex)| wire::name(apex, &[]));
    let told = |record: &Record| {
        [SOA, DS].contains(&record.1) || record.1 == NS && !apexes.contains(&record.0)
    };
    let mut authority = reply.authority;
    authority.retain(told);
    let referral = authority.iter().any(|record| record.1 == NS);
    let mut meaning = Meaning {
        rcode: reply.rcode,
        authoritative: reply.authoritative,
        truncated: reply.truncated,
        answer: reply.answer,
        authority,
        glue: match referral {
            true => reply.additional,
            false => BTreeSet::new(),
        },
    };
    if meaning.truncated {
        for section in [
            &mut meaning.answer,
            &mut meaning.authority,
            &mut meaning.glue,
        ] {
            section.clear();
        }
    }
    meaning
}

/// The zones' text, with RRsets of many sizes added to the first.
fn zone_text(file: &str) -> String {
    let path = repository("tests/real/peers").join(file);
    let mut text = std::fs::read_to_string(path).unwrap();
    if file == ZONES[0].0 {
        for (owner, records) in [("large", 8), ("larger", 14), ("largest", 60)] {
            for record in 0..records {
                text += &format!("{owner} 300 TXT \"{record:0>100}\"\n");
                text += &format!("{owner}-cut 600 NS n{record}.{owner}-cut\n");
                text += &format!("n{record}.{owner}-cut 600 AAAA 2001:db8::{record}\n");
                text += &format!("n{record}.{owner}-cut 600 A 192.0.2.{record}\n");
            }
            text += &format!("c-{owner} 300 CNAME {owner}\n");
        }
    }
    text
}

/// Every owner of the zones, and for those of the files the names around each.
fn names() -> BTreeMap<Vec<u8>, Near> {
    let mut names = BTreeMap::new();
    for (file, apex) in ZONES {
        let apex = wire::name(apex, &[]);
        let text = zone_text(file);
        for line in text.lines().filter(|line| !line.starts_with(';')) {
            let owner = line.split(' ').next().filter(|owner| !owner.is_empty());
            let Some(owner) = owner.map(|owner| wire::name(owner, &apex)) else {
                continue;
            };
            for name in around(&owner).into_iter().filter(|name| name.len() <= 255) {
                names.entry(name).or_insert(Near::Around);
            }
            names.insert(owner, Near::Owner);
        }
    }
    names.extend(
        ["org.", "example.net.", "ns.example.net."]
            .map(|name| (wire::name(name, &[]), Near::Around)),
    );
    names.insert(vec![0], Near::Owner);
    names
}

fn around(name: &[u8]) -> Vec<Vec<u8>> {
    let parent = &name[1 + usize::from(name[0])..];
    let below = |labels: &[u8], name: &[u8]| [labels, name].concat();
    let long = [&[60][..], &[b'x'; 60]].concat();
    vec![
        name.to_vec(),
        parent.to_vec(),
        name.to_ascii_uppercase(),
        below(b"\x01x", name),
        below(b"\x01*", name),
        below(b"\x04hOsT", name),
        below(b"\x05alias", name),
        below(b"\x01y\x01w", name),
        below(&long, name),
        below(b"\x01!", parent),
        below(b"\x01~", parent),
        below(b"\x01*", parent),
    ]
}

/// Every question, each put in one of the ways; where size matters, in all of them.
fn questions() -> Vec<Asked> {
    let mut questions = Vec::new();
    for (count, (name, near)) in names().into_iter().enumerate() {
        let types = match near {
            Near::Owner => TYPES.iter().chain(&ODD_TYPES),
            Near::Around => FEW_TYPES.iter().chain(&[]),
        };
        for (index, &rtype) in types.enumerate() {
            let sized = wire::text(&name).contains("large") && [1, 2, 16].contains(&rtype);
            let ways =
                (0..WAYS.len()).filter(|way| sized || (way + count + index) % WAYS.len() == 0);
            questions.extend(ways.map(|way| Asked {
                name: name.clone(),
                rtype,
                way: WAYS[way],
            }));
        }
    }
    questions
}

fn served(world: &World) -> Vec<Process> {
    let folder = world.path("").display().to_string();
    for (file, _) in ZONES {
        world.write(file, &zone_text(file));
    }
    world.write("config.toml", WAYPOST_CONF);
    world.write("knot/empty", "");
    let knot = world.write(
        "knot.conf",
        &KNOT_CONF.replace("FOLDER", folder.trim_end_matches('/')),
    );
    let nsd = world.write("nsd.conf", NSD_CONF);
    let mut knotd = Command::new("/usr/sbin/knotd");
    let mut nsdd = Command::new("/usr/sbin/nsd");
    let processes = vec![
        world.start("knot", knotd.arg("-c").arg(knot)),
        world.start("nsd", nsdd.arg("-d").arg("-c").arg(nsd)),
        world.waypost(),
    ];
    for address in [KNOT, NSD, WAYPOST] {
        for (_, apex) in ZONES {
            wait_for(address, || {
                crate::world::dig(&[&format!("@{address}"), apex, "SOA"]).contains("flags: qr aa")
            });
        }
    }
    processes
}

#[test]
fn knot_nsd_and_waypost_say_the_same() {
    let world = World::new();
    let _processes = served(&world);
    let mut peers = [WAYPOST, KNOT, NSD].map(Peer::new);
    let mut unexplained = Vec::new();
    let mut explained = [0; DIFFERENCES.len()];
    let questions = questions();
    for (id, asked) in (0..=u16::MAX).cycle().zip(&questions) {
        let packet = wire::query(id, &asked.name, asked.rtype, asked.way.edns);
        let [ours, knot, nsd] = peers
            .each_mut()
            .map(|peer| meaning(peer.ask(&packet, asked.way.stream)));
        let found = differences(&ours, &knot, &nsd);
        let meant = |one: &Difference| (one.explains)(asked, &ours, [&knot, &nsd]);
        if found.is_empty() {
            continue;
        }
        match DIFFERENCES.iter().position(meant) {
            Some(index) => explained[index] += 1,
            None => unexplained.push(format!("{asked}: {}", found.join("; "))),
        }
    }
    assert!(questions.len() > 10_000, "too few questions");
    assert!(
        unexplained.is_empty(),
        "{} differences:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    for (difference, count) in DIFFERENCES.iter().zip(explained) {
        assert!(count > 0, "no longer needed: {}", difference.why);
    }
}

/// What of our reply is like neither of theirs.
fn differences(ours: &Meaning, knot: &Meaning, nsd: &Meaning) -> Vec<String> {
    let mut found = Vec::new();
    let mut field = |what: &'static str, of: &dyn Fn(&Meaning) -> String| {
        let [ours, knot, nsd] = [of(ours), of(knot), of(nsd)];
        if ours != knot && ours != nsd {
            found.push(format!("{what} {ours} | knot {knot} | nsd {nsd}"));
        }
    };
    field("rcode", &|meaning| meaning.rcode.to_string());
    field("aa", &|meaning| meaning.authoritative.to_string());
    field("tc", &|meaning| meaning.truncated.to_string());
    field("answer", &|meaning| told(&meaning.answer));
    field("authority", &|meaning| told(&meaning.authority));
    field("glue", &|meaning| told(&meaning.glue));
    found
}

fn told(records: &BTreeSet<Record>) -> String {
    let one = |(owner, rtype, _, ttl, rdata): &Record| {
        format!(
            "{} {ttl} {rtype} {}",
            wire::text(owner),
            rdata.escape_ascii()
        )
    };
    records.iter().map(one).collect::<Vec<_>>().join("; ")
}
