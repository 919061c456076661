//! `waypost approve`, `drain`, `undrain` and `force`: orders to a running server.
//!
//! The author is whoever is named, or the user of this machine: a name to ask, not a proof. Where neither is known,
//! the server says who it is by the connection, or refuses.
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use super::arguments::{ApproveOrder, Drain, ForceOrder, Order, OrderBy, OrderWindow};
use super::orders::{forecast_page, known_by, list};
use super::present::percent;
use super::remote::{Remote, text_of};
use super::say;
use super::shared_arguments::author;
use crate::daemon::Failure;
use crate::engine::order::Action;
use crate::io::control::{ForecastView, HeldView, OrderKnown, OrderList};

/// The path of orders.
const PATH: &str = "/api/v1/orders";
/// Time between two looks at a drain that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The parameters of a request.
pub(super) type OrderFields = Vec<(&'static str, String)>;

/// Gives an order without a window, and prints what the server says.
pub(super) fn order(action: Action, arguments: &Order) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let parameters = given(action.word(), &arguments.name, &arguments.by);
    tell(&post(&remote, &parameters)?, arguments.json)
}

/// Approves returns, or refuses them.
pub(super) fn approve(arguments: &ApproveOrder) -> Result<ExitCode, Failure> {
    let action = match arguments.refuse {
        true => Action::Refuse,
        false => Action::Approve,
    };
    order(action, &arguments.order)
}

/// Drains, says what a drain would do, or waits for its end.
pub(super) fn drain(arguments: &Drain) -> Result<ExitCode, Failure> {
    let order = &arguments.order;
    let remote = Remote::find(&order.control)?;
    let mut parameters = given(Action::Drain.word(), &order.name, &order.by);
    parameters.extend(window(&arguments.window));
    if arguments.force {
        parameters.push(("force", "true".to_owned()));
    }
    if arguments.dry_run {
        return forecast(&remote, parameters, order.json);
    }
    let told = tell(&post(&remote, &parameters)?, order.json)?;
    if arguments.wait {
        return wait(&remote, &order.name);
    }
    Ok(told)
}

/// Gives an override, or lifts one.
pub(super) fn force(arguments: &ForceOrder) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let Some(value) = arguments.value else {
        let parameters = given(Action::Lift.word(), &arguments.name, &arguments.by);
        return tell(&post(&remote, &parameters)?, arguments.json);
    };
    let mut parameters = given(Action::Force(value).word(), &arguments.name, &arguments.by);
    parameters.push(("value", value.to_string()));
    parameters.extend(window(&arguments.window));
    if arguments.dry_run {
        return forecast(&remote, parameters, arguments.json);
    }
    tell(&post(&remote, &parameters)?, arguments.json)
}

/// Says what an order would do; whether it does damage is the exit code.
fn forecast(remote: &Remote, mut parameters: OrderFields, json: bool) -> Result<ExitCode, Failure> {
    parameters.push(("dry_run", "true".to_owned()));
    let body = post(remote, &parameters)?;
    let found: ForecastView = serde_json::from_str(&body)
        .map_err(|error| format!("the server's answer is not a forecast: {error}"))?;
    match json {
        true => say(body.trim_end()),
        false => say(forecast_page(&found).trim_end()),
    }
    Ok(match found.damage.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Waits until no new answer has anything of a drain, and says what is left meanwhile.
#[expect(
    clippy::disallowed_methods,
    reason = "a command that waits for a server has nothing else to do"
)]
fn wait(remote: &Remote, scope: &str) -> Result<ExitCode, Failure> {
    let mut told = String::new();
    loop {
        let Some(HeldView {
            endpoints: left,
            known,
            ..
        }) = drain_of(list(remote)?, scope)
        else {
            return Err(format!("the drain of {scope} was lifted, or has ended"));
        };
        let some: Vec<String> = left
            .iter()
            .filter(|own| own.share_permille > 0)
            .map(|own| format!("{} {}", own.name, percent(own.share_permille)))
            .collect();
        // Where several nodes answer, all of them must know it that are there.
        let is_unknown = |known: &OrderKnown| known.nodes + known.away.len() < known.of;
        if some.is_empty() && !known.as_ref().is_some_and(is_unknown) {
            if let Some(known) = known.filter(|known| !known.away.is_empty()) {
                say(&format!(
                    "{}: if it answers, that is not known here",
                    known_by(&known)
                ));
            }
            say(
                "no new answer has any of it; resolvers may keep older ones for as long as their TTL says",
            );
            return Ok(ExitCode::SUCCESS);
        }
        let served = (!some.is_empty()).then(|| format!("still served: {}", some.join(", ")));
        let clauses = [served, known.as_ref().map(known_by)];
        let clauses = clauses.into_iter().flatten();
        let now = clauses.collect::<Vec<_>>().join("; ");
        if now != told {
            say(&now);
            told = now;
        }
        sleep(LOOK_EVERY);
    }
}

/// The drain of a scope; nothing if there is no such order any more.
fn drain_of(list: OrderList, scope: &str) -> Option<HeldView> {
    let mut orders = list.orders.into_iter().chain(list.held_back);
    orders.find(|held| held.order.action == "drain" && held.order.scope == scope)
}

/// The parameters of an order.
pub(super) fn given(action: &str, scope: &str, by: &OrderBy) -> OrderFields {
    let mut parameters = vec![
        ("action", action.to_owned()),
        ("scope", scope.to_owned()),
        ("reason", by.reason.clone()),
    ];
    let variable = |name: &str| std::env::var(name).ok();
    if let Some(author) = author(by.author.clone(), variable) {
        parameters.push(("author", author));
    }
    parameters
}

fn window(window: &OrderWindow) -> OrderFields {
    let from = window.from.map(|from| ("from", from.to_string()));
    let until = window.until.map(|until| ("until", until.to_string()));
    let lasts = window.lasts.map(|lasts| ("for", lasts.to_string()));
    [from, until, lasts].into_iter().flatten().collect()
}

/// Gives an order; the server's answer.
pub(super) fn post(remote: &Remote, parameters: &OrderFields) -> Result<String, Failure> {
    let parameters = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    remote.post(PATH, &parameters.collect::<Vec<_>>())
}

fn tell(body: &str, json: bool) -> Result<ExitCode, Failure> {
    match json {
        true => say(body.trim_end()),
        false => say(&result_of(body)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a reply of the control API.
fn result_of(body: &str) -> Result<String, Failure> {
    text_of(body, "result").ok_or_else(|| format!("unexpected reply: {body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_author_is_named_or_the_user_of_the_machine() {
        for (named, sudo, user, expected) in [
            (Some("eve"), Some("bob"), Some("root"), Some("eve")),
            (Some(""), Some("bob"), Some("root"), Some("")),
            (None, Some("bob"), Some("root"), Some("bob")),
            (None, Some(""), Some("root"), Some("root")),
            (None, None, Some("root"), Some("root")),
            (None, None, None, None),
        ] {
            let variable = |name: &str| match name {
                "SUDO_USER" => sudo.map(str::to_owned),
                _ => user.map(str::to_owned),
            };
            let found = author(named.map(str::to_owned), variable);
            assert_eq!(found.as_deref(), expected, "{named:?} {sudo:?} {user:?}");
        }
    }
}
