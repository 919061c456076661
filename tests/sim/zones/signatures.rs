//! Files of signatures as a disk of a world has them: added to, written anew, torn by a crash, damaged.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::zone::signed::{KeptCondition, KeptMark, KeptSignatures};
use waypost::zones::{Recalled, ToKeep};

#[derive(Default)]
pub(super) struct SignatureFiles {
    files: BTreeMap<Name, Vec<u8>>,
}

/// What is written of signatures.
fn frames(to_keep: &ToKeep, since: &KeptMark) -> Vec<u8> {
    let mut octets = Vec::new();
    for block in 0..to_keep.signed.blocks() {
        to_keep.signed.frame(block, since, &mut octets);
    }
    octets
}

impl SignatureFiles {
    /// What the program reads.
    pub(super) fn recall(&self, apex: &Name) -> Recalled {
        let Some(octets) = self.files.get(apex) else {
            return Recalled::default();
        };
        let (kept, condition) = KeptSignatures::read(octets.clone());
        let damage = match condition {
            KeptCondition::Whole | KeptCondition::Torn => None,
            KeptCondition::Damaged(octets) => Some(format!("{octets} octets")),
        };
        Recalled {
            kept: Some(Arc::new(kept)),
            damage,
        }
    }

    /// Writes what has changed, or everything where that is not known.
    pub(super) fn keep(&mut self, to_keep: &ToKeep) {
        let file = self.files.get_mut(&to_keep.apex);
        match file.zip(to_keep.since.as_ref()) {
            Some((file, since)) => file.extend(frames(to_keep, since)),
            None => {
                let whole = frames(to_keep, &KeptMark::default());
                self.files.insert(to_keep.apex.clone(), whole);
            }
        }
    }

    /// Writes a part of it: the process ends meanwhile. A file that is written anew is there as a whole or not at all.
    pub(super) fn tear(&mut self, to_keep: &ToKeep, draws: &mut Draws) {
        if let (Some(file), Some(since)) = (self.files.get_mut(&to_keep.apex), &to_keep.since) {
            let octets = frames(to_keep, since);
            let length = draws.below(octets.len() as u64 + 1);
            file.extend(&octets[..usize::try_from(length).unwrap()]);
        } else if draws.chance(500) {
            self.keep(to_keep);
        }
    }

    pub(super) fn retain(&mut self, apexes: &BTreeSet<Name>) {
        self.files.retain(|apex, _| apexes.contains(apex));
    }

    /// A few bits of some file are others now, or its end is lost; whether one is.
    pub(super) fn damage(&mut self, draws: &mut Draws) -> bool {
        let place = draws.below(self.files.len().max(1) as u64);
        let mut files = self.files.values_mut().filter(|file| !file.is_empty());
        let Some(file) = files.nth(usize::try_from(place).unwrap()) else {
            return false;
        };
        for _ in 0..1 + draws.below(3) {
            let bit = draws.below(8 * file.len() as u64);
            file[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
        }
        if draws.chance(200) {
            let length = draws.below(file.len() as u64);
            file.truncate(usize::try_from(length).unwrap());
        }
        true
    }
}
