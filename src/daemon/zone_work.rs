//! Work on zones, and the threads that do it: of the lowest priority, small work apart from long work.
//!
//! | weight | at once |
//! |---|---|
//! | small (a challenge is laid over a zone of common size) | as many as cores |
//! | large (a zone of 10,000 names or more, a transfer, a rendering) | as many as cores |
//! | signing (a step of a zone's signatures) | one, on all cores |
//!
//! So nothing small waits for anything long, and zones that are signed at one time take turns step by step.
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::dns::zone::signed::Chunk;
use crate::io::background;
use crate::zones::job::{Job, Make};
use crate::zones::{Input, JobWeight};

/// Chunks of signatures below which one thread makes them all.
const FEW: usize = 4;

/// Room for work on zones, by its weight.
pub(super) struct Workers {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    signing: Arc<Semaphore>,
}

impl Workers {
    /// Room for as much as there are cores.
    pub(super) fn new() -> Self {
        Self {
            small: Arc::new(Semaphore::new(cores())),
            large: Arc::new(Semaphore::new(cores())),
            signing: Arc::new(Semaphore::new(1)),
        }
    }

    /// Has a job done beside the answers, when there is room for it.
    pub(super) fn work(&self, number: u64, job: Job, events: mpsc::UnboundedSender<Input>) {
        let room = match job.weight() {
            JobWeight::Small => &self.small,
            JobWeight::Large => &self.large,
            JobWeight::Signing => &self.signing,
        };
        let room = Arc::clone(room);
        tokio::spawn(async move {
            let Ok(_turn) = room.acquire_owned().await else {
                return;
            };
            if let Some(made) = background::run("zone", move || job.run(&spread)).await {
                // At the end of the server nobody wants it any more.
                let _ = events.send(Input::Made(number, made));
            }
        });
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Has chunks of signatures made by all threads.
pub(super) fn spread(chunks: &[usize], make: &Make<'_>) -> Vec<(usize, Chunk)> {
    let threads = match chunks.len() {
        0..FEW => 1,
        _ => cores(),
    };
    let make = |own: &[usize]| -> Vec<(usize, Chunk)> {
        own.iter().map(|&chunk| (chunk, make(chunk))).collect()
    };
    if threads == 1 {
        return make(chunks);
    }
    let share = chunks.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let own = chunks.chunks(share);
        let threads: Vec<_> = own.map(|own| scope.spawn(|| make(own))).collect();
        let made = threads.into_iter();
        made.flat_map(|thread| thread.join().expect("signing does not panic"))
            .collect()
    })
}
