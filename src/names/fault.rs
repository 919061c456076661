//! Faults of names, and the notices that an operator is given of names.
use std::fmt;
use std::net::IpAddr;

use crate::base::Span;
use crate::dns::Name;

/// A reason why an answer is not taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// There is no such name (NXDOMAIN).
    Vanished,
    /// The name has addresses of neither family.
    NoAddress,
    /// Its aliases lead in a circle, or through more of them than anybody follows.
    Loop,
    /// Its aliases lead to a name that is steered here, whose answer would be its own.
    Steered(Name),
    /// It leads to an address of a private network, or to one that nobody can be sent to.
    Private(IpAddr),
    /// Nothing could be learnt, for this reason.
    Failed(String),
}

impl NameFault {
    /// The fault as one word, the same in metrics, API and logs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Vanished => "vanished",
            Self::NoAddress => "no_address",
            Self::Loop => "loop",
            Self::Steered(_) => "steered",
            Self::Private(_) => "private",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for NameFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished => write!(out, "there is no such name"),
            Self::NoAddress => write!(out, "it has no address"),
            Self::Loop => write!(out, "its aliases lead in a circle"),
            Self::Steered(name) => write!(out, "it leads to `{name}`, which is steered here"),
            Self::Private(address) => write!(out, "it leads to `{address}`, a private address"),
            Self::Failed(why) => write!(out, "{why}"),
        }
    }
}

/// A thing that an operator is told of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameNotice {
    /// It has other addresses than before.
    Changed {
        /// The name.
        name: Name,
        /// Its addresses now.
        addresses: Vec<IpAddr>,
    },
    /// Something is wrong with it that was not before.
    Faulty {
        /// The name.
        name: Name,
        /// The fault.
        fault: NameFault,
        /// The number of addresses that are kept.
        kept: usize,
        /// The age of these; absent if it has never had any.
        age: Option<Span>,
    },
    /// Nothing is wrong with it any more.
    Well(Name),
    /// It leads into a zone that is served here: an outage here takes it along.
    Inside {
        /// The name.
        name: Name,
        /// The name that it leads to.
        target: Name,
    },
}
