//! What is mounted over a name: the number of a service, and what a zone must know of its answers.
//!
//! Of steering a zone knows the number alone. A service that answers with more than addresses has a *mark* in the number,
//! above every number that a service may have: so whoever looks a service up by what is mounted finds none under a marked
//! one and takes the longer way, and the way of all others is not a step longer.

use crate::base::limits::SERVICES;

/// Number that the plan gave what is mounted over a name, with its marks.
pub type Mount = u16;

/// Mark: answers may hold records other than addresses.
pub const HAS_RECORDS: Mount = 1 << 14;
/// Mark: an answer may be a CNAME, beside which nothing may stand (RFC 1034, section 3.6.2). It comes with
/// [`HAS_RECORDS`].
pub const MAY_ALIAS: Mount = 1 << 15;

const _: () = assert!(
    SERVICES <= HAS_RECORDS as usize,
    "marks are above all numbers"
);

/// The number of the service, without marks.
#[must_use]
pub fn service_number(mount: Mount) -> u16 {
    mount & !(HAS_RECORDS | MAY_ALIAS)
}
