//! `[monitors]`: how endpoints are checked, in the keys that all types have.
//!
//! Defaults: every 5 s (2.5 s near a flip), 2 s to answer, 3 failures take down, 3 successes
//! bring back. Failures need not be in a row to add up (only `rise` successes in a row wipe them), unless
//! `fall_consecutive` says so. Which types there are, and their own keys, is `monitor`'s.
use toml::de::DeValue;

use crate::base::limits::PROBE_INTERVAL_LEAST;
use crate::base::{Permille, Span};
use crate::config::reader::{At, Fields};
use crate::config::spec::MonitorSpec;
use crate::config::value::{self, Trouble};
use crate::monitor;
use crate::monitor::source::ProbeSource;
use crate::plan::FailureCount;

use super::plain;

pub(super) fn monitors(document: &mut Fields<'_, '_>) -> Vec<MonitorSpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("monitors", "monitor") {
        list.push(monitor(name, &mut fields));
        fields.finish();
    }
    list
}

fn monitor(name: At<String>, fields: &mut Fields<'_, '_>) -> MonitorSpec {
    let written = monitor::read(fields);
    let silence = written.check.silence();
    let pace = match silence {
        None => pace(fields),
        Some(ttl) => pace_of_silence(ttl, fields),
    };
    // One report decides: whoever sends it has counted already.
    let count = if silence.is_some() { 1 } else { 3 };
    MonitorSpec {
        name,
        written,
        source: ProbeSource::read(fields),
        slow_after: pace.slow_after,
        degraded: pace.degraded,
        interval: pace.interval,
        near_interval: pace.near_interval,
        timeout: pace.timeout,
        fall: plain(fields.optional("fall", value::number(1..=1000))).unwrap_or(count),
        failures: plain(fields.optional("fall_consecutive", consecutive)).unwrap_or_default(),
        rise: plain(fields.optional("rise", value::number(1..=1000))).unwrap_or(count),
    }
}

struct Pace {
    interval: Span,
    near_interval: Span,
    timeout: Span,
    slow_after: Option<Span>,
    degraded: Option<Permille>,
}

/// The pace of what reports by itself.
fn pace_of_silence(ttl: Span, fields: &mut Fields<'_, '_>) -> Pace {
    for key in ["interval", "near_interval", "timeout"] {
        if let Some(at) = fields.key(key) {
            let message = format!("`{key}` means nothing where nobody is asked");
            fields.reader().error(&at, message, |found| {
                found.help("`ttl` says for how long a report holds");
            });
        }
    }
    Pace {
        interval: ttl,
        near_interval: ttl,
        timeout: ttl.min(Span(2000)),
        slow_after: None,
        degraded: None,
    }
}

fn pace(fields: &mut Fields<'_, '_>) -> Pace {
    let reader = fields.reader();
    let interval = plain(fields.optional("interval", probe_interval)).unwrap_or(Span(5000));
    let near = fields.optional("near_interval", probe_interval);
    let timeout = fields.optional("timeout", value::span);
    let paces = [
        ("near_interval", &near, "it is the faster pace near a flip"),
        (
            "timeout",
            &timeout,
            "a probe has to end before the next one starts",
        ),
    ];
    for (key, given, help) in paces {
        let Some(given) = given.as_ref().filter(|given| given.value > interval) else {
            continue;
        };
        let message = format!("`{key}` is longer than the interval of {interval}");
        reader.error(&given.at, message, |found| {
            found.help(help);
        });
    }
    if let Some(zero) = timeout.as_ref().filter(|given| given.value == Span::ZERO) {
        reader.error(&zero.at, "no probe passes in no time", |found| {
            found.help("the default is \"2s\"");
        });
    }
    let used = timeout
        .as_ref()
        .map_or(Span(2000).min(interval), |given| given.value);
    let slow = fields.optional("slow_after", value::span);
    if let Some(slow) = slow
        .as_ref()
        .filter(|slow| slow.value >= used || slow.value == Span::ZERO)
    {
        let message =
            format!("`slow_after` is longer than nothing and shorter than the timeout of {used}");
        reader.error(&slow.at, message, |found| {
            found.help("a probe that passes later than that counts as failed, such as \"500ms\"");
        });
    }
    let degraded = degraded(fields, slow.is_some());
    let half = Span(interval.0 / 2).max(Span(500)).min(interval);
    Pace {
        interval,
        near_interval: plain(near).unwrap_or(half),
        timeout: used,
        slow_after: plain(slow),
        degraded,
    }
}

/// The part of its clients that an endpoint serves while it is slow.
fn degraded(fields: &mut Fields<'_, '_>, has_bound: bool) -> Option<Permille> {
    let given = fields.optional("degraded", value::percent)?;
    let is_part = Permille::NONE < given.value && given.value < Permille::FULL;
    let (message, help) = match (has_bound, is_part) {
        (true, true) => return Some(given.value),
        (false, _) => (
            "`degraded` says nothing without `slow_after`",
            "`slow_after` is the time past which a probe that passes is slow",
        ),
        (true, false) => (
            "`degraded` is more than none of the clients, and fewer than all",
            "such as \"20%\"; without it, a probe that is slow counts as failed",
        ),
    };
    fields.reader().error(&given.at, message, |found| {
        found.help(help);
    });
    None
}

/// Tells whether failures must be in a row to count together.
fn consecutive(value: &DeValue<'_>) -> Result<FailureCount, Trouble> {
    if let DeValue::Integer(number) = value {
        let help = format!("write `fall = {number}` and `fall_consecutive = true`");
        return Err(Trouble::new("`fall_consecutive` is true or false").with_help(help));
    }
    Ok(match value::boolean(value)? {
        true => FailureCount::Consecutive,
        false => FailureCount::Accumulated,
    })
}

fn probe_interval(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    match span < PROBE_INTERVAL_LEAST {
        true => Err(Trouble::new(format!("{span} is too short an interval"))
            .with_help(format!("it can be {PROBE_INTERVAL_LEAST} at the least"))),
        false => Ok(span),
    }
}
