//! The view of an operator: the engine's state as [`super::status`] words it.
//!
//! Only reads. What serves whom it asks the published table, not the standings: status says what
//! is answered, also while a newer table is still to come.
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::{
    EndpointId, Family, Moment, Permille, RegionId, ServiceId, SlotId, Standing, TargetId, Why,
};
use crate::health::guard::Doubt;
use crate::health::slot::State;
use crate::health::target::Verdict;
use crate::plan::{AllDown, Endpoint, Followed, Pool, Residency, Service, Target};
use crate::share::Trust;
use crate::table::{PoolView, Table};

use super::Engine;
use super::addresses;
use super::effects;
use super::notices::{answer_word, family_word, region_names};
use super::order::{Action, OrderRecord};
use super::rules_of::monitor;
use super::status::{
    CertificateStatus, DrainStatus, EndpointStatus, GeoStatus, MeasuredStatus, ObservationStatus,
    OrderStatus, PoolStatus, RegionStatus, RegionalStatus, ServiceStatus, SlotStatus, Status,
    SteeringStatus, TargetStatus, VantageStatus,
};
use super::target_labels::monitors;

/// The whole of it.
pub(super) fn status(engine: &Engine, now: Moment) -> Status {
    let plan = &engine.plan;
    let view = StatusView {
        engine,
        now,
        users: users(engine),
    };
    // Those of the table, for it is the table that is asked about them.
    let services = (0..).map(ServiceId).zip(&engine.table.plan.services);
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        plan: format!("{:016x}", plan.digest),
        policy: format!("{:016x}", plan.policy),
        generation: engine.table.generation,
        table_age_ms: now.since(engine.table.built_at).0,
        uptime_ms: now.since(engine.started).0,
        doubting: engine.health.doubt() != Doubt::None,
        doubt: doubt_word(engine.health.doubt()).to_owned(),
        capped: engine.health.is_capped(),
        unwatched: view.unwatched(),
        // Configs are read and refused elsewhere.
        refused: None,
        // Replies are counted elsewhere as well.
        limited: Vec::new(),
        observation: ObservationStatus::default(),
        geo: GeoStatus {
            source: plan.geo.source.clone(),
            built_at: plan.geo.built_at,
            networks: plan.geo.networks,
        },
        certificate: plan.server.tls.as_ref().map(|tls| CertificateStatus {
            names: tls.pair.names.clone(),
            expires: tls.pair.expires,
        }),
        canaries: plan.canaries.iter().map(|id| view.slot(*id)).collect(),
        // Who knows the time of day knows them.
        maintenance: Vec::new(),
        // They are looked after elsewhere.
        names: Vec::new(),
        discoveries: Vec::new(),
        zones: Vec::new(),
        cluster: None,
        regions: view.regions(),
        services: services
            .map(|(id, service)| view.service(id, service))
            .collect(),
    }
}

struct StatusView<'e> {
    engine: &'e Engine,
    now: Moment,
    /// Names of the services that use each target.
    users: Vec<Vec<String>>,
}

impl StatusView<'_> {
    fn regions(&self) -> Vec<RegionStatus> {
        let plan = &self.engine.plan;
        let mut targets: Vec<Vec<TargetId>> = vec![Vec::new(); plan.endpoints.len()];
        for (id, target) in (0..).map(TargetId).zip(&plan.targets) {
            targets[target.endpoint.index()].push(id);
        }
        let regions = (0..).map(RegionId).zip(&plan.regions);
        let regions = regions.zip(plan.region_capacities());
        let regions = regions.map(|((id, region), capacity)| RegionStatus {
            name: region.name.clone(),
            capacity,
            load_thousandths: self.load(|table| table.region_load(id)),
            jurisdiction: region
                .jurisdiction
                .map(|id| plan.jurisdictions[id.index()].name.clone()),
            endpoints: Vec::new(),
        });
        let mut regions: Vec<RegionStatus> = regions.collect();
        let ids = (0..).map(EndpointId);
        for (id, (endpoint, targets)) in ids.zip(plan.endpoints.iter().zip(&targets)) {
            let load_thousandths = self.load(|table| table.endpoint_load(id));
            let orders = self.engine.health.drains().of(plan, id, self.now);
            let orders: Vec<&OrderRecord> = orders.collect();
            let level = |what| self.engine.health.weights.level(id, what);
            let capacity = level(Followed::Capacity).zip(endpoint.capacity);
            let capacity = capacity.map(|(level, whole)| u64::from(level.part_of(whole)) * 1000);
            let weight = level(Followed::Weight);
            let weight =
                weight.map(|level| u64::from(level.share().0) * u64::from(endpoint.weight));
            let status = EndpointStatus {
                load_thousandths,
                weight_now_thousandths: weight,
                capacity_now_thousandths: capacity,
                discovery: plan.discovery_of(id).map(|own| own.name.clone()),
                ..self.endpoint(endpoint, targets, &orders)
            };
            regions[endpoint.region.index()].endpoints.push(status);
        }
        regions
    }

    /// What a table of the present plan says that a place carries, in thousandths, rounded up.
    fn load(&self, of: impl Fn(&Table) -> Option<u64>) -> Option<u64> {
        let table = &*self.engine.table;
        let same_plan = Arc::ptr_eq(&table.plan, &self.engine.plan);
        of(table)
            .filter(|_| same_plan)
            .map(|load| load.div_ceil(1000))
    }

    fn endpoint(
        &self,
        endpoint: &Endpoint,
        targets: &[TargetId],
        orders: &[&OrderRecord],
    ) -> EndpointStatus {
        let mut drains = orders.iter();
        let drain = drains.find(|held| held.order.action == Action::Drain);
        EndpointStatus {
            name: endpoint.name.clone(),
            provider: endpoint.provider.clone(),
            tier: endpoint.tier,
            weight: endpoint.weight,
            weight_now_thousandths: None,
            capacity_now_thousandths: None,
            disabled: !endpoint.enabled,
            discovery: None,
            capacity: endpoint.capacity,
            load_thousandths: None,
            hostname: endpoint.named.as_ref().map(|own| own.name.to_string()),
            addresses: endpoint.addresses.iter().map(ToString::to_string).collect(),
            drain: drain.map(|held| DrainStatus {
                since_ms: self.now.since(held.begins()).0,
                author: held.order.author.clone(),
                reason: held.order.reason.clone(),
            }),
            orders: orders.iter().map(|held| self.order(held)).collect(),
            targets: targets.iter().map(|id| self.target(*id, orders)).collect(),
        }
    }

    fn order(&self, held: &OrderRecord) -> OrderStatus {
        let order = &held.order;
        OrderStatus {
            action: order.action.word().to_owned(),
            value: order.action.value().map(|value| value.to_string()),
            scope: order.scope.clone(),
            since_ms: self.now.since(held.begins()).0,
            ends_in_ms: held.until.map(|until| until.since(self.now).0),
            author: order.author.clone(),
            reason: order.reason.clone(),
        }
    }

    fn target(&self, id: TargetId, orders: &[&OrderRecord]) -> TargetStatus {
        let target = &self.engine.plan.targets[id.index()];
        let standing = &self.engine.health.standings()[id.index()];
        let since = self.engine.health.target(id).since();
        let slots = target.slots.iter().chain(&target.gate);
        let slots = slots.map(|slot| self.slot(*slot));
        let reported = target.reported.iter().map(|slot| SlotStatus {
            report_only: true,
            ..self.slot(*slot)
        });
        TargetStatus {
            combination: self.combination(target),
            family: family_word(target.family).to_owned(),
            monitors: monitors(&self.engine.plan, target),
            watch: self.engine.labels.label(id).to_owned(),
            services: self.users[id.index()].clone(),
            state: effects::shown_state(&self.engine.lookout, target, standing).to_owned(),
            detail: self.detail(id, standing, orders),
            votes: self.engine.health.votes_told(self.now, id),
            vantages: self.vantages(id),
            regions: self.by_region(id),
            share_permille: standing.share.0,
            next_step_ms: standing.until.map(|until| until.since(self.now).0),
            since_ms: self.now.since(since).0,
            unwatched: self.engine.lookout.is_blind_to(target),
            without: self.without(target, standing),
            wants_approval: self.engine.health.is_awaiting_approval(id),
            slots: slots.chain(reported).collect(),
        }
    }

    /// A target as it is for clients of single regions.
    fn by_region(&self, id: TargetId) -> Vec<RegionalStatus> {
        let health = &self.engine.health;
        let whole = health.standings()[id.index()];
        let rows = health.regional.of_target(id);
        let rows = rows.filter(|(_, row)| row.standing != whole);
        let rows = rows.map(|(region, row)| {
            let name = self.engine.plan.regions[region.index()].name.clone();
            let votes = health.votes_in(self.now, id, region);
            let votes = votes.map_or_else(
                || "its vantages were not heard lately".to_owned(),
                |count| format!("{} of {} vantages there see it down", count.downs, count.of),
            );
            let [here, rest] = [row.standing, whole].map(in_short);
            RegionalStatus {
                detail: format!("{here} for clients of {name}: {votes}; {rest} for the rest"),
                region: name,
                state: row.standing.why.word().to_owned(),
                share_permille: row.standing.share.0,
            }
        });
        rows.collect()
    }

    /// The word of each vantage on a target; nothing, where there is but one.
    fn vantages(&self, id: TargetId) -> Vec<VantageStatus> {
        let health = &self.engine.health;
        let views = health.panel.views(self.now, id.0, health.own_vote(id));
        let views = views.into_iter().map(|view| {
            let (says, cause) = match view.vote {
                None => ("unheard", None),
                Some(vote) => match (vote.verdict, vote.trust) {
                    (Verdict::Unknown, _) => ("unproven", None),
                    (Verdict::Up, _) => ("up", None),
                    (Verdict::Down(cause), Trust::Sure) => ("down", Some(cause)),
                    (Verdict::Down(cause), Trust::Doubting) => ("doubted", Some(cause)),
                },
            };
            VantageStatus {
                node: view.label.name.clone(),
                region: view.label.region.clone(),
                says: says.to_owned(),
                cause: cause.map(|cause| cause.to_string()),
                age_ms: view.vote.map(|vote| self.now.since(vote.at).0),
            }
        });
        views.collect()
    }

    /// The combination of a target's monitors: `2 of (web, ping, tls)`.
    fn combination(&self, target: &Target) -> Option<String> {
        let name = |place: &usize| {
            let slot = target.slots.get(*place);
            slot.map_or("", |slot| &monitor(&self.engine.plan, *slot).name)
        };
        let combination = target.combination.as_ref()?;
        Some(combination.map(&mut |place| name(place)).to_string())
    }

    /// The way in which a service's clients are sorted.
    fn steering(service: &Service) -> SteeringStatus {
        let measured = service.measured.as_ref();
        SteeringStatus {
            policy: service.steering.policy.word().to_owned(),
            sticky: service.steering.is_sticky,
            trickle_permille: Pool::trickle_of(&service.pools).0,
            region_trickle_permille: service.steering.region_trickle.0,
            measured: measured.map(|table| MeasuredStatus {
                file: table.source.file.clone(),
                written_at: table.source.written_at,
                rows: table.rows().len() as u64,
            }),
        }
    }

    /// The cause, or the step of the ramp, in words; then what is left out, and what nobody looks at.
    fn detail(&self, id: TargetId, standing: &Standing, orders: &[&OrderRecord]) -> String {
        let target = &self.engine.plan.targets[id.index()];
        let known = detail(target, standing, &self.shut_gates(target), orders);
        let refused = (standing.why == Why::Refused).then(|| self.refusal(target));
        let without = self.without(target, standing).join(", ");
        let without = (!without.is_empty()).then(|| format!("without {without}"));
        let votes = self.engine.health.votes_told(self.now, id);
        let unwatched = self.blind_spot(target);
        let regions = self.by_region(id).into_iter().map(|own| Some(own.detail));
        let parts = [Some(known), refused.flatten(), votes, without, unwatched].into_iter();
        let parts = parts.chain(regions);
        let parts = parts.flatten();
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        parts.join("; ")
    }

    /// The last refusal of a target's return: `by ada: its disks are not replaced`.
    fn refusal(&self, target: &Target) -> Option<String> {
        let plan = &self.engine.plan;
        let endpoint = &plan.endpoints[target.endpoint.index()];
        let past = self.engine.health.drains().orders.past().rev();
        let mut refusals = past.filter(|past| past.record.order.action == Action::Refuse);
        let own = refusals.find(|past| plan.is_called(endpoint, &past.record.order.scope));
        let order = &own?.record.order;
        let why = Some(&order.reason).filter(|why| !why.is_empty());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!("by {}{why}", order.author))
    }

    /// The endpoints with a target that is unwatched.
    fn unwatched(&self) -> Vec<String> {
        let plan = &self.engine.plan;
        let targets = plan
            .targets
            .iter()
            .filter(|target| self.engine.lookout.is_blind_to(target));
        let names = targets.map(|target| plan.endpoints[target.endpoint.index()].name.clone());
        names.collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// The monitor of a target that has not looked for longest, if that is too long.
    fn blind_spot(&self, target: &Target) -> Option<String> {
        let slots = target.slots.iter().chain(&target.gate).copied();
        let blind = slots.filter(|slot| self.engine.lookout.is_unwatched(*slot));
        let oldest = blind.max_by_key(|slot| self.engine.lookout.age(self.now, *slot))?;
        let age = self.engine.lookout.age(self.now, oldest);
        let name = &monitor(&self.engine.plan, oldest).name;
        Some(format!(
            "unwatched: no probe of `{name}` could run for {} s",
            age.as_secs()
        ))
    }

    /// The addresses that are down and left out.
    fn without(&self, target: &Target, standing: &Standing) -> Vec<String> {
        let endpoint = &self.engine.plan.endpoints[target.endpoint.index()];
        let out = addresses::of_set(endpoint, standing.without);
        out.iter().map(ToString::to_string).collect()
    }

    /// Which gates of a target are not open, and why.
    fn shut_gates(&self, target: &Target) -> String {
        let shut = target.gate.iter().filter_map(|id| {
            let slot = self.engine.health.slot(*id);
            let monitor = monitor(&self.engine.plan, *id);
            let why = match (slot.state(), slot.last_failure()) {
                _ if slot.has_streak(monitor) => return None,
                (_, Some(cause)) => cause.to_string(),
                (State::Unproven, None) => "no probe has finished yet".to_owned(),
                (State::Up { successes, .. } | State::Down { successes, .. }, None) => {
                    format!("{successes} of {} passes", monitor.rise)
                }
            };
            Some(format!("{}: {why}", monitor.name))
        });
        shut.collect::<Vec<_>>().join(", ")
    }

    fn slot(&self, id: SlotId) -> SlotStatus {
        let plan = &self.engine.plan;
        let slot = self.engine.health.slot(id);
        let (failures, successes) = match slot.state() {
            State::Unproven => (0, 0),
            State::Up {
                failures,
                successes,
            } => (failures, successes),
            State::Down { successes, .. } => (0, successes),
        };
        let last = slot.last();
        SlotStatus {
            monitor: monitor(plan, id).name.clone(),
            address: plan.slots[id.index()].address.to_string(),
            state: match slot.is_slow(monitor(plan, id)) {
                true => "slow".to_owned(),
                false => slot.state().word().to_owned(),
            },
            failures,
            successes,
            cause: slot.last_failure().map(|cause| cause.word().to_owned()),
            age_ms: last.map(|(at, _)| self.now.since(at).0),
            unwatched: self.engine.lookout.is_unwatched(id),
            report_only: false,
            value_thousandths: last.and_then(|(_, report)| Some(report.value?.0)),
            took_us: last.map_or(0, |(_, report)| report.timing.total_us),
            certificate_expires: last.and_then(|(_, report)| report.certificate_expires),
        }
    }

    fn service(&self, id: ServiceId, service: &Service) -> ServiceStatus {
        let table = &self.engine.table;
        let stranded = Family::ALL.map(|family| table.stranded(id, family));
        let regions = stranded.iter().flatten();
        let regions = regions.flat_map(|own| region_names(&table.plan, own));
        let regions: BTreeSet<String> = regions.collect();
        let (fail_open_regions, all_down_regions) = match service.all_down {
            AllDown::FailOpen => (regions, BTreeSet::new()),
            AllDown::Servfail | AllDown::Nodata => (BTreeSet::new(), regions),
        };
        ServiceStatus {
            name: service.name.clone(),
            hostnames: service.hostnames.iter().map(ToString::to_string).collect(),
            residency: match service.residency {
                Residency::Any => "any",
                Residency::Prefer => "prefer",
                Residency::Strict => "strict",
            }
            .to_owned(),
            fail_open: !fail_open_regions.is_empty(),
            fail_open_regions: fail_open_regions.into_iter().collect(),
            all_down: !all_down_regions.is_empty(),
            all_down_regions: all_down_regions.into_iter().collect(),
            when_all_down: answer_word(service.all_down).to_owned(),
            demand_thousandths: table.demands.total(id),
            overloaded_thousandths: table.unplaced(id),
            overload: service.overload.word().to_owned(),
            steering: Self::steering(service),
            pools: self.pools(id),
        }
    }

    fn pools(&self, service: ServiceId) -> Vec<PoolStatus> {
        let regions = (0..).map(RegionId).zip(&self.engine.table.plan.regions);
        let pairs = regions.flat_map(|region| Family::ALL.map(|family| (region, family)));
        let pools = pairs.filter_map(|((id, region), family)| {
            let view = self.engine.table.pool_view(service, family, id)?;
            Some(self.pool(&region.name, family, view))
        });
        pools.collect()
    }

    fn pool(&self, region: &str, family: Family, view: PoolView) -> PoolStatus {
        let name = |id: &EndpointId| self.engine.table.plan.endpoints[id.index()].name.clone();
        PoolStatus {
            region: region.to_owned(),
            family: family_word(family).to_owned(),
            share_permille: view.share_permille,
            tier: view.tier,
            serving: view.serving.iter().map(name).collect(),
        }
    }
}

fn users(engine: &Engine) -> Vec<Vec<String>> {
    let mut users: Vec<Vec<String>> = vec![Vec::new(); engine.plan.targets.len()];
    for service in &engine.plan.services {
        let tiers = service.pools.iter().flatten().flat_map(|pool| &pool.tiers);
        for member in tiers.flat_map(|tier| &tier.members) {
            let names = &mut users[member.target.index()];
            if names.last() != Some(&service.name) {
                names.push(service.name.clone());
            }
        }
    }
    users
}

fn doubt_word(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::None => "",
        Doubt::MostFail => "most_fail",
        Doubt::CanariesFail => "canaries_fail",
    }
}

/// A standing in a word or two: `down`, `up`, `ramping at 20%`.
fn in_short(standing: Standing) -> String {
    match (standing.share, standing.why) {
        (Permille::NONE, Why::Down(_)) => "down".to_owned(),
        (Permille::FULL, _) => "up".to_owned(),
        (share, why) => format!("{} at {share}", why.word()),
    }
}

/// Whose orders these are: `by order of ada (fra-a), bob (eu-central)`.
fn by_order(orders: &[&OrderRecord], counts: impl Fn(Action) -> bool) -> String {
    let own = orders.iter().filter(|held| counts(held.order.action));
    let own = own.map(|held| match held.order.author.as_str() {
        "" => format!("somebody ({})", held.order.scope),
        author => format!("{author} ({})", held.order.scope),
    });
    format!("by order of {}", own.collect::<Vec<_>>().join(", "))
}

/// The cause, or the step of the ramp, in words; `gates` says which of them are shut and why.
fn detail(target: &Target, standing: &Standing, gates: &str, orders: &[&OrderRecord]) -> String {
    match standing.why {
        Why::Unproven if target.slots.is_empty() => "no monitor".to_owned(),
        Why::Unproven => "no probe has finished yet".to_owned(),
        Why::Healthy => String::new(),
        Why::Held => "back, and held out for a while".to_owned(),
        Why::Unapproved => "waits for `waypost approve`".to_owned(),
        Why::Refused => "its return was refused; `waypost approve` lets it come back".to_owned(),
        Why::Draining => format!("draining {}", by_order(orders, |own| own == Action::Drain)),
        Why::Drained => format!("drained {}", by_order(orders, |own| own == Action::Drain)),
        Why::Returning => "returning after an order".to_owned(),
        Why::Weighted => "by its weight now".to_owned(),
        Why::Degraded => "slower than its monitor allows".to_owned(),
        Why::Forced => {
            let by = by_order(orders, |own| own.value().is_some());
            format!("forced to {} {by}", standing.share)
        }
        Why::Gated if standing.share.0 == 0 => format!("waits for its gate ({gates})"),
        Why::Gated => format!("held by its gate at {} ({gates})", standing.share),
        Why::Ramping { step, of } => format!("step {step} of {of}"),
        Why::Down(cause) => cause.to_string(),
        Why::Doubted(cause) => format!("{cause}; kept, for this node doubts itself"),
        Why::Capped(cause) => format!("{cause}; kept, for too much has left already"),
        Why::Outvoted(cause) => {
            format!("{cause} from here; kept, for the vantages do not rule it down")
        }
        Why::Supposed => "supposed down".to_owned(),
    }
}
