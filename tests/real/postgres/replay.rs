//! A standby whose replay stops, goes on, dies and comes back.
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use waypost::base::{Cause, Span};
use waypost::health::ProbeResult;
use waypost::monitor::postgres::PostgresCheck;
use waypost::plan::Secret;

use super::cluster::{Cluster, free_port};
use crate::probing::{PATIENCE, check, fail, probe, probe_within};

/// Limits that a paused replay breaks, and a primary to be held against.
fn strict(cluster: &Cluster) -> PostgresCheck {
    PostgresCheck {
        primary: Some(parts(cluster.primary.address)),
        max_lag: Some(Span(200)),
        max_lag_bytes: Some(100_000),
        ..check()
    }
}

/// As a plan names a primary.
fn parts(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

/// Probes until the probe passes.
async fn until_it_passes(at: SocketAddr, check: &PostgresCheck) {
    let begun = tokio::time::Instant::now();
    while probe(at, check.clone()).await != ProbeResult::Pass {
        assert!(begun.elapsed() < PATIENCE, "it never catches up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_judged_by_what_it_has_replayed() {
    let mut cluster = Cluster::start();
    let (primary, standby) = (cluster.primary.address, cluster.standby.address);
    let strict = strict(&cluster);
    assert_eq!(probe(primary, strict.clone()).await, ProbeResult::Pass);
    cluster.write();
    until_it_passes(standby, &strict).await;
    // Nothing is written for longer than the lag that is allowed: an idle primary is no lag.
    let instant = PostgresCheck {
        max_lag: Some(Span(1)),
        max_lag_bytes: Some(0),
        ..strict.clone()
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(probe(standby, instant.clone()).await, ProbeResult::Pass);
    let without_primary = |max_lag| PostgresCheck {
        max_lag: Some(Span(max_lag)),
        ..check()
    };
    assert_eq!(probe(standby, without_primary(1)).await, ProbeResult::Pass);

    cluster.standby.sql("SELECT pg_wal_replay_pause()");
    cluster.write();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let by_bytes = PostgresCheck {
        max_lag: None,
        ..strict.clone()
    };
    let by_time = PostgresCheck {
        max_lag_bytes: None,
        ..strict.clone()
    };
    let generous = PostgresCheck {
        max_lag: Some(Span::from_secs(3600)),
        max_lag_bytes: Some(1 << 30),
        ..strict.clone()
    };
    for (check, expected) in [
        (by_bytes, fail(Cause::Behind)),
        (by_time, fail(Cause::Behind)),
        (without_primary(200), fail(Cause::Behind)),
        (without_primary(3_600_000), ProbeResult::Pass),
        (generous, ProbeResult::Pass),
        (check(), ProbeResult::Pass),
    ] {
        assert_eq!(probe(standby, check.clone()).await, expected, "{check:?}");
    }
    cluster.standby.sql("SELECT pg_wal_replay_resume()");
    until_it_passes(standby, &strict).await;

    // The region is lost, and comes back behind: a delay holds its replay until it is let go.
    cluster.standby.set("recovery_min_apply_delay", "1h");
    cluster.standby.kill();
    assert_eq!(probe(standby, strict.clone()).await, fail(Cause::Refused));
    cluster.write();
    cluster.standby.start();
    for _ in 0..3 {
        assert_eq!(probe(standby, strict.clone()).await, fail(Cause::Behind));
    }
    cluster.standby.set("recovery_min_apply_delay", "0");
    until_it_passes(standby, &strict).await;

    // The stream breaks. What was received is replayed, but is that all there is?
    let source = cluster.standby.sql("SHOW primary_conninfo");
    cluster.standby.set("primary_conninfo", "");
    let receivers = "SELECT count(*) FROM pg_stat_wal_receiver";
    let begun = tokio::time::Instant::now();
    while cluster.standby.sql(receivers) != "0" {
        assert!(begun.elapsed() < PATIENCE, "the stream stands");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let broken = probe(standby, without_primary(200)).await;
    assert_eq!(broken, fail(Cause::Behind));
    assert_eq!(probe(standby, instant).await, ProbeResult::Pass);
    cluster.standby.set("primary_conninfo", &source);
    until_it_passes(standby, &without_primary(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_proved_refused_and_ended() {
    let cluster = Cluster::start();
    let (primary, standby) = (cluster.primary.address, cluster.standby.address);
    let as_elder = PostgresCheck {
        user: "elder".to_owned(),
        ..check()
    };
    assert_eq!(probe(primary, as_elder).await, ProbeResult::Pass, "by MD5");
    let with_password = |password: Option<&str>| PostgresCheck {
        password: password.map(|text| Secret(text.to_owned())),
        ..check()
    };
    let at_database = PostgresCheck {
        database: "nowhere".to_owned(),
        ..check()
    };
    for refused in [
        with_password(Some("wrong")),
        with_password(None),
        at_database,
    ] {
        let outcome = probe(standby, refused.clone()).await;
        assert_eq!(outcome, fail(Cause::Login), "{refused:?}");
    }

    // What becomes of the standby when its primary cannot be asked.
    let held_against = |host: &str, port| PostgresCheck {
        primary: Some((host.to_owned(), port)),
        max_lag: Some(Span::from_secs(3600)),
        ..check()
    };
    let closed = free_port(Ipv4Addr::LOCALHOST);
    for (host, port) in [
        ("127.0.0.1", closed),
        ("127.0.0.2", standby.port()),
        ("no-such-host.invalid", primary.port()),
    ] {
        let outcome = probe(standby, held_against(host, port)).await;
        assert_eq!(outcome, fail(Cause::Behind), "{host}:{port}");
    }
    let by_name = held_against("localhost", primary.port());
    assert_eq!(probe(standby, by_name).await, ProbeResult::Pass);

    // A primary that says nothing costs the probe its time, and nothing more.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let report = probe_within(Span(1000), standby, held_against("127.0.0.1", port)).await;
    assert_eq!(report.outcome, fail(Cause::Behind));
    assert!((1_000_000..20_000_000).contains(&report.timing.total_us));
    assert!(report.timing.response_us > 0);
    let (mut stream, _) = silent.accept().await.unwrap();
    let mut said = Vec::new();
    let leaves = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await;
    leaves.expect("the probe leaves").unwrap();
    assert!(!said.is_empty(), "the probe asked, and has left");

    let begun = tokio::time::Instant::now();
    for server in [&cluster.primary, &cluster.standby] {
        while server.probe_sessions() != "0" {
            assert!(begun.elapsed() < PATIENCE, "a session of a probe is left");
        }
    }
}
