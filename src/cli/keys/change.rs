//! Which keys there are, and what was said of the parent.
use std::process::ExitCode;

use super::arguments::{Bits, Ds, Generate, Import, Roll, Word};
use super::{Signed, show, signed};
use crate::daemon::Failure;
use crate::dns::Name;
use crate::dns::dnssec::Algorithm;
use crate::dns::dnssec::key::RsaSize;
use crate::io::clock::Clock;
use crate::io::keys::{Brought, Locked};
use crate::keys::{Key, KeyId, Refusal, Ring, Role, Time};
use crate::plan::Division;

/// What an operator says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    /// The parent has the DS of this key.
    Seen(u16),
    /// The parent shall have none.
    Withdraw,
    /// It has none.
    Gone,
    /// It shall have one.
    Publish,
}

/// The word that was given, if any.
pub(super) fn said(word: &Word) -> Option<Said> {
    match word {
        Word {
            seen: Some(tag), ..
        } => Some(Said::Seen(*tag)),
        Word { withdraw: true, .. } => Some(Said::Withdraw),
        Word { gone: true, .. } => Some(Said::Gone),
        Word { publish: true, .. } => Some(Said::Publish),
        Word { .. } => None,
    }
}

/// Remembers what is said of the parent.
pub(super) fn word(arguments: &Ds, said: Said) -> Result<ExitCode, Failure> {
    let signed = signed(&arguments.zone.config, &arguments.zone.zone)?;
    let locked = lock(&signed)?;
    let mut ring = ring(&locked)?;
    let now = now();
    let done = match said {
        Said::Seen(tag) => ring.see(tag, &signed.policy, now),
        Said::Withdraw => ring.withdraw(now),
        Said::Gone => ring.see_none(now),
        Said::Publish => ring.publish(now),
    };
    done.map_err(|refusal| of(&arguments.zone.zone, &refusal))?;
    save(&locked, &ring)?;
    show::zone(&signed, &ring, arguments.json)
}

/// Makes the first keys of a zone.
pub(super) fn generate(arguments: &Generate) -> Result<ExitCode, Failure> {
    let zone = &arguments.zone.zone;
    let signed = signed(&arguments.zone.config, zone)?;
    let locked = lock(&signed)?;
    let mut ring = ring(&locked)?;
    if ring.live().next().is_some() {
        return Err(format!(
            "zone `{zone}` has keys already: `waypost keys roll {zone}` makes their successors"
        ));
    }
    let algorithm = arguments.algorithm.unwrap_or(signed.how.algorithm);
    let division = match arguments.split {
        true => Division::Split,
        false => signed.how.division,
    };
    for role in roles(division) {
        ring.add(make(&locked, *role, algorithm, arguments.bits)?);
    }
    save(&locked, &ring)?;
    show::zone(&signed, &ring, arguments.json)
}

/// Makes successors.
pub(super) fn roll(arguments: &Roll) -> Result<ExitCode, Failure> {
    let zone = &arguments.zone.zone;
    let signed = signed(&arguments.zone.config, zone)?;
    let locked = lock(&signed)?;
    let mut ring = ring(&locked)?;
    let refused = |refusal: Refusal| of(zone, &refusal);
    let roles = match (arguments.zsk, arguments.ksk) {
        (true, _) => &[Role::Zsk][..],
        (false, true) => &[Role::Ksk],
        (false, false) => roles(signed.how.division),
    };
    let last = ring.live().last().map(|key| key.id.algorithm);
    let algorithm = last.ok_or_else(|| refused(Refusal::Empty))?;
    for role in roles {
        // One role alone has a key to follow; all roles together may change how many keys there are.
        let allowed = match arguments.zsk || arguments.ksk {
            true => ring.predecessor(*role).map(|_| ()),
            false => ring.may_follow(*role, None),
        };
        allowed.map_err(refused)?;
    }
    for role in roles {
        ring.add(make(&locked, *role, algorithm, Bits::Bits2048)?);
    }
    save(&locked, &ring)?;
    show::zone(&signed, &ring, arguments.json)
}

/// Brings keys from elsewhere: as the first ones of the zone, or to follow those that it has.
pub(super) fn import(arguments: &Import) -> Result<ExitCode, Failure> {
    let zone = &arguments.zone;
    let signed = signed(&arguments.config, zone)?;
    let mut brought = bring(arguments)?;
    let locked = lock(&signed)?;
    let mut ring = ring(&locked)?;
    let is_first = ring.live().next().is_none();
    check(zone, &ring, &brought)?;
    // The key that signed first elsewhere signs first here, and the others follow it.
    brought.sort_by_key(|(one, _)| one.times.activate.unwrap_or(0));
    for (one, role) in &brought {
        if !is_first {
            let refusal = ring.may_follow(*role, Some(id(one)));
            refusal.map_err(|refusal| of(zone, &refusal))?;
        }
        let key = match signed.store.key(id(one)) {
            Ok(_) => Key::new(id(one), *role, now()),
            Err(_) => locked
                .write(&one.key, *role, &one.times, now())
                .map_err(|error| error.to_string())?,
        };
        ring.add(key);
    }
    save(&locked, &ring)?;
    show::zone(&signed, &ring, arguments.json)
}

/// Reads the files, each pair once, and settles what each key is for.
fn bring(arguments: &Import) -> Result<Vec<(Brought, Role)>, Failure> {
    let given = arguments.role.map(super::arguments::RoleName::role);
    let mut found: Vec<Brought> = Vec::new();
    for path in &arguments.files {
        let one = Brought::read(path, given.unwrap_or(Role::Csk));
        let one = one.map_err(|error| error.to_string())?;
        if let Some(other) = one.zone.as_ref().filter(|zone| **zone != arguments.zone) {
            let path = path.display();
            return Err(format!("{path}: is a key of zone `{other}`"));
        }
        if !found.iter().any(|known| id(known) == id(&one)) {
            found.push(one);
        }
    }
    let has_zsk = found.iter().any(|one| !one.key.public().is_sep());
    let role = |one: &Brought| match (one.key.public().is_sep(), has_zsk) {
        (false, _) => Role::Zsk,
        (true, true) => Role::Ksk,
        (true, false) => Role::Csk,
    };
    Ok(found
        .into_iter()
        .map(|one| {
            let role = given.unwrap_or_else(|| role(&one));
            (one, role)
        })
        .collect())
}

/// Whether the keys go together, and make a whole with those that are there.
fn check(zone: &Name, ring: &Ring, brought: &[(Brought, Role)]) -> Result<(), Failure> {
    for (one, role) in brought {
        let is_entry = one.key.public().is_sep();
        if role.is_entry() && !is_entry {
            let tag = one.key.public().tag();
            return Err(format!(
                "key {tag} has the flags of a ZSK (256), and cannot be a {}",
                role.word()
            ));
        }
        if let Some(known) = ring.find(id(one)) {
            return Err(format!("zone `{zone}` has key {} already", known.id));
        }
    }
    let mut algorithms = brought.iter().map(|(one, _)| id(one));
    let first = algorithms.next();
    if let Some(other) =
        algorithms.find(|id| first.is_some_and(|first| first.algorithm != id.algorithm))
    {
        return Err(format!(
            "key {other} has another algorithm than those before it"
        ));
    }
    let roles = || {
        let live = ring.live().map(|key| key.role);
        live.chain(brought.iter().map(|(_, role)| *role))
    };
    for (is_there, what) in [
        (
            roles().any(Role::is_entry),
            "that the DS can name (KSK or CSK)",
        ),
        (
            roles().any(Role::is_zone),
            "that signs the zone (ZSK or CSK)",
        ),
    ] {
        if !is_there {
            return Err(format!(
                "zone `{zone}` would have no key {what}: bring all its keys at once"
            ));
        }
    }
    Ok(())
}

fn roles(division: Division) -> &'static [Role] {
    match division {
        Division::Combined => &[Role::Csk],
        Division::Split => &[Role::Ksk, Role::Zsk],
    }
}

fn make(locked: &Locked<'_>, role: Role, algorithm: Algorithm, bits: Bits) -> Result<Key, Failure> {
    let size = match bits {
        Bits::Bits2048 => RsaSize::Bits2048,
        Bits::Bits3072 => RsaSize::Bits3072,
        Bits::Bits4096 => RsaSize::Bits4096,
    };
    let made = locked.make(role, algorithm, size, now());
    made.map_err(|error| error.to_string())
}

fn id(brought: &Brought) -> KeyId {
    let public = brought.key.public();
    KeyId {
        tag: public.tag(),
        algorithm: public.algorithm,
    }
}

pub(super) fn now() -> Time {
    Time(Clock::start().wall_seconds())
}

fn lock(signed: &Signed) -> Result<Locked<'_>, Failure> {
    signed.store.lock().map_err(|error| error.to_string())
}

fn ring(locked: &Locked<'_>) -> Result<Ring, Failure> {
    locked.ring().map_err(|error| error.to_string())
}

fn save(locked: &Locked<'_>, ring: &Ring) -> Result<(), Failure> {
    locked.save(ring).map_err(|error| error.to_string())
}

fn of(zone: &Name, refusal: &Refusal) -> Failure {
    format!("zone `{zone}`: {refusal}")
}
