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

fn evidence(verdict: Verdict, gate: Gate) -> Evidence {
    Evidence {
        verdict,
        gate,
        hold: Span(9),
        most: Permille::FULL,
        without: crate::base::AddressSet::EMPTY,
    }
}

/// Plays a row of (moment, verdict, gate) and gives the words and shares.
fn play(events: &[(u64, Verdict, Gate)]) -> Vec<(&'static str, u16)> {
    let mut target = TargetHealth::new(Moment(0));
    let play = events.iter().map(|&(at, verdict, gate)| {
        target.observe(Moment(at), &recovery(), evidence(verdict, gate));
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
fn a_gate_that_is_up_without_a_streak_lets_a_ramp_go_on_but_begin_none() {
    use Gate::{Open, Shut, Unproven};
    use Verdict::Up;
    let seen = play(&[
        (0, DOWN, Unproven),
        (10, Up, Unproven),
        (20, Up, Open),
        (30, Up, Unproven),
        (120, Up, Unproven),
        (130, Up, Shut),
        (140, Up, Unproven),
        (240, Up, Unproven),
    ]);
    let expected = [
        ("down", 0),
        ("gated", 0),
        ("ramping", 50),
        ("ramping", 50),
        ("ramping", 200),
        ("gated", 200),
        ("ramping", 200),
        ("ramping", 500),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_relapse_starts_anew_held_down_and_slower() {
    use Gate::Open;
    use Verdict::Up;
    let seen = play(&[
        (0, Up, Open),
        (10, DOWN, Open),
        (20, Up, Open),
        (120, Up, Open),
        (130, DOWN, Open),
        (200, Up, Open),
        (299, Up, Open),
        (300, Up, Open),
        (499, Up, Open),
        (500, Up, Open),
    ]);
    let expected = [
        ("healthy", 1000),
        ("down", 0),
        ("ramping", 50),
        ("ramping", 200),
        ("down", 0),
        ("held", 0),
        ("held", 0),
        ("ramping", 50),
        ("ramping", 50),
        ("ramping", 200),
    ];
    assert_eq!(seen, expected);
}

/// A target that is healthy, and how it answers under a recovery.
struct Patient {
    target: TargetHealth,
    recovery: Recovery,
}

impl Patient {
    fn new(recovery: Recovery) -> Self {
        let mut target = TargetHealth::new(Moment(0));
        target.observe(Moment(0), &recovery, evidence(Verdict::Up, Gate::Open));
        Self { target, recovery }
    }

    fn see(&mut self, at: u64, verdict: Verdict, gate: Gate) -> &'static str {
        let evidence = evidence(verdict, gate);
        self.target.observe(Moment(at), &self.recovery, evidence);
        self.standing().why.word()
    }

    fn standing(&self) -> Standing {
        self.target.standing(&self.recovery, Span(9))
    }
}

#[test]
fn a_failback_delay_holds_and_any_failure_starts_it_anew() {
    use Gate::{Open, Shut};
    use Verdict::Up;
    let mut patient = Patient::new(Recovery {
        delay: Span(1000),
        ..recovery()
    });
    patient.see(10, DOWN, Open);
    assert_eq!(patient.see(100, Up, Open), "held");
    let held = patient.standing();
    assert_eq!(
        (held.share, held.until),
        (Permille::NONE, Some(Moment(1100)))
    );
    assert_eq!(patient.target.next_step(), Some(Moment(1100)));
    assert_eq!(patient.see(500, DOWN, Open), "down");
    assert_eq!(patient.see(600, Up, Open), "held");
    assert_eq!(patient.see(1599, Up, Shut), "held");
    assert_eq!(patient.see(1600, Up, Shut), "gated", "the gate comes after");
    assert_eq!(patient.target.since(), Moment(1600));
    assert_eq!(patient.see(1700, Up, Open), "ramping");
    assert_eq!(patient.target.next_step(), Some(Moment(1800)), "no slower");
}

#[test]
fn a_return_waits_for_one_word_of_its_own() {
    use Gate::{Open, Unproven};
    use Verdict::Up;
    let mut patient = Patient::new(Recovery {
        approval: Approval::Needed,
        delay: Span(50),
        ..recovery()
    });
    assert_eq!(
        patient.target.approve(&patient.recovery),
        ApprovalResult::NotPending
    );
    patient.see(10, DOWN, Open);
    let early = patient.target.approve(&patient.recovery);
    assert_eq!(
        early,
        ApprovalResult::NotPending,
        "nobody vouches for what is down"
    );
    assert_eq!(patient.see(20, Up, Open), "held");
    assert_eq!(patient.see(70, Up, Open), "unapproved");
    assert_eq!(patient.see(9000, Up, Open), "unapproved");
    assert_eq!(patient.see(9010, Up, Unproven), "gated");
    assert_eq!(patient.see(9020, Up, Open), "unapproved");
    assert_eq!(
        patient.target.approve(&patient.recovery),
        ApprovalResult::Accepted
    );
    assert_eq!(
        patient.target.approve(&patient.recovery),
        ApprovalResult::NotPending
    );
    assert_eq!(patient.see(9030, Up, Open), "ramping");
    patient.see(9040, DOWN, Open);
    patient.see(20_000_000, Up, Open);
    assert_eq!(patient.see(20_000_050, Up, Unproven), "gated");
    assert_eq!(
        patient.target.approve(&patient.recovery),
        ApprovalResult::Accepted
    );
    assert_eq!(patient.see(20_000_060, DOWN, Open), "down", "void again");
    patient.see(20_000_070, Up, Open);
    assert_eq!(patient.see(20_000_120, Up, Open), "unapproved");
}

#[test]
fn a_refused_return_stays_out_until_it_is_approved_or_falls() {
    use ApprovalResult::{Accepted, NotPending};
    use Gate::{Open, Shut};
    use Verdict::Up;
    let mut patient = Patient::new(Recovery {
        approval: Approval::Needed,
        delay: Span(50),
        ..recovery()
    });
    let refuse = |patient: &mut Patient, now: u64| {
        let recovery = patient.recovery.clone();
        patient.target.refuse(Moment(now), &recovery)
    };
    patient.see(10, DOWN, Open);
    assert_eq!(refuse(&mut patient, 11), NotPending, "it has not come back");
    assert_eq!(patient.see(20, Up, Open), "held");
    assert_eq!(refuse(&mut patient, 21), Accepted);
    assert_eq!(refuse(&mut patient, 22), NotPending, "it is already");
    for (now, gate) in [(30, Open), (70, Open), (80, Shut), (9000, Open)] {
        assert_eq!(patient.see(now, Up, gate), "refused");
    }
    assert_eq!(patient.target.approve(&patient.recovery), Accepted);
    assert_eq!(patient.see(9010, Up, Open), "ramping");
    assert_eq!(refuse(&mut patient, 9011), Accepted, "it is taken back");
    assert_eq!(patient.see(9020, Up, Open), "refused");
    let standing = patient.target.standing(&patient.recovery, Span::ZERO);
    assert_eq!(standing.share, Permille::NONE);
    patient.see(9030, DOWN, Open);
    patient.see(20_000_000, Up, Open);
    assert_eq!(
        patient.see(20_000_050, Up, Open),
        "unapproved",
        "the next one"
    );
    patient.recovery.approval = Approval::Automatic;
    assert_eq!(patient.see(20_000_060, Up, Open), "ramping");
    assert_eq!(
        refuse(&mut patient, 20_000_061),
        NotPending,
        "nobody is asked"
    );
}

#[test]
fn a_word_is_taken_only_where_one_is_needed() {
    let mut patient = Patient::new(recovery());
    patient.see(10, DOWN, Gate::Shut);
    assert_eq!(patient.see(20, Verdict::Up, Gate::Shut), "gated");
    assert_eq!(
        patient.target.approve(&patient.recovery),
        ApprovalResult::NotPending
    );
}

#[test]
fn rest_forgives_relapses_when_it_was_long_enough() {
    use Gate::Open;
    use Verdict::Up;
    let half_life = DampingPolicy::DEFAULT.half_life.0;
    for (fell, pace) in [(half_life, 200), (3 * half_life, 100)] {
        let mut patient = Patient::new(recovery());
        patient.see(10, DOWN, Open);
        patient.see(20, Up, Open);
        patient.see(400, DOWN, Open);
        patient.see(500, Up, Open);
        assert_eq!(patient.see(600, Up, Open), "ramping");
        assert_eq!(patient.target.next_step(), Some(Moment(800)));
        patient.see(5000, Up, Open);
        patient.see(fell, DOWN, Open);
        patient.see(fell + 10, Up, Open);
        let at = fell + 10 + pace - 100;
        assert_eq!(patient.see(at, Up, Open), "ramping", "{fell}");
        assert_eq!(patient.target.next_step(), Some(Moment(at + pace)));
    }
}

#[test]
fn a_fall_while_it_waits_is_no_relapse() {
    use Gate::{Open, Shut};
    use Verdict::Up;
    let mut patient = Patient::new(recovery());
    patient.see(10, DOWN, Shut);
    patient.see(20, Up, Shut);
    for at in [30, 50, 70] {
        patient.see(at, DOWN, Shut);
        assert!(patient.target.is_out() && !patient.target.fell_from_service());
        assert_eq!(patient.see(at + 10, Up, Shut), "gated");
    }
    assert_eq!(patient.see(100, Up, Open), "ramping");
    assert_eq!(patient.target.next_step(), Some(Moment(200)));
}

#[test]
fn who_was_kept_never_left() {
    let recovery = recovery();
    let up = evidence(Verdict::Up, Gate::Open);
    let down = evidence(DOWN, Gate::Open);
    let mut target = TargetHealth::new(Moment(0));
    target.observe(Moment(0), &recovery, up);
    target.observe(Moment(10), &recovery, down);
    assert!(target.is_out() && !target.is_served_as_proven());
    target.keep(KeepReason::Doubted);
    let standing = target.standing(&recovery, Span(9));
    assert_eq!(standing.why, Why::Doubted(Cause::Refused));
    assert_eq!(standing.share, Permille::FULL);
    assert!(target.is_served_as_proven());
    target.observe(Moment(20), &recovery, up);
    assert_eq!(target.standing(&recovery, Span(9)).why, Why::Healthy);
    target.observe(Moment(30), &recovery, down);
    target.keep(KeepReason::Capped);
    target.release();
    target.observe(Moment(40), &recovery, up);
    assert_eq!(target.standing(&recovery, Span(9)).share, Permille(50));
}

/// What a target is after it has fallen in a blackout and risen: with its gate shut, then open.
fn after_blackout(mut target: TargetHealth) -> [(&'static str, u16); 2] {
    target.observe(Moment(5000), &recovery(), evidence(DOWN, Gate::Shut));
    target.attribute_to_outage();
    [Gate::Shut, Gate::Open].map(|gate| {
        target.observe(Moment(5001), &recovery(), evidence(Verdict::Up, gate));
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
    target.observe(Moment(10), &recovery(), evidence(Up, Gate::Open));
    assert_eq!(after_blackout(target.clone()), [waits, ("healthy", 1000)]);
    target.observe(Moment(20), &recovery(), evidence(DOWN, Gate::Open));
    target.observe(Moment(4850), &recovery(), evidence(Up, Gate::Shut));
    assert_eq!(after_blackout(target.clone()), [waits, ("ramping", 50)]);
    target.observe(Moment(4850), &recovery(), evidence(Up, Gate::Open));
    target.observe(Moment(4960), &recovery(), evidence(Up, Gate::Open));
    assert_eq!(after_blackout(target), [waits, ("ramping", 200)]);
}

#[test]
fn a_blackout_neither_holds_nor_asks_for_a_word_nor_damps_a_later_fall() {
    use Gate::Open;
    let mut patient = Patient::new(Recovery {
        approval: Approval::Needed,
        delay: Span(50),
        ..recovery()
    });
    patient.see(10, DOWN, Open);
    patient.target.attribute_to_outage();
    assert_eq!(patient.see(20, Verdict::Up, Open), "healthy");
    patient.see(30, DOWN, Open);
    assert_eq!(patient.see(40, Verdict::Up, Open), "held");
    assert_eq!(patient.target.next_step(), Some(Moment(90)), "a first fall");
    patient.see(50, DOWN, Open);
    patient.target.attribute_to_outage();
    assert_eq!(patient.see(60, Verdict::Up, Open), "held", "it had nothing");
}

#[test]
fn nothing_is_kept_of_what_waits_for_its_gate() {
    let recovery = recovery();
    let mut target = TargetHealth::new(Moment(0));
    target.observe(Moment(0), &recovery, evidence(DOWN, Gate::Shut));
    target.observe(Moment(1), &recovery, evidence(Verdict::Up, Gate::Shut));
    target.observe(Moment(2), &recovery, evidence(DOWN, Gate::Shut));
    target.keep(KeepReason::Doubted);
    assert!(target.is_out());
}

#[test]
fn another_curve_never_lowers_a_share() {
    let (old, mut new) = (recovery(), recovery());
    new.steps = vec![Permille(100), Permille(300), Permille(1000)];
    let mut target = TargetHealth::new(Moment(0));
    target.observe(Moment(0), &old, evidence(DOWN, Gate::Open));
    target.observe(Moment(1), &old, evidence(Verdict::Up, Gate::Open));
    target.observe(Moment(101), &old, evidence(Verdict::Up, Gate::Open));
    target.adopt(&old, &new);
    assert_eq!(target.standing(&new, Span(9)).share, Permille(300));
    target.observe(Moment(201), &new, evidence(Verdict::Up, Gate::Open));
    assert_eq!(target.standing(&new, Span(9)).share, Permille::FULL);
}
