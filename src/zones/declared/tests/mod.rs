//! Declared records on the engine's bench: one zone in the clear, one that is signed, over configs, files and restarts.
use std::path::PathBuf;
use std::sync::Arc;

use super::order::{
    DeclaredAsk, DeclaredChange, DeclaredCondition, DeclaredDone, DeclaredOrder, DeclaredPage,
    DeclaredPurpose, DeclaredQuery, DeclaredRefusal, DeclaredReply,
};
use super::set::Declared;
use crate::base::Span;
use crate::dns::rr::rtype;
use crate::dns::text;
use crate::dns::tsig::Algorithm;
use crate::dns::zone::{Record, Zone};
use crate::plan::{
    AccessRole, Declarer, Dynamic, ExpectedState, RecordRule, Secret, TsigKey, ZoneDnssec,
    ZonePlan, Zoning,
};
use crate::zones::tests::{Bench, keyring, name};
use crate::zones::{Filed, Input, Memories, Memory, NewConfig, NewZone, Reply, Ticket};

mod agreed;
mod updates;

const APEX: &str = "own.test";
const SOA: &[u8] = b"\x01m\0\x01h\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";

/// The zone's file, with these records besides.
fn file(more: &[(&str, u16, &[u8])], digest: u64) -> Filed {
    let record = |owner: &str, rtype, rdata: &[u8]| Record {
        owner: name(owner),
        rtype,
        ttl: 30,
        rdata: rdata.to_vec(),
        line: 1,
    };
    let mut records = vec![
        record(APEX, rtype::SOA, SOA),
        record(APEX, rtype::NS, b"\x02ns\x05other\x04test\0"),
        record("www.own.test", rtype::A, &[192, 0, 2, 1]),
    ];
    records.extend(
        more.iter()
            .map(|(owner, kind, rdata)| record(owner, *kind, rdata)),
    );
    Filed {
        zone: Arc::new(Zone::build(&name(APEX), records, &[]).unwrap()),
        digest,
        longest_ttl: Span::from_secs(30),
    }
}

fn tsig_key() -> TsigKey {
    TsigKey {
        name: name("ci"),
        algorithm: Algorithm::Sha256,
        secret: Some(Secret("c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0".to_owned())),
    }
}

fn zoning(is_signed: bool) -> Arc<Zoning> {
    let rule = |by| RecordRule {
        zone: name(APEX),
        names: Vec::new(),
        types: Dynamic::TYPES.to_vec(),
        by,
    };
    let plan = ZonePlan {
        aliases: Vec::new(),
        apex: name(APEX),
        view: None,
        id: name(APEX),
        file: Some(PathBuf::from(APEX)),
        dnssec: is_signed.then(|| Box::new(ZoneDnssec::with_keys(PathBuf::from("keys")))),
        outgoing: None,
        incoming: None,
        mounts: Vec::new(),
        is_catalog: false,
        listed_by: None,
    };
    Arc::new(Zoning {
        zones: vec![Arc::new(plan)],
        tsig: vec![tsig_key()],
        dynamic: Dynamic {
            records: vec![rule(vec![
                Declarer::Role(AccessRole::Dns),
                Declarer::Key(0),
            ])],
            max_records: 5,
            ..Dynamic::default()
        },
        ..Zoning::default()
    })
}

fn config(filed: Filed, is_signed: bool) -> NewConfig {
    NewConfig {
        zoning: zoning(is_signed),
        steered: Arc::from([]),
        zones: vec![NewZone {
            filed,
            keys: is_signed.then(|| Ok(keyring())),
            copied_at: None,
        }],
    }
}

fn serving(is_signed: bool) -> Bench {
    let mut bench = Bench::new(Memories::default());
    let config = config(file(&[], 1), is_signed);
    bench.give(Input::Config(Ticket(0), Box::new(config)));
    bench.work();
    bench.pass(Span(100));
    bench
}

fn put(owner: &str, kind: u16, rdata: &[u8]) -> DeclaredChange {
    DeclaredChange::Put {
        name: name(owner),
        kind,
        ttl: Some(60),
        records: Some(vec![rdata.to_vec()]),
    }
}

fn remove(owner: &str, kind: u16) -> DeclaredChange {
    DeclaredChange::Remove {
        name: name(owner),
        kind: Some(kind),
    }
}

fn order(changes: Vec<DeclaredChange>) -> DeclaredOrder {
    DeclaredOrder {
        zone: name(APEX),
        by: vec![Declarer::Role(AccessRole::Dns)],
        author: "token ci".to_owned(),
        reason: "a test".to_owned(),
        expects: DeclaredCondition {
            of: None,
            state: ExpectedState::Any,
        },
        changes,
        purpose: DeclaredPurpose::Do,
    }
}

fn ask(bench: &mut Bench, order: DeclaredOrder) -> Result<DeclaredDone, DeclaredRefusal> {
    let ask = DeclaredAsk::Change(Box::new(order));
    bench.give(Input::Declared(Ticket(9), ask));
    bench.work();
    bench.pass(Span(100));
    match bench.replies.pop() {
        Some((Ticket(9), Reply::Declared(Ok(DeclaredReply::Done(done))))) => Ok(done),
        Some((Ticket(9), Reply::Declared(Err(refusal)))) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn page(bench: &mut Bench) -> DeclaredPage {
    let query = DeclaredQuery {
        zone: name(APEX),
        name: None,
        after: None,
        most: 100,
    };
    bench.give(Input::Declared(Ticket(8), DeclaredAsk::Read(query)));
    match bench.replies.pop() {
        Some((Ticket(8), Reply::Declared(Ok(DeclaredReply::Page(page))))) => page,
        other => panic!("{other:?}"),
    }
}

/// Data of an RRset that is served.
fn served(bench: &Bench, owner: &str, kind: u16) -> Vec<String> {
    let (served, owner) = (bench.served(APEX), name(owner));
    let mut sets = served.zone.rrsets(owner.as_wire());
    let set = sets.find(|set| set.rtype == kind);
    let records = set.map(|set| {
        set.records()
            .map(|rdata| text::show_rdata(kind, rdata))
            .collect()
    });
    records.unwrap_or_default()
}

#[test]
fn what_is_declared_is_kept_first_and_served_then_and_serials_rise() {
    for is_signed in [false, true] {
        let mut bench = serving(is_signed);
        let before = bench.served(APEX);
        let done = ask(
            &mut bench,
            order(vec![
                put("new.own.test", rtype::A, &[192, 0, 2, 7]),
                put(APEX, rtype::TXT, b"\x01t"),
            ]),
        )
        .unwrap();
        assert_eq!(
            (done.added, done.changed, done.removed, done.revision),
            (2, 0, 0, 1)
        );
        assert_eq!(served(&bench, "new.own.test", rtype::A), ["192.0.2.7"]);
        assert_eq!(served(&bench, "www.own.test", rtype::A), ["192.0.2.1"]);
        assert_eq!(bench.served(APEX).zone.serial(), Some(2));
        let kept = bench
            .kept
            .iter()
            .filter(|one| matches!(one, Memory::Declared(_)));
        assert_eq!(kept.count(), 1);
        if is_signed {
            let signed = bench.served(APEX).signed.unwrap();
            assert!(signed.lacking(1_800_000_000).is_empty());
            assert!(Arc::ptr_eq(signed.zone(), &bench.served(APEX).zone));
        }
        // What is so already changes nothing.
        let again = order(vec![put("NEW.own.test", rtype::A, &[192, 0, 2, 7])]);
        let done = ask(&mut bench, again).unwrap();
        assert_eq!((done.revision, done.changes.len()), (1, 0));
        let gone = order(vec![
            remove("new.own.test", rtype::A),
            remove(APEX, rtype::TXT),
        ]);
        assert_eq!(ask(&mut bench, gone).unwrap().removed, 2);
        let after = bench.served(APEX);
        assert_eq!(after.zone.names(), before.zone.names());
        assert_eq!(after.zone.serial(), Some(3));
    }
}

#[test]
fn a_change_signs_what_it_changes_and_no_more() {
    let mut bench = serving(true);
    let many: Vec<DeclaredChange> = (0..4)
        .map(|number| {
            put(
                &format!("n{number}.own.test"),
                rtype::A,
                &[192, 0, 2, number],
            )
        })
        .collect();
    ask(&mut bench, order(many)).unwrap();
    let made = bench.engine.status()[0].signatures_made;
    ask(
        &mut bench,
        order(vec![put("n2.own.test", rtype::A, &[192, 0, 2, 99])]),
    )
    .unwrap();
    let more = bench.engine.status()[0].signatures_made - made;
    // The RRset and the SOA.
    assert_eq!(more, 2);
}

#[test]
fn what_may_not_be_is_refused_and_changes_nothing() {
    let mut bench = serving(false);
    let a = |owner: &str| put(owner, rtype::A, &[192, 0, 2, 7]);
    let long = DeclaredChange::Put {
        name: name("l.own.test"),
        kind: rtype::A,
        ttl: Some(86_401),
        records: Some(vec![vec![192, 0, 2, 7]]),
    };
    let bare = DeclaredChange::Put {
        name: name("l.own.test"),
        kind: rtype::A,
        ttl: Some(60),
        records: None,
    };
    let many = |number: u8| a(&format!("m{number}.own.test"));
    type Is = fn(&DeclaredRefusal) -> bool;
    let cases: [(Vec<DeclaredChange>, Is); 9] = [
        (vec![a("x.own.test"), a("www.own.test")], |why| {
            matches!(why, DeclaredRefusal::Owned(_))
        }),
        (vec![put("www.own.test", rtype::CNAME, b"\x01x\0")], |why| {
            matches!(why, DeclaredRefusal::Unfit(_))
        }),
        (vec![a("x.other.test")], |why| {
            matches!(why, DeclaredRefusal::Unfit(_))
        }),
        (vec![put("x.own.test", rtype::NS, b"\x01x\0")], |why| {
            matches!(why, DeclaredRefusal::Forbidden(_))
        }),
        (vec![put("x.own.test", rtype::A, &[1, 2, 3])], |why| {
            matches!(why, DeclaredRefusal::Unfit(_))
        }),
        (vec![put("x.own.test", rtype::SOA, SOA)], |why| {
            matches!(why, DeclaredRefusal::Forbidden(_))
        }),
        (vec![long], |why| matches!(why, DeclaredRefusal::Unfit(_))),
        (vec![bare], |why| matches!(why, DeclaredRefusal::Unfit(_))),
        ((0..6).map(many).collect(), |why| {
            matches!(why, DeclaredRefusal::Full(_))
        }),
    ];
    for (changes, is_it) in cases {
        let told = format!("{changes:?}");
        let refused = ask(&mut bench, order(changes)).unwrap_err();
        assert!(is_it(&refused), "{told}: {refused:?}");
    }
    let mut other = order(vec![a("x.own.test")]);
    other.by = vec![
        Declarer::Role(AccessRole::Operator),
        Declarer::Token("ci".to_owned()),
    ];
    assert!(matches!(
        ask(&mut bench, other),
        Err(DeclaredRefusal::Forbidden(_))
    ));
    let page = page(&mut bench);
    assert_eq!((page.revision, page.records.len()), (0, 0));
    assert!(
        bench
            .kept
            .iter()
            .all(|one| !matches!(one, Memory::Declared(_)))
    );
    assert_eq!(bench.served(APEX).zone.serial(), Some(1));
}

#[test]
fn who_changes_what_they_have_not_read_is_refused_and_who_tries_changes_nothing() {
    let mut bench = serving(false);
    let expecting = |state, number: u8| DeclaredOrder {
        expects: DeclaredCondition {
            of: Some((name("x.own.test"), rtype::A)),
            state,
        },
        ..order(vec![put("x.own.test", rtype::A, &[192, 0, 2, number])])
    };
    let stale = |outcome: Result<DeclaredDone, DeclaredRefusal>| {
        assert!(
            matches!(outcome, Err(DeclaredRefusal::Stale(_))),
            "{outcome:?}"
        );
    };
    stale(ask(&mut bench, expecting(ExpectedState::Present, 1)));
    let tried = DeclaredOrder {
        purpose: DeclaredPurpose::Try,
        ..expecting(ExpectedState::Absent, 1)
    };
    let done = ask(&mut bench, tried).unwrap();
    assert_eq!((done.dry_run, done.added), (true, 1));
    assert!(served(&bench, "x.own.test", rtype::A).is_empty());
    ask(&mut bench, expecting(ExpectedState::Absent, 1)).unwrap();
    stale(ask(&mut bench, expecting(ExpectedState::Absent, 2)));
    ask(&mut bench, expecting(ExpectedState::Revision(vec![1]), 3)).unwrap();
    stale(ask(
        &mut bench,
        expecting(ExpectedState::Revision(vec![1]), 4),
    ));
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.3"]);
    let whole = DeclaredOrder {
        expects: DeclaredCondition {
            of: None,
            state: ExpectedState::Revision(vec![2]),
        },
        ..order(vec![DeclaredChange::Clear])
    };
    assert_eq!(ask(&mut bench, whole.clone()).unwrap().removed, 1);
    stale(ask(&mut bench, whole));
}

#[test]
fn a_disk_that_cannot_be_written_costs_the_change_and_nothing_else() {
    let mut bench = serving(false);
    ask(
        &mut bench,
        order(vec![put("x.own.test", rtype::A, &[192, 0, 2, 1])]),
    )
    .unwrap();
    bench.disk = Err("no space left on device".to_owned());
    let change = order(vec![put("x.own.test", rtype::A, &[192, 0, 2, 2])]);
    let refused = ask(&mut bench, change.clone()).unwrap_err();
    assert!(
        matches!(&refused, DeclaredRefusal::Failed(why) if why.contains("no space")),
        "{refused:?}"
    );
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.1"]);
    bench.disk = Ok(());
    // What was told to the disk comes to what there was.
    assert_eq!(restored(&bench).records(), 1);
    let kept = restored(&bench);
    let set = kept
        .zone(&name(APEX))
        .unwrap()
        .get(&name("x.own.test"), rtype::A);
    assert_eq!(set.unwrap().records, [vec![192, 0, 2, 1]]);
    ask(&mut bench, change).unwrap();
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.2"]);
}

/// All that a restart would find.
fn restored(bench: &Bench) -> Declared {
    let mut declared = Declared::default();
    for memory in &bench.kept {
        if let Memory::Declared(part) = memory {
            declared.take(part.clone());
        }
    }
    declared
}

#[test]
fn a_file_that_has_what_is_declared_is_refused_and_other_versions_are_taken() {
    let mut bench = serving(true);
    ask(
        &mut bench,
        order(vec![put("x.own.test", rtype::A, &[192, 0, 2, 7])]),
    )
    .unwrap();
    let read = |bench: &mut Bench, filed| {
        let apex = name(APEX);
        bench.give(Input::Filed {
            ticket: Ticket(5),
            apex,
            filed,
        });
        bench.work();
        bench.pass(Span(100));
        match bench.replies.pop() {
            Some((Ticket(5), Reply::Filed(outcome))) => outcome,
            other => panic!("{other:?}"),
        }
    };
    let taken = file(&[("x.own.test", rtype::A, &[192, 0, 2, 8])], 2);
    let why = read(&mut bench, taken.clone()).unwrap_err();
    assert!(
        why.contains("the file has x.own.test A, which is declared"),
        "{why}"
    );
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.7"]);
    read(
        &mut bench,
        file(&[("y.own.test", rtype::A, &[192, 0, 2, 9])], 3),
    )
    .unwrap();
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.7"]);
    assert_eq!(served(&bench, "y.own.test", rtype::A), ["192.0.2.9"]);
    // The same by a config.
    let outcome = |bench: &mut Bench, filed| {
        let config = config(filed, true);
        bench.configured.clear();
        bench.give(Input::Config(Ticket(1), Box::new(config)));
        bench.work();
        bench.configured.pop().unwrap()
    };
    let why = outcome(&mut bench, taken).unwrap_err();
    assert!(why.contains("the file has x.own.test A"), "{why}");
    outcome(
        &mut bench,
        file(&[("z.own.test", rtype::A, &[192, 0, 2, 9])], 4),
    )
    .unwrap();
    bench.pass(Span(100));
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.7"]);
    assert_eq!(served(&bench, "z.own.test", rtype::A), ["192.0.2.9"]);
}

#[test]
fn after_a_restart_it_is_served_and_what_the_file_has_taken_is_told() {
    let mut bench = serving(false);
    let all = vec![
        put("x.own.test", rtype::A, &[192, 0, 2, 7]),
        put("y.own.test", rtype::A, &[192, 0, 2, 8]),
    ];
    ask(&mut bench, order(all)).unwrap();
    let memories = Memories {
        declared: restored(&bench),
        ..Memories::default()
    };
    let mut again = Bench::new(memories);
    let filed = file(&[("y.own.test", rtype::A, &[192, 0, 2, 9])], 2);
    let config = config(filed, false);
    again.give(Input::Config(Ticket(0), Box::new(config)));
    again.work();
    again.pass(Span(100));
    assert_eq!(served(&again, "x.own.test", rtype::A), ["192.0.2.7"]);
    assert_eq!(
        served(&again, "y.own.test", rtype::A),
        ["192.0.2.9"],
        "the file's own"
    );
    assert_eq!(
        again.served(APEX).zone.serial(),
        Some(2),
        "it does not go back"
    );
    assert!(
        again.events.contains(&"declared_conflict"),
        "{:?}",
        again.events
    );
    let page = page(&mut again);
    assert!(page.records["y.own.test"]["A"].conflict.is_some());
    assert!(page.records["x.own.test"]["A"].conflict.is_none());
    // It may be removed, which leaves the file's alone, and not be changed.
    let other = order(vec![put("y.own.test", rtype::A, &[192, 0, 2, 5])]);
    assert!(matches!(
        ask(&mut again, other),
        Err(DeclaredRefusal::Owned(_))
    ));
    ask(&mut again, order(vec![remove("y.own.test", rtype::A)])).unwrap();
    assert_eq!(served(&again, "y.own.test", rtype::A), ["192.0.2.9"]);
}

#[test]
fn a_config_that_comes_in_the_midst_of_a_change_loses_nothing() {
    let mut bench = serving(false);
    let order = order(vec![put("x.own.test", rtype::A, &[192, 0, 2, 7])]);
    let ask = DeclaredAsk::Change(Box::new(order));
    bench.give(Input::Declared(Ticket(9), ask));
    assert_eq!(bench.jobs.len(), 1, "it is being laid over the zone");
    let other = file(&[("y.own.test", rtype::A, &[192, 0, 2, 9])], 2);
    let config = config(other, false);
    bench.give(Input::Config(Ticket(1), Box::new(config)));
    bench.work();
    bench.pass(Span(100));
    let replied = bench
        .replies
        .iter()
        .any(|(ticket, reply)| *ticket == Ticket(9) && matches!(reply, Reply::Declared(Ok(_))));
    assert!(replied, "{:?}", bench.replies);
    assert_eq!(served(&bench, "x.own.test", rtype::A), ["192.0.2.7"]);
    assert_eq!(served(&bench, "y.own.test", rtype::A), ["192.0.2.9"]);
}
