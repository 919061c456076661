//! ChosenRecords that follow the choice: whose choice it is, and which RRset it comes to.
//!
//! Nothing is chosen here that [`Table::select`] has not chosen. What a record says beside what is written is put
//! together here as well: the addresses in HTTPS and SVCB records, of the endpoints that the answer names, for as long as all
//! of them can be given. Addresses of the other family than the one that leads are hints of those same endpoints and not
//! what that family's own query would choose: so there are few such records, and each can be signed beforehand.
use std::net::IpAddr;

use crate::base::limits::ANSWERS;
use crate::base::{
    AddressSet, ClassId, ClientHash, EndpointId, Family, Permille, RegionId, ServiceId, Standing,
};
use crate::dns::svcb;
use crate::dns::zone::signed::SteeredSet;
use crate::plan::{ChosenRecords, ChosenSet, Hints, Service};

use super::{Selection, Table};

/// The choice that the records of a service follow.
#[derive(Clone, Copy, Debug)]
pub struct RecordChoice<'t> {
    /// The family that leads: the first that the client has an endpoint of.
    pub family: Family,
    /// The choice among its endpoints.
    pub selection: Selection<'t>,
}

impl RecordChoice<'_> {
    /// The region, and the endpoint that is named first; nothing where the service answers nothing.
    #[must_use]
    pub fn place(&self) -> Option<(RegionId, EndpointId)> {
        let first = self.selection.endpoints.first()?;
        Some((self.selection.region?, *first))
    }

    /// The RRset of a type that it comes to, if there is one.
    #[must_use]
    pub fn set<'p>(&self, service: &'p Service, rtype: u16) -> Option<&'p ChosenSet> {
        let (region, first) = self.place()?;
        service.records.of_type(rtype)?.of(region, first)
    }

    /// The CNAME that it comes to, if there is one.
    #[must_use]
    pub fn alias<'p>(&self, service: &'p Service) -> Option<&'p ChosenSet> {
        let (region, first) = self.place()?;
        service.records.alias(region, first)
    }
}

impl Table {
    /// The choice that the records of a service follow, for a client of a class; `None` if the service has no endpoint
    /// inside the class's fence (a fact of the config).
    #[must_use]
    pub fn choose(
        &self,
        service: ServiceId,
        class: ClassId,
        client: impl Into<ClientHash>,
    ) -> Option<RecordChoice<'_>> {
        let client = client.into();
        let mut families = ChosenRecords::LEADING.into_iter();
        families.find_map(|family| {
            let selection = self.select(service, family, class, client)?;
            Some(RecordChoice { family, selection })
        })
    }

    /// The addresses that go as hints into the records of a choice.
    #[must_use]
    pub fn hints(&self, service: ServiceId, choice: &RecordChoice<'_>) -> ChosenHints<'_> {
        let mut hints = ChosenHints {
            table: self,
            service,
            region: choice.selection.region,
            leading: choice.family,
            endpoints: [EndpointId(0); ANSWERS],
            count: 0,
            has_others: false,
        };
        for (place, endpoint) in hints.endpoints.iter_mut().zip(choice.selection.endpoints) {
            *place = *endpoint;
            hints.count += 1;
        }
        hints.endpoints[..hints.count].sort_unstable();
        hints.has_others = hints.are_whole(Family::V6);
        hints
    }
}

/// The addresses of a choice, in the order of the endpoints' ids: the order in which an answer has them changes from cohort to
/// cohort, and a record has one signature.
#[derive(Clone, Copy, Debug)]
pub struct ChosenHints<'t> {
    table: &'t Table,
    service: ServiceId,
    region: Option<RegionId>,
    leading: Family,
    endpoints: [EndpointId; ANSWERS],
    count: usize,
    /// Tells whether addresses of IPv6 go beside those of IPv4.
    has_others: bool,
}

impl<'t> ChosenHints<'t> {
    /// Those of a family.
    pub fn of(&self, family: Family) -> impl Iterator<Item = IpAddr> + Clone + '_ {
        let is_given = match family {
            Family::V4 => self.leading == Family::V4,
            Family::V6 => self.leading == Family::V6 || self.has_others,
        };
        let count = if is_given { self.count } else { 0 };
        self.endpoints[..count].iter().flat_map(move |endpoint| {
            let standing = self.standing(*endpoint, family);
            let without = standing.map_or(AddressSet::EMPTY, |own| own.without);
            let endpoint = &self.table.plan.endpoints[endpoint.index()];
            endpoint.addresses_of(family, without)
        })
    }

    /// Tells whether all addresses of a family can be given of every chosen endpoint that has any.
    fn are_whole(&self, family: Family) -> bool {
        let mut chosen = self.endpoints[..self.count].iter();
        chosen.all(|endpoint| {
            let own = &self.table.plan.endpoints[endpoint.index()];
            let mut addresses = own.addresses_of(family, AddressSet::EMPTY);
            let standing = self.standing(*endpoint, family);
            addresses.next().is_none()
                || standing.is_some_and(|own| own.share > Permille::NONE && own.without.is_empty())
        })
    }

    fn standing(&self, endpoint: EndpointId, family: Family) -> Option<&'t Standing> {
        let service = &self.table.plan.services[self.service.index()];
        let pool = service.pools[family.index()].get(self.region?.index())?;
        let mut members = pool.tiers.iter().flat_map(|tier| &tier.members);
        let member = members.find(|member| member.endpoint == endpoint)?;
        self.table.standings.get(member.target.index())
    }
}

/// RDATA of the records of a set, with these addresses where hints go.
fn composed(set: &ChosenSet, hints: [&[IpAddr]; 2]) -> Vec<Vec<u8>> {
    let records = set.records.set().records();
    let composed = records.map(|rdata| match set.hints {
        Hints::AsWritten => rdata.to_vec(),
        Hints::Chosen => svcb::with_hints(rdata, hints),
    });
    composed.collect()
}

/// A set with these addresses where hints go, as whoever signs it beforehand or sends it away has it.
pub(super) fn steered_set(set: &ChosenSet, hints: [&[IpAddr]; 2]) -> SteeredSet {
    let written = set.records.set();
    SteeredSet {
        rtype: written.rtype,
        ttl: written.ttl,
        records: composed(set, hints),
    }
}
