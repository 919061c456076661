//! Keys of monitors that read a value: within which bounds it must be.
//!
//! A part of several types, and no type itself. Once a value has been out of bounds it must come back further than it
//! went, by `hysteresis`: a value that lies on a bound changes nothing. That is a function of the value and of
//! whether the one before it was within, and of nothing else; that a monitor needs several failures (`fall`) is the same
//! for all types.
use toml::de::DeValue;

use crate::base::MonitorValue;
use crate::text::reader::{Fields, plain};
use crate::text::value::{Trouble, mismatch};

/// ValueBounds of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueBounds {
    /// It must be above this.
    pub above: Option<MonitorValue>,
    /// It must be below this.
    pub below: Option<MonitorValue>,
    /// So much further inside it must be to be within again.
    pub hysteresis: MonitorValue,
}

impl ValueBounds {
    /// None.
    pub const NONE: Self = Self {
        above: None,
        below: None,
        hysteresis: MonitorValue(0),
    };

    /// Reads the keys.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let above = fields.optional("above", reading);
        let below = fields.optional("below", reading);
        let hysteresis = fields.optional("hysteresis", reading);
        if let (Some(above), Some(below)) = (&above, &below)
            && above.value >= below.value
        {
            let message = format!(
                "no value is above {} and below {}",
                above.value, below.value
            );
            fields.reader().error(&below.at, message, |found| {
                found.help("`above` is the lower bound, `below` the upper one");
            });
        }
        if let Some(hysteresis) = &hysteresis {
            check_hysteresis(fields, hysteresis.value, &hysteresis.at, [&above, &below]);
        }
        Self {
            above: plain(above),
            below: plain(below),
            hysteresis: plain(hysteresis).unwrap_or_default(),
        }
    }

    /// Tells whether a value is within; `before` tells whether the one before it was.
    #[must_use]
    pub fn hold(&self, value: MonitorValue, before: ValueBefore) -> bool {
        let margin = match before {
            ValueBefore::Within => 0,
            ValueBefore::Outside => self.hysteresis.0,
        };
        self.above.is_none_or(|bound| value.0 > bound.0 + margin)
            && self.below.is_none_or(|bound| value.0 < bound.0 - margin)
    }
}

/// The value before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueBefore {
    /// It was within, or there was none.
    Within,
    /// It was not.
    Outside,
}

fn check_hysteresis(
    fields: &Fields<'_, '_>,
    hysteresis: MonitorValue,
    at: &std::ops::Range<usize>,
    bounds: [&Option<crate::text::reader::At<MonitorValue>>; 2],
) {
    let message = match bounds.map(|bound| bound.as_ref().map(|bound| bound.value.0)) {
        [None, None] => {
            "`hysteresis` says how far inside of `above` or `below`, and neither is here"
        }
        _ if hysteresis.0 < 0 => "`hysteresis` is not negative",
        [Some(above), Some(below)] if below - above <= 2 * hysteresis.0 => {
            "with this `hysteresis` no value comes back within both bounds"
        }
        _ => return,
    };
    fields.reader().error(at, message, |found| {
        found.help("it is how far inside a value must be before it holds again");
    });
}

/// A number, with a fraction or without.
pub(super) fn reading(value: &DeValue<'_>) -> Result<MonitorValue, Trouble> {
    let text = match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        DeValue::Integer(_)
        | DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            return Err(mismatch("a number", value).with_help("write it as 3 or 0.25"));
        }
    };
    MonitorValue::parse(text).ok_or_else(|| {
        Trouble::new(format!("{text} is no number that is read here")).with_help(
            "three digits after the point are told apart, and a million million is the most",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_further_than_it_went() {
        let bounds = ValueBounds {
            above: Some(MonitorValue(10_000)),
            below: Some(MonitorValue(20_000)),
            hysteresis: MonitorValue(2000),
        };
        let mut before = ValueBefore::Within;
        let letters = [15, 20, 19, 18, 17, 19, 10, 11, 12, 13].map(|value| {
            let holds = bounds.hold(MonitorValue(value * 1000), before);
            before = if holds {
                ValueBefore::Within
            } else {
                ValueBefore::Outside
            };
            if holds { '+' } else { '-' }
        });
        assert_eq!(String::from_iter(letters), "+---++---+");
    }
}
