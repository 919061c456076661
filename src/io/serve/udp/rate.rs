//! How many replies each has had: a fixed number of buckets in one array.
//!
//! ```text
//! a bucket says when it will be full again:        now       now + BURST      now + BURST + window
//!                                                   |--- replies ---|------- none -------|
//! each reply puts that off by 1/rate seconds        full            empty                it is put off no further
//! ```
//!
//! So a bucket gives a second's replies at once and then as many per second; who asks for more runs into
//! debt, gets nothing while it lasts, and pays it by asking for less. A bucket is one word: 16 bits to
//! tell whose it is, 48 bits of time. Eight lie in one line of the processor's cache, and one hash says
//! which eight. Where none of them is its own, a newcomer takes the one that is fullest: who owes most
//! is remembered longest. Threads share them without locks: a lost race costs a few replies.
//!
//! Whose a hash is, and what becomes of those who get nothing, is not known here.
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::limits::RATE_BUCKETS;
use crate::base::{Moment, Span};

/// Buckets in one line of the cache.
const WAYS: usize = 8;
const TIME_BITS: u32 = 48;
const TIME: u64 = (1 << TIME_BITS) - 1;
/// What a full bucket holds: a second's replies, in microseconds.
const BURST: u64 = 1_000_000;
/// How often a thread that is forestalled by another tries again.
const TRIES: usize = 4;

/// What a reply costs, and how deep a debt may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    cost: u64,
    deepest: u64,
}

/// Tells whether there was a reply left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balance {
    /// There was.
    Within,
    /// There was none, for the first time since there were some.
    Begins,
    /// There was none, as before.
    Beyond,
}

/// Where a bucket is, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    line: usize,
    tag: u64,
}

/// One line of the cache.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; WAYS]);

/// All buckets.
#[derive(Debug)]
pub(super) struct Buckets(Box<[Line]>);

impl Terms {
    /// So many replies per second, at least one.
    pub(super) fn new(per_second: u32, window: Span) -> Self {
        Self {
            cost: BURST / u64::from(per_second.max(1)),
            deepest: BURST + window.0 * 1000,
        }
    }

    /// Takes one reply from a bucket that is full again at `full_at`; when it will be full then.
    fn take(self, full_at: u64, now: u64) -> (u64, Balance) {
        let before = full_at.max(now);
        let after = before + self.cost;
        let balance = if after <= now + BURST {
            Balance::Within
        } else if before <= now + BURST {
            Balance::Begins
        } else {
            Balance::Beyond
        };
        (after.min(now + self.deepest), balance)
    }
}

impl Buckets {
    /// All of them full.
    pub(super) fn new() -> Self {
        let lines = std::iter::repeat_with(Line::default);
        Self(lines.take(RATE_BUCKETS / WAYS).collect())
    }

    /// Where the bucket of a hash is.
    pub(super) fn spot(&self, hash: u64) -> Spot {
        let lines = self.0.len() as u64;
        Spot {
            line: usize::try_from(hash % lines).unwrap_or(0),
            tag: hash >> TIME_BITS,
        }
    }

    /// Takes one reply.
    pub(super) fn take(&self, spot: Spot, now: Moment, terms: Terms) -> Balance {
        let now = micros(now);
        let mut balance = Balance::Within;
        for _ in 0..TRIES {
            let (bucket, word) = self.find(spot);
            let full_at = if word >> TIME_BITS == spot.tag {
                word & TIME
            } else {
                0
            };
            let (after, found) = terms.take(full_at, now);
            balance = found;
            let new = spot.tag << TIME_BITS | after & TIME;
            let (relaxed, again) = (Ordering::Relaxed, Ordering::Relaxed);
            if bucket.compare_exchange(word, new, relaxed, again).is_ok() {
                break;
            }
        }
        balance
    }

    /// Tells whether the bucket is in debt; not if it is another's by now.
    pub(super) fn owes(&self, spot: Spot, now: Moment) -> bool {
        let (_, word) = self.find(spot);
        word >> TIME_BITS == spot.tag && word & TIME > micros(now) + BURST
    }

    /// The bucket that is one's own, or else the one that will be full first.
    fn find(&self, spot: Spot) -> (&AtomicU64, u64) {
        let ways = &self.0[spot.line].0;
        let mut fullest = (&ways[0], u64::MAX);
        for way in ways {
            let word = way.load(Ordering::Relaxed);
            if word >> TIME_BITS == spot.tag && word != 0 {
                return (way, word);
            }
            if fullest.1 == u64::MAX || word & TIME < fullest.1 & TIME {
                fullest = (way, word);
            }
        }
        fullest
    }
}

fn micros(now: Moment) -> u64 {
    now.0.saturating_mul(1000) & TIME
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Span = Span::from_secs(15);

    fn terms(per_second: u32) -> Terms {
        Terms::new(per_second, WINDOW)
    }

    /// How many of `asked` replies at one time there are.
    fn given(buckets: &Buckets, spot: Spot, at: u64, asked: usize) -> usize {
        let take = || buckets.take(spot, Moment(at), terms(10));
        (0..asked).filter(|_| take() == Balance::Within).count()
    }

    #[test]
    fn a_second_of_replies_is_given_at_once_and_no_more() {
        let buckets = Buckets::new();
        let spot = buckets.spot(42);
        assert_eq!(given(&buckets, spot, 5000, 10), 10);
        let next = || buckets.take(spot, Moment(5000), terms(10));
        assert_eq!(next(), Balance::Begins);
        assert_eq!(next(), Balance::Beyond);
        assert!(buckets.owes(spot, Moment(5000)));
        assert_eq!(given(&buckets, buckets.spot(43), 5000, 20), 10, "another");
    }

    #[test]
    fn whoever_keeps_to_the_rate_always_gets_replies() {
        let buckets = Buckets::new();
        let spot = buckets.spot(7);
        for at in (0..100_000).step_by(100) {
            assert_eq!(given(&buckets, spot, at, 1), 1, "at {at} ms");
        }
    }

    #[test]
    fn a_flood_gets_nothing_until_it_has_been_over_for_the_window() {
        let buckets = Buckets::new();
        let spot = buckets.spot(7);
        let all: usize = (0..60_000).map(|at| given(&buckets, spot, at, 5)).sum();
        assert_eq!(all, 10, "of 300,000");
        for quiet in [1, 5000, 14_900] {
            assert!(buckets.owes(spot, Moment(60_000 + quiet)), "{quiet} ms");
        }
        assert!(!buckets.owes(spot, Moment(75_000)));
        assert_eq!(given(&buckets, spot, 75_100, 1), 1);
        assert_eq!(given(&buckets, spot, 90_000, 20), 10, "all is paid");
    }

    #[test]
    fn who_owes_most_is_remembered_when_others_crowd_in() {
        let buckets = Buckets::new();
        let of = |tag: u64| Spot { line: 3, tag };
        assert_eq!(given(&buckets, of(1), 1000, 500), 10);
        for tag in 2..2000 {
            assert_eq!(given(&buckets, of(tag), 1001, 1), 1, "a newcomer");
        }
        assert!(buckets.owes(of(1), Moment(1002)), "it was forgotten");
        assert_eq!(given(&buckets, of(1), 1003, 5), 0);
        assert!(!buckets.owes(of(2), Moment(1002)), "another's bucket");
    }

    #[test]
    fn threads_together_give_hardly_more_than_one() {
        let buckets = Buckets::new();
        let spot = buckets.spot(9);
        let counts = std::thread::scope(|scope| {
            let workers = (0..4).map(|_| scope.spawn(|| given(&buckets, spot, 10, 10_000)));
            let workers: Vec<_> = workers.collect();
            let counts = workers.into_iter().map(|worker| worker.join().unwrap());
            counts.sum::<usize>()
        });
        assert!((10..=40).contains(&counts), "{counts} of 40,000");
    }
}
