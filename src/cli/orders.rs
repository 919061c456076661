//! `waypost orders`: which orders are in force, which are to come, and which have ended; and what one would do.
use std::process::ExitCode;

use super::arguments;
use super::present::{line, percent};
use super::remote::Remote;
use super::say;
use crate::daemon::Failure;
use crate::io::control::{
    ForecastView, HeldView, OrderKnown, OrderList, OrderView, PastView, ServiceShift,
};

/// Endpoints of an order that a line names.
const NAMED: usize = 10;

/// Asks the server and prints all orders.
pub(super) fn orders(arguments: &arguments::OrderListing) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    if arguments.json {
        say(remote.get("/api/v1/orders", &[])?.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    say(page(&list(&remote)?, arguments.history).trim_end());
    Ok(ExitCode::SUCCESS)
}

/// All orders of a server.
pub(super) fn list(remote: &Remote) -> Result<OrderList, Failure> {
    let body = remote.get("/api/v1/orders", &[])?;
    let list = serde_json::from_str(&body);
    list.map_err(|error| format!("the server's answer is not a list of orders: {error}"))
}

/// The whole page, with so many that have ended.
fn page(list: &OrderList, history: usize) -> String {
    let mut out = String::new();
    if list.orders.is_empty() {
        line(&mut out, "no order is in force or to come");
    }
    for held in &list.orders {
        held_lines(&mut out, held);
    }
    if !list.held_back.is_empty() {
        line(
            &mut out,
            "\nheld back until another node orders the same, for one alone takes out at most half of the capacity:",
        );
    }
    for held in &list.held_back {
        held_lines(&mut out, held);
    }
    if !list.history.is_empty() && history > 0 {
        line(&mut out, "\nended:");
    }
    for past in list.history.iter().take(history) {
        past_line(&mut out, past);
    }
    let more = list.history.len().saturating_sub(history);
    if more > 0 && history > 0 {
        line(&mut out, &format!("  and {more} more (--history, --json)"));
    }
    out
}

fn held_lines(out: &mut String, held: &HeldView) {
    let order = &held.order;
    let from = order.from.map(|from| from.to_string()).unwrap_or_default();
    let until = match order.until {
        Some(until) => format!("until {until}"),
        None => "until it is lifted".to_owned(),
    };
    let state = match held.state.as_str() {
        "pending" => "to come: from",
        "held_back" => "given",
        _ => "since",
    };
    line(
        out,
        &format!("{}  {state} {from} {until}{}", what(order), by(order)),
    );
    let endpoints = held.endpoints.iter();
    let endpoints = endpoints.map(|own| format!("{} {}", own.name, percent(own.share_permille)));
    let endpoints: Vec<String> = endpoints.collect();
    let text = match endpoints.is_empty() {
        true => "nothing has this name now".to_owned(),
        false => few(&endpoints),
    };
    let known = held
        .known
        .as_ref()
        .map(|known| format!("; {}", known_by(known)));
    line(out, &format!("    {text}{}", known.unwrap_or_default()));
}

/// The nodes of a cluster that know an order, in words.
pub(super) fn known_by(known: &OrderKnown) -> String {
    let away = match known.away.as_slice() {
        [] => String::new(),
        [one] => format!(", {one} is away"),
        several => format!(", {} are away", several.join(" and ")),
    };
    format!("known by {} of {} nodes{away}", known.nodes, known.of)
}

fn past_line(out: &mut String, past: &PastView) {
    let order = &past.order;
    let from = order
        .from
        .map(|from| format!(" since {from}"))
        .unwrap_or_default();
    let by_whom = past.ended_by.as_deref().filter(|by| !by.is_empty());
    let by_whom = by_whom
        .map(|name| format!(" by {name}"))
        .unwrap_or_default();
    let why = past.ended_reason.as_deref().filter(|why| !why.is_empty());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let (ended, end) = (past.ended, &past.end);
    let course = match end.as_str() {
        "done" => format!("{ended}"),
        _ => format!("{ended} {end}{by_whom}{why}"),
    };
    line(
        out,
        &format!("  {course}  {}{from}{}", what(order), by(order)),
    );
}

fn what(order: &OrderView) -> String {
    let value = order.value.as_deref();
    let value = value.map(|value| format!(" {value}")).unwrap_or_default();
    format!("{} {}{value}", order.action, order.scope)
}

fn by(order: &OrderView) -> String {
    let author = match order.author.as_str() {
        "" => String::new(),
        author => format!("  by {author}"),
    };
    let reason = match order.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("{author}{reason}")
}

/// The consequences of an order, for a person.
pub(super) fn forecast_page(found: &ForecastView) -> String {
    let mut out = String::new();
    line(&mut out, &format!("for: {}", few(&found.endpoints)));
    let moving = found.services.iter().filter(|own| own.moved_permille > 0);
    let moving: Vec<&ServiceShift> = moving.collect();
    if moving.is_empty() {
        line(&mut out, "no client would move");
    }
    for service in moving {
        let moved = percent(service.moved_permille);
        let (name, family) = (&service.service, &service.family);
        line(
            &mut out,
            &format!("{name} ({family}): {moved} of the clients would move"),
        );
        for region in &service.regions {
            let name = region.region.as_deref().unwrap_or("(no address)");
            let [before, after] = [region.before_permille, region.after_permille].map(percent);
            line(
                &mut out,
                &format!("    {name:<18} {before:>6} -> {after:>6}"),
            );
        }
    }
    match found.damage.is_empty() {
        true => line(&mut out, "nothing would be lost"),
        false => line(&mut out, "LOST, and refused without --force:"),
    }
    for damage in &found.damage {
        line(&mut out, &format!("    {damage}"));
    }
    out.push_str("nothing was changed\n");
    out
}

/// As many as a line holds.
fn few(all: &[String]) -> String {
    let shown = all.iter().take(NAMED).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Utc;
    use crate::io::control::{EndpointShare, RegionShift};

    fn order(action: &str, value: Option<&str>, until: Option<&str>) -> OrderView {
        OrderView {
            action: action.into(),
            value: value.map(str::to_owned),
            scope: "eu".into(),
            author: "ada".into(),
            reason: "disks".into(),
            given: Utc::parse("2027-03-01T22:00:00Z"),
            from: Utc::parse("2027-03-01T22:00:00Z"),
            until: until.and_then(Utc::parse),
        }
    }

    #[test]
    fn orders_are_listed_and_then_those_that_have_ended() {
        let held = |state: &str, order, endpoints| HeldView {
            order,
            state: state.into(),
            endpoints,
            known: (state == "in_force").then_some(OrderKnown {
                nodes: 4,
                of: 5,
                away: Vec::new(),
            }),
        };
        let share = EndpointShare {
            name: "fra-a".into(),
            share_permille: 505,
        };
        let list = OrderList {
            orders: vec![
                held("in_force", order("drain", None, None), vec![share]),
                held(
                    "pending",
                    order("force", Some("30%"), Some("2027-03-01T23:00:00Z")),
                    Vec::new(),
                ),
            ],
            history: vec![PastView {
                order: order("drain", None, None),
                ended: Utc::parse("2027-03-01T22:30:00Z").unwrap(),
                end: "lifted".into(),
                ended_by: Some("bob".into()),
                ended_reason: Some("done".into()),
            }],
            held_back: vec![held("held_back", order("drain", None, None), Vec::new())],
        };
        let expected = "\
drain eu  since 2027-03-01T22:00:00Z until it is lifted  by ada: disks
    fra-a 50.5%; known by 4 of 5 nodes
force eu 30%  to come: from 2027-03-01T22:00:00Z until 2027-03-01T23:00:00Z  by ada: disks
    nothing has this name now

held back until another node orders the same, for one alone takes out at most half of the capacity:
drain eu  given 2027-03-01T22:00:00Z until it is lifted  by ada: disks
    nothing has this name now

ended:
  2027-03-01T22:30:00Z lifted by bob: done  drain eu since 2027-03-01T22:00:00Z  by ada: disks
";
        assert_eq!(page(&list, 20), expected);
        assert_eq!(
            page(&OrderList::default(), 20),
            "no order is in force or to come\n"
        );
    }

    #[test]
    fn a_forecast_says_who_moves_and_what_is_lost() {
        let mut found = ForecastView {
            endpoints: vec!["fra-a".into()],
            damage: Vec::new(),
            services: vec![ServiceShift {
                service: "api".into(),
                family: "v4".into(),
                moved_permille: 375,
                regions: vec![RegionShift {
                    region: Some("eu".into()),
                    before_permille: 375,
                    after_permille: 0,
                }],
            }],
        };
        let text = forecast_page(&found);
        for part in [
            "api (v4): 37.5% of the clients would move",
            "eu                  37.5% ->     0%",
            "nothing would be lost",
            "nothing was changed",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        found
            .damage
            .push("api (v4) would have no healthy endpoint".into());
        found.services.clear();
        let text = forecast_page(&found);
        assert!(text.contains("no client would move"), "{text}");
        assert!(
            text.contains("without --force:\n    api (v4) would"),
            "{text}"
        );
    }
}
