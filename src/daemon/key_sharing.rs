//! Keys of the zones that several nodes of a cluster sign: told, given and taken, each node in a folder of its own.
//!
//! ```text
//! zones --served ring--> told to all          others' rings --> zones: who has taken which step
//! folder --secret--> encrypted to who lacks it, by whoever has it --> decrypted --> folder, on the disk --> follows the ring
//! ```
//!
//! It works on the thread that looks at folders of keys, and decides nothing: which steps may be taken, and what is taken over, is for
//! [`crate::keys`] to say.
//!
//! A node that has just begun tells what its folder has, for it answers nothing else, and lets no signed zone be answered until most of
//! the nodes have told what they serve and it has their keys, or [`CLUSTER_KEYS_AWAITED`] is over: its folder may be from a backup.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::{info, warn};

use crate::base::limits::CLUSTER_KEYS_AWAITED;
use crate::base::{Moment, Utc};
use crate::dns::Name;
use crate::io::carry::SharedCopy;
use crate::io::keys::Store;
use crate::io::keys::lock::{self, NodeLock};
use crate::keys::{Fellow, Fellows, Key, KeyId, Time, ToldRing};
use crate::share::{
    Author, Cluster, Footing, MemberAdmission, NodeSecrets, RingsTold, SealedSecret, SecretWrap,
};
use crate::zones::{Input, KeyNodes};

/// Keys that other nodes sign with, too.
#[derive(Debug)]
pub(super) struct KeySharing {
    copy: SharedCopy,
    lock: Arc<NodeLock>,
    /// Absent until they are known.
    zones: Option<BTreeMap<Name, SharedZone>>,
    /// The news that were looked at last, and whether clocks agreed then.
    seen: Option<(u64, bool)>,
    has_changed: bool,
    began: Moment,
    is_waiting: bool,
    /// Secrets that are given, by whom they are for, name and print.
    wraps: BTreeMap<(Author, String, u64), SecretWrap>,
    said: Option<(RingsTold, NodeSecrets)>,
}

/// A zone that is signed here.
#[derive(Debug)]
struct SharedZone {
    store: Store,
    told: Option<ToldRing>,
    held: BTreeSet<(KeyId, u64)>,
}

/// All that was heard of another node.
struct HeardNode {
    author: Author,
    rings: Option<RingsTold>,
    secrets: NodeSecrets,
}

impl KeySharing {
    pub(super) fn new(copy: SharedCopy, lock: Arc<NodeLock>) -> Self {
        Self {
            began: copy.look(|_, now, _| now),
            copy,
            lock,
            zones: None,
            seen: None,
            has_changed: false,
            is_waiting: true,
            wraps: BTreeMap::new(),
            said: None,
        }
    }

    /// Goes on from a process that answers still: its keys are those of the others.
    pub(super) fn without_waiting(self) -> Self {
        Self {
            is_waiting: false,
            ..self
        }
    }

    /// The state of the other nodes before any has been heard.
    pub(super) fn nodes_at_first(&self) -> KeyNodes {
        KeyNodes::Cluster {
            zones: BTreeMap::new(),
            is_waiting: self.is_waiting,
            agrees: false,
        }
    }

    /// Takes the zones that are signed here.
    pub(super) fn use_stores(&mut self, stores: &[(Name, Store)]) {
        let mut before = self.zones.take().unwrap_or_default();
        let zones = stores.iter().map(|(id, store)| {
            let apex = id.clone();
            let told = match before.remove(&apex) {
                Some(known) => known.told,
                None if self.is_waiting => store.load().ok().map(|keyring| keyring.told()),
                None => None,
            };
            let zone = SharedZone {
                held: BTreeSet::new(),
                store: store.clone(),
                told,
            };
            (apex, zone)
        });
        self.zones = Some(zones.collect());
        self.has_changed = true;
    }

    /// Takes the ring that a zone is served with.
    pub(super) fn serve(&mut self, apex: &Name, told: ToldRing) {
        let zones = self.zones.iter_mut();
        let mut zones = zones.filter_map(|zones| zones.get_mut(apex));
        if let Some(zone) = zones.next() {
            zone.told = Some(told);
            self.has_changed = true;
        }
    }

    /// Takes in what was told since the last time, and tells others; what the zones are to know of it.
    pub(super) fn turn(&mut self) -> Vec<Input> {
        // Votes of clocks that differ do not count.
        let (news, agrees) = self.copy.look(|cluster, _, _| {
            let agrees = cluster.footing() == Footing::Together;
            (cluster.key_news(), agrees)
        });
        let news = (news, agrees);
        let is_same = self.seen == Some(news) && !self.has_changed && !self.is_waiting;
        let Some(mut zones) = self.zones.take_if(|_| !is_same) else {
            return Vec::new();
        };
        (self.seen, self.has_changed) = (Some(news), false);
        let (me, now, wall) = self
            .copy
            .look(|cluster, now, wall| (cluster.author(), now, wall));
        let heard = self.copy.look(|cluster, _, _| heard(cluster));
        for zone in zones.values_mut() {
            zone.look();
            zone.take_secrets(&self.lock, (me, &heard));
        }
        let mut inputs = Vec::new();
        let mut nodes = BTreeMap::new();
        for (apex, zone) in &mut zones {
            let fellows = zone.fellows(me, &heard);
            if self.is_waiting {
                inputs.extend(zone.catch_up(&fellows, wall));
            }
            nodes.insert(apex.clone(), Arc::new(fellows));
        }
        let at = Time(wall.0 / 1000);
        // One whose clock is wrong tells nothing that may be followed.
        let is_told = |node: &&HeardNode| {
            let rings = node.rings.as_ref();
            rings.is_some_and(|rings| !rings.values().flatten().any(|told| told.ring.is_ahead(at)))
        };
        let has_heard = heard.iter().filter(is_told).count() + 1;
        let is_whole = nodes.values().all(|fellows| holds_all(fellows));
        let has_waited = now.since(self.began) >= CLUSTER_KEYS_AWAITED;
        let is_enough = has_heard * 2 > heard.len() + 1 && is_whole;
        self.is_waiting &= !(has_waited || is_enough);
        self.say(&zones, &heard);
        self.zones = Some(zones);
        inputs.push(Input::Nodes(KeyNodes::Cluster {
            zones: nodes,
            is_waiting: self.is_waiting,
            agrees,
        }));
        inputs
    }

    /// Tells others what this node serves, and gives them what they lack.
    fn say(&mut self, zones: &BTreeMap<Name, SharedZone>, heard: &[HeardNode]) {
        let told = zones.iter();
        let told = told.map(|(apex, zone)| (name_of(apex), zone.told.clone()));
        let rings: RingsTold = told.collect();
        let mut given = NodeSecrets {
            lock: self.lock.public(),
            ..NodeSecrets::default()
        };
        let mut wraps = std::mem::take(&mut self.wraps);
        for zone in zones.values() {
            for (node, key, print) in zone.lacking(heard) {
                let name = key_name(&zone.store, key);
                let kept = (node.author, name.clone(), print);
                let wrap = wraps.remove(&kept).or_else(|| {
                    let secret = zone.store.secret(key).ok()?;
                    lock::seal(&name, print, &secret, (node.author, node.secrets.lock))
                });
                if let Some(wrap) = wrap {
                    given.give(&name, print, wrap.clone());
                    self.wraps.insert(kept, wrap);
                }
            }
        }
        let said = Some((rings, given));
        if self.said != said
            && let Some((rings, given)) = &said
        {
            self.copy.say(|cluster, _, _| {
                cluster.say_rings(rings);
                cluster.say_secrets(given.clone());
            });
            self.said = said;
        }
    }
}

impl SharedZone {
    /// Looks which keys are in the folder.
    fn look(&mut self) {
        // What cannot be read is told by whoever loads it.
        self.held = self.store.held().unwrap_or_default();
    }

    /// Takes the secrets that others give of keys that they serve and this node lacks.
    fn take_secrets(&mut self, lock: &NodeLock, (me, heard): (Author, &[HeardNode])) {
        let zone = name_of(self.store.zone());
        let rings = heard.iter().filter_map(|node| told(node, &zone).flatten());
        let wanted: BTreeMap<(KeyId, u64), Key> = rings
            .flat_map(|told| {
                let live = told.ring.live();
                live.filter_map(|key| Some(((key.id, *told.prints.get(&key.id)?), key.clone())))
            })
            .filter(|(known, _)| !self.held.contains(known))
            .collect();
        for ((id, print), key) in wanted {
            let name = key_name(&self.store, id);
            let given = heard.iter().flat_map(|node| &node.secrets.given);
            let mine = given.filter(|given| (&given.name, given.print) == (&name, print));
            let mut opened = mine.filter_map(|given| open(lock, me, given));
            let Some(secret) = opened.next() else {
                continue;
            };
            let apex = tracing::field::display(self.store.zone());
            match self.store.keep(&key, print, &secret) {
                Ok(()) => {
                    self.held.insert((id, print));
                    info!(
                        event = "key_taken",
                        zone = apex,
                        "key {id} came from another node"
                    );
                }
                Err(error) => warn!(
                    event = "key_not_taken",
                    zone = apex,
                    "key {id} of another node: {error}"
                ),
            }
        }
    }

    /// The other nodes that sign the zone, as far as they have been heard.
    fn fellows(&self, me: Author, heard: &[HeardNode]) -> Fellows {
        let zone = name_of(self.store.zone());
        let signing = heard.iter().filter_map(|node| {
            let told = match &node.rings {
                None => None,
                Some(_) => told(node, &zone)?,
            };
            Some((node.author, told))
        });
        let signing: Vec<(Author, Option<&ToldRing>)> = signing.collect();
        let others = signing.iter().map(|(_, told)| match told {
            Some(told) => Fellow::Serves(ToldRing::clone(told)),
            None => Fellow::Unheard,
        });
        Fellows {
            others: others.collect(),
            held: self.held.clone(),
            is_second: signing.iter().any(|(author, _)| *author < me),
        }
    }

    /// Takes over what others have done while this node was away, before it answers; what the zones are to know of it.
    fn catch_up(&mut self, fellows: &Fellows, wall: Utc) -> Option<Input> {
        let apex = self.store.zone().clone();
        match self.store.follow(fellows, Time(wall.0 / 1000)) {
            Ok(false) => return None,
            Ok(true) => info!(
                event = "keys_followed",
                zone = %apex,
                "the keys are those of the other nodes now, which went on without this one"
            ),
            Err(error) => warn!(event = "key_not_taken", zone = %apex, "{error}"),
        }
        let read = self.store.load().map_err(|error| error.to_string());
        self.told = read.as_ref().ok().map(crate::keys::Keyring::told);
        Some(Input::Keys {
            apex,
            steps: Vec::new(),
            read: Box::new(read),
        })
    }

    /// Keys that this node has and others lack that sign the zone.
    fn lacking<'h>(&self, heard: &'h [HeardNode]) -> Vec<(&'h HeardNode, KeyId, u64)> {
        let zone = name_of(self.store.zone());
        let Some(own) = &self.told else {
            return Vec::new();
        };
        let prints = own.prints.iter().map(|(id, print)| (*id, *print));
        let held: Vec<(KeyId, u64)> = prints.filter(|key| self.held.contains(key)).collect();
        let mut lacking = Vec::new();
        for node in heard.iter().filter(|node| node.secrets.lock != [0; 32]) {
            if let Some(theirs) = told(node, &zone).flatten() {
                let keys = held
                    .iter()
                    .filter(|(id, _)| theirs.ring.find(*id).is_none());
                lacking.extend(keys.map(|(id, print)| (node, *id, *print)));
            }
        }
        lacking
    }
}

/// The nodes of the roster beside this one that are listened to.
fn heard(cluster: &Cluster) -> Vec<HeardNode> {
    let secrets: BTreeMap<Author, &NodeSecrets> = cluster.secrets().collect();
    let members = cluster.roster().members();
    let others = members.filter(|(author, member)| {
        let counts = member.admission == MemberAdmission::Admitted;
        counts && *author != cluster.author() && !cluster.void().contains(author)
    });
    let heard = others.map(|(author, _)| HeardNode {
        author,
        rings: cluster.rings_of(author).map(|rings| {
            let rings = rings.into_iter();
            rings
                .map(|(zone, told)| (zone.to_owned(), told.cloned()))
                .collect()
        }),
        secrets: secrets
            .get(&author)
            .map_or_else(NodeSecrets::default, |own| (*own).clone()),
    });
    heard.collect()
}

/// The ring of a zone that a node serves: nothing if it does not sign the zone, or cannot tell.
fn told<'h>(node: &'h HeardNode, zone: &str) -> Option<Option<&'h ToldRing>> {
    node.rings.as_ref()?.get(zone).map(Option::as_ref)
}

/// Tells that all keys are here that other nodes serve.
fn holds_all(fellows: &Fellows) -> bool {
    let mut others = fellows.others.iter();
    others.all(|fellow| match fellow {
        Fellow::Unheard => true,
        Fellow::Serves(told) => told.ring.live().all(|key| {
            let print = told.prints.get(&key.id);
            print.is_some_and(|print| fellows.held.contains(&(key.id, *print)))
        }),
    })
}

fn open(lock: &NodeLock, me: Author, given: &SealedSecret) -> Option<String> {
    let mine = given.wraps.iter().find(|wrap| wrap.to == me)?;
    lock.open(&given.name, given.print, mine)
}

/// The name of a zone in what nodes tell.
fn name_of(apex: &Name) -> String {
    apex.to_string().to_ascii_lowercase()
}

/// The name of a key's secret.
fn key_name(store: &Store, id: KeyId) -> String {
    format!("key {} {} {}", name_of(store.zone()), id.algorithm, id.tag)
}
