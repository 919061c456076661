//! A world around one engine of zones: clocks, a disk, folders of keys, primaries, a secondary, clients.
//!
//! It drives the engine as the program does, in virtual time. What belongs to the process dies with it; the rest
//! goes on. A process begins its own clock at 0.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use waypost::base::{Draws, Moment, Permille, Span, Standing};
use waypost::dns::Name;
use waypost::dns::transfer::{Content, Received, zone_of};
use waypost::dns::zone::{Served, Zone, Zones};
use waypost::keys::{Policy, Time};
use waypost::plan::{Demands, Plan};
use waypost::table::{Basis, Table, variants};
use waypost::zones::job::{Effort, in_turn};
use waypost::zones::{
    Filed, Input, Made, Memory, NewConfig, NewZone, Output, Reply, Ticket, ToKeep, ZoneEngine,
};

use super::checks::Checks;
use super::clients::{Asked, Clients};
use super::data::{Edition, longest};
use super::disk::{COPYING, Disk, Folder};
use super::primaries::Primary;
use super::secondaries::Secondary;
use super::setup::Setup;
use crate::fixture;

/// The wall clock at the beginning, milliseconds since 1970.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// What dies with the process.
pub(super) enum Inside {
    Made(u64, Made),
    Fetched(u64, Result<Received, String>),
    /// With how far the wall clock was off when it was asked for.
    Write(Ticket, Memory, i64),
    Recall(u64, Name),
    WriteSignatures(Box<ToKeep>),
    Copied(Arc<Zone>),
    Advance(Name, Box<Policy>, Time),
    LookAtKeys(Name),
    Published(Arc<Table>),
}

/// What goes on without it.
pub(super) enum Outside {
    Start,
    Look(Name),
    Poll,
    Follow,
    Chaos,
    SetClock(i64),
}

/// How long things take, milliseconds at the most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) job: u64,
    pub(super) write: u64,
    pub(super) publish: u64,
    /// Between two things that go wrong.
    pub(super) chaos: u64,
}

pub(super) struct World {
    pub(super) draws: Draws,
    /// Milliseconds since the world began.
    pub(super) now: u64,
    /// By how much the wall clock is wrong, milliseconds.
    pub(super) offset: i64,
    /// How wrong it becomes, millionths.
    pub(super) drift: i64,
    pub(super) engine: ZoneEngine,
    /// How much is signed at once.
    pub(super) effort: Effort,
    /// When the process began.
    pub(super) born: u64,
    pub(super) is_up: bool,
    /// Whether nothing goes wrong any more.
    pub(super) is_calm: bool,
    /// Whether everything is told.
    is_traced: bool,
    pub(super) inside: BTreeMap<(u64, u64), Inside>,
    outside: BTreeMap<(u64, u64), Outside>,
    sequence: u64,
    pub(super) writer_free: u64,
    pub(super) pace: Pace,
    pub(super) disk: Disk,
    pub(super) primaries: [Primary; 2],
    pub(super) secondary: Secondary,
    pub(super) clients: Clients,
    /// The config as it is on the disk, and as it is in force.
    pub(super) setup: Setup,
    pub(super) in_force: Setup,
    pub(super) configuring: Option<(Ticket, Setup)>,
    pub(super) filing: BTreeMap<Ticket, (Name, Edition)>,
    tickets: u64,
    plan: Arc<Plan>,
    pub(super) shares: Vec<u16>,
    pub(super) table: Option<Arc<Table>>,
    generation: u64,
    pub(super) checks: Checks,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut draws = Draws::from_seed(seed);
        let setup = Setup::first();
        let apexes = setup.zones.iter().filter(|zone| zone.is_secondary);
        let apexes: Vec<Name> = apexes.map(|zone| zone.apex.clone()).collect();
        let mut disk = Disk::default();
        for zone in &setup.zones {
            if !zone.is_secondary {
                disk.files.insert(zone.apex.clone(), Edition::FIRST);
            }
            if zone.dnssec.is_some() {
                disk.folders.insert(zone.apex.clone(), Folder::new());
            }
        }
        let pace = Pace {
            job: 1 + draws.below(150),
            write: 1 + draws.below(30),
            publish: 1 + draws.below(60),
            chaos: 2000,
        };
        let effort = match draws.chance(500) {
            true => Effort::default(),
            false => Effort {
                at_once: usize::try_from(draws.below(30)).unwrap(),
                step: 1,
            },
        };
        let drift = i64::try_from(draws.below(201)).unwrap() - 100;
        Self {
            draws,
            now: 0,
            offset: 0,
            drift,
            engine: ZoneEngine::new(disk.memories.clone()),
            effort,
            born: 0,
            is_up: false,
            is_calm: false,
            is_traced: std::env::var("SIM_TRACE").is_ok(),
            inside: BTreeMap::new(),
            outside: BTreeMap::new(),
            sequence: 0,
            writer_free: 0,
            pace,
            primaries: [1, 2].map(|last| Primary::new(last, &apexes)),
            disk,
            secondary: Secondary::default(),
            clients: Clients::default(),
            in_force: Setup {
                zones: Vec::new(),
                expire: setup.expire,
            },
            setup,
            configuring: None,
            filing: BTreeMap::new(),
            tickets: 0,
            plan: fixture::World::new(&[(0, 0, 1), (1, 0, 1)], &[&[0, 1]]).plan(),
            shares: vec![1000, 1000],
            table: None,
            generation: 0,
            checks: Checks::default(),
        }
    }

    /// What the wall clock says, milliseconds since 1970.
    pub(super) fn wall_ms(&self) -> u64 {
        (EPOCH_MS + self.now)
            .checked_add_signed(self.offset)
            .unwrap()
    }

    pub(super) fn seconds(&self) -> u64 {
        self.wall_ms() / 1000
    }

    /// What the process's own clock says.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.now - self.born)
    }

    pub(super) fn zones(&self) -> Option<&Arc<Zones>> {
        self.table.as_ref().map(|table| &table.zones)
    }

    pub(super) fn served(&self, apex: &Name) -> Option<&Served> {
        self.zones()?.of(apex)
    }

    /// Has something happen in so many milliseconds.
    pub(super) fn later(&mut self, wait: u64, happening: Outside) {
        self.sequence += 1;
        self.outside
            .insert((self.now + wait, self.sequence), happening);
    }

    fn later_inside(&mut self, wait: u64, happening: Inside) {
        self.sequence += 1;
        self.inside
            .insert((self.now + wait, self.sequence), happening);
    }

    /// Lets time pass until then.
    pub(super) fn run(&mut self, end: u64) {
        while self.now < end {
            let wake = self.is_up.then(|| self.engine.wake_at()).flatten();
            let wake = wake.map(|wake| wake.0 + self.born + self.draws.below(3));
            let first = |at: Option<&(u64, u64)>| at.map(|(at, _)| *at);
            let inside = first(self.inside.keys().next());
            let outside = first(self.outside.keys().next());
            let all = [wake, inside, outside, Some(end)];
            let next = all.into_iter().flatten().min().unwrap().max(self.now);
            self.pass(next - self.now);
            if inside.is_some_and(|at| at <= self.now) {
                let (_, happening) = self.inside.pop_first().unwrap();
                self.happen_inside(happening);
            } else if outside.is_some_and(|at| at <= self.now) {
                let (_, happening) = self.outside.pop_first().unwrap();
                self.happen(happening);
            } else if self.is_up {
                self.checks.count_tick(self.now);
                self.give(Input::Tick);
            }
            super::checks::look(self);
        }
    }

    fn pass(&mut self, ms: u64) {
        let before = self.now;
        self.now += ms;
        let drifted = |at: u64| i64::try_from(at).unwrap() * self.drift / 1_000_000;
        self.offset += drifted(self.now) - drifted(before);
    }

    /// Lets the engine take something in, and does what it says.
    pub(super) fn give(&mut self, input: Input) {
        if self.is_traced {
            super::trace::input(self.now, &input);
        }
        self.checks.clock_read(self.now, self.offset);
        self.engine.handle(self.moment(), self.wall_ms(), input);
        while let Some(output) = self.engine.poll() {
            self.carry_out(output);
        }
    }

    fn happen_inside(&mut self, happening: Inside) {
        match happening {
            Inside::Made(number, made) => self.give(Input::Made(number, made)),
            Inside::Fetched(number, fetched) => self.give(Input::Fetched(number, fetched)),
            Inside::Write(ticket, memory, offset) => {
                let is_challenges = matches!(memory, Memory::Challenges(_));
                let kept = self.disk.keep(memory);
                if is_challenges {
                    self.checks.challenges_written(&kept, offset);
                }
                self.give(Input::Remembered(ticket, kept));
            }
            Inside::Recall(number, apex) => {
                let recalled = self.disk.signatures.recall(&apex);
                self.give(Input::Recalled(number, recalled));
            }
            Inside::WriteSignatures(to_keep) => {
                let kept = self.disk.write();
                let kept = kept.map(|()| self.disk.signatures.keep(&to_keep));
                self.give(Input::SignaturesKept(to_keep.apex, kept));
            }
            Inside::Copied(zone) => {
                let apex = zone.apex().clone();
                let outcome = self.copy(&zone);
                self.give(Input::Copied {
                    apex,
                    took: COPYING,
                    outcome,
                });
            }
            Inside::Advance(apex, policy, at) => {
                let folder = self.disk.folders.get_mut(&apex).unwrap();
                let advanced = folder.advance(&policy, at, &mut self.draws);
                let (steps, read) = match advanced {
                    Ok(steps) => (steps, folder.load(&apex)),
                    Err(why) => (Vec::new(), Err(why)),
                };
                self.give(Input::Keys {
                    apex,
                    steps,
                    read: Box::new(read),
                });
            }
            Inside::LookAtKeys(apex) => {
                let read = self.disk.folders[&apex].load(&apex);
                let steps = Vec::new();
                self.give(Input::Keys {
                    apex,
                    steps,
                    read: Box::new(read),
                });
            }
            Inside::Published(table) => self.give(Input::Published(table)),
        }
    }

    fn happen(&mut self, happening: Outside) {
        match happening {
            Outside::Start => self.start(),
            Outside::Look(apex) => {
                let seen = self.zones().and_then(|zones| zones.serial(&apex));
                let looked = self.secondary.look(&apex, seen);
                self.checks.expect(looked);
            }
            Outside::Poll => {
                let apexes = self.in_force.configured().map(|zone| zone.apex.clone());
                for apex in apexes.collect::<Vec<_>>() {
                    let wait = self.draws.below(500);
                    self.later(wait, Outside::Look(apex));
                }
                self.later(8000, Outside::Poll);
            }
            Outside::Follow => {
                let zones = self.primaries[0].zones.clone();
                self.primaries[1].zones = zones;
                self.checks.disturb_primaries(self.now);
            }
            Outside::Chaos if self.is_calm => {}
            Outside::Chaos => super::chaos::happen(self),
            Outside::SetClock(to) => self.set_clock(to),
        }
    }

    /// Sets the wall clock to be wrong by so many milliseconds.
    pub(super) fn set_clock(&mut self, offset: i64) {
        self.offset = offset;
        self.checks.clock_set(self.now);
    }

    pub(super) fn copy(&mut self, zone: &Arc<Zone>) -> Result<(), String> {
        self.disk.write()?;
        let copy = (Arc::clone(zone), self.seconds());
        self.disk.copies.insert(zone.apex().clone(), copy);
        Ok(())
    }

    fn carry_out(&mut self, output: Output) {
        if self.is_traced {
            super::trace::output(self.now, &output);
        }
        match output {
            Output::Work(number, job) => {
                let made = job.run(&in_turn);
                let wait = self.draws.below(self.pace.job);
                self.later_inside(wait, Inside::Made(number, made));
            }
            Output::Recall(number, apex) => {
                let wait = self.draws.below(self.pace.write);
                self.later_inside(wait, Inside::Recall(number, apex));
            }
            Output::KeepSignatures(to_keep) => {
                let wait = self.draws.below(self.pace.write);
                self.later_inside(wait, Inside::WriteSignatures(to_keep));
            }
            Output::RetainSignatures(apexes) => self.disk.signatures.retain(&apexes),
            Output::Fetch(number, request) => {
                let asked = self.primaries.iter();
                let asked = asked
                    .clone()
                    .find(|primary| primary.address == request.primary);
                let (wait, answer) = asked.unwrap().answer(&request, &mut self.draws);
                self.checks
                    .fetched(&request.apex, self.now + wait, answer.is_ok());
                self.later_inside(wait, Inside::Fetched(number, answer));
            }
            Output::Told(..) | Output::Declared(_) => {}
            Output::Advance {
                apex, policy, at, ..
            } => {
                self.checks.advance(self.now, at, self.wall_ms());
                let wait = self.draws.below(100);
                self.later_inside(wait, Inside::Advance(apex, policy, at));
            }
            Output::Remember(ticket, memory) => {
                let at = (self.now + self.draws.below(self.pace.write)).max(self.writer_free);
                self.writer_free = at;
                self.later_inside(at - self.now, Inside::Write(ticket, memory, self.offset));
            }
            Output::Record(ticket, _) => self.give(Input::Recorded(ticket, Ok(()))),
            Output::Copy { zone, .. } => {
                let wait = self.draws.below(self.pace.write);
                self.later_inside(wait, Inside::Copied(zone));
            }
            Output::Offer(apex, journal) => {
                let offered = self.secondary.offer(&apex, journal);
                self.checks.expect(offered);
            }
            Output::Tell { soa, .. } => {
                let wait = 1 + self.draws.below(80);
                if self.draws.chance(900) {
                    self.later(wait, Outside::Look(soa.owner));
                }
            }
            Output::Reply(ticket, reply) => self.answered(ticket, reply),
            Output::Configured(ticket, outcome) => {
                let (own, setup) = self.configuring.take().expect("one was given");
                assert_eq!(own, ticket);
                self.in_force = setup;
                self.publish(outcome.expect("every config of these worlds is fine"));
            }
            Output::Publish(zones) => self.publish(zones),
            Output::Notice(notice) => self.checks.note(notice.event),
        }
    }

    fn answered(&mut self, ticket: Ticket, reply: Reply) {
        if let Some((apex, edition)) = self.filing.remove(&ticket) {
            let Reply::Filed(outcome) = reply else {
                panic!("{reply:?} to a file");
            };
            super::checks::filed(self, &apex, edition, outcome);
        } else {
            let asked = self.clients.waiting.remove(&ticket);
            let asked = asked.expect("every ticket has one reply");
            super::checks::challenges_answered(self, &asked, reply);
        }
    }

    /// Serves zones, or the same zones by other standings.
    pub(super) fn publish(&mut self, zones: Arc<Zones>) {
        self.generation += 1;
        let standings: Arc<[Standing]> = self
            .plan
            .targets
            .iter()
            .enumerate()
            .map(|(place, _)| {
                let share = self.shares.get(place).copied().unwrap_or(1000);
                Standing {
                    share: Permille(share),
                    ..fixture::standing(share)
                }
            })
            .collect();
        let basis = Basis {
            plan: Arc::clone(&self.plan),
            standings,
            demands: Arc::new(Demands::stated(&self.plan)),
            zones,
        };
        let before = self.table.as_deref();
        let table = Table::build_on(self.generation, basis, self.moment(), before);
        let table = Arc::new(table);
        self.table = Some(Arc::clone(&table));
        let wait = self.draws.below(self.pace.publish);
        self.later_inside(wait, Inside::Published(table));
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Loads the config.
    pub(super) fn configure(&mut self) {
        if self.configuring.is_some() {
            return;
        }
        let ticket = self.ticket();
        self.configuring = Some((ticket, self.setup.clone()));
        let config = self.read();
        self.give(Input::Config(ticket, Box::new(config)));
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        self.primaries.each_ref().map(|primary| primary.address)
    }

    /// What the program reads for a config.
    fn read(&self) -> NewConfig {
        let zones = self.setup.configured().map(|zone| {
            let mounts = zone.mounts();
            let copy = self.disk.copies.get(&zone.apex);
            let (filed, digest) = match self.disk.files.get(&zone.apex) {
                Some(edition) => (edition.zone(&zone.apex, &mounts), edition.mark),
                None => match copy {
                    Some((copy, _)) => {
                        let content = Content::of_zone(copy).unwrap();
                        (zone_of(&zone.apex, &content, &mounts).unwrap(), 1)
                    }
                    None => (Zone::awaited(&zone.apex, &mounts), 0),
                },
            };
            NewZone {
                filed: Filed {
                    zone: Arc::new(filed),
                    digest,
                    longest_ttl: longest(),
                },
                keys: zone
                    .dnssec
                    .as_ref()
                    .map(|_| self.disk.folders[&zone.apex].load(&zone.apex)),
                copied_at: copy.map(|(_, at)| *at),
            }
        });
        NewConfig {
            zoning: self.setup.zoning(self.addresses()),
            steered: variants(&self.plan).unwrap().into(),
            zones: zones.collect(),
        }
    }

    /// Somebody edits a zone's file.
    pub(super) fn edit(&mut self, apex: &Name, edition: Edition) {
        self.disk.files.insert(apex.clone(), edition);
        let is_served = self.in_force.zone(apex).cloned();
        let Some(zone) = is_served.filter(|_| self.is_up) else {
            return;
        };
        let ticket = self.ticket();
        self.filing.insert(ticket, (apex.clone(), edition));
        let filed = Filed {
            zone: Arc::new(edition.zone(apex, &zone.mounts())),
            digest: edition.mark,
            longest_ttl: longest(),
        };
        let apex = apex.clone();
        self.give(Input::Filed {
            ticket,
            apex,
            filed,
        });
    }

    /// A client asks for something.
    pub(super) fn ask(&mut self, asked: Asked) {
        if !self.is_up {
            return;
        }
        let ticket = self.ticket();
        let order = Clients::order(&asked);
        let update = Clients::update(&asked, self.seconds());
        self.clients.waiting.insert(ticket, asked);
        if let Some(order) = order {
            self.give(Input::Order(ticket, order));
        } else if let Some(update) = update {
            self.give(Input::Update(ticket, update));
        }
    }

    /// Somebody has changed a folder of keys; the program notices soon.
    pub(super) fn keys_changed(&mut self, apex: &Name) {
        if self.is_up {
            let wait = self.draws.below(1000);
            self.later_inside(wait, Inside::LookAtKeys(apex.clone()));
        }
    }

    /// Lets so much time pass.
    pub(super) fn rest(&mut self, span: Span) {
        self.run(self.now + span.0);
    }
}
