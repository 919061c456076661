//! Records other than addresses that follow the choice: RRsets by region and endpoint.
//!
//! A query for such a type is steered like one for addresses: the client's class, health and cohort choose a region and
//! endpoints of it, and the RRset is that of the endpoint which the answer would name first, otherwise that of its
//! region, otherwise the one that is everybody's. So no record leads elsewhere than the addresses do, and what keeps
//! addresses inside a fence keeps these there.
//!
//! A **CNAME** is one of these types, and more than that: whoever is led to an endpoint or a region that has one gets it
//! whatever he asks for (RFC 1034, section 3.6.2). A machine that is known by its name ([`super::Endpoint::named`]) has one
//! by itself.
//!
//! A service has one choice for all of these, of one family ([`ChosenRecords::LEADING`]): else a client could be told a CNAME for A
//! and addresses for AAAA, and its resolver, which takes a CNAME for all types, would send it elsewhere than its weights say.
//!
//! Which types there are follows from here alone; whether a client gets something of one does not.
use crate::base::{EndpointId, Family, RegionId};
use crate::dns::rr::{DetachedSet, rtype};
use crate::dns::zone::{HAS_RECORDS, MAY_ALIAS, Mount};

/// The RRsets of one service that follow the choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChosenRecords {
    /// By type, in order; none of them is of addresses.
    pub types: Vec<RecordType>,
}

/// All RRsets of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordType {
    /// The type.
    pub rtype: u16,
    /// By whose they are, in order, each once.
    pub sets: Vec<(Whose, ChosenSet)>,
}

/// The choice that an RRset belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Every one that has none of its own.
    Everybody,
    /// One that leads to this region.
    Region(RegionId),
    /// One that leads to this endpoint first.
    Endpoint(EndpointId),
}

/// One RRset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenSet {
    /// Its records. Their TTL is the greatest that it is given with.
    pub records: DetachedSet,
    /// Tells whether the addresses that were chosen are put into it.
    pub hints: Hints,
}

/// The origin of addresses in HTTPS and SVCB records (RFC 9460, section 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hints {
    /// They are as they are written.
    AsWritten,
    /// `ipv4hint` and `ipv6hint` are those of the endpoints of the answer, in records that lead to their own owner.
    Chosen,
}

impl ChosenRecords {
    /// The family whose choice decides, where a client has one of it; otherwise the other family's.
    pub const LEADING: [Family; 2] = [Family::V4, Family::V6];

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Tells whether any client may be given a CNAME.
    #[must_use]
    pub fn may_alias(&self) -> bool {
        self.of_type(rtype::CNAME).is_some()
    }

    /// The mark that the service's names have in zones.
    #[must_use]
    pub fn mark(&self) -> Mount {
        match (self.is_empty(), self.may_alias()) {
            (true, _) => 0,
            (false, false) => HAS_RECORDS,
            (false, true) => HAS_RECORDS | MAY_ALIAS,
        }
    }

    /// The RRsets of a type.
    #[must_use]
    pub fn of_type(&self, rtype: u16) -> Option<&RecordType> {
        let place = self.types.binary_search_by_key(&rtype, |own| own.rtype);
        self.types.get(place.ok()?)
    }

    /// The CNAME of a choice.
    #[must_use]
    pub fn alias(&self, region: RegionId, first: EndpointId) -> Option<&ChosenSet> {
        self.of_type(rtype::CNAME)?.of(region, first)
    }

    /// The types that a choice has no RRset of; a CNAME is none that it could lack.
    pub fn lacks(&self, region: RegionId, first: EndpointId) -> impl Iterator<Item = u16> {
        let others = self.types.iter().filter(|own| own.rtype != rtype::CNAME);
        let lacking = others.filter(move |own| own.of(region, first).is_none());
        lacking.map(|own| own.rtype)
    }
}

impl RecordType {
    /// The RRset of a choice: of the endpoint that it names first, of its region, or everybody's.
    #[must_use]
    pub fn of(&self, region: RegionId, first: EndpointId) -> Option<&ChosenSet> {
        let of = |whose| {
            let place = self.sets.binary_search_by_key(&whose, |(own, _)| *own);
            Some(&self.sets[place.ok()?].1)
        };
        of(Whose::Endpoint(first))
            .or_else(|| of(Whose::Region(region)))
            .or_else(|| of(Whose::Everybody))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &[u8]) -> ChosenSet {
        ChosenSet {
            records: DetachedSet::new(rtype::TXT, 60, &[word.to_vec()]),
            hints: Hints::AsWritten,
        }
    }

    #[test]
    fn the_nearest_to_the_choice_wins() {
        let own = RecordType {
            rtype: rtype::TXT,
            sets: vec![
                (Whose::Everybody, text(b"\x03all")),
                (Whose::Region(RegionId(1)), text(b"\x02r1")),
                (Whose::Endpoint(EndpointId(7)), text(b"\x02e7")),
            ],
        };
        for (region, endpoint, expected) in [
            (1, 7, &b"\x02e7"[..]),
            (1, 8, b"\x02r1"),
            (2, 7, b"\x02e7"),
            (2, 8, b"\x03all"),
        ] {
            let found = own.of(RegionId(region), EndpointId(endpoint)).unwrap();
            assert_eq!(found.records.set().records().next(), Some(expected));
        }
        let mut without = own.clone();
        without.sets.remove(0);
        assert_eq!(without.of(RegionId(2), EndpointId(8)), None);
        let records = ChosenRecords {
            types: vec![without],
        };
        let lacks = |region| records.lacks(RegionId(region), EndpointId(8)).count();
        assert_eq!((lacks(1), lacks(2)), (0, 1));
        assert!(!records.may_alias());
    }
}
