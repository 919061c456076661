//! Cuts a stream into messages: two octets of length, then the message (RFC 7766, section 8).
//!
//! The buffer starts small and grows to the length that a frame announces, never past it, so a
//! connection holds [`START`] octets until it really sends more, and never more than one
//! frame of the greatest length. What was read is kept when a wait is cancelled.
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Octets of a buffer before it grows: many pipelined queries, or one with all its options.
const START: usize = 1024;
/// Octets of the length in front.
const PREFIX: usize = super::PREFIX;

/// What has been read and not yet taken.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; START],
            filled: 0,
            taken: 0,
        }
    }

    /// The next whole message, if it is there.
    pub(super) fn take(&mut self) -> Option<&[u8]> {
        if !self.has_message() {
            return None;
        }
        let length = self.announced()?;
        let start = self.taken + PREFIX;
        self.taken = start + length;
        Some(&self.buffer[start..start + length])
    }

    /// Tells whether a whole message is there.
    pub(super) fn has_message(&self) -> bool {
        let ahead = self.filled - self.taken;
        self.announced()
            .is_some_and(|length| ahead >= PREFIX + length)
    }

    /// Tells whether a message has begun to arrive, or is there.
    pub(super) fn is_within_a_message(&self) -> bool {
        self.filled > self.taken
    }

    /// Reads once; gives how many octets came, none at the end of the stream.
    pub(super) async fn fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<usize> {
        self.make_room();
        let read = stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        Ok(read)
    }

    fn announced(&self) -> Option<usize> {
        let ahead = &self.buffer[self.taken..self.filled];
        let prefix = ahead.first_chunk::<PREFIX>()?;
        Some(usize::from(u16::from_be_bytes(*prefix)))
    }

    /// Moves what is left to the front, and makes the buffer as long as its frame, or as short.
    fn make_room(&mut self) {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        let wanted = self.announced().map_or(START, |length| length + PREFIX);
        let length = wanted.max(START).max(self.filled);
        if self.buffer.len() != length {
            self.buffer.resize(length, 0);
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(stream: &[u8]) -> (Vec<Vec<u8>>, Frames) {
        let (mut frames, mut rest, mut found) = (Frames::new(), stream, Vec::new());
        while frames.fill(&mut rest).await.unwrap() > 0 {
            while let Some(message) = frames.take() {
                found.push(message.to_vec());
            }
        }
        (found, frames)
    }

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = u16::try_from(length).unwrap().to_be_bytes().to_vec();
        frame.extend((0..length).map(|index| u8::try_from(index % 251).unwrap()));
        frame
    }

    #[tokio::test]
    async fn streams_are_cut_where_frames_end() {
        let lengths = [12, 0, 600, 1022, 1023, 65_535, 30, 1];
        let stream: Vec<u8> = lengths.iter().flat_map(|&length| frame(length)).collect();
        let (found, frames) = read(&stream).await;
        let expected: Vec<Vec<u8>> = lengths
            .iter()
            .map(|&one| frame(one)[2..].to_vec())
            .collect();
        assert_eq!(found, expected);
        assert!(!frames.is_within_a_message());
        assert_eq!(frames.buffer.len(), START, "a grown buffer shrinks again");
    }

    #[tokio::test]
    async fn half_a_frame_is_not_taken() {
        for cut in [1, 2, 3, 101] {
            let (found, frames) = read(&frame(100)[..cut]).await;
            assert_eq!(found, Vec::<Vec<u8>>::new());
            assert!(frames.is_within_a_message());
        }
    }
}
