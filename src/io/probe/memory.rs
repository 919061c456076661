//! The legacy of a probe to the next one of its slot: a connection, and TLS sessions.
//!
//! It belongs to one plan and to one slot of it: whatever a new plan says of an address, it is dialled and verified anew, and
//! no address is ever met over another's connection. A slot whose monitor keeps nothing holds two words. After a failure
//! nothing is left: the next probe shows whether the address can be dialled and its certificate verified.
//!
//! | what | is renewed |
//! |---|---|
//! | a connection | after [`limits::PROBE_CONNECTION_AGE`] at the latest, for a listener may die and its connections live on |
//! | the proof of a certificate | after `verify_every` at the latest, over a kept connection too |
//!
//! Both at a part of that time, another one for each slot, so that what began together does not end together. Connections are
//! kept as long as there is room: as many descriptors as the server's streams and everything else leave.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::session::TlsSession;
use super::stream::ProbeStream;
use super::trust::TlsSettings;
use crate::base::limits::{
    CONTROL_CONNECTIONS, DESCRIPTORS_OWN, PROBE_CONNECTION_AGE, PROBE_CONNECTIONS_KEPT,
    PROBES_IN_FLIGHT, TRANSFERS_IN,
};
use crate::base::{Permille, SlotId};

/// The memory of all slots of a plan.
#[derive(Debug)]
pub(super) struct SlotMemories {
    slots: Vec<Mutex<Option<Box<Remembered>>>>,
    /// One for each connection that may still be kept.
    room: Arc<Semaphore>,
}

/// The memory of one slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotMemory<'m> {
    all: &'m SlotMemories,
    slot: SlotId,
}

#[derive(Debug, Default)]
struct Remembered {
    connection: Option<KeptConnection>,
    session: Option<Arc<TlsSession>>,
}

/// A connection that waits for the next probe.
#[derive(Debug)]
struct KeptConnection {
    stream: ProbeStream,
    dialled: Instant,
    _place: OwnedSemaphorePermit,
}

/// A connection that the probe before has left.
#[derive(Debug)]
pub(super) struct FoundConnection {
    /// The connection, which stood a moment ago.
    pub(super) stream: ProbeStream,
    /// The moment at which it was dialled.
    pub(super) dialled: Instant,
    /// The last second of the server's certificate, in seconds since 1970, if it has shown one.
    pub(super) certificate_expires: Option<u64>,
}

impl SlotMemories {
    /// Nothing is remembered of so many slots; streams may take so many descriptors.
    pub(super) fn new(slots: usize, streams: usize) -> Self {
        Self {
            slots: (0..slots).map(|_| Mutex::default()).collect(),
            room: Arc::new(Semaphore::new(room(descriptors(), streams))),
        }
    }

    /// That of one slot.
    pub(super) fn of(&self, slot: SlotId) -> SlotMemory<'_> {
        SlotMemory { all: self, slot }
    }
}

impl<'m> SlotMemory<'m> {
    /// Takes the connection out that was left, if it stands and may serve.
    pub(super) async fn take(self, now: Instant) -> Option<FoundConnection> {
        let (mut kept, session) = {
            let mut remembered = self.lock();
            let remembered = remembered.as_mut()?;
            (remembered.connection.take()?, remembered.session.clone())
        };
        let age = now.saturating_duration_since(kept.dialled);
        let is_proved =
            |session: &TlsSession| session.is_verified(now) && session.judge_validity().is_ok();
        if age >= self.part_of(Duration::from_millis(PROBE_CONNECTION_AGE.0))
            || !session.as_deref().is_none_or(is_proved)
            || !kept.stream.is_quiet().await
        {
            return None;
        }
        Some(FoundConnection {
            stream: kept.stream,
            dialled: kept.dialled,
            certificate_expires: session.and_then(|session| session.expires()),
        })
    }

    /// Leaves a connection to the next probe, if there is room.
    pub(super) fn keep(self, stream: ProbeStream, dialled: Instant) {
        if let Ok(place) = Arc::clone(&self.all.room).try_acquire_owned() {
            let mut remembered = self.lock();
            remembered.get_or_insert_default().connection = Some(KeptConnection {
                stream,
                dialled,
                _place: place,
            });
        }
    }

    /// The TLS sessions with the slot's address.
    pub(super) fn session(self, settings: &TlsSettings) -> Arc<TlsSession> {
        let mut remembered = self.lock();
        let session = &mut remembered.get_or_insert_default().session;
        let session =
            session.get_or_insert_with(|| Arc::new(TlsSession::new(settings, self.part())));
        Arc::clone(session)
    }

    /// Forgets everything that would spare the next probe something.
    pub(super) fn forget(self) {
        if let Some(remembered) = self.lock().as_mut() {
            remembered.connection = None;
            if let Some(session) = &remembered.session {
                session.forget();
            }
        }
    }

    /// The slot's own part of a time that all have.
    fn part_of(self, time: Duration) -> Duration {
        time * self.part().0.into() / 1000
    }

    /// A half to the whole, spread evenly over slots that follow each other.
    fn part(self) -> Permille {
        // The golden section of 500: neighbours, and every third and fifth slot, lie far apart.
        let spread = self.slot.index() * 309 % 500;
        Permille(1000 - u16::try_from(spread).unwrap_or(0))
    }

    fn lock(self) -> MutexGuard<'m, Option<Box<Remembered>>> {
        let remembered = self.all.slots[self.slot.index()].lock();
        remembered.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections that may be kept: what everything else, and the streams that are served, leave of the descriptors.
fn room(descriptors: usize, streams: usize) -> usize {
    let others = DESCRIPTORS_OWN + CONTROL_CONNECTIONS + TRANSFERS_IN + PROBES_IN_FLIGHT;
    descriptors
        .saturating_sub(others)
        .saturating_sub(streams)
        .min(PROBE_CONNECTIONS_KEPT)
}

/// The descriptors that this process may have once it has raised its limit.
fn descriptors() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_kept_of_what_others_leave() {
        let others = DESCRIPTORS_OWN + CONTROL_CONNECTIONS + TRANSFERS_IN + PROBES_IN_FLIGHT;
        for (descriptors, streams, kept) in [
            (1024, 4096, 0),
            (others + 4096, 4096, 0),
            (others + 4096 + 10, 4096, 10),
            (usize::MAX, 4096, PROBE_CONNECTIONS_KEPT),
        ] {
            assert_eq!(room(descriptors, streams), kept, "of {descriptors}");
        }
    }

    #[test]
    fn slots_take_each_another_part_of_a_time() {
        let memories = SlotMemories::new(500, 0);
        let mut parts: Vec<u16> = (0..500)
            .map(|slot| memories.of(SlotId(slot)).part().0)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!((parts.len(), parts[0], parts[499]), (500, 501, 1000));
    }
}
