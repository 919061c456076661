//! A forged query never brings more than the stated factor upon whoever it is forged of.
//!
//! Zones are made up at random, unsigned and signed in every way; queries of every type, size and
//! set of options are asked of them over UDP, with no cookie, with the half that a client chooses, and with forged
//! ones. No reply is longer than so many times its query; the same query with a cookie of the
//! server gets all that the client has room for.
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use waypost::answer::{Asker, Transport, answer};
use waypost::base::limits::{AMPLIFICATION_LEAST, UDP_REPLY_BYTES_MOST};
use waypost::base::{Draws, Moment, Standing};
use waypost::config::{self, Compiled, Files};
use waypost::dns::cookie::{Jar, Proof, Secret};
use waypost::dns::dnssec::Algorithm;
use waypost::dns::zone::signed::Denial;
use waypost::table::Table;

use crate::sample::Ask;
use crate::signed::{Pair, Way, sign, ways};

const ZONES: u64 = 8;
const QUERIES: u64 = 2000;
const VICTIM: &str = "192.0.2.7";
/// When signatures are made, seconds since 1970.
const NOW: u64 = 1_800_000_000;
const TYPES: [&str; 12] = [
    "A",
    "AAAA",
    "TXT",
    "NS",
    "DS",
    "ANY",
    "MX",
    "SOA",
    "DNSKEY",
    "NSEC",
    "RRSIG",
    "TYPE65280",
];

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
identity = "a name that is longer than most, so that whoever asks for it gets something to read"
udp_reply_bytes = 4096
[[zones]]
name = "a.test"
file = "zone"
[regions.eu]
location = [50.1, 8.7]
[[regions.eu.endpoints]]
name = "fra"
provider = "hetzner"
addresses = ["192.0.2.10", "192.0.2.11", "192.0.2.12", "2001:db8::1", "2001:db8::2"]
[monitors.web]
type = "http"
[services.api]
hostnames = ["api.a.test"]
monitors = ["web"]
"#;

fn below(draws: &mut Draws, bound: usize) -> usize {
    usize::try_from(draws.below(bound as u64)).unwrap()
}

/// A zone with large sets, long texts, wildcards, delegations and aliases.
fn zone(draws: &mut Draws) -> String {
    let mut text =
        "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n".to_owned();
    for number in 0..=below(draws, 12) {
        let name = match draws.below(4) {
            0 => format!("n{number}"),
            1 => format!("*.w{number}"),
            2 => format!("deep.er.n{number}"),
            _ => format!("{}{number}", "long".repeat(1 + below(draws, 12))),
        };
        match draws.below(4) {
            0 => {
                for host in 0..=below(draws, 60) {
                    text += &format!("{name} A 198.51.100.{host}\n");
                }
            }
            1 => {
                for part in 0..=below(draws, 8) {
                    let line = "x".repeat(1 + below(draws, 250));
                    text += &format!("{name} TXT \"{part}{line}\"\n");
                }
            }
            2 if !name.starts_with('*') => {
                for server in 0..=below(draws, 8) {
                    text += &format!("{name} NS s{server}.{name}\n");
                    text += &format!("s{server}.{name} AAAA 2001:db8::{server}\n");
                }
            }
            _ => text += &format!("{name} CNAME n{}\n", below(draws, 12)),
        }
    }
    text
}

fn compile(zone: &str) -> Compiled {
    let (spec, found) = config::read(Path::new("config.toml"), CONFIG);
    let mut files = Files::new();
    for path in spec.files(&files) {
        files.insert(path, Ok(zone.as_bytes().into()));
    }
    let compiled = config::compile(&spec, found, &files);
    let (compiled, _) = compiled.map_err(|found| found.render(false)).unwrap();
    compiled
}

fn table(compiled: Compiled) -> Table {
    let zones = compiled.unsigned();
    let plan = Arc::new(compiled.plan);
    let standings = vec![Standing::UNPROVEN; plan.targets.len()].into();
    Table::build(1, plan, standings, Moment(0), None).with_zones(zones)
}

fn query(draws: &mut Draws) -> Ask {
    let label = match draws.below(6) {
        0 => String::new(),
        1 => format!("n{}.", below(draws, 12)),
        2 => format!("made-up-{}.w{}.", draws.below(99), below(draws, 12)),
        3 => format!("deep.er.n{}.", below(draws, 12)),
        4 => "api.".to_owned(),
        _ => format!(
            "{}{}.",
            "long".repeat(1 + below(draws, 12)),
            below(draws, 12)
        ),
    };
    let qtype = TYPES[below(draws, TYPES.len())];
    let mut ask = Ask::new(&format!("{label}a.test {qtype}"));
    if draws.chance(850) {
        ask = ask.edns(u16::try_from(512 + below(draws, 4000)).unwrap());
        let options = ask.options.as_mut().unwrap();
        if draws.chance(300) {
            options.extend([0, 3, 0, 0]);
        }
        match draws.below(4) {
            0 => options.extend([0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
            1 => options.extend([&[0, 10, 0, 24, 1, 2, 3, 4, 5, 6, 7, 8][..], &[9; 16]].concat()),
            _ => {}
        }
        if draws.chance(200) {
            ask = ask.subnet("198.51.100.0", 24);
        }
    }
    ask
}

fn asker(address: &str) -> Asker {
    Asker {
        idle: waypost::base::Span::ZERO,
        source: address.parse::<IpAddr>().unwrap(),
        transport: Transport::Udp,
        now: Moment(0),
        cookies: Some(Jar::new(&[Secret([5; 16])], NOW)),
    }
}

/// A query with the DO bit, if it has EDNS.
fn with_dnssec(ask: &Ask) -> Vec<u8> {
    let mut packet = ask.packet();
    if let Some(options) = &ask.options {
        let at = packet.len() - options.len() - 4;
        packet[at] = 0x80;
    }
    packet
}

/// Asks at random; gives the greatest ratio found, in thousandths.
fn hammer(table: &Table, draws: &mut Draws) -> usize {
    let factor = usize::from(table.plan.server.defence.amplification);
    let mut worst = 0;
    let mut room = vec![0; UDP_REPLY_BYTES_MOST];
    for _ in 0..QUERIES {
        let ask = query(draws);
        let packet = with_dnssec(&ask);
        let answered = answer(table, &asker(VICTIM), &packet, &mut room).unwrap();
        assert_ne!(answered.counted.proof, Proof::Server);
        let most = factor * packet.len();
        let length = answered.length;
        assert!(
            length <= most,
            "{length} octets for {}, of {most}",
            packet.len()
        );
        worst = worst.max(1000 * length / packet.len());
    }
    worst
}

#[test]
fn no_reply_is_longer_than_the_factor_allows() {
    let mut draws = Draws::from_seed(53);
    let ways = ways();
    let pairs: Vec<Pair> = ways.iter().map(|way| Pair::new(way.algorithm)).collect();
    let factors = [AMPLIFICATION_LEAST, 6, 20];
    let mut worst = [0; 3];
    for _ in 0..ZONES {
        let text = zone(&mut draws);
        for (factor, worst) in factors.iter().zip(&mut worst) {
            let mut compiled = compile(&text);
            compiled.plan.server.defence.amplification = *factor;
            let found = hammer(&table(compiled), &mut draws);
            *worst = found.max(*worst);
            let mut compiled = compile(&text);
            compiled.plan.server.defence.amplification = *factor;
            let way = below(&mut draws, ways.len());
            let signed = sign(compiled, ways[way], &pairs[way], NOW);
            let standings = vec![Standing::UNPROVEN; signed.plan.targets.len()].into();
            let table = Table::build(1, signed.plan, standings, Moment(0), None);
            let signed = table.with_zones(signed.zones);
            *worst = hammer(&signed, &mut draws).max(*worst);
        }
    }
    // The bound is what ends the growth, not that nothing is longer.
    for (factor, worst) in factors.iter().zip(worst) {
        let close = usize::from(*factor) * 900;
        assert!(worst > close, "{worst} thousandths at most for {factor}");
    }
}

#[test]
fn who_shows_a_cookie_gets_what_it_has_room_for() {
    let text = "$TTL 300\n@ SOA ns h 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n\
                big TXT "
        .to_owned()
        + &["\"0123456789012345678901234567890123456789\" "; 60].concat()
        + "\n";
    let mut compiled = compile(&text);
    compiled.plan.server.defence.amplification = 5;
    let table = table(compiled);
    let mut room = vec![0; UDP_REPLY_BYTES_MOST];
    let mut ask = Ask::new("big.a.test TXT").edns(4096);
    let cookie = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    ask.options = Some(cookie.to_vec());
    let first = answer(&table, &asker(VICTIM), &ask.packet(), &mut room).unwrap();
    assert!(first.truncated);
    let learnt = &room[first.length - 24..first.length];
    ask.options = Some([&[0, 10, 0, 24], learnt].concat());
    let packet = ask.packet();
    let whole = answer(&table, &asker(VICTIM), &packet, &mut room).unwrap();
    assert!(!whole.truncated && whole.length > 2400, "{whole:?}");
    let other = answer(&table, &asker("192.0.2.8"), &packet, &mut room).unwrap();
    assert!(other.truncated, "a cookie is worth nothing to others");
}

/// Questions that resolvers ask all day, of a zone like any.
const ORDINARY: [(&str, &str); 12] = [
    ("answer", "www.example.org A"),
    ("answer", "www.example.org AAAA"),
    ("answer", "api.example.org A"),
    ("answer", "mail.example.org MX"),
    ("answer", "example.org NS"),
    ("answer", "example.org SOA"),
    ("answer", "_dmarc.example.org TXT"),
    ("key", "example.org DNSKEY"),
    ("nodata", "www.example.org MX"),
    ("nodata", "api.example.org TXT"),
    ("nxdomain", "no-such-name.example.org A"),
    ("nxdomain", "a.name.that.nobody.made.example.org AAAA"),
];

const ORDINARY_ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\n@ NS ns2\n\
    ns1 A 192.0.2.53\nns2 A 192.0.2.54\nwww A 192.0.2.80\nwww AAAA 2001:db8::80\nmail MX 10 mx1\n\
    mail MX 20 mx2\nmx1 A 192.0.2.25\nmx2 A 192.0.2.26\n_dmarc TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@example.org\"\n";

/// The kinds of ordinary questions whose signed answers are truncated by default, for who shows no cookie; and how long
/// answers would be without a bound, as a multiple of their queries, in tenths.
fn ordinary(way: Way, pair: &Pair) -> (BTreeSet<&'static str>, Vec<usize>) {
    let text = CONFIG
        .replace("a.test", "example.org")
        .replace("udp_reply_bytes = 4096", "");
    let table = |amplification: Option<u16>| {
        let (spec, found) = config::read(Path::new("config.toml"), &text);
        let mut files = Files::new();
        for path in spec.files(&files) {
            files.insert(path, Ok(ORDINARY_ZONE.as_bytes().into()));
        }
        let compiled = config::compile(&spec, found, &files);
        let (mut compiled, _) = compiled.map_err(|found| found.render(false)).unwrap();
        let own = &mut compiled.plan.server.defence.amplification;
        *own = amplification.unwrap_or(*own);
        let signed = sign(compiled, way, pair, NOW);
        let standings = vec![Standing::UNPROVEN; signed.plan.targets.len()].into();
        Table::build(1, signed.plan, standings, Moment(0), None).with_zones(signed.zones)
    };
    let (bounded, unbounded) = (table(None), table(Some(u16::MAX)));
    let mut room = vec![0; UDP_REPLY_BYTES_MOST];
    let (mut truncated, mut lengths) = (BTreeSet::new(), Vec::new());
    for (kind, question) in ORDINARY {
        let packet = with_dnssec(&Ask::new(question).edns(1232));
        let mut ask = |table| answer(table, &asker(VICTIM), &packet, &mut room).unwrap();
        lengths.push(10 * ask(&unbounded).length / packet.len());
        if ask(&bounded).truncated {
            truncated.insert(kind);
        }
    }
    (truncated, lengths)
}

/// What the default does to ordinary signed answers: nothing, as Waypost signs by default; NSEC3 costs whoever has no
/// cookie a connection for a name that is not there, RSA for all but data.
#[test]
fn the_default_spares_ordinary_signed_answers() {
    for way in ways() {
        let (truncated, lengths) = ordinary(way, &Pair::new(way.algorithm));
        let expected: &[&str] = match (way.algorithm, way.denial) {
            (Algorithm::RsaSha256, _) => &["key", "nodata", "nxdomain"],
            (_, Denial::Nsec3) => &["nxdomain"],
            (_, Denial::Nsec) => &[],
        };
        let found: Vec<&str> = truncated.into_iter().collect();
        let what = format!("{:?} {:?}: {lengths:?}", way.algorithm, way.denial);
        assert_eq!(found, expected, "{what}");
        eprintln!("{what}");
    }
}
