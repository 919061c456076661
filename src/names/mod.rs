//! Machines that are known by name: which name is asked for when, what of an answer is taken, and which addresses it has.
//!
//! A name is asked for when what is known of it runs out, within the bounds of [`HoldBounds`]; after a failure again soon, and
//! then ever less often. Whatever goes wrong, the last good addresses stay: a resolver that is gone, a name that has
//! vanished or leads nowhere takes no machine out of service by itself (its monitors do), and is told ([`NameFault`]).
//!
//! ```text
//!             .--------------- runs out, or time to try again ---------------.
//!             v                                                              |
//!  wanted -> asked -> answer -> steered here? private? too many? -> addresses + until when
//!                       '-> failure, no such name, a loop --------> last good addresses, and a fault
//! ```
//!
//! # Changes
//!
//! What counts as a change is the set of addresses of a name, never their order or their TTL. Changes are handed on together,
//! [`CHANGE_EVERY`] apart at the least, because each of them costs a plan and, in signed zones, signatures. A name that
//! had no address yet waits for [`COALESCE`] alone. How long addresses hold is handed on at each answer, and costs a publication.
//!
//! # What is refused
//!
//! A chain that leads through a name that is steered here would answer itself. Addresses that no client
//! can have a business with (unspecified, multicast, reserved) are left out always, and those of private networks unless
//! [`PrivateAddresses::Serve`]: whoever holds the zone of that name could otherwise send clients into their own networks.
//!
//! It knows no clock, no socket and no config; [`KnownNames`] is what others see of it.
mod engine;
mod fault;
mod judge;
mod known;
#[cfg(test)]
mod tests;
mod watched;

pub use engine::{NameEngine, NameInput, NameOutput, WantedNames};
pub use fault::{NameFault, NameNotice};
pub use judge::{LookupFailure, NameAnswer, Resolution, is_unfit_address};
pub use known::{KeptName, KnownNames, NameReport, UnknownName};

use crate::base::Span;

/// Addresses of one family that a name has at the most; others of an answer are left out.
pub const NAME_ADDRESSES: usize = 8;
/// Least time between two changes of addresses that are handed on.
pub const CHANGE_EVERY: Span = Span::from_secs(5);
/// Time for which answers that come together are waited for.
pub const COALESCE: Span = Span(100);
/// The pause after the first failure; it doubles with each that follows, up to [`RETRY_MOST`].
pub const RETRY: Span = Span::from_secs(2);
/// The longest pause after failures.
pub const RETRY_MOST: Span = Span::from_secs(60);
/// Time after which a name is asked for again though no answer to the last question came.
pub const OVERDUE: Span = Span::from_secs(60);
/// The pause after which the age of what is known is kept again, where nothing else changes.
pub const KEEP_EVERY: Span = Span::from_secs(60);

/// The time for which an answer is held, whatever its TTL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldBounds {
    /// At the least.
    pub min: Span,
    /// At the most.
    pub max: Span,
}

impl HoldBounds {
    /// The bounds of a config that says nothing of them.
    pub const DEFAULT: Self = Self {
        min: Span::from_secs(5),
        max: Span::from_secs(3600),
    };
}

/// The use of private addresses that a name resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateAddresses {
    /// They are left out, and told.
    Refuse,
    /// They are as good as others.
    Serve,
}

impl PrivateAddresses {
    /// The words of the config.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("serve", Self::Serve)];
}
