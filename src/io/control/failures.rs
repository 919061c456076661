//! The rate at which refusals are recorded one by one.
//!
//! Anybody in reach may ask for what he may not, as often as he likes; so that this fills no disk, the first
//! [`REFUSALS_TOLD`] of each [`REFUSALS_WINDOW`] are recorded, and the next that is says how many were not. It knows no more of
//! them than their number.
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::Moment;
use crate::base::limits::{REFUSALS_TOLD, REFUSALS_WINDOW};

/// Refusals of the last while.
#[derive(Clone, Debug, Default)]
pub struct Failures(Arc<Mutex<RefusalCount>>);

#[derive(Debug, Default)]
struct RefusalCount {
    since: Moment,
    told: u32,
    untold: u64,
}

impl Failures {
    /// Counts one; the number that was left out before it, or `None` if it is left out itself.
    pub(super) fn count(&self, now: Moment) -> Option<u64> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(count.since) >= REFUSALS_WINDOW {
            (count.since, count.told) = (now, 0);
        }
        if count.told >= REFUSALS_TOLD {
            count.untold += 1;
            return None;
        }
        count.told += 1;
        Some(std::mem::take(&mut count.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_by_its_number() {
        let failures = Failures::default();
        let told = (0..1000).filter_map(|_| failures.count(Moment(5)));
        assert_eq!(told.collect::<Vec<_>>(), vec![0; REFUSALS_TOLD as usize]);
        let later = Moment(5).after(REFUSALS_WINDOW);
        assert_eq!(failures.count(later), Some(1000 - u64::from(REFUSALS_TOLD)));
        assert_eq!(failures.count(later), Some(0));
    }
}
