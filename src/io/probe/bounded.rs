//! A connection that is read by lines and by numbers of octets, and never further than a probe may read.
//!
//! For protocols in which client and server take turns. All that comes counts against [`limits::PROBE_BODY_BYTES`], so that
//! neither a length that a stranger made up nor a line without an end costs more than that. Errors are already what they
//! mean for the endpoint. It knows no time: whoever awaits it sets the deadline.
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::cause;
use crate::base::{Cause, limits};

/// A connection of which so much may still be read.
#[derive(Debug)]
pub(super) struct BoundedStream<S> {
    stream: S,
    /// Octets that have come and have not been taken yet.
    heard: Vec<u8>,
    budget: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> BoundedStream<S> {
    /// Nothing has come yet.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            heard: Vec::new(),
            budget: limits::PROBE_BODY_BYTES,
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// That of the connection.
    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), Cause> {
        let sent = async {
            self.stream.write_all(message).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| cause::of_answer(&error))
    }

    /// The next line, without its end (LF, or CR and LF).
    ///
    /// # Errors
    /// That of the connection; [`Cause::Protocol`] for a line that is longer than what may be read.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, Cause> {
        let mut searched = 0;
        loop {
            let found = self.heard[searched..]
                .iter()
                .position(|octet| *octet == b'\n');
            if let Some(end) = found {
                let mut line: Vec<u8> = self.heard.drain(..=searched + end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.heard.len();
            self.hear().await?;
        }
    }

    /// The next octets, so many of them.
    ///
    /// # Errors
    /// That of the connection; [`Cause::Protocol`] for more than what may be read.
    pub(super) async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Cause> {
        if count > self.heard.len() + self.budget {
            return Err(Cause::Protocol);
        }
        while self.heard.len() < count {
            self.hear().await?;
        }
        Ok(self.heard.drain(..count).collect())
    }

    /// The connection, for what goes on over it in another way.
    ///
    /// # Errors
    /// [`Cause::Protocol`] when the peer has said more already: what comes in clear behind its consent to encrypt is not its
    /// (RFC 3207, section 6).
    pub(super) fn into_stream(self) -> Result<S, Cause> {
        match self.heard.is_empty() {
            true => Ok(self.stream),
            false => Err(Cause::Protocol),
        }
    }

    /// The connection, to be closed; what has come does not matter any more.
    pub(super) fn into_closing(self) -> S {
        self.stream
    }

    async fn hear(&mut self) -> Result<(), Cause> {
        if self.budget == 0 {
            return Err(Cause::Protocol);
        }
        let room = u64::try_from(self.budget).unwrap_or(u64::MAX);
        let read = (&mut self.stream)
            .take(room)
            .read_buf(&mut self.heard)
            .await;
        let read = read.map_err(|error| cause::of_answer(&error))?;
        self.budget -= read;
        match read {
            0 => Err(Cause::Reset),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, duplex};

    async fn heard(says: &[u8]) -> BoundedStream<tokio::io::DuplexStream> {
        let (near, mut far) = duplex(1 << 20);
        far.write_all(says).await.unwrap();
        BoundedStream::new(near)
    }

    #[tokio::test]
    async fn lines_and_octets_follow_each_other() {
        let mut stream = heard(b"one\r\ntwo\n\r\n12345rest\r\n").await;
        for line in [&b"one"[..], b"two", b""] {
            assert_eq!(stream.line().await, Ok(line.to_vec()));
        }
        assert_eq!(stream.exactly(5).await, Ok(b"12345".to_vec()));
        assert_eq!(stream.exactly(0).await, Ok(Vec::new()));
        assert_eq!(stream.line().await, Ok(b"rest".to_vec()));
        assert_eq!(stream.line().await, Err(Cause::Reset));
    }

    #[tokio::test]
    async fn no_more_is_read_than_a_probe_may_read() {
        let endless = vec![b'a'; 2 * limits::PROBE_BODY_BYTES];
        let mut stream = heard(&endless).await;
        assert_eq!(stream.line().await, Err(Cause::Protocol));
        assert_eq!(stream.heard.len(), limits::PROBE_BODY_BYTES);
        let mut stream = heard(&endless).await;
        assert_eq!(
            stream.exactly(limits::PROBE_BODY_BYTES + 1).await,
            Err(Cause::Protocol)
        );
        assert!(stream.exactly(limits::PROBE_BODY_BYTES).await.is_ok());
        assert_eq!(stream.exactly(1).await, Err(Cause::Protocol));
        assert_eq!(stream.exactly(usize::MAX).await, Err(Cause::Protocol));
    }

    #[tokio::test]
    async fn what_came_in_clear_is_not_taken_for_encrypted() {
        let mut stream = heard(b"220 go on\r\n250 forged\r\n").await;
        assert!(stream.line().await.is_ok());
        assert_eq!(stream.into_stream().err(), Some(Cause::Protocol));
        let mut stream = heard(b"220 go on\r\n").await;
        assert!(stream.line().await.is_ok());
        assert!(stream.into_stream().is_ok());
    }
}
