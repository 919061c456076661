//! Rules of who may declare what while the server runs: `[dynamic]`.
//!
//! A declared thing comes by the control API or by an update (RFC 2136) and lies over what the files say, which it never
//! replaces. A rule grants: somebody may declare RRsets of some types at some names of one zone. What no rule grants is
//! refused; rules add up. What is declared, and whether it fits its zone, is not known here.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AccessRole;
use crate::base::{NodeMark, Span};
use crate::dns::Name;
use crate::dns::rr::rtype;

/// The rules of what may be declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// Rules for records of zones; none = no record may be declared.
    pub records: Vec<RecordRule>,
    /// Rules for services, monitors, regions and endpoints; none = none may be declared.
    pub objects: Vec<ObjectRule>,
    /// The number of records that may be declared in all.
    pub max_records: usize,
    /// The shortest and the longest TTL of a declared RRset, whole seconds.
    pub ttl: [Span; 2],
    /// Names at which the config itself decides RRsets of these types: hostnames of services, and aliases.
    pub fixed: BTreeMap<Name, Vec<u16>>,
    /// This node, if it is one of a cluster, which shares what is declared.
    pub node: Option<NodeMark>,
}

/// A grant to declare records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRule {
    /// The zone; its apex.
    pub zone: Name,
    /// The names; none = all of the zone.
    pub names: Vec<NamePattern>,
    /// The types of RRsets.
    pub types: Vec<u16>,
    /// Whoever may declare them.
    pub by: Vec<Declarer>,
}

/// A grant to declare services, monitors, regions or endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRule {
    /// The kinds.
    pub kinds: Vec<ObjectKind>,
    /// Patterns of their names, of an endpoint that of its service or region; `*` stands for any text. None = all.
    pub names: Vec<String>,
    /// The hostnames that a service may have; none = all.
    pub hostnames: Vec<NamePattern>,
    /// Whoever may declare them.
    pub by: Vec<Declarer>,
}

/// A kind of what may be declared beside records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// A table of `[monitors]`.
    Monitor,
    /// A table of `[regions]`.
    Region,
    /// A table of `[services]`.
    Service,
    /// An endpoint of a region or a service that may stand in a file.
    Endpoint,
}

/// Names of a zone. Unlike a pattern of challenges, `*` stands for any labels, those with an underscore too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// One name.
    Name(Name),
    /// The names below one, at any depth.
    Below(Name),
}

/// Somebody who may declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declarer {
    /// Whoever has this role at the control API.
    Role(AccessRole),
    /// Whoever proves this one of `[tokens]`, by its secret or its certificate.
    Token(String),
    /// Whoever signs updates with this key (index in [`super::Zoning::tsig`]).
    Key(usize),
}

/// The expected state of something declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedState {
    /// Nothing.
    Any,
    /// It is there.
    Present,
    /// It is not.
    Absent,
    /// It has one of these revisions.
    Revision(Vec<u64>),
}

impl ExpectedState {
    /// Holds it against the revision that there is.
    ///
    /// # Errors
    /// The words for what there is instead, for a person.
    pub fn check(&self, own: Option<u64>) -> Result<(), String> {
        let is_met = match self {
            Self::Any => true,
            Self::Present => own.is_some(),
            Self::Absent => own.is_none(),
            Self::Revision(list) => own.is_some_and(|own| list.contains(&own)),
        };
        if is_met {
            return Ok(());
        }
        let now = own.map_or("it is not there".to_owned(), |own| {
            format!("its revision is {own}")
        });
        Err(format!(
            "it is not as expected, {now}: read it again, and decide anew"
        ))
    }
}

impl Dynamic {
    /// The number of records that may be declared if nobody says.
    pub const MAX_RECORDS: usize = 100_000;
    /// The shortest TTL if nobody says.
    pub const TTL_LEAST: Span = Span::from_secs(1);
    /// The longest TTL if nobody says.
    pub const TTL_MOST: Span = Span::from_secs(86_400);
    /// Types that may be declared if nobody says: those of hosts and services. What hands names on to others (NS, DS, DNAME)
    /// has to be said.
    pub const TYPES: [u16; 13] = [
        rtype::A,
        rtype::AAAA,
        rtype::CNAME,
        rtype::MX,
        rtype::PTR,
        rtype::SRV,
        rtype::TXT,
        rtype::NAPTR,
        rtype::SVCB,
        rtype::HTTPS,
        // SSHFP (RFC 4255), TLSA (RFC 6698), CAA (RFC 8659).
        44,
        52,
        257,
    ];

    /// Tells whether any of these may declare RRsets of a type at a name of a zone.
    #[must_use]
    pub fn allows(&self, by: &[Declarer], zone: &Name, (name, kind): (&Name, u16)) -> bool {
        let of_zone = self.records.iter().filter(|rule| rule.zone == *zone);
        let mut granted = of_zone.filter(|rule| rule.by.iter().any(|own| by.contains(own)));
        granted.any(|rule| rule.types.contains(&kind) && rule.covers(name))
    }

    /// Tells whether anybody may: who declares something is asked on the node where that is done, and on the others this.
    #[must_use]
    pub fn covers(&self, zone: &Name, (name, kind): (&Name, u16)) -> bool {
        let mut of_zone = self.records.iter().filter(|rule| rule.zone == *zone);
        of_zone.any(|rule| rule.types.contains(&kind) && rule.covers(name))
    }

    /// Tells whether the config itself decides an RRset.
    #[must_use]
    pub fn is_fixed(&self, name: &Name, kind: u16) -> bool {
        let kinds = self.fixed.get(name);
        kinds.is_some_and(|kinds| kinds.contains(&kind))
    }

    /// Tells whether any rule is for one of these.
    #[must_use]
    pub fn knows(&self, by: &[Declarer]) -> bool {
        let mut all = self.records.iter().flat_map(|rule| &rule.by);
        all.any(|own| by.contains(own))
    }
}

impl ObjectRule {
    /// The kinds that a rule is for if it names none: a region decides a law, and has to be named.
    pub const KINDS: [ObjectKind; 3] = [
        ObjectKind::Monitor,
        ObjectKind::Service,
        ObjectKind::Endpoint,
    ];
}

impl RecordRule {
    /// Tells whether it is for a name.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        self.names.is_empty() || self.names.iter().any(|own| own.covers(name))
    }
}

impl NamePattern {
    /// The names that a config means: those below, where the first label is `*`.
    #[must_use]
    pub fn of(name: &Name) -> Self {
        match name.below_wildcard() {
            Some(base) => Self::Below(base),
            None => Self::Name(name.clone()),
        }
    }

    /// Tells whether a name is one of them.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Below(base) => name != base && name.is_within(base),
        }
    }

    /// Tells whether it stands for every name that another stands for.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (own, Self::Name(name)) => own.covers(name),
            (Self::Below(base), Self::Below(other)) => other.is_within(base),
            (Self::Name(_), Self::Below(_)) => false,
        }
    }
}

/// As the config has it.
impl std::fmt::Display for NamePattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(out, "{name}"),
            Self::Below(base) => write!(out, "*.{base}"),
        }
    }
}

impl Default for Dynamic {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            objects: Vec::new(),
            max_records: Self::MAX_RECORDS,
            ttl: [Self::TTL_LEAST, Self::TTL_MOST],
            fixed: BTreeMap::new(),
            node: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_grants_what_it_says_and_no_more() {
        let name = |text: &str| Name::parse(text).unwrap();
        let rule = RecordRule {
            zone: name("z.test"),
            names: vec![
                NamePattern::of(&name("*.apps.z.test")),
                NamePattern::of(&name("www.z.test")),
            ],
            types: vec![rtype::A, rtype::TXT],
            by: vec![Declarer::Role(AccessRole::Dns), Declarer::Key(1)],
        };
        let dynamic = Dynamic {
            records: vec![rule],
            ..Dynamic::default()
        };
        let dns = [Declarer::Role(AccessRole::Dns)];
        for (by, text, kind, expected) in [
            (&dns[..], "a.apps.z.test", rtype::A, true),
            (&dns, "_x._tcp.a.APPS.z.test", rtype::TXT, true),
            (&dns, "*.apps.z.test", rtype::A, true),
            (&dns, "apps.z.test", rtype::A, false),
            (&dns, "www.z.test", rtype::A, true),
            (&dns, "a.www.z.test", rtype::A, false),
            (&dns, "www.z.test", rtype::AAAA, false),
            (&[Declarer::Key(1)], "www.z.test", rtype::A, true),
            (&[Declarer::Key(0)], "www.z.test", rtype::A, false),
            (
                &[Declarer::Role(AccessRole::Admin)],
                "www.z.test",
                rtype::A,
                false,
            ),
        ] {
            let asked = (&name(text), kind);
            assert_eq!(
                dynamic.allows(by, &name("z.test"), asked),
                expected,
                "{text}"
            );
            assert!(!dynamic.allows(by, &name("test"), asked), "another zone");
        }
    }
}
