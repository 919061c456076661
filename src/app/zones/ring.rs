//! Keys of a zone, from their folder; provisional.
use crate::dns::zone::signed::Signing;
use crate::dns::zone::{Edit, Zone};
use crate::plan::ZoneDnssec;

/// What a zone shows of its keys.
pub(super) struct Shown {
    /// How it is signed.
    pub(super) signing: Signing,
    /// DNSKEY, CDS and CDNSKEY.
    pub(super) records: Vec<Edit>,
}

impl Shown {
    pub(super) fn is_signed(&self) -> bool {
        !self.signing.zone_keys.is_empty()
    }
}

/// The keys of one zone.
pub(super) struct Keys {
    how: ZoneDnssec,
    shown: Shown,
}

impl Keys {
    pub(super) fn open(zone: &Zone, how: &ZoneDnssec, now: u64) -> Result<Self, String> {
        Err(format!("{} {how:?} {now}", zone.apex()))
    }
    pub(super) fn shown(&self) -> &Shown {
        &self.shown
    }
    pub(super) fn how(&self) -> &ZoneDnssec {
        &self.how
    }
    pub(super) fn look(&mut self, now: u64) -> bool {
        now == 0
    }
}
