//! Work on one zone that takes long: a pure function that whoever drives the engine runs where it likes.
//!
//! A job holds all that it needs, and changes nothing: what it made comes back by
//! [`Input::Made`](super::Input::Made). A zone has one job at a time, so what comes back is never older than
//! what is there.
use std::sync::Arc;

use super::compose::{Compose, Composed};
use super::content::{self, Refusal, Taken};
use super::version::{Drawn, Last, draw};
use crate::base::Permille;
use crate::dns::Name;
use crate::dns::transfer::{Diff, Journal, Packed};
use crate::dns::zone::signed::{Chunk, Signed, Steered};
use crate::dns::zone::{Mount, Served, Zone};
use crate::table::{RenderView, Table};

/// Makes chunks of signatures for a time, by as many threads as it has.
pub type Spread<'s> = dyn Fn(&Signed, &[usize], u64) -> Vec<(usize, Chunk)> + 's;

/// Makes chunks of signatures one after the other.
#[must_use]
pub fn in_turn(signed: &Signed, chunks: &[usize], now: u64) -> Vec<(usize, Chunk)> {
    let chunks = chunks.iter();
    chunks
        .map(|&chunk| (chunk, signed.sign(chunk, now)))
        .collect()
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
}

/// What came from a primary.
#[derive(Debug)]
pub(super) enum Came {
    /// The zone.
    Whole(Packed),
    /// What has changed in it.
    Changes(Vec<Diff>),
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
    Composed(Result<Composed, String>),
    Renewed(Signed),
    Taken(Result<Taken, Refusal>),
    Drawn(Box<Drawn>),
}

impl Job {
    pub(super) fn new(work: Work) -> Self {
        Self(work)
    }

    /// Does the work.
    #[must_use]
    pub fn run(self, spread: &Spread<'_>) -> Made {
        Made(match self.0 {
            Work::Compose(compose) => Outcome::Composed(compose.make(spread)),
            Work::Renew {
                signed,
                chunks,
                now,
            } => {
                let made = spread(&signed, &chunks, now);
                Outcome::Renewed(signed.renewed(made))
            }
            Work::Take(arrival) => Outcome::Taken(content::take(*arrival)),
            Work::Draw(drawing) => Outcome::Drawn(Box::new(draw(*drawing))),
        })
    }
}
