//! Machines that are known by name, and who is asked for their addresses.
use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::{JurisdictionId, Span};
use crate::dns::Name;
use crate::names::{HoldBounds, PrivateAddresses};

/// A machine that is known by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedMachine {
    /// The name.
    pub name: Name,
    /// Tells whether clients get its addresses even where a CNAME could stand.
    pub flatten: bool,
    /// The jurisdiction of whoever answers for that name, as the operator states it.
    pub jurisdiction: Option<JurisdictionId>,
    /// Tells whether its addresses are no more than assumed: nobody has asked for them here.
    pub assumed: bool,
}

/// The way in which a machine that is known by name is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbedBy {
    /// Each address that it resolves to is probed.
    Address,
    /// One of them is, for all of them.
    Name,
}

impl ProbedBy {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] =
        &[("address", Self::Address), ("name", Self::Name)];
}

/// Resolvers that are asked for addresses, and the rules for their answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolving {
    /// Resolvers; none = those of the system.
    pub servers: Vec<Upstream>,
    /// Roots that their certificates are issued by, in DER; none = those of the system.
    pub roots: Vec<Vec<u8>>,
    /// The time for which one is waited for.
    pub timeout: Span,
    /// The time for which answers are held.
    pub bounds: HoldBounds,
    /// The use of private addresses.
    pub private: PrivateAddresses,
}

impl Resolving {
    /// The time that a config has that says nothing of it.
    pub const TIMEOUT: Span = Span::from_secs(3);
}

impl Default for Resolving {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            roots: Vec::new(),
            timeout: Self::TIMEOUT,
            bounds: HoldBounds::DEFAULT,
            private: PrivateAddresses::Refuse,
        }
    }
}

/// One resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its address.
    pub address: SocketAddr,
    /// The transport that it is asked by.
    pub spoken: Spoken,
}

/// A transport of DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// UDP, and TCP where an answer does not fit.
    Plain,
    /// TLS (RFC 7858).
    Tls {
        /// The name in its certificate.
        name: Arc<str>,
    },
    /// HTTPS (RFC 8484).
    Https {
        /// The name in its certificate.
        name: Arc<str>,
        /// The path that takes queries.
        path: Arc<str>,
    },
}

/// A static name with the addresses of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneAlias {
    /// The name, in its zone.
    pub owner: Name,
    /// The name whose addresses it has.
    pub target: Name,
    /// Tells, by family, whether it has these.
    pub families: [bool; 2],
    /// The TTL of its records, seconds.
    pub ttl: u32,
}
