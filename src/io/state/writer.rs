//! The one thread that writes what is kept.
//!
//! Zones and the engine hand over what is to be kept and go on; what waits is written in one step, and then
//! whoever asked is told whether it is on the disk. Without a folder nothing is kept, and everybody is told
//! so by being told that all is well: that is what the config asks for.
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

use super::State;
use super::cluster_log::SignedOctets;
use crate::engine::Keep;
use crate::zones::{Memory, Ticket};

/// Things to be kept that are written in one step.
const AT_ONCE: usize = 4096;

/// Whoever is told whether something is on the disk.
pub type Acknowledge = Box<dyn FnOnce(Result<(), String>) + Send>;

/// Hands over what is to be kept.
#[derive(Clone, Debug)]
pub struct StateWriter {
    tasks: Sender<WriterTask>,
}

/// Whoever is told how writing goes.
pub struct WriterEvents {
    /// Something of a zone is on the disk, or not; false if nobody wants to know any more.
    pub zone: Box<dyn Fn(Ticket, Result<(), String>) -> bool + Send>,
    /// The disk took what was to be kept of health, or why it did not.
    pub disk: Box<dyn Fn(Result<(), String>) + Send>,
}

enum WriterTask {
    Zone(Ticket, Memory),
    Health(Keep, u64, Option<Acknowledge>),
    Orders(Vec<SignedOctets>),
    Close(oneshot::Sender<()>),
    Turn(FolderTurn),
}

/// A change of whose the folder is.
enum FolderTurn {
    /// Another process's, once this is answered.
    Release(oneshot::Sender<()>),
    /// Ours again; with the time in seconds since 1970.
    Resume(PathBuf, u64),
}

/// Tasks that are done in one step.
#[derive(Default)]
struct WriteBatch {
    zones: Vec<(Ticket, Memory)>,
    health: Vec<(Keep, u64)>,
    /// All orders of a cluster's nodes, as they were handed over last.
    orders: Option<Vec<SignedOctets>>,
    waiting: Vec<Acknowledge>,
    turns: Vec<FolderTurn>,
    close: Option<oneshot::Sender<()>>,
}

impl StateWriter {
    /// Starts the thread; it ends once it is closed, or nobody can hand it anything.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(state: Option<State>, events: WriterEvents) -> io::Result<Self> {
        let (tasks, queue) = channel();
        let thread = std::thread::Builder::new().name("state".to_owned());
        thread.spawn(move || write_all(&queue, state, &events))?;
        Ok(Self { tasks })
    }

    /// Keeps something of a zone. False if the thread has ended.
    #[must_use]
    pub fn keep_zone(&self, ticket: Ticket, memory: Memory) -> bool {
        self.tasks.send(WriterTask::Zone(ticket, memory)).is_ok()
    }

    /// Keeps what an engine knows, at this time in milliseconds since 1970. If the thread has ended, whoever
    /// waits is told so.
    pub fn keep_health(&self, keep: Keep, wall_ms: u64, waiting: Option<Acknowledge>) {
        let unsent = self
            .tasks
            .send(WriterTask::Health(keep, wall_ms, waiting))
            .err();
        if let Some(WriterTask::Health(.., Some(waiting))) = unsent.map(|unsent| unsent.0) {
            waiting(Err("the thread that writes the state has ended".to_owned()));
        }
    }

    /// Keeps all orders of a cluster's nodes. Whoever waits for what is handed over after that waits for them, too.
    pub fn keep_orders(&self, records: Vec<SignedOctets>) {
        // If the thread has ended, whoever waits for something is told.
        let _ = self.tasks.send(WriterTask::Orders(records));
    }

    /// Has all that was handed over written, and the folder released for another process; what is handed over after that
    /// is kept nowhere until [`StateWriter::resume`].
    pub async fn release(&self) {
        let (released, is_released) = oneshot::channel();
        let turn = WriterTask::Turn(FolderTurn::Release(released));
        if self.tasks.send(turn).is_ok() {
            // The thread may end before; then the folder is free.
            let _ = is_released.await;
        }
    }

    /// Takes the folder again that was released; `now` is seconds since 1970.
    pub fn resume(&self, folder: PathBuf, now: u64) {
        // If the thread has ended, whoever hands it something next is told.
        let _ = self
            .tasks
            .send(WriterTask::Turn(FolderTurn::Resume(folder, now)));
    }

    /// Has all that was handed over written, and the folder released for another process.
    pub async fn close(&self) {
        let (closed, is_closed) = oneshot::channel();
        if self.tasks.send(WriterTask::Close(closed)).is_ok() {
            // The thread may have ended before; then the folder is free.
            let _ = is_closed.await;
        }
    }
}

fn write_all(queue: &Receiver<WriterTask>, mut state: Option<State>, events: &WriterEvents) {
    while let Ok(first) = queue.recv() {
        let mut batch = WriteBatch::default();
        for task in std::iter::once(first).chain(queue.try_iter().take(AT_ONCE)) {
            batch.take(task);
        }
        if !batch.write(state.as_mut(), events) {
            return;
        }
        for turn in batch.turns {
            turn.take(&mut state, events);
        }
        if let Some(closed) = batch.close {
            drop(state.take());
            // Whoever asked may have given up waiting.
            let _ = closed.send(());
            return;
        }
    }
}

impl FolderTurn {
    fn take(self, state: &mut Option<State>, events: &WriterEvents) {
        match self {
            Self::Release(released) => {
                drop(state.take());
                // Whoever asked may have given up waiting; it resumes next.
                let _ = released.send(());
            }
            Self::Resume(folder, now) => match State::open(&folder, now) {
                Ok(opened) => *state = Some(opened.state),
                Err(error) => (events.disk)(Err(error.to_string())),
            },
        }
    }
}

impl WriteBatch {
    fn take(&mut self, task: WriterTask) {
        match task {
            WriterTask::Zone(ticket, memory) => self.zones.push((ticket, memory)),
            WriterTask::Health(keep, wall_ms, waiting) => {
                self.health.push((keep, wall_ms));
                self.waiting.extend(waiting);
            }
            WriterTask::Orders(records) => self.orders = Some(records),
            WriterTask::Close(closed) => self.close = Some(closed),
            WriterTask::Turn(turn) => self.turns.push(turn),
        }
    }

    /// Writes all of it; false if nobody wants to know of zones any more.
    fn write(&mut self, mut state: Option<&mut State>, events: &WriterEvents) -> bool {
        if !self.health.is_empty() || self.orders.is_some() {
            let health = std::mem::take(&mut self.health);
            let outcome = state.as_mut().map_or(Ok(()), |state| {
                let orders = state.keep_orders(self.orders.take());
                let outcome = orders.and(state.keep_health(health));
                (events.disk)(outcome.clone());
                outcome
            });
            for waiting in self.waiting.drain(..) {
                waiting(outcome.clone());
            }
        }
        let (tickets, memories): (Vec<Ticket>, Vec<Memory>) = self.zones.drain(..).unzip();
        let outcomes = match (state, memories.is_empty()) {
            (Some(state), false) => state.keep(&memories),
            (None, _) | (_, true) => vec![Ok(()); memories.len()],
        };
        let mut told = tickets.into_iter().zip(outcomes);
        told.all(|(ticket, outcome)| (events.zone)(ticket, outcome) || self.close.is_some())
    }
}
