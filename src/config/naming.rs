//! Machines that are known by name, as they are written: hostnames, resolvers, aliases.
use super::reader::At;
use crate::base::Span;
use crate::dns::Name;
use crate::names::{HoldBounds, PrivateAddresses};
use crate::plan::{Resolving, Upstream};

/// `hostname` of an endpoint, and what is said of the machine that it names.
#[derive(Debug)]
pub(crate) struct HostnameSpec {
    pub(crate) name: At<Name>,
    /// The jurisdiction of whoever answers for that name.
    pub(crate) jurisdiction: Option<At<String>>,
    /// `flatten`, if it is said.
    pub(crate) flatten: Option<bool>,
}

/// `[resolvers]`.
#[derive(Debug)]
pub(crate) struct ResolversSpec {
    /// Absent: those of the system.
    pub(crate) servers: Vec<At<Upstream>>,
    pub(crate) roots: Option<At<String>>,
    pub(crate) timeout: Span,
    pub(crate) bounds: HoldBounds,
    pub(crate) private: PrivateAddresses,
}

impl Default for ResolversSpec {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            roots: None,
            timeout: Resolving::TIMEOUT,
            bounds: HoldBounds::DEFAULT,
            private: PrivateAddresses::Refuse,
        }
    }
}

/// One of `[[zones.aliases]]`.
#[derive(Debug)]
pub(crate) struct AliasSpec {
    pub(crate) name: Option<At<Name>>,
    pub(crate) target: Option<At<Name>>,
    /// By family.
    pub(crate) families: [bool; 2],
    pub(crate) ttl: Span,
}
