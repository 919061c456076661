//! Text of a scenario -> [`Scenario`], or all errors, each with line, column and a help line.
//!
//! It is read as configs are: nothing stops at the first error, and what nobody asked for is
//! unknown. One event does one thing, and events stand in order of time: a scenario is read from
//! top to bottom by people first.
use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;

use super::scenario::{Curve, Deed, Event, Fault, Resolvers, Scenario};
use crate::base::{Permille, Span, Utc};
use crate::config::Diagnostics;
use crate::engine::Order;
use crate::engine::order::Action;
use crate::text::reader::{self, At, Fields, Reader, Shape};
use crate::text::value::{self, Trouble, mismatch};

const MINUTES_OF_DAY: u32 = 24 * 60;
/// Resolvers per class: the default, and the most.
const COHORTS: (u16, u16) = (20, 1000);
/// What a resolver that says nothing keeps at the most (RFC 8767, section 4, advises a day to a week).
const TTL_MOST: Span = Span::from_secs(86_400);
/// Demand can rise to so many times the usual, in permille.
const FACTOR_MOST: u32 = 100_000;

const ACTIONS: &[(&str, Action)] = &[
    ("drain", Action::Drain),
    ("undrain", Action::Undrain),
    ("approve", Action::Approve),
];
const DEEDS: &str = "kill, heal, slow, loss, flap, behind, unresolved, vantage_loss, probe_loss, canary_loss, order, reload, addresses, surge";

/// Reads the text of a scenario. There is one even when some of it is wrong, so that the names
/// in it can be checked as well.
#[must_use]
pub fn read(path: &Path, text: &str) -> (Scenario, Diagnostics) {
    let mut found = Diagnostics::of_config(path.display().to_string(), text);
    let document = reader::parse(&mut found, text);
    let reader = Reader::new(found);
    let mut fields = reader.whole(document.get_ref(), "the scenario");
    let scenario = scenario(&mut fields);
    fields.finish();
    (scenario, reader.into_diagnostics())
}

fn scenario(fields: &mut Fields<'_, '_>) -> Scenario {
    let duration = fields.required("duration", r#""1h""#, lasting);
    let (services, curves) = demand(fields);
    let mut scenario = Scenario {
        title: plain(fields.required("title", r#""a region is lost""#, value::short_text))
            .unwrap_or_default(),
        config: plain(fields.optional("config", value::text)),
        duration: duration.as_ref().map_or(Span::ZERO, |one| one.value),
        begins: plain(fields.optional("begins", civil)),
        seed: plain(fields.optional("seed", value::number(0..=u64::from(u32::MAX)))).unwrap_or(1),
        resolvers: resolvers(fields),
        services,
        curves,
        events: Vec::new(),
    };
    let mut before = Span::ZERO;
    for mut event in fields.tables("events") {
        let read = read_event(&mut event, &mut before, duration.as_ref());
        scenario.events.extend(read);
        event.finish();
    }
    scenario
}

fn resolvers(document: &mut Fields<'_, '_>) -> Resolvers {
    let mut resolvers = Resolvers {
        cohorts: COHORTS.0,
        ttl_min: Span::ZERO,
        ttl_max: TTL_MOST,
    };
    let Some(mut fields) = document.table("resolvers") else {
        return resolvers;
    };
    let cohorts = fields.optional("cohorts", value::number(1..=COHORTS.1));
    let least = fields.optional("ttl_min", value::span);
    let most = fields.optional("ttl_max", lasting);
    resolvers.cohorts = plain(cohorts).unwrap_or(COHORTS.0);
    resolvers.ttl_min = least.as_ref().map_or(Span::ZERO, |one| one.value);
    resolvers.ttl_max = plain(most).unwrap_or(TTL_MOST);
    if let Some(least) = least.filter(|one| one.value > resolvers.ttl_max) {
        let message = format!(
            "the least TTL, {}, is above the most, {}",
            least.value, resolvers.ttl_max
        );
        fields.reader().error(&least.at, message, |found| {
            found.help("lower `ttl_min`, or raise `ttl_max`");
        });
    }
    fields.finish();
    resolvers
}

type Demands = (Vec<(At<String>, u32)>, Vec<(At<String>, Curve)>);

fn demand(document: &mut Fields<'_, '_>) -> Demands {
    let Some(mut fields) = document.table("demand") else {
        return Demands::default();
    };
    let services = fields.pairs("services", value::number(0..=u32::MAX));
    let curves = fields.pairs("curves", curve);
    fields.finish();
    let services = services.into_iter();
    let curves = curves.into_iter();
    (
        services.map(|(name, whole)| (name, whole.value)).collect(),
        curves.map(|(name, curve)| (name, curve.value)).collect(),
    )
}

/// `["0h 30%", "18h 100%"]`.
fn curve(value: &DeValue<'_>) -> Result<Curve, Trouble> {
    let help = "write times of the day with their part of the demand: [\"0h 30%\", \"18h 100%\"]";
    let Some(items) = value.as_array() else {
        return Err(mismatch("a list", value).with_help(help));
    };
    let mut points = Curve::new();
    for item in items.iter() {
        let text = value::text(item.get_ref())?;
        let Some(point) = point(&text) else {
            let message = format!("`{text}` is not a time of the day with a percentage");
            return Err(Trouble::new(message).with_help(help));
        };
        if points.last().is_some_and(|last| last.0 >= point.0) {
            return Err(
                Trouble::new(format!("`{text}` does not come after the one before"))
                    .with_help("put them in order of time"),
            );
        }
        points.push(point);
    }
    match points.is_empty() {
        true => Err(Trouble::new("a curve needs a point").with_help(help)),
        false => Ok(points),
    }
}

/// `18h 100%`, `6h30m 55%`.
fn point(text: &str) -> Option<(u32, u32)> {
    let (time, part) = text.split_once(' ')?;
    let (hours, rest) = time.split_once('h')?;
    let minutes = match rest {
        "" => 0,
        rest => rest.strip_suffix('m')?.parse().ok()?,
    };
    let hours: u32 = hours.parse().ok()?;
    let time = hours.checked_mul(60)?.checked_add(minutes)?;
    Some((time, percent(part)?)).filter(|(time, _)| *time < MINUTES_OF_DAY)
}

/// Percent that may be more than all, in permille.
fn percent(text: &str) -> Option<u32> {
    let whole: u32 = text.trim().strip_suffix('%')?.parse().ok()?;
    whole.checked_mul(10).filter(|part| *part <= FACTOR_MOST)
}

fn factor(value: &DeValue<'_>) -> Result<u32, Trouble> {
    let text = value::text(value)?;
    percent(&text).ok_or_else(|| {
        Trouble::new(format!("`{text}` is not a part of the usual demand"))
            .with_help("write whole percent, such as \"250%\"; 10000% is the most")
    })
}

/// `2027-03-28T01:30:00Z`.
fn civil(value: &DeValue<'_>) -> Result<Utc, Trouble> {
    let text = value::text(value)?;
    Utc::parse(&text).ok_or_else(|| {
        Trouble::new(format!("`{text}` is not a time"))
            .with_help("write it as \"2027-03-28T01:30:00Z\", with `Z` or an offset")
    })
}

/// A duration that is not nothing.
fn lasting(value: &DeValue<'_>) -> Result<Span, Trouble> {
    match value::span(value)? {
        Span::ZERO => Err(Trouble::new("this takes no time").with_help("write a longer duration")),
        span => Ok(span),
    }
}

fn read_event(
    fields: &mut Fields<'_, '_>,
    before: &mut Span,
    duration: Option<&At<Span>>,
) -> Option<Event> {
    let at = fields.required("at", r#""10m""#, value::span);
    if let Some(at) = &at {
        check_time(fields, at, *before, duration);
        *before = at.value.max(*before);
    }
    let lasts = fields.optional("for", lasting);
    let mut deeds = deeds(fields);
    if deeds.len() != 1 {
        let message = match deeds.len() {
            0 => "this event does nothing",
            _ => "this event does several things",
        };
        fields.reader().error(&fields.at(), message, |found| {
            found.help(format!("give it one of: {DEEDS}")).inferred();
        });
    }
    let (place, deed) = deeds.pop()?;
    if let (Some(lasts), Deed::Heal(_) | Deed::Order(_) | Deed::Reload(_) | Deed::Readdress(..)) =
        (&lasts, &deed)
    {
        fields
            .reader()
            .error(&lasts.at, "this does not end by itself", |found| {
                found.help("leave `for` away, and write a second event for its end");
            });
    }
    Some(Event {
        at: at?.value,
        lasts: plain(lasts),
        deed,
        place,
    })
}

fn check_time(fields: &Fields<'_, '_>, at: &At<Span>, before: Span, duration: Option<&At<Span>>) {
    if at.value < before {
        let message = format!("{} comes before the event above it, at {before}", at.value);
        fields.reader().error(&at.at, message, |found| {
            found.help("put the events in order of time");
        });
    }
    if let Some(end) = duration.filter(|end| at.value >= end.value) {
        let message = format!("the scenario is over by then: it ends at {}", end.value);
        fields.reader().error(&at.at, message, |found| {
            found.help("lengthen `duration`, or let it happen earlier");
        });
    }
}

/// Everything that an event says it does, with the place of the name in it.
fn deeds(fields: &mut Fields<'_, '_>) -> Vec<(Range<usize>, Deed)> {
    let mut deeds = Vec::new();
    type Make = fn(String) -> Deed;
    let plain_ones: [(&'static str, Make); 5] = [
        ("kill", |whom| Deed::Fault(Fault::Kill(whom))),
        ("behind", |whom| Deed::Fault(Fault::Behind(whom))),
        ("unresolved", |whom| Deed::Fault(Fault::Unresolved(whom))),
        ("heal", Deed::Heal),
        ("reload", Deed::Reload),
    ];
    for (key, make) in plain_ones {
        let named = fields.optional(key, value::text);
        deeds.extend(named.map(|named| (named.at, make(named.value))));
    }
    type Part = fn(Permille) -> Fault;
    let parts: [(&'static str, Part); 3] = [
        ("vantage_loss", Fault::VantageLoss),
        ("canary_loss", Fault::CanaryLoss),
        ("probe_loss", Fault::ProbeLoss),
    ];
    for (key, make) in parts {
        let part = fields.optional(key, value::percent);
        deeds.extend(part.map(|part| (part.at, Deed::Fault(make(part.value)))));
    }
    deeds.extend(slow(fields));
    deeds.extend(loss(fields));
    deeds.extend(flap(fields));
    deeds.extend(addresses(fields));
    deeds.extend(order(fields));
    deeds.extend(surge(fields));
    deeds
}

/// `slow = "fra-hetzner"` (later than any monitor waits), `slow = { of = "fra-hetzner", by = "800ms" }`.
fn slow(event: &mut Fields<'_, '_>) -> Option<(Range<usize>, Deed)> {
    if event.shape("slow") != Some(Shape::Table) {
        let of = event.optional("slow", value::text)?;
        return Some((of.at, Deed::Fault(Fault::Slow(of.value))));
    }
    let mut fields = event.table("slow")?;
    let of = fields.required("of", r#""fra-hetzner""#, value::text);
    let by = fields.required("by", r#""800ms""#, lasting);
    fields.finish();
    let (of, by) = (of?, by?);
    Some((of.at, Deed::Fault(Fault::Late(of.value, by.value))))
}

/// `loss = { of = "fra-hetzner", part = "30%" }`.
fn loss(event: &mut Fields<'_, '_>) -> Option<(Range<usize>, Deed)> {
    let mut fields = event.table("loss")?;
    let of = fields.required("of", r#""eu-frankfurt""#, value::text);
    let part = fields.required("part", r#""30%""#, value::percent);
    fields.finish();
    let (of, part) = (of?, part?);
    Some((of.at, Deed::Fault(Fault::Loss(of.value, part.value))))
}

/// `flap = { of = "fra-hetzner", period = "40s" }`.
fn flap(event: &mut Fields<'_, '_>) -> Option<(Range<usize>, Deed)> {
    let mut fields = event.table("flap")?;
    let of = fields.required("of", r#""fra-hetzner""#, value::text);
    let period = fields.required("period", r#""40s""#, lasting);
    fields.finish();
    let (of, period) = (of?, period?);
    Some((of.at, Deed::Fault(Fault::Flap(of.value, period.value))))
}

/// `addresses = { of = "cdn-eu", to = ["192.0.2.99"] }`.
fn addresses(event: &mut Fields<'_, '_>) -> Option<(Range<usize>, Deed)> {
    let mut fields = event.table("addresses")?;
    let of = fields.required("of", r#""cdn-eu""#, value::text);
    let to = fields.required_list("to", r#"["192.0.2.99"]"#, value::address);
    fields.finish();
    let to = to.into_iter().map(|one| one.value).collect();
    of.map(|of| (of.at, Deed::Readdress(of.value, to)))
}

/// `order = "drain"`, `scope = "fra-hetzner"`.
fn order(event: &mut Fields<'_, '_>) -> Option<(Range<usize>, Deed)> {
    event.key("order")?;
    let action = event.optional("order", value::word(ACTIONS));
    let scope = event.required("scope", r#""eu-frankfurt""#, value::text);
    let author = plain(event.optional("author", value::text));
    let reason = plain(event.optional("reason", value::text));
    let (action, scope) = (action?, scope?);
    let order = Order {
        action: action.value,
        scope: scope.value,
        author: author.unwrap_or_else(|| "scenario".to_owned()),
        reason: reason.unwrap_or_default(),
    };
    Some((scope.at, Deed::Order(order)))
}

/// `surge = { factor = "250%", of = "eu-frankfurt" }`.
fn surge(event: &mut Fields<'_, '_>) -> Option<(Range<usize>, Deed)> {
    let place = event.key("surge")?;
    let mut fields = event.table("surge")?;
    let factor = fields.required("factor", r#""250%""#, factor);
    let of = fields.optional("of", value::text);
    fields.finish();
    let place = of.as_ref().map_or(place, |of| of.at.clone());
    Some((place, Deed::Surge(plain(of), factor?.value)))
}

fn plain<T>(value: Option<At<T>>) -> Option<T> {
    value.map(|value| value.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let (_, mut found) = read(Path::new("s.toml"), text);
        found.settle();
        let list = found.list();
        let lines = list.iter().map(|one| {
            let help = one.help.clone().unwrap_or_default();
            format!("{}:{} {} ({help})", one.line, one.column, one.message)
        });
        lines.collect()
    }

    #[test]
    fn a_good_scenario_is_read_whole() {
        let text = r#"
title = "t"
duration = "1h"
[resolvers]
ttl_min = "30s"
[demand]
services = { api = 5 }
curves = { eu = ["0h 30%", "6h30m 200%"] }
[[events]]
at = "10m"
kill = "eu"
for = "5m"
[[events]]
at = "10m"
order = "drain"
scope = "eu"
[[events]]
at = "20m"
flap = { of = "eu", period = "40s" }
"#;
        let (scenario, found) = read(Path::new("s.toml"), text);
        assert!(!found.has_errors(), "{}", found.render(false));
        assert_eq!(scenario.events.len(), 3);
        assert_eq!(scenario.resolvers.ttl_min, Span::from_secs(30));
        assert_eq!(scenario.curves[0].1, [(0, 300), (390, 2000)]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place_and_a_way_out() {
        let text = r#"title = "t"
duration = "1h"
lenght = 5
[[events]]
at = "20m"
kil = "eu"
[[events]]
at = "10m"
kill = "eu"
[[events]]
at = "61m"
loss = { of = "eu", prat = "30%" }
[[events]]
at = "30m"
order = "dran"
scope = "eu"
"#;
        let told = messages(text).join("\n");
        for part in [
            "3:1 unknown key `lenght` in the scenario",
            "6:1 unknown key `kil` in this `events` entry (did you mean `kill`?)",
            "this event does nothing",
            "8:6 10m comes before the event above it, at 20m",
            "11:6 the scenario is over by then",
            "did you mean `part`?",
            "`dran` is not known here (did you mean `drain`?)",
        ] {
            assert!(told.contains(part), "{part:?} is missing in\n{told}");
        }
    }

    #[test]
    fn curves_are_in_order_of_time() {
        let wrong = |points: &str| {
            let text = format!("title = \"t\"\nduration = \"1h\"\n[demand.curves]\neu = {points}");
            messages(&text).join("\n")
        };
        assert_eq!(wrong(r#"["0h 30%", "23h59m 1000%"]"#), "");
        for points in [
            r#"["6h 30%", "6h 40%"]"#,
            r#"["24h 1%"]"#,
            "[]",
            r#"["6 5"]"#,
        ] {
            assert!(wrong(points).contains("4:6"), "{points}: {}", wrong(points));
        }
    }
}
