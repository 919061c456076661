//! Rollovers step by step, each at the second it is due.
use super::*;
use crate::base::Span;
use crate::dns::dnssec::Algorithm;

const POLICY: Policy = Policy {
    zsk_lifetime: Some(Span::from_secs(10_000)),
    ksk_lifetime: None,
    dnskey_ttl: Span::from_secs(100),
    zone_ttl: Span::from_secs(300),
    ds_ttl: Span::from_secs(2000),
    propagation: Span::from_secs(10),
    signing: Span::from_secs(1000),
};

const fn id(tag: u16) -> KeyId {
    KeyId {
        tag,
        algorithm: Algorithm::EcdsaP256,
    }
}

/// Takes all steps that come by themselves until `end`; the ring with what was done and when.
fn pass(ring: &mut Ring, end: u64) -> Vec<(u64, Step)> {
    let mut done = Vec::new();
    while let Some(time) = ring.wake_at(&POLICY).filter(|time| time.0 <= end) {
        let step = ring.due(&POLICY, time).unwrap();
        done.push((time.0, step));
        match step {
            Step::Make(role) => {
                let tag = 100 + u16::try_from(ring.keys.len()).unwrap();
                ring.add(Key::new(id(tag), role, time));
            }
            Step::Publish(_)
            | Step::Activate(_)
            | Step::Submit(_)
            | Step::See(_)
            | Step::Remove(_)
            | Step::SeeNone
            | Step::Unsign => ring.take(step, time),
        }
    }
    done
}

fn ring(roles: &[(u16, Role)]) -> Ring {
    let mut ring = Ring::default();
    for (tag, role) in roles {
        ring.add(Key::new(id(*tag), *role, Time(1000)));
    }
    ring
}

#[test]
fn a_zsk_is_published_before_it_signs_and_stays_after() {
    let mut ring = ring(&[(1, Role::Ksk), (2, Role::Zsk)]);
    assert_eq!(ring.view().published, []);
    let done = pass(&mut ring, 12_500);
    let wanted = [
        (1000, Step::Publish(id(1))),
        (1000, Step::Publish(id(2))),
        (1000, Step::Activate(id(2))),
        (1310, Step::Submit(id(1))),
        (10_890, Step::Make(Role::Zsk)),
        (10_890, Step::Publish(id(102))),
        (11_000, Step::Activate(id(102))),
        (12_310, Step::Remove(id(2))),
    ];
    assert_eq!(done, wanted);
    let view = ring.view();
    assert_eq!(view.published, [id(1), id(102)]);
    assert_eq!(view.entry_signers, [id(1)]);
    assert_eq!(view.zone_signers, [id(102)]);
    assert_eq!(view.sync, Sync::Key(id(1)));
}

#[test]
fn a_csk_waits_for_the_parent_with_both_keys() {
    let mut ring = ring(&[(1, Role::Csk)]);
    pass(&mut ring, 5000);
    ring.see(1, &POLICY, Time(5000)).unwrap();
    ring.may_follow(Role::Csk, None).unwrap();
    ring.add(Key::new(id(7), Role::Csk, Time(6000)));
    let under_way = ring.may_follow(Role::Csk, None);
    assert_eq!(under_way, Err(Refusal::UnderWay));
    let done = pass(&mut ring, 100_000);
    let wanted = [
        (6000, Step::Publish(id(7))),
        (6110, Step::Activate(id(7))),
        (6110, Step::Submit(id(7))),
    ];
    assert_eq!(done, wanted);
    let view = ring.view();
    assert_eq!(view.entry_signers, [id(1), id(7)]);
    assert_eq!(view.zone_signers, [id(7)]);
    assert_eq!(view.sync, Sync::Key(id(7)));
    assert_eq!(
        ring.see(1, &POLICY, Time(7000)),
        Err(Refusal::Replaced(1, 7))
    );
    ring.see(7, &POLICY, Time(200_000)).unwrap();
    assert_eq!(pass(&mut ring, 300_000), [(202_010, Step::Remove(id(1)))]);
}

#[test]
fn the_parent_is_not_believed_too_early() {
    let mut ring = ring(&[(1, Role::Csk)]);
    pass(&mut ring, 1200);
    assert_eq!(
        ring.see(1, &POLICY, Time(1200)),
        Err(Refusal::Early(1, from(1310)))
    );
    assert_eq!(ring.see(9, &POLICY, Time(1200)), Err(Refusal::Unknown(9)));
}

fn from(seconds: u64) -> When {
    When(Some(Time(seconds)))
}

#[test]
fn a_zone_goes_insecure_only_when_no_cache_has_its_ds_and_can_come_back() {
    let mut ring = ring(&[(1, Role::Ksk), (2, Role::Zsk)]);
    pass(&mut ring, 5000);
    ring.withdraw(Time(0)).unwrap();
    assert_eq!(ring.view().sync, Sync::Delete);
    assert_eq!(pass(&mut ring, 500_000), [], "no step without the parent");
    ring.see_none(Time(500_000)).unwrap();
    assert_eq!(pass(&mut ring, 502_009), []);
    assert_eq!(ring.view().zone_signers, [id(2)]);
    assert_eq!(pass(&mut ring, 600_000), [(502_010, Step::Unsign)]);
    assert_eq!(ring.view().published, []);
    assert_eq!(ring.view().sync, Sync::Silent);
    ring.publish(Time(0)).unwrap();
    for step in [
        Step::Publish(id(1)),
        Step::Publish(id(2)),
        Step::Activate(id(2)),
    ] {
        assert_eq!(ring.due(&POLICY, Time(600_000)), Some(step));
        assert_eq!(
            ring.view().published,
            [],
            "half a zone's keys are not shown"
        );
        ring.take(step, Time(600_000));
    }
    assert_eq!(ring.view().published, [id(1), id(2)]);
    assert_eq!(ring.view().sync, Sync::Silent);
    assert_eq!(pass(&mut ring, 600_500), [(600_310, Step::Submit(id(1)))]);
}

#[test]
fn one_key_becomes_two_and_two_become_one() {
    let mut ring = ring(&[(1, Role::Csk)]);
    pass(&mut ring, 2000);
    for (tag, role) in [(3, Role::Ksk), (4, Role::Zsk)] {
        ring.may_follow(role, None).unwrap();
        ring.add(Key::new(id(tag), role, Time(2000)));
    }
    pass(&mut ring, 4000);
    ring.see(3, &POLICY, Time(4000)).unwrap();
    pass(&mut ring, 7000);
    assert_eq!(ring.view().published, [id(3), id(4)]);
    ring.may_follow(Role::Csk, None).unwrap();
    ring.add(Key::new(id(5), Role::Csk, Time(7000)));
    pass(&mut ring, 8000);
    ring.see(5, &POLICY, Time(8000)).unwrap();
    pass(&mut ring, 20_000);
    assert_eq!(ring.view().published, [id(5)]);
}

#[test]
fn steps_taken_twice_change_nothing() {
    let mut ring = ring(&[(1, Role::Csk), (2, Role::Csk)]);
    for step in [
        Step::Publish(id(1)),
        Step::Activate(id(1)),
        Step::Submit(id(1)),
    ] {
        ring.take(step, Time(2000));
        let before = ring.clone();
        ring.take(step, Time(3000));
        assert_eq!(ring, before);
    }
}

#[test]
fn a_ring_is_remembered_as_it_is() {
    let mut ring = ring(&[(1, Role::Ksk), (2, Role::Zsk)]);
    pass(&mut ring, 12_000);
    let text = serde_json::to_string_pretty(&ring).unwrap();
    assert_eq!(serde_json::from_str::<Ring>(&text).unwrap(), ring);
    assert!(text.contains("\"algorithm\": \"ecdsa-p256\""), "{text}");
}

#[test]
fn another_algorithm_cannot_follow() {
    let mut ring = ring(&[(1, Role::Csk)]);
    pass(&mut ring, 2000);
    let other = KeyId {
        tag: 1,
        algorithm: Algorithm::Ed25519,
    };
    let refused = ring.may_follow(Role::Csk, Some(other));
    assert_eq!(refused, Err(Refusal::Algorithm(id(1))));
}
