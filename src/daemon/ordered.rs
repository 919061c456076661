//! Orders that wait for the engine's answer, and the answer in words.
//!
//! An order is numbered and handed to the engine, which says in the same turn what it did
//! ([`OrderResult`]). Whoever gave it is told in a sentence, and the log as well, taken or not: who
//! ordered what and why must be found later. Nothing is decided here.
use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;

use super::keeper::Keeping;
use super::log;
use crate::engine::order::{Action, Effect, Executed, Refused};
use crate::engine::{Input, Order, OrderId, OrderResult};
use crate::io::control::{OrderRefusal, Ordered};

/// Endpoints that a sentence names.
const NAMED: usize = 10;

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Ordered, OrderRefusal>>;

/// Orders that the engine has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    last: OrderId,
    orders: BTreeMap<OrderId, (Order, Reply)>,
}

impl Waiting {
    /// Lets an order wait; gives what the engine is to be handed.
    pub(super) fn begin(&mut self, order: Order, reply: Reply) -> Input {
        self.last.0 += 1;
        self.orders.insert(self.last, (order.clone(), reply));
        Input::Order(self.last, order)
    }

    /// Tells whoever gave an order, and the log, what the engine answered, and what a restart makes of it.
    pub(super) fn end(&mut self, id: OrderId, result: &OrderResult, keeping: &Keeping) {
        let Some((order, reply)) = self.orders.remove(&id) else {
            return;
        };
        let told = words(&order, result, keeping);
        log::order(&order, &told);
        // Whoever asked may have gone.
        drop(reply.send(told));
    }
}

/// The answer as the control API gives it.
fn words(order: &Order, result: &OrderResult, keeping: &Keeping) -> Result<Ordered, OrderRefusal> {
    match result {
        Ok(executed) => Ok(Ordered {
            result: sentence(order, executed, keeping) + &unkept(keeping),
            endpoints: executed.names(),
            order: order.clone(),
        }),
        Err(Refused::Unknown(unknown)) => Err(OrderRefusal::Unknown(unknown.to_string())),
        Err(Refused::NoEndpoints) => {
            let (scope, action) = (&order.scope, order.action.word());
            let why = format!("{scope} has no endpoints: nothing to {action}");
            Err(OrderRefusal::Needless(why))
        }
        Err(Refused::NothingWaits(all)) => {
            let states: Vec<String> = all.iter().map(|(name, own)| state(name, own)).collect();
            let (scope, states) = (&order.scope, few(&states));
            let why = format!("nothing in {scope} waits for approval: {states}");
            Err(OrderRefusal::Needless(why))
        }
    }
}

fn state(name: &str, states: &BTreeSet<&'static str>) -> String {
    if states.is_empty() {
        return format!("{name} is not used");
    }
    let states: Vec<&str> = states.iter().copied().collect();
    format!("{name} is {}", states.join(" and "))
}

fn sentence(order: &Order, executed: &Executed, keeping: &Keeping) -> String {
    let changed = named(&executed.with(Effect::Changed));
    let already = named(&executed.with(Effect::Already));
    let scope = &order.scope;
    let or_restart = match keeping {
        Keeping::Nowhere => " or a restart of the server",
        Keeping::OnDisk | Keeping::Failed(_) => "",
    };
    let clauses = match order.action {
        Action::Approve => [
            changed.map(|names| format!("approved: {names} may come back")),
            None,
        ],
        Action::Drain => [
            changed.map(|names| {
                format!("draining {names}; it holds until `waypost undrain {scope}`{or_restart}")
            }),
            already.map(|names| format!("drained already: {names}")),
        ],
        Action::Undrain => [
            changed.map(|names| format!("no longer drained: {names}")),
            already.map(|names| format!("not drained: {names}")),
        ],
    };
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    clauses.join("; ")
}

/// What is said of an order that a restart would undo although it is to outlast it.
fn unkept(keeping: &Keeping) -> String {
    match keeping {
        Keeping::Nowhere | Keeping::OnDisk => String::new(),
        Keeping::Failed(why) => {
            format!("; it is in force, but a restart of the server would not know of it: {why}")
        }
    }
}

/// These in a sentence, if there are any.
fn named(endpoints: &[&str]) -> Option<String> {
    (!endpoints.is_empty()).then(|| few(endpoints))
}

/// As many as a line holds.
fn few(all: &[impl AsRef<str>]) -> String {
    let shown = all.iter().take(NAMED).map(AsRef::as_ref);
    let shown: Vec<&str> = shown.collect();
    let more = match all.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::UnknownScope;

    fn order(action: Action) -> Order {
        Order {
            action,
            scope: "eu".to_owned(),
            author: "ada".to_owned(),
            reason: String::new(),
        }
    }

    fn executed(effects: &[(&str, Effect)]) -> OrderResult {
        let endpoints = effects.iter();
        let endpoints = endpoints.map(|(name, effect)| ((*name).to_owned(), *effect));
        Ok(Executed {
            endpoints: endpoints.collect(),
        })
    }

    #[test]
    fn the_reply_says_for_what_an_order_changes_nothing() {
        let mixed = [("eu-a", Effect::Already), ("eu-b", Effect::Changed)];
        let holds = "it holds until `waypost undrain eu` or a restart of the server";
        for (action, effects, expected) in [
            (
                Action::Drain,
                &mixed[..],
                &*format!("draining eu-b; {holds}; drained already: eu-a"),
            ),
            (Action::Drain, &mixed[..1], "drained already: eu-a"),
            (
                Action::Undrain,
                &mixed[..],
                "no longer drained: eu-b; not drained: eu-a",
            ),
            (Action::Undrain, &mixed[..1], "not drained: eu-a"),
            (Action::Approve, &mixed[1..], "approved: eu-b may come back"),
        ] {
            let told = words(&order(action), &executed(effects), &Keeping::Nowhere).unwrap();
            assert_eq!(told.result, expected);
            let names: Vec<&str> = effects.iter().map(|(name, _)| *name).collect();
            assert_eq!(told.endpoints, names, "all, in order");
            assert_eq!(told.order, order(action));
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let unknown = UnknownScope {
            name: "eu".to_owned(),
            nearest: Some("eu-a".to_owned()),
            regions: Vec::new(),
        };
        let refused = Err(Refused::Unknown(unknown));
        let told = words(&order(Action::Drain), &refused, &Keeping::Nowhere);
        let text = "no region, endpoint or provider is called \"eu\"; did you mean \"eu-a\"?";
        assert_eq!(told, Err(OrderRefusal::Unknown(text.to_owned())));
        let states = [
            ("eu-a", BTreeSet::from(["held", "down"])),
            ("eu-b", BTreeSet::new()),
        ];
        let states = states.map(|(name, own)| (name.to_owned(), own));
        for (action, refused, expected) in [
            (
                Action::Undrain,
                Refused::NoEndpoints,
                "eu has no endpoints: nothing to undrain",
            ),
            (
                Action::Approve,
                Refused::NothingWaits(states.to_vec()),
                "nothing in eu waits for approval: eu-a is down and held, eu-b is not used",
            ),
        ] {
            let told = words(&order(action), &Err(refused), &Keeping::Nowhere);
            assert_eq!(told, Err(OrderRefusal::Needless(expected.to_owned())));
        }
    }

    #[test]
    fn each_answer_goes_to_whoever_gave_the_order() {
        let mut waiting = Waiting::default();
        let (replies, ids): (Vec<_>, Vec<_>) = ["a", "b"]
            .map(|author| {
                let (reply, told) = oneshot::channel();
                let author = author.to_owned();
                let order = Order {
                    author,
                    ..order(Action::Drain)
                };
                let Input::Order(id, _) = waiting.begin(order, reply) else {
                    panic!("an order is handed in as one");
                };
                (told, id)
            })
            .into_iter()
            .unzip();
        for id in ids.into_iter().rev() {
            let done = executed(&[("eu-a", Effect::Changed)]);
            waiting.end(id, &done, &Keeping::Nowhere);
            waiting.end(id, &Err(Refused::NoEndpoints), &Keeping::Nowhere);
        }
        let authors = replies.into_iter().map(|mut told| {
            let told = told.try_recv().unwrap().unwrap();
            told.order.author
        });
        assert_eq!(authors.collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_a_restart_makes_of_an_order_is_said() {
        let drained = executed(&[("eu-a", Effect::Changed)]);
        let result = |keeping| {
            words(&order(Action::Drain), &drained, &keeping)
                .unwrap()
                .result
        };
        let kept = "draining eu-a; it holds until `waypost undrain eu`";
        assert_eq!(result(Keeping::OnDisk), kept);
        let lost = format!("{kept} or a restart of the server");
        assert_eq!(result(Keeping::Nowhere), lost);
        let failed = result(Keeping::Failed("no space".to_owned()));
        assert!(
            failed.starts_with(kept) && failed.ends_with(": no space"),
            "{failed}"
        );
    }

    #[test]
    fn a_sentence_names_a_few_of_many() {
        let many: Vec<String> = (0..12).map(|number| format!("e{number}")).collect();
        assert!(few(&many).ends_with("e9 and 2 more"), "{}", few(&many));
        assert_eq!(few(&many[..2]), "e0, e1");
    }
}
