//! Spreads the making of signatures over threads, and says how far they are where it takes long.
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::info;

use crate::dns::zone::signed::{Chunk, Signed};

/// Chunks below which one thread does it all.
const FEW: usize = 4;
/// Chunks from which it is said how far it is: those of a few seconds.
const MANY: usize = 256;
/// How often it is said.
const STEPS: usize = 10;

/// How much is made of a zone.
struct Progress<'z> {
    signed: &'z Signed,
    chunks: usize,
    made: AtomicUsize,
}

/// The zone with these chunks made for this time.
pub(super) fn sign(signed: &Signed, chunks: &[usize], now: u64) -> Signed {
    let progress = Progress {
        signed,
        chunks: chunks.len(),
        made: AtomicUsize::new(0),
    };
    let make = |own: &[usize]| -> Vec<(usize, Chunk)> {
        let own = own.iter();
        own.map(|&chunk| {
            let made = (chunk, signed.sign(chunk, now));
            if progress.chunks >= MANY {
                progress.count();
            }
            made
        })
        .collect()
    };
    let threads = match chunks.len() {
        0..FEW => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let share = chunks.len().div_ceil(threads).max(1);
    let made = std::thread::scope(|scope| {
        let own = chunks.chunks(share);
        let threads: Vec<_> = own.map(|own| scope.spawn(move || make(own))).collect();
        let made = threads.into_iter().map(|thread| thread.join());
        made.map(|made| made.expect("signing does not panic"))
            .collect::<Vec<_>>()
    });
    signed.renewed(made.into_iter().flatten().collect())
}

impl Progress<'_> {
    /// One chunk more.
    fn count(&self) {
        let made = 1 + self.made.fetch_add(1, Ordering::Relaxed);
        let tenth = self.chunks / STEPS;
        if made.is_multiple_of(tenth) {
            info!(
                event = "signing",
                zone = %self.signed.zone().apex(),
                rrsets = self.signed.entries(),
                percent = made * 100 / self.chunks,
                "signatures are being made"
            );
        }
    }
}
