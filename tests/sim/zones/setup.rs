//! The config of a world, which changes, and what is read when it is loaded.
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use waypost::base::{JurisdictionId, Permille, Secret, Span};
use waypost::dns::Name;
use waypost::dns::challenges::Pattern;
use waypost::dns::dnssec::Algorithm;
use waypost::dns::tsig;
use waypost::dns::zone::Mount;
use waypost::plan::{
    Acme, Denial, Division, Dynamic, Expired, Grant, Incoming, Outgoing, Sources, TsigKey,
    ZoneDnssec, ZonePlan, Zoning,
};

use super::data::{TTL, below, name};

/// One zone, as the config has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ZoneSetup {
    pub(super) apex: Name,
    pub(super) is_configured: bool,
    pub(super) is_secondary: bool,
    pub(super) dnssec: Option<ZoneDnssec>,
    pub(super) is_given: bool,
    pub(super) min_interval: Span,
    pub(super) is_steered: bool,
    /// Whether the second primary is asked first.
    pub(super) is_turned: bool,
}

/// The config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) zones: Vec<ZoneSetup>,
    pub(super) expire: Span,
}

/// The key that updates are signed with.
pub(super) fn update_key() -> TsigKey {
    TsigKey {
        name: name("acme.key"),
        algorithm: tsig::Algorithm::Sha256,
        secret: Some(Secret("c2VjcmV0".to_owned())),
    }
}

pub(super) fn dnssec(apex: &Name) -> ZoneDnssec {
    ZoneDnssec {
        keys: PathBuf::from(format!("/keys/{apex}")),
        denial: Denial::Nsec,
        algorithm: Algorithm::Ed25519,
        division: Division::Combined,
        zsk_lifetime: Some(Span::from_secs(60)),
        ksk_lifetime: None,
        signature_validity: Span::from_secs(150),
        expired: Expired::Refuse,
        margin: Span::from_secs(15),
        dnskey_ttl: Span::from_secs(5),
        parent_ds_ttl: Span::from_secs(5),
        propagation: Span::from_secs(3),
    }
}

impl ZoneSetup {
    fn new(apex: &str) -> Self {
        Self {
            apex: name(apex),
            is_configured: true,
            is_secondary: false,
            dnssec: None,
            is_given: true,
            min_interval: Span(500),
            is_steered: false,
            is_turned: false,
        }
    }

    fn signed(mut self) -> Self {
        self.dnssec = Some(dnssec(&self.apex));
        self
    }

    fn secondary(mut self) -> Self {
        self.is_secondary = true;
        self
    }

    /// The steered names.
    pub(super) fn mounts(&self) -> Vec<(Name, Mount)> {
        let mount = self.is_steered.then(|| (below("www", &self.apex), 0));
        mount.into_iter().collect()
    }

    fn plan(&self, primaries: [SocketAddr; 2]) -> ZonePlan {
        let mut primaries = primaries.to_vec();
        if self.is_turned {
            primaries.reverse();
        }
        ZonePlan {
            aliases: Vec::new(),
            apex: self.apex.clone(),
            view: None,
            id: self.apex.clone(),
            file: Some(PathBuf::from(format!("/zones/{}", self.apex))),
            dnssec: self.dnssec.clone().map(Box::new),
            outgoing: self
                .is_given
                .then(|| Outgoing {
                    to: Vec::new(),
                    notify: vec![SocketAddr::from(([127, 0, 0, 9], 53))],
                    key: None,
                    render_for: IpAddr::from([192, 0, 2, 7]),
                    render_strict: Some(JurisdictionId(0)),
                    min_interval: self.min_interval,
                    sources: Sources::default(),
                })
                .map(Box::new),
            incoming: self
                .is_secondary
                .then_some(Incoming {
                    primaries,
                    key: None,
                    max_size: u64::MAX,
                    sources: Sources::default(),
                })
                .map(Box::new),
            mounts: self.mounts(),
            is_catalog: false,
            listed_by: None,
        }
    }
}

impl Setup {
    /// What every world begins with.
    pub(super) fn first() -> Self {
        let mut steered = ZoneSetup::new("steered.test").signed();
        steered.is_steered = true;
        Self {
            zones: vec![
                ZoneSetup::new("plain.test"),
                ZoneSetup::new("signed.test").signed(),
                steered,
                ZoneSetup::new("second.test").secondary(),
                ZoneSetup::new("inline.test").secondary().signed(),
                ZoneSetup::new("late.test").signed(),
            ],
            expire: Span::from_secs(80),
        }
    }

    /// The zones that are served.
    pub(super) fn configured(&self) -> impl Iterator<Item = &ZoneSetup> {
        self.zones.iter().filter(|zone| zone.is_configured)
    }

    pub(super) fn zone(&self, apex: &Name) -> Option<&ZoneSetup> {
        self.configured().find(|zone| zone.apex == *apex)
    }

    pub(super) fn zoning(&self, primaries: [SocketAddr; 2]) -> Arc<Zoning> {
        let plans = self.configured().map(|zone| Arc::new(zone.plan(primaries)));
        Arc::new(Zoning {
            zones: plans.collect(),
            tsig: vec![update_key()],
            views: Arc::default(),
            acme: Acme {
                configured: true,
                grants: vec![Grant {
                    key: 0,
                    names: vec![Pattern::Challenges],
                }],
                names: vec![Pattern::Challenges],
                expire: self.expire,
                ttl: Span::from_secs(u64::from(TTL)),
            },
            dynamic: Dynamic::default(),
            state: Some(PathBuf::from("/state")),
            max_shrink: Permille(1000),
        })
    }
}
