//! Many vantages with many targets: what has no room in one bundle, and what need not be said.
use super::*;

/// Targets of so many that not all votes have room in a bundle.
const TARGETS: u32 = 100_000;

#[test]
fn no_vote_is_left_out_for_long_where_a_bundle_has_no_room_for_all() {
    let mut nodes = nodes(16);
    let mut last = nodes.pop().unwrap();
    let mut first = nodes.remove(0);
    for second in 0..3 {
        let (now, wall) = (NOW.after(Span(second * 1000)), Utc(WALL.0 + second * 1000));
        let blank = || Ballot::blank(PlanHash::of(&[]), TARGETS, Trust::Sure);
        first.say(now, wall, blank());
        for node in &mut nodes {
            node.say(now, wall, blank());
            // One at a time: what it has of all has no room either.
            let bundle = node.newer(&first.have(), 0);
            first.take(now, wall, &bundle);
        }
        last.take(now, wall, &first.newer(&last.have(), 0));
    }
    assert_eq!(last.hearings().count(), 15);
}

#[test]
fn whoever_follows_tells_nobody_its_targets() {
    let follower = RosterMember {
        role: MemberRole::Follower,
        ..member(3)
    };
    let members = vec![member(1), member(2), follower];
    let roster = Arc::new(Roster::new("test", members).unwrap());
    let [vantage, mut follower] = [1, 3].map(|one| node(one, &roster));
    assert_eq!(follower.octets(), 0);
    assert!(follower.newer(&Have::default(), 0).is_empty());
    assert!(vantage.octets() > 0, "a vantage tells them");
    // It has other targets, and knows what the vantage's votes are on.
    follower.plan(names(&["c", "d"]));
    let mut vantage = vantage;
    vote(&mut vantage, &[Verdict::Up, Verdict::Up, DOWN]);
    carry(&vantage, &mut follower, WALL);
    let panel = follower.panel();
    let own = (Verdict::Unknown, Trust::Doubting);
    assert_eq!(
        [0, 1].map(|place| panel.count(NOW, place, own).downs),
        [1, 0]
    );
}

#[test]
fn what_was_told_is_not_told_again_unless_something_is_gone() {
    let mut nodes = nodes(3);
    let before = nodes[0].have();
    assert_eq!(Have::unpack_after(&before.pack(), None), Ok(before.clone()));
    nodes[1].order(WALL, intent(LogAct::Drain, "p1")).unwrap();
    let bundle = nodes[1].newer(&before, 0);
    nodes[0].take(NOW, WALL, &bundle);
    let have = nodes[0].have();
    let later = have.pack_after(&before);
    assert!(later.len() < have.pack().len());
    assert_eq!(Have::unpack_after(&later, Some(&before)), Ok(have.clone()));
    assert!(Have::unpack(&later).is_err(), "alone it says nothing");
    assert_eq!(
        have.pack_after(&have).len(),
        Have::default().pack().len(),
        "nothing is later"
    );
    assert_eq!(before.pack_after(&have), before.pack(), "the order is gone");
}
