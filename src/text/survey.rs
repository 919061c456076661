//! Which keys a reading asks for, and which values it would take: the reading itself is asked, over a table that is not there.
//!
//! A reading goes different ways for different texts: a key may be a list or a table, and another key may be there or not.
//! So it is run once for each of these ways ([`super::reader::survey`]), and everything that any of these runs asked for is known in the end. What a parser
//! takes is found by giving it a value of each kind: what it refuses as of another kind it never takes
//! ([`Expects`]). So there is no list of keys beside the code that reads them.
//!
//! It does not know what becomes of the answer.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use toml::de::DeValue;

use super::value::{Expects, Trouble};

/// The keys of one table, as they are gathered.
pub(crate) type AskedKeys = Rc<RefCell<AskedTable>>;

/// The keys of one table and the ways in which each is read.
#[derive(Debug, Default)]
pub(crate) struct AskedTable {
    /// By key.
    pub(crate) keys: BTreeMap<String, Vec<AskedValue>>,
}

/// A way in which a key is read.
#[derive(Clone, Debug)]
pub(crate) enum AskedValue {
    /// A value.
    One(Kinds),
    /// A list of values.
    List(Kinds),
    /// Values under names of the user's.
    Pairs(Kinds),
    /// Tables.
    Below(Nested, AskedKeys),
}

/// The form of tables under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nested {
    /// `[key]`.
    Table,
    /// `[[key]]`.
    Tables,
    /// `[key.name]`.
    Named,
}

/// The kinds of values that a parser takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    /// Names of kinds, as JSON has them.
    pub(crate) names: Vec<&'static str>,
    /// The only texts that it takes; any if there are none.
    pub(crate) words: Vec<&'static str>,
    /// Bounds of whole numbers.
    pub(crate) between: Option<(i64, i64)>,
}

/// A value of each kind, with the kind's name. Dates are texts in JSON.
const SAMPLES: [(&str, &str); 8] = [
    ("\"\"", "string"),
    ("2027-03-07T02:00:00", "string"),
    ("-9223372036854775808", "integer"),
    ("1", "integer"),
    ("1.5", "number"),
    ("true", "boolean"),
    ("[]", "array"),
    ("{}", "object"),
];

impl Kinds {
    /// Asks a parser.
    pub(super) fn of<T>(parse: &impl Fn(&DeValue<'_>) -> Result<T, Trouble>) -> Self {
        let mut own = Self::default();
        for (text, name) in SAMPLES {
            let Ok(value) = DeValue::parse(text) else {
                continue;
            };
            match parse(value.get_ref()).map_err(|trouble| trouble.expects) {
                Err(Expects::OtherKind) => continue,
                Err(Expects::Words(words)) => own.words = words,
                Err(Expects::Between(least, most)) => own.between = Some((least, most)),
                Err(Expects::Another) | Ok(_) => {}
            }
            if !own.names.contains(&name) {
                own.names.push(name);
            }
        }
        own
    }
}

impl AskedTable {
    /// Adds a way to read a key, unless it is known.
    pub(super) fn add(&mut self, key: &str, value: AskedValue) {
        let ways = self.keys.entry(key.to_owned()).or_default();
        let is_known = ways.iter().any(|way| match (way, &value) {
            (AskedValue::One(own), AskedValue::One(other))
            | (AskedValue::List(own), AskedValue::List(other))
            | (AskedValue::Pairs(own), AskedValue::Pairs(other)) => own == other,
            (
                AskedValue::One(_)
                | AskedValue::List(_)
                | AskedValue::Pairs(_)
                | AskedValue::Below(..),
                _,
            ) => false,
        });
        if !is_known {
            ways.push(value);
        }
    }

    /// The keys of tables under a key.
    pub(super) fn nested(&mut self, key: &str, nested: Nested) -> AskedKeys {
        let ways = self.keys.entry(key.to_owned()).or_default();
        let known = ways.iter().find_map(|way| match way {
            AskedValue::Below(own, below) if *own == nested => Some(Rc::clone(below)),
            AskedValue::Below(..)
            | AskedValue::One(_)
            | AskedValue::List(_)
            | AskedValue::Pairs(_) => None,
        });
        known.unwrap_or_else(|| {
            let below = AskedKeys::default();
            ways.push(AskedValue::Below(nested, Rc::clone(&below)));
            below
        })
    }
}
