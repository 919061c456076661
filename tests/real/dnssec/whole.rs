//! Whole zones, as one client sees them, through the checkers of NLnet Labs and ISC.
//!
//! `validns` (0.8, of Debian) is not among them. It verifies RSA/SHA-256 with NSEC and NSEC3, ours as well as
//! BIND's; but with OpenSSL 3 it makes no key of any ECDSA DNSKEY ("error building pkey") and then says
//! "cannot verify signature" of every RRSIG, those of `dnssec-signzone` too, and it does not know Ed25519.
use std::fs;
use std::process::Command;
use std::sync::Arc;

use waypost::dns::zone::signed::Denial;
use waypost::table::{RenderView, StrictNames, render_served};

use crate::sample;
use crate::signed::{Pair, sign, table, ways};

const CLIENTS: [&str; 4] = ["192.0.2.99", "198.51.100.7", "203.0.113.5", "2001:db8:1::1"];
const ALL: [&str; 6] = [
    "eu-one",
    "eu-backup",
    "na-one",
    "na-two",
    "ap-four",
    "af-four",
];

#[test]
fn checkers_find_nothing_wrong_with_the_whole_zone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.org.zone");
    let now = waypost::io::clock::Clock::start().wall_seconds();
    for way in ways() {
        let hashed = way.denial == Denial::Nsec3;
        let pair = Pair::new(way.algorithm);
        let plan = sign(sample::compile(), way, &pair, now);
        for down in [&[][..], &ALL] {
            // A name that answers nothing while all is down keeps its hashed link, as promised; the
            // checkers see no record of which name that is.
            if hashed && !down.is_empty() {
                continue;
            }
            let table = Arc::new(table(&plan, down));
            for client in CLIENTS {
                let served = &table.zones.all()[0];
                let view = RenderView {
                    client: client.parse().unwrap(),
                    strict: StrictNames::Given,
                };
                let content = render_served(&table, served, view).unwrap();
                fs::write(&file, content.to_master("a test")).unwrap();
                let ldns = Command::new("ldns-verify-zone").arg(&file).output();
                let bind = Command::new("dnssec-verify")
                    .args(["-o", "example.org"])
                    .arg(&file)
                    .output();
                for (program, output) in [("ldns-verify-zone", ldns), ("dnssec-verify", bind)] {
                    let output = output.expect("tests/run installs it");
                    let said = [output.stdout, output.stderr].concat();
                    let said = String::from_utf8_lossy(&said).into_owned();
                    assert!(
                        output.status.success(),
                        "{program} of {client}, {way:?}, without {down:?}: {said}\n{}",
                        fs::read_to_string(&file).unwrap()
                    );
                }
            }
        }
    }
}
