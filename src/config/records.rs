//! `[[services.NAME.records]]` as written, no name resolved yet.
use std::ops::Range;

use super::reader::At;
use crate::base::Span;

/// One RRset that follows the choice.
#[derive(Debug)]
pub(crate) struct RecordsSpec {
    /// The place where it is written.
    pub(crate) at: Range<usize>,
    /// Its type.
    pub(crate) rtype: Option<At<u16>>,
    /// The region that it belongs to.
    pub(crate) region: Option<At<String>>,
    /// The endpoint that it belongs to.
    pub(crate) endpoint: Option<At<String>>,
    /// RDATA of its records.
    pub(crate) values: Vec<At<Vec<u8>>>,
    /// The greatest TTL; the service's if absent.
    pub(crate) ttl: Option<Span>,
    /// Tells whether the addresses that were chosen go into it.
    pub(crate) hints: Option<At<bool>>,
}
