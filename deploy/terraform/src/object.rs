//! `waypost_service`, `waypost_monitor`, `waypost_region` and `waypost_endpoint`: declared objects, each the table that a config would have.
//!
//! A plan is compiled by the server, whole. Objects need each other (a service its monitors), so what was planned before by this run is tried
//! along with each: Terraform plans what others refer to first. What is to go is not tried, for what needs it may go in the same apply.
//!
//! A service or an endpoint with another name is moved in one change of the server, so that no hostname stands twice or not at all. Monitors and
//! regions are named by others, so that theirs are made anew.
use std::collections::BTreeMap;

use hyper::Method;
use serde_json::{Map, Value as Json, json};
use tokio::sync::Mutex;

use crate::api::{Api, ApiError, Ask};
use crate::declared::{self, AUTHOR, PATCH, REASON, Target, circumstances};
use crate::resource::{Change, Fault, Kept, Planned, known, reached, set, text, word};
use crate::schema::{Attribute, Block, Kind, Mode};
use crate::value::{Object, Value};

/// Objects that were planned by this run: changes of their tables, by id.
pub(crate) type Plans = BTreeMap<String, Json>;

const NAME: Attribute = Attribute {
    name: "name",
    kind: Kind::Text,
    mode: Mode::Required,
    text: "Its name.",
};
const TABLE: Attribute = Attribute {
    name: "table",
    kind: Kind::Text,
    mode: Mode::Required,
    text: "Its keys, as a config has them, in JSON: `jsonencode({ … })`.",
};
const ID: Attribute = Attribute {
    name: "id",
    kind: Kind::Text,
    mode: Mode::Computed,
    text: "Its place, as in `services/shop`.",
};
const REVISION: Attribute = Attribute {
    name: "revision",
    kind: Kind::Number,
    mode: Mode::Computed,
    text: "The revision in which it became what it is.",
};
/// What all pages say.
const TEXT: &str = "A table of the config that is declared over the API. `[[dynamic.objects]]` in the server's config says what may be declared, and by whom. What stands in a file of the config is not taken over.\n\n\
    `terraform plan` has the server compile each change, together with what else is planned: errors are shown as `waypost check` shows them. Refer to other objects by their attributes \
    (`waypost_monitor.web.name`), so that they are planned and made first. What is to be destroyed is still there while a plan is tried: what stands in its way takes a second apply.\n\n\
    A change is bound to what was read; if somebody else changed the object meanwhile, an apply says so and changes nothing. Another name moves a service or an endpoint in one change of the server; \
    it makes a monitor or a region anew, for which others that name it want `create_before_destroy`.";

/// `waypost_service`.
pub(crate) const SERVICE: Block = Block {
    name: "waypost_service",
    summary: "A declared service.",
    text: TEXT,
    attributes: &[NAME, TABLE, ID, REVISION, AUTHOR, REASON],
    import: Some(("services/NAME", "services/shop")),
};

/// `waypost_monitor`.
pub(crate) const MONITOR: Block = Block {
    name: "waypost_monitor",
    summary: "A declared monitor.",
    text: TEXT,
    attributes: &[NAME, TABLE, ID, REVISION, AUTHOR, REASON],
    import: Some(("monitors/NAME", "monitors/shop-web")),
};

/// `waypost_region`.
pub(crate) const REGION: Block = Block {
    name: "waypost_region",
    summary: "A declared region.",
    text: TEXT,
    attributes: &[NAME, TABLE, ID, REVISION, AUTHOR, REASON],
    import: Some(("regions/NAME", "regions/ap-tokyo")),
};

/// `waypost_endpoint`.
pub(crate) const ENDPOINT: Block = Block {
    name: "waypost_endpoint",
    summary: "A declared endpoint of a region, or of a service with endpoints of its own.",
    text: TEXT,
    attributes: &[
        Attribute {
            name: "region",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The region, of a file or declared; this or `service`.",
        },
        Attribute {
            name: "service",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The service; this or `region`.",
        },
        NAME,
        TABLE,
        ID,
        REVISION,
        AUTHOR,
        REASON,
    ],
    import: Some((
        "regions/REGION/endpoints/NAME` or `services/SERVICE/endpoints/NAME",
        "regions/eu-frankfurt/endpoints/fra-9",
    )),
};

/// All of them, with the table of a config in which they stand; endpoints stand in one of the others.
const TABLES: [(&Block, &str); 3] = [
    (&SERVICE, "services"),
    (&MONITOR, "monitors"),
    (&REGION, "regions"),
];

fn target_of(id: &str) -> Target {
    let path = ["declared"].into_iter().chain(id.split('/'));
    Target {
        path: path.map(str::to_owned).collect(),
        named: id.to_owned(),
        id: id.to_owned(),
        content: "table",
    }
}

/// The id of an object of this type.
fn id_of(kind: &str, object: &Object) -> Result<String, Fault> {
    let name = text(object, "name");
    if let Some((_, table)) = TABLES.iter().find(|(block, _)| block.name == kind) {
        return Ok(format!("{table}/{name}"));
    }
    match (text(object, "region"), text(object, "service")) {
        (region, "") if !region.is_empty() => Ok(format!("regions/{region}/endpoints/{name}")),
        ("", service) if !service.is_empty() => Ok(format!("services/{service}/endpoints/{name}")),
        _ => {
            let detail = "Name the `region` or the `service` that the endpoint belongs to.";
            Err(Fault::new(format!("{name} belongs nowhere"), detail).at("region"))
        }
    }
}

/// The table that an object's text says.
fn table_of(object: &Object) -> Result<Map<String, Json>, Fault> {
    let table: Result<Map<String, Json>, _> = serde_json::from_str(text(object, "table"));
    table.map_err(|error| {
        let detail = format!("{error}: write `table = jsonencode({{ … }})`.");
        Fault::new("The table is no object in JSON", detail).at("table")
    })
}

/// A merge patch (RFC 7386) that makes one table of the other.
fn patch(from: &Map<String, Json>, to: &Map<String, Json>) -> Map<String, Json> {
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Json::Null);
    }
    for (key, next) in to {
        let change = match (from.get(key), next) {
            (Some(prior), next) if prior == next => continue,
            (Some(Json::Object(prior)), Json::Object(next)) => {
                Json::Object(self::patch(prior, next))
            }
            (_, next) => next.clone(),
        };
        patch.insert(key.clone(), change);
    }
    patch
}

/// The object as it is now; `None` if it is not declared any more.
pub(crate) async fn read(
    api: Option<&Api>,
    state: &Object,
    private: &Json,
) -> Result<Option<Kept>, Fault> {
    let target = target_of(text(state, "id"));
    let view = match target.look(reached(api)?).await {
        Err(ApiError::Refused(404, _)) => return Ok(None),
        other => other.map_err(target.failed("read"))?,
    };
    let mut state = state.clone();
    if view["table"] != private["table"] {
        set(&mut state, "table", Value::Text(view["table"].to_string()));
    }
    Ok(Some(seen(state, &view)))
}

/// The object that has this id.
pub(crate) async fn import(api: Option<&Api>, kind: &str, id: &str) -> Result<Kept, Fault> {
    let parts: Vec<&str> = id.split('/').collect();
    let mut state = Object::new();
    let [table, owner, name] = match parts[..] {
        [table, name] => [table, "", name],
        [table, owner, "endpoints", name] => [table, owner, name],
        _ => [""; 3],
    };
    if kind == ENDPOINT.name {
        for (attribute, own) in [("region", "regions"), ("service", "services")] {
            let owner = Some(owner).filter(|_| own == table);
            set(&mut state, attribute, Value::text_or_null(owner));
        }
    }
    set(&mut state, "name", Value::Text(name.to_owned()));
    set(&mut state, "id", Value::Text(id.to_owned()));
    if id_of(kind, &state).as_deref() != Ok(id) {
        return Err(Fault::new(
            "Cannot import",
            format!("`{id}` is no id of a {kind}."),
        ));
    }
    let target = target_of(id);
    let view = target.look(reached(api)?).await;
    let view = view.map_err(target.failed("import"))?;
    set(&mut state, "table", Value::Text(view["table"].to_string()));
    Ok(seen(state, &view))
}

/// The object as it is to be, compiled by the server along with what was planned before.
pub(crate) async fn plan(
    (api, plans): (Option<&Api>, &Mutex<Plans>),
    (kind, change): (&str, Change<'_>),
) -> Result<Planned, Fault> {
    let Some(proposed) = change.next else {
        return Ok(Planned::default());
    };
    let mut next = proposed.clone();
    for attribute in ["id", "revision", "author", "reason"] {
        set(&mut next, attribute, Value::Unknown);
    }
    let is_placed = known(&next, &["region", "service", "name"]);
    let id = is_placed.then(|| id_of(kind, &next)).transpose()?;
    if let Some(id) = &id {
        set(&mut next, "id", Value::Text(id.clone()));
    }
    let from = change.prior.map(|prior| text(prior, "id"));
    let is_moved = from.is_some() && from != id.as_deref();
    let mut planned = Planned::default();
    if is_moved && [MONITOR.name, REGION.name].contains(&kind) {
        planned.replace.push("name");
    } else if let Some(id) = id.filter(|_| known(&next, &["table"])) {
        let table = table_of(&next)?;
        let before = change.prior.map(table_of).transpose()?;
        if before.as_ref() == Some(&table) && !is_moved {
            planned.state = change.prior.cloned();
            return Ok(planned);
        }
        let before = before.filter(|_| !is_moved);
        if let Some(api) = api {
            if before.is_none() {
                unoccupied(api, &target_of(&id)).await?;
            }
            let own = json!({"table": patch(&before.unwrap_or_default(), &table)});
            let gone = from.filter(|_| is_moved);
            let gone = gone.map(|from| (from.to_owned(), Json::Null));
            let own = gone.into_iter().chain([(id.clone(), own)]);
            attempt(api, plans, (&id, own.collect())).await?;
        }
    }
    planned.state = Some(next);
    Ok(planned)
}

/// Refuses what is to come, if it is there.
async fn unoccupied(api: &Api, target: &Target) -> Result<(), Fault> {
    match target.look(api).await {
        Ok(_) => Err(target.is_there("It was declared by somebody else.")),
        Err(ApiError::Refused(404, _)) => Ok(()),
        Err(error) => Err(target.failed("look for")(error)),
    }
}

/// Has a plan compiled along with those before; it is one of those from then on.
async fn attempt(api: &Api, plans: &Mutex<Plans>, (id, own): (&str, Plans)) -> Result<(), Fault> {
    let mut plans = plans.lock().await;
    let mut objects = plans.clone();
    objects.extend(own);
    let ask = Ask {
        method: Method::PATCH,
        path: &["declared"],
        query: &circumstances(api, &["declared"], "true"),
        condition: None,
        body: Some((PATCH, json!({"objects": objects}).to_string())),
    };
    let tried = api.ask(&ask).await;
    tried.map_err(target_of(id).failed("declare"))?;
    *plans = objects;
    Ok(())
}

/// Makes the object what was planned; `None` if it is gone.
pub(crate) async fn apply(
    api: Option<&Api>,
    (kind, change): (&str, Change<'_>),
) -> Result<Option<Kept>, Fault> {
    let api = reached(api)?;
    let Some(next) = change.next else {
        if let Some(prior) = change.prior {
            declared::remove(api, &target_of(text(prior, "id")), change, "").await?;
        }
        return Ok(None);
    };
    let id = id_of(kind, next)?;
    let target = target_of(&id);
    let body = json!({"table": table_of(next)?});
    let from = change.prior.map(|prior| text(prior, "id"));
    let done = match from.filter(|from| *from != id) {
        Some(from) => {
            let own = target_of(from);
            let objects = json!({"objects": {from: null, &id: body}});
            let whole = (change, &["declared"][..], objects);
            let moved = declared::relocate(api, [&own, &target], whole, "").await;
            moved.map_err(own.failed("move"))?
        }
        None => declared::write(api, &target, (change, body), "").await?,
    };
    let mut state = next.clone();
    set(&mut state, "id", Value::Text(id));
    // If somebody else was there first, or it cannot be seen, the next plan looks again.
    let revision = done.body["revision"].as_u64();
    let view = target.look(api).await.unwrap_or_default();
    let view = match view["revision"].as_u64() {
        Some(seen) if Some(seen) <= revision => view,
        Some(_) | None => json!({"revision": revision}),
    };
    Ok(Some(seen(state, &view)))
}

/// An object that was seen so.
fn seen(mut state: Object, view: &Json) -> Kept {
    set(&mut state, "revision", view["revision"].clone().into());
    for attribute in ["author", "reason"] {
        let value = Value::Text(word(view, attribute).to_owned());
        set(&mut state, attribute, value);
    }
    Kept {
        state,
        private: json!({"revision": view["revision"], "table": view["table"]}),
        warnings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_says_what_goes_and_what_comes() {
        let map = |json: Json| json.as_object().cloned().unwrap();
        let from = map(json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1], "f": 0}));
        let to = map(json!({"a": 1, "b": {"d": 3}, "e": [1, 2]}));
        let expected = json!({"b": {"c": null, "d": 3}, "e": [1, 2], "f": null});
        assert_eq!(Json::Object(patch(&from, &to)), expected);
        assert!(patch(&to, &to).is_empty());
    }

    #[test]
    fn an_object_has_its_place() {
        let object = |attributes: &[(&str, &str)]| {
            let all = attributes.iter();
            let all =
                all.map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned())));
            Object::from_iter(all)
        };
        let id = |kind: &str, attributes| id_of(kind, &object(attributes)).ok();
        let shop = id("waypost_service", &[("name", "shop")]);
        assert_eq!(shop.as_deref(), Some("services/shop"));
        let nine = id("waypost_endpoint", &[("name", "fra-9"), ("region", "eu")]);
        assert_eq!(nine.as_deref(), Some("regions/eu/endpoints/fra-9"));
        assert_eq!(id("waypost_endpoint", &[("name", "fra-9")]), None);
        let both = [("name", "a"), ("region", "eu"), ("service", "shop")];
        assert_eq!(id("waypost_endpoint", &both), None);
    }
}
