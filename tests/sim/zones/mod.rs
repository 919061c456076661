//! The engine of zones in seeded worlds: a wall clock that is set, a disk that is full, processes that end.
//!
//! | module | what it is |
//! |---|---|
//! | `world` | drives the engine in virtual time, carries out what it says |
//! | `restarts` | ends and starts of the process |
//! | `chaos` | what goes wrong, and what people do |
//! | `checks` | what must hold after every step |
//! | `validator` | what of that validators see |
//! | `setup` | the config |
//! | `data` | what zones hold |
//! | `disk` | memories, copies, files, folders of keys |
//! | `signatures` | files of signatures, torn and damaged |
//! | `trace` | tells what goes in and out (`SIM_TRACE`, with `SIM_FIRST` and `ZONE_SEEDS=1`) |
//! | `primaries`, `secondaries`, `clients` | who is outside |
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use waypost::base::Span;
use waypost::keys::{Role, Time};
use waypost::zones::job::Effort;

mod chaos;
mod checks;
mod clients;
mod data;
mod disk;
mod primaries;
mod restarts;
mod secondaries;
mod setup;
mod signatures;
mod trace;
mod validator;
mod world;

use world::{Outside, World};

/// Worlds that are played if nobody says how many.
const SEEDS: u64 = 60;
/// Least time in which things happen, and how much more at the most, milliseconds.
const WILD: (u64, u64) = (30_000, 60_000);
/// In one of so many worlds less happens in a time that is so many times as long.
const LONG: (u64, u64) = (20, 12);
/// Time after which all is well again.
const CALM: Span = Span::from_secs(30);

/// What no set of worlds may lack.
const EVERYTHING: [&str; 17] = [
    "advance",
    "challenge",
    "clock_set",
    "expired",
    "insecure",
    "key_step",
    "primary_behind",
    "signatures_damaged",
    "signatures_kept",
    "signatures_unkept",
    "signed",
    "signing",
    "transferred",
    "unready",
    "withheld",
    "zone_returned",
    "zone_version",
];

/// Plays a seed, and gives what was seen.
fn play(seed: u64) -> BTreeSet<&'static str> {
    let mut world = World::new(seed);
    begin(&mut world);
    world.later(3000, Outside::Chaos);
    let mut wild = WILD.0 + world.draws.below(WILD.1);
    if seed % LONG.0 == 7 {
        wild *= LONG.1;
        world.pace.chaos *= LONG.1;
    }
    world.rest(Span(wild));
    world.is_calm = true;
    chaos::heal(&mut world);
    world.rest(Span::from_secs(10));
    world.configure();
    world.rest(CALM);
    // Signatures are renewed at any time: the secondary may be a step behind.
    for _ in 0..60 {
        let is_settled = world.engine.is_settled() && world.engine.has_asked_primaries();
        if is_settled && checks::is_followed(&world) {
            break;
        }
        world.rest(Span(500));
    }
    checks::converged(&world);
    world.checks.seen
}

/// A server starts with keys for some of its zones.
fn begin(world: &mut World) {
    let now = Time(world.seconds());
    for zone in world.setup.clone().configured() {
        if zone.dnssec.is_some() && zone.apex != data::name("late.test") {
            let folder = world.disk.folders.get_mut(&zone.apex).unwrap();
            let roles = match world.draws.chance(500) {
                true => &[Role::Csk][..],
                false => &[Role::Ksk, Role::Zsk],
            };
            for role in roles {
                let key = folder.make(*role, now, &mut world.draws);
                folder.ring.add(key);
            }
            if world.draws.chance(100) {
                // It is on its way out of DNSSEC.
                folder.ring.withdraw(now).unwrap();
                folder.ring.see_none(now).unwrap();
            }
        }
    }
    world.later(0, Outside::Start);
    world.later(1000, Outside::Poll);
}

#[test]
fn worlds_of_zones_hold() {
    let count = std::env::var("ZONE_SEEDS").ok();
    let count = count.map_or(SEEDS, |count| count.parse().unwrap());
    let first = std::env::var("SIM_FIRST").ok();
    let first = first.map_or(0, |first| first.parse().unwrap());
    let seeds: Vec<u64> = (first..first + count).collect();
    let hands = 4;
    let played: Vec<_> = std::thread::scope(|scope| {
        let hands = (0..hands).map(|hand| {
            let own = seeds.iter().skip(hand).step_by(hands);
            scope.spawn(move || own.map(|seed| try_to_play(*seed)).collect::<Vec<_>>())
        });
        let hands: Vec<_> = hands.collect();
        let played = hands.into_iter().flat_map(|hand| hand.join().unwrap());
        played.collect()
    });
    let failures: Vec<&String> = played.iter().filter_map(|one| one.as_ref().err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {count}\n{failures:#?}",
        failures.len()
    );
    if count < SEEDS {
        return;
    }
    let seen: BTreeSet<&str> = played.into_iter().flatten().flatten().collect();
    for word in EVERYTHING {
        assert!(seen.contains(word), "no world has shown `{word}`: {seen:?}");
    }
}

/// A world in which nothing goes wrong and no signature falls due, with this effort.
fn quiet(effort: Effort) -> World {
    let mut world = World::new(3);
    world.effort = effort;
    world.is_calm = true;
    for zone in &mut world.setup.zones {
        if let Some(how) = &mut zone.dnssec {
            how.signature_validity = Span::from_secs(14 * 86_400);
            how.zsk_lifetime = None;
        }
    }
    begin(&mut world);
    world.rest(Span::from_secs(20));
    world
}

/// Signatures made since the process started, in all.
fn made(world: &World) -> u64 {
    let zones = world.engine.status();
    zones.iter().map(|zone| zone.signatures_made).sum()
}

#[test]
fn a_restart_without_a_change_makes_no_signature_and_a_change_only_its_own() {
    for effort in [
        Effort::default(),
        Effort {
            at_once: 0,
            step: 1,
        },
    ] {
        let mut world = quiet(effort);
        assert!(made(&world) > 50, "{}", made(&world));
        for _ in 0..3 {
            world.crash();
            world.rest(Span::from_secs(20));
            assert!(world.is_up);
            assert_eq!(made(&world), 0, "{effort:?}");
        }
        // One file changes while the process is not there: SOA, version and one address are others then.
        world.crash();
        let apex = data::name("signed.test");
        let before = world.disk.files[&apex];
        let edition = data::Edition {
            mark: before.mark + 1,
            serial: before.serial + 1,
            ..before
        };
        world.edit(&apex, edition);
        world.rest(Span::from_secs(20));
        assert_eq!(
            data::mark_of(&world.served(&apex).unwrap().zone),
            Some(edition.mark)
        );
        assert_eq!(made(&world), 3, "{effort:?}");
    }
}

#[test]
fn signatures_that_have_expired_meanwhile_are_made_before_anything_is_answered() {
    let mut world = quiet(Effort::default());
    world.crash();
    world.set_clock(20 * 86_400_000);
    world.rest(Span::from_secs(20));
    // All of them: the checks have looked at every version that was served.
    assert!(made(&world) > 50, "{}", made(&world));
}

fn try_to_play(seed: u64) -> Result<BTreeSet<&'static str>, String> {
    catch_unwind(AssertUnwindSafe(|| play(seed))).map_err(|panic| {
        let told = match panic.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => panic.downcast_ref::<String>().cloned().unwrap(),
        };
        format!("seed {seed}: {told}")
    })
}
