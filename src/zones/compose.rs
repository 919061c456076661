//! One zone as it is to be served: what is laid over what came, and its signatures.
//!
//! Signatures that there are already are taken over: from the zone as it was, or from what was kept over a restart. Those
//! that are lacking are made here if they are few; many are made afterwards, in steps that nothing waits behind.
use std::sync::Arc;

use super::job::{Spread, signed_in};
use super::keys::Shown;
use crate::dns::Name;
use crate::dns::challenges;
use crate::dns::rr::rtype;
use crate::dns::transfer::serial;
use crate::dns::zone::signed::{KeptMark, KeptSignatures, MADE_HERE, Signed, Steered};
use crate::dns::zone::{Edit, Mount, Presence, Zone};

/// Chunks of signatures that are looked at without a thought.
const FEW: usize = 64;

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
    /// Addresses of names that have those of others.
    pub(super) aliases: Vec<Edit>,
    /// The serial at the least.
    pub(super) serial: Option<u32>,
    /// What it shows of its keys, if it is to be signed here.
    pub(super) shown: Option<Shown>,
    /// What steered names may be answered with, by the number of their service.
    pub(super) steered: Arc<[Steered]>,
    /// Its last signatures, so that none of them is made twice.
    pub(super) before: Option<Arc<Signed>>,
    /// Those that were kept over a restart, in place of its last.
    pub(super) kept: Option<Arc<KeptSignatures>>,
    /// The number of signatures that are made at once; where more are lacking, none is.
    pub(super) most: usize,
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

/// The outcome of composing a zone.
#[derive(Debug)]
pub(super) struct Composition {
    /// The zone; it is not to be served as long as signatures are lacking.
    pub(super) composed: Composed,
    /// The number of signatures that are lacking.
    pub(super) lacking: usize,
    /// The number of signatures that were made.
    pub(super) made: usize,
    /// Those that had been kept over a restart.
    pub(super) mark: Option<KeptMark>,
}

impl Composition {
    /// Of a zone to which nothing has to be signed.
    fn of(composed: Composed) -> Self {
        Self {
            composed,
            lacking: 0,
            made: 0,
            mark: None,
        }
    }
}

impl Composed {
    fn unsigned(base: Arc<Zone>, zone: Arc<Zone>) -> Self {
        Self {
            base,
            zone,
            signed: None,
        }
    }
}

impl Compose {
    /// Tells that the zone is served as it came.
    pub(super) fn is_plain(&self) -> bool {
        let is_laid_over =
            !self.dynamic.is_empty() || !self.aliases.is_empty() || self.serial.is_some();
        let is_signed = self.shown.is_some() || self.base.is_signed_elsewhere();
        self.mounts.is_none() && self.absent.is_none() && !is_laid_over && !is_signed
    }

    /// Lays records over the zone, and signs it if it has keys. A zone that was signed elsewhere is served as it
    /// came: nobody could sign what would be laid over it.
    ///
    /// # Errors
    /// What comes out is no zone.
    pub(super) fn make(self, spread: &Spread<'_>) -> Result<Composition, String> {
        let base = self.remounted()?;
        if let Some(presence) = self.absent {
            let zone = Arc::new(Zone::absent(base.apex(), &base.mounts(), presence));
            return Ok(Composition::of(Composed::unsigned(base, zone)));
        }
        let shown = self.shown.as_ref().filter(|shown| shown.is_signed());
        if base.presence() != Presence::Loaded {
            let zone = Arc::clone(&base);
            return Ok(Composition::of(Composed::unsigned(base, zone)));
        }
        if shown.is_none()
            && let Some(signed) = Signed::elsewhere(Arc::clone(&base))
        {
            return Ok(Composition::of(Composed {
                zone: Arc::clone(&base),
                base,
                signed: Some(Arc::new(signed)),
            }));
        }
        let zone = self.amended(&base, shown)?;
        Ok(match shown {
            Some(shown) => self.sign(base, &zone, shown, spread),
            None => Composition::of(Composed::unsigned(base, zone)),
        })
    }

    /// Signs the zone as far as that is soon done.
    fn sign(
        &self,
        base: Arc<Zone>,
        zone: &Arc<Zone>,
        shown: &Shown,
        spread: &Spread<'_>,
    ) -> Composition {
        let (before, signing) = (self.before.as_deref(), shown.signing.clone());
        let mut signed = Signed::following(before, Arc::clone(zone), signing, &self.steered);
        let kept = self.kept.as_ref().filter(|_| before.is_none());
        if let Some(kept) = kept {
            let all: Vec<usize> = (0..signed.blocks()).collect();
            signed = signed.renewed(spread(&all, &|chunk| signed.adopt(chunk, kept)));
        }
        let mark = kept.map(|_| signed.mark());
        let chunks = signed.lacking(self.now);
        let lacks = chunks.iter().map(|&chunk| signed.lacks(chunk, self.now));
        let lacking: usize = lacks.sum();
        let (signed, lacking, made) = if lacking > self.most {
            (signed, lacking, 0)
        } else {
            // What is due besides is renewed in its turn, unless it is little too.
            let stale = signed.stale(self.now);
            let chunks = if stale.len() > FEW { chunks } else { stale };
            let (signed, made) = signed_in(&signed, &chunks, self.now, spread);
            (signed, 0, made)
        };
        Composition {
            composed: Composed {
                base,
                zone: Arc::clone(zone),
                signed: Some(Arc::new(signed)),
            },
            lacking,
            made,
            mark,
        }
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
        edits.extend(self.aliases.iter().cloned());
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
