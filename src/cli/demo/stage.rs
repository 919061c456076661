//! The play: server, machines, clients and script together.
//!
//! The views call [`Stage::turn`] many times a second and show what it holds.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::clients::{self, CLIENTS, Heard};
use super::judge::{Judge, Loss};
use super::machines::Machines;
use super::script::{Act, Script, Step};
use crate::base::{EndpointId, Moment, ServiceId, Span, Why};
use crate::config::{self, Compiled};
use crate::daemon::Failure;
use crate::daemon::Shown;
use crate::daemon::prepared::{Keys, Prepared};
use crate::daemon::server::{Server, Start};
use crate::daemon::sockets::Sockets;
use crate::engine::notice::Sense;
use crate::engine::{Notice, Status};
use crate::io::control::{Command, ControlSurroundings, MachineFate, MachineOrder};
use crate::io::files::{self, Loaded, Watch};
use crate::io::inherited::Inherited;
use crate::io::notify::Notifier;
use crate::io::serve::Secrets;
use crate::plan::Plan;

/// Wishes of the page that wait for the next turn.
const WISHES_WAITING: usize = 16;

/// What the play starts from.
pub(super) struct Opening {
    /// The config.
    pub(super) config: PathBuf,
    /// The script; absent = none, the play goes on until someone ends it.
    pub(super) script: Option<Script>,
}

/// Whether the play goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// More to come.
    On,
    /// The script is over.
    Over,
}

/// The play as it stands.
pub(super) struct Stage {
    /// What the server serves by.
    pub(super) plan: Arc<Plan>,
    /// The machines.
    pub(super) machines: Machines,
    /// The score.
    pub(super) judge: Judge,
    /// What the server says of itself.
    pub(super) status: Status,
    /// What each client last got from each service.
    pub(super) latest: BTreeMap<(usize, ServiceId), Heard>,
    /// What happened, with the time since the curtain rose.
    pub(super) events: Vec<(Span, String)>,
    /// Where the server answers.
    pub(super) address: std::net::SocketAddr,
    /// Where its control API is.
    pub(super) control: Option<std::net::SocketAddr>,
    server: Server,
    /// Wishes of whoever has the page.
    wishes: mpsc::Receiver<MachineOrder>,
    steps: Option<Vec<Step>>,
    raised: Option<Moment>,
    happened: mpsc::UnboundedReceiver<Shown>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Stage {
    /// Starts machines, server and clients.
    pub(super) async fn open(opening: Opening) -> Result<Self, Failure> {
        let (loaded, mut compiled) = read(&opening.config)?;
        let steps = opening.script.as_ref();
        let steps = steps.map(|script| script.steps(|name| is_known(&compiled.plan, name)));
        let steps = steps.transpose()?;
        let machines = start_machines(&mut compiled.plan).await?;
        let (onlooker, happened) = mpsc::unbounded_channel();
        let (wish, wishes) = mpsc::channel(WISHES_WAITING);
        let sockets = Sockets::open(&compiled.plan, Inherited::default())?;
        let server = Server::start(Start {
            sockets,
            secrets: Secrets::draw().map_err(|error| error.to_string())?,
            predecessor: None,
            program: None,
            prepared: Prepared::new(loaded, compiled, Keys::Read)?,
            config: None,
            watch: Watch::default(),
            notifier: Notifier::default(),
            onlooker: Some(onlooker),
            around: ControlSurroundings {
                // A script is not to be meddled with.
                machines: steps.is_none().then_some(wish),
                ..ControlSurroundings::default()
            },
        });
        let server = server.await?;
        let plan = server.plan().clone();
        let address = server.addresses()[0];
        let (hear, heard) = mpsc::unbounded_channel();
        tokio::spawn(clients::ask_forever(
            address,
            plan.clone(),
            server.clock(),
            hear,
        ));
        Ok(Self {
            judge: Judge::new(plan.clone()),
            plan,
            machines,
            status: Status::default(),
            latest: BTreeMap::new(),
            events: Vec::new(),
            address,
            control: server.control(),
            server,
            wishes,
            steps,
            raised: None,
            happened,
            heard,
        })
    }

    /// Takes in what happened since the last turn and does what the script says.
    pub(super) async fn turn(&mut self) -> Result<Turn, Failure> {
        self.ask_status().await;
        while let Ok((at, notice)) = self.happened.try_recv() {
            self.see(at, &notice);
        }
        while let Ok(heard) = self.heard.try_recv() {
            self.hear(heard);
        }
        if self.raised.is_none() && self.all_healthy() {
            self.raised = Some(self.now());
            let next = match self.steps {
                Some(_) => "the play begins",
                None => "your move",
            };
            self.note(format!("every endpoint is healthy: {next}"));
        }
        while let Ok(wish) = self.wishes.try_recv() {
            let outcome = self.grant(&wish.scope, wish.fate).await;
            // Whoever wished may have gone.
            let _ = wish.reply.send(outcome);
        }
        while let Some(step) = self.due() {
            match step.act {
                Act::Kill(whom) => self.kill(&whom).await,
                Act::Heal(whom) => self.heal(&whom).await?,
                Act::End => return Ok(Turn::Over),
            }
        }
        Ok(Turn::On)
    }

    /// Lets a region's, a provider's or one endpoint's machines die.
    pub(super) async fn kill(&mut self, whom: &str) {
        let endpoints = self.machines.named(whom);
        for endpoint in &endpoints {
            self.machines.get(*endpoint).kill().await;
        }
        self.note(format!("✗ {whom} dies"));
        self.judge.killed(whom, &endpoints, self.now());
    }

    /// Lets them come back.
    pub(super) async fn heal(&mut self, whom: &str) -> Result<(), Failure> {
        let endpoints = self.machines.named(whom);
        for endpoint in &endpoints {
            self.machines
                .get(*endpoint)
                .heal()
                .await
                .map_err(|error| error.to_string())?;
        }
        self.note(format!("✓ {whom} comes back"));
        self.judge.healed(&endpoints, self.now());
        Ok(())
    }

    async fn grant(&mut self, whom: &str, fate: MachineFate) -> Result<String, Failure> {
        if self.machines.named(whom).is_empty() {
            return Err(format!("no machine, region or provider is called `{whom}`"));
        }
        match fate {
            MachineFate::Die => {
                self.kill(whom).await;
                Ok(format!("{whom} is dead"))
            }
            MachineFate::Return => {
                self.heal(whom).await?;
                Ok(format!("{whom} is back"))
            }
        }
    }

    /// Time since the play began; nothing before.
    pub(super) fn elapsed(&self) -> Span {
        self.raised
            .map_or(Span::ZERO, |raised| self.now().since(raised))
    }

    /// Whether every endpoint was seen healthy once, so that the play could begin.
    pub(super) fn has_begun(&self) -> bool {
        self.raised.is_some()
    }

    /// The next step of the script, and how long until then.
    pub(super) fn next_step(&self) -> Option<(Span, String)> {
        let step = self.steps.as_ref()?.first()?;
        let at = step.since_start();
        let what = match &step.act {
            Act::Kill(whom) => format!("{whom} dies"),
            Act::Heal(whom) => format!("{whom} comes back"),
            Act::End => "the end".to_owned(),
        };
        Some((Span(at.0.saturating_sub(self.elapsed().0)), what))
    }

    /// The play in figures.
    pub(super) fn summary(&self) -> String {
        let mut lines = vec![format!(
            "\nThe play took {}.{} s.",
            self.elapsed().0 / 1000,
            self.elapsed().0 % 1000 / 100
        )];
        lines.extend(self.judge.losses.iter().map(loss_line));
        lines.push(format!(
            "  queries asked {}, named a machine just dead {}, wrong answers {}",
            self.judge.asked,
            self.judge.stale,
            self.judge.wrong.len(),
        ));
        lines.extend(
            self.judge
                .wrong
                .iter()
                .take(5)
                .map(|why| format!("  wrong: {why}")),
        );
        lines.join("\n")
    }

    /// Stops everything that was started.
    pub(super) async fn close(mut self) {
        self.heard.close();
        self.server.stop().await;
        let endpoints: Vec<EndpointId> = self
            .machines
            .iter()
            .map(|machine| machine.endpoint)
            .collect();
        for endpoint in endpoints {
            self.machines.get(endpoint).kill().await;
        }
    }

    fn now(&self) -> Moment {
        self.server.clock().now()
    }

    fn note(&mut self, text: String) {
        let at = self.elapsed();
        self.events.push((at, text));
    }

    fn due(&mut self) -> Option<Step> {
        let elapsed = self.elapsed();
        let begun = self.has_begun();
        let steps = self.steps.as_mut()?;
        let due = begun
            && steps
                .first()
                .is_some_and(|step| step.at.as_millis() <= u128::from(elapsed.0));
        due.then(|| steps.remove(0))
    }

    async fn ask_status(&mut self) {
        let (reply, answer) = oneshot::channel();
        let asked = self.server.commands().send(Command::Status(reply)).await;
        if let (Ok(()), Ok(status)) = (asked, answer.await) {
            self.status = status;
        }
    }

    fn all_healthy(&self) -> bool {
        let mut targets = self
            .status
            .regions
            .iter()
            .flat_map(|region| &region.endpoints)
            .flat_map(|endpoint| &endpoint.targets)
            .peekable();
        targets.peek().is_some() && targets.all(|target| target.state == "healthy")
    }

    /// Tells whether some clients of a service get endpoints that are down.
    pub(super) fn fails_open(&self, service: &str) -> bool {
        let mut services = self.status.services.iter();
        services.any(|one| one.name == service && one.fail_open)
    }

    fn see(&mut self, at: Moment, notice: &Notice) {
        self.score(at, notice);
        if let Some(text) = in_words(notice) {
            let since = self.raised.map_or(Span::ZERO, |raised| at.since(raised));
            self.events.push((since, text));
        }
    }

    fn score(&mut self, at: Moment, notice: &Notice) {
        let Notice::Standing { endpoint, to, .. } = notice else {
            return;
        };
        let found = self
            .machines
            .iter()
            .find(|machine| machine.name == *endpoint);
        let Some(endpoint) = found.map(|machine| machine.endpoint) else {
            return;
        };
        match to {
            Why::Down(_) => self.judge.noticed(endpoint, at),
            Why::Healthy => self.judge.recovered(endpoint, at),
            Why::Unproven
            | Why::Gated
            | Why::Ramping { .. }
            | Why::Doubted(_)
            | Why::Capped(_)
            | Why::Outvoted(_)
            | Why::Held
            | Why::Unapproved
            | Why::Refused
            | Why::Draining
            | Why::Drained
            | Why::Returning
            | Why::Weighted
            | Why::Degraded
            | Why::Forced
            | Why::Supposed => {}
        }
    }

    fn hear(&mut self, heard: Heard) {
        if self.has_begun() {
            self.judge.hear(&self.machines, &heard);
        }
        self.latest.insert((heard.client, heard.service), heard);
    }

    /// Where a client was last sent for a service.
    pub(super) fn answer_of(&self, client: usize, service: ServiceId) -> Option<(&str, u32)> {
        let reply = self.latest.get(&(client, service))?.reply.as_ref()?;
        let machine = self.machines.with_address(reply.addresses().next()?)?;
        Some((&machine.name, reply.ttl()?))
    }

    /// The countries of the clients.
    pub(super) fn countries() -> impl Iterator<Item = (usize, &'static str)> {
        CLIENTS.iter().map(|client| client.country).enumerate()
    }
}

/// A notice for the people in front of the demo; some are only for the log.
fn in_words(notice: &Notice) -> Option<String> {
    match notice {
        Notice::Standing {
            endpoint,
            to,
            share_permille,
            ..
        } => Some(match to {
            Why::Down(cause) => format!("  {endpoint} is down: {cause}"),
            Why::Ramping { step, of } => {
                let percent = share_permille / 10;
                format!("  {endpoint} ramps: step {step} of {of}, {percent}%")
            }
            other @ (Why::Unproven
            | Why::Healthy
            | Why::Gated
            | Why::Doubted(_)
            | Why::Capped(_)
            | Why::Outvoted(_)
            | Why::Held
            | Why::Unapproved
            | Why::Refused
            | Why::Draining
            | Why::Drained
            | Why::Returning
            | Why::Weighted
            | Why::Degraded
            | Why::Forced
            | Why::Supposed) => {
                let (word, percent) = (other.word(), share_permille / 10);
                format!("  {endpoint} is {word}, share {percent}%")
            }
        }),
        Notice::FailOpen {
            service,
            active: true,
            ..
        } => Some(format!("  {service}: nothing is healthy, failing open")),
        Notice::FailOpen {
            service,
            active: false,
            ..
        } => Some(format!("  {service}: healthy endpoints answer again")),
        Notice::Doubt { active: true, .. } => Some("  the node doubts its own network".to_owned()),
        Notice::Doubt {
            because: Sense::NothingPasses,
            ..
        } => Some("  nothing passes any more: failing open".to_owned()),
        Notice::Doubt { .. } => Some("  the node trusts its network again".to_owned()),
        Notice::AllDown {
            service,
            answer,
            active,
            ..
        } => Some(match active {
            true => format!("  {service}: nothing is healthy, answering {answer}"),
            false => format!("  {service}: healthy endpoints answer again"),
        }),
        Notice::Overload {
            service, active, ..
        } => Some(match active {
            true => format!("  {service}: some of its demand fits nowhere"),
            false => format!("  {service}: its demand fits again"),
        }),
        Notice::Address { .. } | Notice::Unwatched { .. } => of_addresses(notice),
        Notice::Capped { .. }
        | Notice::Ordered { .. }
        | Notice::OrderDue { .. }
        | Notice::Reloaded { .. }
        | Notice::Rejected { .. } => None,
    }
}

/// A notice of one address.
fn of_addresses(notice: &Notice) -> Option<String> {
    let (address, word) = match notice {
        Notice::Address { address, left, .. } => match left {
            true => (address, "is down and left out"),
            false => (address, "is answered again"),
        },
        Notice::Unwatched {
            address, active, ..
        } => match active {
            true => (address, "is unwatched"),
            false => (address, "is watched again"),
        },
        Notice::Standing { .. }
        | Notice::FailOpen { .. }
        | Notice::AllDown { .. }
        | Notice::Doubt { .. }
        | Notice::Capped { .. }
        | Notice::Overload { .. }
        | Notice::Ordered { .. }
        | Notice::OrderDue { .. }
        | Notice::Reloaded { .. }
        | Notice::Rejected { .. } => return None,
    };
    Some(format!("  {address} {word}"))
}

fn loss_line(loss: &Loss) -> String {
    let after = |moment: Option<Moment>, from: Moment| {
        moment.map(|moment| format!("{} ms", moment.since(from).0))
    };
    let noticed = match after(loss.noticed, loss.at) {
        Some(time) => format!("noticed after {time}"),
        None => "not noticed".to_owned(),
    };
    let answered = match after(loss.answered, loss.at) {
        _ if loss.sent == 0 => "nobody was sent there".to_owned(),
        Some(time) => format!("every client answered differently after {time}"),
        None => "not every client answered differently".to_owned(),
    };
    let back = loss
        .healed
        .map(|healed| match after(loss.recovered, healed) {
            Some(time) => format!(", full share {time} after it came back"),
            None => ", not at its full share again".to_owned(),
        });
    let back = back.unwrap_or_default();
    format!("  {}: {noticed}, {answered}{back}", loss.what)
}

fn read(path: &Path) -> Result<(Loaded, Compiled), Failure> {
    let mut loaded = files::load(path).map_err(|error| error.to_string())?;
    let found = std::mem::take(&mut loaded.diagnostics);
    let (compiled, _) = config::compile(&loaded.spec, found, &loaded.files)
        .map_err(|diagnostics| diagnostics.render(false))?;
    Ok((loaded, compiled))
}

/// Starts the machines on the port that the monitors watch; if another program has it, on
/// a free one, and lets the probes follow.
async fn start_machines(plan: &mut Plan) -> Result<Machines, Failure> {
    if let Some(slot) = plan
        .slots
        .iter()
        .find(|slot| !slot.address.ip().is_loopback())
    {
        return Err(format!(
            "the demo only plays on loopback, and {} is not: run it without `--config`",
            slot.address.ip()
        ));
    }
    let port = plan.slots.first().map_or(8080, |slot| slot.address.port());
    let machines = match Machines::start(plan, port).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Machines::start(plan, port + 10_000).await
        }
        started => started,
    };
    let machines = machines.map_err(|error| format!("cannot start {error}"))?;
    let bound = machines.port();
    for slot in &mut plan.slots {
        slot.address.set_port(bound);
    }
    Ok(machines)
}

/// Whether any machine is meant by a name.
fn is_known(plan: &Plan, name: &str) -> bool {
    plan.endpoints.iter().any(|endpoint| {
        let region = &plan.regions[endpoint.region.index()];
        [&endpoint.name, &endpoint.provider, &region.name].contains(&&name.to_owned())
    })
}
