//! When a zone has a new version, and which serial it gets.
//!
//! Every published table is looked at, at most a few times a second. A zone that is given to others
//! is rendered; where that says something else than the last version, it is a new one, whose serial
//! is that of the zone as it is served, if that is ahead, and otherwise the next. The serial is
//! kept on the disk first, then given to whoever makes the zones, so that queries see the same
//! SOA, and only then are secondaries told. Versions of one zone are no closer than its
//! `min_interval`: what changes in between is part of the next.
//!
//! After a restart the last serial is known, and a content that is what it was keeps it. A zone that was
//! signed elsewhere keeps its serial in any case, because that is signed; that it was not raised is told.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::herald::Herald;
use super::state::{StateFile, Version};
use super::{Desk, Wish};
use crate::base::{Moment, Span};
use crate::dns::Name;
use crate::dns::transfer::{Content, Entry, Journal, serial};
use crate::dns::zone::Presence;
use crate::io::clock::Clock;
use crate::io::publish::Published;
use crate::plan::{Outgoing, TsigKey};
use crate::table::{self, Table};

/// How often the present table is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long after a failure it is tried again.
const AGAIN_AFTER: Span = Span::from_secs(5);
/// How long whoever makes the zones may take.
const WISH_PATIENCE: Duration = Duration::from_secs(60);

/// Gives out versions of zones.
#[derive(Debug)]
pub struct Outgoings {
    clock: Clock,
    desk: Arc<Desk>,
    state: Arc<StateFile>,
    published: Arc<Published>,
    wishes: mpsc::Sender<Wish>,
    herald: Herald,
    zones: BTreeMap<Name, Own>,
    /// The generation of the table of which every zone has been seen.
    settled: Option<u64>,
}

/// What is known of one zone.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    /// The generation of the table that was rendered last.
    seen: u64,
    /// When it may be looked at again.
    not_before: Moment,
}

impl Outgoings {
    /// Begins without any version.
    #[must_use]
    pub fn new(
        (clock, published): (Clock, Arc<Published>),
        desk: Arc<Desk>,
        state: Arc<StateFile>,
        wishes: mpsc::Sender<Wish>,
    ) -> Self {
        Self {
            clock,
            desk,
            state,
            published,
            wishes,
            herald: Herald::new(clock),
            zones: BTreeMap::new(),
            settled: None,
        }
    }

    /// Goes on as long as the runtime does.
    pub async fn run(mut self) {
        loop {
            let table = Arc::clone(&self.published.load());
            self.look(&table).await;
            drop(table);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&mut self, table: &Arc<Table>) {
        if self.settled == Some(table.generation) {
            return;
        }
        let wanted: Vec<(Name, Outgoing)> = table
            .plan
            .transfers
            .zones
            .iter()
            .filter_map(|zone| Some((zone.zone.clone(), zone.outgoing.clone()?)))
            .collect();
        let names: BTreeSet<&Name> = wanted.iter().map(|(name, _)| name).collect();
        self.zones.retain(|own, _| names.contains(own));
        let zones = &self.zones;
        self.desk
            .change_journals(|journals| journals.retain(|own, _| zones.contains_key(own)));
        for (name, outgoing) in wanted {
            let now = self.clock.now();
            let own = self.zones.entry(name.clone()).or_default();
            if own.seen == table.generation || own.not_before > now {
                continue;
            }
            own.seen = table.generation;
            match self.version(table, &name, &outgoing).await {
                Ok(Next::Same | Next::Soon) => {}
                Ok(Next::New) => self.rest(&name, outgoing.min_interval),
                Err(why) => {
                    error!(event = "version_failed", zone = %name, "secondaries get no new version: {why}");
                    self.rest(&name, AGAIN_AFTER);
                    self.zones.entry(name).or_default().seen = 0;
                }
            }
        }
        let all_seen = self.zones.values().all(|own| own.seen == table.generation);
        self.settled = all_seen.then_some(table.generation);
    }

    fn rest(&mut self, zone: &Name, span: Span) {
        let not_before = self.clock.now().after(span);
        self.zones.entry(zone.clone()).or_default().not_before = not_before;
    }

    /// Renders a zone; makes a version of it if it says anything new.
    async fn version(
        &mut self,
        table: &Arc<Table>,
        zone: &Name,
        outgoing: &Outgoing,
    ) -> Result<Next, String> {
        let content = match render(table, zone, outgoing).await? {
            Rendered::Nothing => {
                // What is not loaded is not given: a secondary that has it goes on with what it has.
                self.desk.change_journals(|journals| journals.remove(zone));
                return Ok(Next::Same);
            }
            Rendered::Sealed(content) => {
                return self.sealed(table, zone, (outgoing, content)).await;
            }
            Rendered::Open(content) => content,
        };
        let (given, digest) = (content.serial(), content.digest());
        let present = self
            .desk
            .journal(zone, |journal| Arc::clone(journal.present()));
        let serial = match (&present, self.state.version(zone)) {
            (Some(present), _) if present.says_the_same(&content) => {
                newest(present.serial(), given)
            }
            (Some(present), _) => serial::next(present.serial(), given),
            (None, Some(kept)) if kept.digest == digest => newest(kept.serial, given),
            (None, Some(kept)) => serial::next(kept.serial, given),
            (None, None) => given,
        };
        if present.is_some_and(|present| present.serial() == serial) {
            return Ok(Next::Same);
        }
        self.keep(zone, Version { serial, digest }).await?;
        if content.is_signed() && serial != given {
            // Its SOA is signed with the serial first; the table that comes then is the version.
            self.wish(zone, serial).await?;
            return Ok(Next::Soon);
        }
        let soa = self.give(zone, content.with_serial(serial));
        if serial != given {
            self.wish(zone, serial).await?;
        }
        self.tell(table, (zone, &soa), outgoing);
        Ok(Next::New)
    }

    /// Gives a zone that was signed elsewhere: its serial is what was signed, whatever we think of it.
    async fn sealed(
        &mut self,
        table: &Arc<Table>,
        zone: &Name,
        (outgoing, content): (&Outgoing, Content),
    ) -> Result<Next, String> {
        let (serial, digest) = (content.serial(), content.digest());
        let present = self
            .desk
            .journal(zone, |journal| Arc::clone(journal.present()));
        if present.as_deref() == Some(&content) {
            return Ok(Next::Same);
        }
        if present.is_some_and(|present| !serial::is_newer(serial, present.serial())) {
            warn!(event = "serial_not_raised", %zone, serial,
                "the zone was signed elsewhere and has changed without a newer serial: secondaries will not take it before that is raised");
        }
        self.keep(zone, Version { serial, digest }).await?;
        let soa = self.give(zone, content);
        self.tell(table, (zone, &soa), outgoing);
        Ok(Next::New)
    }

    /// Hands a version out from now on; its SOA.
    fn give(&self, zone: &Name, content: Content) -> Entry {
        let soa = content.soa.clone();
        self.desk
            .change_journals(|journals| match journals.get_mut(zone) {
                Some(journal) => journal.push(content),
                None => drop(journals.insert(zone.clone(), Journal::new(content))),
            });
        soa
    }

    /// Tells secondaries of a version that is given.
    fn tell(&mut self, table: &Table, (zone, soa): (&Name, &Entry), outgoing: &Outgoing) {
        let serial = soa.serial();
        info!(event = "zone_version", %zone, serial, "the zone has a new version for secondaries");
        let key = outgoing.key.and_then(|key| table.plan.tsig.get(key));
        let key = key.map(TsigKey::key);
        self.herald.tell((zone, soa), outgoing, key.as_ref());
    }

    async fn keep(&self, zone: &Name, version: Version) -> Result<(), String> {
        let (state, zone) = (Arc::clone(&self.state), zone.clone());
        let kept = tokio::task::spawn_blocking(move || state.set_version(&zone, version));
        let kept = kept.await.map_err(|error| error.to_string())?;
        kept.map_err(|error| format!("the serial cannot be kept: {error}"))
    }

    /// Has queries see the serial.
    async fn wish(&self, zone: &Name, serial: u32) -> Result<(), String> {
        let (done, served) = oneshot::channel();
        let wish = Wish::Serial {
            apex: zone.clone(),
            serial,
            done,
        };
        let gone = |_| "nobody makes zones any more".to_owned();
        self.wishes.send(wish).await.map_err(|_| gone(()))?;
        match tokio::time::timeout(WISH_PATIENCE, served).await {
            Ok(served) => served.map_err(|_| gone(()))?,
            Err(_) => Err("whoever makes the zones takes too long".to_owned()),
        }
    }
}

/// What a look has come to.
enum Next {
    /// There is nothing new.
    Same,
    /// There is a new version.
    New,
    /// The next table has a new version.
    Soon,
}

fn newest(last: u32, given: u32) -> u32 {
    match serial::is_newer(given, last) {
        true => given,
        false => last,
    }
}

/// A zone as it is to be given.
enum Rendered {
    /// It is not there.
    Nothing,
    /// It has whatever serial we give it.
    Open(Content),
    /// It was signed elsewhere, with its serial.
    Sealed(Content),
}

/// Renders a zone off the runtime's threads: a large one takes a while.
async fn render(table: &Arc<Table>, zone: &Name, outgoing: &Outgoing) -> Result<Rendered, String> {
    let (table, zone, client) = (Arc::clone(table), zone.clone(), outgoing.render_for);
    let rendered = tokio::task::spawn_blocking(move || {
        let served = table.zones.of(&zone);
        let Some(served) = served.filter(|served| served.zone.presence() == Presence::Loaded)
        else {
            return Rendered::Nothing;
        };
        let signed = served.signed.as_ref();
        match table::render_served(&table, served, client) {
            None => Rendered::Nothing,
            Some(content) if signed.is_some_and(|own| own.signing().is_none()) => {
                Rendered::Sealed(content)
            }
            Some(content) => Rendered::Open(content),
        }
    });
    rendered.await.map_err(|error| error.to_string())
}
