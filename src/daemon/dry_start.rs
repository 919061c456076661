//! A start without sockets, threads of its own and a clock: both cores driven to rest in virtual time, with every probe
//! passing.
//!
//! What a config costs is thereby counted on the very things that a server would hold and do, and no second account of them
//! has to be kept in step. Nothing is written and nobody is asked: a zone from a primary is as its copy has it, signatures
//! that were kept are not looked for, and a zone that is to be signed and has no key that signs yet gets keys that nobody sees.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Moment, SlotId, Span};
use crate::dns::Name;
use crate::dns::dnssec::PrivateKey;
use crate::dns::transfer::Journal;
use crate::engine::{Engine, Figures, Input, Output};
use crate::health::{ProbeResult, Report, Timing};
use crate::io::clock::Clock;
use crate::io::metrics::{Metrics, ProbeLabels};
use crate::keys::{Key, KeyId, Keyring, Ring, Role, Time};
use crate::plan::{Division, Plan, ZoneDnssec};
use crate::zones::{self, Memories, NewConfig, Recalled, Ticket, ZoneEngine};

use super::prepared::Prepared;
use super::zone_work::spread;

/// The longest virtual time after which it is at rest: every slot has been probed by then.
const PATIENCE: Span = Span::from_secs(2 * 3600);
/// The seed of the engine's jitter.
const SEED: u64 = 1;
/// Flags of a DNSKEY that signs zones (RFC 4034, section 2.1.1).
const ZONE_KEY: u16 = 256;
/// The same with the bit for the entry to the zone.
const ENTRY_KEY: u16 = 257;

/// What a server would hold once all is well.
pub(crate) struct DryStart {
    /// The plan.
    pub(crate) plan: Arc<Plan>,
    /// Versions of the zones that are given to secondaries.
    pub(crate) journals: BTreeMap<Name, Journal>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    zones: ZoneEngine,
    engine: Option<Engine>,
    now: Moment,
    /// What the wall clock says at the start, milliseconds since 1970.
    wall_ms: u64,
    slots_left: usize,
    probed: Vec<bool>,
}

impl DryStart {
    /// Drives a config to rest. `progress` is told now and then how many signatures have been made, and of how many.
    ///
    /// # Errors
    /// When a zone cannot be composed, as a server would say it at its start.
    pub(crate) fn of(
        prepared: Prepared,
        clock: Clock,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, String> {
        let plan = prepared.plan;
        let mut own = Self {
            journals: BTreeMap::new(),
            metrics: Metrics::new(clock),
            zones: ZoneEngine::new(Memories::default()),
            engine: None,
            now: Moment::default(),
            wall_ms: clock.wall_ms(),
            slots_left: plan.slots.len(),
            probed: vec![false; plan.slots.len()],
            plan,
        };
        let config = with_keys(prepared.zones, clock.wall_seconds())?;
        own.tell_zones(zones::Input::Config(Ticket(0), Box::new(config)))?;
        while !own.is_at_rest() {
            let engine = own.engine.as_ref().and_then(Engine::wake_at);
            let wake = engine.into_iter().chain(own.zones.wake_at()).min();
            let Some(wake) = wake.filter(|wake| wake.since(Moment::default()) < PATIENCE) else {
                break;
            };
            own.now = own.now.max(wake);
            own.tell_engine(Input::Tick)?;
            own.tell_zones(zones::Input::Tick)?;
            own.tell_progress(progress);
        }
        Ok(own)
    }

    /// What a scrape would be told of.
    pub(crate) fn figures(&self) -> Option<Figures> {
        let engine = self.engine.as_ref()?;
        Some(Figures {
            zones: self.zones.status(),
            ..engine.figures(self.now)
        })
    }

    fn is_at_rest(&self) -> bool {
        self.engine.is_some() && self.slots_left == 0 && self.zones.is_settled()
    }

    fn tell_progress(&self, progress: &mut dyn FnMut(usize, usize)) {
        let unfinished = self.zones.status().into_iter();
        let unfinished = unfinished.filter_map(|zone| zone.unfinished);
        let (made, of) = unfinished.fold((0, 0), |(made, of), one| (made + one.made, of + one.of));
        if of > 0 {
            progress(made, of);
        }
    }

    fn tell_zones(&mut self, input: zones::Input) -> Result<(), String> {
        self.zones.handle(self.now, self.wall_now(), input);
        while let Some(output) = self.zones.poll() {
            self.follow(output)?;
        }
        Ok(())
    }

    /// Does what the engine of zones asks for, as if every disk kept it and no primary answered.
    fn follow(&mut self, output: zones::Output) -> Result<(), String> {
        let answer = match output {
            zones::Output::Work(number, job) => zones::Input::Made(number, job.run(&spread)),
            zones::Output::Recall(number, _) => {
                let nothing = Recalled {
                    kept: None,
                    damage: None,
                };
                zones::Input::Recalled(number, nothing)
            }
            zones::Output::KeepSignatures(kept) => {
                zones::Input::SignaturesKept(kept.apex.clone(), Ok(()))
            }
            zones::Output::Remember(ticket, _) => zones::Input::Remembered(ticket, Ok(())),
            zones::Output::Record(ticket, _) => zones::Input::Recorded(ticket, Ok(())),
            zones::Output::Offer(apex, journal) => {
                match journal {
                    Some(journal) => drop(self.journals.insert(apex, journal)),
                    None => drop(self.journals.remove(&apex)),
                }
                return Ok(());
            }
            zones::Output::Configured(_, zones) => {
                let plan = Arc::clone(&self.plan);
                self.engine = Some(Engine::new(plan, zones?, self.now, SEED));
                return self.tell_engine(Input::Tick);
            }
            zones::Output::Publish(zones) => return self.tell_engine(Input::Zones(zones)),
            zones::Output::RetainSignatures(_)
            | zones::Output::Fetch(..)
            | zones::Output::Advance { .. }
            | zones::Output::Told(..)
            | zones::Output::Declared(_)
            | zones::Output::Copy { .. }
            | zones::Output::Tell { .. }
            | zones::Output::Reply(..)
            | zones::Output::Notice(_) => return Ok(()),
        };
        self.zones.handle(self.now, self.wall_now(), answer);
        Ok(())
    }

    fn tell_engine(&mut self, input: Input) -> Result<(), String> {
        let Some(mut engine) = self.engine.take() else {
            return Ok(());
        };
        let mut tables = Vec::new();
        engine.handle(self.now, input);
        while let Some(output) = engine.poll() {
            match output {
                Output::Probe(probe, _) => {
                    if let Some(slot) = engine.slot_of(probe) {
                        let report = self.pass(slot);
                        engine.handle(self.now, Input::Probed(probe, report));
                    }
                }
                Output::Publish(table) => tables.push(table),
                Output::Ordered(..) | Output::Notice(_) => {}
            }
        }
        self.engine = Some(engine);
        for table in tables {
            self.tell_zones(zones::Input::Published(table))?;
        }
        Ok(())
    }

    /// The report of a probe that passes, which is counted as any other.
    fn pass(&mut self, slot: SlotId) -> Report {
        let monitor = self.plan.slots[slot.index()].monitor;
        let exchange = self.plan.monitors[monitor.index()].check.exchange();
        let report = Report {
            outcome: ProbeResult::Pass,
            timing: Timing {
                connect_us: u32::from(exchange.connects),
                first_byte_us: u32::from(exchange.has_first_octet),
                tls_us: u32::from(exchange.encrypted),
                response_us: u32::from(exchange.responds),
                total_us: 1,
            },
            certificate_expires: exchange.encrypted.then_some(u64::MAX / 1000),
            value: None,
        };
        self.metrics
            .observe_probe(ProbeLabels::of(&self.plan, slot), &report);
        if !std::mem::replace(&mut self.probed[slot.index()], true) {
            self.slots_left -= 1;
        }
        report
    }

    fn wall_now(&self) -> u64 {
        self.wall_ms.saturating_add(self.now.0)
    }
}

/// The same config, every zone that is to be signed with keys that sign.
fn with_keys(mut config: NewConfig, now: u64) -> Result<NewConfig, String> {
    let zones = config.zones.iter_mut().zip(&config.zoning.zones);
    for (zone, plan) in zones {
        let Some(how) = &plan.dnssec else { continue };
        let has_keys = |read: &Result<Keyring, String>| {
            read.as_ref()
                .is_ok_and(|keyring| !keyring.zone_keys().is_empty())
        };
        if !zone.keys.as_ref().is_some_and(has_keys) {
            zone.keys = Some(Ok(unseen_keys(&plan.apex, how, Time(now))?));
        }
    }
    Ok(config)
}

/// Keys as `waypost keys generate` would make them, and that have been in the zone for long.
fn unseen_keys(zone: &Name, how: &ZoneDnssec, now: Time) -> Result<Keyring, String> {
    let roles: &[(Role, u16)] = match how.division {
        Division::Combined => &[(Role::Csk, ENTRY_KEY)],
        Division::Split => &[(Role::Ksk, ENTRY_KEY), (Role::Zsk, ZONE_KEY)],
    };
    let mut keys = BTreeMap::new();
    let mut ring = Ring {
        signed: Some(now),
        ..Ring::default()
    };
    for (number, (role, flags)) in (1..).zip(roles) {
        let key = PrivateKey::generate(how.algorithm, *flags, [number; 32]);
        let key = key.map_err(|error| error.to_string())?;
        let id = KeyId {
            tag: key.tag(),
            algorithm: how.algorithm,
        };
        ring.add(Key {
            published: Some(now),
            active: Some(now),
            submitted: role.is_entry().then_some(now),
            seen: role.is_entry().then_some(now),
            ..Key::new(id, *role, now)
        });
        keys.insert(id, Arc::new(key));
    }
    Ok(Keyring::new(zone.clone(), ring, keys))
}
