//! Keeps the engine: one task that carries inputs in and outputs out.
//!
//! It waits for whatever comes first: a finished probe, a word from the control API or a
//! signal, a config that was read again, or the engine's own wake-up. It decides nothing but
//! whether a new plan may be taken (`guard.max_shrink`). Answering goes on in the listeners' threads
//! from the last published table, whatever happens to this task.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::log;
use super::reader::{Reading, Request};
use crate::base::Moment;
use crate::engine::{Engine, Input, Notice, Output};
use crate::io::clock::Clock;
use crate::io::control::{Command, Force};
use crate::io::metrics::{Metrics, ProbeLabels, ReloadResult};
use crate::io::probe::{Finished, Prober};
use crate::io::publish::Published;
use crate::plan::Plan;
use crate::table::Table;

/// Longest wait when the engine has nothing to do.
const IDLE: Duration = Duration::from_secs(1);

/// What an onlooker (the demo) is shown: each notice, and when it came.
pub(super) type Shown = (Moment, Notice);

/// What the keeper works with.
pub(super) struct Tools {
    /// What time it is.
    pub(super) clock: Clock,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// What probes.
    pub(super) prober: Prober,
    /// What reads the config again; absent = no reload.
    pub(super) reader: Option<std::sync::mpsc::Sender<Request>>,
    /// Who else wants to know.
    pub(super) onlooker: Option<mpsc::UnboundedSender<Shown>>,
}

/// What the keeper listens to.
pub(super) struct Ears {
    /// The control API and signals.
    pub(super) commands: mpsc::Receiver<Command>,
    /// Finished probes.
    pub(super) reports: mpsc::UnboundedReceiver<Finished>,
    /// Configs that were read again.
    pub(super) readings: mpsc::Receiver<Reading>,
    /// The end.
    pub(super) stop: oneshot::Receiver<()>,
}

/// Keeps the engine.
pub(super) struct Keeper {
    tools: Tools,
    engine: Engine,
    epoch: u32,
    plan: Arc<Plan>,
    published: Arc<Published>,
}

impl Keeper {
    /// Starts the engine; the first table is published when this returns.
    pub(super) fn new(plan: Arc<Plan>, tools: Tools) -> Self {
        let seed = tools.clock.wall_seconds() ^ (u64::from(std::process::id()) << 32);
        let engine = Engine::new(plan.clone(), tools.clock.now(), seed);
        let mut keeper = Self {
            published: Arc::new(Published::new(engine.table().clone())),
            engine,
            epoch: 0,
            plan: plan.clone(),
            tools,
        };
        keeper.probe_by(plan);
        keeper.carry_out(Duration::ZERO);
        keeper
    }

    /// Where the tables are.
    pub(super) fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Goes on until told to stop.
    pub(super) async fn run(mut self, mut ears: Ears) {
        loop {
            let wake = self.wake();
            tokio::select! {
                _ = &mut ears.stop => return,
                Some(finished) = ears.reports.recv() => self.finished(&finished),
                Some(command) = ears.commands.recv() => self.command(command),
                Some(reading) = ears.readings.recv() => self.take(reading),
                () = tokio::time::sleep_until(wake) => self.handle(Input::Tick),
            }
        }
    }

    /// When the engine wants to be called at the latest.
    fn wake(&self) -> Instant {
        let now = self.tools.clock.now();
        let wait = self.engine.wake_at().map(|wake| wake.since(now).0);
        Instant::now() + wait.map_or(IDLE, Duration::from_millis)
    }

    /// Lets the engine take something in, and carries out what it says.
    fn handle(&mut self, input: Input) {
        let before = Instant::now();
        self.engine.handle(self.tools.clock.now(), input);
        self.carry_out(before.elapsed());
    }

    fn finished(&mut self, finished: &Finished) {
        if finished.id.epoch == self.epoch {
            let labels = ProbeLabels::of(&self.plan, finished.id.slot);
            self.tools.metrics.observe_probe(labels, &finished.report);
        }
        self.handle(Input::Probed(finished.id, finished.report));
    }

    fn command(&self, command: Command) {
        match command {
            // Whoever asked may have gone.
            Command::Status(reply) => drop(reply.send(self.engine.status(self.tools.clock.now()))),
            Command::Reload { force, reply } => self.ask_reader(Request { force, reply }),
        }
    }

    fn ask_reader(&self, request: Request) {
        let refused = match &self.tools.reader {
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

    /// Takes a plan that was read again into force, or says why not; never anything between.
    fn take(&mut self, reading: Reading) {
        let Reading {
            outcome,
            force,
            replies,
        } = reading;
        let outcome = outcome.and_then(|plan| self.accept(plan, force));
        match &outcome {
            Ok(text) => info!(event = "reload", "{text}"),
            Err(text) => {
                self.tools.metrics.reload(ReloadResult::Refused);
                error!(event = "reload_refused", "nothing was changed:\n{text}");
            }
        }
        for reply in replies {
            // Whoever asked may have gone.
            drop(reply.send(outcome.clone()));
        }
    }

    fn accept(&mut self, plan: Arc<Plan>, force: Force) -> Result<String, String> {
        let shrinks = self.plan.shrinks_to(&plan);
        if force == Force::No && !shrinks.is_empty() {
            let lines: Vec<String> = shrinks.iter().map(ToString::to_string).collect();
            let help = "say `waypost reload --force` if that is meant";
            return Err(format!("{}; {help}", lines.join("\n")));
        }
        if plan.digest == self.plan.digest {
            self.tools.metrics.reload(ReloadResult::Unchanged);
            return Ok("nothing has changed".to_owned());
        }
        self.warn_of_restart(&plan);
        let text = format!("plan {:016x} is in force", plan.digest);
        self.epoch += 1;
        self.plan = plan.clone();
        self.probe_by(plan.clone());
        self.tools.metrics.reload(ReloadResult::Applied);
        self.handle(Input::Reload(plan));
        Ok(text)
    }

    /// Says what of the new plan waits for a restart.
    fn warn_of_restart(&self, next: &Plan) {
        let listeners = |plan: &Plan| {
            (
                plan.server.listen.clone(),
                plan.server.threads,
                plan.control.listen,
            )
        };
        if listeners(next) != listeners(&self.plan) {
            warn!(
                event = "restart_needed",
                "listeners changed: restart to apply that"
            );
        }
    }

    /// Probes by this plan from now on.
    fn probe_by(&mut self, plan: Arc<Plan>) {
        for unready in self.tools.prober.use_plan(self.epoch, plan) {
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
                Output::Probe(id) => self.tools.prober.start(id),
                Output::Publish(table) => self.publish(table, took),
                Output::Notice(notice) => self.tell(notice),
            }
        }
    }

    fn publish(&self, table: Arc<Table>, took: Duration) {
        self.tools.metrics.published(&table, took);
        self.published.publish(table);
    }

    fn tell(&self, notice: Notice) {
        log::notice(&notice);
        self.tools.metrics.notice(&notice);
        if let Some(onlooker) = &self.tools.onlooker {
            // An onlooker that went away misses nothing it wants.
            let _ = onlooker.send((self.tools.clock.now(), notice));
        }
    }
}
