//! Drives the engine of zones: carries out what it says, and brings back what comes of it.
//!
//! ```text
//! ZoneEngine --Work--> threads (zone_work) --.   --Fetch--> tasks ------.
//!            --Advance--> key folders -------+   --Copy--> disk --------+--events--> control loop --> ZoneEngine
//!            --Remember--> writer thread ----+   --Tell--> herald       '
//!            --Recall, KeepSignatures--> ----'  (a writer thread of their own)
//! ```
//!
//! It decides nothing. What the rest of the server has to do about it ([`Effect`]) goes to the control loop, which
//! owns both cores.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::key_sharing::KeySharing;
use super::key_watch::{self, KeyWatchWord};
use super::zone_work::Workers;
use crate::base::Moment;
use crate::base::limits::KEEP_AT_END;
use crate::dns::Name;
use crate::dns::challenges::Challenges;
use crate::dns::zone::Zones;
use crate::dns::zone::signed::Steered;
use crate::io::audit::{AuditEntry, AuditOutcome, AuditTrail};
use crate::io::background;
use crate::io::clock::Clock;
use crate::io::keys::Store;
use crate::io::screen::Screen;
use crate::io::serve::deferred;
use crate::io::state::{SignatureWriter, State, StateWriter, WriterEvents};
use crate::io::transfer::{self, Fetcher, Herald, Service};
use crate::keys::{Fellows, Policy, Time};
use crate::names::KnownNames;
use crate::plan::Zoning;
use crate::table::Table;
use crate::zones::declared::order::{DeclaredAsk, DeclaredRefusal, DeclaredReply};
use crate::zones::declared::set::{Declared, DeclaredPart};
use crate::zones::{
    ChallengeOrder, ChallengeRefusal, ChallengesDone, Filed, Input, KeyChange, KeyChangeStage,
    Level, Memory, NewConfig, Notice, Output, Recalled, Reply, Ticket, ZoneEngine, ZoneStatus,
};

/// Copies that are written at once: each waits for the disk more than it works.
const COPIES: usize = 64;

/// What has happened to zones.
pub(super) type Events = mpsc::UnboundedReceiver<Input>;

/// Whoever is told how the disk takes what is to be kept of health.
pub(super) type DiskEvents = Box<dyn Fn(Result<(), String>) + Send>;

/// Who is answered when an order about challenges is carried out.
pub(super) type OrderReply = oneshot::Sender<Result<ChallengesDone, ChallengeRefusal>>;

/// Whoever is answered when declared records are asked for or changed.
pub(super) type DeclaredAnswer = oneshot::Sender<Result<DeclaredReply, DeclaredRefusal>>;

/// A thing that the control loop has to do.
pub(super) enum Effect {
    /// Serve these zones.
    Publish(Arc<Zones>),
    /// Take the config that was given into force with these zones, or say why not.
    Configured(Result<Arc<Zones>, String>),
    /// Say whether a zone is served as its file has it now.
    Filed(Name, Result<(), String>),
    /// Tell those who watch what was declared.
    Declared(Notice),
    /// Tell the other nodes of the cluster what has become of challenges: these are served.
    Challenges(Challenges),
}

/// Drives the engine of zones.
pub(super) struct ZoneDriver {
    engine: ZoneEngine,
    clock: Clock,
    events: mpsc::UnboundedSender<Input>,
    service: Arc<Service>,
    screen: Arc<Screen>,
    herald: Herald,
    fetcher: Arc<Fetcher>,
    audit: AuditTrail,
    writer: StateWriter,
    keys: Sender<KeyWatchWord>,
    /// Whoever shares what is declared with other nodes.
    declared: Option<Sender<Box<DeclaredPart>>>,
    workers: Workers,
    signatures: SignatureWriter,
    copiers: Arc<Semaphore>,
    waiting: BTreeMap<Ticket, Waiting>,
    tickets: u64,
}

/// Who waits for an answer.
enum Waiting {
    Config,
    Zone(Name),
    Order(OrderReply),
    Declared(DeclaredAnswer),
    Update(deferred::Request),
}

impl ZoneDriver {
    /// Begins with what was kept over the restart, and without any zone.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn start(
        clock: Clock,
        engine: ZoneEngine,
        (state, folder, disk): (Option<State>, Option<&Path>, DiskEvents),
        (service, screen): (Arc<Service>, Arc<Screen>),
    ) -> io::Result<(Self, Events)> {
        let (events, happened) = mpsc::unbounded_channel();
        let remembered = events.clone();
        let writer = WriterEvents {
            zone: Box::new(move |ticket, outcome| {
                let event = Input::Remembered(ticket, outcome);
                remembered.send(event).is_ok()
            }),
            disk,
        };
        let kept = events.clone();
        let kept = Box::new(move |apex, outcome| {
            // At the end of the server nobody wants it any more.
            let _ = kept.send(Input::SignaturesKept(apex, outcome));
        });
        let driver = Self {
            signatures: SignatureWriter::start(folder, kept)?,
            engine,
            clock,
            writer: StateWriter::start(state, writer)?,
            keys: key_watch::start(events.clone())?,
            events,
            service,
            screen,
            herald: Herald::new(clock),
            fetcher: Arc::new(Fetcher::new(clock)),
            audit: AuditTrail::default(),
            declared: None,
            workers: Workers::new(),
            copiers: Arc::new(Semaphore::new(COPIES)),
            waiting: BTreeMap::new(),
            tickets: 0,
        };
        Ok((driver, happened))
    }

    /// The writer of the state.
    pub(super) fn writer(&self) -> &StateWriter {
        &self.writer
    }

    /// Records what keys change from now on.
    pub(super) fn record_in(&mut self, audit: AuditTrail) {
        self.audit = audit;
    }

    /// Shares keys with other nodes from now on.
    pub(super) fn share_keys(&self, sharing: KeySharing) {
        // The thread ends with the server.
        let _ = self.keys.send(KeyWatchWord::Join(Box::new(sharing)));
    }

    /// Shares what is declared with other nodes from now on; gives what is.
    pub(super) fn share_declared(&mut self, sharing: Sender<Box<DeclaredPart>>) -> Declared {
        self.declared = Some(sharing);
        self.engine.declared().clone()
    }

    /// Tells that it is not known yet whether the keys here are those of other nodes.
    pub(super) fn awaits_nodes(&self) -> bool {
        self.engine.awaits_nodes()
    }

    /// When it wants to be called at the latest.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.engine.wake_at()
    }

    /// What an operator may see of zones.
    pub(super) fn status(&self) -> Vec<ZoneStatus> {
        self.engine.status()
    }

    /// Whether nothing is under way that a first answer should wait for.
    pub(super) fn may_answer(&self) -> bool {
        self.engine.may_answer()
    }

    /// Tells that signatures are being made without which a zone is not as it should be.
    pub(super) fn is_signing(&self) -> bool {
        self.engine.is_signing()
    }

    /// Has the signatures kept that are not yet, within a bounded time, and no others after that until they may be again.
    pub(super) async fn release_signatures(&mut self) -> Vec<Effect> {
        let effects = self.handle(Input::Ending);
        let patience = Duration::from_millis(KEEP_AT_END.0);
        // What is not on the disk by then is made anew.
        let _ = tokio::time::timeout(patience, self.signatures.release()).await;
        effects
    }

    /// Keeps signatures again in a folder of state.
    pub(super) fn resume_signatures(&self, folder: Option<PathBuf>) {
        if let Some(folder) = folder {
            self.signatures.resume(folder);
        }
    }

    /// Tells that every zone that comes from primaries is there, or they have been asked for it in vain.
    pub(super) fn has_asked_primaries(&self) -> bool {
        self.engine.has_asked_primaries()
    }

    /// Has a config composed.
    pub(super) fn configure(&mut self, config: NewConfig) -> Vec<Effect> {
        let ticket = self.wait_for(Waiting::Config);
        self.service.use_zoning(Arc::clone(&config.zoning));
        self.screen.use_zoning(Arc::clone(&config.zoning));
        self.watch_keys(&config.zoning);
        self.handle(Input::Config(ticket, Box::new(config)))
    }

    /// Has steered names, and aliases, answered with other addresses.
    pub(super) fn rename(
        &mut self,
        steered: Arc<[Steered]>,
        known: Arc<KnownNames>,
    ) -> Vec<Effect> {
        let ticket = self.wait_for(Waiting::Config);
        self.handle(Input::Names(ticket, steered, known))
    }

    /// Has a zone served as its file has it now.
    pub(super) fn take_file(&mut self, apex: Name, filed: Filed) -> Vec<Effect> {
        let ticket = self.wait_for(Waiting::Zone(apex.clone()));
        self.handle(Input::Filed {
            ticket,
            apex,
            filed,
        })
    }

    /// Has an order about challenges carried out.
    pub(super) fn order(&mut self, order: ChallengeOrder, reply: OrderReply) -> Vec<Effect> {
        let ticket = self.wait_for(Waiting::Order(reply));
        self.handle(Input::Order(ticket, order))
    }

    /// Has a question about declared records answered, or a batch carried out.
    pub(super) fn declare(&mut self, ask: DeclaredAsk, reply: DeclaredAnswer) -> Vec<Effect> {
        let ticket = self.wait_for(Waiting::Declared(reply));
        self.handle(Input::Declared(ticket, ask))
    }

    /// Has an update carried out.
    pub(super) fn update(&mut self, request: deferred::Request) -> Vec<Effect> {
        let message = request.message.clone();
        let ticket = self.wait_for(Waiting::Update(request));
        self.handle(Input::Update(ticket, message))
    }

    /// Tells the engine of a table.
    pub(super) fn published(&mut self, table: Arc<Table>) -> Vec<Effect> {
        self.handle(Input::Published(table))
    }

    /// Lets the engine take something in, and carries out what it says.
    pub(super) fn handle(&mut self, input: Input) -> Vec<Effect> {
        self.engine
            .handle(self.clock.now(), self.clock.wall_ms(), input);
        let mut effects = Vec::new();
        while let Some(output) = self.engine.poll() {
            self.carry_out(output, &mut effects);
        }
        effects
    }

    fn carry_out(&mut self, output: Output, effects: &mut Vec<Effect>) {
        match output {
            Output::Work(number, job) => self.workers.work(number, job, self.events.clone()),
            Output::Recall(number, apex) => self.recall(number, apex),
            Output::KeepSignatures(to_keep) => self.signatures.keep(to_keep),
            Output::RetainSignatures(apexes) => self.signatures.retain(apexes),
            Output::Fetch(number, request) => {
                let (fetcher, events) = (Arc::clone(&self.fetcher), self.events.clone());
                tokio::spawn(async move {
                    let fetched = fetcher.fetch(&request).await;
                    // At the end of the server nobody wants it any more.
                    let _ = events.send(Input::Fetched(number, fetched));
                });
            }
            Output::Advance {
                apex,
                policy,
                fellows,
                at,
            } => self.advance(apex, (policy, fellows), at),
            Output::Declared(part) => {
                // The thread ends with the server.
                let _ = self.declared.as_ref().map(|sharing| sharing.send(part));
            }
            Output::Told(apex, told) => {
                // The thread ends with the server.
                let _ = self.keys.send(KeyWatchWord::Served(apex, told));
            }
            Output::Remember(ticket, memory) => {
                if let Memory::Challenges(kept) = &memory {
                    effects.push(Effect::Challenges(kept.clone()));
                }
                if !self.writer.keep_zone(ticket, memory) {
                    let why = "the thread that writes the state has ended: restart the server";
                    let event = Input::Remembered(ticket, Err(why.to_owned()));
                    let _ = self.events.send(event);
                }
            }
            Output::Record(ticket, change) => self.record(ticket, &change),
            Output::Copy { id, file, zone } => self.copy(id, (file, zone)),
            Output::Offer(apex, journal) => self.service.offer(apex, journal),
            Output::Tell { soa, outgoing, key } => self.herald.tell(&soa, &outgoing, key.as_ref()),
            Output::Reply(ticket, reply) => effects.extend(self.reply(ticket, reply)),
            Output::Configured(ticket, outcome) => {
                self.waiting.remove(&ticket);
                effects.push(Effect::Configured(outcome));
            }
            Output::Publish(zones) => effects.push(Effect::Publish(zones)),
            Output::Notice(notice) => {
                log(&notice);
                let is_declared = notice.event == "declared";
                effects.extend(is_declared.then_some(Effect::Declared(notice)));
            }
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) -> Option<Effect> {
        match (self.waiting.remove(&ticket)?, reply) {
            (Waiting::Zone(apex), Reply::Filed(outcome)) => Some(Effect::Filed(apex, outcome)),
            (Waiting::Order(waiting), Reply::Challenges(outcome)) => {
                // Whoever asked may have gone.
                let _ = waiting.send(outcome);
                None
            }
            (Waiting::Declared(waiting), Reply::Declared(outcome)) => {
                // Whoever asked may have gone.
                let _ = waiting.send(outcome);
                None
            }
            (Waiting::Update(request), Reply::Message(message)) => {
                tokio::spawn(async move {
                    let _ = request.reply(message).await;
                });
                None
            }
            // No other reply is ever given to these.
            (
                Waiting::Config
                | Waiting::Zone(_)
                | Waiting::Order(_)
                | Waiting::Declared(_)
                | Waiting::Update(_),
                Reply::Filed(_)
                | Reply::Challenges(_)
                | Reply::Declared(_)
                | Reply::Message(_)
                | Reply::Silence,
            ) => None,
        }
    }

    /// Writes what a key changes in the audit log.
    fn record(&self, ticket: Ticket, change: &KeyChange) {
        let (audit, events, entry) = (self.audit.clone(), self.events.clone(), entry_of(change));
        spawn_blocking(move || {
            let written = audit.record(&entry).map(|_| ());
            // At the end of the server nobody wants it any more.
            let _ = events.send(Input::Recorded(ticket, written));
        });
    }

    fn wait_for(&mut self, waiting: Waiting) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.waiting.insert(ticket, waiting);
        ticket
    }

    /// Finds the signatures of a zone that were kept.
    fn recall(&self, number: u64, apex: Name) {
        let events = self.events.clone();
        let tell = Box::new(move |recalled| {
            // At the end of the server nobody wants it any more.
            let _ = events.send(Input::Recalled(number, recalled));
        });
        if !self.signatures.recall(apex, tell) {
            let _ = self
                .events
                .send(Input::Recalled(number, Recalled::default()));
        }
    }

    fn advance(&self, apex: Name, (policy, fellows): (Box<Policy>, Arc<Fellows>), at: Time) {
        let events = self.events.clone();
        let Some(store) = self.store(&apex) else {
            return;
        };
        spawn_blocking(move || {
            let advanced = store.advance(&policy, &fellows, at);
            let (steps, read) = match advanced {
                Ok(steps) => (steps, store.load()),
                Err(error) => (Vec::new(), Err(error)),
            };
            let read = read.map_err(|error| error.to_string());
            let _ = events.send(Input::Keys {
                apex,
                steps,
                read: Box::new(read),
            });
        });
    }

    /// The serial of a version of a zone, as queries see it.
    pub(super) fn serial(&self, zones: &Zones, id: &Name) -> Option<u32> {
        let plan = self.engine.plan_of(id)?;
        zones.serial_in(&plan.apex, plan.view)
    }

    /// The folder of the keys of a version of a zone.
    fn store(&self, apex: &Name) -> Option<Store> {
        let zone = self.engine.plan_of(apex)?;
        let how = zone.dnssec.as_ref()?;
        Some(Store::new(&how.keys, &zone.apex))
    }

    /// Has a copy written beside the answers.
    fn copy(&self, apex: Name, (file, zone): (PathBuf, Arc<crate::dns::zone::Zone>)) {
        let (events, copiers) = (self.events.clone(), Arc::clone(&self.copiers));
        let clock = self.clock;
        tokio::spawn(async move {
            let Ok(_turn) = copiers.acquire_owned().await else {
                return;
            };
            let began = clock.now();
            let shown = file.display().to_string();
            let written = background::run("copy", move || transfer::write_copy(&file, &zone)).await;
            let written = written.unwrap_or_else(|| Err(std::io::Error::other("it was given up")));
            let _ = events.send(Input::Copied {
                apex,
                took: clock.now().since(began),
                outcome: written.map_err(|error| format!("cannot write `{shown}`: {error}")),
            });
        });
    }

    fn watch_keys(&self, zoning: &Zoning) {
        let stores = zoning.zones.iter().filter_map(|zone| {
            let how = zone.dnssec.as_ref()?;
            Some((zone.id.clone(), Store::new(&how.keys, &zone.apex)))
        });
        // The thread ends with the server.
        let _ = self.keys.send(KeyWatchWord::Folders(stores.collect()));
    }
}

/// Writes a notice as a line.
fn log(notice: &Notice) {
    let Notice {
        level,
        event,
        text,
        zone,
        primary,
        serial,
        name,
        uncovered,
        author,
        form,
    } = notice;
    let wildcard = uncovered
        .as_ref()
        .map(|own| tracing::field::display(&own.wildcard));
    let uncovered = uncovered
        .as_ref()
        .map(|own| tracing::field::display(&own.name));
    let zone = zone.as_ref().map(tracing::field::display);
    let name = name.as_ref().map(tracing::field::display);
    let primary = primary.as_ref().map(tracing::field::display);
    let (author, form) = (author.as_deref(), form.as_deref());
    match level {
        Level::Info => info!(
            event,
            zone, primary, serial, name, uncovered, wildcard, author, form, "{text}"
        ),
        Level::Warn => warn!(
            event,
            zone, primary, serial, name, uncovered, wildcard, author, form, "{text}"
        ),
        Level::Error => error!(
            event,
            zone, primary, serial, name, uncovered, wildcard, author, form, "{text}"
        ),
    }
}

/// A change by a key, as the audit log has it.
fn entry_of(change: &KeyChange) -> AuditEntry {
    let outcome = match change.stage {
        KeyChangeStage::Begun => AuditOutcome::Begun,
        KeyChangeStage::Done => AuditOutcome::Done,
        KeyChangeStage::Failed => AuditOutcome::Failed,
        KeyChangeStage::Refused => AuditOutcome::Refused,
    };
    AuditEntry {
        identity: format!("key {}", change.key),
        role: Some("dns".to_owned()),
        way: "dns update".to_owned(),
        outcome,
        what: json!({ "action": "update" }),
        before: json!(change.gone),
        after: json!(change.come),
        detail: change.why.clone(),
        ..AuditEntry::default()
    }
}
