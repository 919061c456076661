//! How a zone is signed, as the config says it.
//!
//! This is the operator's part only: which keys there are, and in which state, is found in the
//! folder of the keys; when a key is rolled is decided by the policy of rollovers out of both.
use std::path::PathBuf;

use serde::Serialize;

use crate::base::Span;
use crate::dns::dnssec::Algorithm;

/// `[[zones]] dnssec = { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneDnssec {
    /// The folder of the zone's keys, relative to where the program was started.
    pub keys: PathBuf,
    /// How names and types are denied.
    pub denial: Denial,
    /// The algorithm of new keys.
    pub algorithm: Algorithm,
    /// Whether one key does everything.
    pub division: Division,
    /// How long a ZSK signs; `None` = until somebody rolls it. Of no effect with one key.
    pub zsk_lifetime: Option<Span>,
    /// How long a KSK (or the one key) signs; `None` = until somebody rolls it.
    pub ksk_lifetime: Option<Span>,
    /// How long a signature is valid.
    pub signature_validity: Span,
    /// What happens when signatures are near their end and no new ones were made.
    pub expired: Expired,
    /// How long before the end of a signature that comes to pass.
    pub margin: Span,
    /// The TTL of the DNSKEY RRset.
    pub dnskey_ttl: Span,
    /// The TTL of the DS RRset in the parent zone.
    pub parent_ds_ttl: Span,
    /// How long a change may take to reach every server of the zone.
    pub propagation: Span,
}

/// How names and types are denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Denial {
    /// NSEC (RFC 4034, section 4).
    Nsec,
    /// NSEC3 without iterations and salt (RFC 5155, RFC 9276).
    Nsec3,
}

/// Whether one key does everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Division {
    /// One key signs everything and is named by the DS: a CSK.
    Combined,
    /// A KSK signs the DNSKEY RRset and is named by the DS, a ZSK signs the rest.
    Split,
}

/// What happens when signatures are near their end and no new ones were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expired {
    /// Questions that ask for signatures get SERVFAIL, so that resolvers go to another server.
    Refuse,
    /// The old signatures go on being served.
    Serve,
}

impl ZoneDnssec {
    /// What a zone has whose `dnssec` says nothing.
    #[must_use]
    pub fn with_keys(keys: PathBuf) -> Self {
        const HOUR: Span = Span::from_secs(3600);
        Self {
            keys,
            denial: Denial::Nsec,
            algorithm: Algorithm::EcdsaP256,
            division: Division::Combined,
            zsk_lifetime: Some(HOUR.times(24 * 90)),
            ksk_lifetime: None,
            signature_validity: HOUR.times(24 * 14),
            expired: Expired::Refuse,
            margin: HOUR,
            dnskey_ttl: HOUR,
            parent_ds_ttl: HOUR.times(24),
            propagation: HOUR,
        }
    }
}
