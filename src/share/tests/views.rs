//! Views of a cluster, as a node shows them.
use super::*;

#[test]
fn a_view_shows_who_hears_whom_and_who_differs() {
    let mut nodes = nodes(4);
    nodes.iter_mut().for_each(|node| vote(node, &[DOWN]));
    // The third is not reached, and the second has another config.
    let mut third = nodes.remove(2);
    mingle(&mut nodes);
    for (node, config) in nodes.iter_mut().zip([1, 2, 1]) {
        vote(node, &[DOWN]);
        let head = NodeHead {
            config: [config; 32],
            generation: u64::from(config),
            ..NodeHead::default()
        };
        node.say_head(WALL, head);
    }
    mingle(&mut nodes);
    nodes[0].tick(NOW, WALL, Sight::Poor);
    let view = nodes[0].view("prod", NOW);
    let summary = &view.summary;
    assert_eq!((&*summary.cluster, &*summary.node), ("prod", "node-1"));
    assert_eq!((&*summary.footing, summary.twin), ("together", false));
    assert_eq!((summary.vantages.heard, summary.vantages.of), (3, 4));
    assert_eq!((summary.nodes.heard, summary.nodes.of), (3, 4));
    assert_eq!(summary.config_differs, ["node-2"]);
    assert!(summary.orders_differ.is_empty() && summary.skewed.is_empty());
    let states = view.nodes.iter().map(|node| &*node.state);
    assert_eq!(
        states.collect::<Vec<_>>(),
        ["this", "heard", "silent", "heard"]
    );
    assert_eq!(view.nodes[0].hears, ["node-2", "node-4"]);
    assert_eq!(view.nodes[1].hears, ["node-1", "node-4"]);
    let head = view.nodes[1].head.as_ref().unwrap();
    assert!(!head.config_same && head.orders_same && head.generation == 2);
    // An order of its own is one that others have not.
    nodes[0].order(WALL, intent(LogAct::Drain, "p1")).unwrap();
    let view = nodes[0].view("prod", NOW);
    assert_eq!(view.summary.orders_differ, ["node-2", "node-4"]);
    // Clocks and silence.
    vote(&mut third, &[DOWN]);
    carry(&third, &mut nodes[0], Utc(WALL.0 + 31_000));
    assert_eq!(nodes[0].view("prod", NOW).summary.skewed, ["node-3"]);
    let later = NOW.after(Span(16_000));
    nodes[0].tick(later, WALL, Sight::Poor);
    let view = nodes[0].view("prod", later);
    assert_eq!(
        (&*view.summary.footing, view.summary.vantages.heard),
        ("apart", 1)
    );
    assert_eq!(
        (&*view.nodes[1].state, view.nodes[1].age_ms),
        ("late", Some(16_000))
    );
    let revoke = intent(LogAct::Revoke(author(2)), "node-2");
    nodes[0].order(WALL, revoke).unwrap();
    let view = nodes[0].view("prod", later);
    assert_eq!(
        (&*view.nodes[1].state, view.summary.nodes.of),
        ("revoked", 3)
    );
}

#[test]
fn a_zone_is_behind_when_most_nodes_have_a_newer_one() {
    let mut nodes = nodes(4);
    nodes.iter_mut().for_each(|node| vote(node, &[DOWN]));
    for (node, serial) in nodes.iter_mut().zip([5, 6, 7, u32::MAX]) {
        let head = NodeHead {
            serials: vec![(1, serial), (2, 5)],
            route: RouteWord::Announced,
            ..NodeHead::default()
        };
        node.say_head(WALL, head);
    }
    mingle(&mut nodes);
    nodes[0].tick(NOW, WALL, Sight::Clear);
    let behind = |nodes: &[Cluster], now, own: [Option<u32>; 2]| {
        let own = [(1, own[0]), (2, own[1])];
        nodes[0]
            .route_sight(now, Sight::Clear, own.into_iter())
            .behind
    };
    // Of four nodes three have to be newer; 2^32-1 comes before 5.
    assert_eq!(behind(&nodes, NOW, [Some(5), Some(5)]), None);
    assert_eq!(behind(&nodes, NOW, [Some(u32::MAX - 1), Some(5)]), Some(1));
    assert_eq!(
        behind(&nodes, NOW, [Some(5), None]),
        Some(2),
        "it cannot be answered"
    );
    let seen = nodes[0].route_sight(NOW, Sight::Clear, std::iter::empty());
    let names: Vec<&str> = seen.others.iter().map(|(name, _)| &**name).collect();
    assert_eq!((names.len(), seen.footing), (3, Footing::Together));
    assert!(
        seen.others
            .iter()
            .all(|(_, word)| *word == RouteWord::Announced)
    );
    // Heads grow old, and who is revoked says nothing.
    assert_eq!(behind(&nodes, NOW.after(Span(25_001)), [None, None]), None);
    let revoke = intent(LogAct::Revoke(author(2)), "node-2");
    nodes[0].order(WALL, revoke).unwrap();
    let seen = nodes[0].route_sight(NOW, Sight::Clear, std::iter::empty());
    assert_eq!(seen.others.len(), 2);
}
