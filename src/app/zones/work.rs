//! Spreads the making of signatures over threads.
use crate::dns::zone::signed::{Cache, Chunk, Signed};

/// Chunks below which one thread does it all.
const FEW: usize = 4;

/// The zone with these chunks made for this time.
pub(super) fn sign(signed: &Signed, chunks: &[usize], now: u64, cache: &Cache<'_>) -> Signed {
    let make = |own: &[usize]| -> Vec<(usize, Chunk)> {
        let own = own.iter();
        own.map(|&chunk| (chunk, signed.sign(chunk, now, cache)))
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
