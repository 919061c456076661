//! A config as it is drawn by a maker's translator: regions, monitors, services, zones, and what there is to say.
//!
//! A translator draws all that its files mean, whether a config can say it or not. [`ImportDraft::settle`] takes out what cannot be
//! said, with a remark each.
//!
//! A *pool* is what one region answers with for one service. Lists of regions name only regions where the service has a pool
//! that is left.
//!
//! It does not know how a config is written.
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::places::ClientPlace;
use super::remark::{Feature, Remark, RemarkKind, SourceLine};
use super::zone_text::{DraftZone, absolute};

/// The region of services whose maker knows no places for them.
pub(super) const EVERYWHERE: &str = "everywhere";
/// Greatest weight of an endpoint.
const WEIGHT_MOST: u32 = 65_535;

/// All that is drawn.
#[derive(Debug, Default)]
pub(super) struct ImportDraft {
    /// Path of the geo database, as it was written.
    pub(super) database: Option<String>,
    /// By apex, with its final dot.
    pub(super) zones: BTreeMap<String, DraftZone>,
    /// Degrees north and east, where the maker has them.
    pub(super) locations: BTreeMap<String, (f64, f64)>,
    /// Keys and values of each monitor, as they are written.
    pub(super) monitors: BTreeMap<String, Vec<(String, String)>>,
    pub(super) services: Vec<DraftService>,
    pub(super) remarks: Vec<Remark>,
}

/// One service.
#[derive(Clone, Debug)]
pub(super) struct DraftService {
    pub(super) name: String,
    pub(super) origin: SourceLine,
    pub(super) hostnames: Vec<String>,
    pub(super) monitors: Vec<String>,
    pub(super) pools: Vec<DraftPool>,
    pub(super) steering: DraftSteering,
    /// Endpoints in one answer.
    pub(super) answers: usize,
    /// Percent of a pool that must be up.
    pub(super) min_up: Option<u32>,
    /// Seconds: the least, where it is said, and the most.
    pub(super) ttl: Option<(Option<u32>, u32)>,
}

/// A service's endpoints in one region.
#[derive(Clone, Debug)]
pub(super) struct DraftPool {
    pub(super) region: String,
    pub(super) members: Vec<DraftMember>,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub(super) struct DraftMember {
    pub(super) origin: SourceLine,
    pub(super) label: String,
    pub(super) target: MemberTarget,
    pub(super) tier: u16,
    pub(super) weight: u32,
    pub(super) is_disabled: bool,
    /// In place of its service's.
    pub(super) monitors: Option<Vec<String>>,
    /// The address that is probed, if it is another.
    pub(super) probe: Option<IpAddr>,
}

/// The ways in which a machine is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MemberTarget {
    Addresses(Vec<IpAddr>),
    Hostname(String),
}

/// The ways in which clients are sorted among pools.
#[derive(Clone, Debug)]
pub(super) enum DraftSteering {
    /// All clients alike, in this order.
    Everyone(Vec<String>),
    /// By their place.
    ByPlace(PlaceLists),
    /// By distance, with a bias in percent.
    Nearest(Vec<(String, i16)>),
    /// In these shares.
    Weights(Vec<(String, u32)>),
}

/// Lists of regions by place.
#[derive(Clone, Debug, Default)]
pub(super) struct PlaceLists {
    pub(super) places: Vec<(SourceLine, ClientPlace, Vec<String>)>,
    /// Of clients whom no list is for; by distance if there is none.
    pub(super) default: Option<Vec<String>>,
}

impl DraftMember {
    pub(super) fn new(origin: SourceLine, label: impl Into<String>, target: MemberTarget) -> Self {
        Self {
            origin,
            label: label.into(),
            target,
            tier: 1,
            weight: 1,
            is_disabled: false,
            monitors: None,
            probe: None,
        }
    }

    pub(super) fn addresses(&self) -> &[IpAddr] {
        match &self.target {
            MemberTarget::Addresses(list) => list,
            MemberTarget::Hostname(_) => &[],
        }
    }
}

impl DraftService {
    /// A service of one endpoint per answer and all clients alike.
    pub(super) fn new(name: impl Into<String>, origin: SourceLine) -> Self {
        Self {
            name: name.into(),
            origin,
            hostnames: Vec::new(),
            monitors: Vec::new(),
            pools: Vec::new(),
            steering: DraftSteering::Everyone(Vec::new()),
            answers: 1,
            min_up: None,
            ttl: None,
        }
    }

    fn has_pool(&self, region: &str) -> bool {
        self.pools.iter().any(|pool| pool.region == region)
    }
}

impl ImportDraft {
    pub(super) fn is_empty(&self) -> bool {
        self.zones.is_empty() && self.services.is_empty() && self.remarks.is_empty()
    }

    /// Says that something is lost.
    pub(super) fn lose(&mut self, at: &SourceLine, what: impl Into<String>, why: &str, help: &str) {
        self.say(RemarkKind::Lost, at, what.into(), (why, help));
    }

    /// Says something that changes no answer.
    pub(super) fn note(&mut self, at: &SourceLine, what: impl Into<String>, why: &str, help: &str) {
        self.say(RemarkKind::Note, at, what.into(), (why, help));
    }

    /// Says that something cannot be said.
    pub(super) fn lacks(&mut self, feature: Feature, at: &SourceLine, what: impl Into<String>) {
        self.say(RemarkKind::Lost, at, what.into(), feature.explain());
    }

    fn say(&mut self, kind: RemarkKind, at: &SourceLine, what: String, words: (&str, &str)) {
        let remark = Remark {
            kind,
            file: at.file.to_string(),
            line: at.line,
            what,
            why: words.0.to_owned(),
            help: words.1.to_owned(),
        };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Takes out what cannot be said, and adds what a config cannot be without.
    pub(super) fn settle(&mut self) {
        let services = std::mem::take(&mut self.services);
        for service in services {
            let settled = self.settle_service(service);
            self.services.extend(settled);
        }
        self.locate();
        let used: BTreeSet<String> = self
            .services
            .iter()
            .flat_map(used_monitors)
            .cloned()
            .collect();
        self.monitors.retain(|name, _| used.contains(name));
        let added: Vec<(SourceLine, String)> = self
            .zones
            .values_mut()
            .flat_map(DraftZone::complete)
            .collect();
        for (origin, what) in added {
            let (why, help) = ("the files have none", "put the real one into the zone file");
            self.note(&origin, what, why, help);
        }
        let key = |one: &Remark| (one.file.clone(), one.line, one.kind);
        self.remarks.sort_by_key(key);
    }

    /// Takes out of a service all that cannot be said; nothing if nothing is left.
    fn settle_service(&mut self, mut service: DraftService) -> Option<DraftService> {
        for pool in &mut service.pools {
            pool.members.retain(|member| match &member.target {
                MemberTarget::Addresses(list) => !list.is_empty(),
                MemberTarget::Hostname(_) => true,
            });
            self.scale(pool);
        }
        service.pools.retain(|pool| !pool.members.is_empty());
        if service.pools.is_empty() && !service.hostnames.is_empty() {
            self.lose(
                &service.origin,
                format!(
                    "service `{}` ({})",
                    service.name,
                    service.hostnames.join(", ")
                ),
                "no endpoint of it is left",
                "add endpoints, and steer these names",
            );
        }
        if service.pools.is_empty() || service.hostnames.is_empty() {
            return None;
        }
        self.settle_steering(&mut service);
        Some(service)
    }

    /// Brings weights into the range that there is.
    fn scale(&mut self, pool: &mut DraftPool) {
        let most = pool.members.iter().map(|member| member.weight).max();
        let divisor = most.unwrap_or(0).div_ceil(WEIGHT_MOST);
        if let (Some(first), true) = (pool.members.first(), divisor > 1) {
            let origin = first.origin.clone();
            self.note(
                &origin,
                format!("weights of region `{}`", pool.region),
                "a weight is 65535 at most: all were divided alike",
                "nothing, unless a small share has to be exact",
            );
            for member in &mut pool.members {
                member.weight = (member.weight / divisor).max(u32::from(member.weight > 0));
            }
        }
    }

    fn settle_steering(&mut self, service: &mut DraftService) {
        let mut steering =
            std::mem::replace(&mut service.steering, DraftSteering::Everyone(Vec::new()));
        match &mut steering {
            DraftSteering::Everyone(order) => order.retain(|region| service.has_pool(region)),
            DraftSteering::Nearest(bias) => bias.retain(|(region, _)| service.has_pool(region)),
            DraftSteering::ByPlace(lists) => self.settle_places(service, lists),
            DraftSteering::Weights(shares) => shares.retain(|(region, _)| service.has_pool(region)),
        }
        service.steering = steering;
    }

    fn settle_places(&mut self, service: &DraftService, lists: &mut PlaceLists) {
        lists.places.retain_mut(|(origin, place, regions)| {
            let what = format!("clients of {}, service `{}`", place.word(), service.name);
            if place.is_anywhere() {
                self.lacks(Feature::Cities, origin, what);
                return false;
            }
            regions.retain(|region| service.has_pool(region));
            if regions.is_empty() {
                self.lose(
                    origin,
                    what,
                    "none of their regions has an endpoint of this service",
                    "they are answered as all others are: add an endpoint if that is not meant",
                );
            }
            !regions.is_empty()
        });
        let Some(default) = &mut lists.default else {
            return;
        };
        default.retain(|region| service.has_pool(region));
        if default.is_empty() {
            let what = format!("all other clients, service `{}`", service.name);
            let (why, help) = (
                "their regions have no endpoint of it",
                "see `order` for who answers them now",
            );
            self.lose(&service.origin, what, why, help);
            *default = service
                .pools
                .iter()
                .map(|pool| pool.region.clone())
                .collect();
        }
    }

    /// Gives regions without a location that of their clients.
    fn locate(&mut self) {
        let mut guessed: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for service in &self.services {
            let DraftSteering::ByPlace(lists) = &service.steering else {
                continue;
            };
            for (_, place, regions) in &lists.places {
                if let (Some(region), Some(middle)) = (regions.first(), place.middle()) {
                    guessed.entry(region.clone()).or_insert(middle);
                }
            }
        }
        for region in self.regions() {
            let guess = guessed.get(&region).copied().unwrap_or((0.0, 0.0));
            self.locations.entry(region).or_insert(guess);
        }
    }

    /// Regions where some service has a pool.
    pub(super) fn regions(&self) -> BTreeSet<String> {
        let pools = self.services.iter().flat_map(|service| &service.pools);
        pools.map(|pool| pool.region.clone()).collect()
    }

    /// The zone of an apex, made if it is missing.
    pub(super) fn zone(&mut self, apex: &str, origin: &SourceLine) -> &mut DraftZone {
        let apex = absolute(apex);
        self.zones
            .entry(apex.clone())
            .or_insert_with(|| DraftZone::new(apex, origin.clone()))
    }

    /// Services at a zone's names that are not made yet: those with the same endpoints and steering share one.
    pub(super) fn add_service(&mut self, service: DraftService) {
        let same = self
            .services
            .iter_mut()
            .find(|own| own.name == service.name && own.ttl == service.ttl);
        match same {
            Some(own) => {
                for name in service.hostnames {
                    if !own.hostnames.contains(&name) {
                        own.hostnames.push(name);
                    }
                }
            }
            None => self.services.push(service),
        }
    }
}

/// Monitors that a service or an endpoint of it names.
fn used_monitors(service: &DraftService) -> impl Iterator<Item = &String> {
    let members = service.pools.iter().flat_map(|pool| &pool.members);
    let own = members
        .filter_map(|member| member.monitors.as_ref())
        .flatten();
    service.monitors.iter().chain(own)
}

/// Most addresses of one family that endpoints have together.
pub(super) fn most_addresses(members: &[DraftMember]) -> usize {
    let all = members.iter().flat_map(DraftMember::addresses);
    let v6 = all.clone().filter(|one| one.is_ipv6()).count();
    (all.count() - v6).max(v6).max(1)
}
