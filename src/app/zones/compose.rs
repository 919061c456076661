//! One zone: what is laid over it, and its signatures.
use std::sync::Arc;

use super::ring::Keys;
use super::{Overlay, work};
use crate::dns::challenges;
use crate::dns::transfer::serial;
use crate::dns::zone::signed::{MADE_HERE, Signed, Steered};
use crate::dns::zone::{Edit, Served, Zone};
use crate::engine::status::{KeyStatus, SigningStatus};
use crate::keys::{NextReport, Time};
use crate::plan::{Expired, ZoneDnssec};

/// Longest time that a signature is made late to be made with others, seconds …
const TOGETHER_SECONDS: u64 = 30;
/// … which is this part of its life at the most.
const RENEWALS: u64 = 100;

/// A zone as it is to be served.
pub(super) struct Composed {
    zone: Arc<Zone>,
    signed: Option<Arc<Signed>>,
}

impl Composed {
    /// Lays records over a zone, and signs it if it has keys; what was signed `before` is not
    /// signed again. A zone that was signed elsewhere is served as it came: nobody could sign what would
    /// be laid over it. `now` is seconds since 1970.
    pub(super) fn new(
        base: &Arc<Zone>,
        (overlay, keys): (&Overlay, Option<&Keys>),
        steered: &[Steered],
        (before, now): (Option<&Self>, u64),
    ) -> Result<Self, String> {
        let apex = base.apex();
        if overlay.given_up.contains(apex) {
            let zone = Arc::new(Zone::awaited(apex, &base.mounts()));
            return Ok(Self { zone, signed: None });
        }
        let shown = keys.map(Keys::shown).filter(|shown| shown.is_signed());
        if shown.is_none()
            && let Some(signed) = Signed::elsewhere(Arc::clone(base))
        {
            return Ok(Self {
                zone: Arc::clone(base),
                signed: Some(Arc::new(signed)),
            });
        }
        let dynamic = overlay.dynamic.get(apex);
        let mut edits: Vec<Edit> =
            dynamic.map_or_else(Vec::new, |dynamic| challenges::beside(base, dynamic));
        edits.extend(
            overlay
                .serials
                .get(apex)
                .and_then(|&serial| soa(base, serial)),
        );
        if let Some(shown) = shown {
            edits.extend(shown.signing.edits(base, shown.records.clone()));
        }
        let barred = match shown {
            Some(_) => &MADE_HERE[..],
            None => &[],
        };
        let zone = match edits.is_empty() && barred.is_empty() {
            true => Arc::clone(base),
            false => Arc::new(base.amended(&edits, barred).map_err(|errors| {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                format!("zone `{apex}`: {}", errors.join("; "))
            })?),
        };
        let signed = shown.map(|shown| {
            let before = before.and_then(|before| before.signed.as_deref());
            let signing = shown.signing.clone();
            let signed = Signed::following(before, Arc::clone(&zone), signing, steered);
            let stale = signed.stale(now);
            Arc::new(work::sign(&signed, &stale, now))
        });
        Ok(Self { zone, signed })
    }

    /// Makes signatures anew that are due, those of so many chunks at most; of how many it did. A
    /// few seconds' worth are made together, so that tables do not follow one another for
    /// each of them.
    pub(super) fn renew(&mut self, now: u64, most: usize) -> usize {
        let Some((signed, signing)) = self
            .signed
            .as_ref()
            .and_then(|signed| Some((signed, signed.signing()?)))
        else {
            return 0;
        };
        let together = (signing.validity / RENEWALS).min(TOGETHER_SECONDS);
        if signed.due(now) + together > now {
            return 0;
        }
        let mut due = signed.stale(now);
        due.truncate(most);
        if !due.is_empty() {
            let renewed = work::sign(signed, &due, now);
            self.signed = Some(Arc::new(renewed));
        }
        due.len()
    }

    /// The zone as answers see it.
    pub(super) fn served(&self, how: Option<&ZoneDnssec>) -> Served {
        let plain = Served::plain(Arc::clone(&self.zone));
        let Some(signed) = &self.signed else {
            return plain;
        };
        let Some(how) = how.filter(|_| signed.signing().is_some()) else {
            return Served {
                signed: Some(Arc::clone(signed)),
                ..plain
            };
        };
        let expires = signed.expires();
        Served {
            zone: Arc::clone(&self.zone),
            signed: Some(Arc::clone(signed)),
            expires,
            refuse_from: match how.expired {
                Expired::Refuse => expires.saturating_sub(how.margin.0 / 1000),
                Expired::Serve => u64::MAX,
            },
        }
    }
}

impl Composed {
    /// Whether its signatures came with it.
    pub(super) fn is_signed_elsewhere(&self) -> bool {
        let signed = self.signed.as_ref();
        signed.is_some_and(|signed| signed.signing().is_none())
    }

    /// How it is signed.
    pub(super) fn signing(&self, keys: Option<&Keys>) -> Option<SigningStatus> {
        let signed = self.signed.as_ref()?;
        if let Some(brought) = signed.brought() {
            return Some(SigningStatus {
                elsewhere: true,
                denial: denial_word(signed.is_hashed()).to_owned(),
                rrsets: brought.rrsets,
                due_at: brought.overdue,
                expires_at: brought.expires,
                overdue_at: brought.overdue,
                ..SigningStatus::default()
            });
        }
        let (signing, keys) = signed.signing().zip(keys)?;
        // Whatever the clock says: what does not hold yet is made before anyone looks.
        let due_at = signed.due(u64::MAX);
        let report = keys.report();
        let live = report.keys.iter().filter(|key| key.key.is_live());
        Some(SigningStatus {
            elsewhere: false,
            denial: denial_word(signed.is_hashed()).to_owned(),
            rrsets: signed.entries(),
            due_at,
            expires_at: signed.expires(),
            // A quarter of the validity is left then.
            overdue_at: due_at + signing.validity / 4,
            keys: live
                .map(|key| KeyStatus {
                    tag: key.key.id.tag,
                    algorithm: key.key.id.algorithm.to_string(),
                    role: key.key.role.word().to_owned(),
                    phase: key.phase.to_owned(),
                })
                .collect(),
            next: report.next.iter().map(in_words).collect(),
        })
    }
}

fn denial_word(is_hashed: bool) -> &'static str {
    if is_hashed { "nsec3" } else { "nsec" }
}

/// A step that lies ahead, for a person.
fn in_words(next: &NextReport) -> String {
    let key = next
        .tag
        .map_or_else(String::new, |tag| format!(" key {tag}"));
    match next.at {
        Some(Time(at)) => format!("{}{key} at {at} (seconds since 1970)", next.step),
        None => format!("{}{key} when the parent has been looked at", next.step),
    }
}

/// The SOA with another serial, if its own is not newer.
fn soa(zone: &Zone, serial: u32) -> Option<Edit> {
    let set = zone.set_at(Zone::APEX, crate::dns::rr::rtype::SOA)?;
    let mut rdata = set.records().next()?.to_vec();
    let at = rdata.len().checked_sub(20)?;
    let own = rdata
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)?;
    if serial::is_newer(own, serial) {
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
