//! A zone as one client sees it: steered names as the addresses that this client would get.
//!
//! A stock secondary knows no steering, so it is given each steered name as plain records, addresses and whatever else
//! follows the choice: those of the class and cohort of one configured client. What makes a version new is a
//! change of these records, so the TTL must not be one that runs down with the clock: it is the
//! service's longest, which is what the name has while nothing is amiss. A service that answers
//! nothing when all is down has no records then.
//!
//! A strict service answers nobody out of his fence, and a secondary answers everybody: its names are left out, unless
//! whoever asks for the rendering knows whom the secondary answers ([`StrictNames`]).
//!
//! The order is that of [`Content`]. RRsets come one by one from [`steered`], and what a signed zone
//! has beside them (their RRSIGs, the chain of denials) can be added there.
use std::net::IpAddr;

use crate::base::{Family, ServiceId};
use crate::dns::rr::rtype;
use crate::dns::transfer::{Content, Entry};
use crate::dns::zone::signed::StaticForm;
use crate::dns::zone::{Served, Zone, service_number};
use crate::dns::{Name, addresses};
use crate::plan::Residency;

use super::Table;
use super::records::steered_set;

/// The client as whom a zone is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderView {
    /// Its address.
    pub client: IpAddr,
    /// The lot of names of strict services.
    pub strict: StrictNames,
}

/// The lot of names of strict services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictNames {
    /// They have their addresses.
    Given,
    /// They have none.
    LeftOut,
}

/// The whole zone as that client sees it; `None` if the zone is not loaded.
#[must_use]
pub fn render(table: &Table, zone: &Zone, view: RenderView) -> Option<Content> {
    let plain = Content::of_zone(zone)?;
    let soa = plain.soa.clone();
    let mut records = plain.into_records();
    records.extend(steered(table, zone, view));
    Some(Content::of(soa, records))
}

/// The same with all that signing adds to it, if the zone is signed.
#[must_use]
pub fn render_served(table: &Table, served: &Served, view: RenderView) -> Option<Content> {
    let plain = render(table, &served.zone, view)?;
    let Some(signed) = &served.signed else {
        return Some(plain);
    };
    let chosen = |mount| form(table, ServiceId(service_number(mount)), view);
    let soa = plain.soa.clone();
    let mut all = plain.into_records();
    all.extend(signed.additions(chosen));
    Some(Content::of(soa, all))
}

/// The records of each steered name, one RRset after the other.
pub fn steered(table: &Table, zone: &Zone, view: RenderView) -> impl Iterator<Item = Entry> {
    let mounts = zone.mounts().into_iter();
    mounts.flat_map(move |(owner, mount)| {
        let service = ServiceId(service_number(mount));
        entries(table, &owner, (service, form(table, service, view)))
    })
}

fn entries(
    table: &Table,
    owner: &Name,
    (service, form): (ServiceId, StaticForm<'_>),
) -> Vec<Entry> {
    let Some(own) = table.plan.services.get(service.index()) else {
        return Vec::new();
    };
    let ttl = own.ttl.max.as_secs();
    let addresses = Family::ALL.into_iter().flat_map(|family| {
        let records = form.addresses[family.index()];
        addresses::read(family, records).map(move |address| match address {
            IpAddr::V4(address) => (rtype::A, ttl, address.octets().into()),
            IpAddr::V6(address) => (rtype::AAAA, ttl, address.octets().into()),
        })
    });
    let sets = form.sets.iter().flat_map(|set| {
        let records = set.records.iter();
        records.map(|rdata| (set.rtype, set.ttl, rdata.clone().into_boxed_slice()))
    });
    let entry = |(rtype, ttl, rdata)| Entry {
        owner: owner.clone(),
        rtype,
        ttl,
        rdata,
    };
    addresses.chain(sets).map(entry).collect()
}

/// All that a client gets of a service's names.
fn form(table: &Table, service: ServiceId, view: RenderView) -> StaticForm<'_> {
    let plan = &table.plan;
    let nothing = StaticForm::default();
    let Some(own) = plan.services.get(service.index()) else {
        return nothing;
    };
    if own.residency == Residency::Strict && view.strict == StrictNames::LeftOut {
        return nothing;
    }
    let class = plan.classify(service, view.client).class;
    let client = plan.client_hash(view.client);
    let choice = match own.records.is_empty() {
        true => None,
        false => table.choose(service, class, client),
    };
    if let Some(alias) = choice.and_then(|choice| choice.alias(own)) {
        return StaticForm {
            sets: vec![steered_set(alias, [&[], &[]])],
            ..nothing
        };
    }
    let addresses = Family::ALL.map(|family| {
        let selection = table.select(service, family, class, client);
        selection.map_or(&[][..], |selection| selection.records)
    });
    let sets = choice.map_or_else(Vec::new, |choice| {
        let hints = table.hints(service, &choice);
        let hints = Family::ALL.map(|family| hints.of(family).collect::<Vec<_>>());
        let types = own.records.types.iter();
        let sets = types.filter_map(|kind| choice.set(own, kind.rtype));
        sets.map(|set| steered_set(set, [&hints[0], &hints[1]]))
            .collect()
    });
    StaticForm { addresses, sets }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::Moment;
    use crate::dns::zone::Record;
    use crate::table::fixture::{World, standings};

    fn zone() -> Zone {
        let apex = Name::parse("z.test").unwrap();
        let record = |rtype, rdata: &[u8]| Record {
            owner: apex.clone(),
            rtype,
            ttl: 60,
            rdata: rdata.to_vec(),
            line: 1,
        };
        let soa = b"\x01m\0\x01h\0\0\0\0\x09\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
        let records = vec![
            record(rtype::SOA, soa),
            record(rtype::NS, b"\x02ns\x05other\x04test\0"),
        ];
        let www = Name::parse("www.z.test").unwrap();
        Zone::build(&apex, records, &[(www, 0)]).unwrap()
    }

    fn view(strict: StrictNames) -> RenderView {
        RenderView {
            client: "192.0.2.1".parse().unwrap(),
            strict,
        }
    }

    /// The fixture's services are strict.
    #[test]
    fn a_strict_service_leaves_only_if_that_is_meant() {
        let plan = World::new(&[(0, 1, 1), (1, 1, 1)], &[&[0, 1]]).plan();
        let standings = standings(&plan, &[1000, 1000]);
        let table = Table::build(1, Arc::clone(&plan), standings, Moment(0), None);
        let addresses = |strict| {
            let content = render(&table, &zone(), view(strict)).unwrap();
            let records = content.records().iter();
            records.filter(|one| one.rtype == rtype::A).count()
        };
        assert_eq!(addresses(StrictNames::Given), 1);
        assert_eq!(addresses(StrictNames::LeftOut), 0);
    }

    fn rendered(shares: &[u16], now: Moment) -> Content {
        let world = World {
            families: Family::ALL.to_vec(),
            ..World::new(&[(0, 1, 1), (1, 1, 1)], &[&[0, 1]])
        };
        let plan = world.plan();
        let standings = standings(&plan, shares);
        let table = Table::build(1, Arc::clone(&plan), standings, now, None);
        render(&table, &zone(), view(StrictNames::Given)).unwrap()
    }

    fn addresses_of(content: &Content, rtype: u16) -> Vec<&[u8]> {
        let own = content.records().iter().filter(|one| one.rtype == rtype);
        own.map(|one| {
            assert_eq!(one.owner.to_string(), "www.z.test");
            &*one.rdata
        })
        .collect()
    }

    #[test]
    fn a_steered_name_is_what_the_client_would_get() {
        let healthy = rendered(&[1000, 1000, 1000, 1000], Moment(0));
        assert_eq!(healthy.serial(), 9);
        assert_eq!(addresses_of(&healthy, rtype::A).len(), 1);
        assert_eq!(addresses_of(&healthy, rtype::AAAA).len(), 1);
        let failed = rendered(&[0, 1000, 0, 1000], Moment(0));
        assert!(!failed.says_the_same(&healthy));
        assert_ne!(
            addresses_of(&failed, rtype::A),
            addresses_of(&healthy, rtype::A)
        );
        let later = rendered(&[1000, 1000, 1000, 1000], Moment(9_999_999));
        assert!(later.says_the_same(&healthy), "time alone changes nothing");
    }
}
