//! `[services]`: what is steered, and within which bounds.
//!
//! Defaults: residency `any`, one endpoint per answer, a TTL of 10 s to 60 s, fail-open. For
//! a strict service, clients outside every jurisdiction and clients whose place is unknown
//! may be answered from anywhere unless `outside` and `unknown` say otherwise: no fence is
//! drawn around people whose law the config does not name. That `unknown` is absent is told all
//! the same (`compile`): who is inside a fence but not found there is not what an operator
//! should leave to a default.
use toml::de::DeValue;

use crate::base::Span;
use crate::base::limits::ANSWERS;
use crate::config::reader::{At, Fields, Shape};
use crate::config::spec::{DemandSpec, Lands, ServiceSpec};
use crate::config::value::{self, Expects, Trouble, mismatch};
use crate::plan::{AllDown, Overload, Residency};

use super::{endpoint, plain, records, steering, views, watch};

const RESIDENCIES: &[(&str, Residency)] = &[
    ("any", Residency::Any),
    ("prefer", Residency::Prefer),
    ("strict", Residency::Strict),
];

const ALL_DOWN: &[(&str, AllDown)] = &[
    ("fail-open", AllDown::FailOpen),
    ("servfail", AllDown::Servfail),
    ("nodata", AllDown::Nodata),
];

const OVERLOADS: &[(&str, Overload)] = &[
    ("spread", Overload::Spread),
    ("shed-last", Overload::ShedLast),
    ("stay", Overload::Stay),
];

/// Longest `ttl.min` that needs no word.
const LONG_TTL: Span = Span::from_secs(300);

const LANDS_HELP: &str = "write \"any\" or a list of jurisdictions";

pub(super) fn services(document: &mut Fields<'_, '_>) -> Vec<ServiceSpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("services", "service") {
        list.push(service(name, &mut fields));
        fields.finish();
    }
    list
}

fn service(name: At<String>, fields: &mut Fields<'_, '_>) -> ServiceSpec {
    let (ttl_min, ttl_max) = ttl(fields);
    let most = u8::try_from(ANSWERS).unwrap_or(u8::MAX);
    let residency = fields.optional("residency", value::word(RESIDENCIES));
    let answers = fields.optional("answers", value::number(1..=most));
    let or_here = name.at.clone();
    ServiceSpec {
        hostnames: fields.required_list("hostnames", r#"["api.example.org"]"#, value::domain),
        views: views::of_service(fields),
        monitors: watch::read(fields).unwrap_or_default(),
        recovery: fields.optional("recovery", value::text),
        regions: fields.list("regions", value::text),
        residency: residency.unwrap_or(At {
            value: Residency::Any,
            at: or_here.clone(),
        }),
        outside: lands(fields, "outside"),
        unknown: lands(fields, "unknown"),
        answers: answers.unwrap_or(At {
            value: 1,
            at: or_here,
        }),
        ttl_min,
        ttl_max,
        all_down: plain(fields.optional("all_down", value::word(ALL_DOWN)))
            .unwrap_or(AllDown::FailOpen),
        demand: demand(fields),
        overload: fields.optional("overload", value::word(OVERLOADS)),
        addresses_down: endpoint::addresses_down(fields),
        endpoints: endpoint::of_service(fields),
        steering: steering::read(fields),
        records: records::of_service(fields),
        min_up: fields.optional("min_up", value::percent),
        name,
    }
}

/// Shortest and longest TTL.
fn ttl(service: &mut Fields<'_, '_>) -> (Span, Span) {
    let (least, most) = (Span::from_secs(10), Span::from_secs(60));
    let Some(mut fields) = service.table("ttl") else {
        return (least, most);
    };
    let min = fields.optional("min", records::whole_seconds);
    let max = fields.optional("max", records::whole_seconds);
    let at = fields.at();
    let reader = fields.reader();
    fields.finish();
    let place = min
        .as_ref()
        .or(max.as_ref())
        .map_or(at, |one| one.at.clone());
    if let Some(long) = min.as_ref().filter(|min| min.value > LONG_TTL) {
        let message = format!("no answer is given for less than {}", long.value);
        let help =
            "clients stay for so long with what is down: 5m is long already, 10s the default";
        reader.warn(&long.at, &message, help);
    }
    let (shortest, longest) = match (plain(min), plain(max)) {
        (Some(min), None) => (min, most.max(min)),
        (None, Some(max)) => (least.min(max), max),
        (min, max) => (min.unwrap_or(least), max.unwrap_or(most)),
    };
    if shortest > longest {
        let message = format!("the least TTL, {shortest}, is above the most, {longest}");
        reader.error(&place, message, |found| {
            found.help("the default is { min = \"10s\", max = \"60s\" }");
        });
    }
    (shortest, longest)
}

/// `1200`, `"observed"`, or `{ eu-frankfurt = 800, na-toronto = 300 }`.
fn demand(fields: &mut Fields<'_, '_>) -> Option<At<DemandSpec>> {
    const KEY: &str = "demand";
    match fields.shape(KEY)? {
        Shape::Table => {
            let at = fields.key(KEY)?;
            Some(At {
                value: DemandSpec::ByRegion(fields.pairs(KEY, value::amount)),
                at,
            })
        }
        Shape::Single | Shape::List => fields.optional(KEY, whole_demand),
    }
}

fn whole_demand(value: &DeValue<'_>) -> Result<DemandSpec, Trouble> {
    let help = "write a number such as 1200, \"observed\", or { eu-frankfurt = 800 }";
    match value {
        DeValue::Integer(_) => value::amount(value).map(DemandSpec::Whole),
        DeValue::String(text) if *text == "observed" => Ok(DemandSpec::Observed),
        DeValue::String(text) => Err(Trouble::new(format!("`{text}` is not a demand"))
            .with_help(help)
            .expecting(Expects::Words(vec!["observed"]))),
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => Err(mismatch("a demand", value).with_help(help)),
    }
}

/// `"any"`, or a list of jurisdictions.
fn lands(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<At<Lands>> {
    let lands = fields.optional(key, either)?;
    if matches!(&lands.value, Lands::Only(list) if list.is_empty()) {
        let reader = fields.reader();
        reader.error(&lands.at, format!("`{key}` is empty"), |found| {
            found.help(LANDS_HELP);
        });
    }
    Some(lands)
}

fn either(value: &DeValue<'_>) -> Result<Lands, Trouble> {
    if value.as_str() == Some("any") {
        return Ok(Lands::Any);
    }
    let items = value.as_array().ok_or_else(|| {
        let trouble = mismatch("\"any\" or a list", value).with_help(LANDS_HELP);
        match value.is_str() {
            true => trouble.expecting(Expects::Words(vec!["any"])),
            false => trouble,
        }
    })?;
    let names = items.iter().map(|item| {
        let name = value::text(item.get_ref())?;
        Ok(At {
            value: name,
            at: item.span(),
        })
    });
    names.collect::<Result<_, _>>().map(Lands::Only)
}
