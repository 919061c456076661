//! A JSON Schema (draft 2020-12) of the config, for editors.
//!
//! It is made of what the reading of a config asks for ([`crate::text::survey`]), so that it cannot know another key than the
//! program does.  It tells keys, kinds of values, words and bounds. It does not tell
//! which keys must be there, because a config may be several files of which each has some; `waypost check` does, and knows
//! names, texts and what goes together besides.
use serde_json::{Map, Value, json};

use super::environment::PLACES;
use super::{include, read};
use crate::text::document::Document;
use crate::text::reader::survey;
use crate::text::survey::{AskedTable, AskedValue, Kinds, Nested};

/// The schema.
pub(super) fn schema() -> Value {
    let asked = survey(|reader, fields| {
        include::read(fields, reader, &[]);
        let document = Document::of([(String::new(), "")]);
        read::spec("".as_ref(), document, fields)
    });
    let mut whole = of_table(&asked.borrow(), "");
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    whole["title"] = json!("Config of Waypost");
    whole
}

fn of_table(table: &AskedTable, path: &str) -> Value {
    let keys = table.keys.iter().map(|(key, ways)| {
        let path = match path.is_empty() {
            true => key.clone(),
            false => format!("{path}.{key}"),
        };
        (key.clone(), of_key(ways, &path))
    });
    let keys: Map<String, Value> = keys.collect();
    json!({ "type": "object", "properties": keys, "additionalProperties": false })
}

/// A key that is read in one way or in several.
fn of_key(ways: &[AskedValue], path: &str) -> Value {
    let mut all: Vec<Value> = ways.iter().map(|way| of_way(way, path)).collect();
    all.dedup();
    let mut own = match all.len() {
        1 => all.remove(0),
        _ => json!({ "anyOf": all }),
    };
    if PLACES.contains(&path) {
        own["description"] =
            json!("`${NAME}` and `${NAME:-other}` of the environment may stand here.");
    }
    own
}

fn of_way(way: &AskedValue, path: &str) -> Value {
    match way {
        AskedValue::One(kinds) => of_kinds(kinds),
        AskedValue::List(kinds) => json!({ "type": "array", "items": of_kinds(kinds) }),
        AskedValue::Pairs(kinds) => {
            json!({ "type": "object", "additionalProperties": of_kinds(kinds) })
        }
        AskedValue::Below(Nested::Table, below) => of_table(&below.borrow(), path),
        AskedValue::Below(Nested::Tables, below) => {
            json!({ "type": "array", "items": of_table(&below.borrow(), path) })
        }
        AskedValue::Below(Nested::Named, below) => {
            let table = of_table(&below.borrow(), &format!("{path}.*"));
            json!({ "type": "object", "additionalProperties": table })
        }
    }
}

fn of_kinds(kinds: &Kinds) -> Value {
    let mut all: Vec<Value> = kinds
        .names
        .iter()
        .map(|name| of_kind(name, kinds))
        .collect();
    match all.len() {
        1 => all.remove(0),
        _ => json!({ "anyOf": all }),
    }
}

fn of_kind(name: &str, kinds: &Kinds) -> Value {
    match (name, kinds.between) {
        ("string", _) if !kinds.words.is_empty() => json!({ "enum": kinds.words }),
        ("integer", Some((least, most))) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        _ => json!({ "type": name }),
    }
}
