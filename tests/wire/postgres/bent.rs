//! Frames of a server, bent: the probe comes to an end, and never shows its password.
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use waypost::base::Draws;
use waypost::health::ProbeResult;

use super::{login, message, ready, row, welcome};
use crate::bend::{Bender, rounds};
use crate::probing::{PATIENCE, check, probe};

const CONVERSATIONS: u64 = 1000;

/// All that a server says in a conversation that goes well, as far as a fake can go.
fn conversations() -> Vec<Vec<u8>> {
    let primary = row(&[Some("f"), None, None, Some("f"), None]);
    let standby = row(&[
        Some("t"),
        Some("0/3000060"),
        Some("0/3000060"),
        Some("t"),
        Some("12"),
    ]);
    let end = [message(b'C', b"SELECT 1\0"), ready()].concat();
    vec![
        [&welcome()[..], &primary, &end].concat(),
        [&welcome()[..], &standby, &end].concat(),
        [&login(5, b"salt")[..], &welcome(), &primary, &end].concat(),
        [
            login(10, b"SCRAM-SHA-256\0\0"),
            login(11, b"r=nonce,s=c2FsdA==,i=4096"),
            login(12, b"v=bm8gaWRlYQ=="),
            welcome(),
        ]
        .concat(),
    ]
}

/// Says all of it at once and nothing more; gives its address, and what it heard.
async fn server(says: Vec<u8>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        // The probe may be gone before all is said.
        let _ = stream.write_all(&says).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn bent_frames_end_a_probe_and_learn_no_password() {
    let seeds = conversations();
    let mut bender = Bender {
        seeds: &seeds,
        words: &[],
        draws: Draws::from_seed(0x96),
    };
    let mut passed = 0;
    for _ in 0..rounds(CONVERSATIONS) {
        let says = bender.bent();
        let shown = says.escape_ascii().to_string();
        let (address, heard) = server(says).await;
        let judged = tokio::time::timeout(PATIENCE, probe(address, check())).await;
        let outcome = judged.unwrap_or_else(|_| panic!("no end to {shown}"));
        let heard = tokio::time::timeout(PATIENCE, heard).await;
        let heard = heard.expect("the probe leaves").unwrap();
        let told = heard.windows(5).any(|word| word == b"right");
        assert!(!told, "{shown}");
        passed += u64::from(outcome == ProbeResult::Pass);
    }
    assert!(
        passed > rounds(10),
        "{passed} pass: what was bent was too much"
    );
}
