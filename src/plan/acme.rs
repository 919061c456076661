//! Who may set challenges, and how long they stay.
use crate::base::Span;

/// What the config says of `_acme-challenge` names (`[acme]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// Keys (indices in [`super::Plan::tsig`]) that may set them by updates (RFC 2136); none = nobody.
    pub keys: Vec<usize>,
    /// How long one stays if nobody says for how long, and the longest that anybody may say.
    pub expire: Span,
    /// The TTL if nobody says one.
    pub ttl: Span,
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
            keys: Vec::new(),
            expire: Self::EXPIRE,
            ttl: Self::TTL,
        }
    }
}
