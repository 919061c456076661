//! The running server: engine, prober, listeners and control joined.
//!
//! Start order: sockets first, so that a port that is taken ends it before anything runs; then the control API, which
//! says that it is not ready; then the first table; and only then are queries answered.
use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::Failure;
use super::control_loop::{Channels, ControlLoop, Handles, Shown};
use super::keeper::{BeforeStart, Keeper, KeptOrders};
use super::prepared::Prepared;
use super::reader::{self, InForce};
use super::runtimes::Streams;
use super::transfers::Answering;
use super::zone_driver::{Effect, Events, ZoneDriver};
use crate::answer::answer;
use crate::base::limits::{
    CHALLENGES_WAITING, COMMANDS_WAITING, NOTIFICATIONS_WAITING, TRANSFER_AT_START,
};
use crate::dns::Name;
use crate::dns::zone::Zones;
use crate::io::audit::AuditTrail;
use crate::io::clock::Clock;
use crate::io::control::{self, Command, ControlServer, Controlling};
use crate::io::files::Watch;
use crate::io::metrics::Metrics;
use crate::io::probe::{Finished, Prober};
use crate::io::publish::Published;
use crate::io::serve::deferred::{self, DeferredQueue};
use crate::io::serve::{Listeners, Secrets, Service, Serving};
use crate::io::transfer;
use crate::plan::Plan;
use crate::zones::{NewConfig, ZoneEngine};

/// How often the clock is told while the first zones come.
const TURN: Duration = Duration::from_millis(50);

/// What to start with.
pub(crate) struct Start {
    /// The config.
    pub(crate) prepared: Prepared,
    /// The config to watch and to reload; absent = no reload.
    pub(crate) config: Option<PathBuf>,
    /// The files behind the plan.
    pub(crate) watch: Watch,
    /// Who else wants to know.
    pub(crate) onlooker: Option<mpsc::UnboundedSender<Shown>>,
}

/// A server that is up.
pub(crate) struct Server {
    clock: Clock,
    plan: Arc<Plan>,
    addresses: Vec<SocketAddr>,
    control: (Option<SocketAddr>, Controlling),
    audit: AuditTrail,
    commands: mpsc::Sender<Command>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    serving: Serving,
    /// Where TCP is answered; ends with the server.
    _streams: Streams,
}

impl Server {
    /// Binds everything, publishes the first table, and begins to answer.
    pub(crate) async fn start(start: Start) -> Result<Self, Failure> {
        let (runtime, prepared) = (Handle::current(), start.prepared);
        let plan = prepared.plan;
        let listeners = bind(&plan)?;
        let mut before = BeforeStart::open(&prepared.zones.zoning)?;
        let (clock, health) = (before.clock, before.health.take());
        let (commands, command_queue) = mpsc::channel(COMMANDS_WAITING);
        let audit = audit(&plan, clock);
        let way = (commands.clone(), audit.clone());
        let state = control::State::new(plan.control.clone(), clock, way);
        let (ready, metrics) = (state.published.clone(), state.metrics.clone());
        let heartbeat = state.heartbeat.clone();
        let control = control(&plan, state, &runtime)?;
        let mut zones = FirstZones::of(before, (&metrics, &audit), prepared.zones).await?;
        let (reports, report_queue) = mpsc::unbounded_channel();
        let prober = prober(&runtime, clock, reports)?;
        let in_force = Arc::new(RwLock::new(prepared.source));
        let (reader, reading_queue) = reader(start.config, start.watch, &in_force)?;
        let handles = Handles {
            in_force,
            clock,
            metrics: metrics.clone(),
            heartbeat,
            prober,
            reader,
            onlooker: start.onlooker,
        };
        let first = (plan.clone(), zones.served, prepared.sizes);
        let known = (zones.keeper, health);
        let mut control_loop = ControlLoop::new(first, zones.driver, known, handles);
        control_loop.settle(&mut zones.events).await;
        let streams = Streams::start().map_err(|error| no_runtime(&error))?;
        let published = control_loop.published().clone();
        ready.get_or_init(|| published.clone());
        let addresses = listeners.addresses();
        let (deferred, updates) = hand_on(clock, zones.service, &published);
        let serving = serve(listeners, &streams, (clock, metrics), published, deferred)?;
        let (stop, stopped) = oneshot::channel();
        let channels = Channels {
            commands: command_queue,
            reports: report_queue,
            readings: reading_queue,
            events: zones.events,
            notified: zones.notified,
            updates,
            kept: zones.kept,
            stop: stopped,
        };
        Ok(Self {
            clock,
            plan,
            addresses,
            control,
            audit,
            commands,
            stop,
            task: tokio::spawn(control_loop.run(channels)),
            serving,
            _streams: streams,
        })
    }

    /// The plan that it was started with.
    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Where it answers.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the control API is.
    pub(crate) fn control(&self) -> Option<SocketAddr> {
        self.control.0
    }

    /// Its audit log.
    pub(crate) fn audit(&self) -> &AuditTrail {
        &self.audit
    }

    /// Its clock.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// To ask its engine.
    pub(crate) fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Stops taking queries, answers those accepted, then ends the rest.
    pub(crate) async fn stop(self) {
        self.serving.stop().await;
        // The task may have ended before; then there is nobody to tell.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// The zones of the first config, and what drives them.
struct FirstZones {
    driver: ZoneDriver,
    served: Arc<Zones>,
    events: Events,
    service: Arc<transfer::Service>,
    notified: mpsc::Receiver<Name>,
    keeper: Keeper,
    kept: KeptOrders,
}

impl FirstZones {
    /// Has them composed, and those fetched that have never come.
    async fn of(
        before: BeforeStart,
        (metrics, audit): (&Arc<Metrics>, &AuditTrail),
        zones: NewConfig,
    ) -> Result<Self, Failure> {
        let (clock, is_kept, disk) = (before.clock, before.state.is_some(), before.watch(metrics));
        let (notify, notified) = mpsc::channel(NOTIFICATIONS_WAITING);
        let service = Arc::new(transfer::Service::new(clock, notify));
        let engine = ZoneEngine::new(before.zones);
        let disk = (before.state, disk);
        let driver = ZoneDriver::start(clock, engine, disk, Arc::clone(&service));
        let (mut driver, mut events) = driver.map_err(|error| no_thread(&error))?;
        driver.record_in(audit.clone());
        let writer = is_kept.then(|| driver.writer().clone());
        let (keeper, kept) = Keeper::new(writer, clock);
        let (driver, served) = settle(driver, &mut events, zones).await?;
        Ok(Self {
            driver,
            served,
            events,
            service,
            notified,
            keeper,
            kept,
        })
    }
}

/// Begins to answer from what is published.
fn serve(
    listeners: Listeners,
    streams: &Streams,
    (clock, metrics): (Clock, Arc<Metrics>),
    published: Arc<Published>,
    deferred: DeferredQueue,
) -> Result<Serving, Failure> {
    let service = Service {
        published,
        clock,
        metrics,
        responder: answer,
        deferred: Some(deferred),
        secrets: Secrets::draw().map_err(|error| not_answering(&error))?,
    };
    let serving = listeners.serve(service, streams.handle());
    serving.map_err(|error| not_answering(&error))
}

/// Begins to answer what the answering threads hand on; gives where they do, and where updates come out.
fn hand_on(
    clock: Clock,
    service: Arc<transfer::Service>,
    published: &Arc<Published>,
) -> (DeferredQueue, mpsc::Receiver<deferred::Request>) {
    let (deferred, handed_on) = deferred::queue();
    let (updates, queue) = mpsc::channel(CHALLENGES_WAITING);
    let answering = Answering {
        clock,
        service,
        published: published.clone(),
        updates,
    };
    tokio::spawn(answering.run(handed_on));
    (deferred, queue)
}

/// Has the zones of the first config composed, and waits a bounded time for those that have never come from
/// their primaries: what has not come by then is not answered until it has.
async fn settle(
    mut driver: ZoneDriver,
    events: &mut Events,
    zones: NewConfig,
) -> Result<(ZoneDriver, Arc<Zones>), Failure> {
    let mut effects = driver.configure(zones);
    let mut served: Option<Arc<Zones>> = None;
    let patience = tokio::time::sleep(Duration::from_millis(TRANSFER_AT_START.0));
    tokio::pin!(patience);
    let mut is_patient = true;
    loop {
        for effect in effects.drain(..) {
            match effect {
                Effect::Configured(outcome) => served = Some(outcome?),
                Effect::Publish(zones) => served = Some(zones),
                Effect::Filed(..) => {}
            }
        }
        if let Some(zones) = served.take_if(|_| !is_patient || driver.is_settled()) {
            return Ok((driver, zones));
        }
        tokio::select! {
            Some(event) = events.recv() => effects = driver.handle(event),
            () = &mut patience, if is_patient => is_patient = false,
            () = tokio::time::sleep(TURN) => effects = driver.handle(crate::zones::Input::Tick),
        }
    }
}

fn not_answering(error: &io::Error) -> Failure {
    format!("cannot start answering: {error}")
}

type Requests = std::sync::mpsc::Sender<reader::Request>;

/// Starts the thread that reads the config again, if there is one to read.
fn reader(
    config: Option<PathBuf>,
    watch: Watch,
    in_force: &InForce,
) -> Result<(Option<Requests>, mpsc::Receiver<reader::Reading>), Failure> {
    let (readings, queue) = mpsc::channel(1);
    let reader = config.map(|config| reader::start(config, watch, in_force.clone(), readings));
    let reader = reader.transpose().map_err(|error| no_thread(&error))?;
    Ok((reader, queue))
}

fn prober(
    runtime: &Handle,
    clock: Clock,
    reports: mpsc::UnboundedSender<Finished>,
) -> Result<Prober, Failure> {
    let prober = Prober::new(runtime.clone(), clock, reports);
    prober.map_err(|error| format!("cannot start the prober: {error}"))
}

fn no_runtime(error: &io::Error) -> Failure {
    format!("cannot start a runtime: {error}")
}

fn no_thread(error: &io::Error) -> Failure {
    format!("cannot start a thread: {error}")
}

fn bind(plan: &Plan) -> Result<Listeners, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = plan.server.threads.unwrap_or(cores);
    let listeners = Listeners::bind(&plan.server.listen, threads)
        .map_err(|error| cannot_listen("[server]", &error))?;
    match &plan.server.tls {
        None => Ok(listeners),
        Some(tls) => listeners
            .with_encrypted(tls)
            .map_err(|error| cannot_listen("[server.tls]", &error)),
    }
}

/// Opens the listeners of the control API.
fn control(
    plan: &Plan,
    state: control::State,
    runtime: &Handle,
) -> Result<(Option<SocketAddr>, Controlling), Failure> {
    let server = ControlServer::bind(&plan.control.access).map_err(|error| cannot_open(&error))?;
    for doubt in server.doubts() {
        warn!(event = "control_doubt", "{doubt}");
    }
    let address = server.address();
    let controlling = server
        .serve(state, runtime)
        .map_err(|error| cannot_open(&error))?;
    Ok((address, controlling))
}

/// Opens the audit log.
fn audit(plan: &Plan, clock: Clock) -> AuditTrail {
    let (audit, trouble) = AuditTrail::open(&plan.control.access, clock);
    if let Some(trouble) = trouble {
        warn!(event = "audit_doubt", "{trouble}");
    }
    audit
}

/// A listener of the control API that cannot be opened; the error names it.
fn cannot_open(error: &io::Error) -> Failure {
    format!("{error}{}", help(error))
}

fn cannot_listen(section: &str, error: &io::Error) -> Failure {
    format!("{section} listen: {error}{}", help(error))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest needs no help line"
)]
fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "; another program has the port: stop it, or choose another",
        ErrorKind::PermissionDenied => "; a port below 1024 needs CAP_NET_BIND_SERVICE",
        ErrorKind::AddrNotAvailable => "; no interface of this machine has the address",
        _ => "",
    }
}
