//! What an operator's order comes to: for which endpoints it is, or why it is not taken.
//!
//! A name that means nothing is refused, because a drain of `eu-frankfort` that "succeeds" is found
//! out when the machines of `eu-frankfurt` are switched off. So is an approval that nothing
//! waits for: whoever gives it believes something about the state of the world that is not so.
//! A drain of what is down, and an undrain of what is not drained, are taken: both say how things
//! should be from now on. How an order is carried out is the engine's.
use std::collections::BTreeSet;

use super::Failure;
use crate::base::EndpointId;
use crate::engine::Status;
use crate::engine::order::{Action, Order};
use crate::engine::status::EndpointStatus;
use crate::io::control::{OrderRefusal, Ordered};
use crate::plan::{Approval, Plan};

/// Endpoints that a sentence names.
const NAMED: usize = 10;

/// States in which an endpoint is back and may wait for a word.
const WAITING: [&str; 3] = ["held", "gated", "unapproved"];

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
        result: sentence(order, &endpoints),
        endpoints,
        order: order.clone(),
    })
}

/// The command and the label of an action.
pub(super) fn word(action: Action) -> &'static str {
    match action {
        Action::Approve => "approve",
        Action::Drain => "drain",
        Action::Undrain => "undrain",
    }
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

/// Those that come back by a recovery that needs a word, and are at a point where it may wait.
fn waiting(endpoints: &[EndpointId], plan: &Plan, status: &Status) -> Vec<String> {
    let needs = plan
        .targets
        .iter()
        .filter(|target| plan.recoveries[target.recovery.index()].approval == Approval::Needed);
    let needs: BTreeSet<EndpointId> = needs.map(|target| target.endpoint).collect();
    let own = endpoints.iter().filter(|id| needs.contains(id));
    let own = names(&own.copied().collect::<Vec<_>>(), plan);
    let waits = |name: &String| {
        let found = find(status, name);
        found.is_some_and(|one| {
            let mut states = one.targets.iter().map(|target| &*target.state);
            states.any(|state| WAITING.contains(&state))
        })
    };
    own.into_iter().filter(waits).collect()
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
            word(order.action)
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

fn sentence(order: &Order, endpoints: &[String]) -> String {
    let (scope, endpoints) = (&order.scope, few(endpoints));
    match order.action {
        Action::Approve => format!("approved: {endpoints} may come back"),
        Action::Drain => format!(
            "draining {endpoints}; it holds until `waypost undrain {scope}` or a restart of the server"
        ),
        Action::Undrain => format!("no longer drained: {endpoints}"),
    }
}

/// As many as a line holds.
fn few(all: &[String]) -> String {
    let named = &all[..all.len().min(NAMED)];
    let more = match all.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::*;
    use crate::config::{self, Files};
    use crate::engine::status::{RegionStatus, TargetStatus};

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
    }

    fn status(states: &[(&str, &str)]) -> Status {
        let endpoints = states.iter().map(|(name, state)| EndpointStatus {
            name: (*name).to_owned(),
            targets: vec![TargetStatus {
                state: (*state).to_owned(),
                ..TargetStatus::default()
            }],
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

    fn given(action: Action, scope: &str, states: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let order = Order {
            action,
            scope: scope.to_owned(),
            author: String::new(),
            reason: String::new(),
        };
        match consider(&order, &plan(), &status(states)) {
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
        let states = [("eu-a", "unapproved"), ("eu-b", "down"), ("na-a", "held")];
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
    fn a_sentence_names_a_few_of_many() {
        let many: Vec<String> = (0..12).map(|number| format!("e{number}")).collect();
        assert!(few(&many).ends_with("e9 and 2 more"), "{}", few(&many));
        assert_eq!(few(&many[..2]), "e0, e1");
    }
}
