//! A model checker over the production decision functions: every interleaving of a small world.
//!
//! Seeded worlds (`worlds`) find what is likely; this finds what is possible, in a world small
//! enough to be gone through whole: four endpoints in three jurisdictions, both of one of them truly
//! dead, one drained by an operator, three vantages of which one may be cut off.
//!
//! | module | whose interleavings | what is proved of every state |
//! |---|---|---|
//! | `vantages` | probes, votes on their way, late and lost, isolation, an order, rulings | no empty answer, the fence, nothing that most see well is ejected, a drained endpoint is left |
//! | `course` | reports, orders, reloads, time and publications of a whole engine | the first two, and that generations only rise |
//!
//! A proof that cannot fail is none: each property is refuted when its guard is taken out, and the
//! checker must find the counterexample. What the guards are is written where they are taken out.
mod course;
mod ground;
mod vantages;

use stateright::{Checker, Model};

/// Goes through every state, and gives the properties of which a counterexample was found (or an
/// example, of one that must be met sometimes).
pub(super) fn refuted<M>(model: M, what: &str) -> Vec<&'static str>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + std::fmt::Debug + std::hash::Hash + PartialEq + Send + Sync + 'static,
    M::Action: std::fmt::Debug + PartialEq + Clone + Send + Sync,
{
    let checker = model.checker().threads(2).spawn_bfs().join();
    eprintln!("{what}: {} states", checker.unique_state_count());
    assert!(checker.is_done());
    let mut found: Vec<&str> = checker.discoveries().into_keys().collect();
    found.sort_unstable();
    found
}
