//! The last messages to readers of the live state, as many as are kept for those who come back.
//!
//! A message has a number, and the time at which its server started before it: the number of another server means nothing. Whoever
//! comes with a number that is kept is told what has followed; anybody else is told the whole. It knows not what is told.
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::limits::{LIVE_BYTES, LIVE_MESSAGES};

/// A message as it goes out.
#[derive(Debug)]
pub(super) struct LiveMessage {
    number: u64,
    /// The lines of a server-sent event (HTML, section 9.2.6).
    pub(super) text: Bytes,
}

/// The last messages.
#[derive(Debug)]
pub(super) struct MessageRing {
    session: u64,
    last: u64,
    kept: VecDeque<Arc<LiveMessage>>,
    bytes: usize,
}

/// Messages for one who comes back.
#[derive(Debug)]
pub(super) enum MissedMessages {
    /// Those that have followed.
    From(Vec<Arc<LiveMessage>>),
    /// The whole, for nobody knows any more what has followed.
    Anew,
}

impl MessageRing {
    /// No message yet; `session` tells servers apart.
    pub(super) fn new(session: u64) -> Self {
        Self {
            session,
            last: 0,
            kept: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Adds a message of some kind; its data has no line end.
    pub(super) fn add(&mut self, kind: &str, data: &str) -> Arc<LiveMessage> {
        self.last += 1;
        let message = Arc::new(self.message(kind, data));
        self.bytes += message.text.len();
        self.kept.push_back(Arc::clone(&message));
        while self.kept.len() > LIVE_MESSAGES || self.bytes > LIVE_BYTES {
            let Some(gone) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= gone.text.len();
        }
        message
    }

    /// The whole as it stands after the last message; it is kept by nobody.
    pub(super) fn whole(&self, data: &str) -> LiveMessage {
        self.message("whole", data)
    }

    /// Gives what has followed the message that one names as the last.
    pub(super) fn since(&self, last: &str) -> MissedMessages {
        let read = last.split_once('-').and_then(|(session, number)| {
            let session: u64 = session.parse().ok()?;
            (session == self.session).then_some(number.parse::<u64>().ok()?)
        });
        let first = self.kept.front().map_or(self.last + 1, |own| own.number);
        match read {
            Some(read) if read <= self.last && read + 1 >= first => {
                let missed = self.kept.iter().filter(|own| own.number > read);
                MissedMessages::From(missed.cloned().collect())
            }
            Some(_) | None => MissedMessages::Anew,
        }
    }

    fn message(&self, kind: &str, data: &str) -> LiveMessage {
        let (session, number) = (self.session, self.last);
        let text = format!("id: {session}-{number}\nevent: {kind}\ndata: {data}\n\n");
        LiveMessage {
            number,
            text: text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resumed: MissedMessages) -> Option<Vec<u64>> {
        match resumed {
            MissedMessages::From(missed) => Some(missed.iter().map(|own| own.number).collect()),
            MissedMessages::Anew => None,
        }
    }

    #[test]
    fn whoever_comes_back_in_time_is_told_what_followed() {
        let mut ring = MessageRing::new(7);
        assert_eq!(told(ring.since("7-0")), Some(vec![]));
        for number in 1..=3 {
            let message = ring.add("patch", "{}");
            let text = format!("id: 7-{number}\nevent: patch\ndata: {{}}\n\n");
            assert_eq!(message.text, text);
        }
        for (last, expected) in [
            ("7-0", Some(vec![1, 2, 3])),
            ("7-2", Some(vec![3])),
            ("7-3", Some(vec![])),
            ("7-4", None),
            ("8-2", None),
            ("", None),
            ("7-x", None),
        ] {
            assert_eq!(told(ring.since(last)), expected, "{last}");
        }
        assert!(
            ring.whole("{}")
                .text
                .starts_with(b"id: 7-3\nevent: whole\n")
        );
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut ring = MessageRing::new(7);
        for _ in 0..=LIVE_MESSAGES {
            ring.add("patch", "{}");
        }
        assert_eq!(told(ring.since("7-0")), None, "the first is gone");
        assert_eq!(
            told(ring.since("7-1")).map(|own| own.len()),
            Some(LIVE_MESSAGES)
        );
        ring.add("patch", &"x".repeat(LIVE_BYTES));
        assert!(ring.kept.is_empty() && ring.bytes == 0);
        let last = LIVE_MESSAGES as u64 + 2;
        assert_eq!(told(ring.since(&format!("7-{last}"))), Some(vec![]));
    }
}
