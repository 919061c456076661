//! The one style of names and units in JSON.
use serde_json::Value;
use waypost::base::Utc;

/// Units in which the name of a number ends.
const UNITS: [&str; 7] = [
    "_ms",
    "_us",
    "_s",
    "_permille",
    "_thousandths",
    "_ppm",
    "_bytes",
];

/// Every number has its unit in its name unless it counts something or is a number by name, and every moment is a time in UTC.
/// How many fields were looked at.
pub(crate) fn check(value: &Value, counts: &[&str]) -> usize {
    let looked = value.as_array().into_iter().flatten();
    let mut looked: usize = looked.map(|one| check(one, counts)).sum();
    for (name, own) in value.as_object().into_iter().flatten() {
        let has_unit = UNITS.iter().any(|unit| name.ends_with(unit));
        match own {
            Value::Number(_) => {
                assert!(
                    has_unit || counts.contains(&name.as_str()),
                    "{name} has no unit"
                );
            }
            Value::String(text) if name.ends_with("_at") => {
                assert!(Utc::parse(text).is_some(), "{name}: {text}");
            }
            Value::Null | Value::Array(_) | Value::Object(_) => {}
            Value::Bool(_) | Value::String(_) => assert!(!has_unit, "{name} is no number"),
        }
        assert!(
            !name.contains(|one: char| one.is_ascii_uppercase() || one == '-'),
            "{name}"
        );
        looked += 1 + check(own, counts);
    }
    looked
}
