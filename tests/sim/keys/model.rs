//! A zone on two servers, its parent on two more, and a validator that caches: does anything that
//! a cache may hold ever fail to validate?
//!
//! Two nodes work on the same files. Their clocks differ, each looks at the files when it likes
//! (within half of what `propagation` allows), and each may crash between any two writes and come
//! back later. The parent follows CDS at random times, its second server later than its first.
//! The operator says what the parent has at random times, rolls keys, lets the zone go insecure
//! and come back. TTLs are stated anew. Signatures of a retired key go on being served for a random time.
//!
//! The validator is not told any of that: it knows what each server showed and when. A DS RRset,
//! a DNSKEY RRset and a signature may each be as old as their TTL, in any combination.
use std::collections::BTreeSet;

use waypost::base::Span;
use waypost::dns::dnssec::Algorithm;
use waypost::keys::{Goal, Key, KeyId, Policy, Ring, Role, Step, Sync, Time, View};

/// The true times of the world; a policy may state others.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) dnskey_ttl: u64,
    pub(crate) zone_ttl: u64,
    pub(crate) ds_ttl: u64,
    /// How long a node may serve what is not in the files any more, at most.
    pub(crate) lag: u64,
    /// By how much a node's clock is wrong, at most.
    pub(crate) skew: u64,
    /// How long a signature of a retired key is served, at most.
    pub(crate) signing: u64,
}

/// Numbers that look random, the same for a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// What was shown at some time, and until when a cache may have it.
struct Seen<T> {
    what: T,
    until: u64,
}

/// Everything that may be in a cache.
struct History<T>(Vec<Seen<T>>);

impl<T: PartialEq> History<T> {
    fn show(&mut self, what: T, until: u64) {
        match self.0.iter_mut().find(|seen| seen.what == what) {
            Some(seen) => seen.until = seen.until.max(until),
            None => self.0.push(Seen { what, until }),
        }
    }

    fn forget(&mut self, oldest: u64) {
        self.0.retain(|seen| seen.until >= oldest);
    }
}

/// A DNSKEY RRset with the keys that signed it.
type Keys = (BTreeSet<KeyId>, BTreeSet<KeyId>);

/// The caches of a validator, which knows what each server showed and when.
#[derive(Default)]
pub(crate) struct Caches {
    ds: History<BTreeSet<KeyId>>,
    keys: History<Keys>,
    signers: History<Option<KeyId>>,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Caches {
    /// A server of the parent shows these.
    pub(crate) fn see_ds(&mut self, ds: &BTreeSet<KeyId>, now: u64, world: &World) {
        self.ds.show(ds.clone(), now + world.ds_ttl);
    }

    /// A node shows this, and old signatures of these keys.
    pub(crate) fn see(&mut self, view: &View, lingering: &[(KeyId, u64)], now: u64, world: &World) {
        let [dnskey, zone] = [world.dnskey_ttl, world.zone_ttl].map(|ttl| now + ttl);
        let keys = view.published.iter().copied().collect();
        let entry = view.entry_signers.iter().copied().collect();
        self.keys.show((keys, entry), dnskey);
        for signer in &view.zone_signers {
            self.signers.show(Some(*signer), zone);
        }
        for (signer, _) in lingering {
            self.signers.show(Some(*signer), zone);
        }
        if view.zone_signers.is_empty() {
            self.signers.show(None, zone);
        }
    }

    /// Forgets what no cache can have any more; an error is what a validator finds bogus of the rest.
    pub(crate) fn validate(&mut self, now: u64) -> Result<(), String> {
        self.ds.forget(now);
        self.keys.forget(now);
        self.signers.forget(now);
        for ds in self.ds.0.iter().filter(|ds| !ds.what.is_empty()) {
            for keys in &self.keys.0 {
                let (published, entry) = &keys.what;
                let leads = |id: &KeyId| published.contains(id) && entry.contains(id);
                if !ds.what.iter().any(leads) {
                    return Err(bogus(now, "no DS leads to the keys", ds, keys, None));
                }
                for signer in &self.signers.0 {
                    if !signer.what.is_some_and(|id| published.contains(&id)) {
                        return Err(bogus(now, "a signature of no key", ds, keys, signer.what));
                    }
                }
            }
        }
        Ok(())
    }
}

fn bogus(
    now: u64,
    what: &str,
    ds: &Seen<BTreeSet<KeyId>>,
    keys: &Seen<Keys>,
    signer: Option<KeyId>,
) -> String {
    let tags = |ids: &BTreeSet<KeyId>| ids.iter().map(|id| id.tag).collect::<Vec<_>>();
    format!(
        "{now}: {what}: DS {:?} (until {}), keys {:?} (until {}), signer {signer:?}",
        tags(&ds.what),
        ds.until,
        tags(&keys.what.0),
        keys.until
    )
}

struct Node {
    /// Added to the true time, less [`World::skew`].
    skew: u64,
    view: Option<View>,
    looked: u64,
    /// Keys whose old signatures are served, and until when.
    lingering: Vec<(KeyId, u64)>,
    down_until: u64,
}

pub(crate) struct Model {
    pub(crate) world: World,
    pub(crate) policy: Policy,
    pub(crate) random: Random,
    pub(crate) now: u64,
    /// The state file.
    pub(crate) ring: Ring,
    /// Whether things go wrong.
    pub(crate) rough: bool,
    /// Whether TTLs are stated anew at times.
    pub(crate) changes: bool,
    /// Whether that is heeded, as it should be.
    pub(crate) heeds: bool,
    nodes: [Node; 2],
    parent: BTreeSet<KeyId>,
    /// What the parent's second server still has, and until when.
    parent_late: Option<(BTreeSet<KeyId>, u64)>,
    caches: Caches,
    tags: u16,
    pub(crate) removed: usize,
    pub(crate) crashes: usize,
}

/// A policy that states the truth.
pub(crate) fn truth(world: &World) -> Policy {
    Policy {
        zsk_lifetime: None,
        ksk_lifetime: None,
        dnskey_ttl: Span::from_secs(world.dnskey_ttl),
        zone_ttl: Span::from_secs(world.zone_ttl),
        ds_ttl: Span::from_secs(world.ds_ttl),
        propagation: Span::from_secs(world.lag + 2 * world.skew + 1),
        signing: Span::from_secs(world.signing),
    }
}

impl Model {
    pub(crate) fn new(world: World, policy: Policy, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut node = |down_until| Node {
            skew: random.below(2 * world.skew + 1),
            view: None,
            looked: 0,
            lingering: Vec::new(),
            down_until,
        };
        let nodes = [node(0), node(0)];
        let mut model = Self {
            world,
            policy,
            random,
            now: 100_000,
            ring: Ring::default(),
            rough: true,
            changes: true,
            heeds: true,
            nodes,
            parent: BTreeSet::new(),
            parent_late: None,
            caches: Caches::default(),
            tags: 0,
            removed: 0,
            crashes: 0,
        };
        let roles = match model.random.once_in(2) {
            true => &[Role::Csk][..],
            false => &[Role::Ksk, Role::Zsk],
        };
        for role in roles {
            let key = model.make(*role, Time(model.now));
            model.ring.add(key);
        }
        model
    }

    /// The config and the parent state other TTLs from now on.
    fn restate(&mut self) {
        let mut up_to = |most| 1 + self.random.below(most);
        let (dnskey, zone, ds) = (up_to(80), up_to(80), up_to(150));
        let signing = up_to(150);
        let told = truth(&World {
            dnskey_ttl: dnskey,
            zone_ttl: zone,
            ds_ttl: ds,
            signing,
            ..self.world
        });
        (
            self.world.dnskey_ttl,
            self.world.zone_ttl,
            self.world.ds_ttl,
        ) = (dnskey, zone, ds);
        self.world.signing = signing;
        self.policy = Policy {
            zsk_lifetime: self.policy.zsk_lifetime,
            ksk_lifetime: self.policy.ksk_lifetime,
            ..told
        };
        // A reload is looked at by at least one node before anything else is.
        if self.heeds {
            self.ring.heed(&self.policy, Time(self.now));
        }
    }

    fn make(&mut self, role: Role, now: Time) -> Key {
        self.tags += 1;
        let id = KeyId {
            tag: self.tags,
            algorithm: Algorithm::EcdsaP256,
        };
        Key::new(id, role, now)
    }

    /// One second; an error is what a validator found bogus.
    pub(crate) fn tick(&mut self) -> Result<(), String> {
        self.now += 1;
        for number in 0..self.nodes.len() {
            self.node(number);
        }
        self.parent();
        if self.random.once_in(20) {
            self.operator();
        }
        self.remember();
        let well = self.caches.validate(self.now);
        well.map_err(|bogus| format!("{bogus}\n{:#?}", self.ring))
    }

    fn node(&mut self, number: usize) {
        let (now, lag) = (self.now, self.world.lag);
        let node = &mut self.nodes[number];
        node.lingering.retain(|(_, until)| *until >= now);
        if node.down_until > now {
            return;
        }
        let is_late = node.view.is_none() || now - node.looked >= lag;
        if !is_late && !self.random.once_in(lag.max(2) / 2) {
            return;
        }
        if self.advance(number).is_none() {
            let node = &mut self.nodes[number];
            node.view = None;
            node.down_until = now + self.random.below(3 * lag + 200);
            self.crashes += 1;
            return;
        }
        self.serve(number);
    }

    /// What `io::keys` does when a node looks at the files; `None` is a crash.
    fn advance(&mut self, number: usize) -> Option<()> {
        let clock = Time(self.now + self.nodes[number].skew - self.world.skew);
        if self.heeds {
            self.ring.heed(&self.policy, clock);
        }
        while let Some(step) = self.ring.due(&self.policy, clock) {
            if self.rough && self.random.once_in(15) {
                return None;
            }
            match step {
                Step::Make(role) => {
                    let key = self.make(role, clock);
                    if self.rough && self.random.once_in(5) {
                        return None; // Its files are there, but nothing names them.
                    }
                    self.ring.add(key);
                }
                Step::Publish(_)
                | Step::Activate(_)
                | Step::Submit(_)
                | Step::See(_)
                | Step::Remove(_)
                | Step::SeeNone
                | Step::Unsign => {
                    let before = self.ring.live().count();
                    self.ring.take(step, clock);
                    self.removed += before - self.ring.live().count();
                }
            }
        }
        if self.rough && self.random.once_in(100) {
            return None;
        }
        Some(())
    }

    fn serve(&mut self, number: usize) {
        let view = self.ring.view();
        let most = self.world.signing + 1;
        let node = &mut self.nodes[number];
        if let Some(old) = &node.view {
            for signer in old
                .zone_signers
                .iter()
                .filter(|id| !view.zone_signers.contains(id))
            {
                let until = self.now + self.random.below(most);
                node.lingering.push((*signer, until));
            }
        }
        node.lingering.retain(|(id, _)| view.published.contains(id));
        node.looked = self.now;
        node.view = Some(view);
    }

    /// The parent follows what all nodes say alike (RFC 7344, section 6).
    fn parent(&mut self) {
        if self
            .parent_late
            .as_ref()
            .is_some_and(|(_, until)| *until < self.now)
        {
            self.parent_late = None;
        }
        if self.parent_late.is_some() || !self.random.once_in(60) {
            return;
        }
        let views = self
            .nodes
            .iter()
            .map(|node| node.view.as_ref().map(|view| view.sync));
        let Some(said) = views.collect::<Option<Vec<Sync>>>() else {
            return;
        };
        let wanted = match said[..] {
            [Sync::Key(one), Sync::Key(other)] if one == other => BTreeSet::from([one]),
            [Sync::Delete, Sync::Delete] => BTreeSet::new(),
            _ => return,
        };
        if wanted != self.parent {
            let until = self.now + self.random.below(self.world.lag + 1);
            let old = std::mem::replace(&mut self.parent, wanted);
            self.parent_late = Some((old, until));
        }
    }

    fn operator(&mut self) {
        let now = Time(self.now + self.random.below(2 * self.world.skew + 1) - self.world.skew);
        if self.ring.goal == Goal::Insecure && self.parent.is_empty() {
            self.ring.see_none(now).unwrap();
        }
        for id in self.parent.clone() {
            let _ = self.ring.see(id.tag, &self.policy, now);
        }
        if !self.rough {
            return;
        }
        if self.changes && self.random.once_in(15) {
            self.restate();
        }
        match self.random.below(60) {
            0 => _ = self.ring.withdraw(now),
            1..=4 => _ = self.ring.publish(now),
            5..=10 => self.roll(&[Role::Csk], now),
            11..=16 => self.roll(&[Role::Zsk], now),
            17..=22 => self.roll(&[Role::Ksk], now),
            23..=26 => self.roll(&[Role::Ksk, Role::Zsk], now),
            _ => {}
        }
    }

    /// Rolls to keys of these roles, if nothing would be left without a key of the other role.
    fn roll(&mut self, roles: &[Role], now: Time) {
        let is_combined = self.ring.live().any(|key| key.role == Role::Csk);
        let allowed = roles
            .iter()
            .all(|role| self.ring.may_follow(*role, None).is_ok());
        if !allowed || is_combined && roles.len() == 1 && roles[0] != Role::Csk {
            return;
        }
        for role in roles {
            let key = self.make(*role, now);
            self.ring.add(key);
        }
    }

    /// Notes what is shown now.
    fn remember(&mut self) {
        let (now, world, caches) = (self.now, &self.world, &mut self.caches);
        caches.see_ds(&self.parent, now, world);
        if let Some((late, _)) = &self.parent_late {
            caches.see_ds(late, now, world);
        }
        for node in &self.nodes {
            if let Some(view) = &node.view {
                caches.see(view, &node.lingering, now, world);
            }
        }
    }
}
