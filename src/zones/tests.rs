//! Rules of the engine of zones that are worth a name; everything at once is in `tests/sim/zones`.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::job::in_turn;
use super::{
    Filed, Input, Job, KeyNodes, Known, Memories, Memory, NewConfig, NewZone, Output, Recalled,
    Reply, Request, Ticket, ZoneEngine,
};
use crate::base::{Moment, Permille, Span};
use crate::dns::Name;
use crate::dns::dnssec::{Algorithm, PrivateKey};
use crate::dns::rr::rtype;
use crate::dns::transfer::{Content, Diff, Entry, Packed, PackedChanges, Received, zone_of};
use crate::dns::zone::{Presence, Served, Zone};
use crate::keys::{Fellow, Fellows, Key, KeyId, Keyring, Ring, Role, Step, Time, ToldRing};
use crate::plan::{Acme, Dynamic, Incoming, Sources, ZoneDnssec, ZonePlan, Zoning};

pub(super) const EPOCH_S: u64 = 1_800_000_000;
const DAY_MS: u64 = 86_400_000;

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A zone of this serial, refreshed every hour.
fn content(apex: &str, serial: u32) -> Content {
    let entry = |owner: &Name, rtype, rdata: Vec<u8>| Entry {
        owner: owner.clone(),
        rtype,
        ttl: 60,
        rdata: rdata.into(),
    };
    let apex = name(apex);
    let numbers = [serial, 3600, 600, 86_400, 60];
    let numbers = numbers.into_iter().flat_map(u32::to_be_bytes);
    let soa = [&[0, 0][..], &numbers.collect::<Vec<_>>()].concat();
    let server = name("ns.elsewhere.test").as_wire().to_vec();
    let last = u8::try_from(serial % 250).unwrap();
    let records = vec![
        entry(&apex, rtype::NS, server),
        entry(
            &name(&format!("www.{apex}")),
            rtype::A,
            vec![192, 0, 2, last],
        ),
    ];
    Content::of(entry(&apex, rtype::SOA, soa), records)
}

pub(super) fn zone(apex: &str, serial: u32) -> Arc<Zone> {
    Arc::new(zone_of(&name(apex), &content(apex, serial), &[]).unwrap())
}

/// A zone that comes from a primary, `in.test`, and one that is signed, `own.test`.
pub(super) fn zoning(validity: Span) -> Arc<Zoning> {
    let plan = |apex: &str| ZonePlan {
        aliases: Vec::new(),
        apex: name(apex),
        view: None,
        id: name(apex),
        file: Some(PathBuf::from(apex)),
        dnssec: None,
        outgoing: None,
        incoming: None,
        mounts: Vec::new(),
        is_catalog: false,
        listed_by: None,
    };
    let mut secondary = plan("in.test");
    secondary.incoming = Some(Box::new(Incoming {
        primaries: vec![SocketAddr::from(([127, 0, 0, 1], 53))],
        key: None,
        max_size: u64::MAX,
        sources: Sources::default(),
    }));
    let mut signed = plan("own.test");
    signed.dnssec = Some(Box::new(ZoneDnssec {
        signature_validity: validity,
        ..ZoneDnssec::with_keys(PathBuf::from("keys"))
    }));
    Arc::new(Zoning {
        zones: vec![Arc::new(secondary), Arc::new(signed)],
        tsig: Vec::new(),
        views: Arc::default(),
        acme: Acme::default(),
        dynamic: Dynamic::default(),
        state: None,
        max_shrink: Permille(1000),
    })
}

/// One key that signs; with its steps at the beginning of time.
pub(super) fn keyring() -> Keyring {
    let key = PrivateKey::generate(Algorithm::Ed25519, 257, [7; 32]).unwrap();
    let id = KeyId {
        tag: key.public().tag(),
        algorithm: Algorithm::Ed25519,
    };
    let now = Time(EPOCH_S);
    let mut ring = Ring::default();
    ring.add(Key::new(id, Role::Csk, now));
    ring.take(Step::Publish(id), now);
    ring.take(Step::Activate(id), now);
    Keyring::new(
        name("own.test"),
        ring,
        BTreeMap::from([(id, Arc::new(key))]),
    )
}

/// An engine with what it has said.
pub(super) struct Bench {
    pub(super) engine: ZoneEngine,
    pub(super) now: Moment,
    /// By how much the wall clock is ahead, milliseconds.
    ahead: i64,
    pub(super) jobs: Vec<(u64, Job)>,
    fetches: Vec<(u64, Box<Request>)>,
    advances: usize,
    worked: usize,
    pub(super) events: Vec<&'static str>,
    /// Answers, and what was kept, as it came.
    pub(super) replies: Vec<(Ticket, Reply)>,
    pub(super) kept: Vec<Memory>,
    /// Outcomes of configs.
    pub(super) configured: Vec<Result<(), String>>,
    /// Why nothing can be kept, if nothing can.
    pub(super) disk: Result<(), String>,
}

impl Bench {
    pub(super) fn new(memories: Memories) -> Self {
        Self {
            engine: ZoneEngine::new(memories),
            now: Moment(0),
            ahead: 0,
            jobs: Vec::new(),
            fetches: Vec::new(),
            advances: 0,
            worked: 0,
            events: Vec::new(),
            replies: Vec::new(),
            kept: Vec::new(),
            configured: Vec::new(),
            disk: Ok(()),
        }
    }

    /// One that serves both zones.
    fn serving() -> Self {
        let mut bench = Self::new(Memories::default());
        bench.configure(Span::from_secs(14 * 86_400), Ok(keyring()));
        bench.work();
        let (number, _) = bench.fetches.pop().unwrap();
        let whole = Received::Whole(Packed::of(&name("in.test"), &content("in.test", 1)));
        bench.give(Input::Fetched(number, Ok(whole)));
        bench.work();
        bench.pass(Span(100));
        assert_eq!(bench.serial(), Some(1));
        bench
    }

    pub(super) fn give(&mut self, input: Input) {
        let wall = (EPOCH_S * 1000 + self.now.0).saturating_add_signed(self.ahead);
        self.engine.handle(self.now, wall, input);
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Work(number, job) => self.jobs.push((number, job)),
                Output::Fetch(number, request) => self.fetches.push((number, request)),
                Output::Advance { .. } => self.advances += 1,
                Output::Remember(ticket, memory) => {
                    self.kept.push(memory);
                    self.give(Input::Remembered(ticket, self.disk.clone()));
                }
                Output::Reply(ticket, reply) => self.replies.push((ticket, reply)),
                Output::Configured(_, outcome) => self.configured.push(outcome.map(|_| ())),
                Output::Record(ticket, _) => self.give(Input::Recorded(ticket, Ok(()))),
                Output::Notice(notice) => self.events.push(notice.event),
                Output::Recall(number, _) => {
                    self.give(Input::Recalled(number, Recalled::default()));
                }
                Output::KeepSignatures(to_keep) => {
                    self.give(Input::SignaturesKept(to_keep.apex, Ok(())));
                }
                Output::RetainSignatures(_)
                | Output::Copy { .. }
                | Output::Told(..)
                | Output::Declared(_)
                | Output::Offer(..)
                | Output::Tell { .. }
                | Output::Publish(_) => {}
            }
        }
    }

    fn configure(&mut self, validity: Span, keys: Result<Keyring, String>) {
        let filed = |zone: Arc<Zone>, digest| Filed {
            zone,
            digest,
            longest_ttl: Span::from_secs(60),
        };
        let awaited = Arc::new(Zone::awaited(&name("in.test"), &[]));
        let new = |filed, keys| NewZone {
            filed,
            keys,
            copied_at: None,
        };
        let config = NewConfig {
            zoning: zoning(validity),
            steered: Arc::from([]),
            zones: vec![
                new(filed(awaited, 0), None),
                new(filed(zone("own.test", 1), 1), Some(keys)),
            ],
        };
        self.give(Input::Config(Ticket(0), Box::new(config)));
    }

    /// Does all jobs, and those that follow from them.
    pub(super) fn work(&mut self) {
        while !self.jobs.is_empty() {
            let (number, job) = self.jobs.remove(0);
            self.worked += 1;
            self.give(Input::Made(number, job.run(&in_turn)));
        }
    }

    /// Lets time pass, second by second, and jobs be done.
    pub(super) fn pass(&mut self, span: Span) {
        let end = self.now.after(span);
        while self.now < end {
            let wake = self.engine.wake_at().unwrap_or(end);
            self.now = wake.min(end);
            self.give(Input::Tick);
            self.work();
        }
    }

    pub(super) fn served(&self, apex: &str) -> Served {
        self.engine.served().of(&name(apex)).unwrap().clone()
    }

    /// The serial of the zone that comes from a primary.
    fn serial(&self) -> Option<u32> {
        self.engine.served().serial(&name("in.test"))
    }

    fn notify(&mut self) {
        self.give(Input::Notified(name("in.test")));
    }
}

#[test]
fn a_transfer_that_comes_while_a_config_is_composed_is_served() {
    let mut bench = Bench::serving();
    bench.pass(Span::from_secs(1));
    bench.notify();
    let (number, _) = bench.fetches.pop().unwrap();
    let mut other = zoning(Span::from_secs(14 * 86_400));
    // Its copy is kept elsewhere, so that the zone is another one.
    let zones = &mut Arc::get_mut(&mut other).unwrap().zones;
    Arc::get_mut(&mut zones[0]).unwrap().file = Some(PathBuf::from("elsewhere"));
    let config = NewConfig {
        zoning: other,
        steered: Arc::from([]),
        zones: [("in.test", None), ("own.test", Some(Ok(keyring())))]
            .map(|(apex, keys)| NewZone {
                filed: Filed {
                    zone: zone(apex, 1),
                    digest: 1,
                    longest_ttl: Span::from_secs(60),
                },
                keys,
                copied_at: None,
            })
            .into(),
    };
    bench.give(Input::Config(Ticket(1), Box::new(config)));
    assert_eq!(bench.jobs.len(), 1, "the zone is composed anew");
    let diff = content("in.test", 1).diff(&content("in.test", 2));
    bench.give(Input::Fetched(number, Ok(Received::Changes(packed(diff)))));
    // Whatever is due meanwhile does not make the engine loop.
    bench.now = bench.now.after(Span::from_secs(20));
    bench.give(Input::Tick);
    assert_eq!(bench.serial(), Some(1));
    bench.work();
    bench.pass(Span(100));
    assert_eq!(bench.serial(), Some(2));
}

#[test]
fn a_reload_keeps_what_nothing_has_changed_for() {
    let mut bench = Bench::serving();
    bench.pass(Span::from_secs(1));
    bench.notify();
    let before = bench.served("own.test");
    bench.configure(Span::from_secs(14 * 86_400), Ok(keyring()));
    assert!(bench.jobs.is_empty(), "nothing is composed");
    let after = bench.served("own.test");
    assert!(Arc::ptr_eq(&before.zone, &after.zone));
    // The request that was under way still counts.
    let (number, _) = bench.fetches.pop().unwrap();
    let whole = Received::Whole(Packed::of(&name("in.test"), &content("in.test", 2)));
    bench.give(Input::Fetched(number, Ok(whole)));
    bench.work();
    bench.pass(Span(100));
    assert_eq!(bench.serial(), Some(2));
}

#[test]
fn a_notification_during_a_look_makes_another_one() {
    let mut bench = Bench::serving();
    bench.pass(Span::from_secs(1));
    bench.notify();
    let (number, _) = bench.fetches.pop().unwrap();
    bench.notify();
    assert!(bench.fetches.is_empty(), "one at a time");
    bench.give(Input::Fetched(number, Ok(Received::Nothing(1))));
    bench.pass(Span::from_secs(1));
    assert_eq!(bench.fetches.len(), 1, "and not an hour later");
}

#[test]
fn a_zone_that_is_withheld_returns_with_its_keys() {
    let known = Known {
        signed: true,
        ..Known::default()
    };
    let mut bench = Bench::new(Memories {
        zones: BTreeMap::from([(name("own.test"), known)]),
        ..Memories::default()
    });
    let denied = Err("permission denied".to_owned());
    bench.configure(Span::from_secs(14 * 86_400), denied);
    bench.work();
    let served = bench.served("own.test");
    assert_eq!(served.zone.presence(), Presence::Withheld);
    bench.give(Input::Keys {
        apex: name("own.test"),
        steps: Vec::new(),
        read: Box::new(Ok(keyring())),
    });
    bench.work();
    bench.pass(Span(100));
    let served = bench.served("own.test");
    assert_eq!(served.zone.presence(), Presence::Loaded);
    assert!(served.signed.is_some());
    assert_eq!(
        bench
            .events
            .iter()
            .filter(|one| **one == "zone_returned")
            .count(),
        1
    );
}

#[test]
fn a_zone_without_keys_is_not_answered_before_another_node_is_heard_or_keys_are_there() {
    let empty = || Keyring::new(name("own.test"), Ring::default(), BTreeMap::new());
    let nodes = |other: Fellow| {
        let fellows = Fellows {
            others: vec![Fellow::Unheard, other],
            ..Fellows::default()
        };
        Input::Nodes(KeyNodes::Cluster {
            zones: BTreeMap::from([(name("own.test"), Arc::new(fellows))]),
            is_waiting: false,
            agrees: true,
        })
    };
    let none_signs = Fellow::Serves(ToldRing::default());
    let keys = Input::Keys {
        apex: name("own.test"),
        steps: Vec::new(),
        read: Box::new(Ok(keyring())),
    };
    for input in [nodes(none_signs), keys] {
        let mut bench = Bench::new(Memories::default());
        bench.give(nodes(Fellow::Unheard));
        bench.configure(Span::from_secs(14 * 86_400), Ok(empty()));
        bench.work();
        bench.pass(Span::from_secs(60));
        let presence = bench.served("own.test").zone.presence();
        assert_eq!(presence, Presence::Awaited);
        bench.give(input);
        bench.work();
        bench.pass(Span(100));
        let presence = bench.served("own.test").zone.presence();
        assert_eq!(presence, Presence::Loaded);
    }
}

#[test]
fn a_clock_that_is_wrong_for_ten_seconds_renews_everything_and_records_no_step() {
    let mut bench = Bench::serving();
    bench.pass(Span::from_secs(700));
    let advances = bench.advances;
    let expires = bench.served("own.test").expires;
    bench.ahead = i64::try_from(20 * DAY_MS).unwrap();
    bench.pass(Span::from_secs(2));
    let far = bench.served("own.test");
    assert!(far.expires > expires, "{} after {expires}", far.expires);
    let signed = far.signed.unwrap();
    assert!(signed.stale(EPOCH_S + 20 * DAY_MS / 1000 + 702).is_empty());
    assert_eq!(bench.serial(), Some(1), "nothing has expired");
    bench.pass(Span::from_secs(8));
    bench.ahead = 0;
    bench.pass(Span::from_secs(2));
    let back = bench.served("own.test");
    assert!(back.signed.unwrap().stale(EPOCH_S + 712).is_empty());
    assert_eq!(back.expires, expires);
    assert_eq!(bench.serial(), Some(1));
    assert_eq!(bench.advances, advances, "no step is taken by such a clock");
    let told = bench.events.iter().filter(|one| **one == "clock_set");
    assert_eq!(told.count(), 2);
}

fn packed(diff: Diff) -> PackedChanges {
    PackedChanges::of(&name("in.test"), &[diff]).unwrap()
}

#[test]
fn changes_of_one_record_touch_no_other_zone() {
    let mut bench = Bench::serving();
    bench.pass(Span::from_secs(1));
    let before = bench.served("own.test");
    let worked = bench.worked;
    bench.notify();
    let (number, request) = bench.fetches.pop().unwrap();
    assert_eq!(request.soa.unwrap().serial(), 1);
    let diff = content("in.test", 1).diff(&content("in.test", 2));
    bench.give(Input::Fetched(number, Ok(Received::Changes(packed(diff)))));
    bench.work();
    bench.pass(Span(100));
    assert_eq!(bench.serial(), Some(2));
    assert_eq!(bench.worked - worked, 2, "taken and composed");
    let after = bench.served("own.test");
    assert!(Arc::ptr_eq(&before.zone, &after.zone));
    assert!(Arc::ptr_eq(&before.signed.unwrap(), &after.signed.unwrap()));
}

#[test]
fn keys_that_a_wrong_clock_moved_on_are_given_up_before_anything_is_signed_by_the_right_one() {
    let year = 365 * DAY_MS;
    let right = keyring();
    let mut wrong = keyring();
    let id = right.ring.keys[0].id;
    let at = Time(EPOCH_S + year / 1000);
    wrong.ring.take(Step::Submit(id), at);
    wrong.view = wrong.ring.view();
    let nodes = |agrees| {
        let told = right.told();
        let fellows = Fellows {
            held: told
                .prints
                .iter()
                .map(|(id, print)| (*id, *print))
                .collect(),
            others: vec![Fellow::Serves(told)],
            is_second: false,
        };
        Input::Nodes(KeyNodes::Cluster {
            zones: BTreeMap::from([(name("own.test"), Arc::new(fellows))]),
            is_waiting: false,
            agrees,
        })
    };
    let keys = |keyring: &Keyring| Input::Keys {
        apex: name("own.test"),
        steps: Vec::new(),
        read: Box::new(Ok(keyring.clone())),
    };
    let mut bench = Bench::new(Memories::default());
    bench.ahead = i64::try_from(year).unwrap();
    bench.give(nodes(false));
    bench.configure(Span::from_secs(14 * 86_400), Ok(wrong.clone()));
    bench.work();
    bench.pass(Span::from_secs(5));
    let expires = bench.served("own.test").expires;
    let advances = bench.advances;
    bench.give(keys(&wrong));
    bench.ahead = 0;
    bench.pass(Span::from_secs(5));
    bench.give(keys(&wrong));
    assert!(bench.advances > advances, "it need not settle for that");
    assert_eq!(bench.served("own.test").expires, expires);
    let advances = bench.advances;
    bench.give(keys(&right));
    bench.work();
    bench.pass(Span::from_secs(5));
    let signed = bench.served("own.test");
    assert!(signed.expires < expires);
    assert!(signed.signed.unwrap().stale(EPOCH_S + 12).is_empty());
    // Other steps wait until the others' clocks say the same.
    assert_eq!(bench.advances, advances);
    bench.give(nodes(true));
    assert_eq!(bench.advances, advances + 1);
}
