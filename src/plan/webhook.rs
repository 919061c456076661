//! Who is told when something happens, as the config says it.
use super::{ScopeKind, ScopePattern, Secret};

/// One of `[notify]`: a receiver that is told by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name in the config.
    pub name: String,
    /// The address at which it is told.
    pub url: String,
    /// The shape of what it is told.
    pub shape: WebhookShape,
    /// The secret that signs each message; for PagerDuty the routing key. Without one nothing is signed.
    pub secret: Option<Secret>,
    /// The least that it is told.
    pub urgency: Urgency,
    /// The things that it is told of; none = everything. What concerns the whole node is told in any case.
    pub scope: Vec<ScopePattern>,
}

/// The shape of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookShape {
    /// An object with a list of what happened.
    #[default]
    Json,
    /// A text, as Slack and what is like it take it.
    Slack,
    /// Events of PagerDuty's version 2, one for each thing that happened.
    Pagerduty,
}

/// The weight of what happens; the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The course of things.
    Info,
    /// A loss that a guard has kept from clients, or a wait for somebody.
    #[default]
    Warning,
    /// A loss of clients, now or soon.
    Error,
}

impl Webhook {
    /// Tells whether its scope covers something that is of these things. What is of none of them is covered.
    pub fn covers<'n>(&self, things: impl Iterator<Item = (ScopeKind, &'n str)> + Clone) -> bool {
        let mut patterns = self.scope.iter();
        self.scope.is_empty()
            || things.clone().next().is_none()
            || patterns.any(|one| things.clone().any(|(kind, name)| one.is(kind, name)))
    }
}

impl WebhookShape {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("json", Self::Json),
        ("slack", Self::Slack),
        ("pagerduty", Self::Pagerduty),
    ];
}

impl Urgency {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("info", Self::Info),
        ("warning", Self::Warning),
        ("error", Self::Error),
    ];

    /// The word of the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(scope: &[&str]) -> Webhook {
        let scope = scope.iter().filter_map(|one| ScopePattern::parse(one));
        Webhook {
            name: "ops".to_owned(),
            url: "http://127.0.0.1/".to_owned(),
            shape: WebhookShape::Json,
            secret: None,
            urgency: Urgency::Warning,
            scope: scope.collect(),
        }
    }

    #[test]
    fn a_scope_keeps_others_out_and_the_node_in() {
        let eu = webhook(&["eu-*", "service:www"]);
        let of = |kind, name| eu.covers([(kind, name)].into_iter());
        assert!(of(ScopeKind::Region, "eu-frankfurt"));
        assert!(of(ScopeKind::Service, "www"));
        assert!(!of(ScopeKind::Region, "na-toronto"));
        assert!(
            !of(ScopeKind::Service, "eu-service"),
            "a bare name means no service"
        );
        assert!(eu.covers(std::iter::empty()), "the node concerns everybody");
        assert!(webhook(&[]).covers([(ScopeKind::Region, "na-toronto")].into_iter()));
    }
}
