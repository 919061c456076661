//! What stands beside an answer, put to BIND, Knot, NSD and Waypost.
//!
//! They differ in what they add: BIND tells nothing of name servers below a cut, Knot adds the same record
//! twice and tells what lies below cuts, NSD knows neither SVCB nor NAPTR. The rule is that of the module
//! above: like one of them, or listed.
use std::collections::BTreeSet;
use std::process::Command;

use super::wire::{self, NS, Record};
use super::{KNOT, NSD, Peer, WAYPOST, served};
use crate::world::{World, dig, wait_for};

/// BIND listens on addresses that an interface has.
const BIND: &str = "127.0.0.1";

const BIND_CONF: &str = r#"
options {
    directory "FOLDER";
    listen-on { 127.0.0.1; };
    listen-on-v6 { none; };
    recursion no;
    dnssec-validation no;
    minimal-responses no-auth;
    check-names primary ignore;
    pid-file none;
    session-keyfile none;
};
controls { };
zone "example.org" { type primary; file "parent.zone"; check-integrity no; check-mx-cname ignore; };
"#;

const MX: u16 = 15;
const SRV: u16 = 33;
const NAPTR: u16 = 35;
const SVCB: u16 = 64;
const HTTPS: u16 = 65;

const QUESTIONS: [(&str, u16); 24] = [
    ("@", NS),
    ("@", MX),
    ("mx-twice", MX),
    ("mx-cut", MX),
    ("mx-at-cut", MX),
    ("mx-alias", MX),
    ("mx-wild", MX),
    ("mx-child", MX),
    ("mx-com", MX),
    ("mx-none", MX),
    ("mx-absent", MX),
    ("x.wild", MX),
    ("_sip._tcp", SRV),
    ("srv-none", SRV),
    ("many", NAPTR),
    ("naptr-a", NAPTR),
    ("naptr-u", NAPTR),
    ("many", HTTPS),
    ("https-own", HTTPS),
    ("https-host", HTTPS),
    ("https-none", HTTPS),
    ("many", SVCB),
    ("svcb-host", SVCB),
    ("c-apex", MX),
];

/// A question, and why we are like none of them.
const DIFFERENCES: [(&str, u16, &str); 1] = [(
    "many",
    NAPTR,
    "the SRV records alone (RFC 3403, section 4.1): BIND adds what these point to as well",
)];

/// What stands beside the answer; the name servers of the zone, which NSD adds to everything, do not.
fn beside(peer: &mut Peer, packet: &[u8]) -> BTreeSet<Record> {
    let reply = peer.ask(packet, true);
    let authority = reply.authority.iter().filter(|record| record.1 == NS);
    let servers: BTreeSet<Vec<u8>> = authority.map(|record| record.4.clone()).collect();
    let records = reply.additional.into_iter();
    records
        .filter(|record| !servers.contains(&record.0))
        .collect()
}

#[test]
fn what_stands_beside_an_answer_is_what_others_add() {
    let world = World::new();
    let _processes = served(&world);
    let folder = world.path("").display().to_string();
    let conf = world.write("named.conf", &BIND_CONF.replace("FOLDER", &folder));
    let _bind = world.start(
        "named",
        Command::new("/usr/sbin/named").args(["-g", "-c"]).arg(conf),
    );
    wait_for(BIND, || {
        dig(&["@127.0.0.1", "example.org", "SOA"]).contains("flags: qr aa")
    });
    let mut peers = [WAYPOST, BIND, KNOT, NSD].map(Peer::new);
    let apex = wire::name("example.org.", &[]);
    let (mut wrong, mut added) = (Vec::new(), 0);
    for (id, (owner, rtype)) in (0..).zip(QUESTIONS) {
        let packet = wire::query(id, &wire::name(owner, &apex), rtype, None);
        let [ours, theirs @ ..] = peers.each_mut().map(|peer| beside(peer, &packet));
        added += ours.len();
        let listed = DIFFERENCES
            .iter()
            .find(|one| (one.0, one.1) == (owner, rtype));
        match (theirs.contains(&ours), listed) {
            (true, None) | (false, Some(_)) => {}
            (true, Some((.., why))) => wrong.push(format!("{owner} {rtype}: not needed: {why}")),
            (false, None) => wrong.push(format!(
                "{owner} {rtype}: {}\n  {}",
                super::told(&ours),
                theirs.each_ref().map(super::told).join("\n  ")
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(added > 20, "hardly anything was added");
}
