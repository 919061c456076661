//! One zone as it is to be served: what is laid over what came, and its signatures.
use std::sync::Arc;

use super::job::Spread;
use super::keys::Shown;
use crate::dns::Name;
use crate::dns::challenges;
use crate::dns::rr::rtype;
use crate::dns::transfer::serial;
use crate::dns::zone::signed::{MADE_HERE, Signed, Steered};
use crate::dns::zone::{Edit, Mount, Presence, Zone};

/// What a zone is made of.
#[derive(Clone, Debug)]
pub(super) struct Compose {
    /// The zone as it came.
    pub(super) base: Arc<Zone>,
    /// The steered names, if they are not those of the base.
    pub(super) mounts: Option<Vec<(Name, Mount)>>,
    /// Why nothing of it is answered, if nothing is.
    pub(super) absent: Option<Presence>,
    /// TXT records that come and go by themselves.
    pub(super) dynamic: Vec<Edit>,
    /// The serial at the least.
    pub(super) serial: Option<u32>,
    /// What it shows of its keys, if it is to be signed here.
    pub(super) shown: Option<Shown>,
    /// What steered names may be answered with, by the number of their service.
    pub(super) steered: Arc<[Steered]>,
    /// Its last signatures, so that none of them is made twice.
    pub(super) before: Option<Arc<Signed>>,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// A zone as it is to be served.
#[derive(Clone, Debug)]
pub(super) struct Composed {
    /// The zone as it came, with the steered names that were wanted.
    pub(super) base: Arc<Zone>,
    /// Its data.
    pub(super) zone: Arc<Zone>,
    /// Its data with signatures, if it is signed.
    pub(super) signed: Option<Arc<Signed>>,
}

impl Compose {
    /// Lays records over the zone, and signs it if it has keys. A zone that was signed elsewhere is served as it
    /// came: nobody could sign what would be laid over it.
    ///
    /// # Errors
    /// What comes out is no zone.
    pub(super) fn make(self, spread: &Spread<'_>) -> Result<Composed, String> {
        let base = self.remounted()?;
        if let Some(presence) = self.absent {
            let zone = Arc::new(Zone::absent(base.apex(), &base.mounts(), presence));
            return Ok(Composed {
                base,
                zone,
                signed: None,
            });
        }
        let shown = self.shown.as_ref().filter(|shown| shown.is_signed());
        if base.presence() != Presence::Loaded {
            let zone = Arc::clone(&base);
            return Ok(Composed {
                base,
                zone,
                signed: None,
            });
        }
        if shown.is_none()
            && let Some(signed) = Signed::elsewhere(Arc::clone(&base))
        {
            return Ok(Composed {
                zone: Arc::clone(&base),
                base,
                signed: Some(Arc::new(signed)),
            });
        }
        let zone = self.amended(&base, shown)?;
        let signed = shown.map(|shown| {
            let before = self.before.as_deref();
            let signing = shown.signing.clone();
            let signed = Signed::following(before, Arc::clone(&zone), signing, &self.steered);
            let stale = signed.stale(self.now);
            Arc::new(signed.renewed(spread(&signed, &stale, self.now)))
        });
        Ok(Composed { base, zone, signed })
    }

    /// The zone as it came, with the steered names that are wanted.
    fn remounted(&self) -> Result<Arc<Zone>, String> {
        let Some(mounts) = &self.mounts else {
            return Ok(Arc::clone(&self.base));
        };
        let zone = self.base.remounted(mounts);
        zone.map(Arc::new)
            .map_err(|errors| in_words(&self.base, &errors))
    }

    fn amended(&self, base: &Arc<Zone>, shown: Option<&Shown>) -> Result<Arc<Zone>, String> {
        let mut edits = challenges::beside(base, &self.dynamic);
        edits.extend(self.serial.and_then(|serial| soa(base, serial)));
        if let Some(shown) = shown {
            edits.extend(shown.signing.edits(base, shown.records.clone()));
        }
        let barred = match shown {
            Some(_) => &MADE_HERE[..],
            None => &[],
        };
        if edits.is_empty() && barred.is_empty() {
            return Ok(Arc::clone(base));
        }
        let zone = base.amended(&edits, barred);
        zone.map(Arc::new).map_err(|errors| in_words(base, &errors))
    }
}

fn in_words(base: &Zone, errors: &[crate::dns::zone::ZoneError]) -> String {
    let errors: Vec<String> = errors.iter().map(|error| error.message.clone()).collect();
    format!("zone `{}`: {}", base.apex(), errors.join("; "))
}

/// The SOA with another serial, if its own is not newer.
fn soa(zone: &Zone, serial: u32) -> Option<Edit> {
    let set = zone.set_at(Zone::APEX, rtype::SOA)?;
    let mut rdata = set.records().next()?.to_vec();
    let at = rdata.len().checked_sub(20)?;
    let own = rdata
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)?;
    if own == serial || serial::is_newer(own, serial) {
        return None;
    }
    rdata[at..at + 4].copy_from_slice(&serial.to_be_bytes());
    Some(Edit {
        owner: zone.apex().clone(),
        rtype: set.rtype,
        ttl: set.ttl,
        records: vec![rdata],
    })
}
