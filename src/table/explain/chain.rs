//! The links of the chain for a steered name, each as plain data.
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::limits::{COHORT_PREFIX_V4, COHORT_PREFIX_V6};
use crate::base::{
    ClassId, ClientHash, Family, JurisdictionId, JurisdictionSet, Moment, Permille, Reason,
    RegionId, ServiceId, Span, Standing, Why, shown,
};
use crate::dns::addresses;
use crate::geo::ClassHit;
use crate::plan::{
    AllDown, Member, Overload, Pool, Residency, Service, SteeringPolicy, Subnets, TtlBounds,
};

use crate::table::pool::PoolTable;
use crate::table::{Selection, Table};

use super::Question;
use super::drawn::{self, RegionWeight};
use super::load::Load;
use super::measured::{self, MeasuredFacts};
use super::named::{self, DiscoveredFacts, NameFacts};
use super::place::PlaceFacts;
use super::scope::{self, Scope};
use super::set::{self, SetFacts};

/// Everything that decides one client's answer for a steered name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Steered {
    /// The service.
    pub service: String,
    /// The family.
    pub family: Family,
    /// The widest network around the client that lies in its class whole.
    pub network: String,
    /// Where the client is.
    pub place: PlaceFacts,
    /// Its class, a number of this plan.
    pub class: ClassId,
    /// The regions of the class, best first.
    pub preference: Vec<String>,
    /// The weights by which the client drew the order of its regions; empty where it draws none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<RegionWeight>,
    /// The times by which they were sorted; absent where nothing was measured of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredFacts>,
    /// How strictly answers stay in the client's jurisdiction.
    pub residency: Residency,
    /// The way in which its clients are sorted among regions.
    pub policy: SteeringPolicy,
    /// Tells whether clients keep their endpoints over changes of the config.
    pub sticky: bool,
    /// The part of a tier's clients that go to the next one all the time.
    pub trickle_permille: u16,
    /// The part of a region's clients that go to the next one all the time.
    pub region_trickle_permille: u16,
    /// The jurisdictions in which the answer may lie; absent means anywhere.
    pub fence: Option<Vec<String>>,
    /// The client's cohort, 0 to 999.
    pub cohort: u16,
    /// The set that the client drew, where a fleet serves it.
    pub set: Option<SetFacts>,
    /// The pools that were asked, in order.
    pub consulted: Vec<Consulted>,
    /// Why the answer is what it is.
    pub reason: Reason,
    /// What the service answers when nothing is healthy.
    pub all_down: AllDown,
    /// Who serves what fits nowhere.
    pub overload: Overload,
    /// Region of the answer, if there is one.
    pub region: Option<String>,
    /// Tier of the answer, if there is one.
    pub tier: Option<u16>,
    /// Endpoints of the answer.
    pub endpoints: Vec<String>,
    /// Those of them that are known by name.
    pub named: Vec<NameFacts>,
    /// Those of them that were discovered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discovered: Vec<DiscoveredFacts>,
    /// Addresses of the answer.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
    /// The TTL; absent where there is no endpoint at all.
    pub ttl: Option<Ttl>,
    /// How widely the answer holds.
    pub scope: Scope,
}

/// One pool that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Consulted {
    /// Its region.
    pub region: String,
    /// How many of 1000 cohorts it takes.
    pub takes_permille: u16,
    /// What it does for this client's cohort.
    pub role: Role,
    /// Tells whether this client's cohort goes past its first tier all the time (`trickle`).
    pub trickles: bool,
    /// What its region carries and can carry; absent where no capacity is planned.
    pub load: Option<Load>,
    /// Its endpoints.
    pub endpoints: Vec<Stand>,
}

/// What a pool does for a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It serves it.
    Serves,
    /// It takes other cohorts, and not this one.
    Passes,
    /// It would take this cohort, and is full.
    Full,
    /// It would take this cohort, and its other family would not: both are to come from one region.
    Apart,
    /// It takes nobody.
    Out,
    /// It takes nobody, because fewer of its endpoints are fully up than it needs (`min_up`).
    Short,
    /// It has no endpoint of this family.
    Absent,
}

/// How one endpoint stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stand {
    /// The endpoint.
    pub endpoint: String,
    /// Who runs it.
    pub provider: String,
    /// Tier.
    pub tier: u16,
    /// Weight within the tier.
    pub weight: u16,
    /// What it carries and can carry; absent where no capacity is planned.
    pub load: Option<Load>,
    /// Share of the clients that would choose it.
    #[serde(rename = "share_permille")]
    pub share: Permille,
    /// Why it has this share.
    pub why: Why,
    /// The sights of the vantages of the cluster, in words; [`explain`](super::explain) does not know it, and whoever does adds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vantages: Option<String>,
    /// How long this lasts at the least; absent where nothing watches it.
    #[serde(rename = "hold_ms", serialize_with = "shown::ms_or_null")]
    #[schema(value_type = Option<u64>)]
    pub hold: Option<Span>,
    /// Time until the share changes by itself.
    pub until_ms: Option<u64>,
}

/// How the TTL comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ttl {
    /// Seconds, as the answer says.
    #[serde(rename = "ttl_s")]
    pub seconds: u32,
    /// How long the answer lasts at the least, if probes begin to disagree at once; absent where nothing watches
    /// whoever may answer.
    #[serde(rename = "hold_ms", serialize_with = "shown::ms_or_null")]
    #[schema(value_type = Option<u64>)]
    pub hold: Option<Span>,
    /// Time until it changes by itself, if it does.
    pub until_ms: Option<u64>,
    /// Bounds of the service.
    pub bounds: TtlBounds,
}

/// What the links are found from.
struct Link<'t> {
    table: &'t Table,
    id: ServiceId,
    service: &'t Service,
    family: Family,
    client: ClientHash,
    now: Moment,
}

/// Finds the chain of a client for a service.
pub(super) fn steer(table: &Table, id: ServiceId, family: Family, question: &Question) -> Steered {
    let plan = &table.plan;
    let client = question.client.to_canonical();
    let link = Link {
        table,
        id,
        service: &plan.services[id.index()],
        family,
        client: plan.client_hash(client),
        now: question.now,
    };
    let hit = plan.classify(id, client);
    let map = &plan.maps[link.service.map.index()];
    let own = map.drawn(hit.class, link.client);
    let class = plan.class(id, own);
    let link = Link {
        table: table.view_for(id, own),
        ..link
    };
    // As a query asks, that is before anything is drawn.
    let selection = table.select(id, family, hit.class, link.client);
    let region = selection.and_then(|selection| selection.region);
    let endpoints = selection.map_or(&[][..], |selection| selection.endpoints);
    let names = endpoints
        .iter()
        .map(|id| plan.endpoints[id.index()].name.clone());
    Steered {
        service: link.service.name.clone(),
        family,
        network: scope::network(client, hit.prefix),
        place: PlaceFacts::of(plan, client),
        class: own,
        weights: drawn::weights(plan, map, hit.class),
        preference: class
            .preference
            .iter()
            .map(|region| link.region(*region))
            .collect(),
        measured: measured::of(plan, link.service, client, &class.preference),
        residency: link.service.residency,
        policy: link.service.steering.policy,
        sticky: link.service.steering.is_sticky,
        trickle_permille: Pool::trickle_of(&link.service.pools).0,
        region_trickle_permille: link.service.steering.region_trickle.0,
        fence: link.fence(class.fence),
        cohort: link.client.cohort(),
        set: selection.and_then(|found| link.set(found)),
        consulted: link.consulted(&class.preference, selection),
        reason: selection.map_or(Reason::Nodata, |selection| selection.reason),
        all_down: link.service.all_down,
        overload: link.service.overload,
        region: region.map(|region| link.region(region)),
        tier: endpoints.first().map(|id| plan.endpoints[id.index()].tier),
        endpoints: names.collect(),
        named: named::of(plan, endpoints),
        discovered: named::discovered(plan, endpoints),
        addresses: selection.map_or(Vec::new(), |found| {
            addresses::read(family, found.records).collect()
        }),
        ttl: selection.map(|selection| link.ttl(&selection)),
        scope: scope((client, hit), selection, link.service),
    }
}

impl Link<'_> {
    fn region(&self, region: RegionId) -> String {
        self.table.plan.regions[region.index()].name.clone()
    }

    /// The set of a fleet that was drawn for an answer.
    fn set(&self, found: Selection<'_>) -> Option<SetFacts> {
        let (region, client) = (found.region?, (self.client, found.reason));
        let drawn = self
            .table
            .set_drawn((self.id, self.family), region, client)?;
        let tiers = &self.service.pools[self.family.index()][region.index()].tiers;
        set::of(&self.table.plan, tiers, *found.endpoints.first()?, drawn)
    }

    /// The names of a fence; nothing if it is everywhere.
    fn fence(&self, fence: JurisdictionSet) -> Option<Vec<String>> {
        if fence == JurisdictionSet::EVERYWHERE {
            return None;
        }
        let all = self.table.plan.jurisdictions.iter().enumerate();
        let inside =
            all.filter(|(index, _)| fence.contains(Some(JurisdictionId::from_index(*index))));
        let mut names: Vec<String> = inside.map(|(_, one)| one.name.clone()).collect();
        if fence.contains(None) {
            names.push("regions without a jurisdiction".to_owned());
        }
        Some(names)
    }

    /// The pools up to the one that serves; all of them where the rest was shared out.
    fn consulted(&self, preference: &[RegionId], found: Option<Selection<'_>>) -> Vec<Consulted> {
        let by_share = |reason| {
            matches!(
                reason,
                Reason::Preferred | Reason::Backup | Reason::Failover | Reason::Full
            )
        };
        let serving = found.filter(|found| by_share(found.reason));
        let serving = serving.and_then(|found| found.region);
        let last = preference
            .iter()
            .position(|region| Some(*region) == serving);
        let count = last.map_or(preference.len(), |last| last + 1);
        let capacities = self.table.plan.region_capacities();
        let asked = preference[..count].iter();
        asked
            .map(|&own| self.consult(own, found, capacities[own.index()]))
            .collect()
    }

    fn consult(
        &self,
        region: RegionId,
        found: Option<Selection<'_>>,
        capacity: Option<u64>,
    ) -> Consulted {
        let serves = found.and_then(|found| found.region) == Some(region);
        let by_room =
            |found: Selection<'_>| matches!(found.reason, Reason::Full | Reason::Overloaded);
        let pool = &self.service.pools[self.family.index()][region.index()];
        let number = self.table.layout.pool_of(self.id, self.family, region);
        let given = number.map(|number| &*self.table.pools[number]);
        let takes = given.map_or(0, |pool: &PoolTable| pool.by_share.spread.taken());
        let cohort = self.client.cohort();
        let mine = given.is_some_and(|pool| pool.by_share.spread.source(cohort).is_some());
        let load = self.table.region_load(region);
        Consulted {
            region: self.region(region),
            takes_permille: takes,
            role: match (serves, given, takes) {
                (true, ..) => Role::Serves,
                (false, None, _) => Role::Absent,
                (false, Some(_), 0) if pool.is_short(&self.table.standings) => Role::Short,
                (false, Some(_), 0) => Role::Out,
                (false, Some(_), _) if mine && found.is_some_and(by_room) => Role::Full,
                (false, Some(_), _) if mine => Role::Apart,
                (false, Some(_), _) => Role::Passes,
            },
            trickles: !pool.tiers.is_empty() && pool.passes(0, cohort),
            load: load.map(|load| Load::new(load, capacity)),
            endpoints: self.stands(pool),
        }
    }

    fn stands(&self, pool: &Pool) -> Vec<Stand> {
        let members = pool.tiers.iter().flat_map(|tier| {
            let members = tier.members.iter();
            members.map(move |member| (tier.number, member))
        });
        members
            .map(|(tier, member)| self.stand(tier, member))
            .collect()
    }

    fn stand(&self, tier: u16, member: &Member) -> Stand {
        let endpoint = &self.table.plan.endpoints[member.endpoint.index()];
        let standing: Standing = self.table.standings[member.target.index()];
        let load = self.table.endpoint_load(member.endpoint);
        Stand {
            endpoint: endpoint.name.clone(),
            provider: endpoint.provider.clone(),
            tier,
            weight: member.weight,
            load: load.map(|load| {
                let capacity = self
                    .table
                    .demands
                    .capacity(&self.table.plan, member.endpoint);
                Load::new(load, capacity.map(u64::from))
            }),
            share: standing.share,
            why: standing.why,
            vantages: None,
            hold: lasting(standing.hold),
            until_ms: standing.until.map(|until| until.since(self.now).0),
        }
    }

    fn ttl(&self, selection: &Selection<'_>) -> Ttl {
        Ttl {
            seconds: selection.ttl(self.now, self.service.ttl),
            hold: lasting(selection.hold),
            until_ms: selection.until.map(|until| until.since(self.now).0),
            bounds: self.service.ttl,
        }
    }
}

/// Finds how widely an answer holds.
fn scope(
    (client, hit): (IpAddr, ClassHit),
    selection: Option<Selection<'_>>,
    service: &Service,
) -> Scope {
    if service.steering.subnets == Subnets::PassedOver {
        return Scope {
            prefix: 0,
            by_cohort: false,
            counts: false,
        };
    }
    let by_cohort = selection.is_some_and(|selection| selection.by_cohort);
    let narrowest = match (by_cohort, client) {
        (false, _) => 0,
        (true, IpAddr::V4(_)) => COHORT_PREFIX_V4,
        (true, IpAddr::V6(_)) => COHORT_PREFIX_V6,
    };
    Scope {
        prefix: hit.prefix.max(narrowest),
        by_cohort,
        counts: true,
    }
}

/// A hold that ends: where nothing watches, nothing ends.
fn lasting(hold: Span) -> Option<Span> {
    (hold != Span(u64::MAX)).then_some(hold)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dns::Name;
    use crate::geo::{Continent, Country, Location, Territory};
    use crate::plan::Demand;
    use crate::table::explain::{Chain, Explanation, Health, ViewAsked};
    use crate::table::fixture::{SERVICE, World, standing};

    const NOW: Moment = Moment(50_000);

    fn question() -> Question {
        Question {
            name: Name::parse("s0.example.org").unwrap(),
            qtype: 1,
            client: "198.51.100.7".parse().unwrap(),
            now: NOW,
            suppose: Vec::new(),
            view: ViewAsked::OfClient,
        }
    }

    fn explained(shares: [u16; 3]) -> Steered {
        let machines = [(0, 1, 100), (0, 2, 50), (1, 1, 100)];
        let plan = World::new(&machines, &[&[0, 1]]).plan();
        let mut standings = shares.map(standing);
        standings[0].until = Some(NOW.after(Span::from_secs(12)));
        let table = Table::build(7, plan, Arc::new(standings), Moment(0), None);
        steer(&table, SERVICE, Family::V4, &question())
    }

    #[test]
    fn the_chain_ends_where_the_client_is_served() {
        let preferred = explained([1000, 0, 1000]);
        assert_eq!(preferred.consulted.len(), 1);
        assert_eq!(preferred.consulted[0].role, Role::Serves);
        assert_eq!(preferred.endpoints, ["e0"]);
        let failover = explained([0, 0, 1000]);
        let roles: Vec<Role> = failover.consulted.iter().map(|one| one.role).collect();
        assert_eq!(roles, [Role::Out, Role::Serves]);
        assert_eq!(
            (failover.reason, failover.tier),
            (Reason::Failover, Some(1))
        );
        assert_eq!(failover.addresses, ["192.0.0.2".parse::<IpAddr>().unwrap()]);
        let dead = explained([0, 0, 0]);
        assert_eq!((dead.reason, dead.consulted.len()), (Reason::FailOpen, 2));
        assert_eq!(dead.consulted[0].role, Role::Serves);
    }

    #[test]
    fn full_places_are_said_to_be_full() {
        let machines = [(0, 1, 100), (1, 1, 100), (2, 1, 100)];
        let explained = |capacities: [u32; 3]| {
            let plan = World::new(&machines, &[&[0, 1, 2]]).plan();
            let mut plan = Arc::into_inner(plan).unwrap();
            for (endpoint, capacity) in plan.endpoints.iter_mut().zip(capacities) {
                endpoint.capacity = Some(capacity);
            }
            plan.services[0].demand = Demand::Whole(100);
            plan.services[0].overload = Overload::ShedLast;
            let standings = [1000, 0, 1000].map(standing);
            let plan = Arc::new(plan);
            let table = Table::build(7, plan, Arc::new(standings), Moment(0), None);
            steer(&table, SERVICE, Family::V4, &question())
        };
        let roles = |steered: &Steered| -> Vec<Role> {
            steered.consulted.iter().map(|one| one.role).collect()
        };
        // Nobody fits the first region, everybody the last.
        let full = explained([0, 100, 100]);
        assert_eq!(full.reason, Reason::Full);
        assert_eq!(roles(&full), [Role::Full, Role::Out, Role::Serves]);
        let text = explanation(full).to_string();
        for routes in [
            "r0: would take this cohort and is full; carries 0 of 0\n",
            "r2: has room for this cohort; carries 100 of 100\n",
            "  endpoint  provider  tier  weight  load        share",
            "  e2        p1        1     100     100 of 100  100%",
            "answer      e2 in r2, tier 1: full\n",
        ] {
            assert!(text.contains(routes), "{routes:?} is missing in\n{text}");
        }
        let over = explained([0, 100, 0]);
        assert_eq!(over.reason, Reason::Overloaded);
        assert_eq!(roles(&over), [Role::Full, Role::Out, Role::Serves]);
        let text = explanation(over).to_string();
        let told = "r2: is full as well, and serves it by overload = \"shed-last\"; carries";
        assert!(text.contains(told), "{text}");
    }

    fn explanation(steered: Steered) -> Explanation {
        Explanation {
            name: question().name,
            qtype: 1,
            view: None,
            client: question().client,
            health: Health::Present,
            supposed: Vec::new(),
            generation: 7,
            signed: None,
            withdrawn: None,
            chain: Chain::Steered(Box::new(steered)),
            chosen: None,
            declared: None,
        }
    }

    #[test]
    fn networks_and_scopes_follow_the_class_and_the_cohort() {
        let whole = explained([1000, 1000, 1000]);
        assert_eq!(
            (whole.network.as_str(), whole.scope.prefix),
            ("0.0.0.0/0", 0)
        );
        let parted = explained([400, 1000, 1000]);
        assert_eq!((parted.scope.prefix, parted.scope.by_cohort), (24, true));
        let client = "2001:db8:1:2::3".parse().unwrap();
        assert_eq!(scope::network(client, 48), "2001:db8:1::/48");
        assert_eq!(scope::network(client, 128), "2001:db8:1:2::3/128");
        assert_eq!(
            scope::network("203.0.113.77".parse().unwrap(), 25),
            "203.0.113.0/25"
        );
    }

    #[test]
    fn it_reads_like_a_report() {
        let mut steered = explained([0, 1000, 1000]);
        // What the geo database says of a documentation address is not the matter here.
        steered.place = PlaceFacts {
            country: Country::parse("DE"),
            subdivision: Territory::parse("DE-HE"),
            city: Some("Frankfurt am Main".to_owned()),
            continent: Some(Continent::Eu),
            location: Some(Location {
                latitude: 50_110,
                longitude: -8_005,
            }),
            asn: Some(64_500),
            claimed_by: None,
        };
        let cohort = steered.cohort;
        let mut explanation = Explanation {
            supposed: vec!["e0".into()],
            ..explanation(steered)
        };
        let expected = format!(
            "\
s0.example.org A for 198.51.100.7, generation 7
supposed down: e0

service     s0
network     0.0.0.0/0, all of one class
place       country DE, subdivision DE-HE, city Frankfurt am Main, continent EU, near 50.110 N 8.005 W, AS64500
class       0
preference  r0 > r1
fence       j0, j1 (residency strict)
cohort      {cohort} of 0 to 999

r0: takes 1000 of 1000 cohorts, this one too
  endpoint  provider  tier  weight  share  lasts  steps in  state
  e0        p1        1     100     0%     15s    12s       down: connection refused
  e1        p2        2     50      100%   15s    -         healthy

answer      e1 in r0, tier 2: backup
RRset       s0.example.org 12 IN A 192.0.0.1
TTL         12 s: a share steps in 12s at the earliest; within 10s to 1m
ECS scope   /0: the whole class gets this answer now
"
        );
        assert_eq!(explanation.to_string(), expected);
        let json = serde_json::to_value(&explanation).unwrap();
        assert_eq!(json["chain"]["kind"], "steered");
        assert_eq!(json["chain"]["ttl"]["hold_ms"], 15_000);
        assert_eq!(json["health"], "present");
        explanation.health = Health::Supposed;
        let text = explanation.to_string();
        assert!(text.starts_with("s0.example.org A for 198.51.100.7\n"));
    }
}
