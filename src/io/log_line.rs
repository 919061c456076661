//! A line of the log taken apart: its event, its text, and its other fields as values.
//!
//! A list is told as what [`LogList`] makes of it, and is a list again here. It does not know where the line goes.
use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};

/// The parts of one line.
#[derive(Debug, Default)]
pub struct LogLine {
    /// The word of what happened.
    pub event: Option<String>,
    /// The words for a person.
    pub text: String,
    /// All other fields, in the order in which they are written.
    pub fields: Vec<(&'static str, Value)>,
}

impl LogLine {
    /// The parts of an event.
    #[must_use]
    pub fn of(event: &tracing::Event<'_>) -> Self {
        let mut line = Self::default();
        event.record(&mut line);
        line
    }

    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("event", Value::String(word)) => self.event = Some(word),
            ("message", Value::String(text)) => self.text = text,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for LogLine {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        let list = match field.name() {
            "message" => None,
            _ => serde_json::from_str::<Vec<String>>(&text).ok(),
        };
        self.take(field, list.map_or(Value::String(text), Value::from));
    }
}

/// A list as a field: `files = ?LogList(&files)`. A line for people has it as JSON, too.
pub struct LogList<'l, T>(pub &'l [T]);

impl<T: fmt::Display> fmt::Debug for LogList<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.0.iter().map(|one| Value::String(one.to_string()));
        write!(out, "{}", texts.collect::<Value>())
    }
}

/// The text of a value, as a person reads it.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_as_json_and_read_by_a_person_without() {
        let list = format!("{:?}", LogList(&["a\"b", "c"]));
        assert_eq!(list, r#"["a\"b","c"]"#);
        assert_eq!(plain(&serde_json::from_str(&list).unwrap()), "a\"b, c");
        assert_eq!(format!("{:?}", LogList::<String>(&[])), "[]");
    }
}
