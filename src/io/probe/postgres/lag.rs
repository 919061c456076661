//! How far behind a standby is, and whether that is too much.
//!
//! Lag in bytes is what the primary has written and the standby has not replayed; it is never negative.
//! Lag in time is how old the last replayed transaction is, by the standby's own clock, but
//! nothing at all where the standby has replayed what there is to replay: a primary that is idle
//! writes nothing, and that is no lag. What there is to replay is the [`Goal`]: the position of the
//! primary, or, where none is named, what has been received, as long as the stream stands. A standby
//! that has lost its stream knows of no goal, and its last transaction grows old.
//!
//! It knows no connection and no clock; it reads answers.
use crate::base::Span;
use crate::monitor::postgres::PostgresCheck;

/// A position in the write-ahead log, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lsn(u64);

impl Lsn {
    /// How far a primary has written; nothing from a server that is none.
    pub(super) const QUESTION: &str =
        "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn() END";

    /// Reads `16/B374D848`: two hexadecimal halves of 32 bits.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let half = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
        Some(Self(half(high)? << 32 | half(low)?))
    }

    fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What a server says of its replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replay {
    /// It is not in recovery: a primary.
    Primary,
    /// A standby.
    Standby {
        /// The end of what came over the stream since the server started; still there when the
        /// stream is not.
        received: Option<Lsn>,
        /// The end of what has been replayed.
        replayed: Option<Lsn>,
        /// Whether a stream from another server stands.
        stream: Stream,
        /// How old the last replayed transaction is; absent if there was none since the start.
        age: Option<Span>,
    },
}

/// Whether a stream from another server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stands,
    Broken,
}

impl Replay {
    /// Any role may ask this: of the stream only that it is there is asked.
    pub(super) const QUESTION: &str = "SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), \
         pg_last_wal_replay_lsn(), EXISTS (SELECT FROM pg_stat_wal_receiver), \
         floor(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint";

    /// Reads the answer; `None` if it is not one.
    pub(super) fn read(answer: &[Option<String>]) -> Option<Self> {
        let [recovery, received, replayed, stream, age] = answer else {
            return None;
        };
        if !truth(recovery.as_deref()?)? {
            return Some(Self::Primary);
        }
        Some(Self::Standby {
            received: optional(received.as_deref(), Lsn::read)?,
            replayed: optional(replayed.as_deref(), Lsn::read)?,
            stream: match truth(stream.as_deref()?)? {
                true => Stream::Stands,
                false => Stream::Broken,
            },
            age: optional(age.as_deref(), milliseconds)?,
        })
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "t" => Some(true),
        "f" => Some(false),
        _ => None,
    }
}

/// A clock that was set back makes an age negative; that is none.
fn milliseconds(text: &str) -> Option<Span> {
    let number: i64 = text.parse().ok()?;
    Some(Span(u64::try_from(number).unwrap_or(0)))
}

/// Reads a value that may be absent; `None` if it is there and cannot be read.
fn optional<T>(value: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

/// How far a standby has to replay to be current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// To where the primary was.
    Primary(Lsn),
    /// To the end of what had been received.
    Received(Lsn),
    /// Nobody knows.
    Unknown,
}

impl Goal {
    pub(super) fn of(replay: &Replay, primary: Option<Lsn>) -> Self {
        match (primary, replay) {
            (Some(position), _) => Self::Primary(position),
            (
                None,
                Replay::Standby {
                    received: Some(end),
                    stream: Stream::Stands,
                    ..
                },
            ) => Self::Received(*end),
            (None, Replay::Standby { .. } | Replay::Primary) => Self::Unknown,
        }
    }

    fn is_reached(self, replayed: Option<Lsn>) -> bool {
        match self {
            Self::Primary(goal) | Self::Received(goal) => replayed >= Some(goal),
            Self::Unknown => false,
        }
    }
}

/// Whether the lag is allowed, and what there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lag {
    /// It is.
    Allowed,
    /// Too many bytes.
    Bytes,
    /// Too much time.
    Time,
}

/// Holds a standby against its goal and the limits of the monitor.
pub(super) fn judge(check: &PostgresCheck, replay: &Replay, goal: Goal) -> Lag {
    let Replay::Standby { replayed, age, .. } = *replay else {
        return Lag::Allowed;
    };
    if goal.is_reached(replayed) {
        return Lag::Allowed;
    }
    if let (Some(most), Goal::Primary(goal)) = (check.max_lag_bytes, goal)
        && goal.bytes_since(replayed.unwrap_or(Lsn(0))) > most
    {
        return Lag::Bytes;
    }
    match check.max_lag {
        Some(most) if age.is_none_or(|age| age > most) => Lag::Time,
        Some(_) | None => Lag::Allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::encryption::Encryption;

    fn check(max_lag: Option<u64>, max_lag_bytes: Option<u64>) -> PostgresCheck {
        PostgresCheck {
            user: "waypost".into(),
            password: None,
            database: "postgres".into(),
            primary: None,
            max_lag: max_lag.map(Span),
            max_lag_bytes,
            encryption: Encryption::default(),
        }
    }

    fn read(words: [&str; 5]) -> Option<Replay> {
        Replay::read(&words.map(|word| (word != "-").then(|| word.to_owned())))
    }

    #[test]
    fn positions_are_read_and_subtracted() {
        assert_eq!(Lsn::read("16/B374D848"), Some(Lsn(0x16_B374_D848)));
        assert_eq!(Lsn::read("0/0"), Some(Lsn(0)));
        for bad in ["", "/", "16", "x/1", "1/100000000", "1/2/3"] {
            assert_eq!(Lsn::read(bad), None, "{bad}");
        }
        let (old, new) = (Lsn(0xFFFF_FFF0), Lsn(0x1_0000_0010));
        assert_eq!(new.bytes_since(old), 0x20, "over the edge of a half");
        assert_eq!(old.bytes_since(new), 0, "ahead of the primary is no lag");
    }

    #[test]
    fn answers_are_read_or_refused() {
        assert_eq!(read(["f", "-", "-", "f", "-"]), Some(Replay::Primary));
        let standby = Replay::Standby {
            received: Some(Lsn(0x30)),
            replayed: Some(Lsn(0x20)),
            stream: Stream::Stands,
            age: Some(Span(1500)),
        };
        assert_eq!(read(["t", "0/30", "0/20", "t", "1500"]), Some(standby));
        let fresh = Replay::Standby {
            received: None,
            replayed: None,
            stream: Stream::Broken,
            age: Some(Span::ZERO),
        };
        assert_eq!(read(["t", "-", "-", "f", "-3"]), Some(fresh));
        for bad in [
            ["-", "-", "-", "f", "-"],
            ["yes", "-", "-", "f", "-"],
            ["t", "here", "-", "f", "-"],
            ["t", "-", "-", "-", "-"],
            ["t", "-", "-", "f", "soon"],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(Replay::read(&[]), None);
    }

    /// Judges a standby by its words, with a primary at a position or none.
    fn lag(check: &PostgresCheck, words: [&str; 5], primary: Option<&str>) -> Lag {
        let replay = read(words).unwrap();
        let primary = primary.map(|text| Lsn::read(text).unwrap());
        judge(check, &replay, Goal::of(&replay, primary))
    }

    #[test]
    fn bytes_and_time_are_held_against_the_limits() {
        let both = check(Some(5000), Some(0x100));
        for (words, primary, expected) in [
            // Caught up with the primary: an idle one is no lag, however old its last word.
            (
                ["t", "0/500", "0/500", "t", "9999999"],
                Some("0/500"),
                Lag::Allowed,
            ),
            (["t", "-", "0/501", "f", "-"], Some("0/500"), Lag::Allowed),
            (
                ["t", "0/500", "0/400", "t", "5000"],
                Some("0/500"),
                Lag::Allowed,
            ),
            (
                ["t", "0/500", "0/3FF", "t", "10"],
                Some("0/500"),
                Lag::Bytes,
            ),
            (
                ["t", "0/500", "0/400", "t", "5001"],
                Some("0/500"),
                Lag::Time,
            ),
            // Nothing replayed at all, or nothing known of when.
            (["t", "-", "-", "f", "-"], Some("0/500"), Lag::Bytes),
            (["t", "-", "0/4FF", "f", "-"], Some("0/500"), Lag::Time),
            // Without a primary: what was received, while the stream stands.
            (["t", "0/500", "0/500", "t", "9999999"], None, Lag::Allowed),
            (["t", "0/500", "0/500", "f", "9999999"], None, Lag::Time),
            (["t", "0/900", "0/500", "t", "5000"], None, Lag::Allowed),
            (["t", "0/900", "0/500", "t", "5001"], None, Lag::Time),
            (["t", "-", "0/500", "t", "5001"], None, Lag::Time),
            (["t", "-", "0/500", "f", "4000"], None, Lag::Allowed),
            // A primary passes, whatever another primary says.
            (["f", "-", "-", "f", "-"], Some("9/0"), Lag::Allowed),
            (["f", "-", "-", "f", "-"], None, Lag::Allowed),
        ] {
            assert_eq!(
                lag(&both, words, primary),
                expected,
                "{words:?} {primary:?}"
            );
        }
    }

    #[test]
    fn a_limit_that_is_not_set_is_not_held() {
        let far = ["t", "9/0", "0/500", "t", "9999999"];
        assert_eq!(lag(&check(None, None), far, Some("9/0")), Lag::Allowed);
        assert_eq!(lag(&check(None, Some(1)), far, Some("9/0")), Lag::Bytes);
        assert_eq!(lag(&check(Some(1), None), far, Some("9/0")), Lag::Time);
        // Bytes are counted from a primary only.
        assert_eq!(lag(&check(None, Some(1)), far, None), Lag::Allowed);
    }
}
