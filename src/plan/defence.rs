//! How the server keeps itself from being used against others.
//!
//! A query over UDP may carry the address of someone who never sent it, and then the reply goes there. What a
//! stranger can make of that is bounded by what is decided here; what is proved of the sender of one
//! query, and who has had how many replies, is known elsewhere.
use crate::base::Span;
use crate::dns::cookie::Secret;
use crate::geo::Network;

/// How the server keeps itself from being used against others.
#[derive(Clone, Debug)]
pub struct Defence {
    /// Whether cookies are spoken, and what they are made with.
    pub cookies: Cookies,
    /// How many times the octets of its query a UDP reply may have at most, unless the sender
    /// has proved its address by a cookie; what is longer is truncated.
    pub amplification: u16,
    /// How many replies a network gets; absent = as many as it asks for.
    pub rate_limit: Option<RateLimit>,
}

/// Whether cookies are spoken (RFC 7873), and what they are made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// They are passed over.
    Off,
    /// They are made with a secret that the server draws when it starts.
    OwnSecret,
    /// They are made with the first of these and checked with all; where there is none, as at a node that waits for those of all nodes, none is made.
    Secrets(Vec<Secret>),
}

/// How many replies a network gets over UDP without having proved its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Replies per second, by [`ResponseClass`]; 0 = as many as it asks for.
    pub per_second: [u32; ResponseClass::ALL.len()],
    /// IPv4 clients are told apart by so many bits.
    pub ipv4_prefix: u8,
    /// IPv6 clients are told apart by so many bits.
    pub ipv6_prefix: u8,
    /// One of so many replies past the limit is sent without data, truncated, so that a client
    /// which is no forgery comes back over TCP; 1 = all, 0 = none.
    pub slip: u8,
    /// How long at most a network that has asked for too much is held to have used up its
    /// replies after it has stopped.
    pub window: Span,
    /// Networks that are not limited.
    pub exempt: Vec<Network>,
}

/// What kind of reply it is, for limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResponseClass {
    /// Data; counted by name, and what a wildcard or a DNAME gives by where that stands.
    Answer,
    /// No such name, or no such type; counted by zone, because names can be made up.
    Denial,
    /// A delegation; counted by zone.
    Referral,
    /// No answer: refused, malformed, failed. All are counted together.
    Error,
    /// All replies to a network together, whatever they are; no reply is of this class alone.
    Total,
}

impl Defence {
    /// What a config has that says nothing of it.
    pub const DEFAULT: Self = Self {
        cookies: Cookies::OwnSecret,
        amplification: 10,
        rate_limit: None,
    };
}

impl RateLimit {
    /// Replies that a network gets in all, as a multiple of those of one name, unless the config says otherwise.
    pub const TOTAL_OF_ONE: u32 = 10;

    /// What a config has that says only how many.
    #[must_use]
    pub fn of(per_second: u32) -> Self {
        let total = per_second.saturating_mul(Self::TOTAL_OF_ONE);
        Self {
            per_second: [per_second, per_second, per_second, per_second, total],
            ipv4_prefix: 24,
            ipv6_prefix: 56,
            slip: 2,
            window: Span::from_secs(15),
            exempt: Vec::new(),
        }
    }
}

impl ResponseClass {
    /// All of them, in index order.
    pub const ALL: [Self; 5] = [
        Self::Answer,
        Self::Denial,
        Self::Referral,
        Self::Error,
        Self::Total,
    ];

    /// The class as one word, for logs and metric labels.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Denial => "denial",
            Self::Referral => "referral",
            Self::Error => "error",
            Self::Total => "total",
        }
    }
}
