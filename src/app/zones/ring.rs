//! Keys of one zone: what it shows of them, and the steps of their rollovers.
//!
//! The folder is looked at every second, because `waypost keys` and other nodes change it. A step
//! that is due is remembered only while what was remembered before is what is served: the waits
//! of a rollover count from there. A folder that cannot be read changes nothing that is served.
use std::time::SystemTime;

use tracing::{error, info};

use crate::base::Span;
use crate::dns::rr::rtype;
use crate::dns::zone::signed::{self, Signing};
use crate::dns::zone::{Edit, Zone};
use crate::io::keys::{Store, policy};
use crate::keys::{Policy, Report, Ring, Time, View};
use crate::plan::{Denial, ZoneDnssec};

/// What a zone shows of its keys.
pub(super) struct Shown {
    /// How it is signed.
    pub(super) signing: Signing,
    /// DNSKEY, CDS and CDNSKEY.
    pub(super) records: Vec<Edit>,
}

/// The keys of one zone.
pub(super) struct Keys {
    how: ZoneDnssec,
    store: Store,
    policy: Policy,
    view: View,
    ring: Ring,
    shown: Shown,
    /// When the state was last written; absent while there is none.
    written: Option<SystemTime>,
    /// What went wrong last, so that it is said once.
    complaint: Option<String>,
}

impl Shown {
    /// Whether there is anything to sign with.
    pub(super) fn is_signed(&self) -> bool {
        !self.signing.zone_keys.is_empty() && !self.signing.entry_keys.is_empty()
    }
}

impl Keys {
    /// Reads the keys of a zone; its largest TTL is `zone_ttl`. Steps that are due are taken first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn open(
        zone: &Zone,
        how: &ZoneDnssec,
        (zone_ttl, now): (Span, u64),
    ) -> Result<Self, String> {
        let store = Store::new(&how.keys, zone.apex());
        let policy = policy(how, zone_ttl);
        let failed = |error: crate::io::keys::KeysError| format!("zone `{}`: {error}", zone.apex());
        store.advance(&policy, Time(now)).map_err(failed)?;
        let written = written(&store);
        let keyring = store.load().map_err(failed)?;
        let shown = shown(zone, how, &keyring);
        Ok(Self {
            how: how.clone(),
            policy,
            view: keyring.view,
            ring: keyring.ring,
            shown,
            store,
            written,
            complaint: None,
        })
    }

    /// Whether there are none, nor ever were.
    pub(super) fn is_empty(&self) -> bool {
        self.ring.keys.is_empty()
    }

    pub(super) fn shown(&self) -> &Shown {
        &self.shown
    }

    pub(super) fn how(&self) -> &ZoneDnssec {
        &self.how
    }

    /// What is known of them, and what happens next.
    pub(super) fn report(&self) -> Report {
        self.ring.report(&self.policy)
    }

    /// Takes steps that are due, and reads what others have changed; whether the zone shows something
    /// else than before.
    pub(super) fn look(&mut self, zone: &Zone, now: u64) -> bool {
        let looked = self.try_to_look(zone, now);
        let complaint = looked.as_ref().err().cloned();
        if let Some(complaint) = complaint
            .as_ref()
            .filter(|new| self.complaint.as_ref() != Some(new))
        {
            error!(
                event = "keys_unreadable",
                "zone `{}` goes on with the keys that it has: {complaint}",
                zone.apex()
            );
        }
        self.complaint = complaint;
        looked.unwrap_or(false)
    }

    fn try_to_look(&mut self, zone: &Zone, now: u64) -> Result<bool, String> {
        let say = |error: crate::io::keys::KeysError| error.to_string();
        let steps = self.store.advance(&self.policy, Time(now)).map_err(say)?;
        for step in &steps {
            info!(event = "key_step", zone = %zone.apex(), step = ?step, "a rollover goes on");
        }
        let written = written(&self.store);
        if steps.is_empty() && written == self.written {
            return Ok(false);
        }
        let keyring = self.store.load().map_err(say)?;
        self.written = written;
        let changed = keyring.view != self.view;
        self.shown = shown(zone, &self.how, &keyring);
        (self.view, self.ring) = (keyring.view, keyring.ring);
        Ok(changed)
    }
}

fn written(store: &Store) -> Option<SystemTime> {
    let metadata = std::fs::metadata(store.state_path()).ok()?;
    metadata.modified().ok()
}

fn shown(zone: &Zone, how: &ZoneDnssec, keyring: &crate::io::keys::Keyring) -> Shown {
    let ttl = how.dnskey_ttl.as_secs();
    let edit = |rtype, records| Edit {
        owner: zone.apex().clone(),
        rtype,
        ttl,
        records,
    };
    Shown {
        signing: Signing {
            entry_keys: keyring.entry_keys(),
            zone_keys: keyring.zone_keys(),
            denial: match how.denial {
                Denial::Nsec => signed::Denial::Nsec,
                Denial::Nsec3 => signed::Denial::Nsec3,
            },
            validity: u64::from(how.signature_validity.as_secs()),
        },
        records: vec![
            edit(rtype::DNSKEY, keyring.dnskey()),
            edit(rtype::CDS, keyring.cds()),
            edit(rtype::CDNSKEY, keyring.cdnskey()),
        ],
    }
}
