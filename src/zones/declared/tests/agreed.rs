//! Changes that other nodes have made: in whatever order they come, all nodes come to the same, over a restart as well.
use super::*;
use crate::base::{NodeMark, next_revision};
use crate::zones::declared::set::{Declaration, DeclaredPart, DeclaredSet};

const WALL: u64 = 1_800_000_000_000;

fn mark(node: u8) -> NodeMark {
    NodeMark::of(&[node; 32])
}

/// A node of a cluster.
fn member(node: u8) -> Bench {
    let mut bench = Bench::new(Memories::default());
    let mut config = config(file(&[], 1), false);
    let mut zoning = Zoning::clone(&config.zoning);
    (zoning.dynamic.node, zoning.dynamic.max_records) = (Some(mark(node)), 10_000);
    config.zoning = Arc::new(zoning);
    bench.give(Input::Config(Ticket(0), Box::new(config)));
    bench.work();
    bench.pass(Span(100));
    bench
}

fn told(node: u8, ms: u64, sets: &[(&str, u16, &[u8])]) -> DeclaredPart {
    let revision = next_revision(0, WALL + ms, Some(mark(node)));
    let sets = sets.iter().map(|(owner, kind, rdata)| {
        let set = DeclaredSet {
            ttl: 60,
            records: rdata
                .chunks(rdata.len().max(1))
                .map(<[u8]>::to_vec)
                .collect(),
            by: Arc::new(Declaration::default()),
            revision,
        };
        (name(owner), *kind, Some(set))
    });
    DeclaredPart {
        zone: name(APEX),
        revision,
        serial: None,
        sets: sets.collect(),
    }
}

fn give(bench: &mut Bench, part: &DeclaredPart) -> Result<DeclaredDone, DeclaredRefusal> {
    let ask = DeclaredAsk::Agree(Box::new(part.clone()));
    bench.give(Input::Declared(Ticket(9), ask));
    bench.work();
    bench.pass(Span(100));
    match bench.replies.pop() {
        Some((Ticket(9), Reply::Declared(Ok(DeclaredReply::Done(done))))) => Ok(done),
        Some((Ticket(9), Reply::Declared(Err(refusal)))) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

#[test]
fn changes_of_several_nodes_come_to_the_same_in_every_order() {
    let alias = name("www.own.test");
    let changes = [
        told(1, 1, &[("x.own.test", rtype::A, &[192, 0, 2, 1])]),
        told(
            2,
            2,
            &[
                ("x.own.test", rtype::A, &[192, 0, 2, 2]),
                ("y.own.test", rtype::A, &[192, 0, 2, 9]),
            ],
        ),
        told(3, 3, &[("y.own.test", rtype::A, &[])]),
        told(1, 4, &[("x.own.test", rtype::CNAME, alias.as_wire())]),
    ];
    for first in 0..24_usize {
        let mut left: Vec<&DeclaredPart> = changes.iter().collect();
        let (mut code, mut bench) = (first, member(9));
        while !left.is_empty() {
            let next = left.remove(code % left.len());
            code /= left.len().max(1);
            give(&mut bench, next).unwrap();
        }
        assert_eq!(
            served(&bench, "x.own.test", rtype::CNAME),
            ["www.own.test."],
            "{first}"
        );
        assert_eq!(
            served(&bench, "x.own.test", rtype::A),
            Vec::<String>::new(),
            "{first}"
        );
        assert_eq!(
            served(&bench, "y.own.test", rtype::A),
            Vec::<String>::new(),
            "{first}"
        );
        // What is old brings nothing back, over a restart neither.
        let kept = restored(&bench);
        let zone = kept.zone(&name(APEX)).unwrap();
        let (owner, _, old) = &changes[1].sets[1];
        assert!(
            !zone.yields(owner, rtype::A, old.as_ref().unwrap()),
            "{first}"
        );
        assert!(
            give(&mut bench, &changes[1])
                .unwrap()
                .result
                .starts_with("nothing")
        );
    }
}

#[test]
fn a_change_is_refused_whole_where_the_file_or_the_rules_do_not_allow_it() {
    let mut bench = member(9);
    let both = [
        ("x.own.test", rtype::A, &[192, 0, 2, 1][..]),
        ("www.own.test", rtype::A, &[192, 0, 2, 2]),
    ];
    let refused = give(&mut bench, &told(1, 1, &both));
    assert!(
        matches!(refused, Err(DeclaredRefusal::Owned(_))),
        "{refused:?}"
    );
    assert_eq!(served(&bench, "x.own.test", rtype::A), Vec::<String>::new());
    let refused = give(&mut bench, &told(1, 2, &[("x.own.test", 99, &[1])]));
    assert!(
        matches!(refused, Err(DeclaredRefusal::Forbidden(_))),
        "{refused:?}"
    );
    // Who may was asked elsewhere.
    give(&mut bench, &told(1, 3, &both[..1])).unwrap();
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.1"]);
}

#[test]
fn a_node_of_a_cluster_draws_revisions_that_rise_and_remembers_what_went() {
    let mut bench = member(9);
    let ahead = told(1, 3_600_000, &[("x.own.test", rtype::A, &[192, 0, 2, 1])]);
    give(&mut bench, &ahead).unwrap();
    let done = ask(&mut bench, order(vec![remove("x.own.test", rtype::A)])).unwrap();
    assert!(done.revision > ahead.revision && mark(9).has_drawn(done.revision));
    assert_eq!(done.removed, 1);
    assert!(
        give(&mut bench, &ahead)
            .unwrap()
            .result
            .starts_with("nothing")
    );
    let again = restored(&bench);
    let mut anew = Declared::default();
    again
        .parts(1)
        .into_iter()
        .for_each(|part| drop(anew.take(part)));
    assert_eq!(anew, again, "a grave is kept");
    let zone = anew.zone(&name(APEX)).unwrap();
    assert!(
        zone.known(&name("x.own.test"), rtype::A)
            .unwrap()
            .is_grave()
    );

    // What no record of the cluster has room for.
    let text = [&[250][..], &[b'x'; 250]].concat();
    let sets = (0..700).map(|number| put(&format!("n{number}.own.test"), rtype::TXT, &text));
    let refused = ask(&mut bench, order(sets.collect()));
    let Err(DeclaredRefusal::Unfit(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("send it in several"), "{why}");
}
