//! What resources and data sources have in common: faults, and what is kept of an object.
use crate::api::{Api, ApiError};
use crate::value::{Object, Value};

/// An error or a warning, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In a few words.
    pub(crate) summary: String,
    /// All of it, and what to do.
    pub(crate) detail: String,
    /// The attribute that it is about.
    pub(crate) attribute: Option<&'static str>,
}

/// An object, as Terraform is to keep it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    /// Its attributes.
    pub(crate) state: Object,
    /// What is kept beside them, for the provider alone.
    pub(crate) private: serde_json::Value,
    /// Warnings.
    pub(crate) warnings: Vec<Fault>,
}

/// A plan for an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Its attributes; `None` if it is to go.
    pub(crate) state: Option<Object>,
    /// Attributes for whose sake it has to be made anew.
    pub(crate) replace: Vec<&'static str>,
    /// Warnings.
    pub(crate) warnings: Vec<Fault>,
}

/// The change of an object that is planned or made: one side is absent if it comes or goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    /// Its state before.
    pub(crate) prior: Option<&'a Object>,
    /// Its state then.
    pub(crate) next: Option<&'a Object>,
    /// What was kept beside the state.
    pub(crate) private: &'a serde_json::Value,
}

impl Fault {
    /// A fault that is about no attribute.
    pub(crate) fn new(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            detail: detail.into(),
            attribute: None,
        }
    }

    /// The same, about an attribute.
    pub(crate) fn at(self, attribute: &'static str) -> Self {
        Self {
            attribute: Some(attribute),
            ..self
        }
    }

    /// A server's word, as it is told of something that was to be done.
    pub(crate) fn of(error: &ApiError, what: &str) -> Self {
        let (why, detail) = match error {
            ApiError::Unreached(why) | ApiError::Unsent(why) => {
                ("the server was not asked", why.clone())
            }
            ApiError::Silent(why) => (
                "nobody knows what became of it",
                format!("{why}\nRun `terraform plan` again: it looks at what is there."),
            ),
            ApiError::Refused(401, why) => (
                "the token is not accepted",
                format!(
                    "{why}\nWhat was done before stays, and is in the state. With another token (`token`, `token_file` or WAYPOST_TOKEN) the next apply does the rest."
                ),
            ),
            ApiError::Refused(403, why) => ("not allowed", why.clone()),
            ApiError::Refused(412, why) => (
                "changed by somebody else",
                format!(
                    "{why}\nIt is not as it was when this was planned, and nothing was changed. Run `terraform plan` again: it shows what is there now, and an apply starts from that."
                ),
            ),
            ApiError::Refused(_, why) => ("the server refuses it", why.clone()),
        };
        Self::new(format!("{what}: {why}"), detail)
    }
}

/// The server, or why it cannot be asked.
pub(crate) fn reached(api: Option<&Api>) -> Result<&Api, Fault> {
    api.ok_or_else(|| {
        let detail = "The configuration of the provider is not known yet: it depends on what an apply makes.";
        Fault::new("No server is known", detail)
    })
}

/// The text of an attribute; empty if it has none.
pub(crate) fn text<'a>(object: &'a Object, attribute: &str) -> &'a str {
    let value = object.get(attribute).and_then(Value::as_text);
    value.unwrap_or_default()
}

/// The whole number of an attribute.
pub(crate) fn number(object: &Object, attribute: &str) -> Option<i64> {
    match object.get(attribute)? {
        Value::Int(number) => Some(*number),
        Value::Null
        | Value::Unknown
        | Value::Bool(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Object(_) => None,
    }
}

/// Sets an attribute.
pub(crate) fn set(object: &mut Object, attribute: &str, value: Value) {
    object.insert(attribute.to_owned(), value);
}

/// Tells that all of these are known.
pub(crate) fn known(object: &Object, attributes: &[&str]) -> bool {
    let mut values = attributes.iter().filter_map(|name| object.get(*name));
    values.all(Value::is_known)
}

/// A text of a server's answer; empty if it has none.
pub(crate) fn word<'a>(json: &'a serde_json::Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}
