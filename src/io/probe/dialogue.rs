//! A few octets sent, and a text looked for in what comes back, step by step.
//!
//! A step is over as soon as its text has come, and the next one looks at what comes after that. What comes is read to [`limits::PROBE_DIALOGUE_BYTES`] and no
//! further, so an endless stream costs no more than that; what stands past it is not searched. A peer
//! that says something else in a step and then ends, goes on too long or waits has failed by its answer; one that says nothing
//! has closed too early or let the time run out.
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::attempt::Attempt;
use super::cause;
use crate::base::{Cause, limits};
use crate::monitor::dialogue::Dialogue;

/// Holds a dialogue over a connection that stands.
///
/// # Errors
/// What is wrong with the answer, or why none came.
pub(super) async fn hold<S>(
    dialogue: &Dialogue,
    stream: &mut S,
    attempt: &mut Attempt<'_>,
) -> Result<(), Cause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if dialogue.steps.is_empty() {
        return Ok(());
    }
    let mut heard = HeardOctets::default();
    let exchange = async {
        for step in &dialogue.steps {
            if let Some(text) = &step.send {
                send(stream, text).await?;
            }
            if let Some(text) = &step.expect {
                heard.listen(stream, text.as_bytes()).await?;
            }
        }
        Ok(())
    };
    let result = attempt.exchange(exchange).await;
    match result {
        Err(Cause::ResponseTimeout | Cause::Reset) if !heard.is_over() => Err(Cause::Answer),
        other => other,
    }
}

/// All that has come, and the part of it that steps which are over have found.
#[derive(Default)]
struct HeardOctets {
    octets: Vec<u8>,
    over: usize,
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) -> Result<(), Cause> {
    let sent = async {
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| cause::of_answer(&error))
}

impl HeardOctets {
    /// Tells that nothing has come since the last step.
    fn is_over(&self) -> bool {
        self.over == self.octets.len()
    }

    /// Reads until a text has come.
    async fn listen<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        text: &[u8],
    ) -> Result<(), Cause> {
        let left = limits::PROBE_DIALOGUE_BYTES.saturating_sub(self.octets.len());
        let mut room = stream.take(u64::try_from(left).unwrap_or(u64::MAX));
        let mut searched = self.over;
        loop {
            let mut windows = self.octets[searched..].windows(text.len());
            if let Some(place) = windows.position(|window| window == text) {
                self.over = searched + place + text.len();
                return Ok(());
            }
            let whole = self.octets.len() + 1;
            searched = self.over.max(whole.saturating_sub(text.len()));
            let read = room.read_buf(&mut self.octets).await;
            if read.map_err(|error| cause::of_answer(&error))? == 0 {
                break;
            }
        }
        match self.is_over() {
            true => Err(Cause::Reset),
            false => Err(Cause::Answer),
        }
    }
}
