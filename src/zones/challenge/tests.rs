//! Challenges beside versions of zones for views.
use std::sync::Arc;

use crate::base::{Span, ViewId};
use crate::dns::rr::rtype;
use crate::plan::{ClientView, ClientViews, ZonePlan, Zoning, version_id};
use crate::zones::tests::{Bench, EPOCH_S, keyring, name, zone, zoning};
use crate::zones::{
    ChallengeName, ChallengeOrder, Filed, Input, Memories, Memory, NewConfig, NewZone, Reply,
    Ticket,
};

/// A config with a zone that everybody has, once for the default and once, signed, for the office, and one that the office alone has.
fn config_with_views() -> NewConfig {
    let own = zoning(Span::from_secs(1_209_600));
    let [_, signed] = &own.zones[..] else {
        panic!("{own:?}")
    };
    let version = |apex: &str, view: Option<usize>, is_signed: bool| {
        Arc::new(ZonePlan {
            apex: name(apex),
            view: view.map(ViewId::from_index),
            id: version_id(&name(apex), view.map(|_| "office")).unwrap(),
            dnssec: signed.dnssec.clone().filter(|_| is_signed),
            ..ZonePlan::clone(signed)
        })
    };
    let filed = |apex: &str| Filed {
        zone: zone(apex, 1),
        digest: 1,
        longest_ttl: Span::from_secs(60),
    };
    let of_zone = |apex: &str, is_signed: bool| NewZone {
        filed: filed(apex),
        keys: is_signed.then(|| Ok(keyring())),
        copied_at: None,
    };
    let office = ClientView {
        name: "office".to_owned(),
        clients: Vec::new(),
        keys: Vec::new(),
    };
    NewConfig {
        zoning: Arc::new(Zoning {
            zones: vec![
                version("own.test", None, false),
                version("own.test", Some(0), true),
                version("inside.test", Some(0), false),
            ],
            views: Arc::new(ClientViews::new(vec![office])),
            ..Zoning::clone(&own)
        }),
        steered: Arc::from([]),
        zones: vec![
            of_zone("own.test", false),
            of_zone("own.test", true),
            of_zone("inside.test", false),
        ],
    }
}

#[test]
fn a_challenge_is_in_every_version_of_its_zone_after_a_restart_too() {
    let office = Some(ViewId::from_index(0));
    let shows = |bench: &Bench, apex: &str, view| {
        let owner = name(&format!("_acme-challenge.www.{apex}"));
        let served = bench.engine.served().version(&name(apex), view).cloned();
        let served = served.unwrap();
        let mut sets = served.zone.rrsets(owner.as_wire());
        sets.any(|set| set.rtype == rtype::TXT)
    };
    let mut bench = Bench::new(Memories::default());
    bench.give(Input::Config(Ticket(0), Box::new(config_with_views())));
    bench.work();
    bench.pass(Span(100));
    assert_eq!(bench.configured, [Ok(())]);
    for (ticket, apex) in [(1, "own.test"), (2, "inside.test")] {
        let order = ChallengeOrder::Add {
            target: ChallengeName::OfDomain(name(&format!("www.{apex}"))),
            rdata: b"\x01a".to_vec(),
            ttl: None,
            stay: None,
            author: String::new(),
        };
        bench.give(Input::Order(Ticket(ticket), order));
        bench.work();
        bench.pass(Span(100));
        let reply = bench.replies.pop();
        assert!(
            matches!(reply, Some((_, Reply::Challenges(Ok(_))))),
            "{reply:?}"
        );
    }
    assert!(shows(&bench, "own.test", None), "the default's");
    assert!(shows(&bench, "own.test", office), "the office's");
    assert!(shows(&bench, "inside.test", office), "of the office alone");
    let signed = bench.engine.served().version(&name("own.test"), office);
    let signed = signed.and_then(|own| own.signed.clone()).unwrap();
    assert!(signed.expires() > EPOCH_S, "signed with its challenge");
    let kept = bench.kept.iter().rev().find_map(|kept| {
        let Memory::Challenges(kept) = kept else {
            return None;
        };
        Some(kept.clone())
    });
    let mut again = Bench::new(Memories {
        challenges: kept.unwrap(),
        ..Memories::default()
    });
    again.give(Input::Config(Ticket(0), Box::new(config_with_views())));
    again.work();
    again.pass(Span(100));
    assert!(shows(&again, "own.test", None), "the default's, again");
    assert!(shows(&again, "own.test", office), "the office's, again");
}
