//! The running server: engine, prober, listeners and control joined.
//!
//! Start order: sockets first, so that a port that is taken ends it before anything runs; then the control API, which
//! says that it is not ready; then the first table; and only then are queries answered. A server that takes over
//! leaves the control API to its predecessor until it answers itself, and QUIC until the predecessor has ended.
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::Failure;
use super::carrier;
use super::channels::{Channels, Handles, Shown};
use super::cluster::ClusterDriver;
use super::comparer::Comparer;
use super::control_loop::ControlLoop;
use super::declared_sharing;
use super::discovering::DiscoveryHandle;
use super::keeper::{BeforeStart, Keeper, KeptOrders};
use super::key_sharing::KeySharing;
use super::maintenance::MaintenanceKeeper;
use super::names::{NameHandle, NameHolds, NamesBefore};
use super::prepared::{Prepared, Source};
use super::reader::{self, InForce};
use super::runtimes::{Probes, Streams};
use super::sockets::{Doors, OpenDoors, Sockets};
use super::transfers::Answering;
use super::upgrade::{Program, Upgrades};
use super::zone_driver::{Effect, Events, ZoneDriver};
use crate::answer::answer;
use crate::base::Span;
use crate::base::limits::{
    CHALLENGES_WAITING, COMMANDS_WAITING, NOTIFICATIONS_WAITING, TRANSFER_AT_START, ZONES_AT_START,
};
use crate::dns::Name;
use crate::dns::zone::Zones;
use crate::io::audit::AuditTrail;
use crate::io::clock::Clock;
use crate::io::control::{self, Command, ControlSurroundings, Heartbeat};
use crate::io::dnstap::Tap;
use crate::io::files::Watch;
use crate::io::handover::{Predecessor, Successor};
use crate::io::history::History;
use crate::io::history::event::TimelineEvent;
use crate::io::metrics::Metrics;
use crate::io::node_name::NodeName;
use crate::io::notify::Notifier;
use crate::io::probe::{Finished, Prober};
use crate::io::publish::Published;
use crate::io::screen::Screen;
use crate::io::serve::deferred::{self, DeferredQueue};
use crate::io::serve::{Secrets, Service};
use crate::io::transfer;
use crate::plan::{Plan, Zoning};
use crate::zones::{NewConfig, ZoneEngine};

/// How often the clock is told while the first zones come.
const TURN: Duration = Duration::from_millis(50);

/// Time for the control API to say to whoever asked for an upgrade that it is done.
const LAST_WORD: Duration = Duration::from_millis(200);

/// What to start with.
pub(crate) struct Start {
    /// The config.
    pub(crate) prepared: Prepared,
    /// The config to watch and to reload; absent = no reload.
    pub(crate) config: Option<PathBuf>,
    /// The files behind the plan.
    pub(crate) watch: Watch,
    /// Those who are told what the log says.
    pub(crate) notifier: Notifier,
    /// Who else wants to know.
    pub(crate) onlooker: Option<mpsc::UnboundedSender<Shown>>,
    /// The things around it that the control API tells of.
    pub(crate) around: ControlSurroundings,
    /// The sockets that are listened on.
    pub(crate) sockets: Sockets,
    /// Secrets that strangers must not know.
    pub(crate) secrets: Secrets,
    /// The program whose place is taken.
    pub(crate) predecessor: Option<Arc<Predecessor>>,
    /// The program that takes this one's place one day; absent = none can.
    pub(crate) program: Option<Program>,
}

/// A server that is up.
pub(crate) struct Server {
    clock: Clock,
    plan: Arc<Plan>,
    /// All that it answers at, and QUIC while a predecessor still speaks it.
    doors: OpenDoors,
    audit: AuditTrail,
    commands: mpsc::Sender<Command>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    /// The task that starts a successor.
    upgrader: Option<tokio::task::JoinHandle<Option<Successor>>>,
    /// The sockets, to be handed to a successor and to be kept by the service manager.
    descriptors: Arc<Vec<OwnedFd>>,
    heartbeat: Arc<Heartbeat>,
    /// The runtime of probes and that in which TCP is answered; they end with the server.
    _runtimes: (Probes, Streams),
}

impl Server {
    /// Publishes the first table, and begins to answer.
    pub(crate) async fn start(mut start: Start) -> Result<Self, Failure> {
        let (prepared, descriptors) = (start.prepared, start.sockets.descriptors()?);
        let (plan, descriptors) = (prepared.plan, Arc::new(descriptors));
        let mut before = BeforeStart::open(&prepared.zones.zoning)?;
        let (clock, health, agreed) = (before.clock, before.health.take(), before.agreed());
        let (commands, command_queue) = mpsc::channel(COMMANDS_WAITING);
        let (state, history) = new_state(&plan, &prepared.zones, (clock, &commands), start.around);
        let (ready, metrics, heartbeat, audit) = shared(&state);
        let around = (start.sockets.take_peers(), &metrics, &heartbeat);
        let (cluster, carrier, keys) = carrier::join(&plan, (clock, &agreed), around)?;
        let patience = FirstAnswer::beside(&start.predecessor);
        let wanted = (prepared.zones, patience, keys);
        let doors = Doors::open_control(start.sockets, state, start.predecessor)?;
        let mut zones = FirstZones::of(before, (&metrics, &audit), wanted).await?;
        let (probes, prober, report_queue) = prober(clock)?;
        let in_force = share_declared(&cluster, &mut zones.driver, (&commands, prepared.source))?;
        let reading = (start.config, start.watch, (&in_force, &audit));
        let ((reader, readings), comparer, (names, holding)) = reader(reading, clock, zones.names)?;
        let upgrades = Upgrades::offer(start.program, &descriptors, &start.secrets);
        let handles = Handles {
            cluster: share_secrets(cluster, &in_force, reader.clone())?,
            discoveries: follow_sources(clock, &in_force, reader.clone()),
            in_force,
            clock,
            metrics: metrics.clone(),
            history,
            notifier: start.notifier,
            heartbeat: heartbeat.clone(),
            prober,
            reader,
            comparer,
            names,
            carrier,
            onlooker: start.onlooker,
            upgrades: upgrades.requests,
        };
        let first = (plan.clone(), zones.served, prepared.sizes);
        let mut core_loop = ControlLoop::new(first, zones.driver, (zones.keeper, health), handles);
        core_loop.settle(&mut zones.events).await;
        let tables = announce((&ready, &core_loop), clock, (&commands, &audit));
        let (deferred, updates) = hand_on(clock, (zones.service, zones.screen), &tables);
        let served = service((clock, metrics), (tables, deferred, start.secrets), &plan)?;
        let (doors, streams) = open(doors, served)?;
        let (stop, stopped) = oneshot::channel();
        let channels = Channels {
            commands: command_queue,
            reports: report_queue,
            readings,
            events: zones.events,
            notified: zones.notified,
            updates,
            kept: zones.kept,
            holding,
            holds: upgrades.holds,
            stop: stopped,
        };
        Ok(Self {
            clock,
            plan,
            audit,
            commands,
            stop,
            task: tokio::spawn(core_loop.run(channels)),
            doors,
            upgrader: upgrades.task,
            descriptors,
            heartbeat,
            _runtimes: (probes, streams),
        })
    }

    /// The plan that it was started with.
    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Where it answers.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.doors.addresses
    }

    /// Where the control API is.
    pub(crate) fn control(&self) -> Option<SocketAddr> {
        self.doors.control.as_ref()?.address
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

    /// The sockets that are listened on.
    pub(crate) fn descriptors(&self) -> &[OwnedFd] {
        &self.descriptors
    }

    /// Tells that the control loop turns.
    pub(crate) fn is_well(&self) -> bool {
        self.heartbeat.uptime(self.clock.now()).is_some()
    }

    /// Waits for a program that has taken this one's place; for ever if none does.
    pub(crate) async fn succeeded(&mut self) -> Successor {
        loop {
            match &mut self.upgrader {
                None => std::future::pending::<()>().await,
                Some(upgrader) => {
                    if let Ok(Some(successor)) = upgrader.await {
                        return successor;
                    }
                    self.upgrader = None;
                }
            }
        }
    }

    /// Speaks QUIC as well, now that the predecessor does not any more.
    ///
    /// # Errors
    /// When it cannot be spoken.
    pub(crate) fn add_quic(&mut self) -> Result<(), Failure> {
        match self.doors.held.take() {
            None => Ok(()),
            Some(held) => {
                let added = self.doors.serving.add_quic(held);
                added.map_err(|error| not_answering(&error))
            }
        }
    }

    /// Leaves everything to a successor that answers already, and ends as [`Server::stop`] does.
    pub(crate) async fn give_way(mut self, successor: &Successor) {
        // Orders belong to the successor; what was asked already is still answered.
        drop(self.doors.control.take());
        self.doors.serving.end_quic().await;
        successor.free();
        self.stop().await;
        // The last word of the control API is under way.
        tokio::time::sleep(LAST_WORD).await;
    }

    /// Stops taking queries, answers those accepted, then ends the rest.
    pub(crate) async fn stop(self) {
        if let Some(upgrader) = self.upgrader {
            upgrader.abort();
        }
        // A listener that is open in two places is not closed by closing one.
        drop(self.descriptors);
        self.doors.serving.stop().await;
        // The task may have ended before; then there is nobody to tell.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// The things that the control API shares with the rest.
type ControlShares = (
    Arc<OnceLock<Arc<Published>>>,
    Arc<Metrics>,
    Arc<Heartbeat>,
    AuditTrail,
);

fn shared(state: &control::State) -> ControlShares {
    let (published, metrics) = (state.published.clone(), state.metrics.clone());
    (
        published,
        metrics,
        state.heartbeat.clone(),
        state.audit.clone(),
    )
}

/// Opens what is answered at, with the threads for streams.
fn open(doors: Doors, served: Service) -> Result<(OpenDoors, Streams), Failure> {
    let streams = Streams::start().map_err(|error| no_runtime(&error))?;
    Ok((doors.open(served, streams.handle())?, streams))
}

/// The zones of the first config, and what drives them.
struct FirstZones {
    driver: ZoneDriver,
    served: Arc<Zones>,
    events: Events,
    service: Arc<transfer::Service>,
    screen: Arc<Screen>,
    notified: mpsc::Receiver<Name>,
    keeper: Keeper,
    kept: KeptOrders,
    names: NamesBefore,
}

impl FirstZones {
    /// Has them composed, and those fetched that have never come.
    async fn of(
        before: BeforeStart,
        (metrics, audit): (&Arc<Metrics>, &AuditTrail),
        (zones, patience, keys): (NewConfig, FirstAnswer, Option<KeySharing>),
    ) -> Result<Self, Failure> {
        let (clock, is_kept, disk) = (before.clock, before.state.is_some(), before.watch(metrics));
        let (notify, notified) = mpsc::channel(NOTIFICATIONS_WAITING);
        let service = Arc::new(transfer::Service::new(clock, notify));
        let screen = Arc::new(Screen::new(clock));
        let keys = keys.map(|keys| match patience {
            FirstAnswer::UntilLoaded => keys,
            FirstAnswer::UntilSigned => keys.without_waiting(),
        });
        let nodes = keys.as_ref().map(KeySharing::nodes_at_first);
        let engine = ZoneEngine::new(before.zones).with_names(before.names.known());
        let engine = engine.with_nodes(nodes.unwrap_or_default());
        let folder = zones.zoning.state.clone();
        let disk = (before.state, folder.as_deref(), disk);
        let answering = (Arc::clone(&service), Arc::clone(&screen));
        let driver = ZoneDriver::start(clock, engine, disk, answering);
        let (mut driver, mut events) = driver.map_err(|error| no_thread(&error))?;
        driver.record_in(audit.clone());
        keys.into_iter().for_each(|keys| driver.share_keys(keys));
        let writer = is_kept.then(|| driver.writer().clone());
        let (keeper, kept) = Keeper::new(writer, clock);
        let first = (zones, patience);
        let (driver, served) = settle(clock, driver, &mut events, first).await?;
        Ok(Self {
            driver,
            served,
            events,
            service,
            screen,
            notified,
            keeper,
            kept,
            names: before.names,
        })
    }
}

/// Says where the tables are, from which it is answered from now on; planned windows open and close by them.
fn announce(
    (ready, control_loop): (&OnceLock<Arc<Published>>, &ControlLoop),
    clock: Clock,
    orders: (&mpsc::Sender<Command>, &AuditTrail),
) -> Arc<Published> {
    let published = ready.get_or_init(|| Arc::clone(control_loop.published()));
    MaintenanceKeeper::start(published, clock, orders);
    Arc::clone(published)
}

/// All that is needed to answer from what is published, with a tap if the config wants samples of answers.
fn service(
    (clock, metrics): (Clock, Arc<Metrics>),
    (published, deferred, secrets): (Arc<Published>, DeferredQueue, Secrets),
    plan: &Plan,
) -> Result<Service, Failure> {
    let node = NodeName::of(plan.server.identity.as_deref());
    let tap = plan.control.observation.dnstap.as_ref();
    let tap = tap.map(|config| Tap::start(config, node, (clock, metrics.clone())));
    Ok(Service {
        published,
        clock,
        metrics,
        responder: answer,
        deferred: Some(deferred),
        secrets,
        tap: tap.transpose().map_err(|error| no_thread(&error))?,
    })
}

/// Begins to answer what the answering threads hand on; gives where they do, and where updates come out.
fn hand_on(
    clock: Clock,
    (service, screen): (Arc<transfer::Service>, Arc<Screen>),
    published: &Arc<Published>,
) -> (DeferredQueue, mpsc::Receiver<deferred::Request>) {
    let (deferred, handed_on) = deferred::queue(Arc::clone(&screen));
    let (updates, queue) = mpsc::channel(CHALLENGES_WAITING);
    let answering = Answering {
        clock,
        service,
        screen,
        published: published.clone(),
        updates,
    };
    tokio::spawn(answering.run(handed_on));
    (deferred, queue)
}

/// Has the zones of the first config composed, and waits a moment for those that have never come from their
/// primaries: what has not come by then is not answered until it has, and holds up no other zone.
async fn settle(
    clock: Clock,
    mut driver: ZoneDriver,
    events: &mut Events,
    (zones, patience): (NewConfig, FirstAnswer),
) -> Result<(ZoneDriver, Arc<Zones>), Failure> {
    let mut effects = driver.configure(zones);
    let mut served: Option<Arc<Zones>> = None;
    let began = clock.now();
    loop {
        for effect in effects.drain(..) {
            match effect {
                Effect::Configured(outcome) => served = Some(outcome?),
                Effect::Publish(zones) => served = Some(zones),
                Effect::Filed(..) | Effect::Challenges(_) | Effect::Declared(_) => {}
            }
        }
        if let Some(zones) =
            served.take_if(|_| is_ready(&driver, clock.now().since(began), patience))
        {
            return Ok((driver, zones));
        }
        tokio::select! {
            Some(event) = events.recv() => effects = driver.handle(event),
            () = tokio::time::sleep(TURN) => effects = driver.handle(crate::zones::Input::Tick),
        }
    }
}

/// The zones that the first answer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstAnswer {
    /// Zones that can be answered; others are not ready until they are signed.
    UntilLoaded,
    /// All zones: somebody else answers meanwhile, in their last version.
    UntilSigned,
}

impl FirstAnswer {
    /// Of a server that takes the place of another, if there is one.
    fn beside(predecessor: &Option<Arc<Predecessor>>) -> Self {
        match predecessor {
            Some(_) => Self::UntilSigned,
            None => Self::UntilLoaded,
        }
    }
}

/// Tells that there is no more to wait for, after so long.
fn is_ready(driver: &ZoneDriver, waited: Span, patience: FirstAnswer) -> bool {
    if patience == FirstAnswer::UntilSigned && driver.is_signing() {
        return false;
    }
    let primaries = waited >= TRANSFER_AT_START || driver.has_asked_primaries();
    waited >= ZONES_AT_START || primaries && !driver.awaits_nodes() && driver.may_answer()
}

fn not_answering(error: &io::Error) -> Failure {
    format!("cannot start answering: {error}")
}

/// Shares what is declared, if there is anybody to share it with; gives the config in force.
fn share_declared(
    cluster: &Option<ClusterDriver>,
    zones: &mut ZoneDriver,
    (commands, source): (&mpsc::Sender<Command>, Arc<Source>),
) -> Result<InForce, Failure> {
    let in_force = Arc::new(RwLock::new(source));
    let with = (commands, &in_force);
    let copy = cluster.as_ref().map(|own| own.copy().clone());
    let begun = copy.map_or(Ok(()), |copy| declared_sharing::begin(copy, zones, with));
    begun.map_err(|error| no_thread(&error))?;
    Ok(in_force)
}

/// Shares the secrets of all nodes, if there are any.
fn share_secrets(
    mut cluster: Option<ClusterDriver>,
    in_force: &InForce,
    reader: Option<Requests>,
) -> Result<Option<ClusterDriver>, Failure> {
    let own = cluster.as_mut();
    let begun = own.map_or(Ok(()), |own| own.share_secrets(in_force, reader));
    begun.map_err(|error| no_thread(&error))?;
    Ok(cluster)
}

type Requests = std::sync::mpsc::Sender<reader::ReaderMessage>;

/// The config to be read again, and what it is read with.
type ToRead<'r> = (Option<PathBuf>, Watch, (&'r InForce, &'r AuditTrail));

/// The way to a reader and what it has read, who compares configs, and the names that they are told the addresses of.
type ConfigReaders = (
    (Option<Requests>, mpsc::Receiver<reader::Reading>),
    Option<Comparer>,
    (NameHandle, NameHolds),
);

/// Starts the thread that reads the config again, if there is one to read, and to resolve names.
fn reader(
    (config, watch, (in_force, audit)): ToRead<'_>,
    clock: Clock,
    names: NamesBefore,
) -> Result<ConfigReaders, Failure> {
    let (readings, queue) = mpsc::channel(1);
    let compared = config.clone();
    let comparer = compared.map(|config| Comparer::new(config, in_force.clone()));
    let reader = config.map(|config| {
        let report = (readings, audit.clone(), names.known());
        reader::start(config, watch, in_force.clone(), report)
    });
    let reader = reader.transpose().map_err(|error| no_thread(&error))?;
    let names = names.start(clock, reader.clone());
    Ok(((reader, queue), comparer, names))
}

/// Starts to follow the sources of endpoints.
fn follow_sources(clock: Clock, in_force: &InForce, reader: Option<Requests>) -> DiscoveryHandle {
    let source = in_force.read().unwrap_or_else(PoisonError::into_inner);
    DiscoveryHandle::start(clock, &source, reader)
}

/// A prober, with the runtime that its probes run in and what they report.
fn prober(clock: Clock) -> Result<(Probes, Prober, mpsc::UnboundedReceiver<Finished>), Failure> {
    let (reports, queue) = mpsc::unbounded_channel();
    let probes = Probes::start().map_err(|error| no_runtime(&error))?;
    let prober = Prober::new(probes.handle(), clock, reports);
    let prober = prober.map_err(|error| format!("cannot start the prober: {error}"))?;
    Ok((probes, prober, queue))
}

fn no_runtime(error: &io::Error) -> Failure {
    format!("cannot start a runtime: {error}")
}

fn no_thread(error: &io::Error) -> Failure {
    format!("cannot start a thread: {error}")
}

/// Opens the audit log.
fn audit(plan: &Plan, clock: Clock) -> AuditTrail {
    let (audit, trouble) = AuditTrail::open(&plan.control.access, clock);
    if let Some(trouble) = trouble {
        warn!(event = "audit_doubt", "{trouble}");
    }
    audit
}

/// The things that requests are answered from, with the timeline.
fn new_state(
    plan: &Plan,
    zones: &NewConfig,
    (clock, commands): (Clock, &mpsc::Sender<Command>),
    surroundings: ControlSurroundings,
) -> (control::State, History) {
    let way = (commands.clone(), audit(plan, clock));
    let mut state = control::State::new(plan.control.clone(), clock, way);
    state.history = timeline(&zones.zoning, clock);
    state.surroundings = surroundings;
    let history = state.history.clone();
    (state, history)
}

/// Starts the timeline, with what is kept of it.
fn timeline(zoning: &Zoning, clock: Clock) -> History {
    let folder = zoning.state.as_ref().map(|state| state.join("history"));
    let history = History::start(folder, clock);
    history.event(TimelineEvent::start(env!("CARGO_PKG_VERSION")));
    history
}
