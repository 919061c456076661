//! Zones that come from primaries: when to look, what to take, when a zone is too old.
//!
//! ```text
//!            .--refresh, or a notification--.
//!            v                              |
//! start --> look --well: fresh--------------'
//!            ^  '--ill--> wait for retry --'
//!            |                 '--expire after the last good look--> given up (SERVFAIL)
//!            '-----------------------------------retry----------------'
//! ```
//!
//! A zone that has come is held against all that a zone must be, steered names mounted, and against
//! how much of it may vanish at once (`guard.max_shrink`); only then does it replace the file that
//! the config names, whole, and the reader of the config takes it up from there. A zone that does
//! not pass changes nothing, and what is there is served on. Timers are those of the zone's
//! SOA, within bounds; notifications come through the desk, which knows whom to believe.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use thiserror::Error;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use super::fetch::{Failure, Fetch};
use super::state::{self, StateFile};
use super::{Desk, GivenUp, Wish};
use crate::base::limits::{EXPIRE_BOUNDS, REFRESH_BOUNDS, TRANSFER_AT_START};
use crate::base::{Permille, Span};
use crate::dns::transfer::content::Unfit;
use crate::dns::transfer::{Content, Diff, Received};
use crate::dns::zone::{Mount, Zones};
use crate::dns::{Name, master};
use crate::io::clock::Clock;
use crate::io::publish::Published;
use crate::plan::{Incoming, Plan, TsigKey};
use crate::table::Table;

/// How often the plan is asked which zones there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Least time between two looks at a primary, whatever notifications come.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest time until another try for a zone of which there is nothing yet.
const AWAIT_MOST: Span = Span::from_secs(60);

/// Keeps a task for each zone that comes from primaries.
#[derive(Debug)]
pub struct Incomings {
    clock: Clock,
    desk: Arc<Desk>,
    state: Arc<StateFile>,
    published: Arc<Published>,
    wishes: mpsc::Sender<Wish>,
    zones: BTreeMap<Name, Kept>,
}

#[derive(Debug)]
struct Kept {
    source: Source,
    bell: Arc<Notify>,
    task: AbortHandle,
}

/// Where one zone comes from.
#[derive(Clone, Debug, PartialEq)]
struct Source {
    incoming: Incoming,
    key: Option<TsigKey>,
    /// Whether the zone is signed here, whatever it comes with.
    is_signed_here: bool,
}

impl Incomings {
    /// Begins without any zone.
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
            zones: BTreeMap::new(),
        }
    }

    /// Goes on as long as the runtime does.
    pub async fn run(mut self) {
        let mut digest = None;
        loop {
            let table = Arc::clone(&self.published.load());
            if digest.replace(table.plan.digest) != Some(table.plan.digest) {
                self.follow(&table.plan);
            }
            drop(table);
            sleep(LOOK_EVERY).await;
        }
    }

    /// Starts and ends tasks until they are those of the plan.
    fn follow(&mut self, plan: &Plan) {
        let wanted = sources(plan);
        self.zones.retain(|zone, kept| {
            let stays = wanted.get(zone) == Some(&kept.source);
            if !stays {
                kept.task.abort();
            }
            stays
        });
        for (zone, source) in wanted {
            if self.zones.contains_key(&zone) {
                continue;
            }
            let bell = Arc::new(Notify::new());
            let secondary = Secondary {
                clock: self.clock,
                state: Arc::clone(&self.state),
                published: Arc::clone(&self.published),
                wishes: self.wishes.clone(),
                zone: zone.clone(),
                source: source.clone(),
                content: None,
                given_up: GivenUp::No,
                failures: 0,
            };
            let task = tokio::spawn(secondary.keep(Arc::clone(&bell))).abort_handle();
            let kept = Kept { source, bell, task };
            self.zones.insert(zone, kept);
        }
        let bells = self.zones.iter();
        let bells = bells.map(|(zone, kept)| (zone.clone(), Arc::clone(&kept.bell)));
        self.desk.hang_bells(bells.collect());
    }
}

fn sources(plan: &Plan) -> BTreeMap<Name, Source> {
    let zones = plan.transfers.zones.iter().filter_map(|zone| {
        let incoming = zone.incoming.clone()?;
        let key = incoming.key.and_then(|key| plan.tsig.get(key)).cloned();
        let mut signed = plan.signing.iter();
        let source = Source {
            incoming,
            key,
            is_signed_here: signed.any(|(own, _)| *own == zone.zone),
        };
        Some((zone.zone.clone(), source))
    });
    zones.collect()
}

/// Fetches the zones that there is no file of yet, all at once and for a bounded time; whether any
/// file is there that was not.
pub async fn fetch_missing(plan: &Plan, clock: Clock) -> bool {
    let missing = sources(plan);
    let missing = missing.into_iter();
    let missing = missing.filter(|(_, source)| !source.incoming.file.exists());
    let fetches: Vec<_> = missing
        .map(|(zone, source)| {
            let mounts = mounts(&plan.zones, &zone);
            tokio::spawn(fetch_once(clock, zone, source, mounts))
        })
        .collect();
    let mut any = false;
    let all = async {
        for fetch in fetches {
            any |= fetch.await.unwrap_or(false);
        }
    };
    // What has not come by then comes later: its zone is not answered until it has.
    let _ = timeout(Duration::from_millis(TRANSFER_AT_START.0), all).await;
    any
}

async fn fetch_once(clock: Clock, zone: Name, source: Source, mounts: Vec<(Name, Mount)>) -> bool {
    let key = source.key.as_ref().map(TsigKey::key);
    let fetch = Fetch {
        clock,
        zone: &zone,
        key: key.as_ref(),
        content: None,
        sources: &source.incoming.sources,
    };
    for &primary in &source.incoming.primaries {
        match fetch.from(primary).await {
            Ok(Received::Whole(content)) => {
                let candidate = Candidate {
                    content,
                    before: None,
                    mounts: mounts.clone(),
                    is_signed_here: source.is_signed_here,
                    max_shrink: Permille::FULL,
                    file: source.incoming.file.clone(),
                };
                match candidate.write(&zone).await {
                    Ok(content) => {
                        info!(event = "transferred", %zone, serial = content.serial(), "the zone has come for the first time");
                        return true;
                    }
                    Err(why) => error!(event = "transfer_refused", %zone, "{why}"),
                }
            }
            Ok(Received::Nothing(_) | Received::Changes(_)) => {}
            Err(why) => warn!(event = "transfer_failed", %zone, %primary, "{why}"),
        }
    }
    false
}

/// Zones that have not been refreshed for longer than their SOA allows, at `now` seconds since 1970.
#[must_use]
pub fn given_up(plan: &Plan, state: &StateFile, now: u64) -> Vec<Name> {
    let zones = sources(plan).into_iter().filter(|(zone, source)| {
        let served = plan.zones.of(zone);
        let content = served.and_then(|served| Content::of_zone(&served.zone));
        content
            .and_then(|content| end(state, zone, &source.incoming.file, &content))
            .is_some_and(|end| now >= end)
    });
    zones.map(|(zone, _)| zone).collect()
}

/// When a zone was last known to be fresh: as it is kept, or else when its file was written.
fn refreshed(state: &StateFile, zone: &Name, file: &Path) -> Option<u64> {
    state.refreshed(zone).or_else(|| {
        let written = std::fs::metadata(file).ok()?.modified().ok()?;
        Some(written.duration_since(UNIX_EPOCH).ok()?.as_secs())
    })
}

/// From when on a zone is too old unless it is fresh again, seconds since 1970.
fn end(state: &StateFile, zone: &Name, file: &Path, content: &Content) -> Option<u64> {
    let expire = clamp(content.soa.timers().expire, EXPIRE_BOUNDS);
    Some(refreshed(state, zone, file)?.saturating_add(u64::from(expire.as_secs())))
}

fn clamp(seconds: u32, (least, most): (Span, Span)) -> Span {
    Span::from_secs(u64::from(seconds)).clamp(least, most)
}

/// The steered names of a zone.
fn mounts(zones: &Zones, apex: &Name) -> Vec<(Name, Mount)> {
    let served = zones.of(apex);
    served.map_or_else(Vec::new, |served| served.zone.mounts())
}

/// One zone that comes from primaries.
struct Secondary {
    clock: Clock,
    state: Arc<StateFile>,
    published: Arc<Published>,
    wishes: mpsc::Sender<Wish>,
    zone: Name,
    source: Source,
    /// What there is of it.
    content: Option<Content>,
    given_up: GivenUp,
    failures: u32,
}

impl Secondary {
    async fn keep(mut self, bell: Arc<Notify>) {
        let (zone, file) = (self.zone.clone(), self.source.incoming.file.clone());
        let read = move || Content::of_master(&zone, &std::fs::read(file).ok()?);
        self.content = tokio::task::spawn_blocking(read).await.ok().flatten();
        loop {
            let wait = match self.look().await {
                Ok(()) => self.be_fresh().await,
                Err(()) => self.be_stale().await,
            };
            tokio::select! {
                () = sleep(Duration::from_millis(wait.0)) => {}
                () = bell.notified() => sleep(PAUSE).await,
            }
        }
    }

    /// Asks one primary after the other until one gives an answer that can be used.
    async fn look(&mut self) -> Result<(), ()> {
        for primary in self.source.incoming.primaries.clone() {
            let looked = match self.ask(primary, Want::News).await {
                Err(Miss::Unfit(why)) => {
                    info!(event = "transfer_changes_unfit", zone = %self.zone, %primary,
                        "asking for the whole zone: {why}");
                    self.ask(primary, Want::Whole).await
                }
                looked => looked,
            };
            match looked {
                Ok(()) => return Ok(()),
                Err(Miss::Failed(why)) => {
                    warn!(event = "transfer_failed", zone = %self.zone, %primary, "{why}");
                }
                Err(Miss::Unfit(why) | Miss::Refused(why)) => {
                    error!(event = "transfer_refused", zone = %self.zone, %primary, "the zone stays as it was: {why}");
                }
            }
        }
        Err(())
    }

    /// Asks one primary, and takes what it gives.
    async fn ask(&mut self, primary: SocketAddr, want: Want) -> Result<(), Miss> {
        let key = self.source.key.as_ref().map(TsigKey::key);
        let fetch = Fetch {
            clock: self.clock,
            zone: &self.zone,
            key: key.as_ref(),
            content: self.content.as_ref(),
            sources: &self.source.incoming.sources,
        };
        let received = match want {
            Want::News => fetch.from(primary).await,
            Want::Whole => fetch.whole(primary).await,
        };
        match received? {
            Received::Nothing(serial) => {
                self.compare(serial);
                Ok(())
            }
            Received::Whole(content) => self.take(content, "whole").await.map_err(Miss::of_whole),
            Received::Changes(diffs) => {
                let content = changed(self.content.as_ref(), &diffs);
                let content = content.ok_or_else(|| Miss::Unfit(Unfit.to_string()))?;
                drop(diffs);
                self.take(content, "changes")
                    .await
                    .map_err(Miss::of_changes)
            }
        }
    }

    /// A primary whose serial is behind ours has been set back: nothing newer can come from it.
    fn compare(&self, serial: u32) {
        let own = self.content.as_ref().map(Content::serial);
        if own.is_some_and(|own| own != serial) {
            warn!(event = "primary_behind", zone = %self.zone, serial, own,
                "the primary's serial is behind ours; raise it there");
        }
    }

    async fn take(&mut self, content: Content, form: &'static str) -> Result<(), Refusal> {
        let table: Arc<Table> = Arc::clone(&self.published.load());
        let candidate = Candidate {
            content,
            before: self.content.as_ref().map(|content| content.records().len()),
            mounts: mounts(&table.zones, &self.zone),
            is_signed_here: self.source.is_signed_here,
            max_shrink: table.plan.guard.max_shrink,
            file: self.source.incoming.file.clone(),
        };
        drop(table);
        let content = candidate.write(&self.zone).await?;
        info!(event = "transferred", zone = %self.zone, serial = content.serial(), form, "the zone has come from a primary");
        self.content = Some(content);
        Ok(())
    }

    /// Notes that the zone is fresh; how long until the next look.
    async fn be_fresh(&mut self) -> Span {
        self.failures = 0;
        let (state, zone) = (Arc::clone(&self.state), self.zone.clone());
        let now = self.clock.wall_seconds();
        let kept = tokio::task::spawn_blocking(move || state.set_refreshed(&zone, now)).await;
        if let Ok(Err(why)) = kept {
            warn!(event = "state_unkept", zone = %self.zone, "when the zone was fresh cannot be kept: {why}");
        }
        self.wish(GivenUp::No).await;
        let refresh = self
            .content
            .as_ref()
            .map(|content| content.soa.timers().refresh);
        clamp(refresh.unwrap_or_default(), REFRESH_BOUNDS)
    }

    /// Gives the zone up if it is too old; how long until the next try.
    async fn be_stale(&mut self) -> Span {
        self.failures = self.failures.saturating_add(1);
        let Some(content) = &self.content else {
            let wait = REFRESH_BOUNDS.0.times(1 << self.failures.min(10));
            return wait.min(AWAIT_MOST);
        };
        let retry = clamp(content.soa.timers().retry, REFRESH_BOUNDS);
        let now = self.clock.wall_seconds();
        match end(&self.state, &self.zone, &self.source.incoming.file, content) {
            None => return retry,
            Some(end) if now < end => return retry.min(Span::from_secs(end - now)),
            Some(_) => {}
        }
        self.wish(GivenUp::Yes).await;
        retry
    }

    /// Has the zone given up or taken up again, if it is not so already.
    async fn wish(&mut self, given_up: GivenUp) {
        if self.given_up == given_up {
            return;
        }
        match given_up {
            GivenUp::Yes => error!(event = "zone_expired", zone = %self.zone,
                "no primary has been heard for as long as the SOA allows: SERVFAIL for the whole zone"),
            GivenUp::No => {
                info!(event = "zone_returned", zone = %self.zone, "the zone is fresh again")
            }
        }
        let (done, served) = oneshot::channel();
        let apex = self.zone.clone();
        let wish = Wish::Presence {
            apex,
            given_up,
            done,
        };
        let sent = self.wishes.send(wish).await.is_ok();
        if sent && matches!(served.await, Ok(Ok(()))) {
            self.given_up = given_up;
        }
    }
}

/// What a primary is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// What is newer than what we have, in whatever form.
    News,
    /// The whole zone, if it is newer.
    Whole,
}

/// Why a primary was of no use.
#[derive(Debug)]
enum Miss {
    /// It gave nothing.
    Failed(Failure),
    /// It gave changes that make no zone of ours; the whole may be one.
    Unfit(String),
    /// It gave what is not taken.
    Refused(String),
}

impl From<Failure> for Miss {
    fn from(why: Failure) -> Self {
        Self::Failed(why)
    }
}

impl Miss {
    fn of_whole(why: Refusal) -> Self {
        Self::Refused(why.to_string())
    }

    fn of_changes(why: Refusal) -> Self {
        match why {
            Refusal::NoZone(why) => Self::Unfit(why),
            Refusal::Shrunken { .. } | Refusal::Unwritten(_) => Self::Refused(why.to_string()),
        }
    }
}

/// What changes make of a content; `None` where they do not fit.
fn changed(own: Option<&Content>, diffs: &[Diff]) -> Option<Content> {
    let (first, rest) = diffs.split_first()?;
    let first = own?.apply(first).ok()?;
    rest.iter()
        .try_fold(first, |content, diff| content.apply(diff).ok())
}

/// Why a zone that has come is not taken.
#[derive(Debug, Error)]
enum Refusal {
    /// It would lose too much.
    #[error("it has {after} records in place of {before}, and `[guard] max_shrink` is {most}")]
    Shrunken {
        after: usize,
        before: usize,
        most: Permille,
    },
    /// It is no zone, or steered names have no place in it.
    #[error("{0}")]
    NoZone(String),
    /// It cannot be kept.
    #[error("{0}")]
    Unwritten(String),
}

/// A zone that has come, and what it is held against.
struct Candidate {
    content: Content,
    /// Records there were before.
    before: Option<usize>,
    mounts: Vec<(Name, Mount)>,
    is_signed_here: bool,
    max_shrink: Permille,
    file: PathBuf,
}

impl Candidate {
    /// Writes the file, if the zone may replace what is there.
    async fn write(self, zone: &Name) -> Result<Content, Refusal> {
        let zone = zone.clone();
        let written = tokio::task::spawn_blocking(move || {
            let text = self.judge(&zone)?;
            state::replace(&self.file, text.as_bytes()).map_err(|error| {
                Refusal::Unwritten(format!("cannot write `{}`: {error}", self.file.display()))
            })?;
            Ok(self.content)
        });
        written
            .await
            .map_err(|error| Refusal::Unwritten(error.to_string()))?
    }

    /// Whoever signed the zone has not signed the answers of names that are steered here.
    fn presigned(&self, text: String) -> Result<String, Refusal> {
        match self.mounts.first() {
            None => Ok(text),
            Some((name, _)) => Err(Refusal::NoZone(format!(
                "it comes signed, and nobody would sign the answers of `{name}`, which is steered here: \
                 sign the zone here (`dnssec = {{}}`), or steer no name of it"
            ))),
        }
    }

    /// The master file, if it makes a zone and not too little of one.
    fn judge(&self, zone: &Name) -> Result<String, Refusal> {
        let after = self.content.records().len();
        if let Some(before) = self.before.filter(|before| *before > after) {
            let lost = (before - after) * 1000 / before;
            if lost > usize::from(self.max_shrink.0) {
                return Err(Refusal::Shrunken {
                    after,
                    before,
                    most: self.max_shrink,
                });
            }
        }
        let serial = self.content.serial();
        let text = self
            .content
            .to_master(&format!("version {serial}, from a primary"));
        let nothing = |_: &str| Err("nothing is included".to_owned());
        match master::read(zone, text.as_bytes(), &nothing, &self.mounts).zone {
            Ok(zone) if zone.is_signed_elsewhere() && !self.is_signed_here => self.presigned(text),
            Ok(_) => Ok(text),
            Err(errors) => {
                let first = errors.first().map(|error| error.message.clone());
                Err(Refusal::NoZone(
                    first.unwrap_or_else(|| "it is no zone".to_owned()),
                ))
            }
        }
    }
}
