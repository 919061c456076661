//! Who is let in: by certificates, by lists of revoked ones, and by the roster.
use std::fs;

use waypost::plan::ClusterPart;
use waypost::share::LogAct;

use super::{LATER, Node, Site, author, until};
use crate::membership::NodeAuthority;

/// A certificate of the second node that is not good, and how the first one calls that.
type Flaw = (&'static str, fn(&Site), &'static str);

const FLAWS: [Flaw; 4] = [
    (
        "another authority",
        |site| {
            let other = NodeAuthority::new();
            other.issue(site.folder.path(), ("osl1", &["osl1"]), 2, LATER);
            // It trusts the first node nevertheless.
            fs::copy(site.path("fra1-ca.pem"), site.path("osl1-ca.pem")).unwrap();
        },
        "handshake",
    ),
    (
        "an expired one",
        |site| {
            let folder = site.folder.path();
            site.authority.issue(folder, ("osl1", &["osl1"]), 2, 2020);
        },
        "untimely",
    ),
    (
        "one on a list of revoked ones",
        |site| {
            let list = site.authority.revoke(&[2]);
            fs::write(site.path("crl.pem"), list).unwrap();
        },
        "handshake",
    ),
    (
        "another name",
        |site| {
            let folder = site.folder.path();
            site.authority.issue(folder, ("osl1", &["bgo1"]), 2, LATER);
        },
        "stranger",
    ),
];

/// The first node and the second, which ask each other; the second is as it is made by a flaw.
fn pair(flaw: fn(&Site)) -> (Site, Node, Node) {
    let site = Site::new(2);
    fs::write(site.path("crl.pem"), site.authority.revoke(&[9])).unwrap();
    flaw(&site);
    let mut rules = site.rules(0, &[1]);
    rules.files.revoked = Some(site.path("crl.pem"));
    let first = site.start_by(0, rules);
    let second = site.start(1, &[0]);
    first.vote();
    second.vote();
    (site, first, second)
}

#[test]
fn a_certificate_that_is_not_good_lets_nobody_in_until_it_is_replaced() {
    for (what, flaw, trouble) in FLAWS {
        let (site, first, second) = pair(flaw);
        // It is refused at both ends: where it asks, and where it is asked.
        until(what, || first.troubles("", trouble) >= 2);
        until(&format!("{what}, as it is told of it"), || {
            let told: &[&str] = match trouble {
                "untimely" => &["untimely"],
                _ => &["handshake", "broken"],
            };
            told.iter()
                .map(|one| second.troubles("fra1", one))
                .sum::<u64>()
                > 0
        });
        assert_eq!((first.hears(), second.hears()), (vec![], vec![]), "{what}");
        // Files are read at each connection: nothing is started anew.
        fs::write(site.path("crl.pem"), site.authority.revoke(&[9])).unwrap();
        let folder = site.folder.path();
        site.authority.issue(folder, ("osl1", &["osl1"]), 3, LATER);
        until(&format!("one that is good, after {what}"), || {
            first.hears() == [1] && second.hears() == [0]
        });
    }
}

#[test]
fn files_that_cannot_be_read_are_told_and_looked_for_again() {
    let (site, first, second) = pair(|site| fs::write(site.path("osl1.key"), "no key").unwrap());
    until("that", || second.troubles("", "files") > 0);
    let folder = site.folder.path();
    site.authority.issue(folder, ("osl1", &["osl1"]), 3, LATER);
    until("both", || first.hears() == [1] && second.hears() == [0]);
}

#[test]
fn whoever_the_roster_revokes_is_let_in_nowhere() {
    let site = Site::new(3);
    let mut rules = site.rules(0, &[1, 2]);
    rules.nodes[1].part = ClusterPart::RevokedVantage;
    let nodes = [
        site.start_by(0, rules),
        site.start(1, &[0, 2]),
        site.start(2, &[0, 1]),
    ];
    nodes.iter().for_each(Node::vote);
    until("it to be refused", || nodes[0].troubles("", "revoked") > 0);
    until("the vote of the other", || nodes[0].hears() == [2]);
    until("its own vote there", || nodes[2].hears() == [0, 1]);
    assert_eq!(nodes[0].hears(), [2], "nor by what others have of it");
}

#[test]
fn whoever_an_order_revokes_is_cut_off() {
    let site = Site::new(3);
    let nodes = [
        site.start(0, &[1, 2]),
        site.start(1, &[0, 2]),
        site.start(2, &[0, 1]),
    ];
    nodes.iter().for_each(Node::vote);
    until("all votes", || {
        nodes.iter().all(|node| node.hears().len() == 2)
    });
    nodes[2].order(LogAct::Revoke(author(1)), "");
    for node in [&nodes[0], &nodes[2]] {
        until("connections that stand to be closed", || {
            node.troubles("osl1", "revoked") > 0 && node.hears().len() == 1
        });
        until("new ones to be refused", || {
            node.troubles("", "revoked") > 0
        });
    }
    nodes[1].vote();
    nodes[0].order(LogAct::Drain, "eu-*");
    until("an order among the others", || nodes[2].orders().len() == 2);
    assert!(nodes[1].orders().len() < 2, "it learns nothing any more");
}

#[test]
fn a_certificate_with_the_name_of_a_revoked_member_is_refused_whatever_else_it_bears() {
    let site = Site::new(3);
    let folder = site.folder.path();
    site.authority
        .issue(folder, ("osl1", &["osl1", "sin1"]), 2, LATER);
    let mut rules = site.rules(0, &[]);
    rules.nodes[2].part = ClusterPart::RevokedVantage;
    let (first, second) = (site.start_by(0, rules), site.start(1, &[0]));
    first.vote();
    until("it to be refused", || first.troubles("", "revoked") > 0);
    assert_eq!(second.hears(), [0; 0]);
}
