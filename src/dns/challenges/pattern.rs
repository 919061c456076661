//! Which names somebody may set challenges at.
//!
//! Three kinds: every `_acme-challenge` name; one name; all names below one. The last is meant for zones
//! and parts of zones that hold nothing but challenges (`_acme-challenge` names elsewhere are aliases
//! for theirs), and for holding a key to a part of the names. So that it grants no more than that, `*` stands
//! for no label that begins with an underscore, as those of mail and of services do (`_dmarc`,
//! `selector._domainkey`), except `_acme-challenge` itself as the first.
//!
//! What a zone holds at a name is not known here.
use crate::dns::Name;

/// The label of challenges (RFC 8555, section 8.4).
pub(super) const LABEL: &[u8] = b"_acme-challenge";

/// Names that may be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// All whose first label is `_acme-challenge`.
    Challenges,
    /// One name.
    Name(Name),
    /// The names below one, at any depth.
    Below(Name),
}

impl Pattern {
    /// What a config means by a name: those below, where its first label is `*`.
    #[must_use]
    pub fn of(name: &Name) -> Self {
        match name.below_wildcard() {
            Some(base) => Self::Below(base),
            None => Self::Name(name.clone()),
        }
    }

    /// Whether a name is one of them.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        match self {
            Self::Challenges => is_challenge(name),
            Self::Name(own) => own == name,
            Self::Below(base) => name != base && name.is_within(base) && is_plain(name, base),
        }
    }
}

/// Whether the first label is `_acme-challenge`.
pub(super) fn is_challenge(name: &Name) -> bool {
    let first = name.labels().next();
    first.is_some_and(|label| label.eq_ignore_ascii_case(LABEL))
}

/// Whether the labels that a name has before `base` are such as `*` stands for.
fn is_plain(name: &Name, base: &Name) -> bool {
    let before = name.labels().count() - base.labels().count();
    let skipped = usize::from(is_challenge(name));
    let mut labels = name.labels().take(before).skip(skipped);
    labels.all(|label| !label.starts_with(b"_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_says_and_no_more() {
        let name = |text: &str| Name::parse(text).unwrap();
        let pattern = |text: &str| Pattern::of(&name(text));
        for (pattern, text, expected) in [
            (Pattern::Challenges, "_ACME-challenge.a.test", true),
            (Pattern::Challenges, "a.test", false),
            (Pattern::Challenges, "x._acme-challenge.a.test", false),
            (pattern("a.test"), "A.test", true),
            (pattern("a.test"), "b.a.test", false),
            (pattern("_x.a.test"), "_x.a.test", true),
            (pattern("*.a.test"), "b.A.test", true),
            (pattern("*.a.test"), "c.b.a.test", true),
            (pattern("*.a.test"), "a.test", false),
            (pattern("*.a.test"), "b.xa.test", false),
            (pattern("*.a.test"), "_acme-challenge.a.test", true),
            (pattern("*.a.test"), "_acme-challenge.b.a.test", true),
            (pattern("*.a.test"), "_dmarc.a.test", false),
            (pattern("*.a.test"), "s._domainkey.a.test", false),
            (pattern("*.a.test"), "_acme-challenge._x.a.test", false),
            (pattern("*.a.test"), "x._acme-challenge.a.test", false),
            (pattern("*._x.a.test"), "b._x.a.test", true),
        ] {
            assert_eq!(pattern.covers(&name(text)), expected, "{pattern:?} {text}");
        }
    }
}
