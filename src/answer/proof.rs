//! What DNSSEC adds to a reply, for a client that asks for it (DO) in a zone that is signed.
//!
//! Signatures go beside what they cover; proofs of what does not exist go last into the authority
//! section, so they are gathered while names are looked up and written once, each once.
//!
//! | found | NSEC (RFC 4035, section 3.1.3) | NSEC3 (RFC 5155, section 7.2) |
//! |---|---|---|
//! | no such type | link of the name, or the one that covers a name between names | link of the name |
//! | no such type at a wildcard | link of the wildcard, and cover of the name | closest encloser, cover of the next closer name, link of the wildcard |
//! | no such name | cover of the name, cover of the wildcard that is not there | closest encloser, cover of the next closer name, cover of the wildcard |
//! | data of a wildcard | cover of the name | cover of the next closer name |
//! | delegation without DS | link of the cut | link of the cut |
//!
//! A chain of NSEC3 that came with its zone may leave out delegations without DS, and names that lead
//! to nothing else (opt-out, RFC 5155, section 6). What has no link there is denied by its closest
//! *provable* encloser, the nearest name above that has one, and the cover of the next closer name.
//!
//! Where a steered name has a type only for other clients, its link without that type is shown
//! ([`Signed::lack`]). Nothing is signed here, and nothing chosen: signatures were made before.
use super::lookup::{Here, Walk};
use crate::base::limits::{ALIAS_HOPS, NAME_BYTES};
use crate::dns::reply::{Full, Owner, Section};
use crate::dns::rr::{RrSet, rtype};
use crate::dns::zone::signed::{Proof, Signed};
use crate::dns::zone::{Match, Trail};

/// Proofs of one reply: one for each alias, three for its end.
const PROOFS: usize = ALIAS_HOPS + 4;

/// The links that a reply has to show.
#[derive(Debug, Default)]
pub(super) struct Needed {
    numbers: [u32; PROOFS],
    count: u8,
}

impl Needed {
    fn add(&mut self, number: usize) {
        let number = u32::try_from(number).expect("a zone has fewer links than names");
        if self.numbers().contains(&number) {
            return;
        }
        if let Some(place) = self.numbers.get_mut(usize::from(self.count)) {
            *place = number;
            self.count += 1;
        }
    }

    fn numbers(&self) -> &[u32] {
        self.numbers.get(..self.count.into()).unwrap_or_default()
    }
}

impl<'r> Walk<'r, '_, '_, '_> {
    /// Writes the signatures of an RRset of the zone behind it.
    ///
    /// # Errors
    /// [`Full`], with none of them written.
    pub(super) fn sign_set(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        (node, set): (u32, RrSet<'_>),
    ) -> Result<(), Full> {
        let signatures = self.signed.and_then(|signed| {
            let own = signed.of_set(node, set.rtype);
            own.or_else(|| signed.of_steered_set(node, set.rtype, set.records()))
        });
        self.sign(section, owner, signatures, set.ttl)
    }

    /// Writes signatures, with the TTL of what they cover (RFC 4034, section 3).
    ///
    /// # Errors
    /// [`Full`], with none of them written.
    pub(super) fn sign(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        signatures: Option<RrSet<'_>>,
        ttl: u32,
    ) -> Result<(), Full> {
        let Some(signatures) = signatures else {
            return Ok(());
        };
        let signatures = signatures.for_at_most(ttl);
        self.reply.rrset(section, owner, signatures).map(|_| ())
    }

    /// Remembers to prove that no name comes closer than the wildcard that was answered.
    pub(super) fn prove_wildcard(&mut self, here: Here<'_>, trail: Trail) {
        let Some(signed) = self.signed else { return };
        if trail.how == Match::Wildcard {
            let from = match signed.is_hashed() {
                true => trail.next_closer,
                false => 0,
            };
            self.need(closer(signed, here, from));
        }
    }

    /// Remembers to prove that the name does not exist, or that it has no such type.
    pub(super) fn prove_denial(&mut self, here: Here<'_>, trail: Trail) {
        let Some(signed) = self.signed else { return };
        match trail.how {
            Match::Exact => self.need_name(signed, here, (trail.encloser, trail.node)),
            Match::Wildcard => {
                let encloser = self.need_encloser(signed, here, trail);
                self.need(
                    signed
                        .matching(trail.node)
                        .or_else(|| wildcard(signed, here, encloser)),
                );
            }
            Match::Missing => {
                let encloser = self.need_encloser(signed, here, trail);
                self.need(
                    signed
                        .covering_wildcard(encloser.node)
                        .or_else(|| wildcard(signed, here, encloser)),
                );
            }
        }
    }

    /// Remembers to prove that a steered name has not this type, for this client at least.
    pub(super) fn prove_lack(&mut self, here: Here<'_>, trail: Trail) {
        let Some(signed) = self.signed else { return };
        match signed.lack(trail.node, self.request.question.qtype) {
            Some(lack) => {
                if trail.how == Match::Wildcard {
                    self.need_encloser(signed, here, trail);
                }
                self.need(Some(lack));
            }
            None => self.prove_denial(here, trail),
        }
    }

    /// The same of a name that others may get a CNAME of: its type must not be in the link (RFC 6840, section 4.3).
    pub(super) fn prove_lack_beside_alias(&mut self, here: Here<'_>, trail: Trail) {
        let Some(signed) = self.signed else { return };
        let qtype = self.request.question.qtype;
        let lack = signed.lack(trail.node, qtype);
        match lack.or_else(|| signed.lack(trail.node, rtype::CNAME)) {
            Some(lack) => {
                if trail.how == Match::Wildcard {
                    self.need_encloser(signed, here, trail);
                }
                self.need(Some(lack));
            }
            None => self.prove_denial(here, trail),
        }
    }

    /// Remembers to prove that a delegation is not signed; its name starts at octet `at`.
    pub(super) fn prove_unsigned(&mut self, here: Here<'_>, at: usize, cut: u32) {
        let Some(signed) = self.signed else { return };
        self.need_name(signed, here, (at, cut));
    }

    /// Writes all proofs; `question` is any name of the zone in the reply.
    pub(super) fn show_proofs(&mut self, question: Here<'_>) {
        let Some(signed) = self.signed else { return };
        let needed = std::mem::take(&mut self.needed);
        for &number in needed.numbers() {
            let proof = signed.proof(number as usize);
            let shown = proof.map_or(Ok(()), |proof| self.show(signed, &proof, question));
            self.outcome.truncated |= shown.is_err();
        }
    }

    fn show(&mut self, signed: &Signed, proof: &Proof<'_>, question: Here<'_>) -> Result<(), Full> {
        let Owner::At(apex) = question.place.suffix(question.apex) else {
            return Err(Full);
        };
        let mut labels = [0; NAME_BYTES];
        let labels = signed.owner_below_apex(proof, &mut labels);
        let owner = match labels {
            [] => Owner::At(apex),
            labels => Owner::Under(labels, apex),
        };
        let set = proof.set.for_at_most(self.longest);
        let start = self.reply.rrset(Section::Authority, owner, set)?;
        let again = match labels {
            [] => owner,
            _ => Owner::at(start, &[]),
        };
        self.sign(Section::Authority, again, Some(proof.signatures), set.ttl)
    }

    /// The link of a node, whose name starts at octet `at`; or what says that it has none.
    fn need_name(&mut self, signed: &'r Signed, here: Here<'_>, (at, node): (usize, u32)) {
        let link = signed.matching(node);
        if link.is_some() {
            return self.need(link);
        }
        if !signed.is_hashed() {
            let name = here.name.get(at..).unwrap_or_default();
            let apex = here.apex.saturating_sub(at);
            return self.need(signed.covering(name, apex));
        }
        let name = Encloser {
            node,
            at,
            next_closer: at,
        };
        self.need_provable(signed, here, name);
    }

    /// That the closest encloser is there (for hashed names), and nothing closer.
    fn need_encloser(&mut self, signed: &'r Signed, here: Here<'_>, trail: Trail) -> Encloser {
        let above = self.zone.above(trail.node);
        let encloser = Encloser {
            node: match trail.how {
                Match::Wildcard => above.unwrap_or(trail.node),
                Match::Exact | Match::Missing => trail.node,
            },
            at: trail.encloser,
            next_closer: trail.next_closer,
        };
        if signed.is_hashed() {
            return self.need_provable(signed, here, encloser);
        }
        self.need(closer(signed, here, 0));
        encloser
    }

    /// That the nearest name above with a link of its own is there, and nothing closer.
    fn need_provable(
        &mut self,
        signed: &'r Signed,
        here: Here<'_>,
        mut encloser: Encloser,
    ) -> Encloser {
        let mut link = signed.matching(encloser.node);
        while link.is_none()
            && let Some(above) = self.zone.above(encloser.node)
            && let Some(&label) = here.name.get(encloser.at)
        {
            encloser = Encloser {
                node: above,
                at: encloser.at + 1 + usize::from(label),
                next_closer: encloser.at,
            };
            link = signed.matching(above);
        }
        self.need(link);
        self.need(closer(signed, here, encloser.next_closer));
        encloser
    }

    fn need(&mut self, proof: Option<Proof<'_>>) {
        if let Some(proof) = proof {
            self.needed.add(proof.number);
        }
    }
}

/// A name that exists above one that does not.
#[derive(Clone, Copy)]
struct Encloser {
    node: u32,
    /// Octets of the query name in front of it.
    at: usize,
    /// Octets in front of the name that is one label longer.
    next_closer: usize,
}

/// That there is no name that ends with the query name from octet `from` on.
fn closer<'s>(signed: &'s Signed, here: Here<'_>, from: usize) -> Option<Proof<'s>> {
    signed.covering(here.name.get(from..)?, here.apex.checked_sub(from)?)
}

/// That there is no wildcard at the encloser.
fn wildcard<'s>(signed: &'s Signed, here: Here<'_>, encloser: Encloser) -> Option<Proof<'s>> {
    let above = here.name.get(encloser.at..)?;
    let mut name = [0; NAME_BYTES + 2];
    name[..2].copy_from_slice(b"\x01*");
    let length = 2 + above.len();
    name.get_mut(2..length)?.copy_from_slice(above);
    signed.covering(&name[..length], here.apex + 2 - encloser.at)
}
