//! A roster that has changed on some of the nodes and not yet on the others: one vantage more, or one less.
//!
//! As long as rosters differ by one vantage, a majority of the one and a majority of the other have a node in common: so whatever is cut,
//! and whoever has which roster, no two parts of the network both take something out.
use std::sync::Arc;

use waypost::base::{Cause, Moment, Utc};
use waypost::health::target::Verdict;
use waypost::share::{
    Boot, Cluster, ClusterStart, Intent, LogAct, MemberAdmission, MemberRole, RecordFate,
    RecordRefusal, Roster, RosterMember, Ruling, Sight, TargetNames, Trust, Tuning,
};

use super::nodes::seal;

const NOW: Moment = Moment(1_000_000);
const WALL: Utc = Utc(1_800_000_000_000);

/// Vantages, each at a provider of its own.
fn roster(vantages: usize) -> Arc<Roster> {
    let members = (0..vantages).map(|member| RosterMember {
        name: format!("node-{member}"),
        key: seal(member).key(),
        region: "here".to_owned(),
        provider: format!("provider-{member}"),
        role: MemberRole::Vantage,
        admission: MemberAdmission::Admitted,
    });
    Arc::new(Roster::new("sim", members.collect()).unwrap())
}

fn tuning() -> Tuning {
    Tuning {
        beat: waypost::base::Span(1000),
        alone_after: None,
        up_while: None,
    }
}

/// So many nodes, of which these go by the larger roster.
fn nodes(small: usize, has_large: impl Fn(usize) -> bool) -> Vec<Cluster> {
    let nodes = (0..=small).map(|member| {
        let is_large = member == small || has_large(member);
        let start = ClusterStart {
            now: NOW,
            boot: Boot::at(WALL, u16::try_from(member).unwrap()),
        };
        let roster = roster(small + usize::from(is_large));
        let mut node = Cluster::new(seal(member), roster, tuning(), start);
        node.plan(vec![TargetNames::hash("target")]);
        node
    });
    nodes.collect()
}

fn sees_down(node: &mut Cluster) {
    node.tick(NOW, WALL, Sight::Clear);
    let mut ballot = node.ballot(Trust::Sure);
    ballot.add(0, Verdict::Down(Cause::Refused));
    node.say(NOW, WALL, ballot);
}

/// Each has what anybody has whom it reaches.
fn mingle(nodes: &mut [Cluster], reaches: impl Fn(usize, usize) -> bool) -> Vec<RecordFate> {
    let mut fates = Vec::new();
    for _ in 0..2 {
        for from in 0..nodes.len() {
            for to in 0..nodes.len() {
                if from != to && reaches(from, to) {
                    let bundle = nodes[from].newer(&nodes[to].have(), 0);
                    fates.extend(nodes[to].take(NOW, WALL, &bundle).fates);
                }
            }
        }
    }
    for node in nodes {
        node.tick(NOW, WALL, Sight::Clear);
    }
    fates
}

fn ejects(node: &Cluster) -> bool {
    let own = (Verdict::Down(Cause::Refused), Trust::Sure);
    matches!(node.panel().rule(NOW, 0, own), Ruling::Down(_))
}

#[test]
fn while_half_of_the_nodes_have_another_roster_no_two_parts_both_eject() {
    let mut ejections = 0;
    for small in 2..=4 {
        // Whoever has which roster, whoever stands on which side, all see the target down.
        for (large, near) in
            (0..1_u32 << small).flat_map(|large| (0..2_u32 << small).map(move |near| (large, near)))
        {
            let mut nodes = nodes(small, |member| large >> member & 1 == 1);
            nodes.iter_mut().for_each(sees_down);
            let is_near = |member: usize| near >> member & 1 == 1;
            mingle(&mut nodes, |from, to| is_near(from) == is_near(to));
            let sides = [true, false].map(|side| {
                let own = (0..nodes.len()).filter(|member| is_near(*member) == side);
                own.filter(|member| ejects(&nodes[*member])).count()
            });
            ejections += sides[0] + sides[1];
            assert!(
                sides[0] == 0 || sides[1] == 0,
                "{small} and one more, {large:b} have it, {near:b} are near: {sides:?}"
            );
        }
    }
    assert!(ejections > 500, "only {ejections}");
}

/// The new one is a stranger to whoever has the old roster, whose word is not taken; once all have the new one, all come to the same.
#[test]
fn whoever_is_new_is_a_stranger_until_its_roster_has_come() {
    let mut nodes = nodes(4, |member| member < 2);
    nodes.iter_mut().for_each(sees_down);
    let intent = Intent {
        act: LogAct::Drain,
        scope: "s0".to_owned(),
        by: "ada".to_owned(),
        reason: String::new(),
        begins: None,
        expires: None,
    };
    nodes[4].order(WALL, intent).unwrap();
    let fates = mingle(&mut nodes, |_, _| true);
    let stranger = RecordFate::Refused(RecordRefusal::Stranger);
    assert!(fates.contains(&stranger), "{fates:?}");
    assert!(nodes.iter().all(ejects), "each by its own roster");
    let known: Vec<usize> = nodes
        .iter()
        .map(|node| node.log().entries().count())
        .collect();
    assert_eq!(known, [1, 1, 0, 0, 1]);
    for node in &mut nodes[2..4] {
        node.adopt(roster(5), tuning());
    }
    mingle(&mut nodes, |_, _| true);
    let first = nodes[0].log().digest();
    assert!(
        nodes
            .iter()
            .all(|node| node.log().digest() == first && ejects(node))
    );
    // And back: what it has ordered is forgotten by whoever has it no more.
    for node in &mut nodes[..4] {
        node.adopt(roster(4), tuning());
    }
    assert!(
        nodes[..4]
            .iter()
            .all(|node| node.log().entries().count() == 0)
    );
}
