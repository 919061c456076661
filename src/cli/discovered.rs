//! Discoveries in `waypost status`: how many endpoints each has in force, how old its list is, and what is wrong with it.
use super::present::{Paint, ago, line};
use crate::discovery::DiscoveryReport;

/// The line of a discovery.
pub(super) fn discovery_line(out: &mut String, own: &DiscoveryReport, paint: Paint) {
    let (name, source, endpoints) = (&own.name, &own.source, own.endpoints);
    let mut text = format!("discovery {name} ({source}): {endpoints} endpoints");
    match own.age_ms {
        None => text.push_str(", never confirmed"),
        Some(age) => text.push_str(&format!(", confirmed {} ago", ago(age))),
    }
    if own.pending > 0 {
        text.push_str(&format!(", {} changes to come", own.pending));
    }
    if own.left_out > 0 {
        text.push_str(&format!(", {} left out", own.left_out));
    }
    let Some(reason) = &own.reason else {
        return line(out, &text);
    };
    text = format!("{text}  ({reason})");
    if own.held_back.is_some() {
        text.push_str(&format!(
            "  `waypost reload --accept {name}` if that is meant"
        ));
    }
    line(out, &paint.code("1;31", &text));
}
