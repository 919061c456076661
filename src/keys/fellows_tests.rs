//! Two and three nodes with a ring each: who waits for whom, who follows whom, which key of two stays.
use super::*;
use crate::base::Span;
use crate::base::limits::CLUSTER_SKEW_MOST;
use crate::dns::dnssec::Algorithm;

const POLICY: Policy = Policy {
    zsk_lifetime: None,
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

fn told(ring: &Ring) -> ToldRing {
    let live = ring.live().map(|key| (key.id, u64::from(key.id.tag)));
    ToldRing {
        prints: live.collect(),
        ring: ring.clone(),
    }
}

/// The knowledge of a node whose others serve these rings, and which holds the keys with these tags.
fn fellows(others: &[&Ring], held: &[u16]) -> Fellows {
    let others = others.iter().map(|ring| Fellow::Serves(told(ring)));
    Fellows {
        others: others.collect(),
        held: held.iter().map(|tag| (id(*tag), u64::from(*tag))).collect(),
        is_second: false,
    }
}

/// A ring whose key 1 has signed for long.
fn signed() -> Ring {
    let mut ring = Ring::default();
    ring.add(Key::new(id(1), Role::Csk, Time(1000)));
    for step in [
        Step::Publish(id(1)),
        Step::Activate(id(1)),
        Step::Submit(id(1)),
        Step::See(id(1)),
    ] {
        ring.take(step, Time(1000));
    }
    ring
}

fn due(ring: &Ring, step: Step, fellows: &Fellows) -> Due {
    let ahead = ring.prospects_among(&POLICY, fellows);
    let found = ahead.iter().find(|one| one.step == step);
    found.expect("it lies ahead").due
}

#[test]
fn a_step_waits_for_the_last_node_and_counts_from_it() {
    let (mut own, mut other) = (signed(), signed());
    own.add(Key::new(id(2), Role::Csk, Time(5000)));
    let publish = Step::Publish(id(2));
    let unheard = Fellows {
        others: vec![Fellow::Unheard],
        ..Fellows::default()
    };
    assert_eq!(due(&own, publish, &unheard), Due::Nodes);
    assert_eq!(due(&own, publish, &fellows(&[&other], &[1, 2])), Due::Nodes);
    assert!(other.follow(&fellows(&[&own], &[1, 2]), Time(5003)));
    assert_eq!(
        due(&own, publish, &fellows(&[&other], &[1, 2])),
        Due::At(Time(5000))
    );
    own.take(publish, Time(5005));
    let activate = Step::Activate(id(2));
    assert_eq!(
        due(&own, activate, &fellows(&[&other], &[1, 2])),
        Due::Nodes
    );
    // The other was cut off for long, and its caches count from then.
    assert!(other.follow(&fellows(&[&own], &[1, 2]), Time(9000)));
    assert_eq!(other.find(id(2)).unwrap().published, Some(Time(9000)));
    for ring in [&own, &other] {
        let among = fellows(&[&own, &other], &[1, 2]);
        assert_eq!(due(ring, activate, &among), Due::At(Time(9110)));
    }
    own.take(activate, Time(9110));
    own.take(Step::Submit(id(2)), Time(9110));
    own.take(Step::See(id(2)), Time(9200));
    let remove = Step::Remove(id(1));
    assert_eq!(due(&own, remove, &fellows(&[&other], &[1, 2])), Due::Nodes);
    other.follow(&fellows(&[&own], &[1, 2]), Time(9300));
    assert_eq!(
        due(&own, remove, &fellows(&[&other], &[1, 2])),
        Due::At(Time(9200 + 2010)),
        "the DS is in caches for longer than signatures of 9300 are"
    );
}

#[test]
fn of_keys_that_two_nodes_made_all_drop_the_same() {
    let base = signed();
    let with = |tag, time| {
        let mut ring = base.clone();
        ring.add(Key::new(id(tag), Role::Csk, Time(time)));
        ring
    };
    let (mut one, mut other, mut third) = (with(3, 5001), with(2, 5000), base.clone());
    let held = [1, 2, 3];
    let before = [one.clone(), other.clone()];
    third.follow(&fellows(&[&before[0], &before[1]], &held), Time(6000));
    one.follow(&fellows(&[&before[1]], &held), Time(6000));
    other.follow(&fellows(&[&before[0]], &held), Time(6000));
    for ring in [&one, &other, &third] {
        let live: Vec<u16> = ring.live().map(|key| key.id.tag).collect();
        assert_eq!(live, [1, 2], "the later one is dropped");
        assert_eq!(ring.find(id(3)).unwrap().published, None);
    }
    let late = fellows(&[&before[1], &third], &held);
    assert_eq!(due(&one, Step::Publish(id(2)), &late), Due::At(Time(5000)));
    let unsure = fellows(&[&before[0], &third], &held);
    assert_eq!(due(&other, Step::Publish(id(2)), &unsure), Due::Nodes);
}

#[test]
fn a_node_without_its_keys_comes_to_the_ring_of_the_others() {
    let mut new = signed();
    new.add(Key::new(id(2), Role::Csk, Time(5000)));
    new.take(Step::Publish(id(2)), Time(5000));
    new.take(Step::Activate(id(2)), Time(5200));
    new.take(Step::Remove(id(1)), Time(9000));
    for mut restored in [Ring::default(), signed()] {
        let lacking = fellows(&[&new], &[1]);
        assert!(!restored.follow(&lacking, Time(9500)), "without the secret");
        let own = restored.clone();
        assert!(restored.follow(&fellows(&[&new], &[1, 2]), Time(9500)));
        assert_eq!(restored.view().published, [id(2)]);
        assert_eq!(restored.view().zone_signers, [id(2)]);
        // What it had is followed by nobody.
        let mut ahead = new.clone();
        assert!(!ahead.follow(&fellows(&[&own], &[1, 2]), Time(9500)));
    }
    // Another key under a tag that is known is not taken for it.
    let mut same_tag = fellows(&[&new], &[1]);
    same_tag.held.insert((id(2), 77));
    assert!(!signed().follow(&same_tag, Time(9500)));
}

#[test]
fn where_a_zone_goes_is_what_was_said_last() {
    let (mut own, mut other) = (signed(), signed());
    own.withdraw(Time(4000)).unwrap();
    own.see_none(Time(5000)).unwrap();
    let behind = own.prospects_among(&POLICY, &fellows(&[&other], &[1]));
    assert!(matches!(
        behind[..],
        [Prospect {
            step: Step::Unsign,
            due: Due::At(_)
        }]
    ));
    other.follow(&fellows(&[&own], &[1]), Time(5100));
    assert_eq!((other.goal, other.gone), (Goal::Insecure, Some(Time(5100))));
    other.publish(Time(3000)).unwrap();
    assert!(
        !other.follow(&fellows(&[&own], &[1]), Time(5200)),
        "it is behind"
    );
    own.follow(&fellows(&[&other], &[1]), Time(5200));
    assert_eq!((own.goal, own.gone), (Goal::Secure, None));
    assert_eq!(
        own.find(id(1)).unwrap().seen,
        None,
        "the parent may have removed it"
    );
}

#[test]
fn a_zone_that_was_let_go_once_is_signed_where_it_is_let_go_again() {
    let (mut own, mut other) = (signed(), signed());
    own.withdraw(Time(2000)).unwrap();
    own.see_none(Time(2000)).unwrap();
    own.take(Step::Unsign, Time(5000));
    other.withdraw(Time(6000)).unwrap();
    own.follow(&fellows(&[&other], &[1]), Time(7000));
    assert_eq!((own.signed, own.unsigned), (Some(Time(7000)), None));
    assert_eq!(own.goal, Goal::Insecure);
}

#[test]
fn one_node_makes_successors() {
    let policy = Policy {
        ksk_lifetime: Some(Span::from_secs(1)),
        ..POLICY
    };
    let own = signed();
    let mut among = fellows(&[&signed()], &[1]);
    assert_eq!(
        own.due_among(&policy, &among, Time(9000)),
        Some(Step::Make(Role::Csk))
    );
    among.is_second = true;
    assert_eq!(own.due_among(&policy, &among, Time(9000)), None);
}

#[test]
fn a_ring_of_a_wrong_clock_is_followed_by_nobody_and_given_up_once_the_clock_is_right() {
    const YEAR: u64 = 365 * 86_400;
    let mut all = signed();
    all.add(Key::new(id(2), Role::Csk, Time(5000)));
    all.take(Step::Publish(id(2)), Time(5000));
    // One whose clock is a year ahead lets no wait pass.
    let mut wrong = all.clone();
    let among = fellows(&[&all, &all], &[1, 2]);
    let activate = Step::Activate(id(2));
    assert_eq!(
        wrong.due_among(&POLICY, &among, Time(5001 + YEAR)),
        Some(activate)
    );
    wrong.take(activate, Time(5001 + YEAR));
    let mut own = all.clone();
    let among = fellows(&[&wrong, &all], &[1, 2]);
    assert!(!own.follow(&among, Time(5010)));
    assert_eq!(
        own.wake_among(&POLICY, &among, Time(5010)),
        Some(Time(5110)),
        "its own steps go on"
    );
    // Not so one whose clock is off by less than nodes' may be.
    let mut off = all.clone();
    off.take(activate, Time(5310));
    assert!(
        own.clone()
            .follow(&fellows(&[&off, &all], &[1, 2]), Time(5010))
    );
    assert!(!own.follow(&fellows(&[&off, &all], &[1, 2]), Time(5009)));
    own.take(Step::Publish(id(2)), Time(5009));
    let resting = fellows(&[&off, &Ring::default()], &[1, 2]);
    assert_eq!(
        own.wake_among(&POLICY, &resting, Time(5009)),
        Some(Time(5010))
    );
    // A clock that has fallen back makes all rings ones that are ahead: nothing is given up.
    assert!(
        !wrong
            .clone()
            .follow(&fellows(&[&all, &all], &[1, 2]), Time(100))
    );
    // Nor for one that has none.
    assert!(
        !wrong
            .clone()
            .follow(&fellows(&[&Ring::default()], &[1, 2]), Time(5020))
    );
    // Nor while a secret of the others is yet to come: the zone would be without keys.
    assert!(
        !wrong
            .clone()
            .follow(&fellows(&[&all, &all], &[1]), Time(5020))
    );
    assert!(wrong.follow(&fellows(&[&all, &all], &[1, 2]), Time(5020)));
    assert_eq!(wrong.view(), all.view());
}

const YEAR: u64 = 365 * 86_400;

#[test]
fn a_key_of_a_wrong_clock_that_took_no_step_counts_as_made_once_the_clock_is_right() {
    let mut own = Ring::default();
    own.add(Key::new(id(1), Role::Csk, Time(5000 + YEAR)));
    let mut other = Ring::default();
    let publish = Step::Publish(id(1));
    assert!(!other.follow(&fellows(&[&own], &[1]), Time(5000)));
    assert_eq!(due(&own, publish, &fellows(&[&other], &[1])), Due::Nodes);
    assert!(own.follow(&fellows(&[&other], &[1]), Time(5001)));
    assert_eq!(own.find(id(1)).unwrap().created, Time(5001));
    assert!(other.follow(&fellows(&[&own], &[1]), Time(5002)));
    assert_eq!(
        due(&own, publish, &fellows(&[&other], &[1])),
        Due::At(Time(5001))
    );
    // A node that stands alone, and one of two that were wrong.
    let mut lone = Ring::default();
    lone.add(Key::new(id(2), Role::Csk, Time(5000 + YEAR)));
    let mut second = lone.clone();
    assert!(second.follow(&fellows(&[&lone], &[2]), Time(5003)));
    assert!(lone.follow(&Fellows::default(), Time(5003)));
    assert_eq!(lone.due(&POLICY, Time(5003)), Some(Step::Publish(id(2))));
    // What was said of the zone by such a clock is no reason to wait, either.
    let mut said = Ring::default();
    said.add(Key::new(id(2), Role::Csk, Time(5000)));
    said.turned = Some(Time(5000 + YEAR));
    assert!(said.follow(&Fellows::default(), Time(5003)) && !said.is_ahead(Time(5003)));
    // Within the skew of clocks it waits for its time; and a clock that is behind the steps of all is no better than theirs.
    let near = Time(5003 - CLUSTER_SKEW_MOST.0 / 1000);
    assert!(!lone.clone().follow(&Fellows::default(), near));
    let far = Time(500);
    lone.add(Key::new(id(3), Role::Csk, Time(5000)));
    assert!(!lone.follow(&fellows(&[&signed()], &[2, 3]), far));
}

#[test]
fn a_ring_of_a_wrong_clock_gives_way_to_those_of_others_whose_keys_are_here() {
    let mut wrong = signed();
    wrong.add(Key::new(id(2), Role::Csk, Time(900)));
    wrong.take(Step::Publish(id(2)), Time(1000 + YEAR));
    let right = Time(1001);
    assert!(wrong.gives_way(&fellows(&[&signed()], &[1, 2]), right));
    assert!(!wrong.gives_way(&fellows(&[&signed()], &[1, 2]), Time(1000 + YEAR)));
    assert!(!wrong.gives_way(&fellows(&[&signed()], &[2]), right));
    assert!(!wrong.gives_way(&fellows(&[&wrong], &[1, 2]), right));
    assert!(!signed().gives_way(&fellows(&[&signed()], &[1, 2]), right));
    let mut early = signed();
    early.add(Key::new(id(2), Role::Csk, Time(1000 + YEAR)));
    assert!(
        !early.gives_way(&fellows(&[&signed()], &[1, 2]), right),
        "a clock that was set back for a moment makes no key older"
    );
}
