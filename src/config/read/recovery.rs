//! `[recoveries]`: how endpoints come back.
//!
//! Defaults: steps of 5, 20, 50 and 100 %, a minute each: long enough to see caches warm up and
//! to have three more probes before the next step. No gate, no delay, and no operator's word: an
//! endpoint comes back by itself. Relapses lengthen the next return, up to eight times, and are
//! half forgotten after ten minutes.
use crate::base::{Permille, Span};
use crate::config::reader::{At, Fields, Shape};
use crate::config::spec::RecoverySpec;
use crate::config::value;
use crate::plan::{Approval, DampingPolicy};

use super::{items, plain};

/// The steps of a recovery that names none.
const STEPS: [Permille; 4] = [Permille(50), Permille(200), Permille(500), Permille(1000)];

/// How long each of them lasts.
const EVERY: Span = Span::from_secs(60);

/// The most times over that relapses may lengthen a return.
const DAMPING_MOST: u16 = 64;

const FAILBACKS: &[(&str, Approval)] = &[
    ("automatic", Approval::Automatic),
    ("manual", Approval::Needed),
];

/// The recovery of services that name none.
pub(crate) fn default_steps() -> (Vec<Permille>, Span) {
    (STEPS.to_vec(), EVERY)
}

pub(super) fn recoveries(document: &mut Fields<'_, '_>) -> Vec<RecoverySpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("recoveries", "recovery") {
        let every = fields.optional("every", value::span);
        if let Some(zero) = every.as_ref().filter(|every| every.value == Span::ZERO) {
            let message = "steps that last no time are no steps";
            fields.reader().error(&zero.at, message, |found| {
                found.help("for a return at once write `steps = [100]`");
            });
        }
        list.push(RecoverySpec {
            name,
            steps: steps(&mut fields),
            every: plain(every).unwrap_or(EVERY),
            gates: gates(&mut fields),
            failback: fields.optional("failback", value::word(FAILBACKS)),
            delay: plain(fields.optional("failback_delay", value::span)).unwrap_or(Span::ZERO),
            damping: damping(&mut fields),
        });
        fields.finish();
    }
    list
}

/// One gate, or a list of them.
fn gates(fields: &mut Fields<'_, '_>) -> Vec<At<String>> {
    match fields.shape("gate") {
        Some(Shape::List) => items(fields.list("gate", value::text)),
        Some(Shape::Single | Shape::Table) | None => {
            fields.optional("gate", value::text).into_iter().collect()
        }
    }
}

fn damping(recovery: &mut Fields<'_, '_>) -> DampingPolicy {
    let Some(mut fields) = recovery.table("damping") else {
        return DampingPolicy::DEFAULT;
    };
    let half_life = fields.optional("half_life", value::span);
    let short = half_life.as_ref();
    if let Some(short) = short.filter(|given| given.value < Span::from_secs(1)) {
        let message = format!("{} is too short a half-life", short.value);
        fields.reader().error(&short.at, message, |found| {
            found.help("it can be 1s at the least; `most = 1` turns damping off");
        });
    }
    let most = fields.optional("most", value::number(1..=DAMPING_MOST));
    fields.finish();
    DampingPolicy {
        half_life: plain(half_life).unwrap_or(DampingPolicy::DEFAULT.half_life),
        most: plain(most).unwrap_or(DampingPolicy::DEFAULT.most),
    }
}

/// Percentages that rise, the last of them 100.
fn steps(fields: &mut Fields<'_, '_>) -> Vec<Permille> {
    let Some(list) = fields.list("steps", value::percent) else {
        return STEPS.to_vec();
    };
    let reader = fields.reader();
    let mut before = Permille::NONE;
    for step in &list.value {
        if step.value <= before {
            let message = match before {
                Permille::NONE => "a step of 0% is no step".to_owned(),
                before => format!("{} does not rise above {before}", step.value),
            };
            reader.error(&step.at, message, |found| {
                found.help("steps only rise, such as [5, 20, 50, 100]");
            });
        }
        before = before.max(step.value);
    }
    if before != Permille::FULL {
        reader.error(&list.at, "the last step is not 100", |found| {
            found.help("an endpoint would never carry its whole share again: append 100");
        });
    }
    list.value.into_iter().map(|step| step.value).collect()
}
