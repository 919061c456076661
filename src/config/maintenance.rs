//! `[[maintenance]]` as it is written.
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::reader::At;
use crate::base::Span;
use crate::plan::Recurrence;

/// One of `[[maintenance]]`.
#[derive(Debug)]
pub(crate) struct MaintenanceSpec {
    pub(crate) name: At<String>,
    /// A region, provider or endpoint.
    pub(crate) scope: Option<At<String>>,
    pub(crate) reason: String,
    pub(crate) start: Option<At<DateTime>>,
    pub(crate) zone: TimeZone,
    pub(crate) length: WindowLength,
    pub(crate) recurrence: Option<At<Recurrence>>,
    /// The time that a drain of the scope takes if absent.
    pub(crate) lead: Option<Span>,
}

/// The time for which a window is open.
#[derive(Debug)]
pub(crate) enum WindowLength {
    /// So long.
    For(Span),
    /// Until this time, the first time that it is open.
    Until(At<DateTime>),
    /// That could not be read, and is told.
    Unknown,
}
