//! An object as TOML: one key to a line, so that a diagnostic shows the one that it is about.
use serde_json::{Map, Value};

use super::path::ObjectPath;

/// The text of one object; what TOML has no word for is left out, and refused before.
pub(super) fn text(path: &ObjectPath, table: &Map<String, Value>) -> String {
    let (word, name) = (path.table.word(), string(&path.name));
    let mut text = match &path.endpoint {
        None => format!("[{word}.{name}]\n"),
        Some(endpoint) => {
            let own = string(endpoint);
            format!("[[{word}.{name}.endpoints]]\nname = {own}\n")
        }
    };
    for (key, value) in table {
        if path.endpoint.is_some() && key == "name" {
            continue;
        }
        text.push_str(&format!("{} = {}\n", self::key(key), self::value(value)));
    }
    text
}

fn value(own: &Value) -> String {
    match own {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(own) => own.to_string(),
        Value::Number(own) => own.to_string(),
        Value::String(own) => string(own),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(table) => {
            let entries = table
                .iter()
                .map(|(key, own)| format!("{} = {}", self::key(key), value(own)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn key(own: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match !own.is_empty() && own.bytes().all(is_bare) {
        true => own.to_owned(),
        false => string(own),
    }
}

/// A basic string: JSON's escapes are TOML's, but for the one character that JSON lets stand.
fn string(own: &str) -> String {
    Value::from(own).to_string().replace('\u{7f}', "\\u007f")
}
