//! What an operator's order comes to: for which endpoints it is, or why it is not taken.
//!
//! A name that means nothing is refused, because a drain of `eu-frankfort` that "succeeds" is found
//! out when the machines of `eu-frankfurt` are switched off. So is an approval that nothing
//! waits for: whoever gives it believes something about the state of the world that is not so.
//! A drain of what is down, and an undrain of what is not drained, are taken: both say how things
//! should be from now on, and the reply says for what that changes nothing. How an order is carried
//! out is the engine's; what it would do is read from its status.
use std::collections::BTreeSet;

use super::Failure;
use crate::base::EndpointId;
use crate::engine::Status;
use crate::engine::order::{Action, Order};
use crate::engine::status::EndpointStatus;
use crate::io::control::{OrderRefusal, Ordered};
use crate::plan::Plan;

/// Endpoints that a sentence names.
const NAMED: usize = 10;

/// For whom an order is; nothing is done yet.
pub(super) fn consider(
    order: &Order,
    plan: &Plan,
    status: &Status,
) -> Result<Ordered, OrderRefusal> {
    let scope = plan.scope(&order.scope);
    let scope = scope.map_err(|unknown| OrderRefusal::Unknown(unknown.to_string()))?;
    let endpoints = match order.action {
        Action::Approve => waiting(&scope.endpoints, plan, status),
        Action::Drain | Action::Undrain => names(&scope.endpoints, plan),
    };
    if endpoints.is_empty() {
        let why = needless(order, &scope.endpoints, plan, status);
        return Err(OrderRefusal::Needless(why));
    }
    Ok(Ordered {
        result: sentence(order, &endpoints, status),
        endpoints,
        order: order.clone(),
    })
}

/// Reads a reply of the control API.
pub(super) fn result_of(body: &str) -> Result<String, Failure> {
    super::remote::text_of(body, "result").ok_or_else(|| format!("unexpected reply: {body}"))
}

fn names(endpoints: &[EndpointId], plan: &Plan) -> Vec<String> {
    let own = endpoints.iter();
    own.map(|id| plan.endpoints[id.index()].name.clone())
        .collect()
}

/// Those that an approval would let go on, by the engine's own account.
fn waiting(endpoints: &[EndpointId], plan: &Plan, status: &Status) -> Vec<String> {
    let waits = |name: &String| {
        let found = find(status, name);
        found.is_some_and(|one| one.targets.iter().any(|target| target.wants_approval))
    };
    names(endpoints, plan).into_iter().filter(waits).collect()
}

fn find<'s>(status: &'s Status, name: &str) -> Option<&'s EndpointStatus> {
    let mut all = status.regions.iter().flat_map(|region| &region.endpoints);
    all.find(|endpoint| endpoint.name == name)
}

/// Why there is nothing to do, with what there is.
fn needless(order: &Order, endpoints: &[EndpointId], plan: &Plan, status: &Status) -> String {
    let scope = &order.scope;
    if endpoints.is_empty() {
        return format!(
            "{scope} has no endpoints: nothing to {}",
            order.action.word()
        );
    }
    let states = names(endpoints, plan).into_iter().map(|name| {
        let found = find(status, &name);
        let states = found.map(|one| one.targets.iter().map(|target| &*target.state));
        let states: BTreeSet<&str> = states.into_iter().flatten().collect();
        let states: Vec<&str> = states.into_iter().collect();
        match states.is_empty() {
            true => format!("{name} is not used"),
            false => format!("{name} is {}", states.join(" and ")),
        }
    });
    let states: Vec<String> = states.collect();
    format!("nothing in {scope} waits for approval: {}", few(&states))
}

fn sentence(order: &Order, endpoints: &[String], status: &Status) -> String {
    let drained = |name: &&String| find(status, name).is_some_and(|one| one.drain.is_some());
    let (drained, open): (Vec<&String>, Vec<&String>) = endpoints.iter().partition(drained);
    let scope = &order.scope;
    match order.action {
        Action::Approve => format!("approved: {} may come back", few(endpoints)),
        Action::Drain => {
            let begun = named(&open, |names| {
                format!(
                    "draining {names}; it holds until `waypost undrain {scope}` or a restart of the server"
                )
            });
            joined([
                begun,
                named(&drained, |names| format!("drained already: {names}")),
            ])
        }
        Action::Undrain => {
            let ended = named(&drained, |names| format!("no longer drained: {names}"));
            joined([ended, named(&open, |names| format!("not drained: {names}"))])
        }
    }
}

/// A clause about these, if there are any.
fn named(endpoints: &[&String], clause: impl Fn(String) -> String) -> Option<String> {
    (!endpoints.is_empty()).then(|| clause(few(endpoints)))
}

fn joined(clauses: [Option<String>; 2]) -> String {
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    clauses.join("; ")
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
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::*;
    use crate::config::{self, Files};
    use crate::engine::status::{DrainStatus, RegionStatus, TargetStatus};

    const ZONE: &str = "@ SOA ns1 host 1 3600 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n";

    const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
[[zones]]
name = "example.org"
file = "zone"
[regions.eu]
location = [50.11, 8.68]
[[regions.eu.endpoints]]
name = "eu-a"
provider = "acme"
addresses = ["192.0.2.10"]
[[regions.eu.endpoints]]
name = "eu-b"
provider = "other"
addresses = ["192.0.2.11"]
[regions.na]
location = [43.65, -79.38]
[[regions.na.endpoints]]
name = "na-a"
provider = "acme"
addresses = ["192.0.2.20"]
[regions.bare]
location = [0, 0]
[monitors.web]
type = "http"
[recoveries.asked]
gate = "approve"
[services.asked]
hostnames = ["a.example.org"]
monitors = ["web"]
recovery = "asked"
regions = ["eu"]
[services.free]
hostnames = ["b.example.org"]
monitors = ["web"]
regions = ["na"]
"#;

    fn plan() -> Plan {
        let (spec, found) = config::read(Path::new("config.toml"), CONFIG);
        let zone: Arc<[u8]> = ZONE.as_bytes().into();
        let files = Files::from([(PathBuf::from("zone"), Ok(zone))]);
        let compiled = config::compile(&spec, found, &files);
        compiled
            .unwrap_or_else(|found| panic!("{}", found.render(false)))
            .0
            .plan
    }

    /// Endpoints and their states, with a `!` where a word is waited for.
    fn status(states: &[(&str, &str)]) -> Status {
        let endpoints = states.iter().map(|(name, state)| EndpointStatus {
            name: (*name).to_owned(),
            targets: vec![TargetStatus {
                state: state.trim_end_matches('!').to_owned(),
                wants_approval: state.ends_with('!'),
                ..TargetStatus::default()
            }],
            drain: (*state == "drained").then(DrainStatus::default),
            ..EndpointStatus::default()
        });
        Status {
            regions: vec![RegionStatus {
                endpoints: endpoints.collect(),
                ..RegionStatus::default()
            }],
            ..Status::default()
        }
    }

    fn take(action: Action, scope: &str, states: &[(&str, &str)]) -> Result<Ordered, OrderRefusal> {
        let order = Order {
            action,
            scope: scope.to_owned(),
            author: String::new(),
            reason: String::new(),
        };
        consider(&order, &plan(), &status(states))
    }

    fn given(action: Action, scope: &str, states: &[(&str, &str)]) -> Result<Vec<String>, String> {
        match take(action, scope, states) {
            Ok(ordered) => Ok(ordered.endpoints),
            Err(OrderRefusal::Unknown(why)) => Err(format!("unknown: {why}")),
            Err(OrderRefusal::Needless(why)) => Err(why),
        }
    }

    #[test]
    fn a_drain_is_for_all_that_has_the_name() {
        let names = |scope: &str| given(Action::Drain, scope, &[]).map(|found| found.join(" "));
        assert_eq!(names("eu").unwrap(), "eu-a eu-b");
        assert_eq!(names("acme").unwrap(), "eu-a na-a");
        assert_eq!(names("na-a").unwrap(), "na-a");
        assert_eq!(
            names("bare").unwrap_err(),
            "bare has no endpoints: nothing to drain"
        );
        let unknown = names("eu-aa").unwrap_err();
        assert!(unknown.starts_with("unknown: no region"), "{unknown}");
        assert!(unknown.ends_with("did you mean \"eu-a\"?"), "{unknown}");
    }

    #[test]
    fn an_approval_is_for_what_waits() {
        let states = [("eu-a", "unapproved!"), ("eu-b", "down"), ("na-a", "held")];
        let approve = |scope: &str| given(Action::Approve, scope, &states);
        assert_eq!(approve("eu").unwrap(), ["eu-a"]);
        assert_eq!(approve("acme").unwrap(), ["eu-a"]);
        assert_eq!(
            approve("eu-b").unwrap_err(),
            "nothing in eu-b waits for approval: eu-b is down"
        );
        // Held, but by a recovery that asks nobody.
        assert_eq!(
            approve("na").unwrap_err(),
            "nothing in na waits for approval: na-a is held"
        );
    }

    #[test]
    fn the_reply_says_for_what_an_order_changes_nothing() {
        let states = [("eu-a", "drained"), ("eu-b", "healthy")];
        let said = |action, scope| take(action, scope, &states).unwrap().result;
        let holds = "it holds until `waypost undrain eu` or a restart of the server";
        for (action, scope, expected) in [
            (
                Action::Drain,
                "eu",
                &*format!("draining eu-b; {holds}; drained already: eu-a"),
            ),
            (Action::Drain, "eu-a", "drained already: eu-a"),
            (
                Action::Undrain,
                "eu",
                "no longer drained: eu-a; not drained: eu-b",
            ),
            (Action::Undrain, "eu-b", "not drained: eu-b"),
        ] {
            assert_eq!(said(action, scope), expected);
        }
    }

    #[test]
    fn a_sentence_names_a_few_of_many() {
        let many: Vec<String> = (0..12).map(|number| format!("e{number}")).collect();
        assert!(few(&many).ends_with("e9 and 2 more"), "{}", few(&many));
        assert_eq!(few(&many[..2]), "e0, e1");
    }
}
