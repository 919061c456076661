//! The running server: engine, prober, listeners and control joined.
//!
//! Start order: sockets first, so that a port that is taken ends it before anything runs; then the control API, which
//! says that it is not ready; then the first table; and only then are queries answered.
use std::io;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::Failure;
use super::challenges::{Desk, Input, Opened, Ways};
use super::keeper::{Ears, Keeper, Shown, Tools};
use super::reader;
use super::runtimes::Streams;
use super::transfers::Exchange;
use super::zones::{Composer, Overlay, Work};
use crate::answer::answer;
use crate::base::limits::{CHALLENGES_WAITING, COMMANDS_WAITING, SLOW_WAITING};
use crate::io::clock::Clock;
use crate::io::control::{Command, ControlServer, Controlling, Heartbeat, State};
use crate::io::files::Watch;
use crate::io::metrics::Metrics;
use crate::io::probe::{Finished, Prober};
use crate::io::publish::Published;
use crate::io::serve::slow::{self, Slow};
use crate::io::serve::{Listeners, Secrets, Service, Serving};
use crate::plan::Plan;

/// What to start with.
pub(super) struct Start {
    /// The compiled plan.
    pub(super) plan: Plan,
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
    plan: Arc<Plan>,
    addresses: Vec<SocketAddr>,
    control: Option<(SocketAddr, Controlling)>,
    commands: mpsc::Sender<Command>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    serving: Serving,
    /// Where TCP is answered; ends with the server.
    _streams: Streams,
}

impl Server {
    /// Binds everything, publishes the first table, and begins to answer.
    pub(super) fn start(start: Start) -> Result<Self, Failure> {
        let (clock, runtime) = (Clock::start(), Handle::current());
        let metrics = Arc::new(Metrics::new(clock));
        let changers = Changers::open(clock, &start.plan)?;
        let mut composer = Composer::new(clock, changers.overlay(&start.plan));
        let (plan, signings) = composer.compose(start.plan)?;
        let listeners = bind(&plan)?;
        let (commands, command_queue) = mpsc::channel(COMMANDS_WAITING);
        let (ready, heartbeat) = (Arc::new(OnceLock::new()), Arc::new(Heartbeat::default()));
        let state = State {
            published: ready.clone(),
            clock,
            metrics: metrics.clone(),
            heartbeat: heartbeat.clone(),
            commands: commands.clone(),
        };
        let control = control(&plan, state, &runtime)?;
        let (reports, report_queue) = mpsc::unbounded_channel();
        let prober = prober(&runtime, clock, reports)?;
        let (reader, reading_queue) = reader(start.config, start.watch)?;
        let (products, product_queue) = mpsc::channel(1);
        let composer = composer
            .start(products)
            .map_err(|error| no_thread(&error))?;
        let (plans, told) = watch::channel(plan.clone());
        let tools = Tools {
            challenges: changers.challenges.clone(),
            plans,
            composer: composer.clone(),
            clock,
            metrics: metrics.clone(),
            heartbeat,
            prober,
            reader,
            onlooker: start.onlooker,
        };
        let keeper = Keeper::new((plan.clone(), signings), tools);
        let streams = Streams::start().map_err(|error| no_runtime(&error))?;
        let published = ready.get_or_init(|| keeper.published().clone()).clone();
        let addresses = listeners.addresses();
        let slow = changers.start(told, &published, composer);
        let service = Service {
            published,
            clock,
            metrics,
            responder: answer,
            slow: Some(slow),
            secrets: Secrets::draw().map_err(|error| not_answering(&error))?,
        };
        let serving = listeners
            .serve(service, streams.handle())
            .map_err(|error| not_answering(&error))?;
        let (stop, stopped) = oneshot::channel();
        let ears = Ears {
            commands: command_queue,
            reports: report_queue,
            readings: reading_queue,
            products: product_queue,
            stop: stopped,
        };
        Ok(Self {
            clock,
            plan,
            addresses,
            control,
            commands,
            stop,
            task: tokio::spawn(keeper.run(ears)),
            serving,
            _streams: streams,
        })
    }

    /// The plan that it was started with.
    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
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

/// Those who change what is served while the server runs.
struct Changers {
    clock: Clock,
    opened: Opened,
    exchange: Exchange,
    /// What is asked of whoever keeps challenges.
    challenges: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
}

impl Changers {
    /// Finds out what they kept over the restart.
    fn open(clock: Clock, plan: &Plan) -> Result<Self, Failure> {
        let (challenges, inputs) = mpsc::channel(CHALLENGES_WAITING);
        Ok(Self {
            clock,
            opened: Opened::read(clock, plan),
            exchange: Exchange::open(plan, clock)?,
            challenges,
            inputs,
        })
    }

    /// What they lay over the zones from the start.
    fn overlay(&self, plan: &Plan) -> Overlay {
        Overlay {
            dynamic: self.opened.laid.clone(),
            ..self.exchange.overlay(plan)
        }
    }

    /// Lets them begin; gives where messages for them are handed on.
    fn start(
        self,
        plans: watch::Receiver<Arc<Plan>>,
        published: &Arc<Published>,
        composer: std::sync::mpsc::Sender<Work>,
    ) -> Slow {
        let (slow, handed_on) = slow::queue();
        let (transfers, requests) = mpsc::channel(SLOW_WAITING);
        tokio::spawn(super::slow::dispatch(handed_on, self.challenges, transfers));
        self.exchange.start(published, composer.clone(), requests);
        let plan = plans.borrow().clone();
        let ways = Ways {
            inputs: self.inputs,
            plans,
            published: published.clone(),
            composer,
        };
        tokio::spawn(Desk::new(self.clock, self.opened, plan).run(ways));
        slow
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
) -> Result<(Option<Requests>, mpsc::Receiver<reader::Reading>), Failure> {
    let (readings, queue) = mpsc::channel(1);
    let reader = config.map(|config| reader::start(config, watch, readings));
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
