//! Work on zones, and the threads that do it: of low priority where somebody waits for little, else of the lowest.
//!
//! | weight | at once |
//! |---|---|
//! | nothing (a zone is served as it came) | at once, on no thread of its own |
//! | small (a challenge is laid over a zone of common size) | as many as cores, each thread one after the other |
//! | large (a zone of 10,000 names or more, a transfer, a rendering) | as many as cores |
//! | signing (a step of a zone's signatures) | one, on all cores |
//!
//! So nothing small waits for anything long, and zones that are signed at one time take turns step by step.
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc};

use crate::dns::zone::signed::Chunk;
use crate::io::background;
use crate::zones::job::{Job, Make};
use crate::zones::{Input, JobWeight};

/// Chunks of signatures below which one thread makes them all.
const FEW: usize = 4;

/// Room for work on zones, by its weight.
pub(super) struct Workers {
    small: Arc<SmallJobs>,
    large: Arc<Semaphore>,
    signing: Arc<Semaphore>,
}

impl Workers {
    /// Room for as much as there are cores.
    pub(super) fn new() -> Self {
        Self {
            small: Arc::new(SmallJobs {
                queue: Mutex::default(),
                most: cores(),
            }),
            large: Arc::new(Semaphore::new(cores())),
            signing: Arc::new(Semaphore::new(1)),
        }
    }

    /// Has a job done beside the answers, when there is room for it.
    pub(super) fn work(&self, number: u64, job: Job, events: mpsc::UnboundedSender<Input>) {
        let room = match job.weight() {
            JobWeight::Nothing => {
                // At the end of the server nobody wants it any more.
                let _ = events.send(Input::Made(number, job.run(&spread)));
                return;
            }
            JobWeight::Small => return self.small.work(number, job, events),
            JobWeight::Large => &self.large,
            JobWeight::Signing => &self.signing,
        };
        let room = Arc::clone(room);
        tokio::spawn(async move {
            let Ok(_turn) = room.acquire_owned().await else {
                return;
            };
            let work = move || job.run(&spread);
            if let Some(made) = background::run("zone", work).await {
                // At the end of the server nobody wants it any more.
                let _ = events.send(Input::Made(number, made));
            }
        });
    }
}

/// Small jobs, in the order in which they came. A start has one for each zone: threads for each of them would cost more than
/// the jobs.
struct SmallJobs {
    queue: Mutex<SmallQueue>,
    /// Threads at the most.
    most: usize,
}

#[derive(Default)]
struct SmallQueue {
    waiting: VecDeque<(u64, Job)>,
    threads: usize,
}

impl SmallJobs {
    /// Has a job done by one of a few threads, which end when nothing is left.
    fn work(self: &Arc<Self>, number: u64, job: Job, events: mpsc::UnboundedSender<Input>) {
        let mut queue = self.queue();
        queue.waiting.push_back((number, job));
        if queue.threads == self.most {
            return;
        }
        queue.threads += 1;
        drop(queue);
        let jobs = Arc::clone(self);
        let started = background::spawn_awaited("zone", move || {
            while let Some((number, job)) = jobs.next() {
                // What panics has no outcome, and what comes after it has.
                if let Ok(made) = catch_unwind(AssertUnwindSafe(|| job.run(&spread))) {
                    // At the end of the server nobody wants it any more.
                    let _ = events.send(Input::Made(number, made));
                }
            }
        });
        if started.is_err() {
            self.queue().threads -= 1;
        }
    }

    /// The next job. A thread that gets none ends: that is noted under the same lock, so that the next job has another.
    fn next(&self) -> Option<(u64, Job)> {
        let mut queue = self.queue();
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queue.threads -= 1;
        }
        next
    }

    fn queue(&self) -> MutexGuard<'_, SmallQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
