//! `waypost_drain`: an order that takes a region, a provider or an endpoint out for a while.
//!
//! It always has an end, and what has ended is not ordered again: a maintenance that is over, or that somebody called off, must not begin
//! anew with the next apply of something else. Orders have no numbers; one is known again by its scope and its author.
use hyper::Method;
use serde_json::{Value as Json, json};

use crate::api::{Answer, Api, ApiError, Ask};
use crate::resource::{Change, Fault, Kept, Planned, known, reached, set, text, word};
use crate::schema::{Attribute, Block, Kind, Mode};
use crate::value::{Object, Value};

/// The form of a time, so that later ones sort behind.
const TIME: &str = "0000-00-00T00:00:00Z";

/// Its description.
pub(crate) const BLOCK: Block = Block {
    name: "waypost_drain",
    summary: "A drain of a region, provider or endpoint, with an end.",
    text: "Takes it out gradually, from `from` (or the apply) until `until`. To destroy it before is to lift it.\n\n\
           `terraform plan` asks the server what clients would lose. If that is anything (nothing healthy left, or more load than capacity) the plan is refused, unless `force` is set.\n\n\
           A drain that has ended, by itself or because somebody lifted it, stays in the state and is not given again: remove it, or give it another time.",
    attributes: &[
        Attribute {
            name: "scope",
            kind: Kind::Text,
            mode: Mode::Required,
            text: "The region, provider or endpoint. Another one makes it anew.",
        },
        Attribute {
            name: "until",
            kind: Kind::Text,
            mode: Mode::Required,
            text: "The end, in UTC: `2027-03-01T22:00:00Z`. A later one prolongs the drain in place; any other change lifts it and gives it anew.",
        },
        Attribute {
            name: "from",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The beginning, written likewise; at once if absent.",
        },
        Attribute {
            name: "reason",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "Why; `reason` of the provider if absent.",
        },
        Attribute {
            name: "force",
            kind: Kind::Bool,
            mode: Mode::Optional,
            text: "Whether it is meant although clients lose by it.",
        },
        Attribute {
            name: "id",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The scope.",
        },
        Attribute {
            name: "author",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The identity that gave it.",
        },
        Attribute {
            name: "state",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "`pending`, `in_force`, `held_back` (by the cluster), or how it ended: `expired`, `lifted`, `replaced`, `ended`.",
        },
        Attribute {
            name: "endpoints",
            kind: Kind::List,
            mode: Mode::Computed,
            text: "The endpoints that it is for.",
        },
    ],
    import: Some(("SCOPE", "eu-frankfurt")),
};

/// All drains of a scope.
struct Drains {
    held: Vec<Json>,
    past: Vec<Json>,
}

impl Drains {
    async fn of(api: &Api, scope: &str) -> Result<Self, ApiError> {
        let answer = api.ask(&Ask::get(&["orders"], &[])).await?;
        let of = |keys: &[&str]| -> Vec<Json> {
            let all = keys.iter().filter_map(|key| answer.body[*key].as_array());
            let own =
                |order: &&Json| word(order, "action") == "drain" && word(order, "scope") == scope;
            all.flatten().filter(own).cloned().collect()
        };
        Ok(Self {
            held: of(&["orders", "held_back"]),
            past: of(&["history"]),
        })
    }

    /// The one that an author gave.
    fn by<'a>(orders: &'a [Json], author: &str) -> Option<&'a Json> {
        orders.iter().find(|order| word(order, "author") == author)
    }
}

fn failed(verb: &str, scope: &str) -> impl Fn(ApiError) -> Fault {
    let what = format!("Cannot {verb} {scope}");
    move |error| Fault::of(&error, &what)
}

/// The object as it is now.
pub(crate) async fn read(
    api: Option<&Api>,
    state: &Object,
    private: &Json,
) -> Result<Option<Kept>, Fault> {
    let (scope, author) = (text(state, "scope"), text(state, "author"));
    let drains = Drains::of(reached(api)?, scope).await;
    let drains = drains.map_err(failed("look for the drain of", scope))?;
    let mut state = state.clone();
    let mut warnings = Vec::new();
    let now = match Drains::by(&drains.held, author) {
        Some(order) => word(order, "state"),
        None => {
            let past = Drains::by(&drains.past, author);
            let past = past.filter(|_| !has_ended(text(&state, "state")));
            if let Some(past) = past.filter(|past| word(past, "end") == "lifted") {
                let by = [word(past, "ended_by"), word(past, "ended_reason")];
                let detail = format!(
                    "By {} ({}). It is not given again: remove the resource, or change its times.",
                    by[0], by[1]
                );
                warnings.push(Fault::new(
                    format!("The drain of {scope} was lifted"),
                    detail,
                ));
            }
            match past {
                Some(past) => word(past, "end"),
                None if has_ended(text(&state, "state")) => text(&state, "state"),
                None => "ended",
            }
        }
    };
    let now = Value::Text(now.to_owned());
    set(&mut state, "state", now);
    Ok(Some(Kept {
        state,
        private: private.clone(),
        warnings,
    }))
}

fn has_ended(state: &str) -> bool {
    !matches!(state, "pending" | "in_force" | "held_back")
}

/// The drain of this scope.
pub(crate) async fn import(api: Option<&Api>, scope: &str) -> Result<Kept, Fault> {
    let drains = Drains::of(reached(api)?, scope).await;
    let drains = drains.map_err(failed("import the drain of", scope))?;
    let [order] = &drains.held[..] else {
        let detail = format!(
            "{} drains of `{scope}` are held, and it takes one.",
            drains.held.len()
        );
        return Err(Fault::new("Cannot import", detail));
    };
    let time = |key: &str| order[key].as_str().map(seconds);
    let endpoints = order["endpoints"].as_array().into_iter().flatten();
    let reason = Some(word(order, "reason")).filter(|reason| !reason.is_empty());
    let state = [
        ("id", Value::Text(scope.to_owned())),
        ("scope", Value::Text(scope.to_owned())),
        ("from", Value::Null),
        ("until", Value::text_or_null(time("until").as_deref())),
        ("reason", Value::text_or_null(reason)),
        ("force", Value::Null),
        ("author", Value::Text(word(order, "author").to_owned())),
        ("state", Value::Text(word(order, "state").to_owned())),
        (
            "endpoints",
            Value::texts(endpoints.map(|own| word(own, "name"))),
        ),
    ];
    let state = state.map(|(attribute, value)| (attribute.to_owned(), value));
    Ok(Kept {
        state: Object::from(state),
        private: Json::Null,
        warnings: Vec::new(),
    })
}

/// A time without parts of a second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

/// The object as it is to be; the server says what clients would lose.
pub(crate) async fn plan(api: Option<&Api>, change: Change<'_>) -> Result<Planned, Fault> {
    let Some(proposed) = change.next else {
        return Ok(Planned::default());
    };
    for attribute in ["until", "from"] {
        let given = proposed.get(attribute).and_then(Value::as_text);
        if let Some(given) = given.filter(|given| !is_time(given)) {
            let detail = format!("`{given}`: write a time in UTC as 2027-03-01T22:00:00Z.");
            return Err(Fault::new("No time", detail).at(attribute));
        }
    }
    let same = |attribute: &str| {
        change
            .prior
            .is_some_and(|prior| prior.get(attribute) == proposed.get(attribute))
    };
    if ["scope", "until", "from", "reason", "force"]
        .into_iter()
        .all(same)
    {
        return Ok(Planned {
            state: change.prior.cloned(),
            ..Planned::default()
        });
    }
    let mut next = proposed.clone();
    set(
        &mut next,
        "id",
        proposed.get("scope").cloned().unwrap_or(Value::Unknown),
    );
    for attribute in ["author", "state", "endpoints"] {
        set(&mut next, attribute, Value::Unknown);
    }
    let mut planned = Planned::default();
    if change.prior.is_some() && !same("scope") {
        planned.replace.push("scope");
    }
    if let Some(api) = api.filter(|_| known(&next, &["scope", "until", "from", "force"])) {
        let scope = text(&next, "scope");
        let forecast = order(api, &next, "drain", "true").await;
        let forecast = forecast.map_err(failed("drain", scope))?;
        let damage = forecast.body["damage"].as_array().into_iter().flatten();
        let damage: Vec<&str> = damage.filter_map(Json::as_str).collect();
        let fault = Fault::new(
            format!("Clients lose by a drain of {scope}"),
            damage.join("\n"),
        );
        match (
            damage.is_empty(),
            next.get("force") == Some(&Value::Bool(true)),
        ) {
            (true, _) => {}
            (false, true) => planned.warnings.push(fault),
            (false, false) => {
                let detail = format!(
                    "{}\nSet force = true if it is meant all the same.",
                    fault.detail
                );
                return Err(Fault { detail, ..fault }.at("scope"));
            }
        }
    }
    planned.state = Some(next);
    Ok(planned)
}

fn is_time(text: &str) -> bool {
    let alike = |(own, form): (u8, u8)| match form {
        b'0' => own.is_ascii_digit(),
        form => own == form,
    };
    text.len() == TIME.len() && text.bytes().zip(TIME.bytes()).all(alike)
}

/// Gives the order, or lifts it.
pub(crate) async fn apply(api: Option<&Api>, change: Change<'_>) -> Result<Option<Kept>, Fault> {
    let api = reached(api)?;
    let Some(next) = change.next else {
        if let Some(prior) = change.prior {
            lift(api, prior).await?;
        }
        return Ok(None);
    };
    if let Some(prior) = change.prior.filter(|prior| !prolongs(next, prior)) {
        lift(api, prior).await?;
    }
    let scope = text(next, "scope");
    let taken = order(api, next, "drain", "").await;
    let taken = taken.map_err(failed("drain", scope))?.body;
    let author = word(&taken["order"], "author");
    let drains = Drains::of(api, scope).await.ok();
    let held = drains
        .as_ref()
        .and_then(|own| Drains::by(&own.held, author));
    let endpoints = taken["endpoints"].as_array().into_iter().flatten();
    let mut state = next.clone();
    set(&mut state, "id", Value::Text(scope.to_owned()));
    set(&mut state, "author", Value::Text(author.to_owned()));
    let now = held.map_or("in_force", |order| word(order, "state"));
    set(&mut state, "state", Value::Text(now.to_owned()));
    set(
        &mut state,
        "endpoints",
        Value::texts(endpoints.filter_map(Json::as_str)),
    );
    Ok(Some(Kept {
        state,
        private: json!({}),
        warnings: Vec::new(),
    }))
}

/// Tells that nothing is new but a later end: the server lets such a drain take the place of the one there is.
fn prolongs(next: &Object, prior: &Object) -> bool {
    let same = ["scope", "from"]
        .into_iter()
        .all(|own| next.get(own) == prior.get(own));
    same && !has_ended(text(prior, "state")) && text(next, "until") > text(prior, "until")
}

/// Lifts the drain, if it is still held.
async fn lift(api: &Api, prior: &Object) -> Result<(), Fault> {
    let (scope, author) = (text(prior, "scope"), text(prior, "author"));
    let drains = Drains::of(api, scope).await;
    let drains = drains.map_err(failed("undrain", scope))?;
    if Drains::by(&drains.held, author).is_none() {
        return Ok(());
    }
    let mut others = drains.held.iter().map(|order| word(order, "author"));
    if let Some(other) = others.find(|own| *own != author) {
        let detail = format!(
            "{other} drains it as well, and to undrain it would lift that, too. Ask them; then `waypost undrain {scope}`."
        );
        return Err(Fault::new(format!("{scope} stays drained"), detail));
    }
    let lifted = order(api, prior, "undrain", "").await;
    lifted.map(drop).map_err(failed("undrain", scope))
}

async fn order(
    api: &Api,
    object: &Object,
    action: &'static str,
    dry_run: &'static str,
) -> Result<Answer, ApiError> {
    let is_drain = action == "drain";
    let own = |attribute: &str| {
        if is_drain {
            text(object, attribute)
        } else {
            ""
        }
    };
    let is_forced = is_drain && object.get("force") == Some(&Value::Bool(true));
    let reason = match text(object, "reason") {
        "" => api.reason.as_str(),
        reason => reason,
    };
    let query = [
        ("action", action),
        ("scope", text(object, "scope")),
        ("author", &api.author),
        ("reason", reason),
        ("from", own("from")),
        ("until", own("until")),
        ("force", if is_forced { "true" } else { "" }),
        ("dry_run", dry_run),
    ];
    let ask = Ask {
        method: Method::POST,
        path: &["orders"],
        query: &query,
        condition: None,
        body: None,
    };
    api.ask(&ask).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(until: &str, state: &str) -> Object {
        let attributes = [("scope", "eu"), ("until", until), ("state", state)];
        let attributes =
            attributes.map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())));
        Object::from(attributes)
    }

    #[test]
    fn a_time_is_one_of_utc() {
        assert!(is_time("2027-03-01T22:00:00Z"));
        for text in [
            "2027-03-01T22:00:00+01:00",
            "2027-03-01",
            "2h",
            "2027-03-01T22:00:0xZ",
        ] {
            assert!(!is_time(text), "{text}");
        }
        assert_eq!(seconds("2027-03-01T22:00:00.123Z"), "2027-03-01T22:00:00Z");
    }

    #[test]
    fn a_later_end_prolongs_what_is_held() {
        let prior = drain("2027-03-01T22:00:00Z", "in_force");
        let later = drain("2027-03-01T23:00:00Z", "");
        assert!(prolongs(&later, &prior));
        assert!(!prolongs(&prior, &later));
        assert!(!prolongs(&later, &drain("2027-03-01T22:00:00Z", "expired")));
    }
}
