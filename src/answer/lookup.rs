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
use super::outcome::Outcome;
use super::spelling::{Spelling, is_within};
use super::steered;
use crate::base::limits::ALIAS_HOPS;
use crate::base::{Reason, ServiceId};
use crate::dns::reply::{Full, Owner, Place, Reply, Section};
use crate::dns::rr::{RrSet, rcode, rtype};
use crate::dns::zone::{Found, Zone};

/// What ANY gets (RFC 8482, section 4.2).
const ANY_ANSWER: RrSet<'static> = RrSet {
    rtype: rtype::HINFO,
    ttl: 3600,
    count: 1,
    rdata: b"\x00\x09\x07RFC8482\x00",
};

/// Answers a question of class IN.
pub(super) fn look_up(request: Request<'_>, reply: &mut Reply<'_, '_>) -> Outcome {
    let question = request.query.question;
    let found = request.table.plan.zones.find(question.name, question.qtype);
    let (Some((zone, _)), Ok(name)) = (found, Spelling::new(question.name)) else {
        return Outcome::reject(rcode::REFUSED);
    };
    let mut walk = Walk {
        request,
        zone,
        name,
        place: Place::QUESTION,
        passed: [const { None }; ALIAS_HOPS],
        outcome: Outcome::authoritative(Reason::Static),
        reply,
    };
    if walk.run() == Err(Full) {
        walk.reply.clear();
        walk.outcome.truncated = true;
    }
    walk.outcome
}

/// Whether the walk goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The name has changed.
    Follow,
    /// The answer is as good as it gets.
    Done,
}

/// Whether a reply may go without an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Without it the delegation leads nowhere.
    Required,
    /// It saves a question.
    Optional,
}

/// An alias that was followed.
struct Passed<'r> {
    /// The name that it led away from.
    name: Spelling,
    /// Its RDATA, where the zone has it.
    rdata: &'r [u8],
}

/// One query on its way through a zone.
pub(super) struct Walk<'r, 'w, 'b, 'q> {
    pub(super) request: Request<'r>,
    pub(super) zone: &'r Zone,
    pub(super) reply: &'w mut Reply<'b, 'q>,
    /// The name being looked up.
    name: Spelling,
    /// Where that name stands in the reply.
    place: Place,
    /// The aliases followed, to know what comes again.
    passed: [Option<Passed<'r>>; ALIAS_HOPS],
    pub(super) outcome: Outcome,
}

impl<'r> Walk<'r, '_, '_, '_> {
    /// [`Full`] if the answer section does not fit.
    fn run(&mut self) -> Result<(), Full> {
        for hop in 0..=ALIAS_HOPS {
            if self.step(hop)? == Step::Done || self.comes_again() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the alias just followed leads back: its target has been looked up before.
    fn comes_again(&self) -> bool {
        let mut passed = self.passed.iter().flatten();
        passed.any(|alias| alias.name.wire().eq_ignore_ascii_case(self.name.wire()))
    }

    fn step(&mut self, hop: usize) -> Result<Step, Full> {
        let qtype = self.request.query.question.qtype;
        match self.zone.find(self.name.wire(), qtype) {
            Found::Answer(_) | Found::Mounted(_) if qtype == rtype::ANY => self.data(ANY_ANSWER),
            Found::Answer(rrset) => self.data(rrset),
            Found::Cname(rrset) => self.follow(hop, 0, rrset),
            Found::Dname { owner, rrset } => self.subtree_alias(hop, owner, rrset),
            Found::Mounted(mount) => {
                steered::steer(self, ServiceId(mount))?;
                Ok(Step::Done)
            }
            Found::Referral { owner, ns } => Ok(self.refer(hop, owner, ns)),
            Found::Nodata => Ok(self.deny(rcode::NOERROR, Reason::Nodata)),
            Found::Nxdomain => Ok(self.deny(rcode::NXDOMAIN, Reason::Nxdomain)),
        }
    }

    /// The owner of what is at the name itself.
    pub(super) fn owner(&self) -> Owner<'static> {
        self.place.suffix(0)
    }

    fn data(&mut self, rrset: RrSet<'_>) -> Result<Step, Full> {
        let owner = self.owner();
        self.reply.rrset(Section::Answer, owner, rrset)?;
        Ok(Step::Done)
    }

    /// A DNAME stands in the answer once, however often it is followed.
    fn subtree_alias(&mut self, hop: usize, owner: usize, rrset: RrSet<'r>) -> Result<Step, Full> {
        let mut passed = self.passed.iter().flatten();
        if !passed.any(|alias| std::ptr::eq(alias.rdata, rrset.rdata)) {
            let above = self.place.suffix(owner);
            self.reply.rrset(Section::Answer, above, rrset)?;
        }
        self.follow(hop, owner, rrset)
    }

    /// Changes the name, all but its first `keep` octets, and writes the CNAME that says so.
    fn follow(&mut self, hop: usize, keep: usize, alias: RrSet<'r>) -> Result<Step, Full> {
        let Some(target) = alias.records().next() else {
            return Ok(Step::Done);
        };
        let (owner, name) = (self.owner(), self.name.clone());
        if self.name.substitute(keep, target).is_err() {
            self.outcome.rcode = rcode::YXDOMAIN;
            self.outcome.reason = Reason::Yxdomain;
            return Ok(Step::Done);
        }
        if let Some(passed) = self.passed.get_mut(hop) {
            let rdata = alias.rdata;
            *passed = Some(Passed { name, rdata });
        }
        self.place = self.reply.cname(owner, alias.ttl, self.name.wire())?;
        let wanted = matches!(self.request.query.question.qtype, rtype::CNAME | rtype::ANY);
        let inside = is_within(self.name.wire(), self.zone.apex().as_wire());
        Ok(match inside && !wanted {
            true => Step::Follow,
            false => Step::Done,
        })
    }

    fn deny(&mut self, rcode: u16, reason: Reason) -> Step {
        self.outcome.rcode = rcode;
        self.outcome.reason = reason;
        self.add_soa(u32::MAX);
        Step::Done
    }

    /// Adds the SOA of a denial that may be kept for so many seconds at most.
    pub(super) fn add_soa(&mut self, longest: u32) {
        let mut soa = self.zone.denial_soa();
        soa.ttl = soa.ttl.min(longest);
        let apex = self.zone.apex().as_wire().len();
        let owner = self.place.suffix(self.name.wire().len() - apex);
        self.outcome.truncated |= self.reply.rrset(Section::Authority, owner, soa).is_err();
    }

    fn refer(&mut self, hop: usize, owner: usize, ns: RrSet<'_>) -> Step {
        self.outcome.reason = Reason::Referral;
        self.outcome.authoritative = hop > 0;
        let cut = self.place.suffix(owner);
        match self.reply.rrset(Section::Authority, cut, ns) {
            Ok(first) => {
                self.add_glue(owner, ns, first, Need::Required);
                self.add_glue(owner, ns, first, Need::Optional);
            }
            Err(Full) => self.outcome.truncated = true,
        }
        Step::Done
    }

    /// Adds addresses of the name servers that stand in the reply from `record` on.
    fn add_glue(&mut self, cut: usize, ns: RrSet<'_>, mut record: usize, need: Need) {
        for target in self.reply.rotated(ns) {
            let rdata = self.reply.rdata(record);
            record = rdata.end;
            let needed = match is_within(target, &self.name.wire()[cut..]) {
                true => Need::Required,
                false => Need::Optional,
            };
            if needed == need && is_within(target, self.zone.apex().as_wire()) {
                self.add_addresses(Owner::at(rdata.start, target), target, need);
            }
        }
    }

    fn add_addresses(&mut self, owner: Owner<'_>, name: &[u8], need: Need) {
        for rrset in self.zone.addresses(name).into_iter().flatten() {
            let added = self.reply.rrset(Section::Additional, owner, rrset);
            self.outcome.truncated |= added.is_err() && need == Need::Required;
        }
    }
}
