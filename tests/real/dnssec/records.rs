//! Records that follow the choice, names in place of addresses and steered wildcards, signed: delv and unbound validate
//! each answer and each denial, for clients of every region, healthy and not.
use std::fs;
use std::process::Command;

use waypost::dns::dnssec::Algorithm;
use waypost::dns::zone::signed::Denial;
use waypost::table::{RenderView, StrictNames, render_served};

use super::validators::{
    RESOLVER, Resolver, Server, delv, dig_for, is_validated, now, own_network, write_anchor,
};
use crate::records::{self, ALL};
use crate::signed::{Pair, Way, sign, table};

/// Questions, each with what the answer has for a client in Germany when all is well.
const QUESTIONS: [(&str, &str); 35] = [
    ("www.example.org A", "192.0.2.10"),
    ("www.example.org TXT", "\"eu\""),
    ("www.example.org HTTPS", "ipv4hint=192.0.2.10"),
    ("www.example.org SRV", "four.example.org."),
    ("www.example.org MX", "ound.example.org."),
    ("www.example.org CAA", "NSEC"),
    ("www.example.org CNAME", "NSEC"),
    ("mixed.example.org A", "192.0.2.10"),
    ("mixed.example.org AAAA", "2001:db8:10::10"),
    ("mixed.example.org TXT", "\"here\""),
    ("mixed.example.org CAA", "NSEC"),
    ("mixed.example.org CNAME", "NSEC"),
    ("to-mixed.example.org A", "192.0.2.10"),
    ("to-mixed.example.org TXT", "\"here\""),
    ("named.example.org A", "192.0.2.10"),
    ("named.example.org CNAME", "mixed.example.org."),
    ("named.example.org CAA", "NSEC"),
    ("one.apps.example.org A", "192.0.2.10"),
    ("one.apps.example.org AAAA", "2001:db8:10::10"),
    ("a.b.apps.example.org A", "192.0.2.10"),
    ("one.apps.example.org TXT", "wild eu"),
    ("one.apps.example.org HTTPS", "ipv4hint=192.0.2.10"),
    ("one.apps.example.org CAA", "NSEC"),
    ("here.apps.example.org A", "192.0.2.41"),
    ("here.apps.example.org TXT", "NSEC"),
    ("er.apps.example.org A", "NSEC"),
    ("x.er.apps.example.org A", "NSEC"),
    ("one.links.example.org A", "192.0.2.31"),
    ("one.links.example.org TXT", "static"),
    ("one.links.example.org CAA", "NSEC"),
    ("one.plain.example.org A", "203.0.113.10"),
    ("one.plain.example.org TXT", "NSEC"),
    ("data.example.org TXT", "eu data"),
    ("data.example.org CAA", "NSEC"),
    ("narrow.example.org A", "203.0.113.10"),
];

/// Networks of a client in each region.
const CLIENTS: [&str; 3] = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];

/// Whether a chain goes in a circle, or to where nobody answers: what the resolver makes of that is its own affair.
fn leads_away(question: &str, client: &str, down: &[&str]) -> bool {
    let is_home = client == CLIENTS[0] && down.is_empty() || down == ALL;
    question.starts_with("named.") && !question.ends_with("CNAME") && !is_home
}

fn ways() -> [Way; 2] {
    [Denial::Nsec, Denial::Nsec3].map(|denial| Way {
        algorithm: Algorithm::EcdsaP256,
        denial,
    })
}

#[test]
fn unbound_validates_what_follows_the_choice() {
    for way in ways() {
        std::thread::spawn(move || ask_unbound(way)).join().unwrap();
    }
}

fn ask_unbound(way: Way) {
    let folder = own_network();
    let pair = Pair::new(way.algorithm);
    let world = sign(records::compile(), way, &pair, now());
    let server = Server::start(table(&world, &[]));
    let _resolver = Resolver::start(folder.path(), &pair.anchor());
    for down in [&[][..], &["eu-one", "na-two"], &ALL] {
        server.publish(table(&world, down));
        for client in CLIENTS {
            for (question, expected) in QUESTIONS {
                if leads_away(question, client, down) {
                    continue;
                }
                let found = dig_for(RESOLVER, question, client);
                let what = format!("{question} for {client}, {way:?}, without {down:?}:\n{found}");
                let log = || fs::read_to_string(folder.path().join("unbound.log"));
                assert!(
                    is_validated(&found),
                    "{what}\n{}",
                    log().unwrap_or_default()
                );
                if down.is_empty() && client == CLIENTS[0] {
                    assert!(found.contains(expected), "{what}");
                }
            }
        }
    }
}

#[test]
fn delv_validates_what_follows_the_choice() {
    for way in ways() {
        let folder = own_network();
        let pair = Pair::new(way.algorithm);
        write_anchor(folder.path(), &pair.anchor());
        let world = sign(records::compile(), way, &pair, now());
        let server = Server::start(table(&world, &[]));
        for down in [&[][..], &ALL] {
            server.publish(table(&world, down));
            for (question, _) in QUESTIONS {
                let found = delv(folder.path(), question);
                let validated = found.contains("; fully validated")
                    || found.contains("; negative response, fully validated");
                assert!(validated, "{question}, {way:?}, without {down:?}:\n{found}");
            }
        }
    }
}

/// The RRSIG of a wildcard's answer counts the wildcard's labels, and the reply proves that nothing is closer (RFC 4035,
/// section 3.1.3.3).
#[test]
fn a_wildcard_proves_that_nothing_is_closer() {
    for way in ways() {
        let _folder = own_network();
        let pair = Pair::new(way.algorithm);
        let world = sign(records::compile(), way, &pair, now());
        let _server = Server::start(table(&world, &[]));
        let found = dig_for("127.0.0.20", "a.b.apps.example.org A", "192.0.2.0/24");
        let signature = found.lines().find(|line| line.contains("RRSIG\tA "));
        let labels = signature.and_then(|line| line.split_whitespace().nth(6));
        assert_eq!(labels, Some("3"), "{found}");
        let link = match way.denial {
            Denial::Nsec => "NSEC",
            Denial::Nsec3 => "NSEC3",
        };
        let kinds = found.lines().map(|line| line.split_whitespace().nth(3));
        let links = kinds.filter(|kind| *kind == Some(link));
        assert_eq!(links.count(), 1, "{found}");
    }
}

/// The static form of each client's view: a name is given alone, or addresses and the other types of the choice, and the
/// link of a name says what is there.
#[test]
fn checkers_find_nothing_wrong_with_the_static_form() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.org.zone");
    for way in ways() {
        let pair = Pair::new(way.algorithm);
        let world = sign(records::compile(), way, &pair, now());
        for down in [&[][..], &["eu-one", "na-two"]] {
            let table = table(&world, down);
            for client in CLIENTS {
                let served = &table.zones.all()[0];
                let view = RenderView {
                    client: client.trim_end_matches("/24").parse().unwrap(),
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
                    let zone = || fs::read_to_string(&file).unwrap();
                    let what = format!("{program} of {client}, {way:?}, without {down:?}: {said}");
                    assert!(output.status.success(), "{what}\n{}", zone());
                }
            }
        }
    }
}
