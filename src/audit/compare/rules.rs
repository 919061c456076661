//! Which rules of the new plan's `[guard]` a change breaks.
//!
//! | rule | is broken when |
//! |---|---|
//! | `max_moved` | a larger part of a service's clients moves while everything is healthy |
//! | `losses` | it is `refuse`, and anything but a fence is lost |
//! | the fence | a client can be sent where it could not be sent before |
//!
//! The last one is no key of the config, because nobody should be able to widen a fence and to allow
//! it in one change. The rules are the new plan's, so that a change that is meant can be
//! made by a config that says so.
//!
//! Services are held to `max_moved` one by one: what one of them moves must not hide behind
//! the size of the others, and if each of them keeps it then all of them together do.
use serde::Serialize;

use crate::audit::text::count;
use crate::base::Permille;
use crate::plan::{Guard, Losses};

use super::ServiceChange;
use super::losses::{Loss, LossKind};
use super::weight::Part;

/// Whether all rules are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// They are.
    Allowed,
    /// One is broken.
    Refused,
}

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Which one.
    pub rule: Rule,
    /// How.
    pub finding: String,
}

/// What a change is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// No more may move than `guard.max_moved`.
    MaxMoved,
    /// No fence may widen.
    Fence,
    /// Nothing else may be lost, where `guard.losses` is `refuse`.
    Losses,
}

/// The rules that are broken.
pub(super) fn broken(guard: &Guard, services: &[ServiceChange], losses: &[Loss]) -> Vec<Broken> {
    let mut broken: Vec<Broken> = services
        .iter()
        .filter(|service| moves_too_much(service, guard.max_moved))
        .map(|service| Broken {
            rule: Rule::MaxMoved,
            finding: format!(
                "{} of the clients of {} move, and guard.max_moved allows {}",
                service.moved_millionths, service.service, guard.max_moved,
            ),
        })
        .collect();
    let number = |is: fn(LossKind) -> bool| losses.iter().filter(|loss| is(loss.kind)).count();
    let fences = number(|kind| kind == LossKind::Fence);
    if fences > 0 {
        let finding = format!("{} widened", count(fences as u64, "fence"));
        let rule = Rule::Fence;
        broken.push(Broken { rule, finding });
    }
    let others = number(|kind| kind != LossKind::Fence);
    match guard.losses {
        Losses::Refuse if others > 0 => {
            let is_lost = |kind: &LossKind| losses.iter().any(|loss| loss.kind == *kind);
            let words: Vec<&str> = LossKind::ALL
                .into_iter()
                .filter(|kind| *kind != LossKind::Fence && is_lost(kind))
                .map(LossKind::word)
                .collect();
            let finding = format!(
                "{} of {}, and guard.losses is \"refuse\" (\"report\" lets it pass)",
                count(others as u64, "loss"),
                words.join(" and "),
            );
            let rule = Rule::Losses;
            broken.push(Broken { rule, finding });
        }
        Losses::Refuse | Losses::Report => {}
    }
    broken
}

/// Whether more of a service's clients move than may. Where none may, a client without weight
/// counts as well: one of unknown place, or one that has only IPv6.
fn moves_too_much(service: &ServiceChange, most: Permille) -> bool {
    let Part(moved) = service.moved_millionths;
    let any = most == Permille::NONE && service.moved.networks > 0;
    any || moved > u64::from(most.0) * 1000
}

pub(super) fn verdict(broken: &[Broken]) -> Verdict {
    match broken.is_empty() {
        true => Verdict::Allowed,
        false => Verdict::Refused,
    }
}
