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
//! delegation. Glue of servers inside the delegated zone is needed, and its lack is TC too
//! (RFC 9471); that of servers elsewhere in our zone goes in where there is room. No other
//! additional data is given.
use super::Request;
use super::chain::Chain;
use super::outcome::Outcome;
use super::steered;
use crate::base::{Reason, ServiceId};
use crate::dns::reply::{Full, Owner, Place, Reply, Section};
use crate::dns::rr::{RrSet, rcode, rtype};
use crate::dns::zone::{Found, Zone};

/// What ANY gets (RFC 8482, section 4.2).
const ANY_ANSWER: RrSet<'static> = RrSet::of_one(
    rtype::HINFO,
    3600,
    b"\xC0\x0C\x00\x0D\x00\x01\x00\x00\x0E\x10\x00\x09\x07RFC8482\x00",
);

/// Answers a question of class IN.
pub(super) fn look_up(request: Request<'_>, reply: &mut Reply<'_, '_>) -> Outcome {
    let question = request.question;
    let found = request.table.plan.zones.find(question.name, question.qtype);
    let Some((zone, apex)) = found else {
        return Outcome::reject(rcode::REFUSED);
    };
    let mut walk = Walk {
        request,
        zone,
        reply,
        outcome: Outcome::authoritative(Reason::Static),
    };
    let here = Here {
        name: question.name,
        apex,
        place: Place::QUESTION,
    };
    if walk.run(here) == Err(Full) {
        walk.reply.clear();
        walk.outcome.truncated = true;
    }
    walk.outcome
}

/// Whether the walk goes on.
#[derive(Clone, Copy)]
pub(super) enum Step<'r> {
    /// The answer is as good as it gets.
    Done,
    /// The name leads elsewhere.
    Alias(Alias<'r>),
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

/// Whether a reply may go without an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Without it the delegation leads nowhere.
    Required,
    /// It saves a question.
    Optional,
}

/// One query on its way through a zone.
pub(super) struct Walk<'r, 'w, 'b, 'q> {
    pub(super) request: Request<'r>,
    pub(super) zone: &'r Zone,
    pub(super) reply: &'w mut Reply<'b, 'q>,
    pub(super) outcome: Outcome,
}

impl<'r> Walk<'r, '_, '_, '_> {
    /// [`Full`] if the answer section does not fit.
    fn run(&mut self, question: Here<'_>) -> Result<(), Full> {
        match self.step(question)? {
            Step::Done => Ok(()),
            Step::Alias(alias) => Chain::follow(self, question, alias),
        }
    }

    /// Looks one name up.
    pub(super) fn step(&mut self, here: Here<'_>) -> Result<Step<'r>, Full> {
        let qtype = self.request.question.qtype;
        match self.zone.find_below(here.name, here.apex, qtype) {
            Found::Answer(_) | Found::Mounted(_) if qtype == rtype::ANY => {
                self.data(here, ANY_ANSWER)?;
            }
            Found::Answer(rrset) => self.data(here, rrset)?,
            Found::Cname(rrset) => return Ok(Step::Alias(Alias::Name(rrset))),
            Found::Dname { owner, rrset } => {
                return Ok(Step::Alias(Alias::Subtree(owner, rrset)));
            }
            Found::Mounted(mount) => steered::steer(self, here, ServiceId(mount))?,
            Found::Referral { owner, ns } => self.refer(here, owner, ns),
            Found::Nodata => self.deny(here, rcode::NOERROR, Reason::Nodata),
            Found::Nxdomain => self.deny(here, rcode::NXDOMAIN, Reason::Nxdomain),
        }
        Ok(Step::Done)
    }

    fn data(&mut self, here: Here<'_>, rrset: RrSet<'_>) -> Result<(), Full> {
        let written = self.reply.rrset(Section::Answer, here.owner(), rrset);
        written.map(|_| ())
    }

    fn deny(&mut self, here: Here<'_>, rcode: u16, reason: Reason) {
        self.outcome.rcode = rcode;
        self.outcome.reason = reason;
        self.add_soa(here, u32::MAX);
    }

    /// Adds the SOA of a denial that may be kept for so many seconds at most.
    pub(super) fn add_soa(&mut self, here: Here<'_>, longest: u32) {
        let mut soa = self.zone.denial_soa();
        soa.ttl = soa.ttl.min(longest);
        let apex = here.place.suffix(here.apex);
        self.outcome.truncated |= self.reply.rrset(Section::Authority, apex, soa).is_err();
    }

    fn refer(&mut self, here: Here<'_>, owner: usize, ns: RrSet<'_>) {
        self.outcome.reason = Reason::Referral;
        self.outcome.authoritative = here.place != Place::QUESTION;
        let cut = here.place.suffix(owner);
        match self.reply.rrset(Section::Authority, cut, ns) {
            Ok(first) => {
                self.add_glue(ns, first, Need::Required);
                self.add_glue(ns, first, Need::Optional);
            }
            Err(Full) => self.outcome.truncated = true,
        }
    }

    /// Adds addresses of the name servers that stand in the reply from `record` on.
    fn add_glue(&mut self, ns: RrSet<'_>, mut record: usize, need: Need) {
        for server in self.reply.rotated(ns.count, ns.servers()) {
            let rdata = self.reply.rdata(record);
            record = rdata.end;
            let needed = match server.needed {
                true => Need::Required,
                false => Need::Optional,
            };
            if needed != need {
                continue;
            }
            let owner = Owner::at(rdata.start, server.name);
            for rrset in self.zone.glue(&server) {
                let added = self.reply.rrset(Section::Additional, owner, rrset);
                self.outcome.truncated |= added.is_err() && need == Need::Required;
            }
        }
    }
}
