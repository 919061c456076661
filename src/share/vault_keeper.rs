//! One node's part in the secrets of all: takes what others give it, draws what nobody has, and tells and gives what it has.
//!
//! A cookie secret is told once it is in force, for others go by that. The secrets that it draws are drawn by one of the nodes that hear each other: each waits
//! for those that come before it.
use std::collections::{BTreeMap, BTreeSet};

use crate::base::limits::{CLUSTER_KEYS_AWAITED, CLUSTER_SKEW_MOST, CLUSTER_VAULT, COOKIE_SECRETS};
use crate::base::{HashKey, Moment, NodeMark, Span, Utc};
use crate::dns::{Name, cookie};

use super::cookie_secrets::{self, ANNOUNCED, SeenWhole, later};
use super::seal::Author;
use super::secrets::{NodeSecrets, SecretWrap};
use super::vault::{
    COHORT, NodeVault, OtherVault, SecretKind, SharedSecret, Vault, VaultSight, rank_time,
};

/// Time that a node leaves to each that comes before it to draw a secret.
const TURN: Span = Span::from_secs(10);

/// The means to encrypt, to decrypt and to draw.
pub trait SecretLock {
    /// The public half of this node's lock.
    fn public(&self) -> [u8; 32];
    /// Encrypts a secret of this name and rank to the node with this lock.
    fn seal(&self, named: (&str, u64), value: &str, to: (Author, [u8; 32])) -> Option<SecretWrap>;
    /// Decrypts a secret of this name and rank that is for this node.
    fn open(&self, named: (&str, u64), wrap: &SecretWrap) -> Option<String>;
    /// Draws a secret; nothing if the system has no randomness to give.
    fn draw(&self) -> Option<[u8; 16]>;
}

/// The part of a config that a node goes by with secrets of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultRules {
    /// Time after which a cookie secret is followed by another.
    pub roll_every: Span,
    /// Tells that this node makes cookies with secrets of all.
    pub shares_cookies: bool,
    /// The key of cohorts that it has without one of all; absent if its config sets one.
    pub first_cohort: Option<HashKey>,
}

/// A change of secrets that somebody orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretOrder {
    /// Another cookie secret, in use at once.
    RollCookie,
    /// Another key of cohorts.
    RollCohort,
    /// This secret of a TSIG key, in base64; nothing to have it removed.
    Tsig(Name, Option<String>),
}

/// One node's secrets of all.
#[derive(Debug)]
pub struct VaultKeeper {
    vault: Vault,
    /// The secrets that are in force, with their ranks.
    in_force: BTreeMap<String, u64>,
    /// Names of those in whose place the config has others.
    own: BTreeSet<String>,
    whole: SeenWhole,
    /// Secrets as they were encrypted, by whom they are for, with which lock, name and rank.
    wraps: BTreeMap<(Author, [u8; 32], String, u64), SecretWrap>,
    began: Moment,
}

impl VaultKeeper {
    /// Begins with what was kept; that is in force already.
    #[must_use]
    pub fn new(vault: Vault, now: Moment) -> Self {
        Self {
            in_force: vault.ranks(),
            vault,
            own: BTreeSet::new(),
            whole: SeenWhole::new(),
            wraps: BTreeMap::new(),
            began: now,
        }
    }

    /// All secrets of this node.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Takes what others give, draws what is due, and lets go what is over; tells whether there is anything else to keep than before.
    pub fn turn(&mut self, sight: &VaultSight, rules: &VaultRules, lock: &dyn SecretLock) -> bool {
        let before = self.vault.ranks();
        cookie_secrets::look(&self.vault, sight, &mut self.whole);
        // What is known of others by hearsay alone may be long past.
        for other in sight.others.iter().filter(|other| other.is_heard) {
            let said = other.said.iter().flat_map(|said| &said.secrets.given);
            for given in said {
                let named = (&*given.name, given.print);
                let is_new = before.get(named.0).is_none_or(|rank| *rank < named.1);
                let is_ahead = rank_time(named.1) > later(sight.wall, CLUSTER_SKEW_MOST);
                let mut mine = given.wraps.iter().filter(|wrap| wrap.to == sight.me);
                if let Some(wrap) = mine.next().filter(|_| is_new && !is_ahead)
                    && let Some(value) = lock.open(named, wrap)
                {
                    self.accept(named, value, sight.wall);
                }
            }
        }
        if let Some(mark) = sight.mark.filter(|_| sight.has_settled(self.began)) {
            self.draw((sight, mark), rules, lock);
        }
        for (place, own) in cookie_secrets::generations(&self.vault).iter().enumerate() {
            let is_over = cookie_secrets::is_over(&self.vault, own.begins, sight.wall, &self.whole);
            if is_over || place >= 2 * COOKIE_SECRETS {
                self.vault.remove(&own.name);
            }
        }
        self.vault.ranks() != before
    }

    fn accept(&mut self, (name, rank): (&str, u64), value: String, wall: Utc) {
        if let Some(SecretKind::Cookie { begins, .. }) = SecretKind::read(name, &value)
            && cookie_secrets::is_over(&self.vault, begins, wall, &self.whole)
        {
            return;
        }
        self.vault.take(name, SharedSecret { rank, value });
    }

    /// Draws what is due, unless another node that is heard has it or is to do it.
    fn draw(
        &mut self,
        (sight, mark): (&VaultSight, NodeMark),
        rules: &VaultRules,
        lock: &dyn SecretLock,
    ) {
        let heard = || sight.others.iter().filter(|other| other.is_heard);
        let before = heard().filter(|other| other.author < sight.me).count();
        let patience = TURN.times(before as u64);
        let has_waited = sight.now.since(self.began) >= patience;
        let told = |has: &dyn Fn(&NodeVault) -> bool| {
            heard().filter_map(|other| other.said.as_deref()).any(has)
        };
        let newest = cookie_secrets::generations(&self.vault)
            .first()
            .map(|own| own.begins);
        let begins = match newest {
            None => {
                let is_due = has_waited && !told(&NodeVault::has_cookies);
                is_due.then_some(sight.wall)
            }
            Some(newest) => {
                let due = later(later(newest, rules.roll_every), patience);
                let has_room = cookie_secrets::generations(&self.vault).len() < COOKIE_SECRETS;
                // One that has lost its disk, or has an old one, first takes what the others have drawn since.
                let last = self.vault.cookie_names().max();
                let is_behind = told(&|said| said.cookies().max() > last);
                let is_due = sight.is_together && has_room && !is_behind && due <= sight.wall;
                is_due.then(|| later(sight.wall, ANNOUNCED))
            }
        };
        if let Some(begins) = begins.filter(|_| rules.shares_cookies)
            && let Some(secret) = lock.draw()
        {
            let secret = cookie::Secret(secret);
            self.vault
                .put(&SecretKind::Cookie { begins, secret }, (mark, sight.wall));
        }
        let knows_cohort = |said: &NodeVault| said.held.contains_key(COHORT);
        if let Some(key) = rules.first_cohort
            && self.vault.cohort().is_none()
            && has_waited
            && !told(&knows_cohort)
        {
            self.vault.put_first(key, (mark, sight.wall));
        }
    }

    /// Carries out an order; gives the name of the secret.
    ///
    /// # Errors
    /// The reason why not; for a person.
    pub fn order(
        &mut self,
        sight: &VaultSight,
        order: &SecretOrder,
        lock: &dyn SecretLock,
    ) -> Result<String, String> {
        let drawn = || lock.draw().ok_or("the system gives no random numbers");
        let mark = sight
            .mark
            .ok_or("the other nodes do not listen to this one")?;
        let kind = match order {
            SecretOrder::RollCookie => SecretKind::Cookie {
                begins: sight.wall,
                secret: cookie::Secret(drawn()?),
            },
            SecretOrder::RollCohort => SecretKind::Cohort(HashKey::from_secret(&drawn()?)),
            SecretOrder::Tsig(key, value) => SecretKind::Tsig(key.clone(), value.clone()),
        };
        let put = self.vault.put(&kind, (mark, sight.wall));
        let full = || {
            format!(
                "it is too long, or there are {} secrets already",
                CLUSTER_VAULT.0
            )
        };
        put.ok_or_else(full)
    }

    /// The secrets with which cookies are checked; the first makes them.
    #[must_use]
    pub fn cookies(&self, sight: &VaultSight) -> Vec<cookie::Secret> {
        cookie_secrets::in_use(&self.vault, sight.wall, &sight.others)
    }

    /// All secrets are in force now; in place of these the config has its own.
    pub fn is_in_force(&mut self, own: BTreeSet<String>) {
        self.in_force = self.vault.ranks();
        self.own = own;
    }

    /// Everything that is to be told: the secrets that are in force, and all that others lack.
    pub fn told(&mut self, sight: &VaultSight, lock: &dyn SecretLock) -> NodeVault {
        let mut before = std::mem::take(&mut self.wraps);
        let mut told = NodeVault {
            held: self.in_force.clone(),
            own: self.own.clone(),
            secrets: NodeSecrets {
                lock: lock.public(),
                ..NodeSecrets::default()
            },
        };
        for (other, said) in sight.others.iter().filter_map(speaker) {
            let lock_of = said.secrets.lock;
            for (name, secret) in self.vault.iter() {
                let has = said.held.get(name).is_some_and(|rank| *rank >= secret.rank);
                if has || told.secrets.octets() > CLUSTER_VAULT.1 {
                    continue;
                }
                let place = (other.author, lock_of, name.to_owned(), secret.rank);
                let named = (name, secret.rank);
                let wrap = before.remove(&place);
                let wrap =
                    wrap.or_else(|| lock.seal(named, &secret.value, (other.author, lock_of)));
                if let Some(wrap) = wrap {
                    told.secrets.give(name, secret.rank, wrap.clone());
                    self.wraps.insert(place, wrap);
                }
            }
        }
        told
    }
}

impl VaultSight {
    /// Tells that those who can be heard have told what they have.
    fn has_settled(&self, began: Moment) -> bool {
        let mut heard = self.others.iter().filter(|other| other.is_heard);
        let has_all = self.is_together && heard.all(|other| other.said.is_some());
        has_all || self.now.since(began) >= CLUSTER_KEYS_AWAITED
    }
}

/// Another node that has told its lock.
fn speaker(other: &OtherVault) -> Option<(&OtherVault, &NodeVault)> {
    let said = other.said.as_deref()?;
    (said.secrets.lock != [0; 32]).then_some((other, said))
}
