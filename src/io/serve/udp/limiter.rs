//! Who gets no more replies for now (response rate limiting).
//!
//! Counted is by network, kind of reply and name ([`Counted`]), and once more by network alone, so that a network that
//! asks for many names gets no more than so much; over UDP only: what came over a stream, or
//! with a cookie of ours, is not forged and not limited. Of the replies past a limit one in `slip` goes out
//! without data, so that who is there in earnest comes back with a cookie or over TCP; the rest are not sent.
//! So a network whose addresses somebody else uses gets, for a flood, a few replies no longer than its queries.
//!
//! The networks under limits are named, cut to the prefix that is limited (promise 10): when it begins and
//! ends in the log, while it lasts in status. Their number is bounded, and looking after them is nobody's
//! wait: a thread that finds the list in use goes on without it.
//!
//! Without limits in the config nothing here is made or asked.
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};

use tracing::{info, warn};

use super::rate::{Balance, Buckets, Spot, Terms};
use crate::answer::Counted;
use crate::base::limits::{NAME_BYTES, RATE_WATCHED};
use crate::base::{Draws, Moment, sip_hash};
use crate::dns::cookie::Proof;
use crate::geo::Network;
use crate::io::clock::Clock;
use crate::io::metrics::{LimitedNetwork, Metrics};
use crate::plan::{RateLimit, ResponseClass};

/// Time between two looks at who is no longer limited, milliseconds.
const SWEEP_MS: u64 = 1000;
/// Class, prefix length, address.
const KEY_HEAD: usize = 1 + 1 + 16;

/// What becomes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It is sent.
    Send,
    /// It is sent, and would be whatever was counted.
    Exempt,
    /// One without data is sent in its place.
    Slip,
    /// Nothing is sent.
    Drop,
}

/// A reply that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending<'q> {
    /// Where to.
    pub(super) source: IpAddr,
    /// What for.
    pub(super) query: &'q [u8],
    /// What counts of it.
    pub(super) counted: Counted,
}

/// The counts of all threads.
#[derive(Debug)]
pub(in crate::io::serve) struct Limiter {
    /// Made with the first reply that is to be counted.
    buckets: OnceLock<Buckets>,
    key: [u8; 16],
    watched: Mutex<Vec<Watched>>,
    /// When to look at them again, by the clock's milliseconds.
    sweep_at: AtomicU64,
}

/// A network that is limited.
#[derive(Clone, Copy, Debug)]
struct Watched {
    shown: LimitedNetwork,
    spot: Spot,
}

impl Limiter {
    /// Nobody has had any reply. The key keeps strangers from choosing whose count they share.
    pub(in crate::io::serve) fn new(key: [u8; 16]) -> Self {
        Self {
            buckets: OnceLock::new(),
            key,
            watched: Mutex::default(),
            sweep_at: AtomicU64::new(0),
        }
    }

    /// Counts a reply and says what becomes of it.
    pub(super) fn rule(
        &self,
        limit: &RateLimit,
        sending: Sending<'_>,
        (now, draws): (Moment, &mut Draws),
        metrics: &Metrics,
    ) -> Ruling {
        let classes = [sending.counted.class, ResponseClass::Total];
        let classes = classes.map(|class| (class, limit.per_second[class as usize]));
        if classes.iter().all(|(_, per_second)| *per_second == 0) {
            return Ruling::Send;
        }
        if sending.counted.proof == Proof::Server {
            return Ruling::Exempt;
        }
        let network = network(limit, sending.source);
        let buckets = self.buckets.get_or_init(Buckets::new);
        let mut beyond = None;
        for (class, per_second) in classes {
            if per_second == 0 || beyond.is_some() {
                continue;
            }
            let spot = buckets.spot(self.hash(network, class, sending));
            let balance = buckets.take(spot, now, Terms::new(per_second, limit.window));
            beyond = (balance != Balance::Within).then_some((class, spot, balance));
        }
        let Some((class, spot, balance)) = beyond else {
            return Ruling::Send;
        };
        if limit.exempt.iter().any(|own| own.contains(sending.source)) {
            return Ruling::Exempt;
        }
        if balance == Balance::Begins {
            self.watch(network, (class, spot), now, metrics);
        }
        match limit.slip {
            0 => Ruling::Drop,
            slip if draws.below(u64::from(slip)) == 0 => Ruling::Slip,
            _ => Ruling::Drop,
        }
    }

    /// Says of whom is no longer limited that it is so; at most once a second, whoever asks.
    pub(super) fn sweep(&self, clock: Clock, metrics: &Metrics) {
        let Some(buckets) = self.buckets.get() else {
            return;
        };
        let now = clock.now();
        let due = self.sweep_at.load(Ordering::Relaxed);
        if now.0 < due {
            return;
        }
        self.sweep_at.store(now.0 + SWEEP_MS, Ordering::Relaxed);
        let Some(mut watched) = self.watched() else {
            return;
        };
        let before = watched.len();
        watched.retain(|one| {
            let owes = buckets.owes(one.spot, now);
            if !owes {
                one.say_over(now);
            }
            owes
        });
        if watched.len() != before {
            show(&watched, metrics);
        }
    }

    fn watch(
        &self,
        network: Network,
        (class, spot): (ResponseClass, Spot),
        now: Moment,
        metrics: &Metrics,
    ) {
        let Some(mut watched) = self.watched() else {
            return;
        };
        let known = watched
            .iter_mut()
            .find(|one| one.shown.network == network && one.shown.class == class);
        if let Some(known) = known {
            // Of several names the last one is watched: it is in debt the longest.
            known.spot = spot;
            return;
        }
        if watched.len() < RATE_WATCHED {
            let shown = LimitedNetwork {
                network,
                class,
                since: now,
            };
            warn!(
                event = "rate_limit",
                network = %network,
                class = class.word(),
                active = true,
                "{network} gets no more replies of class {} for now", class.word()
            );
            watched.push(Watched { shown, spot });
            show(&watched, metrics);
        }
    }

    /// The list, unless another thread has it.
    fn watched(&self) -> Option<MutexGuard<'_, Vec<Watched>>> {
        match self.watched.try_lock() {
            Ok(watched) => Some(watched),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn hash(&self, network: Network, class: ResponseClass, sending: Sending<'_>) -> u64 {
        let mut key = [0; KEY_HEAD + NAME_BYTES];
        key[0] = class as u8;
        key[1] = network.prefix;
        match network.address {
            IpAddr::V4(address) => key[2..6].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => key[2..KEY_HEAD].copy_from_slice(&address.octets()),
        }
        let name = match class {
            ResponseClass::Total => None,
            ResponseClass::Answer
            | ResponseClass::Denial
            | ResponseClass::Referral
            | ResponseClass::Error => sending.query.get(sending.counted.subject()),
        };
        let name = name.unwrap_or_default();
        let length = KEY_HEAD + name.len().min(NAME_BYTES);
        for (place, octet) in key[KEY_HEAD..length].iter_mut().zip(name) {
            *place = octet.to_ascii_lowercase();
        }
        sip_hash(&self.key, &key[..length])
    }
}

impl Watched {
    fn say_over(&self, now: Moment) {
        let LimitedNetwork {
            network,
            class,
            since,
        } = self.shown;
        let lasted = now.since(since).as_secs();
        info!(
            event = "rate_limit",
            network = %network,
            class = class.word(),
            active = false,
            "{network} gets replies of class {} again, after {lasted} s", class.word()
        );
    }
}

/// What is limited together.
fn network(limit: &RateLimit, source: IpAddr) -> Network {
    let prefix = match source {
        IpAddr::V4(_) => limit.ipv4_prefix,
        IpAddr::V6(_) => limit.ipv6_prefix,
    };
    Network::around(source, prefix)
}

fn show(watched: &[Watched], metrics: &Metrics) {
    metrics.limited(watched.iter().map(|one| one.shown).collect());
}
