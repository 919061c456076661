//! Reads the config again when someone asks or when it changes, and a zone's file when that changes.
//!
//! One thread does all of it, one reading after the other: so a slow disk holds up neither
//! answers nor probes, and an older text can never overtake a newer one. Requests that come
//! while it reads are answered together by the next reading, and it reads no config before the last one is taken or
//! refused: so what it holds a config against is what is in force. A change of zone files alone is no reload:
//! each is read by the config that is in force, whatever the text of the config says by now. It decides
//! nothing: what it compiled, or why it could not, goes to the control loop. What it read because it changed, and nobody asked
//! for, it records as a change ([`super::watched`]).
//!
//! The thread has a low priority from its beginning, for others answer meanwhile: reading, parsing and compiling wait
//! for them. (The first config is read by the thread that starts the server, which nobody waits behind.) What is
//! compiled of a geo database is kept beside all that (`geo_keeper`).
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::declaring::{self, ObjectKeeper, ObjectReply, ObjectWork};
use super::discovered_lists::{self, BesideConfig, DiscoveredReply};
use super::findings;
use super::geo_keeper::{Freshness, GeoKeeper};
use super::judge::{Judgement, Occasion};
use super::measured_keeper::MeasuredKeeper;
use super::prepared::{Keys, Prepared, Source, filed};
use super::readdress::Readdressed;
use super::shared_text::{self, SharedReply, SharedText};
use super::watched::{ConfigRead, WatchRecorder};
use crate::config;
use crate::config::declared::ObjectRefusal;
use crate::dns::Name;
use crate::io::audit::AuditTrail;
use crate::io::background;
use crate::io::control::{Force, ObjectsDone};
use crate::io::files;
use crate::io::files::{Beside, Watch};
use crate::io::log_line::LogList;
use crate::names::KnownNames;
use crate::zones::Filed;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is said to whoever asked: what was done, or why nothing was.
pub(super) type Reply = oneshot::Sender<Result<String, String>>;

/// Someone asks for a reload.
pub(super) struct Request {
    /// Whether it is meant, whatever it takes away.
    pub(super) force: Force,
    /// Who wants to know the outcome.
    pub(super) reply: Reply,
}

/// A thing that the reader is asked for.
pub(super) enum ReaderMessage {
    /// To read the config again.
    Reload(Request),
    /// To make a plan of the config in force with these addresses of names.
    Names(Arc<KnownNames>),
    /// To take discovered endpoints, or secrets that nodes have agreed on, into force.
    Discovered(BesideConfig, DiscoveredReply),
    /// To change what is declared.
    Declare(ObjectWork, ObjectReply),
    /// To take a release of the shared config into force; what its file held before is told.
    Share(Box<SharedText>, SharedReply),
}

/// What was read again.
pub(super) enum Reading {
    /// The config in force with other addresses of names, or why they do not go with it; whoever made it waits to be told that
    /// it is over.
    Names(Result<Box<Readdressed>, String>, Sender<()>),
    /// The config with all that it names.
    Config {
        /// The config with what it would change, or every error.
        outcome: ConfigRead,
        /// The word that it is meant, whatever it takes away.
        force: Force,
        /// Everybody who wants to know.
        waiting: ReloadWaiters,
    },
    /// The file of one zone, by the config that is in force.
    Zone {
        /// Which.
        apex: Name,
        /// What it holds, or every error.
        outcome: Result<Filed, String>,
    },
}

/// Everybody who waits to be told what became of a config: whoever asked, and the reader, which reads no other before.
pub(super) struct ReloadWaiters {
    replies: Vec<Reply>,
    /// The changes that it makes, for whoever asked.
    pub(super) changes: Option<String>,
    /// The files are those in force, so that it says nothing of others that were refused.
    pub(super) is_discovered: bool,
    reader: Sender<Result<String, String>>,
}

impl ReloadWaiters {
    /// Tells everybody.
    pub(super) fn answer(self, outcome: Result<String, String>) {
        // The reader ends with the server.
        drop(self.reader.send(outcome.clone()));
        let outcome = outcome.map(|text| match &self.changes {
            None => text,
            Some(changes) => format!("{text}\n{changes}"),
        });
        for reply in self.replies {
            // Whoever asked may have gone.
            drop(reply.send(outcome.clone()));
        }
    }
}

/// The config in force, as the reader of zones sees it.
pub(super) type InForce = Arc<RwLock<Arc<Source>>>;

/// Starts the thread; it ends when nobody holds the returned sender any more.
pub(super) fn start(
    config: PathBuf,
    watch: Watch,
    in_force: InForce,
    (readings, audit, names): (mpsc::Sender<Reading>, AuditTrail, Arc<KnownNames>),
) -> io::Result<Sender<ReaderMessage>> {
    let (requests, queue) = std::sync::mpsc::channel();
    let reader = Reader {
        recorder: WatchRecorder::new(audit, &config),
        config,
        watch,
        in_force,
        readings,
        names,
        geo: GeoKeeper::default(),
        measured: MeasuredKeeper::default(),
        objects: ObjectKeeper::default(),
    };
    background::spawn_awaited("config", move || reader.run(&queue))?;
    Ok(requests)
}

struct Reader {
    config: PathBuf,
    watch: Watch,
    in_force: InForce,
    readings: mpsc::Sender<Reading>,
    recorder: WatchRecorder,
    geo: GeoKeeper,
    measured: MeasuredKeeper,
    objects: ObjectKeeper,
    /// The addresses of names, as they were handed on last.
    names: Arc<KnownNames>,
}

/// Nobody wants to know any more.
struct Ended;

impl Reader {
    fn run(mut self, queue: &Receiver<ReaderMessage>) {
        loop {
            let done = match queue.recv_timeout(LOOK_EVERY) {
                Ok(first) => {
                    let all = std::iter::once(first).chain(queue.try_iter());
                    self.take(all.collect())
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Does what was asked for: the last addresses count, and a config is read with them.
    fn take(&mut self, messages: Vec<ReaderMessage>) -> Result<(), Ended> {
        let (mut requests, mut names, mut declared) = (Vec::new(), None, Vec::new());
        let (mut shared, mut discovered) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                ReaderMessage::Reload(request) => requests.push(request),
                ReaderMessage::Names(known) => names = Some(known),
                ReaderMessage::Discovered(lists, reply) => discovered.push((lists, reply)),
                ReaderMessage::Declare(order, reply) => declared.push((order, reply)),
                ReaderMessage::Share(text, reply) => shared.push((text, reply)),
            }
        }
        if let Some(known) = names {
            self.names = Arc::clone(&known);
            self.readdress(known)?;
        }
        for (lists, reply) in discovered {
            let outcome = match discovered_lists::draft(&lists, &self.source(), &self.names) {
                Ok(prepared) => {
                    let read = Ok((prepared, Judgement::discovered()));
                    self.hand_over(read, Force::No, Vec::new())?
                }
                Err(why) => Err(why),
            };
            // At the end of the server nobody wants it any more.
            drop(reply.send(outcome.map(drop)));
        }
        for (order, reply) in declared {
            // Whoever has gone was told that nothing is known of it.
            if reply.is_closed() {
                continue;
            }
            let outcome = self.declare(&order)?;
            // Whoever asked may have gone.
            drop(reply.send(outcome));
        }
        for (text, reply) in shared {
            let outcome = self.share(&text)?;
            // Whoever asked may have gone.
            drop(reply.send(outcome));
        }
        match requests.is_empty() {
            true => Ok(()),
            false => self.read(requests),
        }
    }

    /// Has declared objects changed, and waits until the config with them is in force.
    fn declare(&mut self, order: &ObjectWork) -> Result<Result<ObjectsDone, ObjectRefusal>, Ended> {
        let drafted = self.objects.draft(order, &self.source(), &self.names);
        let draft = match drafted {
            Ok(Ok(draft)) => draft,
            Ok(Err(done)) => return Ok(Ok(done)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (prepared, undo, done) = match self.objects.keep(draft) {
            Ok(kept) => kept,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let fate = self.hand_over(Ok((prepared, Judgement::declared())), Force::No, Vec::new())?;
        Ok(match fate {
            Ok(_) => {
                declaring::tell(order, &done);
                Ok(done)
            }
            Err(why) => {
                self.objects.undo(undo);
                Err(ObjectRefusal::Unfit(why, Vec::new()))
            }
        })
    }

    /// Has another text of an included file taken into force and onto the disk; gives what the file held before.
    fn share(&mut self, shared: &SharedText) -> Result<Result<String, String>, Ended> {
        let source = self.source();
        let mut recorder = self.recorder.of((&shared.path, &shared.by));
        let drafted = shared_text::draft(shared, &source, &self.names);
        let (outcome, begun) = recorder.begin(&source, drafted);
        let before = std::fs::read_to_string(&shared.path).unwrap_or_default();
        let written = outcome.and_then(|read| {
            shared_text::write(&shared.path, &shared.text)?;
            Ok(read)
        });
        let fate = match written {
            Ok(read) => {
                let fate = self.hand_over(Ok(read), shared.force, Vec::new())?;
                if fate.is_err()
                    && let Err(why) = shared_text::write(&shared.path, &before)
                {
                    error!(event = "release_kept", "a restart takes the release: {why}");
                }
                fate
            }
            Err(why) => Err(why),
        };
        if let Some(begun) = begun {
            recorder.end(begun, &fate);
        }
        Ok(fate.map(|_| before))
    }

    /// Has a config taken into force, and waits for what becomes of it.
    fn hand_over(
        &self,
        outcome: ConfigRead,
        force: Force,
        replies: Vec<Reply>,
    ) -> Result<Result<String, String>, Ended> {
        let (reader, done) = std::sync::mpsc::channel();
        let judged = outcome.as_ref().map(|(_, judgement)| judgement);
        let is_discovered = judged.is_ok_and(|own| own.is_discovered);
        self.send(Reading::Config {
            outcome,
            force,
            waiting: ReloadWaiters {
                replies,
                changes: None,
                is_discovered,
                reader,
            },
        })?;
        let fate = done.recv();
        Ok(fate.unwrap_or_else(|_| Err("the server ended".to_owned())))
    }

    /// Has other addresses of names taken into force, and waits until that is done.
    fn readdress(&mut self, known: Arc<KnownNames>) -> Result<(), Ended> {
        let outcome = Readdressed::of(&self.source(), known).map(Box::new);
        let (done, over) = std::sync::mpsc::channel();
        self.send(Reading::Names(outcome, done))?;
        // Whoever took it may have ended.
        let _ = over.recv();
        Ok(())
    }

    /// Looks whether anything has changed, if the config in force wants that.
    fn look(&mut self) -> Result<(), Ended> {
        let source = self.source();
        self.measured.look(&source);
        if self.geo.look(&source) == Freshness::Stale {
            self.read_all(Vec::new())?;
        }
        if !self.source().spec.is_watched() {
            return Ok(());
        }
        match self.watch.changed() {
            Some(files) => self.follow(&files),
            None => Ok(()),
        }
    }

    /// Reads what has changed: zones where nothing else has, otherwise everything.
    fn follow(&mut self, files: &[PathBuf]) -> Result<(), Ended> {
        let source = self.source();
        let plain = source.spec.files_by_zone(&config::Files::new());
        let zones = || plain.iter().chain(&source.included);
        let changed = zones().filter(|(_, own)| own.iter().any(|file| files.contains(file)));
        let changed: BTreeSet<&Name> = changed.map(|(id, _)| id).collect();
        let of_zones: BTreeSet<&PathBuf> = zones().flat_map(|(_, own)| own).collect();
        let only_zones = files.iter().all(|file| of_zones.contains(file));
        let shown: Vec<_> = files.iter().map(|file| file.display()).collect();
        let named = LogList(&shown);
        if only_zones {
            info!(event = "files_changed", files = ?named, "reading zones again");
        } else {
            info!(event = "files_changed", files = ?named, "reading the config again");
            if self.read_all(Vec::new())? {
                return Ok(());
            }
        }
        for id in changed {
            self.read_zone(&source, id)?;
        }
        Ok(())
    }

    fn source(&self) -> Arc<Source> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&mut self, requests: Vec<Request>) -> Result<(), Ended> {
        self.read_all(requests).map(drop)
    }

    /// Reads the config with all that it names, and waits until it is taken or refused; whether it was taken.
    fn read_all(&mut self, requests: Vec<Request>) -> Result<bool, Ended> {
        let forced = requests.iter().any(|request| request.force == Force::Yes);
        // Whoever sent a signal reads no answer.
        let is_read = requests.iter().any(|request| !request.reply.is_closed());
        let occasion = match (requests.is_empty(), is_read) {
            (true, _) => Occasion::Watched,
            (false, true) => Occasion::Asked,
            (false, false) => Occasion::Signalled,
        };
        let (outcome, watch) = compile(&self.config, &self.names, &self.source());
        let before = watch.map(|watch| std::mem::replace(&mut self.watch, watch));
        let outcome = outcome.map(|prepared| {
            let judgement = Judgement::of(&self.source(), &prepared.source, occasion);
            (prepared, judgement)
        });
        // Whoever asks has recorded it.
        let (outcome, begun) = match occasion {
            Occasion::Watched => self.recorder.begin(&self.source(), outcome),
            Occasion::Asked | Occasion::Signalled => (outcome, None),
        };
        let force = if forced { Force::Yes } else { Force::No };
        let replies = requests.into_iter().map(|request| request.reply);
        let fate = self.hand_over(outcome, force, replies.collect())?;
        if let Some(begun) = begun {
            self.recorder.end(begun, &fate);
        }
        let taken = fate.is_ok();
        if let Some(before) = before.filter(|_| !taken) {
            // The config in force goes on, and its files are watched as before.
            self.watch.keep(before);
        }
        Ok(taken)
    }

    fn read_zone(&mut self, source: &Source, apex: &Name) -> Result<(), Ended> {
        let Some(plan) = source.zoning.zone(apex) else {
            return Ok(());
        };
        let files = files::load_zone(&source.spec, apex, &mut self.watch);
        let compiled = config::compile_zone(&source.spec, plan, &files);
        let outcome = compiled
            .map(|(zone, doubts)| {
                findings::doubts(&doubts);
                filed(plan, &zone, &source.steered)
            })
            .map_err(|found| {
                findings::errors(&found);
                found.render(false)
            });
        self.send(Reading::Zone {
            apex: apex.clone(),
            outcome,
        })
    }

    fn send(&self, reading: Reading) -> Result<(), Ended> {
        self.readings.blocking_send(reading).map_err(|_| Ended)
    }
}

/// Reads and compiles, with a watch on the files of this reading.
fn compile(
    path: &Path,
    names: &Arc<KnownNames>,
    in_force: &Source,
) -> (Result<Box<Prepared>, String>, Option<Watch>) {
    let beside = Beside {
        // They may be on the disk alone.
        declared: None,
        ..in_force.beside()
    };
    let mut loaded = match files::load_beside(path, beside) {
        Err(unreadable) => return (Err(unreadable.to_string()), None),
        Ok(loaded) => loaded,
    };
    let watch = loaded.watch();
    loaded.files.names = Arc::clone(names);
    loaded.files.measured = Arc::new(in_force.plan.measured());
    let diagnostics = std::mem::take(&mut loaded.diagnostics);
    let compiled = config::compile(&loaded.spec, diagnostics, &loaded.files);
    let prepared = match compiled {
        Ok((compiled, doubts)) => {
            findings::doubts(&doubts);
            Prepared::new(loaded, compiled, Keys::Read).map(Box::new)
        }
        Err(diagnostics) => {
            findings::errors(&diagnostics);
            Err(diagnostics.render(false))
        }
    };
    (prepared, Some(watch))
}
