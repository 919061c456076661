//! (table, client, query) -> reply bytes + outcome. Never waits, never fails, never allocates.
use std::net::IpAddr;

use crate::base::{Moment, Reason, RegionId, ServiceId};
use crate::table::Table;

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Source address of the query.
    pub source: IpAddr,
    /// How the query came.
    pub transport: Transport,
    /// When.
    pub now: Moment,
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over UDP: the reply is bounded, and may be truncated.
    Udp,
    /// Over a stream: up to 65,535 octets.
    Stream,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Octets of the reply.
    pub length: usize,
    /// Response code, extended ones included.
    pub rcode: u16,
    /// The service, if the answer was steered.
    pub service: Option<ServiceId>,
    /// The region it went to.
    pub region: Option<RegionId>,
    /// Why it is what it is.
    pub reason: Reason,
    /// Whether the reply was truncated.
    pub truncated: bool,
}

/// Answers one query into `reply` (at least 65,535 octets for streams, 1232 for UDP); `None` if
/// it deserves no reply: too short for a header, or itself a reply.
#[must_use]
pub fn answer(
    _table: &Table,
    _asker: &Asker,
    _query: &[u8],
    _reply: &mut [u8],
) -> Option<Answered> {
    None
}
