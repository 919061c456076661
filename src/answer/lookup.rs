//! Data of zones: answers, aliases, referrals and denials (RFC 1034, section 4.3.2).
//!
//! ```text
//!            .--- alias, target in this zone, hops left ---.
//!            v                                             |
//!  name --> find --> CNAME or DNAME -----------------------'--> end of the chain
//!            |--> RRset -----> answer
//!            |--> mount -----> steered
//!            |--> delegation -> NS in authority, glue in additional, AA only behind an alias
//!            '--> nothing ---> SOA in authority; NODATA or NXDOMAIN
//! ```
//!
//! The response code is that of the last step (RFC 6604). A chain ends quietly where it leaves the zone,
//! where it comes back to a name it has been at, and after [`ALIAS_HOPS`] aliases: the client
//! gets what was gathered and goes on by itself. ANY gets HINFO (RFC 8482) in place of data; an alias
//! or a denial is given as it is, and an alias is not followed.
//!
//! An answer that does not fit is taken out whole, with TC. So is the SOA of a denial and a
//! delegation. What goes beside answers and delegations is [`super::additional`]'s affair.
use super::Request;
use super::additional::Need;
use super::chain::Chain;
use super::chosen;
use super::outcome::Outcome;
use super::proof::Needed;
use super::steered::{self, SteeredTurn};
use crate::base::{Reason, ServiceId};
use crate::dns::reply::{Full, Owner, Place, Reply, Section};
use crate::dns::rr::{RrSet, rcode, rtype};
use crate::dns::zone::signed::{Proof, Signed};
use crate::dns::zone::{Found, Match, Presence, Trail, Zone};

/// What ANY gets (RFC 8482, section 4.2).
const ANY_ANSWER: RrSet<'static> = RrSet::of_one(
    rtype::HINFO,
    3600,
    b"\xC0\x0C\x00\x0D\x00\x01\x00\x00\x0E\x10\x00\x09\x07RFC8482\x00",
);

/// Answers a question of class IN; `outcome` is bare.
pub(super) fn look_up(request: Request<'_>, reply: &mut Reply<'_, '_>, outcome: &mut Outcome) {
    let question = request.question;
    let zones = &request.table.zones;
    let Some((served, apex)) = zones.find_served(question.name, question.qtype) else {
        *outcome = Outcome::reject(rcode::REFUSED);
        return;
    };
    match served.zone.presence() {
        Presence::Loaded => {}
        Presence::Awaited | Presence::Unsigned => {
            *outcome = Outcome::fail(Reason::NotLoaded);
            return;
        }
        Presence::Withheld => {
            *outcome = Outcome::fail(Reason::Withheld);
            return;
        }
    }
    (outcome.authoritative, outcome.apex) = (true, apex);
    let mut walk = Walk {
        request,
        zone: &served.zone,
        signed: None,
        shown: None,
        longest: u32::MAX,
        needed: Needed::default(),
        reply,
        outcome,
    };
    let wanted = request.edns.is_some_and(|edns| edns.dnssec_ok);
    let named = matches!(question.qtype, rtype::NSEC | rtype::RRSIG);
    if let Some(signed) = served.signed.as_deref().filter(|_| wanted || named) {
        let wall = zones.wall_seconds(request.asker.now);
        if wall >= served.refuse_from {
            *walk.outcome = Outcome::fail(Reason::Expired);
            return;
        }
        walk.signed = Some(signed).filter(|_| wanted);
        walk.shown = Some(signed).filter(|_| named);
        let left = served.expires.saturating_sub(wall);
        walk.longest = u32::try_from(left).unwrap_or(u32::MAX);
    }
    let here = Here {
        name: question.name,
        apex,
        place: Place::QUESTION,
    };
    if walk.run(here) == Err(Full) {
        walk.reply.clear();
        walk.outcome.truncated = true;
    }
}

/// Whether the walk goes on.
#[derive(Clone, Copy)]
pub(super) enum Step<'r> {
    /// The answer is as good as it gets.
    Done,
    /// The name leads elsewhere.
    Alias(Alias<'r>, Trail),
}

/// A CNAME, or a DNAME as it applies to one name.
#[derive(Clone, Copy)]
pub(super) enum Alias<'r> {
    /// Of the name.
    Name(RrSet<'r>),
    /// Of all names below the owner, which starts at this octet of the name.
    Subtree(usize, RrSet<'r>),
}

/// The name being looked up.
#[derive(Clone, Copy)]
pub(super) struct Here<'n> {
    /// In wire format; it lies within the zone.
    pub(super) name: &'n [u8],
    /// Where the apex starts in it.
    pub(super) apex: usize,
    /// Where it stands in the reply.
    pub(super) place: Place,
}

impl Here<'_> {
    /// The owner of what is at the name itself.
    pub(super) fn owner(self) -> Owner<'static> {
        self.place.suffix(0)
    }
}

/// One query on its way through a zone.
pub(super) struct Walk<'r, 'w, 'b, 'q> {
    pub(super) request: Request<'r>,
    pub(super) zone: &'r Zone,
    /// The zone with its signatures, if it has any and this client wants them.
    pub(super) signed: Option<&'r Signed>,
    /// The same, if signatures or links are what is asked for: then this client gets them, whether it
    /// wants them beside other data or not (RFC 4035, section 3.1).
    pub(super) shown: Option<&'r Signed>,
    /// Seconds that anything signed may be kept at most: signatures end some time.
    pub(super) longest: u32,
    /// What is to be proved at the end.
    pub(super) needed: Needed,
    pub(super) reply: &'w mut Reply<'b, 'q>,
    pub(super) outcome: &'w mut Outcome,
}

impl<'r> Walk<'r, '_, '_, '_> {
    /// [`Full`] if the answer section does not fit.
    fn run(&mut self, question: Here<'_>) -> Result<(), Full> {
        match self.step(question)? {
            Step::Done => {}
            Step::Alias(alias, trail) => Chain::follow(self, question, (alias, trail))?,
        }
        if self.signed.is_some() {
            self.show_proofs(question);
        }
        Ok(())
    }

    /// Looks one name up.
    pub(super) fn step(&mut self, here: Here<'_>) -> Result<Step<'r>, Full> {
        let qtype = self.request.question.qtype;
        let (found, trail) = self.zone.trace(here.name, here.apex, qtype);
        if here.place.is_question() {
            self.outcome.owner = trail.encloser;
        }
        if let Some(signed) = self.shown
            && ends_here(&found, qtype)
            && self.show_by_type(signed, here, (trail, &found))?
        {
            return Ok(Step::Done);
        }
        match found {
            Found::Answer(_) | Found::Mounted(_) if qtype == rtype::ANY => {
                return self.any(here, trail, found);
            }
            Found::Answer(rrset) => {
                let first = self.data(here, trail, rrset)?;
                if rrset.has_targets() {
                    self.add_beside(here, (first, rrset));
                }
            }
            Found::Cname(rrset) => return Ok(Step::Alias(Alias::Name(rrset), trail)),
            Found::Dname { owner, rrset } => {
                return Ok(Step::Alias(Alias::Subtree(owner, rrset), trail));
            }
            Found::Mounted(mount) => match self.steered((here, trail), ServiceId(mount)) {
                Ok(SteeredTurn::Done) => {}
                turn => return self.turn(turn, trail, ServiceId(mount)),
            },
            Found::Referral { owner, ns } => self.refer(here, owner, (trail.node, ns)),
            Found::Nodata => self.deny(here, trail, rcode::NOERROR, Reason::Nodata),
            Found::Nxdomain => self.deny(here, trail, rcode::NXDOMAIN, Reason::Nxdomain),
        }
        Ok(Step::Done)
    }

    /// Answers for a steered name. The service of one that is marked is not found under its number, and answers with more than
    /// addresses.
    #[inline(never)]
    fn steered(&mut self, at: (Here<'_>, Trail), mount: ServiceId) -> Result<SteeredTurn, Full> {
        let services = &self.request.table.plan.services;
        match services.get(mount.index()) {
            Some(service) => steered::addresses(self, at, (mount, service)),
            None => chosen::steer(self, at, mount),
        }
    }

    /// Goes on from a steered name that was not answered by itself.
    #[cold]
    #[inline(never)]
    fn turn(
        &self,
        turn: Result<SteeredTurn, Full>,
        trail: Trail,
        mount: ServiceId,
    ) -> Result<Step<'r>, Full> {
        turn.map(|turn| match turn {
            SteeredTurn::Done => Step::Done,
            SteeredTurn::Alias => chosen::alias(self, trail, mount),
        })
    }

    /// Answers with an RRset; where in the reply it starts.
    fn data(&mut self, here: Here<'_>, trail: Trail, rrset: RrSet<'_>) -> Result<usize, Full> {
        let rrset = rrset.for_at_most(self.longest);
        let first = self.reply.rrset(Section::Answer, here.owner(), rrset)?;
        if self.signed.is_some() {
            self.sign_set(Section::Answer, here.owner(), (trail.node, rrset))?;
            self.prove_wildcard(here, trail);
        }
        Ok(first)
    }

    /// One RRset is enough for ANY (RFC 8482, section 4.1): HINFO, or for those who want signatures
    /// something that has them.
    fn any(&mut self, here: Here<'_>, trail: Trail, found: Found<'_>) -> Result<Step<'r>, Full> {
        if self.signed.is_none() {
            let written = self.reply.rrset(Section::Answer, here.owner(), ANY_ANSWER);
            return written.map(|_| Step::Done);
        }
        match found {
            Found::Answer(rrset) => self.data(here, trail, rrset).map(|_| Step::Done),
            Found::Mounted(mount) => match self.steered((here, trail), ServiceId(mount)) {
                Ok(SteeredTurn::Done) => Ok(Step::Done),
                turn => self.turn(turn, trail, ServiceId(mount)),
            },
            Found::Cname(_)
            | Found::Dname { .. }
            | Found::Referral { .. }
            | Found::Nodata
            | Found::Nxdomain => Ok(Step::Done),
        }
    }

    /// Shows the link or the signatures that are asked for by their type; whether there are any. One
    /// RRset's signatures are enough, as one RRset is enough for ANY.
    fn show_by_type(
        &mut self,
        signed: &'r Signed,
        here: Here<'_>,
        (trail, found): (Trail, &Found<'_>),
    ) -> Result<bool, Full> {
        if trail.how == Match::Missing {
            return Ok(false);
        }
        if self.request.question.qtype == rtype::NSEC {
            let link = signed.matching(trail.node);
            return match link.filter(|link| link.set.rtype == rtype::NSEC) {
                Some(link) => self.show_link(here, trail, &link).map(|()| true),
                None => Ok(false),
            };
        }
        match (signed.of_any(trail.node), found) {
            (Some(set), _) => {
                self.sign(Section::Answer, here.owner(), Some(set), self.longest)?;
                self.prove_wildcard(here, trail);
            }
            (None, Found::Mounted(mount)) => {
                let _ = self.steered((here, trail), ServiceId(*mount))?;
            }
            (None, _) => return Ok(false),
        }
        Ok(true)
    }

    fn show_link(&mut self, here: Here<'_>, trail: Trail, link: &Proof<'_>) -> Result<(), Full> {
        let set = link.set.for_at_most(self.longest);
        self.reply.rrset(Section::Answer, here.owner(), set)?;
        if self.signed.is_some() {
            let signatures = Some(link.signatures);
            self.sign(Section::Answer, here.owner(), signatures, set.ttl)?;
        }
        self.prove_wildcard(here, trail);
        Ok(())
    }

    fn deny(&mut self, here: Here<'_>, trail: Trail, rcode: u16, reason: Reason) {
        self.outcome.rcode = rcode;
        self.outcome.reason = reason;
        self.add_soa(here, u32::MAX);
        self.prove_denial(here, trail);
    }

    /// Adds the SOA of a denial that may be kept for so many seconds at most.
    pub(super) fn add_soa(&mut self, here: Here<'_>, longest: u32) {
        let soa = self.zone.denial_soa();
        let soa = soa.for_at_most(longest.min(self.longest));
        let apex = here.place.suffix(here.apex);
        let written = self.reply.rrset(Section::Authority, apex, soa);
        let written =
            written.and_then(|_| self.sign_set(Section::Authority, apex, (Zone::APEX, soa)));
        self.outcome.truncated |= written.is_err();
    }

    fn refer(&mut self, here: Here<'_>, owner: usize, (node, ns): (u32, RrSet<'r>)) {
        self.outcome.reason = Reason::Referral;
        self.outcome.authoritative = !here.place.is_question();
        let cut = here.place.suffix(owner);
        match self.reply.rrset(Section::Authority, cut, ns) {
            Ok(first) => {
                self.add_ds(here, (owner, cut), node);
                self.add_glue((first, ns), Need::Required);
                self.add_glue((first, ns), Need::Optional);
            }
            Err(Full) => self.outcome.truncated = true,
        }
    }

    /// Adds what says whether the delegated zone is signed (RFC 4035, section 3.1.4).
    fn add_ds(&mut self, here: Here<'_>, (at, cut): (usize, Owner<'_>), node: u32) {
        if self.signed.is_none() {
            return;
        }
        match self.zone.set_at(node, rtype::DS) {
            Some(ds) => {
                let ds = ds.for_at_most(self.longest);
                let written = self.reply.rrset(Section::Authority, cut, ds);
                let written =
                    written.and_then(|_| self.sign_set(Section::Authority, cut, (node, ds)));
                self.outcome.truncated |= written.is_err();
            }
            None => self.prove_unsigned(here, at, node),
        }
        self.show_proofs(here);
    }
}

/// Whether the walk has come to the name itself, not to a cut or an alias above it. The link of a cut is
/// on this side of it (RFC 4035, section 2.3); of its signatures nothing can be said without a referral.
fn ends_here(found: &Found<'_>, qtype: u16) -> bool {
    match found {
        Found::Answer(_) | Found::Cname(_) | Found::Mounted(_) | Found::Nodata => true,
        Found::Referral { owner, .. } => *owner == 0 && qtype == rtype::NSEC,
        Found::Dname { .. } | Found::Nxdomain => false,
    }
}
