//! One name: what is known of it, and when it is asked for next.
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::fault::{NameFault, NameNotice};
use super::judge::{self, Resolution};
use super::known::{KeptName, NameReport};
use super::{HoldBounds, OVERDUE, PrivateAddresses, RETRY, RETRY_MOST};
use crate::base::{Family, Moment, Span};
use crate::dns::Name;

/// One name.
#[derive(Debug)]
pub(super) struct WatchedName {
    /// By family.
    families: [KnownFamily; 2],
    fault: Option<NameFault>,
    /// The name that its aliases led to.
    target: Option<Name>,
    /// Failures one after the other.
    in_a_row: u32,
    failures: u64,
    /// The moment at which it is asked for next.
    pub(super) next: Moment,
    /// The number of the question that is out.
    pub(super) question: Option<u64>,
}

/// The addresses of one family.
#[derive(Clone, Debug, Default)]
struct KnownFamily {
    addresses: Vec<IpAddr>,
    until: Moment,
    /// The time at which that was confirmed, milliseconds since 1970.
    seen_ms: u64,
}

/// The rules that answers are judged by.
#[derive(Clone, Copy)]
pub(super) struct NameRules<'r> {
    pub(super) bounds: HoldBounds,
    pub(super) private: PrivateAddresses,
    /// Names that are steered here.
    pub(super) steered: &'r BTreeSet<Name>,
    /// Apexes of zones that are served here.
    pub(super) apexes: &'r BTreeSet<Name>,
}

impl WatchedName {
    /// A name that is asked for at once, with what was kept of it.
    pub(super) fn new(now: Moment, kept: Option<&KeptName>) -> Self {
        let families = Family::ALL.map(|family| {
            let kept = kept.into_iter();
            let addresses = kept.clone().flat_map(|own| own.addresses.iter().copied());
            KnownFamily {
                addresses: addresses.filter(|one| Family::of(*one) == family).collect(),
                until: now,
                seen_ms: kept.map(|own| own.seen_ms).max().unwrap_or(0),
            }
        });
        Self {
            families,
            fault: None,
            target: None,
            in_a_row: 0,
            failures: 0,
            next: now,
            question: None,
        }
    }

    /// Takes note that it is asked for.
    pub(super) fn ask(&mut self, now: Moment, question: u64) {
        self.question = Some(question);
        self.next = now.after(OVERDUE);
    }

    /// All its addresses, sorted.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let all = self.families.iter().flat_map(|held| &held.addresses);
        all.copied().collect()
    }

    /// The moment at which the first of its addresses runs out.
    pub(super) fn until(&self) -> Moment {
        let held = self.families.iter().filter(|own| !own.addresses.is_empty());
        held.map(|own| own.until).min().unwrap_or_default()
    }

    /// Takes in what came of a question, and says what is to be told of it.
    pub(super) fn take(
        &mut self,
        (now, wall_ms): (Moment, u64),
        name: &Name,
        resolution: &Resolution,
        rules: NameRules<'_>,
    ) -> Vec<NameNotice> {
        self.question = None;
        let before = self.addresses();
        let mut fault = None;
        let is_empty = |one: &Result<judge::NameAnswer, _>| matches!(one, Ok(found) if found.addresses.is_empty());
        let nothing = resolution.families.iter().all(is_empty);
        let mut least = rules.bounds.max;
        for (held, outcome) in self.families.iter_mut().zip(&resolution.families) {
            let judged = match outcome {
                Err(failure) => Err(NameFault::from(failure.clone())),
                Ok(_) if nothing => Err(NameFault::NoAddress),
                Ok(found) => {
                    let limits = (rules.steered, rules.private);
                    judge::taken(found, limits, &held.addresses).map(|taken| (found, taken))
                }
            };
            match judged {
                Err(own) => fault = fault.or(Some(own)),
                Ok((found, (addresses, partial))) => {
                    fault = fault.or(partial);
                    let ttl = found.ttl.clamp(rules.bounds.min, rules.bounds.max);
                    *held = KnownFamily {
                        addresses,
                        until: now.after(ttl),
                        seen_ms: wall_ms,
                    };
                    least = least.min(ttl);
                    self.target = found.chain.last().cloned().or(self.target.take());
                }
            }
        }
        self.next = now.after(
            self.pause(fault.is_some(), least)
                .max(rules.bounds.min.min(RETRY)),
        );
        self.told(name, (before, fault), wall_ms, rules)
    }

    fn pause(&mut self, failed: bool, ttl: Span) -> Span {
        if !failed {
            self.in_a_row = 0;
            return ttl;
        }
        let doubled = RETRY.times(1 << self.in_a_row.min(5));
        self.in_a_row += 1;
        self.failures += 1;
        doubled.min(RETRY_MOST)
    }

    fn told(
        &mut self,
        name: &Name,
        (before, fault): (Vec<IpAddr>, Option<NameFault>),
        wall_ms: u64,
        rules: NameRules<'_>,
    ) -> Vec<NameNotice> {
        let mut notices = Vec::new();
        let addresses = self.addresses();
        let is_first = before.is_empty();
        if addresses != before {
            notices.push(NameNotice::Changed {
                name: name.clone(),
                addresses: addresses.clone(),
            });
        }
        let word = |fault: &Option<NameFault>| fault.as_ref().map(NameFault::word);
        let had = std::mem::replace(&mut self.fault, fault);
        match &self.fault {
            Some(fault) if word(&had) != Some(fault.word()) => notices.push(NameNotice::Faulty {
                name: name.clone(),
                fault: fault.clone(),
                kept: addresses.len(),
                age: self.age(wall_ms),
            }),
            None if had.is_some() => notices.push(NameNotice::Well(name.clone())),
            Some(_) | None => {}
        }
        if let Some(target) = &self.target
            && is_first
            && rules.apexes.iter().any(|apex| target.is_within(apex))
        {
            notices.push(NameNotice::Inside {
                name: name.clone(),
                target: target.clone(),
            });
        }
        notices
    }

    /// Time since what is served was confirmed, of the family for which that is longest.
    fn age(&self, wall_ms: u64) -> Option<Span> {
        let seen = self.seen_ms()?;
        Some(Span(wall_ms.saturating_sub(seen)))
    }

    fn seen_ms(&self) -> Option<u64> {
        let held = self.families.iter().filter(|own| !own.addresses.is_empty());
        held.map(|own| own.seen_ms).min()
    }

    /// The part of it that is kept; nothing, if it has never had an address.
    pub(super) fn kept(&self, name: &Name) -> Option<KeptName> {
        Some(KeptName {
            name: name.clone(),
            addresses: self.addresses(),
            seen_ms: self.seen_ms()?,
        })
    }

    /// Everything that an operator may see of it.
    pub(super) fn report(
        &self,
        (name, served): (&Name, Vec<IpAddr>),
        (now, wall_ms): (Moment, u64),
    ) -> NameReport {
        NameReport {
            name: name.to_string(),
            addresses: served,
            age_ms: self.age(wall_ms).map(|age| age.0),
            left_ms: self.until().since(now).0,
            fault: self.fault.as_ref().map(|own| own.word().to_owned()),
            reason: self.fault.as_ref().map(ToString::to_string),
            target: self.target.as_ref().map(ToString::to_string),
            failures: self.failures,
        }
    }
}
