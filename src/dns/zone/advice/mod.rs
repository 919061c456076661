//! What a zone says that cannot work, or is hardly meant.
//!
//! Nothing of it keeps a zone from being served, and none of it is an error, because no two of
//! `named-checkzone` (9.18), `kzonecheck` (3.2) and `nsd-checkzone` (4.6) agree: BIND refuses an apex
//! whose server has no address, a DS at the apex and a DS digest of the wrong length; Knot refuses
//! missing glue and such digests; NSD takes all of it.
//!
//! While a zone is built, [`Notes`] keeps where the few records stand that a rule asks about; other
//! records cost one comparison. They are judged when the zone is whole, each with a look-up or two. A
//! zone with errors gets no advice: what seems to be missing may stand in a line that is wrong.
//!
//! Only what the zone itself knows is asked: a target in another zone, below a delegation included,
//! may have addresses, and a steered name has them. A record that stands in no file is nobody's to
//! mend. Whether the parent agrees with any of it is not known here.
//!
//! | module | what it judges |
//! |---|---|
//! | `targets` | the hosts that NS, MX and SRV name |
//! | `records` | what a record says by itself or of its place: SOA, DS, digests, TTLs |
mod records;
mod targets;

use super::check::View;
use super::records::{Place, Raw};
use super::{Zone, ZoneError};
use crate::base::limits::ZONE_ADVICE;
use crate::dns::name::Name;
use crate::dns::rr::{RrSet, rtype};

/// Key fingerprints of SSH hosts (RFC 4255).
const SSHFP: u16 = 44;
/// Certificates of TLS servers (RFC 6698).
const TLSA: u16 = 52;
/// Certificates of mailboxes (RFC 8162).
const SMIMEA: u16 = 53;
/// Service bindings (RFC 9460).
const SVCB: u16 = 64;
/// The same for HTTPS.
const HTTPS: u16 = 65;

/// Where the records stand that a rule asks about, in the order of the zone.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

/// Where one of them stands.
#[derive(Debug)]
struct Note {
    node: u32,
    kind: u16,
    place: Place,
}

/// What a rule looks at: a record, and what it belongs to.
#[derive(Clone, Copy)]
struct Site<'z> {
    zone: &'z Zone,
    node: u32,
    set: RrSet<'z>,
    rdata: &'z [u8],
}

/// What is said of a record, and what to do about it.
struct Advice {
    message: String,
    help: &'static str,
}

impl Notes {
    /// Notes the records of a name that a rule asks about.
    pub(super) fn take(&mut self, view: &View<'_>) {
        let is_steered = view.is_steered();
        let asked = view.raws_here().filter(|raw| is_asked(raw, is_steered));
        self.0.extend(asked.map(|raw| Note {
            node: view.id,
            kind: raw.rtype,
            place: raw.place,
        }));
    }

    /// Judges what was noted: at most [`ZONE_ADVICE`] findings.
    pub(super) fn judge(&self, zone: &Zone) -> Vec<ZoneError> {
        let same_set = |one: &Note, other: &Note| (one.node, one.kind) == (other.node, other.kind);
        let sets = self.0.chunk_by(same_set);
        let advice = sets.flat_map(|notes| judge_set(zone, notes));
        advice.take(ZONE_ADVICE).collect()
    }
}

fn is_asked(raw: &Raw, is_steered: bool) -> bool {
    let is_asked = match raw.rtype {
        rtype::NS | rtype::SOA | rtype::MX | rtype::SRV | rtype::DS | rtype::CDS => true,
        SSHFP | TLSA | SMIMEA => true,
        rtype::CNAME | SVCB | HTTPS => raw.ttl >= records::DAY,
        rtype::RRSIG | rtype::NSEC => false,
        _ => is_steered && raw.ttl >= records::DAY,
    };
    is_asked && raw.place != Place::NOWHERE
}

/// Judges an RRset, whose notes are in the order of its records.
fn judge_set<'z>(zone: &'z Zone, notes: &'z [Note]) -> impl Iterator<Item = ZoneError> + 'z {
    let Note { node, kind, .. } = notes[0];
    let set = zone.set_at(node, kind);
    let sites = set.into_iter().flat_map(move |set| {
        set.records().map(move |rdata| Site {
            zone,
            node,
            set,
            rdata,
        })
    });
    let of_set = sites.clone().take(1).filter_map(|site| site.judge_set());
    let of_set = of_set.map(|advice| (&notes[0], advice));
    let of_records = notes
        .iter()
        .zip(sites)
        .filter_map(|(note, site)| Some((note, site.judge_record()?)));
    of_set
        .chain(of_records)
        .map(|(note, advice)| note.place.error(advice.message, Some(advice.help)))
}

impl Site<'_> {
    /// Judges what all records of the set have in common.
    fn judge_set(self) -> Option<Advice> {
        self.only_server().or_else(|| self.outlives_steering())
    }

    /// Judges one record.
    fn judge_record(self) -> Option<Advice> {
        match self.set.rtype {
            rtype::SOA => self.mailbox().or_else(|| self.times()),
            rtype::NS | rtype::MX | rtype::SRV => self.target(),
            rtype::DS => self.misplaced_ds().or_else(|| self.digest()),
            _ => self.digest(),
        }
    }

    fn owner(self) -> Name {
        self.zone.name(self.node)
    }
}
