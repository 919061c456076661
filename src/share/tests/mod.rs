//! Rules of a cluster that take several nodes, each by a few nodes and a few records.
use std::sync::Arc;

use crate::base::limits::CLUSTER_LOG;
use crate::base::{Cause, Family, Moment, Permille, Span, Utc};
use crate::health::target::Verdict;

use super::ruling::{Ruling, Trust};
use super::*;

mod views;
mod wide;

const WALL: Utc = Utc(1_800_000_000_000);
const NOW: Moment = Moment(500_000);
const DOWN: Verdict = Verdict::Down(Cause::Refused);

/// Places `p0` to `p9` of equal capacity; `pN-M` covers several.
struct Ten;

impl ScopeCapacity for Ten {
    fn covered(&self, scope: &str) -> Vec<(u32, u64)> {
        let numbers = scope.trim_start_matches('p').split('-');
        let numbers: Vec<u32> = numbers.filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [from, .., to] => (from..=to).map(|place| (place, 1)).collect(),
            [one] => vec![(one, 1)],
            [] => Vec::new(),
        }
    }

    fn total(&self) -> u64 {
        10
    }
}

fn seal(node: u8) -> AuthorSeal {
    AuthorSeal::from_seed(&[node; 32]).unwrap()
}

fn author(node: u8) -> Author {
    seal(node).key().author()
}

fn member(node: u8) -> RosterMember {
    RosterMember {
        name: format!("node-{node}"),
        key: seal(node).key(),
        region: format!("region-{}", node / 2),
        provider: format!("provider-{}", node % 2),
        role: MemberRole::Vantage,
        admission: MemberAdmission::Admitted,
    }
}

fn roster(nodes: u8) -> Arc<Roster> {
    Arc::new(Roster::new("test", (1..=nodes).map(member).collect()).unwrap())
}

fn node(node: u8, roster: &Arc<Roster>) -> Cluster {
    let tuning = Tuning {
        beat: Span(1000),
        alone_after: Some(Span(120_000)),
        up_while: None,
    };
    let start = ClusterStart {
        now: NOW,
        boot: Boot::at(WALL, node.into()),
    };
    let mut cluster = Cluster::new(seal(node), roster.clone(), tuning, start);
    cluster.plan(names(&["a", "b", "c"]));
    cluster
}

fn nodes(count: u8) -> Vec<Cluster> {
    let roster = roster(count);
    (1..=count).map(|one| node(one, &roster)).collect()
}

fn names(all: &[&str]) -> Vec<u64> {
    all.iter().map(|name| TargetNames::hash(name)).collect()
}

fn intent(act: LogAct, scope: &str) -> Intent {
    let expires = act.needs_end().then_some(Utc(WALL.0 + 60_000));
    Intent {
        act,
        scope: scope.into(),
        by: "ada".into(),
        reason: String::new(),
        begins: None,
        expires,
    }
}

fn carry(from: &Cluster, to: &mut Cluster, wall: Utc) -> TakenBundle {
    let bundle = from.newer(&to.have(), 0);
    to.take(NOW, wall, &bundle)
}

/// Everybody has what anybody has.
fn mingle(nodes: &mut [Cluster]) {
    for _ in 0..2 {
        for from in 0..nodes.len() {
            for to in 0..nodes.len() {
                let bundle = nodes[from].newer(&nodes[to].have(), 0);
                nodes[to].take(NOW, WALL, &bundle);
            }
        }
    }
}

fn vote(node: &mut Cluster, verdicts: &[Verdict]) {
    let mut ballot = node.ballot(Trust::Sure);
    for (place, verdict) in (0..).zip(verdicts) {
        ballot.add(place, *verdict);
    }
    node.say(NOW, WALL, ballot);
}

fn in_force(node: &Cluster, wall: Utc) -> Vec<(String, OrderEffect)> {
    let orders = node.in_force(wall, &Ten);
    let orders = orders.iter();
    orders
        .map(|order| (order.entry.entry.scope.clone(), order.effect))
        .collect()
}

fn whole(scopes: &[&str]) -> Vec<(String, OrderEffect)> {
    scopes
        .iter()
        .map(|scope| ((*scope).to_owned(), OrderEffect::Whole))
        .collect()
}

#[test]
fn an_order_is_known_by_more_and_more() {
    let mut nodes = nodes(3);
    let entry = nodes[0].order(WALL, intent(LogAct::Drain, "p1")).unwrap();
    let known = |node: &Cluster| {
        let spread = node.spread(NOW, &entry);
        (spread.known_by, spread.of)
    };
    assert_eq!(known(&nodes[0]), (1, 3));
    mingle(&mut nodes);
    nodes
        .iter_mut()
        .for_each(|node| node.say_head(WALL, NodeHead::default()));
    mingle(&mut nodes);
    for node in &nodes {
        assert_eq!(in_force(node, WALL), whole(&["p1"]));
        assert_eq!(known(node), (3, 3));
        assert_eq!(node.log().digest(), nodes[0].log().digest());
    }
    let again = carry(&nodes[0], &mut node(2, &roster(3)), WALL);
    assert!(again.is_progress());
    let (first, rest) = nodes.split_at_mut(1);
    assert!(
        first[0].newer(&rest[0].have(), 0).is_empty(),
        "nothing is left to carry"
    );
}

#[test]
fn who_was_not_heard_for_long_is_away_unless_this_node_is_cut_off() {
    let mut nodes = nodes(3);
    let entry = nodes[0].order(WALL, intent(LogAct::Drain, "p1")).unwrap();
    let away = |node: &mut Cluster, late: u64| {
        let (now, wall) = (Moment(NOW.0 + late), Utc(WALL.0 + late));
        node.tick(now, wall, Sight::Poor);
        node.spread(now, &entry).away
    };
    let (first, rest) = nodes.split_at_mut(1);
    let hear = |first: &mut Cluster, second: &mut Cluster, late: u64| {
        let (now, wall) = (Moment(NOW.0 + late), Utc(WALL.0 + late));
        second.say(now, wall, second.ballot(Trust::Sure));
        let bundle = second.newer(&first.have(), 0);
        first.take(now, wall, &bundle);
    };
    hear(&mut first[0], &mut rest[0], 15_000);
    assert_eq!(away(&mut first[0], 15_000), [""; 0], "for 15 s it may come");
    assert_eq!(away(&mut first[0], 15_001), ["node-3"]);
    // Nobody is heard any more: it is this node that is away.
    assert_eq!(away(&mut first[0], 30_001), [""; 0]);
    hear(&mut first[0], &mut rest[0], 40_000);
    rest[0].take(NOW, WALL, &first[0].newer(&rest[0].have(), 0));
    rest[0].say_head(WALL, NodeHead::default());
    hear(&mut first[0], &mut rest[0], 41_000);
    assert_eq!(away(&mut first[0], 41_000), ["node-3"]);
    let now = Moment(NOW.0 + 41_000);
    assert!(first[0].spread(now, &entry).is_whole());
    let third = RosterMember {
        admission: MemberAdmission::Revoked,
        ..member(3)
    };
    let two = Roster::new("test", vec![member(1), member(2), third]);
    let tuning = Tuning {
        beat: Span(1000),
        alone_after: None,
        up_while: None,
    };
    first[0].adopt(Arc::new(two.unwrap()), tuning);
    let spread = first[0].spread(now, &entry);
    assert_eq!(
        (spread.known_by, spread.of),
        (2, 2),
        "nobody waits for one that is revoked"
    );
}

#[test]
fn one_author_drains_half_and_a_second_one_more() {
    let mut nodes = nodes(3);
    let drains = ["p0-3", "p4", "p5-6", "p4"];
    for scope in drains {
        nodes[0].order(WALL, intent(LogAct::Drain, scope)).unwrap();
    }
    let held_back = vec![("p5-6".to_owned(), OrderEffect::HeldBack)];
    let fits = whole(&["p0-3"]);
    let expected = [fits, held_back, whole(&["p4"])].concat();
    assert_eq!(in_force(&nodes[0], WALL), expected);
    mingle(&mut nodes);
    nodes[1].order(WALL, intent(LogAct::Drain, "p5-6")).unwrap();
    mingle(&mut nodes);
    let all = whole(&["p0-3", "p5-6", "p4", "p5-6"]);
    assert_eq!(in_force(&nodes[2], WALL), all);
    // Whoever seconds may take that back; the first one's word alone is not enough again.
    nodes[1]
        .order(WALL, intent(LogAct::Undrain, "p5-6"))
        .unwrap();
    mingle(&mut nodes);
    nodes[0]
        .order(WALL, intent(LogAct::Override(Permille(0)), "p7-8"))
        .unwrap();
    mingle(&mut nodes);
    let last = in_force(&nodes[2], WALL).pop();
    assert_eq!(last, Some(("p7-8".to_owned(), OrderEffect::HeldBack)));
    assert!(nodes[0].is_too_much(WALL, (&LogAct::Drain, "p7-8"), &Ten));
    assert!(!nodes[0].is_too_much(WALL, (&LogAct::Undrain, "p7-8"), &Ten));
    assert!(!nodes[2].is_too_much(WALL, (&LogAct::Drain, "p0-3"), &Ten));
    let zeroes = LogAct::Override(Permille(0));
    assert!(!nodes[1].is_too_much(WALL, (&zeroes, "p7-8"), &Ten));
    assert!(nodes[1].is_too_much(WALL, (&zeroes, "p0-8"), &Ten));
    let mut lone = node(1, &roster(1));
    lone.order(WALL, intent(LogAct::Drain, "p0-9")).unwrap();
    assert_eq!(in_force(&lone, WALL), whole(&["p0-9"]), "a roster of one");
}

#[test]
fn drains_of_one_scope_end_each_at_its_own_time() {
    let mut nodes = nodes(3);
    let until = |minutes: u64| Intent {
        expires: Some(Utc(WALL.0 + minutes * 60_000)),
        ..intent(LogAct::Drain, "p1")
    };
    nodes[0].order(WALL, until(10)).unwrap();
    mingle(&mut nodes);
    nodes[1].order(WALL, until(5)).unwrap();
    let later = Intent {
        begins: Some(Utc(WALL.0 + 20 * 60_000)),
        ..until(30)
    };
    nodes[2].order(WALL, later).unwrap();
    mingle(&mut nodes);
    let at = |node: &Cluster, minutes: u64| {
        let wall = Utc(WALL.0 + minutes * 60_000);
        (node.standing(wall, &Ten).len(), in_force(node, wall).len())
    };
    for node in &nodes {
        let found = [0, 6, 11, 20, 30].map(|minutes| at(node, minutes));
        assert_eq!(found, [(3, 2), (2, 1), (1, 0), (1, 1), (0, 0)]);
    }
    nodes[0].order(WALL, intent(LogAct::Undrain, "p1")).unwrap();
    assert_eq!(nodes[0].standing(WALL, &Ten).len(), 1, "the undrain itself");
}

#[test]
fn challenges_and_approvals_are_soon_forgotten_and_leave_room_for_drains() {
    let mut one = node(1, &roster(3));
    let taken = (0..CLUSTER_LOG.0).filter(|number| {
        let act = LogAct::PutChallenge(60, number.to_be_bytes().to_vec());
        one.order(WALL, intent(act, "_acme-challenge.example.org"))
            .is_ok()
    });
    let taken = taken.count();
    assert!(taken > 100 && taken <= CLUSTER_LOG.0 / 2, "{taken}");
    one.order(WALL, intent(LogAct::Drain, "p1")).unwrap();
    let act = LogAct::DeleteChallenge(0_usize.to_be_bytes().to_vec());
    let gone = Intent {
        expires: Some(Utc(WALL.0 + 60_000)),
        ..intent(act, "_acme-challenge.example.org")
    };
    one.order(WALL, gone).unwrap();
    one.tick(NOW, Utc(WALL.0 + 60_000 + 3_600_000), Sight::Poor);
    assert_eq!(one.log().entries().count(), taken + 1, "just not");
    one.tick(NOW, Utc(WALL.0 + 60_000 + 3_600_001), Sight::Poor);
    assert_eq!(one.log().entries().count(), 1);
}

#[test]
fn a_revoked_author_is_void_and_revokes_a_minority_alone() {
    let mut nodes = nodes(5);
    vote(&mut nodes[4], &[DOWN; 3]);
    nodes[4].order(WALL, intent(LogAct::Drain, "p1")).unwrap();
    for whom in 1..=4 {
        nodes[4]
            .order(WALL, intent(LogAct::Revoke(author(whom)), ""))
            .unwrap();
    }
    mingle(&mut nodes);
    let before: Vec<Author> = nodes[0].void().iter().copied().collect();
    assert_eq!(before.len(), 2, "fewer than half of five");
    nodes[2]
        .order(WALL, intent(LogAct::Revoke(author(5)), ""))
        .unwrap();
    mingle(&mut nodes);
    assert!(nodes[2].void().contains(&author(5)));
    assert!(nodes[2].panel().others.is_empty());
    assert!(
        !in_force(&nodes[2], WALL)
            .iter()
            .any(|(scope, _)| scope == "p1")
    );
    vote(&mut nodes[4], &[DOWN; 3]);
    let (others, revoked) = nodes.split_at_mut(4);
    let taken = carry(&revoked[0], &mut others[2], WALL);
    assert!(
        !taken
            .fates
            .iter()
            .any(|fate| matches!(fate, RecordFate::Newer(RecordStream::Vote, _)))
    );
}

#[test]
fn votes_on_another_plan_count_for_what_both_have() {
    let mut nodes = nodes(2);
    nodes[1].plan(names(&["c", "x", "a"]));
    vote(&mut nodes[1], &[DOWN, DOWN, Verdict::Up]);
    mingle(&mut nodes);
    let panel = nodes[0].panel();
    let ruled = |place, own| panel.rule(NOW, place, (own, Trust::Sure));
    assert_eq!(ruled(2, DOWN), Ruling::Down(Cause::Refused), "c");
    assert_eq!(ruled(0, DOWN), Ruling::Undecided, "a");
    assert_eq!(
        ruled(1, DOWN),
        Ruling::Undecided,
        "b is not in the other's plan"
    );
    nodes[1].plan(names(&["a", "b", "c"]));
    vote(&mut nodes[1], &[DOWN; 3]);
    mingle(&mut nodes);
    let panel = nodes[0].panel();
    assert_eq!(
        panel.rule(NOW, 1, (DOWN, Trust::Sure)),
        Ruling::Down(Cause::Refused)
    );
    let later = NOW.after(Span(15_001));
    assert_eq!(
        panel.rule(later, 1, (DOWN, Trust::Sure)),
        Ruling::Undecided,
        "too old"
    );
}

#[test]
fn who_is_alone_for_long_and_sees_clearly_decides() {
    let mut nodes = nodes(3);
    let early = NOW.after(Span(119_999));
    let late = NOW.after(Span(120_000));
    nodes[0].tick(early, WALL, Sight::Clear);
    assert_eq!(nodes[0].footing(), Footing::Apart);
    nodes[0].tick(late, WALL, Sight::Poor);
    assert_eq!(nodes[0].footing(), Footing::Apart);
    let rules = |node: &Cluster| node.panel().rule(late, 0, (DOWN, Trust::Sure));
    assert_eq!(rules(&nodes[0]), Ruling::Undecided);
    nodes[0].tick(late, WALL, Sight::Clear);
    assert_eq!(
        (nodes[0].footing(), rules(&nodes[0])),
        (Footing::Alone, Ruling::Down(Cause::Refused))
    );
    vote(&mut nodes[1], &[Verdict::Up; 3]);
    mingle(&mut nodes);
    nodes[0].tick(NOW, WALL, Sight::Poor);
    assert_eq!(nodes[0].footing(), Footing::Together);
}

#[test]
fn of_two_nodes_with_one_key_one_falls_silent() {
    let roster = roster(3);
    let mut nodes = [node(1, &roster), node(2, &roster), node(1, &roster)];
    nodes[2].raise(Boot::at(Utc(WALL.0 + 5000), 0));
    for _ in 0..12 {
        vote(&mut nodes[0], &[DOWN; 3]);
        vote(&mut nodes[2], &[DOWN; 3]);
        mingle(&mut nodes);
    }
    assert_ne!(nodes[0].is_twin(), nodes[2].is_twin());
    let silent = nodes.iter_mut().find(|node| node.is_twin()).unwrap();
    let refused = silent.order(WALL, intent(LogAct::Drain, "p1"));
    assert_eq!(refused, Err(IntentRefusal::Twin));
}

#[test]
fn an_earlier_self_is_no_twin() {
    let roster = roster(2);
    let mut nodes = [node(1, &roster), node(2, &roster)];
    nodes[0].raise(Boot::at(Utc(WALL.0 + 60_000), 0));
    vote(&mut nodes[0], &[DOWN; 3]);
    mingle(&mut nodes);
    // It begins anew with a clock that was set back, and without its disk.
    nodes[0] = node(1, &roster);
    mingle(&mut nodes);
    vote(&mut nodes[0], &[Verdict::Up; 3]);
    mingle(&mut nodes);
    assert!(!nodes[0].is_twin());
    let ballot = &nodes[1].panel().others[0].ballot;
    assert_eq!(ballot.verdict(0), Verdict::Up, "the new one's vote");
}

#[test]
fn an_order_from_far_ahead_waits() {
    let mut nodes = nodes(2);
    let ahead = Utc(WALL.0 + 300_001);
    nodes[0].order(ahead, intent(LogAct::Drain, "p1")).unwrap();
    let (first, rest) = nodes.split_at_mut(1);
    let taken = carry(&first[0], &mut rest[0], WALL);
    let refused = RecordFate::Refused(RecordRefusal::Ahead);
    assert!(taken.fates.contains(&refused));
    let again = first[0].newer(&rest[0].have(), 0);
    assert!(again.is_empty(), "it is not offered each second");
    // Its clock is set right: then it waits there, too.
    first[0].tick(NOW, WALL, Sight::Clear);
    assert_eq!(
        (first[0].waiting().count(), in_force(&first[0], WALL)),
        (1, Vec::new())
    );
    first[0].tick(NOW, Utc(WALL.0 + 1), Sight::Clear);
    assert_eq!(first[0].waiting().count(), 0);
    rest[0].tick(NOW, Utc(WALL.0 + 1), Sight::Clear);
    carry(&first[0], &mut rest[0], Utc(WALL.0 + 1));
    assert_eq!(in_force(&rest[0], ahead), whole(&["p1"]));
}

#[test]
fn a_disk_that_is_lost_is_had_again_from_others() {
    let roster = roster(2);
    let mut nodes = nodes(2);
    for scope in ["p0", "p1", "p2"] {
        nodes[0].order(WALL, intent(LogAct::Drain, scope)).unwrap();
    }
    mingle(&mut nodes);
    nodes[0] = Cluster::new(
        seal(1),
        roster,
        Tuning {
            beat: Span(1000),
            alone_after: None,
            up_while: None,
        },
        ClusterStart {
            now: NOW,
            boot: Boot::at(Utc(WALL.0 + 1), 0),
        },
    );
    mingle(&mut nodes);
    let undrain = nodes[0].order(WALL, intent(LogAct::Undrain, "p1")).unwrap();
    mingle(&mut nodes);
    assert_eq!(undrain.seq, 1, "its own log goes on with a new start");
    for node in &nodes {
        let orders = node.in_force(WALL, &Ten);
        let drained = orders
            .iter()
            .filter(|one| one.entry.entry.act == LogAct::Drain);
        assert_eq!(drained.count(), 2);
    }
}

#[test]
fn a_flood_of_one_author_costs_nobody_else() {
    let mut nodes = nodes(2);
    nodes[1].order(WALL, intent(LogAct::Drain, "p1")).unwrap();
    let mut refused = 0;
    for number in 0..CLUSTER_LOG.0 + 10 {
        let order = intent(LogAct::Drain, &format!("x{number}"));
        refused += usize::from(nodes[0].order(WALL, order) == Err(IntentRefusal::Full));
    }
    assert!(refused >= 10);
    mingle(&mut nodes);
    assert_eq!(nodes[0].log().digest(), nodes[1].log().digest());
    assert!(nodes[1].log().size(author(1)).1 <= CLUSTER_LOG.1);
    assert!(in_force(&nodes[0], WALL).contains(&("p1".to_owned(), OrderEffect::Whole)));
}

#[test]
fn loads_are_summed_while_they_are_fresh() {
    let mut nodes = nodes(2);
    let row = LoadRow {
        service: 1,
        family: Family::V4,
        class: 2,
    };
    for (node, count) in nodes.iter_mut().zip([5, 7]) {
        let load = NodeLoad {
            sent: WALL,
            rows: vec![(row, count)],
        };
        node.say_load(NOW, WALL, load);
    }
    mingle(&mut nodes);
    assert_eq!(nodes[0].load(NOW).get(&row), Some(&12));
    assert_eq!(nodes[0].load(NOW.after(Span(30_001))).get(&row), None);
}

#[test]
fn strangers_forgers_and_other_clusters_are_refused() {
    let mut other = node(2, &roster(2));
    let mut refusals = Vec::new();
    let mut stranger = node(3, &roster(3));
    vote(&mut stranger, &[DOWN]);
    refusals.extend(carry(&stranger, &mut other, WALL).fates);
    let foreign = Arc::new(Roster::new("elsewhere", vec![member(1), member(2)]).unwrap());
    let mut elsewhere = node(1, &foreign);
    vote(&mut elsewhere, &[DOWN]);
    refusals.extend(carry(&elsewhere, &mut other, WALL).fates);
    let envelope = Envelope {
        cluster: roster(2).cluster(),
        author: author(1),
        stream: RecordStream::Vote,
        boot: Boot(1),
        seq: 1,
    };
    let forged = Sealed::seal(envelope, &[], &seal(2));
    let fate = other.take_record(NOW, WALL, forged.octets());
    assert_eq!(fate, Err(RecordRefusal::Forged));
    let refused = |why| refusals.contains(&RecordFate::Refused(why));
    assert!(refused(RecordRefusal::Stranger) && refused(RecordRefusal::Foreign));
    assert!(other.panel().others.is_empty());
}

#[test]
fn of_its_own_a_node_tells_each_thing_once() {
    let mut nodes = nodes(2);
    for node in &mut nodes {
        node.order(WALL, intent(LogAct::Drain, "p1")).unwrap();
        vote(node, &[Verdict::Up]);
    }
    let end = LogAct::Override(Permille(0));
    nodes[0].order(WALL, intent(end, "p2")).unwrap();
    mingle(&mut nodes);
    let roster = roster(2);
    let own = nodes[0].newer_own(&Have::default());
    let taken = node(2, &roster).take(NOW, WALL, &own);
    let whose = |fate: &RecordFate| match fate {
        RecordFate::Order(entry) => entry.author,
        RecordFate::Newer(_, author) => *author,
        RecordFate::Known | RecordFate::Refused(_) => panic!("{fate:?}"),
    };
    let whose: Vec<Author> = taken.fates.iter().map(whose).collect();
    assert!(whose.len() >= 4 && whose.iter().all(|one| *one == author(1)));
    let told = nodes[0].have();
    let years = Utc(WALL.0 + 1_000_000_000_000);
    nodes[0].tick(NOW, years, Sight::Clear);
    assert_ne!(nodes[0].have(), told, "an order is over");
    assert_eq!(nodes[0].newer_own(&told), Vec::<u8>::new());
    nodes[0].order(years, intent(LogAct::Drain, "p3")).unwrap();
    let news = nodes[0].newer_own(&told);
    let taken = nodes[1].take(NOW, years, &news);
    assert_eq!(taken.fates.len(), 1, "the new one alone");
}
