//! One event of the timeline, and how what the engine tells becomes one.
//!
//! An event is short: what happened, to what, why, by whom, at what level. It is what a person reads years of, so many that are
//! alike come together already ([`crate::engine::bursts`]). How it is kept, and how long, is not known here.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::{Utc, Why};
use crate::engine::Notice;
use crate::engine::bursts::{BurstLine, GroupKind, TransitionGroup};

/// Endpoints that an event names at most.
const NAMED: usize = 8;

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEvent {
    /// Its number; one more with each event of this server, also over restarts.
    pub number: u64,
    /// The moment.
    pub told_at: Utc,
    /// The kind: `standing`, `order`, `order_due`, `declared`, `reload`, `refused`, `service`, `node`, `address`, `unwatched`, `start`, `defect`.
    pub kind: String,
    /// The level: `bad`, `warning`, `note`, `good`.
    pub level: String,
    /// For a person: what, and why.
    pub text: String,
    /// The endpoints that it is about, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// The region that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The service that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The state, where one is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The author of the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

impl TimelineEvent {
    fn new(kind: &str, level: &str, text: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            level: level.to_owned(),
            text: text.into(),
            ..Self::default()
        }
    }

    /// The start of a server of this version.
    #[must_use]
    pub fn start(version: &str) -> Self {
        Self::new("start", "note", format!("waypost {version} started"))
    }

    /// Records or other objects that were declared, or are no longer.
    #[must_use]
    pub fn declared(author: &str, text: &str) -> Self {
        Self {
            author: (!author.is_empty()).then(|| author.to_owned()),
            ..Self::new("declared", "note", text)
        }
    }

    /// A config, or a zone's file, that was read and refused.
    #[must_use]
    pub fn refused(what: &str, reason: &str) -> Self {
        let first = reason.lines().find(|line| !line.trim().is_empty());
        let text = format!(
            "{what} refused: {}",
            first.unwrap_or("no reason told").trim()
        );
        Self::new("refused", "bad", text)
    }

    /// Takes over what a log line tells; nothing for what a group counts, and what is told otherwise.
    #[must_use]
    pub fn of(line: &BurstLine) -> Option<Self> {
        match line {
            BurstLine::Alone(notice) => Self::of_notice(notice),
            BurstLine::Counted(_) => None,
            BurstLine::Group(group) => Some(Self::of_group(group)),
        }
    }

    fn of_notice(notice: &Notice) -> Option<Self> {
        Some(match notice {
            Notice::Standing {
                endpoint,
                region,
                family,
                to,
                share_permille,
                vantages,
                ..
            } => {
                let mut text = format!("{endpoint} {family} {}", became(*to, *share_permille));
                if let Some(vantages) = vantages {
                    text = format!("{text}; {vantages}");
                }
                Self {
                    endpoints: vec![endpoint.clone()],
                    region: Some(region.clone()),
                    state: Some(to.word().to_owned()),
                    ..Self::new("standing", level(*to), text)
                }
            }
            Notice::FailOpen { .. } | Notice::AllDown { .. } | Notice::Overload { .. } => {
                Self::of_service(notice)
            }
            Notice::Doubt { .. } | Notice::Capped { .. } | Notice::Rejected { .. } => {
                Self::of_node(notice)
            }
            Notice::Address { .. } | Notice::Unwatched { .. } => Self::of_address(notice),
            Notice::Ordered { .. } | Notice::OrderDue { .. } => Self::of_order(notice),
            Notice::Reloaded {
                digest, new, gone, ..
            } => Self::new(
                "reload",
                "note",
                format!("plan {digest} is in force: {new} targets new, {gone} gone"),
            ),
        })
    }

    fn of_address(notice: &Notice) -> Self {
        match notice {
            Notice::Address {
                endpoint,
                region,
                address,
                left,
            } => Self {
                endpoints: vec![endpoint.clone()],
                region: Some(region.clone()),
                ..if *left {
                    Self::new(
                        "address",
                        "warning",
                        format!("{address} of {endpoint} is down and left out"),
                    )
                } else {
                    Self::new(
                        "address",
                        "good",
                        format!("{address} of {endpoint} is answered again"),
                    )
                }
            },
            Notice::Unwatched {
                endpoint,
                region,
                monitor,
                active,
                ..
            } => {
                let whose = endpoint.as_deref().unwrap_or("a canary");
                Self {
                    endpoints: endpoint.iter().cloned().collect(),
                    region: region.clone(),
                    ..if *active {
                        Self::new(
                            "unwatched",
                            "bad",
                            format!("nobody looks at {whose} by {monitor}"),
                        )
                    } else {
                        Self::new(
                            "unwatched",
                            "good",
                            format!("{whose} is looked at by {monitor} again"),
                        )
                    }
                }
            }
            Notice::Standing { .. }
            | Notice::FailOpen { .. }
            | Notice::AllDown { .. }
            | Notice::Doubt { .. }
            | Notice::Capped { .. }
            | Notice::Overload { .. }
            | Notice::Ordered { .. }
            | Notice::OrderDue { .. }
            | Notice::Reloaded { .. }
            | Notice::Rejected { .. } => Self::default(),
        }
    }

    fn of_service(notice: &Notice) -> Self {
        let (service, active, text) = match notice {
            Notice::FailOpen {
                service,
                active,
                clients,
                ..
            } => {
                let who = clients.prefer.join(", ");
                let text = if *active {
                    format!(
                        "{service}: nothing healthy for clients of {who}; endpoints that are down are answered"
                    )
                } else {
                    format!("{service}: something is healthy again for clients of {who}")
                };
                (service, *active, text)
            }
            Notice::AllDown {
                service,
                active,
                answer,
                clients,
                ..
            } => {
                let who = clients.prefer.join(", ");
                let text = if *active {
                    format!("{service}: nothing healthy for clients of {who}; they get {answer}")
                } else {
                    format!("{service}: something is healthy again for clients of {who}")
                };
                (service, *active, text)
            }
            Notice::Overload {
                service, active, ..
            } => {
                let text = if *active {
                    format!(
                        "{service}: some of its demand fits nowhere within the stated capacities"
                    )
                } else {
                    format!("{service}: its demand fits again")
                };
                (service, *active, text)
            }
            Notice::Standing { .. }
            | Notice::Address { .. }
            | Notice::Unwatched { .. }
            | Notice::Doubt { .. }
            | Notice::Capped { .. }
            | Notice::Ordered { .. }
            | Notice::OrderDue { .. }
            | Notice::Reloaded { .. }
            | Notice::Rejected { .. } => return Self::default(),
        };
        Self {
            service: Some(service.clone()),
            ..Self::new("service", if active { "bad" } else { "good" }, text)
        }
    }

    fn of_node(notice: &Notice) -> Self {
        match notice {
            Notice::Doubt { active: true, .. } => Self::new(
                "node",
                "bad",
                "this node doubts its own probes: nothing more is taken out",
            ),
            Notice::Doubt { active: false, .. } => {
                Self::new("node", "good", "this node trusts its probes again")
            }
            Notice::Capped { active: true, .. } => Self::new(
                "node",
                "bad",
                "so much is out that nothing more is taken out automatically",
            ),
            Notice::Capped { active: false, .. } => Self::new(
                "node",
                "good",
                "endpoints are taken out automatically again",
            ),
            Notice::Rejected { reason } => Self::new(
                "defect",
                "bad",
                format!("a table failed its check and was not published: {reason}"),
            ),
            Notice::Standing { .. }
            | Notice::FailOpen { .. }
            | Notice::AllDown { .. }
            | Notice::Address { .. }
            | Notice::Unwatched { .. }
            | Notice::Overload { .. }
            | Notice::Ordered { .. }
            | Notice::OrderDue { .. }
            | Notice::Reloaded { .. } => Self::default(),
        }
    }

    fn of_order(notice: &Notice) -> Self {
        let (verb, kind, action, scope, endpoints, author, reason) = match notice {
            Notice::Ordered {
                action,
                scope,
                endpoints,
                author,
                reason,
            } => ("", "order", action, scope, endpoints, author, reason),
            Notice::OrderDue {
                began,
                action,
                scope,
                endpoints,
                author,
                reason,
            } => {
                let verb = if *began { " began" } else { " ended by itself" };
                (verb, "order_due", action, scope, endpoints, author, reason)
            }
            Notice::Standing { .. }
            | Notice::FailOpen { .. }
            | Notice::AllDown { .. }
            | Notice::Address { .. }
            | Notice::Unwatched { .. }
            | Notice::Doubt { .. }
            | Notice::Capped { .. }
            | Notice::Overload { .. }
            | Notice::Reloaded { .. }
            | Notice::Rejected { .. } => return Self::default(),
        };
        let value = action
            .value()
            .map_or_else(String::new, |value| format!(" {value}"));
        let by = if author.is_empty() {
            String::new()
        } else {
            format!(" by {author}")
        };
        let why = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        let text = format!("{}{value} {scope}{verb}{by}{why}", action.word());
        Self {
            endpoints: endpoints.iter().take(NAMED).cloned().collect(),
            author: (!author.is_empty()).then(|| author.clone()),
            ..Self::new(kind, "note", text)
        }
    }

    fn of_group(group: &TransitionGroup) -> Self {
        let place = group
            .region
            .as_ref()
            .map_or_else(String::new, |region| format!(" of {region}"));
        let whose = format!("{} endpoints{place}", group.endpoints);
        let made = match group.kind {
            GroupKind::Standing { to, .. } => Self {
                state: Some(to.word().to_owned()),
                ..Self::new("standing", level(to), format!("{whose}: {}", to.word()))
            },
            GroupKind::Address { left: true } => Self::new(
                "address",
                "warning",
                format!("addresses of {whose} are down and left out"),
            ),
            GroupKind::Address { left: false } => Self::new(
                "address",
                "good",
                format!("addresses of {whose} are answered again"),
            ),
            GroupKind::Unwatched { active: true } => {
                Self::new("unwatched", "bad", format!("nobody looks at {whose}"))
            }
            GroupKind::Unwatched { active: false } => {
                Self::new("unwatched", "good", format!("{whose} are looked at again"))
            }
        };
        Self {
            endpoints: group.named.iter().take(NAMED).cloned().collect(),
            region: group.region.clone(),
            ..made
        }
    }
}

/// The level of a state.
fn level(state: Why) -> &'static str {
    match state {
        Why::Down(_) => "bad",
        Why::Doubted(_)
        | Why::Capped(_)
        | Why::Outvoted(_)
        | Why::Held
        | Why::Gated
        | Why::Unapproved
        | Why::Refused
        | Why::Degraded => "warning",
        Why::Draining
        | Why::Drained
        | Why::Returning
        | Why::Forced
        | Why::Weighted
        | Why::Supposed
        | Why::Unproven
        | Why::Ramping { .. } => "note",
        Why::Healthy => "good",
    }
}

/// The state that an endpoint has reached, for a person.
fn became(to: Why, share_permille: u16) -> String {
    match to {
        Why::Down(cause) => format!("is down: {cause}"),
        Why::Doubted(cause) => {
            format!("fails, and is kept because the node doubts itself: {cause}")
        }
        Why::Capped(cause) => {
            format!("fails, and is kept because too much is out already: {cause}")
        }
        Why::Outvoted(cause) => {
            format!("fails here, and is kept because the vantages do not rule it down: {cause}")
        }
        Why::Ramping { step, of } => {
            let (whole, tenth) = (share_permille / 10, share_permille % 10);
            format!("returns: step {step} of {of}, {whole}.{tenth} %").replace(".0 %", " %")
        }
        Why::Held => "is back, and held out for a while".to_owned(),
        Why::Gated => "is back, and waits for its gate".to_owned(),
        Why::Unapproved => "is back, and waits for approval".to_owned(),
        Why::Refused => "is back, and its return is refused".to_owned(),
        Why::Draining => "is being drained".to_owned(),
        Why::Drained => "is drained".to_owned(),
        Why::Returning => "returns after an order".to_owned(),
        Why::Forced => "is forced by an override".to_owned(),
        Why::Weighted => "follows its weight".to_owned(),
        Why::Degraded => "is slow, and serves a part of its clients".to_owned(),
        Why::Healthy => "is healthy".to_owned(),
        Why::Unproven => "is not proven yet".to_owned(),
        Why::Supposed => "is supposed down".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cause;
    use crate::engine::order::Action;

    #[test]
    fn a_transition_is_told_with_its_cause_and_an_order_with_its_author() {
        let down = Notice::Standing {
            endpoint: "fra-one".into(),
            region: "eu".into(),
            provider: "p".into(),
            family: "v4",
            monitors: "web".into(),
            gate: None,
            from: Why::Healthy,
            to: Why::Down(Cause::ConnectTimeout),
            share_permille: 0,
            vantages: None,
        };
        let event = TimelineEvent::of(&BurstLine::Alone(down.clone())).unwrap();
        assert_eq!(
            (&*event.level, event.state.as_deref()),
            ("bad", Some("down"))
        );
        assert!(
            event.text.starts_with("fra-one v4 is down: "),
            "{}",
            event.text
        );
        assert_eq!(TimelineEvent::of(&BurstLine::Counted(down)), None);
        let order = Notice::Ordered {
            action: Action::Drain,
            scope: "eu".into(),
            endpoints: vec!["fra-one".into()],
            author: "ada".into(),
            reason: "disks".into(),
        };
        let event = TimelineEvent::of(&BurstLine::Alone(order)).unwrap();
        assert_eq!(event.text, "drain eu by ada: disks");
        assert_eq!(
            became(Why::Ramping { step: 1, of: 4 }, 50),
            "returns: step 1 of 4, 5 %"
        );
        let refused = TimelineEvent::refused("config", "\n  config.toml:1:2: no\nmore");
        assert_eq!(refused.text, "config refused: config.toml:1:2: no");
    }
}
