//! Values that monitors read: a metric, the load that a machine reports.
use std::fmt;

use serde::{Deserialize, Serialize};

/// A value in thousandths, so that what is reckoned with it is the same on every machine.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct MonitorValue(pub i64);

/// The largest value, in thousandths: what a config and a machine may ask for without anything overflowing.
const MOST: i128 = 1_000_000_000_000_000;
/// The largest power of ten that is read.
const EXPONENT_MOST: i32 = 40;

impl MonitorValue {
    /// Reads a number as JSON, TOML and Prometheus write it (`0.25`, `-3`, `1.5e+06`), rounded towards zero. `None` for
    /// what is no number (`NaN`), infinite, or beyond a million million.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (rest, 0_i32),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let places = i32::try_from(fraction.len()).ok()?;
        let power = exponent.checked_add(3)?.checked_sub(places)?;
        let value = scaled(digits.parse().ok()?, power).filter(|value| *value <= MOST)?;
        let value = i64::try_from(value).ok()?;
        Some(Self(if negative { -value } else { value }))
    }
}

/// `value` times ten to the `power`.
fn scaled(value: i128, power: i32) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    let factor = 10_i128.checked_pow(power.unsigned_abs());
    match power {
        EXPONENT_MOST.. => None,
        0.. => value.checked_mul(factor?),
        // What is that small is nothing.
        _ => Some(factor.map_or(0, |factor| value / factor)),
    }
}

/// As it is written: `0.25`, `-3`.
impl fmt::Display for MonitorValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        if part == 0 {
            return write!(out, "{sign}{whole}");
        }
        let part = format!("{part:03}");
        write!(out, "{sign}{whole}.{}", part.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written_everywhere() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("-3", Some(-3000)),
            ("0.25", Some(250)),
            (".5", Some(500)),
            ("7.", Some(7000)),
            ("0.0009", Some(0)),
            ("1.5e+06", Some(1_500_000_000)),
            ("25E-2", Some(250)),
            ("1e-400", Some(0)),
            ("0e999", Some(0)),
            ("1000000000000", Some(1_000_000_000_000_000)),
            ("1000000000001", None),
            ("1e999", None),
            ("NaN", None),
            ("+Inf", None),
            ("", None),
            (".", None),
            ("1,5", None),
            ("--1", None),
            ("1e", None),
        ] {
            assert_eq!(
                MonitorValue::parse(text).map(|one| one.0),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn they_are_shown_without_what_says_nothing() {
        for (value, text) in [(0, "0"), (250, "0.25"), (-3000, "-3"), (-1, "-0.001")] {
            assert_eq!(MonitorValue(value).to_string(), text);
        }
    }
}
