//! Keeps both cores, the engine of health and that of zones: one task that carries inputs in and outputs out.
//!
//! It waits for whatever comes first: a finished probe, a word from the control API or a
//! signal, something that was read again, something that happened to a zone, or a core's own wake-up. It decides
//! nothing; whether a new plan may be taken is weighed apart (`weigh`). Reports and probes that are due are taken together with
//! those of the next milliseconds ([`PROBE_BATCH`]), for thousands come a second. An order, or the first report after a pause,
//! waits for nothing. Answering goes on in the listeners' threads from the last published table, whatever happens to this task.
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info};

use super::channels::{Channels, Handles};
use super::cluster::{self, ClusterDriver};
use super::composing::Composing;
use super::declaring::ObjectWork;
use super::expiry::Expiry;
use super::findings;
use super::keeper::Keeper;
use super::maintenance;
use super::notice_log::NoticeLog;
use super::observer::Observer;
use super::order_words;
use super::ordered;
use super::pushed;
use super::readdress;
use super::reader::{Reading, ReloadWaiters, Request};
use super::reload_effects::{Opened, opened_by};
use super::upgrade::{self, Hold};
use super::weigh::{Scales, Weighed};
use super::zone_driver::{Effect, Events, ZoneDriver};
use crate::base::Moment;
use crate::base::limits::PROBE_BATCH;
use crate::dns::Name;
use crate::dns::zone::Zones;
use crate::engine::{Engine, Figures, Input, Notice, Output, Status};
use crate::io::control::Command;
use crate::io::history::event::TimelineEvent;
use crate::io::metrics::{ProbeLabels, ReloadResult};
use crate::io::probe::Finished;
use crate::io::publish::Published;
use crate::io::state::health_log::Restored;
use crate::plan::{Plan, ZoneSize};
use crate::share::ClusterView;
use crate::table::Table;
use crate::zones;

/// Longest wait when there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);
/// [`PROBE_BATCH`].
const BATCH: Duration = Duration::from_millis(PROBE_BATCH.0);
/// Reports that are taken in one turn at the most.
const REPORTS_TOGETHER: usize = 1024;
/// How long the start waits for the first versions of zones that are given to secondaries.
const SETTLING: Duration = Duration::from_secs(2);

/// Keeps the engine.
pub(crate) struct ControlLoop {
    pub(super) handles: Handles,
    pub(super) engine: Engine,
    /// Orders that wait for their answer.
    pub(super) orders: ordered::Waiting,
    pub(super) keeper: Keeper,
    pub(super) epoch: u32,
    pub(super) plan: Arc<Plan>,
    /// What the listeners were opened by; it stays until a restart.
    pub(super) opened: Opened,
    /// Weighs what was read again.
    pub(super) scales: Scales,
    /// Drives the engine of zones.
    pub(super) zones: ZoneDriver,
    /// The state is another program's: nothing is taken that would have to be kept.
    pub(super) is_held: bool,
    /// The config that is being composed.
    pub(super) composing: Option<Composing>,
    /// The end of the batch: reports and probes wait for it.
    next_batch: Instant,
    published: Arc<Published>,
    observer: Observer,
    expiry: Expiry,
    /// The engine's notices on their way into the log.
    log: NoticeLog,
}

impl ControlLoop {
    /// Starts the engine, with what it knew before a restart; the first table is published when this returns.
    pub(crate) fn new(
        (plan, served, sizes): (Arc<Plan>, Arc<Zones>, Vec<ZoneSize>),
        zones: ZoneDriver,
        (keeper, before): (Keeper, Option<Restored>),
        mut handles: Handles,
    ) -> Self {
        handles.distribute();
        handles.heartbeat.beat(handles.clock.now());
        let seed = handles.clock.wall_seconds() ^ (u64::from(std::process::id()) << 32);
        let now = handles.clock.now();
        let engine = match before {
            Some(before) => Engine::resume((plan.clone(), served), &before.snapshot, now, seed),
            None => Engine::new(plan.clone(), served, now, seed),
        };
        let mut control_loop = Self {
            published: Arc::new(Published::new(engine.table().clone())),
            engine,
            orders: ordered::Waiting::default(),
            keeper,
            epoch: 0,
            observer: Observer::new(&plan, handles.clock.now()),
            expiry: Expiry::default(),
            log: NoticeLog::new(handles.history.clone()),
            opened: opened_by(&plan),
            scales: Scales::new(sizes),
            zones,
            is_held: false,
            composing: None,
            next_batch: Instant::now(),
            plan: plan.clone(),
            handles,
        };
        control_loop.probe_by(plan);
        control_loop.resolve_names();
        control_loop.carry_out(Duration::ZERO);
        control_loop
    }

    /// Has the first versions of zones ready for secondaries before anybody is answered, within a bounded time.
    pub(crate) async fn settle(&mut self, events: &mut Events) {
        let end = Instant::now() + SETTLING;
        while !self.zones.may_answer() {
            tokio::select! {
                Some(event) = events.recv() => self.zone_event(event),
                () = tokio::time::sleep_until(end) => return,
            }
        }
    }

    /// Where the tables are.
    pub(crate) fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Goes on until told to stop.
    pub(crate) async fn run(mut self, mut channels: Channels) {
        let mut reports = Vec::new();
        loop {
            self.handles.heartbeat.beat(self.handles.clock.now());
            let turn = Instant::now();
            let takes_reports = self.next_batch <= turn;
            let wake = self.wake(turn);
            tokio::select! {
                _ = &mut channels.stop => break,
                Some((id, outcome)) = channels.kept.recv() => {
                    let told = self.keeper.written(id, outcome);
                    self.answer_order(id, told);
                }
                // What nobody waits for wakes nobody.
                _ = channels.reports.recv_many(&mut reports, REPORTS_TOGETHER), if takes_reports => {
                    self.take_reports(&mut reports);
                }
                Some(hold) = channels.holds.recv(), if self.composing.is_none() => self.hold(hold).await,
                Some(command) = channels.commands.recv() => self.command(command),
                // A config that is being composed is taken into force before the next one is.
                Some(reading) = channels.readings.recv(), if self.is_free() => self.take(reading),
                Some((name, until)) = channels.holding.recv() => self.handle(Input::Holds(name, until)),
                Some(event) = channels.events.recv(), if !self.is_held => self.zone_event(event),
                // What waits for zones meanwhile waits in these queues, which have bounds.
                Some(apex) = channels.notified.recv(), if self.is_free() => self.zone_event(zones::Input::Notified(apex)),
                Some(request) = channels.updates.recv(), if self.is_free() => {
                    let effects = self.zones.update(request);
                    self.follow(effects);
                }
                () = cluster::changed(self.handles.cluster.as_mut()), if !self.is_held => {}
                () = tokio::time::sleep_until(wake) => if takes_reports {
                    let waiting = std::iter::from_fn(|| channels.reports.try_recv().ok());
                    reports.extend(waiting.take(REPORTS_TOGETHER));
                    self.take_reports(&mut reports);
                    self.tick();
                }
            }
            self.observe();
            self.hear_others();
        }
        self.log.flush();
        if let Some(carrier) = &mut self.handles.carrier {
            carrier.pause().await;
        }
        if !self.is_held {
            let effects = self.zones.release_signatures().await;
            self.follow(effects);
        }
        self.keeper.close(&mut self.engine).await;
    }

    /// When to turn at the latest.
    fn wake(&self, turn: Instant) -> Instant {
        if self.next_batch > turn {
            return self.next_batch;
        }
        let now = self.handles.clock.now();
        let zones = self.zones.wake_at().filter(|_| !self.is_held);
        let cores = self.engine.wake_at().into_iter().chain(self.log.wake_at());
        let cluster = self.handles.cluster.as_ref().filter(|_| !self.is_held);
        let cores = cores.chain(cluster.map(ClusterDriver::wake_at));
        turn + patience(now, cores.chain(zones).min())
    }

    /// Votes when it is time, and takes in what other nodes say; while another program may do so, neither.
    fn hear_others(&mut self) {
        if self.is_held {
            return;
        }
        let now = self.handles.clock.now();
        let cluster = self.handles.cluster.as_mut();
        let heard = cluster.map(|cluster| cluster.turn(&self.engine, now));
        for input in heard.into_iter().flatten() {
            self.handle(input);
        }
        self.agree();
    }

    fn tick(&mut self) {
        self.published.release();
        self.handle(Input::Tick);
        if !self.is_held {
            self.zone_event(zones::Input::Tick);
        }
    }

    /// Lets the engine of zones take something in.
    pub(super) fn zone_event(&mut self, input: zones::Input) {
        let effects = self.zones.handle(input);
        self.follow(effects);
    }

    /// Does what has become of zones asks for.
    pub(super) fn follow(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Publish(zones) => self.handle(Input::Zones(zones)),
                Effect::Configured(outcome) => self.configured(outcome),
                Effect::Filed(apex, outcome) => self.filed(&apex, outcome),
                Effect::Declared(notice) => self.tell_declared(&notice),
                Effect::Challenges(kept) => self.share_challenges(kept),
            }
        }
    }

    /// Looks at the certificate, and tells the engine how much clients ask for, when it is time.
    fn observe(&mut self) {
        self.expiry.look(&self.plan, self.handles.clock);
        if !self.is_held {
            self.keeper.look(&mut self.engine);
        }
        let (metrics, now) = (&self.handles.metrics, self.handles.clock.now());
        self.log.advance(now);
        if let Some(observed) = self.observer.look(&self.plan, metrics, now) {
            let all = self.handles.cluster.as_ref();
            let observed = all.map_or(observed.clone(), |cluster| cluster.load(&observed));
            self.handle(Input::Observed(observed));
        }
    }

    /// Lets the engine take something in, and carries out what it says.
    pub(super) fn handle(&mut self, input: Input) {
        let before = Instant::now();
        self.engine.handle(self.handles.clock.now(), input);
        self.carry_out(before.elapsed());
    }

    fn take_reports(&mut self, reports: &mut Vec<Finished>) {
        self.next_batch = Instant::now() + BATCH;
        for finished in reports.drain(..) {
            self.finished(&finished);
        }
    }

    fn finished(&mut self, finished: &Finished) {
        if let Some(slot) = self.engine.slot_of(finished.id) {
            let labels = ProbeLabels::of(&self.plan, slot);
            let monitor = &self.plan.monitors[self.plan.slots[slot.index()].monitor.index()];
            let report = finished.report.judged_by(monitor);
            self.handles.metrics.observe_probe(labels, &report);
            self.handles.metrics.probe_late(finished.late);
        }
        self.handle(Input::Probed(finished.id, finished.report));
    }

    fn command(&mut self, command: Command) {
        match command {
            // Whoever asked may have gone.
            Command::Status(reply) => drop(reply.send(self.status())),
            Command::Figures(reply) => drop(reply.send(self.figures())),
            // What would have to be kept is not taken: whoever asked finds nobody, and asks again.
            Command::Reload { .. }
            | Command::Order { .. }
            | Command::Push { .. }
            | Command::Revoke { .. }
            | Command::Release { .. }
            | Command::Secrets(..)
            | Command::Challenge { .. }
            | Command::Declared { .. }
            | Command::Declare { .. }
            | Command::Agree { .. }
            | Command::Accept { .. }
                if self.is_held => {}
            Command::Reload { force, reply } => self.ask_reader(Request { force, reply }),
            Command::Accept { discovery, reply } => {
                drop(reply.send(self.handles.discoveries.accept(&discovery)));
            }
            Command::Upgrade { patience, reply } => {
                self.ask_upgrade(upgrade::UpgradeRequest { patience, reply });
            }
            Command::Compare { text, part, reply } => self.compare(reply, (text, part)),
            Command::Verify(reply) => self.verify(reply),
            Command::Order { request, reply } => self.take_order(request, reply),
            Command::Forecast { request, reply } => {
                let now = self.handles.clock.now();
                let found = self.engine.forecast(now, &request.order);
                let told = found.map_err(|refused| order_words::refusal(&request, &refused));
                drop(reply.send(told));
            }
            Command::Cluster(reply) => drop(reply.send(self.cluster_view())),
            Command::Revoke { revocation, reply } => drop(reply.send(self.revoke(revocation))),
            Command::Release { ask, reply } => drop(reply.send(self.ask_release(ask))),
            Command::Secrets(ask, reply) => self.ask_secrets(ask, reply),
            Command::Orders(reply) => self.tell_orders(reply),
            Command::Push { push, reply } => {
                let slots = pushed::slots_of(&self.plan, &push);
                for slot in slots.iter().flatten() {
                    let labels = ProbeLabels::of(&self.plan, *slot);
                    self.handles.metrics.observe_probe(labels, &push.report);
                    self.handle(Input::Reported(*slot, push.report));
                }
                drop(reply.send(slots.map(|slots| slots.len())));
            }
            Command::Declared { ask, reply } => {
                let effects = self.zones.declare(ask, reply);
                self.follow(effects);
            }
            Command::Objects(reply) => drop(reply.send(self.declared_objects())),
            Command::Declare { order, reply } => self.declare(ObjectWork::Order(order), reply),
            Command::Agree { part, reply } => self.declare(ObjectWork::Agree(part), reply),
            Command::Challenge { order, reply } => {
                let effects = self.zones.order(order, reply);
                self.follow(effects);
            }
        }
    }

    /// What the engine says of itself, and what became of the last config.
    fn status(&self) -> Status {
        let now = self.handles.clock.now();
        Status {
            maintenance: maintenance::status(&self.plan, self.handles.clock.calendar().utc),
            refused: self.scales.last_refusal(now),
            zones: self.zones.status(),
            names: self.handles.names.report(),
            discoveries: self.handles.discoveries.report(),
            cluster: self.cluster_view().map(|view| view.summary),
            ..self.engine.status(now)
        }
    }

    /// The same as numbers.
    fn figures(&self) -> Figures {
        let now = self.handles.clock.now();
        Figures {
            refused: self.scales.last_refusal(now).is_some(),
            zones: self.zones.status(),
            names: self.handles.names.report(),
            discoveries: self.handles.discoveries.report(),
            cluster: self.cluster_view(),
            ..self.engine.figures(now)
        }
    }

    fn cluster_view(&self) -> Option<ClusterView> {
        self.handles.cluster.as_ref().map(ClusterDriver::view)
    }

    fn ask_upgrade(&self, request: upgrade::UpgradeRequest) {
        let unsent = match &self.handles.upgrades {
            None => Err((request, "this server cannot be upgraded: it has no config")),
            Some(upgrades) => upgrades
                .try_send(request)
                .map_err(|unsent| (unsent.into_inner(), "an upgrade is under way already")),
        };
        if let Err((request, why)) = unsent {
            // Whoever asked may have gone.
            let _ = request.reply.send(Err(why.to_owned()));
        }
    }

    /// Lets go of the state for another program, or takes it up again.
    async fn hold(&mut self, hold: Hold) {
        match hold {
            Hold::Release(done) => {
                self.is_held = true;
                self.handles.hold_secrets(true);
                if let Some(carrier) = &mut self.handles.carrier {
                    carrier.pause().await;
                }
                let effects = self.zones.release_signatures().await;
                self.follow(effects);
                if self.keeper.release(&mut self.engine).await {
                    // If the conversation has ended meanwhile, it says so next.
                    let _ = done.send(());
                }
            }
            Hold::Resume => {
                self.keeper.resume(self.in_force_state());
                self.zones.resume_signatures(self.in_force_state());
                self.is_held = false;
                self.handles.hold_secrets(false);
                // What came meanwhile is on no disk.
                self.handles
                    .cluster
                    .iter_mut()
                    .for_each(ClusterDriver::news);
                if let Some(carrier) = &mut self.handles.carrier {
                    carrier.resume();
                }
            }
        }
    }

    /// Tells that a config, or a change of a zone, can be taken up now.
    fn is_free(&self) -> bool {
        self.composing.is_none() && !self.is_held
    }

    /// The folder of the state.
    fn in_force_state(&self) -> Option<std::path::PathBuf> {
        let in_force = self.handles.in_force.read();
        let in_force = in_force.unwrap_or_else(PoisonError::into_inner);
        in_force.zoning.state.clone()
    }

    /// Has what was read again taken into force, or says why not.
    fn take(&mut self, reading: Reading) {
        match reading {
            Reading::Config {
                outcome,
                force,
                mut waiting,
            } => {
                let weighed = outcome.and_then(|(prepared, judgement)| {
                    waiting.changes = judgement.changes.clone();
                    self.scales.config(&self.plan, prepared, &judgement, force)
                });
                match weighed {
                    Ok(Weighed::New(prepared)) => self.compose(*prepared, waiting),
                    Ok(Weighed::Unchanged) => {
                        self.handles.metrics.reload(ReloadResult::Unchanged);
                        info!(event = "reload", "nothing has changed");
                        waiting.changes = None;
                        self.conclude(Ok("nothing has changed".to_owned()), waiting);
                    }
                    Err(refusal) => self.conclude(Err(refusal), waiting),
                }
            }
            Reading::Names(Ok(own), done) => {
                let (steered, known) = (Arc::clone(&own.source.steered), Arc::clone(&own.known));
                self.composing = Some(Composing::Names(own, done));
                let effects = self.zones.rename(steered, known);
                self.follow(effects);
            }
            Reading::Names(Err(why), _) => readdress::refuse(&why),
            Reading::Zone { apex, outcome } => {
                match outcome.and_then(|filed| self.scales.zone(&self.plan, &apex, filed)) {
                    Ok(filed) => {
                        let effects = self.zones.take_file(apex, filed);
                        self.follow(effects);
                    }
                    Err(refusal) => self.refuse(Some(apex), &refusal),
                }
            }
        }
    }

    /// Says whether a zone is served as its file has it now.
    fn filed(&mut self, apex: &Name, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.scales.filed(apex);
                self.handles.metrics.reload(ReloadResult::Applied);
                let serial = self.zones.serial(&self.published.load().zones, apex);
                info!(event = "zone_loaded", zone = %apex, serial, "the zone is served as its file has it");
            }
            Err(text) => {
                self.scales.not_filed(apex);
                self.refuse(Some(apex.clone()), &text);
            }
        }
    }

    /// Says what became of a reload; after a refusal everything is as it was.
    pub(super) fn conclude(&mut self, outcome: Result<String, String>, waiting: ReloadWaiters) {
        match &outcome {
            _ if waiting.is_discovered => {}
            Ok(_) => self.scales.taken(),
            Err(text) => self.refuse(None, text),
        }
        waiting.answer(outcome);
    }

    /// Says why a config, or the file of one zone, is not taken.
    fn refuse(&mut self, zone: Option<Name>, text: &str) {
        self.handles.metrics.reload(ReloadResult::Refused);
        findings::refusal(zone.as_ref(), text);
        let what = zone
            .as_ref()
            .map_or_else(|| "config".to_owned(), |zone| format!("zone {zone}"));
        self.handles
            .history
            .event(TimelineEvent::refused(&what, text));
        self.scales.refused(self.handles.clock.now(), zone, text);
    }

    /// Probes by this plan from now on.
    pub(super) fn probe_by(&mut self, plan: Arc<Plan>) {
        let (webhooks, node) = (&plan.control.webhooks, plan.server.identity.as_deref());
        let metrics = &self.handles.metrics;
        self.handles.notifier.set(webhooks, node, metrics);
        for unready in self.handles.prober.use_plan(self.epoch, plan) {
            let (monitor, why) = (&unready.monitor, &unready.reason);
            error!(
                event = "monitor_unready",
                monitor, "probes of this monitor cannot run: {why}"
            );
        }
    }

    /// Does all that the engine says; `took` is how long it thought.
    fn carry_out(&mut self, took: Duration) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Probe(id, due) => self.handles.prober.start(id, due),
                Output::Publish(table) => self.publish(table, took),
                Output::Ordered(id, result) => self.ordered(id, result),
                Output::Notice(notice) => self.tell(notice),
            }
        }
    }

    fn publish(&mut self, table: Arc<Table>, took: Duration) {
        self.handles.metrics.published(&table, took);
        self.handles.history.published(&table);
        self.published.publish(Arc::clone(&table));
        if !self.is_held {
            let effects = self.zones.published(table);
            self.follow(effects);
        }
    }

    fn tell(&mut self, notice: Notice) {
        self.handles.metrics.notice(&notice);
        let now = self.handles.clock.now();
        if let Some(onlooker) = &self.handles.onlooker {
            // An onlooker that went away misses nothing it wants.
            let _ = onlooker.send((now, notice.clone()));
        }
        self.log.tell(now, notice, self.plan.endpoints.len());
    }
}

/// How long to wait while nothing comes: until the engine wants to be called, and not so long that
/// anybody takes the loop for stuck.
fn patience(now: Moment, wake_at: Option<Moment>) -> Duration {
    let wait = wake_at.map_or(IDLE, |wake| Duration::from_millis(wake.since(now).0));
    wait.min(IDLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;
    use crate::base::limits::CONTROL_LOOP_TURN;

    #[test]
    fn a_loop_with_nothing_to_do_is_not_taken_for_stuck() {
        let now = Moment(5000);
        let least = Duration::from_millis(CONTROL_LOOP_TURN.0) / 2;
        for wake_at in [None, Some(now.after(Span::from_secs(60)))] {
            assert!(patience(now, wake_at) < least, "{wake_at:?}");
        }
        assert_eq!(patience(now, Some(Moment(5020))), Duration::from_millis(20));
        assert_eq!(patience(now, Some(Moment(4000))), Duration::ZERO);
    }
}
