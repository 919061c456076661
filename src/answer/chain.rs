//! Aliases: how CNAME and DNAME change the name that is looked up, and when that ends.
//!
//! Most answers never come here, so what a chain needs (room for the names it makes, and for
//! those it has been at) is set up with the first alias. What is found at the end of a chain is
//! [`super::lookup`]'s affair, as it is for the name of the question.
//!
//! A DNAME whose target lies at or below its own owner is followed once: nothing but the same
//! DNAME could be met there, and each turn would only make the name longer. NSD ends it so; Knot
//! goes on to its bound, BIND to its own and then to SERVFAIL.
use super::lookup::{Alias, Here, Step, Walk};
use super::spelling::{Spelling, TooLong};
use crate::base::Reason;
use crate::base::limits::ALIAS_HOPS;
use crate::dns::octets::{self, is_within};
use crate::dns::reply::{Full, Place, Section};
use crate::dns::rr::{rcode, rtype};
use crate::dns::zone::{Trail, Zone};

/// The names of one answer.
pub(super) struct Chain<'r> {
    /// The name being looked up.
    name: Spelling,
    /// Where that name stands in the reply.
    place: Place,
    /// The aliases followed, to know what comes again.
    passed: [Option<Passed<'r>>; ALIAS_HOPS],
    /// Bits of the client's address that the aliases depend on.
    scope: u8,
}

/// An alias that was followed.
#[derive(Clone, Copy)]
struct Passed<'r> {
    /// Hash of the name that it led away from. Should two names ever share one, the chain ends
    /// there, and the client goes on by itself.
    name: u64,
    /// Its target, where the zone has it.
    target: &'r [u8],
}

impl<'r> Chain<'r> {
    /// Follows an alias found at the question's name, and those that it leads to.
    ///
    /// # Errors
    /// [`Full`] if the answer section does not fit.
    pub(super) fn follow(
        walk: &mut Walk<'r, '_, '_, '_>,
        question: Here<'_>,
        alias: (Alias<'r>, Trail),
    ) -> Result<(), Full> {
        let Ok(name) = Spelling::new(question.name) else {
            return Ok(());
        };
        let mut chain = Self {
            name,
            place: question.place,
            passed: [None; ALIAS_HOPS],
            scope: 0,
        };
        let followed = chain.go(walk, alias);
        // An alias that is steered may depend on more of the client than what it leads to.
        walk.outcome.scope = walk.outcome.scope.max(chain.scope);
        followed
    }

    fn go(
        &mut self,
        walk: &mut Walk<'r, '_, '_, '_>,
        alias: (Alias<'r>, Trail),
    ) -> Result<(), Full> {
        let mut alias = alias;
        for _ in 0..ALIAS_HOPS {
            if self.take(walk, alias)? == Next::End {
                return Ok(());
            }
            alias = match walk.step(self.here(walk.zone))? {
                Step::Alias(next, trail) => (next, trail),
                Step::Done => return Ok(()),
            };
        }
        // One alias too many: it is shown, and its target is left to the client.
        self.take(walk, alias).map(|_| ())
    }

    /// Writes an alias and goes where it leads.
    fn take(
        &mut self,
        walk: &mut Walk<'r, '_, '_, '_>,
        (alias, trail): (Alias<'r>, Trail),
    ) -> Result<Next, Full> {
        let (keep, rrset) = match alias {
            Alias::Name(rrset) => (0, rrset),
            Alias::Subtree(owner, rrset) => (owner, rrset),
        };
        let rrset = rrset.for_at_most(walk.longest);
        self.scope = self.scope.max(walk.outcome.scope);
        let Some(target) = rrset.records().next() else {
            return Ok(Next::End);
        };
        let turns_back = self.turns_back(alias, target);
        if matches!(alias, Alias::Subtree(..)) && !self.has_used(target) {
            let owner = self.place.suffix(keep);
            walk.reply.rrset(Section::Answer, owner, rrset)?;
            walk.sign_set(Section::Answer, owner, (trail.node, rrset))?;
        }
        walk.prove_wildcard(self.here(walk.zone), trail);
        if self.substitute(keep, target) == Err(TooLong) {
            walk.outcome.rcode = rcode::YXDOMAIN;
            walk.outcome.reason = Reason::Yxdomain;
            return Ok(Next::End);
        }
        let owner = self.place.suffix(0);
        self.place = walk.reply.cname(owner, rrset.ttl, self.name.wire())?;
        if matches!(alias, Alias::Name(_)) {
            walk.sign_set(Section::Answer, owner, (trail.node, rrset))?;
        }
        Ok(match !turns_back && self.leads_on(walk) {
            true => Next::LookUp,
            false => Next::End,
        })
    }

    /// Whether an alias of a subtree leads into that subtree, where nothing else can be met.
    fn turns_back(&self, alias: Alias<'_>, target: &[u8]) -> bool {
        match alias {
            Alias::Name(_) => false,
            Alias::Subtree(owner, _) => {
                let owner = self.name.wire().get(owner..);
                owner.is_some_and(|owner| is_within(target, owner))
            }
        }
    }

    /// Whether a DNAME with this target has been followed: it stands in the answer once.
    fn has_used(&self, target: &[u8]) -> bool {
        let mut passed = self.passed.iter().flatten();
        passed.any(|alias| std::ptr::eq(alias.target, target))
    }

    /// Changes the name, all but its first `keep` octets, and remembers what it was.
    fn substitute(&mut self, keep: usize, target: &'r [u8]) -> Result<(), TooLong> {
        let name = octets::hash(0, self.name.wire());
        self.name.substitute(keep, target)?;
        if let Some(free) = self.passed.iter_mut().find(|passed| passed.is_none()) {
            *free = Some(Passed { name, target });
        }
        Ok(())
    }

    /// Whether the name is to be looked up: an alias was not what was asked for, the name is
    /// in this zone, and it has not been looked up before.
    fn leads_on(&self, walk: &Walk<'r, '_, '_, '_>) -> bool {
        let name = self.name.wire();
        !matches!(walk.request.question.qtype, rtype::CNAME | rtype::ANY)
            && is_within(name, walk.zone.apex().as_wire())
            && !self.has_been_at(octets::hash(0, name))
    }

    fn has_been_at(&self, name: u64) -> bool {
        let mut passed = self.passed.iter().flatten();
        passed.any(|alias| alias.name == name)
    }

    fn here(&self, zone: &Zone) -> Here<'_> {
        let name = self.name.wire();
        Here {
            name,
            apex: name.len() - zone.apex().as_wire().len(),
            place: self.place,
        }
    }
}

/// Whether a chain goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The name has changed, and something may be found there.
    LookUp,
    /// The answer is as good as it gets.
    End,
}
