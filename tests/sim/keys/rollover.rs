//! Rollovers in a world that goes wrong: never bogus, and they end.
//!
//! `KEYS_SEEDS` says how many worlds are gone through.
use waypost::base::Span;
use waypost::keys::{Policy, Time};

use super::model::{Model, Random, World, truth};

/// Seconds that things go wrong.
const ROUGH: u64 = 6000;
/// Seconds after that.
const QUIET: u64 = 3000;

fn world(seed: u64) -> World {
    let mut random = Random::new(!seed);
    let mut up_to = |most| 1 + random.below(most);
    World {
        dnskey_ttl: up_to(80),
        zone_ttl: up_to(80),
        ds_ttl: up_to(150),
        lag: up_to(30),
        skew: up_to(10),
        signing: up_to(150),
    }
}

fn policy(world: &World, seed: u64) -> Policy {
    let mut random = Random::new(seed ^ 0x55);
    let mut lifetime = || match random.once_in(3) {
        true => None,
        false => Some(Span::from_secs(50 + random.below(900))),
    };
    Policy {
        zsk_lifetime: lifetime(),
        ksk_lifetime: lifetime(),
        ..truth(world)
    }
}

/// Goes through one world; what was removed and crashed, or what was bogus.
fn run(world: World, policy: Policy, seed: u64) -> Result<(usize, usize), String> {
    go(Model::new(world, policy, seed))
}

fn go(mut model: Model) -> Result<(usize, usize), String> {
    for _ in 0..ROUGH {
        model.tick()?;
    }
    model.rough = false;
    model.policy.zsk_lifetime = None;
    model.policy.ksk_lifetime = None;
    model
        .ring
        .publish(Time(model.now))
        .map_err(|refusal| refusal.to_string())?;
    for _ in 0..QUIET {
        model.tick()?;
    }
    match model.ring.prospects(&model.policy)[..] {
        [] => Ok((model.removed, model.crashes)),
        ref ahead => Err(format!("never ends: {ahead:?}\n{:#?}", model.ring)),
    }
}

fn seeds() -> u64 {
    let asked = std::env::var("KEYS_SEEDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(150)
}

#[test]
fn nothing_that_a_cache_holds_is_ever_bogus() {
    let (mut removed, mut crashes) = (0, 0);
    for seed in 0..seeds() {
        let world = world(seed);
        let policy = policy(&world, seed);
        match run(world, policy, seed) {
            Ok((more, crashed)) => {
                removed += more;
                crashes += crashed;
            }
            Err(bogus) => panic!("seed {seed}: {bogus}"),
        }
    }
    assert!(
        removed as u64 > 3 * seeds(),
        "only {removed} keys were rolled"
    );
    assert!(crashes as u64 > 10 * seeds(), "only {crashes} crashes");
}

/// What takes a wait out of a policy.
type Spoil = fn(&mut Policy);

/// The model can fail: each time that a policy waits for is needed.
#[test]
fn a_policy_that_waits_too_little_is_found_out() {
    let none = Span::ZERO;
    let wrong: [(&str, Spoil); 5] = [
        ("dnskey_ttl", |policy| policy.dnskey_ttl = Span::ZERO),
        ("zone_ttl", |policy| policy.zone_ttl = Span::ZERO),
        ("ds_ttl", |policy| policy.ds_ttl = Span::ZERO),
        ("signing", |policy| policy.signing = Span::ZERO),
        ("propagation", |policy| policy.propagation = Span::ZERO),
    ];
    for (what, spoil) in wrong {
        let found = (0..300).any(|seed| {
            let world = world(seed);
            let mut policy = policy(&world, seed);
            spoil(&mut policy);
            let mut model = Model::new(world, policy, seed);
            model.changes = false;
            go(model).is_err_and(|bogus| !bogus.starts_with("never"))
        });
        assert!(found, "{what} of {none} is not found out");
    }
}

#[test]
fn a_ring_that_forgets_longer_ttls_is_found_out() {
    let found = (0..300).any(|seed| {
        let world = world(seed);
        let policy = policy(&world, seed);
        let mut model = Model::new(world, policy, seed);
        model.heeds = false;
        go(model).is_err_and(|bogus| !bogus.starts_with("never"))
    });
    assert!(found);
}
