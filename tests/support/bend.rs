//! Sound inputs, bent: bits flipped, cut short, two spliced into one, numbers and lengths made to lie.
//!
//! What comes out depends on the seed alone, so that a run can be told again. `FUZZ_PERCENT` shortens or prolongs the runs of all targets. An input
//! that a target does not survive is written to `tests/fuzz/TARGET/`, and whatever lies there goes first: it is
//! committed together with the mending.
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use waypost::base::Draws;

/// Octets that mean something: ends, limits, and what pointers and lengths begin with.
const TELLING: [u8; 9] = [0, 1, 63, 64, 0x7F, 0x80, 0xC0, 0xFE, 0xFF];

/// Sound inputs and the words that they are made of.
pub(crate) struct Bender<'s> {
    pub(crate) seeds: &'s [Vec<u8>],
    /// Put in anywhere, whole.
    pub(crate) words: &'s [&'s str],
    pub(crate) draws: Draws,
}

impl Bender<'_> {
    /// The next input: a seed that was bent a few times.
    pub(crate) fn bent(&mut self) -> Vec<u8> {
        let seeds = self.seeds;
        let mut input = seeds[self.index(seeds.len())].clone();
        let times = self.draws.below(2) * self.draws.below(4);
        for _ in 0..=times {
            self.bend(&mut input);
        }
        input
    }

    /// A number below a length that is not 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.draws.below(length as u64)).unwrap()
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.draws.next_u64().to_be_bytes()[0]
    }

    /// Bends an input in one way.
    pub(crate) fn bend(&mut self, input: &mut Vec<u8>) {
        if input.is_empty() {
            return;
        }
        let at = self.index(input.len());
        let end = (at + self.index(20)).min(input.len());
        match self.draws.below(9) {
            0 => input[at] ^= 1 << self.draws.below(8),
            1 => input.truncate(at),
            2 => input[at] = self.octet(),
            3 => {
                let seeds = self.seeds;
                let other = &seeds[self.index(seeds.len())];
                input.truncate(at);
                input.extend(&other[self.index(other.len())..]);
            }
            4 => input[at] = TELLING[self.index(TELLING.len())],
            5 => {
                let noise = self.index(40);
                input.extend((0..noise).map(|_| self.octet()));
            }
            6 if !self.words.is_empty() => {
                let word = self.words[self.index(self.words.len())];
                input.splice(at..end, word.bytes());
            }
            7 => drop(input.drain(at..end)),
            _ => input.extend_from_within(at..end),
        }
    }
}

/// So many rounds, or so much that must come of them, as the environment would have it.
pub(crate) fn rounds(usual: u64) -> u64 {
    let percent = std::env::var("FUZZ_PERCENT").ok();
    usual * percent.map_or(100, |percent| percent.parse().unwrap()) / 100
}

/// Gives inputs to a target: those that it did not survive once, then new ones.
pub(crate) fn survive(
    target: &str,
    inputs: impl Iterator<Item = Vec<u8>>,
    mut check: impl FnMut(&[u8]),
) {
    let folder = PathBuf::from("tests/fuzz").join(target);
    let kept = fs::read_dir(&folder).into_iter().flatten();
    let kept = kept.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    for (number, input) in kept
        .collect::<Vec<_>>()
        .into_iter()
        .chain(inputs)
        .enumerate()
    {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("input-{number}"));
            fs::write(&path, &input).unwrap();
            eprintln!("{target}: {} does not survive", path.display());
            resume_unwind(panic);
        }
    }
}
