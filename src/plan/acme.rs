//! Who may set challenges, and how long they stay.
use crate::base::Span;
use crate::dns::challenges::Pattern;

/// What the config says of challenges (`[acme]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// Tells whether there is an `[acme]` table at all: without it nobody sets anything.
    pub configured: bool,
    /// Who may set them by updates (RFC 2136); none = nobody.
    pub grants: Vec<Grant>,
    /// The names that an operator may set: `_acme-challenge` ones, and all that are listed for anybody.
    pub names: Vec<Pattern>,
    /// How long one stays if nobody says for how long, and the longest that anybody may say.
    pub expire: Span,
    /// The TTL if nobody says one.
    pub ttl: Span,
}

/// What a key may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The key (index in [`super::Zoning::tsig`]).
    pub key: usize,
    /// The names that it may set, and no others.
    pub names: Vec<Pattern>,
}

impl Acme {
    /// How long one stays if nobody says.
    pub const EXPIRE: Span = Span::from_secs(3600);
    /// Short, because a client that looks too early must not be shown the absence for long.
    pub const TTL: Span = Span::from_secs(60);
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            configured: true,
            grants: Vec::new(),
            names: vec![Pattern::Challenges],
            expire: Self::EXPIRE,
            ttl: Self::TTL,
        }
    }
}
