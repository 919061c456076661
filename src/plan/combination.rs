//! Combinations of the monitors of one address: all of them, any, so many of them, not one.
//!
//! A list of monitors, all of which must hold, is no combination: services and targets say so by having none. What
//! a combination is made of is its own affair: names in a config, monitors in a service, places among the slots of
//! an address in a target.
//!
//! A monitor holds, or does not, or nobody knows yet. What is not known decides nothing as long as the others may
//! still make it either way (Kleene's logic): `need = 2` of three holds with two that hold, and does not hold with two
//! that do not, whatever the third one is. It knows no probe and no time.
use std::fmt;

/// A combination of monitors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Combination<M> {
    /// It holds if this monitor does.
    Monitor(M),
    /// It holds if at least so many of these do.
    Need {
        /// The least number of them.
        least: usize,
        /// The parts.
        of: Vec<Self>,
    },
    /// It holds if this does not.
    Not(Box<Self>),
}

/// A shortfall: fewer monitors hold than are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The number that is needed.
    pub needed: usize,
    /// The number that there are.
    pub of: usize,
    /// The number that hold.
    pub holding: usize,
}

impl<M> Combination<M> {
    /// Tells whether it holds; `None` while that depends on what nobody knows yet.
    pub fn judge(&self, holds: &impl Fn(&M) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Monitor(monitor) => holds(monitor),
            Self::Not(other) => other.judge(holds).map(|held| !held),
            Self::Need { least, of } => {
                let judged: Vec<Option<bool>> = of.iter().map(|one| one.judge(holds)).collect();
                let are = |wanted: bool| judged.iter().filter(|one| **one == Some(wanted)).count();
                if are(true) >= *least {
                    Some(true)
                } else if of.len() - are(false) < *least {
                    Some(false)
                } else {
                    None
                }
            }
        }
    }

    /// The monitors that it is made of, in the order written; one that stands in it twice comes twice.
    #[must_use]
    pub fn monitors(&self) -> Vec<&M> {
        match self {
            Self::Monitor(monitor) => vec![monitor],
            Self::Not(other) => other.monitors(),
            Self::Need { of, .. } => of.iter().flat_map(Self::monitors).collect(),
        }
    }

    /// The monitors that it wants not to hold.
    #[must_use]
    pub fn opposed(&self) -> Vec<&M> {
        self.wanted(false)
    }

    fn wanted(&self, to_hold: bool) -> Vec<&M> {
        match self {
            Self::Monitor(monitor) if to_hold => vec![monitor],
            Self::Monitor(_) => Vec::new(),
            Self::Not(other) => other.wanted(!to_hold),
            Self::Need { of, .. } => of.iter().flat_map(|one| one.wanted(to_hold)).collect(),
        }
    }

    /// The same of other things.
    #[must_use]
    pub fn map<N>(&self, name: &mut impl FnMut(&M) -> N) -> Combination<N> {
        match self {
            Self::Monitor(monitor) => Combination::Monitor(name(monitor)),
            Self::Not(other) => Combination::Not(Box::new(other.map(name))),
            Self::Need { least, of } => Combination::Need {
                least: *least,
                of: of.iter().map(|one| one.map(name)).collect(),
            },
        }
    }

    /// The shortfall, where fewer monitors than all are needed.
    pub fn shortfall(&self, holds: &impl Fn(&M) -> Option<bool>) -> Option<Shortfall> {
        match self {
            Self::Need { least, of } if *least < of.len() => {
                let held = of.iter().filter(|one| one.judge(holds) == Some(true));
                Some(Shortfall {
                    needed: *least,
                    of: of.len(),
                    holding: held.count(),
                })
            }
            Self::Monitor(_) | Self::Not(_) | Self::Need { .. } => None,
        }
    }
}

/// Text such as `2 of (web, ping, not flag)`.
impl<M: fmt::Display> fmt::Display for Combination<M> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Monitor(monitor) => monitor.fmt(out),
            Self::Not(other) => write!(out, "not {other}"),
            Self::Need { least, of } => {
                match *least {
                    least if least == of.len() => out.write_str("all of (")?,
                    1 => out.write_str("any of (")?,
                    least => write!(out, "{least} of (")?,
                }
                for (place, one) in of.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(out, "{comma}{one}")?;
                }
                out.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(least: usize, of: &[usize]) -> Combination<usize> {
        Combination::Need {
            least,
            of: of.iter().copied().map(Combination::Monitor).collect(),
        }
    }

    /// Judges by letters: `+` holds, `-` does not, `?` nobody knows.
    fn judge(combination: &Combination<usize>, letters: &str) -> char {
        let holds = |place: &usize| match letters.as_bytes()[*place] {
            b'+' => Some(true),
            b'-' => Some(false),
            _ => None,
        };
        match combination.judge(&holds) {
            Some(true) => '+',
            Some(false) => '-',
            None => '?',
        }
    }

    #[test]
    fn what_is_not_known_decides_nothing_before_it_must() {
        let not = Combination::Not(Box::new(need(1, &[0, 1])));
        for (combination, cases) in [
            (
                need(2, &[0, 1, 2]),
                vec![("++?", '+'), ("+?-", '?'), ("--?", '-'), ("+--", '-')],
            ),
            (
                need(1, &[0, 1]),
                vec![("?+", '+'), ("-?", '?'), ("--", '-')],
            ),
            (
                need(2, &[0, 1]),
                vec![("?-", '-'), ("+?", '?'), ("++", '+')],
            ),
            (not, vec![("--", '+'), ("-+", '-'), ("-?", '?')]),
        ] {
            for (letters, expected) in cases {
                assert_eq!(
                    judge(&combination, letters),
                    expected,
                    "{combination} of {letters}"
                );
            }
        }
    }

    #[test]
    fn two_nots_want_a_monitor_to_hold() {
        let not = |other| Combination::Not(Box::new(other));
        let twice = not(Combination::Need {
            least: 1,
            of: vec![not(Combination::Monitor(0)), Combination::Monitor(1)],
        });
        assert_eq!(twice.opposed(), [&1]);
        assert_eq!(twice.to_string(), "not any of (not 0, 1)");
    }
}
