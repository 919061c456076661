//! Keys of one zone: what the zone shows of them, and whether it may be answered unsigned.
//!
//! A zone that was signed has a DS at its parent, so that an unsigned answer from it is bogus for everybody who
//! validates. Where its keys are gone or cannot be read it is therefore **withheld** (SERVFAIL with the
//! reason) and not answered without signatures; a zone that never was signed goes on unsigned until it has
//! keys. Once it is signed, keys that become unreadable change nothing: it goes on with those in memory.
//!
//! Files and rollovers are not known here: a keyring comes from whoever reads the folder, and a step is asked
//! for when it is due ([`crate::keys`]) and taken there.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Moment, Span};
use crate::dns::Name;
use crate::dns::rr::rtype;
use crate::dns::zone::signed::{self, Signing, Steered};
use crate::dns::zone::{Edit, Zone, service_number};
use crate::keys::{Fellow, Fellows, Keyring, Policy, Time, ToldRing};
use crate::plan::{Denial, ZoneDnssec};

use super::status::{KeyStatus, in_words};

/// What a zone shows of its keys.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// How it is signed.
    pub(super) signing: Signing,
    /// DNSKEY, CDS and CDNSKEY.
    pub(super) records: Vec<Edit>,
}

impl Shown {
    /// Whether there is anything to sign with.
    pub(super) fn is_signed(&self) -> bool {
        !self.signing.zone_keys.is_empty() && !self.signing.entry_keys.is_empty()
    }
}

/// The other nodes of a cluster that sign zones of this one.
#[derive(Clone, Debug, Default)]
pub enum KeyNodes {
    /// There are none.
    #[default]
    Lone,
    /// Those of each zone; of a zone that is not named nobody has been heard.
    Cluster {
        /// By zone.
        zones: BTreeMap<Name, Arc<Fellows>>,
        /// Set while this node has begun and has not heard whether its keys are those of the others: until then no zone that it signs
        /// is ready.
        is_waiting: bool,
        /// Set while most of the nodes are heard, and their clocks say what this one's says.
        agrees: bool,
    },
}

impl KeyNodes {
    /// Those that sign a zone.
    fn of(&self, apex: &Name) -> Arc<Fellows> {
        match self {
            Self::Lone => Arc::default(),
            Self::Cluster { zones, .. } => zones.get(apex).map_or_else(
                || {
                    Arc::new(Fellows {
                        others: vec![Fellow::Unheard],
                        ..Fellows::default()
                    })
                },
                Arc::clone,
            ),
        }
    }

    /// Tells that most of the nodes have a clock that says the same.
    pub(super) fn agree(&self) -> bool {
        matches!(self, Self::Cluster { agrees: true, .. })
    }

    pub(super) fn are_awaited(&self) -> bool {
        matches!(
            self,
            Self::Cluster {
                is_waiting: true,
                ..
            }
        )
    }
}

/// Keys of a zone that is to be signed here.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    how: ZoneDnssec,
    policy: Policy,
    keyring: Option<Keyring>,
    /// Why they could not be read the last time.
    complaint: Option<String>,
    /// Whether a step was asked for that is not done yet.
    pub(super) asked: bool,
    /// When a step may be asked for again.
    pub(super) not_before: Moment,
    /// Other nodes that sign the zone.
    fellows: Arc<Fellows>,
    /// Set while it is not known yet whether these are the keys of the others.
    is_unsure: bool,
    /// The ring that other nodes were told, once they are told anything.
    told: Option<ToldRing>,
    has_nodes: bool,
}

/// The policy of a zone whose largest TTL is `zone_ttl`.
#[must_use]
pub fn policy(how: &ZoneDnssec, zone_ttl: Span) -> Policy {
    Policy {
        zsk_lifetime: how.zsk_lifetime,
        ksk_lifetime: how.ksk_lifetime,
        dnskey_ttl: how.dnskey_ttl,
        zone_ttl,
        ds_ttl: how.parent_ds_ttl,
        propagation: how.propagation,
        signing: how.signature_validity,
    }
}

/// The largest TTL that anything of a zone may be answered with.
#[must_use]
pub fn longest_ttl(zone: &Zone, steered: &[Steered]) -> Span {
    let mounted = zone.mounts().into_iter();
    let mounted = mounted.filter_map(|(_, mount)| {
        let steered = steered.get(usize::from(service_number(mount)))?;
        Some(steered.longest_ttl())
    });
    let sets = zone.sets_of_all().map(|set| set.ttl);
    let denial = std::iter::once(zone.denial_soa().ttl);
    let longest = mounted.chain(sets).chain(denial).max();
    Span::from_secs(u64::from(longest.unwrap_or(0)))
}

impl Keys {
    /// Keys as they were read, or why they were not.
    pub(super) fn new(how: ZoneDnssec, zone_ttl: Span, read: Result<Keyring, String>) -> Self {
        let (keyring, complaint) = match read {
            Ok(keyring) => (Some(keyring), None),
            Err(why) => (None, Some(why)),
        };
        Self {
            policy: policy(&how, zone_ttl),
            how,
            keyring,
            complaint,
            asked: false,
            not_before: Moment::default(),
            fellows: Arc::default(),
            is_unsure: false,
            told: None,
            has_nodes: false,
        }
    }

    /// Takes which other nodes sign the zone; tells whether it may be answered now, and might not before.
    pub(super) fn meet(&mut self, apex: &Name, nodes: &KeyNodes) -> bool {
        let was_waiting = self.is_waiting();
        self.fellows = nodes.of(apex);
        self.has_nodes = !matches!(nodes, KeyNodes::Lone);
        self.is_unsure = nodes.are_awaited();
        was_waiting && !self.is_waiting()
    }

    /// Tells that the zone is not answered yet: its keys may be old ones, or there are none, and of the other nodes, which may sign it, none was heard.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_unsure || self.is_empty() && self.fellows.are_silent()
    }

    /// The same, of keys that were just read.
    pub(super) fn among(mut self, apex: &Name, nodes: &KeyNodes) -> Self {
        self.meet(apex, nodes);
        self
    }

    /// Other nodes that sign the zone.
    pub(super) fn fellows(&self) -> &Arc<Fellows> {
        &self.fellows
    }

    /// The ring that other nodes are to be told, now that it is served, if they were told another.
    pub(super) fn news(&mut self) -> Option<ToldRing> {
        let keyring = self.keyring.as_ref().filter(|_| self.has_nodes)?;
        let is_told = self.told.as_ref();
        if is_told.is_some_and(|told| told.ring == keyring.ring) {
            return None;
        }
        self.told = Some(keyring.told());
        self.told.clone()
    }

    /// How the zone is signed, as the config says it.
    pub(super) fn how(&self) -> &ZoneDnssec {
        &self.how
    }

    /// When steps are taken.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether there are none, nor ever were.
    pub(super) fn is_empty(&self) -> bool {
        self.keyring.as_ref().is_some_and(Keyring::is_empty)
    }

    /// Whether two sets of keys show the same, by the same policy.
    pub(super) fn are_alike(one: Option<&Self>, other: Option<&Self>) -> bool {
        let parts = |keys: &Self| {
            let view = keys.keyring.as_ref().map(|keyring| keyring.view.clone());
            (keys.how.clone(), keys.policy.clone(), view)
        };
        one.map(parts) == other.map(parts)
    }

    /// Takes another largest TTL of the zone.
    pub(super) fn cover(&mut self, zone_ttl: Span) {
        self.policy.zone_ttl = zone_ttl;
    }

    /// Takes the largest TTL of what has come into the zone.
    pub(super) fn cover_more(&mut self, ttl: Span) {
        self.policy.zone_ttl = self.policy.zone_ttl.max(ttl);
    }

    /// Why they could not be read the last time.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Whether the zone was made insecure on purpose, in all steps.
    pub(super) fn is_unsigned_by_policy(&self) -> bool {
        let ring = self.keyring.as_ref().map(|keyring| &keyring.ring);
        ring.is_some_and(|ring| ring.unsigned.is_some() && ring.signed.is_none())
    }

    /// Why a zone that was signed cannot be signed now; `None` if it can, or need not be.
    pub(super) fn loss(&self) -> Option<String> {
        match &self.keyring {
            None => Some(
                self.complaint
                    .clone()
                    .unwrap_or_else(|| "its keys were not read".to_owned()),
            ),
            Some(keyring) if keyring.is_empty() => Some(format!(
                "there are no keys of it in {}: bring them back from a backup",
                self.how.keys.display()
            )),
            Some(_) => None,
        }
    }

    /// Takes in what the folder holds now; whether the zone shows something else with it. What cannot be read
    /// changes nothing but the complaint, which is given if it is new.
    pub(super) fn take(&mut self, read: Result<Keyring, String>) -> (Change, Option<String>) {
        match read {
            Ok(keyring) => {
                self.complaint = None;
                let before = self.keyring.replace(keyring);
                let view = self.keyring.as_ref().map(|keyring| &keyring.view);
                let same = before.as_ref().map(|before| &before.view) == view;
                let change = if same { Change::None } else { Change::Shown };
                (change, None)
            }
            Err(why) => {
                let is_new = self.complaint.as_ref() != Some(&why);
                self.complaint = Some(why.clone());
                (Change::None, is_new.then_some(why))
            }
        }
    }

    /// Whether a step is due, or times that caches go by have changed.
    pub(super) fn is_due(&self, now: Time) -> bool {
        let ring = self.keyring.as_ref().map(|keyring| &keyring.ring);
        ring.is_some_and(|ring| {
            let mut heeded = ring.clone();
            let due = ring.due_among(&self.policy, &self.fellows, now);
            heeded.follow(&self.fellows, now)
                || !ring.keys.is_empty() && (heeded.heed(&self.policy, now) || due.is_some())
        })
    }

    /// Tells that nothing is to be signed with them: their steps were taken by a clock that was wrong, and others are here.
    pub(super) fn give_way(&self, now: Time) -> bool {
        let ring = self.keyring.as_ref().map(|keyring| &keyring.ring);
        ring.is_some_and(|ring| ring.gives_way(&self.fellows, now))
    }

    /// When the next step is due, as far as that is a matter of time.
    pub(super) fn wake_at(&self, now: Time) -> Option<Time> {
        let ring = &self.keyring.as_ref()?.ring;
        match ring.clone().follow(&self.fellows, now) {
            true => Some(now),
            false => ring.wake_among(&self.policy, &self.fellows, now),
        }
    }

    /// What the zone shows of them.
    pub(super) fn shown(&self, zone: &Zone) -> Option<Shown> {
        let keyring = self.keyring.as_ref()?;
        let ttl = self.how.dnskey_ttl.as_secs();
        let edit = |rtype, records| Edit {
            owner: zone.apex().clone(),
            rtype,
            ttl,
            records,
        };
        Some(Shown {
            signing: Signing {
                entry_keys: keyring.entry_keys(),
                zone_keys: keyring.zone_keys(),
                denial: match self.how.denial {
                    Denial::Nsec => signed::Denial::Nsec,
                    Denial::Nsec3 => signed::Denial::Nsec3,
                },
                validity: u64::from(self.how.signature_validity.as_secs()),
            },
            records: vec![
                edit(rtype::DNSKEY, keyring.dnskey()),
                edit(rtype::CDS, keyring.cds()),
                edit(rtype::CDNSKEY, keyring.cdnskey()),
            ],
        })
    }

    /// The live keys, and what happens next, for a person.
    pub(super) fn report(&self) -> (Vec<KeyStatus>, Vec<String>) {
        let Some(keyring) = &self.keyring else {
            return (Vec::new(), Vec::new());
        };
        let report = keyring.ring.report_among(&self.policy, &self.fellows);
        let live = report.keys.iter().filter(|key| key.key.is_live());
        let keys = live.map(|key| KeyStatus {
            tag: key.key.id.tag,
            algorithm: key.key.id.algorithm.to_string(),
            role: key.key.role.word().to_owned(),
            phase: key.phase.to_owned(),
        });
        (keys.collect(), report.next.iter().map(in_words).collect())
    }
}

/// What a look at the keys has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that the zone shows.
    None,
    /// What the zone shows.
    Shown,
}
