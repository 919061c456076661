//! What is asked of `answer`: one query of each kind, ready to be answered again and again.
//!
//! The world is the shipped config, so what is measured is what a reader can try. Every probe has
//! passed for a minute, so all standings are proven, shares are full, and a steered name is
//! answered by preference, as on a good day; one case shows the first moment, when nothing is known
//! yet. How often a case is run, and whether time or instructions are counted, is for whoever
//! includes this.
#![expect(clippy::unwrap_used, reason = "benches")]
use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use waypost::answer::{Asker, Transport, answer};
use waypost::base::{Draws, Moment, Span};
use waypost::config::Compiled;
use waypost::dns::dnssec::{Algorithm, PrivateKey};
use waypost::dns::zone::signed::{Denial, Signed, Signing};
use waypost::dns::zone::{Served, Zones};
use waypost::dns::{Name, ask};
use waypost::engine::{Engine, Input, Output};
use waypost::health::{ProbeResult, Report, Timing};
use waypost::io::files;
use waypost::table::{Table, variants};

use crate::cases::Case;

const A: u16 = 1;
const MX: u16 = 15;
const TXT: u16 = 16;
const NETWORKS: usize = 20_000;
/// When signatures are made, seconds since 1970.
const NOW: u64 = 1_800_000_000;
const START: Moment = Moment(0);
const WARM: Span = Span::from_secs(60);

/// The cases of this subject; a run of one answers one query.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name, prepare| Case { name, prepare };
    vec![
        case("answer/steered", || one("api.example.org", A)),
        case("answer/steered, 20,000 networks", many),
        case("answer/steered, nothing probed yet", unproven),
        case("answer/static", || one("mail.example.org", A)),
        case("answer/mx", || one("example.org", MX)),
        case("answer/nxdomain", || one("absent.example.org", A)),
        case("answer/nodata", || one("mail.example.org", TXT)),
        case("answer/referral", || one("www.lab.example.org", A)),
        case("answer/alias", || one("www.example.org", A)),
        case("answer/signed steered", || signed("api.example.org", A)),
        case("answer/signed static", || signed("mail.example.org", A)),
        case("answer/signed nxdomain", || signed("absent.example.org", A)),
    ]
}

fn one(name: &str, rtype: u16) -> Box<dyn FnMut()> {
    run(table(), vec![query(name, rtype)])
}

/// The same with signatures: DO is set, and the zone is signed (P-256, NSEC).
fn signed(name: &str, rtype: u16) -> Box<dyn FnMut()> {
    let mut query = query(name, rtype);
    // OPT is the last record, and ends with one option: a subnet of 7 octets.
    let flags = query.len() - 4 - 7 - 4;
    query[flags] = 0x80;
    run(warm(signed_engine()), vec![query])
}

fn many() -> Box<dyn FnMut()> {
    let mut draws = Draws::from_seed(1);
    let mut any = || {
        let low = u32::try_from(draws.below(1 << 32)).expect("below 2^32");
        subnet_query("api.example.org", A, IpAddr::V4((low & 0xFFFF_FF00).into()))
    };
    run(table(), (0..NETWORKS).map(|_| any()).collect())
}

fn unproven() -> Box<dyn FnMut()> {
    let first = Arc::clone(engine().table());
    run(first, vec![query("api.example.org", A)])
}

/// Answers the queries in turn.
fn run(table: Arc<Table>, queries: Vec<Vec<u8>>) -> Box<dyn FnMut()> {
    let asker = Asker {
        source: "127.0.0.1".parse().unwrap(),
        transport: Transport::Udp,
        now: START.after(WARM),
        idle: Span::ZERO,
        cookies: None,
    };
    let mut reply = vec![0; 1232];
    let mut next = 0;
    Box::new(move || {
        let answered = answer(&table, &asker, black_box(&queries[next]), &mut reply);
        black_box(answered);
        next = if next + 1 == queries.len() {
            0
        } else {
            next + 1
        };
    })
}

/// The table of the shipped config once every probe has passed for a minute.
pub(crate) fn table() -> Arc<Table> {
    warm(engine())
}

fn warm(mut engine: Engine) -> Arc<Table> {
    let mut now = START;
    while now < START.after(WARM) {
        engine.handle(now, Input::Tick);
        while let Some(output) = engine.poll() {
            if let Output::Probe(probe, _) = output {
                engine.handle(now, Input::Probed(probe, passed()));
            }
        }
        now = engine.wake_at().expect("there are slots to be probed");
    }
    Arc::clone(engine.table())
}

fn engine() -> Engine {
    let compiled = compiled();
    let zones = compiled.unsigned();
    Engine::new(Arc::new(compiled.plan), zones, START, 1)
}

fn compiled() -> Compiled {
    let loaded = files::load(Path::new("config.toml")).unwrap();
    let compiled = waypost::config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
    compiled.unwrap().0
}

fn signed_engine() -> Engine {
    let compiled = compiled();
    let key = Arc::new(PrivateKey::generate(Algorithm::EcdsaP256, 257, [7; 32]).unwrap());
    let signing = Signing {
        entry_keys: vec![Arc::clone(&key)],
        zone_keys: vec![key],
        denial: Denial::Nsec,
        validity: 14 * 86_400,
    };
    let steered = variants(&compiled.plan).unwrap();
    let unsigned = compiled.unsigned();
    let zones = unsigned.all().iter().map(|served| {
        let zone = Arc::clone(&served.zone);
        let unsigned = Signed::following(None, Arc::clone(&zone), signing.clone(), &steered);
        let all = unsigned.stale(NOW).into_iter();
        let made = all.map(|chunk| (chunk, unsigned.sign(chunk, NOW)));
        let signed = Arc::new(unsigned.renewed(made.collect()));
        Served {
            zone,
            expires: signed.expires(),
            refuse_from: signed.expires(),
            signed: Some(signed),
            view: None,
        }
    });
    let zones = zones.collect();
    let zones = Arc::new(Zones::served(zones, NOW * 1000));
    Engine::new(Arc::new(compiled.plan), zones, START, 1)
}

fn passed() -> Report {
    Report {
        outcome: ProbeResult::Pass,
        timing: Timing::default(),
        certificate_expires: None,
        value: None,
    }
}

/// A question with a client subnet.
pub(crate) fn query(name: &str, rtype: u16) -> Vec<u8> {
    subnet_query(name, rtype, "193.99.144.0".parse().unwrap())
}

fn subnet_query(name: &str, rtype: u16, network: IpAddr) -> Vec<u8> {
    let question = ask::Question {
        name: Name::parse(name).unwrap(),
        rtype,
        wants: vec![ask::Want::Subnet(network, 24)],
    };
    ask::encode(7, &question)
}
