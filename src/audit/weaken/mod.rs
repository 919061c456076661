//! Losses by another config that nobody may suffer from a file which is half written.
//!
//! | module | what it decides |
//! |---|---|
//! | `found` | losses put together, and the two sides that are compared |
//! | `services` | services, hostnames, regions and zones that are dropped; residency, gates and approvals of what stays |
//! | `watches` | monitors of services and endpoints that ask for less |
//! | `ramp` | whether a return goes ahead of how it went |
//! | `access` | who may do more than before: transfers, updates, keys, control |
//! | `signing` | what protects a zone by DNSSEC |
//! | `cluster` | nodes that gain a voice, and what keeps few of them from deciding |
//! | `guards` | limits that bound mistakes, floods and sick probers |
//!
//! Fences are judged here by the words of the config: by country, and by the networks whose country the config states. Where
//! a geo database puts clients is its own affair, and is compared client by client by `waypost plan`. What weakens is told as a loss, in the words
//! in which `waypost plan` tells losses, and the same list serves both.
//!
//! A config that was cut off is a valid one with fewer words, and where words are missing defaults hold. So each thing that
//! protects is compared by what it comes to, and not by its text. Structs are taken apart by exhaustive patterns: a field that
//! is added does not compile here before somebody has said whether it protects.
//!
//! Not judged is what only moves clients about inside their fences: claims, weights, tiers, TTLs, endpoints (how many of them may
//! go is `guard.max_shrink`'s), nor what a monitor asks for, unless it is a gate. What is stricter than before, and what is new, is no loss.
use super::compare;

mod access;
mod cluster;
mod found;
mod guards;
mod ramp;
mod services;
mod signing;
mod watches;

pub use found::{Decisions, Weakened};

use found::Findings;

/// Finds what `after` takes away of what `before` protects and serves; nothing, where it is equal or stricter.
#[must_use]
pub fn weakened(before: Decisions<'_>, after: Decisions<'_>) -> Weakened {
    let mut found = Findings::default();
    let sides = [before, after];
    let plans = sides.map(|side| side.plan);
    found.0.extend(compare::fences(plans));
    services::judge(sides, &mut found);
    access::judge(sides, &mut found);
    signing::judge(sides, &mut found);
    cluster::judge(sides, &mut found);
    guards::judge(sides, &mut found);
    found.0.sort_by_key(|loss| loss.kind);
    Weakened(found.0)
}
