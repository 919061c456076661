//! The open connections of the control API, and which of them goes when there are too many.
//!
//! A new connection is always let in. When all places are taken, one goes for it: of those whose
//! request has not come yet the first that came; if there is none, of those whose reply is on its
//! way; and only then of those whose request is worked on. So hundreds of half-sent requests, or
//! of replies that nobody reads, cost their owner the place and nobody else (promise 8): an
//! honest client sends its request at once.
//!
//! The table knows stages and the order of arrival, no clock; it closes nothing itself.
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Stage that a connection has reached; the least leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    /// Its request has not come whole.
    Asking,
    /// Its reply is on its way.
    Replied,
    /// Its request is worked on.
    Working,
}

/// Stage of a connection, shared with its task.
#[derive(Clone, Debug)]
pub(super) struct Progress(Arc<AtomicU8>);

/// One connection that is open.
#[derive(Debug)]
struct ControlConnection<H> {
    progress: Progress,
    handle: H,
}

/// All connections that are open, in the order they came; `H` is what closes one.
#[derive(Debug)]
pub(super) struct ControlConnections<H> {
    connections: Vec<ControlConnection<H>>,
    places: usize,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self(Arc::new(AtomicU8::new(Stage::Asking as u8)))
    }

    pub(super) fn reach(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    fn stage(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<H> ControlConnections<H> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            connections: Vec::new(),
            places,
        }
    }

    /// Lets a connection in; gives the one that must be closed for it.
    pub(super) fn admit(&mut self, progress: Progress, handle: H) -> Option<H> {
        let crowded = self.connections.len() >= self.places;
        let leaves = if crowded { self.least() } else { None };
        let leaves = leaves.map(|index| self.connections.remove(index).handle);
        self.connections
            .push(ControlConnection { progress, handle });
        leaves
    }

    /// Forgets connections that have ended.
    pub(super) fn leave(&mut self, ended: impl Fn(&H) -> bool) {
        self.connections
            .retain(|connection| !ended(&connection.handle));
    }

    /// Of equals the first, which came first.
    fn least(&self) -> Option<usize> {
        let connections = self.connections.iter().enumerate();
        connections
            .min_by_key(|(_, connection)| connection.progress.stage())
            .map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_least_far_leaves_and_of_equals_the_first() {
        let mut connections = ControlConnections::new(4);
        let progresses: Vec<Progress> = (0..4).map(|_| Progress::start()).collect();
        for (number, progress) in progresses.iter().enumerate() {
            assert_eq!(connections.admit(progress.clone(), number), None);
        }
        progresses[0].reach(Stage::Working);
        progresses[2].reach(Stage::Replied);
        let late = Progress::start();
        assert_eq!(connections.admit(late.clone(), 4), Some(1));
        late.reach(Stage::Working);
        assert_eq!(connections.admit(late.clone(), 5), Some(3));
        assert_eq!(connections.admit(late.clone(), 6), Some(2));
        assert_eq!(connections.admit(late, 7), Some(0));
    }

    #[test]
    fn whoever_has_ended_leaves_its_place() {
        let mut connections = ControlConnections::new(1);
        assert_eq!(connections.admit(Progress::start(), 1), None);
        connections.leave(|&number| number == 1);
        assert_eq!(connections.admit(Progress::start(), 2), None);
    }
}
