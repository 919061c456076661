//! What must hold in a world after every step; nothing of it is asked of the engine's own state.
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use waypost::dns::Name;
use waypost::dns::rr::rtype;
use waypost::dns::zone::Presence;
use waypost::dns::zone::signed::Signed;
use waypost::keys::Time;
use waypost::table::{RenderView, StrictNames, render_served};
use waypost::zones::{ChallengeRefusal, ChallengesDone, Reply};

use super::clients::{self, Asked, Item};
use super::data::{EXPIRE, Edition, REFRESH, RETRY, below, is_ahead, mark_of, text, texts, window};
use super::primaries::{Mood, SILENCE};
use super::validator::Validator;
use super::world::World;

/// Whom secondaries are rendered a zone for.
const VIEW: RenderView = RenderView {
    client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    strict: StrictNames::Given,
};
/// How long after the clock was set a signature may not hold, beside what a job takes.
const SIGNED_WITHIN: u64 = 2000;
/// How far the clock must be set for steps of keys to wait, and for how long.
const FAR: u64 = 3_660_000;
const SETTLING: u64 = 600_000;
/// How wrong the engine's idea of the wall clock may be, milliseconds.
const UNNOTICED: u64 = 8000;
/// How long a disk must have been well for what was served to be kept.
const KEPT_WITHIN: u64 = 15_000;
/// Most ticks in [`TICKS_IN`] milliseconds.
const TICKS: usize = 400;
const TICKS_IN: u64 = 10_000;

/// What is known of one zone.
#[derive(Default)]
struct Watched {
    /// Since when its signatures do not hold.
    invalid: Option<u64>,
    signed: Option<Arc<Signed>>,
    /// From when until when they hold.
    window: Option<(u64, u64)>,
    /// Since when it has been served signed.
    signed_since: Option<u64>,
    must_be_signed: bool,
    /// The last serial that a secondary could see and get.
    serial: Option<u32>,
    /// When a primary was last heard of.
    good: Option<u64>,
    /// When the next good word comes.
    good_soon: Vec<u64>,
    /// Whether it cannot be said when it expires.
    murky: bool,
    /// Since when it has been in the config.
    since: Option<u64>,
}

#[derive(Default)]
pub(super) struct Checks {
    zones: BTreeMap<Name, Watched>,
    generation: u64,
    ticks: Vec<u64>,
    /// When the clock was last set far away.
    set_far: Option<u64>,
    /// By how much it was wrong when the process read it last.
    offset_read: Option<i64>,
    started: u64,
    primaries_disturbed: u64,
    disk_disturbed: u64,
    /// By how much the clock was wrong when challenges were kept last.
    challenges_offset: i64,
    are_challenges_kept: bool,
    /// When which challenge was served last at a name that may be an alias.
    shown: BTreeMap<Item, u64>,
    pub(super) seen: BTreeSet<&'static str>,
    validator: Validator,
    /// When the wall clock was set last.
    clock_set: u64,
}

impl Checks {
    pub(super) fn expect(&self, outcome: Result<(), String>) {
        if let Err(why) = outcome {
            panic!("{why}");
        }
    }

    /// Notes an event that the operator was told.
    pub(super) fn note(&mut self, event: &'static str) {
        self.seen.insert(event);
    }

    pub(super) fn count_tick(&mut self, now: u64) {
        self.ticks.retain(|at| at + TICKS_IN > now);
        self.ticks.push(now);
        assert!(self.ticks.len() <= TICKS, "a busy loop");
    }

    /// The process reads the clock, which is wrong by so much.
    pub(super) fn clock_read(&mut self, now: u64, offset: i64) {
        let before = self.offset_read.replace(offset).unwrap_or(offset);
        if (offset - before).unsigned_abs() > FAR {
            self.set_far = Some(now);
        }
    }

    pub(super) fn disturb_primaries(&mut self, now: u64) {
        self.primaries_disturbed = now;
    }

    pub(super) fn clock_set(&mut self, now: u64) {
        self.clock_set = now;
    }

    pub(super) fn disk_changed(&mut self, now: u64) {
        self.disk_disturbed = now;
    }

    pub(super) fn challenges_written(&mut self, kept: &Result<(), String>, offset: i64) {
        self.are_challenges_kept = kept.is_ok();
        if kept.is_ok() {
            self.challenges_offset = offset;
        }
    }

    /// A primary has answered; the engine hears of it then.
    pub(super) fn fetched(&mut self, apex: &Name, at: u64, is_good: bool) {
        if is_good {
            let watched = self.zones.entry(apex.clone()).or_default();
            watched.good_soon.push(at);
        }
    }

    fn was_shown(&self, name: &Name, value: &[u8], now: u64) -> bool {
        let shown = self.shown.get(&(name.clone(), value.to_vec()));
        shown.is_some_and(|at| at + 3000 > now)
    }

    /// A step of a key is asked for: the clock must have been steady for a while.
    pub(super) fn advance(&mut self, now: u64, at: Time, wall_ms: u64) {
        self.seen.insert("advance");
        assert_eq!(at.0, wall_ms / 1000, "a step bears the time of the clock");
        assert!(
            self.set_far.is_none_or(|set| now + 2 >= set + SETTLING),
            "a step of a key is recorded though the clock was set far away at {:?}",
            self.set_far
        );
    }
}

/// The process has started.
pub(super) fn started(world: &mut World) {
    let checks = &mut world.checks;
    checks.started = world.now;
    (checks.offset_read, checks.set_far) = (None, None);
    let is_murky = (world.offset - checks.challenges_offset).unsigned_abs() > 3000;
    if is_murky || !checks.are_challenges_kept {
        world.clients.is_lost = true;
    }
    for watched in checks.zones.values_mut() {
        watched.murky = true;
        watched.good_soon.clear();
        watched.invalid = None;
        watched.signed_since = None;
    }
    for (apex, known) in &world.disk.memories.zones {
        let watched = checks.zones.entry(apex.clone()).or_default();
        watched.must_be_signed |= known.signed;
    }
}

/// Looks at the world after a step.
pub(super) fn look(world: &mut World) {
    let mut checks = std::mem::take(&mut world.checks);
    if world.table.is_some() && !world.in_force.zones.is_empty() {
        checks.look(world);
    }
    world.checks = checks;
}

impl Checks {
    fn look(&mut self, world: &World) {
        let table = world.table.as_ref().unwrap();
        let is_new = self.generation != table.generation;
        self.generation = table.generation;
        let configured: BTreeSet<&Name> =
            world.in_force.configured().map(|own| &own.apex).collect();
        self.zones.retain(|apex, watched| {
            let is_there = configured.contains(apex);
            // What was once signed, and what was given out, is known over another config.
            if !is_there {
                (watched.since, watched.signed_since) = (None, None);
                (watched.invalid, watched.window, watched.signed) = (None, None, None);
                watched.murky = true;
            }
            is_there || watched.must_be_signed || watched.serial.is_some()
        });
        for apex in configured {
            let mut watched = self.zones.remove(apex).unwrap_or_default();
            watched.since.get_or_insert(world.now);
            if is_new {
                self.look_at_serial(world, apex, &mut watched);
                self.look_at_alias(world, apex);
                self.look_at_signedness(world, apex, &mut watched);
                let served = table.zones.of(apex).unwrap();
                let same = match (&watched.signed, &served.signed) {
                    (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                    (None, None) => true,
                    _ => false,
                };
                if !same {
                    watched.signed = served.signed.clone();
                    let content = watched.signed.as_ref();
                    let content = content.and_then(|_| render_served(table, served, VIEW));
                    content.iter().for_each(|own| self.validator.look(own));
                    watched.window = content.as_ref().and_then(window);
                }
            }
            self.look_at_window(world, apex, &mut watched);
            if world.in_force.zone(apex).unwrap().is_secondary {
                self.look_at_source(world, apex, &mut watched);
            }
            self.zones.insert(apex.clone(), watched);
        }
    }

    fn look_at_alias(&mut self, world: &World, apex: &Name) {
        let name = below(clients::LABELS[2], apex);
        for value in texts(&world.served(apex).unwrap().zone, &name) {
            self.shown.insert((name.clone(), value), world.now);
        }
    }

    /// Queries see no serial that is behind one that a secondary may have got.
    fn look_at_serial(&mut self, world: &World, apex: &Name, watched: &mut Watched) {
        if !world.in_force.zone(apex).unwrap().is_given {
            watched.serial = None;
            return;
        }
        let Some(serial) = world.zones().unwrap().serial(apex) else {
            return;
        };
        if let Some(before) = watched.serial {
            assert!(
                serial == before || is_ahead(serial, before),
                "{apex}: queries see serial {serial} after {before}"
            );
        }
        let offered = world.secondary.offers.get(apex);
        if offered.is_some_and(|journal| journal.present().serial() == serial) {
            watched.serial = Some(serial);
        }
    }

    /// A zone that was signed is not served unsigned.
    fn look_at_signedness(&mut self, world: &World, apex: &Name, watched: &mut Watched) {
        let Some(folder) = world.disk.folders.get(apex) else {
            return;
        };
        let known = world.disk.memories.zones.get(apex);
        watched.must_be_signed |= known.is_some_and(|known| known.signed);
        if folder.is_insecure() {
            watched.must_be_signed = false;
            self.seen.insert("insecure");
        }
        let served = world.served(apex).unwrap();
        match served.zone.presence() {
            Presence::Loaded => {}
            Presence::Withheld => {
                self.seen.insert("withheld");
                return;
            }
            Presence::Unsigned => {
                self.seen.insert("unready");
                return;
            }
            Presence::Awaited => return,
        }
        if served.signed.is_some() {
            self.seen.insert("signed");
            watched.signed_since.get_or_insert(world.now);
        } else {
            watched.signed_since = None;
            assert!(
                !watched.must_be_signed,
                "{apex} was signed and is served unsigned"
            );
        }
    }

    /// Signatures hold by the clock on the wall.
    fn look_at_window(&mut self, world: &World, apex: &Name, watched: &mut Watched) {
        let zones = world.zones().unwrap();
        let served = zones.of(apex).unwrap();
        if watched
            .signed_since
            .is_some_and(|since| since + 2 * KEPT_WITHIN < world.now)
            && !world.disk.is_full
            && self.disk_disturbed.max(self.started) + KEPT_WITHIN < world.now
        {
            watched.must_be_signed = true;
        }
        let Some((opens, expires)) = watched.window else {
            watched.invalid = None;
            return;
        };
        let is_refused = zones.wall_seconds(world.moment()) >= served.refuse_from;
        let holds = (opens..=expires).contains(&world.seconds());
        if holds && !is_refused {
            watched.invalid = None;
            return;
        }
        let since = *watched.invalid.get_or_insert(world.now);
        // Jobs that are under way come first: one of the zone, and those of a config. What was kept over a restart holds at
        // once.
        let most = match self.clock_set > self.started {
            true => SIGNED_WITHIN + 6 * world.pace.job,
            false => 0,
        };
        assert!(
            world.now - since <= most,
            "{apex}: signatures hold from {opens} to {expires}, and it is {} (refused: {is_refused})",
            world.seconds()
        );
    }

    /// A zone from primaries is what they have, as fresh as its timers promise, or expired.
    fn look_at_source(&mut self, world: &World, apex: &Name, watched: &mut Watched) {
        let now = world.now;
        if watched.good_soon.iter().any(|at| *at <= now) {
            watched.good_soon.retain(|at| *at > now);
            (watched.good, watched.murky) = (Some(now), false);
        }
        let served = world.served(apex).unwrap();
        let mark = match served.zone.presence() {
            Presence::Loaded => mark_of(&served.zone),
            Presence::Withheld | Presence::Unsigned => return,
            Presence::Awaited => None,
        };
        if let Some(good) = watched.good.filter(|_| !watched.murky) {
            let gone = now - good;
            let (least, most) = (EXPIRE * 1000 - UNNOTICED, EXPIRE * 1000 + UNNOTICED);
            assert!(
                mark.is_some() || gone < 2000 || gone > least,
                "{apex}: expired {gone} ms after a primary was heard of"
            );
            assert!(
                mark.is_none() || gone < most,
                "{apex}: served {gone} ms after a primary was heard of"
            );
            if mark.is_none() && gone > least {
                self.seen.insert("expired");
            }
        }
        let quiet = self
            .primaries_disturbed
            .max(self.started)
            .max(watched.since.unwrap_or(now));
        let within = (REFRESH + 2 * RETRY) * 1000 + 3 * SILENCE + 2000;
        if now < quiet + within {
            return;
        }
        let well = world.primaries.iter();
        for primary in well.filter(|primary| primary.mood == Mood::Well) {
            let head = primary.head(apex);
            let own = mark.and_then(|mark| serial_of(world, apex, mark));
            let is_newer = match (mark, own) {
                (Some(mark), Some(own)) => mark != head.mark && is_ahead(head.serial, own),
                (Some(_), None) => false,
                (None, _) => true,
            };
            // Whoever is asked first and has nothing newer ends the look.
            let is_first = primary.address == first_well(world, apex);
            assert!(
                !(is_newer && is_first),
                "{apex}: edition {mark:?} is served {} ms after a primary has {head:?}",
                now - quiet
            );
        }
    }
}

fn first_well(world: &World, apex: &Name) -> std::net::SocketAddr {
    let mut order: Vec<_> = world.primaries.iter().collect();
    if world.in_force.zone(apex).unwrap().is_turned {
        order.reverse();
    }
    let well = order.iter().find(|primary| primary.mood == Mood::Well);
    well.unwrap().address
}

/// The serial that a primary gave an edition, if one still knows it.
fn serial_of(world: &World, apex: &Name, mark: u64) -> Option<u32> {
    let mut all = world.primaries.iter().flat_map(|one| &one.zones[apex]);
    let found: Option<&Edition> = all.find(|edition| edition.mark == mark);
    found.map(|edition| edition.serial)
}

/// A file was taken, or not.
pub(super) fn filed(world: &World, apex: &Name, edition: Edition, outcome: Result<(), String>) {
    let next = world.configuring.as_ref().map(|(_, setup)| setup);
    let mut setups = [Some(&world.in_force), next].into_iter().flatten();
    let is_configured = setups.all(|setup| setup.zone(apex).is_some());
    match outcome {
        Err(why) => assert!(!is_configured, "{apex}: {why}"),
        Ok(()) => {
            let served = world.served(apex).filter(|_| is_configured);
            let mark = served.and_then(|served| mark_of(&served.zone));
            let is_there = mark.is_none_or(|mark| mark >= edition.mark);
            assert!(
                is_there,
                "{apex}: {edition:?} is said to be served, not {mark:?}"
            );
        }
    }
}

/// An order or an update was answered.
pub(super) fn challenges_answered(world: &mut World, asked: &Asked, reply: Reply) {
    let now = world.now / 1000;
    let done = match reply {
        Reply::Challenges(Ok(done)) => {
            if done.warnings.is_empty() && !matches!(asked, Asked::List) {
                assert!(world.checks.are_challenges_kept, "{asked:?} is not kept");
            }
            Some(done)
        }
        Reply::Challenges(Err(refusal)) => {
            let is_unknown = matches!(refusal, ChallengeRefusal::Unknown(_));
            if is_unknown
                && !world.clients.is_lost
                && let Asked::Remove(name) = asked
            {
                let mut known = world.clients.known.iter();
                let found = known.find(|((own, _), (least, _))| own == name && *least > now);
                assert!(found.is_none(), "{found:?} is unknown");
            }
            return;
        }
        Reply::Message(message) => {
            if message[3] & 0xF != 0 {
                return;
            }
            None
        }
        Reply::Silence => return,
        Reply::Filed(_) => panic!("{asked:?} was no file"),
        Reply::Declared(_) => panic!("{asked:?} declares nothing"),
    };
    // Whoever asked may have waited for a while, and the config may have changed meanwhile.
    world.clients.done(asked, (now + 60 - 20, now + 80 + 10));
    if !world.checks.are_challenges_kept
        && let Asked::Remove(_) | Asked::Clear(_) | Asked::Add(_) | Asked::Put(_) = asked
    {
        world.checks.seen.insert("challenge unkept");
    }
    assert_shown(world, asked);
    if let Some(done) = done.filter(|_| matches!(asked, Asked::List)) {
        let compared = world.clients.compare(&done, now);
        world.checks.expect(compared);
        assert_listed(world, &done);
    }
}

/// What is listed is served, where the zone has a place for it, and nothing else.
fn assert_listed(world: &World, done: &ChallengesDone) {
    for zone in world.in_force.configured() {
        let served = world.served(&zone.apex).unwrap();
        if served.zone.presence() != Presence::Loaded {
            continue;
        }
        for label in clients::LABELS {
            let name = below(label, &zone.apex);
            let mut sets = served.zone.rrsets(name.as_wire());
            if sets.any(|set| set.rtype == rtype::CNAME) {
                continue;
            }
            let listed = done.challenges.iter();
            let listed = listed.filter(|one| super::data::name(&one.name) == name);
            let listed: BTreeSet<_> = listed
                .map(|one| text(one.value.trim_matches('"')))
                .collect();
            assert_eq!(texts(&served.zone, &name), listed, "{name} as it is served");
        }
    }
}

/// What was acknowledged is served at once.
fn assert_shown(world: &World, asked: &Asked) {
    let (name, value) = match asked {
        Asked::List => return,
        Asked::Add((name, value)) | Asked::Put((name, value)) => (name, Some(value)),
        Asked::Remove(name) | Asked::Clear(name) => (name, None),
    };
    let zones = world.zones().unwrap();
    let Some((served, _)) = zones.find_served(name.as_wire(), 16) else {
        return;
    };
    if served.zone.presence() != Presence::Loaded {
        return;
    }
    let shown = texts(&served.zone, name);
    match value {
        // The zone may have got an alias there since it was served.
        Some(value) => assert!(
            shown.contains(value) || world.checks.was_shown(name, value, world.now),
            "{asked:?} is acknowledged and not served"
        ),
        None => assert!(
            shown.is_empty(),
            "{asked:?} is acknowledged and still served"
        ),
    }
}

/// Whether the secondary has what is served.
pub(super) fn is_followed(world: &World) -> bool {
    let table = world.table.as_ref().unwrap();
    world.in_force.configured().all(|zone| {
        let served = table.zones.of(&zone.apex).unwrap();
        let content = render_served(table, served, VIEW);
        let has = world.secondary.has.get(&zone.apex);
        has.zip(content)
            .is_some_and(|(has, content)| has.says_the_same(&content))
    })
}

/// Everything is as it should be in a world where nothing is wrong any more.
pub(super) fn converged(world: &World) {
    assert!(
        world.clients.waiting.is_empty(),
        "{:?} wait",
        world.clients.waiting
    );
    assert!(world.filing.is_empty(), "{:?} wait", world.filing);
    assert!(world.configuring.is_none(), "a config waits");
    assert!(world.engine.is_settled());
    let table = world.table.clone().unwrap();
    for zone in world.in_force.configured() {
        let apex = &zone.apex;
        let served = table.zones.of(apex).unwrap();
        let mark = mark_of(&served.zone);
        let wanted = match zone.is_secondary {
            true => world.primaries[0].head(apex).mark,
            false => world.disk.files[apex].mark,
        };
        assert_eq!(mark, Some(wanted), "{apex}");
        if let Some(folder) = world.disk.folders.get(apex) {
            let is_signed = served.signed.is_some();
            assert_eq!(is_signed, folder.ring.signed.is_some(), "{apex}");
        }
        let content = render_served(&table, served, VIEW).unwrap();
        let has = world.secondary.has.get(apex);
        let has = has.unwrap_or_else(|| panic!("the secondary has no {apex}"));
        assert_eq!(has.serial(), content.serial(), "{apex} at the secondary");
        assert!(has.says_the_same(&content), "{apex} at the secondary");
    }
}
