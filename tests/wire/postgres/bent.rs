//! Frames of a server, bent: the probe comes to an end, and never shows its password.
use std::time::Duration;

use waypost::base::Draws;

use super::{judge, login, message, ready, row, welcome};
use crate::bend::{Bender, rounds};

const CONVERSATIONS: u64 = 400;

/// Conversations that go well, as far as a fake can go: what the server says in turn.
fn conversations() -> Vec<Vec<Vec<u8>>> {
    let answer = [
        row(&[Some("f"), None, None, Some("f"), None]),
        message(b'C', b"SELECT 1\0"),
        ready(),
    ];
    let replica = [
        row(&[
            Some("t"),
            Some("0/3000060"),
            Some("0/3000060"),
            Some("t"),
            Some("12"),
        ]),
        ready(),
    ];
    vec![
        vec![welcome(), answer.concat()],
        vec![welcome(), replica.concat()],
        vec![login(5, b"salt"), welcome(), answer.concat()],
        vec![
            login(10, b"SCRAM-SHA-256\0\0"),
            login(11, b"r=nonce,s=c2FsdA==,i=4096"),
            login(12, b"v=bm8gaWRlYQ=="),
        ],
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bent_frames_end_a_probe_and_learn_no_password() {
    let conversations = conversations();
    let seeds: Vec<Vec<u8>> = conversations.iter().flatten().cloned().collect();
    let mut bender = Bender {
        seeds: &seeds,
        words: &[],
        draws: Draws::from_seed(0x96),
    };
    let mut passed = 0;
    for _ in 0..rounds(CONVERSATIONS) {
        let mut replies = conversations[bender.index(conversations.len())].clone();
        let at = bender.index(replies.len());
        bender.bend(&mut replies[at]);
        let shown: Vec<_> = replies
            .iter()
            .map(|reply| reply.escape_ascii().to_string())
            .collect();
        let judged = tokio::time::timeout(Duration::from_secs(60), judge(replies));
        let (outcome, heard) = judged
            .await
            .unwrap_or_else(|_| panic!("no end to {shown:?}"));
        let told = heard.windows(5).any(|word| word == b"right");
        assert!(!told, "{shown:?}");
        passed += u32::from(outcome == waypost::health::Outcome::Pass);
    }
    assert!(passed > 10, "{passed} pass: what was bent was too much");
}
