//! Answers to orders in words: what was done, for which endpoints, what holds them besides, and why nothing was done.
//!
//! A sentence names ten endpoints at most. Nothing is decided here.
use std::collections::BTreeSet;

use super::keeper::OrderKeeping;
use crate::base::limits::{ORDERS_HELD, OVERRIDE_LONGEST};
use crate::base::{Calendar, Utc};
use crate::engine::order::{Action, ClientLoss, Effect, Executed, OrderRecord, Refused};
use crate::engine::{OrderRequest, OrderResult};
use crate::io::control::{Holding, OrderRefusal, OrderView, Ordered};

/// Endpoints that a sentence names.
const NAMED: usize = 10;

/// The answer as the control API gives it.
pub(super) fn words(
    request: &OrderRequest,
    result: &OrderResult,
    (keeping, calendar): (&OrderKeeping, Calendar),
) -> Result<Ordered, OrderRefusal> {
    match result {
        Ok(executed) => Ok(Ordered {
            result: sentence(request, executed, calendar) + &unkept(executed, keeping),
            endpoints: executed.names(),
            order: OrderView::new(&request.order, executed.held.as_ref(), calendar),
            held_by: held_by(request, executed, calendar),
            known: None,
        }),
        Err(refused) => Err(refusal(request, refused)),
    }
}

/// Why an order was not carried out, for a person.
pub(super) fn refusal(request: &OrderRequest, refused: &Refused) -> OrderRefusal {
    let (scope, action) = (&request.order.scope, request.order.action.word());
    match refused {
        Refused::Unknown(unknown) => OrderRefusal::Unknown(unknown.to_string()),
        Refused::NoEndpoints => {
            let why = format!("{scope} has no endpoints: nothing to {action}");
            OrderRefusal::Needless(why)
        }
        Refused::NothingWaits(all) => {
            let states: Vec<String> = all.iter().map(|(name, own)| state(name, own)).collect();
            let states = few(&states);
            let why = format!("nothing in {scope} waits for approval: {states}");
            OrderRefusal::Needless(why)
        }
        Refused::NoTime => OrderRefusal::Bad(format!(
            "the {action} of {scope} would be over before it begins: name a later end"
        )),
        Refused::TooLong => OrderRefusal::Bad(format!(
            "an override holds for {OVERRIDE_LONGEST} at most: what is meant for longer belongs in the config"
        )),
        Refused::TooMany => OrderRefusal::Bad(format!(
            "there are {ORDERS_HELD} orders already: lift some that `waypost orders` shows"
        )),
        Refused::Damaging(damage) => OrderRefusal::Damaging(format!(
            "without {scope} {}; nothing was changed: say --force (force=true) if that is meant",
            losses(damage)
        )),
    }
}

fn state(name: &str, states: &BTreeSet<&'static str>) -> String {
    if states.is_empty() {
        return format!("{name} is not used");
    }
    let states: Vec<&str> = states.iter().copied().collect();
    format!("{name} is {}", states.join(" and "))
}

/// A warning of an order that a restart would undo.
fn unkept(executed: &Executed, keeping: &OrderKeeping) -> String {
    match keeping {
        OrderKeeping::Nowhere if executed.held.is_some() => {
            "; a restart of the server forgets it ([server] state is not set)".to_owned()
        }
        OrderKeeping::Nowhere | OrderKeeping::OnDisk => String::new(),
        OrderKeeping::Failed(why) => {
            format!("; it is in force, but a restart of the server would not know of it: {why}")
        }
    }
}

/// A list of what would be lost, in one clause.
fn losses(damage: &[ClientLoss]) -> String {
    let all: Vec<String> = damage.iter().map(ToString::to_string).collect();
    few(&all)
}

fn sentence(request: &OrderRequest, executed: &Executed, calendar: Calendar) -> String {
    let clauses = match request.order.action {
        Action::Approve => {
            let changed = named(&executed.with(Effect::Changed));
            vec![changed.map(|names| format!("approved: {names} may come back"))]
        }
        Action::Refuse => {
            let changed = named(&executed.with(Effect::Changed));
            vec![changed.map(|names| format!("refused: {names} stays out until it is approved, or falls and is asked for again"))]
        }
        Action::Drain => drained(executed, calendar),
        Action::Force(_) => forced(executed, calendar),
        Action::Undrain | Action::Lift => lifted(request, executed, calendar),
    };
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    clauses.join("; ")
}

fn drained(executed: &Executed, calendar: Calendar) -> Vec<Option<String>> {
    let Some(held) = &executed.held else {
        return Vec::new();
    };
    let end = end_of(
        held,
        &format!("waypost undrain {}", held.order.scope),
        calendar,
    );
    let planned = named(&executed.with(Effect::Planned));
    let planned = planned.map(|names| {
        let from = calendar.second_of(held.begins());
        format!("{names} will be drained from {from} on; {end}")
    });
    let changed = named(&executed.with(Effect::Changed));
    let already = named(&executed.with(Effect::Already));
    let others = others(executed, |action| action == Action::Drain, calendar);
    vec![
        held_back(executed),
        planned,
        changed.map(|names| format!("draining {names}; {end}")),
        already.map(|names| format!("drained already: {names}{others}")),
        damage(executed),
    ]
}

fn forced(executed: &Executed, calendar: Calendar) -> Vec<Option<String>> {
    let Some((held, value)) = executed.held.as_ref().and_then(|held| {
        let value = held.order.action.value()?;
        Some((held, value))
    }) else {
        return Vec::new();
    };
    let lift = format!("waypost force {} --lift", held.order.scope);
    let end = end_of(held, &lift, calendar);
    let from = calendar.second_of(held.begins());
    let told = |names: String, effect: &str| match effect {
        "" => format!("{names} forced to {value}; {end}"),
        when => format!("{names} forced to {value} {when}; {end}"),
    };
    let planned = named(&executed.with(Effect::Planned));
    let changed = named(&executed.with(Effect::Changed));
    let already = named(&executed.with(Effect::Already));
    let replaced = executed.ended.iter().map(|one| told_of(one, calendar));
    let replaced: Vec<String> = replaced.collect();
    let stronger = |action: Action| action == Action::Drain || action.value().is_some();
    let others = others(executed, stronger, calendar);
    vec![
        held_back(executed),
        planned.map(|names| told(names, &format!("from {from} on"))),
        changed.map(|names| told(names, "")),
        already.map(|names| format!("nothing changes for {names} now; {end}")),
        (!replaced.is_empty()).then(|| format!("in place of {}", few(&replaced))),
        (!others.is_empty())
            .then(|| format!("other orders hold too, and the least counts{others}")),
        damage(executed),
    ]
}

fn lifted(request: &OrderRequest, executed: &Executed, calendar: Calendar) -> Vec<Option<String>> {
    let (scope, drain) = (
        &request.order.scope,
        request.order.action == Action::Undrain,
    );
    let (over, not) = match drain {
        true => ("no longer drained", "not drained"),
        false => ("no longer forced", "not forced"),
    };
    let begun = |record: &&OrderRecord| record.begins() <= calendar.now;
    let planned = executed
        .ended
        .iter()
        .filter(|record| !begun(record))
        .count();
    let changed = named(&executed.with(Effect::Changed));
    let already = named(&executed.with(Effect::Already));
    let still = named(&executed.with(Effect::StillHeld));
    let counts = |action: Action| (action == Action::Drain) == drain;
    let others = others(executed, counts, calendar);
    let gone = executed.endpoints.is_empty();
    let none = executed.ended.is_empty() && still.is_some();
    vec![
        gone.then(|| format!("lifted the order for {scope}, which is not configured any more")),
        none.then(|| format!("there is no such order for {scope} itself")),
        changed.map(|names| format!("{over}: {names}")),
        still.map(|names| match drain {
            true => format!("still drained: {names}{others}"),
            false => format!("still forced: {names}{others}"),
        }),
        (planned > 0).then(|| format!("what was planned for {scope} is cancelled")),
        already
            .filter(|_| planned == 0)
            .map(|names| format!("{not}: {names}")),
    ]
}

fn held_back(executed: &Executed) -> Option<String> {
    let names = named(&executed.with(Effect::HeldBack))?;
    Some(format!(
        "held back: {names} stay until another node orders the same, for one alone takes out at most half of the capacity"
    ))
}

fn damage(executed: &Executed) -> Option<String> {
    let found = !executed.damage.is_empty();
    found.then(|| format!("WARNING: {}", losses(&executed.damage)))
}

/// The end of an order, and the way to lift it.
fn end_of(held: &OrderRecord, lift: &str, calendar: Calendar) -> String {
    match held.until {
        None => format!("it holds until `{lift}`"),
        Some(until) => format!("it holds until {}, or `{lift}`", calendar.second_of(until)),
    }
}

/// Other orders in force that count, after a colon; nothing if there are none.
fn others(executed: &Executed, counts: impl Fn(Action) -> bool, calendar: Calendar) -> String {
    let others = executed.others.iter();
    let own = others.filter(|(record, _)| counts(record.order.action));
    let told =
        own.map(|(record, names)| format!("{} holds {}", told_of(record, calendar), few(names)));
    let told: Vec<String> = told.collect();
    match told.is_empty() {
        true => String::new(),
        false => format!(" ({})", few(&told)),
    }
}

/// An order as a person knows it again: `drain eu-central of ada ("new disks", until 2027-…)`.
pub(super) fn told_of(record: &OrderRecord, calendar: Calendar) -> String {
    let order = &record.order;
    let what = match order.action.value() {
        None => format!("{} {}", order.action.word(), order.scope),
        Some(value) => format!("{} {} {value}", order.action.word(), order.scope),
    };
    let author = match order.author.as_str() {
        "" => String::new(),
        author => format!(" by {author}"),
    };
    let reason = match order.reason.as_str() {
        "" => String::new(),
        reason => format!(" for \"{reason}\""),
    };
    let until: Option<Utc> = record.until.map(|until| calendar.second_of(until));
    let until = until.map_or_else(String::new, |until| format!(" until {until}"));
    format!("{what}{author}{reason}{until}")
}

/// The orders that still hold some of the endpoints of one that was lifted.
fn held_by(request: &OrderRequest, executed: &Executed, calendar: Calendar) -> Vec<Holding> {
    let kind = |action: Action| match request.order.action {
        Action::Drain | Action::Undrain => action == Action::Drain,
        Action::Force(_) | Action::Lift => true,
        Action::Approve | Action::Refuse => false,
    };
    let others = executed.others.iter();
    let own = others.filter(|(record, _)| kind(record.order.action));
    let own = own.map(|(record, names)| Holding {
        order: OrderView::new(&record.order, Some(record), calendar),
        endpoints: names.clone(),
    });
    own.collect()
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
    use tokio::sync::oneshot;

    use super::*;
    use crate::base::{Moment, Permille};
    use crate::daemon::ordered::Waiting;
    use crate::engine::Input;
    use crate::engine::order::{Consent, Order, OrderOrigin, Override};
    use crate::plan::UnknownScope;

    const CALENDAR: Calendar = Calendar {
        now: Moment(100_000),
        utc: Utc(1_800_000_000_000),
    };

    fn request(action: Action) -> OrderRequest {
        order(action, "eu", "ada").insisted()
    }

    fn order(action: Action, scope: &str, author: &str) -> Order {
        Order {
            action,
            scope: scope.to_owned(),
            author: author.to_owned(),
            reason: String::new(),
        }
    }

    fn record(order: Order, from: Option<u64>, until: Option<u64>) -> OrderRecord {
        OrderRecord {
            order,
            given: CALENDAR.now,
            from: from.map(Moment),
            until: until.map(Moment),
            origin: OrderOrigin::Here,
        }
    }

    fn executed(effects: &[(&str, Effect)]) -> Executed {
        let endpoints = effects.iter();
        let endpoints = endpoints.map(|(name, effect)| ((*name).to_owned(), *effect));
        Executed {
            endpoints: endpoints.collect(),
            ..Executed::default()
        }
    }

    fn told(action: Action, executed: Executed) -> Ordered {
        words(
            &request(action),
            &Ok(executed),
            (&OrderKeeping::OnDisk, CALENDAR),
        )
        .unwrap()
    }

    #[test]
    fn the_reply_says_for_what_a_drain_changes_nothing() {
        let drain = |effects: &[(&str, Effect)], until| Executed {
            held: Some(record(order(Action::Drain, "eu", "ada"), None, until)),
            ..executed(effects)
        };
        let mixed = [("eu-a", Effect::Already), ("eu-b", Effect::Changed)];
        let holds = "it holds until `waypost undrain eu`";
        let mut other = drain(&mixed, None);
        let others = record(order(Action::Drain, "eu-a", "bob"), None, Some(160_000));
        other.others = vec![(others, vec!["eu-a".to_owned()])];
        for (executed, expected) in [
            (
                drain(&mixed, None),
                format!("draining eu-b; {holds}; drained already: eu-a"),
            ),
            (drain(&mixed[..1], None), "drained already: eu-a".to_owned()),
            (
                drain(&mixed[1..], Some(220_000)),
                "draining eu-b; it holds until 2027-01-15T08:02:00Z, or `waypost undrain eu`"
                    .to_owned(),
            ),
            (
                other,
                format!(
                    "draining eu-b; {holds}; drained already: eu-a (drain eu-a by bob until 2027-01-15T08:01:00Z holds eu-a)"
                ),
            ),
        ] {
            let names = executed.names();
            let told = told(Action::Drain, executed);
            assert_eq!(told.result, expected);
            assert_eq!(told.endpoints, names, "all, in order");
        }
        let later = Executed {
            held: Some(record(
                order(Action::Drain, "eu", "ada"),
                Some(160_000),
                None,
            )),
            ..executed(&[("eu-a", Effect::Planned)])
        };
        let expected = format!("eu-a will be drained from 2027-01-15T08:01:00Z on; {holds}");
        assert_eq!(told(Action::Drain, later).result, expected);
    }

    #[test]
    fn an_undrain_says_who_still_holds_what() {
        let bob = record(
            Order {
                reason: "new disks".to_owned(),
                ..order(Action::Drain, "fra-a", "bob")
            },
            None,
            None,
        );
        let lifted = Executed {
            ended: vec![record(order(Action::Drain, "eu", "ada"), None, None)],
            others: vec![(bob.clone(), vec!["fra-a".to_owned()])],
            ..executed(&[("fra-a", Effect::StillHeld), ("fra-b", Effect::Changed)])
        };
        let still = "still drained: fra-a (drain fra-a by bob for \"new disks\" holds fra-a)";
        let found = told(Action::Undrain, lifted.clone());
        assert_eq!(found.result, format!("no longer drained: fra-b; {still}"));
        assert_eq!(found.held_by[0].order.author, "bob");
        assert_eq!(found.held_by[0].endpoints, ["fra-a"]);
        let nothing = Executed {
            ended: Vec::new(),
            ..lifted
        };
        let nothing = Executed {
            endpoints: vec![("fra-a".to_owned(), Effect::StillHeld)],
            ..nothing
        };
        let expected = format!("there is no such order for eu itself; {still}");
        assert_eq!(told(Action::Undrain, nothing).result, expected);
        let never = executed(&[("fra-a", Effect::Already)]);
        assert_eq!(told(Action::Undrain, never).result, "not drained: fra-a");
        let planned = Executed {
            ended: vec![record(
                order(Action::Drain, "eu", "ada"),
                Some(160_000),
                None,
            )],
            ..executed(&[("fra-a", Effect::Already)])
        };
        let expected = "what was planned for eu is cancelled";
        assert_eq!(told(Action::Undrain, planned).result, expected);
    }

    #[test]
    fn an_override_says_how_long_it_holds_and_what_holds_beside_it() {
        let half = Action::Force(Override::Share(Permille(500)));
        let held = record(order(half, "eu", "ada"), None, Some(160_000));
        let forced = Executed {
            held: Some(held),
            ..executed(&[("eu-a", Effect::Changed)])
        };
        let expected =
            "eu-a forced to 50%; it holds until 2027-01-15T08:01:00Z, or `waypost force eu --lift`";
        let found = told(half, forced.clone());
        assert_eq!(found.result, expected);
        assert_eq!(found.order.value.as_deref(), Some("50%"));
        let bob = record(order(Action::Drain, "eu-a", "bob"), None, None);
        let beside = Executed {
            others: vec![(bob, vec!["eu-a".to_owned()])],
            ..forced
        };
        let more = "other orders hold too, and the least counts (drain eu-a by bob holds eu-a)";
        assert_eq!(told(half, beside).result, format!("{expected}; {more}"));
        let approved = executed(&[("eu-b", Effect::Changed)]);
        let text = told(Action::Approve, approved).result;
        assert_eq!(text, "approved: eu-b may come back");
    }

    #[test]
    fn a_refusal_says_why() {
        let unknown = UnknownScope {
            name: "eu".to_owned(),
            nearest: Some("eu-a".to_owned()),
            regions: Vec::new(),
        };
        let told = refusal(&request(Action::Drain), &Refused::Unknown(unknown));
        let text = "no region, endpoint or provider is called \"eu\"; did you mean \"eu-a\"?";
        assert_eq!(told, OrderRefusal::Unknown(text.to_owned()));
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
            let told = refusal(&request(action), &refused);
            assert_eq!(told, OrderRefusal::Needless(expected.to_owned()));
        }
        let damage = ClientLoss::Stranded {
            service: "api".to_owned(),
            family: "v4",
            prefer: vec!["eu".to_owned()],
            classes: 1,
            of: 3,
        };
        let told = refusal(&request(Action::Drain), &Refused::Damaging(vec![damage]));
        let text = "without eu api (v4) would have no healthy endpoint for clients of eu; \
                    nothing was changed: say --force (force=true) if that is meant";
        assert_eq!(told, OrderRefusal::Damaging(text.to_owned()));
    }

    #[test]
    fn each_answer_goes_to_whoever_gave_the_order() {
        let mut waiting = Waiting::default();
        let (replies, ids): (Vec<_>, Vec<_>) = ["a", "b"]
            .map(|author| {
                let (reply, told) = oneshot::channel();
                let request = OrderRequest {
                    order: order(Action::Drain, "eu", author),
                    from: None,
                    until: None,
                    consent: Consent::Withheld,
                };
                let Input::Order(id, _) = waiting.begin(request, reply) else {
                    panic!("an order is handed in as one");
                };
                (told, id)
            })
            .into_iter()
            .unzip();
        for id in ids.into_iter().rev() {
            let executed = executed(&[("eu-a", Effect::Changed)]);
            waiting.end(id, &Ok(executed), (&OrderKeeping::Nowhere, CALENDAR), None);
            waiting.end(
                id,
                &Err(Refused::NoEndpoints),
                (&OrderKeeping::Nowhere, CALENDAR),
                None,
            );
        }
        let authors = replies.into_iter().map(|mut told| {
            let told = told.try_recv().unwrap().unwrap();
            told.order.author
        });
        assert_eq!(authors.collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_a_restart_makes_of_an_order_is_said() {
        let drained = Executed {
            held: Some(record(order(Action::Drain, "eu", "ada"), None, None)),
            ..executed(&[("eu-a", Effect::Changed)])
        };
        let result = |keeping| {
            let found = words(
                &request(Action::Drain),
                &Ok(drained.clone()),
                (&keeping, CALENDAR),
            );
            found.unwrap().result
        };
        let kept = "draining eu-a; it holds until `waypost undrain eu`";
        assert_eq!(result(OrderKeeping::OnDisk), kept);
        let lost = result(OrderKeeping::Nowhere);
        assert!(
            lost.contains("a restart of the server forgets it"),
            "{lost}"
        );
        let failed = result(OrderKeeping::Failed("no space".to_owned()));
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
