//! Expectations of a body in JSON: what stands at a place of it.
//!
//! A place is named by a pointer (RFC 6901): `""` is the whole body, `/checks/0/status` a value in it; `~1` stands for `/` and
//! `~0` for `~`. An expectation asks that something stands there, and may ask more of it; one that says `exists = false` asks
//! that nothing does. Numbers are compared as numbers, so that 1 and 1.0 are the same; `null` is something that stands there.
//! How the body comes is not known here.
use std::cmp::Ordering;

use serde_json::{Number, Value};
use toml::de::DeValue;

use crate::text::reader::{At, Fields, plain};
use crate::text::value::{self, Trouble};

/// An expectation of one place of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonExpectation {
    /// The place (RFC 6901).
    pub pointer: String,
    /// The thing that is asked of it.
    pub wanted: JsonWanted,
}

/// A thing that can be asked of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonWanted {
    /// That nothing stands there.
    Nothing,
    /// That something stands there.
    Anything,
    /// That this value does: a text, a number, `true` or `false`.
    Value(Value),
    /// That a number does, and is within bounds.
    Number {
        /// The least that passes; absent = no bound.
        least: Option<Number>,
        /// The most that passes; absent = no bound.
        most: Option<Number>,
    },
}

impl JsonExpectation {
    /// Tells whether a body is as expected.
    #[must_use]
    pub fn holds(&self, body: &Value) -> bool {
        let found = body.pointer(&self.pointer);
        match (&self.wanted, found) {
            (JsonWanted::Nothing, found) => found.is_none(),
            (_, None) => false,
            (JsonWanted::Anything, Some(_)) => true,
            (JsonWanted::Value(Value::Number(wanted)), Some(Value::Number(found))) => {
                compare(found, wanted) == Some(Ordering::Equal)
            }
            (JsonWanted::Value(wanted), Some(found)) => wanted == found,
            (JsonWanted::Number { least, most }, Some(Value::Number(found))) => {
                let is_enough = |least| compare(found, least).is_some_and(Ordering::is_ge);
                let is_little = |most| compare(found, most).is_some_and(Ordering::is_le);
                least.as_ref().is_none_or(is_enough) && most.as_ref().is_none_or(is_little)
            }
            (JsonWanted::Number { .. }, Some(_)) => false,
        }
    }
}

/// Compares whole numbers exactly, and others as fractions.
fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Reads `expect_json`, a list of tables.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Vec<JsonExpectation> {
    let tables = fields.tables("expect_json").into_iter();
    tables.filter_map(expectation).collect()
}

fn expectation(mut fields: Fields<'_, '_>) -> Option<JsonExpectation> {
    let at = fields.at();
    let found = fields.required("pointer", r#""/status""#, pointer);
    let equals = fields.optional("equals", scalar);
    let exists = fields.optional("exists", value::boolean);
    let least = fields.optional("at_least", number);
    let most = fields.optional("at_most", number);
    let bounds = least.is_some() || most.is_some();
    if usize::from(equals.is_some()) + usize::from(exists.is_some()) + usize::from(bounds) > 1 {
        let message = "an expectation asks one thing of a place";
        fields.reader().error(&at, message, |found| {
            found.help("choose `equals`, `exists`, or the bounds `at_least` and `at_most`; a place may have several entries");
        });
    }
    refuse_empty(&fields, [least.as_ref(), most.as_ref()]);
    fields.finish();
    let wanted = match (plain(equals), plain(exists)) {
        (Some(value), _) => JsonWanted::Value(value),
        (None, Some(false)) => JsonWanted::Nothing,
        (None, None) if bounds => JsonWanted::Number {
            least: plain(least),
            most: plain(most),
        },
        (None, Some(true) | None) => JsonWanted::Anything,
    };
    Some(JsonExpectation {
        pointer: plain(found)?,
        wanted,
    })
}

/// Refuses bounds that no number is within.
fn refuse_empty(fields: &Fields<'_, '_>, [least, most]: [Option<&At<Number>>; 2]) {
    if let (Some(least), Some(most)) = (least, most)
        && compare(&least.value, &most.value) == Some(Ordering::Greater)
    {
        let message = format!(
            "no number is at least {} and at most {}",
            least.value, most.value
        );
        fields.reader().error(&most.at, message, |found| {
            found.help("is one of the two the other?");
        });
    }
}

/// A pointer (RFC 6901, section 3).
pub(super) fn pointer(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let mut after_tildes = text.split('~').skip(1);
    if !text.is_empty() && !text.starts_with('/') {
        let help = format!("write \"/{text}\"; \"\" is the whole body (RFC 6901)");
        return Err(Trouble::new(format!("`{text}` is not a JSON pointer")).with_help(help));
    }
    if after_tildes.any(|rest| !rest.starts_with(['0', '1'])) {
        let help = "write `~0` for the character `~`, and `~1` for `/` (RFC 6901)";
        return Err(Trouble::new(format!("`{text}` is not a JSON pointer")).with_help(help));
    }
    Ok(text)
}

/// A value that stands for itself.
fn scalar(value: &DeValue<'_>) -> Result<Value, Trouble> {
    match value {
        DeValue::String(text) => Ok(Value::String(text.clone().into_owned())),
        DeValue::Boolean(truth) => Ok(Value::Bool(*truth)),
        DeValue::Integer(_) | DeValue::Float(_) => number(value).map(Value::Number),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            Err(value::mismatch("a text, a number, true or false", value)
                .with_help("ask for single values, each by a pointer of its own"))
        }
    }
}

/// A number, whole or not.
fn number(value: &DeValue<'_>) -> Result<Number, Trouble> {
    let found = match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .map(Number::from),
        DeValue::Float(float) => float.as_str().parse().ok().and_then(Number::from_f64),
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            return Err(value::mismatch("a number", value)
                .with_help("write a number such as 100 or 0.5, without quotes"));
        }
    };
    found.ok_or_else(|| {
        Trouble::new("no number of JSON is so large or so odd")
            .with_help("write a number such as 100 or 0.5")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(pointer: &str, wanted: JsonWanted) -> JsonExpectation {
        JsonExpectation {
            pointer: pointer.to_owned(),
            wanted,
        }
    }

    #[test]
    fn places_are_those_of_the_standard() {
        // RFC 6901, section 5.
        let body = r#"{ "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
            "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8 }"#;
        let body: Value = serde_json::from_str(body).unwrap();
        for (pointer, value) in [
            ("/foo/0", Value::from("bar")),
            ("/", Value::from(0)),
            ("/a~1b", Value::from(1)),
            ("/c%d", Value::from(2)),
            ("/i\\j", Value::from(5)),
            ("/k\"l", Value::from(6)),
            ("/ ", Value::from(7)),
            ("/m~0n", Value::from(8)),
        ] {
            let wanted = expected(pointer, JsonWanted::Value(value.clone()));
            assert!(wanted.holds(&body), "{pointer} {value}");
        }
        for pointer in ["/foo/2", "/foo/-", "/foo/01", "/bar", "/foo/0/x"] {
            assert!(
                expected(pointer, JsonWanted::Nothing).holds(&body),
                "{pointer}"
            );
            assert!(
                !expected(pointer, JsonWanted::Anything).holds(&body),
                "{pointer}"
            );
        }
        assert!(expected("", JsonWanted::Anything).holds(&body));
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let body: Value = serde_json::from_str(
            r#"{"n": 10, "f": 2.5, "e": 1e1, "t": "10", "z": null, "big": 9007199254740993}"#,
        )
        .unwrap();
        let bounds = |least: Option<i64>, most: Option<i64>| JsonWanted::Number {
            least: least.map(Number::from),
            most: most.map(Number::from),
        };
        for (pointer, wanted, holds) in [
            ("/n", bounds(Some(10), None), true),
            ("/n", bounds(Some(11), None), false),
            ("/n", bounds(None, Some(10)), true),
            ("/n", bounds(None, Some(9)), false),
            ("/f", bounds(Some(2), Some(3)), true),
            ("/f", bounds(Some(3), None), false),
            ("/t", bounds(Some(0), None), false),
            ("/z", bounds(Some(0), None), false),
            ("/z", JsonWanted::Anything, true),
            ("/e", JsonWanted::Value(Value::from(10)), true),
            ("/n", JsonWanted::Value(Value::from(10.0)), true),
            ("/n", JsonWanted::Value(Value::from("10")), false),
            ("/t", JsonWanted::Value(Value::from("10")), true),
            (
                "/big",
                JsonWanted::Value(Value::from(9_007_199_254_740_992_i64)),
                false,
            ),
            ("/absent", bounds(None, Some(1)), false),
        ] {
            let shown = format!("{pointer} {wanted:?}");
            assert_eq!(expected(pointer, wanted).holds(&body), holds, "{shown}");
        }
    }
}
