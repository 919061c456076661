//! `[[maintenance]]`: windows in which something is taken out, and for how long before it clients are led away.
//!
//! ```toml
//! [[maintenance]]
//! name       = "patches"
//! scope      = "eu-frankfurt"                 # a region, provider or endpoint
//! start      = 2027-03-07T02:00:00            # by the clocks of `timezone`
//! timezone   = "Europe/Berlin"                # default: "UTC"
//! duration   = "2h"                           # or `end`
//! recurrence = "FREQ=MONTHLY;BYDAY=1SU"       # RFC 5545, a part of it; absent = once
//! lead       = "10m"                          # default: the time that a drain takes
//! reason     = "kernel updates"
//! ```
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use toml::de::DeValue;

use crate::base::Span;
use crate::config::maintenance::{MaintenanceSpec, WindowLength};
use crate::config::reader::{At, Fields};
use crate::config::value::{self, Trouble, mismatch};
use crate::plan::Recurrence;

use super::plain;

pub(super) fn windows(document: &mut Fields<'_, '_>) -> Vec<MaintenanceSpec> {
    let mut windows = Vec::new();
    for mut fields in document.tables("maintenance") {
        let at = fields.at();
        let name = fields.required("name", r#""patches""#, value::label);
        let zone = fields.optional("timezone", zone);
        let start = fields.required("start", "2027-03-07T02:00:00", civil);
        windows.push(MaintenanceSpec {
            name: name.unwrap_or(At {
                value: String::new(),
                at,
            }),
            scope: fields.required("scope", r#""eu-frankfurt""#, value::text),
            reason: plain(fields.optional("reason", value::short_text)).unwrap_or_default(),
            start,
            zone: plain(zone).unwrap_or(TimeZone::UTC),
            length: length(&mut fields),
            recurrence: fields.optional("recurrence", recurrence),
            lead: plain(fields.optional("lead", value::span)),
        });
        fields.finish();
    }
    windows
}

fn length(fields: &mut Fields<'_, '_>) -> WindowLength {
    let duration = fields.optional("duration", duration);
    let end = fields.optional("end", civil);
    let given = [fields.key("duration"), fields.key("end")];
    match (duration, end, given) {
        (Some(duration), None, [_, None]) => WindowLength::For(duration.value),
        (None, Some(end), [None, _]) => WindowLength::Until(end),
        (_, _, [Some(_), Some(at)]) => {
            let message = "`duration` and `end` both say when it closes";
            fields.reader().error(&at, message, |found| {
                found.help("keep one of them");
            });
            WindowLength::Unknown
        }
        (_, _, [None, None]) => {
            fields.missing("duration", "write `duration = \"2h\"`, or `end`");
            WindowLength::Unknown
        }
        _ => WindowLength::Unknown,
    }
}

fn duration(value: &DeValue<'_>) -> Result<Span, Trouble> {
    match value::span(value)? {
        Span::ZERO => Err(Trouble::new("a window of no time is none")
            .with_help("write how long it is open: \"2h\"")),
        span => Ok(span),
    }
}

/// A date with a time of day, and no offset.
fn civil(value: &DeValue<'_>) -> Result<DateTime, Trouble> {
    let text = match value {
        DeValue::Datetime(written) => written.to_string(),
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            return Err(
                mismatch("a date with a time", value).with_help("write it as 2027-03-07T02:00:00")
            );
        }
    };
    let has_offset =
        text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|time| time.contains(['+', '-']));
    let is_whole = text.contains(['T', 't', ' ']) && !has_offset;
    let read = text.parse::<DateTime>().ok().filter(|_| is_whole);
    read.ok_or_else(|| {
        Trouble::new(format!("`{text}` is no time of day of a place"))
            .with_help("write it as 2027-03-07T02:00:00, without an offset; `timezone` says where")
    })
}

fn zone(value: &DeValue<'_>) -> Result<TimeZone, Trouble> {
    let text = value::text(value)?;
    TimeZone::get(&text).map_err(|_| {
        Trouble::new(format!("there is no time zone `{text}`"))
            .with_help("write a name of the IANA database, such as \"Europe/Berlin\" or \"UTC\"")
    })
}

fn recurrence(value: &DeValue<'_>) -> Result<Recurrence, Trouble> {
    let text = value::text(value)?;
    Recurrence::parse(&text).map_err(|why| {
        Trouble::new(format!("no recurrence that is read here: {why}"))
            .with_help("write a rule of RFC 5545 such as \"FREQ=MONTHLY;BYDAY=1SU\"")
    })
}
