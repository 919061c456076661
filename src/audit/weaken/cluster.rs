//! Nodes that gain a voice, and what keeps few nodes from deciding for all.
//!
//! A roster is a list of those who vote and whose orders are obeyed. Whoever comes in, comes back or gets another key is
//! refused from the watch; to revoke a node is no loss, so that it is in force as soon as it is written. A vantage that is struck out
//! makes the majority smaller, and is what a file looks like that was cut off.
use std::collections::BTreeSet;

use crate::audit::compare::LossKind;
use crate::base::{Permille, Span};
use crate::plan::{ClusterFiles, ClusterNode, ClusterPart, ClusterRules};

use super::found::{Decisions, Findings};

const KIND: LossKind = LossKind::Access;

pub(super) fn judge(sides: [Decisions<'_>; 2], found: &mut Findings) {
    match sides.map(|side| side.plan.cluster.as_deref()) {
        [None, _] => {}
        [Some(before), None] => {
            let change = [
                format!("of {} nodes", before.nodes.len()),
                "alone".to_owned(),
            ];
            found.tell(LossKind::Guard, "[cluster]", change);
        }
        [Some(before), Some(after)] => rules(before, after, found),
    }
}

fn rules(before: &ClusterRules, after: &ClusterRules, found: &mut Findings) {
    let ClusterRules {
        nodes,
        alone_after,
        up_while,
        files,
        // Read at the start only.
        name: _,
        node: _,
        listen: _,
        // Whoever is asked proves who it is, and what it gives is signed by others.
        peers: _,
        nats: _,
        // How soon it is heard of, and nothing else.
        beat: _,
        // Its route, and no answer.
        withdraw: _,
        // However rarely they are followed, cookie secrets protect.
        roll_cookies: _,
        distribute,
    } = before;
    for next in &after.nodes {
        let mut own = nodes.iter();
        voice(own.find(|own| own.name == next.name), next, found);
    }
    let sizes = [nodes, &after.nodes].map(|nodes| vantages(nodes).count());
    found.fall(LossKind::Guard, "vantages", sizes);
    let providers = [nodes, &after.nodes].map(|nodes| {
        let all = vantages(nodes).map(|node| &node.provider);
        all.collect::<BTreeSet<_>>().len()
    });
    found.fall(LossKind::Guard, "providers of vantages", providers);
    let late = |limit: Option<Span>| limit.unwrap_or(Span(u64::MAX));
    if late(after.alone_after) < late(*alone_after) {
        let word = |limit: Option<Span>| limit.map_or("never".to_owned(), |own| own.to_string());
        let change = [word(*alone_after), word(after.alone_after)];
        found.tell(LossKind::Guard, "cluster.alone_after", change);
    }
    let part = [*up_while, after.up_while].map(|part| part.unwrap_or(Permille::FULL));
    found.rise(LossKind::Guard, "cluster.up_while", part);
    let keys = [distribute, &after.distribute].map(|rule| {
        let keys = rule.iter().flat_map(|rule| &rule.keys);
        keys.copied().collect::<BTreeSet<_>>()
    });
    if let [before, after] = &keys
        && !after.is_subset(before)
    {
        let count = |keys: &BTreeSet<_>| format!("{} keys", keys.len());
        let change = [
            count(before),
            format!("{}, others among them", count(after)),
        ];
        found.tell(KIND, "cluster.distribute.keys", change);
    }
    trusted(files, &after.files, found);
}

/// Judges whether a node is listened to that was not, or in more than it was.
fn voice(before: Option<&ClusterNode>, after: &ClusterNode, found: &mut Findings) {
    let ClusterNode {
        name,
        key,
        part,
        // Counted by all vantages together.
        region: _,
        provider: _,
        control,
    } = after;
    let of = format!("node {name}");
    let was = before.map_or("not there", |own| word(own.part));
    if rank(*part) > before.map_or(0, |own| rank(own.part)) {
        found.tell(KIND, &of, [was, word(*part)]);
    } else if rank(*part) > 0 && before.is_some_and(|own| own.key != *key) {
        found.tell(KIND, &of, ["a key", "another one"]);
    }
    // Whoever plans for all nodes shows a token there.
    let controls = [
        before.and_then(|own| own.control.as_ref()),
        control.as_ref(),
    ];
    if let [Some(own), Some(next)] = controls
        && own != next
    {
        found.tell(KIND, &format!("{of} control"), [own, next]);
    }
}

fn rank(part: ClusterPart) -> u8 {
    match part {
        ClusterPart::Vantage => 2,
        ClusterPart::Follower => 1,
        ClusterPart::RevokedVantage | ClusterPart::RevokedFollower => 0,
    }
}

fn word(part: ClusterPart) -> &'static str {
    match part {
        ClusterPart::Vantage => "vantage",
        ClusterPart::Follower => "follower",
        ClusterPart::RevokedVantage | ClusterPart::RevokedFollower => "revoked",
    }
}

fn vantages(nodes: &[ClusterNode]) -> impl Iterator<Item = &ClusterNode> {
    nodes.iter().filter(|node| match node.part {
        ClusterPart::Vantage | ClusterPart::RevokedVantage => true,
        ClusterPart::Follower | ClusterPart::RevokedFollower => false,
    })
}

/// Judges by what peers are verified.
fn trusted(before: &ClusterFiles, after: &ClusterFiles, found: &mut Findings) {
    let ClusterFiles {
        roots,
        revoked,
        // A node's own; a key that is not the roster's is an error.
        seal: _,
        certificate: _,
        private_key: _,
    } = before;
    if *roots != after.roots {
        let change = [roots, &after.roots].map(|path| path.display());
        found.tell(KIND, "[cluster] roots", change);
    }
    if revoked.is_some() && after.revoked.is_none() {
        let change = ["a list of revoked certificates", "none"];
        found.tell(KIND, "[cluster] revoked", change);
    }
}
