//! One probe at a time, by the real prober.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;
use waypost::base::{Cause, Family, Permille, SlotId, Span};
use waypost::engine::ProbeId;
use waypost::health::{ProbeResult, Report};
use waypost::io::clock::Clock;
use waypost::io::probe::Prober;
use waypost::monitor::encryption::Encryption;
use waypost::monitor::postgres::PostgresCheck;
use waypost::plan::{AllDown, Check, Guard, Residency, Secret};
use waypost::sim::TestSteering;
use waypost::sim::test_plan::{Gating, Patience, Probing, TestEndpoint, TestPlan, TestService};

/// Longer than any server takes to start or to stop here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than anything takes here, however busy the machine.
pub(crate) const LONG: Span = Span(30_000);

/// Logs in as the tests do, and allows any lag.
pub(crate) fn check() -> PostgresCheck {
    PostgresCheck {
        user: "waypost".to_owned(),
        password: Some(Secret("right".to_owned())),
        database: "postgres".to_owned(),
        primary: None,
        max_lag: None,
        max_lag_bytes: None,
        encryption: Encryption::default(),
    }
}

/// A service whose returns wait for a gate: slot 0 is its machine, slot 1 that one's gate.
fn test_plan() -> TestPlan {
    let machine = TestEndpoint {
        number: 0,
        region: 0,
        tier: 1,
        weight: 1,
        capacity: None,
        families: vec![Family::V4],
    };
    TestPlan {
        regions: 1,
        machines: vec![machine],
        services: vec![TestService {
            residency: Residency::Any,
            all_down: AllDown::FailOpen,
            answers: 1,
            gating: Gating::Gated,
            min_up: Permille::NONE,
            steering: TestSteering::default(),
        }],
        probing: Probing {
            interval: Span(200),
            near_interval: Span(100),
            timeout: LONG,
            fall: 2,
            rise: 2,
            slow_after: None,
            degraded: None,
        },
        steps: [100, 500, 1000].map(Permille).to_vec(),
        every: Span(1000),
        patience: Patience::NONE,
        canaries: 0,
        guard: Guard::DEFAULT,
        edition: 1,
    }
}

/// Probes an address once. What was started has ended when this returns.
pub(crate) async fn probe_within(timeout: Span, at: SocketAddr, check: PostgresCheck) -> Report {
    let (sender, mut reports) = unbounded_channel();
    let mut prober = Prober::new(&Handle::current(), Clock::start(), sender).unwrap();
    let user = check.user.clone();
    let mut plan = Arc::into_inner(test_plan().plan()).unwrap();
    plan.monitors[1].check = Check::Postgres(check);
    plan.monitors[1].timeout = timeout;
    plan.slots[1].address = at;
    assert_eq!(prober.use_plan(0, Arc::new(plan)), []);
    let shown = format!("{prober:?}");
    assert!(shown.contains(&user) && !shown.contains("right"));
    let id = ProbeId {
        epoch: 0,
        slot: SlotId(1),
    };
    prober.start(id, waypost::base::Moment(0));
    let patience = Duration::from_secs(60);
    let finished = tokio::time::timeout(patience, reports.recv()).await;
    finished.unwrap().unwrap().report
}

/// What a probe concludes.
pub(crate) async fn probe(at: SocketAddr, check: PostgresCheck) -> ProbeResult {
    probe_within(LONG, at, check).await.outcome
}

pub(crate) fn fail(cause: Cause) -> ProbeResult {
    ProbeResult::Fail(cause)
}
