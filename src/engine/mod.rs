//! The core of health, orders and steering, with the waiting taken out: the sole owner of their changing state.
//!
//! `io` (or `sim`) calls [`Engine::handle`] with what happened, does what [`Engine::poll`]
//! says until it says nothing, and calls again at [`Engine::wake_at`] at the latest.
//!
//! | part | what it decides |
//! |---|---|
//! | `schedule` | when each slot is probed next, and which probes are out |
//! | `health_state` | what a report or an order changes: slots, targets, the guard, standings |
//! | `orders` | which orders are in force and to come, and which have ended |
//! | [`agreed`] | what of the shared log is an order here, and of an order goes there |
//! | `drains` | what orders make of endpoints and targets |
//! | `order`, `effects` | what an operator orders, and what is answered |
//! | `weights` | what is left of shares where weights follow values |
//! | `steps` | the moment at which each target is to be looked at again |
//! | `slow` | what is left of shares while probes pass late |
//! | `asked` | what is asked of the engine beside what happens to it |
//! | `own_sight` | what this node sees of a target, and what the vantages make of it |
//! | `addresses` | which addresses of an endpoint leave alone |
//! | `holds` | how long addresses of machines that are known by name are good |
//! | `lookout` | what nobody has looked at for too long |
//! | `rulings` | what the vantages see together of each target |
//! | `obey` | how orders are carried out on health |
//! | `forecast` | what an order would do |
//! | `order_book` | which orders there are and were, and for whom |
//! | `index` | who is concerned by what |
//! | `recompute` | what the standings come to, for a comparison |
//! | `reload_map` | which slot or target of a new plan is which of the old one |
//! | `snapshot` | what there is to be kept over a restart |
//! | `kept` | what of that has changed since it was asked for |
//! | `resume` | what of it still counts afterwards |
//! | `status_view` | what an operator may see |
//! | `figures` | the same as numbers, for metrics |
//! | `notices` | what an operator is told |
//! | `bursts` | how much of it is told line by line |
//! | `demand` | how much clients are believed to ask for |
//! | `overload` | what an operator is told of demand that fits nowhere |
//! | `target_labels` | by what the targets of one endpoint are told apart |
//! | here | when a new table is published |
//!
//! A table is published when the standings differ from those of the published one: at once if a pool
//! lost the last endpoint that could serve, otherwise [`limits::COALESCE`] after the first change.
//! Generations only rise, over reloads as well. It knows no clock, no socket and no query.
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::base::limits;
use crate::base::{Cause, EndpointId, Moment, SlotId};
use crate::dns::Name;
use crate::dns::zone::Zones;
use crate::health::{ProbeResult, Report};
use crate::plan::{Demands, Plan};
use crate::share::VantagePanel;
use crate::table::{Basis, Table};

mod addresses;
pub mod agreed;
mod asked;
pub mod bursts;
mod demand;
mod drains;
mod effects;
mod figures;
mod forecast;
mod health_state;
mod holds;
mod index;
mod kept;
mod lookout;
pub mod notice;
mod notices;
mod obey;
pub mod order;
mod order_book;
mod orders;
mod overload;
mod own_sight;
mod publishing;
mod recompute;
mod regional;
mod regional_rows;
mod reload_map;
mod resume;
mod rules_of;
mod rulings;
mod schedule;
mod slow;
pub mod snapshot;
pub mod status;
mod status_view;
mod steps;
mod target_labels;
mod weights;

pub use agreed::Agreed;
use demand::DemandEstimate;
pub use demand::Observed;
pub use figures::{Figures, ServiceFigures, SlotFigures, TargetFigures};
pub use forecast::Forecast;
use forecast::Outlook;
use health_state::{Change, HealthState};
use kept::{Knowledge, LastKept};
use lookout::Lookout;
pub use notice::Notice;
use notices::{Attention, Notices};
use order::{Action, Consent, Executed, Refused};
pub use order::{Order, OrderId, OrderRequest, OrderResult};
pub use order_book::{HeldOrder, OrderBook};
use overload::Overloads;
use reload_map::ReloadMap;
pub use schedule::ProbeId;
use schedule::Schedule;
pub use snapshot::{Keep, Snapshot};
pub use status::Status;
use target_labels::TargetLabels;

/// An event that the engine takes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed.
    Tick,
    /// A probe finished; one that is not waited for changes nothing.
    Probed(ProbeId, Report),
    /// A report that nobody asked for, of this slot of the current plan, as of an endpoint that
    /// says itself how it is. It is judged as any other report, and the next probe of the slot is
    /// planned as after a probe that began now; one that is out is still waited for, and counts.
    Reported(SlotId, Report),
    /// A new plan, and the zones that its services are mounted in; health is kept by name, and with it the
    /// probes that are out.
    Reload(Arc<Plan>, Arc<Zones>),
    /// The current plan with other addresses of machines that are known by name, the zones that go with it, and until when
    /// those addresses hold; all else stays as at a reload.
    Readdress(Arc<Plan>, Arc<Zones>, BTreeMap<Name, Moment>),
    /// The addresses of a name are confirmed, and hold until then.
    Holds(Name, Moment),
    /// What the zones of the current plan have become: signed anew, or with other records.
    Zones(Arc<Zones>),
    /// An operator's order; it is answered by [`Output::Ordered`].
    Order(OrderId, OrderRequest),
    /// Answers were counted.
    Observed(Observed),
    /// The sights of all vantages of the cluster, as of now.
    Heard(VantagePanel),
    /// The orders that all nodes of the cluster have agreed on, as of now.
    Agreed(Agreed),
}

/// An action that the driver is to carry out.
#[derive(Clone, Debug)]
pub enum Output {
    /// Start a probe of this slot of the current plan; it is due since this moment.
    Probe(ProbeId, Moment),
    /// Serve from this table.
    Publish(Arc<Table>),
    /// Tell whoever gave this order what it did, or why it did nothing. There is one for each
    /// [`Input::Order`], before anything that follows from it.
    Ordered(OrderId, OrderResult),
    /// Tell the operator.
    Notice(Notice),
}

/// The core that owns all changing state of health, orders and steering.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    started: Moment,
    health: HealthState,
    schedule: Schedule,
    lookout: Lookout,
    labels: TargetLabels,
    notices: Notices,
    demand: DemandEstimate,
    overloads: Overloads,
    zones: Arc<Zones>,
    table: Arc<Table>,
    publish_at: Option<Moment>,
    /// All that was given to be kept; absent before the first time, and after a reload.
    given: Option<LastKept>,
    outputs: VecDeque<Output>,
}

impl Engine {
    /// Starts with every target unproven; `seed` spreads the probes.
    ///
    /// The first table is there at once, and the first probes are due within a second.
    #[must_use]
    pub fn new(plan: Arc<Plan>, zones: Arc<Zones>, now: Moment, seed: u64) -> Self {
        let health = HealthState::new(plan.clone(), now);
        let demand = DemandEstimate::new(Arc::new(Demands::stated(&plan)));
        Self::begin((plan, zones), (health, demand), now, seed)
    }

    /// Starts with what another engine knew when `snapshot` was taken; `now` is by the same clock, and so says
    /// for how long nobody has watched.
    ///
    /// The first table has the standings that were, as far as they still count, and the first probes
    /// are due within a second.
    #[must_use]
    pub fn resume(
        (plan, zones): (Arc<Plan>, Arc<Zones>),
        snapshot: &Snapshot,
        now: Moment,
        seed: u64,
    ) -> Self {
        let now = now.max(snapshot.at);
        let known = resume::known(&plan, snapshot, now);
        let health = HealthState::begin(plan.clone(), now, known);
        let demand = match resume::is_outdated(snapshot, now) {
            true => DemandEstimate::new(Arc::new(Demands::stated(&plan))),
            false => DemandEstimate::restored(&plan, &snapshot.demand),
        };
        let mut engine = Self::begin((plan, zones), (health, demand), now, seed);
        engine.notices.published(&engine.table, &mut engine.outputs);
        engine
            .overloads
            .published(&engine.table, &mut engine.outputs);
        engine
    }

    fn begin(
        (plan, zones): (Arc<Plan>, Arc<Zones>),
        (mut health, mut demand): (HealthState, DemandEstimate),
        now: Moment,
        seed: u64,
    ) -> Self {
        if let Some(capacities) = health.take_capacities() {
            demand.limit(capacities);
        }
        let basis = Basis {
            plan: plan.clone(),
            standings: health.standings().into(),
            demands: demand.planned().clone(),
            zones: zones.clone(),
        };
        let table = Arc::new(Table::build_on(1, basis, now, None));
        Self {
            schedule: Schedule::new(&plan, now, seed),
            lookout: Lookout::new(&plan, now),
            labels: TargetLabels::new(&plan),
            zones,
            plan,
            started: now,
            health,
            notices: Notices::default(),
            demand,
            overloads: Overloads::default(),
            outputs: VecDeque::from([Output::Publish(table.clone())]),
            table,
            publish_at: None,
            given: None,
        }
    }

    /// The orders in force and to come, each with its endpoints, and those that have ended.
    #[must_use]
    pub fn orders(&self, now: Moment) -> OrderBook {
        order_book::orders(&self.plan, &self.health, now)
    }

    /// Takes in one thing that happened.
    ///
    /// # Panics
    /// When work that is due now has been left undone: a defect, found here and not as a busy loop.
    pub fn handle(&mut self, now: Moment, input: Input) {
        let steps = self.health.advance(now);
        for turn in self.health.take_turns() {
            let notice = notices::due(&self.plan, &turn);
            self.outputs.push_back(Output::Notice(notice));
        }
        self.take_changes(now, &steps);
        for slot in self.lookout.advance(now) {
            self.tell_unwatched(now, slot, Attention::Lost);
        }
        match input {
            Input::Tick => {}
            Input::Probed(id, report) => self.take_report(now, id, report),
            Input::Reported(slot, report) => self.take_unasked(now, slot, report),
            Input::Reload(plan, zones) => self.reload(now, plan, zones),
            Input::Readdress(plan, zones, holds) => self.readdress(now, (plan, zones), holds),
            Input::Holds(name, until) => {
                let changes = self.health.hold(&name, until);
                self.take_changes(now, &changes);
            }
            Input::Zones(zones) => self.renew(now, zones),
            Input::Observed(observed) => self.observe(now, &observed),
            Input::Heard(panel) => {
                let changes = self.health.hear(now, panel);
                self.take_changes(now, &changes);
            }
            Input::Order(id, request) => self.take_order(now, id, &request),
            Input::Agreed(agreed) => self.agree(now, agreed),
        }
        let reweighed = self.health.settle_weights();
        self.take_changes(now, &reweighed);
        if let Some(capacities) = self.health.take_capacities() {
            let is_other = self.demand.limit(capacities);
            self.replan(now, is_other);
        }
        self.plan_regions(now);
        self.start_due_probes(now);
        if self.publish_at.is_some_and(|due| due <= now) {
            self.publish(now);
        }
        self.notices.weigh(&self.health, &mut self.outputs);
        // Progress: whatever is due has been done, so the next wake-up lies ahead.
        assert!(self.wake_at().is_none_or(|wake| wake > now));
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The moment at which to call [`Engine::handle`] with [`Input::Tick`] if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Option<Moment> {
        let probes = self.schedule.wake_at().into_iter();
        probes
            .chain(self.health.wake_at())
            .chain(self.lookout.wake_at())
            .chain(self.publish_at)
            .min()
    }

    /// Everything an operator may want to see.
    #[must_use]
    pub fn status(&self, now: Moment) -> Status {
        status_view::status(self, now)
    }

    /// The same as numbers, for metrics; refusals and zones are for whoever knows them to add.
    #[must_use]
    pub fn figures(&self, now: Moment) -> Figures {
        figures::figures(self, now)
    }

    /// The published table.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// All that is known now.
    #[must_use]
    pub fn snapshot(&self, now: Moment) -> Snapshot {
        self.knowledge().snapshot(now)
    }

    /// Gives what has changed since this was asked last; nothing if that is not worth keeping.
    pub fn changes(&mut self, now: Moment) -> Option<Keep> {
        let mut given = self.given.take();
        let keep = self.knowledge().changes(now, &mut given);
        self.given = given;
        keep
    }

    fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            plan: &self.plan,
            health: &self.health,
            demand: &self.demand,
        }
    }

    /// The number of probes that never reported.
    #[must_use]
    pub fn lost_probes(&self) -> u64 {
        self.schedule.lost()
    }

    /// The slot of the current plan that a probe is of; `None` if the engine does not wait for it.
    #[must_use]
    pub fn slot_of(&self, probe: ProbeId) -> Option<SlotId> {
        self.schedule.slot_of(probe)
    }

    fn take_report(&mut self, now: Moment, id: ProbeId, report: Report) {
        let Some((slot, started)) = self.schedule.finish(id) else {
            return;
        };
        let is_told = rules_of::monitor(&self.plan, slot).check.silence();
        let told = self.health.slot(slot).last().filter(|_| is_told.is_some());
        match told {
            // It was silent, and is so no more.
            Some((at, _)) if at >= started => self.plan_next(slot, at),
            Some(_) | None => {
                self.judge(now, slot, report);
                self.plan_next(slot, started);
            }
        }
    }

    fn take_unasked(&mut self, now: Moment, slot: SlotId, report: Report) {
        if slot.index() >= self.plan.slots.len() {
            return;
        }
        self.judge(now, slot, report);
        if !self.schedule.is_out(slot) {
            self.plan_next(slot, now);
        }
    }

    fn judge(&mut self, now: Moment, slot: SlotId, report: Report) {
        let report = report.judged_by(rules_of::monitor(&self.plan, slot));
        // A probe that this node could not even start says nothing of the endpoint: what was
        // known of it stays, and grows older.
        if report.outcome != ProbeResult::Fail(Cause::Local) {
            if self.lookout.is_unwatched(slot) {
                self.tell_unwatched(now, slot, Attention::Regained);
            }
            self.lookout.look(&self.plan, now, slot);
            let changes = self.health.probed(now, slot, report);
            self.take_changes(now, &changes);
        }
    }

    /// Tells that a slot is unwatched, or watched again.
    fn tell_unwatched(&mut self, now: Moment, slot: SlotId, attention: Attention) {
        let age = self.lookout.age(now, slot);
        let notice = notices::unwatched(&self.plan, slot, attention, age);
        self.outputs.push_back(Output::Notice(notice));
    }

    /// Plans the next probe of a slot after a look at `last`.
    fn plan_next(&mut self, slot: SlotId, last: Moment) {
        let interval = self.health.next_interval(slot);
        let monitor = rules_of::monitor(&self.plan, slot);
        self.schedule.plan_next(slot, monitor, last, interval);
    }

    fn take_order(&mut self, now: Moment, id: OrderId, request: &OrderRequest) {
        let (result, changes) = match self.execute(now, request) {
            Ok((executed, changes)) => (Ok(executed), changes),
            Err(refused) => (Err(refused), Vec::new()),
        };
        let notice = notices::ordered(&request.order, &result);
        self.outputs.push_back(Output::Ordered(id, result));
        self.outputs.extend(notice.map(Output::Notice));
        self.take_changes(now, &changes);
    }

    /// Holds what all nodes have agreed on, and tells what of it is new.
    fn agree(&mut self, now: Moment, agreed: Agreed) {
        let (changes, [new, ended]) = self.health.agree(now, agreed);
        let told = notices::agreed(&self.plan, &new, &ended).map(Output::Notice);
        self.outputs.extend(told);
        self.take_changes(now, &changes);
    }

    fn execute(
        &mut self,
        now: Moment,
        request: &OrderRequest,
    ) -> Result<(Executed, Vec<Change>), Refused> {
        let order = &request.order;
        let named = self.named(order)?;
        let damage = self.outlook(now).damage(order, &named);
        let asks = order.action == Action::Drain && request.consent == Consent::Withheld;
        if asks && !damage.is_empty() {
            return Err(Refused::Damaging(damage));
        }
        let (changes, executed) = self.health.order(now, request, &named)?;
        let executed = Executed { damage, ..executed };
        Ok((executed, changes))
    }

    /// The endpoints of an order's scope. It may mean nothing any more, where an order for it is to be lifted.
    fn named(&self, order: &Order) -> Result<Vec<EndpointId>, Refused> {
        let lifts = self.health.drains().orders.has_for(order);
        match self.plan.scope(&order.scope) {
            Ok(scope) if scope.endpoints.is_empty() && !lifts => Err(Refused::NoEndpoints),
            Ok(scope) => Ok(scope.endpoints),
            Err(_) if lifts => Ok(Vec::new()),
            Err(unknown) => Err(Refused::Unknown(unknown)),
        }
    }

    fn outlook(&self, now: Moment) -> Outlook<'_> {
        Outlook {
            now,
            plan: &self.plan,
            health: &self.health,
            table: &self.table,
            demands: self.demand.planned(),
            zones: &self.zones,
        }
    }

    fn readdress(
        &mut self,
        now: Moment,
        (plan, zones): (Arc<Plan>, Arc<Zones>),
        holds: BTreeMap<Name, Moment>,
    ) {
        self.health.holds = holds;
        self.adopt(now, plan, zones);
        self.publish(now);
    }

    fn reload(&mut self, now: Moment, plan: Arc<Plan>, zones: Arc<Zones>) {
        let before = self.plan.targets.len();
        let reload = self.adopt(now, plan, zones);
        let notice = notices::reloaded(&self.plan, before, &reload);
        self.outputs.push_back(Output::Notice(notice));
        for slot in self.lookout.advance(now) {
            self.tell_unwatched(now, slot, Attention::Lost);
        }
        self.publish(now);
    }

    /// Goes on by another plan, with the health of all that is in both.
    fn adopt(&mut self, now: Moment, plan: Arc<Plan>, zones: Arc<Zones>) -> ReloadMap {
        let reload = ReloadMap::between(&self.plan, &plan);
        self.health = self.health.migrate(plan.clone(), now, &reload);
        self.schedule = self.schedule.migrate(&plan, now, &reload);
        self.lookout = self.lookout.migrate(&plan, now, &reload);
        self.labels = TargetLabels::new(&plan);
        self.demand.migrate(&self.plan, &plan);
        if let Some(capacities) = self.health.take_capacities() {
            self.demand.limit(capacities);
        }
        self.zones = zones;
        self.plan = plan;
        self.given = None;
        reload
    }

    /// Answers from other zones at once: whoever changed them may be waited for.
    fn renew(&mut self, now: Moment, zones: Arc<Zones>) {
        self.zones = zones;
        self.publish(now);
    }

    fn start_due_probes(&mut self, now: Moment) {
        while let Some((probe, due)) = self.schedule.start_due(&self.plan, now) {
            self.outputs.push_back(Output::Probe(probe, due));
        }
    }

    fn take_changes(&mut self, now: Moment, changes: &[Change]) {
        for change in changes {
            let votes = || self.health.votes_told(now, change.target);
            let notice = notices::standing(&self.plan, &self.labels, change, votes);
            self.outputs.extend(notice.map(Output::Notice));
            let addresses = notices::addresses(&self.plan, change).into_iter();
            self.outputs.extend(addresses.map(Output::Notice));
            let soon = now.after(limits::COALESCE);
            let fell = change.from.share.0 > 0 && change.to.share.0 == 0;
            let urgent = fell && self.health.leaves_a_pool_empty(change.target);
            let due = if urgent { now } else { soon };
            self.publish_at = Some(self.publish_at.map_or(due, |planned| planned.min(due)));
        }
    }
}
