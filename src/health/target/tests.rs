//! A target's story: sights in, standings out.
use super::*;
use crate::plan::{Approval, DampingPolicy};

const DOWN: Verdict = Verdict::Down(Cause::Refused);

fn recovery() -> Recovery {
    Recovery {
        name: "gradual".into(),
        steps: vec![Permille(50), Permille(200), Permille(500), Permille(1000)],
        every: Span(100),
        gates: Vec::new(),
        approval: Approval::Automatic,
        delay: Span::ZERO,
        damping: DampingPolicy::DEFAULT,
    }
}

fn sight(verdict: Verdict, gate: Gate) -> Sight {
    Sight {
        verdict,
        gate,
        hold: Span(9),
    }
}

/// Plays a row of (moment, verdict, gate) and gives the words and shares.
fn play(events: &[(u64, Verdict, Gate)]) -> Vec<(&'static str, u16)> {
    let mut target = TargetHealth::new(Moment(0));
    let play = events.iter().map(|&(at, verdict, gate)| {
        target.observe(Moment(at), &recovery(), sight(verdict, gate));
        let standing = target.standing(&recovery(), Span(9));
        (standing.why.word(), standing.share.0)
    });
    play.collect()
}

#[test]
fn first_results_decide_and_a_late_first_rise_ramps() {
    use Gate::{Open, Shut};
    use Verdict::{Unknown, Up};
    let seen = play(&[(0, Unknown, Shut), (1, Up, Shut), (2, DOWN, Open)]);
    assert_eq!(seen, [("unproven", 1000), ("healthy", 1000), ("down", 0)]);
    let seen = play(&[(0, DOWN, Open), (1, Up, Open)]);
    assert_eq!(seen, [("down", 0), ("ramping", 50)]);
}

#[test]
fn a_ramp_takes_each_step_in_its_time() {
    use Gate::Open;
    use Verdict::Up;
    let seen = play(&[
        (0, DOWN, Open),
        (1000, Up, Open),
        (1099, Up, Open),
        (1100, Up, Open),
        (1199, Up, Open),
        (1200, Up, Open),
        (1299, Up, Open),
        (1300, Up, Open),
    ]);
    let shares: Vec<u16> = seen.iter().map(|(_, share)| *share).collect();
    assert_eq!(shares, [0, 50, 50, 200, 200, 500, 500, 1000]);
    assert_eq!(seen[7].0, "healthy");
    let late = play(&[(0, DOWN, Open), (1000, Up, Open), (1250, Up, Open)]);
    assert_eq!(late[2], ("ramping", 500), "steps missed are caught up");
}

#[test]
fn a_gate_comes_before_the_ramp_and_holds_it() {
    use Gate::{Open, Shut};
    use Verdict::Up;
    let seen = play(&[
        (0, DOWN, Shut),
        (10, Up, Shut),
        (500, Up, Shut),
        (510, Up, Open),
        (610, Up, Open),
        (650, Up, Shut),
        (900, Up, Shut),
        (910, Up, Open),
        (1009, Up, Open),
        (1010, Up, Open),
    ]);
    let expected = [
        ("down", 0),
        ("gated", 0),
        ("gated", 0),
        ("ramping", 50),
        ("ramping", 200),
        ("gated", 200),
        ("gated", 200),
        ("ramping", 200),
        ("ramping", 200),
        ("ramping", 500),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_relapse_starts_anew_and_slower() {
    use Gate::Open;
    use Verdict::Up;
    let seen = play(&[
        (0, DOWN, Open),
        (10, Up, Open),
        (110, Up, Open),
        (120, DOWN, Open),
        (200, Up, Open),
        (399, Up, Open),
        (400, Up, Open),
    ]);
    let shares: Vec<u16> = seen.iter().map(|(_, share)| *share).collect();
    assert_eq!(shares, [0, 50, 200, 0, 50, 50, 200]);
}

#[test]
fn rest_forgives_relapses_only_when_long_enough() {
    use Gate::Open;
    use Verdict::Up;
    for (healthy_for, pace) in [(599, 200), (600, 100)] {
        let mut target = TargetHealth::new(Moment(0));
        let mut at = |moment, verdict| {
            target.observe(Moment(moment), &recovery(), sight(verdict, Open));
            target.next_step()
        };
        at(0, DOWN);
        at(10, Up);
        at(20, DOWN);
        assert_eq!(at(30, Up), Some(Moment(230)));
        assert_eq!(at(630, Up), None);
        at(630 + healthy_for, DOWN);
        assert_eq!(at(2000, Up), Some(Moment(2000 + pace)));
    }
}

#[test]
fn who_was_kept_never_left() {
    let recovery = recovery();
    let up = sight(Verdict::Up, Gate::Open);
    let down = sight(DOWN, Gate::Open);
    let mut target = TargetHealth::new(Moment(0));
    target.observe(Moment(0), &recovery, up);
    target.observe(Moment(10), &recovery, down);
    assert!(target.is_out() && !target.is_served_as_proven());
    target.keep(Kept::Doubted);
    let standing = target.standing(&recovery, Span(9));
    assert_eq!(standing.why, Why::Doubted(Cause::Refused));
    assert_eq!(standing.share, Permille::FULL);
    assert!(target.is_served_as_proven());
    target.observe(Moment(20), &recovery, up);
    assert_eq!(target.standing(&recovery, Span(9)).why, Why::Healthy);
    target.observe(Moment(30), &recovery, down);
    target.keep(Kept::Capped);
    target.release();
    target.observe(Moment(40), &recovery, up);
    assert_eq!(target.standing(&recovery, Span(9)).share, Permille(50));
}

/// What a target is after it has fallen in a blackout and risen: with its gate shut, then open.
fn after_blackout(mut target: TargetHealth) -> [(&'static str, u16); 2] {
    target.observe(Moment(5000), &recovery(), sight(DOWN, Gate::Shut));
    target.excuse();
    [Gate::Shut, Gate::Open].map(|gate| {
        target.observe(Moment(5001), &recovery(), sight(Verdict::Up, gate));
        let standing = target.standing(&recovery(), Span(9));
        (standing.why.word(), standing.share.0)
    })
}

#[test]
fn after_a_blackout_a_target_is_what_it_was() {
    use Verdict::Up;
    let mut target = TargetHealth::new(Moment(0));
    let waits = ("gated", 0);
    assert_eq!(after_blackout(target.clone()), [waits, ("ramping", 50)]);
    target.observe(Moment(10), &recovery(), sight(Up, Gate::Open));
    assert_eq!(after_blackout(target.clone()), [waits, ("healthy", 1000)]);
    target.observe(Moment(20), &recovery(), sight(DOWN, Gate::Open));
    target.observe(Moment(4850), &recovery(), sight(Up, Gate::Shut));
    assert_eq!(after_blackout(target.clone()), [waits, ("ramping", 50)]);
    target.observe(Moment(4850), &recovery(), sight(Up, Gate::Open));
    target.observe(Moment(4960), &recovery(), sight(Up, Gate::Open));
    assert_eq!(after_blackout(target), [waits, ("ramping", 200)]);
}

#[test]
fn a_blackout_neither_damps_nor_forgives_a_later_fall() {
    let mut target = TargetHealth::new(Moment(0));
    let mut see = |at, verdict| {
        target.observe(Moment(at), &recovery(), sight(verdict, Gate::Open));
        if at == 20 {
            target.excuse();
        }
        (
            target.next_step(),
            target.standing(&recovery(), Span(9)).share.0,
        )
    };
    see(0, DOWN);
    see(10, Verdict::Up);
    see(20, DOWN);
    assert_eq!(see(30, Verdict::Up), (Some(Moment(130)), 50), "no slower");
    see(130, Verdict::Up);
    see(140, DOWN);
    assert_eq!(see(150, Verdict::Up), (Some(Moment(350)), 50), "a relapse");
}

#[test]
fn nothing_is_kept_of_what_waits_for_its_gate() {
    let recovery = recovery();
    let mut target = TargetHealth::new(Moment(0));
    target.observe(Moment(0), &recovery, sight(DOWN, Gate::Shut));
    target.observe(Moment(1), &recovery, sight(Verdict::Up, Gate::Shut));
    target.observe(Moment(2), &recovery, sight(DOWN, Gate::Shut));
    target.keep(Kept::Doubted);
    assert!(target.is_out());
}

#[test]
fn another_curve_never_lowers_a_share() {
    let (old, mut new) = (recovery(), recovery());
    new.steps = vec![Permille(100), Permille(300), Permille(1000)];
    let mut target = TargetHealth::new(Moment(0));
    target.observe(Moment(0), &old, sight(DOWN, Gate::Open));
    target.observe(Moment(1), &old, sight(Verdict::Up, Gate::Open));
    target.observe(Moment(101), &old, sight(Verdict::Up, Gate::Open));
    target.adopt(&old, &new);
    assert_eq!(target.standing(&new, Span(9)).share, Permille(300));
    target.observe(Moment(201), &new, sight(Verdict::Up, Gate::Open));
    assert_eq!(target.standing(&new, Span(9)).share, Permille::FULL);
}
