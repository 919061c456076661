//! What goes wrong in a world, and what people do in it.
use waypost::base::{Draws, Span};
use waypost::dns::Name;
use waypost::keys::{Goal, Role, Time};
use waypost::plan::Denial;
use waypost::zones::{Input, policy};

use super::clients::Clients;
use super::data::{Edition, longest};
use super::disk::Matter;
use super::primaries::Mood;
use super::world::{Outside, World};

const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;
/// How far clocks are set.
const JUMPS: [i64; 9] = [
    10 * SECOND,
    -10 * SECOND,
    -3600 * SECOND,
    3 * DAY,
    20 * DAY,
    3 * 365 * DAY,
    -3 * DAY,
    -20 * DAY,
    -3 * 365 * DAY,
];

fn one_of<'t, T>(all: &'t [T], draws: &mut Draws) -> &'t T {
    &all[usize::try_from(draws.below(all.len() as u64)).unwrap()]
}

/// One thing happens, and the next is on its way.
pub(super) fn happen(world: &mut World) {
    let wait = 20 + world.draws.below(world.pace.chaos);
    world.later(wait, Outside::Chaos);
    match world.draws.below(100) {
        0..30 => ask(world),
        30..40 => edit(world),
        40..54 => primaries(world),
        54..64 => keys(world),
        64..74 => config(world),
        74..80 => disk(world),
        80..86 => clock(world),
        86..90 => world.crash(),
        90..95 => steer(world),
        _ => {
            // Many things at once.
            for _ in 0..3 {
                ask(world);
            }
            edit(world);
            config(world);
            ask(world);
        }
    }
}

fn ask(world: &mut World) {
    let apexes = world.setup.zones.iter();
    let apexes: Vec<Name> = apexes.map(|zone| zone.apex.clone()).collect();
    let asked = Clients::draw(&apexes, &mut world.draws);
    world.ask(asked);
}

fn edit(world: &mut World) {
    let apexes: Vec<Name> = world.disk.files.keys().cloned().collect();
    let apex = one_of(&apexes, &mut world.draws).clone();
    let edition = next(world.disk.files[&apex], &mut world.draws);
    world.edit(&apex, edition);
}

/// The edition after another: its serial is mostly raised, sometimes forgotten, sometimes set back.
fn next(before: Edition, draws: &mut Draws) -> Edition {
    let serial = match draws.below(10) {
        0 => before.serial,
        1 => before.serial.wrapping_sub(1),
        2 => before.serial.wrapping_add(1 << 20),
        _ => before.serial.wrapping_add(1),
    };
    Edition {
        mark: before.mark + 1,
        serial,
        has_alias: draws.chance(200),
    }
}

fn primaries(world: &mut World) {
    let draws = &mut world.draws;
    let apexes: Vec<Name> = world.primaries[0].zones.keys().cloned().collect();
    let apex = one_of(&apexes, draws).clone();
    match draws.below(10) {
        0..2 => {
            let mood = *one_of(
                &[Mood::Well, Mood::Well, Mood::Silent, Mood::Refusing],
                draws,
            );
            let number = usize::try_from(draws.below(2)).unwrap();
            world.primaries[number].mood = mood;
            // Sometimes all of them at once.
            if draws.chance(300) {
                world.primaries[1 - number].mood = mood;
            }
        }
        2 => {
            // A primary that was set back: its journal begins anew.
            let head = world.primaries[0].head(&apex);
            let back = Edition {
                mark: head.mark + 1,
                serial: head.serial.wrapping_sub(2),
                has_alias: false,
            };
            world.primaries[0].zones.insert(apex.clone(), vec![back]);
        }
        _ => {
            let head = world.primaries[0].head(&apex);
            let edition = Edition {
                mark: head.mark + 1,
                serial: head
                    .serial
                    .wrapping_add(1 + u32::from(draws.chance(50)) * 7),
                has_alias: draws.chance(100),
            };
            let editions = world.primaries[0].zones.get_mut(&apex).unwrap();
            editions.push(edition);
            if editions.len() > 4 {
                editions.remove(0);
            }
        }
    }
    world.checks.disturb_primaries(world.now);
    let wait = world.draws.below(4000);
    world.later(wait, Outside::Follow);
    if world.is_up && world.draws.chance(800) {
        world.give(Input::Notified(apex));
    }
}

fn keys(world: &mut World) {
    let apexes: Vec<Name> = world.disk.folders.keys().cloned().collect();
    let apex = one_of(&apexes, &mut world.draws).clone();
    let zone = world.setup.zones.iter().find(|zone| zone.apex == apex);
    let policy = policy(zone.unwrap().dnssec.as_ref().unwrap(), longest());
    let now = Time(world.seconds());
    let draws = &mut world.draws;
    let folder = world.disk.folders.get_mut(&apex).unwrap();
    match draws.below(12) {
        0 => folder.matter = Matter::Unreadable,
        1 => folder.matter = Matter::Empty,
        2 => folder.matter = Matter::Frozen,
        3 | 4 => folder.matter = Matter::Nothing,
        _ if folder.matter != Matter::Nothing => {}
        5 => _ = folder.ring.withdraw(now),
        6..8 | 9..11 if folder.ring.goal == Goal::Insecure => {
            _ = folder.ring.see_none(now);
        }
        11 => _ = folder.ring.publish(now),
        8 if folder.ring.keys.is_empty() => {
            for role in [Role::Ksk, Role::Zsk] {
                let key = folder.make(role, now, draws);
                folder.ring.add(key);
            }
        }
        8 => {
            let role = *one_of(&[Role::Csk, Role::Ksk, Role::Zsk], draws);
            let has_one = folder.ring.live().any(|key| key.role == role);
            if has_one && folder.ring.may_follow(role, None).is_ok() {
                let key = folder.make(role, now, draws);
                folder.ring.add(key);
            }
        }
        _ => {
            let submitted = folder.ring.submitted().map(|key| key.id.tag);
            if let Some(tag) = submitted {
                let _ = folder.ring.see(tag, &policy, now);
            }
        }
    }
    world.keys_changed(&apex);
}

fn config(world: &mut World) {
    let draws = &mut world.draws;
    let count = world.setup.zones.len() as u64;
    let place = usize::try_from(draws.below(count)).unwrap();
    let zone = &mut world.setup.zones[place];
    match draws.below(8) {
        0 => zone.is_configured = !zone.is_configured,
        1 => zone.is_given = !zone.is_given,
        2 => zone.min_interval = Span(draws.below(3000)),
        3 => zone.is_turned = !zone.is_turned,
        4 => {
            if let Some(how) = &mut zone.dnssec {
                how.denial = match how.denial {
                    Denial::Nsec => Denial::Nsec3,
                    Denial::Nsec3 => Denial::Nsec,
                };
            }
        }
        5 => zone.is_steered = zone.dnssec.is_some() && !zone.is_steered,
        6 => world.setup.expire = Span::from_secs(60 + draws.below(2) * 20),
        // Nothing that concerns zones.
        _ => {}
    }
    if world.is_up {
        world.configure();
    }
}

fn disk(world: &mut World) {
    match world.draws.below(5) {
        4 => {
            let draws = &mut world.draws;
            let _ = world.disk.signatures.damage(draws);
        }
        0 => world.disk.is_full = true,
        1 => world.pace.write = 2000,
        _ => {
            world.disk.is_full = false;
            world.pace.write = 30;
        }
    }
    world.checks.disk_changed(world.now);
}

fn clock(world: &mut World) {
    let to = *one_of(&JUMPS, &mut world.draws);
    let wait = match world.draws.below(4) {
        0 => 20_000 + world.draws.below(900_000),
        1 => world.draws.below(3000),
        _ => 10_000,
    };
    world.set_clock(to);
    world.later(wait, Outside::SetClock(0));
}

fn steer(world: &mut World) {
    world.shares = match world.draws.below(3) {
        0 => vec![0, 1000],
        1 => vec![1000, 0],
        _ => vec![1000, 1000],
    };
    if let Some(zones) = world.zones().cloned() {
        world.publish(zones);
    }
}

/// Nothing is wrong any more.
pub(super) fn heal(world: &mut World) {
    world.disk.is_full = false;
    world.pace.write = 30;
    world.checks.disk_changed(world.now);
    world.set_clock(0);
    let apexes: Vec<Name> = world.disk.folders.keys().cloned().collect();
    for apex in apexes {
        world.disk.folders.get_mut(&apex).unwrap().matter = Matter::Nothing;
        world.keys_changed(&apex);
    }
    let zones: Vec<Name> = world.primaries[0].zones.keys().cloned().collect();
    for apex in zones {
        // Ahead of whatever was given out before.
        let head = world.primaries[0].head(&apex);
        let ahead = Edition {
            mark: head.mark + 1,
            serial: head.serial.wrapping_add(1000),
            has_alias: false,
        };
        for primary in &mut world.primaries {
            primary.mood = Mood::Well;
            primary.zones.insert(apex.clone(), vec![ahead]);
        }
    }
    world.checks.disturb_primaries(world.now);
    for zone in &mut world.setup.zones {
        zone.is_configured = true;
        zone.is_given = true;
    }
}
