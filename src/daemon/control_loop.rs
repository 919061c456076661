//! Keeps both cores, the engine of health and that of zones: one task that carries inputs in and outputs out.
//!
//! It waits for whatever comes first: a finished probe, a word from the control API or a
//! signal, something that was read again, something that happened to a zone, or a core's own wake-up. It decides
//! nothing but whether a new plan may be taken (`guard.max_shrink`). Answering goes on in the listeners' threads
//! from the last published table, whatever happens to this task.
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::expiry::Expiry;
use super::observer::Observer;
use super::prepared::{Prepared, Source};
use super::reader::{InForce, Reading, Reply, Request};
use super::reload_effects::{Opened, gone, opened_by};
use super::upgrade::{self, Hold};
use super::zone_driver::{Effect, Events, ZoneDriver};
use super::{log, ordered};
use crate::base::Moment;
use crate::dns::Name;
use crate::dns::zone::Zones;
use crate::engine::status::RefusedConfig;
use crate::engine::{Engine, Input, Notice, Output, Status};
use crate::io::clock::Clock;
use crate::io::control::{Command, Force, Heartbeat};
use crate::io::metrics::{Metrics, ProbeLabels, ReloadResult};
use crate::io::probe::{Finished, Prober};
use crate::io::publish::Published;
use crate::io::serve::deferred;
use crate::plan::{Plan, ZoneSize};
use crate::table::Table;
use crate::zones::{self, Filed};

/// Longest wait when there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);
/// How long the start waits for the first versions of zones that are given to secondaries.
const SETTLING: Duration = Duration::from_secs(2);
/// Lines of a refusal that a status shows: what is wrong, and where.
const REFUSAL_LINES: usize = 2;
/// Characters of a refusal that a status shows.
const REFUSAL_CHARACTERS: usize = 400;

/// What an onlooker (the demo) is shown: each notice, and when it came.
pub(crate) type Shown = (Moment, Notice);

/// What the control_loop works with.
pub(crate) struct Handles {
    /// What time it is.
    pub(crate) clock: Clock,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where each turn is written down.
    pub(crate) heartbeat: Arc<Heartbeat>,
    /// What probes.
    pub(crate) prober: Prober,
    /// What reads the config again; absent = no reload.
    pub(crate) reader: Option<std::sync::mpsc::Sender<Request>>,
    /// By what the files of zones are read.
    pub(crate) in_force: InForce,
    /// Who else wants to know.
    pub(crate) onlooker: Option<mpsc::UnboundedSender<Shown>>,
    /// What starts another program in this one's place; absent = nothing does.
    pub(crate) upgrades: Option<mpsc::Sender<upgrade::Request>>,
}

/// What the control_loop listens to.
pub(crate) struct Channels {
    /// The control API and signals.
    pub(crate) commands: mpsc::Receiver<Command>,
    /// Finished probes.
    pub(crate) reports: mpsc::UnboundedReceiver<Finished>,
    /// What was read again.
    pub(crate) readings: mpsc::Receiver<Reading>,
    /// What has happened to zones.
    pub(crate) events: Events,
    /// Zones that may have changed, as their primaries say.
    pub(crate) notified: mpsc::Receiver<Name>,
    /// Updates (RFC 2136).
    pub(crate) updates: mpsc::Receiver<deferred::Request>,
    /// The state is wanted by a program that takes this one's place.
    pub(super) holds: mpsc::Receiver<Hold>,
    /// The end.
    pub(crate) stop: oneshot::Receiver<()>,
}

/// Keeps the engine.
pub(crate) struct ControlLoop {
    handles: Handles,
    engine: Engine,
    /// Orders that wait for their answer.
    orders: ordered::Waiting,
    epoch: u32,
    plan: Arc<Plan>,
    /// What the listeners were opened by; it stays until a restart.
    opened: Opened,
    /// The config, or the zone's file, that was refused last, until one is taken.
    refused: Option<LastRefusal>,
    /// Sizes that zones will have once their files are served.
    weighed: BTreeMap<Name, ZoneSize>,
    /// Drives the engine of zones.
    zones: ZoneDriver,
    /// Apex, number of names and digest of the file of each zone.
    sizes: Vec<ZoneSize>,
    /// The state is another program's: nothing is taken that would have to be kept.
    pub(super) is_held: bool,
    /// The config that is being composed.
    composing: Option<Composing>,
    published: Arc<Published>,
    observer: Observer,
    expiry: Expiry,
}

impl ControlLoop {
    /// Starts the engine; the first table is published when this returns.
    pub(crate) fn new(
        (plan, served, sizes): (Arc<Plan>, Arc<Zones>, Vec<ZoneSize>),
        zones: ZoneDriver,
        handles: Handles,
    ) -> Self {
        handles.heartbeat.beat(handles.clock.now());
        let seed = handles.clock.wall_seconds() ^ (u64::from(std::process::id()) << 32);
        let engine = Engine::new(plan.clone(), served, handles.clock.now(), seed);
        let mut control_loop = Self {
            published: Arc::new(Published::new(engine.table().clone())),
            engine,
            orders: ordered::Waiting::default(),
            epoch: 0,
            observer: Observer::new(&plan, handles.clock.now()),
            expiry: Expiry::default(),
            opened: opened_by(&plan),
            refused: None,
            weighed: BTreeMap::new(),
            zones,
            sizes,
            is_held: false,
            composing: None,
            plan: plan.clone(),
            handles,
        };
        control_loop.probe_by(plan);
        control_loop.carry_out(Duration::ZERO);
        control_loop
    }

    /// Has the first versions of zones ready for secondaries before anybody is answered, within a bounded time.
    pub(crate) async fn settle(&mut self, events: &mut Events) {
        let end = Instant::now() + SETTLING;
        while !self.zones.is_settled() {
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
        loop {
            self.handles.heartbeat.beat(self.handles.clock.now());
            let wake = self.wake();
            tokio::select! {
                _ = &mut channels.stop => return,
                Some(finished) = channels.reports.recv() => self.finished(&finished),
                Some(hold) = channels.holds.recv(), if self.composing.is_none() => self.hold(hold),
                Some(command) = channels.commands.recv() => self.command(command),
                // A config that is being composed is taken into force before the next one is.
                Some(reading) = channels.readings.recv(), if self.is_free() => self.take(reading),
                Some(event) = channels.events.recv(), if !self.is_held => self.zone_event(event),
                // What waits for zones meanwhile waits in these queues, which have bounds.
                Some(apex) = channels.notified.recv(), if self.is_free() => self.zone_event(zones::Input::Notified(apex)),
                Some(request) = channels.updates.recv(), if self.is_free() => {
                    let effects = self.zones.update(request);
                    self.follow(effects);
                }
                () = tokio::time::sleep_until(wake) => self.tick(),
            }
            self.observe();
        }
    }

    /// When to turn at the latest.
    fn wake(&self) -> Instant {
        let now = self.handles.clock.now();
        let zones = self.zones.wake_at().filter(|_| !self.is_held);
        let cores = self.engine.wake_at().into_iter();
        Instant::now() + patience(now, cores.chain(zones).min())
    }

    fn tick(&mut self) {
        self.published.release();
        self.handle(Input::Tick);
        if !self.is_held {
            self.zone_event(zones::Input::Tick);
        }
    }

    /// Lets the engine of zones take something in.
    fn zone_event(&mut self, input: zones::Input) {
        let effects = self.zones.handle(input);
        self.follow(effects);
    }

    /// Does what has become of zones asks for.
    fn follow(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Publish(zones) => self.handle(Input::Zones(zones)),
                Effect::Configured(outcome) => self.configured(outcome),
                Effect::Filed(apex, outcome) => self.filed(&apex, outcome),
            }
        }
    }

    /// Looks at the certificate, and tells the engine how much clients ask for, when it is time.
    fn observe(&mut self) {
        self.expiry.look(&self.plan, self.handles.clock);
        let (metrics, now) = (&self.handles.metrics, self.handles.clock.now());
        if let Some(observed) = self.observer.look(&self.plan, metrics, now) {
            self.handle(Input::Observed(observed));
        }
    }

    /// Lets the engine take something in, and carries out what it says.
    fn handle(&mut self, input: Input) {
        let before = Instant::now();
        self.engine.handle(self.handles.clock.now(), input);
        self.carry_out(before.elapsed());
    }

    fn finished(&mut self, finished: &Finished) {
        if let Some(slot) = self.engine.slot_of(finished.id) {
            let labels = ProbeLabels::of(&self.plan, slot);
            self.handles.metrics.observe_probe(labels, &finished.report);
            self.handles.metrics.probe_late(finished.late);
        }
        self.handle(Input::Probed(finished.id, finished.report));
    }

    fn command(&mut self, command: Command) {
        match command {
            // Whoever asked may have gone.
            Command::Status(reply) => drop(reply.send(self.status())),
            // What would have to be kept is not taken: whoever asked finds nobody, and asks again.
            Command::Reload { .. } | Command::Order { .. } | Command::Challenge { .. }
                if self.is_held => {}
            Command::Reload { force, reply } => self.ask_reader(Request { force, reply }),
            Command::Upgrade { patience, reply } => {
                self.ask_upgrade(upgrade::Request { patience, reply });
            }
            Command::Order { order, reply } => {
                let input = self.orders.begin(order, reply);
                self.handle(input);
            }
            Command::Challenge { order, reply } => {
                let effects = self.zones.order(order, reply);
                self.follow(effects);
            }
        }
    }

    /// What the engine says of itself, and what became of the last config.
    fn status(&self) -> Status {
        let now = self.handles.clock.now();
        let refused = self.refused.as_ref().map(|last| RefusedConfig {
            age_ms: now.since(last.at).0,
            reason: last.reason.clone(),
        });
        Status {
            refused,
            zones: self.zones.status(),
            ..self.engine.status(now)
        }
    }

    fn ask_upgrade(&self, request: upgrade::Request) {
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
    fn hold(&mut self, hold: Hold) {
        match hold {
            Hold::Release(done) => {
                self.is_held = true;
                self.zones.release();
                // If the conversation has ended meanwhile, it says so next.
                let _ = done.send(());
            }
            Hold::Resume => {
                let folder = self.in_force_state();
                self.zones.resume(folder.as_deref());
                self.is_held = false;
            }
        }
    }

    /// Whether a config, or a change of a zone, can be taken up now.
    fn is_free(&self) -> bool {
        self.composing.is_none() && !self.is_held
    }

    /// The folder of the state.
    fn in_force_state(&self) -> Option<std::path::PathBuf> {
        let in_force = self.handles.in_force.read();
        let in_force = in_force.unwrap_or_else(PoisonError::into_inner);
        in_force.zoning.state.clone()
    }

    fn ask_reader(&self, request: Request) {
        let refused = match &self.handles.reader {
            None => Some((request, "this server has no config file to read again")),
            Some(reader) => match reader.send(request) {
                Ok(()) => None,
                Err(unsent) => Some((unsent.0, "the thread that reads the config has ended")),
            },
        };
        if let Some((request, why)) = refused {
            drop(request.reply.send(Err(why.to_owned())));
        }
    }

    /// Has what was read again taken into force, or says why not.
    fn take(&mut self, reading: Reading) {
        match reading {
            Reading::Config {
                outcome,
                force,
                replies,
            } => match outcome.and_then(|prepared| self.weigh(prepared, force)) {
                Ok(Weighed::New(prepared)) => self.compose(*prepared, replies),
                Ok(Weighed::Unchanged) => {
                    self.handles.metrics.reload(ReloadResult::Unchanged);
                    info!(event = "reload", "nothing has changed");
                    self.conclude(Ok("nothing has changed".to_owned()), replies);
                }
                Err(refusal) => self.conclude(Err(refusal), replies),
            },
            Reading::Zone { apex, outcome } => {
                match outcome.and_then(|filed| self.weigh_zone(&apex, filed)) {
                    Ok(filed) => {
                        let effects = self.zones.take_file(apex, filed);
                        self.follow(effects);
                    }
                    Err(refusal) => self.refuse(Some(apex), &refusal),
                }
            }
        }
    }

    /// Has the zones of a config composed; what is served stays until all are there.
    fn compose(&mut self, prepared: Prepared, replies: Vec<Reply>) {
        let Prepared {
            plan,
            zones,
            sizes,
            source,
            damaged: _,
        } = prepared;
        self.composing = Some(Composing {
            plan,
            sizes,
            source,
            replies,
        });
        let effects = self.zones.configure(zones);
        self.follow(effects);
    }

    /// Takes a config whose zones are composed into force.
    fn configured(&mut self, outcome: Result<Arc<Zones>, String>) {
        let Some(composing) = self.composing.take() else {
            return;
        };
        let Composing {
            plan,
            sizes,
            source,
            replies,
        } = composing;
        let outcome = outcome.map(|zones| {
            self.sizes = sizes;
            let in_force = self.handles.in_force.write();
            *in_force.unwrap_or_else(PoisonError::into_inner) = source;
            self.apply(plan, zones)
        });
        self.conclude(outcome, replies);
    }

    /// Says whether a zone is served as its file has it now.
    fn filed(&mut self, apex: &Name, outcome: Result<(), String>) {
        let size = self.weighed.remove(apex);
        let outcome = outcome.map(|()| {
            let own = self.sizes.iter_mut().find(|own| own.apex == *apex);
            if let Some((own, size)) = own.zip(size) {
                *own = size;
            }
            self.handles.metrics.reload(ReloadResult::Applied);
            let serial = self.published.load().zones.serial(apex);
            info!(event = "zone_loaded", zone = %apex, serial, "the zone is served as its file has it");
        });
        match outcome {
            // A config that was refused is so still.
            Ok(()) => drop(
                self.refused
                    .take_if(|last| last.zone.as_ref() == Some(apex)),
            ),
            Err(text) => self.refuse(Some(apex.clone()), &text),
        }
    }

    /// Says what became of a reload; after a refusal everything is as it was.
    fn conclude(&mut self, outcome: Result<String, String>, replies: Vec<Reply>) {
        match &outcome {
            Ok(_) => self.refused = None,
            Err(text) => self.refuse(None, text),
        }
        for reply in replies {
            // Whoever asked may have gone.
            drop(reply.send(outcome.clone()));
        }
    }

    /// Says why a config, or the file of one zone, is not taken.
    fn refuse(&mut self, zone: Option<Name>, text: &str) {
        self.handles.metrics.reload(ReloadResult::Refused);
        error!(event = "reload_refused", "nothing was changed:\n{text}");
        self.refused = Some(LastRefusal {
            at: self.handles.clock.now(),
            reason: opening(text),
            zone,
        });
    }

    fn weigh(&self, prepared: Box<Prepared>, force: Force) -> Result<Weighed, String> {
        if force == Force::No {
            self.check_shrinkage(&prepared.plan, &prepared.sizes)?;
        }
        let same_zones = self.sizes == prepared.sizes;
        Ok(
            match same_zones && prepared.plan.digest == self.plan.digest {
                true => Weighed::Unchanged,
                false => Weighed::New(prepared),
            },
        )
    }

    /// Refuses a zone that has lost more of its names than is meant to be lost unasked.
    fn weigh_zone(&mut self, apex: &Name, filed: Filed) -> Result<Filed, String> {
        let size = ZoneSize {
            apex: apex.clone(),
            names: filed.zone.names(),
            digest: filed.digest,
        };
        let mut sizes = self.sizes.clone();
        let Some(own) = sizes.iter_mut().find(|own| own.apex == *apex) else {
            return Err(format!("there is no zone `{apex}`"));
        };
        *own = size.clone();
        self.check_shrinkage(&self.plan, &sizes)?;
        self.weighed.insert(apex.clone(), size);
        Ok(filed)
    }

    fn check_shrinkage(&self, plan: &Plan, sizes: &[ZoneSize]) -> Result<(), String> {
        let shrinks = self.plan.shrinks_to(plan, [&self.sizes, sizes]);
        if shrinks.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = shrinks.iter().map(ToString::to_string).collect();
        let help = "say `waypost reload --force` if that is meant";
        Err(format!("{}; {help}", lines.join("\n")))
    }

    fn apply(&mut self, plan: Arc<Plan>, zones: Arc<Zones>) -> String {
        self.warn_of_restart(&plan);
        let mut text = format!("plan {:016x} is in force", plan.digest);
        if let Some(gone) = gone(&self.plan, &plan) {
            info!(event = "endpoints_gone", "no longer configured: {gone}");
            text = format!("{text}; no longer configured: {gone}");
        }
        self.epoch += 1;
        self.plan = plan.clone();
        self.probe_by(plan.clone());
        self.handles.metrics.reload(ReloadResult::Applied);
        self.handle(Input::Reload(plan, zones));
        text
    }

    /// Says what of the new plan waits for a restart.
    fn warn_of_restart(&self, next: &Plan) {
        for ((key, opened), (_, wanted)) in self.opened.iter().zip(opened_by(next)) {
            if *opened != wanted {
                warn!(
                    event = "restart_needed",
                    "{key} is {opened} until a restart; the new config says {wanted}"
                );
            }
        }
    }

    /// Probes by this plan from now on.
    fn probe_by(&mut self, plan: Arc<Plan>) {
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
                Output::Ordered(id, result) => self.orders.end(id, &result),
                Output::Notice(notice) => self.tell(notice),
            }
        }
    }

    fn publish(&mut self, table: Arc<Table>, took: Duration) {
        self.handles.metrics.published(&table, took);
        self.published.publish(Arc::clone(&table));
        if !self.is_held {
            let effects = self.zones.published(table);
            self.follow(effects);
        }
    }

    fn tell(&self, notice: Notice) {
        log::notice(&notice);
        self.handles.metrics.notice(&notice);
        if let Some(onlooker) = &self.handles.onlooker {
            // An onlooker that went away misses nothing it wants.
            let _ = onlooker.send((self.handles.clock.now(), notice));
        }
    }
}

/// How long to wait while nothing comes: until the engine wants to be called, and not so long that
/// anybody takes the loop for stuck.
fn patience(now: Moment, wake_at: Option<Moment>) -> Duration {
    let wait = wake_at.map_or(IDLE, |wake| Duration::from_millis(wake.since(now).0));
    wait.min(IDLE)
}

/// A config, or the file of one zone, that was not taken.
struct LastRefusal {
    at: Moment,
    reason: String,
    /// The zone; absent for a config.
    zone: Option<Name>,
}

/// A config whose zones are being composed.
struct Composing {
    plan: Arc<Plan>,
    sizes: Vec<ZoneSize>,
    source: Arc<Source>,
    replies: Vec<Reply>,
}

/// What is to be done with a config that was read again.
enum Weighed {
    /// It says what the one in force says.
    Unchanged,
    /// It is to be taken into force.
    New(Box<Prepared>),
}

/// The first lines of a refusal, as far as a status shows it.
fn opening(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.take(REFUSAL_LINES).collect();
    lines.join("\n").chars().take(REFUSAL_CHARACTERS).collect()
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

    #[test]
    fn a_refusal_is_shown_by_its_first_lines() {
        let text = "error: one\n\n  --> config.toml:3:1\n3 | x\nerror: two\n";
        assert_eq!(opening(text), "error: one\n  --> config.toml:3:1");
        assert_eq!(opening(&"x".repeat(1000)).len(), REFUSAL_CHARACTERS);
    }
}
