//! Sharing of what is declared with the other nodes of a cluster: it is told to them, and taken from them.
//!
//! ```text
//! zones, objects in force --what is declared here--> told to all          others' changes --Command, like an operator's--> judged, kept, served
//!                                                                                                '--no: shown as refused, and asked again later
//! ```
//!
//! It has a thread of its own and decides nothing: which version of a thing holds is for [`crate::zones::declared`] and
//! [`crate::config::declared`] to say, which judge it by this node's files and `[dynamic]`. All that another node has changed of a zone, or of objects, is given
//! at once; where that is refused, one change after the other, each whole, so that what may not be here holds up nothing else.
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::declared_words::{self, ToldDeclared};
use super::prepared::Source;
use super::reader::InForce;
use super::weigh::opening;
use super::zone_driver::ZoneDriver;
use crate::base::limits::CLUSTER_SKEW_MOST;
use crate::base::{Moment, NodeMark, Span, revision_time};
use crate::config::declared::ObjectRefusal;
use crate::io::carry::SharedCopy;
use crate::io::control::Command;
use crate::share::{Cluster, DeclaredTelling, SharedChange};
use crate::zones::declared::order::{DeclaredAsk, DeclaredRefusal};
use crate::zones::declared::set::{Declared, DeclaredPart};

/// Time between two looks at what others have told.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Time after which what was refused is asked for again; a config that is taken into force is asked at once.
const ASK_AGAIN: Span = Span::from_secs(20);

/// The place of a change: the zone, or objects, and its revision.
type ChangePlace = (String, u64);

/// All that is declared, between this node and the others.
struct DeclaredSharing {
    copy: SharedCopy,
    commands: mpsc::Sender<Command>,
    in_force: InForce,
    /// Declared records, as they are served.
    declared: Declared,
    source: Arc<Source>,
    telling: DeclaredTelling,
    has_changed: bool,
    seen: Option<u64>,
    /// Changes that others told, of which nothing holds over what is known here, by where they lie.
    settled: BTreeMap<usize, Arc<SharedChange>>,
    refused: BTreeMap<ChangePlace, RefusedChange>,
    without_room: usize,
}

/// A change that is not taken here.
struct RefusedChange {
    why: String,
    until: Moment,
}

/// Shares what is declared from now on.
///
/// # Errors
/// When a thread cannot be started.
pub(super) fn begin(
    copy: SharedCopy,
    zones: &mut ZoneDriver,
    (commands, in_force): (&mpsc::Sender<Command>, &InForce),
) -> io::Result<()> {
    let (words, queue) = std::sync::mpsc::channel();
    let mut sharing = DeclaredSharing {
        copy,
        commands: commands.clone(),
        declared: zones.share_declared(words),
        source: source(in_force),
        in_force: Arc::clone(in_force),
        telling: DeclaredTelling::default(),
        has_changed: true,
        seen: None,
        settled: BTreeMap::new(),
        refused: BTreeMap::new(),
        without_room: 0,
    };
    let thread = std::thread::Builder::new().name("declared".to_owned());
    thread.spawn(move || sharing.run(&queue)).map(drop)
}

fn source(in_force: &InForce) -> Arc<Source> {
    let in_force = in_force.read().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(&in_force)
}

impl DeclaredSharing {
    fn run(&mut self, queue: &Receiver<Box<DeclaredPart>>) {
        loop {
            match queue.recv_timeout(LOOK_EVERY) {
                Ok(part) => self.served(*part),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            queue.try_iter().for_each(|part| self.served(*part));
            self.turn();
            // What the turn has brought about is known before the next one.
            queue.try_iter().for_each(|part| self.served(*part));
        }
    }

    fn served(&mut self, part: DeclaredPart) {
        self.declared.take(part);
        self.has_changed = true;
    }

    /// Takes what others have told since the last time, and tells them what is new here.
    fn turn(&mut self) {
        let (news, now, has_settled) = self
            .copy
            .look(|cluster, now, _| (cluster.declared_news(), now, cluster.has_settled(now)));
        let source = source(&self.in_force);
        let is_reloaded = !Arc::ptr_eq(&source, &self.source);
        if is_reloaded {
            self.refused.values_mut().for_each(|own| own.until = now);
            self.has_changed |= !Arc::ptr_eq(&source.declared, &self.source.declared);
            self.source = source;
        }
        let is_due = self.refused.values().any(|own| own.until <= now);
        if self.seen != Some(news) || is_due {
            self.take(now);
        }
        // What others have of this node's own words goes with its first ones: it may come from an older disk than they.
        self.has_changed |= self.seen != Some(news);
        self.seen = Some(news);
        if has_settled && std::mem::take(&mut self.has_changed) {
            self.tell();
        }
    }

    /// Has the changes of others taken that hold over what is known here.
    fn take(&mut self, now: Moment) {
        let (heard, horizon) = self.copy.look(|cluster, _, wall| {
            let horizon = wall.0.saturating_add(CLUSTER_SKEW_MOST.0);
            (cluster.declared(), horizon)
        });
        let mut wanted: BTreeMap<ChangePlace, SharedChange> = BTreeMap::new();
        let before = std::mem::take(&mut self.settled);
        for (_, _, change) in &heard {
            let is_settled = before.contains_key(&Arc::as_ptr(change).addr());
            let told = (!is_settled)
                .then(|| declared_words::read(change))
                .flatten();
            let objects = &self.source.declared;
            if told
                .and_then(|told| told.news(&self.declared, objects))
                .is_none()
            {
                self.settled
                    .insert(Arc::as_ptr(change).addr(), Arc::clone(change));
                continue;
            }
            let place = (change.of.clone(), change.revision);
            let own = wanted.entry(place).or_insert_with(|| SharedChange {
                items: Vec::new(),
                ..SharedChange::clone(change)
            });
            // Several nodes may tell parts of it.
            own.items.extend(change.items.iter().cloned());
            own.items.sort_unstable();
            own.items.dedup_by(|one, other| one.0 == other.0);
        }
        self.refused.retain(|place, _| wanted.contains_key(place));
        let mut due: BTreeMap<String, Vec<(ChangePlace, ToldDeclared)>> = BTreeMap::new();
        for (place, change) in wanted {
            if self.refused.get(&place).is_some_and(|own| own.until > now) {
                continue;
            }
            if revision_time(change.revision).0 > horizon {
                let why = "it is from a time that has not come, so a clock is wrong";
                self.refuse(now, place, why.to_owned());
            } else if let Some(told) = declared_words::read(&change) {
                due.entry(place.0.clone()).or_default().push((place, told));
            }
        }
        for changes in due.into_values() {
            self.give(now, changes);
        }
        self.show();
    }

    /// Gives changes of one zone, or of objects: all at once, or each by itself.
    fn give(&mut self, now: Moment, changes: Vec<(ChangePlace, ToldDeclared)>) {
        let all: Vec<ToldDeclared> = changes.iter().map(|own| own.1.clone()).collect();
        if changes.len() > 1
            && let Some(joined) = ToldDeclared::joined(&all)
            && self.order(joined).is_ok()
        {
            changes
                .iter()
                .for_each(|(place, _)| drop(self.refused.remove(place)));
            return;
        }
        for (place, told) in changes {
            match self.order(told) {
                Ok(()) => drop(self.refused.remove(&place)),
                Err(why) => self.refuse(now, place, why),
            }
        }
    }

    /// Has a change made here, as an operator would.
    fn order(&self, told: ToldDeclared) -> Result<(), String> {
        let unanswered = || "nobody takes it now".to_owned();
        match told {
            ToldDeclared::Records(part) => {
                let (reply, answer) = oneshot::channel();
                let ask = DeclaredAsk::Agree(Box::new(part));
                let sent = self
                    .commands
                    .blocking_send(Command::Declared { ask, reply });
                sent.map_err(|_| unanswered())?;
                let outcome = answer.blocking_recv().map_err(|_| unanswered())?;
                outcome.map(drop).map_err(|refusal| match refusal {
                    DeclaredRefusal::Unknown(why)
                    | DeclaredRefusal::Forbidden(why)
                    | DeclaredRefusal::Owned(why)
                    | DeclaredRefusal::Stale(why)
                    | DeclaredRefusal::Unfit(why)
                    | DeclaredRefusal::Full(why)
                    | DeclaredRefusal::Failed(why) => why,
                })
            }
            ToldDeclared::Objects(part) => {
                let (reply, answer) = oneshot::channel();
                let part = Box::new(part);
                let sent = self.commands.blocking_send(Command::Agree { part, reply });
                sent.map_err(|_| unanswered())?;
                let outcome = answer.blocking_recv().map_err(|_| unanswered())?;
                outcome.map(drop).map_err(|refusal| match refusal {
                    ObjectRefusal::Forbidden(why)
                    | ObjectRefusal::Owned(why)
                    | ObjectRefusal::Stale(why)
                    | ObjectRefusal::Full(why)
                    | ObjectRefusal::Unfit(why, _)
                    | ObjectRefusal::Failed(why) => why,
                })
            }
        }
    }

    fn refuse(&mut self, now: Moment, place: ChangePlace, why: String) {
        let until = now.after(ASK_AGAIN);
        let why = opening(&why).replace('\n', " ");
        let before = self.refused.insert(
            place.clone(),
            RefusedChange {
                why: why.clone(),
                until,
            },
        );
        if before.is_none_or(|before| before.why != why) {
            let (of, node) = (&place.0, self.node(place.1));
            warn!(
                event = "declared_refused",
                of,
                node,
                revision = place.1,
                "what another node has declared is not taken here: {why}"
            );
        }
    }

    /// The name of the node that drew a revision, if it is one of the roster.
    fn node(&self, revision: u64) -> String {
        let own = |cluster: &Cluster| {
            let mut members = cluster.roster().members();
            let own = members.find(|(_, member)| NodeMark::of(&member.key.0).has_drawn(revision));
            own.map(|(_, member)| member.name.clone())
        };
        let name = self.copy.look(|cluster, _, _| own(cluster));
        name.unwrap_or_else(|| "a node that stood alone".to_owned())
    }

    /// Shows what is refused.
    fn show(&self) {
        let refused = self.refused.iter().map(|((of, revision), own)| {
            format!(
                "{of}, revision {revision} of {}: {}",
                self.node(*revision),
                own.why
            )
        });
        let mut shown: Vec<String> = refused.collect();
        if self.without_room > 0 {
            let count = self.without_room;
            shown.push(format!(
                "{count} changes of this node have no room, and the others do not get them"
            ));
        }
        self.copy.say(|cluster, _, _| cluster.show_refused(shown));
    }

    /// Tells the others what is declared here.
    fn tell(&mut self) {
        let all = declared_words::changes(&self.declared, &self.source.declared);
        let (me, heard) = self.copy.look(|cluster, _, _| {
            let mark = cluster.mark();
            (
                mark.map(|mark| (cluster.author(), mark)),
                cluster.declared(),
            )
        });
        let Some(me) = me else { return };
        let (parts, without_room) = self.telling.parts(me, &heard, all);
        if std::mem::replace(&mut self.without_room, without_room) != without_room {
            self.show();
        }
        self.copy.say(|cluster, _, _| cluster.say_declared(&parts));
    }
}
