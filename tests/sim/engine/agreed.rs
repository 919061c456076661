//! Several engines whose orders go by one log: what one node is told, all do; cut off as well, and the safer holds in the end.
use std::sync::Arc;

use waypost::base::limits::CLUSTER_SKEW_TOLD;
use waypost::base::{Calendar, Moment, Permille, Span, Utc};
use waypost::engine::agreed::{self, Disagreed, MissingOrders};
use waypost::engine::order::{Action, Order, OrderEnd, Override};
use waypost::engine::{Agreed, Input, OrderId, OrderRequest};
use waypost::health::ProbeResult;
use waypost::plan::{Approval, Plan};
use waypost::share::{
    AuthorSeal, Boot, Cluster, ClusterStart, MemberAdmission, MemberRole, Roster, RosterMember,
    Sight, Tuning,
};
use waypost::sim::TestPlan;
use waypost::sim::test_plan::Gating;

use super::desk::{Desk, FAIL, test_plan};
use super::orders::stepwise;

const EPOCH: u64 = 1_800_000_000_000;

/// One node: an engine, its copy of the log, its disk, and its clock less the true time.
struct Node {
    desk: Desk,
    cluster: Cluster,
    disk: Vec<Arc<[u8]>>,
    skew: i64,
    plan: Arc<Plan>,
    is_cut: bool,
}

fn seal(node: u8) -> AuthorSeal {
    AuthorSeal::from_seed(&[node + 1; 32]).unwrap()
}

fn cluster(node: u8, nodes: u8, boot: u64) -> Cluster {
    let members = (0..nodes).map(|node| RosterMember {
        name: format!("n{node}"),
        key: seal(node).key(),
        region: "here".to_owned(),
        provider: format!("p{node}"),
        role: MemberRole::Vantage,
        admission: MemberAdmission::Admitted,
    });
    let roster = Arc::new(Roster::new("test", members.collect()).unwrap());
    let tuning = Tuning {
        beat: Span(1000),
        alone_after: None,
        up_while: None,
    };
    let start = ClusterStart {
        now: Moment(0),
        boot: Boot(boot),
    };
    Cluster::new(seal(node), roster, tuning, start)
}

impl Node {
    fn calendar(&self) -> Calendar {
        Calendar {
            now: self.desk.now,
            utc: Utc((EPOCH + self.desk.now.0).saturating_add_signed(self.skew)),
        }
    }

    /// Gives an order as the driver does: weighed, carried out, written into the log.
    fn order(&mut self, request: OrderRequest) -> Result<(), Disagreed> {
        let name = request.order.author.clone();
        self.desk.handle(self.desk.now.0 + 1, Input::Tick);
        let (calendar, mut request) = (self.calendar(), request);
        request.order.author = agreed::author_here(&name, &self.cluster);
        agreed::weigh(&self.cluster, &self.plan, calendar, &request)?;
        self.desk.answers.clear();
        let input = Input::Order(OrderId(7), request.clone());
        self.desk.handle(self.desk.now.0, input);
        let (_, result) = self.desk.answers.pop().unwrap();
        let executed = result.expect("nothing but what the engine takes is ordered here");
        // Some time passes between the two.
        let calendar = Calendar {
            now: calendar.now.after(Span(5)),
            utc: Utc(calendar.utc.0 + 5),
        };
        for intent in agreed::intents(&self.cluster, calendar, &request, &executed) {
            let entry = self.cluster.order(calendar.utc, intent).unwrap();
            self.disk.push(entry.record.octets().clone());
        }
        self.agree(MissingOrders::Ended);
        Ok(())
    }

    fn agree(&mut self, missing: MissingOrders) {
        let agreed = Agreed::of(&self.cluster, &self.plan, self.calendar());
        let input = Input::Agreed(agreed.with_missing(missing));
        self.desk.handle(self.desk.now.0, input);
    }

    /// Starts anew with an empty log, and takes in what the disk has.
    fn restart(&mut self, node: u8, nodes: u8) {
        let calendar = self.calendar();
        self.cluster = cluster(node, nodes, calendar.utc.0);
        for record in &self.disk {
            // What is over is left out.
            let _ = self.cluster.restore(calendar.utc, record);
        }
    }

    fn out(&self) -> Vec<usize> {
        let shares = self.desk.shares();
        let out = shares.iter().enumerate().filter(|(_, share)| **share == 0);
        out.map(|(place, _)| place).collect()
    }

    fn held(&self) -> Vec<String> {
        let held = self.desk.engine.orders(self.desk.now).held.into_iter();
        let held = held
            .filter(|held| held.in_force)
            .map(|held| held.record.order);
        let told = held.map(|own| format!("{} {} {}", own.action.word(), own.scope, own.author));
        told.collect()
    }
}

fn world(test_plan: &TestPlan, skews: &[i64]) -> Vec<Node> {
    let count = u8::try_from(skews.len()).unwrap();
    let nodes = (0..).zip(skews).map(|(node, skew)| {
        let plan = test_plan.plan();
        Node {
            desk: Desk::of(Arc::clone(&plan)),
            cluster: cluster(node, count, 1),
            disk: Vec::new(),
            skew: *skew,
            plan,
            is_cut: false,
        }
    });
    nodes.collect()
}

/// Carries what is new between those that are not cut off, and to their engines and disks.
fn mingle(nodes: &mut [Node]) {
    for from in 0..nodes.len() {
        for to in 0..nodes.len() {
            if from != to && !nodes[from].is_cut && !nodes[to].is_cut {
                let bundle = nodes[from].cluster.newer(&nodes[to].cluster.have(), 0);
                deliver(&mut nodes[to], &bundle);
            }
        }
    }
    for node in nodes {
        node.agree(MissingOrders::Ended);
    }
}

fn deliver(node: &mut Node, bundle: &[u8]) {
    let calendar = node.calendar();
    for fate in node.cluster.take(calendar.now, calendar.utc, bundle).fates {
        if let waypost::share::RecordFate::Order(entry) = fate {
            node.disk.push(entry.record.octets().clone());
        }
    }
}

/// Runs all nodes until then; they hear of each other every second.
fn run(nodes: &mut [Node], end: u64, outcome: impl Fn(usize) -> ProbeResult + Copy) {
    let mut now = nodes[0].desk.now.0;
    while now < end {
        now = (now + 1000).min(end);
        for node in &mut *nodes {
            node.desk.run(now, |slot| outcome(slot.index()));
            node.desk.handle(now.max(node.desk.now.0), Input::Tick);
            let calendar = node.calendar();
            node.cluster.tick(calendar.now, calendar.utc, Sight::Clear);
        }
        mingle(nodes);
    }
}

fn request(action: Action, scope: &str, author: &str) -> OrderRequest {
    let order = Order {
        action,
        scope: scope.to_owned(),
        author: author.to_owned(),
        reason: "disks".to_owned(),
    };
    order.insisted()
}

fn well(_: usize) -> ProbeResult {
    ProbeResult::Pass
}

fn until(request: OrderRequest, node: &Node, from: Option<u64>, end: u64) -> OrderRequest {
    OrderRequest {
        from: from.map(|from| node.desk.now.after(Span(from))),
        until: Some(node.desk.now.after(Span(end))),
        ..request
    }
}

#[test]
fn what_one_node_is_told_all_do() {
    let mut nodes = world(&stepwise(), &[0, 0, 0]);
    run(&mut nodes, 20_000, well);
    nodes[0].order(request(Action::Drain, "m0", "ada")).unwrap();
    assert_eq!(nodes[0].held(), ["drain m0 ada@n0"], "in force at once");
    run(&mut nodes, 60_000, well);
    for node in &nodes {
        assert_eq!(
            (node.held(), node.out()),
            (vec!["drain m0 ada@n0".to_owned()], vec![0])
        );
    }
    let half = Action::Force(Override::Share(Permille(500)));
    nodes[2].order(request(half, "m2", "eve")).unwrap();
    nodes[1]
        .order(request(Action::Undrain, "m0", "bob"))
        .unwrap();
    run(&mut nodes, 120_000, well);
    for node in &nodes {
        assert_eq!(node.held(), ["force m2 eve@n2"]);
        assert_eq!(node.desk.shares(), [1000, 1000, 500, 1000]);
        let past = node.desk.engine.orders(node.desk.now).past;
        let lifted = OrderEnd::Lifted {
            by: "bob@n1".to_owned(),
            reason: "disks".to_owned(),
        };
        assert_eq!(
            past.iter().map(|past| &past.end).collect::<Vec<_>>(),
            [&lifted]
        );
    }
}

#[test]
fn orders_work_when_cut_off_and_merge_to_the_safer() {
    let mut nodes = world(&stepwise(), &[0, 0, 0]);
    run(&mut nodes, 20_000, well);
    nodes[0].order(request(Action::Drain, "m0", "ada")).unwrap();
    run(&mut nodes, 25_000, well);
    nodes[2].is_cut = true;
    nodes[1]
        .order(request(Action::Undrain, "m0", "bob"))
        .unwrap();
    nodes[2].order(request(Action::Drain, "m0", "eve")).unwrap();
    nodes[2].order(request(Action::Drain, "m3", "eve")).unwrap();
    run(&mut nodes, 90_000, well);
    assert_eq!([nodes[0].out(), nodes[2].out()], [vec![], vec![0, 3]]);
    nodes[2].is_cut = false;
    run(&mut nodes, 150_000, well);
    for node in &nodes {
        let held = node.held();
        assert_eq!(node.out(), [0, 3], "{held:?}");
        assert!(!held.contains(&"drain m0 ada@n0".to_owned()), "{held:?}");
    }
    // Whoever knows of it takes it back.
    nodes[0]
        .order(request(Action::Undrain, "m0", "ada"))
        .unwrap();
    run(&mut nodes, 200_000, well);
    assert!(nodes.iter().all(|node| node.out() == [3]));
}

#[test]
fn what_has_an_end_ends_by_the_clock_of_each_node_and_is_never_in_force_after() {
    let skew = i64::try_from(CLUSTER_SKEW_TOLD.0).unwrap();
    let mut nodes = world(&stepwise(), &[0, skew, -skew]);
    run(&mut nodes, 20_000, well);
    let down = request(Action::Force(Override::DOWN), "m1", "ada");
    let down = until(down, &nodes[0], None, 100_000);
    nodes[0].order(down).unwrap();
    let drain = request(Action::Drain, "m3", "eve");
    let drain = until(drain, &nodes[1], Some(20_000), 60_000);
    nodes[1].order(drain).unwrap();
    run(&mut nodes, 89_000, well);
    assert!(nodes.iter().all(|node| node.out().contains(&1)));
    let mut ended = Vec::new();
    for now in (90_000..=180_000).step_by(1000) {
        run(&mut nodes, now, well);
        for (place, node) in nodes.iter().enumerate() {
            let held = node.held();
            let (now, wall) = (node.desk.now.0, node.calendar().utc.0);
            assert!(
                wall < EPOCH + 121_000 || held.is_empty(),
                "{place} {now}: {held:?}"
            );
            if held.is_empty() && !ended.contains(&place) {
                ended.push(place);
            }
        }
    }
    assert_eq!(ended, [1, 0, 2]);
    // Neither a restart nor whoever kept it brings it back.
    let disk = nodes[0].disk.clone();
    nodes[2].disk.extend(disk);
    nodes[2].restart(2, 3);
    nodes[2].agree(MissingOrders::Ended);
    run(&mut nodes, 200_000, well);
    assert!(nodes.iter().all(|node| node.held().is_empty()));
}

#[test]
fn nothing_acknowledged_is_lost_while_one_disk_lives() {
    let mut nodes = world(&stepwise(), &[0, 0]);
    run(&mut nodes, 20_000, well);
    nodes[0].order(request(Action::Drain, "m0", "ada")).unwrap();
    run(&mut nodes, 25_000, well);
    // The first one's disk is lost; it holds on to what its engine knew until it hears of the log.
    nodes[0].is_cut = true;
    nodes[0].disk.clear();
    nodes[0].restart(0, 2);
    nodes[0].agree(MissingOrders::Kept);
    run(&mut nodes, 60_000, well);
    assert_eq!(nodes[0].out(), [0]);
    nodes[0].order(request(Action::Drain, "m3", "bob")).unwrap();
    nodes[0].is_cut = false;
    run(&mut nodes, 120_000, well);
    for node in &nodes {
        assert_eq!(node.out(), [0, 3], "{:?}", node.held());
    }
    nodes[1].restart(1, 2);
    nodes[1]
        .order(request(Action::Undrain, "m0", "eve"))
        .unwrap();
    run(&mut nodes, 180_000, well);
    assert!(nodes.iter().all(|node| node.out() == [3]));
}

#[test]
fn an_approval_is_for_one_outage_whoever_replays_it() {
    let mut asking = test_plan(2);
    asking.patience.approval = Approval::Needed;
    asking.services[0].gating = Gating::Gated;
    let mut nodes = world(&asking, &[0, 10_000, 0]);
    let ill = |place: usize| if place == 0 { FAIL } else { ProbeResult::Pass };
    run(&mut nodes, 60_000, well);
    run(&mut nodes, 90_000, ill);
    assert!(nodes.iter().all(|node| node.out() == [0]));
    // One node hears of the approval before it has seen the return.
    run(&mut nodes[..2], 110_000, well);
    run(&mut nodes[2..], 110_000, ill);
    nodes[0]
        .order(request(Action::Approve, "m0", "ada"))
        .unwrap();
    mingle(&mut nodes);
    run(&mut nodes, 170_000, well);
    for node in &nodes {
        assert_eq!(node.out(), [0_usize; 0], "{:?}", node.desk.shares());
        let past = node.desk.engine.orders(node.desk.now).past;
        let authors = past.iter().map(|past| past.record.order.author.as_str());
        assert_eq!(authors.collect::<Vec<_>>(), ["ada@n0"]);
    }
    let replay = nodes[0].cluster.newer(&cluster(1, 3, 2).have(), 0);
    run(&mut nodes, 400_000, well);
    run(&mut nodes, 430_000, ill);
    for (place, node) in (0..).zip(&mut nodes) {
        deliver(node, &replay);
        node.restart(place, 3);
        deliver(node, &replay);
    }
    run(&mut nodes, 500_000, well);
    for node in &nodes {
        assert_eq!(node.out(), [0], "it waits for an approval of its own");
    }
}

#[test]
fn of_an_approval_and_a_refusal_in_ignorance_of_each_other_the_refusal_holds() {
    let mut asking = test_plan(2);
    asking.patience.approval = Approval::Needed;
    asking.services[0].gating = Gating::Gated;
    let mut nodes = world(&asking, &[0, 10_000]);
    let ill = |place: usize| if place == 0 { FAIL } else { ProbeResult::Pass };
    run(&mut nodes, 60_000, well);
    run(&mut nodes, 90_000, ill);
    run(&mut nodes, 110_000, well);
    nodes[0].is_cut = true;
    let order = |node: &mut Node, action, author| {
        node.order(request(action, "m0", author)).unwrap();
    };
    order(&mut nodes[0], Action::Approve, "ada");
    order(&mut nodes[1], Action::Refuse, "bob");
    run(&mut nodes, 400_000, well);
    assert_eq!([nodes[0].out(), nodes[1].out()], [vec![], vec![0]]);
    nodes[0].is_cut = false;
    run(&mut nodes, 500_000, well);
    for node in &nodes {
        assert_eq!(node.out(), [0], "it is taken back where it has returned");
        let status = node.desk.engine.status(node.desk.now);
        let target = &status.regions[0].endpoints[0].targets[0];
        assert_eq!((&*target.state, target.wants_approval), ("refused", true));
        assert!(target.detail.contains("; by bob@n1"), "{}", target.detail);
    }
    // Whoever knows of the refusal and approves all the same is obeyed, and by all.
    order(&mut nodes[0], Action::Approve, "eve");
    run(&mut nodes, 700_000, well);
    assert!(nodes.iter().all(|node| node.out().is_empty()));
}

#[test]
fn one_node_alone_takes_out_half_and_a_second_one_the_rest() {
    let mut nodes = world(&stepwise(), &[0, 0, 0]);
    run(&mut nodes, 20_000, well);
    nodes[0].order(request(Action::Drain, "r0", "ada")).unwrap();
    let more = request(Action::Drain, "m2", "ada");
    assert_eq!(nodes[0].order(more.clone()), Err(Disagreed::TooMuch));
    // Given all the same it is held back, and by all.
    let calendar = nodes[0].calendar();
    let intents = agreed::intents(&nodes[0].cluster, calendar, &more, &Default::default());
    for intent in intents {
        nodes[0].cluster.order(calendar.utc, intent).unwrap();
    }
    run(&mut nodes, 60_000, well);
    assert!(nodes.iter().all(|node| node.out() == [0, 1]));
    nodes[1].order(request(Action::Drain, "m2", "bob")).unwrap();
    run(&mut nodes, 100_000, well);
    assert!(nodes.iter().all(|node| node.out() == [0, 1, 2]));
}

#[test]
fn a_node_has_one_drain_of_a_scope_and_what_is_its_own_alone_stays() {
    let mut nodes = world(&stepwise(), &[0, 0]);
    run(&mut nodes, 20_000, well);
    let evening = until(
        request(Action::Drain, "m0", "ada"),
        &nodes[0],
        Some(10_000),
        60_000,
    );
    nodes[0].order(evening).unwrap();
    let later = until(
        request(Action::Drain, "m0", "bob"),
        &nodes[0],
        Some(90_000),
        140_000,
    );
    let refused = nodes[0].order(later.clone());
    assert!(
        matches!(refused, Err(Disagreed::OtherWindow(_))),
        "{refused:?}"
    );
    nodes[1].order(later).unwrap();
    // A planned window is each node's own affair.
    let window = request(Action::Drain, "m3", "maintenance disks");
    let now = nodes[0].desk.now.0;
    nodes[0].desk.handle(now, Input::Order(OrderId(9), window));
    let planned = nodes[0].desk.engine.orders(nodes[0].desk.now).held.len();
    assert_eq!(planned, 2, "and one that is not heard of yet");
    run(&mut nodes, 70_000, well);
    assert_eq!([nodes[0].out(), nodes[1].out()], [vec![0, 3], vec![0]]);
    run(&mut nodes, 150_000, well);
    assert_eq!([nodes[0].out(), nodes[1].out()], [vec![0, 3], vec![0]]);
    run(&mut nodes, 220_000, well);
    assert_eq!([nodes[0].out(), nodes[1].out()], [vec![3], vec![]]);
    let whole = request(Action::Force(Override::Share(Permille::FULL)), "m0", "ada");
    assert_eq!(nodes[0].order(whole), Err(Disagreed::Nothing));
}

/// Whoever orders the same for longer, and for another reason, is quoted alike everywhere.
#[test]
fn a_drain_that_is_given_anew_has_its_new_reason_and_end_on_all_nodes() {
    let mut nodes = world(&stepwise(), &[0, 0, 0]);
    run(&mut nodes, 20_000, well);
    let short = until(request(Action::Drain, "m0", "ada"), &nodes[0], None, 30_000);
    nodes[0].order(short).unwrap();
    run(&mut nodes, 25_000, well);
    let mut longer = until(request(Action::Drain, "m0", "ada"), &nodes[0], None, 90_000);
    longer.order.reason = "power".to_owned();
    nodes[0].order(longer).unwrap();
    run(&mut nodes, 70_000, well);
    for node in &nodes {
        let held = node.desk.engine.orders(node.desk.now).held;
        let reasons: Vec<&str> = held.iter().map(|one| &*one.record.order.reason).collect();
        assert_eq!(reasons, ["power"]);
    }
    run(&mut nodes, 130_000, well);
    assert!(nodes.iter().all(|node| node.held().is_empty()));
}
