//! Phases of cookie secrets (RFC 9018, section 5): accepted, in use, accepted still, gone; functions of events and of time.
//!
//! ```text
//! drawn --accepted--> begins, and all who are heard accept it --makes cookies--> another one does --accepted--> gone
//!                                                          an hour after all have that other one, or a day after it began
//! ```
//!
//! A node makes cookies with the newest secret that has begun and that all who are heard accept, as they tell themselves; it waits for them for five minutes at the most: so whatever it gives a client
//! any of them takes, whenever each of them has heard of a secret. One that another follows is accepted for as long as cookies of it may be about.
use std::collections::BTreeMap;

use crate::base::limits::COOKIE_SECRETS;
use crate::base::{Span, Utc};
use crate::dns::cookie;

use super::vault::{NodeVault, OtherVault, SecretKind, Vault, VaultSight};

/// Time for which a cookie counts, and by which clocks differ.
const COOKIE_LIFE: Span = Span::from_secs(3600 + 300);
/// Time for which a secret is accepted at the most once a later one has begun, for the sake of nodes that do not have that one.
pub(super) const OUTLIVES: Span = Span::from_secs(24 * 3600);
/// Time for which a secret that has begun waits for those who are heard and do not have it.
const HELD_UP: Span = Span::from_secs(300);
/// Time between the draw of a secret and its use, where nothing hurries.
pub(super) const ANNOUNCED: Span = Span::from_secs(3600);

/// The moments at which all nodes were first seen to have a secret or a later one, by its name.
pub(super) type SeenWhole = BTreeMap<String, Utc>;

/// A cookie secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) name: String,
    pub(super) begins: Utc,
    pub(super) secret: cookie::Secret,
    rank: u64,
}

impl Vault {
    /// The secrets with which cookies are checked by a node that knows nothing of others; the first makes them.
    #[must_use]
    pub fn cookies(&self, wall: Utc) -> Vec<cookie::Secret> {
        in_use(self, wall, &[])
    }
}

/// All of a vault, the newest first.
pub(super) fn generations(vault: &Vault) -> Vec<Generation> {
    let all = vault.read().filter_map(|(name, rank, kind)| match kind {
        SecretKind::Cookie { begins, secret } => Some(Generation {
            name: name.to_owned(),
            begins,
            secret,
            rank,
        }),
        SecretKind::Cohort(_) | SecretKind::Tsig(..) => None,
    });
    let mut all: Vec<Generation> = all.collect();
    all.sort_unstable_by_key(|own| std::cmp::Reverse((own.begins, own.rank)));
    all
}

/// The secrets with which cookies are checked; the first makes them. There are none for a node that lacks those of the others that it hears, until they have
/// given it theirs.
pub(super) fn in_use(vault: &Vault, wall: Utc, others: &[OtherVault]) -> Vec<cookie::Secret> {
    let all = generations(vault);
    let (begun, announced): (Vec<_>, Vec<_>) = all.iter().partition(|own| own.begins <= wall);
    let told: Vec<&NodeVault> = others.iter().filter_map(speaks).collect();
    let last = vault.cookie_names().max();
    let is_behind = told.iter().any(|told| told.cookies().max() > last);
    let is_accepted = |own: &&&Generation| {
        let has_waited = !is_behind && later(own.begins, HELD_UP) <= wall;
        let has = |told: &&NodeVault| told.held.contains_key(&own.name);
        has_waited || told.iter().all(has)
    };
    let Some(makes) = begun.iter().find(is_accepted) else {
        return Vec::new();
    };
    let rest = announced.iter().chain(&begun).filter(|own| *own != makes);
    let secrets = std::iter::once(makes).chain(rest).map(|own| own.secret);
    secrets.take(COOKIE_SECRETS).collect()
}

/// Another node that is heard, and accepts cookies of secrets of all.
fn speaks(other: &OtherVault) -> Option<&NodeVault> {
    let said = other.said.as_deref().filter(|_| other.is_heard)?;
    said.has_cookies().then_some(said)
}

/// Notes which secrets all nodes have by now.
pub(super) fn look(vault: &Vault, sight: &VaultSight, whole: &mut SeenWhole) {
    let all = generations(vault);
    for (place, own) in all.iter().enumerate() {
        let has = |other: &OtherVault| {
            let held = other.said.as_deref().map(|said| &said.held);
            held.is_some_and(|held| all[..=place].iter().any(|one| held.contains_key(&one.name)))
        };
        if own.begins <= sight.wall && sight.others.iter().all(has) {
            whole.entry(own.name.clone()).or_insert(sight.wall);
        }
    }
    whole.retain(|name, _| vault.get(name).is_some());
}

/// Tells that a secret that begins at this time is accepted no more.
pub(super) fn is_over(vault: &Vault, begins: Utc, wall: Utc, whole: &SeenWhole) -> bool {
    generations(vault).iter().any(|other| {
        let seen = whole.get(&other.name);
        let all_have = seen.is_some_and(|seen| later(*seen, COOKIE_LIFE) <= wall);
        other.begins > begins
            && other.begins <= wall
            && (all_have || later(other.begins, OUTLIVES) <= wall)
    })
}

pub(super) fn later(time: Utc, span: Span) -> Utc {
    Utc(time.0.saturating_add(span.0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::{Moment, NodeMark};
    use crate::share::{Author, NodeSecrets};

    const START: Utc = Utc(1_800_000_000_000);

    fn at(seconds: u64) -> Utc {
        Utc(START.0 + seconds * 1000)
    }

    /// A vault with a secret that began at the start, and one that begins an hour later; their names.
    fn vault() -> (Vault, [String; 2]) {
        let mut vault = Vault::default();
        let mark = NodeMark::of(&[7; 32]);
        let names = [(0, 1), (3600, 2)].map(|(begins, octet)| {
            let kind = SecretKind::Cookie {
                begins: at(begins),
                secret: cookie::Secret([octet; 16]),
            };
            vault.put(&kind, (mark, START)).unwrap()
        });
        (vault, names)
    }

    fn other(is_heard: bool, held: &[&String]) -> OtherVault {
        let held = held.iter().map(|name| ((*name).clone(), 1));
        OtherVault {
            author: Author(9),
            name: "tor1".to_owned(),
            is_heard,
            said: Some(Arc::new(NodeVault {
                held: held.collect(),
                own: Default::default(),
                secrets: NodeSecrets::default(),
            })),
        }
    }

    fn sight(seconds: u64, others: &[OtherVault]) -> VaultSight {
        VaultSight {
            me: Author(1),
            mark: None,
            is_together: true,
            now: Moment(0),
            wall: at(seconds),
            others: others.to_vec(),
        }
    }

    fn octets(vault: &Vault, seconds: u64, others: &[OtherVault]) -> Vec<u8> {
        let used = in_use(vault, at(seconds), others);
        used.iter().map(|own| own.0[0]).collect()
    }

    #[test]
    fn a_secret_is_accepted_before_it_is_in_use_and_in_use_once_those_who_are_heard_accept_it() {
        let (vault, [old, new]) = vault();
        let both = [other(true, &[&old, &new])];
        assert_eq!(octets(&vault, 10, &both), [1, 2]);
        assert_eq!(octets(&vault, 3600, &both), [2, 1]);
        let lacks = [other(true, &[&old])];
        assert_eq!(octets(&vault, 3600, &lacks), [1, 2]);
        let away = [other(false, &[&old])];
        assert_eq!(octets(&vault, 3600, &away), [2, 1]);
        let apart = [other(true, &[&"cookie ffffffffffffffff".to_owned()])];
        assert_eq!(octets(&vault, 3600, &apart), [] as [u8; 0]);
        let late = octets(&vault, 3600 + 300, &lacks);
        assert_eq!(
            late,
            [2, 1],
            "who comes back with an old disk turns nobody back"
        );
    }

    #[test]
    fn the_old_secret_goes_an_hour_after_all_have_the_new_one_or_after_a_day() {
        let (vault, [old, new]) = vault();
        let mut whole = SeenWhole::new();
        look(
            &vault,
            &sight(10, &[other(true, &[&old, &new])]),
            &mut whole,
        );
        assert!(!whole.contains_key(&new), "it has not begun");
        look(&vault, &sight(4000, &[other(false, &[&old])]), &mut whole);
        let over = |seconds, whole: &SeenWhole| is_over(&vault, START, at(seconds), whole);
        assert!(!over(3600 + 24 * 3600 - 1, &whole) && over(3600 + 24 * 3600, &whole));
        look(&vault, &sight(5000, &[other(false, &[&new])]), &mut whole);
        assert!(!over(5000 + 3899, &whole) && over(5000 + 3900, &whole));
        assert!(
            !is_over(&vault, at(3600), at(100_000), &whole),
            "nothing follows it"
        );
    }
}
