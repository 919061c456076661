//! `waypost_record`: a declared RRset.
//!
//! What is planned is tried first (`dry_run`), so that a plan is refused by the server's own rules. A change is bound to the revision that
//! was read: if somebody else was there meanwhile, it is refused. Another name or type in the same zone is one change of the server, all or
//! nothing, so that a CNAME can take the place of addresses.
//!
//! A server writes data in its own way (`"v=spf1 -all"` for `v=spf1 -all`). The way in which it was configured stays in the state as long
//! as the server has what it had after the last apply, which is kept beside the state.
use serde_json::{Value as Json, json};

use crate::api::{Answer, Api, ApiError};
use crate::declared::{self, AUTHOR, REASON, Target};
use crate::resource::{Change, Fault, Kept, Planned, known, number, reached, set, text, word};
use crate::schema::{Attribute, Block, Kind, Mode};
use crate::value::{Object, Value};

/// TTL of records that say nothing of it, seconds.
const TTL: i64 = 300;
/// All that a dry run needs to know.
const NEEDED: [&str; 5] = ["zone", "name", "type", "ttl", "values"];

/// Its description.
pub(crate) const BLOCK: Block = Block {
    name: "waypost_record",
    summary: "A declared RRset of a zone.",
    text: "All records of one name and type, declared over what the zone's file says. `[dynamic]` in the server's config says what may be declared, and by whom.\n\n\
           `terraform plan` has the server try each change: what it would refuse, the plan refuses, with the server's words. A change is bound to what was read; \
           if somebody else changed the RRset meanwhile, an apply says so and changes nothing.\n\n\
           An RRset of another resource that is in the way (a CNAME where addresses stand) has to be gone before this one can be planned. To change the type of an RRset, change `type` \
           of its resource: that is one change of the server.",
    attributes: &[
        Attribute {
            name: "zone",
            kind: Kind::Text,
            mode: Mode::Required,
            text: "The zone, such as `example.org`. Another one makes it anew.",
        },
        Attribute {
            name: "name",
            kind: Kind::Text,
            mode: Mode::Required,
            text: "The name, whole, such as `www.example.org`.",
        },
        Attribute {
            name: "type",
            kind: Kind::Text,
            mode: Mode::Required,
            text: "The type, such as `A`.",
        },
        Attribute {
            name: "values",
            kind: Kind::Set,
            mode: Mode::Required,
            text: "The data of each record, as a master file has it; names in it are absolute.",
        },
        Attribute {
            name: "ttl",
            kind: Kind::Number,
            mode: Mode::Defaulted,
            text: "Its TTL in seconds. Default: 300.",
        },
        Attribute {
            name: "id",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "`ZONE/NAME/TYPE`.",
        },
        Attribute {
            name: "revision",
            kind: Kind::Number,
            mode: Mode::Computed,
            text: "The revision of the zone in which it became what it is.",
        },
        AUTHOR,
        REASON,
    ],
    import: Some(("ZONE/NAME/TYPE", "example.org/www.example.org/A")),
};

/// The place of an RRset: zone, name and type, written in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    zone: String,
    name: String,
    kind: String,
}

impl Place {
    fn new(zone: &str, name: &str, kind: &str) -> Self {
        let name_of = |name: &str| match name {
            "." => name.to_owned(),
            name => name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(),
        };
        Self {
            zone: name_of(zone),
            name: name_of(name),
            kind: kind.to_ascii_uppercase(),
        }
    }

    fn of(object: &Object) -> Self {
        Self::new(
            text(object, "zone"),
            text(object, "name"),
            text(object, "type"),
        )
    }

    fn id(&self) -> String {
        format!("{}/{}/{}", self.zone, self.name, self.kind)
    }

    fn target(&self) -> Target {
        let path = ["zones", &self.zone, "records", &self.name, &self.kind];
        Target {
            path: path.map(str::to_owned).into(),
            named: format!("{} {}", self.name, self.kind),
            id: self.id(),
            content: "values",
        }
    }
}

/// The object as it is now; `None` if it is not declared any more.
pub(crate) async fn read(
    api: Option<&Api>,
    state: &Object,
    private: &Json,
) -> Result<Option<Kept>, Fault> {
    let place = Place::of(state);
    let view = place.target().look(reached(api)?).await;
    let view = match view {
        Err(ApiError::Refused(404, _)) => return Ok(None),
        other => other.map_err(place.target().failed("read"))?,
    };
    let mut state = state.clone();
    let is_as_left = view["values"] == private["served"];
    if !is_as_left {
        set(&mut state, "values", view["values"].clone().into());
    }
    Ok(Some(seen(state, &place, &view)))
}

/// The object that has this id.
pub(crate) async fn import(api: Option<&Api>, id: &str) -> Result<Kept, Fault> {
    let parts: Vec<&str> = id.split('/').collect();
    let [zone, name, kind] = parts[..] else {
        let detail = format!(
            "`{id}` is no id of an RRset: write ZONE/NAME/TYPE, such as example.org/www.example.org/A."
        );
        return Err(Fault::new("Cannot import", detail));
    };
    let place = Place::new(zone, name, kind);
    let view = place.target().look(reached(api)?).await;
    let view = view.map_err(place.target().failed("import"))?;
    let mut state = Object::new();
    for (attribute, value) in [
        ("zone", &place.zone),
        ("name", &place.name),
        ("type", &place.kind),
    ] {
        set(&mut state, attribute, Value::Text(value.clone()));
    }
    set(&mut state, "values", view["values"].clone().into());
    Ok(seen(state, &place, &view))
}

/// The object as it is to be, tried at the server if all of it is known.
pub(crate) async fn plan(
    api: Option<&Api>,
    change: Change<'_>,
    config: &Object,
) -> Result<Planned, Fault> {
    let Some(proposed) = change.next else {
        return plan_end(api, change).await;
    };
    let mut next = proposed.clone();
    if config.get("ttl") == Some(&Value::Null) {
        set(&mut next, "ttl", Value::Int(TTL));
    }
    let is_known = known(&next, &NEEDED);
    let is_same = |prior: &Object| {
        is_known
            && Place::of(prior) == Place::of(&next)
            && number(prior, "ttl") == number(&next, "ttl")
            && values(prior) == values(&next)
    };
    if let Some(prior) = change.prior.filter(|prior| is_same(prior)) {
        return Ok(Planned {
            state: Some(prior.clone()),
            ..Planned::default()
        });
    }
    let id = match is_known {
        true => Value::Text(Place::of(&next).id()),
        false => Value::Unknown,
    };
    set(&mut next, "id", id);
    for attribute in ["revision", "author", "reason"] {
        set(&mut next, attribute, Value::Unknown);
    }
    let other_zone = change
        .prior
        .filter(|prior| !known(&next, &["zone"]) || Place::of(prior).zone != Place::of(&next).zone);
    if other_zone.is_some() {
        return Ok(Planned {
            state: Some(next),
            replace: vec!["zone"],
            ..Planned::default()
        });
    }
    if let Some(api) = api.filter(|_| is_known) {
        let tried = Change {
            next: Some(&next),
            ..change
        };
        let done = write(api, tried, "true").await?;
        // The server means the same by it, however it is written.
        if let Some(prior) = change.prior.filter(|_| done.body["changes"] == json!([])) {
            next = prior.clone();
        }
    }
    Ok(Planned {
        state: Some(next),
        ..Planned::default()
    })
}

async fn plan_end(api: Option<&Api>, change: Change<'_>) -> Result<Planned, Fault> {
    if let (Some(api), Some(prior)) = (api, change.prior) {
        declared::remove(api, &Place::of(prior).target(), change, "true").await?;
    }
    Ok(Planned::default())
}

/// Makes the object what was planned; `None` if it is gone.
pub(crate) async fn apply(api: Option<&Api>, change: Change<'_>) -> Result<Option<Kept>, Fault> {
    let api = reached(api)?;
    let Some(next) = change.next else {
        if let Some(prior) = change.prior {
            declared::remove(api, &Place::of(prior).target(), change, "").await?;
        }
        return Ok(None);
    };
    let place = Place::of(next);
    let done = write(api, change, "").await?;
    // What it has become is shown as the server says it. If that fails, or somebody else was there first, the next plan looks again.
    let revision = done.body["revision"].as_u64();
    let view = place.target().look(api).await.unwrap_or_default();
    let view = match view["revision"].as_u64() {
        Some(seen) if Some(seen) <= revision => view,
        Some(_) | None => json!({"revision": revision, "ttl_s": number(next, "ttl")}),
    };
    Ok(Some(seen(next.clone(), &place, &view)))
}

/// An object that was seen so.
fn seen(mut state: Object, place: &Place, view: &Json) -> Kept {
    set(&mut state, "id", Value::Text(place.id()));
    for (attribute, key) in [("ttl", "ttl_s"), ("revision", "revision")] {
        set(&mut state, attribute, view[key].clone().into());
    }
    for attribute in ["author", "reason"] {
        let value = Value::Text(word(view, attribute).to_owned());
        set(&mut state, attribute, value);
    }
    let warnings = view["conflict"].as_str().map(|why| {
        let summary = format!("{} {} is declared, and not served", place.name, place.kind);
        Fault::new(summary, why)
    });
    Kept {
        state,
        private: json!({"revision": view["revision"], "served": view["values"]}),
        warnings: warnings.into_iter().collect(),
    }
}

fn values(object: &Object) -> Vec<String> {
    let values = object.get("values").and_then(Value::as_set);
    values.unwrap_or_default()
}

/// Declares the RRset, or tries to.
async fn write(api: &Api, change: Change<'_>, dry_run: &'static str) -> Result<Answer, Fault> {
    let next = change.next.cloned().unwrap_or_default();
    let place = Place::of(&next);
    let body = json!({
        "ttl_s": number(&next, "ttl"),
        "values": values(&next),
    });
    let prior = change.prior.map(Place::of);
    if let Some(prior) = prior.filter(|prior| *prior != place) {
        let mut records = json!({});
        records[&prior.name][&prior.kind] = Json::Null;
        records[&place.name][&place.kind] = body;
        let list = ["zones", &prior.zone, "records"];
        let body = (change, &list[..], json!({"records": records}));
        let (from, to) = (prior.target(), place.target());
        let moved = declared::relocate(api, [&from, &to], body, dry_run).await;
        return moved.map_err(from.failed("move"));
    }
    declared::write(api, &place.target(), (change, body), dry_run).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_in_one_way() {
        let place = Place::new("Example.ORG.", "WWW.example.org", "aaaa");
        assert_eq!(place.id(), "example.org/www.example.org/AAAA");
        assert_eq!(Place::new(".", ".", "NS").id(), "././NS");
    }
}
