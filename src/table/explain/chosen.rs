//! Explanations of records that follow the choice: which RRset it is, and whose.
//!
//! The choice itself is told by the chain of the family that leads ([`super::chain`]); here is what it comes to for the type
//! that is asked for, or the CNAME that is given in place of every type.
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::{Family, ServiceId};
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::dns::text::{show_rdata, type_name};
use crate::dns::zone::{Found, HAS_RECORDS, service_number};
use crate::plan::{ChosenSet, Service, Whose};
use crate::table::Table;
use crate::table::hinted::steered_set;
use crate::table::records::RecordChoice;

use super::Question;

/// The RRset that a client's choice comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChosenFacts {
    /// Its type: `CNAME` whatever is asked for, where a name is given in place of everything.
    pub rtype: String,
    /// The region or endpoint that it belongs to, or `everybody`; absent where there is none for this choice.
    pub belongs_to: Option<String>,
    /// Seconds, as the answer says.
    pub ttl_s: u32,
    /// The records.
    pub records: Vec<String>,
    /// The name that a CNAME leads to; to be explained in its turn.
    #[schema(value_type = Option<String>)]
    pub target: Option<Name>,
}

/// The family whose chain tells of the choice, and the RRset; `None` where the type does not follow it.
pub(super) fn find(table: &Table, question: &Question) -> Option<(Family, ChosenFacts)> {
    let wire = question.name.as_wire();
    let (zone, _) = table.zones.find(wire, question.qtype)?;
    let Found::Mounted(mount) = zone.find(wire, question.qtype) else {
        return None;
    };
    if mount & HAS_RECORDS == 0 || question.qtype == rtype::ANY {
        return None;
    }
    let id = ServiceId(service_number(mount));
    let plan = &table.plan;
    let service = plan.services.get(id.index())?;
    let client = question.client.to_canonical();
    let hit = plan.classify(id, client);
    let choice = table.choose(id, hit.class, plan.client_hash(client))?;
    let alias = choice.alias(service).map(|set| (rtype::CNAME, set));
    let own = || choice.set(service, question.qtype);
    let is_known = service.records.of_type(question.qtype).is_some();
    let found = alias.or_else(|| own().map(|set| (question.qtype, set)));
    if found.is_none() && !is_known {
        return None;
    }
    let link = ChosenLink {
        table,
        id,
        service,
        choice,
    };
    Some((choice.family, link.facts(question, found)))
}

/// Everything that the facts are found from.
struct ChosenLink<'t> {
    table: &'t Table,
    id: ServiceId,
    service: &'t Service,
    choice: RecordChoice<'t>,
}

impl ChosenLink<'_> {
    fn facts(&self, question: &Question, found: Option<(u16, &ChosenSet)>) -> ChosenFacts {
        let kind = found.map_or(question.qtype, |(kind, _)| kind);
        let hints = self.table.hints(self.id, &self.choice);
        let hints = Family::ALL.map(|family| hints.of(family).collect::<Vec<_>>());
        let set = found.map(|(_, set)| steered_set(set, [&hints[0], &hints[1]]));
        let ttl = self.choice.selection.ttl(question.now, self.service.ttl);
        let records = set.iter().flat_map(|set| &set.records);
        ChosenFacts {
            rtype: type_name(kind),
            belongs_to: found.and_then(|(kind, set)| self.owner(kind, set)),
            ttl_s: set.as_ref().map_or(ttl, |set| set.ttl.min(ttl)),
            target: records
                .clone()
                .next()
                .filter(|_| kind == rtype::CNAME)
                .and_then(|rdata| Name::from_wire(rdata)),
            records: records.map(|rdata| show_rdata(kind, rdata)).collect(),
        }
    }

    fn owner(&self, kind: u16, set: &ChosenSet) -> Option<String> {
        let plan = &self.table.plan;
        let sets = &self.service.records.of_type(kind)?.sets;
        let (whose, _) = sets.iter().find(|(_, own)| std::ptr::eq(own, set))?;
        Some(match whose {
            Whose::Everybody => "everybody".to_owned(),
            Whose::Region(id) => format!("region {}", plan.regions[id.index()].name),
            Whose::Endpoint(id) => format!("endpoint {}", plan.endpoints[id.index()].name),
        })
    }
}
