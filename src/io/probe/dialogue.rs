//! A few octets sent, and a text looked for in what comes back.
//!
//! It passes as soon as the text has come. What comes is read to [`limits::PROBE_DIALOGUE_BYTES`] and no
//! further, so an endless stream costs no more than that; what stands past it is not searched. A peer
//! that says something else and then ends, goes on too long or waits has failed by its answer; one that says nothing
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
    if *dialogue == Dialogue::default() {
        return Ok(());
    }
    let mut heard = Vec::new();
    let exchange = async {
        if let Some(text) = &dialogue.send {
            send(stream, text).await?;
        }
        match &dialogue.expect {
            Some(text) => listen(stream, text.as_bytes(), &mut heard).await,
            None => Ok(()),
        }
    };
    let result = attempt.exchange(exchange).await;
    match result {
        Err(Cause::ResponseTimeout | Cause::Reset) if !heard.is_empty() => Err(Cause::Answer),
        other => other,
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) -> Result<(), Cause> {
    let sent = async {
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| cause::of_answer(&error))
}

/// Reads until a text has come.
async fn listen<S: AsyncRead + Unpin>(
    stream: &mut S,
    text: &[u8],
    heard: &mut Vec<u8>,
) -> Result<(), Cause> {
    let mut room = stream.take(u64::try_from(limits::PROBE_DIALOGUE_BYTES).unwrap_or(u64::MAX));
    loop {
        let searched = heard.len().saturating_sub(text.len());
        let read = room.read_buf(heard).await;
        if read.map_err(|error| cause::of_answer(&error))? == 0 {
            break;
        }
        if heard[searched..]
            .windows(text.len())
            .any(|window| window == text)
        {
            return Ok(());
        }
    }
    match heard.is_empty() {
        true => Err(Cause::Reset),
        false => Err(Cause::Answer),
    }
}
