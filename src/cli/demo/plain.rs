//! Lines, where there is no terminal.
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::stage::{Stage, Turn};
use crate::base::{ServiceId, Span};
use crate::cli::{is_heard, say};
use crate::daemon::Failure;

/// Time between two looks.
const TURN: Duration = Duration::from_millis(50);

/// Plays to the end, or until it is interrupted, and prints what happens, line by line.
pub(super) fn show(runtime: &Runtime, stage: &mut Stage) -> Result<(), Failure> {
    say(&format!("waypost demo: answering on {}", stage.address));
    let told = |error: std::io::Error| format!("cannot wait for signals: {error}");
    let mut ends = runtime.block_on(async {
        let interrupt = signal(SignalKind::interrupt()).map_err(told)?;
        Ok::<_, Failure>([interrupt, signal(SignalKind::terminate()).map_err(told)?])
    })?;
    let mut printed = 0;
    let mut answers = String::new();
    loop {
        let turn = runtime.block_on(stage.turn())?;
        for event in &stage.events[printed..] {
            say(&event_line(event));
        }
        printed = stage.events.len();
        let now = answers_line(stage);
        if now != answers && stage.has_begun() {
            let at = stage.elapsed();
            say(&format!(
                "{:>4}.{:01}s    generation {}: {now}",
                at.0 / 1000,
                at.0 % 1000 / 100,
                stage.status.generation
            ));
            answers = now;
        }
        if turn == Turn::Over || !is_heard() || runtime.block_on(is_ended(&mut ends)) {
            return Ok(());
        }
    }
}

/// Waits for the next look; whether someone ends it meanwhile.
async fn is_ended([interrupt, terminate]: &mut [Signal; 2]) -> bool {
    tokio::select! {
        () = tokio::time::sleep(TURN) => false,
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
    }
}

/// An event with the time since the play began.
pub(super) fn event_line((at, text): &(Span, String)) -> String {
    format!("{:>4}.{:01}s  {text}", at.0 / 1000, at.0 % 1000 / 100)
}

/// What each client gets for the first service.
fn answers_line(stage: &Stage) -> String {
    let words: Vec<String> = Stage::countries()
        .map(|(client, country)| {
            let answer = stage
                .answer_of(client, ServiceId(0))
                .map_or("-", |(name, _)| name);
            format!("{country}→{answer}")
        })
        .collect();
    words.join("  ")
}
