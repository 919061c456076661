//! Services with their names resolved, and what does not go together in them.
use std::collections::BTreeSet;
use std::rc::Rc;

use super::checks::Checks;
use super::claims;
use super::places::Places;
use super::steering::{self, Steering};
use super::watch::{self, WatchedBy};
use super::{capacity, deals, fences, weights};
use crate::base::limits::{STEERED_RRSET_BYTES, TIER_MEMBERS};
use crate::base::{
    EndpointId, Family, JurisdictionId, JurisdictionSet, MonitorId, RecoveryId, RegionId, ServiceId,
};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::reader::At;
use crate::config::spec::{Lands, ServiceSpec, Spec};
use crate::dns::Name;
use crate::monitor::host;
use crate::monitor::kind::Host;
use crate::names::NAME_ADDRESSES;
use crate::plan::{AddressesDown, DEFAULT_VIEW, Demand, Endpoint, Plan};

/// Bytes of a record in front of its data, the owner as a pointer (RFC 1035, section 4.1.3).
const RECORD_BYTES: usize = 12;

/// A service, resolved but not yet wired to slots and classes.
pub(super) struct Draft<'s> {
    pub(super) spec: &'s ServiceSpec,
    /// Regions where it has endpoints, in the order of the config.
    pub(super) regions: Vec<RegionId>,
    /// Endpoints that it may be answered with, in the order of the config: in these regions, and enabled.
    pub(super) endpoints: Vec<EndpointId>,
    pub(super) watch: WatchedBy,
    pub(super) recovery: RecoveryId,
    /// Fence of clients outside every jurisdiction.
    pub(super) outside: JurisdictionSet,
    /// Fence of clients whose place is unknown.
    pub(super) unknown: JurisdictionSet,
    pub(super) demand: Demand,
    /// The way in which its clients prefer regions.
    pub(super) steering: Rc<Steering>,
    /// Tells whether a hostname of it lies in a zone that is signed here.
    pub(super) is_signed: bool,
    /// Tells whether a CNAME cannot stand at some hostname of it, or beside what an answer has: machines that are known by name
    /// are answered with their addresses then.
    pub(super) flattens: bool,
}

pub(super) fn resolve<'s>(
    spec: &'s Spec,
    places: &Places<'_>,
    checks: &Checks<'_>,
    found: &mut Diagnostics,
) -> Vec<Draft<'s>> {
    let by_regions = steering::by_regions(places);
    let numbered = (0..).map(ServiceId::from_index).zip(&spec.services);
    let drafts = numbered.map(|one| {
        let draft = Draft {
            is_signed: is_signed(one.1, spec),
            flattens: flattens(one.1, spec),
            ..draft(one, (places, &by_regions), checks, found)
        };
        fences::check(&draft, places, found);
        check_size(&draft, places, found);
        check_families(&draft, places, found);
        check_addresses_down(&draft, places, checks, found);
        check_hosts(&draft, checks, found);
        draft
    });
    let drafts: Vec<Draft<'_>> = drafts.collect();
    let own = drafts.iter().map(|draft| (draft.spec, &draft.regions[..]));
    claims::check_networks(spec, own, found);
    weights::check(&drafts, places, found);
    capacity::check(spec, &drafts, places, found);
    warn_of_unused(spec, &drafts, checks, found);
    drafts
}

fn draft<'s>(
    (id, spec): (ServiceId, &'s ServiceSpec),
    (places, by_regions): (&Places<'_>, &Rc<Steering>),
    checks: &Checks<'_>,
    found: &mut Diagnostics,
) -> Draft<'s> {
    if spec.monitors.decide.is_none() {
        let message = format!("service `{}` has no monitor", spec.name.value);
        found
            .warn(&spec.name.at, message)
            .help("its endpoints are never proven and always served: write `monitors = [ … ]`")
            .rests_on(Gap::Content("services"));
    }
    let recovery = spec.recovery.as_ref();
    let recovery = recovery.and_then(|name| match name.value.as_str() {
        "default" => Some(checks.default),
        _ => checks.recovery_names.find(name, found),
    });
    let (regions, endpoints) = regions((id, spec), places, found);
    let steering = steering::of_service((spec, &regions), places, by_regions, found);
    Draft {
        spec,
        demand: capacity::demand(spec, &regions, places, found),
        regions,
        steering,
        endpoints,
        watch: watch::resolve(&spec.monitors, &checks.monitor_names, found),
        recovery: RecoveryId::from_index(recovery.unwrap_or(checks.default)),
        outside: lands(spec.outside.as_ref(), places, found),
        unknown: lands(spec.unknown.as_ref(), places, found),
        is_signed: false,
        flattens: false,
    }
}

/// Tells whether some hostname of a service is an apex (RFC 1912, section 2.4), or its answers name several machines.
fn flattens(service: &ServiceSpec, spec: &Spec) -> bool {
    let apexes = spec.zones.iter().filter_map(|zone| zone.name.as_ref());
    let is_apex = |name: &At<Name>| apexes.clone().any(|apex| apex.value == name.value);
    service.answers.value > 1 || service.hostnames.iter().any(is_apex)
}

/// Tells whether some hostname of a service has, in some view, a signed zone as the smallest that it lies in.
fn is_signed(service: &ServiceSpec, spec: &Spec) -> bool {
    let named = service.views.iter().map(|view| view.value.as_str());
    let mut views: Vec<&str> = named.collect();
    if views.is_empty() {
        views.push(DEFAULT_VIEW);
    }
    let all = service.hostnames.iter();
    let mut all = all.flat_map(|name| views.iter().map(move |view| (name, *view)));
    all.any(|(hostname, view)| {
        let zones = spec.zones.iter();
        let zones = zones.filter(|zone| zone.view_name().unwrap_or(DEFAULT_VIEW) == view);
        let zones = zones.filter_map(|zone| Some((zone, zone.name.as_ref()?)));
        let around = zones.filter(|(_, name)| hostname.value.is_within(&name.value));
        let own = around.max_by_key(|(_, name)| name.value.as_wire().len());
        own.is_some_and(|(zone, _)| zone.dnssec.is_some())
    })
}

/// The regions of a service that have endpoints, and these.
fn regions(
    (id, spec): (ServiceId, &ServiceSpec),
    places: &Places<'_>,
    found: &mut Diagnostics,
) -> (Vec<RegionId>, Vec<EndpointId>) {
    let mut regions = match &spec.regions {
        Some(names) => places.region_ids(&names.value, found),
        None => (0..places.regions.len())
            .map(RegionId::from_index)
            .collect(),
    };
    regions.sort();
    let region_of = |one: EndpointId| places.endpoints[one.index()].region;
    let mut endpoints: Vec<EndpointId> = places.endpoints_of(id).collect();
    for one in &endpoints {
        warn_of_unreached(*one, (spec, &regions), places, found);
    }
    endpoints.retain(|one| regions.contains(&region_of(*one)));
    regions.retain(|region| endpoints.iter().any(|one| region_of(*one) == *region));
    if regions.is_empty() {
        let at = spec.regions.as_ref().map_or(&spec.name.at, |list| &list.at);
        let message = format!("service `{}` has no endpoint", spec.name.value);
        found
            .error(at, message)
            .help(format!(
                "at least one of its regions needs `[[regions.NAME.endpoints]]`, or the service \
                 `[[services.{}.endpoints]]`",
                spec.name.value
            ))
            .rests_on(Gap::Content("regions"))
            .rests_on(Gap::Uses("regions"));
    }
    (regions, endpoints)
}

/// Tells of a service's own endpoint that lies in none of its `regions`.
fn warn_of_unreached(
    id: EndpointId,
    (spec, regions): (&ServiceSpec, &[RegionId]),
    places: &Places<'_>,
    found: &mut Diagnostics,
) {
    let own = &places.endpoints[id.index()];
    let at = places.written[id.index()].region.as_ref();
    let Some(at) = at.filter(|_| !regions.contains(&own.region)) else {
        return;
    };
    let message = format!(
        "endpoint `{}` serves nobody: `regions` of `{}` leaves its region out",
        own.name, spec.name.value
    );
    found
        .warn(&at.at, message)
        .help("name the region in `regions`, or omit `regions`: own endpoints say where they are");
}

fn lands(
    lands: Option<&At<Lands>>,
    places: &Places<'_>,
    found: &mut Diagnostics,
) -> JurisdictionSet {
    match lands.map(|lands| &lands.value) {
        None | Some(Lands::Any) => JurisdictionSet::EVERYWHERE,
        Some(Lands::Only(names)) => {
            let places = places.jurisdiction_names.find_all(names, found);
            let ids = places
                .into_iter()
                .filter_map(|place| u8::try_from(place).ok());
            ids.fold(JurisdictionSet::EMPTY, |set, id| {
                set.with(Some(JurisdictionId(id)))
            })
        }
    }
}

/// An answer must fit into any UDP reply, and a tier into what can be dealt out.
fn check_size(draft: &Draft<'_>, places: &Places<'_>, found: &mut Diagnostics) {
    let spec = draft.spec;
    for region in &draft.regions {
        let name = &places.regions[region.index()].name;
        for family in Family::ALL {
            for tier in tiers(draft, *region, family, places) {
                if tier.len() > TIER_MEMBERS {
                    let message = format!("a tier of `{name}` has {} endpoints", tier.len());
                    found.error(&spec.name.at, message).help(format!(
                        "a tier holds {TIER_MEMBERS} at the most: make a tier or a region of the others"
                    ));
                }
                let bytes = answer_bytes(&tier, family, usize::from(spec.answers.value));
                if bytes > STEERED_RRSET_BYTES {
                    let message = format!("an answer from `{name}` can take {bytes} octets");
                    found.error(&spec.answers.at, message).help(format!(
                        "{STEERED_RRSET_BYTES} is the most: lower `answers`, or list fewer \
                             addresses for each endpoint"
                    ));
                }
            }
        }
    }
}

/// Answers of signed services must all be known beforehand.
pub(super) fn check_signed(plan: &Plan, drafts: &[Draft<'_>], found: &mut Diagnostics) {
    let services = plan.services.iter().zip(drafts);
    for (service, draft) in services.filter(|(service, _)| service.is_signed) {
        let families = Family::ALL.into_iter();
        let mut counted = families.filter_map(|own| deals::count(plan, service, own).err());
        let Some(excess) = counted.next() else {
            continue;
        };
        let message = format!(
            "service `{}` may give more than {} different answers, too many to sign beforehand",
            service.name, excess.most
        );
        found
            .error(&draft.spec.answers.at, message)
            .help(excess.help);
    }
}

impl Draft<'_> {
    /// Its endpoints in a region.
    pub(super) fn endpoints_in<'p>(
        &self,
        region: RegionId,
        places: &'p Places<'_>,
    ) -> impl Iterator<Item = &'p Endpoint> {
        let all = self
            .endpoints
            .iter()
            .map(|id| &places.endpoints[id.index()]);
        all.filter(move |one| one.region == region)
    }
}

/// A service's endpoints of a region with addresses of a family, by tier, best tier first; those of weight 0 are a tier
/// of their own, after the others of their number.
pub(super) fn tiers<'p>(
    draft: &Draft<'_>,
    region: RegionId,
    family: Family,
    places: &'p Places<'_>,
) -> Vec<Vec<&'p Endpoint>> {
    let all = draft.endpoints_in(region, places);
    let mut members: Vec<&Endpoint> = all.filter(|endpoint| count(endpoint, family) > 0).collect();
    let rank = |one: &Endpoint| (one.tier, one.weight == 0);
    members.sort_by_key(|one| rank(one));
    members
        .chunk_by(|one, other| rank(one) == rank(other))
        .map(<[_]>::to_vec)
        .collect()
}

/// The most that an answer of so many endpoints of a tier can take.
fn answer_bytes(tier: &[&Endpoint], family: Family, answers: usize) -> usize {
    let record = RECORD_BYTES
        + match family {
            Family::V4 => 4,
            Family::V6 => 16,
        };
    // A name may have other addresses by the next answer.
    let most = |one: &&Endpoint| match one.named {
        Some(_) => NAME_ADDRESSES,
        None => count(one, family),
    };
    let mut counts: Vec<usize> = tier.iter().map(most).collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    counts.iter().take(answers).sum::<usize>() * record
}

fn count(endpoint: &Endpoint, family: Family) -> usize {
    let addresses = endpoint.addresses.iter();
    addresses.filter(|one| Family::of(**one) == family).count()
}

/// Clients that ask for one family only do not fail over to endpoints without it.
fn check_families(draft: &Draft<'_>, places: &Places<'_>, found: &mut Diagnostics) {
    let all = draft.endpoints.iter();
    let all = all.map(|id| &places.endpoints[id.index()]);
    // Which families a name has is not the config's to say.
    let all: Vec<&Endpoint> = all.filter(|one| one.named.is_none()).collect();
    for (family, name) in [(Family::V4, "IPv4"), (Family::V6, "IPv6")] {
        let without: Vec<&str> = all
            .iter()
            .filter(|endpoint| count(endpoint, family) == 0)
            .map(|endpoint| &*endpoint.name)
            .collect();
        if without.is_empty() || without.len() == all.len() {
            continue;
        }
        let spec = draft.spec;
        let message = format!("only some endpoints of `{}` have {name}", spec.name.value);
        found
            .warn(&spec.name.at, message)
            .label(format!("without it: {}", without.join(", ")))
            .help(format!(
                "clients with nothing but {name} cannot fail over to those"
            ))
            .rests_on(Gap::Content("regions"));
    }
}

/// A monitor that asks for the service's first hostname must be able to: a name in DNS may hold what no
/// host does.
fn check_hosts(draft: &Draft<'_>, checks: &Checks<'_>, found: &mut Diagnostics) {
    let Some(hostname) = draft.spec.hostnames.first() else {
        return;
    };
    let name = hostname.value.to_string();
    let Some(why) = host::trouble(&name) else {
        return;
    };
    let gates = &checks.recoveries[draft.recovery.index()].gates;
    let monitors = draft.watch.all().chain(gates.iter().copied());
    let monitors = monitors.map(|id| &checks.monitors[id.index()]);
    let mut asking = monitors.filter(|one| one.check.host() == Host::OfService);
    if let Some(monitor) = asking.next() {
        let message = format!("monitor `{}` cannot ask for `{name}`: {why}", monitor.name);
        found
            .error(&hostname.at, message)
            .help("write `host = \"…\"` in the monitor, or let another hostname be the first");
    }
}

/// Addresses that come back alone come back without gate and approval, so they cannot be asked for with these.
fn check_addresses_down(
    draft: &Draft<'_>,
    places: &Places<'_>,
    checks: &Checks<'_>,
    found: &mut Diagnostics,
) {
    let recovery = &checks.recoveries[draft.recovery.index()];
    if !recovery.guards_data() {
        return;
    }
    let endpoints = draft.endpoints.iter();
    let endpoints = endpoints.filter_map(|id| places.written[id.index()].addresses_down.as_ref());
    let said = draft.spec.addresses_down.iter().chain(endpoints);
    for one in said.filter(|one| one.value == AddressesDown::Address) {
        let message = format!(
            "recovery `{}` of service `{}` has a gate or an approval, and an address would come back round it",
            recovery.name, draft.spec.name.value
        );
        found
            .error(&one.at, message)
            .help("write \"endpoint\", or make endpoints of their own of the addresses");
    }
}

/// What nothing refers to is most likely a slip.
fn warn_of_unused(spec: &Spec, drafts: &[Draft<'_>], checks: &Checks<'_>, found: &mut Diagnostics) {
    let gates = checks
        .recoveries
        .iter()
        .flat_map(|one| one.gates.iter().copied());
    let watched = drafts.iter().flat_map(|one| one.watch.all());
    let own = checks.own.iter().flatten().flat_map(WatchedBy::all);
    let all = watched.chain(own).chain(gates);
    let monitors: BTreeSet<usize> = all.map(MonitorId::index).collect();
    let recoveries: BTreeSet<usize> = drafts.iter().map(|one| one.recovery.index()).collect();
    for (place, monitor) in spec.monitors.iter().enumerate() {
        if !monitors.contains(&place) {
            let message = format!("monitor `{}` is not used", monitor.name.value);
            found
                .warn(&monitor.name.at, message)
                .help("name it in the `monitors` of a service or an endpoint, or in the `gate` of a recovery")
                .rests_on(Gap::Uses("monitors"))
                .rests_on(Gap::Content("recoveries"))
                .rests_on(Gap::Content("services"));
        }
    }
    for (place, recovery) in spec.recoveries.iter().enumerate() {
        if place != checks.default && !recoveries.contains(&place) {
            let message = format!("recovery `{}` is not used", recovery.name.value);
            found
                .warn(&recovery.name.at, message)
                .help("name it as the `recovery` of a service")
                .rests_on(Gap::Uses("recoveries"))
                .rests_on(Gap::Content("services"));
        }
    }
}
