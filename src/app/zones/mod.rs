//! Composes the zones that are served: the config's, what is laid over them, and signatures.
//!
//! ```text
//! plan's zones --.
//! keys ----------+--> amend --> sign --> Zones --> engine --> table
//! dynamic TXT ---|                ^
//! serials -------'                '-- a few chunks anew, whenever some are due
//! ```
//!
//! One thread does it, so that neither a large zone nor a slow disk holds up the engine, and what
//! is composed for one plan never reaches another: plans pass through here on their way to the
//! keeper. When it fails, what is served stays. It decides nothing about answers, and nothing about
//! when keys are rolled ([`crate::keys`]).
//!
//! | module | what it does |
//! |---|---|
//! | `compose` | one zone: amended, signed, compared with what it was |
//! | `work` | spreads the making of signatures over threads |
//! | `ring` | keys of a zone, from their folder; takes steps of rollovers when they are due |
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::base::Span;
use crate::dns::Name;
use crate::dns::zone::signed::Steered;
use crate::dns::zone::{Edit, Zone, Zones};
use crate::engine::status::SigningStatus;
use crate::io::clock::Clock;
use crate::io::transfer::GivenUp;
use crate::plan::{Plan, ZoneDnssec};
use crate::table;

mod compose;
mod ring;
mod work;

use compose::Composed;
use ring::Keys;

/// How often signatures and keys are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Chunks of signatures that are made anew in one look, of all zones together; more wait a second.
const CHUNKS_A_LOOK: usize = 64;
/// How far the wall clock is from where it was thought to be when it has been set, or the machine
/// has been suspended; it is read in whole seconds.
const CLOCK_SET_MS: u64 = 5_000;

/// Told when a change is served, or why it is not.
pub(super) type Done = oneshot::Sender<Result<(), String>>;

/// What is to be done.
pub(super) enum Work {
    /// A plan that was accepted; it goes to the keeper with its zones as they are to be served.
    Plan(Box<Plan>, Vec<super::reader::Reply>),
    /// Records that come and go by themselves: all of a zone's, in place of those before.
    Dynamic {
        /// The zone.
        apex: Name,
        /// Its records.
        records: Vec<Edit>,
        /// Who waits for them.
        done: Done,
    },
    /// The serial that a zone's SOA has at the least.
    Serial {
        /// The zone.
        apex: Name,
        /// The serial.
        serial: u32,
        /// Who waits for it.
        done: Done,
    },
    /// A zone that has not been refreshed for too long is not to be answered, or is to be again.
    Presence {
        /// The zone.
        apex: Name,
        /// Which of the two.
        given_up: GivenUp,
        /// Who waits for it.
        done: Done,
    },
}

/// What comes out.
pub(super) enum Product {
    /// A plan with its zones, or why there is none.
    Plan(
        Result<(Arc<Plan>, Signings), String>,
        Vec<super::reader::Reply>,
    ),
    /// The zones of the plan that came out last, changed.
    Zones((Arc<Zones>, Signings), Vec<(Done, Result<(), String>)>),
}

/// How each zone that is signed is so, by its apex.
pub(super) type Signings = BTreeMap<String, SigningStatus>;

/// What is laid over the zones.
#[derive(Clone, Debug, Default)]
pub(super) struct Overlay {
    /// By apex: records that come and go by themselves.
    pub(super) dynamic: BTreeMap<Name, Vec<Edit>>,
    /// By apex: the serial at the least.
    pub(super) serials: BTreeMap<Name, u32>,
    /// Zones that have not been refreshed for too long: nothing of them is answered.
    pub(super) given_up: BTreeSet<Name>,
}

/// One zone, and what is made of it.
struct Kept {
    base: Arc<Zone>,
    keys: Option<Keys>,
    composed: Composed,
    /// Whether its keys show something that is not served yet.
    behind: bool,
}

/// Composes zones.
pub(super) struct Composer {
    clock: Clock,
    overlay: Overlay,
    steered: Vec<Steered>,
    zones: Vec<Kept>,
    /// What the wall clock said when the server's own began, as it is served.
    epoch_ms: u64,
}

impl Composer {
    /// Begins with what is laid over zones from the start.
    pub(super) fn new(clock: Clock, overlay: Overlay) -> Self {
        Self {
            clock,
            overlay,
            steered: Vec::new(),
            zones: Vec::new(),
            epoch_ms: 0,
        }
    }

    /// Lays over a plan's zones what belongs there, and signs them. After an error everything is
    /// as it was.
    pub(super) fn compose(&mut self, mut plan: Plan) -> Result<(Arc<Plan>, Signings), String> {
        let now = self.clock.wall_seconds();
        let steered = match plan.signing.is_empty() {
            true => Vec::new(),
            false => table::variants(&plan).map_err(|error| error.to_string())?,
        };
        let signing: BTreeMap<&Name, &ZoneDnssec> =
            plan.signing.iter().map(|(name, how)| (name, how)).collect();
        let before = self.zones.iter().map(|kept| (kept.base.apex(), kept));
        let before: HashMap<&Name, &Kept> = before.collect();
        let mut zones = Vec::new();
        for served in plan.zones.all() {
            let base = Arc::clone(&served.zone);
            let before = before.get(base.apex());
            let ttl = Span::from_secs(u64::from(longest_ttl(&base, &steered)));
            let keys = signing
                .get(base.apex())
                .map(|how| Keys::open(&base, how, (ttl, now)));
            let keys = keys.transpose()?;
            if keys.as_ref().is_some_and(Keys::is_empty) {
                warn!(
                    event = "no_keys",
                    zone = %base.apex(),
                    "the zone is to be signed and has no keys: `waypost keys generate {}`",
                    base.apex()
                );
            }
            let composed = Composed::new(
                &base,
                (&self.overlay, keys.as_ref()),
                &steered,
                (before.map(|kept| &kept.composed), now),
            )?;
            zones.push(Kept {
                base,
                keys,
                composed,
                behind: false,
            });
        }
        (self.zones, self.steered) = (zones, steered);
        let (zones, signings) = self.serve();
        plan.zones = zones;
        Ok((Arc::new(plan), signings))
    }

    /// The zones as they are to be served.
    fn serve(&mut self) -> (Arc<Zones>, Signings) {
        self.epoch_ms = self.epoch_ms_now();
        let zones = self.zones.iter();
        let zones = zones.map(|kept| kept.composed.served(kept.keys.as_ref().map(Keys::how)));
        let signings = self.zones.iter().filter_map(|kept| {
            let status = kept.composed.signing(kept.keys.as_ref())?;
            Some((kept.base.apex().to_string(), status))
        });
        let served = Zones::served(zones.collect(), self.epoch_ms);
        (Arc::new(served), signings.collect())
    }

    fn epoch_ms_now(&self) -> u64 {
        let wall = self.clock.wall_seconds().saturating_mul(1000);
        wall.saturating_sub(self.clock.now().0)
    }

    /// Starts the thread; it ends when nobody holds the returned sender any more.
    pub(super) fn start(self, products: mpsc::Sender<Product>) -> io::Result<Sender<Work>> {
        let (works, queue) = channel();
        std::thread::Builder::new()
            .name("zones".to_owned())
            .spawn(move || self.run(&queue, &products))?;
        Ok(works)
    }

    fn run(mut self, queue: &Receiver<Work>, products: &mpsc::Sender<Product>) {
        loop {
            let product = match queue.recv_timeout(LOOK_EVERY) {
                Ok(work) => Some(self.do_work(work)),
                Err(RecvTimeoutError::Timeout) => {
                    self.look().map(|zones| Product::Zones(zones, Vec::new()))
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Some(product) = product
                && products.blocking_send(product).is_err()
            {
                return;
            }
        }
    }

    fn do_work(&mut self, work: Work) -> Product {
        match work {
            Work::Plan(plan, replies) => Product::Plan(self.compose(*plan), replies),
            Work::Dynamic {
                apex,
                records,
                done,
            } => {
                if self.is_signed_elsewhere(&apex) {
                    return self.refuse(&apex, done);
                }
                let mut overlay = self.overlay.clone();
                overlay.dynamic.insert(apex.clone(), records);
                self.lay_over(overlay, &apex, done)
            }
            Work::Serial { apex, serial, done } => {
                if self.is_signed_elsewhere(&apex) {
                    return self.refuse(&apex, done);
                }
                let mut overlay = self.overlay.clone();
                overlay.serials.insert(apex.clone(), serial);
                self.lay_over(overlay, &apex, done)
            }
            Work::Presence {
                apex,
                given_up,
                done,
            } => {
                let mut overlay = self.overlay.clone();
                match given_up {
                    GivenUp::Yes => drop(overlay.given_up.insert(apex.clone())),
                    GivenUp::No => drop(overlay.given_up.remove(&apex)),
                }
                self.lay_over(overlay, &apex, done)
            }
        }
    }

    fn is_signed_elsewhere(&self, apex: &Name) -> bool {
        let mut zones = self.zones.iter();
        let kept = zones.find(|kept| kept.base.apex() == apex);
        kept.is_some_and(|kept| kept.composed.is_signed_elsewhere())
    }

    /// Says why nothing is laid over a zone that others sign.
    fn refuse(&mut self, apex: &Name, done: Done) -> Product {
        let why = format!(
            "zone `{apex}` was signed elsewhere, and nothing of it can be changed here: change it where it is signed, or give it keys here (`dnssec`)"
        );
        Product::Zones(self.serve(), vec![(done, Err(why))])
    }

    /// Changes what is laid over one zone, if a zone comes out of it.
    fn lay_over(&mut self, overlay: Overlay, apex: &Name, done: Done) -> Product {
        let before = std::mem::replace(&mut self.overlay, overlay);
        let changed = match self.zones.iter().position(|kept| kept.base.apex() == apex) {
            Some(place) => self.compose_again(place),
            None => Err(format!("there is no zone `{apex}`")),
        };
        if changed.is_err() {
            self.overlay = before;
        }
        Product::Zones(self.serve(), vec![(done, changed)])
    }

    fn compose_again(&mut self, place: usize) -> Result<(), String> {
        let kept = &self.zones[place];
        let composed = Composed::new(
            &kept.base,
            (&self.overlay, kept.keys.as_ref()),
            &self.steered,
            (Some(&kept.composed), self.clock.wall_seconds()),
        )?;
        self.zones[place].composed = composed;
        self.zones[place].behind = false;
        Ok(())
    }

    /// Takes steps of rollovers, makes signatures anew that are due, and notices when the wall clock
    /// was set: answers count the time that signatures have left from the clock that never is.
    fn look(&mut self) -> Option<(Arc<Zones>, Signings)> {
        let now = self.clock.wall_seconds();
        let set_by = self.epoch_ms_now().abs_diff(self.epoch_ms);
        let mut changed =
            set_by > CLOCK_SET_MS && self.zones.iter().any(|kept| kept.keys.is_some());
        let mut chunks = CHUNKS_A_LOOK;
        for place in 0..self.zones.len() {
            let kept = &mut self.zones[place];
            let base = &kept.base;
            // What was remembered is served before the next step is taken.
            if !kept.behind {
                kept.behind = kept.keys.as_mut().is_some_and(|keys| keys.look(base, now));
            }
            if kept.behind {
                match self.compose_again(place) {
                    Ok(()) => changed = true,
                    Err(error) => error!(event = "signing_failed", "{error}"),
                }
                continue;
            }
            let made = self.zones[place].composed.renew(now, chunks);
            chunks -= made;
            changed |= made > 0;
        }
        changed.then(|| self.serve())
    }
}

/// The largest TTL that anything of a zone may be answered with, seconds.
fn longest_ttl(zone: &Zone, steered: &[Steered]) -> u32 {
    let mounted = zone.mounts().into_iter();
    let mounted = mounted.filter_map(|(_, mount)| Some(steered.get(usize::from(mount))?.ttl));
    let sets = zone.owners().flat_map(|(_, sets)| sets.map(|set| set.ttl));
    mounted.chain(sets).max().unwrap_or(0)
}
