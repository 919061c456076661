//! The running server: engine, prober, listeners and control joined.
//!
//! One task owns the engine and waits for whatever comes first: a finished probe, a word from
//! the control API or a signal, a changed file, or the engine's own wake-up. It decides
//! nothing; it carries inputs in and outputs out. Answering goes on in the listeners' threads
//! from the last published table, whatever happens to this task.
use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::Failure;
use super::log;
use crate::base::Moment;
use crate::config;
use crate::engine::{Engine, Input, Notice, Output};
use crate::io::clock::Clock;
use crate::io::control::{Command, ControlServer, Controlling, Force, State};
use crate::io::files;
use crate::io::files::Watch;
use crate::io::metrics::{Metrics, ProbeLabels, ReloadResult};
use crate::io::probe::{Finished, Prober};
use crate::io::publish::Published;
use crate::io::serve::{Listeners, Serving};
use crate::plan::Plan;
use crate::table::Table;

/// How often the files are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Commands and reports that may wait for the engine.
const QUEUE: usize = 4096;

/// What an onlooker (the demo) is shown: each notice, and when it came.
pub(super) type Shown = (Moment, Notice);

/// What to start with.
pub(super) struct Start {
    /// The compiled plan.
    pub(super) plan: Arc<Plan>,
    /// The config to watch and to reload; absent = no reload.
    pub(super) config: Option<PathBuf>,
    /// The files behind the plan.
    pub(super) watch: Watch,
    /// Who else wants to know.
    pub(super) onlooker: Option<mpsc::UnboundedSender<Shown>>,
}

/// A server that is up.
pub(super) struct Server {
    clock: Clock,
    addresses: Vec<SocketAddr>,
    control: Option<(SocketAddr, Controlling)>,
    commands: mpsc::Sender<Command>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    serving: Serving,
}

impl Server {
    /// Binds everything; the control API speaks first (not ready), then the first table is
    /// built and published, and only then are queries answered.
    pub(super) fn start(start: Start) -> Result<Self, Failure> {
        let clock = Clock::start();
        let metrics = Arc::new(Metrics::new(clock));
        let runtime = Handle::current();
        let listeners = bind(&start.plan)?;
        let (commands, command_queue) = mpsc::channel(QUEUE);
        let ready = Arc::new(OnceLock::new());
        let state = State {
            published: ready.clone(),
            clock,
            metrics: metrics.clone(),
            commands: commands.clone(),
        };
        let control = control(&start.plan, state, &runtime)?;
        let (reports, report_queue) = mpsc::unbounded_channel();
        let prober = Prober::new(runtime.clone(), clock, reports)
            .map_err(|error| format!("cannot start the prober: {error}"))?;
        let keeper = Keeper::new(clock, metrics.clone(), prober, start);
        let published = ready.get_or_init(|| keeper.published.clone()).clone();
        let addresses = listeners.addresses();
        let serving = listeners
            .serve(published, clock, metrics, &runtime)
            .map_err(|error| format!("cannot start answering: {error}"))?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keeper.run(command_queue, report_queue, stopped));
        Ok(Self {
            clock,
            addresses,
            control,
            commands,
            stop,
            task,
            serving,
        })
    }

    /// Where it answers.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the control API is.
    pub(super) fn control(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(|(address, _)| *address)
    }

    /// Its clock.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// To ask its engine.
    pub(super) fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Stops taking queries, answers those accepted, then ends the rest.
    pub(super) async fn stop(self) {
        self.serving.stop().await;
        // The task may have ended before; then there is nobody to tell.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

fn bind(plan: &Plan) -> Result<Listeners, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = plan.server.threads.unwrap_or(cores);
    Listeners::bind(&plan.server.listen, threads).map_err(|error| cannot_listen("[server]", &error))
}

/// Opens the control listener, if the config wants one.
fn control(
    plan: &Plan,
    state: State,
    runtime: &Handle,
) -> Result<Option<(SocketAddr, Controlling)>, Failure> {
    let Some(address) = plan.control.listen else {
        return Ok(None);
    };
    let server =
        ControlServer::bind(address).map_err(|error| cannot_listen("[control]", &error))?;
    let address = server.address();
    let controlling = server
        .serve(state, runtime)
        .map_err(|error| cannot_listen("[control]", &error))?;
    Ok(Some((address, controlling)))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest needs no help line"
)]
fn cannot_listen(section: &str, error: &io::Error) -> Failure {
    let help = match error.kind() {
        ErrorKind::AddrInUse => "; another program has the port: stop it, or choose another",
        ErrorKind::PermissionDenied => "; a port below 1024 needs CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => "; no interface of this machine has the address",
        _ => "",
    };
    format!("{section} listen: {error}{help}")
}

/// Keeps the engine: carries inputs in and outputs out.
struct Keeper {
    clock: Clock,
    engine: Engine,
    epoch: u32,
    plan: Arc<Plan>,
    published: Arc<Published>,
    metrics: Arc<Metrics>,
    prober: Prober,
    config: Option<PathBuf>,
    watch: Watch,
    onlooker: Option<mpsc::UnboundedSender<Shown>>,
}

/// A reload that has been read and compiled.
struct Compiled {
    outcome: Result<Arc<Plan>, String>,
    watch: Option<Watch>,
    force: Force,
    reply: Option<oneshot::Sender<Result<String, String>>>,
}

impl Keeper {
    fn new(clock: Clock, metrics: Arc<Metrics>, prober: Prober, start: Start) -> Self {
        let Start {
            plan,
            config,
            watch,
            onlooker,
        } = start;
        let seed = clock.wall_seconds() ^ u64::from(std::process::id()) << 32;
        let engine = Engine::new(plan.clone(), clock.now(), seed);
        let mut keeper = Self {
            clock,
            published: Arc::new(Published::new(engine.table().clone())),
            engine,
            epoch: 0,
            plan: plan.clone(),
            metrics,
            prober,
            config,
            watch,
            onlooker,
        };
        keeper.probe_by(plan);
        keeper.carry_out(Duration::ZERO);
        keeper
    }

    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut reports: mpsc::UnboundedReceiver<Finished>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let (compiled_in, mut compiled_out) = mpsc::channel::<Compiled>(1);
        let mut look = tokio::time::interval(WATCH_EVERY);
        loop {
            let wake = self.wake();
            tokio::select! {
                _ = &mut stopped => return,
                Some(finished) = reports.recv() => self.finished(&finished),
                Some(command) = commands.recv() => self.command(command, &compiled_in),
                Some(compiled) = compiled_out.recv() => self.take(compiled),
                _ = look.tick() => self.look(&compiled_in),
                () = tokio::time::sleep_until(wake) => self.handle(Input::Tick),
            }
        }
    }

    /// When the engine wants to be called at the latest.
    fn wake(&self) -> Instant {
        let wait = self
            .engine
            .wake_at()
            .map_or(1000, |wake| wake.since(self.clock.now()).0);
        Instant::now() + Duration::from_millis(wait)
    }

    /// Lets the engine take something in, and carries out what it says.
    fn handle(&mut self, input: Input) {
        let before = Instant::now();
        self.engine.handle(self.clock.now(), input);
        self.carry_out(before.elapsed());
    }

    fn finished(&mut self, finished: &Finished) {
        if finished.id.epoch == self.epoch {
            let labels = ProbeLabels::of(&self.plan, finished.id.slot);
            self.metrics.observe_probe(labels, &finished.report);
        }
        self.handle(Input::Probed(finished.id, finished.report));
    }

    /// Probes by this plan from now on.
    fn probe_by(&mut self, plan: Arc<Plan>) {
        for unready in self.prober.use_plan(self.epoch, plan) {
            error!(
                event = "monitor_unready",
                monitor = unready.monitor,
                "{}",
                unready.reason
            );
        }
    }

    fn command(&mut self, command: Command, compiled: &mpsc::Sender<Compiled>) {
        match command {
            // Whoever asked may have gone.
            Command::Status(reply) => drop(reply.send(self.engine.status(self.clock.now()))),
            Command::Reload { force, reply } => self.reload(force, Some(reply), compiled),
        }
    }

    fn look(&mut self, compiled: &mpsc::Sender<Compiled>) {
        if let Some(changed) = self.watch.changed() {
            info!(event = "files_changed", files = ?changed, "files changed: reading the config again");
            self.reload(Force::No, None, compiled);
        }
    }

    /// Reads and compiles beside the engine, which goes on meanwhile.
    fn reload(
        &self,
        force: Force,
        reply: Option<oneshot::Sender<Result<String, String>>>,
        compiled: &mpsc::Sender<Compiled>,
    ) {
        let Some(path) = self.config.clone() else {
            if let Some(reply) = reply {
                drop(reply.send(Err(
                    "this server has no config file to read again".to_owned(),
                )));
            }
            return;
        };
        let compiled = compiled.clone();
        tokio::task::spawn_blocking(move || {
            let (outcome, watch) = compile(&path);
            // The keeper goes only when the server stops.
            let _ = compiled.blocking_send(Compiled {
                outcome,
                watch,
                force,
                reply,
            });
        });
    }

    /// Takes a compiled plan into force, or says why not; never anything in between.
    fn take(&mut self, compiled: Compiled) {
        let Compiled {
            outcome,
            watch,
            force,
            reply,
        } = compiled;
        let outcome = outcome.and_then(|plan| self.accept(plan, force));
        if let Some(watch) = watch {
            self.watch = watch;
        }
        match &outcome {
            Ok(text) => info!(event = "reload", "{text}"),
            Err(text) => {
                self.metrics.reload(ReloadResult::Refused);
                error!(event = "reload_refused", "nothing was changed:\n{text}");
            }
        }
        if let Some(reply) = reply {
            drop(reply.send(outcome));
        }
    }

    fn accept(&mut self, plan: Arc<Plan>, force: Force) -> Result<String, String> {
        let shrinks = self.plan.shrinks_to(&plan);
        if force == Force::No && !shrinks.is_empty() {
            let lines: Vec<String> = shrinks.iter().map(ToString::to_string).collect();
            return Err(format!(
                "{}; say `waypost reload --force` if that is meant",
                lines.join("\n")
            ));
        }
        if plan.server.listen != self.plan.server.listen
            || plan.control.listen != self.plan.control.listen
        {
            warn!(
                event = "listen_changed",
                "listen addresses changed: restart to apply them"
            );
        }
        if plan.digest == self.plan.digest {
            self.metrics.reload(ReloadResult::Unchanged);
            return Ok("nothing has changed".to_owned());
        }
        self.epoch += 1;
        self.plan = plan.clone();
        self.probe_by(plan.clone());
        self.metrics.reload(ReloadResult::Applied);
        let text = format!("plan {:016x} is in force", plan.digest);
        self.handle(Input::Reload(plan));
        Ok(text)
    }

    /// Does all that the engine says; `took` is how long it thought.
    fn carry_out(&mut self, took: Duration) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Probe(id) => self.prober.start(id),
                Output::Publish(table) => self.publish(table, took),
                Output::Notice(notice) => self.tell(notice),
            }
        }
    }

    fn publish(&self, table: Arc<Table>, took: Duration) {
        self.metrics.published(&table, took);
        self.published.publish(table);
    }

    fn tell(&self, notice: Notice) {
        log::notice(&notice);
        self.metrics.notice(&notice);
        if let Some(onlooker) = &self.onlooker {
            // An onlooker that went away misses nothing it wants.
            let _ = onlooker.send((self.clock.now(), notice));
        }
    }
}

/// Reads and compiles a config; also what to watch from now on, if it could be read.
fn compile(path: &Path) -> (Result<Arc<Plan>, String>, Option<Watch>) {
    match files::load(path) {
        Err(unreadable) => (Err(unreadable.to_string()), None),
        Ok(loaded) => {
            let watch = loaded.watch();
            let outcome = config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
            let outcome = outcome.map(|(plan, _)| Arc::new(plan));
            (
                outcome.map_err(|diagnostics| diagnostics.render(false)),
                Some(watch),
            )
        }
    }
}
