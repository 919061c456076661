//! Work on one zone that takes long: a pure function that whoever drives the engine runs where it likes.
//!
//! A job holds all that it needs, and changes nothing: what it made comes back by
//! [`Input::Made`](super::Input::Made). A zone has one job at a time, so what comes back is never older than
//! what is there.
use std::sync::Arc;

use super::compose::{Compose, Composition};
use super::content::{self, Refusal, Taken};
use super::declared::lay::{LaidZone, Laying};
use super::version::{Drawn, Last, draw};
use crate::base::Permille;
use crate::base::limits::SIGNATURES_AT_ONCE;
use crate::dns::Name;
use crate::dns::transfer::{Journal, Packed, PackedChanges};
use crate::dns::zone::signed::{Chunk, Signed, Steered};
use crate::dns::zone::{Mount, Served, Zone};
use crate::table::{RenderView, Table};

/// The amount that is signed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Signatures that are made when a zone is composed; more are made in steps.
    pub at_once: usize,
    /// Chunks of signatures that are made in one step, so that nothing waits for long behind it.
    pub step: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            at_once: SIGNATURES_AT_ONCE,
            // Some 4,000 signatures.
            step: 64,
        }
    }
}

/// Names from which on what is done for a zone is no small work.
const MANY_NAMES: usize = 10_000;

/// Makes a chunk of signatures.
pub type Make<'m> = dyn Fn(usize) -> Chunk + Sync + 'm;

/// Has these chunks made, by as many threads as it has.
pub type Spread<'s> = dyn Fn(&[usize], &Make<'_>) -> Vec<(usize, Chunk)> + 's;

/// Makes chunks of signatures one after the other.
#[must_use]
pub fn in_turn(chunks: &[usize], make: &Make<'_>) -> Vec<(usize, Chunk)> {
    let chunks = chunks.iter();
    chunks.map(|&chunk| (chunk, make(chunk))).collect()
}

/// The kind of work that a job is, so that small work does not wait behind long work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobWeight {
    /// Nothing is laid over a zone and nothing signed: it costs less than a thread would.
    Nothing,
    /// It is done in a blink.
    Small,
    /// It takes as long as the zone is large, on one thread.
    Large,
    /// It makes signatures, on all threads that there are: one such job at a time is enough.
    Signing,
}

/// Work on one zone.
#[derive(Debug)]
pub struct Job(Work);

/// What came of it.
#[derive(Debug)]
pub struct Made(pub(super) Outcome);

#[derive(Debug)]
pub(super) enum Work {
    /// Lay records over it and sign it.
    Compose(Box<Compose>),
    /// Make some of the signatures without which it is not answered.
    Sign {
        signed: Arc<Signed>,
        /// The number of chunks at the most.
        most: usize,
        now: u64,
    },
    /// Renew signatures.
    Renew {
        signed: Arc<Signed>,
        chunks: Vec<usize>,
        now: u64,
    },
    /// Make a zone of what came from a primary.
    Take(Box<Arrival>),
    /// Render it for secondaries.
    Draw(Box<Drawing>),
    /// Lay declared records over it.
    Lay(Box<Laying>),
}

/// What came from a primary, and what it is held against.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) apex: Name,
    pub(super) what: Came,
    /// What there is.
    pub(super) base: Arc<Zone>,
    pub(super) mounts: Vec<(Name, Mount)>,
    /// Whether the zone is signed here, whatever it comes with.
    pub(super) is_signed_here: bool,
    /// What steered names may be answered with.
    pub(super) steered: Arc<[Steered]>,
    /// The part of it that may vanish at once.
    pub(super) max_shrink: Permille,
    /// Tells that what it lists is followed.
    pub(super) is_catalog: bool,
}

/// What came from a primary.
#[derive(Debug)]
pub(super) enum Came {
    /// The zone.
    Whole(Packed),
    /// What has changed in it.
    Changes(PackedChanges),
}

/// A zone that is given to secondaries.
#[derive(Debug)]
pub(super) struct Drawing {
    pub(super) table: Arc<Table>,
    pub(super) served: Served,
    /// The client as whom steered names are rendered.
    pub(super) view: RenderView,
    pub(super) journal: Option<Journal>,
    pub(super) last: Option<Last>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Composed(Result<Composition, String>),
    Signed(SigningStep),
    /// With the number of signatures that were made.
    Renewed(Signed, usize),
    Taken(Result<Taken, Refusal>),
    Drawn(Box<Drawn>),
    Laid(Box<LaidZone>),
}

/// Some of the signatures of a zone.
#[derive(Debug)]
pub(super) struct SigningStep {
    /// The zone with them.
    pub(super) signed: Signed,
    /// The number of those that it lacked and has now.
    pub(super) done: usize,
    /// The number of signatures that were made for that.
    pub(super) made: usize,
    /// Set if it lacks none any more.
    pub(super) is_last: bool,
}

impl SigningStep {
    fn make(signed: &Signed, (most, now): (usize, u64), spread: &Spread<'_>) -> Self {
        let mut chunks = signed.lacking(now);
        let is_last = chunks.len() <= most;
        chunks.truncate(most);
        let done = chunks.iter().map(|&chunk| signed.lacks(chunk, now)).sum();
        let (signed, made) = signed_in(signed, &chunks, now, spread);
        Self {
            signed,
            done,
            made,
            is_last,
        }
    }
}

/// The zone with these chunks made, and how many signatures were made for that.
pub(super) fn signed_in(
    signed: &Signed,
    chunks: &[usize],
    now: u64,
    spread: &Spread<'_>,
) -> (Signed, usize) {
    let chunks = spread(chunks, &|chunk| signed.sign(chunk, now));
    let made = chunks.iter().map(|(_, chunk)| chunk.made()).sum();
    (signed.renewed(chunks), made)
}

impl Job {
    pub(super) fn new(work: Work) -> Self {
        Self(work)
    }

    /// The kind of work that it is.
    #[must_use]
    pub fn weight(&self) -> JobWeight {
        match &self.0 {
            Work::Sign { .. } | Work::Renew { .. } => JobWeight::Signing,
            Work::Compose(compose) if compose.is_plain() => JobWeight::Nothing,
            Work::Compose(compose) if compose.base.names() < MANY_NAMES => JobWeight::Small,
            Work::Lay(laying) if laying.base.names() < MANY_NAMES => JobWeight::Small,
            Work::Compose(_) | Work::Take(_) | Work::Draw(_) | Work::Lay(_) => JobWeight::Large,
        }
    }

    /// Does the work.
    #[must_use]
    pub fn run(self, spread: &Spread<'_>) -> Made {
        Made(match self.0 {
            Work::Compose(compose) => Outcome::Composed(compose.make(spread)),
            Work::Sign { signed, most, now } => {
                Outcome::Signed(SigningStep::make(&signed, (most, now), spread))
            }
            Work::Renew {
                signed,
                chunks,
                now,
            } => {
                let (signed, made) = signed_in(&signed, &chunks, now, spread);
                Outcome::Renewed(signed, made)
            }
            Work::Take(arrival) => Outcome::Taken(content::take(*arrival)),
            Work::Lay(laying) => Outcome::Laid(Box::new(laying.lay())),
            Work::Draw(drawing) => Outcome::Drawn(Box::new(draw(*drawing))),
        })
    }
}
