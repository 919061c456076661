//! A zone that comes from primaries: when to look, whom to ask, when it is too old.
//!
//! ```text
//!            .--refresh, or a notification--.
//!            v                              |
//! start --> look --well: fresh--------------'
//!            ^  '--ill--> wait for retry --'
//!            |                 '--expire after the last good look--> given up (SERVFAIL)
//!            '-----------------------------------retry----------------'
//! ```
//!
//! Timers are those of the zone's SOA, within bounds (RFC 1035, section 3.3.13; RFC 1996, section 4). Neither the
//! config nor its files have a part in it: a zone is refreshed, and expires, whatever state they are in. While the
//! server runs, its own clock counts: a wall clock that is set neither expires a zone nor keeps it longer.
use std::net::SocketAddr;

use crate::base::limits::{EXPIRE_BOUNDS, REFRESH_BOUNDS};
use crate::base::{Moment, Span};
use crate::dns::rr::rtype;
use crate::dns::transfer::{Entry, Received};
use crate::dns::zone::{Presence, Zone};
use crate::plan::Incoming;

/// Least time between two looks at the primaries, whatever notifications come.
const PAUSE: Span = Span(500);
/// Longest time until another try for a zone of which there is nothing yet.
const AWAIT_MOST: Span = Span::from_secs(60);
/// How long nothing is written after a copy could not be.
pub(super) const COPY_AGAIN: Span = Span::from_secs(60);
/// How many times as long as its writing a copy is left as it is, so that a large zone that changes all the
/// time does not keep the disk busy.
const COPY_REST: u64 = 20;

/// What a primary is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// What is newer than what we have, in whatever form.
    News,
    /// The whole zone, if it is newer.
    Whole,
}

/// What is known of a zone that comes from primaries.
#[derive(Debug)]
pub(super) struct Secondary {
    /// Which of the primaries is asked in this look.
    cursor: usize,
    /// The request that is under way.
    asking: Option<u64>,
    /// Whether a notification has come since it began.
    again: bool,
    /// When the next look is.
    next: Moment,
    /// When the last one began.
    looked: Option<Moment>,
    failures: u32,
    /// When it was last known to be fresh, seconds since 1970.
    pub(super) refreshed: Option<u64>,
    /// Whether that is too long ago.
    pub(super) is_expired: bool,
    /// What has come and is to be taken, from whom.
    pub(super) arrived: Option<(Received, SocketAddr)>,
    /// Whose offer is being taken.
    pub(super) taking: Option<SocketAddr>,
    /// When its copy is to be written; `None` while it is what it was written.
    pub(super) copy_at: Option<Moment>,
    /// Before when it is not written again.
    pub(super) copy_not_before: Moment,
    /// Whether it is being written.
    pub(super) is_copying: bool,
}

impl Secondary {
    /// A zone that is looked at at once.
    pub(super) fn new(now: Moment, refreshed: Option<u64>) -> Self {
        Self {
            cursor: 0,
            asking: None,
            again: false,
            next: now,
            looked: None,
            failures: 0,
            refreshed,
            is_expired: false,
            arrived: None,
            taking: None,
            copy_at: None,
            copy_not_before: now,
            is_copying: false,
        }
    }

    /// Whether a look has come to an end since the start.
    pub(super) fn has_looked(&self) -> bool {
        self.looked.is_some() && !self.is_busy()
    }

    fn is_busy(&self) -> bool {
        self.asking.is_some() || self.arrived.is_some() || self.taking.is_some()
    }

    /// When something is to be done, if nothing comes before.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let look = (!self.is_busy()).then_some(self.next);
        let copy = self.copy_at.filter(|_| !self.is_copying);
        look.into_iter().chain(copy).min()
    }

    /// Looks soon, because a primary says that the zone may have changed.
    pub(super) fn notified(&mut self, now: Moment) {
        if self.is_busy() {
            self.again = true;
            return;
        }
        let soonest = self.looked.map_or(now, |looked| looked.after(PAUSE));
        self.next = self.next.min(soonest.max(now));
    }

    /// Begins a look if one is due, by asking the first primary with this request.
    pub(super) fn begin(&mut self, now: Moment, request: u64) -> bool {
        let is_due = !self.is_busy() && self.next <= now;
        if is_due {
            (self.cursor, self.again) = (0, false);
            self.looked = Some(now);
            self.asking = Some(request);
        }
        is_due
    }

    /// The primary that is asked in this look.
    pub(super) fn primary(&self, incoming: &Incoming) -> Option<SocketAddr> {
        incoming.primaries.get(self.cursor).copied()
    }

    /// Asks the same primary once more, or the next one; `None` after the last.
    pub(super) fn ask_on(
        &mut self,
        on: On,
        incoming: &Incoming,
        request: u64,
    ) -> Option<SocketAddr> {
        if on == On::Next {
            self.cursor += 1;
        }
        let primary = self.primary(incoming)?;
        self.asking = Some(request);
        Some(primary)
    }

    /// Whether this request is the one that is under way; it is not any more.
    pub(super) fn answered(&mut self, request: u64) -> bool {
        let is_it = self.asking == Some(request);
        if is_it {
            self.asking = None;
        }
        is_it
    }

    /// Goes on under another config, which has left what was being taken behind.
    pub(super) fn go_on(&mut self, now: Moment) {
        if self.taking.take().is_some() {
            self.next = now;
        }
    }

    /// Notes that the zone is fresh, by its present SOA.
    pub(super) fn be_fresh(&mut self, now: Moment, wall: u64, zone: &Zone) {
        self.failures = 0;
        self.refreshed = Some(wall);
        let refresh = soa(zone).map(|soa| soa.timers().refresh);
        self.wait(now, clamp(refresh.unwrap_or_default(), REFRESH_BOUNDS));
    }

    /// Notes that no primary was of use.
    pub(super) fn be_stale(&mut self, now: Moment, zone: &Zone) {
        self.failures = self.failures.saturating_add(1);
        let wait = match soa(zone) {
            None => {
                let wait = REFRESH_BOUNDS.0.times(1 << self.failures.min(10));
                wait.min(AWAIT_MOST)
            }
            Some(soa) => clamp(soa.timers().retry, REFRESH_BOUNDS),
        };
        self.wait(now, wait);
    }

    fn wait(&mut self, now: Moment, wait: Span) {
        let soon = self
            .looked
            .map_or(now, |looked| looked.after(PAUSE))
            .max(now.after(Span(1)));
        let wait = if self.again { soon } else { now.after(wait) };
        (self.again, self.next) = (false, wait);
    }

    /// Keeps the time since it was fresh, though the wall clock was set by so many seconds.
    pub(super) fn clock_set(&mut self, by: i64) {
        self.refreshed = self.refreshed.map(|at| at.saturating_add_signed(by));
    }

    /// From when on the zone is too old unless it is fresh again, seconds since 1970.
    pub(super) fn expires(&self, zone: &Zone) -> Option<u64> {
        let expire = clamp(soa(zone)?.timers().expire, EXPIRE_BOUNDS);
        Some(self.refreshed?.saturating_add(u64::from(expire.as_secs())))
    }

    /// Has its copy written soon.
    pub(super) fn copy_soon(&mut self, now: Moment) {
        let at = self.copy_not_before.max(now);
        self.copy_at = Some(self.copy_at.map_or(at, |planned| planned.min(at)));
    }

    /// Notes that a copy has been written, or could not be, in this time.
    pub(super) fn copied(&mut self, now: Moment, took: Span, outcome: Copied) {
        self.is_copying = false;
        let rest = match outcome {
            Copied::Well => took.times(COPY_REST),
            Copied::Failed => COPY_AGAIN,
        };
        self.copy_not_before = now.after(rest);
        if let Some(planned) = &mut self.copy_at {
            *planned = (*planned).max(self.copy_not_before);
        }
        if outcome == Copied::Failed {
            self.copy_soon(now);
        }
    }
}

/// Who is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// The same primary.
    Same,
    /// The one behind it.
    Next,
}

/// What became of the writing of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// It is on the disk.
    Well,
    /// It is not.
    Failed,
}

/// The SOA of a zone that is there.
pub(super) fn soa(zone: &Zone) -> Option<Entry> {
    if zone.presence() != Presence::Loaded {
        return None;
    }
    let set = zone.set_at(Zone::APEX, rtype::SOA)?;
    Some(Entry {
        owner: zone.apex().clone(),
        rtype: rtype::SOA,
        ttl: set.ttl,
        rdata: set.records().next()?.into(),
    })
}

fn clamp(seconds: u32, (least, most): (Span, Span)) -> Span {
    Span::from_secs(u64::from(seconds)).clamp(least, most)
}
