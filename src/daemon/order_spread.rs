//! Orders of all nodes of a cluster in words: who knows one, and why one cannot be.
//!
//! Whoever gives an order is told how many nodes are known to know it when the answer is given; the others may know it and not have
//! said so yet. Nothing is decided here.
use super::order_words::told_of;
use crate::base::Calendar;
use crate::engine::OrderRequest;
use crate::engine::agreed::Disagreed;
use crate::engine::order::{Effect, Executed};
use crate::io::control::{OrderKnown, OrderRefusal};
use crate::share::{IntentRefusal, OrderSpread};

/// The reach of an order of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OrderReach {
    Known(OrderSpread),
    /// The log did not take all of it, for this reason.
    Unshared(IntentRefusal),
}

impl OrderReach {
    /// As the control API shows it.
    pub(super) fn known(&self) -> Option<OrderKnown> {
        match self {
            Self::Known(spread) => Some(OrderKnown::new(spread)),
            Self::Unshared(_) => None,
        }
    }

    /// For a person, after what the order did.
    pub(super) fn words(&self, executed: &Executed) -> String {
        let spread = match self {
            Self::Known(spread) => spread,
            Self::Unshared(why) => return format!("; in force here alone: {}", unshared(*why)),
        };
        let waits =
            |(_, effect): &(String, Effect)| matches!(effect, Effect::HeldBack | Effect::Planned);
        let here = match executed.endpoints.iter().any(waits) {
            true => "",
            false => "in force here, ",
        };
        let later = match spread.known_by < spread.of {
            true => " (`waypost orders` shows when the others know)",
            false => "",
        };
        format!("; {here}{}{later}", known_by(spread))
    }
}

/// The nodes that know an order, and those that are away: `known by 2 of 3, tor1 is away`.
pub(super) fn known_by(spread: &OrderSpread) -> String {
    let OrderSpread { known_by, of, away } = spread;
    let away = match away.as_slice() {
        [] => String::new(),
        [one] => format!(", {one} is away"),
        several => format!(", {} are away", several.join(" and ")),
    };
    format!("known by {known_by} of {of}{away}")
}

/// The reason for which the log of all nodes does not take an order.
pub(super) fn unshared(why: IntentRefusal) -> String {
    match why {
        IntentRefusal::Twin => "another node writes with this one's key, so that the others do not listen: give each node a \
                                key of its own (`waypost node new`), and start this one again"
            .to_owned(),
        IntentRefusal::Revoked => "this node is revoked, and the others do not listen to it".to_owned(),
        IntentRefusal::Full => "this node has given as many orders as the others keep of one: lift some that `waypost orders` \
                                shows, or give it on another node"
            .to_owned(),
        IntentRefusal::Fault("length") => {
            "its scope, author or reason is too long for the other nodes: say it shorter".to_owned()
        }
        IntentRefusal::Fault(what) => format!("the other nodes would not take it: {what}"),
    }
}

/// The reason for which an order cannot be one of all nodes.
pub(super) fn disagreed(
    request: &OrderRequest,
    node: &str,
    why: &Disagreed,
    calendar: Calendar,
) -> OrderRefusal {
    let (scope, action) = (&request.order.scope, request.order.action.word());
    match why {
        Disagreed::TooMuch => OrderRefusal::Damaging(format!(
            "one node alone takes out at most half of the capacity, and {node} would take out more with {scope}; nothing was changed: \
             with --force (force=true) it is held back until another node orders the same"
        )),
        Disagreed::OtherWindow(held) => OrderRefusal::Bad(format!(
            "{} stands already, and the nodes keep one {action} of {scope} of each: lift it first, or give one that lasts \
             for both",
            told_of(held, calendar)
        )),
        Disagreed::Nothing => OrderRefusal::Bad(
            "an override of 100% takes nothing: say `up` if it is to have all whatever probes say"
                .to_owned(),
        ),
        Disagreed::Refused(why) => {
            OrderRefusal::Bad(format!("nothing was changed: {}", unshared(*why)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_who_knows_of_it() {
        let executed = |effect| Executed {
            endpoints: vec![("m0".to_owned(), effect)],
            ..Executed::default()
        };
        let away = |known_by, away: &[&str]| {
            OrderReach::Known(OrderSpread {
                known_by,
                of: 5,
                away: away.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        let known = |known_by| away(known_by, &[]);
        for (spread, effect, expected) in [
            (
                known(5),
                Effect::Changed,
                "; in force here, known by 5 of 5",
            ),
            (
                known(4),
                Effect::Already,
                "; in force here, known by 4 of 5 (`waypost orders` shows when the others know)",
            ),
            (known(5), Effect::HeldBack, "; known by 5 of 5"),
            (
                away(3, &["sin1", "tor1"]),
                Effect::Changed,
                "; in force here, known by 3 of 5, sin1 and tor1 are away (`waypost orders` shows when the others know)",
            ),
            (
                OrderReach::Unshared(IntentRefusal::Revoked),
                Effect::Changed,
                "; in force here alone: this node is revoked, and the others do not listen to it",
            ),
        ] {
            assert_eq!(spread.words(&executed(effect)), expected);
        }
    }
}
