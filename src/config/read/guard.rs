//! `[guard]`: what protects against a prober that is itself sick, and against careless changes.
//!
//! Defaults are those of [`Guard::DEFAULT`]. What a guard set to nothing comes to is told with a
//! warning, because "0%" reads like caution and means the opposite. Canaries are addresses that
//! have nothing to do with the endpoints; they tell a sick network from sick endpoints.
use std::net::SocketAddr;

use toml::de::DeValue;

use crate::base::limits::CANARIES;
use crate::base::{Permille, Span};
use crate::config::reader::{At, Fields};
use crate::config::value::{self, Trouble};
use crate::plan::{Guard, Losses};

use super::plain;

const LOSSES: &[(&str, Losses)] = &[("report", Losses::Report), ("refuse", Losses::Refuse)];

/// What a part of nothing comes to, and the way out.
type AtNothing = Option<(&'static str, &'static str)>;

/// What `max_ejected = "0%"` comes to, and the way out.
const NONE_EJECTED: AtNothing = Some((
    "endpoints that fail are never taken out of the answers",
    "\"0%\" lets none leave; leave the key away (\"100%\") to let all leave that fail",
));

/// What `max_shrink = "0%"` comes to, and the way out.
const NO_SHRINK: AtNothing = Some((
    "a reload that drops a single name, endpoint or network is refused",
    "only `waypost reload --force` takes it then; the default is \"50%\"",
));

/// The guards, the bounds on ejections as they are written, and the canaries.
pub(super) fn guard(
    document: &mut Fields<'_, '_>,
) -> (Guard, Vec<At<Permille>>, Vec<At<SocketAddr>>) {
    let (mut guard, mut bounds) = (Guard::DEFAULT, Vec::new());
    let Some(mut fields) = document.table("guard") else {
        return (guard, bounds, Vec::new());
    };
    for (key, part, at_nothing) in [
        ("doubt", &mut guard.doubt, None),
        ("max_ejected", &mut guard.max_ejected, NONE_EJECTED),
        (
            "max_ejected_at_once",
            &mut guard.max_ejected_at_once,
            NONE_EJECTED,
        ),
        ("max_shrink", &mut guard.max_shrink, NO_SHRINK),
        ("max_shrink_watched", &mut guard.max_shrink_watched, None),
        ("max_moved", &mut guard.max_moved, None),
    ] {
        let Some(given) = fields.optional(key, value::percent) else {
            continue;
        };
        *part = given.value;
        if let Some((message, help)) = at_nothing.filter(|_| given.value == Permille::NONE) {
            fields.reader().warn(&given.at, message, help);
        } else if key.starts_with("max_ejected") {
            bounds.push(given);
        }
    }
    if let Some(interval) = ejection_interval(&mut fields) {
        guard.ejection_interval = interval;
    }
    if let Some(losses) = plain(fields.optional("losses", value::word(LOSSES))) {
        guard.losses = losses;
    }
    let canaries = canaries(&mut fields);
    fields.finish();
    (guard, bounds, canaries)
}

/// The time over which `max_ejected_at_once` is counted.
fn ejection_interval(fields: &mut Fields<'_, '_>) -> Option<Span> {
    let given = fields.optional("ejection_interval", value::span)?;
    let is_used = fields.key("max_ejected_at_once").is_some();
    let reader = fields.reader();
    if given.value == Span::ZERO {
        reader.error(&given.at, "nothing leaves within no time", |found| {
            found.help("the default is \"1m\"");
        });
    } else if !is_used {
        let message = "`ejection_interval` has no effect here";
        let help = "say how much may leave within it: `max_ejected_at_once = \"30%\"`";
        reader.warn(&given.at, message, help);
    }
    Some(given.value)
}

fn canaries(fields: &mut Fields<'_, '_>) -> Vec<At<SocketAddr>> {
    let Some(list) = fields.list("canaries", canary) else {
        return Vec::new();
    };
    let reader = fields.reader();
    for (index, one) in list.value.iter().enumerate() {
        let mut others = list.value[..index].iter();
        if others.any(|other| other.value == one.value) {
            let message = format!("`{}` is listed twice", one.value);
            reader.error(&one.at, message, |found| {
                found.help("remove one of them");
            });
        }
    }
    if let Some(past) = list.value.get(CANARIES) {
        reader.error(
            &past.at,
            format!("more than {CANARIES} canaries"),
            |found| {
                found.help("two or three that fail apart are enough");
            },
        );
    }
    if let [only] = &list.value[..] {
        let message = "with one canary alone, its own outage looks like that of this node";
        let help = "name two or three that fail apart, at different networks";
        reader.warn(&only.at, message, help);
    }
    list.value
}

/// An address with a port that can be connected to.
fn canary(value: &DeValue<'_>) -> Result<SocketAddr, Trouble> {
    let canary = value::socket(value)?;
    let ip = canary.ip();
    match canary.port() == 0 || ip.is_unspecified() || ip.is_multicast() {
        true => Err(Trouble::new(format!("nobody can connect to `{canary}`"))
            .with_help("write what answers TCP all the time, such as \"192.0.2.1:443\"")),
        false => Ok(canary),
    }
}
