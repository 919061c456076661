//! How much of the clients something concerns.
//!
//! Sums are exact, in parts of a millionth of a /24 and of a thousandth of the operator's unit; they
//! are rounded only where they are told.
use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

/// Parts in a million.
pub(super) const WHOLE: u128 = 1_000_000;

/// A sum over clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// Pieces of address space of which some clients are counted.
    pub(super) networks: u64,
    /// Millionths of a /24 of known place.
    pub(super) size: u128,
    /// Thousandths of the operator's unit, times a million.
    pub(super) demand: u128,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.networks += other.networks;
        self.size += other.size;
        self.demand += other.demand;
    }
}

/// By what clients are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// By what they ask for.
    Demand,
    /// By the addresses of known place that they have.
    Size,
}

impl Sum {
    /// The part that this is of a whole.
    pub(super) fn part_of(self, whole: Self, scale: Scale) -> Part {
        let (part, whole) = match scale {
            Scale::Demand => (self.demand, whole.demand),
            Scale::Size => (self.size, whole.size),
        };
        let millionths = (part * WHOLE).checked_div(whole).unwrap_or(0);
        // What is not nothing is told as not nothing, however little it is.
        let least = u128::from(part > 0);
        Part(u64::try_from(millionths.max(least)).unwrap_or(u64::MAX))
    }

    /// The sum as it is told.
    pub(super) fn amount(self, scale: Scale) -> Amount {
        let round = |number: u128, unit: u128| {
            u64::try_from((number + unit / 2) / unit).unwrap_or(u64::MAX)
        };
        Amount {
            networks: self.networks,
            size: round(self.size, WHOLE),
            demand: (scale == Scale::Demand).then(|| round(self.demand, WHOLE * 1000)),
        }
    }
}

/// How many clients something concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Networks: pieces of address space that both configs treat alike.
    pub networks: u64,
    /// IPv4 addresses of known place, in /24s.
    pub size: u64,
    /// What they ask for, in the operator's unit; absent where no demand is stated.
    pub demand: Option<u64>,
}

/// A part of all clients, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Part(pub u64);

/// As percent: `37.5%`; what is less than a tenth of a percent, but not nothing, is `<0.1%`.
impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, (self.0 + 500) / 1000) {
            (0, _) => out.write_str("0%"),
            (_, 0) => out.write_str("<0.1%"),
            (millionths, 1000) if millionths < 1_000_000 => out.write_str(">99.9%"),
            (_, tenths) if tenths.is_multiple_of(10) => write!(out, "{}%", tenths / 10),
            (_, tenths) => write!(out, "{}.{}%", tenths / 10, tenths % 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_without_making_something_nothing() {
        let told = [0, 1, 499, 500, 375_000, 400_000, 999_999, 1_000_000];
        let told = told.map(|millionths| Part(millionths).to_string());
        let expected = [
            "0%", "<0.1%", "<0.1%", "0.1%", "37.5%", "40%", ">99.9%", "100%",
        ];
        assert_eq!(told, expected);
        let of = |size| Sum {
            size,
            ..Sum::default()
        };
        let whole = of(10_u128.pow(13));
        assert_eq!(of(1).part_of(whole, Scale::Size), Part(1));
        assert_eq!(of(0).part_of(whole, Scale::Size), Part(0));
        assert_eq!(whole.part_of(whole, Scale::Size), Part(1_000_000));
        assert_eq!(of(1).part_of(of(0), Scale::Size), Part(1));
    }
}
