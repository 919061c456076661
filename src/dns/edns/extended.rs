//! Extended DNS Errors (RFC 8914): what a client is told besides the response code.
//!
//! | reply | code | why this one |
//! |---|---|---|
//! | fail-open answer | 0, Other | it is an answer, but of endpoints that nobody has seen healthy; code 3, Stale Answer, is for what a cache kept too long |
//! | every endpoint down | 0, Other | 22 and 23 are a resolver's words about its authorities |
//! | not our name | 20, Not Authoritative | section 4.21 |
//! | a transfer that is not given, what policy forbids | 18, Prohibited | section 4.19 |
//! | an opcode or a class that is not served | 21, Not Supported | section 4.22 |
//! | signatures past their time | 7, Signature Expired | whoever serves them knows it first |
//! | a zone that has no data or no signatures yet, or has outlived its data | 14, Not Ready | section 4.15 |
//!
//! Codes speak for themselves, so there is text only where the code is Other. Malformed queries get nothing: what
//! is wrong with them has no code, and a forged one should come back no longer than it was.
use crate::base::Reason;

/// INFO-CODE: the text says it.
const OTHER: u16 = 0;
const SIGNATURE_EXPIRED: u16 = 7;
const NOT_READY: u16 = 14;
const PROHIBITED: u16 = 18;
const NOT_AUTHORITATIVE: u16 = 20;
const NOT_SUPPORTED: u16 = 21;

/// An Extended DNS Error (RFC 8914, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT, for people; may be empty, and is left out first.
    pub text: &'static str,
}

impl ExtendedError {
    /// Policy forbids it.
    pub const PROHIBITED: Self = Self::bare(PROHIBITED);
    /// The name is not ours, or is the apex of none of our zones.
    pub const NOT_AUTHORITATIVE: Self = Self::bare(NOT_AUTHORITATIVE);
    /// It is not served here.
    pub const NOT_SUPPORTED: Self = Self::bare(NOT_SUPPORTED);
    const FAIL_OPEN: Self = Self {
        code: OTHER,
        text: "fail-open: no endpoint is proven healthy",
    };
    const ALL_DOWN: Self = Self {
        code: OTHER,
        text: "every endpoint is down",
    };
    const SIGNATURE_EXPIRED: Self = Self::bare(SIGNATURE_EXPIRED);
    const NOT_READY: Self = Self::bare(NOT_READY);
    const WITHHELD: Self = Self {
        code: NOT_READY,
        text: "the zone was signed and its keys cannot be used",
    };

    const fn bare(code: u16) -> Self {
        Self { code, text: "" }
    }

    /// What is said of a reply that is what it is for this reason.
    #[must_use]
    pub fn of(reason: Reason) -> Option<&'static Self> {
        match reason {
            Reason::FailOpen => Some(&Self::FAIL_OPEN),
            Reason::AllDown => Some(&Self::ALL_DOWN),
            Reason::Refused => Some(&Self::NOT_AUTHORITATIVE),
            Reason::Notimp => Some(&Self::NOT_SUPPORTED),
            Reason::Expired => Some(&Self::SIGNATURE_EXPIRED),
            Reason::NotLoaded => Some(&Self::NOT_READY),
            Reason::Withheld => Some(&Self::WITHHELD),
            Reason::Preferred
            | Reason::Backup
            | Reason::Failover
            | Reason::Overflow
            | Reason::Full
            | Reason::Overloaded
            | Reason::Static
            | Reason::Referral
            | Reason::Nodata
            | Reason::Nxdomain
            | Reason::Formerr
            | Reason::Badvers
            | Reason::Yxdomain
            | Reason::Chaos
            | Reason::Cookie
            | Reason::Limited => None,
        }
    }

    pub(super) fn without_text(self) -> Self {
        Self { text: "", ..self }
    }
}
