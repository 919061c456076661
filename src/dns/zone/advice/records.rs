//! What a record says by itself, or of the place where it stands.
use domain::base::Rtype;

use super::{Advice, HTTPS, SMIMEA, SSHFP, SVCB, Site, TLSA};
use crate::base::limits::ALIAS_HOPS;
use crate::dns::name::Name;
use crate::dns::query::take_name;
use crate::dns::rr::rtype;
use crate::dns::zone::find::Found;
use crate::dns::zone::tree::{APEX, CUT};

/// A TTL from which on a record is kept for days, in seconds.
pub(super) const DAY: u32 = 86_400;

impl Site<'_> {
    /// The mailbox is written as a name: its first label is the user, and no `@` stands in it.
    pub(super) fn mailbox(self) -> Option<Advice> {
        let mut rest = self.rdata;
        take_name(&mut rest).ok()?;
        let mailbox = Name::from_wire(take_name(&mut rest).ok()?)?;
        let has_at = mailbox.labels().any(|label| label.contains(&b'@'));
        has_at.then(|| Advice {
            message: format!("the mailbox `{mailbox}` of the SOA holds an `@`"),
            help: "write a dot in its place, `\\.` for each dot before it, and a dot at the end: `hostmaster.example.org.`",
        })
    }

    /// A secondary that looks at its primary less often than it gives the zone up.
    pub(super) fn times(self) -> Option<Advice> {
        let numbers: &[u8; 20] = self.rdata.last_chunk()?;
        let (numbers, _) = numbers.as_chunks::<4>();
        let [_, refresh, _, expire, _] = numbers.try_into().ok()?;
        let [refresh, expire] = [refresh, expire].map(u32::from_be_bytes);
        (expire < refresh).then(|| Advice {
            message: format!("secondaries give the zone up after {expire} seconds, and refresh it after {refresh}"),
            help: "an SOA's expire is many times its refresh: two to four weeks (RFC 1912, section 2.2)",
        })
    }

    /// A DS stands beside the NS records of a delegation, and nowhere else.
    pub(super) fn misplaced_ds(self) -> Option<Advice> {
        let owner = self.owner();
        if self.node == APEX {
            return Some(Advice {
                message: format!("DS at the apex `{owner}`"),
                help: "the DS of a zone stands in its parent: give it to whoever runs that",
            });
        }
        let is_cut = self.zone.tree.node(self.node).is(CUT);
        (!is_cut).then(|| Advice {
            message: format!("DS at `{owner}`, which is no delegation"),
            help: "a DS stands beside the NS records of the zone that it vouches for",
        })
    }

    /// A digest of a known type has a known length.
    pub(super) fn digest(self) -> Option<Advice> {
        let kind = self.set.rtype;
        let (types, digest): (&[(u8, usize)], _) = match kind {
            // Of 3 and 5 (GOST), 6 (SM3): RFC 5933, 9558, 9563.
            rtype::DS | rtype::CDS => (
                &[(1, 20), (2, 32), (3, 32), (4, 48), (5, 32), (6, 32)],
                self.rdata.get(3..)?,
            ),
            TLSA | SMIMEA => (&[(1, 32), (2, 64)], self.rdata.get(2..)?),
            SSHFP => (&[(1, 20), (2, 32)], self.rdata.get(1..)?),
            _ => return None,
        };
        let (own, digest) = digest.split_first()?;
        let (_, length) = types.iter().find(|(known, _)| known == own)?;
        (digest.len() != *length).then(|| Advice {
            message: format!(
                "the digest of the {} at `{}` is {length} octets long by its type ({own}), not {}",
                Rtype::from_int(kind),
                self.owner(),
                digest.len()
            ),
            help: "copy the record once more: part of it is missing or too much, or its digest type is another",
        })
    }

    /// Whoever follows an alias to a steered name, or reads what stands beside one, is moved within
    /// a minute, unless that is remembered for days. At the apex only what leads clients somewhere counts: its
    /// other records are right to last.
    pub(super) fn outlives_steering(self) -> Option<Advice> {
        if self.set.ttl < DAY {
            return None;
        }
        let (owner, kind) = (self.owner(), Rtype::from_int(self.set.rtype));
        let days = match self.set.ttl / DAY {
            1 => "a day".to_owned(),
            days => format!("{days} days"),
        };
        let leads = matches!(self.set.rtype, rtype::CNAME | SVCB | HTTPS);
        let is_steered = self.zone.tree.node(self.node).mount().is_some();
        let message = if is_steered && (leads || self.node != APEX) {
            format!("the {kind} at the steered name `{owner}` may be kept for {days}")
        } else {
            let target = leads.then(|| self.steered_target()).flatten()?;
            format!(
                "the {kind} from `{owner}` to the steered name `{target}` may be kept for {days}"
            )
        };
        Some(Advice {
            message,
            help: "clients hold on to it long after it was changed, whatever the steered name says: an hour (3600) is enough",
        })
    }

    /// The steered name that an alias or a service binding leads to.
    fn steered_target(self) -> Option<Name> {
        let skipped = if self.set.rtype == rtype::CNAME { 0 } else { 2 };
        let mut name = take_name(&mut self.rdata.get(skipped..)?).ok()?;
        for _ in 0..ALIAS_HOPS {
            match self.zone.find(name, rtype::A) {
                Found::Mounted(_) => return Name::from_wire(name),
                Found::Cname(alias) => name = alias.records().next()?,
                Found::Answer(_)
                | Found::Dname { .. }
                | Found::Referral { .. }
                | Found::Nodata
                | Found::Nxdomain => return None,
            }
        }
        None
    }
}
