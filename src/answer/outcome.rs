//! What a reply has come to so far: the part of it that is not records.
//!
//! The modules that look things up fill it in; only [`super::answer`] turns it into a header.
use super::{Answered, Counted};
use crate::base::{ClassId, Family, Reason, RegionId, ServiceId};
use crate::dns::edns::ExtendedError;
use crate::dns::reply::{AUTHORITATIVE, TRUNCATED};
use crate::dns::rr::rcode;

/// What a reply has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Response code.
    pub(super) rcode: u16,
    /// Why it is what it is.
    pub(super) reason: Reason,
    /// Whether AA is set.
    pub(super) authoritative: bool,
    /// Whether TC is set.
    pub(super) truncated: bool,
    /// The service, if the answer is steered.
    pub(super) service: Option<ServiceId>,
    /// The region it goes to.
    pub(super) region: Option<RegionId>,
    /// The family and the class that it was steered for.
    pub(super) asked: Option<(Family, ClassId)>,
    /// Bits of the client's address that the answer depends on (RFC 7871, section 7.2.1).
    pub(super) scope: u8,
    /// Where the zone's apex starts in the question's name; 0 where there is no zone.
    pub(super) apex: usize,
    /// Where in it the owner of what was found starts: the name itself, or what a wildcard or a
    /// DNAME stands below.
    pub(super) owner: usize,
    /// What the client is told besides, if the reason does not say it.
    pub(super) extended_error: Option<&'static ExtendedError>,
}

impl Outcome {
    /// Our own data, nothing special yet.
    pub(super) fn authoritative(reason: Reason) -> Self {
        Self {
            authoritative: true,
            ..Self::bare(rcode::NOERROR, reason)
        }
    }

    /// No data at all, only a response code.
    pub(super) fn reject(rcode: u16) -> Self {
        let reason = match rcode {
            rcode::NOTIMP => Reason::Notimp,
            rcode::BADVERS => Reason::Badvers,
            rcode::REFUSED => Reason::Refused,
            _ => Reason::Formerr,
        };
        Self::bare(rcode, reason)
    }

    /// Our own fault.
    pub(super) fn fail(reason: Reason) -> Self {
        Self::bare(rcode::SERVFAIL, reason)
    }

    /// No data, for this reason.
    pub(super) fn bare(rcode: u16, reason: Reason) -> Self {
        Self {
            rcode,
            reason,
            authoritative: false,
            truncated: false,
            service: None,
            region: None,
            asked: None,
            scope: 0,
            apex: 0,
            owner: 0,
            extended_error: None,
        }
    }

    /// The same, and the client is told this besides.
    pub(super) fn because(self, error: &'static ExtendedError) -> Self {
        Self {
            extended_error: Some(error),
            ..self
        }
    }

    /// What the client is told besides (RFC 8914).
    #[inline]
    pub(super) fn extended_error(&self) -> Option<&'static ExtendedError> {
        self.extended_error.or(ExtendedError::of(self.reason))
    }

    /// AA and TC.
    pub(super) fn flags(&self) -> u16 {
        let authoritative = if self.authoritative { AUTHORITATIVE } else { 0 };
        let truncated = if self.truncated { TRUNCATED } else { 0 };
        authoritative | truncated
    }

    /// As the caller of [`super::answer`] sees it.
    pub(super) fn answered(&self, length: usize, counted: Counted) -> Answered {
        Answered {
            length,
            rcode: self.rcode,
            service: self.service,
            region: self.region,
            asked: self.asked,
            reason: self.reason,
            truncated: self.truncated,
            counted,
        }
    }
}
