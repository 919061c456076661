//! Knowledge of names, as others see it: compilers, answers, the disk, operators.
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::base::{HashKey, Moment};
use crate::dns::Name;

/// The addresses of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownNames {
    /// Sorted addresses by name.
    addresses: BTreeMap<Name, Vec<IpAddr>>,
    /// The moments at which they run out.
    until: BTreeMap<Name, Moment>,
    otherwise: UnknownName,
}

/// The addresses of a name that nothing is known of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownName {
    /// One of each family that stands for it, so that what it would do can be judged without asking for it.
    #[default]
    Assumed,
    /// None.
    Absent,
}

impl KnownNames {
    /// These, and of other names nothing.
    #[must_use]
    pub fn of(addresses: BTreeMap<Name, Vec<IpAddr>>) -> Self {
        Self {
            addresses,
            until: BTreeMap::new(),
            otherwise: UnknownName::Absent,
        }
    }

    /// The same with the moments at which they run out.
    #[must_use]
    pub fn until(self, until: BTreeMap<Name, Moment>) -> Self {
        Self { until, ..self }
    }

    /// The same, where addresses stand for names that nothing is known of.
    #[must_use]
    pub fn assumed(self) -> Self {
        Self {
            otherwise: UnknownName::Assumed,
            ..self
        }
    }

    /// The addresses of a name, IPv4 first.
    #[must_use]
    pub fn addresses(&self, name: &Name) -> Vec<IpAddr> {
        match (self.addresses.get(name), self.otherwise) {
            (Some(own), _) => own.clone(),
            (None, UnknownName::Absent) => Vec::new(),
            (None, UnknownName::Assumed) => stand_ins(name).to_vec(),
        }
    }

    /// Tells that a name has addresses that are no more than assumed.
    #[must_use]
    pub fn is_assumed(&self, name: &Name) -> bool {
        self.otherwise == UnknownName::Assumed && !self.addresses.contains_key(name)
    }

    /// The moments at which the addresses of names run out.
    #[must_use]
    pub fn expiries(&self) -> &BTreeMap<Name, Moment> {
        &self.until
    }

    /// Tells that all names have the same addresses in both, for however long.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        (&self.addresses, self.otherwise) == (&other.addresses, other.otherwise)
    }
}

/// One address of each family that stands for a name: of "this network" (RFC 791, section 3.2) and of the discard
/// prefix (RFC 6666), where no machine is.
fn stand_ins(name: &Name) -> [IpAddr; 2] {
    let lower = name.to_string().to_ascii_lowercase();
    let [_, a, b, c, d, e, f, g] = HashKey::from_secret(b"stand-in")
        .hash(lower.as_bytes())
        .to_be_bytes();
    let v6 = [1, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g];
    [
        Ipv4Addr::new(0, a, b, c | 1).into(),
        Ipv6Addr::from(v6).into(),
    ]
}

/// A name as it is kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptName {
    /// The name.
    pub name: Name,
    /// Its last good addresses.
    pub addresses: Vec<IpAddr>,
    /// The time at which they were confirmed last, milliseconds since 1970.
    pub seen_ms: u64,
}

/// A name as an operator may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NameReport {
    /// The name.
    pub name: String,
    /// Its addresses, as they are served.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
    /// Time since they were confirmed; absent if there are none.
    pub age_ms: Option<u64>,
    /// Time until they run out; 0 where that is over.
    pub left_ms: u64,
    /// The fault as a word, if anything is wrong.
    pub fault: Option<String>,
    /// The fault in words.
    pub reason: Option<String>,
    /// The name that its aliases led to in the last good answer, if it has any.
    pub target: Option<String>,
    /// Questions that brought nothing since the start.
    pub failures: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nothing_is_known_of_is_assumed_or_absent() {
        let (one, two) = ["a.test", "b.test"]
            .map(|name| Name::parse(name).unwrap())
            .into();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let known = KnownNames::of([(one.clone(), vec![address])].into());
        assert_eq!(known.addresses(&one), [address]);
        assert!(known.addresses(&two).is_empty() && !known.is_assumed(&two));
        let known = known.assumed();
        assert_eq!(known.addresses(&two).len(), 2);
        assert!(known.is_assumed(&two) && !known.is_assumed(&one));
        let upper = Name::parse("B.TEST").unwrap();
        assert_eq!(known.addresses(&two), known.addresses(&upper));
    }
}
