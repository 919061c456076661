//! What arrives, and by which ways.
use std::sync::Arc;

use waypost::share::LogAct;

use super::{NAMES, Site, until};

#[test]
fn votes_and_orders_reach_everybody_by_whoever_is_asked() {
    let site = Site::new(4);
    // 0 and 3 know each other only through the two between them; 3 is itself among those that it asks.
    let nodes = [
        site.start(0, &[1]),
        site.start(1, &[0, 2]),
        site.start(2, &[1, 3]),
        site.start(3, &[2, 3]),
    ];
    nodes.iter().for_each(super::Node::vote);
    until("all votes", || {
        let heard = nodes.iter().map(|node| node.hears().len());
        heard.sum::<usize>() == 12
    });
    nodes[0].order(LogAct::Drain, "eu-*");
    nodes[3].order(LogAct::Drain, "ap-*");
    until("both orders everywhere", || {
        nodes.iter().all(|node| node.orders().len() == 2)
    });
    let digests = nodes
        .iter()
        .map(|node| node.copy.look(|cluster, _, _| cluster.log().digest()));
    let digests: Vec<_> = digests.collect();
    assert!(digests.iter().all(|one| *one == digests[0]));
    for (node, name) in nodes.iter().zip(NAMES) {
        for trouble in ["garbled", "forged", "oversize", "stranger"] {
            for member in site.names().iter().chain([&""]) {
                assert_eq!(node.troubles(member, trouble), 0, "{name}: {trouble}");
            }
        }
    }
}

#[test]
fn a_node_that_was_away_has_what_was_said_meanwhile() {
    let site = Site::new(3);
    let (one, two) = (site.start(0, &[1, 2]), site.start(1, &[0, 2]));
    one.vote();
    until("the vote of the first", || two.hears() == [0]);
    one.order(LogAct::Drain, "eu-*");
    until("the order", || two.orders().len() == 1);
    // The one that gave it goes before the third has come.
    drop(one);
    let three = site.start(2, &[0, 1]);
    until("both of the one that is gone", || {
        three.hears() == [0] && three.orders() == ["eu-*"]
    });
    until("that it is missed", || {
        three.troubles("", "unreachable") + three.troubles("", "slow") > 0
    });
}

#[test]
fn peers_are_taken_anew_at_a_reload() {
    let site = Site::new(3);
    let nodes = [site.start(0, &[]), site.start(1, &[0]), site.start(2, &[0])];
    nodes.iter().for_each(super::Node::vote);
    until("the first's vote", || {
        nodes[1].hears() == [0] && nodes[2].hears() == [0]
    });
    assert_eq!(nodes[0].hears(), [0; 0], "it asks nobody");
    let mut rules = (*nodes[0].rules).clone();
    rules.peers = site.rules(0, &[1, 2]).peers;
    nodes[0].peers.set(&Arc::new(rules));
    until("the votes of both", || nodes[0].hears() == [1, 2]);
    until("each other's", || nodes[1].hears() == [0, 2]);
}
